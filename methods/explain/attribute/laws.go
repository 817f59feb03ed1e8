package attribute

import "github.com/cineloop/cineloop/torch"

// linear is a layer z = with(x, w, b); w and b may be nil.
type linear struct {
	x, w, b *torch.Tensor
	with    func(x, w, b *torch.Tensor) *torch.Tensor
}

// Law says how a linear layer hands relevance R of its outputs to its inputs: Σ in ⊙ Wᵀ(R ⊙ by) over the pulls. Its tensors are constants.
type Law func(l linear) []pull

type pull struct{ in, w, by *torch.Tensor }

// follow computes the layer with the law's way back. The surrogate's gradient is what the law says; its value is never used.
func (l linear) follow(law Law) *torch.Tensor {
	plain := linear{l.x.Detach(), l.w, l.b, l.with}
	var s *torch.Tensor
	for _, p := range law(plain) {
		one := l.with(l.x.Mul(p.in), p.w, nil).Mul(p.by)
		if s == nil {
			s = one
		} else {
			s = s.Add(one)
		}
	}
	return through(s, l.with(plain.x, l.w, l.b))
}

func (l linear) of(x, w, b *torch.Tensor) *torch.Tensor { return l.with(x, w, b) }

// stable moves z away from zero by e, zero itself upwards.
func stable(z *torch.Tensor, e float64) *torch.Tensor {
	sign := z.GeScalar(0).To(z.DType()).MulScalar(2).AddScalar(-1)
	return z.Add(sign.MulScalar(e))
}

func positive(t *torch.Tensor) *torch.Tensor {
	if t == nil {
		return nil
	}
	return t.ClampMin(0)
}

func negative(t *torch.Tensor) *torch.Tensor { return t.Neg().ClampMin(0).Neg() }

// Epsilon is R_i = Σ_j x_i w_ij R_j / (z_j ± ε) (Bach et al. 2015, equation 58); bias takes its share.
func Epsilon(e float64) Law {
	return func(l linear) []pull {
		return []pull{{l.x, l.w, stable(l.of(l.x, l.w, l.b), e).Reciprocal()}}
	}
}

// Modified is the ε-law (ε = 1e-9) with weights and bias replaced: captum's form of γ and α1β0, meant for layers with inputs ≥ 0.
func Modified(weight, bias func(*torch.Tensor) *torch.Tensor) Law {
	return func(l linear) []pull {
		if l.w == nil {
			return Epsilon(1e-9)(l)
		}
		w, b := weight(l.w), l.b
		if b != nil {
			b = bias(b)
		}
		return []pull{{l.x, w, stable(l.of(l.x, w, b), 1e-9).Reciprocal()}}
	}
}

// GammaSimple favours positive weights: w + γw⁺ (Montavon et al. 2019, section 10.2.1); the bias stays as it is, as
// captum has it.
func GammaSimple(gamma float64) Law {
	raise := func(t *torch.Tensor) *torch.Tensor { return t.Add(positive(t).MulScalar(gamma)) }
	return Modified(raise, func(b *torch.Tensor) *torch.Tensor { return b })
}

// ZPlusSimple takes positive weights only and no bias.
var ZPlusSimple = Modified(positive, func(*torch.Tensor) *torch.Tensor { return nil })

// ZPlus gives relevance to positive contributions only, of positive inputs through positive weights and negative through negative.
func ZPlus(l linear) []pull {
	in, out, w, v := positive(l.x), negative(l.x), positive(l.w), negative(l.w)
	by := stable(l.of(in, w, positive(l.b)).Add(l.of(out, v, nil)), 1e-6).Reciprocal()
	return []pull{{in, w, by}, {out, v, by}}
}

// AlphaBeta weights positive contributions with α and negative ones with −β, α − β = 1 (Bach et al. 2015, equation 60).
func AlphaBeta(alpha, beta float64) Law {
	return func(l linear) []pull {
		pos, neg, up, down := positive(l.x), negative(l.x), positive(l.w), negative(l.w)
		var low *torch.Tensor
		if l.b != nil {
			low = negative(l.b)
		}
		speak := stable(l.of(pos, up, positive(l.b)).Add(l.of(neg, down, nil)), 1e-6).Reciprocal().MulScalar(alpha)
		against := stable(l.of(pos, down, low).Add(l.of(neg, up, nil)), 1e-6).Reciprocal().MulScalar(-beta)
		return []pull{{pos, up, speak}, {neg, down, speak}, {pos, down, against}, {neg, up, against}}
	}
}

// Gamma is the γ-law for inputs of any sign (Andéol et al. 2021, as zennit has it): outputs above zero hand relevance to contributions with
// positive weights raised, outputs below zero to those with negative ones.
func Gamma(gamma float64) Law {
	return func(l linear) []pull {
		up := func(t *torch.Tensor) *torch.Tensor { return t.Add(positive(t).MulScalar(gamma)) }
		down := func(t *torch.Tensor) *torch.Tensor { return t.Add(negative(t).MulScalar(gamma)) }
		var b, c *torch.Tensor
		if l.b != nil {
			b, c = up(l.b), down(l.b)
		}
		pos, neg, u, d := positive(l.x), negative(l.x), up(l.w), down(l.w)
		z := l.of(l.x, l.w, l.b)
		above := z.GtScalar(0).To(z.DType()).Div(stable(l.of(pos, u, b).Add(l.of(neg, d, nil)), 1e-6))
		below := z.LtScalar(0).To(z.DType()).Div(stable(l.of(pos, d, c).Add(l.of(neg, u, nil)), 1e-6))
		return []pull{{pos, u, above}, {neg, d, above}, {pos, d, below}, {neg, u, below}}
	}
}

// Flat spreads relevance evenly over the inputs of each output (Lapuschkin et al. 2019).
func Flat(l linear) []pull {
	ones, w := l.x.OnesLike(), l.w.OnesLike()
	return []pull{{ones, w, stable(l.of(ones, w, nil), 1e-6).Reciprocal()}}
}

// Box is the z-box law for inputs in low…high (Montavon et al., "Explaining nonlinear classification decisions with deep Taylor
// decomposition", Pattern Recognition 2017).
func Box(low, high float64) Law {
	return func(l linear) []pull {
		lo, hi := l.x.OnesLike().MulScalar(low), l.x.OnesLike().MulScalar(high)
		up, down := positive(l.w), negative(l.w)
		by := stable(l.of(l.x, l.w, nil).Sub(l.of(lo, up, nil)).Sub(l.of(hi, down, nil)), 1e-6).Reciprocal()
		return []pull{{l.x, l.w, by}, {lo, up, by.Neg()}, {hi, down, by.Neg()}}
	}
}
