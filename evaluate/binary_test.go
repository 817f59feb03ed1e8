package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// tied draws n outcomes with scores of few distinct values.
func tied(r *rand.Rand, n int) (truth, score []float64) {
	for range n {
		p := float64(r.IntN(12)) / 11
		truth, score = append(truth, indicator(r.Float64() < p)), append(score, p)
	}
	truth[0], truth[1] = 0, 1
	return truth, score
}

// TestAUROCByPairs compares with counting every pair, weights and ties among them.
func TestAUROCByPairs(t *testing.T) {
	r := stats.Seed(1).Stream("pairs")
	for range 20 {
		truth, score := tied(r, 40)
		w := make([]float64, 40)
		for i := range w {
			w[i] = float64(r.IntN(3))
		}
		var won, all float64
		for i := range truth {
			for j := range truth {
				if truth[i] == 1 && truth[j] == 0 {
					all += w[i] * w[j]
					switch {
					case score[i] > score[j]:
						won += w[i] * w[j]
					case score[i] == score[j]:
						won += w[i] * w[j] / 2
					}
				}
			}
		}
		near(t, "AUROC", newBinary(truth, score, 0.5).auroc()(w), won/all, 1e-12)
	}
}

// TestInvariances: what changes scores without changing their order, or names the classes the other way round, has a known effect.
func TestInvariances(t *testing.T) {
	r := stats.Seed(2).Stream("invariance")
	truth, score := tied(r, 200)
	b := newBinary(truth, score, 0.5)
	squeezed, turned, other := make([]float64, 200), make([]float64, 200), make([]float64, 200)
	for i := range score {
		squeezed[i], turned[i], other[i] = math.Pow(score[i], 3), 1-score[i], 1-truth[i]
	}
	near(t, "AUROC of squeezed scores", newBinary(truth, squeezed, 0.125).auroc()(nil), b.auroc()(nil), 1e-12)
	near(t, "AUPRC of squeezed scores", newBinary(truth, squeezed, 0.125).auprc()(nil), b.auprc()(nil), 1e-12)
	near(t, "accuracy at the squeezed threshold", newBinary(truth, squeezed, 0.125).at(nil, 0.125).accuracy(), b.at(nil, 0.5).accuracy(), 0)
	near(t, "AUROC of turned scores", newBinary(truth, turned, 0.5).auroc()(nil), 1-b.auroc()(nil), 1e-12)
	near(t, "AUROC of the other class", newBinary(other, turned, 0.5).auroc()(nil), b.auroc()(nil), 1e-12)
	near(t, "Brier of the other class", newBinary(other, turned, 0.5).brier()(nil), b.brier()(nil), 1e-12)
	near(t, "log loss of the other class", newBinary(other, turned, 0.5).logLoss()(nil), b.logLoss()(nil), 1e-9)
	// Calling the other class at a threshold between scores swaps sensitivity and specificity.
	near(t, "sensitivity of the other class", newBinary(other, turned, 0.52).at(nil, 0.52).sensitivity(), b.at(nil, 0.48).specificity(), 1e-12)
}

// TestCurves: the area under the drawn ROC is the AUROC, and both curves go from end to end without turning back.
func TestCurves(t *testing.T) {
	r := stats.Seed(3).Stream("curves")
	truth, score := tied(r, 300)
	b := newBinary(truth, score, 0.5)
	roc := b.rocPoints()
	var area float64
	for i := 1; i < len(roc); i++ {
		area += float64(roc[i].X-roc[i-1].X) * float64(roc[i].Y+roc[i-1].Y) / 2
		if roc[i].X < roc[i-1].X || roc[i].Y < roc[i-1].Y {
			t.Error("the ROC curve turns back")
		}
	}
	near(t, "area under the points", area, b.auroc()(nil), 1e-12)
	if roc[0] != (Point{0, 0}) || roc[len(roc)-1] != (Point{1, 1}) {
		t.Errorf("the ROC curve goes from %v to %v", roc[0], roc[len(roc)-1])
	}
	pr := b.prPoints()
	var ap, recall float64
	for _, p := range pr {
		ap += (float64(p.X) - recall) * float64(p.Y)
		recall = float64(p.X)
	}
	near(t, "average precision of the points", ap, b.auprc()(nil), 1e-12)
	near(t, "last precision is the prevalence", float64(pr[len(pr)-1].Y), 1-b.at(nil, 2).accuracy(), 1e-12)
	one := newBinary([]float64{1, 1}, []float64{.5, .6}, .5)
	if one.rocPoints() != nil || newBinary([]float64{0}, []float64{.5}, .5).prPoints() != nil {
		t.Error("a curve without a class")
	}
}

// TestThin: a long curve keeps its ends and its area, and no more than 200 points.
func TestThin(t *testing.T) {
	r := stats.Seed(4).Stream("thin")
	var truth, score []float64
	for range 5000 {
		p := r.Float64()
		truth, score = append(truth, indicator(r.Float64() < p)), append(score, p)
	}
	b := newBinary(truth, score, 0.5)
	full, short := b.rocPoints(), thin(b.rocPoints())
	if len(full) != 5001 || len(short) > curvePoints || len(short) < curvePoints/2 {
		t.Fatalf("%d points became %d", len(full), len(short))
	}
	var area float64
	for i := 1; i < len(short); i++ {
		area += float64(short[i].X-short[i-1].X) * float64(short[i].Y+short[i-1].Y) / 2
	}
	near(t, "area of the short curve", area, b.auroc()(nil), 0.003)
	if short[0] != full[0] || short[len(short)-1] != full[len(full)-1] {
		t.Error("the ends are lost")
	}
	if thin(nil) != nil {
		t.Error("points from nothing")
	}
}

func TestThresholdAtSpecificity(t *testing.T) {
	truth, score := []float64{1, 1, 1, 0, 0, 0, 0}, []float64{.9, .6, .3, .7, .4, .2, .1}
	for spec, want := range map[float64]float64{
		1:    .9, // above the highest negative, .7
		0.75: .6, // one of four negatives may be called: .7 is, .4 is not
		0.5:  .3,
		0.25: .2,
		0.01: .2,
	} {
		near(t, "threshold", ThresholdAtSpecificity(truth, score, spec), want, 0)
	}
	if v := ThresholdAtSpecificity([]float64{0, 1}, []float64{.9, .1}, 0.9); !math.IsInf(v, 1) {
		t.Errorf("the highest score is a negative's: threshold %v, want none of the scores", v)
	}
	if v := ThresholdAtSpecificity([]float64{1}, []float64{.9}, 0.9); !math.IsNaN(v) {
		t.Errorf("no negative: %v", v)
	}
	// The threshold that the judged rows choose reaches the sensitivity that is reported for them.
	r := stats.Seed(5).Stream("threshold")
	for range 30 {
		truth, score := tied(r, 60)
		b := newBinary(truth, score, 0.5)
		for _, spec := range []float64{0.5, 0.8, 0.9, 0.95} {
			c := b.at(nil, ThresholdAtSpecificity(truth, score, spec))
			if c.specificity() < spec {
				t.Errorf("specificity %v, wanted %v", c.specificity(), spec)
			}
			near(t, "sensitivity", c.sensitivity(), b.sensitivityAt(spec)(nil), 1e-12)
		}
	}
}
