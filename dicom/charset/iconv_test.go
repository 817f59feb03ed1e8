package charset

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// iconv is what the C library makes of b, or "" if it has no such bytes.
func iconv(t *testing.T, from string, b []byte) string {
	t.Helper()
	cmd := exec.Command("iconv", "-f", from, "-t", "UTF-8")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		if _, ok := err.(*exec.ExitError); !ok {
			t.Skip("iconv is not installed")
		}
		return ""
	}
	return string(out)
}

// TestSingleByteSets holds every byte of every single-byte set against the C library, both ways.
func TestSingleByteSets(t *testing.T) {
	for term, name := range map[string]string{
		"ISO_IR 100": "ISO-8859-1", "ISO_IR 101": "ISO-8859-2", "ISO_IR 109": "ISO-8859-3", "ISO_IR 110": "ISO-8859-4", "ISO_IR 144": "ISO-8859-5", "ISO_IR 127": "ISO-8859-6",
		"ISO_IR 126": "ISO-8859-7", "ISO_IR 138": "ISO-8859-8", "ISO_IR 148": "ISO-8859-9", "ISO_IR 203": "ISO-8859-15", "ISO_IR 166": "TIS-620", "ISO_IR 13": "SHIFT_JIS",
	} {
		for _, term := range []string{term, strings.Replace(term, "ISO_IR", "ISO 2022 IR", 1)} {
			s, err := Parse([]string{term})
			if err != nil {
				t.Fatal(err)
			}
			var all []byte
			for c := 0xA1; c <= 0xFF; c++ {
				got, ok := s.Decode([]byte{byte(c)}, Text)
				want := iconv(t, name, []byte{byte(c)})
				if name == "SHIFT_JIS" && (c < 0xA1 || c > 0xDF) {
					want = "" // the first byte of a pair there; nothing in JIS X 0201
				}
				if ok != (want != "") || ok && got != want {
					t.Errorf("%s: byte %X is %q (%v), the C library has %q", term, c, got, ok, want)
				}
				if ok {
					all = append(all, byte(c))
				}
			}
			text, _ := s.Decode(all, Text)
			if back, ok := s.Encode(text, Text); !ok || !bytes.Equal(back, all) {
				t.Errorf("%s: %q is encoded as % x, want % x", term, text, back, all)
			}
		}
	}
}

// TestDoubleByteSets holds every pair of the sets of code extensions against the C library.
func TestDoubleByteSets(t *testing.T) {
	for _, c := range []struct {
		term, iconv, escape string
		high                bool
		least               int
		differ              string // characters for which the C library has another form, and ours
	}{
		{"ISO 2022 IR 87", "EUC-JP", "\x1b$B", false, 6879, ""},
		{"ISO 2022 IR 149", "EUC-KR", "\x1b$)C", true, 8200, "㉾"}, // of 2002
		{"ISO 2022 IR 58", "GB2312", "\x1b$)A", true, 7445, "・·―—"},
	} {
		s, err := Parse([]string{"", c.term})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for a := 0xA1; a <= 0xFE; a++ {
			// A row at once, each pair on a line of its own, so that a missing one doesn't take the others.
			var lines []byte
			for b := 0xA1; b <= 0xFE; b++ {
				lines = append(lines, byte(a), byte(b), '\n')
			}
			cmd := exec.Command("iconv", "-c", "-f", c.iconv, "-t", "UTF-8")
			cmd.Stdin = bytes.NewReader(lines)
			out, err := cmd.Output()
			if _, exit := err.(*exec.ExitError); err != nil && !exit {
				t.Skip("iconv is not installed")
			}
			want := strings.Split(string(out), "\n")
			for b := 0xA1; b <= 0xFE; b++ {
				pair := []byte{byte(a), byte(b)}
				if !c.high {
					pair = []byte{byte(a) & 0x7F, byte(b) & 0x7F}
				}
				got, ok := s.Decode(append([]byte(c.escape), pair...), Values)
				w := ""
				if i := b - 0xA1; i < len(want) {
					w = want[i]
				}
				if utf8.RuneCountInString(w) != 1 {
					w = ""
				}
				if got != w && c.differ != "" && strings.Contains(c.differ, w+got) && w != "" {
					w = got
				}
				if !ok && w == "㉾" {
					continue
				}
				if ok != (w != "") || ok && got != w {
					t.Errorf("%s: %X%X is %q (%v), the C library has %q", c.term, a, b, got, ok, w)
					continue
				}
				if !ok {
					continue
				}
				n++
				back, can := s.Encode(got, Values)
				if again, _ := s.Decode(back, Values); !can || again != got {
					t.Errorf("%s: %q is encoded as % x", c.term, got, back)
				}
			}
		}
		if n < c.least {
			t.Errorf("%s has %d characters, want %d", c.term, n, c.least)
		}
	}
}

