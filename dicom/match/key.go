package match

import (
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Kind is a form of matching (PS3.4 section C.2.2.2).
type Kind byte

// The forms.
const (
	Universal Kind = iota // anything, also nothing
	Single                // equal to Values[0]
	List                  // equal to one of Values
	Wildcard              // Values[0] with * for any text and ? for any character
	Range                 // from Values[0] to Values[1], both included; "" is open
	Sequence              // some item matches all keys of the key's item
)

// Key is what a query asks of one attribute.
type Key struct {
	Kind   Kind
	VR     vr.VR
	Values []string
}

// Parse gives the form of a key from its text: values joined by backslashes, as C-FIND and QIDO-RS write it.
func Parse(v vr.VR, text string) Key {
	k := Key{VR: v}
	text = strings.Trim(text, " \x00")
	temporal := v == vr.DA || v == vr.TM || v == vr.DT
	switch {
	case v == vr.SQ:
		k.Kind = Sequence
	case text == "" || strings.Trim(text, "*") == "" && takesWildcards(v):
		k.Kind = Universal
	case temporal && isRange(v, text):
		from, to := split(v, text)
		if from == "" && to == "" {
			k.Kind = Universal
			return k
		}
		k.Kind, k.Values = Range, []string{from, to}
	case strings.ContainsAny(text, "*?") && takesWildcards(v):
		k.Kind, k.Values = Wildcard, []string{text}
	case strings.Contains(text, `\`) && !v.IsSingle():
		k.Kind = List
		for _, s := range strings.Split(text, `\`) {
			k.Values = append(k.Values, strings.Trim(s, " \x00"))
		}
	default:
		k.Kind, k.Values = Single, []string{text}
	}
	return k
}

// takesWildcards: VRs that are not dates, times, numbers or UIDs (PS3.4 section C.2.2.2.4).
func takesWildcards(v vr.VR) bool {
	switch v {
	case vr.AE, vr.CS, vr.LO, vr.LT, vr.PN, vr.SH, vr.ST, vr.UC, vr.UR, vr.UT:
		return true
	}
	return false
}

func isRange(v vr.VR, text string) bool {
	if v != vr.DT {
		return strings.Contains(text, "-")
	}
	from, to := dicom.ParseRange(text)
	return from != text || to != text
}

func split(v vr.VR, text string) (from, to string) {
	if v == vr.DT {
		from, to = dicom.ParseRange(text)
	} else {
		from, to, _ = strings.Cut(text, "-")
	}
	return strings.TrimSpace(from), strings.TrimSpace(to)
}

// Matches reports whether one of an attribute's values matches; an attribute without values matches only universally.
func (k Key) Matches(values []string) bool {
	if k.Kind == Universal {
		return true
	}
	for _, v := range values {
		if v != "" && k.one(v) {
			return true
		}
	}
	return false
}

func (k Key) one(v string) bool {
	switch k.Kind {
	case Single, List:
		for _, want := range k.Values {
			if k.equal(want, v) {
				return true
			}
		}
	case Wildcard:
		if k.VR == vr.PN {
			return wildcard(Fold(k.Values[0]), Fold(v))
		}
		return wildcard(k.Values[0], v)
	case Range:
		return k.within(v)
	}
	return false
}

// wildcard matches * and ?, in time that grows with the product of the lengths at most.
func wildcard(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
