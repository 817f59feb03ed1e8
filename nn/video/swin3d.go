package video

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// swin3D is the video Swin transformer: attention within windows of 8×7×7 tokens, which every other block shifts by half of their size;
// resolution is halved and channels doubled between stages. Liu et al., "Video Swin Transformer", CVPR 2022 (arXiv 2106.13230), section 3,
// with torchvision's names. A token is 2×4×4 pixels.
//
// Where a grid is smaller than a window along an axis, the window is as large as the grid and is not shifted there, and the table of relative
// positions is read at the distances that occur. (torchvision then reads its first entries, which are those distances only where the axis
// is time. Clips of the published size, and any number of frames, give its numbers.)
var swin3D = []Architecture{
	swinOf("swin3d_t", 96, [4]int{2, 2, 6, 2}, 0.1, 28158070, 43.882),
	swinOf("swin3d_s", 96, [4]int{2, 2, 18, 2}, 0.1, 49816678, 82.841),
	swinOf("swin3d_b", 128, [4]int{2, 2, 18, 2}, 0.1, 88048984, 140.667),
}

// swinWindow is the size of a window in tokens; swinPatch that of a token in pixels.
var (
	swinWindow = [3]int64{8, 7, 7}
	swinPatch  = [3]int64{2, 4, 4}
)

func swinOf(name string, width int64, depth [4]int, dropPath float64, params int64, gmacs float64) Architecture {
	return Architecture{Name: name, Family: "transformer", Paper: image.Paper{Title: "Video Swin Transformer", Where: "Liu et al., CVPR 2022, table 1"},
		Input: [3]int64{16, 224, 224}, Least: [3]int64{1, 4, 4}, Params: params, GMACs: gmacs, Classes: 400,
		build: func(s Spec) body { return buildSwin(s, width, depth, dropPath) }}
}

func buildSwin(s Spec, width int64, depth [4]int, dropPath float64) body {
	heads := width / 32
	d := scaleTo(width, s.Width, heads)
	t := &swinTrunk{
		project: nn.NewConv(s.Channels, d, swinPatch[:], swinPatch[:], []int64{0, 0, 0}).WithBias(nil).
			WithInit(nn.UniformFanIn(s.Channels * swinPatch[0] * swinPatch[1] * swinPatch[2])),
		embed: nn.NewLayerNorm(d, 1e-5),
	}
	block, total := 0, depth[0]+depth[1]+depth[2]+depth[3]
	for i, n := range depth {
		var stage []nn.Module
		for j := range n {
			stage = append(stage, newSwinBlock(d, heads, j%2 == 1, dropPath*float64(block)/float64(total-1)))
			block++
		}
		t.features = append(t.features, nn.Named{Name: strconv.Itoa(2 * i), Module: nn.Sequential(stage...)})
		if i < 3 {
			t.features = append(t.features, nn.Named{Name: strconv.Itoa(2*i + 1), Module: newPatchMerging(d)})
			d, heads = 2*d, 2*heads
		}
	}
	t.norm = nn.NewLayerNorm(d, 1e-5)
	return body{trunk: t, features: d, head: "head", weight: nn.TruncatedNormal(0.02), last: "norm"}
}

// swinTrunk works on tokens [N, T, H, W, D].
type swinTrunk struct {
	project  *nn.Conv
	embed    *nn.LayerNorm
	features nn.Chain
	norm     *nn.LayerNorm
}

// Visit implements [nn.Module].
func (t *swinTrunk) Visit(prefix string, v func(string, *nn.Param)) {
	t.project.Visit(prefix+"patch_embed.proj.", v)
	t.embed.Visit(prefix+"patch_embed.norm.", v)
	t.features.Visit(prefix+"features.", v)
	t.norm.Visit(prefix+"norm.", v)
}

// Forward implements [nn.Module].
func (t *swinTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	s := x.Shape()
	if by := missing([3]int64(s[2:]), swinPatch); by != [3]int64{} {
		x = x.Pad([]int64{0, by[2], 0, by[1], 0, by[0]}, "constant", 0)
	}
	x = t.embed.Forward(p, t.project.Forward(p, x).Permute(0, 2, 3, 4, 1))
	x = p.Run("features", t.features, x)
	return nn.GlobalAvgPool{}.Forward(p, p.Run("norm", channelsFirst{t.norm}, x))
}

// Cost implements [nn.Module].
func (t *swinTrunk) Cost(in []int64) ([]int64, nn.Cost) {
	in = append([]int64{}, in...)
	for i, by := range missing([3]int64(in[2:]), swinPatch) {
		in[2+i] += by
	}
	out, c := t.project.Cost(in)
	tokens := []int64{out[0], out[2], out[3], out[4], out[1]}
	_, n := t.embed.Cost(tokens)
	tokens, f := t.features.Cost(tokens)
	_, m := t.norm.Cost(tokens)
	return []int64{in[0], tokens[4]}, c.Plus(n).Plus(f).Plus(m)
}

// missing is how many positions a grid lacks to be a multiple of a unit.
func missing(grid, unit [3]int64) (by [3]int64) {
	for i := range grid {
		by[i] = (unit[i] - grid[i]%unit[i]) % unit[i]
	}
	return by
}

// channelsFirst lays the normalised tokens out as a volume [N, D, T, H, W].
type channelsFirst struct{ *nn.LayerNorm }

// Forward implements [nn.Module].
func (c channelsFirst) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return c.LayerNorm.Forward(p, x).Permute(0, 4, 1, 2, 3)
}

// patchMerging joins the tokens of 2×2 places to one of twice the channels (Liu et al., "Swin Transformer", ICCV 2021, section 3.1).
type patchMerging struct {
	reduction nn.Param // [2D, 4D]
	norm      *nn.LayerNorm
}

func newPatchMerging(d int64) *patchMerging {
	return &patchMerging{nn.Param{Shape: []int64{2 * d, 4 * d}, Init: nn.TruncatedNormal(0.02)}, nn.NewLayerNorm(4*d, 1e-5)}
}

// Visit implements [nn.Module].
func (m *patchMerging) Visit(prefix string, v func(string, *nn.Param)) {
	v(prefix+"reduction.weight", &m.reduction)
	m.norm.Visit(prefix+"norm.", v)
}

// Forward implements [nn.Module].
func (m *patchMerging) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	h, w := x.Size(2), x.Size(3)
	if h%2+w%2 > 0 {
		x = x.Pad([]int64{0, 0, 0, w % 2, 0, h % 2}, "constant", 0)
		h, w = h+h%2, w+w%2
	}
	part := func(i, j int64) *torch.Tensor { return x.Slice(2, i, h, 2).Slice(3, j, w, 2) }
	x = torch.Cat([]*torch.Tensor{part(0, 0), part(1, 0), part(0, 1), part(1, 1)}, 4)
	return torch.Linear(m.norm.Forward(p, x), m.reduction.T, nil)
}

// Cost implements [nn.Module].
func (m *patchMerging) Cost(in []int64) ([]int64, nn.Cost) {
	n := in[0] * in[1] * ((in[2] + 1) / 2) * ((in[3] + 1) / 2)
	out := []int64{in[0], in[1], (in[2] + 1) / 2, (in[3] + 1) / 2, 2 * in[4]}
	return out, nn.Cost{Params: m.reduction.Numel() + 8*in[4], MACs: n * m.reduction.Numel(), Activations: n * (4 + 4 + 2) * in[4]}
}
