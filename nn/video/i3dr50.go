package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
)

// i3dR50 is the inflated ResNet-50: 3×1×1 in place of 1×1 in every other block. Wang et al., "Non-local neural networks", CVPR 2018, table 1
// (I3D 3×1×1), with PyTorchVideo's names. 28.04 M parameters with 400 classes.
var i3dR50 = []Architecture{
	{Name: "i3d_r50", Family: "residual", Paper: image.Paper{Title: "Non-local neural networks", Where: "Wang et al., CVPR 2018, table 1"},
		Input: [3]int64{8, 224, 224}, Least: [3]int64{2, 1, 1}, Params: 28040000, Classes: 400, build: buildI3DR50},
}

func buildI3DR50(s Spec) body {
	w := s.Width
	kernels := [4][]int64{{3}, {3, 1}, {3, 1}, {1, 3}}
	blocks := []nn.Module{bottleneckStem(s.Channels, w, 5, s.StemStride)}
	in := w
	for i, depth := range depth34 {
		b := bottleneck3D{in: in, mid: w << i, out: 4 * w << i, strideT: 1, strideS: 2}
		if i == 0 {
			b.strideS = 1
		}
		blocks = append(blocks, bottleneckStage(b, depth, kernels[i]...))
		if in = b.out; i == 0 {
			blocks = append(blocks, nn.Pool{Kernel: []int64{2, 1, 1}, Stride: []int64{2, 1, 1}, Pad: []int64{0, 0, 0}})
		}
	}
	return body{trunk: nn.Chain{{Name: "blocks", Module: nn.Sequential(blocks...)}, {Name: "pool", Module: nn.GlobalAvgPool{}}},
		features: in, head: "blocks.6.proj", weight: videoHead, last: "blocks"}
}
