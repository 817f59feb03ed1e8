package explain

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// MapFunc draws a method's map of an input.
type MapFunc func(in Input) (*Map, error)

// Stability is what small noise does to a map.
type Stability struct {
	// MaxSensitivity is the largest ‖Φ(x+δ) − Φ(x)‖ / ‖Φ(x)‖ over the noisy inputs (Yeh et al., "On the (in)fidelity and sensitivity of
	// explanations", NeurIPS 2019).
	MaxSensitivity *float64 `json:"max_sensitivity"`
	// Spearman is the smallest rank correlation of the maps.
	Spearman *float64 `json:"spearman"`
	Noise    float64  `json:"noise"` // its half width, as a share of the input's standard deviation
}

// Shake draws maps of k inputs with uniform noise within ±noise standard deviations of the input added.
func Shake(in Input, k int, noise float64, rng *rand.Rand, draw MapFunc) (Stability, error) {
	out := Stability{Noise: noise}
	whole, err := draw(in)
	if err != nil {
		return out, err
	}
	x := widen(in.X)
	m := mean(x)
	var ss float64
	for _, v := range x {
		ss += (v - m) * (v - m)
	}
	width := noise * math.Sqrt(ss/float64(len(x)))
	size := length(whole.Values)
	worst, rank := 0.0, 1.0
	for range k {
		shaken := in
		shaken.X = slices.Clone(in.X)
		for i := range shaken.X {
			shaken.X[i] += float32(width * (2*rng.Float64() - 1))
		}
		other, err := draw(shaken)
		if err != nil {
			return out, err
		}
		if len(other.Values) != len(whole.Values) {
			return out, fmt.Errorf("explain: maps of %d and %d positions of one input", len(whole.Values), len(other.Values))
		}
		diff := make([]float32, len(whole.Values))
		for i, v := range whole.Values {
			diff[i] = other.Values[i] - v
		}
		worst = max(worst, length(diff)/size)
		rank = min(rank, RankCorrelation(whole, other))
	}
	out.MaxSensitivity, out.Spearman = finite(worst), finite(rank)
	return out, nil
}

func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// Faithfulness is how the score falls as the input is taken away in a map's order, most relevant first (pixel flipping, Samek et al., IEEE
// TNNLS 2017), and how it rises as it is put back (Petsiuk et al., "RISE", BMVC 2018). Areas are means of the score along the way: a
// faithful map has a low deletion and a high insertion area, against those of random orders.
type Faithfulness struct {
	Share           []float64 `json:"share"` // of positions hidden or shown
	Deletion        []float64 `json:"deletion"`
	Insertion       []float64 `json:"insertion"`
	DeletionArea    float64   `json:"deletion_area"`
	InsertionArea   float64   `json:"insertion_area"`
	RandomDeletion  float64   `json:"random_deletion_area"` // mean over random orders
	RandomInsertion float64   `json:"random_insertion_area"`
}

// Flip measures faithfulness in steps equal steps. The random orders are the map moved by cyclic shifts: as connected as it is.
func Flip(ctx context.Context, in Input, m *Map, steps, random int, fill Fill, rng *rand.Rand, score ScoreFunc) (Faithfulness, error) {
	var f Faithfulness
	if err := in.check(); err != nil {
		return f, err
	}
	n := in.T * in.H * in.W
	if len(m.Values) != n || steps < 1 || fill == FillIn {
		return f, fmt.Errorf("explain: faithfulness of a map of %d positions for %d in %d steps with fill %q", len(m.Values), n, steps, fill)
	}
	filled, err := fillOf(in, fill)
	if err != nil {
		return f, err
	}
	order := ranked(m)
	curve := func(from, to []float32, dt, dy, dx int) ([]float64, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x := slices.Clone(from)
		size := len(x)
		batch := make([]float32, (steps+1)*size)
		copy(batch, x)
		for k := 1; k <= steps; k++ {
			for _, p := range order[n*(k-1)/steps : n*k/steps] {
				q := ((p/(in.H*in.W)+dt)%in.T*in.H+(p/in.W%in.H+dy)%in.H)*in.W + (p%in.W+dx)%in.W
				for c := range in.C {
					x[c*n+q] = to[c*n+q]
				}
			}
			copy(batch[k*size:], x)
		}
		return score(batch, steps+1)
	}
	for k := range steps + 1 {
		f.Share = append(f.Share, float64(k)/float64(steps))
	}
	if f.Deletion, err = curve(in.X, filled, 0, 0, 0); err != nil {
		return f, err
	}
	if f.Insertion, err = curve(filled, in.X, 0, 0, 0); err != nil {
		return f, err
	}
	f.DeletionArea, f.InsertionArea = area(f.Deletion), area(f.Insertion)
	for range random {
		dt, dy, dx := rng.IntN(in.T), rng.IntN(in.H), rng.IntN(in.W)
		d, err := curve(in.X, filled, dt, dy, dx)
		if err != nil {
			return f, err
		}
		i, err := curve(filled, in.X, dt, dy, dx)
		if err != nil {
			return f, err
		}
		f.RandomDeletion += area(d) / float64(random)
		f.RandomInsertion += area(i) / float64(random)
	}
	return f, nil
}

