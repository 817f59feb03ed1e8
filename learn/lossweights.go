package learn

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// lossWeights are the weights of several targets' losses, learnt with the network (Kendall, Gal and Cipolla, "Multi-task learning using
// uncertainty to weigh losses", CVPR 2018, equations 7 and 10): a loss L counts e⁻ˢ·L + s/2, s being the logarithm of a variance that the
// network cannot explain. Where s rests, a target's weight is 1/(2L): what is known badly counts less, in whatever unit it is measured. (For
// squared errors the paper writes ½·e⁻ˢ·L + s/2, which is the same with s shifted by ln 2.) A target's weight in the recipe is where it begins.
type lossWeights struct {
	s nn.Param // [targets], logarithms of variances
}

// lossWeightsName is their name in checkpoints and among what the optimiser updates.
const lossWeightsName = "loss.log_variance"

// newLossWeights is nil where the plan fixes the weights.
func newLossWeights(e *torch.Engine, p *Plan, heads []head) (*lossWeights, error) {
	switch p.Train.LossWeights {
	case "", "fixed":
		return nil, nil
	case "learned":
	default:
		return nil, fault.New(fault.Usage, "train.loss_weights: no %q", p.Train.LossWeights).WithHint("fixed or learned")
	}
	if len(heads) < 2 {
		return nil, fault.New(fault.Usage, "train.loss_weights: learned weighs several targets against each other; the plan has %d", len(heads))
	}
	if p.Train.Fairness != nil {
		return nil, fault.New(fault.Usage, "train.loss_weights: learned and train.fairness both change what a target's loss counts").WithHint("leave out one of the two")
	}
	start := make([]float32, len(heads))
	for i, h := range heads {
		if h.belief() {
			return nil, fault.New(fault.Usage, "train.loss_weights: learned needs losses that cannot fall below zero; the likelihood of %q can", h.Name).
				WithHint("fix the weights, or leave uncertainty.regression and uncertainty.evidential out")
		}
		start[i] = float32(-math.Log(h.Weight))
	}
	n := int64(len(heads))
	w := &lossWeights{nn.Param{Shape: []int64{n}}}
	w.s.T = e.FromFloat32(start, n).Keep().SetRequiresGrad(true)
	return w, nil
}

// factor is what target i's mean loss is multiplied with, and the term beside it.
func (w *lossWeights) factor(i int) (factor, beside *torch.Tensor) {
	s := w.s.T.Select(0, int64(i))
	return s.Neg().Exp(), s.MulScalar(0.5)
}

// apply is what a mean loss of target i counts; fixed is its weight where weights are not learnt.
func (w *lossWeights) apply(i int, mean *torch.Tensor, fixed float64) *torch.Tensor {
	if w == nil {
		return mean.MulScalar(fixed)
	}
	factor, beside := w.factor(i)
	return mean.Mul(factor).Add(beside)
}

// count is what a mean loss of target i counts, as a number; share of the gradient's weight alone.
func (w *lossWeights) count(i int, mean, fixed float64) float64 {
	if w == nil {
		return fixed * mean
	}
	s := float64(w.s.T.Float32s()[i])
	return math.Exp(-s)*mean + s/2
}

// values are the weights by target; nil where they are fixed.
func (w *lossWeights) values(heads []head) map[string]float64 {
	if w == nil {
		return nil
	}
	out := map[string]float64{}
	for i, s := range w.s.T.Float32s() {
		out[heads[i].Name] = math.Exp(-float64(s))
	}
	return out
}

// visit calls v for what a checkpoint keeps.
func (w *lossWeights) visit(v func(name string, t *torch.Tensor)) {
	if w != nil {
		v(lossWeightsName, w.s.T)
	}
}

// learnt is all that an optimiser updates: the network, and the weights of its losses where they are learnt.
type learnt struct {
	nn.Module
	weights *lossWeights
}

// Visit implements [nn.Module].
func (l learnt) Visit(prefix string, v func(string, *nn.Param)) {
	l.Module.Visit(prefix, v)
	if l.weights != nil {
		v(prefix+lossWeightsName, &l.weights.s)
	}
}
