package explain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Gini is the inequality of |map|: 0 spread evenly, near 1 all in one position (Chalasani et al., ICML 2020).
func Gini(values []float64) float64 {
	a := magnitudes(values)
	slices.Sort(a)
	n := float64(len(a))
	var num, sum float64
	for i, v := range a {
		num += (2*float64(i+1) - n - 1) * v
		sum += v
	}
	return num / (n * sum)
}

// Complexity is the entropy, in nats, of |map| as shares of its sum: small for maps that a person can take in (Bhatt et al., IJCAI 2020).
func Complexity(values []float64) float64 {
	a := magnitudes(values)
	sum := 0.0
	for _, v := range a {
		sum += v
	}
	h := 0.0
	for _, v := range a {
		if v > 0 {
			h -= v / sum * math.Log(v/sum)
		}
	}
	return h
}

func magnitudes(values []float64) []float64 {
	a := make([]float64, len(values))
	for i, v := range values {
		a[i] = math.Abs(v)
	}
	return a
}

// Localisation says how much of a map lies in a mask that is known to matter.
type Localisation struct {
	Pointing bool    `json:"pointing"` // the largest |value| lies in the mask (Zhang et al., IJCV 2018)
	Mass     float64 `json:"mass"`     // share of |map| in the mask (Arras et al., Information Fusion 2022)
	Rank     float64 `json:"rank"`     // share in the mask of the |mask| largest positions (same)
}

// Localise compares |values| with a mask of the same length.
func Localise(values []float64, mask []bool) (Localisation, error) {
	if len(values) != len(mask) || !slices.Contains(mask, true) {
		return Localisation{}, fmt.Errorf("explain: %d values are compared with a mask of %d that must not be empty", len(values), len(mask))
	}
	a := magnitudes(values)
	order := make([]int, len(a))
	var inside, sum float64
	k := 0
	for i, v := range a {
		order[i] = i
		if sum += v; mask[i] {
			inside += v
			k++
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return -cmp.Compare(a[i], a[j]) })
	hit := 0.0
	for _, i := range order[:k] {
		if mask[i] {
			hit++
		}
	}
	return Localisation{mask[order[0]], inside / sum, hit / float64(k)}, nil
}
