package video

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// swinBlock is x + attn(norm x), then x + mlp(norm x), the attention within windows (Liu et al. 2021, equation 3; the video form in section
// 3.2 of Liu et al. 2022).
type swinBlock struct {
	d, heads     int64
	shifted      bool
	dropPath     float64
	norm1, norm2 *nn.LayerNorm
	table        nn.Param // [15·13·13, heads]: what each distance in a window adds to the scores
	qkv, proj    *nn.Linear
	fc1, fc2     *nn.Linear
}

func newSwinBlock(d, heads int64, shifted bool, dropPath float64) *swinBlock {
	init := nn.TruncatedNormal(0.02)
	w := swinWindow
	return &swinBlock{
		d: d, heads: heads, shifted: shifted, dropPath: dropPath, norm1: nn.NewLayerNorm(d, 1e-5), norm2: nn.NewLayerNorm(d, 1e-5),
		table: nn.Param{Shape: []int64{(2*w[0] - 1) * (2*w[1] - 1) * (2*w[2] - 1), heads}, Init: init},
		qkv:   nn.NewLinear(d, 3*d, init, nil), proj: nn.NewLinear(d, d, init, nil),
		fc1: nn.NewLinear(d, 4*d, init, nil), fc2: nn.NewLinear(4*d, d, init, nil),
	}
}

// Visit has torchvision's names.
func (b *swinBlock) Visit(prefix string, v func(string, *nn.Param)) {
	b.norm1.Visit(prefix+"norm1.", v)
	v(prefix+"attn.relative_position_bias_table", &b.table)
	b.qkv.Visit(prefix+"attn.qkv.", v)
	b.proj.Visit(prefix+"attn.proj.", v)
	b.norm2.Visit(prefix+"norm2.", v)
	b.fc1.Visit(prefix+"mlp.0.", v)
	b.fc2.Visit(prefix+"mlp.3.", v)
}

// Forward implements [nn.Module].
func (b *swinBlock) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	return p.Segment(func(x *torch.Tensor) *torch.Tensor {
		x = x.Add(nn.DropPath(p, b.attend(p, b.norm1.Forward(p, x)), b.dropPath))
		y := b.fc2.Forward(p, nn.GELU.Forward(p, b.fc1.Forward(p, b.norm2.Forward(p, x))))
		return x.Add(nn.DropPath(p, y, b.dropPath))
	}, x)
}

// windows is how a grid of tokens is cut.
type windows struct{ grid, size, shift, padded, count [3]int64 }

func (b *swinBlock) cut(grid [3]int64) windows {
	w := windows{grid: grid}
	for i, n := range grid {
		w.size[i] = min(swinWindow[i], n)
		if b.shifted && n > swinWindow[i] {
			w.shift[i] = swinWindow[i] / 2
		}
		w.count[i] = (n + w.size[i] - 1) / w.size[i]
		w.padded[i] = w.count[i] * w.size[i]
	}
	return w
}

func (w windows) number() int64 { return w.count[0] * w.count[1] * w.count[2] }
func (w windows) tokens() int64 { return w.size[0] * w.size[1] * w.size[2] }
func (w windows) shifts() bool  { return w.shift != [3]int64{} }

// attend is attention within windows over tokens [N, T, H, W, D].
func (b *swinBlock) attend(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	s := x.Shape()
	n, w := s[0], b.cut([3]int64(s[1:4]))
	if w.padded != w.grid {
		x = x.Pad([]int64{0, 0, 0, w.padded[2] - w.grid[2], 0, w.padded[1] - w.grid[1], 0, w.padded[0] - w.grid[0]}, "constant", 0)
	}
	axes := []int64{1, 2, 3}
	if w.shifts() {
		x = x.Roll([]int64{-w.shift[0], -w.shift[1], -w.shift[2]}, axes)
	}
	x = x.Reshape(n, w.count[0], w.size[0], w.count[1], w.size[1], w.count[2], w.size[2], b.d).Permute(0, 1, 3, 5, 2, 4, 6, 7).
		Reshape(n, w.number(), w.tokens(), b.d)
	qkv := b.qkv.Forward(p, x).Reshape(n, w.number(), w.tokens(), 3, b.heads, b.d/b.heads).Permute(3, 0, 1, 4, 2, 5).Unbind(0)
	y := nn.Attend(p, qkv[0], qkv[1], qkv[2], b.bias(p, w), nn.Dropout{})
	y = b.proj.Forward(p, y.Transpose(2, 3).Reshape(n, w.number(), w.tokens(), b.d))
	y = y.Reshape(n, w.count[0], w.count[1], w.count[2], w.size[0], w.size[1], w.size[2], b.d).Permute(0, 1, 4, 2, 5, 3, 6, 7).
		Reshape(n, w.padded[0], w.padded[1], w.padded[2], b.d)
	if w.shifts() {
		y = y.Roll(w.shift[:], axes)
	}
	for i, axis := range axes {
		if w.padded[i] != w.grid[i] {
			y = y.Narrow(axis, 0, w.grid[i])
		}
	}
	return y
}

