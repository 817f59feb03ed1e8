package survival

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/stats"
)

// Five people: events at 1, 2, 4; censored at 2 and 5. S = 4/5, 4/5·3/4, …
func TestKaplanMeierByHand(t *testing.T) {
	km := KaplanMeier(Labels{Time: []float64{2, 1, 4, 2, 5}, Event: []int{1, 1, 1, 0, 0}})
	near(t, "S(1)", km.At(1), .8, 1e-15)
	near(t, "S(2)", km.At(2), .6, 1e-15)
	near(t, "S(2−)", km.Left(2), .8, 1e-15)
	near(t, "S(4)", km.At(100), .3, 1e-15)
	median, _, high := km.Median()
	near(t, "median", median, 4, 0)
	if !math.IsNaN(high) {
		t.Errorf("the median's upper end is %g; follow-up does not reach it", high)
	}
	mean, _ := km.RMST(3)
	near(t, "RMST to 3", mean, 1+.8+.6, 1e-15)
	// One who enters at 1.5 counts at 2 only: S = 1·(1 − 1/2).
	late := KaplanMeier(Labels{Time: []float64{2, 3}, Event: []int{1, 0}, Entry: []float64{0, 1.5}})
	near(t, "late entry", late.At(2), .5, 1e-15)
	near(t, "nobody's curve", Step{Before: 1}.At(3), 1, 0)
}

// With one cause the incidence is 1 − S; with two they and being free sum to one.
func TestAalenJohansenSumsToOne(t *testing.T) {
	_, l, rng := cohort(60, 4, false)
	one := AalenJohansen(l)
	km := KaplanMeier(l)
	for k := range one.Times {
		near(t, "one cause", one.CIF[0][k], 1-km.Values[k], 1e-12)
	}
	for i := range l.Event {
		if l.Event[i] == 1 && rng.IntN(2) == 0 {
			l.Event[i] = 2
		}
	}
	two := AalenJohansen(l)
	for k := range two.Times {
		near(t, "sum", two.Free[k]+two.CIF[0][k]+two.CIF[1][k], 1, 1e-12)
	}
}

func TestLogRankOfEqualGroupsIsZero(t *testing.T) {
	l := Labels{Time: []float64{1, 1, 2, 2, 3, 3}, Event: []int{1, 1, 1, 1, 0, 0}}
	r := LogRankTest(l, []int{0, 1, 0, 1, 0, 1})
	near(t, "χ²", r.Chi2, 0, 1e-15)
	near(t, "p", r.P, 1, 1e-15)
	if r := LogRankTest(l, make([]int, 6)); r.DF != 0 || r.P != 1 {
		t.Errorf("one group: %+v", r)
	}
}

func TestCuts(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3, 4, 10}, Event: []int{1, 1, 1, 1, 0}}
	c, err := EquidistantCuts(l, 3)
	if err != nil || !slices.Equal(c, Cuts{0, 5, 10}) {
		t.Errorf("cuts %v, %v", c, err)
	}
	index, event := c.Discrete(Labels{Time: []float64{5, 4, 4, 12}, Event: []int{1, 1, 0, 1}})
	if !slices.Equal(index, []int{1, 1, 0, 2}) || !slices.Equal(event, []int{1, 1, 0, 0}) {
		t.Errorf("events go to the next cut, censorings to the last: %v %v", index, event)
	}
	index, _, fraction := c.Piecewise(Labels{Time: []float64{0, 2.5, 10}, Event: []int{1, 1, 0}})
	if !slices.Equal(index, []int{-1, 0, 1}) || !slices.Equal(fraction, []float64{0, 0.5, 1}) {
		t.Errorf("pieces %v %v", index, fraction)
	}
	if _, err := EquidistantCuts(l, 1); fault.CodeOf(err) != fault.Usage {
		t.Errorf("one cut: %v", err)
	}
	if _, err := QuantileCuts(Labels{Time: []float64{0, 0}, Event: []int{1, 0}}, 4); fault.CodeOf(err) != fault.Input {
		t.Errorf("all at zero: %v", err)
	}
	q, err := QuantileCuts(l, 20)
	if err != nil || !slices.IsSorted(q) || q[0] != 0 || q[len(q)-1] != 10 {
		t.Errorf("more quantiles than times: %v, %v", q, err)
	}
}

