package learn

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/torch"
)

func softplus(x float64) float64 { return math.Log1p(math.Exp(-math.Abs(x))) + math.Max(x, 0) }

// TestLossesByHand: each kind of target on a batch with missing truths, and the gradient at a missing truth.
func TestLossesByHand(t *testing.T) {
	class := head{Target: evaluate.Target{Name: "y", Kind: evaluate.Class, Classes: []string{"a", "b", "c"}}, Weight: 1}
	binary := head{Target: evaluate.Target{Name: "y", Kind: evaluate.Binary}, Weight: 1}
	labels := head{Target: evaluate.Target{Name: "y", Kind: evaluate.MultiLabel, Classes: []string{"p", "q"}}, Weight: 1}
	value := head{Target: evaluate.Target{Name: "y", Kind: evaluate.Regression}, Weight: 1, Mean: 50, SD: 10}
	logZ := math.Log(math.Exp(1) + math.Exp(2) + math.Exp(3))
	withEngine(t, func(e *torch.Engine) {
		for _, c := range []struct {
			name  string
			head  head
			spec  TrainSpec
			out   []float32
			truth []cohort.Row
			sum   float64
			count int
		}{
			{"class", class, TrainSpec{}, []float32{1, 2, 3, 9, 9, 9}, truthRows("y", []float64{1}, []float64{nan}), logZ - 2, 1},
			// Smoothing 0.3: 0.7·(lse − 2) + 0.3·(lse − mean(1, 2, 3)).
			{"class, smoothed", class, TrainSpec{LabelSmoothing: 0.3}, []float32{1, 2, 3, 9, 9, 9}, truthRows("y", []float64{2}, []float64{nan}),
				0.7*(logZ-3) + 0.3*(logZ-2), 1},
			{"binary", binary, TrainSpec{}, []float32{0.5, -2, 7}, truthRows("y", []float64{1}, []float64{0}, []float64{nan}),
				softplus(-0.5) + softplus(-2), 2},
			// Smoothing 0.2 makes the truth 0.9: 0.9·softplus(−x) + 0.1·softplus(x).
			{"binary, smoothed", binary, TrainSpec{LabelSmoothing: 0.2}, []float32{0.5, 7}, truthRows("y", []float64{1}, []float64{nan}),
				0.9*softplus(-0.5) + 0.1*softplus(0.5), 1},
			{"multilabel", labels, TrainSpec{}, []float32{1, 5, -1, 2}, truthRows("y", []float64{1, nan}, []float64{0, 1}),
				softplus(-1) + softplus(-1) + softplus(-2), 3},
			// Truths 60 and 30 are 1 and −2 in standard units.
			{"mse", value, TrainSpec{}, []float32{0.5, -4, 3}, truthRows("y", []float64{60}, []float64{30}, []float64{nan}), 0.25 + 4, 2},
			{"l1", value, TrainSpec{RegressionLoss: "l1"}, []float32{0.5, -4, 3}, truthRows("y", []float64{60}, []float64{30}, []float64{nan}), 0.5 + 2, 2},
			{"huber", value, TrainSpec{RegressionLoss: "huber"}, []float32{0.5, -4, 3}, truthRows("y", []float64{60}, []float64{30}, []float64{nan}), 0.125 + 1.5, 2},
		} {
			l, err := newLosses(e, []head{c.head}, c.spec)
			if err != nil {
				t.Fatal(err)
			}
			width := c.head.Width()
			out := e.FromFloat32(c.out, int64(len(c.truth)), int64(width)).SetRequiresGrad(true)
			s, n := l.sum(c.head, out, c.truth)
			if n != c.count || math.Abs(s.Item()-c.sum) > 1e-5*math.Max(1, c.sum) {
				t.Errorf("%s: loss %v over %d, want %v over %d", c.name, s.Item(), n, c.sum, c.count)
			}
			e.Backward(s)
			g := out.Grad().Float32s()
			for i, r := range c.truth {
				for j, v := range r.Truth["y"] {
					if !math.IsNaN(v) {
						continue
					}
					cells := g[i*width : (i+1)*width]
					if c.head.Kind == evaluate.MultiLabel {
						cells = cells[j : j+1]
					}
					for _, x := range cells {
						if x != 0 {
							t.Errorf("%s: row %d has no truth, but a gradient %v", c.name, i, g)
						}
					}
				}
			}
		}
	})
}

func TestTotalLoss(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		heads := []head{
			{Target: evaluate.Target{Name: "a", Kind: evaluate.Regression}, Weight: 2, SD: 1},
			{Target: evaluate.Target{Name: "b", Kind: evaluate.Binary}, Weight: 0.5},
		}
		rows := []cohort.Row{
			{Truth: map[string][]float64{"a": {1}, "b": {nan}}},
			{Truth: map[string][]float64{"a": {3}, "b": {1}}},
		}
		l, _ := newLosses(e, heads, TrainSpec{})
		outs := []*torch.Tensor{e.FromFloat32([]float32{0, 0}, 2, 1), e.FromFloat32([]float32{0, 0}, 2, 1)}
		want := 2*(1.0+9)/2 + 0.5*math.Ln2
		if got := l.total(outs, rows).Item(); math.Abs(got-want) > 1e-5 {
			t.Errorf("total %v, want %v", got, want)
		}
		var sums tally
		l.tally(&sums, outs, rows)
		first := []*torch.Tensor{outs[0].Slice(0, 0, 1, 1), outs[1].Slice(0, 0, 1, 1)}
		l.tally(&sums, first, rows[:1]) // a batch without any truth of b
		if got, want := sums.value(heads), 2*(1.0+9+1)/3+0.5*math.Ln2; math.Abs(got-want) > 1e-5 {
			t.Errorf("tally %v, want %v", got, want)
		}
		none := []cohort.Row{{Truth: map[string][]float64{"a": {nan}, "b": {nan}}}}
		if l.total(first, none) != nil {
			t.Error("a batch without truth has a loss")
		}
	})
}
