package match

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Fold is a name as matching sees it: upper case, without accents, without empty components at its end.
func Fold(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return strings.TrimRight(b.String(), "^= ")
}

// equal is single value matching: text as it is, names folded, numbers, dates and times by what they mean.
func (k Key) equal(want, v string) bool {
	if want == v {
		return true
	}
	switch k.VR {
	case vr.PN:
		return equalNames(Fold(want), Fold(v))
	case vr.IS, vr.DS:
		a, aerr := strconv.ParseFloat(strings.TrimSpace(want), 64)
		b, berr := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return aerr == nil && berr == nil && a == b
	case vr.DA, vr.TM, vr.DT:
		return k.span(want).covers(k.span(v))
	}
	return false
}

// equalNames compares component groups, as many as the key has (PS3.4 section C.2.2.2.1.2): the first alone is the usual query.
func equalNames(want, v string) bool {
	w, have := strings.Split(want, "="), strings.Split(v, "=")
	for i, g := range w {
		if g == "" {
			continue
		}
		if i >= len(have) || strings.TrimRight(g, "^ ") != strings.TrimRight(have[i], "^ ") {
			return false
		}
	}
	return true
}

// span is the time that a value of limited precision stands for: [from, to).
type span struct {
	from, to time.Time
	ok       bool
}

func (s span) covers(v span) bool {
	return s.ok && v.ok && !v.from.Before(s.from) && v.from.Before(s.to)
}

// span reads a date, a time of day or both.
func (k Key) span(text string) span {
	switch k.VR {
	case vr.DA:
		d, err := dicom.ParseDA(text)
		return span{d, d.AddDate(0, 0, 1), err == nil}
	case vr.TM:
		t, err := dicom.ParseTM(text)
		from := time.Time{}.Add(t)
		return span{from, from.Add(timePrecision(text)), err == nil}
	case vr.DT:
		t, err := dicom.ParseDT(text)
		return span{t.Time, after(t), err == nil}
	}
	return span{}
}

// timePrecision is how long the time lasts that a TM value names.
func timePrecision(text string) time.Duration {
	whole, frac, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(text), ":", ""), ".")
	switch {
	case frac != "":
		d := time.Second
		for range min(len(frac), 6) {
			d /= 10
		}
		return d
	case len(whole) >= 6:
		return time.Second
	case len(whole) >= 4:
		return time.Minute
	}
	return time.Hour
}

// after is the moment at which what t names is over.
func after(t dicom.DateTime) time.Time {
	switch t.Precision {
	case 1:
		return t.AddDate(1, 0, 0)
	case 2:
		return t.AddDate(0, 1, 0)
	case 3:
		return t.AddDate(0, 0, 1)
	case 4:
		return t.Add(time.Hour)
	case 5:
		return t.Add(time.Minute)
	case 6:
		return t.Add(time.Second)
	}
	return t.Add(time.Microsecond)
}

// within is range matching (PS3.4 section C.2.2.2.5): both ends belong to the range, each to its own precision.
func (k Key) within(v string) bool {
	s := k.span(v)
	if !s.ok {
		return false
	}
	if from := k.Values[0]; from != "" {
		if f := k.span(from); !f.ok || s.from.Before(f.from) {
			return false
		}
	}
	if to := k.Values[1]; to != "" {
		if t := k.span(to); !t.ok || !s.from.Before(t.to) {
			return false
		}
	}
	return true
}