// bias is what is added to the scores, [1, 1 or windows, heads, tokens, tokens]: the table's entry for each pair's distance, and −100 between
// tokens that only the shift has brought into one window.
func (b *swinBlock) bias(p *nn.Pass, w windows) *torch.Tensor {
	l := w.tokens()
	bias := b.table.T.IndexSelect(0, p.E.FromInt64s(w.distances(), l*l)).Reshape(1, 1, l, l, b.heads).Permute(0, 1, 4, 2, 3)
	if !w.shifts() {
		return bias
	}
	return bias.Add(p.E.FromFloat32(w.mask(), 1, w.number(), 1, l, l))
}

// position is the place of a window's token.
func (w windows) position(i int64) [3]int64 {
	return [3]int64{i / (w.size[1] * w.size[2]), i / w.size[2] % w.size[1], i % w.size[2]}
}

// distances is the table's row of each pair of a window's tokens.
func (w windows) distances() []int64 {
	l := w.tokens()
	out := make([]int64, 0, l*l)
	for i := range l {
		a := w.position(i)
		for j := range l {
			row, c := int64(0), w.position(j)
			for k, full := range swinWindow {
				row = row*(2*full-1) + a[k] - c[k] + full - 1
			}
			out = append(out, row)
		}
	}
	return out
}

// mask is 0 between tokens of one window that were neighbours before the shift, −100 between others, [windows, tokens, tokens].
func (w windows) mask() []float32 {
	l := w.tokens()
	// The part of the grid that a token comes from: what was cut off at the front by the shift lies at the end.
	part := func(axis int, at int64) int64 {
		switch {
		case w.shift[axis] == 0 || at < w.padded[axis]-w.size[axis]:
			return 0
		case at < w.padded[axis]-w.shift[axis]:
			return 1
		}
		return 2
	}
	out := make([]float32, 0, w.number()*l*l)
	parts := make([]int64, l)
	for n := range w.number() {
		corner := [3]int64{n / (w.count[1] * w.count[2]), n / w.count[2] % w.count[1], n % w.count[2]}
		for i := range l {
			parts[i] = 0
			for axis, at := range w.position(i) {
				parts[i] = 3*parts[i] + part(axis, corner[axis]*w.size[axis]+at)
			}
		}
		for _, a := range parts {
			for _, c := range parts {
				v := float32(0)
				if a != c {
					v = -100
				}
				out = append(out, v)
			}
		}
	}
	return out
}

// Cost implements [nn.Module].
func (b *swinBlock) Cost(in []int64) ([]int64, nn.Cost) {
	w := b.cut([3]int64(in[1:4]))
	inside := in[0] * w.number() * w.tokens()
	outside := in[0] * in[1] * in[2] * in[3]
	c := nn.Cost{Params: b.table.Numel()}
	add := func(l *nn.Linear, rows int64) {
		_, one := l.Cost([]int64{rows, l.Weight.Shape[1]})
		c = c.Plus(one)
	}
	add(b.qkv, inside)
	add(b.proj, inside)
	add(b.fc1, outside)
	add(b.fc2, outside)
	c.Params += 4 * b.d
	c.MACs += nn.AttendMACs(in[0]*w.number(), w.tokens(), w.tokens(), b.d)
	c.Activations += 2*in[0]*w.number()*b.heads*w.tokens()*w.tokens() + inside*b.d + outside*(4+4)*b.d
	return in, c.Segment(in)
}
