package fairness

import (
	"context"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/cineloop/cineloop/internal/golden"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/stats"
)

func TestGolden(t *testing.T) {
	golden.Run(t, golden.Dir(func() string { return testdata.Shared(t, "data", "golden") }), golden.Fairness, map[string]golden.Check{
		"group_metrics": groupMetrics, "intersection": intersection, "score_audit": scoreAudit, "aif360": aif360, "constraint_loss": constraintLoss,
		"moment_dp": moment(DemographicParity), "moment_eo": moment(EqualisedOdds), "moment_tpr": moment(EqualOpportunity),
		"moment_fpr": moment(EqualFPR), "moment_err": moment(ErrorParity), "exponentiated_gradient": exponentiatedGradient,
		"threshold_optimizer": thresholdOptimizer, "group_dro": groupDRO,
	})
}

// each is one rate of every group.
func each(groups []Rates, rate func(Rates) float64) []float64 {
	var out []float64
	for _, g := range groups {
		out = append(out, rate(g))
	}
	return out
}

var rateNames = map[string]func(Rates) float64{
	"selection_rate": Selection, "tpr": TPR, "fpr": FPR,
	"tnr":       func(r Rates) float64 { return r.TNR },
	"fnr":       func(r Rates) float64 { return r.FNR },
	"accuracy":  func(r Rates) float64 { return r.Accuracy },
	"precision": func(r Rates) float64 { return r.Precision },
	"count":     func(r Rates) float64 { return r.Count },
}

func groupMetrics(t *golden.T, c golden.Case) {
	y, pred, group := c.Inputs.Ints("y"), c.Inputs.Ints("pred"), c.Inputs.Ints("group")
	k := slices.Max(group) + 1
	g, w := ByGroup(y, pred, group, k, nil), ByGroup(y, pred, group, k, c.Inputs.Floats("sample_weight"))
	all := Overall(y, pred, nil)
	got := map[string]map[string]any{"by_group": {}, "overall": {}, "difference": {}, "ratio": {}, "group_min": {}, "group_max": {}}
	for name, rate := range rateNames {
		got["by_group"][name], got["overall"][name] = each(g, rate), rate(all)
		got["difference"][name], got["ratio"][name] = Gap(g, rate), Ratio(g, rate)
		got["group_min"][name], got["group_max"][name] = Range(g, rate)
	}
	for name, v := range got {
		t.Want(name, v)
	}
	t.Want("dp_difference", Gap(g, Selection))
	t.Want("dp_ratio", Ratio(g, Selection))
	t.Want("eo_difference", EqualizedOdds(g))
	t.Want("eo_ratio", OddsRatio(g))
	t.Want("eo_difference_mean", (Gap(g, TPR)+Gap(g, FPR))/2)
	t.Want("eopp_difference", Gap(g, TPR))
	t.Want("eopp_ratio", Ratio(g, TPR))
	t.Want("dp_difference_weighted", Gap(w, Selection))
	t.Want("eo_difference_weighted", EqualizedOdds(w))
}

func intersection(t *golden.T, c golden.Case) {
	cells, group := Cross(c.Inputs.Ints("a"), c.Inputs.Ints("b"))
	g := ByGroup(c.Inputs.Ints("y"), c.Inputs.Ints("pred"), group, len(cells), nil)
	t.Want("cells", cells)
	for _, name := range []string{"selection_rate", "accuracy", "count"} {
		t.Want(name, each(g, rateNames[name]))
	}
}

func scoreAudit(t *golden.T, c golden.Case) {
	y, pred, group, score := c.Inputs.Ints("y"), c.Inputs.Ints("pred"), c.Inputs.Ints("group"), c.Inputs.Floats("score")
	k := slices.Max(group) + 1
	rates := ByGroup(y, pred, group, k, nil)
	var auc, variance, brier, large, ece []float64
	var wilson, clopper [][]float64
	for g := range k {
		s := ScoreGroup(score, y, group, g)
		auc, variance = append(auc, s.AUC.Area), append(variance, s.AUC.Variance)
		brier, large, ece = append(brier, s.Brier), append(large, s.InTheLarge), append(ece, s.ECE)
		yes, tp, positives := 0, 0, 0
		for i := range y {
			if group[i] == g {
				yes, tp, positives = yes+pred[i], tp+pred[i]*y[i], positives+y[i]
			}
		}
		w := stats.Wilson(float64(yes), rates[g].Count, 0.95)
		wilson = append(wilson, []float64{w.Low, w.High})
		cp := stats.ClopperPearson(tp, positives, 0.95)
		clopper = append(clopper, []float64{cp.Low, cp.High})
	}
	t.Want("auc", auc)
	t.Want("delong_var", variance)
	t.Want("worst_group_auc", slices.Min(auc))
	t.Want("overall_auc", ScoreGroup(score, y, make([]int, len(y)), 0).AUC.Area)
	t.Want("wilson_selection", wilson)
	t.Want("clopper_pearson_tpr", clopper)
	t.Want("brier", brier)
	t.Want("calibration_in_the_large", large)
	t.Want("ece_by_group", ece)
	t.Want("bgn", BGN(score, y, group, k))
}

