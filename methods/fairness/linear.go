package fairness

import "math"

// mix finds the distribution over hypotheses that minimises Σ q·cost + bound·s where s ≥ 0 is the largest excess Σ q·excess[j] over the
// constraints j, and the multipliers of the constraints at the optimum. It is a linear programme in a dense tableau with Bland's rule,
// which cannot cycle. (gonum's simplex gives no multipliers, and these programmes are degenerate by nature: groups mirror each other.)
//
// cost is [hypothesis], excess [hypothesis][constraint].
func mix(cost []float64, excess [][]float64, bound float64) (q, lambda []float64) {
	n, m := len(cost), len(excess[0])
	width := n + 1 + m + 1 // hypotheses, s, slacks, right-hand side
	rhs := width - 1
	rows := make([][]float64, m+1)
	basis := make([]int, m+1)
	for j := range m {
		row := make([]float64, width)
		for h := range n {
			row[h] = excess[h][j]
		}
		row[n], row[n+1+j] = -1, 1
		rows[j], basis[j] = row, n+1+j
	}
	last := make([]float64, width)
	for h := range n {
		last[h] = 1
	}
	last[rhs] = 1
	rows[m], basis[m] = last, 0
	objective := make([]float64, width)
	copy(objective, cost)
	objective[n] = bound
	pivot := func(r, c int) {
		f := rows[r][c]
		for k := range rows[r] {
			rows[r][k] /= f
		}
		for i := range rows {
			if f := rows[i][c]; i != r && f != 0 {
				for k, v := range rows[r] {
					rows[i][k] -= f * v
				}
			}
		}
		if f := objective[c]; f != 0 {
			for k, v := range rows[r] {
				objective[k] -= f * v
			}
		}
		basis[r] = c
	}
	// Hypothesis 0 alone is feasible once s covers its worst excess.
	pivot(m, 0)
	worst := 0
	for j := range m {
		if rows[j][rhs] < rows[worst][rhs] {
			worst = j
		}
	}
	if rows[worst][rhs] < 0 {
		pivot(worst, n)
	}
	const tiny = 1e-11
	for range 100000 {
		enter := -1
		for c := range rhs {
			if objective[c] < -tiny {
				enter = c
				break
			}
		}
		if enter < 0 {
			break
		}
		leave, best := -1, math.Inf(1)
		for r := range rows {
			if a := rows[r][enter]; a > tiny {
				if t := rows[r][rhs] / a; t < best-1e-15 || t <= best+1e-15 && leave >= 0 && basis[r] < basis[leave] {
					leave, best = r, t
				}
			}
		}
		if leave < 0 {
			break // unbounded: cannot be, q is a distribution and s costs
		}
		pivot(leave, enter)
	}
	q, lambda = make([]float64, n), make([]float64, m)
	for r, b := range basis {
		if b < n {
			q[b] = max(0, rows[r][rhs])
		}
	}
	for j := range m {
		lambda[j] = max(0, objective[n+1+j])
	}
	return q, lambda
}

// Mixture is a randomised classifier: hypothesis h is used with probability Weight[h].
type Mixture struct {
	Weight    []float64
	Error     float64 // expected
	Violation float64 // largest of the constraint's moments
}

// OptimalMixture is the exact randomised optimum over a finite class: the smallest expected error among mixtures whose moments exceed
// eps nowhere; where none is feasible, the least excess. pred is [hypothesis][row], 0 or 1.
func OptimalMixture(y []int, pred [][]int, m *Moment, eps float64) Mixture {
	cost, gamma := make([]float64, len(pred)), make([][]float64, len(pred))
	excess := make([][]float64, len(pred))
	for h, p := range pred {
		cost[h], gamma[h] = errorOf(y, p), m.Gamma(asFloats(p))
		for _, g := range gamma[h] {
			excess[h] = append(excess[h], g-eps)
		}
	}
	q, _ := mix(cost, excess, 1e4) // an exact penalty: above any multiplier that a table of fewer than ten thousand rows can have
	out := Mixture{Weight: q, Violation: math.Inf(-1)}
	for h := range q {
		out.Error += q[h] * cost[h]
	}
	for _, v := range average(gamma, q) {
		out.Violation = max(out.Violation, v)
	}
	return out
}

func average(x [][]float64, weight []float64) []float64 {
	out := make([]float64, len(x[0]))
	for h, w := range weight {
		if w != 0 {
			for j, v := range x[h] {
				out[j] += w * v
			}
		}
	}
	return out
}

func errorOf(y, pred []int) float64 {
	mustMatch(len(y), len(pred))
	wrong := 0
	for i := range y {
		if y[i] != pred[i] {
			wrong++
		}
	}
	return float64(wrong) / float64(len(y))
}

func asFloats(x []int) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
