package image

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

var convNeXtPaper = Paper{"A ConvNet for the 2020s", "Liu et al., CVPR 2022, section 3"}

var convNeXts = []Architecture{
	{"convnext_tiny", convNeXtPaper, 28589128, 4.456, 224, 32, func(o Options) Backbone {
		return convNeXt(o, [4]int64{96, 192, 384, 768}, [4]int{3, 3, 9, 3}, 0.1)
	}},
}

// convNeXt has a 4×4 patch stem, then stages of depthwise 7×7 blocks with layer norm, each after the first behind a 2×2 reduction.
func convNeXt(o Options, dims [4]int64, depth [4]int, drop float64) Backbone {
	if o.DropPath == 0 {
		o.DropPath = drop
	}
	for i := range dims {
		dims[i] = o.scaled(dims[i], 8)
	}
	norm := func(n int64) *nn.LayerNorm {
		l := nn.NewLayerNorm(n, 1e-6)
		l.First = true
		return l
	}
	init := nn.TruncatedNormal(0.02)
	conv := func(in, out, side int64) *nn.Conv {
		return nn.NewConv(in, out, []int64{side, side}, []int64{side, side}, []int64{0, 0}).WithBias(nil).WithInit(init)
	}
	features := []nn.Module{nn.Sequential(conv(o.Channels, dims[0], 4), norm(dims[0]))}
	block, total := 0, depth[0]+depth[1]+depth[2]+depth[3]
	for i, d := range dims {
		if i > 0 {
			features = append(features, nn.Sequential(norm(dims[i-1]), conv(dims[i-1], d, 2)))
		}
		var stage []nn.Module
		for range depth[i] {
			stage = append(stage, &nn.Residual{Main: newNextBlock(d), Linear: true,
				DropPath: o.DropPath * float64(block) / float64(total-1)})
			block++
		}
		features = append(features, nn.Sequential(stage...))
	}
	last := nn.NewLayerNorm(dims[3], 1e-6) // after pooling: classifier.0
	return Backbone{
		Trunk: nn.Chain{{Name: "features", Module: nn.Sequential(features...)}, {Name: "avgpool", Module: nn.GlobalAvgPool{}},
			{Name: "classifier", Module: nn.Chain{{Name: "0", Module: last}}}},
		Features: dims[3], Last: "features", Head: "classifier.2", Weight: init,
	}
}

// nextBlock is scale · (depthwise 7×7, layer norm, linear to 4 times the width, GELU, linear back), the linear layers position by position.
type nextBlock struct {
	scale    nn.Param
	conv     *nn.Conv
	norm     *nn.LayerNorm
	up, down *nn.Linear
}

func newNextBlock(d int64) *nextBlock {
	init := nn.TruncatedNormal(0.02)
	return &nextBlock{
		scale: nn.Param{Shape: []int64{d, 1, 1}, Init: nn.Constant(1e-6)},
		conv:  nn.NewDepthwise(d, []int64{7, 7}, []int64{1, 1}, []int64{3, 3}).WithBias(nil).WithInit(init),
		norm:  nn.NewLayerNorm(d, 1e-6),
		up:    nn.NewLinear(d, 4*d, init, nil), down: nn.NewLinear(4*d, d, init, nil),
	}
}

// Visit implements [nn.Module].
func (b *nextBlock) Visit(prefix string, v func(string, *nn.Param)) {
	v(prefix+"layer_scale", &b.scale)
	nn.Chain{{Name: "0", Module: b.conv}, {Name: "2", Module: b.norm}, {Name: "3", Module: b.up}, {Name: "5", Module: b.down}}.Visit(prefix+"block.", v)
}

// Forward implements [nn.Module].
func (b *nextBlock) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	y := b.norm.Forward(p, b.conv.Forward(p, x).Permute(0, 2, 3, 1))
	y = b.down.Forward(p, nn.GELU.Forward(p, b.up.Forward(p, y))).Permute(0, 3, 1, 2)
	return b.scale.T.Mul(y)
}

// Cost implements [nn.Module].
func (b *nextBlock) Cost(in []int64) ([]int64, nn.Cost) {
	_, c := b.conv.Cost(in)
	rows := []int64{in[0] * in[2] * in[3], in[1]}
	_, n := b.norm.Cost(rows)
	mid, u := b.up.Cost(rows)
	_, d := b.down.Cost(mid)
	sum := c.Plus(n).Plus(u).Plus(d)
	sum.Params += b.scale.Numel()
	sum.Activations += u.Activations + d.Activations
	return in, sum
}
