package survival

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// CensoringModel is how the probability of not being censored, G, is estimated. Libraries differ at ties.
type CensoringModel int

const (
	// Reverse is the reverse Kaplan–Meier estimate: at a time with both, events come first, so they are not at risk of censoring. As in
	// scikit-survival, prodlim and riskRegression.
	Reverse CensoringModel = iota
	// Plain takes everybody with that time as at risk of censoring: the Kaplan–Meier estimate of (time, 1 − event), as in pycox.
	Plain
)

func (m CensoringModel) String() string {
	if m == Plain {
		return "Kaplan–Meier of (time, 1 − event)"
	}
	return "reverse Kaplan–Meier, events before censorings"
}

// Censoring estimates G, the probability of being still watched, as a step function; Left gives G(t−). It knows nothing of those who
// never came under watch: with late entry, [Watched] does.
func Censoring(l Labels, m CensoringModel) Step {
	s := Step{Before: 1}
	g := 1.0
	for _, r := range riskTable(l) {
		c, n := r.gone-r.events[0], r.atRisk
		if m == Reverse {
			n -= r.events[0]
		}
		if n > 0 && c > 0 {
			g *= 1 - c/n
		}
		s.Times, s.Values = append(s.Times, r.time), append(s.Values, g)
	}
	return s
}

// reach is the first time from which G is zero, +Inf where it never is.
func reach(g Step) float64 {
	for i, v := range g.Values {
		if v <= 0 {
			return g.Times[i]
		}
	}
	return math.Inf(1)
}

// outOfReach explains why a time cannot be weighted by 1/G: an Input error that names the limit.
func outOfReach(what string, t float64, g Step) error {
	limit := reach(g)
	if g.Before <= 0 {
		return fault.New(fault.Input, "%s at time %g is out of reach: with late entry nobody is watched there, or the last person watched had the event before others came", what, t).
			WithHint("choose horizons where several people are watched, or leave out the first entries")
	}
	return fault.New(fault.Input, "%s at time %g is out of reach: everybody still followed is censored by time %g, so the probability of being watched is 0 there and nothing can stand in for those censored", what, t, limit).
		WithHint("choose horizons below %g, or an end time tau", limit)
}

// horizonsInReach splits times into those that can be weighted and a sentence about the rest ("" when none). A time is out of reach where
// somebody is free of the event beyond it but nobody is likely to be watched there.
func horizonsInReach(times []float64, l Labels, g Step) (in []float64, note string) {
	latest := slices.Max(l.Time)
	dropped := 0
	for _, t := range times {
		if g.At(t) > 0 || t >= latest && g.Left(latest) > 0 {
			in = append(in, t)
		} else {
			dropped++
		}
	}
	switch {
	case dropped == 0:
	case g.Before > 0:
		note = fmt.Sprintf("%d of %d times are at or after %g, where nobody is watched any more; they are left out", dropped, len(times), reach(g))
	default:
		note = fmt.Sprintf("%d of %d times are where nobody is watched, or after the last person watched had the event; they are left out", dropped, len(times))
	}
	return in, note
}
