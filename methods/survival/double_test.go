package survival

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// What the package computes with sorted sums is written here as the definition's double loop, and both are compared on cohorts with
// ties, censoring, late entry and strata.

func atRisk(l Labels, strata []int, j, i int) bool {
	t := l.Time[i]
	return l.Time[j] >= t && (l.Entry == nil || l.Entry[j] < t) && (strata == nil || strata[j] == strata[i])
}

// doubleCox is the mean over events of −log of their share in the risk set.
func doubleCox(x []float64, l Labels, ties Ties, strata []int) float64 {
	sum, events := 0.0, 0.0
	for i := range x {
		if l.Event[i] == 0 {
			continue
		}
		risk, tied, d, before := 0.0, 0.0, 0.0, 0.0
		for j := range x {
			if !atRisk(l, strata, j, i) {
				continue
			}
			risk += math.Exp(x[j])
			if l.Event[j] != 0 && l.Time[j] == l.Time[i] {
				tied += math.Exp(x[j])
				if j < i {
					before++
				}
				d++
			}
		}
		if ties == Efron {
			risk -= before / d * tied
		}
		sum += math.Log(risk) - x[i]
		events++
	}
	return sum / events
}

func TestCoxIsTheDoubleLoop(t *testing.T) {
	for seed := range 20 {
		x, l, rng := cohort(5+2*seed, stats.Seed(100+seed), seed%2 == 1)
		if l.Events() == 0 {
			continue
		}
		var strata []int
		if seed%3 == 0 {
			for range x {
				strata = append(strata, rng.IntN(3))
			}
		}
		for _, ties := range []Ties{Efron, Breslow} {
			near(t, ties.String(), CoxLoss(x, l, ties, strata).Value, doubleCox(x, l, ties, strata), 1e-12)
		}
		near(t, "Cox-Time without time", CoxTimePartialLogLikelihood(l, func(people []int, _ float64, out []float64) {
			for k, i := range people {
				out[k] = x[i]
			}
		}), -doubleCox(x, l, Breslow, nil), 1e-12)
	}
}

func TestEstimatesAreTheDoubleLoop(t *testing.T) {
	for seed := range 10 {
		x, l, _ := cohort(30, stats.Seed(200+seed), seed%2 == 1)
		km, base, na := KaplanMeier(l), CoxBaseline(x, l), NelsonAalen(l)
		g, plain := Censoring(l, Reverse), Censoring(l, Plain)
		s, h, h0, gr, gp := 1.0, 0.0, 0.0, 1.0, 1.0
		for _, at := range slices.Compact(slices.Sorted(slices.Values(l.Time))) {
			n, d, c, risk := 0.0, 0.0, 0.0, 0.0
			for i, u := range l.Time {
				if u >= at && (l.Entry == nil || l.Entry[i] < at) {
					n++
					risk += math.Exp(x[i])
				}
				if u == at {
					if l.Event[i] != 0 {
						d++
					} else {
						c++
					}
				}
			}
			s *= 1 - d/n
			h += d / n
			h0 += d / risk
			gp *= 1 - c/n
			if c > 0 {
				gr *= 1 - c/(n-d)
			}
			near(t, "S", km.At(at), s, 1e-13)
			near(t, "hazard", na.At(at), h, 1e-13)
			near(t, "baseline", base.Step().At(at), h0, 1e-12)
			near(t, "G", g.At(at), gr, 1e-13)
			near(t, "G, all at risk", plain.At(at), gp, 1e-13)
		}
	}
}

func TestLogRankIsTheDoubleLoop(t *testing.T) {
	for seed := range 10 {
		_, l, rng := cohort(40, stats.Seed(300+seed), seed%2 == 1)
		group := make([]int, 40)
		for i := range group {
			group[i] = rng.IntN(2)
		}
		var observed, expected, variance float64 // of group 1
		for _, at := range slices.Compact(slices.Sorted(slices.Values(l.Time))) {
			var n, n1, d float64
			for i, u := range l.Time {
				if u >= at && (l.Entry == nil || l.Entry[i] < at) {
					n++
					n1 += float64(group[i])
				}
				if u == at && l.Event[i] != 0 {
					d++
					observed += float64(group[i])
				}
			}
			if d == 0 {
				continue
			}
			expected += d * n1 / n
			if n > 1 {
				variance += d * n1 / n * (1 - n1/n) * (n - d) / (n - 1)
			}
		}
		r := LogRankTest(l, group)
		near(t, "observed", r.Observed[1], observed, 1e-12)
		near(t, "expected", r.Expected[1], expected, 1e-12)
		near(t, "χ²", r.Chi2, (observed-expected)*(observed-expected)/variance, 1e-10)
	}
}

