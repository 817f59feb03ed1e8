package stats

import "math"

// KappaWeight says how much a disagreement between ordered categories counts.
type KappaWeight int

// The weights: every disagreement alike, by distance, by squared distance.
const (
	Unweighted KappaWeight = iota
	Linear
	Quadratic
)

// CohenKappa is the agreement of two readers a and b over categories 0..k−1 beyond chance (Cohen 1960, 1968): 1 is perfect, 0 is
// chance. NaN when there are no ratings or chance agreement is certain (both readers use one and the same category).
func CohenKappa(a, b []int, k int, weight KappaWeight) float64 {
	mustMatch(len(a), len(b))
	table := make([]float64, k*k)
	for i := range a {
		table[a[i]*k+b[i]]++
	}
	return KappaOfTable(table, k, weight)
}

// KappaOfTable is [CohenKappa] of a k×k table of counts, row-major.
func KappaOfTable(table []float64, k int, weight KappaWeight) float64 {
	row, col := make([]float64, k), make([]float64, k)
	var n float64
	for i := range k {
		for j := range k {
			c := table[i*k+j]
			row[i] += c
			col[j] += c
			n += c
		}
	}
	var observed, expected float64
	for i := range k {
		for j := range k {
			w := weight.of(i, j)
			observed += w * table[i*k+j]
			expected += w * row[i] * col[j] / n
		}
	}
	if n == 0 || expected == 0 {
		return math.NaN()
	}
	return 1 - observed/expected
}

func (w KappaWeight) of(i, j int) float64 {
	d := math.Abs(float64(i - j))
	switch w {
	case Linear:
		return d
	case Quadratic:
		return d * d
	}
	if d != 0 {
		return 1
	}
	return 0
}
