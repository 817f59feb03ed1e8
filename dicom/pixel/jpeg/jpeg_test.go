package jpeg

import (
	"bytes"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// samples is a test image: a gradient with noise, w bytes a sample.
func samples(rows, columns, n, precision int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	w := 1
	if precision > 8 {
		w = 2
	}
	out := make([]byte, 0, rows*columns*n*w)
	for y := range rows {
		for x := range columns {
			for c := range n {
				v := ((x*3+y*5+c*40)<<precision/600 + r.IntN(1+1<<precision/20)) & (1<<precision - 1)
				out = append(out, byte(v))
				if w == 2 {
					out = append(out, byte(v>>8))
				}
			}
		}
	}
	return out
}

func TestLosslessRoundTrip(t *testing.T) {
	for _, c := range []struct{ rows, columns, n, precision int }{
		{1, 1, 1, 8}, {1, 70, 1, 8}, {40, 1, 1, 16}, {33, 47, 1, 8}, {33, 47, 3, 8}, {33, 47, 1, 12}, {33, 47, 1, 16}, {20, 30, 3, 16}, {9, 9, 1, 2}, {9, 9, 4, 10},
	} {
		img := Image{Rows: c.rows, Columns: c.columns, Components: c.n, Precision: c.precision, Samples: samples(c.rows, c.columns, c.n, c.precision, 1)}
		enc, err := EncodeLossless(img)
		if err != nil {
			t.Fatal(err)
		}
		h, got, err := Decode(enc, nil, Options{})
		if err != nil || !bytes.Equal(got, img.Samples) {
			t.Errorf("%+v: %v", c, err)
		}
		if h.Rows != c.rows || h.Columns != c.columns || h.Components != c.n || h.Precision != c.precision || !h.Lossless || h.Predictor != 1 {
			t.Errorf("%+v: %+v", c, h)
		}
	}
}

// Extremes of 16 bits: every difference, the one of 32768 among them.
func TestLosslessExtremes(t *testing.T) {
	var s []byte
	for i := range 64 {
		v := []uint16{0, 32768, 0, 65535, 1, 32767, 32768, 65535}[i%8]
		s = append(s, byte(v), byte(v>>8))
	}
	enc, err := EncodeLossless(Image{Rows: 8, Columns: 8, Components: 1, Precision: 16, Samples: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := Decode(enc, nil, Options{}); err != nil || !bytes.Equal(got, s) {
		t.Errorf("%v", err)
	}
}

// Frequencies like Fibonacci's numbers make the deepest codes that there are: none may be longer than 16 bits or all ones.
func TestCodeLengths(t *testing.T) {
	freq := [17]int{}
	a, b := 1, 1
	for i := range freq {
		freq[i] = a
		a, b = b, a+b
	}
	kraft := 0.0
	for _, l := range codeLengths(freq) {
		if l < 1 || l > 16 {
			t.Errorf("a code of %d bits", l)
		}
		kraft += math.Pow(2, -float64(l))
	}
	if kraft >= 1 {
		t.Errorf("no code point is left: %v", kraft)
	}
}

func TestPredictors(t *testing.T) {
	// Ra=10, Rb=20, Rc=14 by table H.1.
	for p, want := range []int32{0, 10, 20, 14, 16, 13, 18, 15} {
		if p > 0 && predict(p, 10, 20, 14) != want {
			t.Errorf("predictor %d: %d, want %d", p, predict(p, 10, 20, 14), want)
		}
	}
}

// stdEncode is an image of the standard library's encoder, which subsamples chroma by two both ways.
func stdEncode(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func picture(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(3, 4))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{byte(x * 3), byte(y * 2), byte(x + y + r.IntN(30)), 255})
		}
	}
	return img
}

