package evaluate

import (
	"math"

	"github.com/cineloop/cineloop/stats"
)

// regression is a column of true and predicted values in one unit.
type regression struct{ y, p []float64 }

// mean of f over rows.
func (r *regression) mean(w []float64, f func(y, p float64) float64) float64 {
	var sum, n float64
	for i := range r.y {
		v := weight(w, i)
		sum += v * f(r.y[i], r.p[i])
		n += v
	}
	return ratio(sum, n)
}

func (r *regression) mae() compute {
	return func(w []float64) float64 { return r.mean(w, func(y, p float64) float64 { return math.Abs(p - y) }) }
}

func (r *regression) mse(w []float64) float64 {
	return r.mean(w, func(y, p float64) float64 { return (p - y) * (p - y) })
}

func (r *regression) rmse() compute {
	return func(w []float64) float64 { return math.Sqrt(r.mse(w)) }
}

// r2 is 1 − Σ(y−p)²/Σ(y−ȳ)², with ȳ the mean of the judged rows; undefined when y does not vary.
func (r *regression) r2() compute {
	return func(w []float64) float64 {
		if !r.varies(w) {
			return math.NaN()
		}
		m := r.mean(w, func(y, _ float64) float64 { return y })
		return 1 - ratio(r.mse(w), r.mean(w, func(y, _ float64) float64 { return (y - m) * (y - m) }))
	}
}

// varies reports whether the true values of the rows that count differ.
func (r *regression) varies(w []float64) bool {
	first := -1
	for i, y := range r.y {
		if weight(w, i) == 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		if y != r.y[first] {
			return true
		}
	}
	return false
}

// bias is the mean of predicted minus true.
func (r *regression) bias() compute {
	return func(w []float64) float64 { return r.mean(w, func(y, p float64) float64 { return p - y }) }
}

func (r *regression) pearson() compute {
	return func(w []float64) float64 { return stats.WeightedPearson(r.y, r.p, w) }
}

// spearman ranks anew on each resample: rank is over the drawn rows.
func (r *regression) spearman() compute {
	oy, op := stats.Order(r.y), stats.Order(r.p)
	return func(w []float64) float64 {
		return stats.WeightedPearson(weightedMidranks(r.y, oy, w), weightedMidranks(r.p, op, w), w)
	}
}

// weightedMidranks are the midranks of x when row i stands w[i] times; order sorts x.
func weightedMidranks(x []float64, order []int, w []float64) []float64 {
	rank := make([]float64, len(x))
	var before float64
	for lo := 0; lo < len(order); {
		hi, tied := lo, 0.0
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			tied += weight(w, order[hi])
			hi++
		}
		for _, i := range order[lo:hi] {
			rank[i] = before + (tied+1)/2
		}
		before += tied
		lo = hi
	}
	return rank
}
