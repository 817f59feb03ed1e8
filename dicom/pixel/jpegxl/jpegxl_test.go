package jpegxl

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// bitsOf packs numbers of so many bits each, the lowest bit first.
func bitsOf(pairs ...[2]int) []byte {
	var out []byte
	n := 0
	for _, p := range pairs {
		for i := range p[1] {
			if n%8 == 0 {
				out = append(out, 0)
			}
			out[n/8] |= byte(p[0]>>i&1) << (n % 8)
			n++
		}
	}
	return out
}

func stream(pairs ...[2]int) []byte { return append([]byte{0xFF, 0x0A}, bitsOf(pairs...)...) }

func box(kind string, body ...byte) []byte {
	n := 8 + len(body)
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), kind[0], kind[1], kind[2], kind[3]}, body...)
}

func TestDecodeHeader(t *testing.T) {
	// Small, 256 rows (31 + 1 times 8), ratio 1: as many columns.
	square := stream([2]int{1, 1}, [2]int{31, 5}, [2]int{1, 3})
	for _, c := range []struct {
		name string
		in   []byte
		want Header
	}{
		{"small and square", square, Header{Rows: 256, Columns: 256}},
		{"nine bits each", stream([2]int{0, 1}, [2]int{0, 2}, [2]int{95, 9}, [2]int{0, 3}, [2]int{0, 2}, [2]int{127, 9}), Header{Rows: 96, Columns: 128}},
		{"4:3 of 13 bits", stream([2]int{0, 1}, [2]int{1, 2}, [2]int{1199, 13}, [2]int{3, 3}), Header{Rows: 1200, Columns: 1600}},
		{"18 and 30 bits", stream([2]int{0, 1}, [2]int{2, 2}, [2]int{99_999, 18}, [2]int{0, 3}, [2]int{3, 2}, [2]int{999_999, 30}), Header{Rows: 100_000, Columns: 1_000_000}},
		{"in a container", slices.Concat(signature, box("ftyp", 'j', 'x', 'l', ' '), box("jxlc", square...)), Header{Rows: 256, Columns: 256}},
		{"in parts, with a JPEG", slices.Concat(signature, box("jbrd", 1), box("jxlp", append([]byte{0, 0, 0, 0}, square...)...), box("jxlp", 0x80, 0, 0, 1)), Header{Rows: 256, Columns: 256, JPEG: true}},
		{"in a box to the end", slices.Concat(signature, []byte{0, 0, 0, 0}, []byte("jxlc"), square), Header{Rows: 256, Columns: 256}},
		{"in a long box", slices.Concat(signature, []byte{0, 0, 0, 1}, []byte("jxlc"), []byte{0, 0, 0, 0, 0, 0, 0, byte(16 + len(square))}, square), Header{Rows: 256, Columns: 256}},
	} {
		if got, err := DecodeHeader(c.in); err != nil || got != c.want || !Is(c.in) {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	for name, in := range map[string][]byte{
		"nothing": nil, "another format": []byte("\xFF\xD8\xFF\xE0"), "cut": square[:2], "a container of nothing": signature,
		"a box of no length": slices.Concat(signature, []byte{0, 0, 0, 7, 'j', 'x', 'l', 'c', 0xFF, 0x0A}),
		"no columns":         stream([2]int{0, 1}, [2]int{0, 2}, [2]int{95, 9}, [2]int{0, 3}),
	} {
		if h, err := DecodeHeader(in); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func TestParsePNM(t *testing.T) {
	opt := Options{Rows: 1, Columns: 2, MaxBytes: 100}
	for in, want := range map[string]Image{
		"P5\n2 1\n255\n\x01\x02":                 {Components: 1, Precision: 8, Samples: []byte{1, 2}},
		"P5 2 1 4095\n\x01\x02\x03\x04":          {Components: 1, Precision: 12, Samples: []byte{2, 1, 4, 3}},
		"P6\n2 1\n255\n\x01\x02\x03\x04\x05\x0a": {Components: 3, Precision: 8, Samples: []byte{1, 2, 3, 4, 5, 10}},
		"P5\n2 1\n1\n\x01\x00":                   {Components: 1, Precision: 1, Samples: []byte{1, 0}},
	} {
		got, err := parsePNM([]byte(in), opt)
		if err != nil || got.Components != want.Components || got.Precision != want.Precision || !bytes.Equal(got.Samples, want.Samples) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "P5", "P5\n2 1\n255", "P4\n2 1\n255\nxx", "P5\n1 2\n255\nxx", "P5\n2 1\n255\nx", "P5\n2 1\n65536\nxxxx", "P5\n2 1\n0\nxx", "P5\n2 x\n255\nxx", "P5\n2 1\n255\nxxx"} {
		if im, err := parsePNM([]byte(in), opt); err == nil {
			t.Errorf("%q: %+v", in, im)
		}
	}
}

// TestRoundTrip takes pictures through cjxl where that is installed, a JPEG among them.
func TestRoundTrip(t *testing.T) {
	if _, err := Find(); err != nil {
		t.Skip("no djxl")
	}
	cjxl, err := exec.LookPath("cjxl")
	if err != nil {
		t.Skip("no cjxl")
	}
	dir := t.TempDir()
	make8 := func(ext string, content []byte) []byte {
		in, out := filepath.Join(dir, "in."+ext), filepath.Join(dir, "out.jxl")
		if err := os.WriteFile(in, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.Command(cjxl, in, out, "-d", "0", "-e", "3", "--quiet").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ctx := context.Background()
	opt := Options{Rows: 8, Columns: 16, MaxBytes: 1 << 20}
	samples := make([]byte, 8*16*3)
	for i := range samples {
		samples[i] = byte(i * 7)
	}
	src := make8("ppm", append([]byte("P6\n16 8\n255\n"), samples...))
	if im, err := Decode(ctx, src, opt); err != nil || !bytes.Equal(im.Samples, samples) || im.Components != 3 || im.Precision != 8 {
		t.Errorf("colour: %v", err)
	}
	jpg, err := os.ReadFile(filepath.Join("..", "jpeg", "testdata", "base420.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	rejpg := make8("jpg", jpg)
	h, err := DecodeHeader(rejpg)
	if err != nil || !h.JPEG {
		t.Fatalf("%+v, %v", h, err)
	}
	if im, err := Decode(ctx, rejpg, Options{Rows: h.Rows, Columns: h.Columns, MaxBytes: 1 << 20}); err != nil || !bytes.Equal(im.JPEG, jpg) {
		t.Errorf("the JPEG did not come back: %v", err)
	}
	if _, err := Decode(ctx, src[:len(src)/2], opt); fault.CodeOf(err) != fault.Input {
		t.Errorf("cut: %v", err)
	}
	if _, err := Decode(ctx, src, Options{Rows: 16, Columns: 8, MaxBytes: 1 << 20}); fault.CodeOf(err) != fault.Input {
		t.Errorf("another size: %v", err)
	}
	if _, err := Decode(ctx, src, Options{Rows: 8, Columns: 16, MaxBytes: 100}); fault.CodeOf(err) != fault.Resource {
		t.Errorf("over the limit: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := Decode(short, src, opt); err == nil {
		t.Error("decoded in no time")
	}
	t.Setenv("PATH", dir)
	if _, err := Decode(ctx, src, opt); fault.CodeOf(err) != fault.Missing {
		t.Errorf("without djxl: %v", err)
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(stream([2]int{1, 1}, [2]int{31, 5}, [2]int{1, 3}))
	f.Add(slices.Concat(signature, box("jxlp", 0, 0, 0, 0, 0xFF, 0x0A, 0x7F, 0x11), box("jbrd")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := DecodeHeader(b); err == nil && (h.Rows < 1 || h.Columns < 1) {
			t.Fatalf("%+v", h)
		}
		if im, err := parsePNM(bytes.Clone(b), Options{Rows: 2, Columns: 3, MaxBytes: 64}); err == nil && len(im.Samples) != 6*im.Components*((im.Precision+7)/8) {
			t.Fatalf("%+v", im)
		}
	})
}
