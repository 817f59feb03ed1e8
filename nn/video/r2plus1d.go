package video

import "github.com/cineloop/cineloop/nn"

// r2plus1d18 is R(2+1)D-18: every 3D convolution is split into a spatial and a temporal one with a ReLU between. Tran et al., CVPR 2018,
// section 3.3. 31.51 M parameters with 400 classes, 40.5 G multiply-adds for 3×16×112×112.
//
// The stem's 45 middle channels are the published network's (at width 64); the number is scaled with the width.
func r2plus1d18(s Spec) (nn.Module, int64, nn.Init, nn.Init) {
	mid := max(1, (45*s.Width+32)/64)
	st := s.StemStride
	stem := nn.Sequential(
		nn.NewConv(s.Channels, mid, []int64{1, 7, 7}, []int64{1, st[1], st[2]}, []int64{0, 3, 3}),
		nn.NewBatchNorm(mid),
		nn.ReLU{},
		nn.NewConv(mid, s.Width, []int64{3, 1, 1}, []int64{st[0], 1, 1}, []int64{1, 0, 0}),
		nn.NewBatchNorm(s.Width),
		nn.ReLU{},
	)
	return videoResNet(s, stem, [4]convBuilder{conv2Plus1D, conv2Plus1D, conv2Plus1D, conv2Plus1D})
}
