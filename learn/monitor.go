package learn

import (
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// Best is the best state of a run so far.
type Best struct {
	Metric string  `json:"metric"` // "target.metric", or "loss"
	Value  float64 `json:"value"`
	Loss   float64 `json:"loss"` // validation loss there
	Epoch  int     `json:"epoch"`
	Step   int     `json:"step"`
}

// monitor is the metric that chooses the best checkpoint and stops training early.
type monitor struct {
	name   string
	target int // index of the head; -1: the validation loss
	metric string
	higher bool
}

// newMonitor parses "target.metric" or "loss". Only the part after the last dot is the metric: target names may have dots.
func newMonitor(name string, heads []head) (monitor, error) {
	if name == "" || name == "loss" {
		return monitor{name: "loss", target: -1}, nil
	}
	var known []string
	for i, h := range heads {
		for _, m := range evaluate.MetricNames(h.Kind) {
			full := h.Name + "." + m
			if full == name {
				if m == "bias" || strings.HasPrefix(m, "calibration_") || m == "specificity_achieved" {
					return monitor{}, fault.New(fault.Usage, "train.monitor: %s cannot say which of two models is better", name)
				}
				return monitor{name: name, target: i, metric: m, higher: evaluate.HigherIsBetter(m)}, nil
			}
			known = append(known, full)
		}
	}
	return monitor{}, fault.New(fault.Usage, "train.monitor: no metric %q", name).WithHint("%s", nearest.Hint(name, append(known, "loss")))
}

// better says whether a value replaces the best. Equal values are told apart by the loss: on small validation parts rank metrics tie.
func (m monitor) better(value, loss float64, best *Best) bool {
	switch {
	case math.IsNaN(value):
		return false
	case best == nil:
		return true
	case value == best.Value:
		return m.target >= 0 && loss < best.Loss
	}
	return (value > best.Value) == m.higher
}

// shown is the metric that progress names for each kind of target.
var shown = map[evaluate.Kind][]string{
	evaluate.Binary:     {"auroc", "accuracy"},
	evaluate.Class:      {"auroc", "accuracy"},
	evaluate.MultiLabel: {"auroc"},
	evaluate.Regression: {"mae", "r2"},

	evaluate.TimeToEvent: {"c_td", "ibs"},
}

// measure computes the validation metrics of an epoch: those that are charted, and the monitored one. Undefined ones are in why.
func (m monitor) measure(heads []head, truth, score map[string][][]float64) (values map[string]float64, why map[string]string) {
	values, why = map[string]float64{}, map[string]string{}
	for i, h := range heads {
		names := shown[h.Kind]
		if i == m.target && !slices.Contains(names, m.metric) {
			names = append([]string{m.metric}, names...)
		}
		for _, name := range names {
			v, _, err := evaluate.Metric(name, h.Target, truth[h.Name], score[h.Name])
			if err != nil {
				why[h.Name+"."+name] = err.Error()
				continue
			}
			values[h.Name+"."+name] = v
		}
	}
	return values, why
}

// value is the monitored value of an epoch; NaN when it is undefined.
func (m monitor) value(values map[string]float64) float64 {
	if v, ok := values[m.name]; ok {
		return v
	}
	return math.NaN()
}
