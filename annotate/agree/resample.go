package agree

import (
	"context"

	"github.com/cineloop/cineloop/stats"
)

// resampled is the interval of a figure of rows, patients being drawn with all their rows; weight[i] says how often row i counts.
func (o *Options) resampled(ctx context.Context, name string, patients []string, figure func(weight []float64) float64) (stats.Interval, error) {
	d, err := o.bootstrap(name).Run(ctx, stats.Clusters(patients), len(patients), 1, func(weight, out []float64) { out[0] = figure(weight) })
	if err != nil {
		return stats.Interval{}, err
	}
	return d.Interval(0), nil
}

// clustered says that some patient has several of the rows, so that formulas which take rows as independent do not hold.
func clustered(patients []string) bool { return distinct(patients) < len(patients) }

// times gives every row as often as it counts.
func times[T any](rows []T, weight []float64) []T {
	out := make([]T, 0, len(rows))
	for i, r := range rows {
		for range int(weight[i]) {
			out = append(out, r)
		}
	}
	return out
}

// weighted is the mean of values, of which value i counts weight[i] times.
func weighted(values, weight []float64) float64 {
	var sum, n float64
	for i, v := range values {
		sum, n = sum+weight[i]*v, n+weight[i]
	}
	return sum / n
}
