package survival

import "math"

// CoxCCLoss is the loss of Cox-CC and Cox-Time (Kvamme, Borgan and Scheel 2019, equations 11 and 13): the mean over cases of
// log(1 + Σ_k exp(g(control_k) − g(case))), plus shrink × the mean size of g. caseG [N]; controlG [K][N] are sampled members of each
// case's risk set. With one control it is a softplus; with several, differences are clamped to [low, high] (theirs: −3e38, 80), which
// also stops the gradient beyond. The gradient has the cases first, then the controls.
func CoxCCLoss(caseG []float64, controlG [][]float64, shrink, low, high float64) Loss {
	n, k := len(caseG), len(controlG)
	out := noLoss(n * (1 + k))
	if n == 0 || k == 0 {
		return out
	}
	out.Events = n
	nf := float64(n)
	for i, g := range caseG {
		if k == 1 {
			v, slope := softplus(controlG[0][i] - g)
			out.Value += v / nf
			out.Grad[i] -= slope / nf
			out.Grad[n+i] += slope / nf
			continue
		}
		sum := 1.0
		for _, c := range controlG {
			sum += math.Exp(min(max(c[i]-g, low), high))
		}
		out.Value += math.Log(sum) / nf
		for j, c := range controlG {
			d := c[i] - g
			if d < low || d > high {
				continue
			}
			slope := math.Exp(d) / sum / nf
			out.Grad[i] -= slope
			out.Grad[n*(1+j)+i] += slope
		}
	}
	if shrink == 0 {
		return out
	}
	scale := math.Abs(shrink) / nf / float64(k)
	each := func(at int, v float64) {
		out.Value += scale * math.Abs(v)
		switch {
		case v > 0:
			out.Grad[at] += scale
		case v < 0:
			out.Grad[at] -= scale
		}
	}
	for i, g := range caseG {
		each(i, g)
	}
	for j, c := range controlG {
		for i, g := range c {
			each(n*(1+j)+i, g)
		}
	}
	return out
}
