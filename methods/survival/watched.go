package survival

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Watched is the probability of being under observation at each time, for somebody free of the event: what every person in a weighted
// metric stands for is its inverse. Without late entry it is [Censoring]'s reverse estimate of not being censored yet.
//
// With late entry it is W(t) = Y(t) / (n S(t)), Y the number at risk and S the Kaplan–Meier estimate, both with risk sets of those who
// have entered (Woodroofe 1985; Wang 1991): people who had the event before they could enter are missing from the data, so that those
// who are watched at early times stand for more than themselves. W is known up to one factor, the share of people who lived to enter,
// which no normalised metric depends on. It rises while people come and falls while they leave. At gives it just after t, Left at t,
// when those who enter at t are not yet watched. It is 0 where nobody is watched, and where the risk set ran empty before: what comes
// after cannot be weighted.
func Watched(l Labels) Step {
	if l.Entry == nil {
		return Censoring(l, Reverse)
	}
	n := float64(l.Len())
	km := KaplanMeier(l)
	in, out := slices.Sorted(slices.Values(l.Entry)), slices.Sorted(slices.Values(l.Time))
	var w Step
	for _, t := range slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(in), out...)))) {
		entered, _ := slices.BinarySearch(in, math.Nextafter(t, math.Inf(1)))
		gone, _ := slices.BinarySearch(out, math.Nextafter(t, math.Inf(1)))
		v := 0.0
		if s := km.At(t); s > 0 {
			v = float64(entered-gone) / (n * s)
		}
		w.Times, w.Values = append(w.Times, t), append(w.Values, v)
	}
	return w
}

// atEvent is the probability of being watched that an event at t is weighted by: G(t), as scikit-survival has it, or with late entry W(t),
// before those who come at t.
func atEvent(w Step, train Labels, t float64) float64 {
	if train.Entry == nil {
		return w.At(t)
	}
	return w.Left(t)
}

// hasEntered says whether person i is under observation just after t, if free of the event.
func (l Labels) hasEntered(i int, t float64) bool { return l.Entry == nil || l.Entry[i] <= t }

// sameEntry is an Input error where only one of two cohorts has late entry: the watching of one says nothing of the other.
func sameEntry(what string, l, train Labels) error {
	if (l.Entry == nil) == (train.Entry == nil) {
		return nil
	}
	with, without := "judged", "training"
	if l.Entry == nil {
		with, without = without, with
	}
	return fault.New(fault.Input, "%s: the %s rows have times of entry and the %s rows have none", what, with, without).
		WithHint("give both an entry column (the start of watching, below every time where everybody was watched from the start)")
}
