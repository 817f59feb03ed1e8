package video

import (
	"math"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
)

// x3d grows a tiny network step by step along time, space, width and depth. Feichtenhofer, "X3D", CVPR 2020, table 1 and section 4, with
// PyTorchVideo's names. XS, S and M are one network of 3.79 M parameters (400 classes) at three sizes of input.
var x3d = []Architecture{
	x3dOf("x3d_xs", [3]int64{4, 182, 182}),
	x3dOf("x3d_s", [3]int64{13, 182, 182}),
	x3dOf("x3d_m", [3]int64{16, 256, 256}),
}

func x3dOf(name string, input [3]int64) Architecture {
	return Architecture{Name: name, Family: "residual", Paper: image.Paper{Title: "X3D: expanding architectures for efficient video recognition", Where: "Feichtenhofer, CVPR 2020, table 1"},
		Input: input, Least: anySize, Params: 3790000, Classes: 400, build: buildX3D}
}

func buildX3D(s Spec) body {
	w := roundWidth(24*float64(s.Width)/64, 8)
	one, zero := []int64{1, 1, 1}, []int64{0, 0, 0}
	st := s.StemStride
	blocks := []nn.Module{nn.Chain{
		{Name: "conv", Module: nn.Chain{
			{Name: "conv_t", Module: nn.NewConv(s.Channels, w, []int64{1, 3, 3}, []int64{1, st[1], st[2]}, []int64{0, 1, 1})},
			{Name: "conv_xy", Module: nn.NewDepthwise(w, []int64{5, 1, 1}, []int64{st[0], 1, 1}, []int64{2, 0, 0})},
		}},
		{Name: "norm", Module: nn.NewBatchNorm(w)},
		{Name: "act", Module: nn.ReLU{}},
	}}
	in := w
	for i, depth := range []int{1, 2, 5, 3} {
		out := w << i
		mid := int64(float64(out) * 2.25)
		b := bottleneck3D{in: in, mid: mid, out: out, strideT: 1, strideS: 2, depthwise: true, x3d: true, excite: roundWidth(float64(mid)*0.0625, 8)}
		blocks = append(blocks, bottleneckStage(b, int(math.Ceil(float64(depth)*2.2)), 1))
		in = out
	}
	mid := int64(float64(in) * 2.25)
	blocks = append(blocks, nn.Chain{{Name: "pool", Module: nn.Chain{
		{Name: "pre_conv", Module: nn.NewConv(in, mid, one, one, zero)},
		{Name: "pre_norm", Module: nn.NewBatchNorm(mid)},
		{Name: "pre_act", Module: nn.ReLU{}},
		{Name: "pool", Module: cubePool{}},
		{Name: "post_conv", Module: nn.NewConv(mid, 2048, one, one, zero)},
		{Name: "post_act", Module: nn.ReLU{}},
	}}})
	return body{trunk: nn.Chain{{Name: "blocks", Module: nn.Sequential(blocks...)}, {Name: "flat", Module: nn.GlobalAvgPool{}}},
		features: 2048, head: "blocks.5.proj", weight: videoHead, last: "blocks.4"}
}

// roundWidth rounds to a multiple of unit, at least one, not below nine tenths of v.
func roundWidth(v float64, unit int64) int64 {
	n := max(unit, int64(v+float64(unit)/2)/unit*unit)
	if float64(n) < 0.9*v {
		n += unit
	}
	return n
}
