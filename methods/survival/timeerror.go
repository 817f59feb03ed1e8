package survival

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// CensoredTime is how a mean absolute error of predicted times treats people whose time is censored (Haider et al. 2020; Qi et al. 2023).
type CensoredTime int

const (
	// UncensoredOnly leaves them out.
	UncensoredOnly CensoredTime = iota
	// Hinge counts only predictions before the censoring time as wrong.
	Hinge
	// Margin replaces the time by the conditional mean given survival so far.
	Margin
	// PseudoObservation replaces it by what the person adds to the training set's mean.
	PseudoObservation
	// IPCWT replaces it by the mean of later training events.
	IPCWT
)

// MeanTimeError is the mean absolute error of predicted times. Censored people weigh 1 − S(censoring time) of the training set's
// Kaplan–Meier estimate S, save with UncensoredOnly. Mean times integrate S by trapezoids with a straight line to zero beyond its end,
// as SurvivalEVAL does.
func MeanTimeError(predicted []float64, l, train Labels, method CensoredTime) (float64, error) {
	km := KaplanMeier(train)
	if len(km.Times) == 0 {
		return 0, fault.New(fault.Input, "time error: no training labels")
	}
	a := newKMArea(km)
	var sum, weights float64
	for i, t := range l.Time {
		if l.Event[i] != 0 {
			sum += math.Abs(t - predicted[i])
			weights++
			continue
		}
		w := 1 - extrapolated(km, t)
		target := t
		switch method {
		case UncensoredOnly:
			continue
		case Hinge:
			sum += w * math.Max(t-predicted[i], 0)
			weights += w
			continue
		case Margin:
			if t <= a.zero {
				target = a.guess(t)
			}
		case PseudoObservation:
			target = a.pseudo(t)
		case IPCWT:
			s, n := 0.0, 0.0
			for j, u := range train.Time {
				if train.Event[j] != 0 && u > t {
					s += u
					n++
				}
			}
			if n == 0 {
				continue
			}
			target = s / n
		}
		sum += w * math.Abs(target-predicted[i])
		weights += w
	}
	if weights == 0 {
		return math.NaN(), nil
	}
	return sum / weights, nil
}

// kmArea is a Kaplan–Meier estimate made linear between its points, with the area to the right of each.
type kmArea struct {
	km           KM
	times, probs []float64
	area         []float64
	zero         float64 // where the line from (0, 1) through the last point reaches zero
	n            float64
}

func newKMArea(km KM) kmArea {
	a := kmArea{km: km, n: km.labels[0]}
	a.times, a.probs = append(a.times, km.Times...), append(a.probs, km.Values...)
	if a.times[0] > 0 {
		a.times, a.probs = append([]float64{0}, a.times...), append([]float64{1}, a.probs...)
	}
	last := len(a.times) - 1
	a.zero = a.times[last] / (1 - a.probs[last])
	if math.IsInf(a.zero, 0) || math.IsNaN(a.zero) {
		a.zero = a.times[last]
	} else if a.probs[last] != 0 {
		a.times, a.probs = append(a.times, a.zero), append(a.probs, 0)
	}
	a.area = areas(a.times, a.probs)
	return a
}

// areas is the trapezoid area from each time to the end.
func areas(times, probs []float64) []float64 {
	out := make([]float64, len(times))
	for i := len(times) - 2; i >= 0; i-- {
		out[i] = out[i+1] + (times[i+1]-times[i])*(probs[i]+probs[i+1])/2
	}
	return out
}

// guess is the mean time given survival to t.
func (a kmArea) guess(t float64) float64 {
	last := a.km.Times[len(a.km.Times)-1]
	lowest := a.km.Values[len(a.km.Values)-1]
	s := 1 - t*(1-lowest)/last
	if t <= last {
		s = a.km.At(t)
	}
	s = math.Max(s, 1e-10)
	next := 0 // first time after t
	for next < len(a.times) && a.times[next] <= t {
		next++
	}
	if next == len(a.times) {
		return t
	}
	return t + ((a.times[next]-t)*(a.probs[next]+s)/2+a.area[next])/s
}

// pseudo is (n+1)·mean with the person added as censored at t, less n·mean without.
func (a kmArea) pseudo(t float64) float64 {
	var times, with, without []float64
	last := len(a.km.Times) - 1
	s0, s1 := 1.0, 1.0
	add := func(u, d, n float64) {
		s0 *= 1 - d/n
		if u <= t {
			n++
		}
		s1 *= 1 - d/n
		times, without, with = append(times, u), append(without, s0), append(with, s1)
	}
	for i, u := range a.km.Times {
		if a.km.Events[i] > 0 || i == last {
			add(u, a.km.Events[i], a.km.AtRisk[i])
		}
	}
	mean := meanTime(times, without)
	if t >= times[len(times)-1] {
		times, with = append(times, t), append(with, with[len(with)-1])
	}
	return (a.n+1)*meanTime(times, with) - a.n*mean
}

// meanTime integrates by trapezoids from (0, 1), with a line to zero beyond the end.
func meanTime(times, probs []float64) float64 {
	x, y := append([]float64{0}, times...), append([]float64{1}, probs...)
	last := len(x) - 1
	if y[last] != 0 {
		x, y = append(x, x[last]/(1-y[last])), append(y, 0)
	}
	return areas(x, y)[0]
}
