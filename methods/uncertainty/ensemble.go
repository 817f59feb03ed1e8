package uncertainty

import "math"

// Committee is what several members' class probabilities say together: an ensemble (Lakshminarayanan et al. 2017), dropout passes (Gal
// and Ghahramani 2016), SWAG draws (Maddox et al. 2019) or augmented views of one item.
type Committee struct {
	Mean              []float64 // probability
	Std               []float64 // of each probability over members
	Predictive        float64   // entropy of the mean: all uncertainty
	Expected          float64   // mean entropy: of the data
	MutualInformation float64   // the rest: of the model
	VariationRatio    float64   // share of members that do not vote for the commonest class
	PairwiseKL        float64   // mean over ordered pairs of members
}

// Decide takes member probabilities [member][class] of one item.
func Decide(members [][]float64) Committee {
	m, k := float64(len(members)), len(members[0])
	c := Committee{Mean: make([]float64, k), Std: make([]float64, k)}
	votes := make([]float64, k)
	for _, p := range members {
		for j, v := range p {
			c.Mean[j] += v / m
		}
		c.Expected += Entropy(p) / m
		votes[argmax(p)]++
	}
	for _, p := range members {
		for j, v := range p {
			c.Std[j] += (v - c.Mean[j]) * (v - c.Mean[j]) / m
		}
	}
	for j := range c.Std {
		c.Std[j] = math.Sqrt(c.Std[j])
	}
	c.Predictive = Entropy(c.Mean)
	c.MutualInformation = c.Predictive - c.Expected
	c.VariationRatio = 1 - votes[argmax(votes)]/m
	for a, p := range members {
		for b, q := range members {
			if a == b {
				continue
			}
			for j := range p {
				if p[j] > 0 {
					c.PairwiseKL += p[j] * math.Log(p[j]/math.Max(q[j], 1e-300)) / (m * (m - 1))
				}
			}
		}
	}
	return c
}

// Mixture is the mean and variance of an equal mixture of members' normal distributions (Lakshminarayanan et al. 2017, section 2.4).
type Mixture struct {
	Mean, Variance       float64
	Aleatoric, Epistemic float64 // mean of variances, variance of means
}

// Mix takes one item's member means and standard deviations.
func Mix(mean, std []float64) Mixture {
	m := float64(len(mean))
	var x Mixture
	for i := range mean {
		x.Mean += mean[i] / m
		x.Aleatoric += std[i] * std[i] / m
	}
	for i := range mean {
		x.Epistemic += (mean[i] - x.Mean) * (mean[i] - x.Mean) / m
	}
	x.Variance = x.Aleatoric + x.Epistemic
	return x
}

// GaussianNLL is ½ log 2πv + (y − m)²/2v.
func GaussianNLL(y, mean, variance float64) float64 {
	return 0.5*math.Log(2*math.Pi*variance) + (y-mean)*(y-mean)/(2*variance)
}

// GaussianCRPS is the continuous ranked probability score of a normal distribution (Gneiting et al. 2005).
func GaussianCRPS(y, mean, std float64) float64 {
	z := (y - mean) / std
	phi := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	cdf := math.Erfc(-z/math.Sqrt2) / 2
	return std * (z*(2*cdf-1) + 2*phi - 1/math.Sqrt(math.Pi))
}
