package uncertainty

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Dirichlet summarises a Dirichlet distribution over K class probabilities in the words of subjective logic (Jøsang 2016).
type Dirichlet struct {
	Belief   []float64 // evidence over S
	Vacuity  float64   // K/S, the uncertainty mass: 1 without any evidence
	Prob     []float64 // mean
	Variance []float64 // of each probability

	EntropyOfMean       float64 // total uncertainty
	ExpectedEntropy     float64 // of the data (aleatoric)
	MutualInformation   float64 // of the model (epistemic)
	DifferentialEntropy float64
}

// SummariseDirichlet computes everything from alpha = evidence + 1.
func SummariseDirichlet(alpha []float64) Dirichlet {
	k, s := float64(len(alpha)), 0.0
	for _, a := range alpha {
		s += a
	}
	d := Dirichlet{Vacuity: k / s}
	logBeta := 0.0
	for _, a := range alpha {
		p := a / s
		d.Belief = append(d.Belief, (a-1)/s)
		d.Prob = append(d.Prob, p)
		d.Variance = append(d.Variance, p*(1-p)/(s+1))
		if p > 0 {
			d.EntropyOfMean -= p * math.Log(p)
		}
		d.ExpectedEntropy -= p * (mathext.Digamma(a+1) - mathext.Digamma(s+1))
		lg, _ := math.Lgamma(a)
		logBeta += lg
		d.DifferentialEntropy -= (a - 1) * mathext.Digamma(a)
	}
	lg, _ := math.Lgamma(s)
	d.MutualInformation = d.EntropyOfMean - d.ExpectedEntropy
	d.DifferentialEntropy += logBeta - lg + (s-k)*mathext.Digamma(s)
	return d
}

// DeadClasses are the classes for which no item of its own shows evidence: with ReLU their units no longer learn. evidence is
// [item][class] of training items, label their classes; a class is dead when less than share (0: 1 %) of its items have any.
func DeadClasses(evidence [][]float64, label []int, share float64) []int {
	if share == 0 {
		share = 0.01
	}
	if len(evidence) == 0 {
		return nil
	}
	alive, total := make([]float64, len(evidence[0])), make([]float64, len(evidence[0]))
	for i, y := range label {
		total[y]++
		if evidence[i][y] > 1e-9 {
			alive[y]++
		}
	}
	var dead []int
	for c := range total {
		if total[c] > 0 && alive[c] < share*total[c] {
			dead = append(dead, c)
		}
	}
	return dead
}
