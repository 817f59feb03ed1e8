package jpegblocks

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/mask"
)

// bitsOf writes bits given as a string of 0 and 1, filled with ones and stuffed.
func bitsOf(s string) []byte {
	var w writer
	for _, c := range s {
		if c == '0' || c == '1' {
			w.put(uint32(c-'0'), 1)
		}
	}
	w.flush()
	return w.b
}

// segment is a marker segment.
func segment(marker byte, body ...byte) []byte {
	n := len(body) + 2
	return append([]byte{0xFF, marker, byte(n >> 8), byte(n)}, body...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// quant is a table of ones; at 16 bits when wide.
func quant(wide bool) []byte {
	if wide {
		body := []byte{0x10}
		for range 64 {
			body = append(body, 0, 1)
		}
		return segment(0xDB, body...)
	}
	return segment(0xDB, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
}

// tables have the categories 0 and 7 for DC (codes 00 and 01) and, for AC, the end of a block (00) and one coefficient of 2 bits (01).
func tables() []byte {
	counts := make([]byte, 16)
	counts[1] = 2
	return join(segment(0xC4, append(append([]byte{0x00}, counts...), 0, 7)...), segment(0xC4, append(append([]byte{0x10}, counts...), 0x00, 0x02)...))
}

var soi, eoi = []byte{0xFF, 0xD8}, []byte{0xFF, 0xD9}

// The blocks: a DC difference of 80, then nothing; a difference of 0, then the coefficients 3 and −2.
const (
	plain = "01 1010000 00 "
	waves = "00 01 11 01 01 00 "
)

// TestScanPerComponent: three components in scans of their own, as some writers make them, each edited by itself.
func TestScanPerComponent(t *testing.T) {
	frame := segment(0xC0, 8, 0, 8, 0, 16, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
	src := join(soi, quant(false), frame, tables())
	for id := range byte(3) {
		src = join(src, segment(0xDA, 1, id+1, 0, 0, 63, 0), bitsOf(plain+waves))
	}
	src = append(src, eoi...)
	_, before := decode(t, src)
	m := mask.New(16, 8)
	m.Fill(image.Rect(9, 0, 10, 1), mask.Hard)
	out, blocks, err := Blank(src, m.Seal(), Fill{YCC: true})
	if err != nil || blocks != 3 {
		t.Fatal(blocks, err)
	}
	_, after := decode(t, out)
	for i := range 16 * 8 {
		p := after[3*i : 3*i+3]
		switch {
		case i%16 < 8 && !bytes.Equal(p, before[3*i:3*i+3]):
			t.Fatalf("pixel %d changed: %v, was %v", i, p, before[3*i:3*i+3])
		case i%16 >= 8 && !bytes.Equal(p, []byte{0, 128, 128}):
			t.Fatalf("pixel %d is %v", i, p)
		}
	}
}

// TestTwelveBits: the flat value is past the end of the wider range, and tables of 16 bits are read.
func TestTwelveBits(t *testing.T) {
	src := join(soi, quant(true), segment(0xC1, 12, 0, 8, 0, 16, 1, 1, 0x11, 0), tables(), segment(0xDA, 1, 1, 0, 0, 63, 0), bitsOf(plain+waves), eoi)
	_, before := decode(t, src)
	for _, white := range []bool{false, true} {
		m := mask.New(16, 8)
		m.Fill(image.Rect(0, 0, 8, 8), mask.Soft)
		out, blocks, err := Blank(src, m.Seal(), Fill{White: white})
		if err != nil || blocks != 1 {
			t.Fatal(blocks, err)
		}
		_, after := decode(t, out)
		want := []byte{0, 0}
		if white {
			want = []byte{0xFF, 0x0F}
		}
		for i := range 16 * 8 {
			if p := after[2*i : 2*i+2]; i%16 < 8 && !bytes.Equal(p, want) || i%16 >= 8 && !bytes.Equal(p, before[2*i:2*i+2]) {
				t.Fatalf("white %v: pixel %d is %v, was %v", white, i, p, before[2*i:2*i+2])
			}
		}
	}
}

// TestEverythingElseStays: comments, application data, fill bytes and stray bytes between segments come out as they went in; what follows the
// end of the image does not.
func TestEverythingElseStays(t *testing.T) {
	src := join(soi, segment(0xE0, []byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")...), segment(0xFE, []byte("a comment")...), quant(false), []byte{0x00, 0x12},
		segment(0xC0, 8, 0, 8, 0, 16, 1, 1, 0x11, 0), tables(), []byte{0xFF}, segment(0xDA, 1, 1, 0, 0, 63, 0), bitsOf(plain+waves), eoi, []byte("DOE^JANE"))
	out, _, err := Blank(src, mask.New(16, 8).Seal(), Fill{})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{[]byte("JFIF"), []byte("a comment"), quant(false), tables(), bitsOf(plain + waves)} {
		if !bytes.Contains(out, part) {
			t.Errorf("%q is gone", part)
		}
	}
	if bytes.Contains(out, []byte("DOE^JANE")) {
		t.Error("what follows the image was kept")
	}
	// A missing end of image stays missing.
	cut := src[:bytes.Index(src, eoi)]
	out, _, err = Blank(cut, mask.New(16, 8).Seal(), Fill{})
	if err != nil || bytes.HasSuffix(out, eoi) {
		t.Errorf("%v", err)
	}
}

// TestSubsampledWithRestarts: 4:2:2 with a restart at every MCU; chroma blocks go with the luminance above them, and Reach says how far.
func TestSubsampledWithRestarts(t *testing.T) {
	frame := segment(0xC0, 8, 0, 8, 0, 32, 3, 1, 0x21, 0, 2, 0x11, 0, 3, 0x11, 0)
	mcu := bitsOf(plain + waves + plain + waves)
	src := join(soi, quant(false), frame, tables(), segment(0xDD, 0, 1), segment(0xDA, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0), mcu, []byte{0xFF, 0xD0}, mcu, eoi)
	_, before := decode(t, src)
	m := mask.New(32, 8)
	m.Fill(image.Rect(17, 2, 18, 3), mask.Hard)
	out, blocks, err := Blank(src, m.Seal(), Fill{YCC: true})
	if err != nil || blocks != 3 { // one of luminance, one of each chroma
		t.Fatal(blocks, err)
	}
	if !bytes.Contains(out, []byte{0xFF, 0xD0}) || bytes.Contains(out, []byte{0xFF, 0xD1}) {
		t.Error("another number of restarts")
	}
	reach, err := Reach(src, m)
	if err != nil {
		t.Fatal(err)
	}
	_, after := decode(t, out)
	for i := range 32 * 8 {
		x := i % 32
		if want := x >= 15; (reach.Pix[i] != mask.Keep) != want {
			t.Fatalf("reach at column %d: %d", x, reach.Pix[i])
		}
		if x < 15 && !bytes.Equal(after[3*i:3*i+3], before[3*i:3*i+3]) {
			t.Fatalf("pixel %d changed", i)
		}
		if x >= 16 && x < 24 && after[3*i] != 0 || x >= 24 && after[3*i] != before[3*i] {
			t.Fatalf("luminance at column %d is %d, was %d", x, after[3*i], before[3*i])
		}
	}
	if _, err := jpeg.Decode(bytes.NewReader(out)); err != nil {
		t.Error(err)
	}
}

// TestDamaged: each is an error with words, never a guess.
func TestDamaged(t *testing.T) {
	frame := segment(0xC0, 8, 0, 8, 0, 16, 1, 1, 0x11, 0)
	scan := segment(0xDA, 1, 1, 0, 0, 63, 0)
	good := bitsOf(plain + waves)
	m := mask.New(16, 8).Seal()
	for name, src := range map[string][]byte{
		"no frame":               join(soi, quant(false), tables(), scan, good, eoi),
		"no tables":              join(soi, quant(false), frame, scan, good, eoi),
		"no quantisation":        join(soi, frame, tables(), scan, good, eoi),
		"two frames":             join(soi, quant(false), frame, frame, tables(), scan, good, eoi),
		"data too short":         join(soi, quant(false), frame, tables(), scan, bitsOf(plain), eoi),
		"no code":                join(soi, quant(false), frame, tables(), scan, bitsOf("1111111111111111"), eoi),
		"unknown component":      join(soi, quant(false), frame, tables(), segment(0xDA, 1, 9, 0, 0, 63, 0), good, eoi),
		"component twice":        join(soi, quant(false), segment(0xC0, 8, 0, 8, 0, 16, 2, 1, 0x11, 0, 2, 0x11, 0), tables(), segment(0xDA, 2, 1, 0, 1, 0, 0, 63, 0), good, eoi),
		"short scan header":      join(soi, quant(false), frame, tables(), segment(0xDA, 1), good, eoi),
		"table number":           join(soi, quant(false), frame, tables(), segment(0xDA, 1, 1, 0x40, 0, 63, 0), good, eoi),
		"lines after the image":  join(soi, quant(false), frame, tables(), segment(0xDC, 0, 8), scan, good, eoi),
		"arithmetic":             join(soi, quant(false), frame, segment(0xCC, 0, 0), scan, good, eoi),
		"ten bits":               join(soi, quant(false), segment(0xC0, 10, 0, 8, 0, 16, 1, 1, 0x11, 0), tables(), scan, good, eoi),
		"sampling factor 0":      join(soi, quant(false), segment(0xC0, 8, 0, 8, 0, 16, 2, 1, 0x01, 0, 2, 0x11, 0), tables(), scan, good, eoi),
		"factors do not divide":  join(soi, quant(false), segment(0xC0, 8, 0, 8, 0, 16, 2, 1, 0x31, 0, 2, 0x21, 0), tables(), scan, good, eoi),
		"restarts, no interval":  join(soi, quant(false), frame, tables(), scan, bitsOf(plain), []byte{0xFF, 0xD0}, bitsOf(plain), eoi),
		"too few intervals":      join(soi, quant(false), frame, tables(), segment(0xDD, 0, 1), scan, good, eoi),
		"short restart interval": join(soi, quant(false), frame, tables(), segment(0xDD, 1), scan, good, eoi),
		"short Huffman table":    join(soi, segment(0xC4, 0, 1, 2)),
		"bad Huffman table":      join(soi, segment(0xC4, append([]byte{0x55}, make([]byte, 20)...)...)),
		"too many codes":         join(soi, segment(0xC4, append([]byte{0, 3}, make([]byte, 18)...)...)),
		"bad quantisation":       join(soi, segment(0xDB, 0x25, 1)),
		"segment past the end":   {0xFF, 0xD8, 0xFF, 0xDB, 0xFF, 0xFF, 1},
		"segment of length 1":    {0xFF, 0xD8, 0xFF, 0xDB, 0, 1, 1, 1, 1},
		"a marker and no more":   {0xFF, 0xD8, 0xFF, 0xDB, 0},
		"not a JPEG":             []byte("not a JPEG"),
	} {
		if _, _, err := Blank(src, m, Fill{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, src := range [][]byte{nil, soi, join(soi, quant(false)), {0xFF, 0xD8, 0xFF, 0xC0, 0, 200}, join(soi, segment(0xC0, 1))} {
		if _, err := Reach(src, m); err == nil {
			t.Errorf("%x has a reach", src)
		}
	}
}
