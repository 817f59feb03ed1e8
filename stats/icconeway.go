package stats

import (
	"context"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// OneWayICC is ICC(1,1) (Shrout and Fleiss 1979): each thing was measured by readers of its own, who need not be the same from thing to thing,
// nor equally many; differences between readers are part of the noise.
type OneWayICC struct {
	Value           float64
	CI              Interval // by F where all things have equally many values, else there is none: resample things
	N, Values       int      // things with two values or more, and the values of them
	Between, Within float64  // mean squares
}

// ICCOneWay takes values[i], all values of thing i, NaN where a reader gave none. Things with fewer than two values are left out. Where numbers
// of values differ, k is replaced by the mean that makes the mean square between things unbiased (Snedecor and Cochran 1967, section 10.16).
func ICCOneWay(values [][]float64, level float64) OneWayICC { return oneWay(values, nil, level) }

// oneWay counts thing i weight[i] times; nil counts each once.
func oneWay(values [][]float64, weight []float64, level float64) OneWayICC {
	out := OneWayICC{Value: math.NaN(), CI: noInterval(level, "shrout-fleiss"), Between: math.NaN(), Within: math.NaN()}
	var n, total, squares, grand, within float64
	mean := make([]float64, len(values))
	even := 0
	for i, row := range values {
		k, w := float64(valid(row)), weightAt(weight, i)
		if k < 2 || w == 0 {
			continue
		}
		if out.N > 0 && even != int(k) {
			even = -1
		} else {
			even = int(k)
		}
		out.N++
		out.Values += int(k)
		n, total, squares = n+w, total+w*k, squares+w*k*k
		for _, v := range row {
			if !math.IsNaN(v) {
				mean[i] += v / k
			}
		}
		grand += w * k * mean[i]
		for _, v := range row {
			if !math.IsNaN(v) {
				within += w * (v - mean[i]) * (v - mean[i])
			}
		}
	}
	if n < 2 {
		return out
	}
	grand /= total
	between := 0.0
	for i, row := range values {
		if k, w := float64(valid(row)), weightAt(weight, i); k >= 2 {
			between += w * k * (mean[i] - grand) * (mean[i] - grand)
		}
	}
	out.Between, out.Within = between/(n-1), within/(total-n)
	k0 := (total - squares/total) / (n - 1)
	if d := out.Between + (k0-1)*out.Within; d > 0 {
		out.Value = (out.Between - out.Within) / d
	}
	if even < 2 || weight != nil || !(out.Within > 0) {
		return out
	}
	f, k := out.Between/out.Within, float64(even)
	quantile := func(a, b float64) float64 { return distuv.F{D1: a, D2: b}.Quantile(0.5 + level/2) }
	low, high := f/quantile(n-1, total-n), f*quantile(total-n, n-1)
	out.CI.Low, out.CI.High = (low-1)/(low+k-1), (high-1)/(high+k-1)
	return out
}

// OneWayInterval is [ICCOneWay]'s value with an interval that resamples things, or clusters of them (patients).
func OneWayInterval(ctx context.Context, values [][]float64, clusters [][]int, b Bootstrap) (float64, Interval, error) {
	d, err := b.Run(ctx, clusters, len(values), 1, func(weight, out []float64) { out[0] = oneWay(values, weight, 0).Value })
	if err != nil {
		return math.NaN(), noInterval(b.Level, "bootstrap"), err
	}
	return d.Point[0], d.Interval(0), nil
}
