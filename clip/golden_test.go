package clip

import (
	"slices"
	"strings"
	"testing"
)

// floatClip is a grey float clip of the given values.
func floatClip(t, h, w int, v []float64) *Clip {
	c := New(Float32, t, h, w, 1)
	convertSamples(Samples[float32](c), v)
	return c
}

// OpenCV (bilinear, area) and SciPy (map_coordinates) resample one picture as we do: to 0.02 levels of 255 where the interpolation is the
// same, which for shrinking it is at whole factors.
func TestResampleGolden(t *testing.T) {
	g := golden(t).Resample
	src := floatClip(1, 24, 36, g.Source)
	for _, c := range g.Cases {
		got := src
		switch {
		case strings.HasPrefix(c.Name, "similarity"):
			got = similarity(src, c.Deg, c.Zoom, c.DX, c.DY)
		default:
			got = Resize(src, 1, c.H, c.W)
		}
		near(t, c.Name, values(got), c.Values, 0.02)
	}
}

// Bytes are resampled as floats are, and rounded.
func TestResampleBytes(t *testing.T) {
	g := golden(t).Resample
	src := New(Uint8, 1, 24, 36, 1)
	convertSamples(src.Data, g.Source)
	for _, c := range g.Cases {
		if strings.HasPrefix(c.Name, "similarity") {
			continue // outside, bytes are 0 and floats the least value
		}
		near(t, c.Name, values(Resize(src, 1, c.H, c.W)), c.Values, 0.53)
	}
}

// Permuted axes are sampled through strides: the result must be that of permuting first.
func TestResampleThroughStrides(t *testing.T) {
	c := rampClip(Uint8, 9, 12, 20, 1)
	for _, axes := range [][3]Axis{{Frames, Rows, Columns}, {Rows, Columns, Frames}, {Columns, Frames, Rows}, {Frames, Columns, Rows}, {Rows, Frames, Columns}, {Columns, Rows, Frames}} {
		p, err := Permute(c, axes)
		if err != nil {
			t.Fatal(err)
		}
		in := InputSpec{Frames: 5, Height: 4, Width: 6, Normalise: "none"}
		want := prepared(t, p, in, nil, AugmentSpec{})
		g := drawGeometry(p, Box{T1: p.T, Y1: p.H, X1: p.W}, in, [4]int{1, 5, 4, 6}, nil, AugmentSpec{}, 0)
		g.axes = [3]int{int(axes[0]), int(axes[1]), int(axes[2])}
		got := make([]float32, len(want))
		sampleClip(new(sampler), c, g, [4]int{1, 5, 4, 6}, got)
		near(t, "strides", got, want, 1e-3)
	}
}

func TestNormaliseGolden(t *testing.T) {
	g := golden(t).Normalise
	src := floatClip(6, 5, 7, g.Source)
	for how, want := range map[string][]float64{"percentile": g.Percentile, "case": g.Case} {
		c, err := Normalise(src, how, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, how, values(c), want, 1e-5)
	}
	near(t, "SciPy's zoom by 2", values(Resize(src, 12, 10, 14)), g.Zoomed, 1e-4)
}

// Doubling a stack and halving it again gives it back, nearly: linear weights 3/4 and 1/4, averaged in pairs.
func TestResizeThereAndBack(t *testing.T) {
	c := floatClip(4, 6, 8, slices.Repeat([]float64{3, 4, 5, 6}, 48))
	back := Resize(Resize(c, 8, 12, 16), 4, 6, 8)
	for i, v := range values(back) {
		if x := i % 8; x == 0 || x == 7 {
			continue
		}
		near1 := func(k int) float64 { return values(c)[i+k] }
		want := (near1(-1) + 6*near1(0) + near1(1)) / 8
		if d := v - want; d > 1e-4 || d < -1e-4 {
			t.Fatalf("sample %d is %v, want %v", i, v, want)
		}
	}
}

