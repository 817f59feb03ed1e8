package learn

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// kindsCohort is the toy clips with a class and two labels made of what is in them: dark, dim and bright; label "lit" and a coin.
func kindsCohort(t *testing.T, p *Plan) *cohort.Cohort {
	t.Helper()
	c := loadToy(t, p)
	c.Spec.Targets = []cohort.TargetSpec{
		{Name: "shade", Kind: "class", Classes: []string{"dark", "dim", "bright"}},
		{Name: "marks", Kind: "multilabel", Classes: []string{"lit", "coin"}, Weight: 0.3},
	}
	rng := p.Seed.Stream("coin")
	for i := range c.Rows {
		level := c.Rows[i].Truth["level"][0]
		shade := nan
		switch {
		case i%2 == 0:
			shade = 0
		case level < 120:
			shade = 1
		case level >= 120:
			shade = 2
		}
		coin := float64(rng.IntN(2))
		if i%5 == 0 {
			coin = nan
		}
		c.Rows[i].Truth = map[string][]float64{"shade": {shade}, "marks": {float64(i % 2), coin}}
	}
	return c
}

// TestEveryKind trains a class and a multilabel target together, both with missing values.
func TestEveryKind(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 48))
	p.Train.Epochs, p.Train.Monitor, p.Train.LabelSmoothing = 10, "shade.accuracy", 0.05
	c := kindsCohort(t, p)
	fold, dir := toyFold(c), t.TempDir()
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir})
	fold.Test = append(fold.Test, fold.Val...) // the last rows alone are all lit
	if r.Best.Value < 0.7 {
		t.Errorf("best accuracy %v of three classes", r.Best.Value)
	}
	preds, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: fold.Test})
	if err != nil {
		t.Fatal(err)
	}
	if err := preds.Validate(); err != nil {
		t.Fatal(err)
	}
	for i := range preds.Item {
		sum := 0.0
		for _, v := range preds.Score["shade"][i] {
			sum += v
		}
		if math.Abs(sum-1) > 1e-9 || len(preds.Score["marks"][i]) != 2 {
			t.Errorf("row %d: shade %v, marks %v", i, preds.Score["shade"][i], preds.Score["marks"][i])
		}
	}
	lit := evaluate.Target{Name: "lit", Kind: evaluate.Binary}
	var truth, score [][]float64
	for i := range preds.Item {
		truth = append(truth, preds.Truth["marks"][i][:1])
		score = append(score, preds.Score["marks"][i][:1])
	}
	if auroc, _, err := evaluate.Metric("auroc", lit, truth, score); err != nil || auroc < 0.9 {
		t.Errorf("label lit: AUROC %v, %v", auroc, err)
	}
}

// TestEnsembleIsTheMean: two models' scores, averaged by hand.
func TestEnsembleIsTheMean(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 16))
	p.Train.Epochs = 2
	c := loadToy(t, p)
	fold := toyFold(c)
	var dirs []string
	var singles []*evaluate.Predictions
	for _, seed := range []stats.Seed{5, 6} {
		q := p.Clone()
		q.Seed = seed
		dir := t.TempDir()
		train(t, TrainOptions{Plan: q, Cohort: c, Fold: fold, Dir: dir})
		one, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: q, Cohort: c, Rows: fold.Test})
		if err != nil {
			t.Fatal(err)
		}
		dirs, singles = append(dirs, dir), append(singles, one)
	}
	both, err := Predict(context.Background(), PredictOptions{CheckpointDirs: dirs, Plan: p, Cohort: c, Rows: fold.Test})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"bright", "level"} {
		for i := range both.Item {
			a, b := singles[0].Score[target][i][0], singles[1].Score[target][i][0]
			if got := both.Score[target][i][0]; a == b || math.Abs(got-(a+b)/2) > 1e-9*math.Max(1, math.Abs(got)) {
				t.Errorf("%s, row %d: %v of %v and %v", target, i, got, a, b)
			}
		}
	}
}

// TestInterruptedInAGroup: a stop between two batches of one optimiser step saves nothing, because the running statistics have moved
// on; the last checkpoint stands, and going on from it gives the whole curve.
func TestInterruptedInAGroup(t *testing.T) {
	needEngine(t)
	p := hardPlan(toyClips(t, 24), "sgd")
	p.Train.Accumulate, p.Train.CheckpointSteps = 2, 1
	c := loadToy(t, p)
	fold := toyFold(c)
	whole, parts := t.TempDir(), t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: whole})

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := Train(ctx, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: parts, afterStep: func(tr *trainer) {
		if tr.state.Step == 4 {
			// As if the stop came while the fifth step's second batch was being made.
			tr.pending = append(tr.pending, micro{rows: []int{0}})
			cancel()
		}
	}})
	if fault.CodeOf(err) != fault.Interrupted {
		t.Fatalf("interrupted: %v", err)
	}
	s, _, err := readCheckpoint(filepath.Join(parts, checkpointDir, lastFile))
	if err != nil || s.Step != 4 {
		t.Fatalf("checkpoint of step %d, %v", s.Step, err)
	}
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: parts, Resume: true})
	sameRun(t, "stopped inside a group", parts, whole)
}
