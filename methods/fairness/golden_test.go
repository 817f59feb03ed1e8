package fairness

import (
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
			default:
				t.Skip("not covered yet: " + kind)
			}
		})
	}
}
