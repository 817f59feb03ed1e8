package web

import (
	"net/url"

	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Level is what a search returns or a Resource names.
type Level int

// The levels, from the top.
const (
	Studies Level = iota
	Series
	Instances
)

func (l Level) String() string { return [...]string{"studies", "series", "instances"}[l] }

// ParseLevel reads a level's name in URLs.
func ParseLevel(s string) (Level, error) {
	for l := Studies; l <= Instances; l++ {
		if l.String() == s {
			return l, nil
		}
	}
	return 0, fault.New(fault.Usage, "%q is none of studies, series, instances", s)
}

// Resource names a study, a series of it or an instance of that by UIDs; the zero value names the whole service.
type Resource struct{ Study, Series, Instance string }

// Path is the resource's path under the service's base URL, without a slash at the beginning; "" for the zero value.
func (r Resource) Path() string {
	p := ""
	for _, part := range [...]struct{ level, uid string }{{"studies/", r.Study}, {"/series/", r.Series}, {"/instances/", r.Instance}} {
		if part.uid == "" {
			break
		}
		p += part.level + url.PathEscape(part.uid)
	}
	return p
}

// Check refuses what is no UID (PS3.5 section 9.1) or leaves a level out.
func (r Resource) Check() error {
	if r.Series != "" && r.Study == "" || r.Instance != "" && r.Series == "" {
		return fault.New(fault.Usage, "a series needs its study, an instance its series")
	}
	for _, s := range [...]string{r.Study, r.Series, r.Instance} {
		if s != "" && !lenientUID(s) {
			return fault.New(fault.Usage, "not a UID: digits and dots, at most 64 characters")
		}
	}
	return nil
}

// lenientUID lets pass what devices really use: leading zeros, but nothing other than digits and dots.
func lenientUID(s string) bool {
	if uid.Valid(s) {
		return true
	}
	if len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && s != "." && s != ".."
}
