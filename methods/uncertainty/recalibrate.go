package uncertainty

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// FitTemperature finds the T that minimises the negative log likelihood of softmax(logits/T) (Guo et al. 2017), on data that training did
// not see. T lies in [e^−5, e^5].
func FitTemperature(logits [][]float64, label []int) float64 {
	nll := func(logT float64) float64 {
		t, s := math.Exp(logT), 0.0
		for i, z := range logits {
			s += logSumExp(z, t) - z[label[i]]/t
		}
		return s
	}
	return math.Exp(minimise(nll, -5, 5))
}

// minimise is a golden-section search for the minimum of a function that falls and then rises, to 1e-9.
func minimise(f func(float64) float64, lo, hi float64) float64 {
	const ratio = 0.6180339887498949
	a, b := hi-ratio*(hi-lo), lo+ratio*(hi-lo)
	fa, fb := f(a), f(b)
	for hi-lo > 1e-9 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - ratio*(hi-lo)
			fa = f(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + ratio*(hi-lo)
			fb = f(b)
		}
	}
	return (lo + hi) / 2
}

// VectorScaling is softmax(w ∘ z + b) (Guo et al. 2017).
type VectorScaling struct{ W, B []float64 }

// FitVectorScaling minimises the negative log likelihood by Newton steps on w and b with a ridge of 1e-6 towards w = 1, b = 0.
func FitVectorScaling(logits [][]float64, label []int) VectorScaling {
	k := len(logits[0])
	v := VectorScaling{W: make([]float64, k), B: make([]float64, k)}
	for j := range v.W {
		v.W[j] = 1
	}
	loss := func(v VectorScaling) float64 {
		s := 0.0
		for i, z := range logits {
			u := v.shift(z)
			s += logSumExp(u, 1) - u[label[i]]
		}
		return s
	}
	now := loss(v)
	for range 200 { // gradient steps scaled by a diagonal bound of the curvature: the problem is convex
		gw, gb, hw, hb := make([]float64, k), make([]float64, k), make([]float64, k), make([]float64, k)
		for i, z := range logits {
			p := Softmax(v.shift(z), 1)
			for j := range k {
				d := p[j]
				if j == label[i] {
					d--
				}
				gw[j] += d * z[j]
				gb[j] += d
				hw[j] += p[j] * (1 - p[j]) * z[j] * z[j]
				hb[j] += p[j] * (1 - p[j])
			}
		}
		size, better := 1.0, false
		for range 30 {
			next := VectorScaling{W: slices.Clone(v.W), B: slices.Clone(v.B)}
			for j := range k {
				next.W[j] -= size * gw[j] / (hw[j] + 1e-6)
				next.B[j] -= size * gb[j] / (hb[j] + 1e-6)
			}
			if l := loss(next); l < now {
				better = now-l > 1e-10*math.Abs(now)
				v, now = next, l
				break
			}
			size /= 2
		}
		if !better {
			break
		}
	}
	return v
}

func (v VectorScaling) shift(z []float64) []float64 {
	out := make([]float64, len(z))
	for j := range z {
		out[j] = v.W[j]*z[j] + v.B[j]
	}
	return out
}

// Probs is the recalibrated probability of each class.
func (v VectorScaling) Probs(logits []float64) []float64 { return Softmax(v.shift(logits), 1) }

// Platt is sigmoid(A·s + B), fitted to scores and outcomes (Platt 1999, with his targets that keep it off 0 and 1).
type Platt struct{ A, B float64 }

// FitPlatt fits by Newton's method with step halving.
func FitPlatt(score []float64, happened []bool) Platt {
	var up, down float64
	for _, h := range happened {
		if h {
			up++
		} else {
			down++
		}
	}
	high, low := (up+1)/(up+2), 1/(down+2)
	target := make([]float64, len(score))
	for i, h := range happened {
		target[i] = low
		if h {
			target[i] = high
		}
	}
	p := Platt{B: math.Log((up + 1) / (down + 1))}
	loss := func(p Platt) float64 {
		s := 0.0
		for i, x := range score {
			z := p.A*x + p.B
			v, _ := Softplus.Of(z)
			s += v - target[i]*z
		}
		return s
	}
	now := loss(p)
	for range 100 {
		var ga, gb, haa, hab, hbb float64
		for i, x := range score {
			q := p.Prob(x)
			d, w := q-target[i], q*(1-q)
			ga, gb = ga+d*x, gb+d
			haa, hab, hbb = haa+w*x*x, hab+w*x, hbb+w
		}
		haa, hbb = haa+1e-9, hbb+1e-9
		det := haa*hbb - hab*hab
		da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
		size := 1.0
		for size > 1e-8 {
			next := Platt{p.A - size*da, p.B - size*db}
			if l := loss(next); l <= now {
				if now-l < 1e-12*math.Abs(now) {
					return next
				}
				p, now = next, l
				break
			}
			size /= 2
		}
		if size <= 1e-8 {
			break
		}
	}
	return p
}

// Prob is the recalibrated probability.
func (p Platt) Prob(score float64) float64 { _, s := Softplus.Of(p.A*score + p.B); return s }

// Isotonic is a non-decreasing map that is linear between its points and constant beyond them.
type Isotonic struct{ X, Y []float64 }

// FitIsotonic is least squares among non-decreasing functions by pooling adjacent violators (Zadrozny and Elkan 2002); equal x are
// averaged first, as in scikit-learn.
func FitIsotonic(x, y []float64) Isotonic {
	order := stats.Order(x)
	type block struct{ lo, hi, sum, n float64 }
	var points []block
	for _, i := range order {
		if last := len(points) - 1; last >= 0 && points[last].lo == x[i] {
			points[last].sum += y[i]
			points[last].n++
			continue
		}
		points = append(points, block{x[i], x[i], y[i], 1})
	}
	var blocks []block
	for _, p := range points {
		blocks = append(blocks, p)
		for len(blocks) > 1 {
			a, b := blocks[len(blocks)-2], blocks[len(blocks)-1]
			if a.sum/a.n < b.sum/b.n {
				break
			}
			blocks = append(blocks[:len(blocks)-2], block{a.lo, b.hi, a.sum + b.sum, a.n + b.n})
		}
	}
	var out Isotonic
	for _, b := range blocks {
		v := b.sum / b.n
		out.X, out.Y = append(out.X, b.lo), append(out.Y, v)
		if b.hi > b.lo {
			out.X, out.Y = append(out.X, b.hi), append(out.Y, v)
		}
	}
	return out
}

// At is the map's value.
func (f Isotonic) At(x float64) float64 {
	if len(f.X) == 0 {
		return math.NaN()
	}
	i, found := slices.BinarySearch(f.X, x)
	switch {
	case found:
		return f.Y[i]
	case i == 0:
		return f.Y[0]
	case i == len(f.X):
		return f.Y[i-1]
	}
	return f.Y[i-1] + (f.Y[i]-f.Y[i-1])*(x-f.X[i-1])/(f.X[i]-f.X[i-1])
}
