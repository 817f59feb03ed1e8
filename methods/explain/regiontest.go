package explain

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
)

// RegionResult is the outcome of a region test.
type RegionResult struct {
	Fraction float64   `json:"fraction"` // of the input that was masked
	Score    float64   `json:"score"`    // of the whole input
	Fall     float64   `json:"fall"`     // of the score when the highlighted region is masked
	Random   []float64 `json:"random"`   // falls when the same shape is masked elsewhere, sorted
	PValue   float64   `json:"p_value"`  // (1 + number of random falls at least as large) / (1 + number of them)
}

// RegionTest masks the most relevant fraction of positions (0 < fraction < 1), and then the same shape moved by random cyclic shifts
// in time, rows and columns: area, shape and connectedness are those of the region itself, only the place differs. The test is
// one-sided: does hiding what the map highlights lower the score more than hiding something else of that shape?
func RegionTest(ctx context.Context, in Input, m *Map, fraction float64, shifts int, fill Fill, rng *rand.Rand, score ScoreFunc) (RegionResult, error) {
	var res RegionResult
	if err := in.check(); err != nil {
		return res, err
	}
	if m.T != in.T || m.H != in.H || m.W != in.W {
		return res, fmt.Errorf("explain: map [%d %d %d] for input [%d %d %d]: resize it first", m.T, m.H, m.W, in.T, in.H, in.W)
	}
	if !(fraction > 0 && fraction < 1) || shifts < 1 {
		return res, fmt.Errorf("explain: region test of fraction %g with %d shifts", fraction, shifts)
	}
	filled, err := fillOf(in, fill)
	if err != nil {
		return res, err
	}
	region := top(m, fraction)
	res.Fraction = float64(len(region)) / float64(len(m.Values))
	n := in.T * in.H * in.W
	size := len(in.X)
	batch := make([]float32, perBatch*size)
	masked := func(dst []float32, dt, dy, dx int) {
		copy(dst, in.X)
		for _, p := range region {
			x, y, t := p%in.W, p/in.W%in.H, p/(in.W*in.H)
			q := ((t+dt)%in.T*in.H+(y+dy)%in.H)*in.W + (x+dx)%in.W
			for c := range in.C {
				dst[c*n+q] = filled[c*n+q]
			}
		}
	}
	copy(batch, in.X)
	masked(batch[size:], 0, 0, 0)
	scores, err := score(batch[:2*size], 2)
	if err != nil {
		return res, fmt.Errorf("explain: region test: %w", err)
	}
	res.Score, res.Fall = scores[0], scores[0]-scores[1]
	for done := 0; done < shifts; {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		k := min(perBatch, shifts-done)
		for i := range k {
			dt, dy, dx := rng.IntN(in.T), rng.IntN(in.H), rng.IntN(in.W)
			masked(batch[i*size:(i+1)*size], dt, dy, dx)
		}
		scores, err := score(batch[:k*size], k)
		if err != nil {
			return res, fmt.Errorf("explain: region test: %w", err)
		}
		for _, s := range scores[:k] {
			res.Random = append(res.Random, res.Score-s)
		}
		done += k
	}
	sort.Float64s(res.Random)
	larger := len(res.Random) - sort.SearchFloat64s(res.Random, res.Fall)
	res.PValue = float64(1+larger) / float64(1+len(res.Random))
	return res, nil
}

// top lists the positions of the largest values, ties by position; at least one, at most all but one.
func top(m *Map, fraction float64) []int {
	order := ranked(m)
	k := min(max(1, int(fraction*float64(len(order))+0.5)), max(1, len(order)-1))
	return order[:k]
}

// ranked lists all positions, the largest values first, ties by position.
func ranked(m *Map) []int {
	order := make([]int, len(m.Values))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return m.Values[order[a]] > m.Values[order[b]] })
	return order
}
