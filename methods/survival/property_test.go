package survival

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Cox's loss sees differences only: a constant added to every risk changes nothing.
func TestCoxLossIgnoresAConstant(t *testing.T) {
	x, l, _ := cohort(40, 31, true)
	moved := make([]float64, len(x))
	for i, v := range x {
		moved[i] = v + 7
	}
	for _, ties := range []Ties{Efron, Breslow} {
		a, b := CoxLoss(x, l, ties, nil), CoxLoss(moved, l, ties, nil)
		near(t, "loss", b.Value, a.Value, 1e-12)
		sum := 0.0
		for _, g := range a.Grad {
			sum += g
		}
		near(t, "the gradient's sum", sum, 0, 1e-12)
	}
}

// Risk sets depend on the order of times, not on their size.
func TestRanksAreAllThatCounts(t *testing.T) {
	x, l, _ := cohort(60, 32, false)
	warped := l
	warped.Time = make([]float64, len(x))
	group := make([]int, len(x))
	for i, v := range l.Time {
		warped.Time[i] = math.Exp(v) - 1
		group[i] = i % 3
	}
	near(t, "Cox", CoxLoss(x, warped, Efron, nil).Value, CoxLoss(x, l, Efron, nil).Value, 1e-13)
	near(t, "C", Concordance(x, warped, ConcordanceOptions{}).C, Concordance(x, l, ConcordanceOptions{}).C, 1e-15)
	near(t, "log-rank", LogRankTest(warped, group).Chi2, LogRankTest(l, group).Chi2, 1e-12)
	warpedRisk := make([]float64, len(x))
	for i, v := range x {
		warpedRisk[i] = math.Atan(v)
	}
	near(t, "C of a monotone risk", Concordance(warpedRisk, l, ConcordanceOptions{}).C, Concordance(x, l, ConcordanceOptions{}).C, 1e-15)
	for i := range warpedRisk {
		warpedRisk[i] = -x[i]
	}
	near(t, "C of the opposite", Concordance(warpedRisk, l, ConcordanceOptions{}).C, 1-Concordance(x, l, ConcordanceOptions{}).C, 1e-14)
}

// Stretching time stretches medians and restricted means, and leaves survival.
func TestUnitsOfTime(t *testing.T) {
	_, l, _ := cohort(50, 33, false)
	days := l
	days.Time = make([]float64, l.Len())
	for i, v := range l.Time {
		days.Time[i] = 365 * v
	}
	a, b := KaplanMeier(l), KaplanMeier(days)
	ma, _, _ := a.Median()
	mb, _, _ := b.Median()
	near(t, "median", mb, 365*ma, 1e-12)
	ra, sa := a.RMST(6)
	rb, sb := b.RMST(365 * 6)
	near(t, "RMST", rb, 365*ra, 1e-12)
	near(t, "its error", sb, 365*sa, 1e-12)
	if !slices.Equal(a.Values, b.Values) {
		t.Error("survival changed with the unit")
	}
}

// A fit does not depend on units of columns or the order of rows; weights of two are rows twice.
func TestCoxFitInvariance(t *testing.T) {
	x1, l, rng := cohort(80, 34, false)
	var x, scaled [][]float64
	for i, v := range x1 {
		z := rng.NormFloat64()
		x = append(x, []float64{v, z})
		scaled = append(scaled, []float64{1000*v + 5, z / 10})
		_ = i
	}
	a := must(FitCox(x, l, CoxOptions{}))(t)
	b := must(FitCox(scaled, l, CoxOptions{}))(t)
	near(t, "first coefficient", b.Coef[0], a.Coef[0]/1000, 1e-8)
	near(t, "second coefficient", b.Coef[1], a.Coef[1]*10, 1e-8)
	near(t, "log likelihood", b.LogLik, a.LogLik, 1e-10)
	order := rng.Perm(80)
	var shuffled [][]float64
	for _, i := range order {
		shuffled = append(shuffled, x[i])
	}
	c := must(FitCox(shuffled, l.Select(order), CoxOptions{}))(t)
	near(t, "after a shuffle", c.Coef[0], a.Coef[0], 1e-9)
	twice := must(FitCox(append(slices.Clone(x), x...), l.Select(append(allRows(80), allRows(80)...)), CoxOptions{Ties: Breslow}))(t)
	heavy := must(FitCox(x, l, CoxOptions{Ties: Breslow, Weight: slices.Repeat([]float64{2}, 80)}))(t)
	near(t, "weights", heavy.Coef[0], twice.Coef[0], 1e-9)
	near(t, "weights' error", heavy.SE[0], twice.SE[0], 1e-9)
}

