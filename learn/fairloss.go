package learn

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/graph"
	"github.com/cineloop/cineloop/torch"
)

// eachLoss is every row's own loss of head h as a scalar tensor, nil where the truth is missing. Values are its numbers.
func eachLoss(l *losses, h head, out *torch.Tensor, batch []cohort.Row) (tensors []*torch.Tensor, values []float64, known int) {
	tensors, values = make([]*torch.Tensor, len(batch)), make([]float64, len(batch))
	for i := range batch {
		s, n := l.sum(h, out.Narrow(0, int64(i), 1), batch[i:i+1])
		if n == 0 {
			continue
		}
		tensors[i] = s.MulScalar(1 / float64(n)) // a multilabel row's loss is the mean of its labels
		values[i] = tensors[i].Item()
		known++
	}
	return tensors, values, known
}

// weighted is what makes the mean over the batch a weighted one: Σ (wᵢ − 1)·lossᵢ / rows. It is added to the plain loss.
func (f *fair) weighted(l *losses, h head, out *torch.Tensor, batch []cohort.Row, weight []float64) *torch.Tensor {
	tensors, _, known := eachLoss(l, h, out, batch)
	factor := make([]float64, len(batch))
	for i, w := range weight {
		factor[i] = (w - 1) / float64(max(1, known))
	}
	return sumOf(tensors, factor, h.Weight)
}

// sumOf is weight · Σ factorᵢ·tensorᵢ; nil where nothing is left.
func sumOf(tensors []*torch.Tensor, factor []float64, weight float64) *torch.Tensor {
	var out *torch.Tensor
	for i, t := range tensors {
		if t == nil || factor[i] == 0 {
			continue
		}
		s := t.MulScalar(weight * factor[i])
		if out == nil {
			out = s
		} else {
			out = out.Add(s)
		}
	}
	return out
}

// fixedWeights are the reweighing weights of a batch, 1 where group or truth are unknown.
func (f *fair) fixedWeights(h head, batch []cohort.Row) []float64 {
	cell := f.cell(h)
	out := make([]float64, len(batch))
	for i, r := range batch {
		out[i] = 1
		if j := cell(r); j >= 0 {
			out[i] = f.row[j]
		}
	}
	return out
}

// byGroupLoss shifts the mean loss towards the groups that do worst (group DRO) or beyond their bound.
func (f *fair) byGroupLoss(l *losses, h head, out *torch.Tensor, batch []cohort.Row) *torch.Tensor {
	tensors, values, known := eachLoss(l, h, out, batch)
	if known == 0 {
		return nil
	}
	group := f.groupsOf(batch)
	for i, t := range tensors {
		if t == nil {
			group[i] = -1
		}
	}
	k := len(f.groups)
	loss, n := fairness.GroupLosses(values, group, k)
	s := f.state
	factor := make([]float64, len(batch))
	if f.method == fairness.MethodBounded {
		if s.Weights == nil {
			s.Weights = make([]float64, k)
		}
		s.Weights = fairness.UpdateBounds(s.Weights, loss, n, f.spec.Eps, f.spec.Step)
		for i, g := range group {
			if g >= 0 {
				factor[i] = f.spec.Strength * s.Weights[g] / n[g]
			}
		}
		return sumOf(tensors, factor, h.Weight)
	}
	if s.Weights == nil {
		s.Weights = slices.Repeat([]float64{1 / float64(k)}, k)
	}
	s.Weights, _ = fairness.UpdateDRO(s.Weights, loss, n, f.spec.Step, f.spec.Adjust)
	for i, t := range tensors {
		switch g := group[i]; {
		case t == nil:
		case g >= 0:
			factor[i] = s.Weights[g]/n[g] - 1/float64(known) // instead of the plain mean
		}
	}
	return sumOf(tensors, factor, h.Weight)
}

