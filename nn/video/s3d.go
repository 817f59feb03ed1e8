package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
)

// s3d is S3D: I3D's inception network with every k×k×k convolution split into 1×k×k and k×1×1. Xie et al., ECCV 2018, section 4.
// torchvision's names; 8.32 M parameters with 400 classes, 18.0 G multiply-adds for 3×16×224×224. Width scales all channels.
var s3d = []Architecture{
	{Name: "s3d", Family: "inception",
		Paper: image.Paper{Title: "Rethinking spatiotemporal feature learning: speed-accuracy trade-offs in video classification", Where: "Xie et al., ECCV 2018, section 4"},
		Input: [3]int64{16, 224, 224}, Least: [3]int64{5, 28, 28}, Params: 8320048, GMACs: 17.979, Classes: 400, build: buildS3D},
}

// inceptionRows are the channels of inception blocks: 1×1, reduction and output of the 3×3 branches, after the pool. They are those of
// GoogLeNet (Szegedy et al., CVPR 2015, table 1).
var inceptionRows = [9][6]int64{
	{64, 96, 128, 16, 32, 32}, {128, 128, 192, 32, 96, 64},
	{192, 96, 208, 16, 48, 64}, {160, 112, 224, 24, 64, 64}, {128, 128, 256, 24, 64, 64}, {112, 144, 288, 32, 64, 64}, {256, 160, 320, 32, 128, 128},
	{256, 160, 320, 32, 128, 128}, {384, 192, 384, 48, 128, 128},
}

func buildS3D(s Spec) body {
	w := func(n int64) int64 { return max(1, n*s.Width/64) }
	pool := func(k, st, p [3]int64) nn.Module { return nn.Pool{Kernel: k[:], Stride: st[:], Pad: p[:]} }
	stem := s.StemStride
	if stem == [3]int64{1, 2, 2} {
		stem = [3]int64{2, 2, 2} // the published network's
	}
	var f []nn.Module
	in := s.Channels
	add := func(m nn.Module, out int64) { f, in = append(f, nn.Segmented{Module: m}), out }
	add(nn.Sequential(
		unit(in, w(64), [3]int64{1, 7, 7}, [3]int64{1, stem[1], stem[2]}, [3]int64{0, 3, 3}),
		unit(w(64), w(64), [3]int64{7, 1, 1}, [3]int64{stem[0], 1, 1}, [3]int64{3, 0, 0})), w(64))
	add(pool([3]int64{1, 3, 3}, [3]int64{1, 2, 2}, [3]int64{0, 1, 1}), in)
	add(unit(in, w(64), anySize, anySize, [3]int64{}), w(64))
	add(separable(in, w(192), 3), w(192))
	add(pool([3]int64{1, 3, 3}, [3]int64{1, 2, 2}, [3]int64{0, 1, 1}), in)
	for i, row := range inceptionRows {
		switch i {
		case 2:
			add(pool([3]int64{3, 3, 3}, [3]int64{2, 2, 2}, [3]int64{1, 1, 1}), in)
		case 7:
			add(pool([3]int64{2, 2, 2}, [3]int64{2, 2, 2}, [3]int64{}), in)
		}
		for j := range row {
			row[j] = w(row[j])
		}
		add(branches{
			{Name: "branch0", Module: unit(in, row[0], anySize, anySize, [3]int64{})},
			{Name: "branch1", Module: nn.Sequential(unit(in, row[1], anySize, anySize, [3]int64{}), separable(row[1], row[2], 3))},
			{Name: "branch2", Module: nn.Sequential(unit(in, row[3], anySize, anySize, [3]int64{}), separable(row[3], row[4], 3))},
			{Name: "branch3", Module: nn.Sequential(pool([3]int64{3, 3, 3}, anySize, [3]int64{1, 1, 1}), unit(in, row[5], anySize, anySize, [3]int64{}))},
		}, row[0]+row[2]+row[4]+row[5])
	}
	u := nn.UniformFanIn(in)
	return body{
		// torchvision averages windows of 2×7×7, classifies each, and averages again; the classifier is linear, so this is one weighted
		// mean. Here, as in the paper, the mean is over all positions: equal for inputs of the published size.
		trunk:    nn.Chain{{Name: "features", Module: nn.Sequential(f...)}, {Name: "avgpool", Module: nn.GlobalAvgPool{}}},
		features: in, head: "classifier.1", weight: u, bias: u, last: "features",
	}
}

// unit is a convolution, batch norm (eps 1e-3, momentum 1e-3) and ReLU.
func unit(in, out int64, kernel, stride, pad [3]int64) nn.Module {
	b := nn.NewBatchNorm(out)
	b.Eps, b.Momentum = 1e-3, 1e-3
	return nn.Sequential(nn.NewConv(in, out, kernel[:], stride[:], pad[:]), b, nn.ReLU{})
}

// separable is 1×k×k, then k×1×1, each a unit.
func separable(in, out, k int64) nn.Module {
	return nn.Sequential(unit(in, out, [3]int64{1, k, k}, anySize, [3]int64{0, k / 2, k / 2}), unit(out, out, [3]int64{k, 1, 1}, anySize, [3]int64{k / 2, 0, 0}))
}
