package fairness

import "math"

// Entropy is the generalised entropy index (Speicher et al. 2018) of the benefits pred − y + 1; alpha 1 is Theil's.
func Entropy(y, pred []int, alpha float64) float64 {
	b := make([]float64, len(y))
	for i := range y {
		b[i] = float64(pred[i] - y[i] + 1)
	}
	return entropy(b, alpha)
}

// BetweenEntropy is [Entropy] where every row has its group's mean benefit.
func BetweenEntropy(y, pred, group []int, k int, alpha float64) float64 {
	sum, n, b := make([]float64, k), make([]float64, k), make([]float64, len(y))
	for i, g := range group {
		sum[g] += float64(pred[i] - y[i] + 1)
		n[g]++
	}
	for i, g := range group {
		b[i] = sum[g] / n[g]
	}
	return entropy(b, alpha)
}

func entropy(b []float64, alpha float64) float64 {
	mean, out := 0.0, 0.0
	for _, v := range b {
		mean += v / float64(len(b))
	}
	for _, v := range b {
		switch r := v / mean; {
		case alpha != 1:
			out += (math.Pow(r, alpha) - 1) / (alpha * (alpha - 1))
		case r > 0:
			out += r * math.Log(r)
		}
	}
	return out / float64(len(b))
}
