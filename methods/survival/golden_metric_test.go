package survival

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/internal/golden"
)

// must fails the test on an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func train(c golden.Case) Labels {
	return Labels{Time: c.Inputs.Floats("train_durations"), Event: c.Inputs.Ints("train_events")}
}

func curvesOf(c golden.Case) Curves {
	return Curves{Times: c.Inputs.Floats("surv_times"), Values: c.Inputs.Matrix("surv")}
}

func dCalibrationCheck(t *golden.T, c golden.Case) {
	d := DCalibrationTest(c.Inputs.Floats("pred_prob_at_time"), c.Inputs.Ints("events"), int(c.Params.Number("num_bins")))
	t.Want("statistic", d.Chi2)
	t.Want("pvalue", d.P)
	t.Want("hist", d.Hist)
}

var metricChecks = map[string]golden.Check{
	"concordance": func(t *golden.T, c golden.Case) {
		l, risk, tau := labels(c), c.Inputs.Floats("risk"), c.Params.Number("tau")
		h := Concordance(risk, l, ConcordanceOptions{})
		t.Want("harrell_sksurv", h.C)
		t.Want("concordant", h.Concordant)
		t.Want("discordant", h.Discordant)
		t.Want("tied_risk", h.TiedRisk)
		t.Want("tied_time", h.MixedTime)
		if c.Expected.Has("harrell_lifelines") {
			t.Want("harrell_lifelines", h.C)
		}
		uno := func(name string, train Labels, tau float64) {
			if c.Expected.Has(name) {
				t.Want(name, must(UnoConcordance(risk, l, train, tau))(t).C)
			}
		}
		uno("uno_ipcw_trainG", train(c), 0)
		uno("uno_ipcw_trainG_tau", train(c), tau)
		uno("uno_ipcw_testG_tau", l, tau)
	},
	"antolini": func(t *golden.T, c golden.Case) {
		a := AntoliniConcordance(curvesOf(c), labels(c), nil)
		t.Want("antolini", a.Strict)
		t.Want("adj_antolini", a.Adjusted)
	},
	"brier_pycox": func(t *golden.T, c golden.Case) {
		l := labels(c)
		w := PycoxIPCW(l)
		s := must(BrierScore(curvesOf(c), l, c.Inputs.Floats("time_grid"), w, nil))(t)
		t.Want("brier", s.Brier)
		t.Want("ibs", s.IBS())
		t.Want("nbll", negative(s.LogLik))
		t.Want("inbll", -s.IBLL())
		if c.Expected.Has("ibs_maxweight5") {
			w.MaxWeight = 5
			t.Want("ibs_maxweight5", must(BrierScore(curvesOf(c), l, c.Inputs.Floats("time_grid"), w, nil))(t).IBS())
		}
	},
	"brier_admin": func(t *golden.T, c golden.Case) {
		s := must(AdministrativeBrier(curvesOf(c), labels(c), c.Inputs.Floats("censor_durations"), c.Inputs.Floats("time_grid")))(t)
		t.Want("brier", s.Brier)
		t.Want("ibs", s.IBS())
		t.Want("nbll", negative(s.LogLik))
		t.Want("inbll", -s.IBLL())
	},
	"brier_sksurv": func(t *golden.T, c golden.Case) {
		times := c.Inputs.Floats("times")
		curves := Curves{Times: times, Values: transposed(c.Inputs.Matrix("surv_at_times"))}
		s := must(BrierScore(curves, labels(c), times, GrafIPCW(train(c)), nil))(t)
		t.Want("brier", s.Brier)
		t.Want("ibs", s.IBS())
	},
	"td_auc": func(t *golden.T, c golden.Case) {
		times := c.Inputs.Floats("times")
		a := must(CumulativeDynamicAUC(square(c.Inputs.Floats("risk"), 1), labels(c), train(c), times))(t)
		t.Want("auc", a.AUC)
		t.Want("mean_auc", a.Mean)
		a = must(CumulativeDynamicAUC(c.Inputs.Matrix("risk_td"), labels(c), train(c), times))(t)
		t.Want("auc_td", a.AUC)
		t.Want("mean_auc_td", a.Mean)
	},
	"d_calibration":   dCalibrationCheck,
	"d_calibration_5": dCalibrationCheck,
	"mae": func(t *golden.T, c golden.Case) {
		for name, m := range map[string]CensoredTime{"Uncensored": UncensoredOnly, "Hinge": Hinge, "Margin": Margin, "Pseudo_obs": PseudoObservation, "IPCW-T": IPCWT} {
			if c.Expected.Has(name) {
				t.Want(name, must(MeanTimeError(c.Inputs.Floats("pred_time"), labels(c), train(c), m))(t))
			}
		}
	},
	"one_calibration": func(t *golden.T, c golden.Case) {
		o := must(OneCalibrationTest(c.Inputs.Floats("pred_event_prob"), labels(c), c.Params.Number("target_time"), int(c.Params.Number("num_bins"))))(t)
		t.Want("ret0", o.P)
		t.Want("ret1", o.Chi2)
		t.Want("observed", o.Observed)
		t.Want("expected", o.Expected)
	},
}

func negative(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = -v
	}
	return out
}

var rChecks = map[string]golden.Check{
	"concordance_r": func(t *golden.T, c golden.Case) {
		l, risk := labels(c), c.Inputs.Floats("risk")
		r := Concordance(risk, l, ConcordanceOptions{})
		t.Want("c", r.C)
		t.Want("se", r.SE)
		t.Want("counts", map[string]float64{"concordant": r.Concordant, "discordant": r.Discordant, "tied.x": r.TiedRisk, "tied.y": r.TiedTime, "tied.xy": r.TiedBoth})
		g := Censoring(l, Reverse)
		r = Concordance(risk, l, ConcordanceOptions{TimeWeight: func(t float64) float64 { return math.Pow(g.Left(t), -2) }})
		t.Want("c_nG2", r.C)
		t.Want("se_nG2", r.SE)
	},
	"score_single":    scoreCheck,
	"score_competing": scoreCheck,
	"competing_cox": func(t *golden.T, c golden.Case) {
		x, l := c.Inputs.Matrix("x"), labels(c)
		t.Want("fine_gray", must(FitFineGray(x, l, 1, CoxOptions{}))(t).Coef)
		first := must(FitCauseSpecific(x, l, 1, CoxOptions{Ties: Breslow}))(t)
		t.Want("cause1", first.Coef)
		t.Want("loglik_cause1", []float64{first.LogLik0, first.LogLik})
		t.Want("cause2", must(FitCauseSpecific(x, l, 2, CoxOptions{Ties: Breslow}))(t).Coef)
	},
}

func scoreCheck(t *golden.T, c golden.Case) {
	s := must(ScoreAt(c.Inputs.Matrix("predicted"), labels(c), 1, c.Inputs.Floats("times")))(t)
	t.Want("brier", s.Brier)
	t.Want("brier_se", s.BrierSE)
	t.Want("brier_null", s.BrierNull)
	t.Want("auc", s.AUC)
	t.Want("auc_se", s.AUCSE)
}
