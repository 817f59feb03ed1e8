package uncertainty

import (
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/internal/fault"
)

// SWAG is a normal distribution over weights from the end of training (Maddox et al. 2019): the mean of snapshots, half of the
// covariance from their variance and half from the last Rank deviations.
type SWAG struct {
	Rank       int // deviations kept [20]
	n          float64
	mean       []float64
	square     []float64
	deviations [][]float64
}

// Collect takes a snapshot of all weights.
func (s *SWAG) Collect(weights []float64) {
	if s.mean == nil {
		s.mean, s.square = make([]float64, len(weights)), make([]float64, len(weights))
	}
	s.n++
	d := make([]float64, len(weights))
	for i, w := range weights {
		s.mean[i] += (w - s.mean[i]) / s.n
		s.square[i] += (w*w - s.square[i]) / s.n
		d[i] = w - s.mean[i]
	}
	rank := s.Rank
	if rank == 0 {
		rank = 20
	}
	s.deviations = append(s.deviations, d)
	if len(s.deviations) > rank {
		s.deviations = s.deviations[1:]
	}
}

// Mean is the average of snapshots.
func (s *SWAG) Mean() []float64 { return append([]float64{}, s.mean...) }

// Sample draws weights; scale 1 is the distribution itself, 0 its mean. Networks with batch normalisation need their statistics measured
// anew with the draw.
func (s *SWAG) Sample(rng *rand.Rand, scale float64) []float64 {
	out := s.Mean()
	for i := range out {
		v := math.Max(s.square[i]-s.mean[i]*s.mean[i], 0)
		out[i] += scale * math.Sqrt(v/2) * rng.NormFloat64()
	}
	if k := len(s.deviations); k > 1 {
		f := scale / math.Sqrt(2*float64(k-1))
		for _, d := range s.deviations {
			z := f * rng.NormFloat64()
			for i := range out {
				out[i] += z * d[i]
			}
		}
	}
	return out
}

// Passes gathers what repeated predictions of the same items say: dropout left on (Gal and Ghahramani 2016), draws of weights, members of
// an ensemble, or augmented views. predict gives class probabilities [item][class] of pass k.
func Passes(n int, predict func(k int) ([][]float64, error)) ([]Committee, error) {
	var members [][][]float64
	for k := range n {
		p, err := predict(k)
		if err != nil {
			return nil, err
		}
		members = append(members, p)
	}
	if n == 0 {
		return nil, nil
	}
	out := make([]Committee, len(members[0]))
	for i := range out {
		item := make([][]float64, n)
		for k := range members {
			item[k] = members[k][i]
		}
		out[i] = Decide(item)
	}
	return out, nil
}

// State is what was collected, to be kept and given to [SWAG.Restore]. The slices are the distribution's own.
func (s *SWAG) State() (n int, mean, square []float64, deviations [][]float64) {
	return int(s.n), s.mean, s.square, s.deviations
}

// Restore goes on with what [SWAG.State] gave.
func (s *SWAG) Restore(n int, mean, square []float64, deviations [][]float64) error {
	if n < 1 || len(mean) == 0 || len(square) != len(mean) {
		return fault.New(fault.Input, "SWAG: %d snapshots of %d weights with %d squares", n, len(mean), len(square))
	}
	for _, d := range deviations {
		if len(d) != len(mean) {
			return fault.New(fault.Input, "SWAG: a deviation of %d weights, want %d", len(d), len(mean))
		}
	}
	s.n, s.mean, s.square, s.deviations = float64(n), mean, square, deviations
	return nil
}