func aif360(t *golden.T, c golden.Case) {
	y, pred, group := c.Inputs.Ints("y"), c.Inputs.Ints("pred"), c.Inputs.Ints("group")
	t.Want("reweighing_weights", Reweigh(y, group, 2))
	g, d := ByGroup(y, pred, group, 2, nil), ByGroup(y, y, group, 2, nil)
	t.Want("data_mean_difference", d[0].Selection-d[1].Selection)
	t.Want("data_disparate_impact", d[0].Selection/d[1].Selection)
	t.Want("statistical_parity_difference", g[0].Selection-g[1].Selection)
	t.Want("disparate_impact", g[0].Selection/g[1].Selection)
	t.Want("average_odds_difference", (g[0].FPR-g[1].FPR+g[0].TPR-g[1].TPR)/2)
	t.Want("average_abs_odds_difference", (math.Abs(g[0].FPR-g[1].FPR)+math.Abs(g[0].TPR-g[1].TPR))/2)
	t.Want("equal_opportunity_difference", g[0].TPR-g[1].TPR)
	t.Want("error_rate_difference", g[1].Accuracy-g[0].Accuracy)
	t.Want("theil_index", Entropy(y, pred, 1))
	t.Want("generalized_entropy_index", Entropy(y, pred, 2))
	t.Want("between_group_theil", BetweenEntropy(y, pred, group, 2, 1))
}

func constraintLoss(t *golden.T, c golden.Case) {
	logits, y, group, alpha := c.Inputs.Floats("logits"), c.Inputs.Ints("y"), c.Inputs.Ints("group"), c.Params.Number("alpha")
	k := slices.Max(group) + 1
	for name, constraint := range map[string]Constraint{"dp": DemographicParity, "eo": EqualisedOdds} {
		e, n := constraint.Events(y)
		loss, grad := Penalty(logits, e, group, n, k, alpha)
		t.Want(name+"_loss", loss)
		t.Want(name+"_grad", grad)
	}
	dp, eo := asPublished(logits, y, group, k)
	t.Want("dp_fairtorch_as_published", alpha*dp)
	t.Want("eo_fairtorch_as_published", alpha*eo)
}

func moment(constraint Constraint) golden.Check {
	return func(t *golden.T, c golden.Case) {
		y, group := c.Inputs.Ints("y"), c.Inputs.Ints("group")
		m := constraint.Moment(y, group, slices.Max(group)+1)
		var index [][]string
		var bound []float64
		for _, sign := range []string{"+", "-"} {
			for _, cell := range m.Cells() {
				event := "all"
				switch constraint {
				case EqualisedOdds:
					event = "label=" + strconv.Itoa(cell.Event)
				case EqualOpportunity:
					event = "label=1"
				case EqualFPR:
					event = "label=0"
				}
				index, bound = append(index, []string{sign, event, strconv.Itoa(cell.Group)}), append(bound, ExpGradOptions{}.filled().Eps)
			}
		}
		t.Want("index", index)
		t.Want("bound", bound)
		t.Want("gamma", m.Gamma(c.Inputs.Floats("pred")))
		t.Want("signed_weights", m.SignedWeights(c.Inputs.Floats("lam")))
	}
}

