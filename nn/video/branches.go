package video

import (
	"slices"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// branches runs modules beside each other and joins their channels: the inception block (Szegedy et al., CVPR 2015).
type branches nn.Chain

// Visit implements [nn.Module].
func (b branches) Visit(prefix string, v func(string, *nn.Param)) { nn.Chain(b).Visit(prefix, v) }

// Forward implements [nn.Module].
func (b branches) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return p.Segment(func(x *torch.Tensor) *torch.Tensor { return b.forward(p, x) }, x)
}

func (b branches) forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	out := make([]*torch.Tensor, len(b))
	for i, m := range b {
		out[i] = p.Run(m.Name, m.Module, x)
	}
	return torch.Cat(out, 1)
}

// Cost implements [nn.Module].
func (b branches) Cost(in []int64) ([]int64, nn.Cost) {
	var sum nn.Cost
	var joined []int64
	for _, m := range b {
		out, c := m.Module.Cost(in)
		sum = sum.Plus(c)
		if joined == nil {
			joined = slices.Clone(out)
		} else {
			joined[1] += out[1]
		}
	}
	return joined, sum.Segment(in)
}
