package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
)

// csn is the interaction-reduced channel-separated network: bottlenecks whose 3×3×3 convolution treats every channel by itself. Tran et
// al., ICCV 2019, section 3.2, with PyTorchVideo's names. ir-CSN-101 has 22.2 M parameters with 400 classes.
var csn = []Architecture{
	csnOf("csn_r50", depth34, 0),
	csnOf("csn_r101", [4]int{3, 4, 23, 3}, 22210000),
}

func csnOf(name string, depth [4]int, params int64) Architecture {
	return Architecture{Name: name, Family: "residual",
		Paper: image.Paper{Title: "Video classification with channel-separated convolutional networks", Where: "Tran et al., ICCV 2019, section 3.2 (ir-CSN)"},
		Input: [3]int64{32, 224, 224}, Least: anySize, Params: params, Classes: 400,
		build: func(s Spec) body {
			w := s.Width
			blocks := []nn.Module{bottleneckStem(s.Channels, w, 3, s.StemStride)}
			in := w
			for i, d := range depth {
				b := bottleneck3D{in: in, mid: w << i, out: 4 * w << i, strideT: 2, strideS: 2, depthwise: true}
				if i == 0 {
					b.strideT, b.strideS = 1, 1
				}
				blocks = append(blocks, bottleneckStage(b, d, 1))
				in = b.out
			}
			return body{trunk: nn.Chain{{Name: "blocks", Module: nn.Sequential(blocks...)}, {Name: "pool", Module: nn.GlobalAvgPool{}}},
				features: in, head: "blocks.5.proj", weight: videoHead, last: "blocks"}
		}}
}
