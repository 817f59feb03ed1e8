package fairness

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// slopeOf checks a gradient by differences.
func slopeOf(t *testing.T, what string, x, grad []float64, f func() float64) {
	t.Helper()
	const h = 1e-6
	for i := range x {
		keep := x[i]
		x[i] = keep + h
		up := f()
		x[i] = keep - h
		down := f()
		x[i] = keep
		if want := (up - down) / (2 * h); math.Abs(grad[i]-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Errorf("%s: gradient %d = %v, differences say %v", what, i, grad[i], want)
		}
	}
}

// Without memory the pressure is the penalty of its batch. Groups' means .8 and .4, all .6: gaps ±.2, value 2·.2² at strength 1; the
// gradient by a score of group 0 is 2·.2/2 − (2·.2 − 2·.2)/4 = .2.
func TestPressureByHand(t *testing.T) {
	p := Pressure{Groups: 2, Events: 1, Strength: 1}
	var s PressureState
	v, g := p.Apply(&s, []float64{.9, .7, .5, .3}, []int{0, 0, 0, 0}, []int{0, 0, 1, 1})
	near(t, "value", v, 0.08, 1e-12)
	for i, want := range []float64{.2, .2, -.2, -.2} {
		near(t, "gradient", g[i], want, 1e-12)
	}
	// The multipliers of the group above rise by step·(gap − eps), those below stay at 0.
	p = Pressure{Groups: 2, Events: 1, Lagrange: true, Step: 0.5, Eps: 0.1}
	s = PressureState{}
	if _, g = p.Apply(&s, []float64{.9, .7, .5, .3}, []int{0, 0, 0, 0}, []int{0, 0, 1, 1}); g[0] != 0 {
		t.Errorf("multipliers of 0 press with %v", g)
	}
	for i, want := range []float64{0.05, 0, 0, 0.05} {
		near(t, "multiplier", s.Lambda[i], want, 1e-12)
	}
}

// A remembered mean needs no row in the batch, and rows without a group are free.
func TestPressureRemembers(t *testing.T) {
	p := Pressure{Groups: 2, Events: 1, Strength: 1, Memory: 0.5}
	var s PressureState
	p.Apply(&s, []float64{1, 0}, []int{0, 0}, []int{0, 1})
	v, g := p.Apply(&s, []float64{1, 0.3}, []int{0, 0}, []int{0, -1})
	if v <= 0 {
		t.Errorf("the gap is forgotten: %v", v)
	}
	if g[1] != 0 {
		t.Errorf("a row without a group feels %v", g[1])
	}
	// With one cell in the batch its mean is the event's: moving it moves no gap inside the batch.
	near(t, "gradient", g[0], 0, 1e-12)
}

func TestPressureClosesAGap(t *testing.T) {
	// Scores are free parameters pulled towards 1 and 0; the multipliers must win against the pull, down to eps.
	p := Pressure{Groups: 2, Events: 1, Lagrange: true, Strength: 1, Step: 0.1, Eps: 0.02, Memory: 0.5}
	var s PressureState
	x, want, group := []float64{.5, .5, .5, .5}, []float64{1, 1, 0, 0}, []int{0, 0, 1, 1}
	for range 4000 {
		_, g := p.Apply(&s, x, []int{0, 0, 0, 0}, group)
		for i := range x {
			x[i] -= 0.02 * (g[i] + 2*(x[i]-want[i])/4)
		}
	}
	if gap := (x[0] + x[1] - x[2] - x[3]) / 4; gap > 0.021 || gap < 0.015 {
		t.Errorf("half the gap settled at %v, eps is 0.02", gap)
	}
}

func TestPenaltyGradient(t *testing.T) {
	rng := stats.Seed(2).Stream("penalty")
	z, y, group := make([]float64, 12), make([]int, 12), make([]int, 12)
	for i := range z {
		z[i], y[i], group[i] = rng.NormFloat64(), rng.IntN(2), rng.IntN(3)
	}
	for _, c := range []Constraint{DemographicParity, EqualisedOdds, EqualOpportunity} {
		e, n := c.Events(y)
		_, grad := Penalty(z, e, group, n, 3, 2)
		slopeOf(t, string(c), z, grad, func() float64 { v, _ := Penalty(z, e, group, n, 3, 2); return v })
	}
}

func TestInvariantRisk(t *testing.T) {
	rng := stats.Seed(4).Stream("irm")
	z, y, group := make([]float64, 10), make([]float64, 10), make([]int, 10)
	for i := range z {
		z[i], y[i], group[i] = rng.NormFloat64(), float64(rng.IntN(2)), rng.IntN(3)-1
	}
	for _, binary := range []bool{true, false} {
		_, grad := InvariantRisk(z, y, group, 2, binary)
		slopeOf(t, "irm", z, grad, func() float64 { v, _ := InvariantRisk(z, y, group, 2, binary); return v })
	}
	// Outputs that are each group's least squares have no penalty: by hand, z = y.
	if v, _ := InvariantRisk([]float64{1, 2, 3}, []float64{1, 2, 3}, []int{0, 1, 1}, 2, false); v != 0 {
		t.Errorf("a perfect regression pays %v", v)
	}
}

