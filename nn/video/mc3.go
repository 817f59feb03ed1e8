package video

// mc3 is MC3-18: 3×3×3 convolutions in the stem and the first stage, then frame by frame, so that time is never strided. Tran et al.,
// CVPR 2018, section 3.2 (mixed convolutions; MC3 in their table counts stages from 3 on as 2D). 11.70 M parameters with 400 classes,
// 43.3 G multiply-adds for 3×16×112×112.
var mc3 = []Architecture{
	{Name: "mc3_18", Family: "residual", Paper: closerLook, Input: kinetics112, Least: anySize, Params: 11695440, GMACs: 43.343, Classes: 400,
		build: func(s Spec) body {
			return videoResNet(s, basicStem(s), [4]convBuilder{conv3D, convNoTemporal, convNoTemporal, convNoTemporal}, depth18)
		}},
}
