package jpegblocks

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/mask"
	djpeg "github.com/cineloop/cineloop/dicom/pixel/jpeg"
	"github.com/cineloop/cineloop/internal/testdata"
)

// streams are JPEGs of 83 × 61: libjpeg's with three subsamplings, one with tables made for it, and the standard library's.
func streams(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range []string{"base420.jpg", "base422.jpg", "base444opt.jpg"} {
		b, err := os.ReadFile(filepath.Join(testdata.Root(t), "dicom", "pixel", "jpeg", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	r := rand.New(rand.NewPCG(1, 1))
	grey, col := image.NewGray(image.Rect(0, 0, 83, 61)), image.NewRGBA(image.Rect(0, 0, 83, 61))
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i%83*2 + r.IntN(40))
		col.Set(i%83, i/83, color.RGBA{grey.Pix[i], uint8(r.IntN(256)), uint8(i / 83 * 4), 255})
	}
	for name, m := range map[string]image.Image{"grey": grey, "colour": col} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
			t.Fatal(err)
		}
		out[name] = b.Bytes()
	}
	return out
}

func decode(t testing.TB, b []byte) (djpeg.Header, []byte) {
	t.Helper()
	h, pix, err := djpeg.Decode(b, nil, djpeg.Options{})
	if err != nil || h.Truncated {
		t.Fatal(err, h.Truncated)
	}
	return h, append([]byte(nil), pix...)
}

