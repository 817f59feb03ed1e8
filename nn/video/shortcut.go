package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// paddedShortcut takes every stride-th position and fills missing channels with zeros: the shortcut without parameters (type A of He et
// al., CVPR 2016).
type paddedShortcut struct{ stride, out int64 }

// Visit implements [nn.Module].
func (paddedShortcut) Visit(string, func(string, *nn.Param)) {}

// Forward implements [nn.Module].
func (s paddedShortcut) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor {
	y := x
	for d := int64(2); d < 5; d++ {
		y = y.Slice(d, 0, x.Size(int(d)), s.stride)
	}
	return y.Pad([]int64{0, 0, 0, 0, 0, 0, 0, s.out - x.Size(1)}, "constant", 0)
}

// Cost implements [nn.Module].
func (s paddedShortcut) Cost(in []int64) ([]int64, nn.Cost) {
	out := []int64{in[0], s.out}
	n := in[0] * s.out
	for _, d := range in[2:] {
		out = append(out, (d-1)/s.stride+1)
		n *= (d-1)/s.stride + 1
	}
	return out, nn.Cost{Activations: n}
}
