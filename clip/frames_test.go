package clip

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// picks is the single frame of each mix, -1 where there is none or several.
func picks(mixes []frameMix) []int {
	out := make([]int, len(mixes))
	for i, m := range mixes {
		out[i] = -1
		if len(m.frames) == 1 {
			out[i] = m.frames[0]
		}
	}
	return out
}

func TestPlanFrames(t *testing.T) {
	cine := &Clip{T: 10, TimesMS: evenTimes(10, 40)}
	uneven := &Clip{T: 6, TimesMS: []float64{0, 10, 20, 100, 110, 200}}
	for _, c := range []struct {
		name  string
		c     *Clip
		n     int
		in    InputSpec
		k, of int
		want  []int
	}{
		{"spread, fewer", cine, 5, InputSpec{}, 0, 1, []int{1, 3, 5, 7, 9}},
		{"spread, equal", cine, 10, InputSpec{}, 0, 1, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"spread, more", cine, 20, InputSpec{}, 0, 1, []int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9}},
		{"spread, first of two clips", cine, 5, InputSpec{}, 0, 2, []int{0, 2, 4, 6, 8}},
		{"spread, second of two clips", cine, 5, InputSpec{}, 1, 2, []int{1, 3, 5, 7, 9}},
		{"step 2 in the middle", cine, 4, InputSpec{FrameStep: 2}, 0, 1, []int{1, 3, 5, 7}},
		{"step 2, first of three", cine, 3, InputSpec{FrameStep: 2}, 0, 3, []int{0, 2, 4}},
		{"step 2, last of three", cine, 3, InputSpec{FrameStep: 2}, 2, 3, []int{5, 7, 9}},
		{"step 3, loops", cine, 6, InputSpec{FrameStep: 3}, 0, 1, []int{0, 3, 6, 9, 2, 5}},
		{"every 80 ms", cine, 4, InputSpec{FrameMS: 80}, 0, 1, []int{1, 3, 5, 7}},
		{"every 80 ms, first", cine, 4, InputSpec{FrameMS: 80}, 0, 2, []int{0, 2, 4, 6}},
		{"nearest in uneven time", uneven, 3, InputSpec{FrameMS: 100}, 0, 2, []int{0, 3, 5}},
		{"a step on an unknown time base falls back", &Clip{T: 4}, 4, InputSpec{FrameMS: 40}, 0, 1, []int{0, 1, 2, 3}},
	} {
		got := picks(planFrames(c.c, 0, c.c.T, c.n, c.in, nil, false, c.k, c.of))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := picks(planFrames(cine, 2, 6, 4, InputSpec{}, nil, false, 0, 1)); !slices.Equal(got, []int{2, 3, 4, 5}) {
		t.Errorf("frames 2 to 5: %v", got)
	}
}

