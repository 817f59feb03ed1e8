package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// direction says which way a metric improves.
type direction int

const (
	higher  direction = 1
	lower   direction = -1
	neither direction = 0 // best in the middle: bias at 0, calibration slope at 1
)

// metric is an entry of the protocol: its name, direction, what it needs to be defined, and how it is prepared for each kind of
// target that has it.
type metric struct {
	name       string
	better     direction
	needs      string
	binary     func(*binary, settings) compute
	multi      func(*multi, settings) compute
	regression func(*regression) compute
	timed      func(*timed) compute
	labels     bool        // multilabel targets have the mean over labels of the binary form
	alone      bool        // no baseline is set beside it: a point of a trade-off, or a calibration that saying the prevalence always has
	share      denominator // of which rows it is the share, so that Wilson's interval can stand in where resampling shows no spread
}

// denominator names the rows of which a metric is the share.
type denominator int

const (
	noShare denominator = iota
	ofAll
	ofPositive
	ofNegative
	ofCalled
	ofUncalled
)

// settings are the choices that metrics depend on.
type settings struct {
	threshold   float64
	specificity float64
	fixed       float64 // threshold chosen on validation rows for sensitivity_at_specificity; NaN: chosen on the judged rows
	bins        int
}

func defaults() settings {
	return settings{threshold: 0.5, specificity: 0.9, fixed: math.NaN(), bins: 10}
}

func counted(f func(counts) float64) func(*binary, settings) compute {
	return func(b *binary, _ settings) compute { return b.fromCounts(f) }
}

func tabled(f func([]float64, int) float64) func(*multi, settings) compute {
	return func(m *multi, _ settings) compute { return m.fromTable(f) }
}

const (
	needsRows  = "needs a row with truth and score"
	needsBoth  = "needs rows of both classes"
	needsPos   = "needs a row whose truth is positive"
	needsNeg   = "needs a row whose truth is negative"
	needsEvent = "needs an event with somebody free of it after"
	needsVary  = "needs at least two rows and values that vary"
)

// protocol lists every metric in the order of reports.
var protocol = []metric{
	{name: "auroc", better: higher, needs: needsBoth, labels: true,
		binary: func(b *binary, _ settings) compute { return b.auroc() },
		multi:  func(m *multi, _ settings) compute { return macro(m.each((*binary).auroc)) }},
	{name: "auroc_weighted", better: higher, needs: needsBoth,
		multi: func(m *multi, _ settings) compute { return m.weightedAUROC() }},
	{name: "auprc", better: higher, needs: needsPos, labels: true,
		binary: func(b *binary, _ settings) compute { return b.auprc() },
		multi:  func(m *multi, _ settings) compute { return macro(m.each((*binary).auprc)) }},
	{name: "accuracy", better: higher, needs: needsRows, labels: true, share: ofAll,
		binary: counted(counts.accuracy), multi: tabled(tableAccuracy)},
	{name: "balanced_accuracy", better: higher, needs: needsBoth, labels: true,
		binary: counted(counts.balanced), multi: tabled(tableBalanced)},
	{name: "f1", better: higher, alone: true, needs: "needs a row that is or is called positive", labels: true,
		binary: counted(counts.f1), multi: tabled(tableF1)},
	{name: "kappa", better: higher, needs: "needs rows of more than one class",
		multi: tabled(tableKappa)},
	{name: "sensitivity", better: higher, alone: true, needs: needsPos, labels: true, share: ofPositive, binary: counted(counts.sensitivity)},
	{name: "specificity", better: higher, alone: true, needs: needsNeg, labels: true, share: ofNegative, binary: counted(counts.specificity)},
	{name: "ppv", better: higher, alone: true, needs: "needs a row that is called positive", share: ofCalled, binary: counted(counts.ppv)},
	{name: "npv", better: higher, alone: true, needs: "needs a row that is called negative", share: ofUncalled, binary: counted(counts.npv)},
	{name: "sensitivity_at_specificity", better: higher, alone: true, needs: needsBoth, share: ofPositive,
		binary: func(b *binary, s settings) compute {
			if math.IsNaN(s.fixed) {
				return b.sensitivityAt(s.specificity)
			}
			return func(w []float64) float64 { return b.at(w, s.fixed).sensitivity() }
		}},
	{name: "specificity_achieved", better: higher, alone: true, needs: needsNeg, share: ofNegative,
		binary: func(b *binary, s settings) compute {
			if math.IsNaN(s.fixed) {
				return nil
			}
			return func(w []float64) float64 { return b.at(w, s.fixed).specificity() }
		}},
	{name: "brier", better: lower, needs: needsRows, labels: true,
		binary: func(b *binary, _ settings) compute { return b.brier() },
		multi:  func(m *multi, _ settings) compute { return m.brier() }},
	{name: "log_loss", better: lower, needs: needsRows, labels: true,
		binary: func(b *binary, _ settings) compute { return b.logLoss() },
		multi:  func(m *multi, _ settings) compute { return m.logLoss() }},
	{name: "ece", better: lower, alone: true, needs: needsRows, labels: true,
		binary: func(b *binary, s settings) compute { return b.ece(Bins{Count: s.bins}) },
		multi:  func(m *multi, s settings) compute { return m.ece(Bins{Count: s.bins}) }},
	{name: "ece_mass", better: lower, alone: true, needs: needsRows, labels: true,
		binary: func(b *binary, s settings) compute { return b.ece(Bins{Count: s.bins, Mass: true}) },
		multi:  func(m *multi, s settings) compute { return m.ece(Bins{Count: s.bins, Mass: true}) }},
	{name: "calibration_slope", better: neither, needs: "needs both classes, overlapping in score",
		binary: func(b *binary, _ settings) compute {
			c := newRecalibrator(b.p, b.y).warm()
			return func(w []float64) float64 { slope, _ := c.both(w); return slope }
		}},
	{name: "calibration_intercept", better: neither, needs: needsBoth,
		binary: func(b *binary, _ settings) compute { return newRecalibrator(b.p, b.y).warm().inLarge }},
	{name: "mae", better: lower, needs: needsRows, regression: (*regression).mae},
	{name: "rmse", better: lower, needs: needsRows, regression: (*regression).rmse},
	{name: "r2", better: higher, needs: needsVary, regression: (*regression).r2},
	{name: "pearson", better: higher, needs: needsVary, regression: (*regression).pearson},
	{name: "spearman", better: higher, needs: needsVary, regression: (*regression).spearman},
	{name: "bias", better: neither, needs: needsRows, regression: (*regression).bias},
	{name: "c_td", better: higher, needs: needsEvent, timed: (*timed).concordance},
	{name: "ibs", better: lower, needs: needsEvent, timed: (*timed).ibs},
	{name: "ibll", better: higher, needs: needsEvent, timed: (*timed).ibll},
	{name: "brier_median", better: lower, needs: needsEvent, timed: (*timed).brierMiddle},
}

