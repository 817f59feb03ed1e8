package svg

import (
	"math"
	"strconv"
	"strings"
)

// Axis is one direction of a plot.
type Axis struct {
	Label    string
	Min, Max float64
	Count    int  // of ticks, about; default 5
	Whole    bool // ticks at whole numbers only
}

// Around returns an axis whose range holds all finite values, widened to round numbers. Without any it is 0 to 1.
func Around(label string, values ...float64) Axis {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	if lo == hi {
		lo, hi = lo-0.5, hi+0.5
	}
	step := niceStep((hi - lo) / 5)
	return Axis{Label: label, Min: math.Floor(lo/step+1e-9) * step, Max: math.Ceil(hi/step-1e-9) * step}
}

// Ticks are round values within the axis: multiples of 1, 2 or 5 times a power of ten.
func (a Axis) Ticks() []float64 {
	n := a.Count
	if n == 0 {
		n = 5
	}
	if !(a.Max > a.Min) {
		return []float64{a.Min}
	}
	step := niceStep(0.8 * (a.Max - a.Min) / float64(n)) // rather a tick too many than half as many
	if a.Whole {
		step = math.Max(1, math.Round(step))
	}
	var out []float64
	for k := math.Ceil(a.Min/step - 1e-9); k <= math.Floor(a.Max/step+1e-9); k++ {
		out = append(out, k*step)
	}
	return out
}

// niceStep is the smallest of 1, 2, 5 times a power of ten that is at least rough.
func niceStep(rough float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= rough*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// Labels are the ticks' texts, with as many decimals as tell them apart.
func (a Axis) Labels() []string {
	ticks := a.Ticks()
	decimals := 0
	if len(ticks) > 1 {
		decimals = max(0, int(math.Ceil(-math.Log10(ticks[1]-ticks[0])-1e-9)))
	}
	out := make([]string, len(ticks))
	for i, t := range ticks {
		out[i] = strings.Replace(strconv.FormatFloat(t+0, 'f', decimals, 64), "-", "−", 1)
		if strings.Trim(out[i], "−0.") == "" {
			out[i] = strings.TrimPrefix(out[i], "−")
		}
	}
	return out
}

// at is where v lies between lo and hi in drawing units.
func (a Axis) at(v, lo, hi float64) float64 {
	if a.Max == a.Min {
		return (lo + hi) / 2
	}
	return lo + (v-a.Min)/(a.Max-a.Min)*(hi-lo)
}