// The known defect of others: a baseline that wants sorted rows in memory. Batches in any order give the same hazard.
func TestBaselineStreamsInAnyOrder(t *testing.T) {
	x, l, rng := cohort(50, 9, true)
	want := baseline(x, l, Efron)
	var s BaselineStream
	for rows := range slices.Chunk(rng.Perm(50), 7) {
		part := make([]float64, len(rows))
		for k, i := range rows {
			part[k] = x[i]
		}
		s.Add(part, l.Select(rows))
	}
	got := s.Baseline()
	for k := range want.Times {
		near(t, "hazard", got.Hazard[k], want.Hazard[k], 1e-12)
	}
	// With no covariates it is Nelson and Aalen's.
	zero := baseline(make([]float64, 50), l, Breslow)
	na := NelsonAalen(l)
	for k := range zero.Times {
		near(t, "Nelson–Aalen", zero.Cumulative[k], na.Values[k], 1e-12)
	}
}

func TestCoxTimeWithoutTimeIsCox(t *testing.T) {
	x, l, _ := cohort(40, 10, false)
	g := func(people []int, _ float64, out []float64) {
		for k, i := range people {
			out[k] = x[i]
		}
	}
	a, b := CoxTimeBaseline(l, g), CoxBaseline(x, l)
	for k := range a.Times {
		near(t, "hazard", a.Hazard[k], b.Hazard[k], 1e-12)
	}
	near(t, "partial likelihood", CoxTimePartialLogLikelihood(l, g), PartialLogLikelihood(x, l), 1e-12)
}

// Newton's method diverges on FLCHAIN's raw outliers elsewhere, silently. Here steps are halved and the solution's score is zero.
func TestNewtonConvergesOnOutliers(t *testing.T) {
	if testing.Short() {
		t.Skip("6,524 rows")
	}
	testdata.Shared(t, "data", "survival", "flchain.csv")
	x, l := realTable(t, "flchain", []string{"age", "sex", "kappa", "lambda", "creatinine", "mgus"})
	fit, err := FitCox(x, l, CoxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := Concordance(fit.LogHazard(x), l, ConcordanceOptions{}).C
	if c < 0.78 || fit.LogLik <= fit.LogLik0 {
		t.Errorf("concordance %.3f, log likelihood %g after %g", c, fit.LogLik, fit.LogLik0)
	}
	d, err := newCoxData(x, l, CoxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	beta := make([]float64, len(fit.Coef))
	for j := range beta {
		beta[j] = fit.Coef[j] * d.scale[j]
	}
	for j, s := range d.at(beta).score {
		if math.Abs(s) > 1e-4 {
			t.Errorf("the score of column %d is %g at the solution", j, s)
		}
	}
}

func TestFitsThatCannotBeSayWhy(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3, 4, 5, 6}, Event: []int{1, 1, 1, 0, 0, 0}}
	for name, c := range map[string]struct {
		x    [][]float64
		says string
	}{
		"separated": {[][]float64{{5}, {4}, {3}, {0}, {0}, {0}}, "infinity"},
		"constant":  {[][]float64{{1}, {1}, {1}, {1}, {1}, {1}}, "one value"},
		"missing":   {[][]float64{{1}, {2}, {math.NaN()}, {1}, {1}, {1}}, "not a number"},
		"repeated":  {[][]float64{{1, 2}, {2, 4}, {3, 6}, {2, 4}, {5, 10}, {1, 2}}, "ridge"},
	} {
		fit, err := FitCox(c.x, l, CoxOptions{})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v; want an error with %q", name, fit, err, c.says)
		}
	}
	// The ridge that the errors advise helps.
	if _, err := FitCox([][]float64{{5}, {4}, {3}, {0}, {0}, {0}}, l, CoxOptions{Ridge: 0.1}); err != nil {
		t.Error(err)
	}
}

