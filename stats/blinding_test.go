package stats

import (
	"math"
	"testing"
)

// TestBlindingByHand: of 100 who saw the first arm 60 were right, 20 wrong, 20 did not know; of 100 who saw the second 30, 50, 20.
// Bang: 0.4 and −0.2. James: 20 % unknown; wrong 70/160; taken for the first 110/200, for the second 50/200; by chance
// (0.25·0.4 + 0.55·0.4)/0.64 = 0.5; (1.2 + 0.8·(0.4375 − 0.5)/0.5)/2 = 0.55.
func TestBlindingByHand(t *testing.T) {
	a, b := Guesses{60, 20, 20}, Guesses{30, 50, 20}
	near(t, "Bang", BangIndex(a).Value, .4, 1e-12)
	near(t, "its error", BangIndex(a).SE, math.Sqrt((.6*.4+.2*.8+2*.6*.2)/100), 1e-12) // as the paper writes it
	near(t, "Bang", BangIndex(b).Value, -.2, 1e-12)
	near(t, "James", JamesIndex(a, b).Value, .55, 1e-12)
	near(t, "which arm is first", JamesIndex(b, a).Value, JamesIndex(a, b).Value, 1e-12)
	// What the indices mean.
	near(t, "all right", JamesIndex(Guesses{50, 0, 0}, Guesses{50, 0, 0}).Value, 0, 1e-12)
	near(t, "chance", JamesIndex(Guesses{25, 25, 0}, Guesses{25, 25, 0}).Value, .5, 1e-12)
	near(t, "all wrong", JamesIndex(Guesses{0, 50, 0}, Guesses{0, 50, 0}).Value, 1, 1e-12)
	near(t, "nobody knows", JamesIndex(Guesses{0, 0, 50}, Guesses{0, 0, 50}).Value, 1, 1e-12)
	near(t, "all right", BangIndex(Guesses{9, 0, 0}).Value, 1, 0)
	near(t, "all wrong", BangIndex(Guesses{0, 9, 0}).Value, -1, 0)
	if BangIndex(Guesses{9, 0, 0}).Interval(.95).Defined() || JamesIndex(Guesses{0, 0, 5}, Guesses{0, 0, 5}).Interval(.95).Defined() {
		t.Error("an interval without spread")
	}
	for _, v := range []Blinding{BangIndex(Guesses{}), JamesIndex(Guesses{}, Guesses{}), JamesIndex(Guesses{5, 0, 0}, Guesses{})} {
		if !math.IsNaN(v.Value) || v.Interval(.95).Defined() {
			t.Errorf("nothing was guessed: %+v", v)
		}
	}
}

// TestBlindingErrors: standard errors are near the spread of 4,000 resamples of people.
func TestBlindingErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("resamples people")
	}
	for _, c := range [][2]Guesses{{{60, 20, 20}, {30, 50, 20}}, {{82, 27, 170}, {29, 25, 83}}} {
		var people []int
		for i, n := range []float64{c[0].Right, c[0].Wrong, c[0].Unknown, c[1].Right, c[1].Wrong, c[1].Unknown} {
			for range int(n) {
				people = append(people, i)
			}
		}
		d, err := Bootstrap{Resamples: 4000, Seed: 3}.Run(t.Context(), Clusters(make([]string, len(people))), len(people), 2, func(w, out []float64) {
			var p [6]float64
			for i, k := range people {
				p[k] += w[i]
			}
			a, b := Guesses{p[0], p[1], p[2]}, Guesses{p[3], p[4], p[5]}
			out[0], out[1] = JamesIndex(a, b).Value, BangIndex(a).Value
		})
		if err != nil {
			t.Fatal(err)
		}
		for k, se := range []float64{JamesIndex(c[0], c[1]).SE, BangIndex(c[0]).SE} {
			m, ss := mean(d.Resample[k]), 0.0
			for _, v := range d.Resample[k] {
				ss += (v - m) * (v - m) / 3999
			}
			if r := se / math.Sqrt(ss); r < .95 || r > 1.05 {
				t.Errorf("index %d: error %v, by resampling %v", k, se, math.Sqrt(ss))
			}
		}
	}
}
