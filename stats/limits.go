package stats

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/mathext"
)

// ExactLimits are the intervals of both limits of agreement by the noncentral t distribution (Carkeet, Optom Vis Sci 2015;92:e71), which
// hold for any number of normal differences; those of [BlandAltman] are approximate and too narrow outwards for few.
func (g Agreement) ExactLimits(level float64) (lower, upper Interval) {
	lower, upper = noInterval(level, "carkeet"), noInterval(level, "carkeet")
	if g.N < 2 || !(g.SD >= 0) {
		return lower, upper
	}
	const z = 1.959963984540054
	n := float64(g.N)
	near := noncentralT(0.5-level/2, n-1, z*math.Sqrt(n)) / math.Sqrt(n)
	far := noncentralT(0.5+level/2, n-1, z*math.Sqrt(n)) / math.Sqrt(n)
	upper.Low, upper.High = g.Bias+near*g.SD, g.Bias+far*g.SD
	lower.Low, lower.High = g.Bias-far*g.SD, g.Bias-near*g.SD
	return lower, upper
}

// noncentralT is the quantile p of Student's t with df degrees of freedom and noncentrality delta, to about 1e-9.
func noncentralT(p, df, delta float64) float64 {
	low, high := delta-1, delta+1
	for step := 1.0; noncentralTCDF(low, df, delta) > p; step *= 2 {
		low -= step
	}
	for step := 1.0; noncentralTCDF(high, df, delta) < p; step *= 2 {
		high += step
	}
	for range 200 {
		mid := (low + high) / 2
		if mid <= low || mid >= high {
			break
		}
		if noncentralTCDF(mid, df, delta) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// noncentralTCDF is E[Φ(t·S − δ)], S being a chi over √df, by Gauss–Legendre quadrature over the twelve standard deviations of S on each
// side that matter.
func noncentralTCDF(t, df, delta float64) float64 {
	sd := 1 / math.Sqrt(2*df)
	lgamma, _ := math.Lgamma(df / 2)
	scale := math.Ln2 + df/2*math.Log(df/2) - lgamma
	density := func(s float64) float64 {
		if s <= 0 {
			return 0
		}
		return math.Exp(scale+(df-1)*math.Log(s)-df*s*s/2) * (1 - upperNormal(t*s-delta))
	}
	return quad.Fixed(density, math.Max(0, 1-12*sd), 1+12*sd, 200, quad.Legendre{}, 0)
}

// studentTail is P(T > t) of Student's t with df degrees of freedom; df may be infinite.
func studentTail(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || !(df > 0):
		return math.NaN()
	case math.IsInf(df, 1) || math.IsInf(t, 0):
		return upperNormal(t)
	}
	half := mathext.RegIncBeta(df/2, 0.5, df/(df+t*t)) / 2
	if t < 0 {
		return 1 - half
	}
	return half
}
