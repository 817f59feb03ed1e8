package survival

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// five people: events at 1, 3 and 5, censored at 2 and 4, so that G is 1, then 3/4 from 2 on and 3/8 from 4 on.
func five() Labels {
	return Labels{Time: []float64{1, 2, 3, 4, 5}, Event: []int{1, 0, 1, 0, 1}}
}

func TestCensoringByHand(t *testing.T) {
	g := Censoring(five(), Reverse)
	for at, want := range map[float64]float64{.5: 1, 1: 1, 2: .75, 3.9: .75, 4: .375, 9: .375} {
		near(t, "G", g.At(at), want, 1e-15)
	}
	near(t, "G(4−)", g.Left(4), .75, 0)
	// An event and a censoring at one time: of three at risk one has had the event first, or not.
	tied := Labels{Time: []float64{1, 2, 2, 3}, Event: []int{1, 1, 0, 0}}
	near(t, "events first", Censoring(tied, Reverse).At(2), .5, 1e-15)
	near(t, "all at risk", Censoring(tied, Plain).At(2), 2./3, 1e-15)
	near(t, "turned round", KaplanMeier(tied.Censoring()).At(2), 2./3, 1e-15)
}

// Weights of three quarters' inverse beyond 2.
func TestWeightedScoresByHand(t *testing.T) {
	l := five()
	risk := []float64{5, 9, 2, 3, 1}
	// Event at 1: three of four. Event at 3, weighing 16/9: one of two.
	c, err := UnoConcordance(risk, l, l, 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Uno", c.C, (3+16./9)/(4+32./9), 1e-14)
	near(t, "Uno up to 3", must(UnoConcordance(risk, l, l, 3))(t).C, 3./4, 1e-15)
	near(t, "Harrell", Concordance(risk, l, ConcordanceOptions{}).C, 4./6, 1e-15)
	// AUC at 3.5: cases 1 (weight 1) and 3 (4/3), controls 4 and 5.
	var column [][]float64
	for _, r := range risk {
		column = append(column, []float64{r})
	}
	auc := must(CumulativeDynamicAUC(column, l, l, []float64{1.5, 3.5}))(t)
	near(t, "AUC at 1.5", auc.AUC[0], 3./4, 1e-15)
	near(t, "AUC at 3.5", auc.AUC[1], (2+4./3)/(2*(1+4./3)), 1e-14)
	near(t, "mean", auc.Mean, (3./4*(1./5)+5./7*(4./5-8./15))/(7./15), 1e-14)
	// Brier score at 3.5; the one who is censored before has no part in it.
	s := []float64{.2, .5, .4, .7, .9}
	curves := Curves{Times: []float64{0}, Values: [][]float64{s}}
	brier := (.04 + 4./3*(.16+.09+.01)) / 5
	loglik := (math.Log(.8) + 4./3*(math.Log(.6)+math.Log(.7)+math.Log(.9))) / 5
	for name, w := range map[string]IPCW{"Graf": GrafIPCW(l), "pycox": PycoxIPCW(l)} { // without ties the weights sum to five
		got := must(BrierScore(curves, l, []float64{3.5}, w, nil))(t)
		near(t, name, got.Brier[0], brier, 1e-14)
		near(t, name+"'s log likelihood", got.LogLik[0], loglik, 1e-12)
	}
	limited := GrafIPCW(l)
	limited.MaxWeight = 1
	near(t, "no weights", must(BrierScore(curves, l, []float64{3.5}, limited, nil))(t).Brier[0], .3/5, 1e-14)
	near(t, "the first one twice", must(BrierScore(curves, l, []float64{3.5}, GrafIPCW(l), []float64{2, 1, 1, 1, 1}))(t).Brier[0], (5*brier+.04)/6, 1e-14)
	var events [][]float64
	for _, v := range s {
		events = append(events, []float64{1 - v})
	}
	score := must(ScoreAt(events, l, 1, []float64{3.5}))(t)
	near(t, "Blanche's Brier", score.Brier[0], brier, 1e-14)
	near(t, "of one probability for all", score.BrierNull[0], nullBrier(7./15), 1e-14)
	// Censoring that is known beforehand takes people out, with no weight.
	admin := must(AdministrativeBrier(Curves{Times: []float64{0, 2.5}, Values: [][]float64{{.3, .6}, {.2, .5}}},
		Labels{Time: []float64{1, 2}, Event: []int{1, 0}}, []float64{5, 2}, []float64{1.5, 3}))(t)
	near(t, "both watched", admin.Brier[0], (.09+.16)/2, 1e-15)
	near(t, "one watched", admin.Brier[1], .04, 1e-15)
}

// nullBrier is the weighted score at 3.5 of [five] of the same probability p for all.
func nullBrier(p float64) float64 {
	return ((1-p)*(1-p)*(1+4./3) + p*p*2*4./3) / 5
}

func TestAntoliniByHand(t *testing.T) {
	c := Curves{Times: []float64{0, 1, 3}, Values: [][]float64{{1, 1, 1}, {.3, .5, .4}, {.1, .2, .2}}}
	l := Labels{Time: []float64{1, 3, 4}, Event: []int{1, 1, 0}}
	a := AntoliniConcordance(c, l, nil) // the second and third cross and meet at 3
	near(t, "ties wrong", a.Strict, 2./3, 1e-15)
	near(t, "ties half", a.Adjusted, 2.5/3, 1e-15)
	a = AntoliniConcordance(c, l, []float64{1, 2, 1})
	near(t, "ties wrong, weighted", a.Strict, 3./5, 1e-15)
	near(t, "ties half, weighted", a.Adjusted, 4./5, 1e-15)
	// Two events at once should be predicted alike.
	l = Labels{Time: []float64{1, 1, 4}, Event: []int{1, 1, 0}}
	a = AntoliniConcordance(c, l, nil)
	near(t, "times tie", a.Strict, 1./2, 1e-15) // .3 < .4 but .5 > .4
	near(t, "times tie, adjusted", a.Adjusted, (.5+.5+1+0)/4, 1e-15)
	if a := AntoliniConcordance(c, Labels{Time: []float64{1, 2, 3}, Event: []int{0, 0, 0}}, nil); !math.IsNaN(a.Strict) {
		t.Errorf("no events, and yet %v", a)
	}
	// Proportional curves keep their order: the time-dependent concordance is Harrell's of the risks.
	x, big, _ := cohort(50, 3, false)
	for i := range big.Time {
		big.Time[i] += float64(i) / 1000
	}
	curves := CoxBaseline(x, big).Curves(x)
	near(t, "proportional", AntoliniConcordance(curves, big, nil).Strict, Concordance(x, big, ConcordanceOptions{}).C, 1e-12)
}

// Censored people and two causes in decision curves.
func TestDecisionCurvesByHand(t *testing.T) {
	p := []float64{.9, .8, .2, .6, .1}
	b := DecisionCurve(p, five(), 1, 3.5, []float64{0, .25, .95, 1})
	// Treated at .25 are those of times 1, 2+, 4+: one in three dies. All: 7 of 15.
	near(t, "model", b[1].Model, .6*(1./3-2./3/3), 1e-14)
	near(t, "all", b[1].All, 7./15-8./15/3, 1e-14)
	near(t, "treated", b[1].Treated, .6, 1e-15)
	near(t, "harmless treatment", b[0].Model, 7./15, 1e-14)
	near(t, "harmless treatment of all", b[0].All, 7./15, 1e-14)
	if b[2].Model != 0 || b[2].Treated != 0 || !math.IsInf(b[3].All, -1) || !math.IsNaN(b[3].Model) {
		t.Errorf("nobody treated: %+v; infinite harm: %+v", b[2], b[3])
	}
	// Cause 2 at 2, when three of four are free: a quarter.
	l := Labels{Time: []float64{1, 2, 3, 4}, Event: []int{1, 2, 1, 0}}
	near(t, "the second cause", DecisionCurve([]float64{1, 1, 1, 1}, l, 2, 3.5, []float64{.2})[0].Model, .25-.75/4, 1e-14)
	near(t, "a cause nobody has", DecisionCurve([]float64{1, 1, 1, 1}, l, 3, 3.5, []float64{.2})[0].Model, -1./4, 1e-14)
}

func TestOneCalibrationByHand(t *testing.T) {
	// Bins of two: both have the event by 2, one of two, none. χ² = 2·0.01/0.09 twice, of two degrees of freedom.
	l := Labels{Time: []float64{1, 1.5, 1, 3, 3, 4}, Event: []int{1, 1, 1, 1, 1, 1}}
	p := []float64{.9, .9, .5, .5, .1, .1}
	c := must(OneCalibrationTest(p, l, 2, 3))(t)
	for k, want := range []float64{1, .5, 0} {
		near(t, "observed", c.Observed[k], want, 1e-15)
		near(t, "expected", c.Expected[k], []float64{.9, .5, .1}[k], 1e-15)
	}
	near(t, "χ²", c.Chi2, 4./9, 1e-13)
	near(t, "p", c.P, math.Exp(-2./9), 1e-13)
	// A line from (0, 1) through the last point where follow-up is too short: S(2) = ¾ at the end, so ½ at 4.
	km := KaplanMeier(Labels{Time: []float64{1, 2, 2, 2}, Event: []int{1, 0, 0, 0}})
	near(t, "within", extrapolated(km, 1.5), .75, 1e-15)
	near(t, "beyond", extrapolated(km, 4), .5, 1e-15)
	near(t, "never below zero", extrapolated(km, 100), 0, 0)
	// Evenly spread: nothing to reject. All in one of two bins: χ² is n.
	even := DCalibrationTest([]float64{.05, .15, .25, .35, .45, .55, .65, .75, .85, .95}, slices.Repeat([]int{1}, 10), 10)
	near(t, "even", even.Chi2, 0, 1e-14)
	near(t, "its p", even.P, 1, 1e-14)
	heap := DCalibrationTest([]float64{.6, .7, .8, .9}, []int{1, 1, 1, 1}, 2)
	near(t, "a heap", heap.Chi2, 4, 1e-14)
	near(t, "its p", heap.P, math.Erfc(math.Sqrt2), 1e-12)
}

// Neither the order of rows nor the unit of time changes a calibration curve.
func TestSmoothCalibrationInvariance(t *testing.T) {
	rng := stats.Seed(31).Stream("smooth")
	var l Labels
	var p []float64
	for range 120 {
		v := rng.Float64()
		p = append(p, .05+.9*v)
		l.Time, l.Event = append(l.Time, rng.ExpFloat64()/(.5+v)), append(l.Event, min(rng.IntN(4), 1))
	}
	a := must(SmoothCalibration(p, l, .7))(t)
	order := rng.Perm(120)
	moved, days := make([]float64, 120), l.Select(order)
	for k, i := range order {
		moved[k] = p[i]
		days.Time[k] *= 365
	}
	b := must(SmoothCalibration(moved, days, .7*365))(t)
	for what, v := range map[string][2]float64{"ICI": {a.ICI, b.ICI}, "E50": {a.E50, b.E50}, "E90": {a.E90, b.E90}, "Emax": {a.EMax, b.EMax}} {
		near(t, what, v[1], v[0], 1e-9)
	}
	mean := 0.0
	for i := range a.Predicted {
		mean += math.Abs(a.Observed[i]-a.Predicted[i]) / 120
		if i > 0 && a.Predicted[i] < a.Predicted[i-1] {
			t.Fatal("the curve is not in the order of predictions")
		}
	}
	near(t, "ICI is the mean gap", a.ICI, mean, 1e-12)
}

// Censored at 4 where S is ¼: the mean given survival so far is 4.5; the pseudo-observation 5·2.5 − 4·2.125 = 4.
func TestTimesOfTheCensored(t *testing.T) {
	l := Labels{Time: []float64{2, 4}, Event: []int{1, 0}}
	train := Labels{Time: []float64{1, 2, 3, 5}, Event: []int{1, 1, 1, 1}}
	near(t, "margin", must(MeanTimeError([]float64{3, 9}, l, train, Margin))(t), (1+.75*4.5)/1.75, 1e-13)
	near(t, "pseudo-observation", must(MeanTimeError([]float64{3, 9}, l, train, PseudoObservation))(t), (1+.75*5)/1.75, 1e-13)
	if v := must(MeanTimeError([]float64{9}, l.Select([]int{1}), train, UncensoredOnly))(t); !math.IsNaN(v) {
		t.Errorf("nobody to judge, and yet an error of %g", v)
	}
	if _, err := MeanTimeError([]float64{9}, l, Labels{}, Margin); err == nil {
		t.Error("no training labels, and no error")
	}
}

// Competing risks by hand: cause 1 at 1 and 4, cause 2 at 2, censored at 3 and 5.
func TestCompetingByHand(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3, 4, 5}, Event: []int{1, 2, 0, 1, 0}}
	i := AalenJohansen(l)
	near(t, "cause 1 by 1", i.Cause(1).At(1), 1./5, 1e-15)
	near(t, "cause 2 by 2", i.Cause(2).At(2), 4./5*(1./4), 1e-15)
	near(t, "cause 1 by 4", i.Cause(1).At(4), 1./5+3./5*(1./2), 1e-15)
	near(t, "free", i.Free[4], 3./10, 1e-15)
	// One minus Kaplan–Meier of a cause alone overstates it: 1 − 4/5·1/2.
	near(t, "cause 1 alone", 1-KaplanMeier(l.Cause(1)).At(4), .6, 1e-15)
	// C of cause 1 up to all times. At 1 (weight 1): the four others, free. At 4, G(4−) = ⅔: the one at 5, weight 1/(⅔·⅔), and the one
	// with the other cause before, weight 1/(⅔·1).
	got := must(CompetingConcordance([]float64{4, 5, 1, 3, 2}, l, l, 1, 0))(t)
	near(t, "C", got, (3+9./4)/(4+9./4+3./2), 1e-14)
}

