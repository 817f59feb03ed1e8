package learn

import (
	"math"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// survivalSum is the logistic-hazard loss (Nnet-survival, Gensheimer and Narasimhan 2019) of a time-to-event head, summed over rows with a
// truth: a likelihood that adds up over rows, so that it needs no risk set and a batch of one study teaches as much as it can. out is
// [N, cuts].
func survivalSum(h head, out *torch.Tensor, rows []cohort.Row) (*torch.Tensor, int) {
	l := survival.Labels{}
	var known []int
	for i, r := range rows {
		v := r.Truth[h.Name]
		if len(v) == 2 && !math.IsNaN(v[0]) && !math.IsNaN(v[1]) {
			known = append(known, i)
			l.Time, l.Event = append(l.Time, v[0]), append(l.Event, int(v[1]))
		}
	}
	if len(known) == 0 {
		return nil, 0
	}
	index, event := survival.Cuts(h.Cuts).Discrete(l)
	k := len(h.Cuts)
	loss, _ := survival.Attach(out, func(all []float64) survival.Loss {
		part := make([]float64, 0, len(known)*k)
		for _, i := range known {
			part = append(part, all[i*k:(i+1)*k]...)
		}
		some := survival.LogisticHazardLoss(part, index, event)
		full := survival.Loss{Value: some.Value * some.Count, Events: some.Events, Grad: make([]float64, len(all))}
		for n, i := range known {
			for j := range k {
				full.Grad[i*k+j] = some.Grad[n*k+j] * some.Count
			}
		}
		return full
	})
	return loss, len(known)
}

// survivalScores turns a row's raw outputs into survival at the cuts, in place.
func survivalScores(raw []float64) []float64 {
	copy(raw, survival.LogisticHazardSurvival(raw, len(raw)))
	return raw
}
