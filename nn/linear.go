package nn

import "github.com/cineloop/cineloop/torch"

// Linear is x·Wᵀ + b: [N, in] to [N, out].
type Linear struct{ Weight, Bias Param }

// NewLinear returns a linear layer with the given initialisation of its weight and bias (nil: zeros).
func NewLinear(in, out int64, weight, bias Init) *Linear {
	return &Linear{Weight: Param{Shape: []int64{out, in}, Init: weight}, Bias: Param{Shape: []int64{out}, Init: bias}}
}

// Visit implements [Module].
func (l *Linear) Visit(prefix string, v func(string, *Param)) {
	v(prefix+"weight", &l.Weight)
	v(prefix+"bias", &l.Bias)
}

// Forward implements [Module].
func (l *Linear) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	return p.Apply(l, func(x *torch.Tensor) *torch.Tensor { return torch.Linear(x, l.Weight.T, l.Bias.T) }, x)
}

// Cost implements [Module].
func (l *Linear) Cost(in []int64) ([]int64, Cost) {
	n := in[0] * l.Weight.Shape[0]
	return []int64{in[0], l.Weight.Shape[0]}, Cost{Params: l.Weight.Numel() + l.Bias.Numel(), MACs: n * l.Weight.Shape[1], Activations: n}
}
