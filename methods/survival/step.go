package survival

import (
	"math"
	"slices"
)

// Step is a right-continuous step function of time: Values[i] from Times[i] on, Before ahead of the first.
type Step struct {
	Times  []float64 // ascending
	Values []float64
	Before float64
}

// At is the value at t.
func (s Step) At(t float64) float64 {
	i, found := slices.BinarySearch(s.Times, t)
	if found {
		return s.Values[i]
	}
	if i == 0 {
		return s.Before
	}
	return s.Values[i-1]
}

// Left is the limit from the left, at t−.
func (s Step) Left(t float64) float64 {
	i, _ := slices.BinarySearch(s.Times, t)
	if i == 0 {
		return s.Before
	}
	return s.Values[i-1]
}

// Area is the integral from 0 to tau.
func (s Step) Area(tau float64) float64 {
	area, at, value := 0.0, 0.0, s.Before
	for i, t := range s.Times {
		if t >= tau {
			break
		}
		if t > at {
			area += (t - at) * value
			at = t
		}
		value = s.Values[i]
	}
	return area + math.Max(tau-at, 0)*value
}

// Quantile is the first time at which a falling step function is at or below p; where it equals p on an interval, the middle of the
// interval, as R does. NaN when it never falls that far.
func (s Step) Quantile(p float64) float64 {
	const near = 1e-12
	for i, v := range s.Values {
		if v > p+near {
			continue
		}
		if math.Abs(v-p) <= near {
			for j := i + 1; j < len(s.Values); j++ {
				if s.Values[j] < p-near {
					return (s.Times[i] + s.Times[j]) / 2
				}
			}
		}
		return s.Times[i]
	}
	return math.NaN()
}
