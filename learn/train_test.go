package learn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
	"github.com/google/go-cmp/cmp"
)

// TestTrainLearns: the toy task is learnt, the log tells of it, and the best checkpoint predicts it.
func TestTrainLearns(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 48))
	p.Train.Epochs = 12
	p.Input.EvalClips = 2
	c := loadToy(t, p)
	fold, dir := toyFold(c), t.TempDir()
	var progress bytes.Buffer
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir, Progress: &progress, Label: "toy: "})
	if r.Stopped != "finished" || r.Epochs != 12 || r.Steps != 12*6 || r.Best.Value < 0.95 || r.Parameters < 100 {
		t.Errorf("result %+v", r)
	}
	if n := strings.Count(progress.String(), "\n"); n != 12 || !strings.Contains(progress.String(), "toy: epoch 12/12") {
		t.Errorf("progress of %d lines:\n%s", n, progress.String())
	}
	log, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var steps, epochs []LogLine
	for _, l := range log {
		switch l.Event {
		case "step":
			steps = append(steps, l)
		case "epoch":
			epochs = append(epochs, l)
		}
	}
	if len(steps) != 72 || len(epochs) != 12 || log[len(log)-1].Event != "stop" {
		t.Fatalf("%d steps, %d epochs in the log", len(steps), len(epochs))
	}
	if first, last := *epochs[0].Loss, *epochs[11].Loss; last > 0.7*first {
		t.Errorf("training loss %v, then %v", first, last)
	}
	for _, key := range []string{"loss", "bright.auroc", "bright.accuracy", "level.mae"} {
		if _, ok := epochs[0].Val[key]; !ok {
			t.Errorf("no %s in the log", key)
		}
	}

	preds, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: fold.Test, Split: "test", Fold: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := preds.Validate(); err != nil {
		t.Error(err)
	}
	if preds.Len() != len(fold.Test) || preds.Item[0] != c.Rows[fold.Test[0]].ID || preds.Split[0] != "test" || preds.Fold[0] != 1 {
		t.Errorf("%d predictions, first %q", preds.Len(), preds.Item[0])
	}
	for row, i := range fold.Test {
		if got := preds.Score["level"][row][0]; got < -100 || got > 300 {
			t.Errorf("row %d: level %v is not in the target's unit", i, got)
		}
	}

	// An ensemble of a checkpoint with itself is the checkpoint.
	twice, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir, filepath.Join(dir, "checkpoints")}, Plan: p, Cohort: c, Rows: fold.Test})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(preds.Score, twice.Score); d != "" {
		t.Error(d)
	}
}

// TestValidationIsPrediction: what training logs for its best epoch is what the best checkpoint predicts, averaged weights included.
func TestValidationIsPrediction(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 32))
	p.Train.EMA = 0.9
	p.Train.Monitor = "level.mae"
	c := loadToy(t, p)
	fold, dir := toyFold(c), t.TempDir()
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir})
	preds, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: fold.Val})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := evaluate.Metric("mae", preds.Targets[1], preds.Truth["level"], preds.Score["level"])
	if err != nil || got != r.Best.Value {
		t.Errorf("predicted MAE %v, logged %v (%v)", got, r.Best.Value, err)
	}
}

// TestOverfitsOneBatch: a network that sees four clips again and again knows them by heart.
func TestOverfitsOneBatch(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 4)
	for _, name := range []string{"r2plus1d_18", "resnet18_mean"} {
		p := toyPlan(dir)
		p.Model.Name = name
		p.Train.Epochs = 30
		p.Train.Schedule = "constant"
		c := loadToy(t, p)
		out := t.TempDir()
		fold := toyFold(c)
		fold.Train, fold.Val = c.All(), nil
		r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: out})
		log, _ := ReadLog(filepath.Join(out, "log.jsonl"))
		if r.Best.Metric != "train loss" || r.Best.Value > 0.1 || r.Best.Value > *log[1].Loss/4 {
			t.Errorf("%s: loss %v after %d steps, at first %v", name, r.Best.Value, r.Steps, *log[1].Loss)
		}
	}
}

