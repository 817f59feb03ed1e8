package uncertainty

import (
	"fmt"
	"strings"
)

// Reading is what a reader sees of one item: the answer with its interval or set, or the reason why there is none, where doubt comes
// from, and how many training items resemble this one. Readers follow a number that a machine shows, also a wrong one: the interval
// and the reason stand beside it.
type Reading struct {
	Item, Patient, Split string
	Fold                 int
	Target               string
	Truth                string  // empty: not known
	Answer               string  // a class, or a value with its unit; empty: abstained
	Class                string  // the likeliest, also where the answer is withheld
	Value                float64 // its probability; of a regression, the value
	Set                  []string
	Low, High            float64   // interval of a number; NaN: none
	Total, Data, Model   float64   // uncertainty: entropies in nats, or variances; NaN: not said
	Scores               []float64 // out of distribution, in the order of their names
	Strange              float64   // share of usual items less strange
	Like                 int       // training items as near as neighbours usually are
	Reason               string    // of abstaining
}

// Words are the reading in a sentence.
func (r Reading) Words() string {
	var s strings.Builder
	if r.Reason != "" {
		fmt.Fprintf(&s, "%s: no answer: %s", r.Target, r.Reason)
	} else {
		fmt.Fprintf(&s, "%s: %s", r.Target, r.Answer)
		if len(r.Set) > 1 {
			fmt.Fprintf(&s, "; also plausible: %s", strings.Join(without(r.Set, r.Class), ", "))
		}
	}
	if r.Low == r.Low && r.High == r.High {
		fmt.Fprintf(&s, " (%.4g to %.4g)", r.Low, r.High)
	}
	switch {
	case r.Like == 0:
		s.WriteString("; nothing like it was seen in training")
	case r.Like > 0:
		fmt.Fprintf(&s, "; %d like it in training", r.Like)
	}
	return s.String()
}

func without(set []string, one string) []string {
	var out []string
	for _, s := range set {
		if s != one {
			out = append(out, s)
		}
	}
	return out
}
