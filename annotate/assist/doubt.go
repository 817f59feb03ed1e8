package assist

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// Measures of doubt.
const (
	Entropy  = "entropy"  // of the mean of the networks' probabilities, in bits: all doubt
	BALD     = "bald"     // what the networks' disagreement adds to it (Houlsby et al. 2011, arXiv:1112.5745): doubt that more data could end
	Variance = "variance" // of the networks' scores, mean over classes
	Chance   = "random"   // none: the order is by chance alone
)

// Measures are all of them.
var Measures = []string{Entropy, BALD, Variance, Chance}

// Doubt is how unsure networks are: members[k] are the scores of network k, probabilities of classes, or one number. NaN where the measure is not
// defined: entropy and BALD of what are no probabilities, BALD and variance of one network.
func Doubt(measure string, members [][]float64) float64 {
	if len(members) == 0 || len(members[0]) == 0 {
		return math.NaN()
	}
	n := float64(len(members))
	mean := make([]float64, len(members[0]))
	for _, m := range members {
		for i, v := range m {
			mean[i] += v / n
		}
	}
	switch measure {
	case Entropy:
		return entropy(mean)
	case BALD:
		if len(members) < 2 {
			return math.NaN()
		}
		own := 0.0
		for _, m := range members {
			own += entropy(m) / n
		}
		return math.Max(0, entropy(mean)-own) // Jensen: below 0 only by rounding
	case Variance:
		if len(members) < 2 {
			return math.NaN()
		}
		var sum float64
		for _, m := range members {
			for i, v := range m {
				sum += (v - mean[i]) * (v - mean[i]) / (n - 1) / float64(len(mean))
			}
		}
		return sum
	}
	return math.NaN()
}

// entropy in bits of probabilities; NaN where they are none.
func entropy(p []float64) float64 {
	var h, sum float64
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			return math.NaN()
		}
		sum += v
		if v > 0 {
			h -= v * math.Log2(v)
		}
	}
	if len(p) < 2 || math.Abs(sum-1) > 1e-3 {
		return math.NaN()
	}
	return math.Max(0, h)
}

// Placed is a case's place in an order.
type Placed struct {
	Case     string
	Doubt    float64 // NaN: not known
	Priority float64 // higher ones first
	Random   bool    // its place comes from chance
}

// Order places cases: a share of them is drawn by chance from all, whatever their doubt, and spread evenly over the order; the others follow each
// other by doubt, the most first, those of unknown doubt last and by chance. doubt is by case; the same seed and cases give the same order. So
// at any time about that share of what was read is a fair sample of all cases.
func Order(cases []string, doubt map[string]float64, share float64, seed stats.Seed) []Placed {
	all := slices.Clone(cases)
	slices.Sort(all) // whatever order they came in
	rng := seed.Stream("reading order")
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	k := int(math.Round(share * float64(len(all))))
	chance, rest := all[:k], all[k:]
	of := func(c string) float64 {
		if v, ok := doubt[c]; ok {
			return v
		}
		return math.NaN()
	}
	slices.SortStableFunc(rest, func(a, b string) int {
		switch x, y := of(a), of(b); {
		case math.IsNaN(x) && math.IsNaN(y), x == y:
			return 0
		case math.IsNaN(y), x > y:
			return -1
		}
		return 1
	})
	out := make([]Placed, 0, len(all))
	for i := range all {
		// The number of chance's cases among the first i + 1 is round((i + 1)·k/n).
		n, due := len(all), int(math.Round(float64(i+1)*float64(k)/float64(len(all))))
		p := Placed{Priority: float64(n - i)}
		if due > k-len(chance) {
			p.Case, p.Random, chance = chance[0], true, chance[1:]
		} else {
			p.Case, rest = rest[0], rest[1:]
		}
		p.Doubt = of(p.Case)
		out = append(out, p)
	}
	return out
}
