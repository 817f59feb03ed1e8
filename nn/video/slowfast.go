package video

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// slowFast runs two pathways: one of few frames and many channels, one of all frames and an eighth of the channels, the second feeding the
// first after each stage. Feichtenhofer et al., ICCV 2019, table 1 (SlowFast 8×8, R50), with PyTorchVideo's names. 34.6 M parameters with 400
// classes, 65.7 G multiply-adds for 32 frames of 256×256.
//
// The clip is that of the fast pathway; the slow one takes every fourth frame of it.
var slowFast = []Architecture{
	{Name: "slowfast_r50", Family: "two pathways", Paper: image.Paper{Title: "SlowFast networks for video recognition", Where: "Feichtenhofer et al., ICCV 2019, table 1"},
		Input: [3]int64{32, 256, 256}, Least: anySize, Params: 34570000, GMACs: 65.71, Classes: 400, build: buildSlowFast},
}

const (
	slowEvery = 4 // α: frames of the fast pathway for one of the slow
	fastShare = 8 // 1/β: channels of the slow pathway for one of the fast
)

func buildSlowFast(s Spec) body {
	slow, fast := s.Width, max(1, s.Width/fastShare)
	st := s.StemStride
	f := &slowFastTrunk{}
	f.add(bottleneckStem(s.Channels, slow, 1, st), bottleneckStem(s.Channels, fast, 5, st), fast)
	inSlow, inFast := slow+2*fast, fast
	for i, depth := range depth34 {
		stride := int64(2)
		if i == 0 {
			stride = 1
		}
		temporal := int64(1)
		if i >= 2 {
			temporal = 3
		}
		a := bottleneck3D{in: inSlow, mid: slow << i, out: 4 * slow << i, strideT: 1, strideS: stride}
		b := bottleneck3D{in: inFast, mid: fast << i, out: 4 * fast << i, strideT: 1, strideS: stride}
		fuse := b.out
		if i == 3 {
			fuse = 0
		}
		f.add(bottleneckStage(a, depth, temporal), bottleneckStage(b, depth, 3), fuse)
		inSlow, inFast = a.out+2*b.out, b.out
	}
	// inSlow counts a fusion that the last stage has not, twice the fast channels; the head sees both pathways once.
	return body{trunk: f, features: inSlow - inFast, head: "blocks.6.proj", weight: videoHead}
}

type slowFastTrunk struct{ stages []pathways }

// pathways is one stage of both, and what carries the fast one's result over: a 7×1×1 convolution at stride α, batch norm and ReLU.
type pathways struct {
	slow, fast nn.Module
	fuse       nn.Module // nil after the last stage
}

func (f *slowFastTrunk) add(slow, fast nn.Module, fused int64) {
	p := pathways{slow: slow, fast: fast}
	if fused > 0 {
		p.fuse = nn.Chain{
			{Name: "conv_fast_to_slow", Module: nn.NewConv(fused, 2*fused, []int64{7, 1, 1}, []int64{slowEvery, 1, 1}, []int64{3, 0, 0})},
			{Name: "norm", Module: nn.NewBatchNorm(2 * fused)},
			{Name: "activation", Module: nn.ReLU{}},
		}
	}
	f.stages = append(f.stages, p)
}

// Visit implements [nn.Module].
func (f *slowFastTrunk) Visit(prefix string, v func(string, *nn.Param)) {
	for i, s := range f.stages {
		at := prefix + "blocks." + strconv.Itoa(i) + "."
		s.slow.Visit(at+"multipathway_blocks.0.", v)
		s.fast.Visit(at+"multipathway_blocks.1.", v)
		if s.fuse != nil {
			s.fuse.Visit(at+"multipathway_fusion.", v)
		}
	}
}

// Forward implements [nn.Module].
func (f *slowFastTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	fast, slow := x, x.Slice(2, 0, x.Size(2), slowEvery)
	for i, s := range f.stages {
		name := "blocks." + strconv.Itoa(i)
		slow, fast = p.Run(name+".multipathway_blocks.0", s.slow, slow), p.Run(name+".multipathway_blocks.1", s.fast, fast)
		if s.fuse != nil {
			slow = torch.Cat([]*torch.Tensor{slow, p.Run(name+".multipathway_fusion", s.fuse, fast)}, 1)
		}
	}
	pool := nn.GlobalAvgPool{}
	return torch.Cat([]*torch.Tensor{pool.Forward(p, slow), pool.Forward(p, fast)}, 1)
}

// Cost implements [nn.Module].
func (f *slowFastTrunk) Cost(in []int64) ([]int64, nn.Cost) {
	fast := append([]int64{}, in...)
	slow := append([]int64{}, in...)
	slow[2] = (in[2]-1)/slowEvery + 1
	var sum nn.Cost
	for _, s := range f.stages {
		var a, b, c nn.Cost
		slow, a = s.slow.Cost(slow)
		fast, b = s.fast.Cost(fast)
		sum = sum.Plus(a).Plus(b)
		if s.fuse != nil {
			var over []int64
			over, c = s.fuse.Cost(fast)
			slow[1] += over[1]
			sum = sum.Plus(c)
		}
	}
	return []int64{in[0], slow[1] + fast[1]}, sum
}

// cubePool is the mean over all positions, kept as a 1×1×1 volume.
type cubePool struct{}

// Visit implements [nn.Module].
func (cubePool) Visit(string, func(string, *nn.Param)) {}

// Forward implements [nn.Module].
func (cubePool) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return torch.AdaptiveAvgPool3d(x, 1, 1, 1)
}

// Cost implements [nn.Module].
func (cubePool) Cost(in []int64) ([]int64, nn.Cost) {
	return []int64{in[0], in[1], 1, 1, 1}, nn.Cost{Activations: in[0] * in[1]}
}