func exponentiatedGradient(t *golden.T, c golden.Case) {
	y, group, eps := c.Inputs.Ints("y"), c.Inputs.Ints("group"), c.Params.Number("eps")
	var class [][]int
	for _, row := range c.Inputs.Matrix("hypotheses") {
		var h []int
		for _, v := range row {
			h = append(h, int(v))
		}
		class = append(class, h)
	}
	m := Constraint(c.Params.Text("constraint")).Moment(y, group, slices.Max(group)+1)
	best := OptimalMixture(y, class, m, eps)
	t.Want("lp_optimum", best.Error)
	// Several mixtures may be optimal: the reference's is right where it is as good as ours.
	ref := c.Expected.Floats("lp_weights")
	err := 0.0
	gamma := make([]float64, 2*len(m.Cells()))
	for h, w := range ref {
		err += w * errorOf(y, class[h])
		for j, v := range m.Gamma(asFloats(class[h])) {
			gamma[j] += w * v
		}
	}
	if math.Abs(err-best.Error) <= 1e-9 && slices.Max(gamma) <= eps+1e-9 && best.Violation <= eps+1e-9 {
		t.Want("lp_weights", ref)
	} else {
		t.Want("lp_weights", best.Weight)
	}
	r, e := ExponentiatedGradient(context.Background(), y, m, finiteClass(class), func(int) int { return -1 }, ExpGradOptions{Eps: eps, Iterations: 60, Nu: 1e-6})
	if e != nil {
		t.Fatal(e)
	}
	t.Want("expected_error", r.Error)
	t.Want("max_violation", r.Violation)
	t.Want("best_gap", r.Gap)
	if r.Error > best.Error+2*r.Gap+1e-9 || r.Violation > 2*(eps+r.Gap)+1e-9 {
		t.Errorf("error %v beyond the optimum %v + 2·%v, or violation %v", r.Error, best.Error, r.Gap, r.Violation)
	}
}

// finiteClass answers with the hypothesis of smallest weighted error, the first of equals.
func finiteClass(class [][]int) Oracle[int] {
	return func(_ context.Context, label []int, weight []float64) (int, []int, error) {
		at, least := 0, math.Inf(1)
		for h, pred := range class {
			wrong := 0.0
			for i := range pred {
				if pred[i] != label[i] {
					wrong += weight[i]
				}
			}
			if wrong < least-1e-12 {
				at, least = h, wrong
			}
		}
		return at, class[at], nil
	}
}

func thresholdOptimizer(t *golden.T, c golden.Case) {
	constraint, ok := map[string]Constraint{"demographic_parity": DemographicParity, "equalized_odds": EqualisedOdds,
		"true_positive_rate_parity": EqualOpportunity, "false_positive_rate_parity": EqualFPR}[c.Params.Text("constraint")]
	objective, known := map[string]Objective{"accuracy_score": Accuracy, "balanced_accuracy_score": BalancedAccuracy}[c.Params.Text("objective")]
	if !ok || !known {
		t.Fatalf("constraint or objective unknown: %v", c.Params)
	}
	score, y, group := c.Inputs.Floats("score"), c.Inputs.Ints("y"), c.Inputs.Ints("group")
	k := slices.Max(group) + 1
	r, err := OptimiseThresholds(score, y, group, k, constraint, objective)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Probability(score, group)
	t.Want("prob_positive", p)
	all := make([]int, len(y))
	rates := ExpectedRates(y, p, group, k)
	total := ExpectedRates(y, p, all, 1)[0]
	got := total.Accuracy
	if objective == BalancedAccuracy {
		got = (total.TPR + total.TNR) / 2
	}
	t.Want("objective", got)
	t.Want("selection_rate", each(rates, Selection))
	t.Want("tpr", each(rates, TPR))
	t.Want("fpr", each(rates, FPR))
}

func groupDRO(t *golden.T, c golden.Case) {
	r := StepGroupDRO(c.Inputs.Matrix("logits"), c.Inputs.Ints("labels"), c.Inputs.Ints("group"), c.Inputs.Floats("q"), c.Params.Number("eta"), c.Params.Number("C"))
	t.Want("group_loss", r.GroupLoss)
	t.Want("q_new", r.Q)
	t.Want("loss", r.Loss)
	t.Want("grad", r.Grad)
}

// asPublished is what FairTorch's constraint matrices compute: the first group's demographic-parity gap once for every group, and for
// equalised odds the square of the sum of a group's gaps over both labels, twice. They are checked to show what [Penalty] does otherwise.
func asPublished(logits []float64, y, group []int, k int) (dp, eo float64) {
	p := make([]float64, len(logits))
	for i, z := range logits {
		p[i] = 1 / (1 + math.Exp(-z))
	}
	d := DemographicParity.Moment(y, group, k).Gamma(p)[0]
	dp = float64(k) * d * d
	m := EqualisedOdds.Moment(y, group, k)
	byGroup := make([]float64, k)
	for j, c := range m.Cells() {
		byGroup[c.Group] += m.Gamma(p)[j]
	}
	for _, v := range byGroup {
		eo += 2 * v * v
	}
	return dp, eo
}
