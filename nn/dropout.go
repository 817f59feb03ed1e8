package nn

import "github.com/cineloop/cineloop/torch"

// Dropout sets values to zero with probability Rate in training, and where [Pass.Drop] is set, and scales the rest by 1/(1−Rate).
type Dropout struct{ Rate float64 }

// Visit implements [Module].
func (Dropout) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (d Dropout) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	if d.Rate == 0 || !p.Train && !p.Drop {
		return x
	}
	return torch.Dropout(x, d.Rate, true)
}

// Cost implements [Module].
func (d Dropout) Cost(in []int64) ([]int64, Cost) {
	if d.Rate == 0 {
		return in, Cost{}
	}
	return in, Cost{Activations: 2 * numel(in)}
}

// DropPath leaves a branch out for whole rows of the batch with probability rate in training and scales the rest (Huang et al., "Deep
// networks with stochastic depth", ECCV 2016, in the form of torchvision's StochasticDepth, mode "row").
func DropPath(p *Pass, x *torch.Tensor, rate float64) *torch.Tensor {
	if rate == 0 || !p.Train {
		return x
	}
	shape := []int64{x.Size(0)}
	for range x.Dim() - 1 {
		shape = append(shape, 1)
	}
	keep := p.E.Rand(torch.Float32, shape...).LtScalar(1 - rate).To(x.DType())
	return x.Mul(keep.DivScalar_(1 - rate))
}
