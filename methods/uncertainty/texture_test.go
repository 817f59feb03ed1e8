package uncertainty

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// The reference is scikit-learn 1.2.1, covariance.ledoit_wolf(assume_centered=True) of the centred items.
func TestLedoitWolfAsScikitLearn(t *testing.T) {
	for _, c := range []struct {
		items  [][]float64
		amount float64
		want   []float64 // rows
	}{
		{[][]float64{{1, 2, 0}, {2, 1, 1}, {3, 5, 2}, {4, 3, 1}, {0, 1, 5}, {2, 0, 3}}, 1, []float64{7. / 3, 0, 0, 0, 7. / 3, 0, 0, 0, 7. / 3}},
		{[][]float64{{1, 2, 0, 4}, {2, 1, 1, -1}, {3, 5, 2, 0.5}}, 0.6088366847860519, []float64{ // fewer items than dimensions
			1.5714656287792714, 0.3911633152139481, 0.2607755434759654, -0.4563572010829395,
			0.3911633152139481, 2.4407174403658227, 0.3911633152139481, 0.02173129528966388,
			0.2607755434759654, 0.3911633152139481, 1.5714656287792714, -0.4563572010829395,
			-0.4563572010829395, 0.02173129528966388, -0.4563572010829395, 3.027462413186745}},
	} {
		n, d := len(c.items), len(c.items[0])
		x := mat.NewDense(d, n, nil)
		for j := range d {
			mean := 0.0
			for _, it := range c.items {
				mean += it[j] / float64(n)
			}
			for i, it := range c.items {
				x.Set(j, i, it[j]-mean)
			}
		}
		cov, amount := LedoitWolf(x)
		if math.Abs(amount-c.amount) > 1e-12 {
			t.Errorf("amount %.15f, want %.15f", amount, c.amount)
		}
		for k, want := range c.want {
			if got := cov.At(k/d, k%d); math.Abs(got-want) > 1e-12 {
				t.Errorf("covariance %d, %d is %.15f, want %.15f", k/d, k%d, got, want)
			}
		}
	}
}

// textured are items of two stages: the second dimension of the first stage follows the first, the second stage is by itself.
func textured(n int, seed int) [][][]float64 {
	rng := stats.Seed(81).Stream("texture", seed)
	var out [][][]float64
	for range n {
		a := rng.NormFloat64()
		out = append(out, [][]float64{{a, 10 + 2*a + 0.1*rng.NormFloat64()}, {rng.NormFloat64(), 5, rng.NormFloat64()}})
	}
	return out
}

func TestTextureFindsWhatEachNumberAloneHides(t *testing.T) {
	tx, err := FitTexture(textured(400, 1))
	if err != nil {
		t.Fatal(err)
	}
	var usual []float64
	for _, it := range textured(400, 2) {
		usual = append(usual, tx.Score(it))
	}
	limit := percentile(usual, 0.99)
	for name, c := range map[string]struct {
		item    [][]float64
		strange bool
	}{
		"the middle":                     {[][]float64{{0, 10}, {0, 5, 0}}, false},
		"far out along the relation":     {[][]float64{{1.5, 13}, {0, 5, 0}}, false},
		"within both ranges, unrelated":  {[][]float64{{1, 9}, {0, 5, 0}}, true},
		"only the second stage":          {[][]float64{{0, 10}, {0, 5, 9}}, true},
		"a constant that is another now": {[][]float64{{0, 10}, {0, 50, 0}}, false}, // it never varied: nothing was learnt of it
		"cannot be measured":             {[][]float64{{math.NaN(), 10}, {0, 5, 0}}, true},
	} {
		if s := tx.Score(c.item); s > limit != c.strange {
			t.Errorf("%s: score %.3f, limit %.3f", name, s, limit)
		}
	}
	// On the scale of the score usual items have mean 0 and deviation 1 a stage; the larger of two lies somewhat above.
	if m, s := meanAndDeviation(usual); m < 0 || m > 1 || s < 0.4 || s > 1.4 {
		t.Errorf("usual scores have mean %.3f and deviation %.3f", m, s)
	}
}

func percentile(x []float64, q float64) float64 {
	o := stats.Order(x)
	return x[o[int(q*float64(len(x)-1))]]
}

