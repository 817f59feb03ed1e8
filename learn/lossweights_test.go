package learn

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// TestLossWeightsByHand: with weight w a loss L counts w·L − ½·ln w; the gradient by the log variance is ½ − w·L; its zero is w = 1/(2L).
func TestLossWeightsByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		p := toyPlan("")
		p.Train.LossWeights = "learned"
		heads := []head{{Target: evaluate.Target{Name: "a", Kind: evaluate.Binary}, Weight: 1}, {Target: evaluate.Target{Name: "b", Kind: evaluate.Regression}, Weight: 0.25}}
		w, err := newLossWeights(e, p, heads)
		if err != nil {
			t.Fatal(err)
		}
		la, lb := e.FromFloat32([]float32{0.8}, 1), e.FromFloat32([]float32{3}, 1)
		sum := w.apply(0, la.Sum(), 99).Add(w.apply(1, lb.Sum(), 99))
		want := 0.8 + 0.25*3 - 0.5*math.Log(0.25)
		if got := sum.Item(); math.Abs(got-want) > 1e-6 {
			t.Errorf("loss %v, want %v", got, want)
		}
		if got := w.count(0, 0.8, 99) + w.count(1, 3, 99); math.Abs(got-want) > 1e-6 {
			t.Errorf("counted %v, want %v", got, want)
		}
		e.Backward(sum)
		for i, want := range []float64{0.5 - 0.8, 0.5 - 0.25*3} {
			if got := float64(w.s.T.Grad().Float32s()[i]); math.Abs(got-want) > 1e-6 {
				t.Errorf("gradient %d is %v, want %v", i, got, want)
			}
		}
		for range 400 { // descent on s alone
			w.s.T.SetGrad(nil)
			e.Backward(w.apply(0, la.Sum(), 0).Add(w.apply(1, lb.Sum(), 0)))
			e.NoGrad(func() { w.s.T.Copy_(w.s.T.Sub(w.s.T.Grad().MulScalar(0.2))) })
		}
		for name, want := range map[string]float64{"a": 1 / 1.6, "b": 1. / 6} {
			if got := w.values(heads)[name]; math.Abs(got-want) > 1e-4 {
				t.Errorf("weight of %s rests at %v, want %v", name, got, want)
			}
		}
		var fixed *lossWeights
		if got := fixed.apply(0, lb.Sum(), 0.5).Item(); got != 1.5 || fixed.values(heads) != nil || fixed.count(0, 3, 0.5) != 1.5 {
			t.Errorf("fixed: %v", got)
		}
		w.s.T.Free()
	})
}

// TestLossWeightsAreLearnt: they begin where the recipe says, move, stand in the log, and a resumed run has the curve of one that never
// stopped.
func TestLossWeightsAreLearnt(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 24))
	p.Train.LossWeights, p.Train.LR = "learned", 0.02
	c := loadToy(t, p)
	whole, halves := t.TempDir(), t.TempDir()
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: whole})
	if r.LossWeights["bright"] == 1 || r.LossWeights["level"] == 0.5 || len(r.LossWeights) != 2 {
		t.Errorf("weights %v did not move", r.LossWeights)
	}
	log, err := ReadLog(filepath.Join(whole, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var seen []map[string]float64
	for _, l := range log {
		if l.Event == "epoch" {
			seen = append(seen, l.Weights)
		}
	}
	if len(seen) != 3 || seen[2]["bright"] != r.LossWeights["bright"] || seen[0]["level"] == seen[2]["level"] {
		t.Errorf("the log has %v, the result %v", seen, r.LossWeights)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := func(t *trainer) {
		if t.state.Step == 4 {
			cancel()
		}
	}
	if _, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: halves, afterStep: stop}); fault.CodeOf(err) != fault.Interrupted {
		t.Fatal(err)
	}
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: halves, Resume: true})
	if a, b := curve(t, whole), curve(t, halves); a != b {
		t.Errorf("the curves differ:\n%s\n%s", a, b)
	}
	_, tensors := values(t, halves, lastFile)
	if _, ok := tensors[lossWeightsName]; !ok {
		t.Error("the checkpoint has no weights of losses")
	}
}

// TestLossWeightsParallel: two processes learn the weights that one learns.
func TestLossWeightsParallel(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: trains twice")
	}
	dir, out := toyClips(t, 40), t.TempDir()
	change := func(p *Plan) { p.Train.LossWeights, p.Train.Epochs, p.Train.LR = "learned", 1, 0.01 }
	outputs, errs := asRanks(t, 2, dir, out, change, 0)
	for r := range errs {
		if errs[r] != nil {
			t.Fatalf("rank %d: %v\n%s", r, errs[r], outputs[r])
		}
	}
	p := parallelPlan(dir, 8)
	change(p)
	c := loadToy(t, p)
	one := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: one})
	got, _ := logCurve(t, out)
	want, _ := logCurve(t, one)
	near(t, got, want, 5e-3)
	weights := func(dir string) map[string]float64 {
		log, _ := ReadLog(filepath.Join(dir, "log.jsonl"))
		for _, l := range log {
			if l.Event == "epoch" {
				return l.Weights
			}
		}
		return nil
	}
	a, b := weights(out), weights(one)
	for name, v := range b {
		if math.Abs(a[name]-v) > 1e-3*v || v == 1 {
			t.Errorf("weight of %s: %v in two processes, %v in one", name, a[name], v)
		}
	}
}

func TestLossWeightRefusals(t *testing.T) {
	two := []head{{Target: evaluate.Target{Name: "a"}, Weight: 1}, {Target: evaluate.Target{Name: "b"}, Weight: 1}}
	for name, c := range map[string]struct {
		change func(*Plan)
		heads  []head
	}{
		"a word that is not one": {func(p *Plan) { p.Train.LossWeights = "learnt" }, two},
		"one target":             {nil, two[:1]},
		"with fairness":          {func(p *Plan) { p.Train.Fairness = &FairnessSpec{} }, two},
		"a likelihood":           {nil, []head{two[0], {Target: evaluate.Target{Name: "b"}, Weight: 1, Law: "heteroscedastic"}}},
	} {
		p := toyPlan("")
		p.Train.LossWeights = "learned"
		if c.change != nil {
			c.change(p)
		}
		if _, err := newLossWeights(nil, p, c.heads); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
