package survival

import "math"

// NetBenefit is one point of a decision curve (Vickers and Elkin 2006; Vickers et al. 2008 for censored data): the benefit of treating
// those whose predicted probability of an event by the horizon is at least Threshold, beside treating all; treating none is 0.
type NetBenefit struct {
	Threshold  float64
	Model, All float64
	Treated    float64 // share of people
}

// DecisionCurve estimates the event probability among those treated by Kaplan–Meier, or Aalen–Johansen with several causes.
func DecisionCurve(predicted []float64, l Labels, cause int, horizon float64, thresholds []float64) []NetBenefit {
	n := float64(l.Len())
	rate := func(rows []int) float64 {
		if len(rows) == 0 {
			return 0
		}
		s := l.Select(rows)
		if s.Causes() > 1 {
			if s.Causes() < cause {
				return 0
			}
			return AalenJohansen(s).Cause(cause).At(horizon)
		}
		return 1 - KaplanMeier(s).At(horizon)
	}
	all := rate(allRows(l.Len()))
	var out []NetBenefit
	for _, t := range thresholds {
		var rows []int
		for i, p := range predicted {
			if p >= t {
				rows = append(rows, i)
			}
		}
		odds := t / (1 - t)
		share := float64(len(rows)) / n
		r := rate(rows)
		b := NetBenefit{Threshold: t, Treated: share, All: all - (1-all)*odds, Model: share*r - share*(1-r)*odds}
		if math.IsInf(odds, 0) {
			b.All, b.Model = math.Inf(-1), math.NaN()
		}
		out = append(out, b)
	}
	return out
}
