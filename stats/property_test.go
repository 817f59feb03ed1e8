package stats

import (
	"math"
	"slices"
	"testing"
)

// TestWilsonCoverage sums the binomial over all outcomes: 95 % intervals of 20 trials cover the truth in 92 % or more for proportions
// from 0.1 to 0.9, and Clopper–Pearson's never in less than 95 %.
func TestWilsonCoverage(t *testing.T) {
	const n = 20
	for p := 0.1; p <= 0.9; p += 0.01 {
		var wilson, exact float64
		for k := 0; k <= n; k++ {
			lg, _ := math.Lgamma(n + 1)
			lk, _ := math.Lgamma(float64(k) + 1)
			lr, _ := math.Lgamma(float64(n-k) + 1)
			mass := math.Exp(lg - lk - lr + float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p))
			if v := Wilson(float64(k), n, .95); v.Low <= p && p <= v.High {
				wilson += mass
			}
			if v := ClopperPearson(k, n, .95); v.Low <= p && p <= v.High {
				exact += mass
			}
		}
		if wilson < 0.92 || exact < 0.95-1e-9 {
			t.Errorf("p = %.2f: Wilson covers %.4f, Clopper–Pearson %.4f", p, wilson, exact)
		}
	}
}

// TestIntervalSymmetry: k of n and n − k of n mirror each other.
func TestIntervalSymmetry(t *testing.T) {
	for _, n := range []int{1, 7, 50} {
		for k := 0; k <= n; k++ {
			a, b := Wilson(float64(k), float64(n), .9), Wilson(float64(n-k), float64(n), .9)
			near(t, "Wilson", a.Low, 1-b.High, 1e-12)
			c, d := ClopperPearson(k, n, .9), ClopperPearson(n-k, n, .9)
			near(t, "Clopper–Pearson", c.Low, 1-d.High, 1e-9)
			if c.Low > a.Low+1e-9 && k > 0 && k < n || !(a.Low <= a.High) || a.Low < 0 || a.High > 1 {
				t.Errorf("%d of %d: Wilson %v, exact %v", k, n, a, c)
			}
		}
	}
}

// TestDeLongCoverage: on 400 samples of 60 with true AUC Φ(1/√2·1.2) the 95 % interval covers in 91 to 98 %; on samples of 40 patients
// with three correlated rows each the clustered interval does, and the one that takes rows for independent does not.
func TestDeLongCoverage(t *testing.T) {
	truth := 1 - upperNormal(1.2/math.Sqrt2)
	const samples = 400
	var plain, clustered, naive int
	for s := range samples {
		r := Seed(s).Stream("delong")
		score, y := make([]float64, 60), make([]bool, 60)
		for i := range score {
			y[i] = i < 25
			score[i] = r.NormFloat64()
			if y[i] {
				score[i] += 1.2
			}
		}
		if v := DeLong(score, y).Interval(.95); v.Low <= truth && truth <= v.High {
			plain++
		}
		// Patients of one class each, whose rows share most of their score.
		score, y = make([]float64, 120), make([]bool, 120)
		var groups [][]int
		for p := range 40 {
			shared := r.NormFloat64()
			groups = append(groups, []int{3 * p, 3*p + 1, 3*p + 2})
			for _, i := range groups[p] {
				y[i] = p < 18
				score[i] = math.Sqrt(.9)*shared + math.Sqrt(.1)*r.NormFloat64()
				if y[i] {
					score[i] += 1.2
				}
			}
		}
		if v := DeLongClustered(score, y, groups).Interval(.95); v.Low <= truth && truth <= v.High {
			clustered++
		}
		if v := DeLong(score, y).Interval(.95); v.Low <= truth && truth <= v.High {
			naive++
		}
	}
	share := func(n int) float64 { return float64(n) / samples }
	if share(plain) < .91 || share(plain) > .98 || share(clustered) < .9 || share(naive) > .8 {
		t.Errorf("coverage: DeLong %.3f, clustered %.3f, rows taken for independent %.3f", share(plain), share(clustered), share(naive))
	}
}