func TestScoresAreTheDoubleLoop(t *testing.T) {
	for seed := range 6 {
		x, l, _ := cohort(35, stats.Seed(400+seed), false)
		l.Time, l.Event = append(l.Time, 20), append(l.Event, 1) // the last is an event: G stays above zero
		x = append(x, 0)
		n := len(x)
		curves := CoxBaseline(x, l).Curves(x)
		risk := make([][]float64, n)
		for i := range x {
			x[i] = math.Round(2 * x[i]) // ties
			risk[i] = []float64{x[i]}
		}
		g := Censoring(l, Reverse)
		at := []float64{3.5, 5.5, 7.5}
		auc := must(CumulativeDynamicAUC(risk, l, l, at))(t)
		brier := must(BrierScore(curves, l, at, GrafIPCW(l), nil))(t)
		for k, when := range at {
			var num, den, sum float64
			for i, u := range l.Time {
				s := curves.At(i, when)
				switch {
				case u > when:
					sum += (1 - s) * (1 - s) / g.At(when)
				case l.Event[i] != 0:
					sum += s * s / g.At(u)
					for j, v := range l.Time {
						if v <= when {
							continue
						}
						w := 1 / g.At(u)
						den += w
						if x[i] > x[j] {
							num += w
						} else if x[i] == x[j] {
							num += w / 2
						}
					}
				}
			}
			near(t, "AUC", auc.AUC[k], num/den, 1e-12)
			near(t, "Brier", brier.Brier[k], sum/float64(n), 1e-12)
		}
		// Uno's C: every pair of an event and somebody known to be free of it then, weighted by 1/G².
		var num, den float64
		for i, u := range l.Time {
			if l.Event[i] == 0 || u >= 8 {
				continue
			}
			for j, v := range l.Time {
				if v > u || v == u && l.Event[j] == 0 {
					w := 1 / (g.At(u) * g.At(u))
					den += w
					if x[i] > x[j] {
						num += w
					} else if x[i] == x[j] {
						num += w / 2
					}
				}
			}
		}
		near(t, "Uno's C", must(UnoConcordance(x, l, l, 8))(t).C, num/den, 1e-12)
	}
}

// The standard error of C is the root of the squared influences: what C changes by per weight of a person.
func TestConcordanceErrorIsInfluence(t *testing.T) {
	x, l, _ := cohort(40, 500, false)
	for i := range x {
		x[i] = math.Round(2 * x[i])
	}
	at := func(i int, h float64) float64 {
		w := slices.Repeat([]float64{1}, 40)
		if i >= 0 {
			w[i] += h
		}
		return Concordance(x, l, ConcordanceOptions{Weight: w}).C
	}
	const h = 1e-5
	v := 0.0
	for i := range x {
		d := (at(i, h) - at(i, -h)) / (2 * h)
		v += d * d
	}
	near(t, "standard error", Concordance(x, l, ConcordanceOptions{}).SE, math.Sqrt(v), 1e-6)
}

// A Cox fit stands where the likelihood is flat and its standard errors are the curvature's, with ties, weights and strata.
func TestCoxFitIsTheMaximum(t *testing.T) {
	for seed := range 4 {
		_, l, rng := cohort(60, stats.Seed(600+seed), seed%2 == 1)
		var x [][]float64
		strata := make([]int, 60)
		for i := range 60 {
			x = append(x, []float64{rng.NormFloat64(), 5 + 2*rng.NormFloat64()})
			strata[i] = i % 2
		}
		f, err := FitCox(x, l, CoxOptions{Strata: strata, Ties: Efron})
		if err != nil {
			t.Fatal(err)
		}
		events := float64(l.Events())
		at := func(a, b float64) float64 {
			h := make([]float64, 60)
			for i, row := range x {
				h[i] = (f.Coef[0]+a)*row[0] + (f.Coef[1]+b)*(row[1]-5)
			}
			return -events * CoxLoss(h, l, Efron, strata).Value
		}
		near(t, "log likelihood", at(0, 0), f.LogLik, 1e-10)
		near(t, "without covariates", at(-f.Coef[0], -f.Coef[1]), f.LogLik0, 1e-10)
		const h = 1e-3
		near(t, "slope", (at(h, 0)-at(-h, 0))/(2*h), 0, 1e-4)
		near(t, "slope of the second", (at(0, h)-at(0, -h))/(2*h), 0, 1e-4)
		// Inverse of the 2×2 matrix of second differences.
		aa := -(at(h, 0) - 2*at(0, 0) + at(-h, 0)) / (h * h)
		bb := -(at(0, h) - 2*at(0, 0) + at(0, -h)) / (h * h)
		ab := -(at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4 * h * h)
		det := aa*bb - ab*ab
		near(t, "standard error", f.SE[0], math.Sqrt(bb/det), 1e-4)
		near(t, "standard error of the second", f.SE[1], math.Sqrt(aa/det), 1e-4)
	}
}

