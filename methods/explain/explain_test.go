package explain

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// meanOver returns a score that is 10 times the mean of channel 0 inside a box: its true explanation is the box.
func meanOver(in Input, b box) ScoreFunc {
	size := len(in.X)
	return func(x []float32, n int) ([]float64, error) {
		out := make([]float64, n)
		for i := range out {
			sum, count := 0.0, 0.0
			b.each(in, func(pos int) { sum += float64(x[i*size+pos]); count++ })
			out[i] = 10 * sum / count
		}
		return out, nil
	}
}

func noise(c, t, h, w int) Input {
	rng := stats.Seed(1).Stream("input")
	x := make([]float32, c*t*h*w)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return Input{c, t, h, w, x}
}

// brightBox is noise with a bright box that the score looks at.
func brightBox(b box) Input {
	in := noise(1, 4, 16, 16)
	b.each(in, func(pos int) { in.X[pos] += 3 })
	return in
}

func TestGradCAMByHand(t *testing.T) {
	// Two channels on a 1×1×2 grid. Mean gradients 1 and −2; map = relu(1·[1 3] − 2·[1 1]) = relu([−1 1]).
	m, err := GradCAM([]float32{1, 3, 1, 1}, []float32{0, 2, -1, -3}, 2, 1, 1, 2, false)
	if err != nil || m.Values[0] != 0 || m.Values[1] != 1 {
		t.Errorf("map %v, error %v", m, err)
	}
	m, _ = GradCAM([]float32{1, 3, 1, 1}, []float32{0, 2, -1, -3}, 2, 1, 1, 2, true)
	if m.Values[0] != -1 || m.Values[1] != 1 {
		t.Errorf("signed map %v", m.Values)
	}
	if _, err := GradCAM(make([]float32, 3), make([]float32, 4), 2, 1, 1, 2, false); err == nil {
		t.Error("a wrong length passed")
	}
}

func TestResizeByHand(t *testing.T) {
	m := &Map{1, 1, 2, []float32{0, 1}}
	// torch.nn.functional.interpolate(mode="trilinear", align_corners=False): 0, .25, .75, 1
	want := []float32{0, 0.25, 0.75, 1}
	for i, v := range m.Resize(1, 1, 4).Values {
		if v != want[i] {
			t.Errorf("position %d: %g, want %g", i, v, want[i])
		}
	}
	for _, v := range (&Map{1, 1, 1, []float32{5}}).Resize(3, 2, 2).Values {
		if v != 5 {
			t.Errorf("a constant map became %g", v)
		}
	}
}

func TestOcclusionFindsTheBox(t *testing.T) {
	b := box{1, 4, 4, 3, 8, 8}
	in := brightBox(b)
	m, base, err := Occlusion(context.Background(), in, OcclusionOptions{Window: [3]int{1, 4, 4}, Stride: [3]int{1, 4, 4}, Fill: FillZero}, meanOver(in, b))
	if err != nil {
		t.Fatal(err)
	}
	if base < 25 || base > 35 {
		t.Errorf("score of the whole input %g, want about 30", base)
	}
	inside := map[int]bool{}
	b.each(in, func(p int) { inside[p] = true })
	sum := 0.0
	for p, v := range m.Values {
		if !inside[p] && v != 0 {
			t.Fatalf("position %d outside the box has relevance %g", p, v)
		}
		if inside[p] {
			sum += float64(v)
		}
	}
	// Windows tile the box twice (two frames): masking with 0 takes each window's own share away, and shares add up to the score.
	if perWindow := sum / 16; math.Abs(perWindow-base) > 1e-4*math.Abs(base) {
		t.Errorf("the falls add up to %g, want the score %g", perWindow, base)
	}
}

func TestStartsCoverEverything(t *testing.T) {
	for _, c := range []struct{ n, window, stride int }{{10, 3, 2}, {10, 10, 5}, {1, 1, 1}, {7, 2, 5}} {
		s := starts(c.n, c.window, c.stride)
		if s[0] != 0 || s[len(s)-1] != c.n-c.window {
			t.Errorf("%+v: %v", c, s)
		}
	}
}

func TestRegionTest(t *testing.T) {
	b := box{1, 4, 4, 3, 8, 8}
	in := brightBox(b)
	right, wrong := NewMap(in.T, in.H, in.W), NewMap(in.T, in.H, in.W)
	b.each(in, func(p int) { right.Values[p] = 1 })
	box{0, 10, 10, 2, 14, 14}.each(in, func(p int) { wrong.Values[p] = 1 })
	fraction := 32.0 / float64(len(right.Values))
	for _, c := range []struct {
		name string
		m    *Map
		ok   bool
	}{{"right place", right, true}, {"wrong place", wrong, false}} {
		r, err := RegionTest(context.Background(), in, c.m, fraction, 99, FillZero, stats.Seed(3).Stream("shifts"), meanOver(in, b))
		if err != nil {
			t.Fatal(err)
		}
		if (r.PValue <= 0.05) != c.ok {
			t.Errorf("%s: p %g, fall %g", c.name, r.PValue, r.Fall)
		}
		if len(r.Random) != 99 {
			t.Errorf("%s: %d random falls", c.name, len(r.Random))
		}
	}
}

