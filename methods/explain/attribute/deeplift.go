package attribute

import (
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// DeepLIFT explains the score's difference from that of a baseline by differences of activations (Shrikumar et al., "Learning important
// features through propagating activation differences", ICML 2017, the rescale rule): activations pass Δout/Δin back, maxima what each
// side's winner contributes (captum's rule). Layers without a rule (attention, layer normalisation, gates) pass the gradient at x, so for
// them Delta may be large.
func (n Net) DeepLIFT(x, baseline *torch.Tensor, target Target) (Integrated, error) {
	return n.lift(x, baseline, target, false)
}

// DeepLIFTCaptum gives captum's numbers where a maximum follows an activation: those of the plain gradient through the maximum, by which
// completeness is lost (Delta says how much). For comparisons only.
func (n Net) DeepLIFTCaptum(x, baseline *torch.Tensor, target Target) (Integrated, error) {
	return n.lift(x, baseline, target, true)
}

func (n Net) lift(x, baseline *torch.Tensor, target Target, plainMax bool) (Integrated, error) {
	ref := &lifting{plainMax: plainMax}
	s := n.E.Scope()
	defer s.Close()
	defer ref.free()
	n.E.NoGrad(func() { n.Forward(n.pass(ref), baseline.Expand(x.Shape()...)) })
	rule := &lifting{ref: ref.seen, second: true, plainMax: plainMax}
	r := n.back(rule, x, target, nil)
	if rule.at != len(ref.seen) {
		return Integrated{}, fault.New(fault.Internal, "DeepLIFT: the network took another way for the baseline than for the input")
	}
	r = r.Mul(x.Sub(baseline))
	s.Keep(r)
	return Integrated{r, n.delta(r, x, baseline.Expand(x.Shape()...), target)}, nil
}

// DeepLIFTSHAP is the mean of DeepLIFT over references [M, …] (Lundberg and Lee, NeurIPS 2017, section 4.2). Delta is against the
// references' mean score.
func (n Net) DeepLIFTSHAP(x, references *torch.Tensor, target Target) (Integrated, error) {
	m := references.Size(0)
	sum := x.ZerosLike()
	out := Integrated{Relevance: sum, Delta: make([]float64, len(target))}
	for i := range m {
		s := n.E.Scope()
		one, err := n.DeepLIFT(x, references.Narrow(0, i, 1), target)
		if err != nil {
			s.Close()
			return Integrated{}, err
		}
		sum.Add_(one.Relevance, 1/float64(m))
		for j, d := range one.Delta {
			out.Delta[j] += d / float64(m)
		}
		s.Close()
	}
	return out, nil
}

// values are a layer's input and output.
type values struct{ in, out *torch.Tensor }

// lifting records activations on the first run and compares with them on the second.
type lifting struct {
	seen   []values
	ref    []values
	second bool
	at     int
	// maxima pass the gradient
	plainMax bool
}

func (l *lifting) free() {
	for _, v := range l.seen {
		v.in.Free()
		v.out.Free()
	}
}

func (l *lifting) Layer(m nn.Module, plain func(*torch.Tensor) *torch.Tensor, x *torch.Tensor) *torch.Tensor {
	pool, isPool := m.(nn.Pool)
	switch m.(type) {
	case nn.ReLU, nn.Func:
	default:
		if !isPool || pool.Mean || l.plainMax {
			return plain(x)
		}
	}
	y := plain(x)
	if !l.second {
		l.seen = append(l.seen, values{x.Detach().Clone().Keep(), y.Detach().Clone().Keep()})
		return y
	}
	if l.at >= len(l.ref) {
		return y
	}
	ref := l.ref[l.at]
	l.at++
	if isPool {
		return poolDifference(pool, x, y, ref)
	}
	dx, dy := x.Detach().Sub(ref.in), y.Detach().Sub(ref.out)
	same := dx.Abs().LtScalar(1e-10)
	m1 := torch.Where(same, dx.ZerosLike(), dy.Div(torch.Where(same, dx.OnesLike(), dx)))
	return through(x.Mul(m1).Add(y.Mul(same.To(y.DType()))), y)
}

// poolDifference hands the difference of maxima to the winners of both sides.
func poolDifference(p nn.Pool, x, y *torch.Tensor, ref values) *torch.Tensor {
	xi, ri := winners(p, x.Detach()), winners(p, ref.in)
	dx := x.Detach().Sub(ref.in)
	same := dx.Abs().LtScalar(1e-10)
	over := x.Div(torch.Where(same, dx.OnesLike(), dx)).Mul(same.LogicalNot().To(x.DType()))
	high := y.Detach().Maximum(ref.out)
	take := func(at *torch.Tensor) *torch.Tensor {
		return over.Flatten(2, -1).Gather(2, at.Flatten(2, -1)).Reshape(y.Shape()...)
	}
	s := take(xi).Mul(high.Sub(ref.out)).Add(take(ri).Mul(y.Detach().Sub(high)))
	stay := x.Mul(same.To(x.DType())).Flatten(2, -1).Gather(2, xi.Flatten(2, -1)).Reshape(y.Shape()...)
	return through(s.Add(stay), y)
}

// winners are the flat positions of a pool's maxima.
func winners(p nn.Pool, x *torch.Tensor) *torch.Tensor {
	name, dilation := "aten::max_pool2d_with_indices", []int64{1, 1}
	if len(p.Kernel) == 3 {
		name, dilation = "aten::max_pool3d_with_indices", []int64{1, 1, 1}
	}
	out, err := x.Engine().Call(name, x, p.Kernel, p.Stride, p.Pad, dilation, false)
	if err != nil {
		panic(err)
	}
	return out[1].(*torch.Tensor)
}

func (*lifting) Sum(a, b *torch.Tensor) *torch.Tensor { return a.Add(b) }
