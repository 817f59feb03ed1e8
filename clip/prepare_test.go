package clip

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// prepared runs Prepare and fails the test on an error.
func prepared(t testing.TB, c *Clip, in InputSpec, rng *rand.Rand, aug AugmentSpec) []float32 {
	t.Helper()
	s := InputShape(c, in)
	dst := make([]float32, s[0]*s[1]*s[2]*s[3])
	for i := range dst {
		dst[i] = -99 // what was there before must not shine through
	}
	if err := Prepare(c, in, dst, rng, aug, 0); err != nil {
		t.Fatal(err)
	}
	return dst
}

var raw = InputSpec{Normalise: "none"}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 7)) }

func TestPrepareIdentity(t *testing.T) {
	for _, dt := range []DType{Uint8, Int8, Uint16, Int16, Int32, Float32, Float64} {
		for _, ch := range []int{1, 3} {
			c := rampClip(dt, 3, 5, 7, ch)
			got := prepared(t, c, raw, nil, AugmentSpec{})
			want := make([]float64, len(got))
			for i, v := range values(c) {
				want[i%ch*(len(got)/ch)+i/ch] = v // channels first
			}
			near(t, dt.String(), got, want, 0)
		}
	}
}

// Shrinking by a whole number gives the mean of the covered samples, for every sample type alike.
func TestPrepareShrinksByMean(t *testing.T) {
	for _, dt := range []DType{Uint8, Int16, Float32} {
		c := rampClip(dt, 2, 30, 44, 1)
		in := raw
		in.Height, in.Width = 10, 11
		got := prepared(t, c, in, nil, AugmentSpec{})
		v := values(c)
		want := make([]float64, len(got))
		for f := range 2 {
			for y := range 30 {
				for x := range 44 {
					want[(f*10+y/3)*11+x/4] += v[(f*30+y)*44+x] / 12
				}
			}
		}
		near(t, dt.String(), got, want, 1e-4)
	}
}

// The fast path for bytes and the general one must agree for any factor, crop and rotation.
func TestReduceBytesAgrees(t *testing.T) {
	rng := seeded(3)
	for range 60 {
		h, w := 20+rng.IntN(80), 20+rng.IntN(80)
		a := New(Uint8, 1, h, w, 1)
		b := New(Float32, 1, h, w, 1)
		for i := range a.Data {
			a.Data[i] = uint8(rng.UintN(256))
		}
		convertSamples(Samples[float32](b), Samples[uint8](a))
		in := raw
		in.Height, in.Width = 3+rng.IntN(30), 3+rng.IntN(30)
		in.Crop, in.CropSize = "centre", []int{10 + rng.IntN(100), 10 + rng.IntN(100)}
		aug := AugmentSpec{RotateDeg: 30, Scale: []float64{0.7, 1.4}, Translate: 0.1, FlipLR: true}
		seed := rng.Uint64()
		x, y := prepared(t, a, in, seeded(seed), aug), prepared(t, b, in, seeded(seed), aug)
		for i := range x {
			// Outside, bytes are filled with 0 and floats with the least sampled value.
			if d := math.Abs(float64(x[i] - y[i])); d > 1e-3 && x[i] != 0 {
				t.Fatalf("%d×%d to %d×%d: sample %d is %v by bytes, %v by floats", w, h, in.Width, in.Height, i, x[i], y[i])
			}
		}
	}
}

