package learn

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
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

// survivalPlan is the toy where bright squares mean early events: at 1 to 2, half of the others censored at 3, the rest later.
func survivalPlan(t *testing.T, n int, method string) *Plan {
	t.Helper()
	dir := toyClips(t, n)
	var b strings.Builder
	b.WriteString("clip,patient,time,event\n")
	rng := stats.Seed(5).Stream("times")
	for i := range n {
		time, event := 1+rng.Float64(), 1
		if i%2 == 0 {
			if time, event = 3, 0; rng.IntN(2) == 0 {
				time, event = 3+2*rng.Float64(), 1
			}
		}
		fmt.Fprintf(&b, "c%02d.npy,p%d,%.4f,%d\n", i, i, time, event)
	}
	if err := os.WriteFile(filepath.Join(dir, "table.csv"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	p := toyPlan(dir)
	p.Data.Targets = []cohort.TargetSpec{{Name: "death", Kind: cohort.TimeToEvent, Column: "time", Event: "event", Method: method}}
	p.Train.Monitor, p.Train.BatchSize, p.Train.Epochs, p.Train.LR = "death.c_td", 8, 16, 5e-3
	return p
}

// TestEverySurvivalMethod learns the order of people and when half of them have had the event, and resumes bit for bit.
func TestEverySurvivalMethod(t *testing.T) {
	needEngine(t)
	for _, method := range []string{"", cohort.PMF, cohort.MTLR, cohort.DeepHit, cohort.Cox, cohort.CoxTime} {
		p := survivalPlan(t, 64, method)
		c := loadToy(t, p)
		f := toyFold(c)
		whole := t.TempDir()
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: whole})
		if method == cohort.CoxTime {
			resumed(t, p, c, f, whole)
		}
		got, err := Predict(t.Context(), PredictOptions{CheckpointDirs: []string{whole}, Plan: p, Cohort: c, Rows: append(f.Val, f.Test...)})
		if err != nil {
			t.Fatal(err)
		}
		cuts := c.Spec.Targets[0].Cuts
		curves := survival.Curves{Times: cuts, Values: make([][]float64, len(cuts))}
		var l survival.Labels
		var early, late []float64 // survival at the cut nearest to 2.5
		at := 0
		for k := range cuts {
			if math.Abs(cuts[k]-2.5) < math.Abs(cuts[at]-2.5) {
				at = k
			}
		}
		for i := range got.Item {
			v := got.Truth["death"][i]
			l.Time, l.Event = append(l.Time, v[0]), append(l.Event, int(v[1]))
			s := got.Score["death"][i]
			for k := range cuts {
				curves.Values[k] = append(curves.Values[k], s[k])
				if k > 0 && s[k] > s[k-1]+1e-9 || s[k] < 0 || s[k] > 1 {
					t.Errorf("%s: survival rises or leaves [0, 1]: %v", method, s)
				}
			}
			if v[0] < 2.5 {
				early = append(early, s[at])
			} else {
				late = append(late, s[at])
			}
		}
		if ctd := survival.AntoliniConcordance(curves, l, nil).Adjusted; ctd < 0.7 {
			t.Errorf("%s: C-td %.2f", method, ctd)
		}
		if a, b := mean(early), mean(late); a > b-0.2 {
			t.Errorf("%s: survival at 2.5 is %.2f of those who had the event and %.2f of the others", method, a, b)
		}
	}
	p := survivalPlan(t, 8, "kaplan-meier")
	if _, err := cohort.Load(t.Context(), p.Data); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an unknown method: %v", err)
	}
}

// resumed stops a training on its way and holds what becomes of it against whole.
func resumed(t *testing.T, p *Plan, c *cohort.Cohort, f cohort.Fold, whole string) {
	t.Helper()
	cut := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: cut, afterStep: func(tr *trainer) {
		if tr.state.Step == 5 {
			cancel()
		}
	}})
	if fault.CodeOf(err) != fault.Interrupted {
		t.Fatal(err)
	}
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: f, Dir: cut, Resume: true})
	sameRun(t, "resumed", cut, whole)
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

// TestRelativeScores works Cox's curve by hand: a baseline of 0.1 at 1 and 0.2 at 2.5, twice the risk.
func TestRelativeScores(t *testing.T) {
	h := head{Target: evaluate.Target{Name: "d", Kind: evaluate.TimeToEvent, Cuts: []float64{0, 1, 2, 3}}, Method: cohort.Cox,
		Base: &baseHazard{Times: []float64{1, 2.5}, Hazard: []float64{0.1, 0.2}}}
	got := h.decode([]float64{math.Log(2)})
	for k, want := range []float64{1, math.Exp(-0.2), math.Exp(-0.2), math.Exp(-0.6)} {
		if math.Abs(got[k]-want) > 1e-12 {
			t.Errorf("survival %v", got)
		}
	}
	h.Method = cohort.CoxTime // g goes from 0 at 0 to ln 2 at 1, and from ln 2 at 2 to ln 4 at 3
	got = h.decode([]float64{0, math.Log(2), math.Log(2), math.Log(4)})
	if want := math.Exp(-0.1*2 - 0.2*2*math.Sqrt2); math.Abs(got[3]-want) > 1e-12 {
		t.Errorf("survival %v, want %v at the end", got, want)
	}
	// Two people, both events: Breslow's increments are 1/(e^g1+e^g2) and 1/e^g2.
	h.Method = cohort.Cox
	b := h.baseline([]float64{math.Log(3), 0}, survival.Labels{Time: []float64{1, 2}, Event: []int{1, 1}})
	if len(b.Times) != 2 || math.Abs(b.Hazard[0]-0.25) > 1e-12 || math.Abs(b.Hazard[1]-1) > 1e-12 {
		t.Errorf("baseline %+v", b)
	}
}
