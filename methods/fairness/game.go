package fairness

import (
	"context"
	"math"
)

// game is the zero-sum game of Agarwal et al. 2018 between a learner, who mixes hypotheses, and an auditor, who mixes constraints: its
// value is the error plus the multipliers' share of the violations.
type game[H any] struct {
	y        []int
	m        *Moment
	fit      Oracle[H]
	constant func(int) H
	eps      float64
	bound    float64 // largest sum of multipliers

	hypotheses []H
	pred       [][]int
	errors     []float64
	gamma      [][]float64 // [hypothesis][index]
	calls      int

	solved   int // hypotheses that the last linear programme knew
	lastQ    []float64
	lastGaps float64
}

// subproblem is the labels and weights whose best fit answers the multipliers lambda.
func subproblem(y []int, m *Moment, lambda []float64) (label []int, weight []float64) {
	label, weight = make([]int, len(y)), m.SignedWeights(lambda)
	for i := range weight {
		weight[i] += float64(2*y[i] - 1)
		if weight[i] > 0 {
			label[i] = 1
		}
		weight[i] = math.Abs(weight[i])
	}
	return label, weight
}

// best is the learner's answer to lambda: the oracle's hypothesis where it beats those already known, which it then joins.
func (g *game[H]) best(ctx context.Context, lambda []float64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	label, weight := subproblem(g.y, g.m, lambda)
	total := 0.0
	for _, w := range weight {
		total += w
	}
	if total > 0 {
		scale(weight, float64(len(weight))/total)
	}
	h, pred, err := answer(ctx, label, weight, g.fit, g.constant)
	if err != nil {
		return 0, err
	}
	g.calls++
	gamma := g.m.Gamma(asFloats(pred))
	e := errorOf(g.y, pred)
	value := func(e float64, gamma []float64) float64 {
		for j, v := range gamma {
			e += lambda[j] * v
		}
		return e
	}
	at, least := -1, math.Inf(1)
	for k := range g.pred {
		if v := value(g.errors[k], g.gamma[k]); v < least {
			at, least = k, v
		}
	}
	if value(e, gamma) < least-precision {
		at = len(g.pred)
		g.hypotheses, g.pred = append(g.hypotheses, h), append(g.pred, pred)
		g.errors, g.gamma = append(g.errors, e), append(g.gamma, gamma)
	}
	return at, nil
}

// answer asks the oracle, or the constant where every label is the same.
func answer[H any](ctx context.Context, label []int, weight []float64, fit Oracle[H], constant func(int) H) (H, []int, error) {
	for _, v := range label {
		if v != label[0] {
			return fit(ctx, label, weight)
		}
	}
	pred := make([]int, len(label))
	copy(pred, label)
	return constant(label[0]), pred, nil
}

// gap is how much either player could gain against the mixture q and the multipliers lambda.
func (g *game[H]) gap(ctx context.Context, q, lambda []float64, nu float64) (float64, error) {
	value := func(e float64, gamma []float64) float64 {
		for j, v := range gamma {
			e += lambda[j] * (v - g.eps)
		}
		return e
	}
	e, gamma := 0.0, average(g.gamma, q)
	for h, w := range q {
		e += w * g.errors[h]
	}
	mid := value(e, gamma)
	worst := math.Inf(-1)
	for _, v := range gamma {
		worst = max(worst, v-g.eps)
	}
	high := e
	if worst >= 0 {
		high += g.bound * worst
	}
	low := mid
	for _, f := range []float64{1, 2, 5, 10} {
		scaled := append([]float64(nil), lambda...)
		scale(scaled, f)
		h, err := g.best(ctx, scaled)
		if err != nil {
			return 0, err
		}
		low = min(low, value(g.errors[h], g.gamma[h]))
		if max(mid-low, high-mid) > nu+precision {
			break
		}
	}
	return max(mid-low, high-mid), nil
}

// programme is the best mixture of the hypotheses known so far, by linear programming, and its gap.
func (g *game[H]) programme(ctx context.Context, nu float64) ([]float64, float64, error) {
	if g.solved == len(g.pred) {
		return g.lastQ, g.lastGaps, nil
	}
	n := len(g.pred)
	excess := make([][]float64, n)
	for h, gamma := range g.gamma {
		for _, v := range gamma {
			excess[h] = append(excess[h], v-g.eps)
		}
	}
	q, lambda := mix(g.errors, excess, g.bound)
	gap, err := g.gap(ctx, q, lambda, nu)
	if err != nil {
		return nil, 0, err
	}
	g.solved, g.lastQ, g.lastGaps = n, q, gap
	return q, gap, nil
}
