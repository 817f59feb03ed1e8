package video

import "github.com/cineloop/cineloop/nn"

// r3d18 is R3D-18: 3×3×3 convolutions everywhere. Tran et al., "A closer look at spatiotemporal convolutions for action recognition",
// CVPR 2018, section 3.1 (R3D). 33.37 M parameters with 400 classes, 40.7 G multiply-adds for 3×16×112×112.
func r3d18(s Spec) (nn.Module, int64, nn.Init, nn.Init) {
	return videoResNet(s, basicStem(s), [4]convBuilder{conv3D, conv3D, conv3D, conv3D})
}
