package tabular

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
)

// Models whose likelihood has interval censoring, and those that can condition on late entry.
var (
	withIntervals = []string{LogisticHazard, PMF, MTLR, PCHazard, Weibull, LogNormal}
	withEntry     = append([]string{CoxPH, CoxCC, CoxTime}, withIntervals...)
)

// canUse refuses labels that a model would silently read as something else: a Usage error that names the models that can.
func canUse(model string, l survival.Labels) error {
	if l.Upper != nil && !slices.Contains(withIntervals, model) {
		return fault.New(fault.Usage, "%s has no likelihood for interval-censored times", model).WithHint("%v have one", withIntervals)
	}
	if l.Entry != nil && !slices.Contains(withEntry, model) {
		return fault.New(fault.Usage, "%s does not know late entry (left truncation)", model).WithHint("%v do", withEntry)
	}
	return nil
}

// seen is labels with interval-censored events put in the middle of their intervals: good enough to place cuts.
func seen(l survival.Labels) survival.Labels {
	if l.Upper == nil {
		return l
	}
	out := survival.Labels{Time: slices.Clone(l.Time), Event: slices.Clone(l.Event), Entry: l.Entry}
	for i, u := range l.Upper {
		out.Event[i] = 0
		if !math.IsInf(u, 1) {
			out.Time[i], out.Event[i] = (l.Time[i]+u)/2, 1
		}
	}
	return out
}
