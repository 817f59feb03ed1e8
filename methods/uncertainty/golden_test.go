package uncertainty

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/golden"
	"github.com/cineloop/cineloop/internal/testdata"
)

func TestGolden(t *testing.T) {
	golden.Run(t, golden.Dir(func() string { return testdata.Shared(t, "data", "golden") }), golden.Uncertainty, checks)
}

func rows(x []float64, k int) [][]float64 {
	var out [][]float64
	for lo := 0; lo < len(x); lo += k {
		out = append(out, x[lo:lo+k])
	}
	return out
}

// each applies f to every row.
func each[T any](x [][]float64, f func([]float64) T) []T {
	var out []T
	for _, r := range x {
		out = append(out, f(r))
	}
	return out
}

func edl(term DataTerm, e Evidence) golden.Check {
	return func(t *golden.T, c golden.Case) {
		z := c.Inputs.Matrix("logits")
		r := EvidentialLoss(slices.Concat(z...), c.Inputs.Ints("labels"), c.Params.Number("epoch"), Evidential{Evidence: e, Term: term, Annealing: c.Params.Number("annealing")})
		t.Want("loss", r.Value)
		t.Want("per_sample", r.Each)
		t.Want("data_term", r.Data)
		t.Want("kl", r.KL)
		t.Want("grad", rows(r.Grad, len(z[0])))
	}
}

func reliability(r Reliability) map[string]any {
	return map[string]any{"ece": r.ECE, "mce": r.MCE, "rmsce": r.RMSE, "counts": r.Counts, "mean_conf": r.Conf, "mean_acc": r.Acc}
}

func sets(c Conformal, probs [][]float64, s SetScore) [][]bool {
	return each(probs, func(p []float64) []bool { return c.Set(p, s) })
}

