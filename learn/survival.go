package learn

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/graph"
	"github.com/cineloop/cineloop/torch"
)

// DeepHit's settings where a network learns from pictures: pycox's defaults.
const (
	deepHitAlpha = 0.2
	deepHitSigma = 0.1
)

// survivalSum is the loss of a time-to-event head as its method has it, the mean over rows with a truth times their number, so that it adds up as
// the other heads' do. out is [N, outputs]. Methods of discrete time learn from every row alone; Cox and Cox-Time from the risk sets of the
// batch, and a batch without an event teaches them nothing.
func survivalSum(h head, out *torch.Tensor, rows []cohort.Row) (*torch.Tensor, int) {
	l, known := h.labels(rows)
	if len(known) == 0 {
		return nil, 0
	}
	k := h.outputs()
	n := float64(len(known))
	loss, _ := graph.Attach(out, func(all []float64) survival.Loss {
		part := make([]float64, 0, len(known)*k)
		for _, i := range known {
			part = append(part, h.withOffset(all[i*k:(i+1)*k])...)
		}
		some := h.survivalLoss(part, l)
		full := survival.Loss{Value: some.Value * n, Events: some.Events, Grad: make([]float64, len(all))}
		for at, i := range known {
			for j := range k {
				full.Grad[i*k+j] = some.Grad[at*k+j] * n
			}
		}
		return full
	})
	return loss, len(known)
}

// labels are the rows with a truth, by their place in rows.
func (h head) labels(rows []cohort.Row) (l survival.Labels, known []int) {
	for i, r := range rows {
		v := r.Truth[h.Name]
		if len(v) == 2 && !math.IsNaN(v[0]) && !math.IsNaN(v[1]) {
			known = append(known, i)
			l.Time, l.Event = append(l.Time, v[0]), append(l.Event, int(v[1]))
		}
	}
	return l, known
}

// survivalLoss is the method's loss of outputs [N, outputs] as a mean: over rows, or over events for Cox.
func (h head) survivalLoss(o []float64, l survival.Labels) survival.Loss {
	index, event := survival.Cuts(h.Cuts).Discrete(l)
	switch h.Method {
	case cohort.PMF:
		return survival.PMFLoss(o, index, event)
	case cohort.MTLR:
		return survival.MTLRLoss(o, index, event)
	case cohort.DeepHit:
		return survival.DeepHitLoss(o, index, event, deepHitAlpha, deepHitSigma).Loss
	case cohort.Cox:
		return survival.CoxLoss(o, l, survival.Efron, nil)
	case cohort.CoxTime:
		return survival.CoxTimeLoss(l, h.basis, o)
	}
	return survival.LogisticHazardLoss(o, index, event)
}

// survivalScores turns a row's raw outputs into survival at the cuts.
func (h head) survivalScores(raw []float64) []float64 {
	k := len(h.Cuts)
	switch h.Method {
	case cohort.PMF, cohort.DeepHit:
		return survival.PMFSurvival(survival.PMF(raw, k), k)
	case cohort.MTLR:
		return survival.PMFSurvival(survival.MTLRPMF(raw, k), k)
	case cohort.Cox, cohort.CoxTime:
		return h.relativeScores(raw)
	}
	return survival.LogisticHazardSurvival(h.withOffset(raw), k)
}

// relativeScores is exp(−Σ_{s ≤ t} h0(s) exp(g(s))) at the cuts; before a baseline is known, that of a hazard of one over the last cut.
func (h head) relativeScores(raw []float64) []float64 {
	out := make([]float64, len(h.Cuts))
	base := h.Base
	if base == nil {
		base = &baseHazard{}
		for i, c := range h.Cuts[1:] {
			base.Times, base.Hazard = append(base.Times, c), append(base.Hazard, (c-h.Cuts[i])/h.Cuts[len(h.Cuts)-1])
		}
	}
	sum, at := 0.0, 0
	for k, cut := range h.Cuts {
		for ; at < len(base.Times) && base.Times[at] <= cut; at++ {
			sum += base.Hazard[at] * math.Exp(h.relative(raw, base.Times[at]))
		}
		out[k] = math.Exp(-sum)
	}
	return out
}

// relative is g(t): the one output of Cox, or the line through Cox-Time's outputs at the cuts.
func (h head) relative(raw []float64, t float64) float64 {
	if h.Method == cohort.Cox {
		return raw[0]
	}
	i, w := h.basis(t)
	g := (1 - w) * raw[i]
	if w > 0 {
		g += w * raw[i+1]
	}
	return g
}

// basis says between which two cuts t lies: g(t) is (1−w)·g(cut i) + w·g(cut i+1), constant beyond the last.
func (h head) basis(t float64) (i int, w float64) {
	i, exact := slices.BinarySearch(h.Cuts, t)
	switch {
	case exact:
		return i, 0
	case i == len(h.Cuts):
		return i - 1, 0
	case i == 0:
		return 0, 0
	}
	return i - 1, (t - h.Cuts[i-1]) / (h.Cuts[i] - h.Cuts[i-1])
}

// baseHazard is the hazard of somebody of relative risk one, at the times of events of the training rows.
type baseHazard struct {
	Times  []float64 `json:"times"`
	Hazard []float64 `json:"hazard"`
}

// needsBaseline says whether outputs alone do not tell survival.
func (h head) needsBaseline() bool { return h.Method == cohort.Cox || h.Method == cohort.CoxTime }

// baseline is Breslow's estimate from outputs [N, outputs] of the training rows (Kvamme, Borgan and Scheel 2019, equation 7).
func (h head) baseline(o []float64, l survival.Labels) *baseHazard {
	k := h.outputs()
	b := survival.CoxTimeBaseline(l, func(people []int, t float64, out []float64) {
		for at, i := range people {
			out[at] = h.relative(o[i*k:(i+1)*k], t)
		}
	})
	base := &baseHazard{}
	for i, v := range b.Hazard {
		if v > 0 {
			base.Times, base.Hazard = append(base.Times, b.Times[i]), append(base.Hazard, v)
		}
	}
	return base
}

// hazardOffsets are log odds of the share of training rows at risk at a cut whose event falls there, half an event and half a row added.
func hazardOffsets(h head, rows []cohort.Row, train []int) []float64 {
	var some []cohort.Row
	for _, i := range train {
		some = append(some, rows[i])
	}
	l, _ := h.labels(some)
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
