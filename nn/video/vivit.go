package video

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// viViT is the factorised encoder: a transformer over the places of each slice of tubes, then one over the slices' class tokens. Arnab et
// al., ICCV 2021, section 3.3, model 2 (B, tubes of 2×16×16, four temporal layers). There is no published PyTorch form; names are our own.
var viViT = []Architecture{
	{Name: "vivit_b", Family: "transformer", Paper: image.Paper{Title: "ViViT: a video vision transformer", Where: "Arnab et al., ICCV 2021, section 3.3, model 2"},
		Input: [3]int64{32, 224, 224}, Least: [3]int64{2, 16, 16}, Classes: 400, build: buildViViT},
}

func buildViViT(s Spec) body {
	const unit = 64
	d := scaleTo(768, s.Width, unit)
	tn := nn.TruncatedNormal(0.02)
	grid := []int64{max(1, s.Size[1]/16), max(1, s.Size[2]/16)}
	t := &factorisedTrunk{
		project: tubes(s.Channels, d, 2), grid: grid,
		class: nn.Param{Shape: []int64{1, 1, d}, Init: tn}, space: nn.Param{Shape: []int64{1, 1 + grid[0]*grid[1], d}, Init: tn},
		timeClass: nn.Param{Shape: []int64{1, 1, d}, Init: tn}, time: nn.Param{Shape: []int64{1, max(1, s.Size[0]/2), d}, Init: tn},
		norm: nn.NewLayerNorm(d, 1e-6), timeNorm: nn.NewLayerNorm(d, 1e-6),
	}
	layers := func(n int) (c nn.Chain) {
		for i := range n {
			c = append(c, nn.Named{Name: strconv.Itoa(i), Module: nn.NewEncoderBlock(d, d/unit, 4*d, nn.TimmBlock)})
		}
		return c
	}
	t.spatial, t.temporal = layers(12), layers(4)
	return body{trunk: t, features: d, head: "head", weight: tn}
}

type factorisedTrunk struct {
	project                       *nn.Conv
	class, space, timeClass, time nn.Param
	grid                          []int64
	spatial, temporal             nn.Chain
	norm, timeNorm                *nn.LayerNorm
}

// Visit implements [nn.Module].
func (t *factorisedTrunk) Visit(prefix string, v func(string, *nn.Param)) {
	t.project.Visit(prefix+"patch_embed.proj.", v)
	v(prefix+"cls_token", &t.class)
	v(prefix+"pos_embed", &t.space)
	t.spatial.Visit(prefix+"spatial.", v)
	t.norm.Visit(prefix+"spatial_norm.", v)
	v(prefix+"time_token", &t.timeClass)
	v(prefix+"time_embed", &t.time)
	t.temporal.Visit(prefix+"temporal.", v)
	t.timeNorm.Visit(prefix+"temporal_norm.", v)
}

// Forward implements [nn.Module].
func (t *factorisedTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	y := t.project.Forward(p, x)
	g := y.Shape()
	n, d, slices := g[0], g[1], g[2]
	y = y.Permute(0, 2, 3, 4, 1).Reshape(n*slices, g[3]*g[4], d)
	y = torch.Cat([]*torch.Tensor{t.class.T.Expand(n*slices, -1, -1), y}, 1).Add(nn.ResizePositions(t.space.T, 1, t.grid, g[3:]))
	y = t.norm.Forward(p, p.Run("spatial", t.spatial, y)).Select(1, 0).Reshape(n, slices, d)
	time := t.time.T
	if time.Size(1) != slices {
		time = interpolateRows(time.Squeeze(0), slices).Unsqueeze(0)
	}
	y = torch.Cat([]*torch.Tensor{t.timeClass.T.Expand(n, -1, -1), y.Add(time)}, 1)
	return t.timeNorm.Forward(p, p.Run("temporal", t.temporal, y)).Select(1, 0)
}

// Cost implements [nn.Module].
func (t *factorisedTrunk) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := t.project.Cost(in)
	d := out[1]
	_, s := t.spatial.Cost([]int64{in[0] * out[2], 1 + out[3]*out[4], d})
	_, u := t.temporal.Cost([]int64{in[0], 1 + out[2], d})
	_, n := t.norm.Cost([]int64{in[0] * out[2], d})
	_, m := t.timeNorm.Cost([]int64{in[0], d})
	c = c.Plus(s).Plus(u).Plus(n).Plus(m)
	c.Params += t.class.Numel() + t.space.Numel() + t.timeClass.Numel() + t.time.Numel()
	return []int64{in[0], d}, c
}
