package uncertainty

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

// Others are the classes of the set beside the likeliest.
func (r Reading) Others() []string {
	var out []string
	for _, s := range r.Set {
		if s != r.Class {
			out = append(out, s)
		}
	}
	return out
}
