package stats

import (
	"context"
	"math"
)

// NoVote marks a thing that a reader did not rate.
const NoVote = -1

// Staple is a hidden truth estimated together with how each reader rates it (Warfield, Zou and Wells, IEEE Trans Med Imaging 2004;23:903): for
// masks a thing is a pixel and there are two categories; for several categories it is the model of Dawid and Skene (Appl Stat 1979;28:20)
// with Warfield's prior.
type Staple struct {
	Categories int
	Posterior  []float64     // [thing × category]: how probable each category is
	Confusion  [][][]float64 // [reader][true category][rated category]
	Prior      []float64     // [category]: share of all votes, kept fixed
	Iterations int
	Converged  bool
}

// StapleOptions bound the estimation.
type StapleOptions struct {
	Iterations int     // default 200
	Tolerance  float64 // largest change of a reader's rates between two rounds; default 1e-7
	Start      float64 // rate of right answers that every reader starts with; default 0.99999 (Warfield, section V)
}

// EstimateTruth runs STAPLE on votes[reader][thing], each a category 0…categories−1 or [NoVote]. A thing without a vote gets the prior.
// Deterministic. The error is ctx's.
func EstimateTruth(ctx context.Context, votes [][]int, categories int, o StapleOptions) (*Staple, error) {
	if o.Iterations <= 0 {
		o.Iterations = 200
	}
	if o.Tolerance <= 0 {
		o.Tolerance = 1e-7
	}
	if o.Start <= 0 || o.Start >= 1 {
		o.Start = 0.99999
	}
	s := &Staple{Categories: categories, Prior: make([]float64, categories)}
	things := 0
	if len(votes) > 0 {
		things = len(votes[0])
	}
	var total float64
	for _, v := range votes {
		mustMatch(len(v), things)
		for _, c := range v {
			if c != NoVote {
				s.Prior[c]++
				total++
			}
		}
	}
	for c := range s.Prior {
		s.Prior[c] /= total
	}
	s.Posterior = make([]float64, things*categories)
	for range votes {
		m := matrix(categories, categories)
		for t := range m {
			for c := range m[t] {
				m[t][c] = (1 - o.Start) / math.Max(1, float64(categories-1))
				if t == c {
					m[t][c] = o.Start
				}
			}
		}
		s.Confusion = append(s.Confusion, m)
	}
	for s.Iterations = 1; s.Iterations <= o.Iterations; s.Iterations++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.expect(votes)
		if s.maximise(votes) < o.Tolerance {
			s.Converged = true
			break
		}
	}
	s.Iterations = min(s.Iterations, o.Iterations)
	s.expect(votes)
	return s, nil
}

// expect fills the posteriors from the readers' rates. Products are of logarithms: many readers do not underflow.
func (s *Staple) expect(votes [][]int) {
	k := s.Categories
	rates := make([][]float64, len(votes)) // log of Confusion, flat
	for r := range votes {
		rates[r] = make([]float64, k*k)
		for t := range k {
			for c := range k {
				rates[r][t*k+c] = math.Log(s.Confusion[r][t][c])
			}
		}
	}
	for i := range len(s.Posterior) / max(1, k) {
		p := s.Posterior[i*k : (i+1)*k]
		top := math.Inf(-1)
		for t := range p {
			p[t] = math.Log(s.Prior[t])
			for r := range votes {
				if c := votes[r][i]; c != NoVote {
					p[t] += rates[r][t*k+c]
				}
			}
			top = math.Max(top, p[t])
		}
		if math.IsInf(top, -1) { // impossible under every category: rates of exactly 0
			copy(p, s.Prior)
			continue
		}
		var sum float64
		for t := range p {
			p[t] = math.Exp(p[t] - top)
			sum += p[t]
		}
		for t := range p {
			p[t] /= sum
		}
	}
}

// maximise fills the readers' rates from the posteriors and gives the largest change. A category that a reader never could have met keeps
// its rates.
func (s *Staple) maximise(votes [][]int) (change float64) {
	k := s.Categories
	for r, vote := range votes {
		fresh, met := matrix(k, k), make([]float64, k)
		for i, c := range vote {
			if c == NoVote {
				continue
			}
			for t := range k {
				fresh[t][c] += s.Posterior[i*k+t]
				met[t] += s.Posterior[i*k+t]
			}
		}
		for t := range k {
			if met[t] == 0 {
				continue
			}
			for c := range k {
				v := fresh[t][c] / met[t]
				change = math.Max(change, math.Abs(v-s.Confusion[r][t][c]))
				s.Confusion[r][t][c] = v
			}
		}
	}
	return change
}

// Category is the most probable category of each thing; of equal ones the first.
func (s *Staple) Category() []int {
	out := make([]int, len(s.Posterior)/max(1, s.Categories))
	for i := range out {
		p := s.Posterior[i*s.Categories : (i+1)*s.Categories]
		for c, v := range p {
			if v > p[out[i]] {
				out[i] = c
			}
		}
	}
	return out
}

// Sensitivity and specificity of a reader where there are two categories, 1 being present.
func (s *Staple) Sensitivity(reader int) float64 { return s.Confusion[reader][1][1] }

// Specificity of a reader where there are two categories.
func (s *Staple) Specificity(reader int) float64 { return s.Confusion[reader][0][0] }