// Units of a dimension do not matter, whatever the shrinkage.
func TestTextureKnowsNoUnits(t *testing.T) {
	other := func(items [][][]float64) [][][]float64 {
		var out [][][]float64
		for _, it := range items {
			out = append(out, [][]float64{{it[0][0]*1e4 - 3, it[0][1] / 50}, {7 - it[1][0], it[1][1], 2 * it[1][2]}})
		}
		return out
	}
	a, err := FitTexture(textured(60, 3))
	if err != nil {
		t.Fatal(err)
	}
	b, err := FitTexture(other(textured(60, 3)))
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range textured(20, 4) {
		if x, y := a.Score(it), b.Score(other([][][]float64{it})[0]); math.Abs(x-y) > 1e-8*(1+math.Abs(x)) {
			t.Errorf("%.12f and %.12f", x, y)
		}
	}
}

// Usual items must stay usual with more dimensions than items: a plain covariance has no inverse there, and one with a ridge calls
// every new item strange.
func TestTextureWithFewItems(t *testing.T) {
	rng := stats.Seed(82).Stream("few")
	draw := func(n int, shift float64) [][][]float64 {
		var out [][][]float64
		for range n {
			x := make([]float64, 120)
			common := rng.NormFloat64()
			for j := range x {
				x[j] = common + rng.NormFloat64() + shift*float64(j%2)
			}
			out = append(out, [][]float64{x})
		}
		return out
	}
	tx, err := FitTexture(draw(40, 0))
	if err != nil {
		t.Fatal(err)
	}
	score := func(items [][][]float64) (out []float64) {
		for _, it := range items {
			out = append(out, tx.Score(it))
		}
		return out
	}
	usual, strange := score(draw(200, 0)), score(draw(200, 2))
	if m, s := meanAndDeviation(usual); math.Abs(m) > 1 || s > 3 {
		t.Errorf("usual items score %.2f ± %.2f", m, s)
	}
	if d := Detect(usual, strange); d.AUROC < 0.95 {
		t.Errorf("AUROC %.3f", d.AUROC)
	}
	if _, err := FitTexture(draw(9, 0)); fault.CodeOf(err) != fault.Input {
		t.Errorf("nine items: %v", err)
	}
	same := make([][][]float64, 20)
	for i := range same {
		same[i] = [][]float64{{1, 2}}
	}
	if _, err := FitTexture(same); fault.CodeOf(err) != fault.Input {
		t.Errorf("items that do not vary: %v", err)
	}
}

func TestStrangestByHand(t *testing.T) {
	// Two scores of four usual items. Ranks, ties with oneself half: 1/8, 3/8, 5/8, 7/8 in some order; the larger of the two are
	// 7/8 (a), 5/8 (b), 7/8 (c), 5/8 (d).
	usual := [][]float64{{1, 40}, {3, 10}, {4, 20}, {2, 30}}
	s := NewStrangest(usual)
	for _, c := range []struct {
		scores []float64
		share  float64
		by     int
	}{
		{[]float64{0, 0}, 0, 0},
		{[]float64{9, 0}, 1, 0},
		{[]float64{0, 99}, 1, 1},
		{[]float64{3.5, 5}, 0.5, 0},  // rank 3/4: above 5/8 twice
		{[]float64{2.5, 15}, 0, 0},   // rank 1/2 is below all
		{[]float64{3, 40}, 0.75, 1},  // 7/8: above two, equal to two
		{[]float64{3, 5}, 0.25, 0},   // 5/8: equal to two
		{[]float64{2.5, 25}, 0, 0},   // the first of equals says it
		{[]float64{0, 41}, 1, 1},     // stranger than any
		{[]float64{4, 20.5}, .75, 0}, // 7/8
	} {
		if share, by := s.Of(c.scores); share != c.share || by != c.by {
			t.Errorf("%v: %v by %d, want %v by %d", c.scores, share, by, c.share, c.by)
		}
	}
	one := NewStrangest([][]float64{{1}, {2}, {3}, {4}})
	if share, by := one.Of([]float64{3}); share != 0.625 || by != 0 {
		t.Errorf("one score: %v by %d, want what Stranger says", share, by)
	}
}

// A limit of 0.95 refuses one usual item in twenty however scores hang together.
func TestStrangestKeepsItsPromise(t *testing.T) {
	for _, related := range []float64{0, 0.9} {
		rng := stats.Seed(83).Stream("strangest", int(10*related))
		draw := func() []float64 {
			a := rng.NormFloat64()
			return []float64{a, related*a + math.Sqrt(1-related*related)*rng.NormFloat64(), rng.ExpFloat64()}
		}
		refused := 0
		const rounds = 400
		for range rounds {
			var usual [][]float64
			for range 99 {
				usual = append(usual, draw())
			}
			if share, _ := NewStrangest(usual).Of(draw()); share > 0.95 {
				refused++
			}
		}
		covers(t, "refused", refused, rounds, 0.03, 0.07)
	}
}
