package learn

import (
	"context"
	"math"
	"testing"

	"github.com/cineloop/cineloop/cohort"
)

// TestRecomputedTraining: a training that recomputes activations has the curve and the weights of one that keeps them, with dropout, batch
// normalisation and an average of weights. (Gradients are sums in another order where a tensor feeds two blocks, so to float32's rounding.)
func TestRecomputedTraining(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 24)
	curve := func(recompute bool) ([]float64, map[string][]float32) {
		p := toyPlan(dir)
		p.Model.Dropout, p.Train.EMA, p.Train.Recompute = 0.3, 0.9, recompute
		p.Train.Optimizer, p.Train.LR, p.Train.Momentum = "sgd", 1e-3, 0.9
		c := loadToy(t, p)
		out := t.TempDir()
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: out})
		steps, val := logCurve(t, out)
		_, tensors := values(t, out, lastFile)
		w := map[string][]float32{}
		for name, a := range tensors {
			w[name], _ = a.Float32s()
		}
		return append(steps, val...), w
	}
	want, wantW := curve(false)
	got, gotW := curve(true)
	near(t, got, want, 1e-4)
	if len(gotW) != len(wantW) || len(gotW) < 100 {
		t.Fatalf("%d and %d tensors", len(gotW), len(wantW))
	}
	for name, w := range wantW {
		for i := range w {
			if math.Abs(float64(gotW[name][i]-w[i])) > 1e-4*math.Max(1, math.Abs(float64(w[i]))) {
				t.Fatalf("%s[%d] is %v, want %v", name, i, gotW[name][i], w[i])
			}
		}
	}
}

func near(t *testing.T, got, want []float64, allow float64) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > allow*math.Max(1e-3, math.Abs(want[i])) {
			t.Errorf("value %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// TestRecomputedMasks: the same for a U-Net, whose blocks' outputs are used twice.
func TestRecomputedMasks(t *testing.T) {
	needEngine(t)
	p, c, fold := maskToy(t)
	for _, name := range []string{"unet", "resenc_unet"} {
		var curves [2][]float64
		for i := range curves {
			q := p.Clone()
			q.Model.Name, q.Train.Recompute, q.Train.Epochs, q.Segment.Iterations = name, i == 1, 1, 6
			out := t.TempDir()
			if _, err := TrainMasks(context.Background(), TrainOptions{Plan: q, Cohort: c, Fold: fold, Dir: out}); err != nil {
				t.Fatal(err)
			}
			curves[i], _ = logCurve(t, out)
		}
		near(t, curves[1], curves[0], 2e-3)
	}
}

// TestRecomputedParallel: two processes that recompute make the curve of one process that keeps all: statistics over all processes and the
// average of gradients are made in the second run as in the first.
func TestRecomputedParallel(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: trains twice")
	}
	dir, out := toyClips(t, 40), t.TempDir()
	outputs, errs := asRanks(t, 2, dir, out, func(p *Plan) { p.Train.Recompute, p.Train.Epochs = true, 1 }, 0)
	for r := range errs {
		if errs[r] != nil {
			t.Fatalf("rank %d: %v\n%s", r, errs[r], outputs[r])
		}
	}
	p := parallelPlan(dir, 8)
	p.Train.Epochs = 1
	c := loadToy(t, p)
	one := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: one})
	got, _ := logCurve(t, out)
	want, _ := logCurve(t, one)
	near(t, got, want, 1e-3)
}

// TestRecomputedEstimates: less memory, a third more time, and larger batches of patches under one budget.
func TestRecomputedEstimates(t *testing.T) {
	p := toyPlan("")
	p.Model.Width, p.Input.Frames, p.Input.Height, p.Input.Width = 32, 16, 64, 64
	c, err := planCost(p, []cohort.TargetSpec{{Name: "y", Kind: "regression"}})
	if err != nil {
		t.Fatal(err)
	}
	step, mib := stepSeconds(p, c, 1), memoryMiB(p, c, 0)
	p.Train.Recompute = true
	if s, m := stepSeconds(p, c, 1), memoryMiB(p, c, 0); s <= step || s > 4*step/3 || m >= mib {
		t.Errorf("%v s and %v MiB, recomputed %v s and %v MiB", step, mib, s, m)
	}
}

// TestMaskEstimate: a plan for masks says how long it takes: longer with more epochs, with more cases to validate on, and for more fits.
func TestMaskEstimate(t *testing.T) {
	p, c, _ := maskToy(t)
	fp, err := c.Fingerprint(context.Background(), cohort.FingerprintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.Planned = nil
	minutes := func(epochs int, s PlanSizes) float64 {
		q := p.Clone()
		q.Train.Epochs = epochs
		q, err := FillMaskPlan(q, fp, s)
		if err != nil {
			t.Fatal(err)
		}
		return q.Planned.EstimateMinutes
	}
	one := minutes(1000, PlanSizes{Train: 8, Val: 4, Cores: 1})
	if one <= 0 {
		t.Fatalf("%v minutes", one)
	}
	if v := minutes(2000, PlanSizes{Train: 8, Val: 4, Cores: 1}); math.Abs(v-2*one) > 2e-3 {
		t.Errorf("twice the epochs take %v minutes, once %v", v, one)
	}
	if v := minutes(1000, PlanSizes{Train: 8, Val: 40, Cores: 1}); v <= one {
		t.Errorf("ten times the validation cases take %v minutes, once %v", v, one)
	}
	if v := minutes(1000, PlanSizes{Train: 8, Val: 4, Cores: 1, Fits: 5}); math.Abs(v-5*one) > 5e-3 {
		t.Errorf("five fits take %v minutes, one %v", v, one)
	}
}
