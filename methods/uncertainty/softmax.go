package uncertainty

import "math"

// Softmax is e^(z/T) normalised.
func Softmax(logits []float64, temperature float64) []float64 {
	out := make([]float64, len(logits))
	l := logSumExp(logits, temperature)
	for i, z := range logits {
		out[i] = math.Exp(z/temperature - l)
	}
	return out
}

// logSumExp is log Σ e^(z/T).
func logSumExp(logits []float64, temperature float64) float64 {
	top := math.Inf(-1)
	for _, z := range logits {
		top = math.Max(top, z/temperature)
	}
	s := 0.0
	for _, z := range logits {
		s += math.Exp(z/temperature - top)
	}
	return top + math.Log(s)
}

// Entropy is −Σ p log p.
func Entropy(p []float64) float64 {
	h := 0.0
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
		}
	}
	return h
}

// argmax is the first index of the largest value.
func argmax(x []float64) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
