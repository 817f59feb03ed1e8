package uncertainty

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// Points along and across (2, 1): variance 2.5 along it and 0.625 across, so that each lies at a squared distance of 2.
func TestObliqueMahalanobis(t *testing.T) {
	x := [][]float64{{2, 1}, {-2, -1}, {.5, -1}, {-.5, 1}}
	m, err := FitMahalanobis(x, []int{0, 0, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range x {
		near(t, "distance", m.Score(f), 2, 1e-12)
		near(t, "of one class the relative distance is none", m.Relative(f), 0, 1e-12)
		near(t, "density", m.Density(f), 1, 1e-12)
	}
	near(t, "twice as far", m.Score([]float64{4, 2}), 8, 1e-12)
	near(t, "across", m.Score([]float64{1, -2}), 5/.625, 1e-12)
}

// Distances do not depend on the axes: a linear map of all features leaves Mahalanobis scores, a rotation and a scale kNN's.
func TestScoresDoNotDependOnAxes(t *testing.T) {
	rng := stats.Seed(61).Stream("axes")
	var x, sheared, turned [][]float64
	var y []int
	shear := func(v []float64) []float64 { return []float64{3*v[0] + v[1] + 7, v[1] - 2*v[0] - 1} }
	turn := func(v []float64) []float64 { return []float64{10 * (.6*v[0] - .8*v[1]), 10 * (.8*v[0] + .6*v[1])} }
	for i := range 40 {
		v := []float64{rng.NormFloat64() + float64(3*(i%2)), rng.NormFloat64()}
		x, sheared, turned, y = append(x, v), append(sheared, shear(v)), append(turned, turn(v)), append(y, i%2)
	}
	a, err := FitMahalanobis(x, y)
	if err != nil {
		t.Fatal(err)
	}
	b, err := FitMahalanobis(sheared, y)
	if err != nil {
		t.Fatal(err)
	}
	near1, near2 := NewKNN(x, 5), NewKNN(turned, 5)
	for _, p := range [][]float64{{0, 0}, {5, -1}, {-3, 8}, x[3]} {
		near(t, "Mahalanobis", b.Score(shear(p)), a.Score(p), 1e-9)
		near(t, "relative", b.Relative(shear(p)), a.Relative(p), 1e-9)
		near(t, "density", b.Density(shear(p)), a.Density(p), 1e-9)
		near(t, "neighbours", near2.Score(turn(p)), near1.Score(p), 1e-12)
	}
	// The mean squared distance of the training points from their own class is the number of dimensions.
	own := 0.0
	for i, v := range x {
		own += distance(a.inner, v, a.means[y[i]]) / 40
	}
	near(t, "mean distance", own, 2, 1e-12)
}

// Points spread along the first axis: the second is left out. Largest logits 2 sum to 8 over norms that sum to 2, so a step of one is 4.
func TestViMByHand(t *testing.T) {
	x := [][]float64{{3, 0}, {-3, 0}, {0, 1}, {0, -1}}
	z := [][]float64{{2, 0}, {0, 2}, {2, 1}, {1, 2}}
	v, err := FitViM(x, z)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "scale", v.scale, 4, 1e-12)
	near(t, "off the line", v.Score([]float64{5, 2}, []float64{0, 0}), 8-math.Ln2, 1e-12)
	near(t, "on the line", v.Score([]float64{-50, 0}, []float64{0, 0}), -math.Ln2, 1e-12)
	near(t, "sure of a class", v.Score([]float64{0, 2}, []float64{30, 0}), 8-30, 1e-12)
}

// Snapshots (1, 0) and (3, 4): mean (2, 2), half of the variances (1, 4) and half of (1, 2)(1, 2)ᵀ from the last deviation.
func TestSWAGCovariance(t *testing.T) {
	var s SWAG
	s.Collect([]float64{1, 0})
	s.Collect([]float64{3, 4})
	near(t, "mean", s.Mean()[1], 2, 1e-15)
	if w := s.Sample(stats.Seed(1).Stream("none"), 0); w[0] != 2 || w[1] != 2 {
		t.Errorf("at scale 0: %v", w)
	}
	rng := stats.Seed(62).Stream("draws")
	var m [2]float64
	var c [3]float64
	const n = 40000
	for range n {
		w := s.Sample(rng, 1)
		a, b := w[0]-2, w[1]-2
		m[0], m[1] = m[0]+a/n, m[1]+b/n
		c[0], c[1], c[2] = c[0]+a*a/n, c[1]+a*b/n, c[2]+b*b/n
	}
	// Five standard errors: of a mean σ/√n, of a variance σ²√(2/n), of a covariance √((σ²τ² + c²)/n).
	for what, v := range map[string][3]float64{
		"mean 1": {m[0], 0, 1}, "mean 2": {m[1], 0, 2}, "variance 1": {c[0], 1, math.Sqrt2}, "covariance": {c[1], 1, math.Sqrt(5)}, "variance 2": {c[2], 4, 4 * math.Sqrt2},
	} {
		if math.Abs(v[0]-v[1]) > 5*v[2]/math.Sqrt(n) {
			t.Errorf("%s is %.4f, want %.4f", what, v[0], v[1])
		}
	}
}

// Four items of feature 1, undecided between two classes, prior 4: feature factor 4 + 2, class factor ½(¼ + ½) and −¼ beside.
func TestLaplaceByHand(t *testing.T) {
	f := [][]float64{{1}, {1}, {1}, {1}}
	p := [][]float64{{.5, .5}, {.5, .5}, {.5, .5}, {.5, .5}}
	l, err := FitLaplace(f, p, 4)
	if err != nil {
		t.Fatal(err)
	}
	// Classes: diagonal ¼ + 2/4 = ¾, off it −¼: the inverse's diagonal is ¾/(9/16 − 1/16) = 1.5.
	v := l.Variance([]float64{2})
	near(t, "variance", v[0], 4./6*1.5, 1e-12)
	near(t, "of the other class", v[1], v[0], 1e-12)
	// Logits shrink by √(1 + π/8).
	q := l.Probs([]float64{1, 0}, []float64{2})
	near(t, "probability", q[0], 1/(1+math.Exp(-1/math.Sqrt(1+math.Pi/8))), 1e-12)
	near(t, "far away nothing is known", l.Probs([]float64{1, 0}, []float64{1e9})[0], .5, 1e-8)
	near(t, "no feature, no doubt", l.Variance([]float64{0})[0], 0, 0)
}

// A Student t: raw outputs whose softplus is 1 give ν = 1, α = 2, β = 1, so 4 degrees of freedom and scale² β(1 + ν)/(να) = 1.
func TestNIGByHand(t *testing.T) {
	one := math.Log(math.E - 1)
	raw := []float64{.5, one, one, one}
	b := NIGOf(raw)
	near(t, "ν", b.Nu, 1, 1e-8)
	near(t, "α", b.Alpha, 2, 1e-8)
	near(t, "data", b.Aleatoric(), 1, 1e-8)
	near(t, "model", b.Epistemic(), 1, 1e-8)
	// Density of t₄ at 2 is ⅜(1 + 4/4)^(−5/2).
	v, _ := EvidentialRegressionLoss(raw, []float64{2.5}, 0)
	near(t, "likelihood", v, -math.Log(.375*math.Pow(2, -2.5)), 1e-7)
	// Evidence 2ν + α = 4 costs 4·2·0.1 where it errs by 2.
	w, _ := EvidentialRegressionLoss(raw, []float64{2.5}, .1)
	near(t, "penalty", w-v, .8, 1e-7)
}

// A risk–coverage curve knows the order of confidences only; a random order has the error rate for its area, on average.
func TestRiskCoverageProperties(t *testing.T) {
	rng := stats.Seed(63).Stream("risk")
	conf, errors, moved := make([]float64, 50), make([]float64, 50), make([]float64, 50)
	rate := 0.0
	for i := range conf {
		conf[i] = rng.Float64()
		moved[i] = math.Exp(4*conf[i]) - 9
		if rng.Float64() > conf[i] {
			errors[i] = 1
			rate += 1. / 50
		}
	}
	a, b := NewRiskCoverage(conf, errors), NewRiskCoverage(moved, errors)
	near(t, "another scale", b.AURC, a.AURC, 0)
	near(t, "all answered", a.RiskAt(1), rate, 1e-14)
	if a.EAURC < 0 || a.AURC < a.EAURC {
		t.Errorf("area %g, excess %g", a.AURC, a.EAURC)
	}
	perfect := NewRiskCoverage(negative(errors), errors)
	near(t, "a perfect order's excess", perfect.EAURC, 0, 1e-15)
	near(t, "its AUROC", perfect.AUROC, 1, 0)
	worst := NewRiskCoverage(errors, errors)
	near(t, "the worst order's AUROC", worst.AUROC, 0, 0)
	mean := 0.0
	const rounds = 2000
	for range rounds {
		random := make([]float64, 50)
		for i := range random {
			random[i] = rng.Float64()
		}
		r := NewRiskCoverage(random, errors)
		mean += r.AURC / rounds
		if r.AURC < perfect.AURC || r.AURC > worst.AURC {
			t.Fatalf("an order of area %g lies outside the best %g and the worst %g", r.AURC, perfect.AURC, worst.AURC)
		}
	}
	near(t, "a random order", mean, rate, .01)
}

// Calibration errors of a forecaster who is right on average in each bin are zero, and move by what is added to all confidences.
func TestCalibrationMoves(t *testing.T) {
	var conf, higher []float64
	var right []bool
	for i := range 40 { // at 0.25 one of four, at 0.75 three of four
		c := .25 + .5*float64(i%2)
		conf, higher = append(conf, c), append(higher, c+.125)
		right = append(right, (i/2)%4 == 0 || i%2 == 1 && (i/2)%4 != 3)
	}
	for _, how := range []Binning{EqualWidth, EqualMass} {
		bins := 10
		if how == EqualMass {
			bins = 2
		}
		near(t, "ECE", ReliabilityOf(conf, right, bins, how).ECE, 0, 1e-14)
		r := ReliabilityOf(higher, right, bins, how)
		near(t, "ECE, an eighth off", r.ECE, .125, 1e-14)
		near(t, "largest gap", r.MCE, .125, 1e-14)
	}
	// Brier = reliability − resolution + uncertainty.
	for _, c := range [][]float64{conf, higher} {
		p := DecomposeBrier(c, right, 10)
		brier := 0.0
		for i, v := range c {
			d := v
			if right[i] {
				d--
			}
			brier += d * d / 40
		}
		near(t, "parts", p.Reliability-p.Resolution+p.Uncertainty, brier, 1e-14)
	}
}
