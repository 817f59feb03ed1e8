package evaluate

import (
	"math"

	"github.com/cineloop/cineloop/stats"
)

// compute is a metric of prepared rows, row i counting w[i] times; nil counts each once. NaN is undefined. It keeps no state, so that
// resamples can be evaluated in parallel.
type compute func(w []float64) float64

func weight(w []float64, i int) float64 {
	if w == nil {
		return 1
	}
	return w[i]
}

// binary is a column of outcomes with one score each, the common ground of binary targets, labels and one-against-rest classes.
type binary struct {
	y         []bool
	p         []float64
	threshold float64 // predicted positive is p ≥ threshold
	order     []int   // rows by ascending p; see sorted
}

// sorted is the order of rows by score, found once. It is called while metrics are prepared, before they run in parallel.
func (b *binary) sorted() []int {
	if b.order == nil {
		b.order = stats.Order(b.p)
	}
	return b.order
}

// steps calls do for each distinct score with the weights of positive and negative rows that have it.
func (b *binary) steps(order []int, w []float64, descending bool, do func(score, pos, neg float64)) {
	n := len(order)
	at := func(k int) int {
		if descending {
			return order[n-1-k]
		}
		return order[k]
	}
	for k := 0; k < n; {
		score := b.p[at(k)]
		var pos, neg float64
		for ; k < n && b.p[at(k)] == score; k++ {
			if i := at(k); b.y[i] {
				pos += weight(w, i)
			} else {
				neg += weight(w, i)
			}
		}
		if pos+neg > 0 {
			do(score, pos, neg)
		}
	}
}

// auroc is the area under the ROC curve, ties half.
func (b *binary) auroc() compute {
	order := b.sorted()
	return func(w []float64) float64 {
		var area, pos, neg float64
		b.steps(order, w, false, func(_, p, n float64) {
			area += p * (neg + n/2)
			pos += p
			neg += n
		})
		return ratio(area, pos*neg)
	}
}

// auprc is average precision, Σ (Rₙ − Rₙ₋₁)·Pₙ over descending distinct scores: no interpolation, as in scikit-learn.
func (b *binary) auprc() compute {
	order := b.sorted()
	return func(w []float64) float64 {
		var sum, tp, fp float64
		b.steps(order, w, true, func(_, p, n float64) {
			tp += p
			fp += n
			sum += p * tp / (tp + fp)
		})
		return ratio(sum, tp)
	}
}

// counts of the 2×2 table at the threshold.
type counts struct{ tp, fp, tn, fn float64 }

func (b *binary) at(w []float64, threshold float64) (c counts) {
	for i, y := range b.y {
		v := weight(w, i)
		switch called := b.p[i] >= threshold; {
		case called && y:
			c.tp += v
		case called:
			c.fp += v
		case y:
			c.fn += v
		default:
			c.tn += v
		}
	}
	return c
}

func (b *binary) fromCounts(f func(counts) float64) compute {
	return func(w []float64) float64 { return f(b.at(w, b.threshold)) }
}

func (c counts) accuracy() float64    { return ratio(c.tp+c.tn, c.tp+c.tn+c.fp+c.fn) }
func (c counts) sensitivity() float64 { return ratio(c.tp, c.tp+c.fn) }
func (c counts) specificity() float64 { return ratio(c.tn, c.tn+c.fp) }
func (c counts) ppv() float64         { return ratio(c.tp, c.tp+c.fp) }
func (c counts) npv() float64         { return ratio(c.tn, c.tn+c.fn) }
func (c counts) f1() float64          { return ratio(2*c.tp, 2*c.tp+c.fp+c.fn) }
func (c counts) balanced() float64    { return (c.sensitivity() + c.specificity()) / 2 }

// sensitivityAt is the highest sensitivity at any threshold whose specificity is at least spec, chosen anew on each resample:
// optimistic, because the rows that choose the threshold also judge it.
func (b *binary) sensitivityAt(spec float64) compute {
	order := b.sorted()
	return func(w []float64) float64 {
		var pos, neg float64
		for i, y := range b.y {
			if y {
				pos += weight(w, i)
			} else {
				neg += weight(w, i)
			}
		}
		if pos == 0 || neg == 0 {
			return math.NaN()
		}
		var tp, fp, best float64
		b.steps(order, w, true, func(_, p, n float64) {
			tp += p
			fp += n
			if neg-fp >= spec*neg-1e-9 {
				best = tp
			}
		})
		return best / pos
	}
}

// ThresholdAtSpecificity is the lowest threshold, among the scores given and +Inf, at which calling score ≥ threshold positive has at
// least the wanted specificity. NaN when no row is negative.
func ThresholdAtSpecificity(truth, score []float64, specificity float64) float64 {
	b := newBinary(truth, score, 0)
	var neg float64
	for _, y := range b.y {
		if !y {
			neg++
		}
	}
	if neg == 0 {
		return math.NaN()
	}
	best := math.Inf(1)
	var fp float64
	b.steps(b.sorted(), nil, true, func(s, _, n float64) {
		fp += n
		if neg-fp >= specificity*neg-1e-9 {
			best = s
		}
	})
	return best
}

func newBinary(truth, score []float64, threshold float64) *binary {
	b := &binary{y: make([]bool, len(truth)), p: score, threshold: threshold}
	for i, t := range truth {
		b.y[i] = t == 1
	}
	return b
}

// ratio is a/b, NaN for 0/0 and any division by zero.
func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}
