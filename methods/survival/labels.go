package survival

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Labels are what is known about each person's time to an event.
type Labels struct {
	Time  []float64 // of the event, or the last time at which the person was known to be free of it
	Event []int     // 0: censored at Time; k: the event of cause k happened at Time
	Entry []float64 // left truncation: watched from then on; nil: everybody from the start
	// Upper is the upper end of interval censoring: the event happened in (Time, Upper]. +Inf is right censoring, Upper = Time an
	// event seen exactly. nil: no interval censoring. Only the parametric losses use it.
	Upper []float64
}

// Len is the number of people.
func (l Labels) Len() int { return len(l.Time) }

// Events is the number of events of any cause.
func (l Labels) Events() int {
	n := 0
	for _, e := range l.Event {
		if e != 0 {
			n++
		}
	}
	return n
}

// Causes is the largest code of a cause.
func (l Labels) Causes() int {
	most := 0
	for _, e := range l.Event {
		most = max(most, e)
	}
	return most
}

// Check says what makes the labels unusable: an Input error that names the row (counted from 1) and what to do.
func (l Labels) Check() error {
	n := len(l.Time)
	if len(l.Event) != n || l.Entry != nil && len(l.Entry) != n || l.Upper != nil && len(l.Upper) != n {
		return fault.New(fault.Internal, "labels of different lengths: %d times, %d events, %d entries, %d upper ends", n, len(l.Event), len(l.Entry), len(l.Upper))
	}
	if n == 0 {
		return fault.New(fault.Input, "no rows with a time and an event")
	}
	for i, t := range l.Time {
		switch {
		case math.IsNaN(t) || math.IsInf(t, 0):
			return fault.New(fault.Input, "row %d: the time is not a number", i+1)
		case t < 0:
			return fault.New(fault.Input, "row %d: the time %g is negative", i+1, t).
				WithHint("times count from the image to the event or the end of follow-up; events before the image are not outcomes")
		case l.Event[i] < 0:
			return fault.New(fault.Input, "row %d: the event code %d is negative", i+1, l.Event[i]).WithHint("0 is censored, 1, 2, … are causes")
		case l.Entry != nil && !(l.Entry[i] < t):
			return fault.New(fault.Input, "row %d: watched from %g but the time is %g", i+1, l.Entry[i], t).
				WithHint("a person who enters at or after the event was never at risk: leave the row out")
		case l.Upper != nil && !(l.Upper[i] >= t):
			return fault.New(fault.Input, "row %d: the interval ends at %g, before its start %g", i+1, l.Upper[i], t)
		}
	}
	return nil
}

// CheckTrain is Check, and that there is something to learn from.
func (l Labels) CheckTrain() error {
	if err := l.Check(); err != nil {
		return err
	}
	if l.Events() == 0 && l.Upper == nil {
		return fault.New(fault.Input, "none of the %d rows has an event: there is nothing to learn from", l.Len()).
			WithHint("check the event column's coding (1 = event), or use folds stratified by event")
	}
	if slices.Max(l.Time) == 0 {
		return fault.New(fault.Input, "all %d times are 0: nothing can be ordered", l.Len()).WithHint("check the time column's unit; days rounded to years do this")
	}
	return nil
}

// Cause is the labels for one cause alone: other causes count as censored.
func (l Labels) Cause(k int) Labels {
	out := l
	out.Event = make([]int, len(l.Event))
	for i, e := range l.Event {
		if e == k {
			out.Event[i] = 1
		}
	}
	return out
}

// Any is the labels for an event of whatever cause.
func (l Labels) Any() Labels {
	out := l
	out.Event = make([]int, len(l.Event))
	for i, e := range l.Event {
		if e != 0 {
			out.Event[i] = 1
		}
	}
	return out
}

// Censoring is the labels turned round: being censored is the event.
func (l Labels) Censoring() Labels {
	out := l
	out.Event = make([]int, len(l.Event))
	for i, e := range l.Event {
		if e == 0 {
			out.Event[i] = 1
		}
	}
	return out
}

// Select is the rows of that order.
func (l Labels) Select(rows []int) Labels {
	out := Labels{Time: make([]float64, len(rows)), Event: make([]int, len(rows))}
	if l.Entry != nil {
		out.Entry = make([]float64, len(rows))
	}
	if l.Upper != nil {
		out.Upper = make([]float64, len(rows))
	}
	for i, r := range rows {
		out.Time[i], out.Event[i] = l.Time[r], l.Event[r]
		if l.Entry != nil {
			out.Entry[i] = l.Entry[r]
		}
		if l.Upper != nil {
			out.Upper[i] = l.Upper[r]
		}
	}
	return out
}

// byTime is the order of ascending times; equal times keep their order.
func byTime(time []float64) []int {
	order := make([]int, len(time))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case time[a] < time[b]:
			return -1
		case time[a] > time[b]:
			return 1
		}
		return 0
	})
	return order
}