// A stack is interpolated when it grows and averaged when it shrinks; every weight by hand.
func TestPlanStack(t *testing.T) {
	got := planFrames(&Clip{T: 4}, 0, 4, 2, InputSpec{}, nil, false, 0, 1)
	want := []frameMix{{[]int{0, 1}, []float32{0.5, 0.5}}, {[]int{2, 3}, []float32{0.5, 0.5}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("4 to 2: %v", got)
	}
	got = planFrames(&Clip{T: 3}, 0, 3, 2, InputSpec{}, nil, false, 0, 1)
	for i, w := range [][]float32{{2. / 3, 1. / 3}, {1. / 3, 2. / 3}} {
		near(t, "3 to 2", got[i].weights, w, 1e-6)
	}
	got = planFrames(&Clip{T: 2}, 0, 2, 4, InputSpec{}, nil, false, 0, 1)
	want = []frameMix{single(0), {[]int{0, 1}, []float32{0.75, 0.25}}, {[]int{0, 1}, []float32{0.25, 0.75}}, single(1)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("2 to 4: %v", got)
	}
	// Slices 2 mm apart read every 4 mm: 3 of them about the middle of 10, so from slice 0 (empty before it) on.
	stack := &Clip{T: 10, Spacing: Spacing{Slice: 2}}
	got = planFrames(stack, 0, 10, 7, InputSpec{SpacingMM: []float64{4, 1, 1}}, nil, false, 0, 1)
	if len(got[0].frames) != 0 || len(got[6].frames) != 0 || !reflect.DeepEqual(got[1], frameMix{[]int{0, 1}, []float32{0.5, 0.5}}) {
		t.Errorf("at 4 mm: %v", got)
	}
}

// Jitter stays inside the clip, differs between draws, and is the same for the same stream.
func TestTemporalJitter(t *testing.T) {
	cine := &Clip{T: 40, TimesMS: evenTimes(40, 20)}
	for _, in := range []InputSpec{{}, {FrameStep: 2}, {FrameMS: 40}} {
		seen := map[string]bool{}
		for seed := range uint64(40) {
			draw := func() []int {
				return picks(planFrames(cine, 0, 40, 8, in, rand.New(rand.NewPCG(seed, 1)), true, 0, 1))
			}
			a := draw()
			if !slices.Equal(a, draw()) {
				t.Fatal("two draws from one stream differ")
			}
			for i, f := range a {
				if f < 0 || f >= 40 || i > 0 && f <= a[i-1] {
					t.Fatalf("%+v: frames %v", in, a)
				}
			}
			key := ""
			for _, f := range a {
				key += string(rune('A' + f))
			}
			seen[key] = true
		}
		if len(seen) < 20 {
			t.Errorf("%+v: only %d different draws of 40", in, len(seen))
		}
	}
}

func TestEvalClipCount(t *testing.T) {
	cine := &Clip{T: 100, TimesMS: evenTimes(100, 20)}
	for _, c := range []struct {
		in   InputSpec
		want int
	}{
		{InputSpec{Frames: 16}, 1},
		{InputSpec{Frames: 16, EvalClips: 5}, 5},
		{InputSpec{Frames: 16, EvalClips: -1}, 7},
		{InputSpec{Frames: 16, FrameStep: 2, EvalClips: -1}, 4},
		{InputSpec{Frames: 10, FrameMS: 100, EvalClips: -1}, 2},
		{InputSpec{Frames: 200, EvalClips: -1}, 1},
	} {
		if got := EvalClipCount(cine, c.in); got != c.want {
			t.Errorf("%+v: %d, want %d", c.in, got, c.want)
		}
	}
	// Exhaustive clips show every frame at least once.
	in := InputSpec{Frames: 16, EvalClips: -1}
	seen := map[int]bool{}
	n := EvalClipCount(cine, in)
	for k := range n {
		for _, f := range picks(planFrames(cine, 0, 100, 16, in, nil, false, k, n)) {
			seen[f] = true
		}
	}
	if len(seen) != 100 {
		t.Errorf("exhaustive clips show %d of 100 frames", len(seen))
	}
}

func TestFrameSampling(t *testing.T) {
	if got := UniformFrames(9, 3); !slices.Equal(got, []int{1, 4, 7}) {
		t.Errorf("uniform: %v", got)
	}
	if got := UniformFrames(2, 4); !slices.Equal(got, []int{0, 0, 1, 1}) {
		t.Errorf("uniform, more than there are: %v", got)
	}
	want := [][]int{{0, 2, 4}, {2, 4, 6}, {3, 5, 7}}
	if got := ExhaustiveFrames(8, 3, 2, 2); !reflect.DeepEqual(got, want) {
		t.Errorf("exhaustive: %v", got)
	}
	if got := ExhaustiveFrames(4, 3, 2, 1); !reflect.DeepEqual(got, [][]int{{0, 2, 0}}) {
		t.Errorf("exhaustive of a short clip: %v", got)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	starts := map[int]bool{}
	for range 200 {
		f := RandomFrames(10, 3, 2, rng)
		if f[1] != f[0]+2 || f[2] != f[0]+4 || f[2] > 9 {
			t.Fatalf("random: %v", f)
		}
		starts[f[0]] = true
	}
	if len(starts) != 6 {
		t.Errorf("random starts: %v", starts)
	}
}
