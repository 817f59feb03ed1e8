package survival

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// cohortOf draws n people with times on a grid of the given step (0: no ties) and outputs of k numbers each.
func cohortOf(seed stats.Seed, n, k int, step float64) (Labels, []float64) {
	rng := seed.Stream("cohort")
	var l Labels
	phi := make([]float64, n*k)
	for range n {
		t := 0.1 + 5*rng.Float64()
		if step > 0 {
			t = step * math.Ceil(t/step)
		}
		l.Time, l.Event = append(l.Time, t), append(l.Event, rng.IntN(2))
	}
	for i := range phi {
		phi[i] = rng.NormFloat64()
	}
	return l, phi
}

// Efron's form is Breslow's where no two events share a time, and larger where they do: tied people leave the risk set in turn.
func TestEfronIsBreslowWithoutTies(t *testing.T) {
	l, h := cohortOf(1, 60, 1, 0)
	a, b := CoxLoss(h, l, Breslow, nil), CoxLoss(h, l, Efron, nil)
	near(t, "loss", a.Value, b.Value, 1e-13)
	for i := range h {
		near(t, "gradient", a.Grad[i], b.Grad[i], 1e-13)
	}
	l, h = cohortOf(1, 60, 1, 1)
	if a, b := CoxLoss(h, l, Breslow, nil).Value, CoxLoss(h, l, Efron, nil).Value; !(b < a) {
		t.Errorf("with ties Efron's loss %g is not below Breslow's %g", b, a)
	}
}

// Strata are separate cohorts: the loss is their sum over all events, and one stratum is none.
func TestStrataAreSeparateCohorts(t *testing.T) {
	l, h := cohortOf(2, 50, 1, 0.5)
	strata := make([]int, 50)
	near(t, "one stratum", CoxLoss(h, l, Efron, strata).Value, CoxLoss(h, l, Efron, nil).Value, 1e-13)
	var parts [2][]int
	for i := range strata {
		strata[i] = i % 2
		parts[i%2] = append(parts[i%2], i)
	}
	sum := 0.0
	for _, rows := range parts {
		var own []float64
		for _, i := range rows {
			own = append(own, h[i])
		}
		part := CoxLoss(own, l.Select(rows), Efron, nil)
		sum += part.Value * float64(part.Events)
	}
	got := CoxLoss(h, l, Efron, strata)
	near(t, "two strata", got.Value*float64(got.Events), sum, 1e-12)
}

// No loss depends on the order of rows, nor does a gradient belong to another row after it.
func TestLossesIgnoreTheOrderOfRows(t *testing.T) {
	const n, k = 40, 5
	l, phi := cohortOf(3, n, k, 0.25)
	cuts := Cuts{0, 1, 2, 3, 6}
	losses := map[string]struct {
		k int
		f func([]float64, Labels) Loss
	}{
		"cox, breslow":    {1, func(o []float64, l Labels) Loss { return CoxLoss(o, l, Breslow, nil) }},
		"cox, efron":      {1, func(o []float64, l Labels) Loss { return CoxLoss(o, l, Efron, nil) }},
		"weibull":         {2, func(o []float64, l Labels) Loss { return AFTLoss(o, l, Weibull) }},
		"log-normal":      {2, func(o []float64, l Labels) Loss { return AFTLoss(o, l, LogNormal) }},
		"logistic hazard": {k, func(o []float64, l Labels) Loss { i, e := cuts.Discrete(l); return LogisticHazardLoss(o, i, e) }},
		"pmf":             {k, func(o []float64, l Labels) Loss { i, e := cuts.Discrete(l); return PMFLoss(o, i, e) }},
		"mtlr":            {k, func(o []float64, l Labels) Loss { i, e := cuts.Discrete(l); return MTLRLoss(o, i, e) }},
		"bce":             {k, func(o []float64, l Labels) Loss { i, e := cuts.Discrete(l); return BCESurvLoss(o, i, e) }},
		"deephit":         {k, func(o []float64, l Labels) Loss { i, e := cuts.Discrete(l); return DeepHitLoss(o, i, e, 0.3, 0.5).Loss }},
		"pc-hazard":       {k - 1, func(o []float64, l Labels) Loss { i, e, f := cuts.Piecewise(l); return PCHazardLoss(o, i, e, f) }},
		"span":            {k, func(o []float64, l Labels) Loss { return LogisticHazardSpanLoss(o, cuts.Spans(l)) }},
	}
	order := stats.Seed(4).Stream("order").Perm(n)
	for name, c := range losses {
		own := phi[:n*c.k]
		var moved []float64
		for _, i := range order {
			moved = append(moved, own[i*c.k:(i+1)*c.k]...)
		}
		want, got := c.f(own, l), c.f(moved, l.Select(order))
		near(t, name, got.Value, want.Value, 1e-12)
		for at, i := range order {
			for j := range c.k {
				near(t, name+", gradient", got.Grad[at*c.k+j], want.Grad[i*c.k+j], 1e-12)
			}
		}
	}
}

// Everybody twice is nobody new: means of likelihoods stay, and so does Breslow's partial likelihood up to log 2, whose risk sets double.
func TestEverybodyTwice(t *testing.T) {
	l, phi := cohortOf(5, 30, 3, 0.5)
	var rows []int
	for i := range 30 {
		rows = append(rows, i, i)
	}
	double := func(k int) []float64 {
		var out []float64
		for _, i := range rows {
			out = append(out, phi[i*k:(i+1)*k]...)
		}
		return out
	}
	cuts := Cuts{0, 2, 6}
	i1, e1 := cuts.Discrete(l)
	i2, e2 := cuts.Discrete(l.Select(rows))
	near(t, "logistic hazard", LogisticHazardLoss(double(3), i2, e2).Value, LogisticHazardLoss(phi, i1, e1).Value, 1e-12)
	near(t, "mtlr", MTLRLoss(double(3), i2, e2).Value, MTLRLoss(phi, i1, e1).Value, 1e-12)
	near(t, "cox", CoxLoss(double(1), l.Select(rows), Breslow, nil).Value, CoxLoss(phi[:30], l, Breslow, nil).Value+math.Ln2, 1e-12)
}

// One person, and everybody at one time: numbers, not NaN.
func TestLossesOfFewPeople(t *testing.T) {
	one := Labels{Time: []float64{2}, Event: []int{1}}
	near(t, "one person's partial likelihood", CoxLoss([]float64{3}, one, Efron, nil).Value, 0, 1e-15)
	same := Labels{Time: []float64{2, 2, 2}, Event: []int{1, 1, 1}}
	near(t, "Efron of three at once", CoxLoss([]float64{0, 0, 0}, same, Efron, nil).Value, (math.Log(3)+math.Log(2)+math.Log(1))/3, 1e-14)
	near(t, "Breslow of three at once", CoxLoss([]float64{0, 0, 0}, same, Breslow, nil).Value, math.Log(3), 1e-14)
}
