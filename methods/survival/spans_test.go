package survival

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

var inf = math.Inf(1)

// Where each kind of label lies on the cuts 0, 1, 2, 4.
func TestSpansByHand(t *testing.T) {
	cuts := Cuts{0, 1, 2, 4}
	l := Labels{
		Time:  []float64{1.5, 2, 1.5, 0, 1.2, 3, 5, 1},
		Event: []int{1, 0, 0, 0, 0, 0, 0, 0},
		Upper: []float64{1.5, inf, inf, 0.5, 1.7, 9, inf, 2},
		Entry: []float64{0, 1, 0.5, 0, 1.1, 0, 4.5, 0},
	}
	s := cuts.Spans(l)
	want := [][3]int{{2, 2, -1}, {3, 4, 1}, {2, 4, 0}, {1, 1, -1}, {2, 2, 1}, {3, 4, -1}, {4, 4, 3}, {2, 2, -1}}
	for i, w := range want {
		if s.From[i] != w[0] || s.To[i] != w[1] || s.Entry[i] != w[2] {
			t.Errorf("row %d: from %d to %d after %d, want %v", i, s.From[i], s.To[i], s.Entry[i], w)
		}
	}
}

// Hazards of one half at three cuts: an event in the second or third has probability 1/4 + 1/8; known to be past the first, 1/2 + 1/4.
func TestSpanLossesByHand(t *testing.T) {
	s := Spans{From: []int{1, 1}, To: []int{2, 2}, Entry: []int{-1, 0}, K: 3}
	got := LogisticHazardSpanLoss(make([]float64, 6), s)
	near(t, "late", got.Each[0], -math.Log(3.0/8), 1e-14)
	near(t, "entered late", got.Each[1], -math.Log(3.0/4), 1e-14)
	// Equal masses of 1/4 for three cuts and beyond: 2/4, and 2/3 of what is left after the first.
	pmf := PMFSpanLoss(make([]float64, 6), s)
	near(t, "mass", pmf.Each[0], math.Log(2), 1e-14)
	near(t, "mass, entered late", pmf.Each[1], -math.Log(2.0/3), 1e-14)
	if pmf.Events != 2 || got.Events != 2 {
		t.Error("events not counted")
	}
	// A hazard of 1 an interval (softplus(ln(e − 1)) = 1) on [0, 1), [1, 3): between 0.5 and 2 lies 0.5 + 0.5.
	one := math.Log(math.E - 1)
	pc := PCHazardSpanLoss([]float64{one, one, one, one}, Cuts{0, 1, 3}, Labels{
		Time: []float64{0.5, 2}, Event: []int{0, 1}, Upper: []float64{2, 2}, Entry: []float64{0, 1}})
	near(t, "interval", pc.Each[0], 0.5-math.Log(1-math.Exp(-1)), 1e-14)
	near(t, "exact, entered late", pc.Each[1], 0.5, 1e-14)
}

// Without intervals and late entries the losses are the usual ones, gradients too.
func TestSpanLossesReduce(t *testing.T) {
	rng := stats.Seed(4).Stream("spans")
	cuts := Cuts{0, 1, 2, 3.5, 5}
	const n, k = 40, 5
	var l Labels
	phi := make([]float64, n*k)
	for i := range n {
		l.Time, l.Event = append(l.Time, 6*rng.Float64()), append(l.Event, i%2)
	}
	for i := range phi {
		phi[i] = 2 * rng.NormFloat64()
	}
	index, event := cuts.Discrete(l)
	part, pe, fraction := cuts.Piecewise(l)
	s := cuts.Spans(l)
	for name, pair := range map[string][2]Loss{
		"logistic hazard": {LogisticHazardSpanLoss(phi, s), LogisticHazardLoss(phi, index, event)},
		"pmf":             {PMFSpanLoss(phi, s), PMFLoss(phi, index, event)},
		"mtlr":            {MTLRSpanLoss(phi, s), MTLRLoss(phi, index, event)},
		"pc-hazard":       {PCHazardSpanLoss(phi[:n*(k-1)], cuts, l), PCHazardLoss(phi[:n*(k-1)], part, pe, fraction)},
	} {
		near(t, name, pair[0].Value, pair[1].Value, 2e-5) // the ε of the usual PMF loss
		if name != "pmf" && name != "mtlr" {
			near(t, name, pair[0].Value, pair[1].Value, 1e-12)
		}
		if pair[0].Events != pair[1].Events {
			t.Errorf("%s: %d events and %d", name, pair[0].Events, pair[1].Events)
		}
		for i, g := range pair[1].Grad {
			near(t, name+" gradient", pair[0].Grad[i], g, 2e-5)
		}
	}
}

