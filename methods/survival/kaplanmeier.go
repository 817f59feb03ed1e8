package survival

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// risk is one distinct time of a cohort.
type risk struct {
	time   float64
	atRisk float64
	events []float64 // by cause, [0] is of any cause
	gone   float64   // all whose time this is
}

// riskTable is every distinct time, ascending, with the number at risk just before it. Entries are left truncation.
func riskTable(l Labels) []risk {
	order := byTime(l.Time)
	causes := l.Causes()
	var entries []float64
	if l.Entry != nil {
		entries = slices.Sorted(slices.Values(l.Entry))
	}
	var out []risk
	left := float64(len(order))
	for lo := 0; lo < len(order); {
		t := l.Time[order[lo]]
		r := risk{time: t, events: make([]float64, causes+1)}
		hi := lo
		for hi < len(order) && l.Time[order[hi]] == t {
			if e := l.Event[order[hi]]; e != 0 {
				r.events[0]++
				r.events[e]++
			}
			hi++
		}
		r.gone = float64(hi - lo)
		r.atRisk = left
		if entries != nil { // those who enter at t or later are not yet watched
			i, _ := slices.BinarySearch(entries, t)
			r.atRisk -= float64(len(entries) - i)
		}
		left -= r.gone
		out = append(out, r)
		lo = hi
	}
	return out
}

// KM is a Kaplan–Meier estimate (Kaplan and Meier 1958) at every distinct time, with what goes beside it.
type KM struct {
	Step                    // survival
	AtRisk       []float64  // just before each time
	Events       []float64  // at each time
	StdLog       []float64  // Greenwood standard error of log S
	Hazard       []float64  // Nelson–Aalen cumulative hazard
	VarHazard    []float64  // its variance, Σ d/n²
	Lower, Upper []float64  // pointwise 95 % interval, log(−log S) scale; NaN where S is 0 or 1
	labels       [2]float64 // people and events
}

// KaplanMeier estimates survival from labels; events of all causes count.
func KaplanMeier(l Labels) KM {
	var km KM
	km.Before = 1
	s, greenwood, h, vh := 1.0, 0.0, 0.0, 0.0
	z := stats.NormalQuantile(0.95)
	for _, r := range riskTable(l) {
		d := r.events[0]
		if r.atRisk > 0 {
			s *= 1 - d/r.atRisk
			if d > 0 {
				greenwood += d / (r.atRisk * (r.atRisk - d))
			}
			h += d / r.atRisk
			vh += d / (r.atRisk * r.atRisk)
		}
		std := math.Sqrt(greenwood)
		km.Times, km.Values = append(km.Times, r.time), append(km.Values, s)
		km.AtRisk, km.Events = append(km.AtRisk, r.atRisk), append(km.Events, d)
		km.StdLog = append(km.StdLog, std)
		km.Hazard, km.VarHazard = append(km.Hazard, h), append(km.VarHazard, vh)
		lo, hi := math.NaN(), math.NaN()
		if s > 0 && s < 1 {
			width := z * std / math.Log(s)
			lo = math.Exp(-math.Exp(math.Log(-math.Log(s)) - width))
			hi = math.Exp(-math.Exp(math.Log(-math.Log(s)) + width))
		}
		km.Lower, km.Upper = append(km.Lower, lo), append(km.Upper, hi)
	}
	km.labels = [2]float64{float64(l.Len()), float64(l.Events())}
	return km
}

// Median is the time that half survive, with a 95 % interval (Brookmeyer and Crowley 1982: where the pointwise interval crosses one
// half). NaN where it is not reached.
func (k KM) Median() (median, low, high float64) {
	cross := func(bound []float64) float64 {
		for i, v := range bound {
			if v <= 0.5 || math.IsNaN(v) && k.Values[i] == 0 {
				return k.Times[i]
			}
		}
		return math.NaN()
	}
	return k.Quantile(0.5), cross(k.Lower), cross(k.Upper)
}

// RMST is the restricted mean survival time to tau with its standard error.
func (k KM) RMST(tau float64) (mean, se float64) {
	mean = k.Area(tau)
	variance := 0.0
	for i, t := range k.Times {
		if t > tau || k.Events[i] == 0 {
			continue
		}
		n, d := k.AtRisk[i], k.Events[i]
		rest := mean - k.Area(t)
		if n > d {
			variance += rest * rest * d / (n * (n - d))
		}
	}
	return mean, math.Sqrt(variance)
}

// AtRiskAt is the number at risk just before t.
func AtRiskAt(l Labels, t float64) int {
	n := 0
	for i, v := range l.Time {
		if v >= t && (l.Entry == nil || l.Entry[i] < t) {
			n++
		}
	}
	return n
}

// NelsonAalen is the cumulative hazard (Nelson 1972; Aalen 1978) as a step function.
func NelsonAalen(l Labels) Step {
	km := KaplanMeier(l)
	return Step{Times: km.Times, Values: km.Hazard}
}

// Incidence is cumulative incidence by cause.
type Incidence struct {
	Times []float64
	Free  []float64   // of any event
	CIF   [][]float64 // [cause−1][time]
}

// AalenJohansen estimates the cumulative incidence of each cause among competing ones (Aalen and Johansen 1978).
func AalenJohansen(l Labels) Incidence {
	out := Incidence{CIF: make([][]float64, l.Causes())}
	s := 1.0
	sums := make([]float64, len(out.CIF))
	for _, r := range riskTable(l) {
		if r.atRisk > 0 {
			for c := range sums {
				sums[c] += s * r.events[c+1] / r.atRisk
			}
			s *= 1 - r.events[0]/r.atRisk
		}
		out.Times, out.Free = append(out.Times, r.time), append(out.Free, s)
		for c := range sums {
			out.CIF[c] = append(out.CIF[c], sums[c])
		}
	}
	return out
}

// Cause is one cause's incidence as a step function, causes counted from 1.
func (i Incidence) Cause(k int) Step { return Step{Times: i.Times, Values: i.CIF[k-1]} }
