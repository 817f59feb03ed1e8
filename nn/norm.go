package nn

import "github.com/cineloop/cineloop/torch"

// BatchNorm normalises each channel over batch and positions (Ioffe and Szegedy, ICML 2015).
type BatchNorm struct {
	Weight, Bias, Mean, Var, Batches Param
	Eps, Momentum                    float64
}

// NewBatchNorm returns batch normalisation of n channels with torch's eps 1e-5 and momentum 0.1.
func NewBatchNorm(n int64) *BatchNorm {
	return &BatchNorm{
		Eps: 1e-5, Momentum: 0.1,
		Weight:  Param{Shape: []int64{n}, Init: Constant(1)},
		Bias:    Param{Shape: []int64{n}},
		Mean:    Param{Shape: []int64{n}, Buffer: true},
		Var:     Param{Shape: []int64{n}, Buffer: true, Init: Constant(1)},
		Batches: Param{Shape: []int64{}, Buffer: true, Int: true},
	}
}

// Visit implements [Module].
func (b *BatchNorm) Visit(prefix string, v func(string, *Param)) {
	v(prefix+"weight", &b.Weight)
	v(prefix+"bias", &b.Bias)
	v(prefix+"running_mean", &b.Mean)
	v(prefix+"running_var", &b.Var)
	v(prefix+"num_batches_tracked", &b.Batches)
}

// Forward implements [Module].
func (b *BatchNorm) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	if p.Train && !p.recomputing() {
		// Nothing here reads the count; torch's users expect it in the state dict.
		if _, err := p.E.Call("aten::add_.Scalar", b.Batches.T, 1); err != nil {
			panic(err)
		}
	}
	if p.Train && p.Sum != nil {
		return b.synced(p, x)
	}
	mean, variance := b.Mean.T, b.Var.T
	if p.recomputing() && p.Train { // learnt in the first run
		mean, variance = nil, nil
	}
	return p.Apply(b, func(x *torch.Tensor) *torch.Tensor {
		return torch.BatchNorm(x, b.Weight.T, b.Bias.T, mean, variance, p.Train, b.Momentum, b.Eps)
	}, x)
}

// Cost implements [Module].
func (b *BatchNorm) Cost(in []int64) ([]int64, Cost) {
	return in, Cost{Params: 2 * b.Weight.Numel(), Activations: numel(in)}
}

// LayerNorm normalises over the last dimension (Ba et al. 2016); over the channels of [N, C, …] where First is set, as torchvision's
// LayerNorm2d.
type LayerNorm struct {
	Weight, Bias Param
	Eps          float64
	First        bool
}

// NewLayerNorm returns layer normalisation of n features.
func NewLayerNorm(n int64, eps float64) *LayerNorm {
	return &LayerNorm{Weight: Param{Shape: []int64{n}, Init: Constant(1)}, Bias: Param{Shape: []int64{n}}, Eps: eps}
}

// Visit implements [Module].
func (l *LayerNorm) Visit(prefix string, v func(string, *Param)) {
	v(prefix+"weight", &l.Weight)
	v(prefix+"bias", &l.Bias)
}

// Forward implements [Module].
func (l *LayerNorm) Forward(_ *Pass, x *torch.Tensor) *torch.Tensor {
	if !l.First {
		return torch.LayerNorm(x, l.Weight.Shape, l.Weight.T, l.Bias.T, l.Eps)
	}
	n := int64(x.Dim())
	last, first := []int64{0}, []int64{0, n - 1}
	for d := int64(2); d < n; d++ {
		last, first = append(last, d), append(first, d-1)
	}
	return torch.LayerNorm(x.Permute(append(last, 1)...), l.Weight.Shape, l.Weight.T, l.Bias.T, l.Eps).Permute(first...)
}

// Cost implements [Module].
func (l *LayerNorm) Cost(in []int64) ([]int64, Cost) {
	return in, Cost{Params: 2 * l.Weight.Numel(), Activations: numel(in)}
}