func TestOnlyBlockedPixelsChange(t *testing.T) {
	for name, src := range streams(t) {
		h, before := decode(t, src)
		m := mask.New(83, 61)
		m.Fill(image.Rect(20, 9, 45, 22), mask.Hard)
		m.Fill(image.Rect(60, 30, 83, 61), mask.Soft)
		m.Fill(image.Rect(0, 60, 2, 61), mask.Hard)
		m.Seal()
		out, blocks, err := Blank(src, m, Fill{YCC: true})
		if err != nil || blocks == 0 {
			t.Fatalf("%s: %d blocks, %v", name, blocks, err)
		}
		_, after := decode(t, out)
		reach, err := Reach(src, m)
		if err != nil {
			t.Fatal(err)
		}
		n := h.Components
		for i := range 83 * 61 {
			same := bytes.Equal(before[n*i:n*i+n], after[n*i:n*i+n])
			if reach.Pix[i] == mask.Keep && !same {
				t.Fatalf("%s: pixel %d,%d changed", name, i%83, i/83)
			}
			if m.Pix[i] == mask.Hard && after[n*i] != 0 {
				t.Fatalf("%s: pixel %d,%d is %v", name, i%83, i/83, after[n*i:n*i+n])
			}
		}
		if i := 50*83 + 75; after[n*i] != 0 {
			t.Errorf("%s: outside the sector there is %d", name, after[n*i])
		}
		// The standard library reads it too.
		if _, err := jpeg.Decode(bytes.NewReader(out)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingMaskedIsNothingChanged(t *testing.T) {
	for name, src := range streams(t) {
		out, blocks, err := Blank(src, mask.New(83, 61).Seal(), Fill{})
		if err != nil || blocks != 0 || !bytes.Equal(out, src) {
			t.Errorf("%s: %d blocks, %d bytes of %d, %v", name, blocks, len(out), len(src), err)
		}
	}
}

func TestEverythingWhite(t *testing.T) {
	m := mask.New(83, 61)
	m.Fill(image.Rect(0, 0, 83, 61), mask.Soft)
	out, _, err := Blank(streams(t)["grey"], m.Seal(), Fill{White: true})
	if err != nil {
		t.Fatal(err)
	}
	_, pix := decode(t, out)
	for i, v := range pix {
		if v != 255 {
			t.Fatalf("sample %d is %d", i, v)
		}
	}
}

// tiny is a grey image of two flat blocks whose tables have three codes: categories 0 and 7 for DC and the end of a block for AC.
func tiny(restart bool) []byte {
	b := []byte{0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0}
	for range 64 {
		b = append(b, 1)
	}
	b = append(b, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0)
	b = append(b, 0xFF, 0xC4, 0, 21, 0x00, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7)
	b = append(b, 0xFF, 0xC4, 0, 20, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	sos := []byte{0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0}
	block := []byte{0b01101000, 0b00011111} // 01 1010000 00: difference 80, end of block, filled with ones
	if restart {
		b = append(append(append(append(b, 0xFF, 0xDD, 0, 4, 0, 1), sos...), block...), 0xFF, 0xD0)
		return append(append(b, block...), 0xFF, 0xD9)
	}
	return append(append(append(b, sos...), 0b01101000, 0b00001101, 0b00000011), 0xFF, 0xD9)
}

func TestMissingCodesAndRestarts(t *testing.T) {
	for _, restart := range []bool{false, true} {
		m := mask.New(16, 8)
		m.Fill(image.Rect(0, 0, 1, 1), mask.Hard)
		src := tiny(restart)
		_, before := decode(t, src)
		// The blanked block needs −1024 (category 11), the next one 1184 after it: neither is in the table.
		out, blocks, err := Blank(src, m.Seal(), Fill{})
		if err != nil || blocks != 1 {
			t.Fatal(blocks, err)
		}
		if restart != bytes.Contains(out, []byte{0xFF, 0xD0}) {
			t.Error("restart markers were lost or made up")
		}
		_, after := decode(t, out)
		for i, v := range after {
			if i%16 < 8 && v != 0 || i%16 >= 8 && v != before[i] {
				t.Fatalf("restart %v: sample %d is %d, was %d", restart, i, v, before[i])
			}
		}
		if _, err := jpeg.Decode(bytes.NewReader(out)); err != nil {
			t.Error(err)
		}
	}
}

func TestMadeTablesAreGood(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for round := range 60 {
		var freq [256]int
		for range 1 + r.IntN(256) {
			freq[r.IntN(256)] = 1 << r.IntN(28)
		}
		if round == 0 {
			freq = [256]int{5: 1}
		}
		c, err := makeCode(&freq)
		if err != nil {
			t.Fatal(err)
		}
		var w writer
		var want []int
		for s, f := range freq {
			if f > 0 {
				if c.size[s] == 0 || c.size[s] > 16 || int(c.bits[s]) == 1<<c.size[s]-1 {
					t.Fatalf("symbol %d: code %b of %d bits", s, c.bits[s], c.size[s])
				}
				w.put(uint32(c.bits[s]), int(c.size[s]))
				want = append(want, s)
			}
		}
		w.flush()
		parts, _ := split(append(w.b, 0xFF, 0xD9), 0)
		rd := reader{b: parts[0]}
		for _, s := range want {
			if got, err := rd.symbol(c); err != nil || got != s {
				t.Fatalf("symbol %d came back as %d, %v", s, got, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	src := streams(t)["base422.jpg"]
	m := mask.New(83, 61).Seal()
	for _, b := range [][]byte{nil, {0xFF, 0xD8}, {0xFF, 0xD8, 0xFF, 0xD9}, src[:len(src)/2], src[:40]} {
		if _, _, err := Blank(b, m, Fill{}); err == nil {
			t.Errorf("%d bytes were taken", len(b))
		}
	}
	if _, _, err := Blank(src, mask.New(82, 61).Seal(), Fill{}); err == nil {
		t.Error("an image of another size was taken")
	}
	prog, err := os.ReadFile(filepath.Join(testdata.Root(t), "dicom", "pixel", "jpeg", "testdata", "prog420.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Blank(prog, m, Fill{}); err == nil {
		t.Error("a progressive stream was taken")
	}
	if _, err := Reach(prog, m); err == nil {
		t.Error("a progressive stream has a reach")
	}
}

func FuzzBlank(f *testing.F) {
	for _, b := range streams(f) {
		f.Add(b)
	}
	f.Add(tiny(true))
	m := mask.New(83, 61)
	m.Fill(image.Rect(20, 9, 45, 22), mask.Hard)
	m.Seal()
	f.Fuzz(func(t *testing.T, b []byte) {
		out, _, err := Blank(b, m, Fill{YCC: true})
		if err == nil { // what was taken comes out as something that can be taken again, with the same blocks blanked
			if _, _, err := Blank(out, m, Fill{YCC: true}); err != nil {
				t.Error(err)
			}
		}
	})
}
