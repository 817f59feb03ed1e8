package charset

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// examples are the names of PS3.5 annexes H (Japanese), I (Korean), J (Chinese), and single-byte ones, with the bytes that the standard prints.
var examples = []struct {
	terms string
	bytes string
	text  string
}{
	{"ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
	{"ISO_IR 100", "\xc4neas^R\xfcdiger", "Äneas^Rüdiger"},
	{"ISO_IR 101", "W\xe6\xb3ania", "Wćłania"},
	{"ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
	{"ISO_IR 127", "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"},
	{"ISO_IR 138", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"},
	{"ISO_IR 144", "\xbb\xee\xda\x63\x65\xdc\xd1\x79\x70\xd3", "Люкceмбypг"},
	{"ISO_IR 148", "\xc7avu\xfeo\xf0lu", "Çavuşoğlu"},
	{"ISO_IR 203", "100 \xa4", "100 €"},
	{"ISO_IR 166", "\xb9\xd2\xc2^\xca\xc1\xaa\xd2\xc2", "นาย^สมชาย"},
	{"ISO_IR 192", "Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=", "Wang^XiaoDong=王^小東="},
	{"GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
	{"GBK", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
	{`\ISO 2022 IR 87`, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
	{`ISO 2022 IR 13\ISO 2022 IR 87`, "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
	{`\ISO 2022 IR 149`, "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", "Hong^Gildong=洪^吉洞=홍^길동"},
	{`\ISO 2022 IR 58`, "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="},
	{`\ISO 2022 IR 159`, "\x1b$(D\x30\x21\x1b(B", "丂"},
	{`ISO 2022 IR 100\ISO 2022 IR 126`, "Dion\xe9=\x1b-F\xc4\xe9", "Dioné=Δι"},
}

func TestExamplesOfTheStandard(t *testing.T) {
	for _, c := range examples {
		s, err := Parse(strings.Split(c.terms, `\`))
		if err != nil {
			t.Errorf("%s: %v", c.terms, err)
		}
		got, ok := s.Decode([]byte(c.bytes), Name)
		if got != c.text || !ok {
			t.Errorf("%s: %q, ok=%v, want %q", c.terms, got, ok, c.text)
		}
		back, ok := s.Encode(c.text, Name)
		if !ok {
			t.Errorf("%s: %q can't be encoded", c.terms, c.text)
			continue
		}
		again, ok := s.Decode(back, Name)
		if again != c.text || !ok {
			t.Errorf("%s: round trip of %q gives %q (% x)", c.terms, c.text, again, back)
		}
		if !strings.Contains(c.terms, "2022") && string(back) != c.bytes {
			t.Errorf("%s: %q encodes to % x, want % x", c.terms, c.text, back, c.bytes)
		}
	}
}

// A switch lasts until the next delimiter only: after ^ the byte E9 is that of the initial set again.
func TestDelimitersReset(t *testing.T) {
	s, _ := Parse([]string{"ISO 2022 IR 100", "ISO 2022 IR 126"})
	for _, c := range []struct {
		d    Delimiters
		in   string
		want string
	}{
		{Name, "\x1b-F\xe9^\xe9", "ι^é"},
		{Values, "\x1b-F\xe9^\xe9", "ι^ι"},
		{Values, "\x1b-F\xe9\\\xe9", `ι\é`},
		{Text, "\x1b-F\xe9\\\xe9", `ι\ι`},
		{Text, "\x1b-F\xe9\r\n\xe9", "ι\r\né"},
	} {
		if got, _ := s.Decode([]byte(c.in), c.d); got != c.want {
			t.Errorf("%q with delimiters %d: %q, want %q", c.in, c.d, got, c.want)
		}
	}
}

// The second byte of a Kanji or of a GB18030 character may be a backslash, which separates nothing then.
func TestBackslashInsideCharacters(t *testing.T) {
	s, _ := Parse([]string{"", "ISO 2022 IR 87"})
	in := "\x1b$B\x25\x5c\x1b(B\\x" // U+30DC, whose second byte is 5C
	if got, ok := s.Decode([]byte(in), Values); got != "ボ\\x" || !ok {
		t.Errorf("%q, %v", got, ok)
	}
	g, _ := Parse([]string{"GB18030"})
	if got, ok := g.Decode([]byte("\x81\x5c\\x"), Values); got != "乗\\x" || !ok {
		t.Errorf("%q, %v", got, ok)
	}
}

func TestUndeclaredBytesAreReported(t *testing.T) {
	for _, c := range []struct{ terms, in, want string }{
		{"", "J\xe9", "Jé"},                  // no set: Latin-1 is shown, and it is said
		{"ISO_IR 999", "J\xe9", "Jé"},        // unknown set
		{"ISO_IR 192", "J\xe9x", "J\uFFFDx"}, // invalid UTF-8
		{"ISO_IR 144", "\x1b-F\xe9", "ι"},    // an escape sequence that is not declared
		{`\ISO 2022 IR 87`, "\x1b$B\x30", "\uFFFD"},
	} {
		s, _ := Parse(strings.Split(c.terms, `\`))
		if got, ok := s.Decode([]byte(c.in), Values); ok || got != c.want {
			t.Errorf("%s: %q, ok=%v, want %q and not ok", c.terms, got, ok, c.want)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for terms, bad := range map[string]bool{
		"": false, "ISO_IR 100": false, "ISO IR 100": false, "ISO_2022_IR_100": false, "iso_ir 6": false, "UTF-8": false,
		"ISO_IR 999": true, `ISO_IR 192\ISO 2022 IR 87`: true, `\ISO_IR 192`: true, "nonsense": true, `ISO 2022 IR 87`: false,
	} {
		if _, err := Parse(strings.Split(terms, `\`)); (err != nil) != bad {
			t.Errorf("%q: %v", terms, err)
		}
	}
	// Kanji as the only set: text begins in ASCII all the same.
	s, _ := Parse([]string{"ISO 2022 IR 87"})
	if got, ok := s.Decode([]byte("Yamada\x1b$B;3\x1b(B"), Name); got != "Yamada山" || !ok {
		t.Errorf("%q, %v", got, ok)
	}
}

func TestEncodeRefusesWhatTheSetHasNot(t *testing.T) {
	for _, c := range []struct{ terms, text string }{{"", "é"}, {"ISO_IR 100", "Ж"}, {`\ISO 2022 IR 87`, "한"}, {"GBK", "\U0001F600"}} {
		s, _ := Parse(strings.Split(c.terms, `\`))
		if b, ok := s.Encode(c.text, Values); ok {
			t.Errorf("%q in %q gives % x", c.text, c.terms, b)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range examples {
		f.Add(c.terms, []byte(c.bytes))
	}
	f.Fuzz(func(t *testing.T, terms string, b []byte) {
		s, _ := Parse(strings.Split(terms, `\`))
		for _, d := range []Delimiters{Text, Values, Name} {
			text, ok := s.Decode(b, d)
			if !utf8.ValidString(text) {
				t.Fatalf("not UTF-8: %q", text)
			}
			if !ok {
				continue
			}
			// What decodes without loss encodes to something that decodes to the same.
			if back, can := s.Encode(text, d); can {
				if again, _ := s.Decode(back, d); again != text {
					t.Fatalf("%q becomes %q by % x", text, again, back)
				}
			}
		}
	})
}