// TestAccumulation: on clips that are all equal, batch normalisation sees the same in half a batch, so two halves make the same step.
func TestAccumulation(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 8)
	p := toyPlan(dir)
	c := loadToy(t, p)
	for i := range c.Rows { // equal pictures, different truths, none missing
		c.Rows[i].Path = filepath.Join(dir, "c01.npy")
		c.Rows[i].Truth = map[string][]float64{"bright": {float64(i % 2)}, "level": {float64(10 * i)}}
	}
	fold := toyFold(c)
	fold.Train, fold.Val = c.All(), nil
	curve := func(batch, accumulate int) []LogLine {
		q := p.Clone()
		q.Train.BatchSize, q.Train.Accumulate = batch, accumulate
		q.Train.Optimizer, q.Train.LR, q.Train.Momentum = "sgd", 1e-3, 0.9
		out := t.TempDir()
		train(t, TrainOptions{Plan: q, Cohort: c, Fold: fold, Dir: out})
		log, err := ReadLog(filepath.Join(out, "log.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(log, func(l LogLine) bool { return l.Event != "step" })
	}
	whole, halves := curve(4, 1), curve(2, 2)
	if len(whole) != 6 || len(halves) != 6 {
		t.Fatalf("%d and %d steps", len(whole), len(halves))
	}
	for i := range whole {
		if math.Abs(*whole[i].Loss-*halves[i].Loss) > 1e-4 || math.Abs(*whole[i].GradNorm / *halves[i].GradNorm - 1) > 1e-3 {
			t.Errorf("step %d: loss %v and norm %v in one batch, %v and %v in two", i+1, *whole[i].Loss, *whole[i].GradNorm, *halves[i].Loss, *halves[i].GradNorm)
		}
	}
	if groupSize(0, 7, 3) != 3 || groupSize(5, 7, 3) != 3 || groupSize(6, 7, 3) != 1 {
		t.Error("groups of 7 batches by 3 are 3, 3, 1")
	}
}

// TestBF16: autocast trains, and starts from nearly the same loss.
func TestBF16(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 16)
	first := map[string]float64{}
	for _, cast := range []string{"none", "bf16"} {
		p := toyPlan(dir)
		p.Train.Autocast = cast
		c := loadToy(t, p)
		out := t.TempDir()
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: out})
		log, _ := ReadLog(filepath.Join(out, "log.jsonl"))
		first[cast] = *log[1].Loss
	}
	if d := math.Abs(first["bf16"]/first["none"] - 1); d > 0.05 || d == 0 {
		t.Errorf("first loss %v in float32, %v in bfloat16", first["none"], first["bf16"])
	}
	p := toyPlan(dir)
	p.Train.Autocast = "fp16"
	c := loadToy(t, p)
	if _, err := Train(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: t.TempDir()}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("float16 on the CPU: %v", err)
	}
}

func TestStops(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 16)
	run := func(change func(*Plan)) (*TrainResult, error) {
		p := toyPlan(dir)
		change(p)
		c := loadToy(t, p)
		return Train(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: t.TempDir()})
	}
	// A learning rate of nothing never improves: the first epoch is the best, and two more are waited for.
	r, err := run(func(p *Plan) {
		p.Train.Epochs, p.Train.Patience, p.Train.LR = 50, 2, 1e-30
		p.Train.Monitor = "bright.accuracy"
	})
	if err != nil || r.Stopped != "patience" || r.Epochs > 20 {
		t.Errorf("patience: %+v %v", r, err)
	}
	r, err = run(func(p *Plan) { p.Train.Epochs, p.Train.MaxMinutes = 1000000, 0.02 })
	if err != nil || r.Stopped != "max_minutes" || r.Minutes > 0.3 || r.Best.Metric == "" {
		t.Errorf("budget: %+v %v", r, err)
	}
	p := toyPlan(dir)
	p.Train.Epochs, p.Train.MaxMinutes = 1000000, 100
	c := loadToy(t, p)
	r, err = Train(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: t.TempDir(), Minutes: 0.02})
	if err != nil || r.Stopped != "max_minutes" || r.Minutes > 0.3 {
		t.Errorf("share of a budget: %+v %v", r, err)
	}
	// Numbers that leave the range name the step and the items.
	_, err = run(func(p *Plan) { p.Train.Optimizer, p.Train.LR, p.Train.Epochs = "sgd", 1e25, 50 })
	if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "step ") || !strings.Contains(err.Error(), ".npy") {
		t.Errorf("diverged: %v", err)
	}
	_, err = run(func(p *Plan) { p.Train.Monitor = "bright.mae" })
	if fault.CodeOf(err) != fault.Usage {
		t.Errorf("monitor of another kind: %v", err)
	}
	_, err = run(func(p *Plan) { p.Train.LR = 0 })
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "train.lr") {
		t.Errorf("plan with gaps: %v", err)
	}
}

