package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/report/svg"
)

// UncertaintyPage is what a person reads about how sure predictions are, and whether that is true.
type UncertaintyPage struct {
	Title, About, Date, Version string

	Targets  []Uncertain
	Readings []uncertainty.Reading // examples of what a reader sees
	Notes    []string
	Sections []Section // more tables and charts after the targets
}

// Uncertain is a target; one of the judgements is set.
type Uncertain struct {
	Name, Unit string
	Classes    *uncertainty.Judgement
	Numbers    *uncertainty.NumberJudgement
	Times      *uncertainty.TimeJudgement

	Answered        *float64 // share that the plan's rule answers; nil: no rule
	Wrong, WrongAll *float64 // error rates: answered, all
}

// Section is a heading with tables and charts of one's own.
type Section struct {
	Title, Text string
	Tables      []Table
	Charts      []svg.Plot
	Pictures    []Picture
	Legends     [][]string // of each chart: the names of series s1, s2, …
	Forests     []Forest   // shown by a [SectionsPage]
}

// Table is plain rows under a head.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

type uncertainView struct {
	Name   string
	Lead   []string
	Short  []string // what it comes to
	Charts []chart
	Groups []forest // coverage by subgroup
	Tables []*table
	Folded []*table // numbers of Groups
	Notes  []string
}

type sectionView struct {
	Title, Text string
	Pictures    []safePicture
	Charts      []chart
	Tables      []*table
	Forests     []forest
}

// safePicture has a data URI that this package was given as one.
type safePicture struct {
	URI          template.URL
	Alt, Caption string
}

type uncertaintyView struct {
	UncertaintyPage
	CSS      template.CSS
	Views    []uncertainView
	Seen     *table
	More     []sectionView
	HasRules bool
}

