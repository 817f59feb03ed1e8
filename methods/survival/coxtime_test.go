package survival

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// between is the place of a time among 0, 2 and 5.
func between(t float64) (int, float64) {
	switch {
	case t >= 5:
		return 2, 0
	case t >= 2:
		return 1, (t - 2) / 3
	}
	return 0, t / 2
}

// TestCoxTimeLossByHand: three people, an event at 1 (half way from the first to the second output) and one at 2, censored at 4.
func TestCoxTimeLossByHand(t *testing.T) {
	l := Labels{Time: []float64{1, 4, 2}, Event: []int{1, 0, 1}}
	o := []float64{0.2, 0.6, 9, -1, 0, 9, 0.5, 1, 9}
	g1, g2 := []float64{0.4, -0.5, 0.75}, []float64{0, 0, 1}
	first := math.Log(math.Exp(g1[0])+math.Exp(g1[1])+math.Exp(g1[2])) - g1[0]
	second := math.Log(math.Exp(g2[1])+math.Exp(g2[2])) - g2[2]
	got := CoxTimeLoss(l, between, o)
	if want := (first + second) / 2; got.Events != 2 || math.Abs(got.Value-want) > 1e-12 {
		t.Errorf("%v of %d events, want %v", got.Value, got.Events, want)
	}
	for i := range o {
		const h = 1e-6
		up, down := append([]float64{}, o...), append([]float64{}, o...)
		up[i] += h
		down[i] -= h
		if want := (CoxTimeLoss(l, between, up).Value - CoxTimeLoss(l, between, down).Value) / (2 * h); math.Abs(got.Grad[i]-want) > 1e-8 {
			t.Errorf("gradient %d is %v, want %v", i, got.Grad[i], want)
		}
	}
}

// TestCoxTimeLossIsCox where the outputs do not change with time, with ties as Breslow's, in any order and whatever is added to everybody.
func TestCoxTimeLossIsCox(t *testing.T) {
	rng := stats.Seed(4).Stream("cox time")
	var l Labels
	var log, o, moved []float64
	for range 40 {
		l.Time, l.Event = append(l.Time, float64(1+rng.IntN(9))), append(l.Event, rng.IntN(2))
		v := rng.NormFloat64()
		log, o, moved = append(log, v), append(o, v, v, v), append(moved, v+300, v+300, v+300)
	}
	want := CoxLoss(log, l, Breslow, nil)
	got, far := CoxTimeLoss(l, between, o), CoxTimeLoss(l, between, moved)
	if math.Abs(got.Value-want.Value) > 1e-10 || math.Abs(far.Value-want.Value) > 1e-10 || got.Events != want.Events {
		t.Errorf("%v and %v, want %v", got.Value, far.Value, want.Value)
	}
	for i, v := range want.Grad {
		if sum := got.Grad[3*i] + got.Grad[3*i+1] + got.Grad[3*i+2]; math.Abs(sum-v) > 1e-10 {
			t.Errorf("gradient of person %d: %v, want %v", i, sum, v)
		}
	}
}

func TestCoxTimeLossOfNothing(t *testing.T) {
	for name, l := range map[string]Labels{"nobody": {}, "no event": {Time: []float64{1, 2}, Event: []int{0, 0}}} {
		got := CoxTimeLoss(l, between, make([]float64, 3*l.Len()))
		if got.Value != 0 || got.Events != 0 || len(got.Grad) != 3*l.Len() {
			t.Errorf("%s: %+v", name, got)
		}
		for _, g := range got.Grad {
			if g != 0 {
				t.Errorf("%s: gradient %v", name, got.Grad)
			}
		}
	}
	// Somebody who enters after the event was not at risk of it.
	late := Labels{Time: []float64{1, 5}, Event: []int{1, 0}, Entry: []float64{0, 3}}
	if got := CoxTimeLoss(late, between, []float64{1, 1, 1, 7, 7, 7}); got.Value != 0 {
		t.Errorf("alone at risk: %v", got.Value)
	}
}
