package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// i3d is Inception-v1 inflated to three dimensions. Carreira and Zisserman, CVPR 2017, section 2.4 and figure 3, with the parameter names of
// the widely used PyTorch port (Conv3d_1a_7x7.conv3d.weight, Mixed_3b.b1a.bn.weight). Strides pad as TensorFlow's "same" does.
// 12.7 M parameters with 400 classes; Width scales all channels.
var i3d = []Architecture{
	{Name: "i3d", Family: "inception", Paper: image.Paper{Title: "Quo vadis, action recognition?", Where: "Carreira and Zisserman, CVPR 2017, figure 3"},
		Input: [3]int64{64, 224, 224}, Least: anySize, Params: 12697264, Classes: 400, build: buildI3D},
}

func buildI3D(s Spec) body {
	w := func(n int64) int64 { return max(1, n*s.Width/64) }
	stem := s.StemStride
	if stem == [3]int64{1, 2, 2} {
		stem = [3]int64{2, 2, 2} // the published network's
	}
	var trunk nn.Chain
	in := s.Channels
	add := func(name string, m nn.Module, out int64) {
		trunk, in = append(trunk, nn.Named{Name: name, Module: nn.Segmented{Module: m}}), out
	}
	pool := func(k, st [3]int64) nn.Module {
		return samePad{kernel: k, stride: st, of: nn.Pool{Kernel: k[:], Stride: st[:], Pad: []int64{0, 0, 0}}}
	}
	three := [3]int64{3, 3, 3}
	add("Conv3d_1a_7x7", sameUnit(in, w(64), [3]int64{7, 7, 7}, stem), w(64))
	add("MaxPool3d_2a_3x3", pool([3]int64{1, 3, 3}, [3]int64{1, 2, 2}), in)
	add("Conv3d_2b_1x1", sameUnit(in, w(64), anySize, anySize), w(64))
	add("Conv3d_2c_3x3", sameUnit(in, w(192), three, anySize), w(192))
	add("MaxPool3d_3a_3x3", pool([3]int64{1, 3, 3}, [3]int64{1, 2, 2}), in)
	names := [9]string{"Mixed_3b", "Mixed_3c", "Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f", "Mixed_5b", "Mixed_5c"}
	for i, row := range inceptionRows {
		switch i {
		case 2:
			add("MaxPool3d_4a_3x3", pool(three, [3]int64{2, 2, 2}), in)
		case 7:
			add("MaxPool3d_5a_2x2", pool([3]int64{2, 2, 2}, [3]int64{2, 2, 2}), in)
		}
		for j := range row {
			row[j] = w(row[j])
		}
		add(names[i], inception{
			one: sameUnit(in, row[0], anySize, anySize), reduce1: sameUnit(in, row[1], anySize, anySize), three1: sameUnit(row[1], row[2], three, anySize),
			reduce2: sameUnit(in, row[3], anySize, anySize), three2: sameUnit(row[3], row[4], three, anySize),
			pool: pool(three, anySize), after: sameUnit(in, row[5], anySize, anySize),
		}.branches(), row[0]+row[2]+row[4]+row[5])
	}
	trunk = append(trunk, nn.Named{Name: "avg_pool", Module: nn.GlobalAvgPool{}})
	u := nn.UniformFanIn(in)
	return body{trunk: trunk, features: in, head: "logits.conv3d", weight: u, bias: u, last: "Mixed_5c"}
}

// inception is the block's parts; the port names them b0, b1a, b1b, b2a, b2b and b3b.
type inception struct{ one, reduce1, three1, reduce2, three2, pool, after nn.Module }

func (n inception) branches() nn.Module {
	return flatBranches{
		{{Name: "b0", Module: n.one}},
		{{Name: "b1a", Module: n.reduce1}, {Name: "b1b", Module: n.three1}},
		{{Name: "b2a", Module: n.reduce2}, {Name: "b2b", Module: n.three2}},
		{{Name: "b3a", Module: n.pool}, {Name: "b3b", Module: n.after}},
	}
}

// flatBranches are branches whose links' names stand without the branch's.
type flatBranches []nn.Chain

// Visit implements [nn.Module].
func (b flatBranches) Visit(prefix string, v func(string, *nn.Param)) {
	for _, c := range b {
		c.Visit(prefix, v)
	}
}

// Forward implements [nn.Module].
func (b flatBranches) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return p.Segment(func(x *torch.Tensor) *torch.Tensor { return b.forward(p, x) }, x)
}

func (b flatBranches) forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	out := make([]*torch.Tensor, len(b))
	for i, c := range b {
		out[i] = c.Forward(p, x)
	}
	return torch.Cat(out, 1)
}

// Cost implements [nn.Module].
func (b flatBranches) Cost(in []int64) ([]int64, nn.Cost) {
	var joined branches
	for _, c := range b {
		joined = append(joined, nn.Named{Module: c})
	}
	return joined.Cost(in)
}

// sameUnit is conv3d, bn (eps 1e-3, momentum 1e-2), ReLU, padded as TensorFlow's "same".
func sameUnit(in, out int64, kernel, stride [3]int64) nn.Module {
	b := nn.NewBatchNorm(out)
	b.Eps, b.Momentum = 1e-3, 1e-2
	conv := nn.NewConv(in, out, kernel[:], stride[:], []int64{0, 0, 0})
	return nn.Chain{{Name: "conv3d", Module: samePad{kernel, stride, conv}}, {Name: "bn", Module: b}, {Name: "relu", Module: nn.ReLU{}}}
}

// samePad pads with zeros so that a window gives ⌈n/stride⌉ positions, the odd one at the end, then runs the window. (Inputs of pools
// come from a ReLU, so zeros change no maximum.)
type samePad struct {
	kernel, stride [3]int64
	of             nn.Module
}

func (s samePad) total(i int, n int64) int64 {
	if n%s.stride[i] == 0 {
		return max(s.kernel[i]-s.stride[i], 0)
	}
	return max(s.kernel[i]-n%s.stride[i], 0)
}

// Visit implements [nn.Module].
func (s samePad) Visit(prefix string, v func(string, *nn.Param)) { s.of.Visit(prefix, v) }

// Forward implements [nn.Module].
func (s samePad) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	pad := make([]int64, 0, 6)
	any := false
	for i := 2; i >= 0; i-- { // the last dimension first
		t := s.total(i, x.Size(2+i))
		pad = append(pad, t/2, t-t/2)
		any = any || t > 0
	}
	if any {
		x = x.Pad(pad, "constant", 0)
	}
	return s.of.Forward(p, x)
}

// Cost implements [nn.Module].
func (s samePad) Cost(in []int64) ([]int64, nn.Cost) {
	padded := append([]int64{}, in...)
	for i := range 3 {
		padded[2+i] += s.total(i, in[2+i])
	}
	return s.of.Cost(padded)
}
