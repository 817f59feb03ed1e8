package uncertainty

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/cineloop/cineloop/internal/fault"
)

// Laplace is a normal distribution over the last layer's weights around what training found (Daxberger et al. 2021), with the Kronecker
// factors of the generalised Gauss–Newton matrix (Ritter, Botev and Barber 2018).
type Laplace struct {
	features *mat.Cholesky // N·mean φφᵀ + prior
	classes  *mat.SymDense // inverse of mean(diag p − ppᵀ) + prior/N
}

// FitLaplace takes training features φ [item][dimension], with a last 1 for the bias where there is one, and probabilities. prior is the
// precision of a normal prior on the weights: the weight decay times N.
func FitLaplace(features, probs [][]float64, prior float64) (*Laplace, error) {
	if len(features) == 0 || len(features) != len(probs) {
		return nil, fault.New(fault.Input, "Laplace: %d features and %d rows of probabilities", len(features), len(probs))
	}
	if prior <= 0 {
		return nil, fault.New(fault.Usage, "Laplace: the prior precision is %g; want above 0", prior)
	}
	d, k, n := len(features[0]), len(probs[0]), float64(len(features))
	a, b := mat.NewSymDense(d, nil), mat.NewSymDense(k, nil)
	root := math.Sqrt(prior)
	for i := range d {
		a.SetSym(i, i, root)
	}
	for i := range k {
		b.SetSym(i, i, root/n)
	}
	raw := a.RawSymmetric().Data
	for i, f := range features {
		for r := range d {
			for c := r; c < d; c++ {
				raw[r*d+c] += f[r] * f[c]
			}
		}
		for r := range k {
			for c := r; c < k; c++ {
				v := -probs[i][r] * probs[i][c]
				if r == c {
					v += probs[i][r]
				}
				b.SetSym(r, c, b.At(r, c)+v/n)
			}
		}
	}
	var ca, cb mat.Cholesky
	if !ca.Factorize(a) || !cb.Factorize(b) {
		return nil, fault.New(fault.Input, "Laplace: the curvature is singular").WithHint("use a larger prior precision")
	}
	var inverse mat.SymDense
	if err := cb.InverseTo(&inverse); err != nil {
		return nil, fault.New(fault.Input, "Laplace: %w", err)
	}
	return &Laplace{&ca, &inverse}, nil
}

// Variance of each logit at a feature.
func (l *Laplace) Variance(feature []float64) []float64 {
	var solved mat.VecDense
	v := mat.NewVecDense(len(feature), feature)
	_ = l.features.SolveVecTo(&solved, v)
	q := mat.Dot(v, &solved)
	out := make([]float64, l.classes.SymmetricDim())
	for j := range out {
		out[j] = q * l.classes.At(j, j)
	}
	return out
}

// Probs are class probabilities with the weights' uncertainty integrated out by the probit approximation (MacKay 1992): logits are
// shrunk by √(1 + π/8 · variance).
func (l *Laplace) Probs(logits, feature []float64) []float64 {
	z := make([]float64, len(logits))
	for j, v := range l.Variance(feature) {
		z[j] = logits[j] / math.Sqrt(1+math.Pi/8*v)
	}
	return Softmax(z, 1)
}
