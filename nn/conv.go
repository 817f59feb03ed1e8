package nn

import (
	"slices"

	"github.com/cineloop/cineloop/torch"
)

// Conv is a convolution in two or three dimensions, weight [out, in/Groups, kernel…].
type Conv struct {
	Weight                Param
	Bias                  *Param // nil: none
	Stride, Pad, Dilation []int64
	Groups                int64
}

// NewConv returns a convolution without bias from in to out channels; kernel, stride and pad have one value a dimension (T, H, W or H, W).
func NewConv(in, out int64, kernel, stride, pad []int64) *Conv {
	return &Conv{
		Weight: Param{Shape: append([]int64{out, in}, kernel...), Init: KaimingNormalFanOut},
		Stride: stride, Pad: pad, Dilation: slices.Repeat([]int64{1}, len(stride)), Groups: 1,
	}
}

// NewDepthwise returns a convolution that treats every one of n channels by itself.
func NewDepthwise(n int64, kernel, stride, pad []int64) *Conv {
	c := NewConv(1, n, kernel, stride, pad)
	c.Groups = n
	return c
}

// WithBias adds a bias; init nil is zeros.
func (c *Conv) WithBias(init Init) *Conv {
	c.Bias = &Param{Shape: c.Weight.Shape[:1], Init: init}
	return c
}

// WithInit changes the initialisation of the kernel.
func (c *Conv) WithInit(init Init) *Conv {
	c.Weight.Init = init
	return c
}

// Visit implements [Module].
func (c *Conv) Visit(prefix string, v func(string, *Param)) {
	v(prefix+"weight", &c.Weight)
	if c.Bias != nil {
		v(prefix+"bias", c.Bias)
	}
}

// Forward implements [Module].
func (c *Conv) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	var bias *torch.Tensor
	if c.Bias != nil {
		bias = c.Bias.T
	}
	return p.Apply(c, func(x *torch.Tensor) *torch.Tensor { return c.With(x, c.Weight.T, bias) }, x)
}

// With is the convolution with another kernel and bias, which may be nil, of the same shapes.
func (c *Conv) With(x, weight, bias *torch.Tensor) *torch.Tensor {
	if len(c.Stride) == 2 {
		return torch.Conv2d(x, weight, bias, c.Stride, c.Pad, c.Dilation, c.Groups)
	}
	return torch.Conv3d(x, weight, bias, c.Stride, c.Pad, c.Dilation, c.Groups)
}

// Cost implements [Module].
func (c *Conv) Cost(in []int64) ([]int64, Cost) {
	out := slices.Clone(in)
	out[1] = c.Weight.Shape[0]
	for i := range c.Stride {
		out[2+i] = (in[2+i]+2*c.Pad[i]-c.Dilation[i]*(c.Weight.Shape[2+i]-1)-1)/c.Stride[i] + 1
	}
	n := numel(out)
	cost := Cost{Params: c.Weight.Numel(), MACs: n * numel(c.Weight.Shape[1:]), Activations: n}
	if c.Bias != nil {
		cost.Params += c.Bias.Numel()
	}
	return out, cost
}
