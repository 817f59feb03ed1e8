package views

import (
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// linear starts as torch's nn.Linear: uniform within 1/√in.
func linear(in, out int64) *nn.Linear {
	return nn.NewLinear(in, out, nn.UniformFanIn(in), nn.UniformFanIn(in))
}

// mean is that of the clips that are there.
type mean struct{ d int64 }

func (k *mean) features() int64                       { return k.d }
func (k *mean) macs(n, v int64) int64                 { return n * v * k.d }
func (k *mean) Visit(string, func(string, *nn.Param)) {}
func (k *mean) join(_ *nn.Pass, x *torch.Tensor, m *mask) (y, weights *torch.Tensor) {
	w := m.share()
	return x.Mul(w).Sum(1), w
}

// late puts each view's share of the mean into a place of its own, with the share itself beside it: what a linear head makes of that is the
// mean over clips of W_view·x + b_view, each view's own head. [views·(D+1)].
type late struct {
	d, views int64
	slots    []int
}

func (k *late) features() int64                       { return k.views * (k.d + 1) }
func (k *late) macs(n, v int64) int64                 { return n * v * k.d }
func (k *late) Visit(string, func(string, *nn.Param)) {}
func (k *late) join(p *nn.Pass, x *torch.Tensor, m *mask) (y, weights *torch.Tensor) {
	w := m.share()
	wide := torch.Cat([]*torch.Tensor{x, p.E.Ones(torch.Float32, m.n, m.v, 1)}, 2).Mul(w)
	if int64(len(k.slots)) == k.views { // a slot a view, in the order of the views or another
		order := make([]int64, k.views)
		for slot, view := range k.slots {
			order[view] = int64(slot)
		}
		return wide.IndexSelect(1, m.ints(order)).Reshape(m.n, k.views*(k.d+1)), w
	}
	parts := make([]*torch.Tensor, k.views)
	for view := range parts {
		var own []int64
		for slot, of := range k.slots {
			if of == view {
				own = append(own, int64(slot))
			}
		}
		parts[view] = wide.IndexSelect(1, m.ints(own)).Sum(1)
	}
	return torch.Cat(parts, 1), w
}

// attention is Σ aᵥ·xᵥ with a = softmax(w·(tanh(V·x) ⊙ σ(U·x))) over the clips that are there.
type attention struct {
	tanh, gate, score *nn.Linear
	d, h              int64
}

func newAttention(d, h int64) *attention {
	u := nn.UniformFanIn(d)
	return &attention{tanh: nn.NewLinear(d, h, u, nil), gate: nn.NewLinear(d, h, u, nil), score: nn.NewLinear(h, 1, nn.UniformFanIn(h), nil), d: d, h: h}
}

func (k *attention) features() int64       { return k.d }
func (k *attention) macs(n, v int64) int64 { return n * v * (2*k.d*k.h + k.h + k.d) }
func (k *attention) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "tanh", Module: k.tanh}, {Name: "gate", Module: k.gate}, {Name: "score", Module: k.score}}.Visit(prefix, v)
}
func (k *attention) join(p *nn.Pass, x *torch.Tensor, m *mask) (y, weights *torch.Tensor) {
	h := k.tanh.Forward(p, x).Tanh().Mul(k.gate.Forward(p, x).Sigmoid())
	w := m.softmax(k.score.Forward(p, h))
	return x.Mul(w).Sum(1), w
}

// gated is Σ zᵥ ⊙ tanh(W·xᵥ) with z = softmax over the clips that are there of U·[xᵥ; mean x], feature by feature. What a clip counts is
// the mean of its gates.
type gated struct {
	value, gate *nn.Linear
	d, h        int64
}

func newGated(d, h int64) *gated {
	return &gated{value: linear(d, h), gate: linear(2*d, h), d: d, h: h}
}

func (k *gated) features() int64       { return k.h }
func (k *gated) macs(n, v int64) int64 { return n * v * 3 * k.d * k.h }
func (k *gated) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "value", Module: k.value}, {Name: "gate", Module: k.gate}}.Visit(prefix, v)
}
func (k *gated) join(p *nn.Pass, x *torch.Tensor, m *mask) (y, weights *torch.Tensor) {
	all := x.Mul(m.share()).SumKeep(1).Expand(m.n, m.v, k.d)
	z := m.softmax(k.gate.Forward(p, torch.Cat([]*torch.Tensor{x, all}, 2)))
	return k.value.Forward(p, x).Tanh().Mul(z).Sum(1), z.MeanKeep(2)
}

// headWidth is that of a transformer's attention heads.
const headWidth = 8

// transformer lets the clips' codes attend to each other, keys of missing ones masked, and joins them by attention.
type transformer struct {
	token  *nn.Linear // [D] to [H]
	blocks nn.Chain
	norm   *nn.LayerNorm
	pool   *attention
	d, h   int64
}

func newTransformer(d, h int64) *transformer {
	t := &transformer{token: linear(d, h), norm: nn.NewLayerNorm(h, 1e-6), pool: newAttention(h, h), d: d, h: h}
	var blocks []nn.Module
	for range 2 {
		b := nn.NewEncoderBlock(h, h/headWidth, 2*h, nn.TimmBlock)
		b.Attn = &masked{nn.NewAttention(h, h/headWidth, true)}
		blocks = append(blocks, b)
	}
	t.blocks = nn.Sequential(blocks...)
	return t
}

func (k *transformer) features() int64 { return k.h }
func (k *transformer) macs(n, v int64) int64 {
	block := 8*k.h*k.h + 2*v*k.h // queries, keys, values, output and an MLP of twice the width; attention
	return n * v * (k.d*k.h + 2*block + 2*k.h*k.h)
}
func (k *transformer) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "token", Module: k.token}, {Name: "blocks", Module: k.blocks}, {Name: "norm", Module: k.norm}}.Visit(prefix, v)
	k.pool.Visit(prefix+"pool.", v)
}
func (k *transformer) join(p *nn.Pass, x *torch.Tensor, m *mask) (y, weights *torch.Tensor) {
	t := p.Run("blocks", k.blocks, k.token.Forward(p, x))
	return k.pool.join(p, k.norm.Forward(p, t), m)
}

// masked is attention whose keys are the clips that the pass's views say are there.
type masked struct{ *nn.Attention }

// Forward implements [nn.Module].
func (a *masked) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	s := x.Shape()
	n, l, d := s[0], s[1], s[2]
	bias := make([]float32, n*l)
	if v := p.Views; v != nil {
		for i, there := range v.Present {
			if !there {
				bias[i] = away
			}
		}
	}
	qkv := a.QKV.Forward(p, x).Reshape(n, l, 3, a.Heads, d/a.Heads).Permute(2, 0, 3, 1, 4).Unbind(0)
	y := nn.Attend(p, qkv[0], qkv[1], qkv[2], p.E.FromFloat32(bias, n, 1, 1, l), a.Dropout)
	return a.Out.Forward(p, y.Transpose(1, 2).Reshape(n, l, d))
}
