package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// ICC are intraclass correlations of k readers who all measured the same n things (Shrout and Fleiss, Psychol Bull 1979;86:420), with
// intervals by the F distribution (for agreement: McGraw and Wong, Psychol Methods 1996;1:30, table 7).
type ICC struct {
	Agreement     float64 // ICC(2,1): one of many possible readers, differences between readers count against it
	Consistency   float64 // ICC(3,1): just these readers, constant differences do not count
	AgreementMean float64 // ICC(2,k): the mean of k readers
	ConsistMean   float64 // ICC(3,k)
	N, K          int     // things that all readers measured; readers
	Dropped       int     // things that some reader did not measure
	Between       float64 // mean square between things
	Readers       float64 // mean square between readers
	Residual      float64 // mean square of what is left
	AgreementCI   Interval
	ConsistencyCI Interval
}

// ICCOf takes values[i][j], thing i by reader j. Rows with a NaN are left out and counted. With fewer than two rows or readers, and
// where nothing varies, results are NaN.
func ICCOf(values [][]float64, level float64) ICC {
	var rows [][]float64
	out := ICC{Agreement: math.NaN(), Consistency: math.NaN(), AgreementMean: math.NaN(), ConsistMean: math.NaN(),
		AgreementCI: noInterval(level, "mcgraw-wong"), ConsistencyCI: noInterval(level, "shrout-fleiss"),
		Between: math.NaN(), Readers: math.NaN(), Residual: math.NaN()}
	for _, r := range values {
		if len(values) > 0 {
			mustMatch(len(r), len(values[0]))
		}
		if valid(r) == len(r) {
			rows = append(rows, r)
		}
	}
	out.N, out.Dropped = len(rows), len(values)-len(rows)
	if len(values) > 0 {
		out.K = len(values[0])
	}
	if out.N < 2 || out.K < 2 {
		return out
	}
	out.squares(rows)
	n, k := float64(out.N), float64(out.K)
	msr, msc, mse := out.Between, out.Readers, out.Residual
	if d := msr + (k-1)*mse + k*(msc-mse)/n; d > 0 {
		out.Agreement = (msr - mse) / d
	}
	if d := msr + (k-1)*mse; d > 0 {
		out.Consistency = (msr - mse) / d
	}
	if d := msr + (msc-mse)/n; d > 0 {
		out.AgreementMean = (msr - mse) / d
	}
	if msr > 0 {
		out.ConsistMean = (msr - mse) / msr
	}
	out.intervals(level)
	return out
}

// squares are the mean squares of a two-way table without replicates.
func (c *ICC) squares(rows [][]float64) {
	n, k := float64(len(rows)), float64(len(rows[0]))
	col := make([]float64, len(rows[0]))
	var grand float64
	for _, r := range rows {
		for j, v := range r {
			col[j] += v / n
			grand += v / (n * k)
		}
	}
	var between, reader, residual float64
	for _, m := range col {
		reader += n * (m - grand) * (m - grand)
	}
	for _, r := range rows {
		m := mean(r)
		between += k * (m - grand) * (m - grand)
		for j, v := range r {
			e := v - m - col[j] + grand
			residual += e * e
		}
	}
	c.Between, c.Readers, c.Residual = between/(n-1), reader/(k-1), residual/((n-1)*(k-1))
}

func (c *ICC) intervals(level float64) {
	n, k := float64(c.N), float64(c.K)
	msr, msc, mse := c.Between, c.Readers, c.Residual
	if !(mse > 0) { // readers differ by constants only: F is infinite
		return
	}
	p := 0.5 + level/2
	quantile := func(a, b float64) float64 { return distuv.F{D1: a, D2: b}.Quantile(p) }
	f, df := msr/mse, (n-1)*(k-1)
	low, high := f/quantile(n-1, df), f*quantile(df, n-1)
	c.ConsistencyCI.Low, c.ConsistencyCI.High = (low-1)/(low+k-1), (high-1)/(high+k-1)
	if math.IsNaN(c.Agreement) || c.Agreement >= 1 {
		return
	}
	a := k * c.Agreement / (n * (1 - c.Agreement))
	b := 1 + k*c.Agreement*(n-1)/(n*(1-c.Agreement))
	am, bm := a*msc, b*mse
	v := (am + bm) * (am + bm) / (am*am/(k-1) + bm*bm/df)
	if !(v > 1e-3) { // both parts cancel, where readers agree less than by chance: there are no degrees of freedom
		return
	}
	fl, fu := quantile(n-1, v), quantile(v, n-1)
	rest := k*msc + (k*n-k-n)*mse
	c.AgreementCI.Low = n * (msr - fl*mse) / (fl*rest + n*msr)
	c.AgreementCI.High = n * (fu*msr - mse) / (rest + n*fu*msr)
}

// OfMean is what a correlation of single readers becomes for the mean of k readers (Spearman and Brown 1910); it carries the ends of
// intervals over as well.
func OfMean(icc float64, k int) float64 { return float64(k) * icc / (1 + float64(k-1)*icc) }
