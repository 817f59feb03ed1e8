package clip

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// ramp is a clip whose samples are all different in a known way.
func ramp(dt DType, t, h, w, c int) *Clip {
	out := New(dt, t, h, w, c)
	x := make([]float32, t*h*w*c)
	for i := range x {
		x[i] = float32((i*7 + i/13) % 251)
	}
	storeRounded(out, x)
	out.Photometric = Grey
	if c == 3 {
		out.Photometric = RGB
	}
	out.TimesMS = evenTimes(t, 30)
	return out
}

// TestWorkingByHand: a 1-frame 2×4 clip to 1×2: means of 2×2 boxes, rounded half up: (1+2+5+6)/4 = 3.5 → 4, (3+4+7+8)/4 = 5.5 → 6.
func TestWorkingByHand(t *testing.T) {
	c := New(Uint8, 1, 2, 4, 1)
	copy(c.Data, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	in := InputSpec{Frames: 1, Height: 1, Width: 2, Channels: 1, Normalise: "none"}
	w, err := Working(c, in, AugmentSpec{FlipLR: true})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]byte{4, 6}, w.Data); d != "" {
		t.Error(d)
	}
	dst := make([]float32, 2)
	if err := PrepareWorking(w, in, dst, nil, AugmentSpec{}, 0); err != nil || dst[0] != 4 || dst[1] != 6 {
		t.Errorf("%v %v", dst, err)
	}
	in.Working = true
	if err := Prepare(c, in, dst, nil, AugmentSpec{}, 0); err != nil || dst[0] != 4 || dst[1] != 6 {
		t.Errorf("through Prepare: %v %v", dst, err)
	}
}

// TestWorkingEqualsPrepare: every type, channel count, normalisation and mirroring gives what the one-pass Prepare gives, up to the
// rounding to the stored type, and the random stream stands where Prepare leaves it.
func TestWorkingEqualsPrepare(t *testing.T) {
	for _, dt := range []DType{Uint8, Int8, Uint16, Int16, Int32, Float32, Float64} {
		for _, ch := range [][2]int{{1, 1}, {1, 3}, {3, 1}, {3, 3}} {
			for _, how := range []string{"none", "unit", "kinetics", "imagenet", "fixed", "case", "percentile"} {
				if ch[0] == 3 && dt != Uint8 && ch[1] == 1 {
					continue // only bytes hold colour that is turned to grey
				}
				t.Run(fmt.Sprint(dt, ch, how), func(t *testing.T) {
					c := ramp(dt, 7, 12, 20, ch[0])
					in := InputSpec{Frames: 4, Height: 6, Width: 10, Channels: ch[1], Normalise: how, Mean: []float64{0.2}, Std: []float64{0.5}, EvalClips: 2}
					aug := AugmentSpec{FlipLR: true, FlipUD: true, FlipT: true, Brightness: 0.1, Prob: 0.7, Scale: []float64{1, 1}}
					w, err := Working(c, in, aug)
					if err != nil {
						t.Fatal(err)
					}
					n := in.Frames * in.Height * in.Width * ch[1]
					for seed := range stats.Seed(12) {
						a, b := make([]float32, n), make([]float32, n)
						ra, rb := seed.Stream("x"), seed.Stream("x")
						if err := Prepare(c, in, a, ra, aug, 0); err != nil {
							t.Fatal(err)
						}
						if err := PrepareWorking(w, in, b, rb, aug, 0); err != nil {
							t.Fatal(err)
						}
						if ra.Uint64() != rb.Uint64() {
							t.Fatal("the streams part")
						}
						withinRounding(t, c, how, a, b)
					}
					for k := range 2 {
						a, b := make([]float32, n), make([]float32, n)
						if err := Prepare(c, in, a, nil, AugmentSpec{}, k); err != nil {
							t.Fatal(err)
						}
						if err := PrepareWorking(w, in, b, nil, AugmentSpec{}, k); err != nil {
							t.Fatal(err)
						}
						withinRounding(t, c, how, a, b)
					}
				})
			}
		}
	}
}

