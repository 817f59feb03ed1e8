package fairness

import (
	"context"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// GridPoint is one member of a grid of multipliers with the hypothesis that answers it.
type GridPoint[H any] struct {
	Lambda     []float64 // per index of the moment
	Hypothesis H
	Pred       []int
	Error      float64
	Violation  float64 // largest moment
}

// GridOptions are the settings of [GridSearch]; zero values mean the reference implementation's.
type GridOptions struct {
	Size  int     // points at least; default 10
	Limit float64 // of the sum of multipliers; default 2
}

// GridSearch answers every point of a grid of multipliers and says which is best: the least mean of error and largest moment (Agarwal et
// al. 2018, section 3.4). The grid has one axis a cell less one group's, so it suits few groups: with more than 4 axes the error is
// of code usage. Unlike [ExponentiatedGradient] it gives a deterministic classifier.
func GridSearch[H any](ctx context.Context, y []int, m *Moment, fit Oracle[H], constant func(int) H, o GridOptions) (points []GridPoint[H], best int, err error) {
	if o.Size == 0 {
		o.Size = 10
	}
	if o.Limit == 0 {
		o.Limit = 2
	}
	half := len(m.cells)
	var axes []int
	last := m.newest()
	for j, c := range m.cells {
		if c.Group != last { // whose constraint follows from the others'
			axes = append(axes, j)
		}
	}
	if len(axes) == 0 || len(axes) > 4 {
		return nil, 0, fault.New(fault.Usage, "fairness: a grid over %d multipliers", len(axes)).
			WithHint("a grid needs 2 groups at least and 4 free cells at most; use the exponentiated gradient")
	}
	units := 1
	grid := lattice(len(axes), units)
	for len(grid) < o.Size {
		units++
		grid = lattice(len(axes), units)
	}
	least := math.Inf(1)
	for _, g := range grid {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		lambda := make([]float64, 2*half)
		for a, v := range g {
			l := float64(v) * o.Limit / float64(units)
			lambda[axes[a]], lambda[half+axes[a]] = max(0, l), max(0, -l)
		}
		label, weight := subproblem(y, m, lambda)
		h, pred, err := answer(ctx, label, weight, fit, constant)
		if err != nil {
			return nil, 0, err
		}
		p := GridPoint[H]{Lambda: lambda, Hypothesis: h, Pred: pred, Error: errorOf(y, pred), Violation: math.Inf(-1)}
		for _, v := range m.Gamma(asFloats(pred)) {
			p.Violation = max(p.Violation, v)
		}
		points = append(points, p)
		if score := (p.Error + p.Violation) / 2; score < least {
			least, best = score, len(points)-1
		}
	}
	return points, best, nil
}

// lattice is every whole vector of dim elements whose absolute values sum to at most units, in lexicographic order.
func lattice(dim, units int) [][]int {
	if dim == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for v := -units; v <= units; v++ {
		for _, rest := range lattice(dim-1, units-max(v, -v)) {
			out = append(out, append([]int{v}, rest...))
		}
	}
	return out
}

// newest is the group whose first row comes last. The reference leaves that one's multipliers out of the grid; which one it is changes
// the spacing of the points.
func (m *Moment) newest() int {
	seen, last := map[int]bool{}, -1
	for _, c := range m.cell {
		if c >= 0 && !seen[m.cells[c].Group] {
			last = m.cells[c].Group
			seen[last] = true
		}
	}
	return last
}
