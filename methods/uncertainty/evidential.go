package uncertainty

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Evidence is how a logit becomes evidence of at least zero.
type Evidence int

const (
	// ReLU is max(z, 0), the paper's. A class whose logits fall below zero everywhere gets no gradient any more and dies: see
	// [DeadClasses].
	ReLU Evidence = iota
	// Exp is e^z with z held in [−10, 10].
	Exp
	// Softplus is log(1 + e^z).
	Softplus
)

// Of is the evidence of a logit, with its derivative.
func (e Evidence) Of(z float64) (value, slope float64) {
	switch e {
	case Exp:
		v := math.Exp(min(max(z, -10), 10))
		if z < -10 || z > 10 {
			return v, 0
		}
		return v, v
	case Softplus:
		if z > 0 {
			t := math.Exp(-z)
			return z + math.Log1p(t), 1 / (1 + t)
		}
		t := math.Exp(z)
		return math.Log1p(t), t / (1 + t)
	default:
		if z > 0 {
			return z, 1
		}
		return 0, 0
	}
}

// DataTerm is what an evidential loss expects of the Dirichlet distribution (Sensoy, Kaplan and Kandemir 2018).
type DataTerm int

const (
	// SquaredError is the expected squared error, equation 5.
	SquaredError DataTerm = iota
	// MarginalLikelihood is log S − log α_y, equation 3.
	MarginalLikelihood
	// CrossEntropy is the expected cross-entropy ψ(S) − ψ(α_y), equation 4.
	CrossEntropy
)

// Evidential are the choices of an evidential loss.
type Evidential struct {
	Evidence  Evidence
	Term      DataTerm
	Annealing float64 // epochs until the Kullback–Leibler term weighs Weight; 0: from the start
	Weight    float64 // at the end; 0 means 1. Many classes learn better with 0.1 (or Negative for none)
}

// klWeight is the weight of the Kullback–Leibler term in an epoch, counted from 0.
func (o Evidential) klWeight(epoch float64) float64 {
	w := o.Weight
	switch {
	case w == 0:
		w = 1
	case w < 0:
		w = 0
	}
	if o.Annealing <= 0 {
		return w
	}
	return w * math.Min(1, epoch/o.Annealing)
}

// EvidentialResult is a loss with its parts.
type EvidentialResult struct {
	Value float64 // mean over the batch
	Grad  []float64
	Each  []float64 // of each item
	Data  []float64
	KL    []float64 // before its weight
}

// EvidentialLoss is the loss of logits, row-major [N, K], for class labels in an epoch counted from 0.
func EvidentialLoss(logits []float64, label []int, epoch float64, o Evidential) EvidentialResult {
	n := len(label)
	out := EvidentialResult{Grad: make([]float64, len(logits)), Each: make([]float64, n), Data: make([]float64, n), KL: make([]float64, n)}
	if n == 0 {
		return out
	}
	k := len(logits) / n
	weight := o.klWeight(epoch)
	alpha, slope, grad := make([]float64, k), make([]float64, k), make([]float64, k)
	for i, y := range label {
		for j := range k {
			alpha[j], slope[j] = o.Evidence.Of(logits[i*k+j])
			alpha[j]++
		}
		out.Data[i] = dataTerm(alpha, y, o.Term, grad)
		out.KL[i] = klToUniform(alpha, y, weight, grad)
		out.Each[i] = out.Data[i] + weight*out.KL[i]
		out.Value += out.Each[i] / float64(n)
		for j := range k {
			out.Grad[i*k+j] = grad[j] * slope[j] / float64(n)
		}
	}
	return out
}

// dataTerm writes its gradient by alpha.
func dataTerm(alpha []float64, y int, term DataTerm, grad []float64) float64 {
	s := 0.0
	for _, a := range alpha {
		s += a
	}
	switch term {
	case MarginalLikelihood:
		for j := range grad {
			grad[j] = 1 / s
		}
		grad[y] -= 1 / alpha[y]
		return math.Log(s) - math.Log(alpha[y])
	case CrossEntropy:
		for j := range grad {
			grad[j] = trigamma(s)
		}
		grad[y] -= trigamma(alpha[y])
		return mathext.Digamma(s) - mathext.Digamma(alpha[y])
	}
	var loss, squares, dot float64
	for j, a := range alpha {
		p := a / s
		d := p
		if j == y {
			d--
		}
		loss += d * d
		dot += d * p
		squares += p * p
	}
	loss += (1 - squares) / (s + 1)
	for j, a := range alpha {
		p := a / s
		d := p
		if j == y {
			d--
		}
		grad[j] = 2/s*(d-dot) - 2/(s*(s+1))*(p-squares) - (1-squares)/((s+1)*(s+1))
	}
	return loss
}

// klToUniform is the divergence from the uniform Dirichlet of alpha without the evidence for the true class; weight times its gradient
// is added.
func klToUniform(alpha []float64, y int, weight float64, grad []float64) float64 {
	k := float64(len(alpha))
	s := 1.0
	for j, a := range alpha {
		if j != y {
			s += a
		}
	}
	lgamma := func(x float64) float64 { v, _ := math.Lgamma(x); return v }
	psi := mathext.Digamma(s)
	kl := lgamma(s) - lgamma(k)
	all := trigamma(s) * (s - k)
	for j, a := range alpha {
		if j == y {
			continue
		}
		kl += -lgamma(a) + (a-1)*(mathext.Digamma(a)-psi)
		grad[j] += weight * ((a-1)*trigamma(a) - all)
	}
	return kl
}

// trigamma is ψ′, the Hurwitz zeta function at 2.
func trigamma(x float64) float64 { return mathext.Zeta(2, x) }
