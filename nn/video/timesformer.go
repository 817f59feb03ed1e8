package video

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
	"github.com/cineloop/cineloop/torch"
)

// timeSformer attends over time at each place, then over space at each time (divided attention). Bertasius et al., ICML 2021, section 3,
// with its code's names (without the leading "model."). 121.6 M parameters, 196 G multiply-adds for 3×8×224×224.
var timeSformer = []Architecture{
	{Name: "timesformer", Family: "transformer", Paper: image.Paper{Title: "Is space-time attention all you need for video understanding?", Where: "Bertasius et al., ICML 2021, section 3"},
		Input: [3]int64{8, 224, 224}, Least: [3]int64{1, 16, 16}, GMACs: 196, Classes: 400, build: buildTimeSformer},
}

func buildTimeSformer(s Spec) body {
	const unit = 64
	d := scaleTo(768, s.Width, unit)
	tn := nn.TruncatedNormal(0.02)
	grid := []int64{max(1, s.Size[1]/16), max(1, s.Size[2]/16)}
	t := &dividedTrunk{
		project: nn.NewConv(s.Channels, d, []int64{16, 16}, []int64{16, 16}, []int64{0, 0}).WithBias(nil).WithInit(nn.UniformFanIn(s.Channels * 256)),
		class:   nn.Param{Shape: []int64{1, 1, d}, Init: tn}, space: nn.Param{Shape: []int64{1, 1 + grid[0]*grid[1], d}, Init: tn},
		time: nn.Param{Shape: []int64{1, s.Size[0], d}}, grid: grid, norm: nn.NewLayerNorm(d, 1e-6),
	}
	for range 12 {
		t.blocks = append(t.blocks, &dividedBlock{
			EncoderBlock: nn.NewEncoderBlock(d, d/unit, 4*d, nn.TimmBlock),
			timeNorm:     nn.NewLayerNorm(d, 1e-6), timeAttn: nn.NewAttention(d, d/unit, true), timeOut: nn.NewLinear(d, d, nil, nil),
		})
	}
	return body{trunk: t, features: d, head: "head", weight: tn}
}

type dividedTrunk struct {
	project            *nn.Conv
	class, space, time nn.Param
	grid               []int64
	blocks             []*dividedBlock
	norm               *nn.LayerNorm
}

// Visit implements [nn.Module].
func (t *dividedTrunk) Visit(prefix string, v func(string, *nn.Param)) {
	v(prefix+"cls_token", &t.class)
	v(prefix+"pos_embed", &t.space)
	v(prefix+"time_embed", &t.time)
	t.project.Visit(prefix+"patch_embed.proj.", v)
	for i, b := range t.blocks {
		b.Visit(prefix+"blocks."+strconv.Itoa(i)+".", v)
	}
	t.norm.Visit(prefix+"norm.", v)
}

// Forward implements [nn.Module].
func (t *dividedTrunk) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	s := x.Shape()
	n, frames := s[0], s[2]
	y := t.project.Forward(p, x.Permute(0, 2, 1, 3, 4).Reshape(n*frames, s[1], s[3], s[4]))
	g := y.Shape()
	d, places := g[1], g[2]*g[3]
	y = y.Flatten(2, -1).Transpose(1, 2) // [n·T, places, D]
	table := nn.ResizePositions(t.space.T, 1, t.grid, g[2:])
	y = y.Add(table.Narrow(1, 1, places))
	class := t.class.T.Add(table.Narrow(1, 0, 1)).Expand(n, -1, -1)
	time := t.time.T
	if time.Size(1) != frames {
		time = interpolateRows(time.Squeeze(0), frames).Unsqueeze(0)
	}
	// Tokens lie place by place, frame within place.
	y = y.Reshape(n, frames, places, d).Transpose(1, 2).Add(time.Unsqueeze(1)).Reshape(n, places*frames, d)
	y = torch.Cat([]*torch.Tensor{class, y}, 1)
	for i, b := range t.blocks {
		sc := p.E.Scope()
		z := p.Segment(func(y *torch.Tensor) *torch.Tensor { return b.forward(p, y, frames) }, y)
		sc.Keep(z)
		sc.Close()
		if i > 0 {
			y.Free()
		}
		y = z
	}
	return t.norm.Forward(p, y).Select(1, 0)
}

