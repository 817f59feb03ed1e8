package explain

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

func TestFlipByHand(t *testing.T) {
	in := Input{1, 1, 1, 4, []float32{1, 1, 1, 1}}
	score := pointwise([]float64{8, 4, 2, 1})
	m := &Map{1, 1, 4, []float32{9, 7, 5, 3}}
	f, err := Flip(context.Background(), in, m, 4, 1, FillZero, stats.Seed(1).Stream("x"), score)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Deletion, []float64{15, 7, 3, 1, 0}) || !slices.Equal(f.Insertion, []float64{0, 8, 12, 14, 15}) || !slices.Equal(f.Share, []float64{0, 0.25, 0.5, 0.75, 1}) {
		t.Errorf("deletion %v, insertion %v at %v", f.Deletion, f.Insertion, f.Share)
	}
	// Trapezoids over four steps: (7.5 + 7 + 3 + 1 + 0)/4 and (0 + 8 + 12 + 14 + 7.5)/4.
	if f.DeletionArea != 18.5/4 || f.InsertionArea != 41.5/4 {
		t.Errorf("areas %g and %g", f.DeletionArea, f.InsertionArea)
	}
	for name, bad := range map[string]func() (Faithfulness, error){
		"other size": func() (Faithfulness, error) {
			return Flip(context.Background(), in, NewMap(1, 1, 3), 2, 1, FillZero, stats.Seed(1).Stream("x"), score)
		},
		"no steps": func() (Faithfulness, error) {
			return Flip(context.Background(), in, m, 0, 1, FillZero, stats.Seed(1).Stream("x"), score)
		},
		"in-fill": func() (Faithfulness, error) {
			return Flip(context.Background(), in, m, 2, 1, FillIn, stats.Seed(1).Stream("x"), score)
		},
		"broken": func() (Faithfulness, error) {
			return Flip(context.Background(), in, m, 2, 1, FillZero, stats.Seed(1).Stream("x"), func([]float32, int) ([]float64, error) { return nil, errors.New("broken") })
		},
	} {
		if _, err := bad(); err == nil {
			t.Errorf("%s passed", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Flip(ctx, in, m, 2, 1, FillZero, stats.Seed(1).Stream("x"), score); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestShakeByHand(t *testing.T) {
	in := Input{1, 1, 4, 4, make([]float32, 16)}
	for i := range in.X {
		in.X[i] = float32(i)
	}
	// A map that is the input itself moves as much as the input does, and keeps its order under little noise.
	itself := func(in Input) (*Map, error) { return &Map{1, 4, 4, in.X}, nil }
	s, err := Shake(in, 5, 0.05, stats.Seed(1).Stream("x"), itself)
	if err != nil {
		t.Fatal(err)
	}
	width := 0.05 * math.Sqrt(255./12) // the deviation of 0 … 15 is √(255/12)
	if limit := 4 * width / length(in.X); *s.MaxSensitivity <= 0 || *s.MaxSensitivity > limit || *s.Spearman != 1 {
		t.Errorf("%g of at most %g, rank %g", *s.MaxSensitivity, limit, *s.Spearman)
	}
	k := 0
	jumpy := func(Input) (*Map, error) {
		k++
		m := NewMap(1, 4, 4)
		for i := range m.Values {
			m.Values[i] = float32((i*7*k + k) % 16)
		}
		return m, nil
	}
	if s, err = Shake(in, 5, 0.05, stats.Seed(1).Stream("x"), jumpy); err != nil || *s.Spearman > 0.5 {
		t.Errorf("a map that jumps: %v, %v", s, err)
	}
	sizes := 3
	if _, err := Shake(in, 1, 0.05, stats.Seed(1).Stream("x"), func(Input) (*Map, error) { sizes++; return NewMap(1, 1, sizes), nil }); err == nil {
		t.Error("maps of two sizes passed")
	}
	if s, err = Shake(in, 1, 0.05, stats.Seed(1).Stream("x"), func(Input) (*Map, error) { return NewMap(1, 4, 4), nil }); err != nil || s.MaxSensitivity != nil || s.Spearman != nil {
		t.Errorf("an empty map: %+v, %v", s, err)
	}
	v := Verdict{Finding: Supported}
	low := 0.2
	if v.Shaken(Stability{Spearman: &low, Noise: 0.05}); v.Finding != Unstable {
		t.Errorf("a shaky map stays %s", v.Finding)
	}
	v = Verdict{Finding: Empty}
	if v.Shaken(Stability{Spearman: &low}); v.Finding != Empty {
		t.Errorf("an empty map became %s", v.Finding)
	}
}

func TestRISEMasks(t *testing.T) {
	in := noise(1, 5, 13, 9)
	rng := stats.Seed(1).Stream("x")
	total := 0.0
	for range 300 {
		m := riseMask(in, [3]int{2, 4, 3}, 0.3, rng)
		if len(m.Values) != len(in.X) || slices.Min(m.Values) < 0 || slices.Max(m.Values) > 1 {
			t.Fatalf("%d values from %g to %g", len(m.Values), slices.Min(m.Values), slices.Max(m.Values))
		}
		total += mean(widen(m.Values)) / 300
	}
	if math.Abs(total-0.3) > 0.05 {
		t.Errorf("masks show %.3f on average, want 0.3", total)
	}
	score := pointwise(make([]float64, len(in.X)))
	m, err := RISE(context.Background(), in, 20, [3]int{2, 4, 3}, 0.5, FillMean, rng, score)
	if err != nil || slices.Max(m.Values) != 0 || slices.Min(m.Values) != 0 {
		t.Errorf("a score that looks at nothing: %v", err)
	}
	for _, bad := range []struct {
		masks int
		cells [3]int
		keep  float64
		fill  Fill
	}{{0, [3]int{1, 1, 1}, 0.5, FillMean}, {1, [3]int{0, 1, 1}, 0.5, FillMean}, {1, [3]int{1, 1, 1}, 0, FillMean}, {1, [3]int{1, 1, 1}, 1, FillMean}, {1, [3]int{1, 1, 1}, 0.5, FillIn}} {
		if _, err := RISE(context.Background(), in, bad.masks, bad.cells, bad.keep, bad.fill, rng, score); err == nil {
			t.Errorf("%+v passed", bad)
		}
	}
}

func TestTimeErrors(t *testing.T) {
	in := noise(2, 4, 2, 2)
	score := pointwise(make([]float64, len(in.X)))
	broken := func([]float32, int) ([]float64, error) { return nil, errors.New("broken") }
	rng := stats.Seed(1).Stream("x")
	if _, err := DisturbTime(in, 0, 1, rng, score); err == nil {
		t.Error("no orders passed")
	}
	if _, err := DisturbTime(in, 1, 0, rng, score); err == nil {
		t.Error("no frozen frames passed")
	}
	if _, err := DisturbTime(in, 1, 1, rng, broken); err == nil {
		t.Error("a broken score passed")
	}
	if _, _, err := FrameImportance(in, broken); err == nil {
		t.Error("a broken score passed")
	}
	if _, _, err := FrameImportance(Input{}, score); err == nil {
		t.Error("no input passed")
	}
	for _, bad := range [][3]int{{4, -1, 2}, {4, 1, 4}, {4, 2, 2}} {
		if _, err := PhaseImportance(make([]float64, bad[0]), bad[1], bad[2]); err == nil {
			t.Errorf("%v passed", bad)
		}
	}
}

// Both channels of a frame go together, and time controls reorder whole frames.
func TestTimeMovesWholeFrames(t *testing.T) {
	in := Input{2, 3, 1, 1, []float32{1, 2, 3, 10, 20, 30}}
	var seen [][]float32
	score := func(x []float32, _ int) ([]float64, error) {
		seen = append(seen, slices.Clone(x))
		return []float64{0}, nil
	}
	if _, err := DisturbTime(in, 1, 1, stats.Seed(1).Stream("x"), score); err != nil {
		t.Fatal(err)
	}
	for _, x := range seen {
		for f := range 3 {
			if x[3+f] != 10*x[f] {
				t.Errorf("frames are torn: %v", x)
			}
		}
	}
	if !slices.Equal(seen[1], []float32{3, 2, 1, 30, 20, 10}) || !slices.Equal(seen[2], []float32{1, 1, 3, 10, 10, 30}) || !slices.Equal(seen[4], []float32{2, 2, 2, 20, 20, 20}) {
		t.Errorf("reversed %v, dropped %v, frozen %v", seen[1], seen[2], seen[4])
	}
}

func TestPhasesOfSeveralBeats(t *testing.T) {
	word := func(p []Phase) (s string) {
		for _, x := range p {
			s += string(x[0])
		}
		return s
	}
	for _, c := range []struct {
		n      int
		ed, es []int
		want   string
	}{
		{8, []int{1}, []int{4}, "dsssdddd"},
		{8, []int{4}, []int{1}, "sdddssss"},
		{10, []int{0, 6}, []int{3, 8}, "sssdddssdd"},
		{6, []int{5, 0}, []int{2}, "ssddds"}, // in any order
	} {
		got, err := Phases(c.n, c.ed, c.es)
		if err != nil || word(got) != c.want {
			t.Errorf("end-diastoles %v, end-systoles %v: %s, want %s, %v", c.ed, c.es, word(got), c.want, err)
		}
	}
	for _, bad := range [][2][]int{{nil, {1}}, {{1}, nil}, {{1}, {1}}, {{8}, {1}}, {{1}, {-1}}} {
		if _, err := Phases(8, bad[0], bad[1]); err == nil {
			t.Errorf("%v passed", bad)
		}
	}
	m := MeanOfPhases([]float64{1, 2, 6}, []Phase{Systole, Systole, Systole})
	if _, any := m[Diastole]; any || m[Systole] != 3 {
		t.Errorf("%v", m)
	}
}
