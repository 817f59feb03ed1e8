package uncertainty

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// Losses do not depend on the order of items, nor evidential ones on the names of classes; each item's part is its own.
func TestLossesIgnoreOrder(t *testing.T) {
	rng := stats.Seed(71).Stream("order")
	const n, k = 12, 3
	x, moved, renamed := make([]float64, n*k), make([]float64, n*k), make([]float64, n*k)
	label, movedLabel, renamedLabel := make([]int, n), make([]int, n), make([]int, n)
	order, name := rng.Perm(n), []int{2, 0, 1}
	for i := range x {
		x[i] = 2 * rng.NormFloat64()
	}
	for i := range n {
		label[i] = rng.IntN(k)
	}
	for to, i := range order {
		movedLabel[to] = label[i]
		copy(moved[to*k:], x[i*k:(i+1)*k])
	}
	for i := range n {
		renamedLabel[i] = name[label[i]]
		for c := range k {
			renamed[i*k+name[c]] = x[i*k+c]
		}
	}
	for _, term := range []DataTerm{SquaredError, MarginalLikelihood, CrossEntropy} {
		for _, e := range []Evidence{ReLU, Exp, Softplus} {
			o := Evidential{Term: term, Evidence: e, Annealing: 10}
			a, b, c := EvidentialLoss(x, label, 6, o), EvidentialLoss(moved, movedLabel, 6, o), EvidentialLoss(renamed, renamedLabel, 6, o)
			near(t, "other order", b.Value, a.Value, 1e-12)
			near(t, "other names", c.Value, a.Value, 1e-12)
			for to, i := range order {
				near(t, "an item's part", b.Each[to], a.Each[i], 1e-12)
				for j := range k {
					near(t, "an item's gradient", b.Grad[to*k+j], a.Grad[i*k+j], 1e-12)
					near(t, "a class's gradient", c.Grad[i*k+name[j]], a.Grad[i*k+j], 1e-12)
				}
			}
		}
	}
	// Of numbers: moving predictions and truths together changes nothing.
	y := []float64{.3, -1, 2, .5}
	out, up, higher := x[:8], slices.Clone(x[:8]), slices.Clone(y)
	for i := range y {
		up[2*i] += 5
		higher[i] += 5
	}
	a, _ := HeteroscedasticLoss(out, y, .5)
	b, _ := HeteroscedasticLoss(up, higher, .5)
	near(t, "a shifted number", b, a, 1e-12)
	for i := range y {
		up[2*i+1] = out[2*i+1] + 5
	}
	a, _ = QuantileLoss(out, y, []float64{.1, .9})
	b, _ = QuantileLoss(up, higher, []float64{.1, .9})
	near(t, "a shifted quantile", b, a, 1e-12)
}

// The constant that minimises the pinball loss is the quantile, of the Gaussian likelihood mean and variance.
func TestLossesAskForTheirStatistic(t *testing.T) {
	y := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 40}
	cost := func(q, level float64) float64 {
		v, _ := QuantileLoss(slices.Repeat([]float64{q}, 10), y, []float64{level})
		return v
	}
	for level, want := range map[float64]float64{.25: 3, .75: 8, .95: 40} {
		for _, off := range []float64{-.5, .5} {
			if cost(want+off, level) <= cost(want, level) {
				t.Errorf("at %g the quantile %g costs no less than %g", level, want, want+off)
			}
		}
	}
	mean, variance := 8.5, 0.0
	for _, v := range y {
		variance += (v - mean) * (v - mean) / 10
	}
	_, g := HeteroscedasticLoss(slices.Repeat([]float64{mean, math.Log(variance)}, 10), y, 0)
	var byMean, byVariance float64
	for i := range y {
		byMean, byVariance = byMean+g[2*i], byVariance+g[2*i+1]
	}
	near(t, "slope at the mean", byMean, 0, 1e-14)
	near(t, "slope at the variance", byVariance, 0, 1e-14)
}

// Points on a circle: of twelve at every 30°, each has its second neighbour on the other side as near as the first, so three lie within.
func TestLikeThisByHand(t *testing.T) {
	var x [][]float64
	for i := range 12 {
		a := math.Pi / 6 * float64(i)
		x = append(x, []float64{math.Cos(a), math.Sin(a) + 1e-9*float64(i)})
	}
	n := NewKNN(x, 2)
	if got := LikeThis(n, []float64{5, 0}); got < 2 || got > 3 {
		t.Errorf("%d are like a point of the circle, want itself and its neighbours", got)
	}
	near(t, "a neighbour's distance", n.typical(), 2*math.Sin(math.Pi/12), 1e-6)
	if got := LikeThis(NewKNN([][]float64{{1, 0}, {1, .001}, {1, -.001}}, 1), []float64{-1, 0}); got != 0 {
		t.Errorf("%d are like the opposite", got)
	}
}

// Proper scores: over what truly happens, no stated normal has a smaller expected CRPS or likelihood than the true one.
func TestScoresAreProper(t *testing.T) {
	expected := func(score func(y float64) float64) float64 { // over a standard normal, by a fine grid
		sum := 0.0
		for y := -8.0; y <= 8; y += .01 {
			sum += .01 * math.Exp(-y*y/2) / math.Sqrt(2*math.Pi) * score(y)
		}
		return sum
	}
	crps := func(m, s float64) float64 {
		return expected(func(y float64) float64 { return GaussianCRPS(y, m, s) })
	}
	nll := func(m, s float64) float64 {
		return expected(func(y float64) float64 { return GaussianNLL(y, m, s*s) })
	}
	near(t, "CRPS of the truth", crps(0, 1), 1/math.Sqrt(math.Pi), 1e-6)
	near(t, "likelihood of the truth", nll(0, 1), .5*math.Log(2*math.Pi)+.5, 1e-6)
	for _, wrong := range [][2]float64{{.3, 1}, {-.3, 1}, {0, .7}, {0, 1.4}} {
		if crps(wrong[0], wrong[1]) <= crps(0, 1) || nll(wrong[0], wrong[1]) <= nll(0, 1) {
			t.Errorf("N(%g, %g²) scores no worse than the truth", wrong[0], wrong[1])
		}
	}
}
