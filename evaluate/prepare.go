package evaluate

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Weighted computes metrics on rows that count weight[i] times, one value each; NaN is undefined. It may be called from several
// goroutines at once.
type Weighted func(weight, out []float64)

// Prepare makes named metrics of one target's rows ready to be computed again and again with other weights, as resampling does. Every row
// needs truth and score. A name that the kind of target does not have is an error of code usage.
func Prepare(names []string, t Target, truth, score [][]float64, threshold float64, bins int) (Weighted, error) {
	c, err := newColumn(t, truth, score)
	if err != nil {
		return nil, err
	}
	if len(c.rows) != len(truth) {
		return nil, fault.New(fault.Usage, "target %q: %d of %d rows lack truth or score", t.Name, len(truth)-len(c.rows), len(truth))
	}
	c.build(threshold)
	s := defaults()
	s.threshold, s.bins = threshold, bins
	computes := make([]compute, len(names))
	for j, name := range names {
		m, ok := find(name)
		if !ok || !m.has(t.Kind) {
			return nil, fault.New(fault.Usage, "no metric %q for a %s target", name, t.Kind)
		}
		computes[j] = c.prepare(m, s)
	}
	return func(weight, out []float64) {
		for j, f := range computes {
			if out[j] = math.NaN(); f != nil {
				out[j] = f(weight)
			}
		}
	}, nil
}

// InferTargets finds the targets of a header by its columns' names, as [ReadCSV] does.
func InferTargets(header []string) []Target { return inferTargets(header) }

// Columns are the names of the columns that hold the target's truths and scores.
func (t Target) Columns() (truth, score []string) { return t.columns() }
