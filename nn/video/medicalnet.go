package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
)

var med3D = image.Paper{Title: "Med3D: transfer learning for 3D medical image analysis", Where: "Chen et al., arXiv 1904.00625, section 3"}

// medicalNet is the 3D ResNet of MedicalNet, with its key names: a 7×7×7 stem at stride 2, max-pool, and dilated convolutions in place of
// strides in the last two stages, so that the last map is an eighth of the input. Stem strides of 1 leave the max-pool out.
// Shortcuts of 18 and 34 layers pad with zeros (type A), the others project (type B), as in the published weights.
var medicalNet = []Architecture{
	medical("medicalnet_resnet10", [4]int{1, 1, 1, 1}, false, false),
	medical("medicalnet_resnet18", depth18, false, true),
	medical("medicalnet_resnet34", depth34, false, true),
	medical("medicalnet_resnet50", depth34, true, false),
	medical("medicalnet_resnet101", [4]int{3, 4, 23, 3}, true, false),
}

func medical(name string, depth [4]int, bottleneck, padded bool) Architecture {
	return Architecture{Name: name, Family: "residual", Paper: med3D, Input: [3]int64{56, 448, 448}, Least: anySize, Classes: 400,
		build: func(s Spec) body {
			stride := []int64{2, 2, 2}
			if s.StemStride == [3]int64{1, 1, 1} {
				stride = s.StemStride[:]
			}
			trunk := nn.Chain{
				{Name: "conv1", Module: nn.NewConv(s.Channels, s.Width, []int64{7, 7, 7}, stride, []int64{3, 3, 3})},
				{Name: "bn1", Module: nn.NewBatchNorm(s.Width)},
				{Name: "relu", Module: nn.ReLU{}},
			}
			if stride[0] > 1 {
				trunk = append(trunk, nn.Named{Name: "maxpool", Module: nn.Pool{Kernel: []int64{3, 3, 3}, Stride: []int64{2, 2, 2}, Pad: []int64{1, 1, 1}}})
			}
			in := s.Width
			for i, name := range stageNames {
				stride, dilation := int64(1), int64(1)
				switch i {
				case 1:
					stride = 2
				case 2, 3:
					dilation = 2 << (i - 2)
				}
				var stage []nn.Module
				for j := range depth[i] {
					if j > 0 {
						stride = 1
					}
					var m nn.Module
					m, in = medicalBlock(in, s.Width<<i, stride, dilation, bottleneck, padded)
					stage = append(stage, m)
				}
				trunk = append(trunk, nn.Named{Name: name, Module: nn.Sequential(stage...)})
			}
			trunk = append(trunk, nn.Named{Name: "avgpool", Module: nn.GlobalAvgPool{}})
			return body{trunk: trunk, features: in, head: "fc", weight: videoHead, last: "layer4"}
		}}
}

func medicalBlock(in, width, stride, dilation int64, bottleneck, padded bool) (nn.Module, int64) {
	out := width
	cube := func(n int64) []int64 { return []int64{n, n, n} }
	three := func(in, stride int64) *nn.Conv {
		c := nn.NewConv(in, width, cube(3), cube(stride), cube(dilation))
		c.Dilation = cube(dilation)
		return c
	}
	var main nn.Chain
	if bottleneck {
		out = 4 * width
		main = nn.Chain{
			{Name: "conv1", Module: nn.NewConv(in, width, cube(1), cube(1), cube(0))}, {Name: "bn1", Module: nn.NewBatchNorm(width)}, {Name: "relu", Module: nn.ReLU{}},
			{Name: "conv2", Module: three(width, stride)}, {Name: "bn2", Module: nn.NewBatchNorm(width)}, {Name: "relu", Module: nn.ReLU{}},
			{Name: "conv3", Module: nn.NewConv(width, out, cube(1), cube(1), cube(0))}, {Name: "bn3", Module: nn.NewBatchNorm(out)},
		}
	} else {
		main = nn.Chain{
			{Name: "conv1", Module: three(in, stride)}, {Name: "bn1", Module: nn.NewBatchNorm(width)}, {Name: "relu", Module: nn.ReLU{}},
			{Name: "conv2", Module: three(width, 1)}, {Name: "bn2", Module: nn.NewBatchNorm(width)},
		}
	}
	r := &nn.Residual{Main: main}
	switch {
	case stride == 1 && in == out:
	case padded:
		r.Down = paddedShortcut{stride: stride, out: out}
	default:
		r.Down = nn.Sequential(nn.NewConv(in, out, cube(1), cube(stride), cube(0)), nn.NewBatchNorm(out))
	}
	return r, out
}