// TestModel: the scores of a loaded model are its predictions; the activation's gradient predicts how the raw score changes.
func TestModel(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 16))
	p.Train.Epochs = 1
	c := loadToy(t, p)
	dir := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir})
	x := make([]float32, 2*4*12*12)
	rng := p.Seed.Stream("x")
	for i := range x {
		x[i] = rng.Float32()
	}
	withEngine(t, func(e *torch.Engine) {
		before := e.LiveHandles()
		m, err := LoadModel(e, dir)
		if err != nil {
			t.Fatal(err)
		}
		two, err := m.Score(x, 2, "level")
		if err != nil {
			t.Fatal(err)
		}
		one, err := m.Score(x[576:], 1, "level")
		if err != nil || math.Abs(one[0][0]-two[1][0]) > 1e-3 {
			t.Errorf("alone %v, in a batch %v, %v", one, two, err)
		}
		a, err := m.Activation(x[:576], "", "bright", 0)
		if err != nil {
			t.Fatal(err)
		}
		prob, _ := m.Score(x[:576], 1, "bright")
		if d := 1/(1+math.Exp(-a.Raw)) - prob[0][0]; math.Abs(d) > 1e-5 || a.Channels != 32 || len(a.Grad) != a.Channels*a.T*a.H*a.W {
			t.Errorf("raw %v, probability %v, activation %d×%d×%d×%d", a.Raw, prob, a.Channels, a.T, a.H, a.W)
		}
		if _, err := m.Activation(x[:576], "nowhere", "", 0); fault.CodeOf(err) != fault.Usage {
			t.Errorf("unknown layer: %v", err)
		}
		if _, err := m.Activation(x[:576], "", "nothing", 0); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("unknown target: %v", err)
		}
		m.Randomise(99)
		if r, _ := m.Score(x, 2, "level"); r[0][0] == two[0][0] {
			t.Error("random weights score the same")
		}
		m.Close()
		if left := e.LiveHandles() - before; left != 0 {
			t.Errorf("%d handles are left", left)
		}
	})
	if _, err := bestPath(t.TempDir()); fault.CodeOf(err) != fault.NotFound || errors.Unwrap(err) == nil {
		t.Errorf("no checkpoint: %v", err)
	}
}

// TestNothingLeaks: steps, averages, validation and checkpoints leave no tensor behind.
func TestNothingLeaks(t *testing.T) {
	needEngine(t)
	p := hardPlan(toyClips(t, 24), "adamw")
	p.Train.Epochs, p.Train.CheckpointSteps = 6, 3
	c := loadToy(t, p)
	var live []int
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: t.TempDir(), afterStep: func(t *trainer) { live = append(live, t.e.LiveHandles()) }})
	// Buffers of the loaders are made as they are needed, so the count may rise at first and at the first validation.
	if last := live[len(live)-1]; len(live) != 12 || last != live[4] {
		t.Errorf("live handles after each step: %v", live)
	}
}

