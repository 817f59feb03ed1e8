package uncertainty

import "slices"

// Strangest makes one statement of several out-of-distribution scores that find different things: an item is as strange as its
// strangest score, each by its rank among usual items (the least p-value, Tippett 1931), and that in turn is ranked among usual items,
// so that a limit of 0.95 refuses one usual item in twenty however many scores there are and however they hang together.
type Strangest struct {
	usual [][]float64 // [score][item]
	worst []float64   // [item] of usual; nil with one score: its ranks say it already
}

// NewStrangest takes scores of usual items, [item][score].
func NewStrangest(usual [][]float64) *Strangest {
	s := &Strangest{}
	for _, item := range usual {
		for k, v := range item {
			if len(s.usual) <= k {
				s.usual = append(s.usual, nil)
			}
			s.usual[k] = append(s.usual[k], v)
		}
	}
	if len(s.usual) > 1 {
		for _, item := range usual {
			s.worst = append(s.worst, slices.Max(s.ranks(item)))
		}
	}
	return s
}

func (s *Strangest) ranks(scores []float64) []float64 {
	out := make([]float64, len(scores))
	for k, v := range scores {
		out[k] = Stranger(s.usual[k], v)
	}
	return out
}

// Of is the share of usual items that are less strange than an item of these scores, and which score says so.
func (s *Strangest) Of(scores []float64) (share float64, by int) {
	r := s.ranks(scores)
	for k, v := range r {
		if v > r[by] {
			by = k
		}
	}
	if s.worst == nil {
		return r[by], by
	}
	return Stranger(s.worst, r[by]), by
}
