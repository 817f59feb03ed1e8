package explain

import (
	"context"
	"math"
	"slices"
	"testing"
)

// pointwise is a score that weights every value: what hiding a position does can be written down.
func pointwise(weight []float64) ScoreFunc {
	return func(x []float32, n int) ([]float64, error) {
		out := make([]float64, n)
		for i, v := range x {
			out[i/len(weight)] += weight[i%len(weight)] * float64(v)
		}
		return out, nil
	}
}

func TestOcclusionByHand(t *testing.T) {
	in := Input{1, 1, 1, 4, []float32{1, 2, 3, 4}}
	score := pointwise([]float64{1, 10, 100, 1000})
	zero := float32(0)
	// Windows of 2 at stride 1: {0,1}, {1,2}, {2,3} fall by 21, 320, 4300; positions average the windows that cover them.
	m, base, err := Occlusion(context.Background(), in, OcclusionOptions{Window: [3]int{1, 1, 2}, Stride: [3]int{1, 1, 1}, Value: &zero}, score)
	if err != nil || base != 4321 {
		t.Fatal(base, err)
	}
	if want := []float32{21, 170.5, 2310, 4300}; !slices.Equal(m.Values, want) {
		t.Errorf("%v, want %v", m.Values, want)
	}
	// Three wide at stride 3: the last window is moved inside, or with Clip cut: {0,1,2} and {1,2,3}, or {0,1,2} and {3}.
	m, _, err = Occlusion(context.Background(), in, OcclusionOptions{Window: [3]int{1, 1, 3}, Fill: FillZero}, score)
	if err != nil || !slices.Equal(m.Values, []float32{321, 2320.5, 2320.5, 4320}) {
		t.Errorf("moved inside: %v, %v", m.Values, err)
	}
	m, _, err = Occlusion(context.Background(), in, OcclusionOptions{Window: [3]int{1, 1, 3}, Fill: FillZero, Clip: true}, score)
	if err != nil || !slices.Equal(m.Values, []float32{321, 321, 321, 4000}) {
		t.Errorf("cut: %v, %v", m.Values, err)
	}
}

func TestOcclusionBatchesDoNotMatter(t *testing.T) {
	in := noise(2, 4, 12, 10)
	weight := widen(noise(2, 4, 12, 10).X)
	var first []float32
	for _, batch := range []int{1, 3, 16, 1000} {
		m, _, err := Occlusion(context.Background(), in, OcclusionOptions{Batch: batch}, pointwise(weight))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = m.Values
		}
		if !slices.Equal(m.Values, first) {
			t.Errorf("batches of %d give other values", batch)
		}
	}
}

func TestOcclusionGrid(t *testing.T) {
	in := noise(1, 8, 32, 24)
	for _, c := range []struct {
		o    OcclusionOptions
		want [3]int
	}{
		{OcclusionOptions{}, [3]int{4, 8, 8}},
		{OcclusionOptions{Window: [3]int{8, 16, 24}}, [3]int{1, 2, 1}},
		{OcclusionOptions{Window: [3]int{2, 8, 8}, Stride: [3]int{1, 4, 4}}, [3]int{7, 7, 5}},
		{OcclusionOptions{Window: [3]int{99, 99, 99}}, [3]int{1, 1, 1}},
	} {
		if got := c.o.Grid(in); got != c.want {
			t.Errorf("%+v: %v, want %v", c.o, got, c.want)
		}
	}
}

// The summed-area table gives what averaging place by place gives.
func TestBlurAgainstPlainAverages(t *testing.T) {
	const h, w = 11, 17
	in := noise(1, 1, h, w)
	got := make([]float32, h*w)
	boxBlur(in.X, got, h, w, 2, 3)
	for y := range h {
		for x := range w {
			sum, n := 0.0, 0.0
			for a := max(0, y-2); a <= min(h-1, y+2); a++ {
				for b := max(0, x-3); b <= min(w-1, x+3); b++ {
					sum, n = sum+float64(in.X[a*w+b]), n+1
				}
			}
			if math.Abs(float64(got[y*w+x])-sum/n) > 1e-6 {
				t.Fatalf("row %d, column %d: %g, want %g", y, x, got[y*w+x], sum/n)
			}
		}
	}
}

func TestNoiseFillKeepsChannels(t *testing.T) {
	in := noise(2, 4, 30, 30)
	for i := range in.X[3600:] {
		in.X[3600+i] = 50 + 4*in.X[3600+i]
	}
	a, err := fillOf(in, FillNoise)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := fillOf(in, FillNoise)
	if !slices.Equal(a, b) {
		t.Error("the noise is another each time")
	}
	for c, want := range []struct{ mean, sd float64 }{{0, 1}, {50, 4}} {
		x := widen(a[c*3600 : (c+1)*3600])
		m, ss := mean(x), 0.0
		for _, v := range x {
			ss += (v - m) * (v - m)
		}
		if sd := math.Sqrt(ss / 3600); math.Abs(m-want.mean) > 0.1*want.sd || math.Abs(sd/want.sd-1) > 0.1 {
			t.Errorf("channel %d: mean %g, deviation %g", c, m, sd)
		}
	}
}

func TestInFillByHand(t *testing.T) {
	// One unknown in the middle of a frame becomes the mean of its four neighbours; a whole frame becomes its mean; the other frame stays.
	in := Input{1, 2, 3, 3, []float32{0, 1, 0, 2, 99, 3, 0, 6, 0, 1, 1, 1, 1, 1, 1, 1, 1, 10}}
	out, err := Hidden(in, Region{"middle", []int{4}}, FillIn)
	if err != nil || out.X[4] != 3 || !slices.Equal(out.X[9:], in.X[9:]) {
		t.Errorf("%v, %v", out.X, err)
	}
	frame := make([]int, 9)
	for i := range frame {
		frame[i] = 9 + i
	}
	out, err = Hidden(in, Region{"frame", frame}, FillIn)
	if err != nil || out.X[9] != 2 || out.X[17] != 2 || in.X[17] != 10 {
		t.Errorf("%v, %v", out.X, err)
	}
	if _, err := Hidden(in, Region{"x", []int{1}}, "jam"); err == nil {
		t.Error("an unknown fill passed")
	}
	if _, err := Hidden(Input{}, Region{}, FillMean); err == nil {
		t.Error("no input passed")
	}
}
