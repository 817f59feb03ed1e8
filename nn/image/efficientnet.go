package image

import (
	"math"

	"github.com/cineloop/cineloop/nn"
)

var compound = Paper{"EfficientNet: rethinking model scaling for convolutional neural networks", "Tan and Le, ICML 2019, table 1 and section 3.3"}

// Compound scaling: width, depth and resolution grow together.
var efficientNets = []Architecture{
	{"efficientnet_b0", compound, 5288548, 0.386, 224, 1, func(o Options) Backbone { return efficientNet(o, 1.0, 1.0) }},
	{"efficientnet_b1", compound, 7794184, 0.687, 240, 1, func(o Options) Backbone { return efficientNet(o, 1.0, 1.1) }},
	{"efficientnet_b2", compound, 9109994, 1.088, 288, 1, func(o Options) Backbone { return efficientNet(o, 1.1, 1.2) }},
	{"efficientnet_b3", compound, 12233232, 1.827, 300, 1, func(o Options) Backbone { return efficientNet(o, 1.2, 1.4) }},
	{"efficientnet_b4", compound, 19341616, 4.394, 380, 1, func(o Options) Backbone { return efficientNet(o, 1.4, 1.8) }},
}

// efficientStages are the rows of table 1: expansion, kernel, stride, input and output channels, layers.
var efficientStages = []struct{ expand, kernel, stride, in, out, layers int64 }{
	{1, 3, 1, 32, 16, 1},
	{6, 3, 2, 16, 24, 2},
	{6, 5, 2, 24, 40, 2},
	{6, 3, 2, 40, 80, 3},
	{6, 5, 1, 80, 112, 3},
	{6, 5, 2, 112, 192, 4},
	{6, 3, 1, 192, 320, 1},
}

func efficientNet(o Options, width, depth float64) Backbone {
	if o.DropPath == 0 {
		o.DropPath = 0.2
	}
	channels := func(n int64) int64 { return divisible(float64(n)*width*float64(o.Width)/64, 8) }
	layers := func(n int64) int64 { return int64(math.Ceil(float64(n) * depth)) }
	var total int64
	for _, s := range efficientStages {
		total += layers(s.layers)
	}
	in := channels(32)
	features := []nn.Module{convNormAct(o.Channels, in, 3, o.Stride[0], 1, true)}
	block := int64(0)
	for _, s := range efficientStages {
		var stage []nn.Module
		for j := range layers(s.layers) {
			stride := s.stride
			if j > 0 {
				stride = 1
			}
			stage = append(stage, mbConv(in, channels(s.out), s.expand, s.kernel, stride, o.DropPath*float64(block)/float64(total)))
			in = channels(s.out)
			block++
		}
		features = append(features, nn.Sequential(stage...))
	}
	features = append(features, convNormAct(in, 4*in, 1, 1, 1, true))
	uniform := nn.Uniform(1 / math.Sqrt(1000)) // torchvision's rule, 1/√(number of classes), for the published number
	return Backbone{
		Trunk:    nn.Chain{{Name: "features", Module: nn.Sequential(features...)}, {Name: "avgpool", Module: nn.GlobalAvgPool{}}},
		Features: 4 * in, Last: "features", Head: "classifier.1", Weight: uniform,
	}
}

// mbConv is the inverted residual with squeeze and excitation (Sandler et al., "MobileNetV2", CVPR 2018; Tan and Le, section 4).
func mbConv(in, out, expand, kernel, stride int64, dropPath float64) nn.Module {
	mid := divisible(float64(in*expand), 8)
	var block []nn.Module
	if mid != in {
		block = append(block, convNormAct(in, mid, 1, 1, 1, true))
	}
	block = append(block, convNormAct(mid, mid, kernel, stride, mid, true),
		nn.NewSqueezeExcite(mid, max(1, in/4), 2, nn.SiLU), convNormAct(mid, out, 1, 1, 1, false))
	main := nn.Chain{{Name: "block", Module: nn.Sequential(block...)}}
	if stride != 1 || in != out {
		return nn.Segmented{Module: main}
	}
	return &nn.Residual{Main: main, Linear: true, DropPath: dropPath}
}

// convNormAct is a convolution that keeps the size (at stride 1), batch norm and, if act, SiLU.
func convNormAct(in, out, kernel, stride, groups int64, act bool) nn.Module {
	c := nn.NewConv(in/groups, out, []int64{kernel, kernel}, []int64{stride, stride}, []int64{kernel / 2, kernel / 2})
	c.Groups = groups
	parts := []nn.Module{c, nn.NewBatchNorm(out)}
	if act {
		parts = append(parts, nn.SiLU)
	}
	return nn.Sequential(parts...)
}

// divisible rounds to a multiple of unit, not below nine tenths of v (the rule of the MobileNet papers' code).
func divisible(v float64, unit int64) int64 {
	n := max(unit, int64(v+float64(unit)/2)/unit*unit)
	if float64(n) < 0.9*v {
		n += unit
	}
	return n
}
