package survival

import (
	"math"
	"slices"
	"testing"
)

// freireich is the trial of 6-mercaptopurine in acute leukaemia (Freireich et al. 1963; Gehan 1965; Cox 1972): weeks in remission of 21
// treated children (1) and 21 who got a placebo (0).
func freireich() (treated [][]float64, group []int, l Labels) {
	l.Time = []float64{6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35,
		1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23}
	l.Event = []int{1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	for i := range l.Time {
		g := 0
		if i < 21 {
			g = 1
		}
		group, treated = append(group, g), append(treated, []float64{float64(g)})
	}
	return treated, group, l
}

func armOf(group []int, g int) (rows []int) {
	for i, v := range group {
		if v == g {
			rows = append(rows, i)
		}
	}
	return rows
}

// Kaplan–Meier of the treated, as in the textbooks (Collett; Kleinbaum and Klein, table 2.3): survival and its standard error.
func TestFreireichKaplanMeier(t *testing.T) {
	_, group, l := freireich()
	km := KaplanMeier(l.Select(armOf(group, 1)))
	for _, row := range []struct{ t, risk, s, se float64 }{
		{6, 21, .8571, .0764}, {7, 17, .8067, .0869}, {10, 15, .7529, .0963}, {13, 12, .6902, .1068},
		{16, 11, .6275, .1141}, {22, 7, .5378, .1282}, {23, 6, .4482, .1346},
	} {
		k := slices.Index(km.Times, row.t)
		near(t, "at risk", km.AtRisk[k], row.risk, 0)
		near(t, "survival", km.Values[k], row.s, 1e-4)
		near(t, "standard error", km.Values[k]*km.StdLog[k], row.se, 1e-4)
		if got := AtRiskAt(l.Select(armOf(group, 1)), row.t); float64(got) != row.risk {
			t.Errorf("%d at risk at %g, want %g", got, row.t, row.risk)
		}
	}
	median, _, high := km.Median()
	near(t, "median of the treated", median, 23, 0)
	if !math.IsNaN(high) {
		t.Errorf("upper end %g, want none", high)
	}
	placebo := KaplanMeier(l.Select(armOf(group, 0)))
	median, _, _ = placebo.Median()
	near(t, "median of the others", median, 8, 0)
	// Nobody is censored under placebo: the area is the mean time, 182 weeks of 21.
	mean, _ := placebo.RMST(23)
	near(t, "mean", mean, 182./21, 1e-12)
	near(t, "Nelson–Aalen of the treated at 7", NelsonAalen(l.Select(armOf(group, 1))).At(7.5), 3./21+1./17, 1e-15)
}

// Log-rank: 9 relapses where 19.25 are expected, 21 where 10.75 are; χ² 16.79 (Kleinbaum and Klein; R's survdiff).
func TestFreireichLogRank(t *testing.T) {
	_, group, l := freireich()
	r := LogRankTest(l, group)
	near(t, "observed, placebo", r.Observed[0], 21, 0)
	near(t, "observed, treated", r.Observed[1], 9, 0)
	near(t, "expected, placebo", r.Expected[0], 10.75, .005/10.75)
	near(t, "expected, treated", r.Expected[1], 19.25, .005/19.25)
	near(t, "χ²", r.Chi2, 16.79, .005/16.79)
	near(t, "p", r.P, 4.17e-5, 1e-6)
	// Codes do not matter, nor does the order of rows, nor the unit of time.
	coded := make([]int, len(group))
	for i, g := range group {
		coded[i] = 40 - 7*g
	}
	near(t, "other codes", LogRankTest(l, coded).Chi2, r.Chi2, 1e-12)
	var order []int
	for i := range group {
		order = append(order, (i*25+3)%42)
	}
	shuffled := make([]int, 42)
	days := l.Select(order)
	days.Time = slices.Clone(days.Time)
	for k, i := range order {
		shuffled[k] = group[i]
		days.Time[k] *= 7
	}
	near(t, "other order, in days", LogRankTest(days, shuffled).Chi2, r.Chi2, 1e-12)
}

// Cox's model: R's coxph gives 1.5721 (0.4124) by Efron and 1.5092 (0.4096) by Breslow, with these log likelihoods.
func TestFreireichCox(t *testing.T) {
	x, _, l := freireich()
	for _, want := range []struct {
		ties                   Ties
		coef, se, null, fitted float64
	}{{Efron, -1.57213, .41240, -93.18427, -85.00842}, {Breslow, -1.50919, .40956, -93.98505, -86.37962}} {
		f, err := FitCox(x, l, CoxOptions{Ties: want.ties})
		if err != nil {
			t.Fatal(err)
		}
		near(t, want.ties.String(), f.Coef[0], want.coef, 1e-5)
		near(t, "its standard error", f.SE[0], want.se, 1e-5)
		near(t, "log likelihood of nothing", f.LogLik0, want.null, 1e-7)
		near(t, "log likelihood", f.LogLik, want.fitted, 1e-7)
		// The loss of a network is the same likelihood, a mean over 30 events, and its gradient is flat along the fit.
		loss := CoxLoss(f.LogHazard(x), l, want.ties, nil)
		near(t, "the loss", -30*loss.Value, f.LogLik, 1e-9)
		slope := 0.0
		for i, g := range loss.Grad {
			slope += g * x[i][0]
		}
		near(t, "slope", slope, 0, 1e-7)
	}
}

// Weibull regression: R's survreg gives 2.2484 and 1.2673 with scale 0.7322, log likelihood −106.579 (Kleinbaum and Klein, chapter 7).
func TestFreireichWeibull(t *testing.T) {
	x, _, l := freireich()
	at := func(location, effect, logScale float64) (value float64, by [3]float64) {
		var out []float64
		for _, row := range x {
			out = append(out, location+effect*row[0], logScale)
		}
		loss := AFTLoss(out, l, Weibull)
		for i, row := range x {
			by[0] += loss.Grad[2*i]
			by[1] += loss.Grad[2*i] * row[0]
			by[2] += loss.Grad[2*i+1]
		}
		return 42 * loss.Value, by
	}
	value, by := at(2.2484, 1.2673, math.Log(.7322))
	near(t, "−log likelihood", value, 106.579, 5e-6)
	for k, g := range by {
		near(t, []string{"by location", "by treatment", "by log scale"}[k], g, 0, 2e-4)
	}
	for _, off := range [][3]float64{{.1, 0, 0}, {0, .1, 0}, {0, 0, .1}} {
		for _, sign := range []float64{1, -1} {
			if v, _ := at(2.2484+sign*off[0], 1.2673+sign*off[1], math.Log(.7322)+sign*off[2]); v <= value {
				t.Errorf("%g away along %v the likelihood is higher", sign, off)
			}
		}
	}
}

// The lung cancer data of R's survival package: log-rank by sex 10.3 with 91.6 and 73.4 deaths expected, medians 270 and 426 days.
func TestLungBySex(t *testing.T) {
	x, l := realTable(t, "lung", []string{"sex"})
	var sex []int
	for _, row := range x {
		sex = append(sex, int(row[0]))
	}
	r := LogRankTest(l, sex)
	near(t, "observed, men", r.Observed[0], 112, 0)
	near(t, "expected, men", r.Expected[0], 91.6, .05/91.6)
	near(t, "expected, women", r.Expected[1], 73.4, .05/73.4)
	near(t, "χ²", r.Chi2, 10.3, .05/10.3)
	for g, want := range map[int]float64{1: 270, 2: 426} {
		median, _, _ := KaplanMeier(l.Select(armOf(sex, g))).Median()
		near(t, "median", median, want, 0)
	}
	f, err := FitCox(x, l, CoxOptions{Ties: Efron})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Cox, sex", f.Coef[0], -.5310, 5e-5)
	near(t, "its standard error", f.SE[0], .1672, 5e-5)
}

// Events at 1 (A), 2 (B), 3 (A of A, B tied with B): expected and variance by the hypergeometric law, written out.
func TestLogRankTable(t *testing.T) {
	l := Labels{Time: []float64{1, 3, 4, 2, 3, 5}, Event: []int{1, 1, 0, 1, 1, 0}}
	r := LogRankTest(l, []int{0, 0, 0, 1, 1, 1})
	// At 1: 3 and 3 at risk. At 2: 2 and 3. At 3: 2 and 2, two events.
	e := 3./6 + 2./5 + 2*2./4
	v := 1./4 + 2./5*3/5 + 2.*(2./4*2/4)*(4-2)/(4-1)
	near(t, "expected", r.Expected[0], e, 1e-15)
	near(t, "χ²", r.Chi2, (2-e)*(2-e)/v, 1e-13)
	// The first of B comes under watch at 1.5: at 1 only two of B are at risk.
	l.Entry = []float64{0, 0, 0, 1.5, 0, 0}
	r = LogRankTest(l, []int{0, 0, 0, 1, 1, 1})
	near(t, "expected, late entry", r.Expected[0], 3./5+2./5+1, 1e-15)
	// A group that is gone before the first event does not count.
	l = Labels{Time: []float64{.5, 1, 2, 3, 4}, Event: []int{0, 1, 1, 1, 0}}
	if r := LogRankTest(l, []int{0, 1, 2, 1, 2}); r.DF != 1 || r.Expected[0] != 0 {
		t.Errorf("%+v: two groups can be compared", r)
	}
	// Three groups: degrees of freedom two; p of χ² is exp(−χ²/2) there.
	_, group, big := freireich()
	for i := range group {
		if i%3 == 0 {
			group[i] = 2
		}
	}
	r = LogRankTest(big, group)
	if r.DF != 2 {
		t.Errorf("%d degrees of freedom", r.DF)
	}
	near(t, "p", r.P, math.Exp(-r.Chi2/2), 1e-12)
	sum := 0.0
	for g := range r.Observed {
		sum += r.Observed[g] - r.Expected[g]
	}
	near(t, "observed less expected", sum, 0, 1e-12)
}
