package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Agreement is a Bland–Altman analysis of two measurements of the same things (Bland and Altman 1986, 1999), in their unit.
type Agreement struct {
	N       int
	Bias    float64  // mean of a − b
	SD      float64  // of a − b, n − 1 in the denominator
	Lower   float64  // limit of agreement, Bias − 1.96·SD: 95 % of differences lie between the limits
	Upper   float64  // Bias + 1.96·SD
	BiasCI  Interval // by Student's t
	LowerCI Interval // by the standard error SD·√(1/n + 1.96²/(2(n−1)))
	UpperCI Interval
	Trend   float64 // slope of a − b on (a + b)/2: error that grows with size; NaN when the means do not vary
}

// BlandAltman compares a with b, level being that of the intervals of bias and limits. With fewer than two pairs the spread is NaN.
func BlandAltman(a, b []float64, level float64) Agreement {
	mustMatch(len(a), len(b))
	n := float64(len(a))
	g := Agreement{N: len(a), SD: math.NaN(), Trend: math.NaN()}
	diff, mid := make([]float64, len(a)), make([]float64, len(a))
	for i := range a {
		diff[i], mid[i] = a[i]-b[i], (a[i]+b[i])/2
	}
	g.Bias = mean(diff)
	var ss, sxx, sxy float64
	mm := mean(mid)
	for i, d := range diff {
		ss += (d - g.Bias) * (d - g.Bias)
		sxx += (mid[i] - mm) * (mid[i] - mm)
		sxy += (mid[i] - mm) * (d - g.Bias)
	}
	if n >= 2 {
		g.SD = math.Sqrt(ss / (n - 1))
	}
	if sxx > 0 {
		g.Trend = sxy / sxx
	}
	const z = 1.959963984540054
	g.Lower, g.Upper = g.Bias-z*g.SD, g.Bias+z*g.SD
	g.BiasCI, g.LowerCI, g.UpperCI = noInterval(level, "t"), noInterval(level, "bland-altman"), noInterval(level, "bland-altman")
	if n >= 2 {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5 + level/2)
		around := func(v, se float64, method string) Interval {
			return Interval{Low: v - t*se, High: v + t*se, Level: level, Method: method}
		}
		limit := g.SD * math.Sqrt(1/n+z*z/(2*(n-1)))
		g.BiasCI = around(g.Bias, g.SD/math.Sqrt(n), "t")
		g.LowerCI = around(g.Lower, limit, "bland-altman")
		g.UpperCI = around(g.Upper, limit, "bland-altman")
	}
	return g
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
