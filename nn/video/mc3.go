package video

import "github.com/cineloop/cineloop/nn"

// mc318 is MC3-18: 3×3×3 convolutions in the stem and the first stage, then frame by frame, so that time is never strided. Tran et
// al., CVPR 2018, section 3.2 (mixed convolutions; MC3 in their table counts stages from 3 on as 2D). 11.70 M parameters with 400
// classes, 43.3 G multiply-adds for 3×16×112×112.
func mc318(s Spec) (nn.Module, int64, nn.Init, nn.Init) {
	return videoResNet(s, basicStem(s), [4]convBuilder{conv3D, convNoTemporal, convNoTemporal, convNoTemporal})
}
