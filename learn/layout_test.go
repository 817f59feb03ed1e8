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

func TestMajorVersion(t *testing.T) {
	for v, want := range map[string]int{"1.13.0": 1, "2.6.0+cu124": 2, "10.0": 10, "": 0, "main": 0} {
		if got := majorVersion(v); got != want {
			t.Errorf("%q: %d, want %d", v, got, want)
		}
	}
}

// TestChannelsLastChoice: a person's word stands; left to itself the engine's version and device decide.
func TestChannelsLastChoice(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		newer := majorVersion(e.Info().Version) >= 2
		for format, want := range map[string]bool{"": newer, layoutAuto: newer, layoutContiguous: false, layoutChannelsLast: true} {
			if got := channelsLast(TrainSpec{MemoryFormat: format}, e); got != want {
				t.Errorf("%q: %v", format, got)
			}
		}
	})
}

// TestChannelsLast: the layout changes no meaning: the losses agree to rounding, validation is what the checkpoint predicts to the bit,
// and a run that was stopped continues to the bit.
func TestChannelsLast(t *testing.T) {
	needEngine(t)
	data := toyClips(t, 24)
	first := map[string]float64{}
	for _, format := range []string{layoutContiguous, layoutChannelsLast} {
		p := toyPlan(data)
		p.Train.MemoryFormat, p.Train.EMA, p.Train.Monitor = format, 0.9, "level.mae"
		c := loadToy(t, p)
		fold, dir := toyFold(c), t.TempDir()
		r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir})
		log, _ := ReadLog(filepath.Join(dir, "log.jsonl"))
		first[format] = *log[1].Loss
		preds, err := Predict(context.Background(), PredictOptions{CheckpointDirs: []string{dir}, Plan: p, Cohort: c, Rows: fold.Val})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := evaluate.Metric("mae", preds.Targets[1], preds.Truth["level"], preds.Score["level"])
		if err != nil || got != r.Best.Value {
			t.Errorf("%s: predicted MAE %v, logged %v (%v)", format, got, r.Best.Value, err)
		}
		s, _ := values(t, dir, bestFile)
		again := t.TempDir()
		stop := errStopAfter(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: again}, 3)
		if fault.CodeOf(stop) != fault.Interrupted {
			t.Fatalf("%s: %v", format, stop)
		}
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: again, Resume: true})
		if s2, _ := values(t, again, bestFile); s2 != s {
			t.Errorf("%s: resumed\n%s\nat once\n%s", format, s2, s)
		}
	}
	if d := math.Abs(first[layoutContiguous]/first[layoutChannelsLast] - 1); d > 1e-4 {
		t.Errorf("first losses %v", first)
	}
	p := toyPlan(data)
	p.Train.MemoryFormat = "sideways"
	c := loadToy(t, p)
	if _, err := Train(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: t.TempDir()}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an unknown format: %v", err)
	}
}

// errStopAfter trains until the given step and gives the error of the interruption.
func errStopAfter(t *testing.T, o TrainOptions, step int) error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.afterStep = func(tr *trainer) {
		if tr.state.Step == step {
			cancel()
		}
	}
	_, err := Train(ctx, o)
	return err
}
