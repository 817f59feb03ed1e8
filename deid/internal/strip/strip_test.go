package strip

import (
	"bytes"
	"compress/flate"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

func seg(marker byte, body string) []byte {
	return append([]byte{0xFF, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
}

func encoded(t testing.TB) []byte {
	im := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range im.Pix {
		im.Pix[i] = byte(i * 7)
	}
	im.Set(3, 3, color.White)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, im, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJPEG(t *testing.T) {
	plain := encoded(t)
	in := append([]byte{0xFF, 0xD8}, seg(0xFE, "JOHN DOE")...)
	in = append(in, seg(0xE1, "Exif\x00\x00JOHN DOE")...)
	in = append(in, seg(0xE0, "JFIF\x00\x01\x02\x01\x00\x48\x00\x48\x00\x00")...)
	in = append(in, seg(0xEE, "Adobe\x00\x64JOHN\x01")...)
	in = append(in, 0xFF) // a fill byte
	in = append(in, plain[2:]...)
	in = append(in, "JOHN DOE"...)
	out, err := JPEG(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"JOHN", "DOE", "Exif"} {
		if bytes.Contains(out, []byte(gone)) {
			t.Errorf("%q stayed", gone)
		}
	}
	if !bytes.Contains(out, []byte("Adobe")) || !bytes.Contains(out, []byte("JFIF")) {
		t.Error("what says how colours are coded is gone")
	}
	if !bytes.HasSuffix(out, []byte{0xFF, 0xD9}) {
		t.Error("bytes after the end stayed")
	}
	a, err := jpeg.Decode(bytes.NewReader(append([]byte{0xFF, 0xD8}, plain[2:]...)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := JPEG(plain)
	if err != nil {
		t.Fatal(err)
	}
	c, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || !bytes.Equal(a.(*image.YCbCr).Y, c.(*image.YCbCr).Y) {
		t.Errorf("the pixels changed: %v", err)
	}
}

func TestBrokenJPEG(t *testing.T) {
	plain := encoded(t)
	for _, b := range [][]byte{nil, {0xFF, 0xD8}, plain[:len(plain)-2], plain[:20], []byte("\xff\xd8\xff\xe0\xff\xff"), append([]byte{0xFF, 0xD8, 0x41}, plain[2:]...)} {
		if _, err := JPEG(b); err == nil {
			t.Errorf("%d bytes were followed to an end", len(b))
		}
	}
}

// A code stream by hand: SOC, SIZ, COM, one tile-part with a COM of its own, EOC.
func TestJPEG2000(t *testing.T) {
	in := []byte{0xFF, 0x4F}
	in = append(in, seg(0x51, "0123456789")...)
	in = append(in, seg(0x64, "\x00\x01JOHN DOE")...)
	part := append([]byte{0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1}, seg(0x64, "\x00\x01MARY ROE")...)
	part = append(part, 0xFF, 0x93, 1, 2, 3, 4)
	part[9] = byte(len(part))
	in = append(in, part...)
	in = append(in, 0xFF, 0xD9)
	out, err := JPEG2000(append(bytes.Clone(in), "JOHN"...))
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"JOHN", "MARY"} {
		if bytes.Contains(out, []byte(gone)) {
			t.Errorf("%q stayed", gone)
		}
	}
	if want := len(in) - len("\x00\x01JOHN DOE") - 4; len(out) != want {
		t.Errorf("%d bytes, want %d: the tile-part keeps its length", len(out), want)
	}
	for i := range in {
		if _, err := JPEG2000(in[:i]); err == nil {
			t.Fatalf("the first %d bytes were followed to an end", i)
		}
	}
}

func TestJPEGXL(t *testing.T) {
	box := func(kind, body string) []byte {
		n := len(body) + 8
		return append([]byte{0, 0, byte(n >> 8), byte(n), kind[0], kind[1], kind[2], kind[3]}, body...)
	}
	in := append(box("JXL ", "\x0d\x0a\x87\x0a"), box("ftyp", "jxl ")...)
	in = append(in, box("Exif", "JOHN")...)
	in = append(in, box("jbrd", "JOHN")...)
	in = append(in, box("jxlp", "\x00\x00\x00\x00\xff\x0aAB")...)
	in = append(in, box("jxlp", "\x80\x00\x00\x01CD")...)
	out, whole, err := JPEGXL(in)
	if err != nil || whole || string(out) != "\xff\x0aABCD" {
		t.Errorf("%q %v %v", out, whole, err)
	}
	if out, whole, err := JPEGXL([]byte("\xff\x0aAB")); err != nil || !whole || string(out) != "\xff\x0aAB" {
		t.Errorf("%q %v %v", out, whole, err)
	}
	for _, tail := range []string{"JOHN DOE", "Roe^Jane\x00", "12345678"} {
		if _, _, err := JPEGXL([]byte("\xff\x0a\x01\x02\x03\x04" + tail)); err == nil {
			t.Errorf("%q after a bare code stream", tail)
		}
		if _, _, err := JPEGXL(append(bytes.Clone(in), box("jxlp", "\x80\x00\x00\x02"+tail)...)); err == nil {
			t.Errorf("%q after the code stream", tail)
		}
	}
	if _, _, err := JPEGXL([]byte("nothing of the kind")); err == nil {
		t.Error("no error")
	}
}

// Two segments of five bytes: a literal run, and a repeated one, with bytes between and after.
func TestRLE(t *testing.T) {
	in := make([]byte, 64)
	in[0], in[4] = 2, 64
	in = append(in, 4, 'a', 'b', 'c', 'd', 'e', 'J', 'O') // five literal bytes, then two that don't belong
	in[8] = byte(len(in))
	in = append(in, 0xFC, 'x', 'J', 'O', 'H', 'N') // five times x
	copy(in[40:], "JOHN DOE IN HEADER")
	out, err := RLE(in, 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x04abcde" + "\xfcx"; string(out[64:]) != want {
		t.Errorf("%q, want %q", out[64:], want)
	}
	if bytes.Contains(out, []byte("JOHN")) || out[8] != 70 {
		t.Errorf("%q", out)
	}
	for _, c := range []struct{ segments, n int }{{1, 5}, {2, 6000}, {16, 5}} {
		if _, err := RLE(in, c.segments, c.n); err == nil {
			t.Errorf("%v: no error", c)
		}
	}
}

func TestDeflated(t *testing.T) {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, 6)
	_, _ = z.Write([]byte("frame"))
	z.Close()
	n := b.Len()
	b.WriteString("JOHN")
	out, err := Deflated(b.Bytes())
	if err != nil || len(out) != n {
		t.Errorf("%d of %d bytes: %v", len(out), n, err)
	}
}

func FuzzStreams(f *testing.F) {
	f.Add(encoded(f))
	f.Add([]byte("\xff\x4f\xff\x51\x00\x02\xff\x90\x00\x0a"))
	f.Add([]byte("\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := JPEG(b); err == nil {
			if again, err := JPEG(out); err != nil || !bytes.Equal(again, out) {
				t.Fatal("what was cleaned is not clean")
			}
		}
		if out, err := JPEG2000(b); err == nil {
			if _, err := JPEG2000(out); err != nil {
				t.Fatal(err)
			}
		}
		_, _, _ = JPEGXL(b)
		_, _ = RLE(b, 1, len(b))
		_, _ = Deflated(b)
	})
}
