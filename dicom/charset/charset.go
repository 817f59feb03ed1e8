// Package charset decodes and encodes DICOM text by the values of Specific Character Set (0008,0005).
//
// A [Set] is what those values declare together (PS3.3 C.12.1.1.2): one encoding, or with ISO 2022 code extensions an initial one and
// others that escape sequences switch to. Switches last until the next delimiter, as PS3.5 section 6.1.2.5.3 asks. Bytes
// that the declared sets don't have are never dropped in silence: Decode says that it met some.
package charset

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Delimiters says which characters end an escape sequence's reach, besides the control characters that always do.
type Delimiters uint8

// The kinds of text.
const (
	Text   Delimiters = iota // one value: ST, LT, UT
	Values                   // values separated by backslashes: LO, SH, UC
	Name                     // person names: backslash, ^ and =
)

func (d Delimiters) ends(c byte) bool {
	switch c {
	case '\r', '\n', '\f', '\t':
		return true
	case '\\':
		return d != Text
	case '^', '=':
		return d == Name
	}
	return false
}

// Set is a declared combination of character sets.
type Set struct {
	terms []string
	first element   // what text begins with
	more  []element // what escape sequences may switch to
}

// element is one declared character set: what its escape sequences put into G0 and G1.
type element struct{ g0, g1 *code }

// Default is the set where none is declared: ASCII.
var Default = &Set{first: element{g0: ascii}}

// UTF8 is the set "ISO_IR 192".
var UTF8 = &Set{terms: []string{"ISO_IR 192"}, first: element{g0: utf8Code}}

// Parse is the set that the values of (0008,0005) declare. The set can be used in any case; the error says which values the
// standard doesn't have, or forbids together.
func Parse(terms []string) (*Set, error) {
	s := &Set{terms: terms, first: element{g0: ascii}}
	var bad []string
	for i, term := range terms {
		e, whole, ok := lookup(term)
		switch {
		case !ok:
			bad = append(bad, fmt.Sprintf("value %d is no character set of the standard", i+1)) // not the value: in a damaged file it may be anything
		case i == 0 && e.g0.width == 2: // Kanji can't begin a text: ASCII does
			s.more = append(s.more, e)
		case i == 0:
			s.first = e
		case whole || s.first.g0.whole():
			bad = append(bad, "a character set without code extensions among others")
		default:
			s.more = append(s.more, e)
		}
	}
	if bad != nil {
		return s, fmt.Errorf("%s", strings.Join(bad, "; "))
	}
	return s, nil
}

// Terms are the values that declare the set.
func (s *Set) Terms() []string { return s.terms }

// IsUTF8 reports whether the set is ISO_IR 192.
func (s *Set) IsUTF8() bool { return s.first.g0 == utf8Code }

// Decode is b as UTF-8. ok is false if b has bytes that the declared sets don't define: those become U+FFFD, or, where the set has no
// upper half at all, the Latin-1 characters that such bytes mostly are.
func (s *Set) Decode(b []byte, d Delimiters) (text string, ok bool) {
	if plain(b) {
		return string(b), true
	}
	if s.first.g0.whole() {
		return s.first.g0.decodeWhole(b)
	}
	var out strings.Builder
	out.Grow(len(b) + len(b)/2)
	g0, g1 := s.first.g0, s.first.g1
	ok = true
	for i := 0; i < len(b); {
		c := b[i]
		if c == 0x1B {
			if n, to, upper := escape(b[i:]); n > 0 {
				if upper {
					g1 = to
				} else {
					g0 = to
				}
				ok = ok && s.declares(to)
				i += n
				continue
			}
		}
		g := g0
		if c >= 0x80 {
			g = g1
		}
		switch {
		case c < 0x21 || c == 0x7F:
			out.WriteByte(c)
			i++
		case g == nil:
			out.WriteRune(rune(c))
			ok = false
			i++
		case g.width == 2:
			r, n, has := rune(utf8.RuneError), 1, false
			if i+1 < len(b) && b[i+1]&0x80 == c&0x80 && b[i+1]&0x7F > 0x20 {
				r, has = g.pair(c|0x80, b[i+1]|0x80)
				n = 2
			}
			ok = ok && has
			out.WriteRune(r)
			i += n
			continue // the bytes of a pair are no delimiters
		default:
			r := g.single[c]
			ok = ok && r != utf8.RuneError
			out.WriteRune(r)
			i++
		}
		if d.ends(c) {
			g0, g1 = s.first.g0, s.first.g1
		}
	}
	return out.String(), ok
}

// plain reports whether b is ASCII without escape sequences, which is the same in every set.
func plain(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1B {
			return false
		}
	}
	return true
}

func (s *Set) declares(c *code) bool {
	if c == ascii || c == s.first.g0 || c == s.first.g1 {
		return true
	}
	for _, e := range s.more {
		if c == e.g0 || c == e.g1 {
			return true
		}
	}
	return false
}

// Encode is text in the set. ok is false if the set has no place for one of its characters.
func (s *Set) Encode(text string, d Delimiters) (b []byte, ok bool) {
	if plain([]byte(text)) {
		return []byte(text), true
	}
	if s.first.g0.whole() {
		return s.first.g0.encodeWhole(text)
	}
	out := make([]byte, 0, len(text)+16)
	g0, g1 := s.first.g0, s.first.g1
	reset := func() {
		if g0 != s.first.g0 {
			out = append(out, s.first.g0.escape...)
		}
		g0, g1 = s.first.g0, s.first.g1
	}
	for _, r := range text {
		if r < 0x80 && (r < 0x21 || d.ends(byte(r)) || r == '\\') {
			if d.ends(byte(r)) || g0.width == 2 {
				reset()
			}
			out = append(out, byte(r))
			continue
		}
		if next, done := g0.append(out, r, false); done {
			out = next
			continue
		}
		if next, done := g1.append(out, r, true); done {
			out = next
			continue
		}
		done := false
		for _, e := range append([]element{s.first, {g0: ascii}}, s.more...) {
			if next, fits := e.g0.append(append(out, e.g0.enter()...), r, false); fits {
				out, g0, done = next, e.g0, true
				break
			}
			if next, fits := e.g1.append(append(out, e.g1.enter()...), r, true); fits {
				out, g1, done = next, e.g1, true
				break
			}
		}
		if !done {
			return nil, false
		}
	}
	reset()
	return out, true
}
