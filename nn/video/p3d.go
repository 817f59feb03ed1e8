package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// p3d is the pseudo-3D residual network: bottlenecks whose 3×3 convolution is a 1×3×3 and a 3×1×1 one, in three arrangements that take turns:
// A one after the other, B side by side, C the second beside a shortcut of the first. Qiu, Yao and Mei, "Learning spatio-temporal
// representation with pseudo-3D residual networks", ICCV 2017, section 3, with the names of its usual PyTorch port. Time is halved by
// pooling after the stem and the first three stages, as long as there is time left; the last stage sees frames. The paper's network is
// made of ResNet-152 and has 199 layers.
var p3d = []Architecture{
	p3dOf("p3d_63", [4]int{3, 4, 6, 3}),
	p3dOf("p3d_131", [4]int{3, 4, 23, 3}),
	p3dOf("p3d_199", [4]int{3, 8, 36, 3}),
}

func p3dOf(name string, depth [4]int) Architecture {
	return Architecture{Name: name, Family: "residual", Paper: image.Paper{Title: "Learning spatio-temporal representation with pseudo-3D residual networks", Where: "Qiu et al., ICCV 2017, section 3"},
		Input: [3]int64{16, 160, 160}, Least: anySize, Classes: 400, build: func(s Spec) body { return buildP3D(s, depth) }}
}

func buildP3D(s Spec, depth [4]int) body {
	w := s.Width
	stem := nn.Pool{Kernel: []int64{2, 3, 3}, Stride: []int64{2, 2, 2}, Pad: []int64{0, 1, 1}}
	half := nn.Pool{Kernel: []int64{2, 1, 1}, Stride: []int64{2, 1, 1}, Pad: []int64{0, 0, 0}}
	trunk := nn.Chain{
		{Name: "conv1_custom", Module: nn.NewConv(s.Channels, w, []int64{1, 7, 7}, s.StemStride[:], []int64{0, 3, 3})},
		{Name: "bn1", Module: nn.NewBatchNorm(w)},
		{Name: "relu", Module: nn.ReLU{}},
		{Name: "maxpool", Module: timePool{stem}},
	}
	in, number := w, 0
	for i, n := range depth {
		var stage []nn.Module
		for j := range n {
			stride := int64(1)
			if j == 0 && i > 0 {
				stride = 2
			}
			kind := pseudoKind(number % 3)
			if i == 3 {
				kind = pseudoFlat
			}
			stage = append(stage, pseudoBlock(in, w<<i, stride, kind, j == 0))
			in = 4 * w << i
			number++
		}
		trunk = append(trunk, nn.Named{Name: stageNames[i], Module: nn.Sequential(stage...)})
		if i < 3 {
			trunk = append(trunk, nn.Named{Name: "maxpool_2", Module: timePool{half}})
		}
	}
	trunk = append(trunk, nn.Named{Name: "avgpool", Module: nn.GlobalAvgPool{}})
	u := nn.UniformFanIn(in)
	return body{trunk: trunk, features: in, head: "fc", weight: u, bias: u, last: "layer4"}
}

// timePool pools two frames to one; a single frame stays.
type timePool struct{ nn.Pool }

func (t timePool) of(frames int64) nn.Pool {
	if frames > 1 {
		return t.Pool
	}
	flat := t.Pool
	flat.Kernel = append([]int64{1}, t.Kernel[1:]...)
	flat.Stride = append([]int64{1}, t.Stride[1:]...)
	return flat
}

// Forward implements [nn.Module].
func (t timePool) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return t.of(x.Size(2)).Forward(p, x)
}

// Cost implements [nn.Module].
func (t timePool) Cost(in []int64) ([]int64, nn.Cost) { return t.of(in[2]).Cost(in) }

// pseudoKind is how a block arranges its spatial and its temporal convolution.
type pseudoKind int

const (
	pseudoA    pseudoKind = iota // in turn
	pseudoB                      // side by side
	pseudoC                      // in turn, with a shortcut around the temporal one
	pseudoFlat                   // the last stage: spatial alone
)

// pseudoBlock is a bottleneck of width w; the first of a stage projects its shortcut.
func pseudoBlock(in, w, stride int64, kind pseudoKind, first bool) nn.Module {
	one, zero, st := []int64{1, 1, 1}, []int64{0, 0, 0}, []int64{1, stride, stride}
	m := &pseudo{kind: kind, parts: nn.Chain{
		{Name: "conv1", Module: nn.NewConv(in, w, one, st, zero)}, {Name: "bn1", Module: nn.NewBatchNorm(w)},
	}}
	spatial := nn.NewConv(w, w, []int64{1, 3, 3}, one, []int64{0, 1, 1})
	if kind == pseudoFlat {
		m.parts = append(m.parts, nn.Named{Name: "conv_normal", Module: spatial}, nn.Named{Name: "bn_normal", Module: nn.NewBatchNorm(w)})
	} else {
		m.parts = append(m.parts, nn.Named{Name: "conv2", Module: spatial}, nn.Named{Name: "bn2", Module: nn.NewBatchNorm(w)},
			nn.Named{Name: "conv3", Module: nn.NewConv(w, w, []int64{3, 1, 1}, one, []int64{1, 0, 0})}, nn.Named{Name: "bn3", Module: nn.NewBatchNorm(w)})
	}
	m.parts = append(m.parts, nn.Named{Name: "conv4", Module: nn.NewConv(w, 4*w, one, one, zero)}, nn.Named{Name: "bn4", Module: nn.NewBatchNorm(4 * w)})
	r := &nn.Residual{Main: m}
	if first {
		r.Down = nn.Sequential(nn.NewConv(in, 4*w, one, st, zero), nn.NewBatchNorm(4*w))
	}
	return r
}

// pseudo is a block's main branch: pairs of a convolution and its normalisation.
type pseudo struct {
	kind  pseudoKind
	parts nn.Chain
}

// Visit implements [nn.Module].
func (m *pseudo) Visit(prefix string, v func(string, *nn.Param)) { m.parts.Visit(prefix, v) }

// pair runs the i-th convolution and normalisation.
func (m *pseudo) pair(p *nn.Pass, i int, x *torch.Tensor) *torch.Tensor {
	c, n := m.parts[2*i], m.parts[2*i+1]
	return p.Run(n.Name, n.Module, p.Run(c.Name, c.Module, x))
}

// Forward implements [nn.Module].
func (m *pseudo) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	relu := nn.ReLU{}
	x = relu.Forward(p, m.pair(p, 0, x))
	if m.kind == pseudoFlat {
		return m.pair(p, 2, relu.Forward(p, m.pair(p, 1, x)))
	}
	space := relu.Forward(p, m.pair(p, 1, x))
	into := space
	if m.kind == pseudoB {
		into = x
	}
	time := relu.Forward(p, m.pair(p, 2, into))
	if m.kind != pseudoA {
		time = time.Add(space)
	}
	return m.pair(p, 3, time)
}

// Cost implements [nn.Module].
func (m *pseudo) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := m.parts.Cost(in)
	if m.kind == pseudoB || m.kind == pseudoC {
		_, normal := m.parts[1].Module.Cost([]int64{in[0], m.parts[1].Module.(*nn.BatchNorm).Weight.Shape[0], out[2], out[3], out[4]})
		c.Activations += normal.Activations // the sum
	}
	return out, c
}
