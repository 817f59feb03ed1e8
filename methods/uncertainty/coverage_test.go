package uncertainty

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// covers says whether hits of n are what a coverage from low to high gives: the exact binomial interval at 99.9 % meets [low, high].
func covers(t *testing.T, what string, hits, n int, low, high float64) {
	t.Helper()
	b := stats.ClopperPearson(hits, n, .999)
	if b.High < low || b.Low > high {
		t.Errorf("%s: %d of %d (%.4f to %.4f), promised %.4f to %.4f", what, hits, n, b.Low, b.High, low, high)
	}
}

// One new item for each set of calibration items, so that hits are binomial with exactly ⌈(n+1)(1−α)⌉/(n+1).
func TestSplitCoverageIsExact(t *testing.T) {
	for _, c := range []struct {
		n     int
		alpha float64
		want  float64
	}{{19, .1, 18. / 20}, {9, .25, 8. / 10}, {4, .2, 4. / 5}, {33, .05, 33. / 34}} {
		rng := stats.Seed(51).Stream("split", c.n)
		hits := 0
		const rounds = 3000
		for range rounds {
			scores := make([]float64, c.n)
			for i := range scores {
				scores[i] = math.Exp(3 * rng.NormFloat64()) // any distribution
			}
			if math.Exp(3*rng.NormFloat64()) <= Calibrate(scores, c.alpha).Quantile {
				hits++
			}
		}
		covers(t, "split", hits, rounds, c.want, c.want)
	}
}

// Two groups of different spread: one threshold covers 0.8 of all and neither 0.8 of each; thresholds of their own do.
func TestMondrianCoverage(t *testing.T) {
	rng := stats.Seed(52).Stream("groups")
	const rounds = 2000
	var all int
	var common, own [2]int
	for range rounds {
		var scores []float64
		var group []int
		for i := range 38 {
			scores, group = append(scores, math.Abs(rng.NormFloat64())*float64(1+3*(i%2))), append(group, i%2)
		}
		one, m := Calibrate(scores, .2), CalibrateMondrian(scores, group, .2)
		for g := range 2 {
			v := math.Abs(rng.NormFloat64()) * float64(1+3*g)
			if v <= one.Quantile {
				common[g]++
				all++
			}
			if v <= m.Of(g).Quantile {
				own[g]++
			}
		}
	}
	covers(t, "both groups", all, 2*rounds, 32./39, 32./39)
	for g := range 2 {
		covers(t, "a group by its own threshold", own[g], rounds, 16./20, 16./20)
	}
	easy, hard := stats.ClopperPearson(common[0], rounds, .999), stats.ClopperPearson(common[1], rounds, .999)
	if easy.Low < .9 || hard.High > .75 {
		t.Errorf("with one threshold the narrow group is to be over-covered (%.3f) and the wide one under-covered (%.3f)", easy.Low, hard.High)
	}
}

// Calibration items are even on (0, 1), new ones have density 2x: their weight is 2x. Without weights coverage falls to about 0.81.
func TestWeightedCoverage(t *testing.T) {
	rng := stats.Seed(53).Stream("shift")
	const rounds, n = 2000, 60
	var weighted, plain int
	for range rounds {
		x, w := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = rng.Float64()
			w[i] = 2 * x[i]
		}
		fresh := math.Sqrt(rng.Float64())
		if fresh <= CalibrateWeighted(x, w, 2*fresh, .1).Quantile {
			weighted++
		}
		if fresh <= Calibrate(x, .1).Quantile {
			plain++
		}
	}
	covers(t, "weighted", weighted, rounds, .9, 1)
	if b := stats.ClopperPearson(plain, rounds, .999); b.High > .88 {
		t.Errorf("without weights %.3f to %.3f: the shift is no shift", b.Low, b.High)
	}
}

// Sets hold the class as often as promised, whatever the probabilities are worth; LAC's are the smallest.
func TestSetCoverage(t *testing.T) {
	rng := stats.Seed(54).Stream("sets")
	item := func() ([]float64, int) {
		z := []float64{2 * rng.NormFloat64(), 2 * rng.NormFloat64(), 2 * rng.NormFloat64()}
		u, p := rng.Float64(), Softmax(z, 1)
		y := 0
		for y < 2 && u > p[y] {
			u -= p[y]
			y++
		}
		return Softmax(z, .4), y // the network is too sure
	}
	const rounds = 1500
	size := map[string]int{}
	scores := map[string]SetScore{"LAC": LAC, "APS": APS, "RAPS": RAPS(.05, 1)}
	hits := map[string]int{}
	for range rounds {
		var probs [][]float64
		var label []int
		for range 39 {
			p, y := item()
			probs, label = append(probs, p), append(label, y)
		}
		p, y := item()
		for name, s := range scores {
			set := CalibrateSets(probs, label, s, .1).Set(p, s)
			if set[y] {
				hits[name]++
			}
			for _, in := range set {
				if in {
					size[name]++
				}
			}
		}
	}
	for name := range scores {
		covers(t, name, hits[name], rounds, .9, .925) // ties at a rounded 1 can only add
	}
	if size["LAC"] > size["APS"] || size["LAC"] > size["RAPS"] {
		t.Errorf("sizes %v: LAC's are to be the smallest", size)
	}
}