// A forest without splits is the Nelson–Aalen estimate of bootstrap samples, the same for all; the unit of time does not matter.
func TestForestProperties(t *testing.T) {
	x, l, _ := cohort(80, 17, false)
	var columns [][]float64
	for _, v := range x {
		columns = append(columns, []float64{v})
	}
	stump, err := GrowForest(t.Context(), columns, l, ForestOptions{Trees: 200, Leaf: 80, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	h, na := stump.CumulativeHazard(columns), NelsonAalen(l)
	for k, when := range stump.Times {
		if when <= 7 { // enough people left for the mean of samples to be near
			near(t, "hazard", h[0][k], na.At(when), .05)
		}
		if h[79][k] != h[0][k] {
			t.Fatal("people differ in a forest without splits")
		}
	}
	scaled := l.Select(allRows(80))
	for i := range scaled.Time {
		scaled.Time[i] *= 12
	}
	o := ForestOptions{Trees: 10, Leaf: 5, Seed: 2}
	years, err := GrowForest(t.Context(), columns, l, o)
	if err != nil {
		t.Fatal(err)
	}
	months, err := GrowForest(t.Context(), columns, scaled, o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(years.Mortality(columns), months.Mortality(columns)) {
		t.Error("the forest depends on the unit of time")
	}
	s := years.Survival(columns)
	for k, when := range years.Times {
		near(t, "survival is exp of minus the hazard", s.At(3, when), math.Exp(-years.CumulativeHazard(columns)[3][k]), 1e-12)
	}
}
