package tabular

import (
	"math"

	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// mlp is Linear, ReLU, batch normalisation and dropout, repeated, and a last Linear (torchtuples' MLPVanilla, which the experiments of
// Kvamme and Borgan use). All parameters are views of one vector, and so are their gradients.
type mlp struct {
	e          *torch.Engine
	in, out    int
	hidden     []int
	batchNorm  bool
	dropout    float64
	outputBias bool

	theta, grad *torch.Tensor // [parameters]
	moment1     *torch.Tensor
	moment2     *torch.Tensor
	steps       int
	layers      []layer
	kept        []*torch.Tensor
}

// layer is one Linear with what follows it; the last has no normalisation.
type layer struct {
	in, out                 int
	w, wT, b, gamma, beta   *torch.Tensor // w [out, in]
	dw, db, dgamma, dbeta   *torch.Tensor
	runningMean, runningVar *torch.Tensor
	savedMean, savedInvStd  *torch.Tensor // of the last training pass
	input, activated        *torch.Tensor
}

func one(e *torch.Engine, name string, args ...any) *torch.Tensor {
	return many(e, name, args...)[0]
}

func many(e *torch.Engine, name string, args ...any) []*torch.Tensor {
	out, err := e.Call(name, args...)
	if err != nil {
		panic(err)
	}
	ts := make([]*torch.Tensor, len(out))
	for i, v := range out {
		ts[i], _ = v.(*torch.Tensor)
	}
	return ts
}

// newMLP makes a network with torchtuples' initial values: Kaiming normal for hidden layers, torch's own for biases and the last.
func newMLP(e *torch.Engine, in int, hidden []int, out int, s Settings, outputBias bool, seed stats.Seed) *mlp {
	m := &mlp{e: e, in: in, out: out, hidden: hidden, batchNorm: !s.NoBatchNorm, dropout: s.Dropout, outputBias: outputBias}
	widths := append(append([]int{in}, hidden...), out)
	total := 0
	for i := 1; i < len(widths); i++ {
		total += widths[i]*widths[i-1] + widths[i]
		if m.batchNorm && i < len(widths)-1 {
			total += 2 * widths[i]
		}
	}
	if !outputBias {
		total -= out
	}
	values := make([]float32, 0, total)
	rng := seed.Stream("initial values")
	uniform := func(n int, bound float64) {
		for range n {
			values = append(values, float32((2*rng.Float64()-1)*bound))
		}
	}
	for i := 1; i < len(widths); i++ {
		fan := float64(widths[i-1])
		last := i == len(widths)-1
		if last {
			uniform(widths[i]*widths[i-1], 1/math.Sqrt(fan))
		} else {
			for range widths[i] * widths[i-1] {
				values = append(values, float32(rng.NormFloat64()*math.Sqrt(2/fan)))
			}
		}
		if !last || outputBias {
			uniform(widths[i], 1/math.Sqrt(fan))
		}
		if m.batchNorm && !last {
			for range widths[i] {
				values = append(values, 1)
			}
			values = append(values, make([]float32, widths[i])...)
		}
	}
	m.theta = m.keep(e.FromFloat32(values, int64(total)))
	m.grad = m.keep(e.Zeros(torch.Float32, int64(total)))
	m.moment1 = m.keep(e.Zeros(torch.Float32, int64(total)))
	m.moment2 = m.keep(e.Zeros(torch.Float32, int64(total)))
	at := int64(0)
	view := func(n int, shape ...int64) (p, g *torch.Tensor) {
		p = m.keep(m.theta.Narrow(0, at, int64(n)).View(shape...))
		g = m.keep(m.grad.Narrow(0, at, int64(n)).View(shape...))
		at += int64(n)
		return p, g
	}
	for i := 1; i < len(widths); i++ {
		o, in := int64(widths[i]), int64(widths[i-1])
		l := layer{in: widths[i-1], out: widths[i]}
		l.w, l.dw = view(int(o*in), o, in)
		l.wT = m.keep(l.w.T())
		last := i == len(widths)-1
		if !last || outputBias {
			l.b, l.db = view(int(o), o)
		}
		if m.batchNorm && !last {
			l.gamma, l.dgamma = view(int(o), o)
			l.beta, l.dbeta = view(int(o), o)
			l.runningMean = m.keep(e.Zeros(torch.Float32, o))
			l.runningVar = m.keep(e.Ones(torch.Float32, o))
		}
		m.layers = append(m.layers, l)
	}
	return m
}

func (m *mlp) keep(t *torch.Tensor) *torch.Tensor {
	t.Keep()
	m.kept = append(m.kept, t)
	return t
}

// close frees everything that the network keeps.
func (m *mlp) close() {
	for _, t := range m.kept {
		t.Free()
	}
}

func (l *layer) linear(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
	if l.b == nil {
		return one(e, "aten::mm", x, l.wT)
	}
	return one(e, "aten::addmm", l.b, x, l.wT)
}

const (
	normMomentum = 0.1
	normEps      = 1e-5
)

// forward is a training pass over x [B, in]; masks are the dropout factors of each hidden layer, nil without dropout. What backward
// needs stays in the layers until the scope closes.
func (m *mlp) forward(x *torch.Tensor, masks []*torch.Tensor) *torch.Tensor {
	last := len(m.layers) - 1
	for i := range m.layers {
		l := &m.layers[i]
		l.input = x
		x = l.linear(m.e, x)
		if i == last {
			break
		}
		x = x.Relu_()
		l.activated = x
		if m.batchNorm {
			n := many(m.e, "aten::native_batch_norm", x, l.gamma, l.beta, l.runningMean, l.runningVar, true, normMomentum, normEps)
			x, l.savedMean, l.savedInvStd = n[0], n[1], n[2]
		}
		if masks != nil {
			x = x.Mul(masks[i])
		}
	}
	return x
}

// backward turns the gradient by the output, d [B, out], into grad.
func (m *mlp) backward(d *torch.Tensor, masks []*torch.Tensor) {
	last := len(m.layers) - 1
	for i := last; i >= 0; i-- {
		l := &m.layers[i]
		if i < last {
			if masks != nil {
				d = d.Mul_(masks[i])
			}
			if m.batchNorm {
				n := many(m.e, "aten::native_batch_norm_backward", d, l.activated, l.gamma, l.runningMean, l.runningVar, l.savedMean, l.savedInvStd, true, normEps, []bool{true, true, true})
				d = n[0]
				l.dgamma.Copy_(n[1])
				l.dbeta.Copy_(n[2])
			}
			d = one(m.e, "aten::threshold_backward", d, l.activated, 0)
		}
		one(m.e, "aten::mm.out", d.T(), l.input, l.dw)
		if l.db != nil {
			one(m.e, "aten::sum.IntList_out", d, []int64{0}, false, nil, l.db)
		}
		if i > 0 {
			d = one(m.e, "aten::mm", d, l.w)
		}
	}
}

// eval is a pass with running statistics and no dropout.
func (m *mlp) eval(x *torch.Tensor) *torch.Tensor {
	last := len(m.layers) - 1
	for i := range m.layers {
		l := &m.layers[i]
		x = l.linear(m.e, x)
		if i == last {
			break
		}
		x = x.Relu_()
		if m.batchNorm {
			x = many(m.e, "aten::native_batch_norm", x, l.gamma, l.beta, l.runningMean, l.runningVar, false, normMomentum, normEps)[0]
		}
	}
	return x
}

// adam is one step of Adam (Kingma and Ba 2015) on the whole vector, with decoupled decay where there is one (Loshchilov and Hutter
// 2019).
func (m *mlp) adam(rate, decay float64) {
	const b1, b2, eps = 0.9, 0.999, 1e-8
	m.steps++
	if decay > 0 {
		m.theta.MulScalar_(1 - rate*decay)
	}
	one(m.e, "aten::lerp_.Scalar", m.moment1, m.grad, 1-b1)
	m.moment2.MulScalar_(b2)
	one(m.e, "aten::addcmul_", m.moment2, m.grad, m.grad, 1-b2)
	bias1 := 1 - math.Pow(b1, float64(m.steps))
	bias2 := math.Sqrt(1 - math.Pow(b2, float64(m.steps)))
	den := m.moment2.Sqrt().MulScalar_(1 / bias2).AddScalar_(eps)
	one(m.e, "aten::addcdiv_", m.theta, m.moment1, den, -rate/bias1)
}

// state is a copy of all that prediction needs.
func (m *mlp) state() [][]float32 {
	s := [][]float32{m.theta.Float32s()}
	for i := range m.layers {
		if l := &m.layers[i]; l.runningMean != nil {
			s = append(s, l.runningMean.Float32s(), l.runningVar.Float32s())
		}
	}
	return s
}

func (m *mlp) setState(s [][]float32) {
	set := func(t *torch.Tensor, v []float32) { t.WithFloat32s(func(dst []float32) { copy(dst, v) }) }
	set(m.theta, s[0])
	at := 1
	for i := range m.layers {
		if l := &m.layers[i]; l.runningMean != nil {
			set(l.runningMean, s[at])
			set(l.runningVar, s[at+1])
			at += 2
		}
	}
}
