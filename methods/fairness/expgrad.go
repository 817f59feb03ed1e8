package fairness

import (
	"context"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Oracle fits a classifier to labels 0 or 1 with weights ≥ 0, one a row of the table that the reduction works on, and says what it
// predicts there. Anything that takes sample weights will do, a deep network too: a row's weight multiplies its loss.
type Oracle[H any] func(ctx context.Context, label []int, weight []float64) (h H, pred []int, err error)

// Reduction is a randomised classifier that a reduction found.
type Reduction[H any] struct {
	Hypotheses []H
	Pred       [][]int   // [hypothesis][row] on the table
	Weight     []float64 // probability of each hypothesis
	Error      float64   // expected, on the table
	Violation  float64   // largest moment; at most Eps + what the gap allows
	Gap        float64   // of the saddle point: the error is within 2·Gap of the best mixture's
	Calls      int       // of the oracle
	Iterations int
}

// Probability is each row's probability of a yes where pred holds the hypotheses' answers, [hypothesis][row] as from Hypotheses.
func (r *Reduction[H]) Probability(pred [][]int) []float64 {
	out := make([]float64, len(pred[0]))
	for h, w := range r.Weight {
		for i, p := range pred[h] {
			out[i] += w * float64(p)
		}
	}
	return out
}

// ExpGradOptions are the settings of [ExponentiatedGradient]; zero values mean the reference implementation's.
type ExpGradOptions struct {
	Eps        float64 // largest moment allowed; default 0.01. Two groups may then differ by up to 2·Eps
	Iterations int     // default 50
	Nu         float64 // gap that is good enough; default ½ · SD of the first hypothesis's errors / √n
	Eta        float64 // first step; default 2
}

func (o ExpGradOptions) filled() ExpGradOptions {
	if o.Eps == 0 {
		o.Eps = 0.01
	}
	if o.Iterations == 0 {
		o.Iterations = 50
	}
	if o.Eta == 0 {
		o.Eta = 2
	}
	return o
}

// ExponentiatedGradient finds a randomised classifier of small error whose moments stay below Eps (Agarwal et al. 2018, algorithm 1),
// with the shortcuts of the authors' implementation: the best mixture of the hypotheses seen so far is also found by linear programming,
// the step shrinks where the gap does not, and a sub-problem of one label is answered by the constant without the oracle; constant makes
// that hypothesis.
func ExponentiatedGradient[H any](ctx context.Context, y []int, m *Moment, fit Oracle[H], constant func(label int) H, o ExpGradOptions) (*Reduction[H], error) {
	o = o.filled()
	if len(y) == 0 || len(y) != len(m.cell) {
		return nil, fault.New(fault.Usage, "fairness: the constraint is over %d rows, the labels are %d", len(m.cell), len(y))
	}
	g := &game[H]{y: y, m: m, fit: fit, constant: constant, eps: o.Eps, bound: 1 / o.Eps}
	k := 2 * len(m.cells)
	theta, sum := make([]float64, k), make([]float64, k) // log weights; sum of the multipliers played
	var played []float64                                 // how often each hypothesis answered
	eta, nu := o.Eta/g.bound, o.Nu
	var gaps, own []float64
	var mixtures [][]float64
	checked, lastGap := 5.0, math.Inf(1)
	for t := range o.Iterations {
		lambda := softmaxBelow(theta, g.bound)
		for j, v := range lambda {
			sum[j] += v
		}
		h, err := g.best(ctx, lambda)
		if err != nil {
			return nil, err
		}
		if t == 0 && nu == 0 {
			nu = 0.5 * sampleSD(y, g.pred[h]) / math.Sqrt(float64(len(y)))
		}
		for len(played) < len(g.pred) {
			played = append(played, 0)
		}
		played[h]++
		q, mean := slices.Clone(played), slices.Clone(sum)
		scale(q, 1/float64(t+1))
		scale(mean, 1/float64(t+1))
		gap, err := g.gap(ctx, q, mean, nu)
		if err != nil {
			return nil, err
		}
		own = append(own, gap)
		if t > 0 {
			lq, lgap, err := g.programme(ctx, nu)
			if err != nil {
				return nil, err
			}
			if !(gap < lgap) {
				q, gap = lq, lgap
			}
		}
		mixtures, gaps = append(mixtures, q), append(gaps, gap)
		if gap < nu && t >= 5 {
			break
		}
		if float64(t) >= checked*1.6 {
			if best := slices.Min(own); best > lastGap*0.8 {
				eta *= 0.8
			}
			checked, lastGap = float64(t), slices.Min(own)
		}
		for j := range theta {
			theta[j] += eta * (g.gamma[h][j] - o.Eps)
		}
	}
	at, least := 0, slices.Min(gaps)
	for t, v := range gaps {
		if v <= least+precision {
			at = t
		}
	}
	q := mixtures[at]
	for len(q) < len(g.pred) {
		q = append(q, 0)
	}
	out := &Reduction[H]{Hypotheses: g.hypotheses, Pred: g.pred, Weight: q, Gap: gaps[at], Calls: g.calls, Iterations: len(gaps)}
	for h, w := range q {
		out.Error += w * g.errors[h]
	}
	out.Violation = slices.Max(average(g.gamma, q))
	return out, nil
}

// precision below which two values of the game are the same.
const precision = 1e-8

// softmaxBelow is bound · exp θ / (1 + Σ exp θ), without overflow.
func softmaxBelow(theta []float64, bound float64) []float64 {
	top := max(0, slices.Max(theta))
	total := math.Exp(-top)
	out := make([]float64, len(theta))
	for j, v := range theta {
		out[j] = math.Exp(v - top)
		total += out[j]
	}
	scale(out, bound/total)
	return out
}

func scale(x []float64, f float64) {
	for i := range x {
		x[i] *= f
	}
}

// sampleSD is the standard deviation (n−1) of whether a row is wrong.
func sampleSD(y, pred []int) float64 {
	e, n := errorOf(y, pred), float64(len(y))
	if n < 2 {
		return 0
	}
	return math.Sqrt(e * (1 - e) * n / (n - 1))
}