func kernelInputs() ([]float64, [][]float64, []int) {
	rng := stats.Seed(6).Stream("kernel")
	flat := make([]float64, 9*3)
	for i := range flat {
		flat[i] = rng.NormFloat64()
	}
	x := make([][]float64, 9)
	for i := range x {
		x[i] = flat[i*3 : i*3+3]
	}
	return flat, x, []int{0, 0, 0, 1, 1, 2, 2, 2, -1}
}

func TestKernelMeasures(t *testing.T) {
	_, x, group := kernelInputs()
	if v, g := MMD(x, group, 3); v <= 0 || g[8][0] != 0 {
		t.Errorf("MMD = %v; a row without a group has gradient %v", v, g[8])
	}
	if v, g := HSIC(x, group); v <= 0 || g[8][0] != 0 {
		t.Errorf("HSIC = %v; a row without a group has gradient %v", v, g[8])
	}
	// Two groups with the same features: no discrepancy, no dependence.
	same := [][]float64{{1, 2}, {3, 1}, {1, 2}, {3, 1}}
	if v, _ := MMD(same, []int{0, 0, 1, 1}, 2); math.Abs(v) > 1e-12 {
		t.Errorf("MMD of equal groups = %v", v)
	}
	if v, _ := HSIC(same, []int{0, 0, 1, 1}); math.Abs(v) > 1e-12 {
		t.Errorf("HSIC of equal groups = %v", v)
	}
	// By hand: one row each at distance d with width d²: K = exp(−1/2), MMD² = 1 + 1 − 2K.
	v, _ := MMD([][]float64{{0}, {3}}, []int{0, 1}, 2)
	near(t, "MMD of two rows", v, 2-2*math.Exp(-0.5), 1e-12)
	for _, lonely := range [][]int{{0, 0, 0, 0}, {-1, -1, -1, -1}} {
		if v, _ := MMD(same, lonely, 2); v != 0 {
			t.Errorf("MMD of one group = %v", v)
		}
	}
	if v, _ := HSIC(same[:1], []int{0}); v != 0 {
		t.Errorf("HSIC of one row = %v", v)
	}
}

// With the width held fixed the gradient is the differences': kernelSum's own width moves, so a fixed one is put in by adding a far pair
// that keeps the median.
func TestKernelGradient(t *testing.T) {
	// Five rows on a line; the median squared distance (of 10 pairs) is that of a pair that is not moved when row 0 moves a little.
	x := [][]float64{{0.1}, {1}, {2}, {4}, {8}}
	group := []int{0, 0, 1, 1, 1}
	for name, f := range map[string]func() (float64, [][]float64){
		"MMD":  func() (float64, [][]float64) { return MMD(x, group, 2) },
		"HSIC": func() (float64, [][]float64) { return HSIC(x, group) },
	} {
		_, g := f()
		const h = 1e-6
		// sorted squared distances: pairs without row 0: 1 4 9 16 36 49; with it: .81 3.61 15.21 62.41; the sixth of ten is 15.21 or 16.
		x[1][0] += h
		up, _ := f()
		x[1][0] -= 2 * h
		down, _ := f()
		x[1][0] += h
		near(t, name+" gradient", g[1][0], (up-down)/(2*h), 1e-6)
	}
}

func TestAdversary(t *testing.T) {
	flat, x, group := kernelInputs()
	a := NewAdversary(3, 3)
	loss, _ := a.Learn(x, group, 0.5)
	near(t, "loss of knowing nothing", loss, math.Log(3), 1e-12)
	for range 200 {
		a.Learn(x, group, 0.5)
	}
	after, g := a.Learn(x, group, 0)
	if after > 0.6*loss {
		t.Errorf("the adversary learnt nothing: %v", after)
	}
	var grad []float64
	for _, row := range g {
		grad = append(grad, row...)
	}
	slopeOf(t, "adversary", flat, grad, func() float64 { v, _ := a.Learn(x, group, 0); return v })
}

func TestGroupLossSteps(t *testing.T) {
	mean, n := GroupLosses([]float64{1, 3, 5, 9}, []int{0, 0, 1, -1}, 3)
	for i, want := range []float64{2, 5, 0} {
		near(t, "mean", mean[i], want, 1e-12)
	}
	lambda := UpdateBounds([]float64{0.1, 0.1, 0.1}, mean, n, 3, 0.2)
	for i, want := range []float64{0, 0.5, 0.1} { // 0.1 − 0.2 → 0; 0.1 + 0.4; absent: kept
		near(t, "multiplier", lambda[i], want, 1e-12)
	}
	q, adjusted := UpdateDRO([]float64{0.5, 0.5}, []float64{math.Log(2), 0}, []float64{1, 4}, 1, 0)
	near(t, "weight", q[0], 2.0/3, 1e-12)
	near(t, "adjusted", adjusted[0], math.Log(2), 1e-12)
	_, adjusted = UpdateDRO([]float64{0.5, 0.5}, []float64{1, 1}, []float64{0, 4}, 1, 2)
	near(t, "absent", adjusted[0], 0, 1e-12)
	near(t, "adjusted for size", adjusted[1], 2, 1e-12)
}
