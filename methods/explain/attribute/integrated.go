package attribute

import (
	"math"

	"github.com/cineloop/cineloop/torch"
)

// Quadrature is how the path integral is summed.
type Quadrature string

// Quadratures. The Riemann sums are captum's, whose trapezoid puts k points on both ends' grid with steps of 1/k.
const (
	GaussLegendre Quadrature = "gausslegendre"
	Trapezoid     Quadrature = "riemann_trapezoid"
	Middle        Quadrature = "riemann_middle"
	Left          Quadrature = "riemann_left"
	Right         Quadrature = "riemann_right"
)

// points are the places in [0, 1] and their weights.
func (q Quadrature) points(k int) (at, weight []float64) {
	n := float64(k)
	if q == GaussLegendre || q == "" {
		return legendre(k)
	}
	for i := range k {
		w, f := 1/n, float64(i)
		switch q {
		case Trapezoid:
			if k > 1 {
				f /= n - 1
			}
			if i == 0 || i == k-1 {
				w /= 2
			}
		case Middle:
			f = (f + 0.5) / n
		case Left:
			f /= n
		case Right:
			f = (f + 1) / n
		}
		at, weight = append(at, f), append(weight, w)
	}
	return at, weight
}

// legendre is Gauss–Legendre quadrature of k points on [0, 1], by Newton's steps on Legendre's polynomial.
func legendre(k int) (at, weight []float64) {
	for i := range k {
		x := -math.Cos(math.Pi * (float64(i) + 0.75) / (float64(k) + 0.5))
		var slope float64
		for range 100 {
			p, q := 1.0, 0.0 // P_j and P_{j−1}
			for j := 1; j <= k; j++ {
				p, q = (float64(2*j-1)*x*p-float64(j-1)*q)/float64(j), p
			}
			slope = float64(k) * (x*p - q) / (x*x - 1)
			step := p / slope
			if x -= step; math.Abs(step) < 1e-15 {
				break
			}
		}
		at = append(at, (x+1)/2)
		weight = append(weight, 1/((1-x*x)*slope*slope))
	}
	return at, weight
}

// Integrated is integrated gradients with what they should sum to.
type Integrated struct {
	Relevance *torch.Tensor
	// Delta is the completeness error of each row: the sum of the relevance minus the score's difference between input and baseline.
	Delta []float64
}

// IntegratedGradients sums gradients on the straight line from baseline to x in k steps and multiplies them by x − baseline
// (Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017).
func (n Net) IntegratedGradients(x, baseline *torch.Tensor, target Target, k int, q Quadrature) Integrated {
	at, weight := q.points(k)
	r := n.E.Scoped(func() []*torch.Tensor {
		diff, sum := x.Sub(baseline), x.ZerosLike()
		for i, a := range at {
			s := n.E.Scope()
			sum.Add_(n.Gradient(baseline.Add(diff.MulScalar(a)), target), weight[i])
			s.Close()
		}
		return []*torch.Tensor{sum.Mul(diff)}
	})[0]
	return Integrated{r, n.delta(r, x, baseline, target)}
}

// delta is the completeness error of relevance r.
func (n Net) delta(r, x, baseline *torch.Tensor, target Target) []float64 {
	s := n.E.Scope()
	defer s.Close()
	return floats(rowSum(r).Sub(n.plain(x, target)).Add(n.plain(baseline, target)))
}

// ExpectedGradients is the mean over references [M, …] and random places on the line to each of them (Erion et al., "Improving performance
// of deep learning models with axiomatic attribution priors", Nature Machine Intelligence 2021): integrated gradients without a single
// baseline. place(i) in [0, 1) is the place of sample i of k; sample i takes reference i mod M. Delta compares with the mean score of the references.
func (n Net) ExpectedGradients(x, references *torch.Tensor, target Target, k int, place func(i int) float64) Integrated {
	m := int(references.Size(0))
	r := n.E.Scoped(func() []*torch.Tensor {
		sum := x.ZerosLike()
		for i := range k {
			s := n.E.Scope()
			diff := x.Sub(references.Narrow(0, int64(i%m), 1))
			g := n.Gradient(x.Sub(diff.MulScalar(1-place(i))), target)
			sum.Add_(g.Mul(diff), 1/float64(k))
			s.Close()
		}
		return []*torch.Tensor{sum}
	})[0]
	s := n.E.Scope()
	defer s.Close()
	delta := floats(rowSum(r).Sub(n.plain(x, target)))
	for i := range delta {
		same := make(Target, m)
		for j := range same {
			same[j] = target[i]
		}
		for _, f := range floats(n.plain(references, same)) {
			delta[i] += f / float64(m)
		}
	}
	return Integrated{r, delta}
}