// What two chains of transforms share must come out alike: the order of a crop and a flip, a flip and a turn, does not matter when each is
// mirrored in turn.
func TestTransformsCommute(t *testing.T) {
	c := rampClip(Float32, 3, 9, 11, 1)
	a := Flip(Crop(c, Box{0, 3, 1, 7, 2, 10}, 0), Columns)
	b := Crop(Flip(c, Columns), Box{0, 3, 1, 7, 1, 9}, 0)
	near(t, "crop and flip", values(a), values(b), 0)
	near(t, "turn and mirror", values(Flip(Rotate(c, 30), Columns)), values(Rotate(Flip(c, Columns), -30)), 1e-3)
	near(t, "two half turns", values(Rotate(Rotate(c, 180), 180)), values(c), 1e-3)
	near(t, "a half turn is two flips", values(Rotate(c, 180)), values(Flip(Flip(c, Rows), Columns)), 1e-3)
	near(t, "there and back", values(Crop(Translate(Translate(c, 2, -1), -2, 1), Box{0, 3, 2, 8, 2, 8}, 0)), values(Crop(c, Box{0, 3, 2, 8, 2, 8}, 0)), 1e-3)
	all, err := SelectFrames(c, []int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "all frames", values(all), values(c), 0)
	p, err := Permute(c, [3]Axis{Columns, Frames, Rows})
	if err != nil {
		t.Fatal(err)
	}
	q, err := Permute(p, [3]Axis{Rows, Columns, Frames})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "a permutation undone", values(q), values(c), 0)
}

// In training the network sees what evaluation sees when nothing is to be changed at random.
func TestTrainingWithoutAugmentationIsEvaluation(t *testing.T) {
	for _, c := range []*Clip{smoothClip(20, 33, 41), rampClip(Int16, 7, 20, 22, 1), rampClip(Uint8, 5, 17, 13, 3)} {
		for _, in := range []InputSpec{
			{Frames: 8, Height: 16, Width: 16, Channels: 1, Normalise: "unit"},
			{Frames: 4, Height: 30, Width: 50, Channels: 3, Normalise: "kinetics", FrameStep: 2},
			{Frames: 4, Height: 12, Width: 12, Channels: 1, Normalise: "percentile", Crop: "foreground"},
			{Frames: 2, Height: 9, Width: 9, Channels: 1, Normalise: "case", Crop: "centre", CropSize: []int{10, 40}},
		} {
			got := prepared(t, c, in, seeded(1), AugmentSpec{})
			near(t, in.Normalise, got, prepared(t, c, in, nil, AugmentSpec{}), 0)
		}
	}
}

// A clip read coarser by the factor at which it was enlarged is the clip: the network's input does not depend on the scanner's matrix.
func TestInputDoesNotDependOnMatrix(t *testing.T) {
	small := smoothClip(6, 16, 24)
	for _, k := range []int{2, 3, 5} {
		large := New(Uint8, 6, 16*k, 24*k, 1)
		large.TimesMS = small.TimesMS
		for i := range large.Data {
			f, y, x := i/(large.H*large.W), i/large.W%large.H, i%large.W
			large.Data[i] = small.Data[(f*16+y/k)*24+x/k]
		}
		in := InputSpec{Frames: 3, Height: 16, Width: 24, Channels: 1, Normalise: "unit"}
		near(t, "matrix", prepared(t, large, in, nil, AugmentSpec{}), prepared(t, small, in, nil, AugmentSpec{}), 1e-5)
		aug := AugmentSpec{FlipLR: true, FlipUD: true, Translate: 0.1}
		got, want := prepared(t, large, in, seeded(2), aug), prepared(t, small, in, seeded(2), aug)
		var sum float64
		for i := range got {
			d := float64(got[i] - want[i])
			sum += d * d
		}
		if rms := sum / float64(len(got)); rms > 0.02*0.02 && k < 5 {
			t.Errorf("factor %d: mean square difference %v", k, rms)
		}
	}
}

// Evaluation clips of one study differ and each is the same every time; the first frame of clip k comes before that of clip k+1.
func TestEvaluationClips(t *testing.T) {
	c := smoothClip(60, 8, 8)
	for i := range c.Data {
		c.Data[i] = uint8(i / 64 * 4) // the value tells the frame
	}
	in := InputSpec{Frames: 8, Height: 4, Width: 4, Channels: 1, FrameStep: 2, EvalClips: 4, Normalise: "none"}
	last := float32(-1)
	for k := range EvalClipCount(c, in) {
		dst, again := make([]float32, 8*16), make([]float32, 8*16)
		if err := Prepare(c, in, dst, nil, AugmentSpec{}, k); err != nil {
			t.Fatal(err)
		}
		if err := Prepare(c, in, again, nil, AugmentSpec{}, k); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(dst, again) {
			t.Errorf("clip %d is not the same twice", k)
		}
		if dst[0] <= last {
			t.Errorf("clip %d begins at frame %v, the one before at %v", k, dst[0]/4, last/4)
		}
		for f := 1; f < 8; f++ {
			if dst[f*16]-dst[(f-1)*16] != 8 {
				t.Errorf("clip %d: frames %v and %v", k, dst[(f-1)*16]/4, dst[f*16]/4)
			}
		}
		last = dst[0]
	}
	if last != 45*4 {
		t.Errorf("the last clip begins at frame %v, not 45", last/4)
	}
}