// withinRounding allows for half a stored step, in the units of the normalisation.
func withinRounding(t *testing.T, c *Clip, how string, a, b []float32) {
	t.Helper()
	step := 0.5
	if c.DType == Float32 || c.DType == Float64 {
		step = 1e-4
	}
	lo, hi, ok := unitRange(c)
	switch how {
	case "unit":
		step /= hi - lo
	case "kinetics", "imagenet", "fixed":
		step /= (hi - lo) * 0.2
	case "case", "percentile":
		step /= 15 // the ramp's spread is larger
	}
	if !ok && how != "none" && how != "case" && how != "percentile" {
		step = max(step, 1e-3)*5 + 2.5
	}
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > step*1.02+1e-5 {
			t.Fatalf("%v %s: sample %d is %v, not %v within %v", c.DType, how, i, b[i], a[i], step)
		}
	}
}

func TestWorkingOutsideAndErrors(t *testing.T) {
	c := ramp(Uint8, 2, 4, 4, 1)
	in := InputSpec{Frames: 2, Height: 8, Width: 8, Channels: 1, Crop: "centre", CropSize: []int{8, 8}, Normalise: "none", Working: true}
	w, err := Working(c, in, AugmentSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if w.Data[0] != 0 || w.Data[2*8+2] != c.Data[0] {
		t.Errorf("outside is %d, inside %d", w.Data[0], w.Data[2*8+2])
	}
	for _, aug := range []AugmentSpec{{RotateDeg: 1}, {Scale: []float64{0.9, 1}}, {Translate: 0.1}, {Permute: true}, {TemporalJitter: true}} {
		if !MovesSamples(aug) {
			t.Errorf("%+v moves samples", aug)
		}
		if err := Prepare(c, in, make([]float32, 128), stats.Seed(1).Stream("x"), aug, 0); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", aug, err)
		}
	}
	if MovesSamples(AugmentSpec{FlipLR: true, Noise: 1, Scale: []float64{1, 1}}) {
		t.Error("mirroring moves no samples")
	}
	for _, bad := range []InputSpec{{}, {Frames: 2, Height: 8, Width: 8, Channels: 1, EvalClips: -1}, {Frames: 2, Height: 8, Width: 8, Channels: 1, Crop: "moon"}} {
		if _, err := Working(c, bad, AugmentSpec{}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := Working(ramp(Uint8, 1, 2, 2, 3), InputSpec{Frames: 1, Height: 2, Width: 2, Channels: 2}, AugmentSpec{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("three channels for two: %v", err)
	}
	if err := PrepareWorking(c, in, make([]float32, 128), nil, AugmentSpec{}, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a clip of another size: %v", err)
	}
	if err := PrepareWorking(w, in, make([]float32, 127), nil, AugmentSpec{}, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("too small a place: %v", err)
	}
	if err := PrepareWorking(w, in, make([]float32, 128), nil, AugmentSpec{}, 1); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no such clip: %v", err)
	}
	in.Normalise = "odd"
	if err := PrepareWorking(w, in, make([]float32, 128), nil, AugmentSpec{}, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
}

func TestSameFramesAreSampledOnce(t *testing.T) {
	c := ramp(Uint8, 3, 4, 4, 1)
	in := InputSpec{Frames: 7, Height: 2, Width: 2, Channels: 1, Normalise: "none"}
	x := make([]float32, 7*4)
	if err := Prepare(c, in, x, nil, AugmentSpec{}, 0); err != nil {
		t.Fatal(err)
	}
	for i, f := range UniformFrames(3, 7) {
		one, err := SelectFrames(c, []int{f})
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, 4)
		in1 := in
		in1.Frames = 1
		if err := Prepare(one, in1, want, nil, AugmentSpec{}, 0); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, x[4*i:4*i+4]); d != "" {
			t.Errorf("frame %d: %s", i, d)
		}
	}
}
