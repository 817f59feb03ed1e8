package jpegls

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

func samples(rows, columns, n, precision int, kind int) []byte {
	r := rand.New(rand.NewPCG(uint64(kind), 7))
	var out []byte
	for y := range rows {
		for x := range columns {
			for c := range n {
				var v int
				switch kind {
				case 0: // flat: run mode
					v = 5 & (1<<precision - 1)
				case 1: // noise
					v = r.IntN(1 << precision)
				case 2: // blocks: runs and their interruptions
					v = (x/7 + y/5 + c) % 3 * ((1<<precision - 1) / 2)
				default:
					v = ((x*3+y*5+c*40)<<precision/600 + r.IntN(1+1<<precision/40)) & (1<<precision - 1)
				}
				out = append(out, byte(v))
				if precision > 8 {
					out = append(out, byte(v>>8))
				}
			}
		}
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct{ rows, columns, n, precision int }{
		{1, 1, 1, 8}, {1, 50, 1, 8}, {50, 1, 1, 8}, {33, 47, 1, 8}, {33, 47, 3, 8}, {33, 47, 1, 12}, {33, 47, 1, 16}, {20, 30, 3, 16}, {9, 9, 1, 2}, {12, 700, 1, 10},
	} {
		for kind := range 4 {
			img := Image{Rows: c.rows, Columns: c.columns, Components: c.n, Precision: c.precision, Samples: samples(c.rows, c.columns, c.n, c.precision, kind)}
			enc, err := Encode(img)
			if err != nil {
				t.Fatal(err)
			}
			h, got, err := Decode(enc, Options{Rows: c.rows, Columns: c.columns})
			if err != nil || !bytes.Equal(got, img.Samples) {
				t.Errorf("%+v, kind %d: %v", c, kind, err)
			}
			if h.Precision != c.precision || h.Components != c.n || h.Near != 0 {
				t.Errorf("%+v", h)
			}
		}
	}
}

// Near-lossless: no sample is off by more than NEAR, and more error takes fewer bytes.
func TestNear(t *testing.T) {
	for _, precision := range []int{8, 12, 16} {
		last := 1 << 30
		for _, near := range []int{0, 1, 3, 10} {
			img := Image{Rows: 40, Columns: 60, Components: 1, Precision: precision, Near: near, Samples: samples(40, 60, 1, precision, 3)}
			enc, err := Encode(img)
			if err != nil {
				t.Fatal(err)
			}
			_, got, err := Decode(enc, Options{})
			if err != nil {
				t.Fatal(err)
			}
			w := 1
			if precision > 8 {
				w = 2
			}
			for i := 0; i < len(got); i += w {
				a, b := int(got[i]), int(img.Samples[i])
				if w == 2 {
					a, b = a|int(got[i+1])<<8, b|int(img.Samples[i+1])<<8
				}
				if a-b > near || b-a > near {
					t.Fatalf("%d bits, near %d: %d became %d", precision, near, b, a)
				}
			}
			if len(enc) > last {
				t.Errorf("%d bits, near %d: %d bytes, more than %d", precision, near, len(enc), last)
			}
			last = len(enc)
		}
	}
}

// The example of annex H.3 of T.87: a 4×4 image of 8 bits and the bytes that the standard prints for it.
func TestExampleOfTheStandard(t *testing.T) {
	img := Image{Rows: 4, Columns: 4, Components: 1, Precision: 8, Samples: []byte{0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145}}
	want := []byte{0xFF, 0xD8, 0xFF, 0xF7, 0x00, 0x0B, 0x08, 0x00, 0x04, 0x00, 0x04, 0x01, 0x01, 0x11, 0x00, 0xFF, 0xDA, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00,
		0xC0, 0x00, 0x00, 0x6C, 0x80, 0x20, 0x8E, 0x01, 0xC0, 0x00, 0x00, 0x57, 0x40, 0x00, 0x00, 0x6E, 0xE6, 0x00, 0x00, 0x01, 0xBC, 0x18, 0x00, 0x00, 0x05, 0xD8, 0x00, 0x00, 0x91, 0x60, 0xFF, 0xD9}
	got, err := Encode(img)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("% X, %v\nwant % X", got, err, want)
	}
	if _, back, err := Decode(want, Options{}); err != nil || !bytes.Equal(back, img.Samples) {
		t.Errorf("%v, %v", back, err)
	}
}

// Default thresholds of table C.3 for 8 bits, lossless, and those worked by hand for 12 bits.
func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		precision, near int
		want            preset
	}{
		{8, 0, preset{255, 3, 7, 21, 64}}, {12, 0, preset{4095, 18, 67, 276, 64}}, {16, 0, preset{65535, 18, 67, 276, 64}}, {8, 3, preset{255, 12, 22, 42, 64}},
	} {
		if got, err := (preset{}).defaults(c.precision, c.near); err != nil || got != c.want {
			t.Errorf("%d bits, near %d: %+v, %v", c.precision, c.near, got, err)
		}
	}
	for _, p := range []preset{{maxval: 256}, {t1: 200, t2: 100}, {reset: 2}, {t3: 300}} {
		if _, err := p.defaults(8, 0); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	if _, err := (preset{}).defaults(8, 128); err == nil {
		t.Error("near 128 of 255")
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, _ := Encode(Image{Rows: 20, Columns: 20, Components: 1, Precision: 8, Samples: samples(20, 20, 1, 8, 1)})
	if _, _, err := Decode(good, Options{Rows: 21}); err == nil {
		t.Error("other dimensions")
	}
	if _, _, err := Decode(good, Options{MaxBytes: 10}); err == nil {
		t.Error("over the limit")
	}
	for n := range len(good) - 6 {
		if _, _, err := Decode(good[:n], Options{}); err == nil {
			t.Fatalf("cut at %d of %d", n, len(good))
		}
	}
	huge := bytes.Clone(good)
	copy(huge[7:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
	if _, _, err := Decode(huge, Options{}); err == nil {
		t.Error("65535×65535 in 400 bytes")
	}
	for name, img := range map[string]Image{
		"no rows": {Columns: 1, Components: 1, Precision: 8}, "17 bits": {Rows: 1, Columns: 1, Components: 1, Precision: 17, Samples: []byte{1, 2}},
		"too few": {Rows: 2, Columns: 2, Components: 1, Precision: 8}, "too large": {Rows: 1, Columns: 1, Components: 1, Precision: 7, Samples: []byte{200}},
	} {
		if _, err := Encode(img); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for kind := range 4 {
		b, _ := Encode(Image{Rows: 9, Columns: 11, Components: 1 + kind%2*2, Precision: 8 + kind%2*4, Samples: samples(9, 11, 1+kind%2*2, 8+kind%2*4, kind)})
		f.Add(b)
		b, _ = Encode(Image{Rows: 9, Columns: 11, Components: 1, Precision: 8, Near: 1 + kind, Samples: samples(9, 11, 1, 8, kind)})
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		watchdog := time.AfterFunc(20*time.Second, func() { panic("hangs") })
		defer watchdog.Stop()
		h, out, err := Decode(b, Options{MaxBytes: 1 << 22})
		if err != nil {
			return
		}
		size := h.Rows * h.Columns * h.Components
		if h.Precision > 8 {
			size *= 2
		}
		if len(out) != size {
			t.Fatalf("%d bytes for %+v", len(out), h)
		}
	})
}
