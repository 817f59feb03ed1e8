package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Query is a search (PS3.18 section 10.6).
type Query struct {
	Level   Level
	Within  Resource // the study or series whose series or instances are meant; zero: all
	Match   []Match
	Include []Attribute // to be returned besides those that always are
	All     bool        // return whatever there is
	Fuzzy   bool        // names match word by word, by how they begin
	Limit   int         // 0: as many as there are
	Offset  int
}

// Match is one condition. Value is as C-FIND has it too (PS3.4 section C.2.2.2): a value, a range "A-B", a wildcard, UIDs joined by
// backslashes.
type Match struct {
	Attribute Attribute
	Value     string
	Loose     bool // case doesn't count. No query string asks for it: it is for programs beside the service
}

// Limits of a query string, so that no one line costs the server more than a search does.
const (
	maxConditions = 64
	maxIncludes   = 512
	maxValue      = 16 << 10
)

// ParseQuery reads the parameters of a search. UID lists may be joined by commas or backslashes, keys may be keywords or tags.
func ParseQuery(level Level, within Resource, params url.Values) (Query, error) {
	q := Query{Level: level, Within: within}
	for _, key := range sortedKeys(params) {
		for _, v := range params[key] {
			if err := q.param(key, v); err != nil {
				return Query{}, err
			}
		}
	}
	if len(q.Match) > maxConditions || len(q.Include) > maxIncludes {
		return Query{}, fault.New(fault.Usage, "a query may have %d conditions and %d included attributes", maxConditions, maxIncludes)
	}
	return q, nil
}

func sortedKeys(params url.Values) []string {
	keys := make([]string, 0, len(params))
	for k := range params {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (q *Query) param(key, v string) error {
	if len(v) > maxValue {
		return fault.New(fault.Usage, "a value of a query is longer than %d bytes", maxValue)
	}
	var err error
	switch key {
	case "limit", "offset":
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return fault.New(fault.Usage, "%s is no whole number", key)
		}
		if key == "limit" {
			q.Limit = int(n)
			if n == 0 {
				q.Limit = -1 // asked for nothing, which 0 in a Query does not say
			}
		} else {
			q.Offset = int(n)
		}
	case "fuzzymatching":
		if q.Fuzzy, err = strconv.ParseBool(v); err != nil {
			return fault.New(fault.Usage, "fuzzymatching is true or false")
		}
	case "emptyvaluematching", "multiplevaluematching", "accept", "charset":
		// The first two ask for more than is promised (PS3.18 8.3.4.7, 8.3.4.8), the others are headers in the query.
	case "includefield":
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part == "all" || part == "" {
				q.All = q.All || part == "all"
				continue
			}
			a, err := ParseAttribute(part)
			if err != nil {
				return fault.New(fault.Usage, "includefield: %w", err)
			}
			q.Include = append(q.Include, a)
		}
	default:
		a, err := ParseAttribute(key)
		if err != nil {
			return fault.New(fault.Usage, "query parameter: %w", err)
		}
		if t := a[len(a)-1]; len(a) == 1 && isUID(t) {
			v = strings.ReplaceAll(v, ",", `\`)
		}
		if strings.TrimSpace(v) == "" { // universal matching: return the attribute
			q.Include = append(q.Include, a)
			return nil
		}
		q.Match = append(q.Match, Match{Attribute: a, Value: v})
	}
	return nil
}

func isUID(t tag.Tag) bool { return t.VR().String() == "UI" }

// Values are the parameters that ParseQuery reads; path and level are not among them.
func (q Query) Values() url.Values {
	v := url.Values{}
	for _, m := range q.Match {
		v.Add(m.Attribute.String(), m.Value)
	}
	for _, a := range q.Include {
		v.Add("includefield", a.String())
	}
	if q.All {
		v.Add("includefield", "all")
	}
	if q.Fuzzy {
		v.Set("fuzzymatching", "true")
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(max(q.Limit, 0)))
	}
	if q.Offset != 0 {
		v.Set("offset", strconv.Itoa(q.Offset))
	}
	return v
}

// Where adds a condition by keyword; an attribute that the dictionary doesn't have is refused.
func (q *Query) Where(attribute, value string) error {
	a, err := ParseAttribute(attribute)
	if err != nil {
		return fault.New(fault.Usage, "%w", err)
	}
	q.Match = append(q.Match, Match{Attribute: a, Value: value})
	return nil
}

// path is where the search is asked for, under the base URL.
func (q Query) path() string {
	p := q.Within.Path()
	if p != "" {
		p += "/"
	}
	return p + q.Level.String()
}
