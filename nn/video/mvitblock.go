package video

import (
	"math"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// scaleBlock is a multiscale block: pooled attention, then an MLP. Version 1 changes channels in the MLP, version 2 in the attention.
type scaleBlock struct {
	in, attn, out     int64
	heads             int64
	strideQ, strideKV int64 // in height and width; time is never strided
	v2                bool
	dropPath          float64

	norm1, norm2      *nn.LayerNorm
	qkv, project      *nn.Linear
	poolQ, poolK      *tokenPool
	poolV             *tokenPool
	relH, relW, relT  *nn.Param
	fc1, fc2, channel *nn.Linear // channel: the shortcut where channels change
}

func (b *scaleBlock) fill(grid [3]int64) {
	init := nn.TruncatedNormal(0.02)
	b.norm1, b.norm2 = nn.NewLayerNorm(b.in, 1e-6), nn.NewLayerNorm(b.attn, 1e-6)
	b.qkv, b.project = nn.NewLinear(b.in, 3*b.attn, init, nil), nn.NewLinear(b.attn, b.attn, init, nil)
	d := b.attn / b.heads
	if b.v2 || b.strideQ > 1 {
		b.poolQ = newTokenPool(d, b.strideQ)
	}
	b.poolK, b.poolV = newTokenPool(d, b.strideKV), newTokenPool(d, b.strideKV)
	b.fc1, b.fc2 = nn.NewLinear(b.attn, 4*b.attn, init, nil), nn.NewLinear(4*b.attn, b.out, init, nil)
	if b.in != b.out {
		b.channel = nn.NewLinear(b.in, b.out, init, nil)
	}
	if b.v2 {
		side := max(grid[1], grid[2])
		n := 2*max(max(1, side/b.strideQ), max(1, side/b.strideKV)) - 1
		b.relH = &nn.Param{Shape: []int64{n, d}, Init: init}
		b.relW = &nn.Param{Shape: []int64{n, d}, Init: init}
		b.relT = &nn.Param{Shape: []int64{2*grid[0] - 1, d}, Init: init}
	}
}

// Visit has torchvision's names.
func (b *scaleBlock) Visit(prefix string, v func(string, *nn.Param)) {
	b.norm1.Visit(prefix+"norm1.", v)
	b.norm2.Visit(prefix+"norm2.", v)
	if b.relH != nil {
		v(prefix+"attn.rel_pos_h", b.relH)
		v(prefix+"attn.rel_pos_w", b.relW)
		v(prefix+"attn.rel_pos_t", b.relT)
	}
	b.qkv.Visit(prefix+"attn.qkv.", v)
	b.project.Visit(prefix+"attn.project.0.", v)
	for name, pool := range map[string]*tokenPool{"q": b.poolQ, "k": b.poolK, "v": b.poolV} {
		if pool != nil {
			pool.conv.Visit(prefix+"attn.pool_"+name+".pool.", v)
			pool.norm.Visit(prefix+"attn.pool_"+name+".norm_act.0.", v)
		}
	}
	b.fc1.Visit(prefix+"mlp.0.", v)
	b.fc2.Visit(prefix+"mlp.3.", v)
	if b.channel != nil {
		b.channel.Visit(prefix+"project.", v)
	}
}

func (b *scaleBlock) forward(p *nn.Pass, x *torch.Tensor, thw [3]int64) (*torch.Tensor, [3]int64) {
	n1 := b.norm1.Forward(p, x)
	a, next := b.attend(p, n1, thw)
	skip := x
	if b.v2 && b.channel != nil {
		skip = b.channel.Forward(p, n1)
	}
	if b.strideQ > 1 {
		skip = maxTokens(skip.Unsqueeze(1), thw, b.strideQ).Squeeze(1)
	}
	x = skip.Add(nn.DropPath(p, a, b.dropPath))
	n2 := b.norm2.Forward(p, x)
	y := b.fc2.Forward(p, nn.GELU.Forward(p, b.fc1.Forward(p, n2)))
	if !b.v2 && b.channel != nil {
		x = b.channel.Forward(p, n2)
	}
	return x.Add(nn.DropPath(p, y, b.dropPath)), next
}

// attend is pooled attention over tokens [N, 1 + T·H·W, in].
func (b *scaleBlock) attend(p *nn.Pass, x *torch.Tensor, thw [3]int64) (*torch.Tensor, [3]int64) {
	n, l := x.Size(0), x.Size(1)
	qkv := b.qkv.Forward(p, x).Reshape(n, l, 3, b.heads, b.attn/b.heads).Transpose(1, 3).Unbind(2) // each [N, heads, L, D]
	q, k, v := qkv[0], qkv[1], qkv[2]
	k, keys := b.poolK.forward(p, k, thw)
	v, _ = b.poolV.forward(p, v, thw)
	if b.poolQ != nil {
		q, thw = b.poolQ.forward(p, q, thw)
	}
	var bias *torch.Tensor
	if b.relH != nil {
		bias = b.relative(p, q, thw, keys)
	}
	y := nn.Attend(p, q, k, v, bias, nn.Dropout{})
	if b.v2 { // residual pooling, of all but the class token
		body := y.Narrow(2, 1, y.Size(2)-1).Add(q.Narrow(2, 1, q.Size(2)-1))
		y = torch.Cat([]*torch.Tensor{y.Narrow(2, 0, 1), body}, 2)
	}
	return b.project.Forward(p, y.Transpose(1, 2).Reshape(n, -1, b.attn)), thw
}

// relative is the bias of decomposed relative positions (MViTv2, equation 3): for each query the sum of its products with the
// embeddings of its distances to the key in time, height and width; zero for the class token.
func (b *scaleBlock) relative(p *nn.Pass, q *torch.Tensor, qs, ks [3]int64) *torch.Tensor {
	n, d := q.Size(0), q.Size(3)
	body := q.Narrow(2, 1, q.Size(2)-1).Reshape(n, b.heads, qs[0], qs[1], qs[2], d)
	h := torch.Einsum("bythwc,hkc->bythwk", body, distances(p, b.relH.T, qs[1], ks[1]))
	w := torch.Einsum("bythwc,wkc->bythwk", body, distances(p, b.relW.T, qs[2], ks[2]))
	t := torch.Einsum("bythwc,tkc->bythwk", body, distances(p, b.relT.T, qs[0], ks[0]))
	sum := h.Reshape(n, b.heads, qs[0], qs[1], qs[2], 1, ks[1], 1).Add(w.Reshape(n, b.heads, qs[0], qs[1], qs[2], 1, 1, ks[2])).
		Add(t.Reshape(n, b.heads, qs[0], qs[1], qs[2], ks[0], 1, 1))
	sum = sum.Reshape(n, b.heads, qs[0]*qs[1]*qs[2], ks[0]*ks[1]*ks[2])
	return sum.Pad([]int64{1, 0, 1, 0}, "constant", 0)
}

// distances picks the rows of a table [2·max−1, D] for all pairs of q queries and k keys along one axis, [q, k, D]. Where the two have
// different resolutions both are scaled to the finer one; a table for another size is interpolated.
func distances(p *nn.Pass, table *torch.Tensor, q, k int64) *torch.Tensor {
	if want := 2*max(q, k) - 1; table.Size(0) != want {
		table = interpolateRows(table, want)
	}
	qr, kr := math.Max(float64(k)/float64(q), 1), math.Max(float64(q)/float64(k), 1)
	index := make([]int64, 0, q*k)
	for i := range q {
		for j := range k {
			index = append(index, int64(float64(i)*qr-(float64(j)+1-float64(k))*kr))
		}
	}
	return table.IndexSelect(0, p.E.FromInt64s(index, q*k)).Reshape(q, k, -1)
}

// interpolateRows resizes a table [have, D] to n rows, linearly, as torch's interpolate with half-pixel centres.
func interpolateRows(table *torch.Tensor, n int64) *torch.Tensor {
	flat := table.T().Unsqueeze(0).Unsqueeze(2) // [1, D, 1, have]
	return torch.Interpolate(flat, []int64{1, n}, "bilinear", false).Squeeze(2).Squeeze(0).T()
}

func (b *scaleBlock) cost(n int64, thw [3]int64) (nn.Cost, [3]int64) {
	count := func(g [3]int64) int64 { return g[0]*g[1]*g[2] + 1 }
	l := count(thw)
	_, c := b.norm1.Cost([]int64{n * l, b.in})
	_, one := b.qkv.Cost([]int64{n * l, b.in})
	c = c.Plus(one)
	keys := pooledGrid(thw, b.strideKV)
	c = c.Plus(b.poolK.cost(n*b.heads, thw)).Plus(b.poolV.cost(n*b.heads, thw))
	next := pooledGrid(thw, b.strideQ)
	if b.poolQ != nil {
		c = c.Plus(b.poolQ.cost(n*b.heads, thw))
	}
	lq, lk := count(next), count(keys)
	c.MACs += nn.AttendMACs(n, lq, lk, b.attn)
	c.Activations += 2 * n * b.heads * lq * lk
	if b.relH != nil {
		c.Params += b.relH.Numel() + b.relW.Numel() + b.relT.Numel()
		c.MACs += n * (lq - 1) * (keys[0] + keys[1] + keys[2]) * b.attn
	}
	for _, m := range []struct {
		layer *nn.Linear
		rows  int64
		in    int64
	}{{b.project, lq, b.attn}, {b.fc1, lq, b.attn}, {b.fc2, lq, 4 * b.attn}} {
		_, one := m.layer.Cost([]int64{n * m.rows, m.in})
		c = c.Plus(one)
	}
	_, one = b.norm2.Cost([]int64{n * lq, b.attn})
	c = c.Plus(one)
	if b.channel != nil {
		rows := l
		if !b.v2 {
			rows = lq
		}
		_, one := b.channel.Cost([]int64{n * rows, b.in})
		c = c.Plus(one)
	}
	return c, next
}

// tokenPool is a depthwise 3×3×3 convolution over the tokens of each head, then layer norm; the class token passes by the convolution.
type tokenPool struct {
	conv *nn.Conv
	norm *nn.LayerNorm
}

func newTokenPool(d, stride int64) *tokenPool {
	return &tokenPool{conv: nn.NewDepthwise(d, []int64{3, 3, 3}, []int64{1, stride, stride}, []int64{1, 1, 1}).WithInit(nn.UniformFanIn(27)), norm: nn.NewLayerNorm(d, 1e-6)}
}

// forward takes [N, heads, 1 + T·H·W, D].
func (t *tokenPool) forward(p *nn.Pass, x *torch.Tensor, thw [3]int64) (*torch.Tensor, [3]int64) {
	y, next := onGrid(x, thw, func(v *torch.Tensor) *torch.Tensor { return t.conv.Forward(p, v) })
	return t.norm.Forward(p, y), next
}

func (t *tokenPool) cost(n int64, thw [3]int64) nn.Cost {
	out, c := t.conv.Cost([]int64{n, t.conv.Weight.Shape[0], thw[0], thw[1], thw[2]})
	_, m := t.norm.Cost([]int64{n*out[2]*out[3]*out[4] + n, out[1]})
	return c.Plus(m)
}

// maxTokens is the shortcut's max-pool.
func maxTokens(x *torch.Tensor, thw [3]int64, stride int64) *torch.Tensor {
	y, _ := onGrid(x, thw, func(v *torch.Tensor) *torch.Tensor {
		k, pad := stride+1, (stride+1)/2
		return torch.MaxPool3d(v, []int64{1, k, k}, []int64{1, stride, stride}, []int64{0, pad, pad}, []int64{1, 1, 1}, false)
	})
	return y
}

// onGrid applies f to the tokens laid out as [N·heads, D, T, H, W], the class token kept aside.
func onGrid(x *torch.Tensor, thw [3]int64, f func(*torch.Tensor) *torch.Tensor) (*torch.Tensor, [3]int64) {
	n, heads, l, d := x.Size(0), x.Size(1), x.Size(2), x.Size(3)
	v := x.Narrow(2, 1, l-1).Transpose(2, 3).Reshape(n*heads, d, thw[0], thw[1], thw[2])
	v = f(v)
	s := v.Shape()
	v = v.Reshape(n, heads, d, -1).Transpose(2, 3)
	return torch.Cat([]*torch.Tensor{x.Narrow(2, 0, 1), v}, 2), [3]int64{s[2], s[3], s[4]}
}

// pooledGrid is the grid after a 3×3×3 window with a border of 1 at the stride in height and width.
func pooledGrid(g [3]int64, stride int64) [3]int64 {
	return [3]int64{g[0], (g[1]-1)/stride + 1, (g[2]-1)/stride + 1}
}
