package attribute

import (
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Composite says which law each kind of layer follows. Relevance passes unchanged through activations, follows the ε-law through means
// and the sums of residual blocks, and the gradient through maxima. Batch normalisation is merged into the convolution before it
// (canonised), or is a linear layer by itself.
type Composite struct {
	Name  string
	Conv  Law
	Dense Law
	// First replaces the law of the first layer that has weights; of the first convolution only, where FirstConv is set.
	First     Law
	FirstConv bool
}

// Composites of Montavon et al., "Layer-wise relevance propagation: an overview" (2019) and Kohlbrenner et al. (IJCNN 2020), with the
// parameters of zennit.
func EpsilonPlus() Composite {
	return Composite{Name: "epsilon-plus", Conv: ZPlus, Dense: Epsilon(1e-6)}
}

// EpsilonAlphaBeta is α2β1 for convolutions.
func EpsilonAlphaBeta() Composite {
	return Composite{Name: "epsilon-alpha2-beta1", Conv: AlphaBeta(2, 1), Dense: Epsilon(1e-6)}
}

// EpsilonPlusFlat spreads the first layer's relevance evenly.
func EpsilonPlusFlat() Composite {
	return Composite{Name: "epsilon-plus-flat", Conv: ZPlus, Dense: Epsilon(1e-6), First: Flat}
}

// EpsilonGammaBox is γ = 0.25 for convolutions, and the box law where values of the input are known to lie in low…high.
func EpsilonGammaBox(low, high float64) Composite {
	return Composite{Name: "epsilon-gamma-box", Conv: Gamma(0.25), Dense: Epsilon(1e-6), First: Box(low, high), FirstConv: true}
}

// Relevances is what layer-wise relevance propagation gives.
type Relevances struct {
	Relevance *torch.Tensor
	// Lost is the share of the output's relevance of each row that did not arrive: biases and ε take it.
	Lost []float64
}

// LRP propagates relevance from the target's score to the input, layer by layer (Bach et al., "On pixel-wise explanations for non-linear
// classifier decisions by layer-wise relevance propagation", PLoS ONE 2015). Each row starts with relevance 1, or with its score where
// fromScore is set. Networks with attention are refused: their softmax has no law here; see [Net.AttentionRelevance].
func (n Net) LRP(x *torch.Tensor, target Target, c Composite, fromScore bool) (Relevances, error) {
	rule := &lrp{c: c}
	defer func() { rule.in.Free() }()
	s := n.E.Scope()
	defer s.Close()
	start := n.E.Ones(x.DType(), x.Size(0))
	if fromScore {
		start = n.plain(x, target)
	}
	r := n.back(rule, x, target, start)
	if rule.attention {
		return Relevances{}, fault.New(fault.Usage, "layer-wise relevance propagation has no law for attention").WithHint("use rollout or attention relevance for transformers")
	}
	s.Keep(r)
	out := Relevances{Relevance: r}
	first := floats(start)
	for i, v := range floats(rowSum(r)) {
		out.Lost = append(out.Lost, 1-v/first[i])
	}
	return out, nil
}

// lrp is the rule of a pass.
type lrp struct {
	c         Composite
	layers    int // with weights, so far
	attention bool
	last      *torch.Tensor // output of the convolution before, with what made it
	conv      *nn.Conv
	in        *torch.Tensor
	law       Law
}

func (r *lrp) Layer(m nn.Module, plain func(*torch.Tensor) *torch.Tensor, x *torch.Tensor) *torch.Tensor {
	switch l := m.(type) {
	case *nn.Conv:
		r.in.Free()
		r.conv, r.law = l, r.choose(r.c.Conv, true)
		r.in = x.Reshape(x.Shape()...).Keep() // x may end with its scope before the batch norm behind it comes
		r.last = convolution(l, x).follow(r.law)
		return r.last
	case *nn.Linear:
		return linear{x: x, w: l.Weight.T.Detach(), b: l.Bias.T.Detach(), with: torch.Linear}.follow(r.choose(r.c.Dense, false))
	case *nn.BatchNorm:
		scale := l.Weight.T.Detach().Div(l.Var.T.AddScalar(l.Eps).Sqrt())
		shift := l.Bias.T.Detach().Sub(l.Mean.T.Mul(scale))
		if x != r.last {
			shape := make([]int64, x.Dim())
			for i := range shape {
				shape[i] = 1
			}
			shape[1] = -1
			affine := func(x, w, b *torch.Tensor) *torch.Tensor {
				if x = x.Mul(w); b != nil {
					x = x.Add(b)
				}
				return x
			}
			return linear{x: x, w: scale.Reshape(shape...), b: shift.Reshape(shape...), with: affine}.follow(Epsilon(1e-6))
		}
		merged := convolution(r.conv, r.in)
		shape := make([]int64, merged.w.Dim())
		for i := range shape {
			shape[i] = 1
		}
		shape[0] = -1
		merged.w = merged.w.Mul(scale.Reshape(shape...))
		if merged.b == nil {
			merged.b = shift
		} else {
			merged.b = merged.b.Mul(scale).Add(shift)
		}
		return merged.follow(r.law)
	case nn.ReLU, nn.Func:
		return through(x, plain(x))
	case nn.Pool:
		if !l.Mean {
			return plain(x)
		}
		return linear{x: x, with: func(x, _, _ *torch.Tensor) *torch.Tensor { return plain(x) }}.follow(Epsilon(1e-6))
	case nn.GlobalAvgPool:
		return linear{x: x, with: func(x, _, _ *torch.Tensor) *torch.Tensor { return plain(x) }}.follow(Epsilon(1e-6))
	case nn.AttentionWeights:
		r.attention = true
	}
	return plain(x)
}

// convolution is a layer with constants of the innermost scope.
func convolution(l *nn.Conv, x *torch.Tensor) linear {
	out := linear{x: x, w: l.Weight.T.Detach(), with: l.With}
	if l.Bias != nil {
		out.b = l.Bias.T.Detach()
	}
	return out
}

func (r *lrp) choose(law Law, conv bool) Law {
	r.layers++
	if r.layers == 1 && r.c.First != nil && (conv || !r.c.FirstConv) {
		return r.c.First
	}
	return law
}

func (r *lrp) Sum(a, b *torch.Tensor) *torch.Tensor {
	z := a.Add(b)
	by := stable(z.Detach(), 1e-6).Reciprocal()
	return through(a.Mul(a.Detach().Mul(by)).Add(b.Mul(b.Detach().Mul(by))), z)
}
