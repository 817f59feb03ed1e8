package agree

import (
	"cmp"
	"slices"
)

// roc are the points of a ROC curve, 1 − specificity and sensitivity, from (0, 0) to (1, 1): one a distinct score, the highest first. Nil where
// the cases are all of one kind.
func roc(score []float64, positive []bool) [][2]float64 {
	order := make([]int, len(score))
	var p, n float64
	for i := range order {
		order[i] = i
		if positive[i] {
			p++
		} else {
			n++
		}
	}
	if p == 0 || n == 0 {
		return nil
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	out := [][2]float64{{0, 0}}
	var tp, fp float64
	for k, i := range order {
		if positive[i] {
			tp++
		} else {
			fp++
		}
		if k+1 == len(order) || score[order[k+1]] != score[i] {
			out = append(out, [2]float64{fp / n, tp / p})
		}
	}
	return out
}
