package stats

import (
	"math"
	"slices"
)

// Order is the permutation that sorts x ascending; equal values keep their order. NaN sorts first, as in package slices.
func Order(x []float64) []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b] || x[a] != x[a] && x[b] == x[b]:
			return -1
		case x[a] > x[b] || x[b] != x[b] && x[a] == x[a]:
			return 1
		}
		return 0
	})
	return order
}

// Midranks returns the rank of each value, 1 to n; equal values share the mean of their ranks.
func Midranks(x []float64) []float64 {
	order := Order(x)
	rank := make([]float64, len(x))
	for lo := 0; lo < len(x); {
		hi := lo + 1
		for hi < len(x) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			rank[i] = float64(lo+hi+1) / 2
		}
		lo = hi
	}
	return rank
}

// RankTest is the result of a [MannWhitney] test.
type RankTest struct {
	U     float64 // pairs in which x is the larger, ties counted half
	P     float64 // two-sided
	Exact bool    // P is from the exact distribution of U rather than the normal approximation
}

// exactLimit is the largest sample for which P is exact; beyond it the normal approximation is good to three digits.
const exactLimit = 20

// MannWhitney tests whether x tends to be larger or smaller than y (Mann and Whitney 1947). P is exact where neither sample has more
// than 20 values and there are no ties; otherwise it is the normal approximation with tie and continuity correction, as in SciPy.
// P is NaN when a sample is empty or holds NaN.
func MannWhitney(x, y []float64) RankTest {
	m, n := len(x), len(y)
	all := append(slices.Clone(x), y...)
	if m == 0 || n == 0 || slices.ContainsFunc(all, math.IsNaN) {
		return RankTest{U: math.NaN(), P: math.NaN()}
	}
	rank := Midranks(all)
	var sum float64
	for _, r := range rank[:m] {
		sum += r
	}
	u := sum - float64(m)*float64(m+1)/2
	ties := tieTerm(all)
	if ties == 0 && m <= exactLimit && n <= exactLimit {
		return RankTest{U: u, P: exactMannWhitney(m, n, u), Exact: true}
	}
	mf, nf := float64(m), float64(n)
	total := mf + nf
	sd := math.Sqrt(mf * nf / 12 * (total + 1 - ties/(total*(total-1))))
	if sd == 0 {
		return RankTest{U: u, P: 1}
	}
	z := math.Max(0, math.Abs(u-mf*nf/2)-0.5) / sd
	return RankTest{U: u, P: math.Min(1, 2*upperNormal(z))}
}

// tieTerm is Σ(t³ − t) over groups of t equal values.
func tieTerm(x []float64) float64 {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	var sum float64
	for lo := 0; lo < len(sorted); {
		hi := lo + 1
		for hi < len(sorted) && sorted[hi] == sorted[lo] {
			hi++
		}
		t := float64(hi - lo)
		sum += t*t*t - t
		lo = hi
	}
	return sum
}

// exactMannWhitney is the two-sided P of u, by counting the arrangements of m among m+n that give each value of U.
func exactMannWhitney(m, n int, u float64) float64 {
	// ways[k][v]: number of ways in which k of the x values exceed v of the y values in all, adding one y value after another.
	ways := make([][]float64, m+1)
	for k := range ways {
		ways[k] = make([]float64, m*n+1)
	}
	ways[0][0] = 1
	for y := 1; y <= m+n; y++ {
		for k := min(m, y); k >= 1; k-- {
			below := y - k // y values ranked under the k-th x value when it has rank y
			if below > n {
				continue
			}
			for v := m * n; v >= below; v-- {
				ways[k][v] += ways[k-1][v-below]
			}
		}
	}
	var tail, total float64
	extreme := math.Max(u, float64(m*n)-u)
	for v, w := range ways[m] {
		total += w
		if float64(v) >= extreme {
			tail += w
		}
	}
	return math.Min(1, 2*tail/total)
}