// TestBrokenFiles: a clip that cannot be decoded is quarantined with its reason, in training and in prediction, and both go on.
func TestBrokenFiles(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 24)
	p := toyPlan(dir)
	p.Train.Epochs = 2
	c := loadToy(t, p)
	fold, out := toyFold(c), t.TempDir()
	for _, i := range []int{fold.Train[1], fold.Val[0], fold.Test[0]} {
		if err := os.WriteFile(c.Rows[i].Path, []byte("not an array"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: out})
	if len(r.Quarantine) != 2 || r.Quarantine[0].ID != c.Rows[fold.Train[1]].ID || r.Quarantine[0].Reason == "" {
		t.Errorf("quarantine %+v", r.Quarantine)
	}
	var bad []cohort.Quarantine
	preds, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{out}, Plan: p, Cohort: c, Rows: fold.Test, Quarantine: &bad})
	if err != nil || preds.Len() != len(fold.Test)-1 || len(bad) != 1 || preds.Item[0] != c.Rows[fold.Test[1]].ID {
		t.Errorf("%d predictions of %d rows, quarantine %+v, %v", preds.Len(), len(fold.Test), bad, err)
	}
}

// TestWeightsOfOthers starts from a checkpoint of another number of channels and another target.
func TestWeightsOfOthers(t *testing.T) {
	needEngine(t)
	dir := toyClips(t, 12)
	p := toyPlan(dir)
	p.Train.Epochs = 1
	c := loadToy(t, p)
	first := t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: first})
	q := p.Clone()
	q.Input.Channels = 3
	q.Model.Weights = filepath.Join(first, checkpointDir, bestFile)
	c2 := loadToy(t, q)
	c2.Spec.Targets = c2.Spec.Targets[:1]
	r := train(t, TrainOptions{Plan: q, Cohort: c2, Fold: toyFold(c2), Dir: t.TempDir()})
	// 20 convolutions and as many normalisations with four tensors each and a batch count, less the stem.
	if !strings.Contains(r.Loaded, "1 folded (stem.0.weight)") || !strings.Contains(r.Loaded, "2 missing (fc.weight, fc.bias)") {
		t.Errorf("loaded: %s", r.Loaded)
	}
	q.Model.Width = 8
	if _, err := Train(context.Background(), TrainOptions{Plan: q, Cohort: c2, Fold: toyFold(c2), Dir: t.TempDir()}); fault.CodeOf(err) != fault.Input {
		t.Errorf("weights of another width: %v", err)
	}
	q.Model.Weights = filepath.Join(first, "absent.pth")
	if _, err := Train(context.Background(), TrainOptions{Plan: q, Cohort: c2, Fold: toyFold(c2), Dir: t.TempDir()}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("weights that are not there: %v", err)
	}
}

// TestPredictRefuses: checkpoints and cohorts that do not belong together.
func TestPredictRefuses(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 12))
	p.Train.Epochs = 1
	c := loadToy(t, p)
	both, one := t.TempDir(), t.TempDir()
	train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: both})
	fewer := loadToy(t, p)
	fewer.Spec.Targets = fewer.Spec.Targets[:1]
	train(t, TrainOptions{Plan: p, Cohort: fewer, Fold: toyFold(c), Dir: one})
	predict := func(c *cohort.Cohort, dirs ...string) error {
		_, err := Predict(context.Background(), PredictOptions{CheckpointDirs: dirs, Plan: p, Cohort: c, Rows: c.All()})
		return err
	}
	if err := predict(c); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no checkpoint: %v", err)
	}
	if err := predict(c, t.TempDir()); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("an empty folder: %v", err)
	}
	if err := predict(c, both, one); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "other targets") {
		t.Errorf("an ensemble of different targets: %v", err)
	}
	other := loadToy(t, p)
	other.Spec.Targets[0].Kind, other.Spec.Targets[0].Classes = "class", []string{"0", "1"}
	if err := predict(other, both); fault.CodeOf(err) != fault.Input {
		t.Errorf("a target of another kind: %v", err)
	}
	// A cohort without the target's column gets scores and no truth.
	for i := range c.Rows {
		delete(c.Rows[i].Truth, "level")
	}
	c.Spec.Targets = c.Spec.Targets[:1]
	preds, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{both}, Plan: p, Cohort: c, Rows: c.All()})
	if err != nil || !math.IsNaN(preds.Truth["level"][0][0]) || math.IsNaN(preds.Score["level"][0][0]) {
		t.Errorf("no column of a target: %v", err)
	}
}
