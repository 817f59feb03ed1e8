package uncertainty

import (
	"math"

	"github.com/cineloop/cineloop/methods/survival"
)

// SurvivalBoundIPCW calibrates lower bounds of survival times where censoring times of people with an event are not known, the common
// case: min(T, cutoff) of a person is seen if the person is watched until then, so those seen weigh 1/G(min(T, cutoff)−), with G the
// reverse Kaplan–Meier estimate of the calibration people's censoring. A new bound is the prediction, capped at cutoff, less the quantile.
// Censoring is taken to be independent of the time given nothing more. With no censoring it is the split conformal bound, exactly.
// kept is how many people were seen.
func SurvivalBoundIPCW(predicted, time []float64, event []int, cutoff, alpha float64) (bound Conformal, kept int) {
	g := survival.Censoring(survival.Labels{Time: time, Event: event}, survival.Reverse)
	var scores, weight []float64
	own := 0.0
	for i, t := range time {
		if event[i] == 0 && t < cutoff {
			continue
		}
		at := math.Min(t, cutoff)
		w := g.Left(at)
		if w <= 0 {
			continue
		}
		scores, weight = append(scores, math.Min(predicted[i], cutoff)-at), append(weight, 1/w)
		own = math.Max(own, 1/w)
	}
	return CalibrateWeighted(scores, weight, math.Max(own, 1), alpha), len(scores)
}

// TimeQuantile is the first time at which a survival curve, straight between times and 1 at 0, falls to 1 − p; the last time where it
// never does.
func TimeQuantile(times, curve []float64, p float64) float64 {
	t0, s0 := 0.0, 1.0
	for k, t := range times {
		s := curve[k]
		if s <= 1-p {
			if s == s0 {
				return t
			}
			return t0 + (t-t0)*(s0-(1-p))/(s0-s)
		}
		t0, s0 = t, s
	}
	return t0
}

// curveAt is a survival curve at t; beyond its last time it stays.
func curveAt(times, curve []float64, t float64) float64 {
	t0, s0 := 0.0, 1.0
	for k, at := range times {
		if t <= at {
			if at == t0 {
				return curve[k]
			}
			return s0 + (curve[k]-s0)*(t-t0)/(at-t0)
		}
		t0, s0 = at, curve[k]
	}
	return s0
}
