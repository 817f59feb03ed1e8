package image

import (
	"math"
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

var sixteenWords = Paper{"An image is worth 16×16 words", "Dosovitskiy et al., ICLR 2021, section 3.1"}

var viTs = []Architecture{
	{"vit_b_16", sixteenWords, 86567656, 17.564, 224, 16, func(o Options) Backbone { return viT(o, 768, 12, 12) }},
	{"vit_s_16", Paper{"Training data-efficient image transformers", "Touvron et al., ICML 2021, table 1 (DeiT-S)"}, 22050664, 4.600, 224, 16,
		func(o Options) Backbone { return viT(o, 384, 12, 6) }},
}

const patch = 16

// viT is the transformer over 16×16 patches with a class token, whose last state is the feature. Positions are a learnt table, which is
// interpolated (bicubic) for pictures of other sizes.
func viT(o Options, d int64, depth int, heads int64) Backbone {
	unit := d / heads // a head keeps its size; narrower networks have fewer
	d = o.scaled(d, unit)
	grid := [2]int64{max(1, o.Size[0]/patch), max(1, o.Size[1]/patch)}
	v := &viTrunk{
		project: nn.NewConv(o.Channels, d, []int64{patch, patch}, []int64{patch, patch}, []int64{0, 0}).WithBias(nil).
			WithInit(nn.TruncatedNormal(math.Sqrt(1 / float64(o.Channels*patch*patch)))),
		class:     nn.Param{Shape: []int64{1, 1, d}},
		positions: nn.Param{Shape: []int64{1, grid[0]*grid[1] + 1, d}, Init: nn.Normal(0.02)},
		grid:      grid, norm: nn.NewLayerNorm(d, 1e-6),
	}
	for i := range depth {
		v.layers = append(v.layers, nn.Named{Name: "encoder_layer_" + strconv.Itoa(i), Module: nn.NewEncoderBlock(d, d/unit, 4*d, nn.TorchvisionBlock)})
	}
	return Backbone{Trunk: v, Features: d, Head: "heads.head", Weight: nn.TruncatedNormal(0.02)}
}

type viTrunk struct {
	project          *nn.Conv
	class, positions nn.Param
	grid             [2]int64
	layers           nn.Chain
	norm             *nn.LayerNorm
}

// Visit implements [nn.Module].
func (v *viTrunk) Visit(prefix string, f func(string, *nn.Param)) {
	f(prefix+"class_token", &v.class)
	v.project.Visit(prefix+"conv_proj.", f)
	f(prefix+"encoder.pos_embedding", &v.positions)
	v.layers.Visit(prefix+"encoder.layers.", f)
	v.norm.Visit(prefix+"encoder.ln.", f)
}

// Forward implements [nn.Module].
func (v *viTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	y := v.project.Forward(p, x)
	s := y.Shape()
	y = y.Flatten(2, -1).Transpose(1, 2)
	y = torch.Cat([]*torch.Tensor{v.class.T.Expand(s[0], -1, -1), y}, 1)
	y = y.Add(nn.ResizePositions(v.positions.T, 1, v.grid[:], s[2:]))
	y = p.Run("encoder", v.layers, y)
	return v.norm.Forward(p, y).Select(1, 0)
}

// Cost implements [nn.Module].
func (v *viTrunk) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := v.project.Cost(in)
	tokens := []int64{in[0], out[2]*out[3] + 1, out[1]}
	_, l := v.layers.Cost(tokens)
	_, n := v.norm.Cost(tokens)
	c = c.Plus(l).Plus(n)
	c.Params += v.class.Numel() + v.positions.Numel()
	return []int64{in[0], out[1]}, c
}
