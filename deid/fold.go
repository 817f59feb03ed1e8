package deid

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folded is text made comparable: without case, accents and widths, with the place in the original of every byte.
type folded struct {
	text string
	from []int // from[i] is where in the original the rune begins that byte i came from; one more for the end
}

// letters that decompose into nothing plainer by Unicode, but that people write as these.
var plainLetters = map[rune]string{'ß': "ss", 'ø': "o", 'Ø': "o", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'ł': "l", 'Ł': "l", 'đ': "d", 'Đ': "d", 'ð': "d", 'Ð': "d",
	'þ': "th", 'Þ': "th", 'ı': "i", 'İ': "i", 'ŋ': "n", 'ħ': "h", '\u00AD': "", '\u200B': "", '\u200C': "", '\u200D': "", '\uFEFF': "", '\u2019': "'", '\u02BC': "'"}

// fold makes s comparable.
func fold(s string) folded {
	if isLowerASCII(s) {
		return folded{text: s}
	}
	var b strings.Builder
	b.Grow(len(s))
	from := make([]int, 0, len(s)+1)
	put := func(at int, r rune) {
		n := b.Len()
		b.WriteRune(r)
		for range b.Len() - n {
			from = append(from, at)
		}
	}
	for i, r := range s {
		if r < utf8.RuneSelf {
			put(i, unicode.ToLower(r))
			continue
		}
		if p, ok := plainLetters[r]; ok {
			for _, q := range p {
				put(i, q)
			}
			continue
		}
		for _, q := range norm.NFKD.String(string(r)) {
			if unicode.Is(unicode.Mn, q) {
				continue
			}
			if p, ok := plainLetters[q]; ok {
				for _, x := range p {
					put(i, x)
				}
				continue
			}
			put(i, unicode.ToLower(q))
		}
	}
	return folded{b.String(), append(from, len(s))}
}

// at is the place in the original of byte i.
func (f folded) at(i int) int {
	if f.from == nil {
		return i
	}
	return f.from[i]
}

// end is the place in the original after the rune that byte i-1 of the folded text came from.
func (f folded) end(i int) int {
	if f.from == nil || i >= len(f.text) {
		return f.at(i)
	}
	j := i
	for j < len(f.text) && f.from[j] == f.from[i-1] {
		j++
	}
	return f.from[j]
}

func isLowerASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
}

// Transliterations of alphabets that names are written in besides the Latin one, as passports have them.
var latin = func() map[rune]string {
	m := map[rune]string{}
	add := func(from string, to string) {
		t := strings.Fields(to)
		for i, r := range []rune(from) {
			if t[i] == "_" {
				t[i] = ""
			}
			m[r] = t[i]
		}
	}
	add("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ", "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch _ y _ e iu ia i i ie g")
	add("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o")
	return m
}()

// transliterate is s, folded, in Latin letters; "" where nothing changes.
func transliterate(s string) string {
	var b strings.Builder
	changed := false
	for _, r := range s {
		if t, ok := latin[r]; ok {
			b.WriteString(t)
			changed = true
		} else {
			b.WriteRune(r)
		}
	}
	if !changed {
		return ""
	}
	return b.String()
}

// umlauts is s with umlauts as two letters, as German names are written where there are none; "" where there are none.
func umlauts(s string) string {
	out := strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "ae", "Ö", "oe", "Ü", "ue", "å", "aa", "Å", "aa", "ø", "oe", "Ø", "oe").Replace(norm.NFC.String(s))
	if out == norm.NFC.String(s) {
		return ""
	}
	return out
}

// wordsOf are the runs of letters and digits in folded text.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// wide reports whether words of r's script aren't set apart by blanks.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}
