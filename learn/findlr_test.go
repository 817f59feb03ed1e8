package learn

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// curveOf is a search over loss(log10 rate) in 100 steps from 1e-7 to 10.
func curveOf(loss func(x float64, i int) float64) *LRCurve {
	c := &LRCurve{}
	for i := range 100 {
		x := -7 + 8*float64(i)/99
		c.Points = append(c.Points, LRPoint{LR: math.Pow(10, x), Loss: loss(x, i)})
	}
	c.suggest()
	return c
}

// TestSteepestRate: a loss that is a cosine from 10⁻⁴ on, lowest at 10⁻¹ and symmetric about it, is steepest at 10⁻²·⁵, with noise too.
func TestSteepestRate(t *testing.T) {
	wave := func(x float64, _ int) float64 { return 1 + math.Cos(math.Pi*math.Max(0, x+4)/3) }
	noisy := func(x float64, i int) float64 { return wave(x, i) + 0.03*math.Sin(float64(i*i)) }
	for name, f := range map[string]func(float64, int) float64{"smooth": wave, "noisy": noisy} {
		c := curveOf(f)
		if d := math.Log10(c.Suggested) + 2.5; math.Abs(d) > 0.25 {
			t.Errorf("%s: suggested %g, want 10^-2.5", name, c.Suggested)
		}
		if d := math.Log10(c.Lowest) + 1; math.Abs(d) > 0.1 {
			t.Errorf("%s: lowest at %g, want 0.1", name, c.Lowest)
		}
	}
}

// TestNoRate: a loss that only wavers, or only rises, or is over at once, gets no suggestion but a reason.
func TestNoRate(t *testing.T) {
	for name, f := range map[string]func(float64, int) float64{
		"wavers": func(_ float64, i int) float64 { return 1 + 0.1*math.Sin(float64(i*i)) },
		"rises":  func(x float64, _ int) float64 { return 1 + math.Exp(x) },
		"flat":   func(float64, int) float64 { return 1 },
	} {
		if c := curveOf(f); c.Suggested != 0 || c.Why == "" {
			t.Errorf("%s: suggested %g: %s", name, c.Suggested, c.Why)
		}
	}
	c := &LRCurve{Points: []LRPoint{{LR: 1, Loss: 1}}}
	if c.suggest(); c.Suggested != 0 || c.Why == "" {
		t.Errorf("one point: %+v", c)
	}
}

// TestFindLR: on the toy the search finds a rate with which the toy is learnt and a rate at which it runs away; a training that was begun
// goes on as if nobody had searched, and equal searches give equal curves.
func TestFindLR(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 24))
	p.Train.Optimizer, p.Train.Momentum, p.Train.LR = "sgd", 0.9, 1e-3
	c := loadToy(t, p)
	dir := t.TempDir()
	o := TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir}
	train(t, o)
	before := digestOf(t, dir)
	found, err := FindLR(context.Background(), o, LRSearch{Steps: 60, From: 1e-5, To: 30})
	if err != nil {
		t.Fatal(err)
	}
	if found.Suggested < 1e-4 || found.Suggested > 1 || found.Suggested >= found.Lowest {
		t.Errorf("suggested %g, lowest %g, diverged %g (%s)", found.Suggested, found.Lowest, found.Diverged, found.Why)
	}
	if digestOf(t, dir) != before {
		t.Error("the search changed the run's folder")
	}
	again, err := FindLR(context.Background(), o, LRSearch{Steps: 60, From: 1e-5, To: 30})
	if err != nil || again.Suggested != found.Suggested || len(again.Points) != len(found.Points) || again.Points[7] != found.Points[7] {
		t.Errorf("again: %v, suggested %g", err, again.Suggested)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := FindLR(ctx, o, LRSearch{}); err == nil {
		t.Error("cancelled, and it went on")
	}
	for _, s := range []LRSearch{{From: 1, To: 0.1}, {From: -1}, {Steps: 3}} {
		if _, err := FindLR(context.Background(), o, s); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// digestOf is the names, sizes and times of a folder's files.
func digestOf(t *testing.T, dir string) (s string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			b, rerr := os.ReadFile(path)
			s, err = s+path+string(b), rerr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
