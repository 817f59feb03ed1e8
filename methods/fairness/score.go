package fairness

import "github.com/cineloop/cineloop/stats"

// BGN is, per group, P(score of the group's negatives < score of the others' positives) (Borkan et al. 2019); ties count half.
func BGN(score []float64, y, group []int, k int) []float64 {
	out := make([]float64, k)
	for g := range k {
		var s []float64
		var positive []bool
		for i, h := range group {
			if (h == g) == (y[i] == 0) {
				s, positive = append(s, score[i]), append(positive, y[i] == 1)
			}
		}
		out[g] = stats.DeLong(s, positive).Area
	}
	return out
}
