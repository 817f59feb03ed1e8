package survival

import "math"

// Loss is a loss and its gradient by the network's output, row-major in the output's shape.
type Loss struct {
	Value  float64
	Grad   []float64
	Events int // that the value rests on; 0: Value and Grad are zero because there was nothing to learn from
	// Each is the loss of each person (of each value, for [BCESurvLoss]) before the mean over Count of them, where the loss is such a
	// mean; nil for losses over risk sets.
	Each  []float64
	Count float64
}

// meanLoss is a loss that will be the mean of each over count.
func meanLoss(grad, each int, count float64) Loss {
	return Loss{Grad: make([]float64, grad), Each: make([]float64, each), Count: count}
}

// mean sets Value from Each.
func (o Loss) mean() Loss {
	for _, v := range o.Each {
		o.Value += v
	}
	if o.Count > 0 {
		o.Value /= o.Count
	}
	return o
}

func noLoss(n int) Loss { return Loss{Grad: make([]float64, n)} }

// softplus is log(1 + e^x) without overflow, and its derivative.
func softplus(x float64) (value, slope float64) {
	e := math.Exp(-math.Abs(x))
	value = e - e*e/2 // exact to 3e-16 where log(1 + e) would round e away
	if e > 1e-5 {
		value = math.Log(1 + e)
	}
	if x > 0 {
		return x + value, 1 / (1 + e)
	}
	return value, e / (1 + e)
}

// sigmoid is 1 / (1 + e^-x).
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// softmaxPadded is the softmax of row with a zero appended: the last value is the probability of what lies beyond the grid.
func softmaxPadded(row, out []float64) {
	most := 0.0
	for _, v := range row {
		most = math.Max(most, v)
	}
	sum := math.Exp(-most)
	out[len(row)] = sum
	for k, v := range row {
		out[k] = math.Exp(v - most)
		sum += out[k]
	}
	for k := range out[:len(row)+1] {
		out[k] /= sum
	}
}

// expAll is e^x of each element.
func expAll(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Exp(v)
	}
	return out
}