// MetricNames are the names that [Metric] knows for targets of the kind, in the order of reports.
func MetricNames(kind Kind) []string {
	var names []string
	for _, m := range protocol {
		if m.has(kind) {
			names = append(names, m.name)
		}
	}
	return names
}

func (m metric) has(kind Kind) bool {
	switch kind {
	case Binary:
		return m.binary != nil
	case Class:
		return m.multi != nil
	case MultiLabel:
		return m.labels
	case Regression:
		return m.regression != nil
	case TimeToEvent:
		return m.timed != nil
	}
	return false
}

// HigherIsBetter reports whether larger values of the named metric are better. It is false for unknown names and for bias and the
// calibration slope and intercept, which are best in the middle: [Metric] refuses those.
func HigherIsBetter(name string) bool {
	m, ok := find(name)
	return ok && m.better == higher
}

func find(name string) (metric, bool) {
	i := slices.IndexFunc(protocol, func(m metric) bool { return m.name == name })
	if i < 0 {
		return metric{}, false
	}
	return protocol[i], true
}

// Metric is the named metric of rows, for choosing between models: at threshold 0.5 and specificity 0.9, without an interval.
// truth and score are as in [Predictions]; rows without truth are left out, and a row with truth but without score is an error (a
// network that has diverged must not look better for it). For class and multilabel targets auroc, auprc and f1 are means over
// classes. An undefined metric is an error that says what is missing, so that training can wait for a better epoch.
func Metric(name string, t Target, truth, score [][]float64) (value float64, higherIsBetter bool, err error) {
	m, ok := find(name)
	if !ok || !m.has(t.Kind) {
		return 0, false, fault.New(fault.Usage, "no metric %q for a %s target", name, t.Kind).
			WithHint("known: %s", strings.Join(MetricNames(t.Kind), ", "))
	}
	if m.better == neither {
		return 0, false, fault.New(fault.Usage, "metric %q is best in the middle and cannot choose between models", name)
	}
	c, err := newColumn(t, truth, score)
	if err != nil {
		return 0, false, err
	}
	if missing := scoreless(truth, score); missing > 0 {
		return 0, m.better == higher, fault.New(fault.Input, "%s of %q: %d rows have a truth but no finite score", name, t.Name, missing)
	}
	f := c.prepare(m, defaults())
	if f == nil {
		return 0, false, fault.New(fault.Usage, "metric %q needs a threshold that was chosen on other rows", name)
	}
	value = f(nil)
	if math.IsNaN(value) {
		return 0, m.better == higher, fault.New(fault.Input, "%s of %q is undefined: it %s", name, t.Name, m.needs)
	}
	return value, m.better == higher, nil
}

