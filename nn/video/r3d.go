package video

// r3d is R3D: 3×3×3 convolutions everywhere. Tran et al., CVPR 2018, section 3.1. R3D-18 has 33.37 M parameters with 400 classes and 40.7 G
// multiply-adds for 3×16×112×112.
var r3d = []Architecture{
	{Name: "r3d_18", Family: "residual", Paper: closerLook, Input: kinetics112, Least: anySize, Params: 33371472, GMACs: 40.697, Classes: 400,
		build: func(s Spec) body { return videoResNet(s, basicStem(s), allOf(conv3D), depth18) }},
	{Name: "r3d_34", Family: "residual", Paper: closerLook, Input: kinetics112, Least: anySize, Classes: 400,
		build: func(s Spec) body { return videoResNet(s, basicStem(s), allOf(conv3D), depth34) }},
}

func allOf(c convBuilder) [4]convBuilder { return [4]convBuilder{c, c, c, c} }