// scoresOf turns a head's outputs into one score a row between 0 and 1 (regression: the standardised value), and says how it grows with
// the output.
func scoresOf(h head, out []float64, n int) (score []float64, slope func(i int) []float64) {
	width := len(out) / n
	score = make([]float64, n)
	switch h.Kind {
	case evaluate.Regression:
		copy(score, out)
		return score, func(int) []float64 { return []float64{1} }
	case evaluate.TimeToEvent: // probability of an event by the last cut
		slopes := make([][]float64, n)
		for i := range n {
			z := h.withOffset(out[i*width : (i+1)*width])
			free := 1.0
			slopes[i] = make([]float64, width)
			for _, v := range z {
				free *= 1 / (1 + math.Exp(v))
			}
			score[i] = 1 - free
			for k, v := range z {
				slopes[i][k] = free / (1 + math.Exp(-v))
			}
		}
		return score, func(i int) []float64 { return slopes[i] }
	}
	for i, z := range out {
		score[i] = 1 / (1 + math.Exp(-z))
	}
	return score, func(i int) []float64 { return []float64{score[i] * (1 - score[i])} }
}

// onScores is the constraint's pressure on the head's scores, or the invariant risk penalty.
func (f *fair) onScores(h head, out *torch.Tensor, batch []cohort.Row) *torch.Tensor {
	group := f.groupsOf(batch)
	y, yes := make([]float64, len(batch)), make([]int, len(batch))
	for i, r := range batch {
		v := r.Truth[h.Name][0]
		y[i] = v
		switch {
		case math.IsNaN(v) && f.constraint != fairness.DemographicParity:
			group[i] = -1
		case h.Kind == evaluate.Regression:
			y[i] = (v - h.Mean) / h.SD
		case v == 1:
			yes[i] = 1
		}
	}
	loss, _ := graph.Attach(out, func(all []float64) survival.Loss {
		if f.method == fairness.MethodIRM {
			v, g := fairness.InvariantRisk(all, y, group, len(f.groups), h.Kind == evaluate.Binary)
			return scaled(v, g, f.spec.Strength)
		}
		score, slope := scoresOf(h, all, len(batch))
		event, events := f.constraint.Events(yes)
		p := fairness.Pressure{Groups: len(f.groups), Events: events, Strength: f.spec.Strength, Memory: f.spec.Memory,
			Lagrange: f.method == fairness.MethodLagrangian, Step: f.spec.Step, Eps: f.spec.Eps}
		v, byScore := p.Apply(&f.state.Pressure, score, event, group)
		var grad []float64
		for i, d := range byScore {
			for _, s := range slope(i) {
				grad = append(grad, d*s)
			}
		}
		return scaled(v, grad, 1)
	})
	return loss
}

func scaled(value float64, grad []float64, by float64) survival.Loss {
	for i := range grad {
		grad[i] *= by
	}
	return survival.Loss{Value: value * by, Grad: grad, Events: 1}
}

// onFeatures makes the features say less about the group.
func (f *fair) onFeatures(features *torch.Tensor, batch []cohort.Row) *torch.Tensor {
	if features.DType() != torch.Float32 {
		features = features.To(torch.Float32)
	}
	group := f.groupsOf(batch)
	loss, _ := graph.Attach(features, func(all []float64) survival.Loss {
		width := len(all) / len(batch)
		x := make([][]float64, len(batch))
		for i := range x {
			x[i] = all[i*width : (i+1)*width]
		}
		var v float64
		var g [][]float64
		by := f.spec.Strength
		switch f.method {
		case fairness.MethodMMD:
			v, g = fairness.MMD(x, group, len(f.groups))
		case fairness.MethodHSIC:
			v, g = fairness.HSIC(x, group)
		default:
			if f.state.Adversary == nil {
				f.state.Adversary = fairness.NewAdversary(len(f.groups), width)
			}
			v, g = f.state.Adversary.Learn(x, group, f.spec.Step)
			by = -by // the network goes up what the adversary goes down
		}
		return scaled(v, slices.Concat(g...), by)
	})
	return loss
}
