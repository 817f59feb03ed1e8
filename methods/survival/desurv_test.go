package survival

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// A rate of 1 (softplus(ln(e − 1))): F = tanh t, f = sech² t, whatever the unit of time.
func TestDeSurvByHand(t *testing.T) {
	one := math.Log(math.E - 1)
	output := make([]float64, 18)
	for i := range output {
		output[i] = one
	}
	for _, unit := range []float64{1, 365} {
		got := DeSurvLoss(output, Labels{Time: []float64{0.5 * unit, 2 * unit}, Event: []int{1, 0}}, unit)
		near(t, "an event", got.Each[0], 2*math.Log(math.Cosh(0.5))+math.Log(unit), 1e-13)
		near(t, "a censoring", got.Each[1], -math.Log(1-math.Tanh(2)), 1e-13)
	}
	c := DeSurvCurves([]float64{0, 0.5, 2}, 2, 1, func(_ []int, _ float64, out []float64) { out[0], out[1] = one, -40 })
	for k, want := range []float64{1, 1 - math.Tanh(0.5), 1 - math.Tanh(2)} {
		near(t, "survival", c.Values[k][0], want, 1e-14)
		near(t, "survival without a rate", c.Values[k][1], 1, 1e-14)
	}
}

// The eight nodes integrate powers up to the 15th exactly.
func TestDeSurvNodes(t *testing.T) {
	for _, p := range []float64{0, 1, 2, 15} {
		sum := 0.0
		for j, x := range DeSurvNodes {
			sum += desurvWeights[j] * math.Pow(x, p)
		}
		near(t, "a power's integral", sum, 1/(p+1), 1e-14)
	}
}

func TestDeSurvGradientEqualsDifferences(t *testing.T) {
	rng := stats.Seed(2).Stream("desurv")
	var l Labels
	output := make([]float64, 9*12)
	for i := range 12 {
		l.Time, l.Event = append(l.Time, 3*rng.Float64()), append(l.Event, i%2)
	}
	for i := range output {
		output[i] = 2 * rng.NormFloat64()
	}
	l.Time[0], output[8+9] = 0, -800 // a time of 0, and a rate that vanishes at an event
	got := DeSurvLoss(output, l, 1.7)
	for i := range output {
		const h = 1e-6
		keep := output[i]
		output[i] = keep + h
		up := DeSurvLoss(output, l, 1.7).Value
		output[i] = keep - h
		down := DeSurvLoss(output, l, 1.7).Value
		output[i] = keep
		near(t, "gradient", got.Grad[i], (up-down)/(2*h), 1e-6)
	}
	for _, v := range []float64{-1e4, 1e4} {
		for i := range output {
			output[i] = v
		}
		if x := DeSurvLoss(output, l, 1.7).Value; math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("outputs of %g: loss %g", v, x)
		}
	}
}
