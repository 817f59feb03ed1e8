package reading

import (
	"bytes"
	"image/jpeg"
	"testing"
)

func TestBareJPEG(t *testing.T) {
	b := talkative(t)
	out, ok := bareJPEG(b, "YBR_FULL_422", 64, 80)
	if !ok || bytes.Contains(out, []byte("tells")) {
		t.Fatalf("%v, %q", ok, out)
	}
	if _, err := jpeg.Decode(bytes.NewReader(out)); err != nil {
		t.Error(err)
	}
	again, ok := bareJPEG(out, "YBR_FULL", 64, 80)
	if !ok || !bytes.Equal(again, out) {
		t.Error("a bare one changes")
	}
	sof := bytes.Index(b, []byte{0xFF, 0xC0})
	change := func(at int, v byte) []byte {
		c := bytes.Clone(b)
		c[at] = v
		return c
	}
	adobe := append([]byte{0xFF, 0xD8, 0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0}, b[2:]...)
	rgb := bytes.Clone(b)
	rgb[sof+10], rgb[sof+13], rgb[sof+16] = 'R', 'G', 'B'
	for name, c := range map[string]struct {
		b           []byte
		photometric string
		rows        int
	}{
		"RGB by the header": {b, "RGB", 64}, "RGB by Adobe": {adobe, "YBR_FULL", 64}, "RGB by its components": {rgb, "YBR_FULL", 64}, "grey by the header": {b, "MONOCHROME2", 64},
		"another size": {b, "YBR_FULL", 65}, "progressive": {change(sof+1, 0xC2), "YBR_FULL", 64}, "12 bits": {change(sof+4, 12), "YBR_FULL", 64},
		"cut": {b[:200], "YBR_FULL", 64}, "no end": {out[:len(out)-2], "YBR_FULL", 64}, "empty": {nil, "YBR_FULL", 64}, "no JPEG": {[]byte("BM not a jpeg"), "YBR_FULL", 64},
	} {
		if _, ok := bareJPEG(c.b, c.photometric, c.rows, 80); ok {
			t.Errorf("%s passes", name)
		}
	}
}

// FuzzBareJPEG: whatever comes in, what goes out has neither comments nor application segments, and is left as it is when it goes in again.
func FuzzBareJPEG(f *testing.F) {
	f.Add(talkative(f))
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xD9})
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xFE, 0, 2, 0xFF, 0xFF, 0xFF, 0xDA, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, ok := bareJPEG(b, "YBR_FULL_422", 64, 80)
		if !ok {
			return
		}
		again, ok := bareJPEG(out, "YBR_FULL_422", 64, 80)
		if !ok || !bytes.Equal(again, out) || len(out) > len(b) {
			t.Fatalf("%x becomes %x", out, again)
		}
	})
}