// Any affine sampling reproduces a picture that is linear in x and y, inside it.
func TestPrepareKeepsLinearPictures(t *testing.T) {
	c := New(Float32, 1, 60, 80, 1)
	s := Samples[float32](c)
	for i := range s {
		s[i] = 100 + 2*float32(i%80) - 3*float32(i/80)
	}
	for _, size := range [][2]int{{60, 80}, {15, 20}, {100, 150}, {23, 31}} {
		in := raw
		in.Height, in.Width = size[0], size[1]
		for seed := range uint64(5) {
			aug := AugmentSpec{RotateDeg: 15, Scale: []float64{1.6, 2}, Translate: 0.05}
			got := prepared(t, c, in, seeded(seed), aug)
			// Fit v = a + b·u + c·v' from three pixels and hold all others against it.
			w, h := size[1], size[0]
			at := func(u, v int) float64 { return float64(got[v*w+u]) }
			b := (at(w-1, 0) - at(0, 0)) / float64(w-1)
			d := (at(0, h-1) - at(0, 0)) / float64(h-1)
			for v := range h {
				for u := range w {
					if want := at(0, 0) + b*float64(u) + d*float64(v); math.Abs(at(u, v)-want) > 0.35 {
						t.Fatalf("%v seed %d: pixel %d,%d is %v, want %v", size, seed, u, v, at(u, v), want)
					}
				}
			}
		}
	}
}

// A quarter turn by rotation is the exact one: anticlockwise, the right column becomes the top row.
func TestRotateQuarter(t *testing.T) {
	c := rampClip(Uint8, 1, 5, 5, 1)
	got := Rotate(c, 90)
	for y := range 5 {
		for x := range 5 {
			if got.Data[y*5+x] != c.Data[x*5+4-y] {
				t.Fatalf("pixel %d,%d is %d, want %d", x, y, got.Data[y*5+x], c.Data[x*5+4-y])
			}
		}
	}
}

func TestPrepareFlips(t *testing.T) {
	c := rampClip(Uint8, 2, 4, 6, 1)
	in := InputSpec{Height: 2, Width: 3, Frames: 2, Normalise: "none"}
	plain := prepared(t, c, in, nil, AugmentSpec{})
	for _, f := range []struct {
		aug  AugmentSpec
		axis Axis
	}{{AugmentSpec{FlipLR: true}, Columns}, {AugmentSpec{FlipUD: true}, Rows}, {AugmentSpec{FlipT: true}, Frames}} {
		flipped := prepared(t, Flip(c, f.axis), in, nil, AugmentSpec{})
		var same, other int
		for seed := range uint64(20) {
			got := prepared(t, c, in, seeded(seed), f.aug)
			switch {
			case slices.Equal(got, plain):
				same++
			case slices.Equal(got, flipped):
				other++
			default:
				t.Fatalf("axis %d: neither the clip nor its mirror image", f.axis)
			}
		}
		if same < 3 || other < 3 {
			t.Errorf("axis %d: %d as it is, %d mirrored", f.axis, same, other)
		}
	}
}

// Normalisations of the samples 0, 51, 102, 255, by hand.
func TestNormalise(t *testing.T) {
	c := byteClip(1, 2, 2, 0, 51, 102, 255)
	mean, sd := 0.4, math.Sqrt((0.16+0.04+0+0.36)/4)
	for _, n := range []struct {
		in   InputSpec
		want []float64
	}{
		{InputSpec{}, []float64{0, 0.2, 0.4, 1}},
		{InputSpec{Normalise: "unit"}, []float64{0, 0.2, 0.4, 1}},
		{InputSpec{Normalise: "none"}, []float64{0, 51, 102, 255}},
		{InputSpec{Normalise: "case"}, []float64{-mean / sd, (0.2 - mean) / sd, 0, (1 - mean) / sd}},
		{InputSpec{Normalise: "fixed", Mean: []float64{0.2}, Std: []float64{0.1}}, []float64{-2, 0, 2, 8}},
		{InputSpec{Normalise: "unit", Window: []float64{102, 102}}, []float64{0, 0, 0.5, 1}},
		{InputSpec{Normalise: "percentile"}, []float64{0, (51 - 0.765) / (252.705 - 0.765), (102 - 0.765) / (252.705 - 0.765), 1}},
		{InputSpec{Normalise: "kinetics", Channels: 3}, []float64{
			-0.43216 / 0.22803, (0.2 - 0.43216) / 0.22803, (0.4 - 0.43216) / 0.22803, (1 - 0.43216) / 0.22803,
			-0.394666 / 0.22145, (0.2 - 0.394666) / 0.22145, (0.4 - 0.394666) / 0.22145, (1 - 0.394666) / 0.22145,
			-0.37645 / 0.216989, (0.2 - 0.37645) / 0.216989, (0.4 - 0.37645) / 0.216989, (1 - 0.37645) / 0.216989}},
		{InputSpec{Normalise: "imagenet"}, []float64{-0.485 / 0.229, (0.2 - 0.485) / 0.229, (0.4 - 0.485) / 0.229, (1 - 0.485) / 0.229}},
	} {
		near(t, n.in.Normalise, prepared(t, c, n.in, nil, AugmentSpec{}), n.want, 2e-5)
	}
	flat := byteClip(1, 2, 2, 9, 9, 9, 9)
	near(t, "a constant case", prepared(t, flat, InputSpec{Normalise: "case"}, nil, AugmentSpec{}), []float64{0, 0, 0, 0}, 0)
	near(t, "constant percentiles", prepared(t, flat, InputSpec{Normalise: "percentile"}, nil, AugmentSpec{}), []float64{0, 0, 0, 0}, 0)
}