// Coefficients that made the data are found: their standardised errors are those of a normal over repeated cohorts.
func TestCoxFitFindsTheTruth(t *testing.T) {
	rng := stats.Seed(7).Stream("truth")
	const rounds = 200
	inside := 0
	bias := 0.0
	for range rounds {
		var x [][]float64
		var l Labels
		for range 120 {
			v := rng.NormFloat64()
			u, c := rng.ExpFloat64()*math.Exp(-.7*v), 2*rng.ExpFloat64()
			x = append(x, []float64{v})
			l.Time = append(l.Time, math.Min(u, c))
			e := 0
			if u <= c {
				e = 1
			}
			l.Event = append(l.Event, e)
		}
		f, err := FitCox(x, l, CoxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		z := (f.Coef[0] - .7) / f.SE[0]
		bias += z / rounds
		if math.Abs(z) < 1.96 {
			inside++
		}
	}
	if b := stats.ClopperPearson(inside, rounds, .999); b.Low > .95 || b.High < .95 {
		t.Errorf("95 %% intervals hold the truth in %.3f to %.3f", b.Low, b.High)
	}
	if math.Abs(bias) > 4/math.Sqrt(rounds) {
		t.Errorf("mean standardised error %.3f", bias)
	}
}

// Evaluate's numbers without resampling are those of the functions by themselves.
func TestEvaluateIsItsParts(t *testing.T) {
	x, l, _ := cohort(60, 11, false)
	l.Time, l.Event, x = append(l.Time, 20), append(l.Event, 1), append(x, 0)
	curves := CoxBaseline(x, l).Curves(x)
	curves.Times = append([]float64{0}, curves.Times...)
	curves.Values = append([][]float64{slices.Repeat([]float64{1}, len(x))}, curves.Values...)
	e, err := Evaluate(t.Context(), Predicted{Labels: l, Risk: x, Curves: curves}, EvaluateOptions{Resamples: -1, Horizons: []float64{4.5, 7.5}})
	if err != nil {
		t.Fatal(err)
	}
	g := Censoring(l, Reverse)
	var at [2][]float64
	for k, h := range []float64{4.5, 7.5} {
		for i := range x {
			at[k] = append(at[k], 1-curves.At(i, h))
		}
	}
	score := make([][]float64, len(x))
	for i := range x {
		score[i] = []float64{at[0][i], at[1][i]}
	}
	parts := must(ScoreAt(score, l, 1, []float64{4.5, 7.5}))(t)
	antolini := AntoliniConcordance(curves, l, nil)
	seen := 0
	for _, m := range e.Metrics {
		k := 0
		if m.Horizon == 7.5 {
			k = 1
		}
		var want float64
		switch m.Name {
		case "Harrell C":
			want = Concordance(x, l, ConcordanceOptions{}).C
		case "Uno C":
			want = Concordance(x, l, ConcordanceOptions{TimeWeight: func(t float64) float64 { return 1 / (g.At(t) * g.At(t)) }}).C
		case "Antolini C":
			want = antolini.Strict
		case "Antolini C, ties half":
			want = antolini.Adjusted
		case "AUC":
			want = parts.AUC[k]
		case "ICI":
			want = must(SmoothCalibration(at[k], l, m.Horizon))(t).ICI
		case "1-calibration p":
			want = must(OneCalibrationTest(at[k], l, m.Horizon, 10))(t).P
		default:
			continue
		}
		seen++
		near(t, m.Name, m.Value, want, 1e-10)
	}
	if seen != 10 {
		t.Errorf("%d of 10 numbers were compared", seen)
	}
}

// The standard error of restricted mean survival, and of log survival, by hand: deaths at 1, 2, 3 of three people.
func TestMeanSurvivalByHand(t *testing.T) {
	km := KaplanMeier(Labels{Time: []float64{1, 2, 3}, Event: []int{1, 1, 1}})
	mean, se := km.RMST(3)
	near(t, "mean", mean, 2, 1e-15)
	// Areas to the right: 1 beyond 1 (⅔ + ⅓), ⅓ beyond 2. Variance 1·1/(3·2) + (1/9)·1/(2·1).
	near(t, "its error", se, math.Sqrt(1./6+1./18), 1e-14)
	// Greenwood without censoring is binomial: S(1 − S)/n.
	near(t, "Greenwood", km.Values[0]*km.StdLog[0], math.Sqrt(2./3*(1./3)/3), 1e-14)
	near(t, "variance of the hazard", km.VarHazard[1], 1./9+1./4, 1e-14)
	// The interval is symmetric on the scale of log(−log S).
	for k := range 2 {
		mid := math.Log(-math.Log(km.Values[k]))
		near(t, "interval", math.Log(-math.Log(km.Lower[k]))-mid, mid-math.Log(-math.Log(km.Upper[k])), 1e-12)
		if !(km.Lower[k] < km.Values[k] && km.Values[k] < km.Upper[k]) {
			t.Errorf("%g to %g around %g", km.Lower[k], km.Upper[k], km.Values[k])
		}
	}
}
