package survival

import "math"

// Gauss–Legendre nodes on [0, 1] and their weights, eight points: exact for polynomials up to degree 15.
var (
	DeSurvNodes   = [8]float64{0.019855071751231884, 0.10166676129318664, 0.2372337950418355, 0.4082826787521751, 0.5917173212478249, 0.7627662049581645, 0.8983332387068134, 0.9801449282487681}
	desurvWeights = [8]float64{0.05061426814518813, 0.11119051722668724, 0.15685332293894363, 0.18134189168918100, 0.18134189168918100, 0.15685332293894363, 0.11119051722668724, 0.05061426814518813}
)

// DeSurvLoss is the mean negative log likelihood of the monotone network of Danks and Yau (AISTATS 2022): F(t|x) = tanh ∫₀ᵗ g(x, s) ds with
// a rate g = softplus(output) > 0, so that the incidence rises whatever the network says. output is [N, 9]: at t times each of
// [DeSurvNodes], and at t itself. Times of 0 count as 1e-9; unit is what the integral is measured in (the times are divided by it).
func DeSurvLoss(output []float64, l Labels, unit float64) Loss {
	n := l.Len()
	const q = len(DeSurvNodes)
	out := meanLoss(len(output), n, float64(n))
	for i := range n {
		row, grad := output[i*(q+1):(i+1)*(q+1)], out.Grad[i*(q+1):(i+1)*(q+1)]
		t := math.Max(l.Time[i], 1e-9) / unit
		u := 0.0
		var slopes [q]float64
		for j := range q {
			v, slope := softplus(row[j])
			u += t * desurvWeights[j] * v
			slopes[j] = t * desurvWeights[j] * slope
		}
		byU := 0.0
		tail, _ := softplus(-2 * u) // u ≥ 0
		if l.Event[i] != 0 {
			out.Events++
			// −log f: sech²(u) g(t)
			v, slope := softplus(row[q])
			out.Each[i] = -2*(math.Ln2-u-tail) + math.Log(unit)
			byU = 2 * math.Tanh(u)
			if v > 1e-300 {
				out.Each[i] -= math.Log(v)
				grad[q] = -slope / v / float64(n)
			} else {
				out.Each[i] -= row[q]
				grad[q] = -1 / float64(n)
			}
		} else {
			out.Each[i] = 2*u + tail - math.Ln2 // −log(1 − tanh u)
			byU = 1 + math.Tanh(u)
		}
		for j := range q {
			grad[j] = byU * slopes[j] / float64(n)
		}
	}
	return out.mean()
}

// DeSurvCurves is survival 1 − tanh ∫g on a grid of times that starts at 0, for n people: each step is integrated by its midpoint, at which
// raw gives the network's outputs.
func DeSurvCurves(times []float64, n int, unit float64, raw RiskScores) Curves {
	c := newCurves(times, n)
	u, out := make([]float64, n), make([]float64, n)
	people := allRows(n)
	for k, t := range times {
		if k > 0 {
			raw(people, (t+times[k-1])/2, out)
			for i, v := range out {
				g, _ := softplus(v)
				u[i] += g * (t - times[k-1]) / unit
			}
		}
		for i, v := range u {
			c.Values[k][i] = 1 - math.Tanh(v)
		}
	}
	return c
}
