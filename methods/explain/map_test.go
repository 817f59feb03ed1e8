package explain

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

func TestNormalisedAndAbs(t *testing.T) {
	m := &Map{1, 1, 4, []float32{-4, 0, 1, 2}}
	if got := m.Normalised().Values; !slices.Equal(got, []float32{0, 0, 0.25, 0.5}) { // the largest |value| is 4, and what speaks against is not shown
		t.Errorf("normalised %v", got)
	}
	if got := m.Abs().Values; !slices.Equal(got, []float32{4, 0, 1, 2}) {
		t.Errorf("absolute %v", got)
	}
	if got := NewMap(1, 1, 2).Normalised().Values; !slices.Equal(got, []float32{0, 0}) {
		t.Errorf("an empty map became %v", got)
	}
	if !slices.Equal(m.Values, []float32{-4, 0, 1, 2}) {
		t.Error("the map itself changed")
	}
}

func TestOverTime(t *testing.T) {
	m := &Map{3, 1, 2, []float32{1, 3, 0, 0, -1, 5}}
	if got := m.OverTime(); !slices.Equal(got, []float64{2, 0, 2}) {
		t.Errorf("over time %v", got)
	}
}

func TestResize(t *testing.T) {
	rng := stats.Seed(1).Stream("map")
	m := NewMap(3, 4, 5)
	for i := range m.Values {
		m.Values[i] = float32(rng.NormFloat64())
	}
	same := m.Resize(3, 4, 5)
	if !slices.Equal(same.Values, m.Values) {
		t.Error("the same size changes values")
	}
	if same.Values[0]++; m.Values[0] == same.Values[0] {
		t.Error("the same size shares its values")
	}
	for _, size := range [][3]int{{1, 1, 1}, {6, 8, 10}, {2, 9, 3}, {3, 4, 1}} {
		r := m.Resize(size[0], size[1], size[2])
		if r.T != size[0] || r.H != size[1] || r.W != size[2] || len(r.Values) != size[0]*size[1]*size[2] {
			t.Errorf("%v: %d×%d×%d with %d values", size, r.T, r.H, r.W, len(r.Values))
		}
		if slices.Max(r.Values) > slices.Max(m.Values) || slices.Min(r.Values) < slices.Min(m.Values) {
			t.Errorf("%v: values outside the map's range", size)
		}
	}
	// Twice the size and pooled back: the mean of each pair around a sample, which for a linear ramp is the ramp inside.
	ramp := &Map{1, 1, 6, []float32{0, 1, 2, 3, 4, 5}}
	back := ramp.Resize(1, 1, 12).pool(1, 1, 6)
	for i := 1; i < 5; i++ {
		if math.Abs(float64(back.Values[i]-ramp.Values[i])) > 1e-6 {
			t.Errorf("position %d: %g", i, back.Values[i])
		}
	}
}

func TestPoolByHand(t *testing.T) {
	m := &Map{1, 2, 4, []float32{1, 3, 5, 7, 1, 3, 5, 7}}
	if got := m.pool(1, 1, 2).Values; !slices.Equal(got, []float32{2, 6}) {
		t.Errorf("pooled %v", got)
	}
	if got := m.pool(9, 9, 9); got.T != 1 || got.H != 2 || got.W != 4 || !slices.Equal(got.Values, m.Values) {
		t.Errorf("a finer grid than the map's: %+v", got)
	}
}

func TestEdgesByHand(t *testing.T) {
	// A step from 0 to 1 between columns 2 and 3 of 6: Sobel gives 4 on both sides of it and nothing elsewhere.
	in := Input{C: 2, T: 1, H: 5, W: 6, X: make([]float32, 60)}
	for i := range in.X {
		if i%6 >= 3 {
			in.X[i] = 1
		}
	}
	m, err := Edges(in, 1, 5, 6)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range m.Values {
		want := float32(0)
		if x := i % 6; x == 2 || x == 3 {
			want = 4
		}
		if v != want {
			t.Errorf("position %d: %g, want %g", i, v, want)
		}
	}
	if _, err := Edges(Input{C: 1, T: 1, H: 2, W: 2}, 1, 2, 2); err == nil {
		t.Error("an input without values passed")
	}
}

func TestRankCorrelationOfOtherShapes(t *testing.T) {
	if r := RankCorrelation(NewMap(1, 2, 2), NewMap(2, 2, 1)); !math.IsNaN(r) {
		t.Errorf("other shapes: %g", r)
	}
	if r := RankCorrelation(NewMap(1, 2, 2), NewMap(1, 2, 2)); !math.IsNaN(r) {
		t.Errorf("constant maps: %g", r)
	}
	up, down := &Map{1, 1, 3, []float32{1, 5, 9}}, &Map{1, 1, 3, []float32{7, 2, 1}}
	if r := RankCorrelation(up, down); math.Abs(r+1) > 1e-12 {
		t.Errorf("opposite maps: %g", r)
	}
}

func TestInputs(t *testing.T) {
	for _, in := range []Input{{}, {1, 1, 1, 1, nil}, {1, 1, 1, 1, make([]float32, 2)}, {-1, 1, 1, -1, make([]float32, 1)}} {
		if in.check() == nil {
			t.Errorf("%+v passed", in)
		}
	}
	if err := (Input{1, 2, 3, 4, make([]float32, 24)}).check(); err != nil {
		t.Error(err)
	}
}
