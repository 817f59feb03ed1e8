package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
)

// The video ResNets of 18 and 34 layers share one skeleton: a stem, four stages of basic blocks, global pooling. They differ in the stem
// and in what a block calls a convolution. (torchvision/models/video/resnet.py)

var closerLook = image.Paper{Title: "A closer look at spatiotemporal convolutions for action recognition", Where: "Tran et al., CVPR 2018, section 3"}

var (
	kinetics112 = [3]int64{16, 112, 112}
	anySize     = [3]int64{1, 1, 1}
	depth18     = [4]int{2, 2, 2, 2}
	depth34     = [4]int{3, 4, 6, 3}
)

// convBuilder makes the convolution of a block from in to out channels. mid is the number of channels between a spatial and a
// temporal half, for those that split. It returns the module and the stride of a shortcut beside it.
type convBuilder func(in, out, mid, stride int64) (nn.Module, []int64)

// conv3D is a full 3×3×3 convolution.
func conv3D(in, out, _, s int64) (nn.Module, []int64) {
	return nn.NewConv(in, out, []int64{3, 3, 3}, []int64{s, s, s}, []int64{1, 1, 1}), []int64{s, s, s}
}

// convNoTemporal is 1×3×3: frames stay apart.
func convNoTemporal(in, out, _, s int64) (nn.Module, []int64) {
	return nn.NewConv(in, out, []int64{1, 3, 3}, []int64{1, s, s}, []int64{0, 1, 1}), []int64{1, s, s}
}

// conv2Plus1D is 1×3×3, batch norm, ReLU, then 3×1×1.
func conv2Plus1D(in, out, mid, s int64) (nn.Module, []int64) {
	return nn.Sequential(
		nn.NewConv(in, mid, []int64{1, 3, 3}, []int64{1, s, s}, []int64{0, 1, 1}),
		nn.NewBatchNorm(mid),
		nn.ReLU{},
		nn.NewConv(mid, out, []int64{3, 1, 1}, []int64{s, 1, 1}, []int64{1, 0, 0}),
	), []int64{s, s, s}
}

// block is the basic residual block with names conv1.0, conv1.1, conv2.0, conv2.1, downsample.0, downsample.1.
func block(in, out int64, conv convBuilder, stride int64) nn.Module {
	// As many middle channels as give a (2+1)D pair the parameters of the full 3×3×3 convolution; computed once a block, as
	// torchvision does, although its second convolution has out inputs.
	mid := max(1, in*out*27/(in*9+3*out))
	first, shortcut := conv(in, out, mid, stride)
	second, _ := conv(out, out, mid, 1)
	r := &nn.Residual{Main: nn.Chain{
		{Name: "conv1", Module: nn.Sequential(first, nn.NewBatchNorm(out), nn.ReLU{})},
		{Name: "conv2", Module: nn.Sequential(second, nn.NewBatchNorm(out))},
	}}
	if stride != 1 || in != out {
		r.Down = nn.Sequential(nn.NewConv(in, out, []int64{1, 1, 1}, shortcut, []int64{0, 0, 0}), nn.NewBatchNorm(out))
	}
	return r
}

// basicStem is one 3×7×7 convolution.
func basicStem(s Spec) nn.Module {
	return nn.Sequential(
		nn.NewConv(s.Channels, s.Width, []int64{3, 7, 7}, s.StemStride[:], []int64{1, 3, 3}),
		nn.NewBatchNorm(s.Width),
		nn.ReLU{},
	)
}

// videoResNet puts the skeleton together; convs has the convolution of each stage, depth its blocks.
func videoResNet(s Spec, stem nn.Module, convs [4]convBuilder, depth [4]int) body {
	w := s.Width
	trunk := nn.Chain{{Name: "stem", Module: nn.Segmented{Module: stem}}}
	in := w
	for i, conv := range convs {
		out, stride := w<<i, int64(2)
		if i == 0 {
			stride = 1
		}
		stage := []nn.Module{block(in, out, conv, stride)}
		for range depth[i] - 1 {
			stage = append(stage, block(out, out, conv, 1))
		}
		trunk = append(trunk, nn.Named{Name: stageNames[i], Module: nn.Sequential(stage...)})
		in = out
	}
	trunk = append(trunk, nn.Named{Name: "avgpool", Module: nn.GlobalAvgPool{}})
	return body{trunk: trunk, features: in, head: "fc", weight: videoHead, last: "layer4"}
}

var stageNames = [4]string{"layer1", "layer2", "layer3", "layer4"}
