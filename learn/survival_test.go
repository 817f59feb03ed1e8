package learn

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// The head's loss is the sum of the likelihoods of rows with a truth; a row without one has no gradient.
func TestSurvivalHead(t *testing.T) {
	h := head{Target: evaluate.Target{Name: "death", Kind: evaluate.TimeToEvent, Cuts: []float64{0, 1, 2}}}
	nan := math.NaN()
	rows := []cohort.Row{
		{Truth: map[string][]float64{"death": {0.5, 1}}},
		{Truth: map[string][]float64{"death": {nan, nan}}},
		{Truth: map[string][]float64{"death": {1.5, 0}}},
	}
	logits := []float64{0.3, -1, 2, 5, 5, 5, -0.5, 0.2, 1}
	err := torch.Run(t.Context(), torch.Config{Device: "cpu", Threads: 1}, func(e *torch.Engine) error {
		out := e.FromFloat64s(logits, 3, 3).SetRequiresGrad(true)
		loss, n := survivalSum(h, out, rows)
		e.Backward(loss)
		known := append(append([]float64{}, logits[:3]...), logits[6:]...)
		want := survival.LogisticHazardLoss(known, []int{1, 1}, []int{1, 0})
		if n != 2 || math.Abs(loss.Item()-2*want.Value) > 1e-12 {
			t.Errorf("loss %g of %d rows, want %g of 2", loss.Item(), n, 2*want.Value)
		}
		g := out.Grad().Float64s()
		for j := range 3 {
			if g[3+j] != 0 || math.Abs(g[j]-2*want.Grad[j]) > 1e-12 || math.Abs(g[6+j]-2*want.Grad[3+j]) > 1e-12 {
				t.Fatalf("gradient %v", g)
			}
		}
		if _, n := survivalSum(h, out, rows[1:2]); n != 0 {
			t.Error("a batch without a truth has a loss")
		}
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if err != nil {
		t.Fatal(err)
	}
	// An untrained network says about Kaplan–Meier: of two at risk at the second cut, one has the event there.
	h.Offset = hazardOffsets(h, rows, []int{0, 1, 2})
	if s := h.decode([]float64{0, 0, 0}); math.Abs(s[1]/s[0]-0.5) > 1e-12 {
		t.Errorf("untrained scores %v", s)
	}
	h.Offset = nil
	s := h.decode([]float64{0, 0, 0})
	if s[0] != 0.5 || math.Abs(s[1]-0.25) > 1e-15 || math.Abs(s[2]-0.125) > 1e-15 {
		t.Errorf("scores %v: hazards of one half", s)
	}
}
