package fairness

import "github.com/cineloop/cineloop/stats"

// ScoreSummary judges the scores of one group.
type ScoreSummary struct {
	AUC        stats.AUC
	Brier      float64 // mean squared distance of score and outcome
	InTheLarge float64 // mean score − mean outcome: above 0, risk is predicted too high
	ECE        float64 // calibration within the group, 5 bins [low, high) of equal width
}

// ScoreGroup judges the scores (0 to 1) of the rows of group g.
func ScoreGroup(score []float64, y, group []int, g int) ScoreSummary {
	mustMatch(len(y), len(score), len(group))
	const bins = 5
	var s []float64
	var positive []bool
	var sumS, sumY, n [bins]float64
	var out ScoreSummary
	for i, h := range group {
		if h != g {
			continue
		}
		s, positive = append(s, score[i]), append(positive, y[i] == 1)
		d := score[i] - float64(y[i])
		out.Brier += d * d
		out.InTheLarge += d
		b := min(bins-1, int(score[i]*bins))
		sumS[b], sumY[b], n[b] = sumS[b]+score[i], sumY[b]+float64(y[i]), n[b]+1
	}
	all := float64(len(s))
	for b := range bins {
		if n[b] > 0 {
			d := sumY[b] - sumS[b]
			out.ECE += max(d, -d) / all
		}
	}
	out.AUC = stats.DeLong(s, positive)
	out.Brier, out.InTheLarge = out.Brier/all, out.InTheLarge/all
	return out
}

// BGN is, per group, P(score of the group's negatives < score of the others' positives) (Borkan et al. 2019); ties count half.
func BGN(score []float64, y, group []int, k int) []float64 {
	mustMatch(len(y), len(score), len(group))
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
