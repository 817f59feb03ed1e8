package charset

import (
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// code is one coded character set, as it stands in G0 or G1, or a whole encoding that knows no code extensions.
type code struct {
	name   string
	width  int               // bytes of a character: 1 or 2; 0 for whole encodings
	single [256]rune         // width 1: by byte, RuneError where undefined
	back   map[rune]byte     // width 1: the byte of a character
	escape string            // the sequence that switches to it
	double encoding.Encoding // width 2: an EUC encoding that has the set
	prefix string            // before a pair in double
	all    encoding.Encoding // whole encodings
	once   sync.Once
	pairs  map[rune][2]byte     // width 2: filled at the first encoding
	beyond func(a, b byte) bool // width 2: double has the pair, the set has not
	forms  []rune               // width 2: two characters each, double's and the set's own
}

func (c *code) whole() bool { return c != nil && c.width == 0 }

func (c *code) enter() string {
	if c == nil {
		return ""
	}
	return c.escape
}

func (c *code) decodeWhole(b []byte) (string, bool) {
	if c == utf8Code {
		if utf8.Valid(b) {
			return string(b), true
		}
		return strings.ToValidUTF8(string(b), "\uFFFD"), false
	}
	out, err := c.all.NewDecoder().Bytes(b)
	s := string(out)
	return s, err == nil && !strings.ContainsRune(s, utf8.RuneError)
}

func (c *code) encodeWhole(text string) ([]byte, bool) {
	if c == utf8Code {
		return []byte(text), utf8.ValidString(text)
	}
	out, err := c.all.NewEncoder().Bytes([]byte(text))
	return out, err == nil
}

// pair is the character of two bytes, both with the high bit set. ok is false if the set has none there; it is a character all the same where vendors have
// put one.
func (c *code) pair(a, b byte) (r rune, ok bool) {
	out, err := c.double.NewDecoder().Bytes(append([]byte(c.prefix), a, b))
	if err != nil {
		return utf8.RuneError, false
	}
	r, n := utf8.DecodeRune(out)
	if n != len(out) || r == utf8.RuneError {
		return utf8.RuneError, false
	}
	for i := 0; i+1 < len(c.forms); i += 2 {
		if r == c.forms[i] {
			r = c.forms[i+1]
		}
	}
	return r, c.beyond == nil || !c.beyond(a, b)
}

// append adds r to out if the set has it; high says that the set is in G1.
func (c *code) append(out []byte, r rune, high bool) ([]byte, bool) {
	if c == nil {
		return out, false
	}
	if c.width == 1 {
		b, ok := c.back[r]
		if !ok || (b >= 0x80) != high {
			return out, false
		}
		return append(out, b), true
	}
	c.once.Do(c.fill)
	p, ok := c.pairs[r]
	if !ok {
		return out, false
	}
	if !high {
		p[0], p[1] = p[0]&0x7F, p[1]&0x7F
	}
	return append(out, p[0], p[1]), true
}

func (c *code) fill() {
	c.pairs = make(map[rune][2]byte, 8000)
	for a := 0xA1; a <= 0xFE; a++ {
		for b := 0xA1; b <= 0xFE; b++ {
			if r, ok := c.pair(byte(a), byte(b)); ok {
				if _, there := c.pairs[r]; !there {
					c.pairs[r] = [2]byte{byte(a), byte(b)}
				}
			}
		}
	}
	for i := 0; i+1 < len(c.forms); i += 2 {
		if p, ok := c.pairs[c.forms[i+1]]; ok {
			c.pairs[c.forms[i]] = p
		}
	}
}

func newSingle(name, escape string, at func(byte) rune) *code {
	c := &code{name: name, width: 1, escape: escape, back: map[rune]byte{}}
	for i := range c.single {
		c.single[i] = at(byte(i))
		if c.single[i] != utf8.RuneError {
			if _, there := c.back[c.single[i]]; !there {
				c.back[c.single[i]] = byte(i)
			}
		}
	}
	return c
}

// upper is the right half of an ISO 8859 part, for G1.
func upper(name, escape string, m *charmap.Charmap) *code {
	return newSingle(name, escape, func(b byte) rune {
		if b < 0xA0 {
			return utf8.RuneError
		}
		return m.DecodeByte(b)
	})
}

// The code elements of PS3.3 tables C.12-2 to C.12-4.
var (
	ascii = newSingle("ISO 646", "\x1b(B", func(b byte) rune {
		if b >= 0x80 {
			return utf8.RuneError
		}
		return rune(b)
	})
	// JIS X 0201 has an overline for the tilde and a yen sign for the backslash; the latter stays the separator of values.
	romaji = newSingle("JIS X 0201 romaji", "\x1b(J", func(b byte) rune {
		switch {
		case b >= 0x80:
			return utf8.RuneError
		case b == 0x7E:
			return 0x203E
		}
		return rune(b)
	})
	katakana = newSingle("JIS X 0201 katakana", "\x1b)I", func(b byte) rune {
		if b < 0xA1 || b > 0xDF {
			return utf8.RuneError
		}
		return 0xFF61 + rune(b) - 0xA1
	})
	latin1   = upper("ISO 8859-1", "\x1b-A", charmap.ISO8859_1)
	latin2   = upper("ISO 8859-2", "\x1b-B", charmap.ISO8859_2)
	latin3   = upper("ISO 8859-3", "\x1b-C", charmap.ISO8859_3)
	latin4   = upper("ISO 8859-4", "\x1b-D", charmap.ISO8859_4)
	cyrillic = upper("ISO 8859-5", "\x1b-L", charmap.ISO8859_5)
	arabic   = upper("ISO 8859-6", "\x1b-G", charmap.ISO8859_6)
	greek    = upper("ISO 8859-7", "\x1b-F", charmap.ISO8859_7)
	hebrew   = upper("ISO 8859-8", "\x1b-H", charmap.ISO8859_8)
	latin5   = upper("ISO 8859-9", "\x1b-M", charmap.ISO8859_9)
	latin9   = upper("ISO 8859-15", "\x1b-b", charmap.ISO8859_15)
	thai     = upper("TIS 620", "\x1b-T", charmap.Windows874)

	// The table of EUC-JP that is at hand has vendors' additions, and their characters for six of JIS.
	kanji = &code{name: "JIS X 0208", width: 2, escape: "\x1b$B", double: japanese.EUCJP, beyond: func(a, _ byte) bool { return a == 0xAD || a > 0xF4 },
		forms: []rune("～〜∥‖－−￠¢￡£￢¬")}
	kanjiMore = &code{name: "JIS X 0212", width: 2, escape: "\x1b$(D", double: japanese.EUCJP, prefix: "\x8f"}
	hangul    = &code{name: "KS X 1001", width: 2, escape: "\x1b$)C", double: korean.EUCKR}
	hanzi     = &code{name: "GB 2312", width: 2, escape: "\x1b$)A", double: simplifiedchinese.GBK, beyond: beyondGB2312}
	utf8Code  = &code{name: "UTF-8"}
	gb18030   = &code{name: "GB18030", all: simplifiedchinese.GB18030}
	gbk       = &code{name: "GBK", all: simplifiedchinese.GBK}
	shiftJIS  = &code{name: "Shift JIS", all: japanese.ShiftJIS}
	big5      = &code{name: "Big5", all: traditionalchinese.Big5}
)

var byNumber = map[string]element{
	"6": {g0: ascii}, "100": {ascii, latin1}, "101": {ascii, latin2}, "109": {ascii, latin3}, "110": {ascii, latin4},
	"144": {ascii, cyrillic}, "127": {ascii, arabic}, "126": {ascii, greek}, "138": {ascii, hebrew}, "148": {ascii, latin5},
	"203": {ascii, latin9}, "166": {ascii, thai}, "13": {romaji, katakana},
}

// beyondGB2312 are the pairs that GBK has and GB 2312 has not.
func beyondGB2312(a, b byte) bool {
	switch {
	case a == 0xA2:
		return b < 0xB1 || b > 0xE2 && b < 0xE5 || b > 0xEE && b < 0xF1 || b > 0xFC
	case a == 0xA6:
		return b > 0xD8
	case a == 0xA8:
		return b > 0xBA && b < 0xC5
	case a == 0xA9:
		return b < 0xA4 || b > 0xEF
	}
	return a > 0xA9 && a < 0xB0 || a == 0xD7 && b > 0xF9 || a > 0xF7
}

// extended exist with code extensions only.
var extended = map[string]element{
	"87": {g0: kanji}, "159": {g0: kanjiMore}, "149": {ascii, hangul}, "58": {ascii, hanzi},
}

// lookup finds a defined term. Underscores and hyphens in unusual places are passed over, as vendors write them.
func lookup(term string) (e element, whole, ok bool) {
	words := strings.FieldsFunc(strings.ToUpper(term), func(r rune) bool { return r == ' ' || r == '_' || r == '-' })
	switch name := strings.Join(words, " "); {
	case name == "":
		return element{g0: ascii}, false, true
	case name == "ISO IR 192" || name == "UTF 8" || name == "UTF8":
		return element{g0: utf8Code}, true, true
	case name == "GB18030":
		return element{g0: gb18030}, true, true
	case name == "GBK":
		return element{g0: gbk}, true, true
	case name == "SHIFT JIS" || name == "SJIS": // not in the standard; met in the field
		return element{g0: shiftJIS}, true, true
	case name == "BIG5":
		return element{g0: big5}, true, true
	}
	n := len(words)
	if n < 3 || words[0] != "ISO" || words[n-2] != "IR" {
		return element{}, false, false
	}
	if e, ok = byNumber[words[n-1]]; ok {
		return e, false, true
	}
	e, ok = extended[words[n-1]]
	return e, false, ok
}

// escapes by their final bytes, longest first.
var escapes = []struct {
	seq   string
	to    *code
	upper bool
}{
	{"\x1b$(D", kanjiMore, false}, {"\x1b$)C", hangul, true}, {"\x1b$)A", hanzi, true}, {"\x1b$(B", kanji, false},
	{"\x1b(B", ascii, false}, {"\x1b(J", romaji, false}, {"\x1b)I", katakana, true}, {"\x1b$B", kanji, false}, {"\x1b$@", kanji, false},
	{"\x1b-A", latin1, true}, {"\x1b-B", latin2, true}, {"\x1b-C", latin3, true}, {"\x1b-D", latin4, true}, {"\x1b-L", cyrillic, true},
	{"\x1b-G", arabic, true}, {"\x1b-F", greek, true}, {"\x1b-H", hebrew, true}, {"\x1b-M", latin5, true}, {"\x1b-b", latin9, true}, {"\x1b-T", thai, true},
}

// escape reads the escape sequence that b begins with: its length, 0 if there is none, and what it puts where.
func escape(b []byte) (n int, to *code, upper bool) {
	for _, e := range escapes {
		if len(b) >= len(e.seq) && string(b[:len(e.seq)]) == e.seq {
			return len(e.seq), e.to, e.upper
		}
	}
	return 0, nil, false
}
