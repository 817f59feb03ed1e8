package learn

import (
	"context"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn/video"
)

// TestTwoStreamsTrain: a plan with a flow stream is filled, trains, resumes its checkpoint for prediction and gives the validation's numbers.
func TestTwoStreamsTrain(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 16))
	p.Model.Streams = []string{"rgb", "flow"}
	c := loadToy(t, p)
	fp, err := c.Fingerprint(context.Background(), cohort.FingerprintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err = FillPlan(p, fp, PlanSizes{Train: 8, Val: 4})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Input.Flow || !p.Input.Working || p.Augment.RotateDeg != 0 || clip.MovesSamples(p.Augment) {
		t.Errorf("input %+v, augment %+v", p.Input, p.Augment)
	}
	dir := t.TempDir()
	fold := toyFold(c)
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir})
	preds, err := Predict(context.Background(), PredictOptions{Plan: p, Cohort: c, Rows: fold.Val, CheckpointDirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := evaluate.Metric("auroc", preds.Targets[0], preds.Truth["bright"], preds.Score["bright"])
	if err != nil || got != r.Best.Value {
		t.Errorf("predicted AUROC %v, logged %v (%v)", got, r.Best.Value, err)
	}
	_, tensors := values(t, dir, bestFile)
	if _, ok := tensors["flow.stem.0.weight"]; !ok {
		t.Error("the checkpoint has no flow stream")
	}
}

func TestStreamsOfPlans(t *testing.T) {
	for _, c := range []struct {
		streams []string
		flow    bool
		want    string
		bad     bool
	}{
		{nil, false, "", false}, {nil, true, "", false}, {[]string{"rgb"}, false, "", false},
		{[]string{"flow", "rgb"}, true, video.StreamsBoth, false}, {[]string{"flow"}, true, video.StreamsFlow, false},
		{[]string{"flow"}, false, "", true}, {[]string{"rgb", "sound"}, true, "", true}, {[]string{"rgb"}, true, "", true},
	} {
		p := toyPlan("")
		p.Model.Streams, p.Input.Flow = slices.Clone(c.streams), c.flow
		got, err := p.streams()
		if got != c.want || (fault.CodeOf(err) == fault.Usage && err != nil) != c.bad {
			t.Errorf("%v with flow %v: %q, %v", c.streams, c.flow, got, err)
		}
	}
	p := toyPlan("")
	p.Model.Streams, p.Input.Flow, p.Model.Fusion = []string{"rgb", "flow"}, true, &FusionSpec{Kind: "early"}
	if _, err := p.streams(); fault.CodeOf(err) != fault.Usage {
		t.Errorf("early fusion: %v", err)
	}
}
