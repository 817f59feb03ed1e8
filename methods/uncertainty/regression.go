package uncertainty

import (
	"math"

	"github.com/cineloop/cineloop/stats"
)

// Intervals are how predicted intervals fare.
type Intervals struct {
	Coverage  float64
	Low, High float64 // exact binomial 95 % interval of the coverage
	Width     float64 // mean
	Score     float64 // mean interval score (Gneiting and Raftery 2007): width and what misses cost
	N         int
}

// JudgeIntervals compares intervals of miscoverage alpha with the truth.
func JudgeIntervals(y, low, high []float64, alpha float64) Intervals {
	out := Intervals{N: len(y)}
	hit := 0
	n := float64(len(y))
	for i, v := range y {
		w := high[i] - low[i]
		s := w
		switch {
		case v < low[i]:
			s += 2 / alpha * (low[i] - v)
		case v > high[i]:
			s += 2 / alpha * (v - high[i])
		default:
			hit++
		}
		out.Width += w / n
		out.Score += s / n
	}
	b := stats.ClopperPearson(hit, len(y), 0.95)
	out.Coverage, out.Low, out.High = float64(hit)/n, b.Low, b.High
	return out
}

// PIT is the probability integral transform of normal predictions: uniform where they are right (Dawid 1984). counts are of bins of
// equal width; error is the mean distance of their shares from even ones.
func PIT(y, mean, std []float64, bins int) (values []float64, counts []int, miss float64) {
	counts = make([]int, bins)
	for i, v := range y {
		u := math.Erfc(-(v-mean[i])/(std[i]*math.Sqrt2)) / 2
		values = append(values, u)
		counts[min(int(u*float64(bins)), bins-1)]++
	}
	for _, c := range counts {
		miss += math.Abs(float64(c)/float64(len(y))-1/float64(bins)) / float64(bins)
	}
	return values, counts, miss
}
