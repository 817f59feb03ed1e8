package ejection

import (
	"math"
	"slices"
)

// Beat is one heart beat in a curve: its end-diastolic frame (the largest size before the emptying), the end-systolic frame after it, and
// the ejection fraction between the two, %.
type Beat struct {
	Diastole, Systole int
	Fraction          float64
}

// Beats finds the beats in a curve of volumes or areas, a value a frame. The curve is smoothed by a binomial window of five frames; a
// systole is a local minimum whose depth below the highest value since the last one, and below the highest before the next, is at least
// half of the curve's range (5th to 95th percentile), so that noise and a late filling wave make no beats. The diastole of a systole is
// the largest smoothed value between it and the systole before it. A systole at either end of the curve, whose rise is not seen, does
// not count; neither does one whose diastole is the first frame while values are falling from there, since its top may lie before it.
// Fractions are of the values as given. NaN values are bridged linearly. Nil where there is no beat.
func Beats(values []float64) []Beat {
	v := bridged(values)
	if len(v) < 3 {
		return nil
	}
	s := smoothed(v)
	sorted := slices.Clone(s)
	slices.Sort(sorted)
	at := func(q float64) float64 { return sorted[int(math.Round(q*float64(len(sorted)-1)))] }
	depth := (at(0.95) - at(0.05)) / 2
	if !(depth > 0) || depth < 1e-9*math.Abs(at(0.95)) {
		return nil
	}
	var out []Beat
	// A zigzag: top is the highest since the last systole, low the lowest since that top.
	top, low, falling := 0, 0, false
	for i := range s {
		switch {
		case !falling && s[i] > s[top]:
			top, low = i, i
		case !falling && s[top]-s[i] >= depth:
			falling, low = true, i
		case falling && s[i] < s[low]:
			low = i
		case falling && s[i]-s[low] >= depth:
			if top > 0 || len(s) > 1 && s[1] >= s[0] {
				out = append(out, Beat{top, low, Fraction(v[top], v[low])})
			}
			falling, top = false, i
		}
	}
	return out
}

// MeanFraction is the mean of the beats' ejection fractions, %, and their number; NaN without a beat. Where no whole beat is seen, the curve's
// largest and smallest smoothed values stand in for one, and beats is 0.
func MeanFraction(values []float64) (fraction float64, beats int) {
	found := Beats(values)
	if len(found) == 0 {
		v := bridged(values)
		if v == nil {
			return math.NaN(), 0
		}
		s := smoothed(v)
		return Fraction(slices.Max(s), slices.Min(s)), 0
	}
	for _, b := range found {
		fraction += b.Fraction / float64(len(found))
	}
	return fraction, len(found)
}

// bridged fills NaN linearly from both sides; nil where nothing is known.
func bridged(x []float64) []float64 {
	out := slices.Clone(x)
	last := -1
	for i, v := range x {
		if math.IsNaN(v) {
			continue
		}
		for j := last + 1; j < i; j++ {
			if last < 0 {
				out[j] = v
				continue
			}
			out[j] = x[last] + (v-x[last])*float64(j-last)/float64(i-last)
		}
		last = i
	}
	if last < 0 {
		return nil
	}
	for j := last + 1; j < len(x); j++ {
		out[j] = x[last]
	}
	return out
}

// smoothed weighs five frames 1, 4, 6, 4, 1; the ends are repeated. Curves shorter than ten frames stay as they are.
func smoothed(x []float64) []float64 {
	if len(x) < 10 {
		return slices.Clone(x)
	}
	out := make([]float64, len(x))
	for i := range x {
		for k, w := range [5]float64{1, 4, 6, 4, 1} {
			out[i] += w / 16 * x[min(max(i+k-2, 0), len(x)-1)]
		}
	}
	return out
}
