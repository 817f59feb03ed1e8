package learn

import (
	"math"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/graph"
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
	loss, _ := graph.Attach(out, func(all []float64) survival.Loss {
		part := make([]float64, 0, len(known)*k)
		for _, i := range known {
			part = append(part, h.withOffset(all[i*k:(i+1)*k])...)
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

// hazardOffsets are log odds of the share of training rows at risk at a cut whose event falls there, half an event and half a row added.
func hazardOffsets(h head, rows []cohort.Row, train []int) []float64 {
	l := survival.Labels{}
	for _, i := range train {
		if v := rows[i].Truth[h.Name]; len(v) == 2 && !math.IsNaN(v[0]) {
			l.Time, l.Event = append(l.Time, v[0]), append(l.Event, int(v[1]))
		}
	}
	index, event := survival.Cuts(h.Cuts).Discrete(l)
	atRisk, events := make([]float64, len(h.Cuts)), make([]float64, len(h.Cuts))
	for i, at := range index {
		for k := 0; k <= at; k++ {
			atRisk[k]++
		}
		if event[i] != 0 {
			events[at]++
		}
	}
	out := make([]float64, len(h.Cuts))
	for k := range out {
		out[k] = math.Log((events[k] + 0.5) / (atRisk[k] - events[k] + 0.5))
	}
	return out
}

// withOffset is a row's logits: raw outputs and the offsets.
func (h head) withOffset(raw []float64) []float64 {
	out := make([]float64, len(raw))
	for k, v := range raw {
		out[k] = v
		if h.Offset != nil {
			out[k] += h.Offset[k]
		}
	}
	return out
}

// survivalScores turns a row's raw outputs into survival at the cuts, in place.
func (h head) survivalScores(raw []float64) []float64 {
	copy(raw, survival.LogisticHazardSurvival(h.withOffset(raw), len(raw)))
	return raw
}
