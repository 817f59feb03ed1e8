package video

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// mViT is the multiscale vision transformer: attention whose queries, keys and values are pooled, so that resolution falls and channels
// grow through the network. mvit_v1_b is Fan et al., "Multiscale vision transformers", ICCV 2021 (B, 16×4); mvit_v2_s is Li et al.,
// "MViTv2", CVPR 2022 (S), with relative positions, residual pooling and projection after attention. torchvision's names.
var mViT = []Architecture{
	{Name: "mvit_v1_b", Family: "transformer", Paper: image.Paper{Title: "Multiscale vision transformers", Where: "Fan et al., ICCV 2021, table 2"},
		Input: [3]int64{16, 224, 224}, Least: [3]int64{2, 32, 32}, Params: 36610672, GMACs: 70.599, Classes: 400,
		build: func(s Spec) body { return buildMViT(s, false) }},
	{Name: "mvit_v2_s", Family: "transformer", Paper: image.Paper{Title: "MViTv2: improved multiscale vision transformers", Where: "Li et al., CVPR 2022, table 1"},
		Input: [3]int64{16, 224, 224}, Least: [3]int64{2, 32, 32}, Params: 34537744, GMACs: 64.224, Classes: 400,
		build: func(s Spec) body { return buildMViT(s, true) }},
}

// buildMViT lays out sixteen blocks in four stages of 1, 2, 11 and 2. Width 64 is the published one (96 channels in the first stage).
func buildMViT(s Spec, v2 bool) body {
	unit := max(1, s.Width*3/2) // 96 at width 64: the channels of one head
	stageOf := func(i int) int {
		for stage, first := range []int{1, 3, 14} {
			if i < first {
				return stage
			}
		}
		return 3
	}
	grid := [3]int64{max(1, s.Size[0]/2), max(1, s.Size[1]/4), max(1, s.Size[2]/4)}
	m := &mViTrunk{
		project: nn.NewConv(s.Channels, unit, []int64{3, 7, 7}, []int64{2, 4, 4}, []int64{1, 3, 3}).WithBias(nil),
		class:   nn.Param{Shape: []int64{unit}, Init: nn.TruncatedNormal(0.02)}, grid: grid,
	}
	if !v2 {
		tn := nn.TruncatedNormal(0.02)
		m.spatial = &nn.Param{Shape: []int64{grid[1] * grid[2], unit}, Init: tn}
		m.temporal = &nn.Param{Shape: []int64{grid[0], unit}, Init: tn}
		m.classPos = &nn.Param{Shape: []int64{unit}, Init: tn}
	}
	for i := range 16 {
		stage := stageOf(i)
		heads := int64(1) << stage
		b := &scaleBlock{heads: heads, v2: v2, dropPath: 0.2 * float64(i) / 15}
		if v2 {
			b.in, b.out = unit<<stage, unit<<stage
			if i > 0 && stageOf(i-1) != stage {
				b.in = unit << (stage - 1)
			}
			b.attn = b.out
		} else {
			b.in, b.out = unit<<stage, unit<<stage
			if i < 15 && stageOf(i+1) != stage {
				b.out = unit << (stage + 1)
			}
			b.attn = b.in
		}
		enters := i > 0 && stageOf(i-1) != stage
		if enters {
			b.strideQ = 2
		} else {
			b.strideQ = 1
		}
		b.strideKV = 8 >> stage
		b.fill(grid)
		if enters {
			grid[1], grid[2] = max(1, grid[1]/2), max(1, grid[2]/2)
		}
		m.blocks = append(m.blocks, b)
	}
	out := unit << 3
	m.norm = nn.NewLayerNorm(out, 1e-6)
	return body{trunk: m, features: out, head: "head.1", weight: nn.TruncatedNormal(0.02)}
}

type mViTrunk struct {
	project                     *nn.Conv
	class                       nn.Param
	spatial, temporal, classPos *nn.Param // version 1
	grid                        [3]int64  // that the tables are for
	blocks                      []*scaleBlock
	norm                        *nn.LayerNorm
}

// Visit implements [nn.Module].
func (m *mViTrunk) Visit(prefix string, v func(string, *nn.Param)) {
	m.project.Visit(prefix+"conv_proj.", v)
	v(prefix+"pos_encoding.class_token", &m.class)
	if m.spatial != nil {
		v(prefix+"pos_encoding.spatial_pos", m.spatial)
		v(prefix+"pos_encoding.temporal_pos", m.temporal)
		v(prefix+"pos_encoding.class_pos", m.classPos)
	}
	for i, b := range m.blocks {
		b.Visit(prefix+"blocks."+strconv.Itoa(i)+".", v)
	}
	m.norm.Visit(prefix+"norm.", v)
}

// Forward implements [nn.Module].
func (m *mViTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	x = m.project.Forward(p, x)
	s := x.Shape()
	thw := [3]int64{s[2], s[3], s[4]}
	x = x.Flatten(2, -1).Transpose(1, 2)
	x = torch.Cat([]*torch.Tensor{m.class.T.Expand(s[0], -1).Unsqueeze(1), x}, 1)
	if m.spatial != nil {
		x = x.Add(m.positions(thw))
	}
	for i, b := range m.blocks {
		sc := p.E.Scope()
		at, next := thw, [3]int64{}
		y := p.Segment(func(x *torch.Tensor) (y *torch.Tensor) {
			y, next = b.forward(p, x, at)
			return y
		}, x)
		sc.Keep(y)
		sc.Close()
		if i > 0 {
			x.Free()
		}
		x, thw = y, next
	}
	return m.norm.Forward(p, x).Select(1, 0)
}

// positions is the sum of the spatial and the temporal table for a grid, each interpolated where it is for another one.
func (m *mViTrunk) positions(thw [3]int64) *torch.Tensor {
	d := m.class.Shape[0]
	space := nn.ResizePositions(m.spatial.T.Unsqueeze(0), 0, m.grid[1:], thw[1:])
	time := m.temporal.T
	if m.grid[0] != thw[0] {
		time = interpolateRows(time, thw[0])
	}
	both := time.Unsqueeze(1).Add(space).Reshape(-1, d)
	return torch.Cat([]*torch.Tensor{m.classPos.T.Unsqueeze(0), both}, 0)
}

// Cost implements [nn.Module].
func (m *mViTrunk) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := m.project.Cost(in)
	thw := [3]int64{out[2], out[3], out[4]}
	for _, b := range m.blocks {
		var one nn.Cost
		tokens := []int64{in[0], thw[0]*thw[1]*thw[2] + 1, b.in}
		one, thw = b.cost(in[0], thw)
		c = c.Plus(one.Segment(tokens))
	}
	c.Params += m.class.Numel() + 2*m.norm.Weight.Numel()
	if m.spatial != nil {
		c.Params += m.spatial.Numel() + m.temporal.Numel() + m.classPos.Numel()
	}
	return []int64{in[0], m.norm.Weight.Shape[0]}, c
}