var uncertaintyTemplate = template.Must(template.Must(page.Clone()).New("uncertainty").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>{{.CSS}}
.plot .area{fill:var(--c);fill-opacity:.15}.strip{display:flex;flex-wrap:wrap;gap:6px;margin:.6rem 0}.strip img{width:56px;height:56px;image-rendering:pixelated;display:block}
.strip figcaption{text-align:center}</style></head>
<body><header><p class="brand">Cineloop · how sure, and whether that is true</p><h1>{{.Title}}</h1>{{with .About}}<p class="lead">{{.}}</p>{{end}}</header>
<main>{{range .Views}}<section><h2>{{.Name}}</h2>{{range .Lead}}<p>{{.}}</p>{{end}}
{{with .Short}}<div class="summary"><ul>{{range .}}<li>{{.}}</li>{{end}}</ul></div>{{end}}
{{with .Charts}}<div class="charts">{{range .}}{{template "chart" .}}{{end}}</div>{{end}}
{{with .Groups}}<div class="forests">{{range .}}{{template "forest" .}}{{end}}</div>{{end}}{{with .Folded}}<details><summary>Numbers by subgroup</summary>{{range .}}{{template "table" .}}{{end}}</details>{{end}}
{{range .Tables}}{{template "table" .}}{{end}}{{range .Notes}}<p class="note">{{.}}</p>{{end}}</section>{{end}}
{{range .More}}<section><h2>{{.Title}}</h2>{{with .Text}}<p>{{.}}</p>{{end}}{{with .Pictures}}<div class="strip">{{range .}}<figure><img src="{{.URI}}" alt="{{.Alt}}"><figcaption class="small">{{.Caption}}</figcaption></figure>{{end}}</div>{{end}}{{with .Charts}}<div class="charts">{{range .}}{{template "chart" .}}{{end}}</div>{{end}}
{{range .Tables}}{{template "table" .}}{{end}}</section>{{end}}
{{with .Seen}}<section><h2>What a reader sees</h2>{{template "table" .}}</section>{{end}}
{{with .Notes}}<section><h2>Notes</h2>{{range .}}<p class="note">{{.}}</p>{{end}}</section>{{end}}
<section><h2>How to read this</h2><p class="small">A conformal set or interval holds the truth as often as promised on average over people like the calibration ones; it promises
nothing about one person, nor about a subgroup unless its threshold is the subgroup's own. A coverage is as promised where its interval includes the promise.
Selective risk is the error among the answered: it has to fall as fewer are answered, or confidence is worth nothing. Excess AURC is what a perfect order would save.</p>
<p class="note">Automation bias: readers follow a number that a machine shows, also a wrong one, and more so when busy (Goddard, Roudsari and Wyatt 2012). Form your own opinion first
where you can. An answer that is withheld is no finding: it neither speaks for disease nor against it. Where interval, set or reason for doubt are not shown beside the value,
do not use the value.</p></section></main>
<footer class="small">{{.Date}} {{.Version}}</footer></body></html>`))

// Write writes the page: one HTML file that needs nothing else.
func (p UncertaintyPage) Write(w io.Writer) error {
	v := &uncertaintyView{UncertaintyPage: p, CSS: styles}
	for i, t := range p.Targets {
		v.Views = append(v.Views, t.view(i))
	}
	for i, s := range p.Sections {
		v.More = append(v.More, s.view(i))
	}
	v.Seen = readingsTable(p.Readings)
	return render(w, uncertaintyTemplate, v)
}

func (s Section) view(at int) sectionView {
	v := sectionView{Title: s.Title, Text: s.Text}
	for _, p := range s.Pictures {
		if strings.HasPrefix(p.URI, "data:image/") {
			v.Pictures = append(v.Pictures, safePicture{template.URL(p.URI), p.Alt, p.Caption})
		}
	}
	for i, p := range s.Charts {
		p.ID = fmt.Sprintf("more%d-%d", at, i)
		var l []legend
		if i < len(s.Legends) {
			for k, name := range s.Legends[i] {
				l = append(l, legend{series(k), name})
			}
		}
		v.Charts = append(v.Charts, drawn(p, "", nil, l...))
	}
	for _, t := range s.Tables {
		v.Tables = append(v.Tables, &table{Caption: t.Caption, Head: t.Head, Rows: t.Rows})
	}
	for _, f := range s.Forests {
		v.Forests = append(v.Forests, f.view())
	}
	return v
}

func (t Uncertain) view(at int) uncertainView {
	v := uncertainView{Name: t.Name}
	id := fmt.Sprintf("u%d-", at)
	switch {
	case t.Classes != nil:
		classesView(&v, id, t.Classes)
	case t.Numbers != nil:
		numbersView(&v, id, t.Unit, t.Numbers)
	case t.Times != nil:
		timesView(&v, id, t.Unit, t.Times)
	}
	if t.Answered != nil && *t.Answered < 1 {
		s := fmt.Sprintf("The rule answers %.1f %% of the judged rows", 100**t.Answered)
		if t.Wrong != nil && t.WrongAll != nil {
			s += fmt.Sprintf("; %.1f %% of these answers are wrong, against %.1f %% if everything were answered", 100**t.Wrong, 100**t.WrongAll)
		}
		v.Lead = append(v.Lead, s+".")
	}
	return v
}

func f3(x float64) string { return fmt.Sprintf("%.3f", x) }

func inPercent(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }

func classesView(v *uncertainView, id string, j *uncertainty.Judgement) {
	v.Lead = append(v.Lead, fmt.Sprintf("%d items judged; thresholds are learnt from %d others. Accuracy %.3f at a mean confidence of %.3f.", j.N, j.Calibrating, j.Raw.Accuracy, j.Raw.Sharpness))
	r := j.Reliability
	rel := svg.Plot{ID: id + "rel", Title: "Reliability", Height: 330, X: unitAxis("confidence"), Y: unitAxis("accuracy"),
		Desc: "Accuracy against confidence in bins of equal numbers. Inside the band, the difference may be chance."}
	area := svg.Area{Class: "s2"}
	var dots []svg.XY
	rows := [][]string{}
	for b, n := range r.Counts {
		if n == 0 {
			continue
		}
		area.X, area.Low, area.High = append(area.X, r.Conf[b]), append(area.Low, r.Low[b]), append(area.High, r.High[b])
		dots = append(dots, svg.XY{X: r.Conf[b], Y: r.Acc[b]})
		rows = append(rows, []string{f3(r.Conf[b]), f3(r.Acc[b]), fmt.Sprint(n)})
	}
	rel.Marks = append(rel.Marks, area, svg.Line{Class: "muted", Dashed: true, Points: []svg.XY{{X: 0, Y: 0}, {X: 1, Y: 1}}}, svg.Line{Class: "s1", Points: dots}, svg.Dots{Class: "s1", Points: dots})
	if len(dots) > 0 { // a judgement that was read from a file has no curves
		v.Charts = append(v.Charts, drawn(rel, "The band is where accuracy would lie 95 % of the time were the confidence right.",
			&table{Caption: "Reliability", Head: []string{"confidence", "accuracy", "items"}, Rows: rows}, legend{"s1", "seen"}, legend{"s2", "consistent"}))
	}
	v.Charts = append(v.Charts, riskChart(id, "error rate", j.Curve, j.Selective))
	v.Tables = append(v.Tables, &table{Caption: "Calibration", Head: []string{"", "as predicted", fmt.Sprintf("at temperature %.3f", j.Temperature)}, Rows: [][]string{
		{"accuracy", f3(j.Raw.Accuracy), f3(j.Scaled.Accuracy)}, {"mean confidence", f3(j.Raw.Sharpness), f3(j.Scaled.Sharpness)},
		{"negative log likelihood", f3(j.Raw.NLL), f3(j.Scaled.NLL)}, {"Brier score", f3(j.Raw.Brier), f3(j.Scaled.Brier)},
		{"calibration error, equal width", f3(j.Raw.ECE), f3(j.Scaled.ECE)}, {"calibration error, equal mass", f3(j.Raw.ECEMass), f3(j.Scaled.ECEMass)},
		{"calibration error, debiased", f3(j.Raw.Debiased), f3(j.Scaled.Debiased)}, {"calibration error, classwise", f3(j.Raw.Classwise), f3(j.Scaled.Classwise)},
		{"calibration error, adaptive", f3(j.Raw.Adaptive), f3(j.Scaled.Adaptive)},
		{"Brier score of being right: reliability − resolution + uncertainty", brierParts(j.Raw.Parts), brierParts(j.Scaled.Parts)},
		{"largest gap of a bin", f3(j.Raw.MCE), f3(j.Scaled.MCE)}}})
	sel := &table{Caption: "Answering the surest only", Head: []string{"answered", "error rate", "least confidence"}}
	for _, s := range j.Selective {
		sel.Rows = append(sel.Rows, []string{inPercent(s.Coverage), f3(s.Risk), f3(s.Confidence)})
	}
	sel.Rows = append(sel.Rows, []string{"AURC", fmt.Sprintf("%.4f", j.AURC), ""}, []string{"excess", fmt.Sprintf("%.4f", j.EAURC), ""})
	sets := &table{Caption: fmt.Sprintf("Conformal sets, %s promised", inPercent(1-j.Alpha)), Head: []string{"", "n", "coverage", "95 % interval", "mean size", "one class", "empty", "accuracy"}}
	for _, c := range j.Sets {
		sets.Rows = append(sets.Rows, []string{uncertainty.GroupName(c.Group, c.Value, c.Own, c.Every), fmt.Sprint(c.N), f3(c.Coverage), f3(c.Low) + " to " + f3(c.High), fmt.Sprintf("%.2f", c.Size), inPercent(c.Single), inPercent(c.Empty), f3(c.Accuracy)})
	}
	v.Short = classesSummary(j)
	var lines []coveredLine
	for _, c := range j.Sets {
		if !c.Own {
			lines = append(lines, coveredLine{c.Group, c.Value, c.Every, c.N, c.Coverage, c.Low, c.High, fmt.Sprintf("%.2f classes", c.Size)})
		}
	}
	v.coverage("Sets", lines, 1-j.Alpha, sets)
	v.Tables = append(v.Tables, sel)
	v.detection(j.Detection)
	v.Notes = append(v.Notes, j.Notes...)
}

// coverage draws coverage by subgroup, with the numbers folded away; without subgroups the numbers are shown.
func (v *uncertainView) coverage(what string, lines []coveredLine, promised float64, numbers *table) {
	if v.Groups = coverageForests(what, lines, promised); v.Groups == nil {
		v.Tables = append(v.Tables, numbers)
		return
	}
	v.Folded = append(v.Folded, numbers)
}

func brierParts(p uncertainty.BrierParts) string {
	return fmt.Sprintf("%.3f − %.3f + %.3f", p.Reliability, p.Resolution, p.Uncertainty)
}

func (v *uncertainView) detection(found []uncertainty.NamedDetection) {
	if len(found) == 0 {
		return
	}
	t := &table{Caption: "Finding items unlike the training data", Head: []string{"score", "AUROC", "false alarms at 95 % found"}}
	for _, d := range found {
		t.Rows = append(t.Rows, []string{d.Score, f3(d.AUROC), f3(d.FPR95)})
	}
	v.Tables = append(v.Tables, t)
}

// riskChart is the risk–coverage curve.
func riskChart(id, what string, c uncertainty.RiskCoverage, points []uncertainty.SelectivePoint) chart {
	top := 0.0
	var line []svg.XY
	for k := range c.Risk {
		// The first few answers are too few to tell: a curve that starts with one wrong answer would hide the rest.
		if c.Coverage[k] < 0.05 && k+20 < len(c.Risk) || len(c.Risk) > 400 && k%(len(c.Risk)/200) != 0 {
			continue
		}
		line = append(line, svg.XY{X: c.Coverage[k], Y: c.Risk[k]})
		top = math.Max(top, c.Risk[k])
	}
	if len(c.Risk) == 0 { // read from a file: the points that were kept
		for _, s := range points {
			line = append(line, svg.XY{X: s.Coverage, Y: s.Risk})
			top = math.Max(top, s.Risk)
		}
	}
	if top == 0 {
		top = 0.1 // nothing is wrong: a flat line on a scale that can be read
	}
	p := svg.Plot{ID: id + "risk", Title: "Risk against coverage", Height: 330, X: unitAxis("share answered"), Y: svg.Around(what, 0, top),
		Desc: "The " + what + " among the surest share of items."}
	p.Marks = append(p.Marks, svg.Line{Class: "s1", Points: line})
	t := &table{Caption: "Risk against coverage", Head: []string{"answered", what}}
	for _, s := range points {
		t.Rows = append(t.Rows, []string{inPercent(s.Coverage), fmt.Sprintf("%.4g", s.Risk)})
	}
	return drawn(p, "", t)
}

func spaced(unit string) string {
	if unit == "" {
		return ""
	}
	return " " + unit
}

func numbersView(v *uncertainView, id, unit string, j *uncertainty.NumberJudgement) {
	u := spaced(unit)
	v.Lead = append(v.Lead, fmt.Sprintf("%d items judged; thresholds are learnt from %d others. Mean absolute error %.3g%s, bias %.3g%s. Intervals: %s.", j.N, j.Calibrating, j.MAE, u, j.Bias, u, j.Way))
	if len(j.PIT) > 0 {
		p := svg.Plot{ID: id + "pit", Title: "Probability integral transform", Height: 300, X: unitAxis("predicted probability of at most the truth")}
		most := 0.0
		bars := svg.Bars{Class: "s1", Width: 1 / float64(len(j.PIT))}
		var rows [][]string
		for k, n := range j.PIT {
			x := float64(k) / float64(len(j.PIT))
			bars.Points = append(bars.Points, svg.XY{X: x, Y: float64(n)})
			most = math.Max(most, float64(n))
			rows = append(rows, []string{fmt.Sprintf("%.1f to %.1f", x, x+bars.Width), fmt.Sprint(n)})
		}
		even := float64(j.N) / float64(len(j.PIT))
		p.Y = svg.Around("items", 0, most)
		p.Desc = "Even bars mean that predicted distributions are right; a U means too narrow, a hump too wide."
		p.Marks = append(p.Marks, bars, svg.Line{Class: "muted", Dashed: true, Points: []svg.XY{{X: 0, Y: even}, {X: 1, Y: even}}})
		v.Charts = append(v.Charts, drawn(p, p.Desc, &table{Caption: "PIT", Head: []string{"from to", "items"}, Rows: rows}))
	}
	if len(j.Selective) > 0 {
		v.Charts = append(v.Charts, riskChart(id, "mean absolute error"+u, j.Curve, j.Selective))
	}
	t := &table{Caption: "Errors" + u, Head: []string{"", ""}, Rows: [][]string{{"mean absolute error", fmt.Sprintf("%.4g", j.MAE)}, {"root mean squared error", fmt.Sprintf("%.4g", j.RMSE)}, {"bias", fmt.Sprintf("%.4g", j.Bias)}}}
	for _, x := range []struct {
		name string
		v    *float64
	}{{"negative log likelihood (normal)", j.NLL}, {"CRPS (normal)", j.CRPS}, {"mean predicted deviation", j.Sharpness}, {"PIT, mean distance from even", j.PITMiss}, {"AURC", j.AURC}, {"excess AURC", j.EAURC}} {
		if x.v != nil {
			t.Rows = append(t.Rows, []string{x.name, fmt.Sprintf("%.4g", *x.v)})
		}
	}
	sets := &table{Caption: fmt.Sprintf("Intervals, %s promised", inPercent(1-j.Alpha)), Head: []string{"", "n", "coverage", "95 % interval", "mean width", "interval score", "mean absolute error"}}
	add := func(name string, l uncertainty.IntervalLine) {
		sets.Rows = append(sets.Rows, []string{name, fmt.Sprint(l.N), f3(l.Coverage), f3(l.Low) + " to " + f3(l.High), fmt.Sprintf("%.4g", l.Width), fmt.Sprintf("%.4g", l.Score), fmt.Sprintf("%.4g", l.Error)})
	}
	if j.Promised != nil {
		add("all, as predicted", *j.Promised)
	}
	for _, l := range j.Intervals {
		add(uncertainty.GroupName(l.Group, l.Value, l.Own, l.Every), l)
	}
	v.Short = numbersSummary(j)
	var lines []coveredLine
	for _, l := range j.Intervals {
		if !l.Own {
			lines = append(lines, coveredLine{l.Group, l.Value, l.Every, l.N, l.Coverage, l.Low, l.High, fmt.Sprintf("%.3g%s wide", l.Width, u)})
		}
	}
	v.Tables = append(v.Tables, t)
	v.coverage("Intervals", lines, 1-j.Alpha, sets)
	v.detection(j.Detection)
	v.Notes = append(v.Notes, j.Notes...)
}

func timesView(v *uncertainView, id, unit string, j *uncertainty.TimeJudgement) {
	u := spaced(unit)
	v.Lead = append(v.Lead, fmt.Sprintf("%d people judged with %d events; thresholds are learnt from %d others.", j.N, j.Events, j.Calibrating))
	p := svg.Plot{ID: id + "dcal", Title: "Calibration over all times", Height: 300, X: unitAxis("predicted survival at the own time, from 1 down"), Desc: "Even bars mean that survival curves are right (D-calibration)."}
	bars := svg.Bars{Class: "s1", Width: 1 / float64(len(j.DCalHist))}
	most := 0.0
	var rows [][]string
	for k, n := range j.DCalHist {
		x := float64(k) / float64(len(j.DCalHist))
		bars.Points = append(bars.Points, svg.XY{X: x, Y: n})
		most = math.Max(most, n)
		rows = append(rows, []string{fmt.Sprintf("%.1f to %.1f", 1-x, 1-x-bars.Width), fmt.Sprintf("%.1f", n)})
	}
	even := float64(j.N) / float64(len(j.DCalHist))
	p.Y = svg.Around("people", 0, most)
	p.Marks = append(p.Marks, bars, svg.Line{Class: "muted", Dashed: true, Points: []svg.XY{{X: 0, Y: even}, {X: 1, Y: even}}})
	note := ""
	if j.DCalP != nil {
		note = fmt.Sprintf("Test of evenness: p = %.3g.", *j.DCalP)
	}
	v.Charts = append(v.Charts, drawn(p, note, &table{Caption: "D-calibration", Head: []string{"predicted survival", "people"}, Rows: rows}))
	hor := &table{Caption: "Calibration at horizons", Head: []string{"time" + u, "predicted event", "observed (Kaplan–Meier)", "95 % interval", "Brier score", "1-calibration p"}}
	for _, h := range j.Horizons {
		pv := "—"
		if h.P >= 0 {
			pv = fmt.Sprintf("%.3g", h.P)
		}
		hor.Rows = append(hor.Rows, []string{fmt.Sprintf("%.4g", h.Time), f3(h.Predicted), f3(h.Observed), f3(h.Low) + " to " + f3(h.High), f3(h.Brier), pv})
	}
	b := &table{Caption: fmt.Sprintf("Lower bounds of the time, %s promised, never above %.4g%s", inPercent(1-j.Alpha), j.Cutoff, u), Head: []string{"", "people", "known", "live past it", "95 % interval", "mean bound" + u}}
	add := func(name string, l uncertainty.BoundLine) {
		b.Rows = append(b.Rows, []string{name, fmt.Sprint(l.N), fmt.Sprint(l.Known), f3(l.Coverage), f3(l.Low) + " to " + f3(l.High), fmt.Sprintf("%.4g", l.Bound)})
	}
	add("all, as predicted", j.Raw)
	for _, l := range j.Bounds {
		add(uncertainty.GroupName(l.Group, l.Value, false, false), l)
	}
	var lines []coveredLine
	for _, l := range j.Bounds {
		lines = append(lines, coveredLine{l.Group, l.Value, false, l.N, l.Coverage, l.Low, l.High, fmt.Sprintf("bound %.3g%s", l.Bound, u)})
	}
	v.Tables = append(v.Tables, hor)
	v.coverage("Bounds", lines, 1-j.Alpha, b)
	v.Notes = append(v.Notes, "Bounds are judged among people whose time, or passing of the bound, is known, weighted by the inverse probability of being watched.")
	v.Notes = append(v.Notes, j.Notes...)
}
