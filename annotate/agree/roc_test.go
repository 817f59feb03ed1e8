package agree

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// TestCurveByHand: positives 3, 2, 2, negatives 2, 1. At 3: 1/3 of the positives; at 2, a tie: all positives and half of the negatives; then all.
func TestCurveByHand(t *testing.T) {
	score, y := []float64{3, 2, 2, 2, 1}, []bool{true, true, true, false, false}
	got := roc(score, y)
	want := []ROCPoint{{0, 0}, {0, 1.0 / 3}, {.5, 1}, {1, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	near(t, "area", area(got), stats.DeLong(score, y).Area, 1e-12)
	if roc([]float64{1, 2}, []bool{true, true}) != nil || roc(nil, nil) != nil {
		t.Error("a curve of one kind of case")
	}
	for _, c := range []struct{ x, low, high float64 }{{0, 0, 1.0 / 3}, {.25, 2.0 / 3, 2.0 / 3}, {.5, 1, 1}, {1, 1, 1}} {
		low, high := sensitivityAt(got, c.x)
		near(t, "from the left", low, c.low, 1e-12)
		near(t, "from the right", high, c.high, 1e-12)
	}
}

func area(c []ROCPoint) (a float64) {
	for k := 1; k < len(c); k++ {
		a += (c[k].False - c[k-1].False) * (c[k].True + c[k-1].True) / 2
	}
	return a
}

// TestMeanROC: whatever readers' curves are, with ties and cases that some have not read, the area under the mean is the mean of the areas, and the
// mean goes up and to the right from one corner to the other.
func TestMeanROC(t *testing.T) {
	rng := stats.Seed(7).Stream("mean curve")
	for range 200 {
		y := make([]bool, 12)
		for i := range y {
			y[i] = i%3 == 0
		}
		var people []way
		var areas []float64
		for range 2 + rng.IntN(3) {
			w := way{}
			var s []float64
			var z []bool
			for i := range y {
				v := float64(rng.IntN(4))
				if rng.IntN(5) == 0 {
					v = math.NaN()
				} else {
					s, z = append(s, v), append(z, y[i])
				}
				w.score = append(w.score, v)
			}
			people = append(people, w)
			if c := roc(s, z); c != nil {
				near(t, "area", area(c), stats.DeLong(s, z).Area, 1e-12)
				areas = append(areas, area(c))
			}
		}
		got := meanROC(people, y)
		if len(areas) < 2 {
			if got != nil {
				t.Fatalf("a mean of %d curves", len(areas))
			}
			continue
		}
		near(t, "area under the mean", area(got), average(areas), 1e-9)
		if got[0] != (ROCPoint{0, 0}) || math.Abs(got[len(got)-1].False-1)+math.Abs(got[len(got)-1].True-1) > 1e-12 {
			t.Fatalf("from %v to %v", got[0], got[len(got)-1])
		}
		for k := 1; k < len(got); k++ {
			if got[k].False < got[k-1].False || got[k].True < got[k-1].True-1e-12 {
				t.Fatalf("it goes back: %v", got)
			}
		}
	}
}

// TestDrawnRows: a row that counts twice is there twice, one that does not count is not, and figures of drawn rows are those of weights.
func TestDrawnRows(t *testing.T) {
	rows, weight := []string{"a", "b", "c"}, []float64{2, 0, 1}
	if got := times(rows, weight); !slices.Equal(got, []string{"a", "a", "c"}) {
		t.Errorf("%v", got)
	}
	near(t, "mean", weighted([]float64{1, 100, 4}, weight), 2, 1e-12)
	near(t, "mean", average(times([]float64{1, 100, 4}, weight)), 2, 1e-12)
	if clustered([]string{"a", "b"}) || !clustered([]string{"a", "b", "a"}) || clustered(nil) {
		t.Error("clusters")
	}
	if (unit{Case: "c"}).patient() != "c" || (unit{Case: "c", Patient: "p"}).patient() != "p" {
		t.Error("a case without a patient stands for itself")
	}
	if plural(1, "case", "cases") != "1 case" || plural(0, "case", "cases") != "0 cases" || signed(-.25) != "−0.250" || signed(.25) != "0.250" {
		t.Error("words")
	}
}
