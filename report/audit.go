package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/evaluate/audit"
)

// AuditPage is what a person reads about how groups of people are served.
type AuditPage struct {
	Title, Date, Version string
	Report               *audit.Report
}

// auditView is what the template prints.
type auditView struct {
	AuditPage
	CSS     template.CSS
	Lead    string
	People  []table
	Targets []auditTarget
}

type auditTarget struct {
	ID, Name string
	Verdict  []string
	Forests  []forest
	Crossed  []forest
	Gaps     []table
	More     []table
	Search   string
	Folded   []table
}

var auditTemplate = template.Must(template.Must(page.Clone()).New("audit").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>{{.CSS}}</style></head>
<body><header><p class="brand">Cineloop · audit by group</p><h1>{{.Title}}</h1><p class="lead">{{.Lead}}</p></header>
<main>{{range .Report.Notes}}<p class="note">{{.}}</p>{{end}}
{{range .Targets}}<section class="target" id="{{.ID}}"><h2>{{.Name}}</h2>
<div class="summary"><h3>What was found</h3><ul>{{range .Verdict}}<li>{{.}}</li>{{end}}</ul></div>
{{range .Forests}}{{template "forest" .}}{{end}}
<h3>Gaps</h3><p class="small">A gap is the largest difference between two groups. It is never below 0, so chance alone makes one: beside each stands the mean gap when patients'
groups are shuffled, and the share of shuffles whose gap is at least as large.</p>
{{range .Gaps}}{{template "table" .}}{{end}}
{{range .More}}{{template "table" .}}{{end}}
{{if .Search}}<h3>The worst subgroup</h3><p>{{.Search}}</p>{{end}}
<details><summary>Crossings and all comparisons</summary>{{range .Crossed}}{{template "forest" .}}{{end}}{{range .Folded}}{{template "table" .}}{{end}}</details>
</section>{{end}}
<section><h2>Who is in the data</h2>{{range .People}}{{template "table" .}}{{end}}</section>
<section><h2>How to read this</h2><p class="small">Every interval is at {{printf "%.0f" .Percent}} %, by resampling patients, or Wilson's where each patient has one row. A group with fewer than {{.Report.MinGroup}}
patients is listed with “cannot tell”: neither good nor bad news. “No difference is shown” is not proof of none: look at how wide the interval is. Which gap matters is a question
about the use, not about the numbers: for a test that brings treatment, the sick who are missed (sensitivity, underdiagnosis); for one that brings harm, the healthy who are called
sick. When groups differ in how common the condition is, demographic parity, equalised odds and predictive parity cannot all hold at once. The truth itself may be recorded less
carefully for one group; an audit against that record will not see it.</p></section></main>
<footer class="small">{{.Date}} {{.Version}}</footer></body></html>`))

// Percent is the level of the intervals.
func (v auditView) Percent() float64 { return 100 * v.Report.Level }

// Write writes the page: one HTML file that needs nothing else.
func (p AuditPage) Write(w io.Writer) error {
	r := p.Report
	v := &auditView{AuditPage: p, CSS: styles}
	v.Lead = fmt.Sprintf("%s rows of %s patients, judged by %s.", thousands(r.Rows), thousands(r.Patients), strings.Join(plainOnly(r.Attributes), ", "))
	v.People = representation(r)
	for i, name := range sortedKeys(r.Targets) {
		v.Targets = append(v.Targets, auditTargetOf(fmt.Sprintf("target-%d", i+1), name, r))
	}
	return render(w, auditTemplate, v)
}

// plainOnly leaves crossings out.
func plainOnly(attributes []string) []string {
	var out []string
	for _, a := range attributes {
		if !strings.Contains(a, " × ") {
			out = append(out, a)
		}
	}
	return out
}

func representation(r *audit.Report) []table {
	t := table{Head: []string{"Group", "patients", "share of the data"}}
	target := false
	for _, s := range r.Representation {
		target = target || s.Target != nil
	}
	if target {
		t.Head = append(t.Head, "share of the population", "")
	}
	for _, s := range r.Representation {
		row := []string{s.Attribute + " = " + s.Group, thousands(s.Patients), s.Share.String()}
		if target {
			if s.Target != nil {
				row = append(row, fmt.Sprintf("%.3f", *s.Target), s.Verdict)
			} else {
				row = append(row, "–", "")
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return []table{t}
}

func auditTargetOf(id, name string, r *audit.Report) auditTarget {
	t := r.Targets[name]
	v := auditTarget{ID: id, Name: name, Verdict: t.Verdict}
	metrics := audit.Shown(t.Kind)
	for _, m := range metrics {
		if m == "prevalence" {
			continue
		}
		v.Forests = append(v.Forests, auditForest(m, plainOnly(r.Attributes), t))
		if m == metrics[0] || m == "auroc" || m == "tpr" {
			if crossed := crossedOnly(r.Attributes); len(crossed) > 0 {
				v.Crossed = append(v.Crossed, auditForest(m, crossed, t))
			}
		}
	}
	for _, a := range plainOnly(r.Attributes) {
		if len(t.Gaps[a]) == 0 {
			continue
		}
		gaps := table{Caption: "By " + a, Head: []string{"Gap", "value and interval", "by chance", "p", "lowest", "highest"}}
		for _, g := range sortedKeys(t.Gaps[a]) {
			x := t.Gaps[a][g]
			gaps.Rows = append(gaps.Rows, []string{gapName(g), x.Measure.String(), plainNumber(x.ByChance), plainNumber(x.P), x.Least, x.Most})
		}
		v.Gaps = append(v.Gaps, gaps)
	}
	if len(t.Underserved) > 0 {
		u := table{Caption: "Underdiagnosis: of the sick, how many are called healthy; the worst first", Head: []string{"Group", "sick", "missed", "share missed"}}
		for _, x := range t.Underserved[:min(8, len(t.Underserved))] {
			u.Rows = append(u.Rows, []string{x.Attribute + " = " + x.Group, thousands(x.Sick), thousands(x.Missed), x.Rate.String()})
		}
		v.More = append(v.More, u)
	}
	if len(t.Thresholds) > 0 {
		m := table{Caption: "What thresholds of their own for each group would do, chosen on validation rows", Head: []string{"", "gap before", "gap after", "accuracy before", "accuracy after", "harm"}}
		for _, x := range t.Thresholds {
			harm := strings.Join(x.Harm, "; ")
			if harm == "" {
				harm = "to none that is shown"
			}
			m.Rows = append(m.Rows, []string{x.Attribute + ", " + map[string]string{"dp": "demographic parity", "eo": "equalised odds"}[x.Constraint], x.Before["gap"].String(), x.After["gap"].String(), x.Before["accuracy"].String(), x.After["accuracy"].String(), harm})
		}
		v.More = append(v.More, m)
	}
	if len(t.Calibrated) > 0 {
		m := table{Caption: "What a calibration of its own for each group would do, fitted on validation rows", Head: []string{"", "calibration gap before", "after", "Brier score before", "after", "harm"}}
		for _, x := range t.Calibrated {
			harm := strings.Join(x.Harm, "; ")
			if harm == "" {
				harm = "to none that is shown"
			}
			m.Rows = append(m.Rows, []string{x.Attribute, x.Before["gap"].String(), x.After["gap"].String(), x.Before["brier"].String(), x.After["brier"].String(), harm})
		}
		v.More = append(v.More, m)
	}
	if s := t.Search; s != nil {
		v.Search = strings.ToUpper(s.Verdict[:1]) + s.Verdict[1:] + "."
		if s.Confirmed != nil {
			v.Search += fmt.Sprintf(" On those patients (%s of them in the subgroup) its mean loss (%s) is %.3f against %.3f; difference %s, p = %.3g.",
				thousands(s.Confirmed.Patients), s.Loss, s.Confirmed.Loss, s.Confirmed.Others, s.Confirmed.Difference, s.Confirmed.P)
		}
	}
	c := table{Caption: "Each group against everybody", Head: []string{"Group", "metric", "difference", "p", "p, corrected", ""}}
	for _, x := range t.Comparisons {
		worse := ""
		if x.Worse {
			worse = "worse off"
		}
		c.Rows = append(c.Rows, []string{x.Attribute + " = " + x.Group, audit.Words(x.Metric), x.Difference.String(), plainNumber(x.P), plainNumber(x.Adjusted), worse})
	}
	v.Folded = append(v.Folded, c)
	return v
}

func crossedOnly(attributes []string) []string {
	var out []string
	for _, a := range attributes {
		if strings.Contains(a, " × ") {
			out = append(out, a)
		}
	}
	return out
}

func plainNumber(n evaluate.Number) string {
	if !n.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.3f", n)
}

// gapName is a gap's name for people.
func gapName(name string) string {
	if m, ok := strings.CutPrefix(name, "worst_"); ok {
		return audit.Words(m) + " of the worst group"
	}
	if m, ok := strings.CutPrefix(name, "gini_"); ok {
		return "Gini coefficient of " + audit.Words(m)
	}
	return audit.Words(name)
}

// auditForest draws one metric of every group of some attributes on one scale.
func auditForest(metric string, attributes []string, t *audit.Target) forest {
	words := audit.Words(metric)
	f := forest{Title: strings.ToUpper(words[:1]) + words[1:] + " by group"}
	var span []float64
	add := func(m audit.Measure) {
		for _, v := range []evaluate.Number{m.Low, m.Value, m.High} {
			if v.Defined() {
				span = append(span, float64(v))
			}
		}
	}
	all := t.Overall[metric]
	add(all)
	for _, a := range attributes {
		for _, g := range t.Groups[a] {
			add(g.Metrics[metric])
		}
	}
	if len(span) == 0 {
		span = []float64{0, 1}
	}
	s := scaleOver(span)
	f.Axis = s.axis()
	line := math.NaN()
	if all.Value.Defined() {
		line = float64(all.Value)
	}
	row := func(name string, n, patients int, m audit.Measure, reason string) forestRow {
		r := forestRow{Name: name, N: fmt.Sprintf("%s rows, %s patients", thousands(n), thousands(patients)), Reason: reason}
		if n == patients {
			r.N = thousands(n) + " patients"
		}
		if r.Reason == "" && !m.Value.Defined() {
			r.Reason = m.Reason
		}
		if r.Reason != "" {
			return r
		}
		r.Value = fmt.Sprintf("%.3f", m.Value)
		low, high := m.Value, m.Value
		if m.Low.Defined() {
			low, high = m.Low, m.High
			r.Span = fmt.Sprintf("%.3f to %.3f", m.Low, m.High)
		}
		r.Bar = s.bar(float64(low), float64(m.Value), float64(high), line)
		return r
	}
	whole := row("Everyone", t.N, t.Patients, all, "")
	whole.Whole = true
	f.Rows = append(f.Rows, whole)
	for _, a := range attributes {
		f.Rows = append(f.Rows, forestRow{Heading: a})
		for _, value := range sortedKeys(t.Groups[a]) {
			g := t.Groups[a][value]
			f.Rows = append(f.Rows, row(value, g.N, g.Patients, g.Metrics[metric], g.Reason))
		}
	}
	return f
}
