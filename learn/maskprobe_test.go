package learn

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/google/go-cmp/cmp"
)

// TestOverfitMasks: a sound toy is learnt by heart, whatever the plan does against that; too large a rate is named, as are masks that
// contradict each other; and a batch without any mask is refused.
func TestOverfitMasks(t *testing.T) {
	needEngine(t)
	p, c, fold := maskToy(t)
	p.Train.WeightDecay, p.Train.EMA = 0.5, 0.9
	check := func(p *Plan, c *cohort.Cohort, steps int) (*OverfitCheck, error) {
		return OverfitOneBatch(t.Context(), TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: t.TempDir()}, steps)
	}
	got, err := check(p, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Reached || len(got.Items) != 3 || len(got.Targets) != 1 || got.Steps >= overfitSteps || got.Steps != len(got.Loss) || len(got.Findings) != 0 {
		t.Errorf("%s", got.Words())
	}
	if d := got.Targets[0]; d.Name != "disc" || d.Kind != "mask" || d.Known == 0 || d.Error > byHeart || d.Constant <= byHeart || !strings.Contains(got.Words(), "3 patches") {
		t.Errorf("%+v\n%s", d, got.Words())
	}
	fast := p.Clone()
	fast.Train.LR = 20
	if got, err = check(fast, c, 80); err != nil || got.Reached || !finding(got, "learning_rate", "too large") {
		t.Errorf("a rate of 20: %v\n%s", err, got.Words())
	}
	short, err := check(p, c, 1)
	if err != nil || short.Reached || !finding(short, "patience", "plainly") || !strings.Contains(short.Words(), "NOT learnt") {
		t.Errorf("one step: %v %+v", err, short)
	}
	twins, blank := *c, *c
	twins.Rows, blank.Rows = slices.Clone(c.Rows), slices.Clone(c.Rows)
	empty := clip.New(clip.Uint8, 1, 24, 24, 1)
	empty.Photometric = clip.Mask
	path := filepath.Join(t.TempDir(), "blank.png")
	if err := clip.Save(path, empty); err != nil {
		t.Fatal(err)
	}
	for i := range c.Rows {
		twins.Rows[i].Path = c.Rows[0].Path
		blank.Rows[i].Masks = map[string]string{"disc": path}
	}
	whole := p.Clone()
	whole.Segment.Oversample, whole.Segment.Patch = -1, []int{1, 32, 32}
	if got, err = check(whole, &twins, 2); err != nil || !finding(got, "labels", "have the same picture with another mask") {
		t.Errorf("one picture with many masks: %v\n%+v", err, got)
	}
	if _, err = check(whole, &blank, 2); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "no patch") {
		t.Errorf("blank masks: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OverfitOneBatch(ctx, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: t.TempDir()}, 5); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
	bad := p.Clone()
	bad.Segment.Loss = "none"
	if _, err := check(bad, c, 5); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a plan that cannot be trained: %v", err)
	}
}

// TestFindLROfMasks: the toy's search falls and runs away, suggests a rate with which the toy is learnt, is the same twice, and leaves a
// training that was begun as it is.
func TestFindLROfMasks(t *testing.T) {
	needEngine(t)
	p, c, fold := maskToy(t)
	p.Train.Epochs = 1
	o := TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: t.TempDir()}
	if _, err := TrainMasks(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	before := digestOf(t, o.Dir)
	var found [2]*LRCurve
	for i := range found {
		var err error
		if found[i], err = FindLR(t.Context(), o, LRSearch{Steps: 50, From: 1e-5, To: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(found[0], found[1]); d != "" {
		t.Errorf("two searches differ: %s", d)
	}
	if digestOf(t, o.Dir) != before {
		t.Error("the search touched the training")
	}
	f := found[0]
	if f.Suggested < 1e-4 || f.Suggested > 1 || f.Lowest < f.Suggested || f.Plan != p.Train.LR {
		t.Errorf("suggested %g, lowest %g, diverged %g (%s)", f.Suggested, f.Lowest, f.Diverged, f.Why)
	}
	p = p.Clone()
	p.Train.LR, p.Train.Epochs = f.Suggested, 4
	r, err := TrainMasks(t.Context(), TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: t.TempDir()})
	if err != nil || !(r.Best.Value > 0.6) {
		t.Errorf("with the suggested %g: %v, %+v", f.Suggested, err, r)
	}
}

// TestOverlapsByHand: two patches of three voxels, two classes beside the background. Patch 1 answers 1, 2, 0 to 1, 1, unknown; patch 2
// answers 0, 0, 2 to 0, 2, 2. Class 1: one of two found and one answer, Dice 2/3; class 2: one of two found, two answers, Dice 1/2.
func TestOverlapsByHand(t *testing.T) {
	answers := [][3]int{{1, 2, 0}, {0, 0, 2}}
	var maps []float32
	for _, a := range answers {
		for k := range 3 {
			for _, v := range a {
				score := float32(-1)
				if v == k {
					score = 1
				}
				maps = append(maps, score)
			}
		}
	}
	got := overlaps(maps, []uint8{1, 1, volume.Unknown, 0, 2, 2}, 2, 3)
	want := []overlap{{both: 1, truth: 1, answer: 2, known: 5}, {both: 1, truth: 2, answer: 1, known: 5}, {both: 1, truth: 2, answer: 2, known: 5}}
	for k := range want {
		if got[k] != want[k] {
			t.Errorf("class %d: %+v, want %+v", k, got[k], want[k])
		}
	}
	f := &oneMaskBatch{counts: got, t: &maskTrainer{}}
	f.t.state.Segment = &MaskNet{Labels: []string{"a", "b"}}
	targets := f.targets()
	if len(targets) != 2 || math.Abs(targets[0].Error-1.0/3) > 1e-12 || math.Abs(targets[1].Error-0.5) > 1e-12 || math.Abs(targets[0].Constant-3.0/7) > 1e-12 || targets[0].Reached {
		t.Errorf("targets %+v", targets)
	}
}