func TestLassoLeavesColumnsOut(t *testing.T) {
	rng := stats.Seed(4).Stream("lasso")
	var x [][]float64
	var l Labels
	for range 300 {
		r := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		x = append(x, r)
		l.Time = append(l.Time, rng.ExpFloat64()*math.Exp(-r[0]))
		l.Event = append(l.Event, 1)
	}
	free, err := FitCox(x, l, CoxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sparse, err := FitCox(x, l, CoxOptions{Lasso: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	if sparse.Coef[1] != 0 || sparse.Coef[2] != 0 || !(sparse.Coef[0] > 0.5 && sparse.Coef[0] < free.Coef[0]) {
		t.Errorf("free %v, with a lasso %v", free.Coef, sparse.Coef)
	}
	ridge, err := FitCox(x, l, CoxOptions{Ridge: 1})
	if err != nil || !(ridge.Coef[0] < free.Coef[0]) {
		t.Errorf("ridge %v, %v", ridge, err)
	}
}

// Without another cause, subdistribution hazards are Cox's.
func TestFineGrayWithoutCompetitionIsCox(t *testing.T) {
	x1, l, _ := cohort(80, 12, false)
	x := square(x1, 1)
	fg, err := FitFineGray(x, l, 1, CoxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cox, err := FitCox(x, l, CoxOptions{Ties: Breslow})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "coefficient", fg.Coef[0], cox.Coef[0], 1e-9)
	if _, err := FitFineGray(x, l, 3, CoxOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("a cause without events: %v", err)
	}
}

// Cause-specific fits put together give about Aalen and Johansen's incidence, on average over people.
func TestCauseSpecificIncidence(t *testing.T) {
	x1, l, rng := cohort(400, 13, false)
	for i := range l.Event {
		if l.Event[i] == 1 && rng.IntN(3) == 0 {
			l.Event[i] = 2
		}
	}
	x := square(x1, 1)
	var fits []*CoxFit
	for k := 1; k <= 2; k++ {
		fit, err := FitCauseSpecific(x, l, k, CoxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fits = append(fits, fit)
	}
	c := CauseSpecificIncidence(fits, x, l, 2, x)
	aj := AalenJohansen(l).Cause(2)
	for k, u := range c.Times {
		mean := 0.0
		for _, v := range c.Values[k] {
			mean += v / 400
		}
		if math.Abs(mean-aj.At(u)) > 0.02 {
			t.Errorf("incidence by %g is %.3f, Aalen–Johansen %.3f", u, mean, aj.At(u))
		}
	}
}

func TestForest(t *testing.T) {
	rng := stats.Seed(7).Stream("forest")
	var x [][]float64
	var l Labels
	for range 400 {
		r := []float64{rng.NormFloat64(), rng.NormFloat64()}
		x = append(x, r)
		l.Time = append(l.Time, rng.ExpFloat64()*math.Exp(-2*math.Abs(r[0]))) // no linear model sees this
		l.Event = append(l.Event, min(rng.IntN(4), 1))
	}
	var first []float64
	for _, workers := range []int{1, 4} {
		f, err := GrowForest(t.Context(), x[:300], l.Select(allRows(300)), ForestOptions{Trees: 40, Workers: workers, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		risk := f.Mortality(x[300:])
		if first != nil && !slices.Equal(first, risk) {
			t.Error("the forest depends on the number of workers")
		}
		first = risk
		var test Labels
		test.Time, test.Event = l.Time[300:], l.Event[300:]
		if c := Concordance(risk, test, ConcordanceOptions{}).C; c < 0.7 {
			t.Errorf("concordance %.3f of a forest where |x| decides", c)
		}
		curves := f.Survival(x[300:])
		for k := 1; k < len(curves.Times); k++ {
			if curves.Values[k][0] > curves.Values[k-1][0] {
				t.Fatal("survival rises")
			}
		}
	}
	if _, err := GrowForest(t.Context(), x, Labels{Time: make([]float64, 400), Event: make([]int, 400)}, ForestOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("no events: %v", err)
	}
}
