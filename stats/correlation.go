package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Pearson is the product-moment correlation of x and y; NaN when there are fewer than two pairs or one of them does not vary.
func Pearson(x, y []float64) float64 { return WeightedPearson(x, y, nil) }

// WeightedPearson is [Pearson] where pair i counts weight[i] times; nil counts each once.
func WeightedPearson(x, y, weight []float64) float64 {
	mustMatch(len(x), len(y))
	var n, mx, my float64
	var varyX, varyY variation
	for i := range x {
		w := weightAt(weight, i)
		if w > 0 {
			varyX.see(x[i])
			varyY.see(y[i])
		}
		n += w
		mx += w * x[i]
		my += w * y[i]
	}
	mx /= n
	my /= n
	var sxx, syy, sxy float64
	for i := range x {
		w := weightAt(weight, i)
		dx, dy := x[i]-mx, y[i]-my
		sxx += w * dx * dx
		syy += w * dy * dy
		sxy += w * dx * dy
	}
	if !(n >= 2) || !varyX.found || !varyY.found {
		return math.NaN()
	}
	return math.Max(-1, math.Min(1, sxy/math.Sqrt(sxx)/math.Sqrt(syy)))
}

// variation finds out whether values differ, which a sum of squares about a rounded mean cannot tell.
type variation struct {
	first       float64
	seen, found bool
}

func (v *variation) see(x float64) {
	if !v.seen {
		v.first, v.seen = x, true
	}
	v.found = v.found || x != v.first
}

// Spearman is the rank correlation of x and y, ties averaged; NaN under the same conditions as [Pearson].
func Spearman(x, y []float64) float64 {
	mustMatch(len(x), len(y))
	for i := range x {
		if math.IsNaN(x[i]) || math.IsNaN(y[i]) {
			return math.NaN()
		}
	}
	return Pearson(Midranks(x), Midranks(y))
}

// CorrelationInterval is the interval of a Pearson correlation r of n independent pairs by Fisher's z transform (1915). Its ends are
// NaN when n < 4.
func CorrelationInterval(r float64, n int, level float64) Interval {
	if n < 4 || math.IsNaN(r) {
		return noInterval(level, "fisher-z")
	}
	z, half := math.Atanh(r), NormalQuantile(level)/math.Sqrt(float64(n-3))
	return Interval{Low: math.Tanh(z - half), High: math.Tanh(z + half), Level: level, Method: "fisher-z"}
}

// NormalQuantile is the number of standard errors on each side of an estimate that cover level, e.g. 1.96 for 0.95.
func NormalQuantile(level float64) float64 { return distuv.UnitNormal.Quantile(0.5 + level/2) }

// upperNormal is P(Z > z) of a standard normal, without the cancellation of 1 − CDF.
func upperNormal(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

func weightAt(weight []float64, i int) float64 {
	if weight == nil {
		return 1
	}
	return weight[i]
}

func mustMatch(a, b int) {
	if a != b {
		panic("stats: slices of different lengths")
	}
}
