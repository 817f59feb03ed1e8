package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/deid/pixels/net"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// block is a convolution, normalised over the batch and rectified: one net.Layer once trained.
type block struct {
	kind           net.Kind
	in, out        int
	kernel, dilate int
	conv           nn.Param
	norm           *nn.BatchNorm
	bias           *nn.Param // instead of norm, once weights were folded and are trained on
}

func newBlock(kind net.Kind, in, out, kernel, dilate int) *block {
	b := &block{kind: kind, in: in, out: out, kernel: kernel, dilate: dilate, norm: nn.NewBatchNorm(int64(out))}
	b.conv = nn.Param{Shape: []int64{int64(out), int64(b.channels()), int64(kernel), int64(kernel)}, Init: nn.KaimingNormalFanOut}
	return b
}

func (b *block) channels() int {
	if b.kind == net.Phase {
		return 4 * b.in
	}
	return b.in
}

// model is blocks and a last 1 × 1 convolution with bias.
type model struct {
	blocks []*block
	weight nn.Param
	bias   nn.Param
}

func newModel(blocks ...*block) *model {
	n := int64(blocks[len(blocks)-1].out)
	return &model{blocks: blocks, weight: nn.Param{Shape: []int64{1, n, 1, 1}, Init: nn.Normal(0.05)}, bias: nn.Param{Shape: []int64{1}, Init: nn.Constant(-2)}}
}

// Visit implements nn.Module.
func (m *model) Visit(prefix string, v func(string, *nn.Param)) {
	for i, b := range m.blocks {
		name := prefix + string(rune('a'+i)) + "."
		v(name+"weight", &b.conv)
		if b.bias != nil {
			v(name+"bias", b.bias)
			continue
		}
		b.norm.Visit(name+"norm.", v)
	}
	v(prefix+"head.weight", &m.weight)
	v(prefix+"head.bias", &m.bias)
}

// Cost implements nn.Module.
func (m *model) Cost(in []int64) ([]int64, nn.Cost) { return in, nn.Cost{} }

// Forward implements nn.Module: logits. Input channels are the phases already where the first block wants phases.
func (m *model) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	for _, b := range m.blocks {
		stride, pad := int64(1), int64((b.kernel-1)/2*b.dilate)
		if b.kind == net.Half {
			stride, pad = 2, 1
		}
		d := int64(b.dilate)
		if b.bias != nil {
			x = torch.Conv2d(x, b.conv.T, b.bias.T, []int64{stride, stride}, []int64{pad, pad}, []int64{d, d}, 1).Relu()
			continue
		}
		x = torch.Conv2d(x, b.conv.T, nil, []int64{stride, stride}, []int64{pad, pad}, []int64{d, d}, 1)
		x = b.norm.Forward(p, x).Relu()
	}
	return torch.Conv2d(x, m.weight.T, m.bias.T, []int64{1, 1}, []int64{0, 0}, []int64{1, 1}, 1)
}

// export folds the normalisation into the kernels.
func (m *model) export() *net.Network {
	n := &net.Network{}
	for _, b := range m.blocks {
		if b.bias != nil {
			n.Layers = append(n.Layers, net.Layer{Kind: b.kind, In: b.in, Out: b.out, Kernel: b.kernel, Dilation: b.dilate, Weight: b.conv.T.Float32s(), Bias: b.bias.T.Float32s()})
			continue
		}
		w, g, c, mean, vari := b.conv.T.Float32s(), b.norm.Weight.T.Float32s(), b.norm.Bias.T.Float32s(), b.norm.Mean.T.Float32s(), b.norm.Var.T.Float32s()
		l := net.Layer{Kind: b.kind, In: b.in, Out: b.out, Kernel: b.kernel, Dilation: b.dilate, Weight: w, Bias: make([]float32, b.out)}
		taps := len(w) / b.out
		for o := range b.out {
			s := g[o] / float32(math.Sqrt(float64(vari[o])+1e-5))
			l.Bias[o] = c[o] - mean[o]*s
			for k := range taps {
				w[o*taps+k] *= s
			}
		}
		n.Layers = append(n.Layers, l)
	}
	last := m.blocks[len(m.blocks)-1].out
	n.Layers = append(n.Layers, net.Layer{Kind: net.Same, In: last, Out: 1, Kernel: 1, Dilation: 1, Linear: true, Weight: m.weight.T.Float32s(), Bias: m.bias.T.Float32s()})
	return n
}

// start makes the model that of a network whose normalisation was folded, to train it on.
func (m *model) start(n *net.Network) error {
	if len(n.Layers) != len(m.blocks)+1 {
		return fmt.Errorf("a network of %d layers where %d are wanted", len(n.Layers), len(m.blocks)+1)
	}
	fill := func(v []float32) nn.Init {
		return func(_ *rand.Rand, _ []int64, out []float32) { copy(out, v) }
	}
	for i, b := range m.blocks {
		l := n.Layers[i]
		if l.Kind != b.kind || l.In != b.in || l.Out != b.out || l.Kernel != b.kernel || l.Dilation != b.dilate {
			return fmt.Errorf("layer %d is another one", i)
		}
		b.conv.Init = fill(l.Weight)
		b.bias = &nn.Param{Shape: []int64{int64(b.out)}, Init: fill(l.Bias)}
	}
	last := n.Layers[len(n.Layers)-1]
	m.weight.Init, m.bias.Init = fill(last.Weight), fill(last.Bias)
	return nil
}

// adam is AdamW over all learnt parameters (Loshchilov and Hutter, ICLR 2019), with torch's defaults and decay 1e-4 on kernels.
type adam struct {
	e       *torch.Engine
	p, m, v []*torch.Tensor
	steps   int
}

func newAdam(e *torch.Engine, mod nn.Module) *adam {
	a := &adam{e: e}
	mod.Visit("", func(_ string, p *nn.Param) {
		if !p.Buffer {
			p.T.SetRequiresGrad(true)
			a.p = append(a.p, p.T)
			a.m = append(a.m, e.Zeros(torch.Float32, p.Shape...).Keep())
			a.v = append(a.v, e.Zeros(torch.Float32, p.Shape...).Keep())
		}
	})
	return a
}

func (a *adam) step(lr float64) {
	a.steps++
	s := a.e.Scope()
	defer s.Close()
	a.e.NoGrad(func() {
		d := make([]*torch.Tensor, len(a.p))
		for i, p := range a.p {
			d[i] = p.Grad()
		}
		torch.ForeachMulScalar_(a.p, 1-lr*1e-4)
		torch.ForeachMulScalar_(a.m, 0.9)
		torch.ForeachAdd_(a.m, d, 0.1)
		torch.ForeachMulScalar_(a.v, 0.999)
		torch.ForeachAddcmul_(a.v, d, d, 0.001)
		den := torch.ForeachSqrt(a.v)
		torch.ForeachDivScalar_(den, math.Sqrt(1-math.Pow(0.999, float64(a.steps))))
		torch.ForeachAddScalar_(den, 1e-8)
		torch.ForeachAddcdiv_(a.p, a.m, den, -lr/(1-math.Pow(0.9, float64(a.steps))))
		for _, p := range a.p {
			p.SetGrad(nil)
		}
	})
}

// sample is one training picture: input planes, targets and weights of the cells.
type sample struct{ in, target, weight []float32 }

// task is what a network is trained on.
type task struct {
	model    *model
	channels int // of the tensor that the first convolution sees
	h, w     int // of that tensor
	oh, ow   int // of the output
	batch    int
	lr       float64
	draw     func(seed stats.Seed, i int, held bool) sample
}
