package learn

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// TestBeta: Beta(a, a) has mean ½ and variance 1/(4(2a+1)): 1/12 for a = 1, 0.2083 for a = 0.1.
func TestBeta(t *testing.T) {
	for _, a := range []float64{0.1, 0.4, 1, 5} {
		rng := stats.Seed(2).Stream("beta")
		const n = 40000
		var sum, sq float64
		for range n {
			v := beta(rng, a)
			if !(v >= 0 && v <= 1) {
				t.Fatalf("Beta(%g) gave %g", a, v)
			}
			sum += v
			sq += v * v
		}
		mean := sum / n
		if v, want := sq/n-mean*mean, 1/(4*(2*a+1)); math.Abs(mean-0.5) > 0.01 || math.Abs(v-want) > 0.01*want+0.002 {
			t.Errorf("Beta(%g): mean %.4f, variance %.4f, want %.4f", a, mean, v, want)
		}
	}
}

func TestDrawMix(t *testing.T) {
	rng := stats.Seed(1).Stream("mix")
	if m, _ := drawMix(TrainSpec{}, 4, rng); m != nil {
		t.Error("mixed without being asked")
	}
	if m, _ := drawMix(TrainSpec{Mixup: 1}, 1, rng); m != nil {
		t.Error("one clip was mixed with itself")
	}
	cuts := 0
	for range 1000 {
		m, cut := drawMix(TrainSpec{Mixup: 0.2, Cutmix: 1}, 5, rng)
		if cut {
			cuts++
		}
		p := slices.Clone(m.partner)
		slices.Sort(p)
		if !slices.Equal(p, []int{0, 1, 2, 3, 4}) || m.share < 0 || m.share > 1 {
			t.Fatalf("%+v", m)
		}
	}
	if cuts < 430 || cuts > 570 {
		t.Errorf("%d of 1000 are cuts", cuts)
	}
	if _, cut := drawMix(TrainSpec{Cutmix: 1}, 5, rng); !cut {
		t.Error("cutmix alone mixed whole clips")
	}
}

func TestCutBox(t *testing.T) {
	size := [3]int{8, 20, 30}
	rng := stats.Seed(1).Stream("box")
	mean, most := 0.0, 1.0
	for _, n := range size {
		most *= math.Cbrt(0.3) + 1/float64(n) // rounded to whole samples
	}
	for range 2000 {
		b := cutBox(rng, 0.3, size)
		v := b.volume(size)
		for k, n := range size {
			if b.from[k] < 0 || b.to[k] > n || b.from[k] > b.to[k] {
				t.Fatalf("%+v", b)
			}
		}
		if v > most { // borders only make it smaller
			t.Fatalf("a volume of %.3f for 0.3", v)
		}
		mean += v / 2000
	}
	if mean < 0.1 || mean > 0.3 {
		t.Errorf("mean volume %.3f", mean)
	}
	if v := cutBox(rng, 0, size).volume(size); v != 0 {
		t.Errorf("nothing has volume %g", v)
	}
	if v := (box{to: size}).volume(size); v != 1 {
		t.Errorf("all has volume %g", v)
	}
}

// TestMixByHand: clips of ones and of threes, a quarter each way: 1·¾ + 3·¼ = 1.5 and 2.5; and a loss that is as mixed as the clips.
func TestMixByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		data := make([]float32, 2*1*2*2*2)
		for i := range data {
			data[i] = 1
			if i >= 8 {
				data[i] = 3
			}
		}
		x := e.FromFloat32(data, 2, 1, 2, 2, 2)
		m := &mixing{partner: []int{1, 0}, share: 0.75}
		got := mix(e, x, m, false, nil).Float32s()
		if got[0] != 1.5 || got[8] != 2.5 {
			t.Errorf("mixup %v", got)
		}
		rng := stats.Seed(5).Stream("cut")
		for range 20 {
			m = &mixing{partner: []int{1, 0}, share: 0.5}
			got = mix(e, x, m, true, rng).Float32s()
			ones := 0
			for _, v := range got[:8] {
				if v == 1 {
					ones++
				} else if v != 3 {
					t.Fatalf("cutmix made %v", v)
				}
			}
			if math.Abs(float64(ones)/8-m.share) > 1e-9 {
				t.Errorf("%d of 8 samples are left, the share says %g", ones, m.share)
			}
		}
		heads := []head{{Weight: 1, SD: 1}}
		heads[0].Name, heads[0].Kind = "v", "regression"
		l, err := newLosses(e, heads, TrainSpec{})
		if err != nil {
			t.Fatal(err)
		}
		rows := []cohort.Row{{Truth: map[string][]float64{"v": {0}}}, {Truth: map[string][]float64{"v": {2}}}}
		outs := []*torch.Tensor{e.FromFloat32([]float32{1, 1}, 2, 1)}
		// Against {0, 2} and {2, 0} every error is 1.
		if v := l.mixedTotal(outs, rows, &mixing{[]int{1, 0}, 0.3}).Item(); math.Abs(v-1) > 1e-6 {
			t.Errorf("loss %g", v)
		}
		outs = []*torch.Tensor{e.FromFloat32([]float32{0, 2}, 2, 1)} // 0 against the own truths, 4 against the partners'
		if v := l.mixedTotal(outs, rows, &mixing{[]int{1, 0}, 0.75}).Item(); math.Abs(v-1) > 1e-6 {
			t.Errorf("loss %g, want 0·¾ + 4·¼", v)
		}
	})
}
