package learn

import (
	"math"

	"github.com/cineloop/cineloop/torch"
)

// sgd is torch.optim.SGD without dampening: g ← g + λw; v ← μv + g; w ← w − lr·v.
func (o *optimiser) sgd(g *group, lr float64) {
	d := grads(g.params)
	if g.decay != 0 {
		torch.ForeachAdd_(d, g.params, g.decay) // into the gradients themselves: they are dropped after the step
	}
	if len(g.slots) > 0 {
		v := g.slots[0]
		torch.ForeachMulScalar_(v, o.spec.Momentum)
		torch.ForeachAdd_(v, d, 1)
		d = v
	}
	torch.ForeachAdd_(g.params, d, -lr)
}

// Adam's constants (Kingma and Ba, ICLR 2015; torch's defaults).
const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)

// adam is torch.optim.Adam: the decay is part of the gradient.
func (o *optimiser) adam(g *group, lr float64) {
	d := grads(g.params)
	if g.decay != 0 {
		torch.ForeachAdd_(d, g.params, g.decay)
	}
	o.moments(g, d, lr)
}

// adamw is torch.optim.AdamW: decoupled decay (Loshchilov and Hutter, ICLR 2019), then Adam.
func (o *optimiser) adamw(g *group, lr float64) {
	torch.ForeachMulScalar_(g.params, 1-lr*g.decay)
	o.moments(g, grads(g.params), lr)
}

// moments is Adam's step with bias correction.
func (o *optimiser) moments(g *group, d []*torch.Tensor, lr float64) {
	m, v := g.slots[0], g.slots[1]
	torch.ForeachMulScalar_(m, beta1)
	torch.ForeachAdd_(m, d, 1-beta1)
	torch.ForeachMulScalar_(v, beta2)
	torch.ForeachAddcmul_(v, d, d, 1-beta2)
	correct1 := 1 - math.Pow(beta1, float64(o.steps))
	correct2 := math.Sqrt(1 - math.Pow(beta2, float64(o.steps)))
	denom := torch.ForeachSqrt(v)
	torch.ForeachDivScalar_(denom, correct2)
	torch.ForeachAddScalar_(denom, epsilon)
	torch.ForeachAddcdiv_(g.params, m, denom, -lr/correct1)
}

// lambEpsilon is LAMB's, as in its papers' code.
const lambEpsilon = 1e-6

// lamb is You et al., "Large batch optimization for deep learning", ICLR 2020, algorithm 2, with bias correction: Adam's direction r plus
// λw, scaled for each tensor by ‖w‖/‖r + λw‖. The ratio is 1 where either norm is 0, and for what does not decay (biases and
// normalisation).
func (o *optimiser) lamb(g *group, lr float64) {
	d, m, v := grads(g.params), g.slots[0], g.slots[1]
	torch.ForeachMulScalar_(m, beta1)
	torch.ForeachAdd_(m, d, 1-beta1)
	torch.ForeachMulScalar_(v, beta2)
	torch.ForeachAddcmul_(v, d, d, 1-beta2)
	denom := torch.ForeachSqrt(v)
	torch.ForeachDivScalar_(denom, math.Sqrt(1-math.Pow(beta2, float64(o.steps))))
	torch.ForeachAddScalar_(denom, lambEpsilon)
	correct1 := 1 - math.Pow(beta1, float64(o.steps))
	update := make([]*torch.Tensor, len(m))
	for i := range m {
		update[i] = m[i].DivScalar(correct1)
	}
	torch.ForeachDiv_(update, denom)
	if g.decay != 0 {
		torch.ForeachAdd_(update, g.params, g.decay)
		norms := torch.Stack(append(torch.ForeachNorm(g.params), torch.ForeachNorm(update)...), 0).Float32s()
		ratios := make([]float64, len(update))
		for i := range ratios {
			w, u := float64(norms[i]), float64(norms[len(update)+i])
			if ratios[i] = 1; w > 0 && u > 0 {
				ratios[i] = w / u
			}
		}
		torch.ForeachMulScalars_(update, ratios)
	}
	torch.ForeachAdd_(g.params, update, -lr)
}

// lion's constants.
const (
	lionBeta1 = 0.9
	lionBeta2 = 0.99
)

// lion is Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, program 1: w ← w − lr·(sign(β₁m + (1−β₁)g) + λw), then
// m ← β₂m + (1−β₂)g. It wants a learning rate three to ten times below AdamW's, and as much more decay.
func (o *optimiser) lion(g *group, lr float64) {
	d, m := grads(g.params), g.slots[0]
	torch.ForeachMulScalar_(g.params, 1-lr*g.decay)
	for i := range m {
		g.params[i].Add_(m[i].MulScalar(lionBeta1).Add_(d[i].MulScalar(1-lionBeta1), 1).Sign(), -lr)
	}
	torch.ForeachMulScalar_(m, lionBeta2)
	torch.ForeachAdd_(m, d, 1-lionBeta2)
}
