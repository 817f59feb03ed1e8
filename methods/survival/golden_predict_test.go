package survival

import (
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/cineloop/cineloop/internal/golden"
	"github.com/cineloop/cineloop/internal/testdata"
)

func cutsOf(t *golden.T, c golden.Case, l Labels, extra int) Cuts {
	num := int(c.Params.Number("num")) + extra
	var cuts Cuts
	var err error
	if c.Params.Text("scheme") == "quantiles" {
		cuts, err = QuantileCuts(l, num)
	} else {
		cuts, err = EquidistantCuts(l, num)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cuts
}

// curveCheck compares survival at cuts and its interpolation.
func curveCheck(mass func([]float64, int) []float64) golden.Check {
	return func(t *golden.T, c golden.Case) {
		phi := c.Inputs.Matrix("phi")
		cuts := Cuts(c.Inputs.Floats("cuts"))
		sub := int(c.Params.Number("sub"))
		m := mass(flat(phi), len(cuts))
		t.Want("pmf", square(m, len(cuts)))
		surv := PMFSurvival(m, len(cuts))
		t.Want("surv", square(surv, len(cuts)))
		curves := Interpolate(surv, cuts, sub, ConstantDensity)
		t.Want("times", curves.Times)
		t.Want("const_pdf", curves.Values)
	}
}

var predictChecks = map[string]golden.Check{
	"label_discrete": func(t *golden.T, c golden.Case) {
		l := labels(c)
		cuts := cutsOf(t, c, l, 0)
		t.Want("cuts", cuts)
		index, event := cuts.Discrete(l)
		t.Want("idx", index)
		t.Want("events", event)
		index, event = cuts.Discrete(Labels{Time: c.Inputs.Floats("new_durations"), Event: c.Inputs.Ints("new_events")})
		t.Want("new_idx", index)
		t.Want("new_events", event)
	},
	"label_pc_hazard": func(t *golden.T, c golden.Case) {
		l := labels(c)
		cuts := cutsOf(t, c, l, 1)
		t.Want("cuts", cuts)
		index, event, fraction := cuts.Piecewise(l)
		t.Want("idx", index)
		t.Want("events", event)
		t.Want("interval_frac", fraction)
	},
	"label_cox_time": func(t *golden.T, c golden.Case) {
		times := c.Inputs.Floats("durations")
		scale := FitTimeScale(times, c.Params.Bool("log_duration"))
		var scaled []float64
		for _, v := range times {
			scaled = append(scaled, scale.Scale(v))
		}
		t.Want("scaled", scaled)
	},
	"logistic_hazard_curve": func(t *golden.T, c golden.Case) {
		phi := flat(c.Inputs.Matrix("phi"))
		cuts := Cuts(c.Inputs.Floats("cuts"))
		sub := int(c.Params.Number("sub"))
		t.Want("hazard", square(Hazards(phi), len(cuts)))
		surv := LogisticHazardSurvival(phi, len(cuts))
		t.Want("surv", square(surv, len(cuts)))
		t.Want("const_hazard", Interpolate(surv, cuts, sub, ConstantHazard).Values)
		curves := Interpolate(surv, cuts, sub, ConstantDensity)
		t.Want("times", curves.Times)
		t.Want("const_pdf", curves.Values)
	},
	"pmf_curve":            curveCheck(PMF),
	"mtlr_curve":           curveCheck(MTLRPMF),
	"deephit_single_curve": curveCheck(PMF),
	"bce_surv_curve": func(t *golden.T, c golden.Case) {
		phi := c.Inputs.Matrix("phi")
		t.Want("surv", square(BCESurvival(flat(phi)), len(phi[0])))
	},
	"pc_hazard_curve": func(t *golden.T, c golden.Case) {
		curves := PCHazardCurves(flat(c.Inputs.Matrix("phi")), c.Inputs.Floats("cuts"), int(c.Params.Number("sub")))
		t.Want("times", curves.Times)
		t.Want("surv", curves.Values)
	},
	"deephit_competing_curve": func(t *golden.T, c golden.Case) {
		phi := c.Inputs.Cube("phi")
		var x []float64
		for _, m := range phi {
			x = append(x, flat(m)...)
		}
		cif, mass, surv := DeepHitIncidence(x, len(phi[0]), len(phi[0][0]))
		t.Want("cif", cif)
		t.Want("pmf", mass)
		t.Want("surv", surv)
	},
	"cox_baseline": func(t *golden.T, c golden.Case) {
		l, logH := labels(c), c.Inputs.Floats("log_h")
		b := CoxBaseline(logH, l)
		t.Want("times", b.Times)
		t.Want("baseline_hazard", b.Hazard)
		t.Want("surv", b.Curves(c.Inputs.Floats("new_log_h")).Values)
		t.Want("mean_pll", PartialLogLikelihood(logH, l))
	},
	"cox_time_baseline": func(t *golden.T, c golden.Case) {
		l := labels(c)
		w, a, b := c.Inputs.Floats("w"), c.Inputs.Number("a"), c.Inputs.Number("b")
		score := func(x [][]float64) RiskScores {
			return func(people []int, time float64, out []float64) {
				for k, i := range people {
					out[k] = a*time + b*x[i][0]*time
					for j, v := range x[i] {
						out[k] += w[j] * v
					}
				}
			}
		}
		train, fresh := c.Inputs.Matrix("x"), c.Inputs.Matrix("new_x")
		base := CoxTimeBaselineSorted(l, score(train))
		t.Want("times", base.Times)
		t.Want("baseline_hazard", base.Hazard)
		t.Want("surv", CoxTimeCurves(base, len(fresh), score(fresh)).Values)
		t.Want("mean_pll", CoxTimePartialLogLikelihoodSorted(l, score(train)))
	},
	"kaplan_meier": func(t *golden.T, c golden.Case) {
		km := KaplanMeier(labels(c))
		t.Want("time", km.Times)
		t.Want("n_risk", km.AtRisk)
		t.Want("n_event", km.Events)
		t.Want("surv", km.Values)
		t.Want("std_cumhaz", km.StdLog)
		t.Want("lower", km.Lower)
		t.Want("upper", km.Upper)
		t.Want("nelson_aalen", km.Hazard)
		mean, se := km.RMST(c.Params.Number("rmst_tau"))
		t.Want("rmst", mean)
		t.Want("rmst_se", se)
		median, _, _ := km.Median()
		t.Want("median", median)
	},
	"logrank": func(t *golden.T, c golden.Case) {
		r := LogRankTest(labels(c), c.Inputs.Ints("group"))
		t.Want("chisq", r.Chi2)
		t.Want("df", r.DF)
		t.Want("p", r.P)
		t.Want("observed", r.Observed)
		t.Want("expected", r.Expected)
	},
	"aalen_johansen": func(t *golden.T, c golden.Case) {
		a := AalenJohansen(labels(c))
		t.Want("time", a.Times)
		t.Want("pstate0", a.Free)
		for len(a.CIF) < 2 { // a cause that nobody had
			a.CIF = append(a.CIF, make([]float64, len(a.Times)))
		}
		t.Want("cif1", a.CIF[0])
		t.Want("cif2", a.CIF[1])
	},
	"coxph_real_efron":   coxphCheck(Efron),
	"coxph_real_breslow": coxphCheck(Breslow),
}

func coxphCheck(ties Ties) golden.Check {
	return func(t *golden.T, c golden.Case) {
		x, l := realTable(t, c.Inputs.Text("dataset"), c.Inputs.Texts("columns"))
		fit, err := FitCox(x, l, CoxOptions{Ties: ties})
		if err != nil {
			t.Fatal(err)
		}
		t.Want("coef", fit.Coef)
		t.Want("se", fit.SE)
		t.Want("loglik", []float64{fit.LogLik0, fit.LogLik})
		con := Concordance(fit.LogHazard(x), l, ConcordanceOptions{})
		t.Want("concordance", con.C)
		t.Want("concordance_se", con.SE)
		base := fit.Baseline(x, l)
		var at []float64
		for _, v := range c.Expected.Floats("basehaz_time") {
			at = append(at, base.Step().At(v))
		}
		t.Want("basehaz_time", c.Expected.Floats("basehaz_time")) // where R was asked
		t.Want("basehaz", at)
		zph, err := fit.ProportionalHazards(x, l)
		if err != nil {
			t.Fatal(err)
		}
		t.Want("zph_p", zph.P)
	}
}

// realTable is a shared table's columns, with its duration and event.
func realTable(t testing.TB, name string, columns []string) ([][]float64, Labels) {
	t.Helper()
	f, err := os.Open(testdata.Shared(t, "data", "survival", name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, h := range rows[0] {
		at[h] = i
	}
	number := func(row []string, column string) float64 {
		v, err := strconv.ParseFloat(row[at[column]], 64)
		if err != nil {
			t.Fatalf("%s, column %s: %v", name, column, err)
		}
		return v
	}
	time, event := "duration", "event"
	if _, ok := at[time]; !ok && name == "nwtco" {
		time, event = "edrel", "rel"
	}
	var x [][]float64
	var l Labels
	for _, row := range rows[1:] {
		if slices.ContainsFunc(columns, func(c string) bool { return row[at[c]] == "" }) {
			continue // R leaves rows with missing values out
		}
		var xs []float64
		for _, col := range columns {
			xs = append(xs, number(row, col))
		}
		x = append(x, xs)
		l.Time = append(l.Time, number(row, time))
		l.Event = append(l.Event, int(number(row, event)))
	}
	return x, l
}
