package learn

import (
	"math"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/graph"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/torch"
)

// belief says whether the head's outputs are a distribution over scores rather than scores.
func (h head) belief() bool { return h.Evidence != nil || h.Law != "" }

// outputs is how many numbers the network puts out for the head.
func (h head) outputs() int {
	switch {
	case h.Evidence != nil && h.Kind == evaluate.Binary:
		return 2 // evidence against and for
	case h.Law == lawHeteroscedastic:
		return 2 // mean, log variance
	case h.Law == lawEvidential:
		return 4 // γ, ν, α, β
	case h.Law == lawQuantile:
		return len(h.Levels)
	case h.Method == cohort.Cox:
		return 1 // the relative risk
	}
	return h.Width()
}

// output is which of the outputs stands for a score.
func (h head) output(score int) int {
	switch {
	case h.Evidence != nil && h.Kind == evaluate.Binary:
		return 1
	case h.Law == lawQuantile:
		return 1 // the median
	case h.Method == cohort.Cox:
		return 0
	}
	return score
}

// evidence is a row's outputs as evidence.
func (h head) evidence(raw []float64) []float64 {
	out := make([]float64, len(raw))
	for i, v := range raw {
		out[i], _ = h.Evidence.Evidence.Of(v)
	}
	return out
}

// scoreOf turns a row's outputs into scores.
func (h head) scoreOf(raw []float64) []float64 {
	if h.Evidence != nil {
		e := h.evidence(raw)
		sum := 0.0
		for i := range e {
			e[i]++
			sum += e[i]
		}
		for i := range e {
			e[i] /= sum
		}
		if h.Kind == evaluate.Binary {
			return e[1:2]
		}
		return e
	}
	return []float64{raw[h.output(0)]*h.SD + h.Mean}
}

// spread is what a row's outputs say of the data's own variance, in the target's unit squared; and of the model's, where one pass
// does (evidential regression). Both are NaN for heads that say nothing.
func (h head) spread(raw []float64) (data, model float64) {
	unit := h.SD * h.SD
	switch h.Law {
	case lawHeteroscedastic:
		return math.Exp(min(max(raw[1], -15), 15)) * unit, math.NaN()
	case lawEvidential:
		n := uncertainty.NIGOf(raw)
		return n.Aleatoric() * unit, n.Epistemic() * unit
	}
	return math.NaN(), math.NaN()
}

// beliefs is what the losses of such heads depend on beside the batch.
type beliefs struct {
	epoch float64 // of the annealing
	watch map[string]*uncertainty.EvidenceWatch
	off   bool // not training: nothing is counted
}

func (b *beliefs) begin(epoch int) {
	b.epoch, b.watch = float64(epoch), map[string]*uncertainty.EvidenceWatch{}
}

// judging makes the loss that of the end of annealing, so that epochs compare; the returned function ends it.
func (b *beliefs) judging() func() {
	epoch := b.epoch
	b.epoch, b.off = math.Inf(1), true
	return func() { b.epoch, b.off = epoch, false }
}

// dead names the classes for which no item of the epoch found evidence.
func (b *beliefs) dead(heads []head) []string {
	var out []string
	for _, h := range heads {
		w := b.watch[h.Name]
		if w == nil {
			continue
		}
		for _, c := range w.Dead(0) {
			out = append(out, h.Name+": "+h.className(c))
		}
	}
	return out
}

func (h head) className(c int) string {
	if h.Kind == evaluate.Binary {
		return []string{"no", "yes"}[c]
	}
	return h.Classes[c]
}

// beliefSum is the loss of a head whose outputs are a distribution, summed over rows with a truth.
func (l *losses) beliefSum(h head, out *torch.Tensor, rows []cohort.Row) (*torch.Tensor, int) {
	value, present, count := h.truths(rows)
	if count == 0 {
		return nil, 0
	}
	k := h.outputs()
	var known []int
	for i := range rows {
		if present[i] == 1 {
			known = append(known, i)
		}
	}
	loss, _ := graph.Attach(out, func(all []float64) survival.Loss {
		part, truth, label := make([]float64, 0, len(known)*k), make([]float64, 0, len(known)), make([]int, 0, len(known))
		for _, i := range known {
			part = append(part, all[i*k:(i+1)*k]...)
			truth, label = append(truth, float64(value[i])), append(label, int(value[i]))
		}
		mean, grad := h.loss(part, truth, label, l.belief.epoch)
		l.belief.see(h, part, label)
		n := float64(len(known))
		full := survival.Loss{Value: mean * n, Count: n, Grad: make([]float64, len(all))}
		for at, i := range known {
			for j := range k {
				full.Grad[i*k+j] = grad[at*k+j] * n
			}
		}
		return full
	})
	return loss, count
}

// loss is the mean over items, with its gradient.
func (h head) loss(raw, truth []float64, label []int, epoch float64) (float64, []float64) {
	switch h.Law {
	case lawHeteroscedastic:
		return uncertainty.HeteroscedasticLoss(raw, truth, h.Strength)
	case lawEvidential:
		return uncertainty.EvidentialRegressionLoss(raw, truth, h.Strength)
	case lawQuantile:
		return uncertainty.QuantileLoss(raw, truth, h.Levels)
	}
	r := uncertainty.EvidentialLoss(raw, label, epoch, *h.Evidence)
	return r.Value, r.Grad
}

func (b *beliefs) see(h head, raw []float64, label []int) {
	if b.off || b.watch == nil || h.Evidence == nil {
		return
	}
	w := b.watch[h.Name]
	if w == nil {
		w = &uncertainty.EvidenceWatch{}
		b.watch[h.Name] = w
	}
	k := len(raw) / len(label)
	for i, y := range label {
		w.Add(h.evidence(raw[i*k:(i+1)*k]), y)
	}
}
