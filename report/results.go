package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/report/svg"
)

// targetView is one target under one split, ready to print.
type targetView struct {
	ID        string
	Name      string
	Headline  string
	Judged    string // how many rows, what baseline
	Notes     []string
	Main      []metricRow
	More      []metricRow
	Classes   *table
	Charts    []chart
	Confusion *confusion
	Forests   []forest
	Folded    []forest // further metrics by group
	Groups    []string // what the audit by group found, in words
}

// metricRow is a metric beside its baseline.
type metricRow struct {
	Label, Help  string
	Value, Span  string
	Unit         string
	Reason       string
	Method       string
	Base         string
	Verdict      string
	VerdictClass string
	Bar          *bar // Line is the baseline
}

// confusion is the table of true and called classes, shaded by the share of each true class.
type confusion struct {
	Classes []string
	Rows    []confusionRow
}

type confusionRow struct {
	Name  string
	Cells []cell
}

type cell struct {
	N, Share string
	Shade    int // 0 to 10
}

// targetsOf lists a report's targets: derived ones first, because they are what was asked; then in the order of the tables.
func targetsOf(v Variant) (names []string, of map[string]*evaluate.TargetReport) {
	of = map[string]*evaluate.TargetReport{}
	names = sortedKeys(v.Report.Derived)
	for _, n := range names {
		of[n] = v.Report.Derived[n]
	}
	var rest []string
	for _, t := range v.Tables {
		for _, target := range t.Targets {
			if v.Report.Targets[target.Name] != nil && of[target.Name] == nil && !slices.Contains(rest, target.Name) {
				rest = append(rest, target.Name)
			}
		}
	}
	for _, n := range sortedKeys(v.Report.Targets) {
		if of[n] == nil && !slices.Contains(rest, n) {
			rest = append(rest, n)
		}
	}
	for _, n := range rest {
		of[n] = v.Report.Targets[n]
	}
	return append(names, rest...), of
}