// The transform must be that of the standard library's decoder up to rounding: luminance within one level.
func TestAgainstTheStandardLibrary(t *testing.T) {
	for _, size := range [][2]int{{64, 48}, {37, 53}, {8, 8}, {1, 1}, {17, 1}, {3, 200}} {
		src := stdEncode(t, picture(size[0], size[1]), 90)
		ref, err := stdjpeg.Decode(bytes.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		h, got, err := Decode(src, nil, Options{Rows: size[1], Columns: size[0]})
		if err != nil || h.Components != 3 || !h.Subsampled {
			t.Fatalf("%v: %+v, %v", size, h, err)
		}
		_, grey, err := Decode(src, nil, Options{GreyOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		ycc := ref.(*image.YCbCr)
		for y := range size[1] {
			for x := range size[0] {
				want := int(ycc.Y[ycc.YOffset(x, y)])
				at := y*size[0] + x
				if d := int(got[3*at]) - want; d < -1 || d > 1 {
					t.Fatalf("%v at %d,%d: %d, want %d", size, x, y, got[3*at], want)
				}
				if grey[at] != got[3*at] {
					t.Fatalf("%v at %d,%d: grey %d, luminance %d", size, x, y, grey[at], got[3*at])
				}
			}
		}
		// Conversion on the way and afterwards are one.
		_, rgb, err := Decode(src, nil, Options{RGB: true})
		if err != nil {
			t.Fatal(err)
		}
		ToRGB(got)
		if !bytes.Equal(rgb, got) {
			t.Errorf("%v: RGB differs", size)
		}
	}
}

// TestTransform holds the integer transform against the definition (A.3.3) in floating point, on random blocks.
func TestTransform(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for round := range 200 {
		var coeffs [64]int32
		for range 1 + round%64 {
			coeffs[r.IntN(64)] = int32(r.IntN(400) - 200)
		}
		var want [64]float64
		for y := range 8 {
			for x := range 8 {
				for v := range 8 {
					for u := range 8 {
						c := 1.0
						if u == 0 {
							c /= math.Sqrt2
						}
						if v == 0 {
							c /= math.Sqrt2
						}
						want[y*8+x] += c / 4 * float64(coeffs[v*8+u]) * math.Cos(float64(2*x+1)*float64(u)*math.Pi/16) * math.Cos(float64(2*y+1)*float64(v)*math.Pi/16)
					}
				}
			}
		}
		w8, w12 := coeffs, coeffs
		var got8 [64]byte
		var got12 [64]int16
		idct8(&w8, got8[:], 8)
		idct12(&w12, got12[:], 8)
		for k, f := range want {
			if d := math.Abs(float64(got8[k]) - min(max(f+128, 0), 255)); d > 1 {
				t.Fatalf("round %d, sample %d: %d, want %.2f", round, k, got8[k], f+128)
			}
			if d := math.Abs(float64(got12[k]) - min(max(f+2048, 0), 4095)); d > 1 {
				t.Fatalf("round %d, sample %d of 12 bits: %d, want %.2f", round, k, got12[k], f+2048)
			}
		}
	}
	var dc [64]int32
	dc[0] = 80
	var flat, full [64]byte
	flat8(80, flat[:], 8)
	idct8(&dc, full[:], 8)
	if flat != full || flat[0] != 138 {
		t.Errorf("a flat block: %d and %d, want 138", flat[0], full[0])
	}
}

// The triangle filter by hand: 3/4 of the nearer, 1/4 of the farther, rounding alternately down and up.
func TestUpsampling(t *testing.T) {
	var out [8]byte
	triangle1(out[:], []byte{0, 100, 200, 40})
	if want := [8]byte{0, 25, 75, 125, 175, 160, 80, 40}; out != want {
		t.Errorf("%v, want %v", out, want)
	}
	var both [6]byte
	triangle2(both[:], []byte{0, 100, 200}, []byte{0, 100, 200})
	if want := [6]byte{0, 25, 75, 125, 175, 200}; both != want {
		t.Errorf("%v, want %v", both, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := stdEncode(t, picture(40, 30), 80)
	if _, _, err := Decode(good, nil, Options{Rows: 31, Columns: 40}); err == nil {
		t.Error("other dimensions")
	}
	if _, _, err := Decode(good, nil, Options{MaxBytes: 100}); err == nil {
		t.Error("over the limit")
	}
	for n := range len(good) - 2 {
		h, _, err := Decode(good[:n], nil, Options{})
		if err == nil && !h.Truncated && n < len(good)-60 {
			t.Fatalf("cut at %d of %d: nothing said", n, len(good))
		}
	}
	huge := bytes.Clone(good)
	for i := range len(huge) - 8 {
		if huge[i] == 0xFF && huge[i+1] == 0xC0 {
			copy(huge[i+5:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
		}
	}
	if _, _, err := Decode(huge, nil, Options{}); err == nil {
		t.Error("65535×65535 in a few kilobytes")
	}
	lossless, _ := EncodeLossless(Image{Rows: 8, Columns: 8, Components: 1, Precision: 8, Samples: make([]byte, 64)})
	if _, _, err := Decode(lossless[:len(lossless)-4], nil, Options{}); err == nil {
		t.Error("a cut lossless stream")
	}
	for name, img := range map[string]Image{
		"no rows": {Columns: 1, Components: 1, Precision: 8}, "too few samples": {Rows: 2, Columns: 2, Components: 1, Precision: 8, Samples: []byte{1}},
		"17 bits": {Rows: 1, Columns: 1, Components: 1, Precision: 17, Samples: []byte{1, 1}}, "sample too large": {Rows: 1, Columns: 1, Components: 1, Precision: 7, Samples: []byte{128}},
	} {
		if _, err := EncodeLossless(img); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}

func TestPooledDecodersDoNotMix(t *testing.T) {
	a, b := stdEncode(t, picture(64, 48), 95), stdEncode(t, picture(30, 20), 50)
	_, wantA, _ := Decode(a, nil, Options{})
	_, wantB, _ := Decode(b, nil, Options{})
	lossless, _ := EncodeLossless(Image{Rows: 33, Columns: 47, Components: 1, Precision: 12, Samples: samples(33, 47, 1, 12, 2)})
	for range 20 {
		_, gotA, _ := Decode(a, nil, Options{})
		_, _, _ = Decode(lossless, nil, Options{})
		_, gotB, _ := Decode(b, nil, Options{GreyOnly: false})
		if !bytes.Equal(gotA, wantA) || !bytes.Equal(gotB, wantB) {
			t.Fatal("an image depends on the one before")
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(stdEncode(f, picture(20, 20), 80))
	lossless, _ := EncodeLossless(Image{Rows: 9, Columns: 9, Components: 3, Precision: 12, Samples: samples(9, 9, 3, 12, 1)})
	f.Add(lossless)
	names, err := filepath.Glob("testdata/*.jpg") // sequential and progressive, with all kinds of subsampling
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		watchdog := time.AfterFunc(20*time.Second, func() { panic("hangs") })
		defer watchdog.Stop()
		for _, opt := range []Options{{MaxBytes: 1 << 22}, {MaxBytes: 1 << 22, GreyOnly: true}, {MaxBytes: 1 << 22, RGB: true}} {
			h, out, err := Decode(b, nil, opt)
			if err != nil {
				continue
			}
			size := h.Rows * h.Columns * h.Components
			if h.Precision > 8 {
				size *= 2
			}
			if len(out) != size {
				t.Fatalf("%d bytes for %+v", len(out), h)
			}
		}
	})
}
