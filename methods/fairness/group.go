package fairness

import "math"

// Rates are the confusion-matrix rates of some rows; with weights, Count is the sum of weights.
type Rates struct {
	Selection, TPR, FPR, TNR, FNR, Accuracy, Precision, Count float64
}

// Overall are the rates of all rows. weight may be nil. A rate over nobody is 0, as fairlearn and scikit-learn have it; ask Count before you trust it.
func Overall(y, pred []int, weight []float64) Rates {
	return ByGroup(y, pred, make([]int, len(y)), 1, weight)[0]
}

// ByGroup are the rates of each of k groups; weight may be nil.
func ByGroup(y, pred, group []int, k int, weight []float64) []Rates {
	mustMatch(len(y), len(pred), len(group))
	mustLie("label", y, 0, 2)
	mustLie("prediction", pred, 0, 2)
	mustLie("group", group, 0, k)
	cells := make([][2][2]float64, k)
	for i, g := range group {
		w := 1.0
		if weight != nil {
			w = weight[i]
		}
		cells[g][y[i]][pred[i]] += w
	}
	return ratesOf(cells)
}

// ratesOf are the rates of groups from their counts by label and prediction.
func ratesOf(cells [][2][2]float64) []Rates {
	out := make([]Rates, len(cells))
	for g, c := range cells {
		tn, fp, fn, tp := c[0][0], c[0][1], c[1][0], c[1][1]
		n := tn + fp + fn + tp
		out[g] = Rates{
			Selection: over(tp+fp, n), TPR: over(tp, tp+fn), FPR: over(fp, fp+tn), TNR: over(tn, fp+tn), FNR: over(fn, tp+fn),
			Accuracy: over(tp+tn, n), Precision: over(tp, tp+fp), Count: n,
		}
	}
	return out
}

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// Range is the smallest and the largest value of one rate over the groups.
func Range(groups []Rates, rate func(Rates) float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, g := range groups {
		lo, hi = min(lo, rate(g)), max(hi, rate(g))
	}
	return lo, hi
}

// Gap is the difference of one rate between groups.
func Gap(groups []Rates, rate func(Rates) float64) float64 {
	lo, hi := Range(groups, rate)
	return hi - lo
}

// Ratio is the smallest over the largest value of one rate; NaN where all are 0.
func Ratio(groups []Rates, rate func(Rates) float64) float64 {
	lo, hi := Range(groups, rate)
	return lo / hi
}

// Selection is the share predicted 1. Demographic parity compares it, equal opportunity TPR, equalised odds TPR and FPR.
func Selection(r Rates) float64 { return r.Selection }

// TPR is the true-positive rate.
func TPR(r Rates) float64 { return r.TPR }

// FPR is the false-positive rate.
func FPR(r Rates) float64 { return r.FPR }

// EqualizedOdds is the larger of the gaps in TPR and FPR.
func EqualizedOdds(groups []Rates) float64 { return max(Gap(groups, TPR), Gap(groups, FPR)) }

// OddsRatio is the smaller of the ratios of TPR and FPR over the groups; a ratio of 0 over 0 is left out unless it is the TPR's.
func OddsRatio(groups []Rates) float64 {
	out := Ratio(groups, TPR)
	if r := Ratio(groups, FPR); r < out {
		out = r
	}
	return out
}

// ExpectedRates are [ByGroup] of a randomised classifier that says yes with the given probability; every rate is an expectation.
func ExpectedRates(y []int, prob []float64, group []int, k int) []Rates {
	return WeightedExpectedRates(y, prob, group, k, nil)
}

// WeightedExpectedRates are [ExpectedRates] where row i counts weight[i] times; weight may be nil.
func WeightedExpectedRates(y []int, prob []float64, group []int, k int, weight []float64) []Rates {
	mustMatch(len(y), len(prob), len(group))
	mustLie("label", y, 0, 2)
	mustLie("group", group, 0, k)
	cells := make([][2][2]float64, k)
	for i, p := range prob {
		w := 1.0
		if weight != nil {
			w = weight[i]
		}
		c := &cells[group[i]][y[i]]
		c[1] += w * p
		c[0] += w * (1 - p)
	}
	return ratesOf(cells)
}
