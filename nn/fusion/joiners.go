package fusion

import (
	"math"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// alone is the table's code without the picture.
type alone struct {
	unforwarded
	h int64
}

func (a *alone) features() int64                       { return a.h }
func (a *alone) Visit(string, func(string, *nn.Param)) {}
func (a *alone) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	return f.encoded(p, image.Size(0), keep)
}

// film scales and shifts the picture's features by (1 + scale(table)) and shift(table). On pooled features that is what scaling and
// shifting the channels of the last stage is, since pooling is a mean.
type film struct {
	unforwarded
	scale, shift *nn.Linear
	d            int64
}

func (m *film) features() int64 { return m.d }
func (m *film) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "scale", Module: m.scale}, {Name: "shift", Module: m.shift}}.Visit(prefix, v)
}
func (m *film) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	t := f.encoded(p, image.Size(0), keep)
	return image.Mul(m.scale.Forward(p, t).AddScalar(1)).Add(m.shift.Forward(p, t))
}

// concat is ReLU(W·[picture; table]).
type concat struct {
	unforwarded
	layer *nn.Linear
	h     int64
}

func (m *concat) features() int64 { return m.h }
func (m *concat) Visit(prefix string, v func(string, *nn.Param)) {
	m.layer.Visit(prefix+"joint.", v)
}
func (m *concat) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	t := f.encoded(p, image.Size(0), keep)
	return m.layer.Forward(p, torch.Cat([]*torch.Tensor{image, t}, 1)).Relu()
}

// gated is z∘tanh(W·picture) + (1−z)∘tanh(V·table) with z = σ(U·[picture; table]): equations 1 to 3 of Arevalo et al.
type gated struct {
	unforwarded
	image, table, gate *nn.Linear
	h                  int64
}

func (m *gated) features() int64 { return m.h }
func (m *gated) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "image", Module: m.image}, {Name: "side", Module: m.table}, {Name: "gate", Module: m.gate}}.Visit(prefix, v)
}
func (m *gated) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	t := f.encoded(p, image.Size(0), keep)
	a, b := m.image.Forward(p, image).Tanh(), m.table.Forward(p, t).Tanh()
	z := m.gate.Forward(p, torch.Cat([]*torch.Tensor{image, t}, 1)).Sigmoid()
	return b.Add(z.Mul(a.Sub(b)))
}

// rank is that of the weight tensor of lowRank.
const rank = 4

// lowRank is the sum over ranks of (A·[picture; 1])∘(B·[table; 1]), the factorised outer product of Liu et al., equation 8, normed because
// products have heavy tails. The 1 of each input is the layer's bias.
type lowRank struct {
	unforwarded
	image, table *nn.Linear
	norm         *nn.LayerNorm
	h            int64
}

func (m *lowRank) features() int64 { return m.h }
func (m *lowRank) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "image", Module: m.image}, {Name: "side", Module: m.table}, {Name: "norm", Module: m.norm}}.Visit(prefix, v)
}
func (m *lowRank) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	t := f.encoded(p, image.Size(0), keep)
	both := m.image.Forward(p, image).Mul(m.table.Forward(p, t))
	return m.norm.Forward(p, both.Reshape(-1, rank, m.h).Sum(1)).Relu()
}

// autoencodeWeight is that of the reconstruction beside the heads' losses.
const autoencodeWeight = 0.1

// autoencoder makes one code of both, from which both are made again: the squared errors of the picture's features (as they are, not
// learning from it) and of the table's numbers are added to the loss, both over their own variance in the batch.
type autoencoder struct {
	unforwarded
	encode, decode *nn.Linear
	h              int64
}

func (m *autoencoder) features() int64 { return m.h }
func (m *autoencoder) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "encode", Module: m.encode}, {Name: "decode", Module: m.decode}}.Visit(prefix, v)
}
func (m *autoencoder) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	n := image.Size(0)
	flat := f.table.flat(p, n, keep)
	t := p.Run("table", f.code, flat)
	z := m.encode.Forward(p, torch.Cat([]*torch.Tensor{image, t}, 1)).Relu()
	if p.Train {
		back := m.decode.Forward(p, z)
		p.AddLoss(unexplained(back.Narrow(1, 0, f.image), image.Detach()).Add(unexplained(back.Narrow(1, f.image, flat.Size(1)), flat.Detach())).MulScalar(autoencodeWeight))
	}
	return z
}

// unexplained is the mean squared error over the variance of x within the batch.
func unexplained(got, x *torch.Tensor) *torch.Tensor {
	variance := x.Sub(x.MeanKeep(0)).Square().Mean().AddScalar(1e-4)
	return got.Sub(x).Square().Mean().Div(variance)
}

// side puts the picture's features, the table's code and its columns as they are beside each other, for [LateHead]: what is linear in the
// columns, as most of medicine's scores are, needs no hidden layer (Cheng et al., "Wide and deep learning", 2016).
type side struct {
	unforwarded
	d int64
}

func (m *side) features() int64                       { return m.d }
func (m *side) Visit(string, func(string, *nn.Param)) {}
func (m *side) join(p *nn.Pass, f *Fusion, image, keep *torch.Tensor) *torch.Tensor {
	flat := f.table.flat(p, image.Size(0), keep)
	return torch.Cat([]*torch.Tensor{image, p.Run("table", f.code, flat), flat}, 1)
}

// LateHead is w·A(picture) + (1−w)·B(table) with a learnt share w a score, on features of the kind Late.
type LateHead struct {
	image, table *nn.Linear
	share        *nn.Param
	d            int64
}

// tablePace is how many times faster the scores of the table move than its head's weights. A picture's score is the sum over a hundred
// features and moves far with each step of an adaptive optimiser; that of a table with three columns would hardly move in the steps that
// the picture needs.
const tablePace = 10

// NewLateHead is a head of width scores on f's output.
func NewLateHead(f *Fusion, width int64, weight, bias nn.Init) *LateHead {
	in := f.Features() - f.image
	start := nn.Uniform(1 / (tablePace * math.Sqrt(float64(in))))
	return &LateHead{image: nn.NewLinear(f.image, width, weight, bias), table: nn.NewLinear(in, width, start, start), share: &nn.Param{Shape: []int64{width}}, d: f.image}
}

// Visit implements [nn.Module].
func (l *LateHead) Visit(prefix string, v func(string, *nn.Param)) {
	nn.Chain{{Name: "image", Module: l.image}, {Name: "table", Module: l.table}}.Visit(prefix, v)
	v(prefix+"share", l.share)
}

// Forward implements [nn.Module].
func (l *LateHead) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	w := l.share.T.Sigmoid()
	a, b := l.image.Forward(p, x.Narrow(1, 0, l.d)), l.table.Forward(p, x.Narrow(1, l.d, x.Size(1)-l.d)).MulScalar(tablePace)
	return b.Add(w.Mul(a.Sub(b)))
}

// Cost implements [nn.Module].
func (l *LateHead) Cost(in []int64) ([]int64, nn.Cost) {
	out, a := l.image.Cost([]int64{in[0], l.d})
	_, b := l.table.Cost([]int64{in[0], in[1] - l.d})
	c := a.Plus(b)
	c.Params += l.share.Numel()
	return out, c
}

// unforwarded is for joiners, which are joined, not forwarded.
type unforwarded struct{}

func (unforwarded) Forward(*nn.Pass, *torch.Tensor) *torch.Tensor { panic("fusion: join is called") }
func (unforwarded) Cost(in []int64) ([]int64, nn.Cost)            { return in, nn.Cost{} }
