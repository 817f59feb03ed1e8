package survival

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// DCalibration tests whether the predicted survival at people's own times is spread evenly over [0, 1] (Haider et al. 2020). A censored
// person's unit of count is spread over the bins at and below its predicted survival.
type DCalibration struct {
	Chi2 float64
	P    float64
	Hist []float64 // from survival 1 down to 0
}

// DCalibrationTest takes each person's predicted survival at the own time and whether the event happened.
func DCalibrationTest(survival []float64, event []int, bins int) DCalibration {
	d := DCalibration{Hist: make([]float64, bins), P: math.NaN(), Chi2: math.NaN()}
	edge := func(i int) float64 { return 1 + float64(i)*(-1/float64(bins)) }
	for i, s := range survival {
		if event[i] == 0 && s == 1 {
			for b := range d.Hist {
				d.Hist[b] += 1 / float64(bins)
			}
			continue
		}
		b := 0
		for b < bins-1 && s < edge(b+1) {
			b++
		}
		switch {
		case event[i] != 0:
			d.Hist[b]++
		case s == 0:
			d.Hist[b]++
		default:
			d.Hist[b] += (s - math.Max(edge(b+1), 0)) / s
			for c := b + 1; c < bins; c++ {
				d.Hist[c] += 1 / (float64(bins) * s)
			}
		}
	}
	total := 0.0
	for _, h := range d.Hist {
		total += h
	}
	if total == 0 || bins < 2 {
		return d
	}
	want := total / float64(bins)
	d.Chi2 = 0
	for _, h := range d.Hist {
		d.Chi2 += (h - want) * (h - want) / want
	}
	d.P = distuv.ChiSquared{K: float64(bins - 1)}.Survival(d.Chi2)
	return d
}

// OneCalibration compares predicted with observed event probability at one horizon (D'Agostino and Nam 2003; Hosmer and Lemeshow 1980
// with Kaplan–Meier in each bin).
type OneCalibration struct {
	P, Chi2            float64
	Observed, Expected []float64 // by bin, largest predictions first
	N                  []int
}

// OneCalibrationTest bins people by predicted probability of an event by horizon into equal numbers. A bin whose last time is before the
// horizon is extrapolated on a straight line from (first time or 0, its survival) through its last point, as SurvivalEVAL does.
func OneCalibrationTest(predicted []float64, l Labels, horizon float64, bins int) (OneCalibration, error) {
	if bins < 3 {
		return OneCalibration{}, fault.New(fault.Usage, "1-calibration: %d bins, want at least 3", bins)
	}
	negative := make([]float64, len(predicted))
	for i, p := range predicted {
		negative[i] = -p
	}
	order := numpyOrder(negative)
	var out OneCalibration
	for b := range bins {
		rows := part(order, bins, b)
		if len(rows) == 0 {
			continue
		}
		mean := 0.0
		for _, i := range rows {
			mean += predicted[i] / float64(len(rows))
		}
		observed := 1 - extrapolated(KaplanMeier(l.Select(rows)), horizon)
		n := float64(len(rows))
		out.Chi2 += n * (observed - mean) * (observed - mean) / (mean * (1 - mean))
		out.Observed, out.Expected, out.N = append(out.Observed, observed), append(out.Expected, mean), append(out.N, len(rows))
	}
	df := len(out.N) - 1
	if len(out.N) > 15 {
		df--
	}
	if df < 1 {
		return OneCalibration{}, fault.New(fault.Input, "1-calibration: %d people are too few for bins", len(predicted))
	}
	out.P = distuv.ChiSquared{K: float64(df)}.Survival(out.Chi2)
	return out, nil
}

// part is the b-th of k consecutive parts of nearly equal size, larger ones first (NumPy's array_split).
func part(order []int, k, b int) []int {
	n := len(order)
	size, extra := n/k, n%k
	lo := b*size + min(b, extra)
	hi := lo + size
	if b < extra {
		hi++
	}
	return order[lo:hi]
}

// extrapolated is Kaplan–Meier survival with a straight line beyond the last time.
func extrapolated(km KM, t float64) float64 {
	last := len(km.Times) - 1
	if t <= km.Times[last] {
		return km.At(t)
	}
	t0, s0 := 0.0, 1.0
	if km.Times[0] <= 0 {
		t0, s0 = km.Times[0], km.Values[0]
	}
	slope := 0.0
	if km.Times[last] > t0 {
		slope = (km.Values[last] - s0) / (km.Times[last] - t0)
	}
	return math.Max(km.Values[last]+slope*(t-km.Times[last]), 0)
}

// Smooth is a smoothed calibration curve at a horizon with its summaries (Austin, Harrell and van Klaveren 2020).
type Smooth struct {
	Predicted, Observed []float64 // by person, in the order of predictions
	ICI                 float64   // mean |observed − predicted|
	E50, E90, EMax      float64
}

// SmoothCalibration estimates the observed probability of an event by horizon as a function of the predicted one: a Cox model with a
// restricted cubic spline (knots at the 10th, 50th and 90th percentile) of log(−log(1 − predicted)).
func SmoothCalibration(predicted []float64, l Labels, horizon float64) (Smooth, error) {
	z := make([]float64, len(predicted))
	for i, p := range predicted {
		z[i] = math.Log(-math.Log(1 - clip(p)))
	}
	sorted := slices.Sorted(slices.Values(z))
	knots := []float64{stats.Quantile(sorted, 0.1), stats.Quantile(sorted, 0.5), stats.Quantile(sorted, 0.9)}
	spline := func(v float64) []float64 {
		if knots[0] == knots[1] || knots[1] == knots[2] {
			return []float64{v}
		}
		cube := func(a float64) float64 { return math.Pow(math.Max(a, 0), 3) }
		scale := (knots[2] - knots[0]) * (knots[2] - knots[0])
		return []float64{v, (cube(v-knots[0]) - cube(v-knots[1])*(knots[2]-knots[0])/(knots[2]-knots[1]) +
			cube(v-knots[2])*(knots[1]-knots[0])/(knots[2]-knots[1])) / scale}
	}
	x := make([][]float64, len(z))
	for i, v := range z {
		x[i] = spline(v)
	}
	fit, err := FitCox(x, l.Any(), CoxOptions{Ridge: 1e-6})
	if err != nil {
		return Smooth{}, err
	}
	curves := fit.Baseline(x, l.Any()).Curves(fit.LogHazard(x))
	row := curves.Row(horizon)
	out := Smooth{}
	for _, i := range byTime(predicted) {
		out.Predicted = append(out.Predicted, predicted[i])
		out.Observed = append(out.Observed, 1-row[i])
	}
	gaps := make([]float64, len(out.Predicted))
	for i := range gaps {
		gaps[i] = math.Abs(out.Observed[i] - out.Predicted[i])
		out.ICI += gaps[i] / float64(len(gaps))
	}
	slices.Sort(gaps)
	out.E50, out.E90, out.EMax = stats.Quantile(gaps, 0.5), stats.Quantile(gaps, 0.9), gaps[len(gaps)-1]
	return out, nil
}