// Under the null (a map that has nothing to do with the score) p must not be small more often than it says.
func TestRegionTestFalseAlarms(t *testing.T) {
	b := box{0, 0, 0, 4, 3, 3}
	alarms := 0
	const trials = 200
	in := noise(1, 4, 16, 16)
	for i := range trials {
		rng := stats.Seed(9).Stream("trial", i)
		m := NewMap(4, 16, 16)
		dt, dy, dx := rng.IntN(4), rng.IntN(16), rng.IntN(16)
		for k := range 4 * 4 * 4 {
			p := (((k/16+dt)%4)*16+(k/4%4+dy)%16)*16 + (k%4+dx)%16
			m.Values[p] = 1
		}
		r, err := RegionTest(context.Background(), in, m, 64.0/1024, 39, FillZero, rng, meanOver(in, b))
		if err != nil {
			t.Fatal(err)
		}
		if r.PValue <= 0.05 {
			alarms++
		}
	}
	if alarms > 20 { // binomial(200, 0.05): P(> 20) < 0.001
		t.Errorf("%d false alarms in %d trials at 5 %%", alarms, trials)
	}
}

func TestExamineVerdicts(t *testing.T) {
	b := box{1, 4, 4, 3, 8, 8}
	in := brightBox(b)
	right := NewMap(in.T, in.H, in.W)
	b.each(in, func(p int) { right.Values[p] = 1 })
	other := &Map{in.T, in.H, in.W, noise(1, in.T, in.H, in.W).X}
	edges, err := Edges(in, in.T, in.H, in.W)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := NewMap(in.T, in.H, in.W)
	box{0, 10, 10, 2, 14, 14}.each(in, func(p int) { elsewhere.Values[p] = 1 })
	for _, c := range []struct {
		m, control *Map
		want       Finding
	}{
		{right, other, Supported},
		{right, right, Unstable},
		{edges, other, EdgeDetector},
		{elsewhere, other, NotSupported},
		{NewMap(in.T, in.H, in.W), other, Empty},
	} {
		v, err := Examine(context.Background(), Examination{Input: in, Map: c.m, Randomised: c.control, Grid: [3]int{in.T, in.H, in.W},
			Score: meanOver(in, b), Criteria: Criteria{Fraction: 0.03, Shifts: 99, PValue: 0.05, Randomised: 0.5, Edge: 0.7, Fill: FillZero},
			Rand: stats.Seed(5).Stream("x")})
		if err != nil {
			t.Fatal(err)
		}
		if v.Finding != c.want || v.Words == "" {
			t.Errorf("finding %q, want %q: %s", v.Finding, c.want, v.Words)
		}
		if c.want == Unstable && !strings.Contains(v.Words, "random weights") {
			t.Errorf("words: %s", v.Words)
		}
	}
	if _, err := Examine(context.Background(), Examination{Input: in, Map: right}); err == nil {
		t.Error("a map without its control was examined")
	}
}

func TestErrorsTravel(t *testing.T) {
	boom := errors.New("boom")
	bad := func([]float32, int) ([]float64, error) { return nil, boom }
	in := noise(2, 2, 4, 4)
	if _, _, err := Occlusion(context.Background(), in, OcclusionOptions{}, bad); !errors.Is(err, boom) {
		t.Errorf("occlusion: %v", err)
	}
	if _, _, err := Occlusion(context.Background(), in, OcclusionOptions{Fill: "paint"}, bad); err == nil || !strings.Contains(err.Error(), "paint") {
		t.Errorf("unknown fill: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ok := func(_ []float32, n int) ([]float64, error) { return make([]float64, n), nil }
	if _, _, err := Occlusion(ctx, in, OcclusionOptions{}, ok); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, _, err := Occlusion(context.Background(), Input{1, 2, 2, 2, nil}, OcclusionOptions{}, ok); err == nil {
		t.Error("an empty input passed")
	}
}

func TestFills(t *testing.T) {
	in := Input{1, 1, 2, 2, []float32{1, 2, 3, 6}}
	mean, _ := fillOf(in, FillMean)
	if mean[0] != 3 || mean[3] != 3 {
		t.Errorf("mean fill %v", mean)
	}
	blur, _ := fillOf(in, FillBlur) // radius 1 covers everything
	if blur[0] != 3 || blur[3] != 3 {
		t.Errorf("blur fill %v", blur)
	}
}

func TestRelabelled(t *testing.T) {
	high, low := 0.8, 0.1
	for _, c := range []struct {
		before Finding
		r      *float64
		after  Finding
	}{{Supported, &high, Unstable}, {Supported, &low, Supported}, {Supported, nil, Supported}, {NotSupported, &high, NotSupported}} {
		v := Verdict{Finding: c.before}
		if v.Relabelled(Similarity{Spearman: c.r}); v.Finding != c.after {
			t.Errorf("%s became %s, want %s", c.before, v.Finding, c.after)
		}
	}
}
