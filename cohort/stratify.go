package cohort

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// strata names every row's stratum of the target: its class, its labels, or its quintile for regression; missing truth is a stratum
// of its own. Without a target all rows are of one stratum.
func (c *Cohort) strata(target, what string) ([]string, error) {
	out := make([]string, len(c.Rows))
	if target == "" {
		return out, nil
	}
	i := slices.IndexFunc(c.Spec.Targets, func(t TargetSpec) bool { return t.Name == target })
	if i < 0 {
		var names []string
		for _, t := range c.Spec.Targets {
			names = append(names, t.Name)
		}
		return nil, fault.New(fault.Usage, "%s: stratify: no target is called %q (%s)", what, target, nearest.Hint(target, names))
	}
	var cuts []float64
	if c.Spec.Targets[i].Kind == Regression {
		cuts = c.quintiles(target)
	}
	for r := range c.Rows {
		truth := c.Rows[r].Truth[target]
		if cuts != nil && !math.IsNaN(truth[0]) {
			q, exact := slices.BinarySearch(cuts, truth[0])
			if exact {
				q++
			}
			out[r] = fmt.Sprint(q)
			continue
		}
		if c.Spec.Targets[i].Kind == TimeToEvent { // every part gets its share of the events
			truth = truth[1:]
		}
		out[r] = fmt.Sprint(truth)
	}
	return out, nil
}

// quintiles are the four cut points of a regression target's known values.
func (c *Cohort) quintiles(target string) []float64 {
	var v []float64
	for _, r := range c.Rows {
		if x := r.Truth[target][0]; !math.IsNaN(x) {
			v = append(v, x)
		}
	}
	slices.Sort(v)
	cuts := []float64{}
	for i := 1; i < 5 && len(v) > 0; i++ {
		cuts = append(cuts, v[i*len(v)/5])
	}
	return slices.Compact(cuts)
}

// deal gives every unit to a part so that each part gets its share of every stratum, and returns the parts' rows, ascending.
//
// Units go the largest first, equals in the random order of rng. With n the rows that part p has of stratum s and t its due, the unit
// with u rows goes to the part where Σ_s ((n+u−t)² − (n−t)²)/t is smallest: where it lessens the chi-square distance to the due
// counts most. Parts with no share get nothing. This is the greedy rule of grouped stratified k-fold, for unequal parts too.
func deal(units []unit, share []float64, rng *rand.Rand) [][]int {
	order := slices.Clone(units)
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b unit) int { return len(b.rows) - len(a.rows) })
	total := map[string]float64{}
	for _, u := range order {
		for s, n := range u.strata {
			total[s] += n
		}
	}
	have := make([]map[string]float64, len(share))
	parts := make([][]int, len(share))
	for p := range share {
		have[p] = map[string]float64{}
	}
	for _, u := range order {
		best, lowest := -1, math.Inf(1)
		for p, f := range share {
			if f <= 0 {
				continue
			}
			if cost := misfit(u, have[p], total, f); cost < lowest-1e-9 {
				best, lowest = p, cost
			}
		}
		parts[best] = append(parts[best], u.rows...)
		for s, n := range u.strata {
			have[best][s] += n
		}
	}
	for p := range parts {
		slices.Sort(parts[p])
	}
	return parts
}

// misfit is the change of the chi-square distance when u goes to a part with share f, summed over strata in a fixed order.
func misfit(u unit, have, total map[string]float64, f float64) float64 {
	names := make([]string, 0, len(u.strata))
	for s := range u.strata {
		names = append(names, s)
	}
	slices.Sort(names)
	cost := 0.0
	for _, s := range names {
		n, due, add := have[s], f*total[s], u.strata[s]
		cost += ((n+add-due)*(n+add-due) - (n-due)*(n-due)) / due
	}
	return cost
}