// area is the trapezoid mean of a curve over equal steps.
func area(v []float64) float64 {
	sum := 0.0
	for i := 1; i < len(v); i++ {
		sum += (v[i] + v[i-1]) / 2
	}
	return sum / float64(len(v)-1)
}

// RISE is the mean of random masks weighted by the score of what each lets through (Petsiuk et al., "RISE: randomized input sampling for
// explanation of black-box models", BMVC 2018), through time as well: cells [t, h, w] are on with probability keep, interpolated to the
// input and shifted by up to a cell. What is masked becomes the fill. A position's value is the mean score of the masks that show it,
// weighted by how much, less the mean score of all: 0 says nothing.
func RISE(ctx context.Context, in Input, masks int, cells [3]int, keep float64, fill Fill, rng *rand.Rand, score ScoreFunc) (*Map, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if masks < 1 || !(keep > 0 && keep < 1) || min(cells[0], cells[1], cells[2]) < 1 || fill == FillIn {
		return nil, fmt.Errorf("explain: RISE of %d masks of %v cells kept with probability %g, fill %q", masks, cells, keep, fill)
	}
	filled, err := fillOf(in, fill)
	if err != nil {
		return nil, err
	}
	n := in.T * in.H * in.W
	sum := make([]float64, n)
	var all float64
	x := make([]float32, min(perBatch, masks)*len(in.X))
	weight := make([]float64, n)
	for done := 0; done < masks; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k := min(perBatch, masks-done)
		drawn := make([]*Map, k)
		for i := range k {
			drawn[i] = riseMask(in, cells, keep, rng)
			for c := range in.C {
				for p, v := range drawn[i].Values {
					j := c*n + p
					x[i*len(in.X)+j] = v*in.X[j] + (1-v)*filled[j]
				}
			}
		}
		s, err := score(x[:k*len(in.X)], k)
		if err != nil {
			return nil, fmt.Errorf("explain: RISE: %w", err)
		}
		for i, m := range drawn {
			all += s[i] / float64(masks)
			for p, v := range m.Values {
				sum[p] += s[i] * float64(v)
				weight[p] += float64(v)
			}
		}
		done += k
	}
	out := NewMap(in.T, in.H, in.W)
	for p := range sum {
		if weight[p] > 0 {
			out.Values[p] = float32(sum[p]/weight[p] - all)
		}
	}
	return out, nil
}

// riseMask is one smooth random mask in 0…1.
func riseMask(in Input, cells [3]int, keep float64, rng *rand.Rand) *Map {
	size := [3]int{in.T, in.H, in.W}
	var cell, big [3]int
	for d := range size {
		cell[d] = (size[d] + cells[d] - 1) / cells[d]
		big[d] = (cells[d] + 1) * cell[d]
	}
	grid := NewMap(cells[0]+1, cells[1]+1, cells[2]+1)
	for i := range grid.Values {
		if rng.Float64() < keep {
			grid.Values[i] = 1
		}
	}
	wide := grid.Resize(big[0], big[1], big[2])
	dt, dy, dx := rng.IntN(cell[0]), rng.IntN(cell[1]), rng.IntN(cell[2])
	out := NewMap(in.T, in.H, in.W)
	for t := range in.T {
		for y := range in.H {
			for x := range in.W {
				out.Values[(t*in.H+y)*in.W+x] = wide.Values[((t+dt)*big[1]+y+dy)*big[2]+x+dx]
			}
		}
	}
	return out
}
