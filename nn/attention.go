package nn

import (
	"math"

	"github.com/cineloop/cineloop/torch"
)

// Attention is multi-head self-attention over tokens [N, L, D] (Vaswani et al., "Attention is all you need", NeurIPS 2017, section
// 3.2). Its parameters have torch.nn.MultiheadAttention's names, or timm's (qkv, proj) where Split is set.
type Attention struct {
	Heads   int64
	QKV     *Linear   // [3D, D]
	Out     *Linear   // [D, D]
	Split   bool      // names qkv.weight, proj.weight instead of in_proj_weight, out_proj.weight
	keyless *[2]Param // biases of queries and values where keys have none
	Dropout Dropout   // of the attention's weights
}

// NewAttention returns attention over d features.
func NewAttention(d, heads int64, split bool) *Attention {
	init := XavierUniform
	return &Attention{Heads: heads, QKV: NewLinear(d, 3*d, init, nil), Out: NewLinear(d, d, init, nil), Split: split}
}

// WithoutKeyBias leaves out the bias of keys, which a softmax does not see; those of queries and values are then named q_bias and v_bias,
// as in BEiT and VideoMAE (timm's names only).
func (a *Attention) WithoutKeyBias() *Attention {
	d := a.Out.Weight.Shape[0]
	a.keyless = &[2]Param{{Shape: []int64{d}}, {Shape: []int64{d}}}
	return a
}

// project computes queries, keys and values side by side.
func (a *Attention) project(p *Pass, x *torch.Tensor) *torch.Tensor {
	if a.keyless == nil {
		return a.QKV.Forward(p, x)
	}
	q, v := a.keyless[0].T, a.keyless[1].T
	return torch.Linear(x, a.QKV.Weight.T, torch.Cat([]*torch.Tensor{q, q.ZerosLike(), v}, 0))
}

// Visit implements [Module].
func (a *Attention) Visit(prefix string, v func(string, *Param)) {
	switch {
	case a.Split && a.keyless == nil:
		a.QKV.Visit(prefix+"qkv.", v)
		a.Out.Visit(prefix+"proj.", v)
		return
	case a.Split:
		v(prefix+"q_bias", &a.keyless[0])
		v(prefix+"v_bias", &a.keyless[1])
		v(prefix+"qkv.weight", &a.QKV.Weight)
		a.Out.Visit(prefix+"proj.", v)
		return
	}
	v(prefix+"in_proj_weight", &a.QKV.Weight)
	v(prefix+"in_proj_bias", &a.QKV.Bias)
	a.Out.Visit(prefix+"out_proj.", v)
}

// Forward implements [Module].
func (a *Attention) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	s := x.Shape()
	n, l, d := s[0], s[1], s[2]
	qkv := a.project(p, x).Reshape(n, l, 3, a.Heads, d/a.Heads).Permute(2, 0, 3, 1, 4).Unbind(0)
	y := Attend(p, qkv[0], qkv[1], qkv[2], nil, a.Dropout)
	return a.Out.Forward(p, y.Transpose(1, 2).Reshape(n, l, d))
}

// Attend is softmax(q·kᵀ/√D + bias)·v for q [N, H, L, D], k and v [N, H, M, D]; bias [N or 1, H or 1, L, M] may be nil.
func Attend(p *Pass, q, k, v, bias *torch.Tensor, drop Dropout) *torch.Tensor {
	scores := q.MulScalar(1 / math.Sqrt(float64(q.Size(-1)))).Matmul(k.Transpose(-2, -1))
	if bias != nil {
		scores = scores.Add(bias)
	}
	weights := p.Apply(AttentionWeights{}, func(s *torch.Tensor) *torch.Tensor { return s.Softmax(-1) }, scores)
	return drop.Forward(p, weights).Matmul(v)
}

// Cost implements [Module].
func (a *Attention) Cost(in []int64) ([]int64, Cost) {
	rows := []int64{in[0] * in[1], in[2]}
	_, c := a.QKV.Cost(rows)
	_, o := a.Out.Cost(rows)
	c = c.Plus(o)
	if a.keyless != nil {
		c.Params -= in[2]
	}
	c.MACs += AttendMACs(in[0], in[1], in[1], in[2])
	c.Activations += 2*a.Heads*in[0]*in[1]*in[1] + numel(in)
	return in, c
}

// AttendMACs is the multiply-adds of attention of l queries over m keys with d features in all.
func AttendMACs(n, l, m, d int64) int64 { return 2 * n * l * m * d }

// EncoderBlock is the pre-norm transformer block: x + attn(norm(x)), then x + mlp(norm(x)) with GELU between two linear layers
// (Dosovitskiy et al., "An image is worth 16×16 words", ICLR 2021, equations 2 and 3).
type EncoderBlock struct {
	Norm1, Norm2 *LayerNorm
	Attn         Module
	FC1, FC2     *Linear
	Names        BlockNames
	DropPath     float64
	Dropout      Dropout // after the attention and in the MLP
}

// BlockNames are the names of a block's parts.
type BlockNames struct{ Norm1, Attn, Norm2, FC1, FC2 string }

// Names of torchvision's and timm's blocks.
var (
	TorchvisionBlock = BlockNames{"ln_1", "self_attention", "ln_2", "mlp.0", "mlp.3"}
	TimmBlock        = BlockNames{"norm1", "attn", "norm2", "mlp.fc1", "mlp.fc2"}
)

// NewEncoderBlock returns a block over d features whose MLP has mid.
func NewEncoderBlock(d, heads, mid int64, names BlockNames) *EncoderBlock {
	return &EncoderBlock{
		Norm1: NewLayerNorm(d, 1e-6), Norm2: NewLayerNorm(d, 1e-6), Attn: NewAttention(d, heads, names.Attn == "attn"),
		FC1: NewLinear(d, mid, XavierUniform, Normal(1e-6)), FC2: NewLinear(mid, d, XavierUniform, Normal(1e-6)), Names: names,
	}
}

func (b *EncoderBlock) parts() Chain {
	return Chain{{b.Names.Norm1, b.Norm1}, {b.Names.Attn, b.Attn}, {b.Names.Norm2, b.Norm2}, {b.Names.FC1, b.FC1}, {b.Names.FC2, b.FC2}}
}

// Visit implements [Module].
func (b *EncoderBlock) Visit(prefix string, v func(string, *Param)) { b.parts().Visit(prefix, v) }

// Forward implements [Module].
func (b *EncoderBlock) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	return p.Segment(func(x *torch.Tensor) *torch.Tensor { return b.forward(p, x) }, x)
}

func (b *EncoderBlock) forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	y := b.Dropout.Forward(p, p.Run(b.Names.Attn, b.Attn, b.Norm1.Forward(p, x)))
	x = x.Add(DropPath(p, y, b.DropPath))
	y = b.Dropout.Forward(p, GELU.Forward(p, b.FC1.Forward(p, b.Norm2.Forward(p, x))))
	y = b.Dropout.Forward(p, b.FC2.Forward(p, y))
	return x.Add(DropPath(p, y, b.DropPath))
}

// Cost implements [Module].
func (b *EncoderBlock) Cost(in []int64) ([]int64, Cost) {
	_, c := b.Attn.Cost(in)
	rows := []int64{in[0] * in[1], in[2]}
	mid, f := b.FC1.Cost(rows)
	_, g := b.FC2.Cost(mid)
	_, n := b.Norm1.Cost(in)
	c = c.Plus(f).Plus(g).Plus(n).Plus(n)
	c.Activations += numel(mid) + 2*numel(in)
	return in, c.Segment(in)
}
