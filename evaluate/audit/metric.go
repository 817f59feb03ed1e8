package audit

import (
	"math"

	"github.com/cineloop/cineloop/evaluate"
)

// metric is what is measured in every group. good says which way is better for the group: 1 up, -1 down, 0 neither.
type metric struct {
	name string
	good int
	// share is whose share it is, where it is one, so that Wilson's interval applies: it picks the rows that are counted and those that
	// count.
	share func(truth, score []float64, threshold float64) (counted, counts bool)
}

func yes(score []float64, threshold float64) bool { return score[0] >= threshold }

// ratesOf are shares of a binary target at its threshold.
var rateMetrics = []metric{
	{"prevalence", 0, func(t, _ []float64, _ float64) (bool, bool) { return true, t[0] == 1 }},
	{"selection_rate", 0, func(_, s []float64, c float64) (bool, bool) { return true, yes(s, c) }},
	{"tpr", 1, func(t, s []float64, c float64) (bool, bool) { return t[0] == 1, yes(s, c) }},
	{"fpr", -1, func(t, s []float64, c float64) (bool, bool) { return t[0] == 0, yes(s, c) }},
	{"ppv", 1, func(t, s []float64, c float64) (bool, bool) { return yes(s, c), t[0] == 1 }},
	{"accuracy", 1, func(t, s []float64, c float64) (bool, bool) { return true, (t[0] == 1) == yes(s, c) }},
}

// metricsOf are the metrics of a kind of target: first those of the protocol, by its names, then shares.
func metricsOf(kind evaluate.Kind) (protocol, shares []metric) {
	switch kind {
	case evaluate.Binary:
		return []metric{{name: "auroc", good: 1}, {name: "auprc", good: 1}, {name: "brier", good: -1}, {name: "ece", good: -1},
			{name: "calibration_slope"}, {name: "calibration_intercept"}}, rateMetrics
	case evaluate.Class:
		return []metric{{name: "auroc", good: 1}, {name: "accuracy", good: 1}, {name: "balanced_accuracy", good: 1}, {name: "ece", good: -1}}, nil
	case evaluate.MultiLabel:
		return []metric{{name: "auroc", good: 1}, {name: "accuracy", good: 1}, {name: "brier", good: -1}}, nil
	case evaluate.TimeToEvent:
		return []metric{{name: "c_td", good: 1}, {name: "ibs", good: -1}, {name: "brier_median", good: -1}}, nil
	}
	return []metric{{name: "mae", good: -1}, {name: "rmse", good: -1}, {name: "bias"}, {name: "r2", good: 1}}, nil
}

// gapsOf are the gaps of a kind of target: name, and the metrics whose largest difference over groups it is.
func gapsOf(kind evaluate.Kind) []gap {
	switch kind {
	case evaluate.Binary:
		return []gap{{"demographic_parity", []string{"selection_rate"}}, {"equalised_odds", []string{"tpr", "fpr"}},
			{"equal_opportunity", []string{"tpr"}}, {"predictive_parity", []string{"ppv"}}, {"calibration", []string{"in_the_large"}},
			{"auroc", []string{"auroc"}}}
	case evaluate.Class:
		return []gap{{"accuracy", []string{"accuracy"}}, {"auroc", []string{"auroc"}}}
	case evaluate.MultiLabel:
		return []gap{{"auroc", []string{"auroc"}}, {"brier", []string{"brier"}}}
	case evaluate.TimeToEvent:
		return []gap{{"c_td", []string{"c_td"}}, {"ibs", []string{"ibs"}}}
	}
	return []gap{{"mae", []string{"mae"}}, {"bias", []string{"bias"}}}
}

type gap struct {
	name string
	of   []string
}

// headline is the metric that the worst group and the Gini coefficient are about.
func headline(kind evaluate.Kind) string {
	switch kind {
	case evaluate.Regression:
		return "mae"
	case evaluate.TimeToEvent:
		return "c_td"
	case evaluate.Binary:
		return "auroc"
	}
	return "accuracy"
}

// cell computes all metrics of some rows at once.
type cell struct {
	rows  []int // of the judged rows
	names []string
	at    map[string]int
	run   func(weight, out []float64) // weight is over all judged rows
}

// newCell prepares the metrics of the rows of j.
func (j *judged) newCell(rows []int) (*cell, error) {
	protocol, shares := metricsOf(j.target.Kind)
	c := &cell{rows: rows, at: map[string]int{}}
	var names []string
	for _, m := range protocol {
		names = append(names, m.name)
	}
	truth, score := pick(j.truth, rows), pick(j.score, rows)
	inner, err := evaluate.Prepare(names, j.target, truth, score, j.threshold, 10)
	if err != nil {
		return nil, err
	}
	for _, m := range shares {
		names = append(names, m.name)
	}
	if j.target.Kind == evaluate.Binary {
		names = append(names, "in_the_large")
	}
	var extras [][]float64
	for _, name := range []string{Abstain, Uncertainty, Quality} {
		if x := j.extra[name]; x != nil {
			names, extras = append(names, name), append(extras, pick(x, rows))
		}
	}
	c.names = names
	for i, name := range names {
		c.at[name] = i
	}
	c.run = func(weight, out []float64) {
		w := pick(weight, rows)
		inner(w, out[:len(protocol)])
		at := len(protocol)
		for _, m := range shares {
			var n, k float64
			for i := range w {
				if counted, counts := m.share(truth[i], score[i], j.threshold); counted {
					if n += w[i]; counts {
						k += w[i]
					}
				}
			}
			out[at] = k / n
			at++
		}
		if j.target.Kind == evaluate.Binary {
			var n, d float64
			for i := range w {
				n, d = n+w[i], d+w[i]*(score[i][0]-truth[i][0])
			}
			out[at] = d / n
			at++
		}
		for _, x := range extras {
			var n, s float64
			for i, v := range x {
				if !math.IsNaN(v) {
					n, s = n+w[i], s+w[i]*v
				}
			}
			out[at] = s / n
			at++
		}
	}
	return c, nil
}

func pick[T any](from []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = from[k]
	}
	return out
}
