package learn

import (
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cineloop/cineloop/cohort"
)

// TestSWAGBaselines: each draw has the baseline hazard of its own weights, before and after a resumed run, and is scored with it.
func TestSWAGBaselines(t *testing.T) {
	needEngine(t)
	for _, method := range []string{cohort.Cox, cohort.CoxTime} {
		p := survivalPlan(t, 40, method)
		p.Train.Epochs = 4
		p.Uncertainty = &UncertaintySpec{SWAGEpochs: 2, SWAGSamples: 2, SWAGLR: 0.02}
		c := loadToy(t, p)
		fold := toyFold(c)
		dir := t.TempDir()
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: dir})
		last, _, err := readCheckpoint(filepath.Join(dir, checkpointDir, lastFile))
		if err != nil {
			t.Fatal(err)
		}
		var bases []*baseHazard
		dirs := p.Uncertainty.Folders(dir)
		for _, d := range dirs {
			state, _, err := readCheckpoint(filepath.Join(d, bestFile))
			if err != nil {
				t.Fatal(err)
			}
			bases = append(bases, state.Heads[0].Base)
			s, err := PredictSampled(t.Context(), PredictOptions{CheckpointDirs: []string{d}, Plan: p, Cohort: c, Rows: fold.Train})
			if err != nil {
				t.Fatal(err)
			}
			// Martingale residuals of Breslow's estimate sum to zero: the hazard that people lived through is the number of events.
			h, events, lived := state.Heads[0], 0.0, 0.0
			for at, i := range s.Rows {
				truth := c.Rows[i].Truth["death"]
				events += truth[1]
				for k, when := range h.Base.Times {
					if when <= truth[0] {
						lived += h.Base.Hazard[k] * math.Exp(h.relative(s.Of["death"].Raw[at], when))
					}
				}
			}
			if math.Abs(lived-events) > 1e-3*events {
				t.Errorf("%s, %s: %.4f events are expected, %v happened: not the baseline of these weights", method, filepath.Base(d), lived, events)
			}
		}
		if reflect.DeepEqual(bases[0], bases[1]) || reflect.DeepEqual(bases[0], last.Heads[0].Base) {
			t.Errorf("%s: other weights have the same baseline", method)
		}
		o := PredictOptions{CheckpointDirs: dirs, Plan: p, Cohort: c, Rows: fold.Test}
		both, err := PredictSampled(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for k, d := range dirs {
			o.CheckpointDirs = []string{d}
			one, err := Predict(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for at := range both.Rows {
				for j, v := range one.Score["death"][at] {
					if got := both.Of["death"].Score[at][k][j]; math.Abs(got-v) > 1e-6 {
						t.Fatalf("%s: draw %d says %.6f at cut %d; among others it says %.6f", method, k, v, j, got)
					}
				}
			}
		}
	}
}