var checks = map[string]golden.Check{
	"edl_mse_relu": edl(SquaredError, ReLU), "edl_mse_exp": edl(SquaredError, Exp), "edl_mse_softplus": edl(SquaredError, Softplus),
	"edl_log_relu": edl(MarginalLikelihood, ReLU), "edl_log_exp": edl(MarginalLikelihood, Exp), "edl_log_softplus": edl(MarginalLikelihood, Softplus),
	"edl_digamma_relu": edl(CrossEntropy, ReLU), "edl_digamma_exp": edl(CrossEntropy, Exp), "edl_digamma_softplus": edl(CrossEntropy, Softplus),
	"dirichlet_summary": func(t *golden.T, c golden.Case) {
		d := each(c.Inputs.Matrix("alpha"), SummariseDirichlet)
		vector := func(f func(Dirichlet) []float64) (out [][]float64) {
			for _, x := range d {
				out = append(out, f(x))
			}
			return out
		}
		number := func(f func(Dirichlet) float64) (out []float64) {
			for _, x := range d {
				out = append(out, f(x))
			}
			return out
		}
		t.Want("belief", vector(func(d Dirichlet) []float64 { return d.Belief }))
		t.Want("prob", vector(func(d Dirichlet) []float64 { return d.Prob }))
		t.Want("variance", vector(func(d Dirichlet) []float64 { return d.Variance }))
		t.Want("vacuity", number(func(d Dirichlet) float64 { return d.Vacuity }))
		t.Want("entropy_of_mean", number(func(d Dirichlet) float64 { return d.EntropyOfMean }))
		t.Want("expected_entropy", number(func(d Dirichlet) float64 { return d.ExpectedEntropy }))
		t.Want("mutual_information", number(func(d Dirichlet) float64 { return d.MutualInformation }))
		t.Want("differential_entropy", number(func(d Dirichlet) float64 { return d.DifferentialEntropy }))
	},
	"calibration": func(t *golden.T, c golden.Case) {
		p, y, bins := c.Inputs.Matrix("probs"), c.Inputs.Ints("labels"), int(c.Params.Number("bins"))
		conf, right := TopLabel(p, y)
		t.Want("width", reliability(ReliabilityOf(conf, right, bins, EqualWidth)))
		t.Want("mass", reliability(ReliabilityOf(conf, right, bins, EqualMass)))
		t.Want("classwise_ece", ClasswiseECE(p, y, bins, EqualWidth))
		t.Want("nll", NLL(p, y))
		t.Want("brier", Brier(p, y))
		t.Want("accuracy", Accuracy(p, y))
	},
	"temperature_scaling": func(t *golden.T, c golden.Case) {
		z, y := c.Inputs.Matrix("logits"), c.Inputs.Ints("labels")
		temperature := FitTemperature(z, y)
		nll := func(T float64) float64 {
			return NLL(each(z, func(r []float64) []float64 { return Softmax(r, T) }), y)
		}
		t.Want("temperature", temperature)
		t.Want("nll_before", nll(1))
		t.Want("nll_after", nll(temperature))
	},
	"isotonic": func(t *golden.T, c golden.Case) {
		f := FitIsotonic(c.Inputs.Floats("x"), c.Inputs.Floats("y"))
		var got []float64
		for _, x := range c.Inputs.Floats("new_x") {
			got = append(got, f.At(x))
		}
		t.Want("fit", got)
	},
	"conformal_classification": func(t *golden.T, c golden.Case) {
		cal, y, test := c.Inputs.Matrix("cal_probs"), c.Inputs.Ints("cal_labels"), c.Inputs.Matrix("test_probs")
		for name, s := range map[string]SetScore{"lac": LAC, "aps": APS, "raps": RAPS(c.Params.NumberOr("lambda", 0.1), int(c.Params.NumberOr("k_reg", 2)))} {
			q := CalibrateSets(cal, y, s, c.Params.Number("alpha"))
			t.Want("q_"+name, q.Quantile)
			t.Want("sets_"+name, sets(q, test, s))
		}
	},
	"conformal_mondrian": func(t *golden.T, c golden.Case) {
		cal, y, test := c.Inputs.Matrix("cal_probs"), c.Inputs.Ints("cal_labels"), c.Inputs.Matrix("test_probs")
		var s []float64
		for i, p := range cal {
			s = append(s, LAC(p, y[i]))
		}
		m := CalibrateMondrian(s, c.Inputs.Ints("cal_group"), c.Params.Number("alpha"))
		var q []float64
		for g := range len(c.Expected.Floats("q")) {
			q = append(q, m.Of(g).Quantile)
		}
		t.Want("q", q)
		var got [][]bool
		for i, g := range c.Inputs.Ints("test_group") {
			got = append(got, m.Of(g).Set(test[i], LAC))
		}
		t.Want("sets", got)
	},
	"conformal_regression": func(t *golden.T, c golden.Case) {
		in := c.Inputs.Floats
		alpha := c.Params.Number("alpha")
		var abs, norm, cqr []float64
		for i, y := range in("cal_y") {
			abs = append(abs, Residual(y, in("cal_mean")[i], 1))
			norm = append(norm, Residual(y, in("cal_mean")[i], in("cal_scale")[i]))
			cqr = append(cqr, CQRScore(y, in("cal_lo")[i], in("cal_hi")[i]))
		}
		a, n, q := Calibrate(abs, alpha), Calibrate(norm, alpha), Calibrate(cqr, alpha)
		t.Want("q_abs", a.Quantile)
		t.Want("q_norm", n.Quantile)
		t.Want("q_cqr", q.Quantile)
		var ia, in2, iq [][]float64
		pair := func(lo, hi float64) []float64 { return []float64{lo, hi} }
		for i, m := range in("test_mean") {
			ia = append(ia, pair(a.Around(m, 1)))
			in2 = append(in2, pair(n.Around(m, in("test_scale")[i])))
			iq = append(iq, pair(q.Widen(in("test_lo")[i], in("test_hi")[i])))
		}
		t.Want("abs", ia)
		t.Want("norm", in2)
		t.Want("cqr", iq)
	},
	"ood_scores": func(t *golden.T, c golden.Case) {
		z, f := c.Inputs.Matrix("test_logits"), c.Inputs.Matrix("test_features")
		temperature := c.Params.Number("temperature")
		m, err := FitMahalanobis(c.Inputs.Matrix("train_features"), c.Inputs.Ints("train_labels"))
		if err != nil {
			t.Fatal(err)
		}
		t.Want("msp", each(z, MaxSoftmax))
		t.Want("max_logit", each(z, MaxLogit))
		t.Want("entropy", each(z, PredictiveEntropy))
		t.Want("energy", each(z, func(r []float64) float64 { return Energy(r, temperature) }))
		t.Want("mahalanobis", each(f, m.Score))
		t.Want("relative_mahalanobis", each(f, m.Relative))
		t.Want("knn", each(f, NewKNN(c.Inputs.Matrix("train_features"), int(c.Params.Number("k"))).Score))
	},
	"ood_metrics": func(t *golden.T, c golden.Case) {
		d := Detect(c.Inputs.Floats("id_scores"), c.Inputs.Floats("ood_scores"))
		t.Want("auroc", d.AUROC)
		t.Want("aupr_out", d.AUPROut)
		t.Want("aupr_in", d.AUPRIn)
		t.Want("fpr95", d.FPR95)
	},
	"selective": func(t *golden.T, c golden.Case) {
		r := NewRiskCoverage(c.Inputs.Floats("confidence"), c.Inputs.Floats("errors"))
		t.Want("risk", r.Risk)
		t.Want("coverage", r.Coverage)
		t.Want("aurc", r.AURC)
		t.Want("eaurc", r.EAURC)
		t.Want("eaurc_closed", r.EAURCClosed)
		t.Want("coverage_at_risk", r.CoverageAt(c.Params.Number("risk_limit")))
		t.Want("auroc_error_detection", r.AUROC)
	},
	"ensemble_classification": func(t *golden.T, c golden.Case) {
		z := c.Inputs.Cube("member_logits")
		var got []Committee
		for i := range z[0] {
			var members [][]float64
			for m := range z {
				members = append(members, Softmax(z[m][i], 1))
			}
			got = append(got, Decide(members))
		}
		var mean, std [][]float64
		var pe, ee, mi, vr, kl []float64
		for _, g := range got {
			mean, std = append(mean, g.Mean), append(std, g.Std)
			pe, ee, mi = append(pe, g.Predictive), append(ee, g.Expected), append(mi, g.MutualInformation)
			vr, kl = append(vr, g.VariationRatio), append(kl, g.PairwiseKL)
		}
		t.Want("mean_prob", mean)
		t.Want("prob_std", std)
		t.Want("predictive_entropy", pe)
		t.Want("expected_entropy", ee)
		t.Want("mutual_information", mi)
		t.Want("variation_ratio", vr)
		t.Want("pairwise_kl", kl)
	},
	"ensemble_regression": func(t *golden.T, c golden.Case) {
		mean, std, y := c.Inputs.Matrix("member_mean"), c.Inputs.Matrix("member_std"), c.Inputs.Floats("y")
		var m, v, a, e, nll, crps []float64
		for i := range y {
			var mi, si []float64
			for k := range mean {
				mi, si = append(mi, mean[k][i]), append(si, std[k][i])
			}
			x := Mix(mi, si)
			m, v, a, e = append(m, x.Mean), append(v, x.Variance), append(a, x.Aleatoric), append(e, x.Epistemic)
			nll = append(nll, GaussianNLL(y[i], x.Mean, x.Variance))
			crps = append(crps, GaussianCRPS(y[i], x.Mean, math.Sqrt(x.Variance)))
		}
		t.Want("mean", m)
		t.Want("variance", v)
		t.Want("aleatoric", a)
		t.Want("epistemic", e)
		t.Want("gaussian_nll", nll)
		t.Want("crps", crps)
	},
}