// Gradients of every loss equal differences, with intervals, late entries and all at once.
func TestSpanGradientsEqualDifferences(t *testing.T) {
	rng := stats.Seed(8).Stream("spans")
	cuts := Cuts{0, 1, 2, 3.5, 5}
	const n, k = 24, 5
	l := Labels{}
	for range n {
		a := 4 * rng.Float64()
		b := []float64{a, a + 2*rng.Float64(), inf}[rng.IntN(3)]
		l.Time, l.Upper, l.Entry, l.Event = append(l.Time, a), append(l.Upper, b), append(l.Entry, a*rng.Float64()), append(l.Event, 0)
	}
	s := cuts.Spans(l)
	phi := make([]float64, n*k)
	for i := range phi {
		phi[i] = rng.NormFloat64()
	}
	for name, f := range map[string]func([]float64) Loss{
		"logistic hazard": func(p []float64) Loss { return LogisticHazardSpanLoss(p, s) },
		"pmf":             func(p []float64) Loss { return PMFSpanLoss(p, s) },
		"mtlr":            func(p []float64) Loss { return MTLRSpanLoss(p, s) },
		"pc-hazard":       func(p []float64) Loss { return PCHazardSpanLoss(p[:n*(k-1)], cuts, l) },
	} {
		got := f(phi)
		for i := range got.Grad {
			const h = 1e-6
			keep := phi[i]
			phi[i] = keep + h
			up := f(phi).Value
			phi[i] = keep - h
			down := f(phi).Value
			phi[i] = keep
			near(t, name, got.Grad[i], (up-down)/(2*h), 1e-7)
		}
	}
}

// Far outputs give numbers, not NaN: hazards of 0 and of 1 in a span.
func TestSpanLossesStayNumbers(t *testing.T) {
	s := Spans{From: []int{0, 0, 2}, To: []int{1, 0, 3}, Entry: []int{-1, -1, 1}, K: 3}
	for _, v := range []float64{-800, 800} {
		phi := []float64{v, v, v, v, v, v, v, v, v}
		for name, loss := range map[string]Loss{"hazard": LogisticHazardSpanLoss(phi, s), "pmf": PMFSpanLoss(phi, s), "mtlr": MTLRSpanLoss(phi, s),
			"pc": PCHazardSpanLoss(phi[:6], Cuts{0, 1, 2}, Labels{Time: []float64{0.2, 0.5, 0.1}, Event: []int{1, 0, 0}, Upper: []float64{0.2, 1, inf}})} {
			if math.IsNaN(loss.Value) || math.IsInf(loss.Value, 0) {
				t.Errorf("%s at %g: %g", name, v, loss.Value)
			}
			for _, g := range loss.Grad {
				if math.IsNaN(g) || math.IsInf(g, 0) {
					t.Errorf("%s at %g: gradient %v", name, v, loss.Grad)
					break
				}
			}
		}
	}
}

// Accelerated failure times with intervals: gradients equal differences, and far outputs stay numbers (they were NaN once the lower end lay
// far in the tail, where both survivals are 0, and lost all digits far before the event, where both are 1).
func TestAFTIntervalsFarOut(t *testing.T) {
	l := Labels{Time: []float64{1, 1, 2, 0}, Event: []int{0, 0, 0, 0}, Upper: []float64{2, 1.001, inf, 1}, Entry: []float64{0, 0.5, 1, 0}}
	for _, f := range []Family{Weibull, LogNormal} {
		for _, location := range []float64{-300, -4, 0, 3, 9} {
			for _, logScale := range []float64{-3, 0, 1} {
				output := make([]float64, 8)
				for i := 0; i < 8; i += 2 {
					output[i], output[i+1] = location, logScale
				}
				got := AFTLoss(output, l, f)
				for i, g := range got.Grad {
					if math.IsNaN(g) || math.IsInf(g, 0) || math.IsNaN(got.Value) {
						t.Fatalf("family %d at %g, %g: loss %g, gradient %v", f, location, logScale, got.Value, got.Grad)
					}
					if math.Abs(location) > 4 || logScale < 0 || i%2 == 1 {
						continue
					}
					const h = 1e-5
					output[i] = location + h
					up := AFTLoss(output, l, f).Value
					output[i] = location - h
					down := AFTLoss(output, l, f).Value
					output[i] = location
					near(t, "gradient", g, (up-down)/(2*h), 1e-5)
				}
			}
		}
	}
	// Early: S is 1 − 1e-20 at both ends, and the interval's probability still is the normal's between −9 and −8.
	early := AFTLoss([]float64{9, 0}, Labels{Time: []float64{1}, Event: []int{0}, Upper: []float64{math.E}}, LogNormal)
	near(t, "probability", math.Exp(-early.Value), math.Erfc(8/math.Sqrt2)/2-math.Erfc(9/math.Sqrt2)/2, 1e-6)
}
