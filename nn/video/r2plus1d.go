package video

import "github.com/cineloop/cineloop/nn"

// r2plus1d is R(2+1)D: every 3D convolution is split into a spatial and a temporal one with a ReLU between. Tran et al., CVPR 2018,
// section 3.3. R(2+1)D-18 has 31.51 M parameters with 400 classes and 40.5 G multiply-adds for 3×16×112×112.
var r2plus1d = []Architecture{
	{Name: "r2plus1d_18", Family: "residual", Paper: closerLook, Input: kinetics112, Least: anySize, Params: 31505325, GMACs: 40.519, Classes: 400,
		build: func(s Spec) body { return videoResNet(s, splitStem(s), allOf(conv2Plus1D), depth18) }},
	{Name: "r2plus1d_34", Family: "residual", Paper: closerLook, Input: kinetics112, Least: anySize, Classes: 400,
		build: func(s Spec) body { return videoResNet(s, splitStem(s), allOf(conv2Plus1D), depth34) }},
}

// splitStem is a 1×7×7 and a 3×1×1 convolution. Its 45 middle channels are the published network's (at width 64); the number is scaled
// with the width.
func splitStem(s Spec) nn.Module {
	mid := max(1, (45*s.Width+32)/64)
	st := s.StemStride
	return nn.Sequential(
		nn.NewConv(s.Channels, mid, []int64{1, 7, 7}, []int64{1, st[1], st[2]}, []int64{0, 3, 3}),
		nn.NewBatchNorm(mid),
		nn.ReLU{},
		nn.NewConv(mid, s.Width, []int64{3, 1, 1}, []int64{st[0], 1, 1}, []int64{1, 0, 0}),
		nn.NewBatchNorm(s.Width),
		nn.ReLU{},
	)
}
