package uncertainty

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// NIG is a normal-inverse-gamma belief about a number (Amini et al. 2020): its mean Gamma, evidence Nu for the mean, Alpha and Beta for
// the variance.
type NIG struct{ Gamma, Nu, Alpha, Beta float64 }

// NIGOf turns four raw outputs into a belief: γ as it is, ν and β by softplus, α by softplus + 1.
func NIGOf(raw []float64) NIG {
	nu, _ := Softplus.Of(raw[1])
	a, _ := Softplus.Of(raw[2])
	b, _ := Softplus.Of(raw[3])
	return NIG{raw[0], nu + 1e-9, a + 1 + 1e-9, b + 1e-9}
}

// Aleatoric is the expected variance of the data, β/(α − 1).
func (n NIG) Aleatoric() float64 { return n.Beta / (n.Alpha - 1) }

// Epistemic is the variance of the mean, β/(ν(α − 1)).
func (n NIG) Epistemic() float64 { return n.Beta / (n.Nu * (n.Alpha - 1)) }

// EvidentialRegressionLoss is the mean negative log evidence (a Student t) of numbers y under raw outputs [N, 4], plus weight times
// |y − γ|(2ν + α), with its gradient.
func EvidentialRegressionLoss(raw, y []float64, weight float64) (float64, []float64) {
	n := float64(len(y))
	grad := make([]float64, len(raw))
	total := 0.0
	for i, v := range y {
		r := raw[4*i : 4*i+4]
		b := NIGOf(r)
		_, dnu := Softplus.Of(r[1])
		_, da := Softplus.Of(r[2])
		_, db := Softplus.Of(r[3])
		err := v - b.Gamma
		omega := 2 * b.Beta * (1 + b.Nu)
		q := err*err*b.Nu + omega
		lg0, _ := math.Lgamma(b.Alpha)
		lg1, _ := math.Lgamma(b.Alpha + 0.5)
		total += 0.5*math.Log(math.Pi/b.Nu) - b.Alpha*math.Log(omega) + (b.Alpha+0.5)*math.Log(q) + lg0 - lg1
		total += weight * math.Abs(err) * (2*b.Nu + b.Alpha)
		sign := 0.0
		switch {
		case err > 0:
			sign = 1
		case err < 0:
			sign = -1
		}
		byGamma := -(b.Alpha+0.5)*2*err*b.Nu/q - weight*sign*(2*b.Nu+b.Alpha)
		byNu := -0.5/b.Nu - b.Alpha*2*b.Beta/omega + (b.Alpha+0.5)*(err*err+2*b.Beta)/q + 2*weight*math.Abs(err)
		byAlpha := -math.Log(omega) + math.Log(q) + mathext.Digamma(b.Alpha) - mathext.Digamma(b.Alpha+0.5) + weight*math.Abs(err)
		byBeta := -b.Alpha/b.Beta + (b.Alpha+0.5)*2*(1+b.Nu)/q
		g := grad[4*i : 4*i+4]
		g[0], g[1], g[2], g[3] = byGamma/n, byNu*dnu/n, byAlpha*da/n, byBeta*db/n
	}
	return total / n, grad
}

// HeteroscedasticLoss is the mean Gaussian negative log likelihood of y under outputs [N, 2], mean and log variance (Nix and Weigend
// 1994; Kendall and Gal 2017), with its gradient. beta in [0, 1] weights each item by variance^beta, held constant: 0 is the likelihood,
// 0.5 keeps hard items from being given up on (Seitzer et al. 2022). Log variances are held in [−15, 15].
func HeteroscedasticLoss(output, y []float64, beta float64) (float64, []float64) {
	n := float64(len(y))
	grad := make([]float64, len(output))
	total := 0.0
	for i, v := range y {
		m, raw := output[2*i], output[2*i+1]
		s := min(max(raw, -15), 15)
		variance := math.Exp(s)
		w := math.Pow(variance, beta)
		d := m - v
		total += w * (0.5*(math.Log(2*math.Pi)+s) + d*d/(2*variance)) / n
		grad[2*i] = w * d / variance / n
		if s == raw {
			grad[2*i+1] = w * 0.5 * (1 - d*d/variance) / n
		}
	}
	return total, grad
}

// QuantileLoss is the mean pinball loss of outputs [N, len(levels)] (Koenker and Bassett 1978), with its gradient.
func QuantileLoss(output, y, levels []float64) (float64, []float64) {
	k := len(levels)
	n := float64(len(y) * k)
	grad := make([]float64, len(output))
	total := 0.0
	for i, v := range y {
		for j, p := range levels {
			d := v - output[i*k+j]
			if d >= 0 {
				total += p * d / n
				grad[i*k+j] = -p / n
			} else {
				total += (p - 1) * d / n
				grad[i*k+j] = (1 - p) / n
			}
		}
	}
	return total, grad
}
