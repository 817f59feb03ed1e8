package stats

import (
	"context"
	"math"
	"slices"
)

// AlphaMetric is how far apart two values are, for Krippendorff's alpha.
type AlphaMetric int

// The metrics: different or not; by ranks; by difference; by difference over sum.
const (
	Nominal AlphaMetric = iota
	Ordinal
	IntervalScale
	Ratio
)

// KrippendorffAlpha is the reliability of any number of readers with any values missing (Krippendorff, Computing Krippendorff's
// Alpha-Reliability, 2011): units[u] are the values that unit u got, NaN where a reader gave none. 1 is perfect, 0 what chance gives.
// NaN where no unit has two values or all values are one. Ratio values are positive or zero.
func KrippendorffAlpha(units [][]float64, metric AlphaMetric) float64 {
	return weightedAlpha(units, metric, nil)
}

// AlphaInterval is [KrippendorffAlpha] with an interval that resamples units, or clusters of them (patients).
func AlphaInterval(ctx context.Context, units [][]float64, metric AlphaMetric, clusters [][]int, b Bootstrap) (float64, Interval, error) {
	d, err := b.Run(ctx, clusters, len(units), 1, func(weight, out []float64) { out[0] = weightedAlpha(units, metric, weight) })
	if err != nil {
		return math.NaN(), noInterval(b.Level, "bootstrap"), err
	}
	return d.Point[0], d.Interval(0), nil
}

// weightedAlpha counts unit u weight[u] times; nil counts each once.
func weightedAlpha(units [][]float64, metric AlphaMetric, weight []float64) float64 {
	count := map[float64]float64{}
	for u, values := range units {
		if w := weightAt(weight, u); w > 0 && valid(values) >= 2 {
			for _, v := range values {
				if !math.IsNaN(v) {
					count[v] += w
				}
			}
		}
	}
	values := make([]float64, 0, len(count))
	var n float64
	for v, c := range count {
		values = append(values, v)
		n += c
	}
	slices.Sort(values) // sums in one order, whatever the map's
	if len(values) < 2 {
		return math.NaN()
	}
	place := alphaScale(values, count, metric)
	var observed, expected float64
	for u, row := range units {
		w, m := weightAt(weight, u), float64(valid(row))
		if w == 0 || m < 2 {
			continue
		}
		var sum float64
		for i, a := range row {
			for _, b := range row[:i] {
				if !math.IsNaN(a) && !math.IsNaN(b) {
					sum += 2 * metric.apart(place, a, b)
				}
			}
		}
		observed += w * sum / (m - 1)
	}
	switch metric {
	case Nominal:
		expected = n * n
		for _, v := range values {
			expected -= count[v] * count[v]
		}
	case Ratio:
		for i, a := range values {
			for _, b := range values[:i] {
				expected += 2 * count[a] * count[b] * metric.apart(place, a, b)
			}
		}
	default: // squared distances on a line: Σ c·k·(x−y)² = 2(n·Σx² − (Σx)²), about the mean
		var mean, ss float64
		for _, v := range values {
			mean += count[v] * scaled(place, v) / n
		}
		for _, v := range values {
			d := scaled(place, v) - mean
			ss += count[v] * d * d
		}
		expected = 2 * n * ss
	}
	if expected == 0 {
		return math.NaN()
	}
	return 1 - (n-1)*observed/expected
}

// alphaScale gives values of an ordinal scale their place: how many values lie below, and half of their own (the distance of two places
// is Krippendorff's Σ n_g − (n_c + n_k)/2). Nil for other metrics.
func alphaScale(values []float64, count map[float64]float64, metric AlphaMetric) map[float64]float64 {
	if metric != Ordinal {
		return nil
	}
	place, below := make(map[float64]float64, len(values)), 0.0
	for _, v := range values {
		place[v] = below + count[v]/2
		below += count[v]
	}
	return place
}

func scaled(place map[float64]float64, v float64) float64 {
	if place == nil {
		return v
	}
	return place[v]
}

func (m AlphaMetric) apart(place map[float64]float64, a, b float64) float64 {
	switch {
	case a == b:
		return 0
	case m == Nominal:
		return 1
	case m == Ratio:
		d := (a - b) / (a + b)
		return d * d
	}
	d := scaled(place, a) - scaled(place, b)
	return d * d
}

func valid(values []float64) (n int) {
	for _, v := range values {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}
