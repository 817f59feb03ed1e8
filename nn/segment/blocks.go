package segment

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// slope of the leaky ReLUs, and eps of the norms, as nnU-Net's.
const (
	leak    = 0.01
	normEps = 1e-5
)

// kaimingLeaky draws from N(0, 2/((1+a²)·fan_in)) with a = 0.01, nnU-Net's InitWeights_He(1e-2) (He et al., ICCV 2015, eq. 10). inputs is
// the axis of the kernel's input channels: 1 for convolutions, and also for transposed ones, whose fan torch counts there.
func kaimingLeaky(rng *rand.Rand, shape []int64, out []float32) {
	fan := shape[1]
	for _, k := range shape[2:] {
		fan *= k
	}
	nn.Normal(math.Sqrt(2/((1+leak*leak)*float64(fan))))(rng, shape, out)
}

// instanceNorm normalises every channel of every item by itself (Ulyanov et al. 2016), with a learnt scale and shift.
type instanceNorm struct{ weight, bias nn.Param }

func newInstanceNorm(n int64) *instanceNorm {
	return &instanceNorm{nn.Param{Shape: []int64{n}, Init: nn.Constant(1)}, nn.Param{Shape: []int64{n}}}
}

func (l *instanceNorm) Visit(prefix string, v func(string, *nn.Param)) {
	v(prefix+"weight", &l.weight)
	v(prefix+"bias", &l.bias)
}

// Forward of a single position per channel is the shift alone: there is nothing to normalise by, and torch refuses it.
func (l *instanceNorm) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return torch.InstanceNorm(x, l.weight.T, l.bias.T, normEps)
}

func (l *instanceNorm) Cost(in []int64) ([]int64, nn.Cost) {
	return in, nn.Cost{Params: 2 * l.weight.Numel(), Activations: product(in)}
}

var leakyReLU nn.Func = func(x *torch.Tensor) *torch.Tensor { return x.LeakyRelu(leak) }

// convBlock is convolution, instance norm and, unless linear, leaky ReLU. Pads keep the size at stride 1.
type convBlock struct {
	conv   *nn.Conv
	norm   *instanceNorm
	linear bool
}

func newConvBlock(in, out int64, kernel, stride []int64, bias, linear bool) *convBlock {
	pad := make([]int64, len(kernel))
	for i, k := range kernel {
		pad[i] = (k - 1) / 2
	}
	c := nn.NewConv(in, out, kernel, stride, pad).WithInit(kaimingLeaky)
	if bias {
		c.WithBias(nil)
	}
	return &convBlock{c, newInstanceNorm(out), linear}
}

func (b *convBlock) Visit(prefix string, v func(string, *nn.Param)) {
	b.conv.Visit(prefix+"conv.", v)
	b.norm.Visit(prefix+"norm.", v)
}

func (b *convBlock) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	y := p.Run("conv", b.conv, x)
	y = p.Run("norm", b.norm, y)
	if b.linear {
		return y
	}
	return leakyReLU(y)
}

func (b *convBlock) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := b.conv.Cost(in)
	c.Params += 2 * out[1]
	c.Activations += product(out)
	if !b.linear {
		c.Activations += product(out)
	}
	return out, c
}

// stack is convBlocks one after the other, the first of which may stride: nnU-Net's StackedConvBlocks.
func stack(n, in, out int64, kernel, stride []int64) nn.Chain {
	one := slices.Repeat([]int64{1}, len(kernel))
	var c nn.Chain
	for i := range n {
		c = append(c, nn.Named{Name: "convs." + strconv.FormatInt(i, 10), Module: newConvBlock(in, out, kernel, stride, true, false)})
		in, stride = out, one
	}
	return c
}

// upConv is a transposed convolution whose kernel is its stride: every position becomes stride positions.
type upConv struct {
	weight, bias nn.Param
	stride       []int64
}

func newUpConv(in, out int64, stride []int64) *upConv {
	return &upConv{nn.Param{Shape: append([]int64{in, out}, stride...), Init: kaimingLeaky}, nn.Param{Shape: []int64{out}}, stride}
}

func (u *upConv) Visit(prefix string, v func(string, *nn.Param)) {
	v(prefix+"weight", &u.weight)
	v(prefix+"bias", &u.bias)
}

func (u *upConv) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor {
	zero, one := make([]int64, len(u.stride)), slices.Repeat([]int64{1}, len(u.stride))
	if len(u.stride) == 2 {
		return torch.ConvTranspose2d(x, u.weight.T, u.bias.T, u.stride, zero, zero, 1, one)
	}
	return torch.ConvTranspose3d(x, u.weight.T, u.bias.T, u.stride, zero, zero, 1, one)
}

func (u *upConv) Cost(in []int64) ([]int64, nn.Cost) {
	out := slices.Clone(in)
	out[1] = u.weight.Shape[1]
	for i, s := range u.stride {
		out[2+i] *= s
	}
	n := product(out)
	return out, nn.Cost{Params: u.weight.Numel() + u.bias.Numel(), MACs: n * in[1], Activations: n}
}

func product(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}
