package learn

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// overfit checks the toy with a change to its plan and rows.
func overfit(t *testing.T, steps int, change func(p *Plan, c *cohort.Cohort)) *OverfitCheck {
	t.Helper()
	p := toyPlan(toyClips(t, 8))
	p.Train.BatchSize = 6
	c := loadToy(t, p)
	if change != nil {
		change(p, c)
	}
	got, err := OverfitOneBatch(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: cohort.Fold{Train: c.All()}, Dir: t.TempDir()}, steps)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func finding(c *OverfitCheck, what, says string) bool {
	for _, f := range c.Findings {
		if f.What == what && strings.Contains(f.Says, says) {
			return true
		}
	}
	return false
}

// TestOverfitCheck: a sound toy is learnt by heart, whatever the plan does against that; no file is touched.
func TestOverfitCheck(t *testing.T) {
	needEngine(t)
	c := overfit(t, 0, func(p *Plan, _ *cohort.Cohort) {
		p.Model.Dropout, p.Train.LabelSmoothing, p.Train.Mixup, p.Train.WeightDecay, p.Train.EMA = 0.5, 0.2, 1, 0.5, 0.9
	})
	if !c.Reached || len(c.Findings) != 0 || len(c.Items) != 6 || len(c.Targets) != 2 || c.Steps != len(c.Loss) || c.Steps >= overfitSteps {
		t.Errorf("%s", c.Words())
	}
	for _, target := range c.Targets {
		if !target.Reached || target.Error > byHeart*math.Max(target.Constant, 0.1) {
			t.Errorf("%+v", target)
		}
	}
}

// TestOverfitFindings: each of the usual mistakes is named.
func TestOverfitFindings(t *testing.T) {
	needEngine(t)
	for name, c := range map[string]struct {
		what, says string
		steps      int
		change     func(p *Plan, c *cohort.Cohort)
	}{
		"too small a rate": {"learning_rate", "too small", 60, func(p *Plan, _ *cohort.Cohort) { p.Train.LR = 5e-5 }},
		"too large a rate": {"learning_rate", "too large", 100, func(p *Plan, _ *cohort.Cohort) { p.Train.LR = 20 }},
		"one picture, two truths": {"labels", "the same picture with another bright", 10, func(_ *Plan, c *cohort.Cohort) {
			for i := range c.Rows {
				c.Rows[i].Path = c.Rows[0].Path
			}
		}},
		"a frozen network": {"frozen", "keeps", 5, func(p *Plan, _ *cohort.Cohort) {
			p.Train.Freeze = []string{"stem", "layer1", "layer2", "layer3", "layer4"}
		}},
		"a constant input": {"input", "everywhere", 5, func(p *Plan, _ *cohort.Cohort) {
			p.Input.Normalise, p.Input.Mean, p.Input.Std = "fixed", []float64{0}, []float64{1e9}
		}},
		"too few steps": {"patience", "nothing is plainly wrong", 1, nil},
	} {
		got := overfit(t, c.steps, c.change)
		if got.Reached || !finding(got, c.what, c.says) {
			t.Errorf("%s: want %s, %q:\n%s", name, c.what, c.says, got.Words())
		}
		if w := got.Words(); !strings.Contains(w, "NOT learnt") {
			t.Errorf("%s: %s", name, w)
		}
	}
}

func TestOverfitRefusals(t *testing.T) {
	p := toyPlan(toyClips(t, 8))
	c := loadToy(t, p)
	o := TrainOptions{Plan: p, Cohort: c, Fold: cohort.Fold{Train: c.All()}, Dir: filepath.Join(t.TempDir(), "never")}
	p.Train.Autocast = "fp16"
	if _, err := OverfitOneBatch(context.Background(), o, 5); fault.CodeOf(err) != fault.Usage {
		t.Errorf("float16: %v", err)
	}
	p.Train.Autocast = "none"
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := OverfitOneBatch(ctx, o, 5); fault.CodeOf(err) != fault.Interrupted && fault.CodeOf(err) != fault.Missing {
		t.Errorf("cancelled: %v", err)
	}
}

// TestErrorsByHand: two clips of one class and two of another are answered best with a half each, which costs ln 2; the values 1 and 5 with
// 3, which costs (2/SD)².
func TestErrorsByHand(t *testing.T) {
	binary := head{Target: evaluate.Target{Kind: evaluate.Binary}}
	class := head{Target: evaluate.Target{Kind: evaluate.Class, Classes: []string{"a", "b"}}}
	value := head{Target: evaluate.Target{Kind: evaluate.Regression}, Mean: 100, SD: 4}
	truth := [][]float64{{0}, {1}, {nan}, {1}, {0}}
	for _, c := range []struct {
		h     head
		truth [][]float64
		want  float64
		known int
	}{
		{binary, truth, math.Ln2, 4}, {class, truth, math.Ln2, 4}, {value, [][]float64{{1}, {nan}, {5}}, 0.25, 2}, {binary, [][]float64{{1}, {1}}, 0, 2},
	} {
		got, known := c.h.constant(c.truth)
		if math.Abs(got-c.want) > 1e-9 || known != c.known {
			t.Errorf("%s: error %v of %d known, want %v of %d", c.h.Kind, got, known, c.want, c.known)
		}
	}
	if got := binary.meanError([][]float64{{1}, {0}}, [][]float64{{0.5}, {0.75}}); math.Abs(got-(math.Ln2+math.Log(4))/2) > 1e-9 {
		t.Errorf("mean error %v", got)
	}
}

func TestInputTrouble(t *testing.T) {
	for _, c := range []struct {
		pixels []float32
		says   string
	}{
		{[]float32{-1, 1, -1, 1}, ""},
		{[]float32{3, 3, 3, 3}, "everywhere"},
		{[]float32{0, 1, 1, 1}, "clip 2 of the batch is 1 everywhere"},
		{[]float32{0, float32(math.NaN()), 1, 0}, "1 input values are not finite"},
		{[]float32{1000, 1400, 900, 1200}, "mean 1.12e+03"},
		{[]float32{0, 0.001, 0, 0.001}, "SD 0.0005"},
	} {
		if got := inputTrouble(c.pixels, 2); !strings.Contains(got, c.says) || c.says == "" && got != "" {
			t.Errorf("%v: %q, want %q", c.pixels, got, c.says)
		}
	}
	if !alike([]float32{1, 2, 1, 2}, 2) || alike([]float32{1, 2, 1, 3}, 2) || alike([]float32{1, 2}, 1) {
		t.Error("rows that are alike")
	}
	if !sameScores([][]float64{{0.5}, {0.5}}) || sameScores([][]float64{{0.5}, {0.6}}) {
		t.Error("scores that are the same")
	}
}