func viewTarget(id, name string, t *evaluate.TargetReport, v Variant) targetView {
	out := targetView{ID: id, Name: name, Headline: headline(t), Notes: t.Notes, Judged: judged(t)}
	main := mainMetrics[t.Kind]
	for _, m := range main {
		if x, ok := t.Metrics[m]; ok {
			out.Main = append(out.Main, rowOf(m, x, t.Unit))
		}
	}
	names := sortedKeys(t.Metrics)
	order := append(evaluate.MetricNames(t.Kind), "auroc_delong")
	slices.SortStableFunc(names, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	for _, m := range names {
		if !slices.Contains(main, m) {
			out.More = append(out.More, rowOf(m, t.Metrics[m], t.Unit))
		}
	}
	out.Classes = classTable(t)
	out.Charts = chartsOf(id, name, t, v)
	if t.Confusion != nil && t.N > 0 {
		out.Confusion = confusionOf(t.Confusion)
		if t.Kind == evaluate.Binary {
			out.Confusion.rename("no", "yes")
		}
	}
	out.Forests, out.Folded = forests(name, t)
	if v.Groups != nil && v.Groups.Targets[name] != nil {
		out.Groups = v.Groups.Targets[name].Verdict
	}
	return out
}

// judged says on what the numbers rest.
func judged(t *evaluate.TargetReport) string {
	s := fmt.Sprintf("Judged on %s rows of %s patients", thousands(t.N), thousands(t.Patients))
	switch {
	case t.Kind == evaluate.Binary && t.N > 0:
		s += fmt.Sprintf(", %s rows with the outcome (%s)", thousands(t.Counts["1"]), percent(float64(t.Counts["1"])/float64(t.N)))
	case t.Truth != nil && t.Truth.Mean.Defined():
		s += fmt.Sprintf("; true values %s to %s", number(float64(t.Truth.Min), false), strings.TrimSpace(number(float64(t.Truth.Max), false)+" "+t.Unit))
	}
	if t.MissingTruth > 0 {
		s += fmt.Sprintf("; %s more have no known truth", thousands(t.MissingTruth))
	}
	if b := t.Baseline; b != nil && len(b.Values) > 0 {
		what := "how common each class is among"
		if b.Method == "mean" {
			what = "the mean of"
		}
		from := "the " + b.From + " rows"
		if b.From == "other folds" {
			from = "the other folds"
		}
		s += fmt.Sprintf(". Guessing means the same answer for everyone: %s %s", what, from)
	}
	if op := t.Operating; op != nil {
		s += fmt.Sprintf(". A probability of %s or more is called yes", number(op.Threshold, true))
		if op.SpecificityThreshold.Defined() {
			s += fmt.Sprintf("; for a specificity of %s it is %s, chosen on the %s rows", number(op.Specificity, true), number(float64(op.SpecificityThreshold), true), op.ChosenOn)
		}
	}
	return s + "."
}

func rowOf(name string, m evaluate.Measure, unit string) metricRow {
	t, known := terms[name]
	if !known {
		t = term{label: name}
	}
	r := metricRow{Label: t.label, Help: t.help, Method: m.Method, Reason: m.Reason}
	if inUnit(name) {
		r.Unit = unit
	}
	_, _, r.Base = printed(m, t.share)
	if !m.Value.Defined() {
		return r
	}
	r.Value, r.Span, _ = printed(m, t.share)
	r.Verdict, r.VerdictClass = verdict(m)
	low, high, base := float64(m.Low), float64(m.High), math.NaN()
	if !m.Low.Defined() {
		low, high = float64(m.Value), float64(m.Value)
	}
	if m.Baseline != nil {
		base = float64(*m.Baseline)
	}
	s := scale{svg.Around("", 0, low, high, base)}
	if t.share {
		s.Axis = svg.Axis{Min: math.Min(0, s.Min), Max: 1}
	}
	if name == "calibration_slope" {
		base = 1
		s.Axis = svg.Around("", 0, 2, low, high)
	}
	r.Bar = s.bar(low, float64(m.Value), high, base)
	return r
}

// classTable sets the classes or labels side by side.
func classTable(t *evaluate.TargetReport) *table {
	if len(t.PerClass) == 0 {
		return nil
	}
	shown := []string{"auroc", "auprc", "sensitivity", "specificity", "f1"}
	out := &table{Caption: "Each class against the rest", Head: []string{"Class", "Rows"}}
	if t.Kind == evaluate.MultiLabel {
		out.Caption, out.Head[0] = "Each label", "Label"
	}
	for _, m := range shown {
		out.Head = append(out.Head, terms[m].label)
	}
	for _, c := range t.Classes {
		p := t.PerClass[c]
		if p == nil {
			continue
		}
		row := []string{c, thousands(p.N)}
		for _, m := range shown {
			x := p.Metrics[m]
			text, span, _ := printed(x, true)
			if span != "" {
				text += " (" + span + ")"
			}
			row = append(row, text)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func confusionOf(c *evaluate.Confusion) *confusion {
	out := &confusion{Classes: c.Classes}
	for i, counts := range c.Counts {
		var n int
		for _, k := range counts {
			n += k
		}
		row := confusionRow{Name: c.Classes[i]}
		for _, k := range counts {
			x := cell{N: thousands(k), Share: "–"}
			if n > 0 {
				share := float64(k) / float64(n)
				x.Share, x.Shade = fmt.Sprintf("%.0f %%", 100*share), int(math.Round(10*share))
			}
			row.Cells = append(row.Cells, x)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// rename gives the classes names that need no key.
func (c *confusion) rename(names ...string) {
	c.Classes = names
	for i := range c.Rows {
		c.Rows[i].Name = names[i]
	}
}

// chartsOf draws what the kind of target has.
func chartsOf(id, name string, t *evaluate.TargetReport, v Variant) []chart {
	var out []chart
	switch t.Kind {
	case evaluate.Binary:
		if t.Curves == nil {
			break
		}
		if len(t.Curves.ROC) > 0 {
			out = append(out, rocChart(id+"-roc", name, []named{{name, t.Curves.ROC}}))
		}
		if len(t.Curves.PR) > 0 {
			out = append(out, prChart(id+"-pr", name, []named{{name, t.Curves.PR}}, float64(t.Counts["1"])/float64(t.N)))
		}
		if t.N > 0 {
			out = append(out, reliabilityChart(id+"-cal", name, name, t.Curves.Reliability))
		}
	case evaluate.Class, evaluate.MultiLabel:
		var roc, pr []named
		for _, c := range t.Classes {
			if p := t.PerClass[c]; p != nil && p.Curves != nil {
				if len(p.Curves.ROC) > 0 {
					roc = append(roc, named{c, p.Curves.ROC})
				}
				if len(p.Curves.PR) > 0 {
					pr = append(pr, named{c, p.Curves.PR})
				}
			}
		}
		if len(roc) > 0 {
			out = append(out, rocChart(id+"-roc", name, roc))
		}
		if len(pr) > 0 {
			out = append(out, prChart(id+"-pr", name, pr, math.NaN()))
		}
		if t.Curves != nil && t.N > 0 {
			out = append(out, reliabilityChart(id+"-cal", name, "the called class being right", t.Curves.Reliability))
		}
	case evaluate.Regression:
		if truth, score := rowsOf(v, name); len(truth) > 0 {
			out = append(out, scatterChart(id+"-xy", name, t.Unit, truth, score))
			if t.Agreement != nil {
				out = append(out, blandAltmanChart(id+"-ba", name, t.Unit, truth, score, t.Agreement))
			}
		}
	}
	return out
}

// rowsOf are the judged rows of a regression target that have truth and score.
func rowsOf(v Variant, name string) (truth, score []float64) {
	for _, t := range v.Tables {
		for i := range t.Truth[name] {
			if y, p := t.Truth[name][i][0], t.Score[name][i][0]; t.Split[i] == v.Report.Split && !math.IsNaN(y) && !math.IsNaN(p) {
				truth, score = append(truth, y), append(score, p)
			}
		}
		if len(truth) > 0 {
			return truth, score
		}
	}
	return nil, nil
}
