package phantom

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"
)

// The standard library's decoder reads what the encoder writes: 4:2:2, right size, small error. Odd sizes need their edges padded.
func TestJPEG(t *testing.T) {
	for _, size := range [][2]int{{112, 112}, {37, 51}, {8, 16}, {1, 1}, {9, 17}} {
		h, w := size[0], size[1]
		rgb := make([]uint8, 3*h*w)
		for y := range h {
			for x := range w {
				at := 3 * (y*w + x)
				rgb[at] = uint8(128 + 100*math.Sin(float64(x)/9)*math.Cos(float64(y)/7))
				rgb[at+1] = uint8(128 + 90*math.Sin(float64(x+y)/11))
				rgb[at+2] = uint8(255 * y / h)
			}
		}
		m, err := jpeg.Decode(bytes.NewReader(encodeJPEG(rgb, h, w)))
		if err != nil {
			t.Fatalf("%d×%d: %v", h, w, err)
		}
		ycc, ok := m.(*image.YCbCr)
		if !ok || ycc.SubsampleRatio != image.YCbCrSubsampleRatio422 || m.Bounds().Dx() != w || m.Bounds().Dy() != h {
			t.Fatalf("%d×%d: decoded as %T %v", h, w, m, m.Bounds())
		}
		var worst, sum float64
		for i := range h * w {
			c := color.RGBAModel.Convert(m.At(i%w, i/w)).(color.RGBA)
			for k, v := range [3]uint8{c.R, c.G, c.B} {
				d := float64(v) - float64(rgb[3*i+k])
				sum += d * d
				worst = max(worst, math.Abs(d))
			}
		}
		if psnr := 10 * math.Log10(255*255/(sum/float64(3*h*w))); psnr < 38 {
			t.Errorf("%d×%d: PSNR %.1f dB, worst error %.0f", h, w, psnr, worst)
		}
	}
}

// A constant block has only a DC coefficient. By hand: level 200 is 72 above the middle, times 8 is 576, over the quantiser
// (16·16+50)/100 = 3 is 192; the decoder gives 192·3/8 + 128 = 200.
func TestJPEGConstant(t *testing.T) {
	rgb := bytes.Repeat([]byte{200, 200, 200}, 16*8)
	m, err := jpeg.Decode(bytes.NewReader(encodeJPEG(rgb, 8, 16)))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range m.(*image.YCbCr).Y {
		if v != 200 {
			t.Fatalf("sample %d is %d", i, v)
		}
	}
}

func TestTransformIsTheDCT(t *testing.T) {
	in := [8]float64{3, -7, 40, 12, 0, -30, 5, 9}
	v := make([]float32, 8)
	for i, x := range in {
		v[i] = float32(x)
	}
	transform8(v, 1)
	for k := range 8 {
		var want float64
		for n, x := range in {
			want += x * math.Cos(math.Pi*(float64(n)+0.5)*float64(k)/8)
		}
		// Arai's transform leaves aanScale(k)·√8·… of the orthonormal one; against the plain cosine sum the factor is
		// aanScale(k)·(1 for k = 0, √2 otherwise).
		factor := aanScale(k)
		if k > 0 {
			factor *= math.Sqrt2
		}
		near(t, "coefficient", float64(v[k]), want*factor, 1e-3)
	}
}

func FuzzJPEG(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 0, 9}, uint8(3), uint8(5))
	f.Fuzz(func(t *testing.T, seed []byte, h, w uint8) {
		if len(seed) == 0 || h == 0 || w == 0 || h > 40 || w > 40 {
			return
		}
		rgb := make([]uint8, 3*int(h)*int(w))
		for i := range rgb {
			rgb[i] = seed[i*7%len(seed)]
		}
		m, err := jpeg.Decode(bytes.NewReader(encodeJPEG(rgb, int(h), int(w))))
		if err != nil || m.Bounds().Dx() != int(w) || m.Bounds().Dy() != int(h) {
			t.Fatalf("%d×%d: %v", h, w, err)
		}
	})
}
