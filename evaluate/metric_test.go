package evaluate

import (
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

func rows(v ...float64) [][]float64 {
	out := make([][]float64, len(v))
	for i, x := range v {
		out[i] = []float64{x}
	}
	return out
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > tol*math.Max(1, math.Abs(want)) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

// TestMetricByHand checks each metric on data small enough to count on paper.
func TestMetricByHand(t *testing.T) {
	bin := Target{Name: "event", Kind: Binary}
	// Positives score .8 .5 .4, negatives .6 .5 .1. Pairs won by a positive: .8 beats 3; .5 beats 1, ties 1; .4 beats 1: 5.5 of 9.
	truth, score := rows(1, 1, 1, 0, 0, 0), rows(.8, .5, .4, .6, .5, .1)
	reg := Target{Name: "ef", Kind: Regression, Unit: "%"}
	yt, yp := rows(50, 60, 70, 40), rows(55, 60, 60, 45)
	cls := Target{Name: "view", Kind: Class, Classes: []string{"a", "b", "c"}}
	ct := rows(0, 0, 1, 1, 2)
	cp := [][]float64{{.8, .1, .1}, {.3, .4, .3}, {.2, .7, .1}, {.1, .6, .3}, {.2, .2, .6}}
	lab := Target{Name: "finding", Kind: MultiLabel, Classes: []string{"x", "y"}}
	lt := [][]float64{{1, 0}, {0, 1}, {1, 1}, {0, 0}}
	lp := [][]float64{{.9, .2}, {.1, .4}, {.6, .8}, {.7, .3}}
	for _, c := range []struct {
		name         string
		t            Target
		truth, score [][]float64
		want         float64
		higher       bool
	}{
		{"auroc", bin, truth, score, 5.5 / 9, true},
		// Descending: .8 (P=1), .6, .5 (both: 2 of 4), .4 (3 of 5): (1 + 2/4 + 3/5)/3.
		{"auprc", bin, truth, score, (1 + 0.5 + 0.6) / 3, true},
		{"accuracy", bin, truth, score, 3.0 / 6, true}, // calls at .5: + + - + + -
		{"balanced_accuracy", bin, truth, score, (2.0/3 + 1.0/3) / 2, true},
		{"f1", bin, truth, score, 2 * 2.0 / (2*2 + 2 + 1), true},
		{"sensitivity", bin, truth, score, 2.0 / 3, true},
		{"specificity", bin, truth, score, 1.0 / 3, true},
		{"ppv", bin, truth, score, 2.0 / 4, true},
		{"npv", bin, truth, score, 1.0 / 2, true},
		// Specificity 0.9 of three negatives means all three: only .8 may be called.
		{"sensitivity_at_specificity", bin, truth, score, 1.0 / 3, true},
		{"brier", bin, truth, score, (.04 + .25 + .36 + .36 + .25 + .01) / 6, false},
		{"log_loss", bin, truth, score, -(math.Log(.8) + math.Log(.5) + math.Log(.4) + math.Log(.4) + math.Log(.5) + math.Log(.9)) / 6, false},
		// Bins (.7,.8] 1 row, (.4,.5] 2 rows of mean .5 and frequency .5, (.3,.4], (.5,.6], (0,.1] 1 row each.
		{"ece", bin, truth, score, (.2 + 0 + .6 + .6 + .1) / 6, false},
		{"mae", reg, yt, yp, (5 + 0 + 10 + 5) / 4.0, false},
		{"rmse", reg, yt, yp, math.Sqrt((25 + 0 + 100 + 25) / 4.0), false},
		{"r2", reg, yt, yp, 1 - 150.0/500, true},
		{"pearson", reg, yt, yp, (0 + 5*5 + 15*5 + 15*10) / math.Sqrt(500*150), true},
		{"accuracy", cls, ct, cp, 4.0 / 5, true},
		{"balanced_accuracy", cls, ct, cp, (0.5 + 1 + 1) / 3, true},
		{"f1", cls, ct, cp, (2.0/3 + 4.0/5 + 1) / 3, true},
		// a: positives .8 .3 beat .2 .1 .2 always; b: .7 .6 beat all; c: .6 beats all.
		{"auroc", cls, ct, cp, 1, true},
		{"kappa", cls, ct, cp, (0.8 - (2*1+2*3+1*1)/25.0) / (1 - (2*1+2*3+1*1)/25.0), true},
		{"ece", cls, ct, cp, (.2 + .4 + .3 + 2*.4) / 5, false},
		// x: positives .9 .6, negatives .1 .7: 3 of 4; y: .4 .8 against .2 .3: all.
		{"auroc", lab, lt, lp, (0.75 + 1) / 2, true},
		{"accuracy", lab, lt, lp, (0.75 + 0.75) / 2, true},
	} {
		got, up, err := Metric(c.name, c.t, c.truth, c.score)
		if err != nil {
			t.Errorf("%s %s: %v", c.t.Kind, c.name, err)
			continue
		}
		near(t, string(c.t.Kind)+" "+c.name, got, c.want, 1e-12)
		if up != c.higher || HigherIsBetter(c.name) != c.higher {
			t.Errorf("%s: higher is better = %v, want %v", c.name, up, c.higher)
		}
	}
}

func TestMetricRefuses(t *testing.T) {
	bin := Target{Name: "event", Kind: Binary}
	nan := math.NaN()
	for _, c := range []struct {
		why, name    string
		t            Target
		truth, score [][]float64
		code         fault.Code
		says         string
	}{
		{"one class", "auroc", bin, rows(1, 1), rows(.2, .3), fault.Input, "both classes"},
		{"empty", "brier", bin, nil, nil, fault.Input, "needs a row"},
		{"unknown name", "auc", bin, nil, nil, fault.Usage, "auroc"},
		{"other kind", "mae", bin, nil, nil, fault.Usage, "no metric"},
		{"best in the middle", "bias", Target{Name: "ef", Kind: Regression}, rows(1), rows(1), fault.Usage, "middle"},
		{"diverged", "auroc", bin, rows(1, 0, 1), rows(.2, .3, nan), fault.Input, "1 rows have a truth but no"},
		{"one row", "r2", Target{Name: "ef", Kind: Regression}, rows(1), rows(1), fault.Input, "vary"},
		{"not a probability", "brier", bin, rows(1), rows(7), fault.Input, "score"},
		{"not a class", "accuracy", Target{Name: "v", Kind: Class, Classes: []string{"a", "b"}}, rows(2), [][]float64{{.5, .5}}, fault.Input, "truth"},
		{"wrong width", "brier", bin, rows(1), [][]float64{{.5, .5}}, fault.Input, "2 scores"},
		{"unknown kind", "brier", Target{Name: "x", Kind: "survival"}, rows(1), rows(1), fault.Usage, "no metric"},
	} {
		_, _, err := Metric(c.name, c.t, c.truth, c.score)
		if err == nil || fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want code %s saying %q", c.why, err, c.code, c.says)
		}
	}
	// Rows without truth are left out, not counted as 0.
	got, _, err := Metric("auroc", bin, rows(1, 0, nan), rows(.9, .1, .5))
	if err != nil || got != 1 {
		t.Errorf("with a row without truth: %v, %v", got, err)
	}
}
