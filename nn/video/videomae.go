package video

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// videoMAE is the plain vision transformer over tubes of 2×16×16 that VideoMAE pre-trains: joint attention over space and time, fixed sine
// positions, the mean of all tokens as feature. Tong et al., NeurIPS 2022, section 3.2, with its code's names. ViT-B: 86.2 M parameters, 180 G
// multiply-adds for 3×16×224×224.
var videoMAE = []Architecture{
	maeOf("videomae_vit_s", 384, 6, 0, 0),
	maeOf("videomae_vit_b", 768, 12, 0, 180.5),
}

func maeOf(name string, d, heads, params int64, gmacs float64) Architecture {
	return Architecture{Name: name, Family: "transformer",
		Paper: image.Paper{Title: "VideoMAE: masked autoencoders are data-efficient learners for self-supervised video pre-training", Where: "Tong et al., NeurIPS 2022, section 3.2"},
		Input: [3]int64{16, 224, 224}, Least: [3]int64{2, 16, 16}, Params: params, GMACs: gmacs, Classes: 400,
		build: func(s Spec) body {
			unit := d / heads
			d := scaleTo(d, s.Width, unit)
			t := &tubeTrunk{project: tubes(s.Channels, d, 2), norm: nn.NewLayerNorm(d, 1e-6)}
			for i := range 12 {
				b := nn.NewEncoderBlock(d, d/unit, 4*d, nn.TimmBlock)
				b.Attn.(*nn.Attention).WithoutKeyBias()
				t.blocks = append(t.blocks, nn.Named{Name: strconv.Itoa(i), Module: b})
			}
			return body{trunk: t, features: d, head: "head", weight: nn.TruncatedNormal(0.02)}
		}}
}

// scaleTo is d features at the width of the published 64, a multiple of unit.
func scaleTo(d, width, unit int64) int64 { return max(unit, (d*width/64+unit/2)/unit*unit) }

// tubes cuts a clip into tubes of t×16×16 and projects each to d features.
func tubes(channels, d, t int64) *nn.Conv {
	k := []int64{t, 16, 16}
	return nn.NewConv(channels, d, k, k, []int64{0, 0, 0}).WithBias(nil).WithInit(nn.UniformFanIn(channels * t * 256))
}

type tubeTrunk struct {
	project *nn.Conv
	blocks  nn.Chain
	norm    *nn.LayerNorm
}

// Visit implements [nn.Module].
func (t *tubeTrunk) Visit(prefix string, v func(string, *nn.Param)) {
	t.project.Visit(prefix+"patch_embed.proj.", v)
	t.blocks.Visit(prefix+"blocks.", v)
	t.norm.Visit(prefix+"fc_norm.", v)
}

// Forward implements [nn.Module].
func (t *tubeTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	x = t.project.Forward(p, x).Flatten(2, -1).Transpose(1, 2)
	l, d := x.Size(1), x.Size(2)
	x = x.Add(p.E.FromFloat32(sinePositions(l, d), 1, l, d))
	return t.norm.Forward(p, p.Run("blocks", t.blocks, x).Mean(1))
}

// Cost implements [nn.Module].
func (t *tubeTrunk) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := t.project.Cost(in)
	_, b := t.blocks.Cost([]int64{in[0], out[2] * out[3] * out[4], out[1]})
	_, n := t.norm.Cost([]int64{in[0], out[1]})
	return []int64{in[0], out[1]}, c.Plus(b).Plus(n)
}