// TestRanks: midranks sum to n(n+1)/2, do not depend on order, and mirror under negation.
func TestRanks(t *testing.T) {
	r := Seed(1).Stream("ranks")
	for range 50 {
		x := make([]float64, 30)
		for i := range x {
			x[i] = float64(r.IntN(10))
		}
		rank := Midranks(x)
		var sum float64
		for _, v := range rank {
			sum += v
		}
		near(t, "sum of ranks", sum, 30*31/2, 0)
		minus := make([]float64, len(x))
		for i, v := range x {
			minus[i] = -v
		}
		for i, v := range Midranks(minus) {
			near(t, "mirrored rank", v, 31-rank[i], 0)
		}
		order := Order(x)
		if !slices.IsSortedFunc(order, func(a, b int) int {
			if x[a] != x[b] {
				return int(x[a] - x[b])
			}
			return a - b
		}) {
			t.Error("the order is not stable")
		}
	}
	if got := Order([]float64{2, math.NaN(), 1}); !slices.Equal(got, []int{1, 2, 0}) {
		t.Errorf("NaN sorts first: %v", got)
	}
}

// TestMannWhitneyIsAUC: U over the number of pairs is the area under the ROC curve; swapping the samples changes nothing but U.
func TestMannWhitneyIsAUC(t *testing.T) {
	r := Seed(2).Stream("u")
	for range 30 {
		x, y := make([]float64, 12), make([]float64, 17)
		for i := range x {
			x[i] = math.Round(3*r.NormFloat64()) + 1
		}
		for i := range y {
			y[i] = math.Round(3 * r.NormFloat64())
		}
		a, b := MannWhitney(x, y), MannWhitney(y, x)
		positive := make([]bool, 29)
		for i := range x {
			positive[i] = true
		}
		near(t, "area", DeLong(slices.Concat(x, y), positive).Area, a.U/(12*17), 1e-12)
		near(t, "U", a.U+b.U, 12*17, 0)
		near(t, "P", a.P, b.P, 1e-12)
	}
}

// TestExactMannWhitneyByHand: of the 10 arrangements of 2 among 5 one gives U = 0, one U = 1, two U = 2.
func TestExactMannWhitneyByHand(t *testing.T) {
	for u, want := range map[float64]float64{0: .2, 1: .4, 2: .8, 3: 1} {
		near(t, "P", exactMannWhitney(2, 3, u), want, 1e-12)
	}
}

// TestKappaByHand works the table 20 5 / 10 15: observed agreement 0.7, by chance 0.5.
func TestKappaByHand(t *testing.T) {
	near(t, "kappa", KappaOfTable([]float64{20, 5, 10, 15}, 2, Unweighted), 0.4, 1e-12)
	near(t, "perfect", CohenKappa([]int{0, 1, 2}, []int{0, 1, 2}, 3, Quadratic), 1, 0)
	near(t, "opposite", CohenKappa([]int{0, 1, 0, 1}, []int{1, 0, 1, 0}, 2, Linear), -1, 1e-12)
	// With two categories every weight is the same.
	a, b := []int{0, 0, 1, 1, 0, 1}, []int{0, 1, 1, 1, 0, 0}
	near(t, "weights of two categories", CohenKappa(a, b, 2, Quadratic), CohenKappa(a, b, 2, Unweighted), 1e-12)
}

// TestBCaByHand: without bias and skew the levels stay; with the estimate below most draws they move down.
func TestBCaByHand(t *testing.T) {
	draws := make([]float64, 1001)
	for i := range draws {
		draws[i] = float64(i)
	}
	lo, hi, ok := bcaLevels(500, draws, []float64{1, 2, 3}, .025, .975)
	if !ok {
		t.Fatal("no levels")
	}
	near(t, "low", lo, .025, 1e-9)
	near(t, "high", hi, .975, 1e-9)
	lo, hi, _ = bcaLevels(400, draws, []float64{1, 2, 3}, .025, .975)
	if lo >= .025 || hi >= .975 {
		t.Errorf("an estimate below most draws: levels %v and %v", lo, hi)
	}
	for why, c := range map[string]struct {
		point float64
		jack  []float64
	}{"outside the draws": {-1, []float64{1, 2, 3}}, "no jackknife": {500, nil}, "no spread": {500, []float64{2, 2, 2}}} {
		if _, _, ok := bcaLevels(c.point, draws, c.jack, .025, .975); ok {
			t.Errorf("%s: levels were found", why)
		}
	}
}
