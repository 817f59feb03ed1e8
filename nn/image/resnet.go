package image

import "github.com/cineloop/cineloop/nn"

var residualLearning = Paper{"Deep residual learning for image recognition", "He et al., CVPR 2016, table 1"}

var resnets = []Architecture{
	{"resnet18", residualLearning, 11689512, 1.814, 224, 1, func(o Options) Backbone { return resnet(o, [4]int{2, 2, 2, 2}, basic) }},
	{"resnet34", residualLearning, 21797672, 3.664, 224, 1, func(o Options) Backbone { return resnet(o, [4]int{3, 4, 6, 3}, basic) }},
	{"resnet50", residualLearning, 25557032, 4.089, 224, 1, func(o Options) Backbone { return resnet(o, [4]int{3, 4, 6, 3}, bottleneck) }},
}

var stages = [4]string{"layer1", "layer2", "layer3", "layer4"}

// resnet is He et al.'s network with torchvision's names: stride 2 sits in the 3×3 convolution of a bottleneck ("ResNet v1.5").
// Where the stem's stride is 1 the max-pool after it is left out: small pictures keep their size up to the second stage.
func resnet(o Options, depth [4]int, block func(in, width, stride int64) (nn.Module, int64)) Backbone {
	st := o.Stride[:]
	trunk := nn.Chain{
		{Name: "conv1", Module: nn.NewConv(o.Channels, o.Width, []int64{7, 7}, st, []int64{3, 3})},
		{Name: "bn1", Module: nn.NewBatchNorm(o.Width)},
		{Name: "relu", Module: nn.ReLU{}},
	}
	if st[0] > 1 || st[1] > 1 {
		trunk = append(trunk, nn.Named{Name: "maxpool", Module: nn.MaxPool2d()})
	}
	in := o.Width
	for i, name := range stages {
		var stage []nn.Module
		for j := range depth[i] {
			stride := int64(1)
			if j == 0 && i > 0 {
				stride = 2
			}
			var m nn.Module
			m, in = block(in, o.Width<<i, stride)
			stage = append(stage, m)
		}
		trunk = append(trunk, nn.Named{Name: name, Module: nn.Sequential(stage...)})
	}
	trunk = append(trunk, nn.Named{Name: "avgpool", Module: nn.GlobalAvgPool{}})
	head := nn.UniformFanIn(in)
	return Backbone{Trunk: trunk, Features: in, Last: "layer4", Head: "fc", Weight: head, Bias: head}
}

// basic is two 3×3 convolutions.
func basic(in, width, stride int64) (nn.Module, int64) {
	k, p, s, one := []int64{3, 3}, []int64{1, 1}, []int64{stride, stride}, []int64{1, 1}
	r := &nn.Residual{Main: nn.Chain{
		{Name: "conv1", Module: nn.NewConv(in, width, k, s, p)},
		{Name: "bn1", Module: nn.NewBatchNorm(width)},
		{Name: "relu", Module: nn.ReLU{}},
		{Name: "conv2", Module: nn.NewConv(width, width, k, one, p)},
		{Name: "bn2", Module: nn.NewBatchNorm(width)},
	}, Down: shortcut(in, width, stride)}
	return r, width
}

// bottleneck is 1×1, 3×3, 1×1 with four times the width at its end.
func bottleneck(in, width, stride int64) (nn.Module, int64) {
	out := 4 * width
	one, zero := []int64{1, 1}, []int64{0, 0}
	r := &nn.Residual{Main: nn.Chain{
		{Name: "conv1", Module: nn.NewConv(in, width, one, one, zero)},
		{Name: "bn1", Module: nn.NewBatchNorm(width)},
		{Name: "relu", Module: nn.ReLU{}},
		{Name: "conv2", Module: nn.NewConv(width, width, []int64{3, 3}, []int64{stride, stride}, one)},
		{Name: "bn2", Module: nn.NewBatchNorm(width)},
		{Name: "relu", Module: nn.ReLU{}},
		{Name: "conv3", Module: nn.NewConv(width, out, one, one, zero)},
		{Name: "bn3", Module: nn.NewBatchNorm(out)},
	}, Down: shortcut(in, out, stride)}
	return r, out
}

// shortcut is nil where the block changes neither size nor channels.
func shortcut(in, out, stride int64) nn.Module {
	if stride == 1 && in == out {
		return nil
	}
	return nn.Sequential(nn.NewConv(in, out, []int64{1, 1}, []int64{stride, stride}, []int64{0, 0}), nn.NewBatchNorm(out))
}
