package nn

import (
	"slices"

	"github.com/cineloop/cineloop/torch"
)

// Pool takes the largest value, or the mean where Mean is set, of each window; it has a value a dimension (T, H, W or H, W).
type Pool struct {
	Kernel, Stride, Pad []int64
	Mean                bool
}

// MaxPool2d is the ResNet stem's: 3×3 at stride 2 with a border of 1.
func MaxPool2d() Pool {
	return Pool{Kernel: []int64{3, 3}, Stride: []int64{2, 2}, Pad: []int64{1, 1}}
}

// Visit implements [Module].
func (Pool) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (l Pool) Forward(p *Pass, x *torch.Tensor) *torch.Tensor { return p.Apply(l, l.pool, x) }

func (l Pool) pool(x *torch.Tensor) *torch.Tensor {
	switch flat := len(l.Kernel) == 2; {
	case l.Mean && flat:
		return torch.AvgPool2d(x, l.Kernel, l.Stride, l.Pad)
	case l.Mean:
		return torch.AvgPool3d(x, l.Kernel, l.Stride, l.Pad)
	case flat:
		return torch.MaxPool2d(x, l.Kernel, l.Stride, l.Pad, []int64{1, 1}, false)
	}
	return torch.MaxPool3d(x, l.Kernel, l.Stride, l.Pad, []int64{1, 1, 1}, false)
}

// Cost implements [Module]. The way back of a maximum keeps an int64 index a value.
func (l Pool) Cost(in []int64) ([]int64, Cost) {
	out := slices.Clone(in)
	for i := range l.Kernel {
		out[2+i] = (in[2+i]+2*l.Pad[i]-l.Kernel[i])/l.Stride[i] + 1
	}
	if l.Mean {
		return out, Cost{Activations: numel(out)}
	}
	return out, Cost{Activations: 3 * numel(out)}
}

// GlobalAvgPool is the mean over all positions: [N, C, …] to [N, C].
type GlobalAvgPool struct{}

// Visit implements [Module].
func (GlobalAvgPool) Visit(string, func(string, *Param)) {}

// Forward implements [Module]. The pooling operator, not a mean, so that the last bit is torchvision's. Under autocast it widens to
// float32: what follows is small, and eight bits of a score would tie what should be ranked.
func (g GlobalAvgPool) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	if d := x.DType(); d == torch.BFloat16 || d == torch.Float16 {
		x = x.To(torch.Float32)
	}
	return p.Apply(g, func(x *torch.Tensor) *torch.Tensor {
		if len(x.Shape()) == 4 {
			return torch.AdaptiveAvgPool2d(x, 1, 1).Flatten(1, -1)
		}
		return torch.AdaptiveAvgPool3d(x, 1, 1, 1).Flatten(1, -1)
	}, x)
}

// Cost implements [Module].
func (GlobalAvgPool) Cost(in []int64) ([]int64, Cost) {
	return []int64{in[0], in[1]}, Cost{Activations: in[0] * in[1]}
}