// column is the complete rows of one target in the form that metrics are prepared from.
type column struct {
	target Target
	rows   []int // of the table that it came from
	truth  [][]float64
	score  [][]float64
	bin    *binary     // binary
	multi  *multi      // class
	labels []*binary   // multilabel
	reg    *regression // regression
	timed  *timed      // time-to-event
}

// newColumn keeps the rows that have truth and score and checks what they hold.
func newColumn(t Target, truth, score [][]float64) (*column, error) {
	if len(truth) != len(score) {
		return nil, fmt.Errorf("target %q: %d rows of truth and %d of scores", t.Name, len(truth), len(score))
	}
	c := &column{target: t}
	for i := range truth {
		if err := checkRow(t, truth[i], score[i]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		if complete(truth[i]) && complete(score[i]) {
			c.rows = append(c.rows, i)
			c.truth = append(c.truth, truth[i])
			c.score = append(c.score, score[i])
		}
	}
	c.build(defaults().threshold)
	return c, nil
}

func (c *column) build(threshold float64) {
	pick := func(from [][]float64, j int) []float64 {
		out := make([]float64, len(from))
		for i, row := range from {
			out[i] = row[j]
		}
		return out
	}
	switch c.target.Kind {
	case Binary:
		c.bin = newBinary(pick(c.truth, 0), pick(c.score, 0), threshold)
	case Class:
		c.multi = newMulti(c.truth, c.score, c.target.Width())
	case MultiLabel:
		for j := range c.target.Classes {
			c.labels = append(c.labels, newBinary(pick(c.truth, j), pick(c.score, j), threshold))
		}
	case Regression:
		c.reg = &regression{y: pick(c.truth, 0), p: pick(c.score, 0)}
	case TimeToEvent:
		c.timed = newTimed(c.truth, c.score, c.target.Cuts)
	}
}

// prepare returns m for the column; nil when the settings do not define it.
func (c *column) prepare(m metric, s settings) compute {
	switch c.target.Kind {
	case Binary:
		return m.binary(c.bin, s)
	case Class:
		return m.multi(c.multi, s)
	case MultiLabel:
		parts := make([]compute, len(c.labels))
		for j, b := range c.labels {
			parts[j] = m.binary(b, s)
		}
		return macro(parts)
	case TimeToEvent:
		return m.timed(c.timed)
	}
	return m.regression(c.reg)
}

// scoreless counts the rows that have truth but no score.
func scoreless(truth, score [][]float64) int {
	var n int
	for i := range truth {
		if complete(truth[i]) && !complete(score[i]) {
			n++
		}
	}
	return n
}

func complete(row []float64) bool { return !slices.ContainsFunc(row, math.IsNaN) && len(row) > 0 }

// probable allows what averaging float32 probabilities can add to 0 and 1. NaN is missing, which is for others to judge.
func probable(v float64) bool { return math.IsNaN(v) || v >= -1e-6 && v <= 1+1e-6 }

// checkRow reports values that a target of this kind cannot have, without printing them.
func checkRow(t Target, truth, score []float64) error {
	if !slices.Contains([]Kind{Binary, Class, MultiLabel, Regression, TimeToEvent}, t.Kind) {
		return fault.New(fault.Usage, "target %q: unknown kind %q", t.Name, t.Kind)
	}
	wide := 1
	switch t.Kind {
	case MultiLabel:
		wide = t.Width()
	case TimeToEvent:
		wide = 2
	}
	if len(truth) != wide || len(score) != t.Width() {
		return fault.New(fault.Input, "target %q: %d truths and %d scores, want %d and %d", t.Name, len(truth), len(score), wide, t.Width())
	}
	if t.Kind == TimeToEvent && badTime(truth) {
		return fault.New(fault.Input, "target %q: a truth that a %s target cannot have", t.Name, t.Kind)
	}
	for _, v := range truth {
		bad := math.IsInf(v, 0)
		switch t.Kind {
		case Binary, MultiLabel:
			bad = v != 0 && v != 1 && !math.IsNaN(v)
		case Class:
			bad = !math.IsNaN(v) && (v != math.Trunc(v) || v < 0 || v >= float64(t.Width()))
		}
		if bad {
			return fault.New(fault.Input, "target %q: a truth that a %s target cannot have", t.Name, t.Kind)
		}
	}
	for _, v := range score {
		if math.IsInf(v, 0) || t.Kind != Regression && !probable(v) {
			return fault.New(fault.Input, "target %q: a score that a %s target cannot have", t.Name, t.Kind)
		}
	}
	return nil
}
