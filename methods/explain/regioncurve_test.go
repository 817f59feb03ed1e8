package explain

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// heart is an input [1, 2, 9, 9] of ones with a square of tens, rows and columns 3 to 5; the score is the sum.
func heart() (in Input, region Region, sum ScoreFunc) {
	in = Input{C: 1, T: 2, H: 9, W: 9, X: make([]float32, 162)}
	region.Name = "square"
	for i := range in.X {
		in.X[i] = 1
		if y, x := i/9%9, i%9; y >= 3 && y <= 5 && x >= 3 && x <= 5 {
			in.X[i] = 10
			region.At = append(region.At, i)
		}
	}
	return in, region, func(x []float32, n int) ([]float64, error) {
		out := make([]float64, n)
		for i, v := range x {
			out[i/162] += float64(v)
		}
		return out, nil
	}
}

func TestHideByParts(t *testing.T) {
	in, region, sum := heart()
	c, err := HideByParts(context.Background(), in, region, 3, 4, FillZero, stats.Seed(1).Stream("x"), sum)
	if err != nil {
		t.Fatal(err)
	}
	// 162 + 18·9 = 324 whole; a third of the square is 3 positions of 10 in each of 2 frames. Elsewhere a position is worth 1, or 10 where the
	// moved square overlaps the square, in at most a quarter of it: 2 of 9 positions a frame.
	if want := []float64{324, 264, 204, 144}; !slices.Equal(c.Hidden, want) || c.Area != 18.0/162 {
		t.Errorf("hidden %v of area %g, want %v", c.Hidden, c.Area, want)
	}
	if c.Elsewhere[0] != 324 || c.Elsewhere[3] > 306 || c.Elsewhere[3] < 306-4*9 {
		t.Errorf("elsewhere %v", c.Elsewhere)
	}
	// The middle of the square is hidden first: it alone is deeper than the edge.
	first := parts(in, region.At, 9)[0]
	if want := []int{4*9 + 4, 81 + 4*9 + 4}; !slices.Equal(first, want) {
		t.Errorf("first %v, want %v", first, want)
	}
}

func TestElsewherePrefersTissue(t *testing.T) {
	// Tissue flickers in rows 0 to 9 of 20, the rest is black.
	in := Input{C: 1, T: 2, H: 20, W: 20, X: make([]float32, 800)}
	rng := stats.Seed(2).Stream("x")
	for i := range in.X {
		if i/20%20 < 10 {
			in.X[i] = float32(rng.NormFloat64())
		}
	}
	region := Disc("x", in, 5, 5, 3)
	black := 0
	for _, r := range Elsewhere(in, region, 20, rng) {
		if len(r.At) != len(region.At) {
			t.Fatalf("%d positions, want %d", len(r.At), len(region.At))
		}
		for _, p := range r.At {
			if p/20%20 >= 10 {
				black++
			}
		}
	}
	if share := float64(black) / float64(20*len(region.At)); share > 0.3 {
		t.Errorf("%.2f of the places are black", share)
	}
}

func TestHideInTime(t *testing.T) {
	in, region, sum := heart()
	fall, err := HideInTime(in, region, 2, FillZero, sum)
	if err != nil || !slices.Equal(fall, []float64{90, 90}) {
		t.Errorf("%v, %v", fall, err)
	}
	late := Region{At: region.At[9:]}
	if fall, err = HideInTime(in, late, 2, FillZero, sum); err != nil || !slices.Equal(fall, []float64{0, 90}) {
		t.Errorf("%v, %v", fall, err)
	}
	if _, err := HideInTime(in, region, 3, FillZero, sum); err == nil {
		t.Error("three parts of two frames")
	}
}

func TestDepthsWithoutOutside(t *testing.T) {
	for p, d := range depths([]int{0, 1, 2, 3}, 2, 2) {
		if d != 0 {
			t.Errorf("position %d is %d deep where nothing is outside", p, d)
		}
	}
}

func TestRegionsThatCannotBeHidden(t *testing.T) {
	in, region, sum := heart()
	ctx, rng := context.Background(), stats.Seed(1).Stream("x")
	broken := func([]float32, int) ([]float64, error) { return nil, errors.New("broken") }
	short := func([]float32, int) ([]float64, error) { return []float64{1}, nil }
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	for name, f := range map[string]func() error{
		"empty":     func() error { _, err := HideByParts(ctx, in, Region{}, 2, 2, FillZero, rng, sum); return err },
		"no steps":  func() error { _, err := HideByParts(ctx, in, region, 0, 2, FillZero, rng, sum); return err },
		"no places": func() error { _, err := HideByParts(ctx, in, region, 1, 0, FillZero, rng, sum); return err },
		"no input":  func() error { _, err := HideByParts(ctx, Input{}, region, 1, 1, FillZero, rng, sum); return err },
		"no fill":   func() error { _, err := HideByParts(ctx, in, region, 1, 1, "jam", rng, sum); return err },
		"no score":  func() error { _, err := HideByParts(ctx, in, region, 1, 1, FillZero, rng, broken); return err },
		"few":       func() error { _, err := HideByParts(ctx, in, region, 1, 1, FillZero, rng, short); return err },
		"cancelled": func() error { _, err := HideByParts(stopped, in, region, 1, 1, FillZero, rng, sum); return err },
		"outside":   func() error { _, _, err := Ablate(in, []Region{{At: []int{162}}}, FillZero, nil, sum); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := HideByParts(ctx, in, region, 1, 1, FillIn, rng, sum); err != nil {
		t.Error(err)
	}
}