// The unit range is the type's, or the bits that DICOM says are stored; larger is brighter also for MONOCHROME1.
func TestUnitRange(t *testing.T) {
	one := func(dt DType, p Photometric, bits string, v float32) float64 {
		c := New(dt, 1, 1, 1, 1)
		storeRounded(c, []float32{v})
		c.Photometric = p
		if bits != "" {
			c.Source.Tags = map[string]string{"BitsStored": bits}
		}
		return float64(prepared(t, c, InputSpec{Normalise: "unit"}, nil, AugmentSpec{})[0])
	}
	for _, c := range []struct{ got, want float64 }{
		{one(Uint16, Grey, "", 65535), 1},
		{one(Uint16, Grey, "12", 4095), 1},
		{one(Uint16, Inverse, "12", 4095), 0},
		{one(Uint8, Inverse, "", 51), 0.8},
		{one(Int16, Grey, "", -32768), 0},
		{one(Int8, Grey, "", 127), 1},
		{one(Float32, Grey, "", 7), 7},
		{one(Uint8, Mask, "", 2), 2},
	} {
		if math.Abs(c.got-c.want) > 1e-6 {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}

func TestChannels(t *testing.T) {
	c := New(Uint8, 1, 1, 2, 3)
	c.Photometric = RGB
	copy(c.Data, []uint8{255, 0, 0, 10, 200, 30})
	grey := prepared(t, c, InputSpec{Channels: 1, Normalise: "none"}, nil, AugmentSpec{})
	near(t, "luma", grey, []float64{76, 124}, 0) // 0.299·255 = 76.2; 2.99 + 117.4 + 3.42 = 123.8
	g := byteClip(1, 1, 2, 3, 4)
	near(t, "repeated", prepared(t, g, InputSpec{Channels: 3, Normalise: "none"}, nil, AugmentSpec{}), []float64{3, 4, 3, 4, 3, 4}, 0)
	deep := New(Uint16, 1, 1, 1, 3)
	copy(Samples[uint16](deep), []uint16{1000, 2000, 3000})
	near(t, "deep luma", prepared(t, deep, InputSpec{Channels: 1, Normalise: "none"}, nil, AugmentSpec{}), []float64{299 + 1174 + 342}, 0.01)
}

// A crop that is larger than the clip is padded with the background.
func TestCentreCropAndPad(t *testing.T) {
	c := byteClip(1, 2, 2, 10, 20, 30, 40)
	in := InputSpec{Crop: "centre", CropSize: []int{4, 4}, Height: 4, Width: 4, Normalise: "none"}
	near(t, "padded bytes", prepared(t, c, in, nil, AugmentSpec{}), []float64{0, 0, 0, 0, 0, 10, 20, 0, 0, 30, 40, 0, 0, 0, 0, 0}, 0)
	s := New(Int16, 1, 2, 2, 1)
	copy(Samples[int16](s), []int16{-1000, 20, 30, 40})
	got := prepared(t, s, in, nil, AugmentSpec{})
	if got[0] != -1000 || got[15] != -1000 || got[6] != 20 {
		t.Errorf("signed samples are padded with %v", got[0])
	}
	in.CropSize, in.Height, in.Width = []int{1, 1, 2}, 1, 2
	near(t, "cut", prepared(t, byteClip(3, 2, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), InputSpec{Crop: "centre", CropSize: []int{1, 1, 2}, Frames: 1, Height: 1, Width: 2, Normalise: "none"},
		nil, AugmentSpec{}), []float64{5, 6}, 0)
}

// At a given spacing the middle is cut or padded and nothing is stretched.
func TestSpacingMM(t *testing.T) {
	c := rampClip(Uint8, 4, 6, 6, 1)
	c.Spacing = Spacing{Slice: 2, Row: 0.5, Column: 1}
	in := InputSpec{SpacingMM: []float64{2, 1, 1}, Frames: 4, Height: 3, Width: 4, Normalise: "none"}
	got := prepared(t, c, in, nil, AugmentSpec{})
	for f := range 4 {
		for y := range 3 {
			for x := range 4 {
				want := (float32(c.Data[(f*6+2*y)*6+x+1]) + float32(c.Data[(f*6+2*y+1)*6+x+1])) / 2
				if math.Abs(float64(got[(f*3+y)*4+x]-want)) > 1e-4 {
					t.Fatalf("frame %d pixel %d,%d: %v, want %v", f, x, y, got[(f*3+y)*4+x], want)
				}
			}
		}
	}
}

func TestForeground(t *testing.T) {
	c := New(Uint8, 3, 40, 50, 1)
	c.TimesMS = evenTimes(3, 10)
	for f := range 3 {
		for y := 10; y < 30; y++ {
			for x := 5; x < 45; x++ {
				c.Frame(f)[y*50+x] = 100
			}
		}
	}
	want := Box{0, 3, 10, 30, 5, 45}
	if got := Foreground(c); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	c.Frame(1)[2*50+3] = 255 // a stray speck is not foreground
	if got := Foreground(c); got != want {
		t.Errorf("with a speck: %+v", got)
	}
	stack := Crop(c, Box{-2, 4, 0, 40, 0, 50}, 0)
	stack.TimesMS = nil
	if got := Foreground(stack); got.T0 != 2 || got.T1 != 5 {
		t.Errorf("of a stack: %+v", got)
	}
	if got := Foreground(New(Uint8, 1, 8, 9, 1)); got != (Box{0, 1, 0, 8, 0, 9}) {
		t.Errorf("of nothing: %+v", got)
	}
	dark := New(Uint8, 1, 40, 50, 1)
	dark.Photometric = Inverse
	for i := range dark.Data {
		dark.Data[i] = 255 - c.Data[i]
	}
	if got := Foreground(dark); got != (Box{0, 1, 10, 30, 5, 45}) {
		t.Errorf("of an inverse picture: %+v", got)
	}
	in := InputSpec{Crop: "foreground", Height: 4, Width: 4, Normalise: "none"}
	c.Frame(1)[2*50+3] = 0
	for _, v := range prepared(t, c, in, nil, AugmentSpec{}) {
		if math.Abs(float64(v)-100) > 1e-3 {
			t.Fatalf("a sample of the foreground is %v", v)
		}
	}
}

// Labels are chosen, never mixed.
func TestMaskIsNotInterpolated(t *testing.T) {
	c := rampClip(Uint8, 4, 9, 9, 1)
	for i := range c.Data {
		c.Data[i] = []uint8{0, 7, 200}[int(c.Data[i])%3]
	}
	c.Photometric = Mask
	c.TimesMS = evenTimes(4, 1)
	in := InputSpec{Frames: 6, Height: 5, Width: 13, Normalise: "none"}
	for seed := range uint64(10) {
		for _, v := range prepared(t, c, in, seeded(seed), AugmentSpec{RotateDeg: 45, Scale: []float64{0.5, 2}}) {
			if v != 0 && v != 7 && v != 200 {
				t.Fatalf("label %v", v)
			}
		}
	}
}

// The 48 orders and reflections of a cube: every draw holds the same samples, and all 48 are drawn.
func TestPermute48(t *testing.T) {
	c := New(Uint8, 3, 3, 3, 1)
	for i := range c.Data {
		c.Data[i] = uint8(i)
	}
	seen := map[string]bool{}
	for seed := range uint64(1500) {
		got := prepared(t, c, raw, seeded(seed), AugmentSpec{Permute: true})
		key := make([]byte, 27)
		for i, v := range got {
			key[i] = byte(v)
		}
		if key[13] != 13 {
			t.Fatal("the cube's middle moved")
		}
		sorted := slices.Clone(key)
		slices.Sort(sorted)
		if !slices.Equal(sorted, c.Data) {
			t.Fatal("samples were changed")
		}
		seen[string(key)] = true
	}
	if len(seen) != 48 {
		t.Errorf("%d of 48 orientations", len(seen))
	}
}

// MedMNIST's protocol for shape masks: a factor from U(0, 1) in training, 0.5 in evaluation.
func TestIntensityScale(t *testing.T) {
	c := byteClip(1, 1, 2, 0, 255)
	aug := AugmentSpec{IntensityScale: []float64{0, 1}, EvalScale: 0.5}
	near(t, "evaluation", prepared(t, c, InputSpec{}, nil, aug), []float64{0, 0.5}, 1e-7)
	var sum float64
	for seed := range uint64(400) {
		v := prepared(t, c, InputSpec{}, seeded(seed), aug)
		if v[0] != 0 || v[1] < 0 || v[1] > 1 {
			t.Fatalf("training: %v", v)
		}
		sum += float64(v[1])
	}
	if mean := sum / 400; mean < 0.45 || mean > 0.55 {
		t.Errorf("the factor's mean is %v", mean)
	}
}

func TestIntensityAugmentation(t *testing.T) {
	c := byteClip(1, 1, 3, 0, 51, 255)
	draw := func(aug AugmentSpec) []float32 { return prepared(t, c, InputSpec{}, seeded(5), aug) }
	b := draw(AugmentSpec{Brightness: 0.3})
	near(t, "brightness is a shift", []float32{b[1] - b[0], b[2] - b[0]}, []float64{0.2, 1}, 1e-6)
	if b[0] == 0 || math.Abs(float64(b[0])) > 0.3 {
		t.Errorf("the shift is %v", b[0])
	}
	k := draw(AugmentSpec{Contrast: 0.5})
	if mean := (k[0] + k[1] + k[2]) / 3; math.Abs(float64(mean)-0.4) > 1e-6 {
		t.Errorf("contrast moved the mean to %v", mean)
	}
	if f := float64(k[2] - k[0]); f == 1 || f < 0.5 || f > 1.5 {
		t.Errorf("the contrast is %v", f)
	}
	g := draw(AugmentSpec{Gamma: 0.5})
	if g[0] != 0 || math.Abs(float64(g[2])-1) > 1e-6 || g[1] == 0.2 {
		t.Errorf("gamma: %v", g)
	}
	if e := math.Log(float64(g[1])) / math.Log(0.2); e < 0.49 || e > 1.51 {
		t.Errorf("the exponent is %v", e)
	}
	big := New(Uint8, 4, 50, 50, 1)
	x := prepared(t, big, InputSpec{}, seeded(5), AugmentSpec{Noise: 0.1})
	if m, sd := moments(x); math.Abs(m) > 0.005 || math.Abs(sd-0.1) > 0.005 {
		t.Errorf("noise of mean %v, SD %v", m, sd)
	}
	never := 0
	for seed := range uint64(200) {
		if v := prepared(t, c, InputSpec{}, seeded(seed), AugmentSpec{Brightness: 0.3, Prob: 0.25}); v[0] == 0 {
			never++
		}
	}
	if never < 120 || never > 180 {
		t.Errorf("with probability 0.25, %d of 200 were left alone", never)
	}
}

// Equal streams give equal bytes, whatever the scratch memory held and however many run at once.
func TestPrepareDeterministic(t *testing.T) {
	c := smoothClip(12, 40, 52)
	in := InputSpec{Frames: 8, Height: 16, Width: 16, Channels: 3, Normalise: "percentile"}
	aug := AugmentSpec{FlipLR: true, RotateDeg: 20, Scale: []float64{0.8, 1.2}, Translate: 0.1, Brightness: 0.1, Contrast: 0.1, Gamma: 0.2, Noise: 0.05, TemporalJitter: true}
	want := prepared(t, c, in, seeded(1), aug)
	before := slices.Clone(c.Data)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			dst := make([]float32, len(want))
			other := make([]float32, 3*8*30*30)
			for range 5 {
				if err := Prepare(smoothClip(9, 90, 30+g), InputSpec{Frames: 8, Height: 30, Width: 30, Channels: 3}, other, seeded(uint64(g)), aug, 0); err != nil {
					t.Error(err)
				}
				if err := Prepare(c, in, dst, seeded(1), aug, 0); err != nil || !slices.Equal(dst, want) {
					t.Errorf("another result: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if !slices.Equal(before, c.Data) {
		t.Error("Prepare changed the clip")
	}
	if slices.Equal(want, prepared(t, c, in, seeded(2), aug)) {
		t.Error("two seeds give one result")
	}
}

func TestNotANumber(t *testing.T) {
	c := New(Float32, 1, 2, 2, 1)
	copy(Samples[float32](c), []float32{5, float32(math.NaN()), 7, float32(math.Inf(1))})
	near(t, "holes take the background", prepared(t, c, raw, nil, AugmentSpec{}), []float64{5, 5, 7, 5}, 0)
}

func TestPrepareErrors(t *testing.T) {
	c := smoothClip(4, 8, 8)
	two := rampClip(Uint8, 1, 4, 4, 2)
	for name, e := range map[string]struct {
		c    *Clip
		in   InputSpec
		aug  AugmentSpec
		n    int
		code fault.Code
	}{
		"short buffer":       {c, InputSpec{}, AugmentSpec{}, 5, fault.Usage},
		"unknown crop":       {c, InputSpec{Crop: "left"}, AugmentSpec{}, 256, fault.Usage},
		"crop without size":  {c, InputSpec{Crop: "centre"}, AugmentSpec{}, 256, fault.Usage},
		"unknown normalise":  {c, InputSpec{Normalise: "z"}, AugmentSpec{}, 256, fault.Usage},
		"window of no width": {c, InputSpec{Window: []float64{3, 0}}, AugmentSpec{}, 256, fault.Usage},
		"fixed without std":  {c, InputSpec{Normalise: "fixed", Mean: []float64{1}}, AugmentSpec{}, 256, fault.Usage},
		"fixed, std 0":       {c, InputSpec{Normalise: "fixed", Mean: []float64{1}, Std: []float64{0}}, AugmentSpec{}, 256, fault.Usage},
		"permute of a cine":  {c, InputSpec{}, AugmentSpec{Permute: true}, 256, fault.Usage},
		"two channels":       {two, InputSpec{Channels: 1}, AugmentSpec{}, 16, fault.Input},
	} {
		if err := Prepare(e.c, e.in, make([]float32, e.n), seeded(1), e.aug, 0); fault.CodeOf(err) != e.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuantile(t *testing.T) {
	rng := seeded(9)
	for range 50 {
		x := make([]float32, 1+rng.IntN(200))
		for i := range x {
			x[i] = float32(rng.IntN(30))
		}
		sorted := slices.Clone(x)
		slices.Sort(sorted)
		for _, q := range []float64{0, 0.005, 0.3, 0.5, 0.995, 1} {
			p := q * float64(len(x)-1)
			k := int(p)
			want := float64(sorted[k])
			if k+1 < len(x) {
				want += (float64(sorted[k+1]) - want) * (p - float64(k))
			}
			if got := quantile(slices.Clone(x), q); math.Abs(float64(got)-want) > 1e-4 {
				t.Fatalf("quantile %v of %d: %v, want %v", q, len(x), got, want)
			}
		}
	}
}
