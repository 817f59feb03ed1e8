package nn

import (
	"slices"

	"github.com/cineloop/cineloop/torch"
)

// Conv is a convolution without bias in two or three dimensions, weight [out, in, kernel…].
type Conv struct {
	Weight      Param
	Stride, Pad []int64
}

// NewConv returns a convolution from in to out channels; kernel, stride and pad have one value a dimension (T, H, W or H, W).
func NewConv(in, out int64, kernel, stride, pad []int64) *Conv {
	return &Conv{
		Weight: Param{Shape: append([]int64{out, in}, kernel...), Init: KaimingNormalFanOut},
		Stride: stride, Pad: pad,
	}
}

// Visit implements [Module].
func (c *Conv) Visit(prefix string, v func(string, *Param)) { v(prefix+"weight", &c.Weight) }

// Forward implements [Module].
func (c *Conv) Forward(_ *Pass, x *torch.Tensor) *torch.Tensor {
	if len(c.Stride) == 2 {
		return torch.Conv2d(x, c.Weight.T, nil, c.Stride, c.Pad, []int64{1, 1}, 1)
	}
	return torch.Conv3d(x, c.Weight.T, nil, c.Stride, c.Pad, []int64{1, 1, 1}, 1)
}

// Cost implements [Module].
func (c *Conv) Cost(in []int64) ([]int64, Cost) {
	out := slices.Clone(in)
	out[1] = c.Weight.Shape[0]
	for i := range c.Stride {
		out[2+i] = (in[2+i]+2*c.Pad[i]-c.Weight.Shape[2+i])/c.Stride[i] + 1
	}
	n := numel(out)
	return out, Cost{Params: c.Weight.Numel(), MACs: n * numel(c.Weight.Shape[1:]), Activations: n}
}

// BatchNorm normalises each channel over batch and positions, eps 1e-5, momentum 0.1 (Ioffe and Szegedy, ICML 2015).
type BatchNorm struct {
	Weight, Bias, Mean, Var, Batches Param
}

// NewBatchNorm returns batch normalisation of n channels.
func NewBatchNorm(n int64) *BatchNorm {
	return &BatchNorm{
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
	if p.Train {
		// Nothing here reads the count; torch's users expect it in the state dict.
		if _, err := p.E.Call("aten::add_.Scalar", b.Batches.T, 1); err != nil {
			panic(err)
		}
	}
	return torch.BatchNorm(x, b.Weight.T, b.Bias.T, b.Mean.T, b.Var.T, p.Train, 0.1, 1e-5)
}

// Cost implements [Module].
func (b *BatchNorm) Cost(in []int64) ([]int64, Cost) {
	return in, Cost{Params: 2 * b.Weight.Numel(), Activations: numel(in)}
}

// ReLU is max(x, 0), in place unless activations are captured.
type ReLU struct{}

// Visit implements [Module].
func (ReLU) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (ReLU) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	if p.capturing() {
		return x.Relu()
	}
	return x.Relu_()
}

// Cost implements [Module]. The output shares the memory of the input.
func (ReLU) Cost(in []int64) ([]int64, Cost) { return in, Cost{} }

// MaxPool2d is the largest of 3×3 at stride 2 with a border of 1, [N, C, H, W].
type MaxPool2d struct{}

// Visit implements [Module].
func (MaxPool2d) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (MaxPool2d) Forward(_ *Pass, x *torch.Tensor) *torch.Tensor {
	return torch.MaxPool2d(x, []int64{3, 3}, []int64{2, 2}, []int64{1, 1}, []int64{1, 1}, false)
}

// Cost implements [Module]. Backward keeps an int64 index a value.
func (MaxPool2d) Cost(in []int64) ([]int64, Cost) {
	out := slices.Clone(in)
	for i := 2; i < len(out); i++ {
		out[i] = (in[i]+2-3)/2 + 1
	}
	return out, Cost{Activations: 3 * numel(out)}
}

// GlobalAvgPool is the mean over all positions: [N, C, …] to [N, C].
type GlobalAvgPool struct{}

// Visit implements [Module].
func (GlobalAvgPool) Visit(string, func(string, *Param)) {}

// Forward implements [Module]. The pooling operator, not a mean, so that the last bit is torchvision's. Under autocast it widens to
// float32: what follows is small, and eight bits of a score would tie what should be ranked.
func (GlobalAvgPool) Forward(_ *Pass, x *torch.Tensor) *torch.Tensor {
	if d := x.DType(); d == torch.BFloat16 || d == torch.Float16 {
		x = x.To(torch.Float32)
	}
	if len(x.Shape()) == 4 {
		return torch.AdaptiveAvgPool2d(x, 1, 1).Flatten(1, -1)
	}
	return torch.AdaptiveAvgPool3d(x, 1, 1, 1).Flatten(1, -1)
}

// Cost implements [Module].
func (GlobalAvgPool) Cost(in []int64) ([]int64, Cost) {
	return []int64{in[0], in[1]}, Cost{Activations: in[0] * in[1]}
}

// Dropout sets values to zero with probability Rate in training and scales the rest by 1/(1−Rate).
type Dropout struct{ Rate float64 }

// Visit implements [Module].
func (Dropout) Visit(string, func(string, *Param)) {}

// Forward implements [Module].
func (d Dropout) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	if d.Rate == 0 || !p.Train {
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
func (l *Linear) Forward(_ *Pass, x *torch.Tensor) *torch.Tensor {
	return torch.Linear(x, l.Weight.T, l.Bias.T)
}

// Cost implements [Module].
func (l *Linear) Cost(in []int64) ([]int64, Cost) {
	n := in[0] * l.Weight.Shape[0]
	return []int64{in[0], l.Weight.Shape[0]}, Cost{Params: l.Weight.Numel() + l.Bias.Numel(), MACs: n * l.Weight.Shape[1], Activations: n}
}
