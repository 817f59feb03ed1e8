package explain

import (
	"math"
	"testing"
)

func TestGiniAndComplexityByHand(t *testing.T) {
	for _, c := range []struct {
		values           []float64
		gini, complexity float64
	}{
		{[]float64{1, 1, 1, 1}, 0, math.Log(4)},
		{[]float64{0, 0, 0, -8}, 0.75, 0}, // all in one of four
		{[]float64{1, -3}, 0.25, -0.25*math.Log(0.25) - 0.75*math.Log(0.75)},
		{[]float64{0, 2, 2, 0}, 0.5, math.Log(2)},
	} {
		if g := Gini(c.values); math.Abs(g-c.gini) > 1e-12 {
			t.Errorf("Gini of %v: %g, want %g", c.values, g, c.gini)
		}
		if h := Complexity(c.values); math.Abs(h-c.complexity) > 1e-12 {
			t.Errorf("complexity of %v: %g, want %g", c.values, h, c.complexity)
		}
	}
	if Finite(Gini([]float64{0, 0})) != nil {
		t.Error("an empty map has a Gini index")
	}
	if Gini([]float64{3, 1, 2}) != Gini([]float64{30, 20, 10}) {
		t.Error("scale or order matters")
	}
}

func TestLocaliseByHand(t *testing.T) {
	values := []float64{5, -6, 1, 0}
	l, err := Localise(values, []bool{false, true, true, false})
	if err != nil || !l.Pointing || math.Abs(l.Mass-7./12) > 1e-12 || l.Rank != 0.5 { // the two largest are 1 and 0; one lies inside
		t.Errorf("%+v, %v", l, err)
	}
	if l, _ := Localise(values, []bool{true, false, false, false}); l.Pointing || l.Rank != 0 {
		t.Errorf("%+v", l)
	}
	if _, err := Localise(values, make([]bool, 4)); err == nil {
		t.Error("an empty mask passed")
	}
	if _, err := Localise(values, []bool{true}); err == nil {
		t.Error("a mask of another length passed")
	}
}