// Whole weights are people counted as often, in every metric of the bootstrap.
func TestWeightsAreCounts(t *testing.T) {
	x, l, rng := cohort(30, 35, false)
	w := make([]float64, 30)
	var rows []int
	for i := range w {
		w[i] = float64(rng.IntN(3))
		for range int(w[i]) {
			rows = append(rows, i)
		}
	}
	var many []float64
	for _, i := range rows {
		many = append(many, x[i])
	}
	near(t, "C", Concordance(x, l, ConcordanceOptions{Weight: w}).C, Concordance(many, l.Select(rows), ConcordanceOptions{}).C, 1e-13)
	c := newCurves(Grid(0, 10, 9), 30)
	for k := range c.Values {
		for i := range c.Values[k] {
			c.Values[k][i] = math.Exp(-c.Times[k] * math.Exp(x[i]-1) / 5)
		}
	}
	some := newCurves(c.Times, len(rows))
	for k := range c.Values {
		for j, i := range rows {
			some.Values[k][j] = c.Values[k][i]
		}
	}
	ipcw := PycoxIPCW(l)
	a := must(BrierScore(c, l, []float64{3, 5}, ipcw, w))(t)
	b := must(BrierScore(some, l.Select(rows), []float64{3, 5}, ipcw, nil))(t)
	near(t, "Brier", a.Brier[1], b.Brier[1], 1e-13)
	near(t, "log likelihood", a.LogLik[0], b.LogLik[0], 1e-12)
}

func TestStepByHand(t *testing.T) {
	s := Step{Times: []float64{1, 2, 4}, Values: []float64{.8, .5, .2}, Before: 1}
	for _, c := range []struct{ got, want float64 }{
		{s.At(0), 1}, {s.At(1), .8}, {s.At(1.5), .8}, {s.Left(1), 1}, {s.Left(2), .8}, {s.At(9), .2},
		{s.Area(3), 1 + .8 + .5}, {s.Area(0), 0}, {s.Area(5), 1 + .8 + 1 + .2}, {s.Quantile(.5), 3}, {s.Quantile(.6), 2}, {s.Quantile(.3), 4},
	} {
		near(t, "a value", c.got, c.want, 1e-15)
	}
	if !math.IsNaN(s.Quantile(.1)) {
		t.Error("a quantile that is not reached is a number")
	}
}

func TestInterpolationByHand(t *testing.T) {
	cuts := Cuts{0, 2, 6}
	surv := []float64{1, .64, .16}
	a := Interpolate(surv, cuts, 2, ConstantDensity)
	b := Interpolate(surv, cuts, 2, ConstantHazard)
	if !slices.Equal(a.Times, []float64{0, 1, 2, 4, 6}) {
		t.Fatalf("times %v", a.Times)
	}
	near(t, "half-way, straight", a.At(0, 1), .82, 1e-15)
	near(t, "half-way, hazard", b.At(0, 1), .8, 1e-15)
	near(t, "second interval, hazard", b.At(0, 4), .32, 1e-15)
	near(t, "beyond the end", a.At(0, 99), .16, 0)
	near(t, "before the start", a.At(0, -1), 1, 0)
	p := PCHazardCurves([]float64{math.Log(math.E - 1), math.Log(math.E*math.E - 1)}, cuts, 1) // softplus 1 and 2
	near(t, "piecewise", p.At(0, 2), math.Exp(-1), 1e-14)
	near(t, "piecewise, end", p.At(0, 6), math.Exp(-3), 1e-14)
	near(t, "zero survival", Interpolate([]float64{1, 0}, Cuts{0, 1}, 2, ConstantHazard).At(0, .5), .5, 0)
}

