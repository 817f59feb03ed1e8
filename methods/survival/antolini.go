package survival

import "math"

// Antolini is the time-dependent concordance of Antolini, Boracchi and Biganzoli 2005, in its two forms.
type Antolini struct {
	Strict   float64 // equal predictions count as wrong: the paper's
	Adjusted float64 // ties of predictions and of times count as in random survival forests (Ishwaran et al. 2008): pycox's default
}

// AntoliniConcordance compares, at each event's time, the survival predicted for the one with the event and for those still free of it.
// With late entry those who enter at or after it are in no pair. weight are whole or fractional counts of people; nil is 1 each. With
// curves of few steps many predictions tie: report both forms.
func AntoliniConcordance(c Curves, l Labels, weight []float64) Antolini {
	var strict, pairs, adjusted, adjustedPairs float64
	w := func(i int) float64 {
		if weight == nil {
			return 1
		}
		return weight[i]
	}
	for i, t := range l.Time {
		if w(i) == 0 {
			continue
		}
		row := c.Row(t)
		s := row[i]
		if l.Event[i] == 0 {
			// Adjusted pairs also look from a censored person at those who had the event at the same time.
			for j, u := range l.Time {
				if u == t && j != i && l.Event[j] != 0 {
					v := w(i) * w(j)
					adjustedPairs += v
					switch {
					case s > row[j]:
						adjusted += v
					case s == row[j]:
						adjusted += v / 2
					}
				}
			}
			continue
		}
		for j, u := range l.Time {
			if u < t || j == i || l.Entry != nil && l.Entry[j] >= t {
				continue
			}
			v := w(i) * w(j)
			if v == 0 {
				continue
			}
			if u > t || l.Event[j] == 0 {
				pairs += v
				adjustedPairs += v
				switch {
				case s < row[j]:
					strict += v
					adjusted += v
				case s == row[j]:
					adjusted += v / 2
				}
				continue
			}
			adjustedPairs += v // two events at one time: predictions should agree
			if s == row[j] {
				adjusted += v
			} else {
				adjusted += v / 2
			}
		}
	}
	out := Antolini{Strict: math.NaN(), Adjusted: math.NaN()}
	if pairs > 0 {
		out.Strict = strict / pairs
	}
	if adjustedPairs > 0 {
		out.Adjusted = adjusted / adjustedPairs
	}
	return out
}