// Conformalised quantiles that are wrong by a factor cover as promised; scaled residuals as well.
func TestIntervalCoverage(t *testing.T) {
	rng := stats.Seed(55).Stream("intervals")
	const rounds = 2000
	var cqr, scaled int
	for range rounds {
		var q, r []float64
		var low, high, y, spread float64
		for range 20 { // the last one is new
			spread = .5 + rng.Float64()
			y = spread * rng.NormFloat64()
			low, high = -spread/2, spread/2
			q, r = append(q, CQRScore(y, low, high)), append(r, Residual(y, 0, spread))
		}
		lo, hi := Calibrate(q[:19], .1).Widen(low, high)
		if lo <= y && y <= hi {
			cqr++
		}
		lo, hi = Calibrate(r[:19], .1).Around(0, spread)
		if lo <= y && y <= hi {
			scaled++
		}
	}
	covers(t, "CQR", cqr, rounds, .9, .9)
	covers(t, "scaled residuals", scaled, rounds, .9, .9)
}

// Conformal risk control: the expected loss of a new item is at most alpha.
func TestRiskIsControlled(t *testing.T) {
	rng := stats.Seed(56).Stream("risk")
	thresholds := make([]float64, 50)
	for k := range thresholds {
		thresholds[k] = float64(k) / 49
	}
	lose := func(x float64) []float64 { // misses an item of difficulty x below its threshold
		row := make([]float64, len(thresholds))
		for k, v := range thresholds {
			if v < x {
				row[k] = 1
			}
		}
		return row
	}
	const rounds = 1500
	lost := 0
	for range rounds {
		var loss [][]float64
		for range 30 {
			loss = append(loss, lose(rng.Float64()))
		}
		v, ok := ControlRisk(thresholds, loss, 1, .15)
		if !ok {
			t.Fatal("no threshold")
		}
		if v < rng.Float64() {
			lost++
		}
	}
	covers(t, "risk", lost, rounds, .08, .15)
}

// Lower bounds of survival times: at least 0.9 live longer, with a fifth and more censored.
func TestSurvivalBoundCoverage(t *testing.T) {
	rng := stats.Seed(57).Stream("bounds")
	const rounds = 1500
	hits := 0
	for range rounds {
		var predicted, time []float64
		var event []int
		for range 60 {
			scale := .5 + rng.Float64()
			u, c := scale*rng.ExpFloat64(), 1+3*rng.Float64()
			predicted, time = append(predicted, scale), append(time, math.Min(u, c))
			if u <= c {
				event = append(event, 1)
			} else {
				event = append(event, 0)
			}
		}
		b, kept := SurvivalBoundIPCW(predicted, time, event, 1.5, .1)
		if kept > 60 || kept < 30 {
			t.Fatalf("%d of 60 people were seen", kept)
		}
		scale := .5 + rng.Float64()
		if math.Min(scale*rng.ExpFloat64(), 1.5) >= math.Min(scale, 1.5)-b.Quantile {
			hits++
		}
	}
	covers(t, "bounds", hits, rounds, .9, .95)
}

// Four people, cutoff 3: times 1 (event), 2 (censored), 3 (event), 4 (censored). G(3−) = ⅔, so those at 3 and beyond weigh 1.5.
func TestSurvivalBoundByHand(t *testing.T) {
	b, kept := SurvivalBoundIPCW([]float64{2, 2, 2, 9}, []float64{1, 2, 3, 4}, []int{1, 0, 1, 0}, 3, .4)
	if kept != 3 {
		t.Fatalf("%d people were seen, want all but the one who left at 2", kept)
	}
	// Scores 1 (weight 1), −1 (1.5) and 0 (1.5), own weight 1.5: in order 1.5, 3, 4 of 5.5.
	near(t, "the third", b.Quantile, 1, 0)
	b, _ = SurvivalBoundIPCW([]float64{2, 2, 2, 9}, []float64{1, 2, 3, 4}, []int{1, 0, 1, 0}, 3, .5)
	near(t, "the second", b.Quantile, 0, 0)
	b, _ = SurvivalBoundIPCW([]float64{2, 2, 2, 9}, []float64{1, 2, 3, 4}, []int{1, 0, 1, 0}, 3, .2)
	if !math.IsInf(b.Quantile, 1) {
		t.Errorf("three people cannot promise 0.8: %v", b.Quantile)
	}
	near(t, "quantile of a curve", TimeQuantile([]float64{1, 2}, []float64{.8, .4}, .5), 1.75, 1e-14)
	near(t, "before its first time", TimeQuantile([]float64{1, 2}, []float64{.8, .4}, .1), .5, 1e-14)
	near(t, "a curve between times", curveAt([]float64{1, 2}, []float64{.8, .4}, 1.25), .7, 1e-14)
	near(t, "a curve beyond its end", curveAt([]float64{1, 2}, []float64{.8, .4}, 9), .4, 0)
}