// Mass adds up to one with what lies beyond, for one risk and for two.
func TestMassAddsUp(t *testing.T) {
	rng := stats.Seed(3).Stream("phi")
	phi := make([]float64, 12)
	for i := range phi {
		phi[i] = 3 * rng.NormFloat64()
	}
	surv := PMFSurvival(PMF(phi, 4), 4)
	near(t, "what is left", surv[3], 1/(1+math.Exp(phi[0])+math.Exp(phi[1])+math.Exp(phi[2])+math.Exp(phi[3])), 1e-12)
	cif, _, free := DeepHitIncidence(phi, 2, 3)
	for k := range free {
		for i := range free[k] {
			near(t, "sum", free[k][i]+cif[0][k][i]+cif[1][k][i], 1, 1e-14)
		}
	}
}

func TestAFTByHand(t *testing.T) {
	// Weibull with location 0 and scale 1 is exponential: log density −t, log survival −t.
	l := Labels{Time: []float64{2, 3}, Event: []int{1, 0}}
	near(t, "loss", AFTLoss([]float64{0, 0, 0, 0}, l, Weibull).Value, (2+3)/2., 1e-12)
	c := AFTCurves([]float64{0, 0}, []float64{0, 1, 4}, 2, Weibull)
	near(t, "survival at 4 of unit 2", c.Values[2][0], math.Exp(-2), 1e-12)
	near(t, "at 0", c.Values[0][0], 1, 0)
	// The far tail of the log-normal stays finite and falls.
	before := 0.0
	for z := 1.0; z < 60; z++ {
		logS, _, _, _ := LogNormal.tail(z)
		if math.IsInf(logS, 0) || logS >= before {
			t.Fatalf("log survival at %g is %g after %g", z, logS, before)
		}
		before = logS
	}
}

func TestTimeErrorsByHand(t *testing.T) {
	l := Labels{Time: []float64{2, 4}, Event: []int{1, 0}}
	train := Labels{Time: []float64{1, 2, 3, 5}, Event: []int{1, 1, 1, 1}}
	near(t, "uncensored", must(MeanTimeError([]float64{3, 9}, l, train, UncensoredOnly))(t), 1, 1e-15)
	// The censored person weighs 1 − S(4) = 0.75; a prediction after the censoring is no error.
	near(t, "hinge", must(MeanTimeError([]float64{3, 9}, l, train, Hinge))(t), 1/1.75, 1e-15)
	near(t, "hinge, too early", must(MeanTimeError([]float64{3, 2}, l, train, Hinge))(t), (1+.75*2)/1.75, 1e-15)
	// IPCW-T: the mean of later training events is 5.
	near(t, "IPCW-T", must(MeanTimeError([]float64{3, 9}, l, train, IPCWT))(t), (1+.75*4)/1.75, 1e-15)
}

func TestWeightedAUCByHand(t *testing.T) {
	// Cases 3 and 1 (weight 2), controls 1, 0 and 2: 3 beats all, 1 ties one and beats one.
	got := weightedAUC([]float64{3, 1, 1, 0, 2}, []float64{1, 2, 0, 0, 0}, []float64{0, 0, 1, 1, 1})
	near(t, "AUC", got, (3+2*1.5)/9, 1e-15)
	if !math.IsNaN(weightedAUC([]float64{1}, []float64{1}, []float64{0})) {
		t.Error("no control and yet an AUC")
	}
}

// Without censoring the score's error is that of a mean.
func TestScoreWithoutCensoring(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3, 4}, Event: []int{1, 1, 1, 1}}
	p := [][]float64{{.9}, {.3}, {.4}, {.1}}
	s := must(ScoreAt(p, l, 1, []float64{2.5}))(t)
	r := []float64{.01, .49, .16, .01}
	mean, sd := .1675, 0.0
	for _, v := range r {
		sd += (v - mean) * (v - mean) / 3
	}
	near(t, "Brier", s.Brier[0], mean, 1e-15)
	near(t, "its error", s.BrierSE[0], math.Sqrt(sd/4), 1e-14)
	near(t, "AUC", s.AUC[0], 3./4, 1e-15)
	near(t, "one probability for all", s.BrierNull[0], .25, 1e-15)
}

