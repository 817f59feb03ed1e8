package survival

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Cuts are ascending times that a discrete model knows.
type Cuts []float64

// EquidistantCuts are num times from 0 to the latest one.
func EquidistantCuts(l Labels, num int) (Cuts, error) {
	if num < 2 {
		return nil, fault.New(fault.Usage, "%d cuts: want at least 2", num)
	}
	latest := slices.Max(l.Time)
	if !(latest > 0) {
		return nil, fault.New(fault.Input, "the latest time is %g: there is nothing to cut", latest)
	}
	cuts := make(Cuts, num)
	step := latest / float64(num-1)
	for i := range cuts {
		cuts[i] = float64(i) * step
	}
	cuts[num-1] = latest
	return cuts, nil
}

// QuantileCuts are at equal steps of the Kaplan–Meier estimate, so that each interval holds as much of the mass (Kvamme and Borgan
// 2019, section 4.1). Fewer than num where times repeat too much. The first is 0, the last the latest time.
func QuantileCuts(l Labels, num int) (Cuts, error) {
	if num < 2 {
		return nil, fault.New(fault.Usage, "%d cuts: want at least 2", num)
	}
	km := KaplanMeier(l)
	times, surv := slices.Clone(km.Times), slices.Clone(km.Values)
	if len(times) == 0 || times[len(times)-1] <= 0 {
		return nil, fault.New(fault.Input, "no time above 0: there is nothing to cut")
	}
	if times[0] > 0 {
		times, surv = append([]float64{0}, times...), append([]float64{1}, surv...)
	}
	slices.Reverse(times)
	slices.Reverse(surv) // ascending survival
	low, high := surv[0], surv[len(surv)-1]
	var cuts Cuts
	for i := range num {
		s := low + (high-low)*float64(i)/float64(num-1)
		if i == num-1 {
			s = high
		}
		at, _ := slices.BinarySearch(surv, s)
		at = min(at, len(times)-1)
		cuts = append(cuts, times[at])
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	cuts[0] = 0
	return cuts, nil
}

// Discrete maps labels to indices of cuts: an event to the first cut at or after it, a censoring to the last cut at or before it,
// times beyond the last cut are censored there (pycox's LabTransDiscreteTime).
func (c Cuts) Discrete(l Labels) (index, event []int) {
	index, event = make([]int, l.Len()), make([]int, l.Len())
	last := c[len(c)-1]
	for i, t := range l.Time {
		e := l.Event[i]
		if t > last {
			t, e = last, 0
		}
		at, exact := slices.BinarySearch(c, t)
		if e == 0 && !exact {
			at--
		}
		index[i], event[i] = max(at, 0), e
	}
	return index, event
}

// Piecewise maps labels to intervals between cuts for [PCHazardLoss]: the interval's index (−1: at the very start, which carries no
// information), the event and the share of the interval that had passed.
func (c Cuts) Piecewise(l Labels) (index, event []int, fraction []float64) {
	index, event, fraction = make([]int, l.Len()), make([]int, l.Len()), make([]float64, l.Len())
	last := c[len(c)-1]
	for i, t := range l.Time {
		e := l.Event[i]
		if t > last {
			t, e = last, 0
		}
		at, _ := slices.BinarySearch(c, t)
		if at == 0 {
			index[i] = -1
			continue
		}
		index[i], event[i] = at-1, e
		fraction[i] = 1 - (c[at]-t)/(c[at]-c[at-1])
	}
	return index, event, fraction
}

// TimeScale standardises times for Cox-Time, after log(1 + t) if Log (pycox's LabTransCoxTime).
type TimeScale struct {
	Mean, Std float64
	Log       bool
}

// FitTimeScale takes mean and population standard deviation of the training times.
func FitTimeScale(times []float64, log bool) TimeScale {
	s := TimeScale{Log: log, Std: 1}
	n := float64(len(times))
	for _, t := range times {
		s.Mean += s.raw(t) / n
	}
	v := 0.0
	for _, t := range times {
		v += (s.raw(t) - s.Mean) * (s.raw(t) - s.Mean) / n
	}
	if v > 0 {
		s.Std = math.Sqrt(v)
	}
	return s
}

func (s TimeScale) raw(t float64) float64 {
	if s.Log {
		return math.Log1p(t)
	}
	return t
}

// Scale is t in standard units.
func (s TimeScale) Scale(t float64) float64 { return (s.raw(t) - s.Mean) / s.Std }
