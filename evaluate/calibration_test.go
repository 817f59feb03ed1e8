package evaluate

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
	"github.com/google/go-cmp/cmp"
)

// TestBinEdges: an edge belongs to the bin below it, or above it when asked; rounding of i/n must not decide.
func TestBinEdges(t *testing.T) {
	for _, c := range []struct {
		p           float64
		n           int
		right, left int
	}{
		{0, 10, 0, 0}, {1, 10, 9, 9}, {0.1, 10, 0, 1}, {0.3, 10, 2, 3}, {0.6, 10, 5, 6}, {0.7, 10, 6, 7}, {0.65, 10, 6, 6}, {0.2, 5, 0, 1}, {0.5, 1, 0, 0},
		{1 + 1e-7, 10, 9, 9}, {-1e-7, 10, 0, 0}, {1.0 / 3, 3, 0, 1}, {2.0 / 15, 15, 1, 2},
	} {
		if got := (Bins{Count: c.n}).index(c.p); got != c.right {
			t.Errorf("%v of %d bins (low, high]: %d, want %d", c.p, c.n, got, c.right)
		}
		if got := (Bins{Count: c.n, Left: true}).index(c.p); got != c.left {
			t.Errorf("%v of %d bins [low, high): %d, want %d", c.p, c.n, got, c.left)
		}
	}
}

// TestMassBins: seven rows in three bins are 3, 2 and 2; rows of weight 2 are two rows and may be split.
func TestMassBins(t *testing.T) {
	prob := []float64{.7, .1, .2, .3, .4, .5, .6}
	outcome := []bool{true, false, true, false, true, false, true}
	want := []Bin{{3, .2, 1.0 / 3}, {2, .45, .5}, {2, .65, 1}}
	near3 := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
	if d := cmp.Diff(want, Reliability(prob, outcome, Bins{Count: 3, Mass: true}), near3); d != "" {
		t.Error(d)
	}
	r := &reliability{prob: []float64{.2, .4}, outcome: []bool{true, false}, bins: Bins{Count: 2, Mass: true}}
	// .2 three times and .4 once: the bins are {.2 .2} and {.2 .4}.
	if d := cmp.Diff([]Bin{{2, .2, 1}, {2, .3, .5}}, r.of([]float64{3, 1}), near3); d != "" {
		t.Error(d)
	}
	if got := Reliability(prob[:2], outcome[:2], Bins{Count: 4, Mass: true}); got[2].N != 0 || got[3].N != 0 || got[0].N+got[1].N != 2 {
		t.Errorf("two rows in four bins: %v", got)
	}
}

func TestECE(t *testing.T) {
	near(t, "of nothing", ECE(Reliability(nil, nil, Bins{Count: 10})), math.NaN(), 0)
	// A perfectly calibrated pair of bins: half of the .5 and a quarter of the .25 come true.
	prob := []float64{.5, .5, .25, .25, .25, .25}
	outcome := []bool{true, false, true, false, false, false}
	for _, mass := range []bool{false, true} {
		b := Bins{Count: 10, Mass: mass}
		if mass {
			b.Count = 1
		}
		near(t, "perfect", ECE(Reliability(prob, outcome, b)), 0, 1e-12)
	}
	near(t, "always wrong", ECE(Reliability([]float64{1, 0}, []bool{false, true}, Bins{Count: 10})), 1, 0)
	// One bin: distance of the mean probability and the prevalence.
	near(t, "one bin", ECE(Reliability([]float64{.9, .3}, []bool{false, true}, Bins{Count: 1})), math.Abs(.6-.5), 1e-12)
}

// TestRecalibrate checks the fits by what defines them: at the optimum the residuals are orthogonal to what was fitted.
func TestRecalibrate(t *testing.T) {
	r := stats.Seed(1).Stream("recalibrate")
	n := 4000
	prob, outcome, sharp := make([]float64, n), make([]bool, n), make([]float64, n)
	for i := range prob {
		x := 1.5 * r.NormFloat64()
		outcome[i] = r.Float64() < sigmoid(0.5*x-1)
		prob[i], sharp[i] = sigmoid(x), sigmoid(2*x)
	}
	c := Recalibrate(prob, outcome)
	var r0, r1, l0 float64
	for i, p := range prob {
		x := math.Log(p / (1 - p))
		y := indicator(outcome[i])
		res := y - sigmoid(c.Intercept+c.Slope*x)
		r0 += res
		r1 += res * x
		l0 += y - sigmoid(c.InLarge+x)
	}
	for what, v := range map[string]float64{"residual": r0, "residual·x": r1, "residual at slope 1": l0} {
		if math.Abs(v) > 1e-6 {
			t.Errorf("%s sums to %v", what, v)
		}
	}
	if math.Abs(c.Slope-0.5) > 0.08 || math.Abs(c.Intercept+1) > 0.1 || c.InLarge > -0.8 {
		t.Errorf("slope %v (0.5), intercept %v (−1), in the large %v", c.Slope, c.Intercept, c.InLarge)
	}
	// Scores twice as extreme have half the slope, wherever Newton starts.
	near(t, "half the slope", Recalibrate(sharp, outcome).Slope, c.Slope/2, 1e-8)
	warm := newRecalibrator(prob, outcome).warm()
	slope, intercept := warm.both(nil)
	near(t, "warm slope", slope, c.Slope, 1e-8)
	near(t, "warm intercept", intercept, c.Intercept, 1e-8)
	near(t, "warm in the large", warm.inLarge(nil), c.InLarge, 1e-8)

	for why, x := range map[string]struct {
		p []float64
		y []bool
	}{
		"one class": {[]float64{.2, .5, .7}, []bool{true, true, true}},
		"separated": {[]float64{.2, .3, .7, .8}, []bool{false, false, true, true}},
		"touching":  {[]float64{.2, .5, .5, .8}, []bool{false, false, true, true}},
		"constant":  {[]float64{.4, .4, .4}, []bool{true, false, true}},
		"nothing":   {},
	} {
		if got := Recalibrate(x.p, x.y); !math.IsNaN(got.Slope) || !math.IsNaN(got.Intercept) {
			t.Errorf("%s: slope %v, intercept %v, want none", why, got.Slope, got.Intercept)
		}
	}
	near(t, "in the large of a constant", Recalibrate([]float64{.4, .4, .4}, []bool{true, false, true}).InLarge, math.Log(2)-math.Log(.4/.6), 1e-9)
	if got := Recalibrate([]float64{.4, .4}, []bool{true, true}); !math.IsNaN(got.InLarge) {
		t.Errorf("one class has an intercept %v", got.InLarge)
	}
	// Exact zeros and ones of a float32 softmax are cut, not infinite.
	if got := Recalibrate([]float64{0, 1, .5, .5, 0, 1}, []bool{false, true, true, false, true, false}); math.IsNaN(got.Slope) || math.IsNaN(got.InLarge) {
		t.Errorf("hard probabilities: %+v", got)
	}
}