func TestNumpyOrderSorts(t *testing.T) {
	rng := stats.Seed(9).Stream("sort")
	for n := range 120 {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(rng.IntN(10))
		}
		order := numpyOrder(v)
		if !slices.Equal(slices.Sorted(slices.Values(order)), allRows(n)) {
			t.Fatal("not a permutation")
		}
		for i := 1; i < n; i++ {
			if v[order[i]] < v[order[i-1]] {
				t.Fatalf("%d values are not sorted", n)
			}
		}
	}
}

func TestParts(t *testing.T) {
	var sizes []int
	for b := range 4 {
		sizes = append(sizes, len(part(allRows(10), 4, b)))
	}
	if !slices.Equal(sizes, []int{3, 3, 2, 2}) {
		t.Errorf("parts of 10 in 4: %v", sizes)
	}
}

func TestOneCalibrationOfTheTruth(t *testing.T) {
	rng := stats.Seed(12).Stream("calibration")
	var l Labels
	var p []float64
	for range 2000 {
		h := math.Exp(rng.NormFloat64())
		l.Time = append(l.Time, rng.ExpFloat64()/h)
		l.Event = append(l.Event, 1)
		p = append(p, 1-math.Exp(-.5*h))
	}
	good := must(OneCalibrationTest(p, l, .5, 10))(t)
	if good.P < .001 {
		t.Errorf("the truth is rejected: %+v", good)
	}
	wrong := slices.Clone(p)
	for i := range wrong {
		wrong[i] = math.Sqrt(wrong[i])
	}
	if bad := must(OneCalibrationTest(wrong, l, .5, 10))(t); bad.P > 1e-6 {
		t.Errorf("far too high predictions pass: %+v", bad)
	}
	if s := must(SmoothCalibration(p, l, .5))(t); s.ICI > .03 || s.E50 > s.E90 || s.E90 > s.EMax {
		t.Errorf("smoothed: ICI %g, %g, %g, %g", s.ICI, s.E50, s.E90, s.EMax)
	}
	if s := must(SmoothCalibration(wrong, l, .5))(t); s.ICI < .05 {
		t.Errorf("far too high predictions have an ICI of %g", s.ICI)
	}
	if _, err := OneCalibrationTest(p, l, .5, 2); fault.CodeOf(err) != fault.Usage {
		t.Errorf("two bins: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x1, l, _ := cohort(60, 40, false)
	if _, err := GrowForest(ctx, square(x1, 1), l, ForestOptions{}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("a cancelled forest: %v", err)
	}
	if _, err := Evaluate(ctx, Predicted{Labels: l, Risk: x1}, EvaluateOptions{}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("a cancelled evaluation: %v", err)
	}
}

// Rows in another order give the same evaluation, and patients count once however many rows they have.
func TestEvaluationIgnoresTheOrderOfRows(t *testing.T) {
	x, l, rng := cohort(60, 41, false)
	keys := make([]string, 60)
	for i := range keys {
		keys[i] = string(rune('a' + i%20))
	}
	order := rng.Perm(60)
	p := Predicted{Labels: l, Risk: x, Patient: keys}
	q := Predicted{Labels: l.Select(order), Risk: make([]float64, 60), Patient: make([]string, 60)}
	for k, i := range order {
		q.Risk[k], q.Patient[k] = x[i], keys[i]
	}
	a := must(Evaluate(t.Context(), p, EvaluateOptions{Resamples: 50}))(t)
	b := must(Evaluate(t.Context(), q, EvaluateOptions{Resamples: 50}))(t)
	if a.Patients != 20 {
		t.Errorf("%d patients", a.Patients)
	}
	for k := range a.Metrics {
		near(t, a.Metrics[k].Name, b.Metrics[k].Value, a.Metrics[k].Value, 1e-12)
		near(t, a.Metrics[k].Name+", low end", b.Metrics[k].Low, a.Metrics[k].Low, 1e-12)
	}
}
