package clip

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// flowing is a clip [T, 40, 48] of a texture that moves by (2, −1) pixels a frame.
func flowing(dt DType, t int) *Clip {
	f := pattern()
	c := New(dt, t, 40, 48, 1)
	values := make([]float32, len(c.Data)/dt.Size())
	for i := range values {
		frame, y, x := i/(40*48), i/48%40, i%48
		values[i] = float32(128 + 20*f(float64(x-2*frame), float64(y+frame)))
	}
	storeRounded(c, values)
	return c
}

func flowSpec() InputSpec {
	return InputSpec{Frames: 4, Height: 40, Width: 48, Channels: 1, Normalise: "unit", Flow: true, Working: true}
}

// medianOf is the middle value of a plane, its border aside.
func medianOf(t *testing.T, x []float32, w, h int) float64 {
	t.Helper()
	var sum, n float64
	for y := 8; y < h-8; y++ {
		for i := 8; i < w-8; i++ {
			sum, n = sum+float64(x[y*w+i]), n+1
		}
	}
	return sum / n
}

// TestFlowInput: an input with flow is the picture, as without, and two channels with what moves, whatever the stored type; mirrored, the
// flow points the other way; changes of intensity leave it as it is.
func TestFlowInput(t *testing.T) {
	for _, dt := range []DType{Uint8, Int16, Uint16, Float32} {
		c, in := flowing(dt, 4), flowSpec()
		const plane = 40 * 48
		with, without := make([]float32, 3*4*plane), make([]float32, 4*plane)
		if err := Prepare(c, in, with, nil, AugmentSpec{}, 0); err != nil {
			t.Fatal(err)
		}
		if err := Prepare(c, in.picture(), without, nil, AugmentSpec{}, 0); err != nil {
			t.Fatal(err)
		}
		for i, v := range without {
			if with[i] != v {
				t.Fatalf("%v: flow changed the picture", dt)
			}
		}
		for frame := range 4 {
			u, v := with[(4+frame)*plane:][:plane], with[(8+frame)*plane:][:plane]
			if a, b := medianOf(t, u, 48, 40), medianOf(t, v, 48, 40); math.Abs(a-2) > 0.15 || math.Abs(b+1) > 0.15 {
				t.Errorf("%v, frame %d: flow (%.2f, %.2f), want (2, -1)", dt, frame, a, b)
			}
		}
		aug := AugmentSpec{FlipLR: true, FlipUD: true, Brightness: 0.3, Contrast: 0.3, Noise: 0.1}
		seen := map[[2]bool]bool{}
		for n := range 40 {
			x := make([]float32, len(with))
			if err := Prepare(c, in, x, stats.Seed(1).Stream("mirror", n), aug, 0); err != nil {
				t.Fatal(err)
			}
			u, v := medianOf(t, x[4*plane:][:plane], 48, 40), medianOf(t, x[8*plane:][:plane], 48, 40)
			if math.Abs(math.Abs(u)-2) > 0.15 || math.Abs(math.Abs(v)-1) > 0.15 {
				t.Fatalf("%v: flow (%.2f, %.2f) after augmentation", dt, u, v)
			}
			seen[[2]bool{u < 0, v > 0}] = true
		}
		if len(seen) != 4 {
			t.Errorf("%v: %d of 4 mirrorings seen", dt, len(seen))
		}
	}
}

// TestFlowOfStills: one frame, and one frame shown again and again, do not move.
func TestFlowOfStills(t *testing.T) {
	for _, frames := range []int{1, 3} {
		in := flowSpec()
		in.Frames, in.Channels = frames, 3
		x := make([]float32, 5*frames*40*48)
		if err := Prepare(flowing(Uint8, 1), in, x, nil, AugmentSpec{}, 0); err != nil {
			t.Fatal(err)
		}
		for i, v := range x[3*frames*40*48:] {
			if v != 0 {
				t.Fatalf("%d frames: displacement %d is %v", frames, i, v)
			}
		}
	}
}

// TestFlowEvalClips: each of a study's evaluation clips has the flow of its own frames.
func TestFlowEvalClips(t *testing.T) {
	in := flowSpec()
	in.EvalClips, in.FrameStep, in.Frames = 3, 1, 2
	c := flowing(Uint8, 8)
	w, err := Working(c, in, AugmentSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if w.T != 6 || w.C != 3 {
		t.Fatalf("a working clip of %d frames with %d channels", w.T, w.C)
	}
	for k := range 3 {
		x := make([]float32, 3*2*40*48)
		if err := PrepareWorking(w, in, x, nil, AugmentSpec{}, k); err != nil {
			t.Fatal(err)
		}
		if u := medianOf(t, x[2*40*48:][:40*48], 48, 40); math.Abs(u-2) > 0.15 {
			t.Errorf("clip %d: flow %.2f, want 2", k, u)
		}
	}
}

func TestFlowRefusals(t *testing.T) {
	c := flowing(Uint8, 4)
	for name, change := range map[string]func(in *InputSpec, aug *AugmentSpec){
		"not a working clip": func(in *InputSpec, _ *AugmentSpec) { in.Working = false },
		"backwards":          func(_ *InputSpec, aug *AugmentSpec) { aug.FlipT = true },
		"turned":             func(_ *InputSpec, aug *AugmentSpec) { aug.RotateDeg = 5 },
	} {
		in, aug := flowSpec(), AugmentSpec{}
		change(&in, &aug)
		if err := Prepare(c, in, make([]float32, 3*4*40*48), nil, aug, 0); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Prepare(c, flowSpec(), make([]float32, 7), nil, AugmentSpec{}, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("too few places: %v", err)
	}
	if err := PrepareWorking(c, flowSpec(), make([]float32, 3*4*40*48), nil, AugmentSpec{}, 0); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a working clip without flow: %v", err)
	}
}
