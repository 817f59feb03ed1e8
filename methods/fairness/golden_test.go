package fairness

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/golden"
	"github.com/cineloop/cineloop/internal/testdata"
)

func events(y []int, kind string) ([]int, int) {
	e := make([]int, len(y))
	for i := range y {
		switch kind {
		case "eo":
			e[i] = y[i]
		case "tpr":
			e[i] = y[i] - 1
		case "fpr":
			e[i] = -y[i]
		}
	}
	if kind == "eo" {
		return e, 2
	}
	return e, 1
}

func floats(x []int) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// The families of this package that are covered so far.
func TestGolden(t *testing.T) {
	cases, err := golden.Load(golden.Dir(func() string { return testdata.Shared(t, "data", "golden") }))
	if err != nil {
		t.Fatal(err)
	}
	near := func(t *testing.T, c golden.Case, name string, got ...float64) {
		want := c.Expected.Floats(name)
		for i, w := range want {
			if d := got[i] - w; len(got) != len(want) || !(max(d, -d) <= c.Tol*max(1, max(w, -w))) {
				t.Errorf("%s: %s[%d] = %v, want %v", c.Name, name, i, got[i], w)
			}
		}
	}
	for _, c := range cases {
		if golden.Owners[c.Family()] != golden.Fairness {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			var y, group []int
			if c.Inputs.Has("y") {
				y = c.Inputs.Ints("y")
			}
			if c.Inputs.Has("group") {
				group = c.Inputs.Ints("group")
			}
			switch kind := c.Family(); kind {
			case "group_metrics":
				pred := c.Inputs.Ints("pred")
				g := ByGroup(y, pred, group, slices.Max(group)+1, nil)
				w := ByGroup(y, pred, group, slices.Max(group)+1, c.Inputs.Floats("sample_weight"))
				by := golden.Case{Name: c.Name, Tol: c.Tol, Expected: c.Expected["by_group"].(map[string]any)}
				for name, rate := range map[string]func(Rates) float64{"selection_rate": Selection, "tpr": TPR, "fpr": FPR,
					"tnr": func(r Rates) float64 { return r.TNR }, "fnr": func(r Rates) float64 { return r.FNR },
					"accuracy":  func(r Rates) float64 { return r.Accuracy },
					"precision": func(r Rates) float64 { return r.Precision }, "count": func(r Rates) float64 { return r.Count }} {
					var got []float64
					for _, r := range g {
						got = append(got, rate(r))
					}
					near(t, by, name, got...)
				}
				near(t, c, "dp_difference", Gap(g, Selection))
				near(t, c, "dp_ratio", Ratio(g, Selection))
				near(t, c, "eo_difference", EqualizedOdds(g))
				near(t, c, "eo_difference_mean", (Gap(g, TPR)+Gap(g, FPR))/2)
				near(t, c, "eopp_difference", Gap(g, TPR))
				near(t, c, "dp_difference_weighted", Gap(w, Selection))
				near(t, c, "eo_difference_weighted", EqualizedOdds(w))
			case "moment_dp", "moment_eo", "moment_tpr", "moment_fpr", "moment_err":
				e, n := events(y, kind[len("moment_"):])
				m := NewMoment(y, e, group, n, slices.Max(group)+1, kind == "moment_err")
				near(t, c, "gamma", m.Gamma(floats(c.Inputs.Ints("pred")))...)
				near(t, c, "signed_weights", m.SignedWeights(c.Inputs.Floats("lam"))...)
			case "constraint_loss":
				for _, kind := range []string{"dp", "eo"} {
					e, n := events(y, kind)
					loss, grad := Penalty(c.Inputs.Floats("logits"), e, group, n, slices.Max(group)+1, c.Params.Number("alpha"))
					near(t, c, kind+"_loss", loss)
					near(t, c, kind+"_grad", grad...)
				}
			case "aif360":
				near(t, c, "reweighing_weights", Reweigh(y, group, 2)...)
				pred := c.Inputs.Ints("pred")
				g, d := ByGroup(y, pred, group, 2, nil), ByGroup(y, y, group, 2, nil)
				near(t, c, "data_mean_difference", d[0].Selection-d[1].Selection)
				near(t, c, "data_disparate_impact", d[0].Selection/d[1].Selection)
				near(t, c, "statistical_parity_difference", g[0].Selection-g[1].Selection)
				near(t, c, "disparate_impact", g[0].Selection/g[1].Selection)
				near(t, c, "average_odds_difference", (g[0].FPR-g[1].FPR+g[0].TPR-g[1].TPR)/2)
				near(t, c, "average_abs_odds_difference", (math.Abs(g[0].FPR-g[1].FPR)+math.Abs(g[0].TPR-g[1].TPR))/2)
				near(t, c, "equal_opportunity_difference", g[0].TPR-g[1].TPR)
				near(t, c, "error_rate_difference", g[1].Accuracy-g[0].Accuracy)
				near(t, c, "theil_index", Entropy(y, pred, 1))
				near(t, c, "generalized_entropy_index", Entropy(y, pred, 2))
				near(t, c, "between_group_theil", BetweenEntropy(y, pred, group, 2, 1))
			case "score_audit":
				k := slices.Max(group) + 1
				score := c.Inputs.Floats("score")
				near(t, c, "bgn", BGN(score, y, group, k)...)
			case "group_dro":
				r := StepGroupDRO(c.Inputs.Matrix("logits"), c.Inputs.Ints("labels"), group, c.Inputs.Floats("q"), c.Params.Number("eta"), c.Params.Number("C"))
				near(t, c, "group_loss", r.GroupLoss...)
				near(t, c, "q_new", r.Q...)
				near(t, c, "loss", r.Loss)
				for i, row := range c.Expected.Matrix("grad") {
					for k, w := range row {
						if math.Abs(r.Grad[i][k]-w) > c.Tol {
							t.Errorf("%s: grad[%d][%d] = %v, want %v", c.Name, i, k, r.Grad[i][k], w)
						}
					}
				}
			case "intersection":
				cells, group := Cross(c.Inputs.Ints("a"), c.Inputs.Ints("b"))
				g := ByGroup(y, c.Inputs.Ints("pred"), group, len(cells), nil)
				var selection, accuracy, count []float64
				for _, r := range g {
					selection, accuracy, count = append(selection, r.Selection), append(accuracy, r.Accuracy), append(count, r.Count)
				}
				for i, w := range c.Expected.Matrix("cells") {
					if float64(cells[i][0]) != w[0] || float64(cells[i][1]) != w[1] {
						t.Errorf("%s: cell %d = %v, want %v", c.Name, i, cells[i], w)
					}
				}
				near(t, c, "selection_rate", selection...)
				near(t, c, "accuracy", accuracy...)
				near(t, c, "count", count...)
			default:
				t.Skip("not covered yet: " + kind)
			}
		})
	}
}