// Whole encodings: samples of each kind of character, both ways, against the C library.
func TestWholeEncodings(t *testing.T) {
	for term, name := range map[string]string{"GB18030": "GB18030", "GBK": "GBK", "ISO_IR 192": "UTF-8"} {
		s, err := Parse([]string{term})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"王^小东", "丂", "€uro", "ÀÖ", "乗", "\U00020000 𠮷", "ᠠ", "emoji 😀", "Wang^XiaoDong=王^小东="} {
			b, ok := s.Encode(text, Name)
			if !ok {
				if term != "GBK" {
					t.Errorf("%s has no place for %q", term, text)
				}
				continue
			}
			if got := iconv(t, name, b); got != text {
				t.Errorf("%s: %q is encoded as % x, in which the C library reads %q", term, text, b, got)
			}
			if got, ok := s.Decode(b, Name); got != text || !ok {
				t.Errorf("%s: %q comes back as %q", term, text, got)
			}
		}
	}
}

// The hard cases of names as they are sent: see the case's name.
func TestNamesAsTheyAreSent(t *testing.T) {
	for _, c := range []struct {
		name, terms, bytes, want string
		d                        Delimiters
		ok                       bool
	}{
		{"IR 13 and IR 87 in one name", `ISO 2022 IR 13\ISO 2022 IR 87`, "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎", Name, true},
		{"romaji to ASCII and back", `ISO 2022 IR 13\ISO 2022 IR 87`, "\x1b(BABC\x1b(JDEF", "ABCDEF", Name, true},
		{"Korean switched once for two lines", `\ISO 2022 IR 149`, "\x1b$)C\xb1\xe6\xb5\xbf\r\n\x1b$)C\xb1\xe6", "길동\r\n길", Text, true},
		{"Korean not switched again after a line", `\ISO 2022 IR 149`, "\x1b$)C\xb1\xe6\xb5\xbf\r\n\xb1\xe6", "길동\r\n±æ", Text, false},
		{"a delimiter inside a pair", `\ISO 2022 IR 87`, "\x1b$B\x30\x5e\x30\x3d\x1b(B^x", "緯綾^x", Name, true},
		{"GB18030 with 5C and 5E inside", "GB18030", "\x81\x5c\x81\x5e^x", "乗乛^x", Name, true},
		{"supplementary kanji", `\ISO 2022 IR 87\ISO 2022 IR 159`, "\x1b$B;3\x1b$(D0!\x1b(B", "山丂", Name, true},
		{"Greek in a Latin set, back after ^", `ISO 2022 IR 100\ISO 2022 IR 126`, "\x1b-F\xe9^\xe9", "ι^é", Name, true},
		{"UTF-8 under Latin-1 is not guessed", "ISO_IR 100", "J\xc3\xa9r", "JÃ©r", Name, true},
		{"an escape sequence under UTF-8 stays", "ISO_IR 192", "\x1b$B;3", "\x1b$B;3", Name, true},
		{"empty groups", `\ISO 2022 IR 87`, "Yamada^Tarou==\x1b$B$d\x1b(B", "Yamada^Tarou==や", Name, true},
		{"a lone escape at the end", `\ISO 2022 IR 87`, "abc\x1b", "abc\x1b", Name, true},
		{"half a pair at the end", `\ISO 2022 IR 149`, "\x1b$)C\xb1", "\uFFFD", Name, false},
		{"wave dash and minus, as JIS has them", `\ISO 2022 IR 87`, "\x1b$B!A!]!B\x1b(B", "〜−‖", Name, true},
	} {
		s, _ := Parse(strings.Split(c.terms, `\`))
		got, ok := s.Decode([]byte(c.bytes), c.d)
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, got, ok, c.want, c.ok)
		}
		if !ok {
			continue
		}
		back, can := s.Encode(got, c.d)
		if again, _ := s.Decode(back, c.d); !can || again != got {
			t.Errorf("%s: encoded as % x, which is %q", c.name, back, again)
		}
	}
	// What other programs write for the same characters of JIS X 0208 has a place too.
	s, _ := Parse([]string{"", "ISO 2022 IR 87"})
	for _, text := range []string{"～", "－", "∥", "￠", "￡", "￢"} {
		if b, ok := s.Encode(text, Values); !ok {
			t.Errorf("%q has no place: % x", text, b)
		}
	}
	if fmt.Sprint(s.Terms()) != "[ ISO 2022 IR 87]" {
		t.Errorf("%q", s.Terms())
	}
}
