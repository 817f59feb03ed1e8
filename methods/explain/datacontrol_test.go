package explain

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

func ramp(c, t, h, w int) Input {
	in := Input{C: c, T: t, H: h, W: w, X: make([]float32, c*t*h*w)}
	for i := range in.X {
		in.X[i] = float32(i)
	}
	return in
}

func TestShufflePixels(t *testing.T) {
	in := ramp(2, 3, 4, 5)
	out, order, err := ShufflePixels(in, stats.Seed(1).Stream("x"))
	if err != nil {
		t.Fatal(err)
	}
	for f := range 6 { // one order for every frame and channel, and brightness stays
		for i, from := range order {
			if out.X[f*20+i] != float32(f*20+from) {
				t.Fatalf("frame %d, position %d holds %g", f, i, out.X[f*20+i])
			}
		}
	}
	if slices.Equal(out.X, in.X) {
		t.Error("nothing moved")
	}
	m := &Map{T: 3, H: 4, W: 5, Values: out.X[:60]}
	back, err := m.Unshuffled(order)
	if err != nil || !slices.Equal(back.Values, in.X[:60]) {
		t.Errorf("not put back: %v", err)
	}
	if _, err := m.Unshuffled(order[:3]); err == nil {
		t.Error("an order that does not fit")
	}
}

func TestNoiseLike(t *testing.T) {
	in := ramp(2, 10, 20, 20)
	for i := range in.X[:4000] {
		in.X[i] = 7 // a constant channel stays constant
	}
	out, err := NoiseLike(in, stats.Seed(1).Stream("x"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Max(out.X[:4000]) != 7 || slices.Min(out.X[:4000]) != 7 {
		t.Error("the constant channel became noise")
	}
	a, b := widen(in.X[4000:]), widen(out.X[4000:])
	if d := math.Abs(mean(a) - mean(b)); d > 80 { // 5 standard errors of a deviation of 1155
		t.Errorf("means differ by %g", d)
	}
}

// Three methods: one that shows the pixels' values, one that is the same for every input, and one that sees a structure.
func TestControlData(t *testing.T) {
	rng := stats.Seed(3).Stream("x")
	in := Input{C: 1, T: 2, H: 16, W: 16, X: make([]float32, 512)}
	for i := range in.X {
		in.X[i] = float32(i%16) + float32(rng.NormFloat64()) // brighter to the right
	}
	values := func(in Input) (*Map, error) { return &Map{T: 2, H: 16, W: 16, Values: in.X}, nil }
	fixed := func(Input) (*Map, error) {
		m := NewMap(2, 16, 16)
		for i := range m.Values {
			m.Values[i] = float32(i % 16)
		}
		return m, nil
	}
	slope := func(in Input) (*Map, error) {
		m := NewMap(2, 16, 16)
		for i := range m.Values {
			x := i % 16
			m.Values[i] = in.X[i-x+(x+2)%16] - in.X[i-x+(x+14)%16]
		}
		return m, nil
	}
	for _, c := range []struct {
		name string
		draw MapFunc
		want Finding
		word string
	}{{"values", values, PixelValues, "single pixels"}, {"fixed", fixed, Unstable, "noise in place of the picture"}, {"slope", slope, Supported, "fine"}} {
		m, _ := c.draw(in)
		got, err := ControlData(in, m, rng, c.draw)
		if err != nil {
			t.Fatal(err)
		}
		v := Verdict{Finding: Supported, Words: "fine"}
		v.Controlled(got)
		if v.Finding != c.want || !strings.Contains(v.Words, c.word) {
			t.Errorf("%s: %s (%s), shuffled %v, noise %v", c.name, v.Finding, v.Words, *got.Shuffled.Spearman, *got.Noise.Spearman)
		}
	}
	v := Verdict{Finding: EdgeDetector}
	one := 1.0
	if v.Controlled(DataControl{Shuffled: Similarity{Spearman: &one}}); v.Finding != EdgeDetector {
		t.Error("an earlier finding is overruled")
	}
	broken := func(Input) (*Map, error) { return nil, errors.New("broken") }
	if _, err := ControlData(in, NewMap(2, 16, 16), rng, broken); err == nil {
		t.Error("no error")
	}
}

func TestRemoveTop(t *testing.T) {
	in := ramp(2, 1, 2, 2)
	m := &Map{T: 1, H: 2, W: 2, Values: []float32{1, 4, 4, 2}}
	for _, c := range []struct {
		share float64
		want  []float32
	}{{0, []float32{0, 1, 2, 3, 4, 5, 6, 7}}, {0.5, []float32{0, -1, -1, 3, 4, -2, -2, 7}}, {0.75, []float32{0, -1, -1, -1, 4, -2, -2, -2}}, {1, []float32{-1, -1, -1, -1, -2, -2, -2, -2}}} {
		got, err := RemoveTop(in, m, c.share, "", []float32{-1, -2})
		if err != nil || !slices.Equal(got.X, c.want) {
			t.Errorf("%g: %v, %v", c.share, got.X, err)
		}
	}
	got, err := RemoveTop(in, m, 0.25, FillMean, nil)
	if err != nil || !slices.Equal(got.X, []float32{0, 1.5, 2, 3, 4, 5.5, 6, 7}) {
		t.Errorf("mean: %v, %v", got.X, err)
	}
	for _, bad := range []func() (Input, error){
		func() (Input, error) { return RemoveTop(in, NewMap(1, 1, 1), 0.5, FillMean, nil) },
		func() (Input, error) { return RemoveTop(in, m, 1.5, FillMean, nil) },
		func() (Input, error) { return RemoveTop(in, m, 0.5, FillMean, []float32{1}) },
		func() (Input, error) { return RemoveTop(in, m, 0.5, "jam", nil) },
	} {
		if _, err := bad(); err == nil {
			t.Error("no error")
		}
	}
}