// An edge, a rest and a weight of nothing: whatever the bins, rows are counted once and the mean of confidences stays what it was.
func TestBinsKeepWhatTheyAreGiven(t *testing.T) {
	r := stats.Seed(3).Stream("bins")
	for round := range 200 {
		n := 1 + r.IntN(60)
		prob, outcome, w := make([]float64, n), make([]bool, n), make([]float64, n)
		var total, conf, freq float64
		for i := range prob {
			prob[i] = float64(r.IntN(21)) / 20 // many ties, all edges
			outcome[i] = r.IntN(2) == 0
			w[i] = float64(r.IntN(4))
			total += w[i]
			conf += w[i] * prob[i]
			freq += w[i] * indicator(outcome[i])
		}
		for _, b := range []Bins{{Count: 1}, {Count: 10}, {Count: 10, Left: true}, {Count: 7, Mass: true}, {Count: 20, Mass: true}} {
			rel := &reliability{prob: prob, outcome: outcome, bins: b}
			var gotN, gotC, gotF, most, least float64
			least = math.Inf(1)
			for _, bin := range rel.of(w) {
				gotN += bin.N
				gotC += bin.N * bin.Confidence
				gotF += bin.N * bin.Frequency
				most, least = math.Max(most, bin.N), math.Min(least, bin.N)
			}
			if gotN != total || math.Abs(gotC-conf) > 1e-9 || math.Abs(gotF-freq) > 1e-9 {
				t.Fatalf("round %d, %+v: %v rows, %v, %v; want %v, %v, %v", round, b, gotN, gotC, gotF, total, conf, freq)
			}
			if b.Mass && most-least > 1 {
				t.Fatalf("round %d, %+v: bins of %v to %v rows", round, b, least, most)
			}
		}
	}
}

// Three separated outcomes of which resampling takes some: a fit that has no finite answer says so for those weights alone.
func TestRecalibrationOfAResample(t *testing.T) {
	prob, outcome := []float64{0.2, 0.3, 0.6, 0.7, 0.8}, []bool{false, true, false, true, true}
	r := newRecalibrator(prob, outcome)
	slope, intercept := r.both(nil)
	if math.IsNaN(slope) || math.IsNaN(intercept) {
		t.Fatalf("all five: slope %v, intercept %v", slope, intercept)
	}
	for name, w := range map[string][]float64{
		"separated": {1, 0, 1, 2, 1}, // without the 0.3
		"one class": {0, 2, 0, 1, 2},
		"one row":   {0, 0, 5, 0, 0},
		"no row":    {0, 0, 0, 0, 0},
	} {
		if s, i := r.both(w); !math.IsNaN(s) || !math.IsNaN(i) {
			t.Errorf("%s: slope %v, intercept %v, want none", name, s, i)
		}
	}
	again, _ := r.both(nil)
	near(t, "asked again", again, slope, 1e-12)
	doubled, _ := r.both([]float64{2, 2, 2, 2, 2})
	near(t, "everybody twice", doubled, slope, 1e-8)
}

func TestScoresOfProbabilitiesByHand(t *testing.T) {
	b := &binary{p: []float64{0.8, 0.3, 0.5}, y: []bool{true, false, true}}
	near(t, "Brier", b.brier()(nil), (0.04+0.09+0.25)/3, 1e-15)
	near(t, "log loss", b.logLoss()(nil), -(math.Log(0.8)+math.Log(0.7)+math.Log(0.5))/3, 1e-15)
	sure := &binary{p: []float64{0, 1}, y: []bool{true, true}} // wrong at 0: cut, not infinite
	near(t, "log loss at the ends", sure.logLoss()(nil), -(math.Log(1e-7)+math.Log(1-1e-7))/2, 1e-9)
	near(t, "of nothing", (&binary{}).brier()(nil), math.NaN(), 0)
	near(t, "of weights of nothing", b.logLoss()([]float64{0, 0, 0}), math.NaN(), 0)
	for _, z := range []float64{-800, -3, 0, 2, 800} { // no overflow at either end
		if p := sigmoid(z); math.IsNaN(p) || p < 0 || p > 1 {
			t.Errorf("sigmoid(%v) = %v", z, p)
		}
		near(t, "softplus", softplus(z)-softplus(-z), z, 1e-9)
	}
}
