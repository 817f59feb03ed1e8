package graph

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

// The loss over everybody, with the network seeing five at a time: parameters get the gradient of one pass.
func TestFullBatchGradientEqualsOnePass(t *testing.T) {
	rng := stats.Seed(6).Stream("cohort")
	var l survival.Labels
	for range 23 {
		l.Time, l.Event = append(l.Time, float64(1+rng.IntN(8))), append(l.Event, min(rng.IntN(3), 1))
	}
	everybody := rng.Perm(23)
	slices.Sort(everybody)
	x := make([]float32, 23*4)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	err := torch.Run(t.Context(), torch.Config{Device: "cpu", Threads: 1, Seed: 3}, func(e *torch.Engine) error {
		w1 := e.Randn(torch.Float64, 6, 4).SetRequiresGrad(true)
		w2 := e.Randn(torch.Float64, 1, 6).SetRequiresGrad(true)
		forward := func(rows []int) *torch.Tensor {
			var part []float32
			for _, i := range rows {
				part = append(part, x[i*4:i*4+4]...)
			}
			h := torch.Linear(e.FromFloat32(part, int64(len(rows)), 4).To(torch.Float64), w1, nil).Tanh()
			return torch.Linear(h, w2, nil).Squeeze(1)
		}
		loss := func(o []float64) survival.Loss { return survival.CoxLoss(o, l, survival.Efron, nil) }
		one, _ := Attach(forward(everybody), loss)
		e.Backward(one)
		want1, want2 := w1.Grad().Float64s(), w2.Grad().Float64s()
		w1.SetGrad(nil)
		w2.SetGrad(nil)
		var batches [][]int
		for b := range slices.Chunk(rng.Perm(23), 5) {
			batches = append(batches, b)
		}
		got := FullBatch(e, batches, 23, forward, loss)
		near(t, "the loss", got.Value, one.Item(), 1e-12)
		for i, g := range w1.Grad().Float64s() {
			near(t, "a gradient", g, want1[i], 1e-12)
		}
		for i, g := range w2.Grad().Float64s() {
			near(t, "a gradient", g, want2[i], 1e-12)
		}
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Attached losses have the loss's value, also in float32 and after other operators, and nothing of it flows where there is no event.
func TestAttach(t *testing.T) {
	l := survival.Labels{Time: []float64{1, 2, 3}, Event: []int{1, 0, 1}}
	none := survival.Labels{Time: l.Time, Event: []int{0, 0, 0}}
	err := torch.Run(t.Context(), torch.Config{Device: "cpu", Threads: 1}, func(e *torch.Engine) error {
		w := e.FromFloat32([]float32{0.5, -1, 2}, 3, 1).SetRequiresGrad(true)
		loss, info := Attach(w.MulScalar(2).Squeeze(1), func(o []float64) survival.Loss { return survival.CoxLoss(o, l, survival.Breslow, nil) })
		e.Backward(loss)
		want := survival.CoxLoss([]float64{1, -2, 4}, l, survival.Breslow, nil)
		near(t, "value", loss.Item(), want.Value, 1e-6)
		if info.Events != 2 {
			t.Errorf("%d events", info.Events)
		}
		for i, g := range w.Grad().Float64s() {
			near(t, "gradient", g, 2*want.Grad[i], 1e-6)
		}
		w.SetGrad(nil)
		loss, info = Attach(w.Squeeze(1), func(o []float64) survival.Loss { return survival.CoxLoss(o, none, survival.Breslow, nil) })
		e.Backward(loss)
		if loss.Item() != 0 || info.Events != 0 || w.Grad().Abs().Sum().Item() != 0 {
			t.Error("a batch without an event taught something")
		}
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if err != nil {
		t.Fatal(err)
	}
}