// Cost implements [nn.Module].
func (t *dividedTrunk) Cost(in []int64) ([]int64, nn.Cost) {
	out, c := t.project.Cost([]int64{in[0] * in[2], in[1], in[3], in[4]})
	for _, b := range t.blocks {
		c = c.Plus(b.cost(in[0], in[2], out[2]*out[3], out[1]))
	}
	_, n := t.norm.Cost([]int64{in[0], out[1]})
	c = c.Plus(n)
	c.Params += t.class.Numel() + t.space.Numel() + t.time.Numel()
	return []int64{in[0], out[1]}, c
}

// dividedBlock is an encoder block with attention over time before that over space.
type dividedBlock struct {
	*nn.EncoderBlock
	timeNorm *nn.LayerNorm
	timeAttn *nn.Attention
	timeOut  *nn.Linear // starts at zero, so that the image network's function is where training begins
}

// Visit implements [nn.Module].
func (b *dividedBlock) Visit(prefix string, v func(string, *nn.Param)) {
	b.EncoderBlock.Visit(prefix, v)
	nn.Chain{{Name: "temporal_norm1", Module: b.timeNorm}, {Name: "temporal_attn", Module: b.timeAttn}, {Name: "temporal_fc", Module: b.timeOut}}.Visit(prefix, v)
}

func (b *dividedBlock) forward(p *nn.Pass, x *torch.Tensor, frames int64) *torch.Tensor {
	n, d := x.Size(0), x.Size(2)
	places := (x.Size(1) - 1) / frames
	class, body := x.Narrow(1, 0, 1), x.Narrow(1, 1, x.Size(1)-1)
	t := b.timeAttn.Forward(p, b.timeNorm.Forward(p, body.Reshape(n*places, frames, d)))
	body = body.Add(b.timeOut.Forward(p, t).Reshape(n, places*frames, d))
	// The class token joins every frame; what the frames make of it is averaged.
	s := body.Reshape(n, places, frames, d).Transpose(1, 2).Reshape(n*frames, places, d)
	s = torch.Cat([]*torch.Tensor{class.Expand(n, frames, d).Reshape(n*frames, 1, d), s}, 1)
	s = b.Attn.Forward(p, b.Norm1.Forward(p, s))
	newClass := s.Narrow(1, 0, 1).Reshape(n, frames, d).MeanKeep(1)
	s = s.Narrow(1, 1, places).Reshape(n, frames, places, d).Transpose(1, 2).Reshape(n, places*frames, d)
	x = torch.Cat([]*torch.Tensor{class, body}, 1).Add(torch.Cat([]*torch.Tensor{newClass, s}, 1))
	return x.Add(b.FC2.Forward(p, nn.GELU.Forward(p, b.FC1.Forward(p, b.Norm2.Forward(p, x)))))
}

func (b *dividedBlock) cost(n, frames, places, d int64) nn.Cost {
	tokens := []int64{n, 1 + places*frames, d}
	_, t := b.timeAttn.Cost([]int64{n * places, frames, d})
	_, o := b.timeOut.Cost([]int64{n * places * frames, d})
	_, s := b.Attn.Cost([]int64{n * frames, places + 1, d})
	rows := []int64{n * tokens[1], d}
	mid, f := b.FC1.Cost(rows)
	_, g := b.FC2.Cost(mid)
	_, m := b.Norm1.Cost(tokens)
	sum := t.Plus(o).Plus(s).Plus(f).Plus(g).Plus(m).Plus(m).Plus(m)
	sum.Activations += n*tokens[1]*4*d + 2*n*tokens[1]*d
	return sum.Segment(tokens)
}
