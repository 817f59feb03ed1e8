package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/report/svg"
)

// AgreementPage is what a person reads about how the readers of a study agree.
type AgreementPage struct {
	Title, Date, Version string
	Report               *agree.Report
}

type agreementView struct {
	AgreementPage
	CSS     template.CSS
	Lead    string
	Readers table
	Items   []agreementItem
	Against []agreementAgainst
	Queue   *table
	Edits   *table
	Guesses *table
	Asides  []string // notes on guesses
}

type agreementItem struct {
	ID, Name, Counts string
	Notes            []string
	Tables           []table
	Folded           []table // pair by pair
	Charts           []chart
}

type agreementAgainst struct {
	Name, Lead string
	Notes      []string
	Verdicts   []string
	Charts     []chart
	Forests    []forest
	Tables     []table
}

var agreementTemplate = template.Must(template.Must(page.Clone()).New("agreement").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}: agreement</title><style>{{.CSS}}</style></head>
<body><header><p class="brand">Cineloop · agreement of readers</p><h1>{{.Title}}</h1><p class="lead">{{.Lead}}</p></header>
<main>{{range .Report.Notes}}<p class="note">{{.}}</p>{{end}}
{{range .Against}}<section class="target"><h2>{{.Name}}</h2><p>{{.Lead}}</p>{{if .Verdicts}}<ul>{{range .Verdicts}}<li>{{.}}</li>{{end}}</ul>{{end}}{{range .Notes}}<p class="note">{{.}}</p>{{end}}
{{if .Charts}}<div class="charts">{{range .Charts}}{{template "chart" .}}{{end}}</div>{{end}}{{if .Forests}}<div class="forests">{{range .Forests}}{{template "forest" .}}{{end}}</div>{{end}}{{range .Tables}}<details><summary>{{.Caption}}</summary>{{template "table" .}}</details>{{end}}</section>{{end}}
{{range .Items}}<section class="target" id="{{.ID}}"><h2>{{.Name}}</h2><p>{{.Counts}}</p>{{range .Notes}}<p class="note">{{.}}</p>{{end}}
{{range .Tables}}{{template "table" .}}{{end}}{{if .Folded}}<details><summary>Pair by pair</summary>{{range .Folded}}{{template "table" .}}{{end}}</details>{{end}}
{{if .Charts}}<div class="charts">{{range .Charts}}{{template "chart" .}}{{end}}</div>{{end}}</section>{{end}}
{{with .Edits}}<section><h2>What became of the model's answers</h2><p>Readings that began with copies of a model's answers: how many were kept, and how far the others were moved. Answers that nobody touched are not proof that they are right: people tend to keep what is there.</p>{{template "table" .}}</section>{{end}}
{{with .Guesses}}<section><h2>Which was made by AI?</h2><p>Bang's index is right minus wrong guesses of all answers: 0 is chance, 1 that everybody knows. James' is 0.5 at chance and 1 where nobody knows.</p>{{range $.Asides}}<p class="note">{{.}}</p>{{end}}{{template "table" .}}</section>{{end}}
<section><h2>Disagreements</h2>{{if .Queue}}{{template "table" .Queue}}{{else}}<p>None beyond the protocol's limits.</p>{{end}}</section>
<section><h2>Who read</h2>{{template "table" .Readers}}</section>
<section><h2>How to read this</h2><p class="small">Every interval is at {{printf "%.0f" .Percent}} %. Kappa and alpha are 1 where all agree and 0 where they agree as chance would; both fall where one answer is rare, however
careful readers are, so the share of agreement stands beside them. ICC(2,1) counts differences between readers, ICC(3,1) does not. Between the limits of agreement lie 95 % of two readers'
differences; whether that is close enough is a question about the use. Models are never counted among the people. Against the truth, “random” readers mean that the result is meant for readers like
these, “fixed” that it is for these alone, “one” that it is for this one. “Not shown” is not proof of the opposite: look at how wide the interval is.</p></section></main>
<footer class="small">{{.Date}} {{.Version}}</footer></body></html>`))

// Percent is the level of the intervals.
func (v agreementView) Percent() float64 { return 100 * v.Report.Level }

// Write writes the page: one HTML file that needs nothing else.
func (p AgreementPage) Write(w io.Writer) error {
	r := p.Report
	v := &agreementView{AgreementPage: p, CSS: styles}
	v.Lead = fmt.Sprintf("%s locked readings of %s cases by %s readers, under revision %d of the protocol.", thousands(r.Readings), thousands(r.Cases), thousands(len(r.Readers)), r.Protocol)
	v.Readers = table{Head: []string{"Reader", "", "readings", "median seconds"}}
	for _, m := range r.Readers {
		v.Readers.Rows = append(v.Readers.Rows, []string{m.Mask, aiWord(m.AI), thousands(m.Readings), number(float64(m.Seconds), false)})
	}
	for i, it := range r.Items {
		v.Items = append(v.Items, agreementItemOf(fmt.Sprintf("item-%d", i+1), it))
	}
	for i, h := range r.HeadToHead {
		v.Against = append(v.Against, againstOf(fmt.Sprintf("against-%d", i+1), h))
	}
	v.Edits, v.Guesses = editsTable(r.Edits), guessesTable(r.Blinding)
	for _, b := range r.Blinding {
		for _, n := range b.Notes {
			if !slices.Contains(v.Asides, n) {
				v.Asides = append(v.Asides, n)
			}
		}
	}
	if len(r.Disagreements) > 0 {
		v.Queue = &table{Head: []string{"Question", "metric", "value", "limit", "case", "image", "frame", "readers", ""}}
		for _, d := range r.Disagreements {
			done := ""
			if d.Decided {
				done = "decided"
			}
			value := "one could not assess it"
			if d.Value.Defined() {
				value = number(float64(d.Value), false)
			}
			v.Queue.Rows = append(v.Queue.Rows, []string{d.Item, d.Metric, value, number(d.Limit, false), fmt.Sprintf("%.8s", d.Case), fmt.Sprint(d.Image), fmt.Sprint(d.Frame),
				d.Readers[0] + ", " + d.Readers[1], done})
		}
	}
	return render(w, agreementTemplate, v)
}

func aiWord(ai bool) string {
	if ai {
		return "AI"
	}
	return ""
}

// measureRow is a measure in a table: value, interval or why there is none, method, number.
func measureRow(label string, m agree.Measure) []string {
	value, span := "not defined", m.Note
	if m.Value.Defined() {
		value = number(float64(m.Value), false)
		if m.Unit != "" {
			value += " " + m.Unit
		}
	}
	if m.Low.Defined() && m.High.Defined() {
		span = number(float64(m.Low), false) + " to " + number(float64(m.High), false)
	}
	return []string{label, m.Name, value, span, m.Method, thousands(m.N)}
}

var measureHead = []string{"", "measure", "value", "interval", "method", "n"}

func agreementItemOf(id string, it agree.Item) agreementItem {
	v := agreementItem{ID: id, Name: it.Label, Notes: it.Notes}
	if it.Arm != protocol.Unaided {
		v.Name += ", " + it.Arm
	}
	v.Counts = fmt.Sprintf("%s answered, %s by two people or more, %s times not assessable.", thousands(it.Units), thousands(it.Both), thousands(it.CannotAssess))
	people := table{Caption: "All people together", Head: measureHead}
	for _, m := range it.People {
		people.Rows = append(people.Rows, measureRow("", m))
	}
	pairs := table{Caption: "Pair by pair", Head: measureHead}
	repeats := table{Caption: "Twice by the same reader", Head: measureHead}
	for _, list := range []struct {
		t *table
		p []agree.Pair
	}{{&pairs, it.Pairs}, {&repeats, it.Repeats}} {
		for _, p := range list.p {
			label := p.A + " – " + p.B
			if p.AI {
				label = "AI " + label
			}
			for _, m := range p.Measures {
				list.t.Rows = append(list.t.Rows, measureRow(label, m))
			}
		}
	}
	if len(people.Rows) > 0 {
		v.Tables = []table{people}
	}
	for _, t := range []table{pairs, repeats} {
		if len(t.Rows) > 0 {
			v.Folded = append(v.Folded, t)
		}
	}
	for i, p := range slices.Concat(it.Pairs, it.Repeats) {
		if len(p.Points) >= 3 {
			v.Charts = append(v.Charts, pairChart(fmt.Sprintf("%s-%d", id, i), it.Unit, p))
		}
	}
	return v
}

// pairChart is Bland and Altman's drawing of two readers.
func pairChart(id, unit string, pair agree.Pair) chart {
	var points []svg.XY
	xs, ys := []float64{}, []float64{0}
	for _, p := range pair.Points {
		q := svg.XY{X: (p[0] + p[1]) / 2, Y: p[0] - p[1]}
		points, xs, ys = append(points, q), append(xs, q.X), append(ys, q.Y)
	}
	at := func(name string) float64 {
		for _, m := range pair.Measures {
			if m.Name == name {
				return float64(m.Value)
			}
		}
		return math.NaN()
	}
	low, high := at("lower limit"), at("upper limit")
	if !math.IsNaN(low) {
		ys = append(ys, low, high)
	}
	p := svg.Plot{ID: id, Title: pair.A + " – " + pair.B, Height: 330, X: svg.Around(withUnit("mean of both", unit), xs...), Y: svg.Around(withUnit("first − second", unit), ys...),
		Desc: "Bland–Altman: each dot's difference of two readers against their mean, with the bias and the limits between which 95 % of differences lie."}
	level := func(v float64, class string, dashed bool) {
		if !math.IsNaN(v) {
			p.Marks = append(p.Marks, svg.Line{Points: []svg.XY{{X: p.X.Min, Y: v}, {X: p.X.Max, Y: v}}, Class: class, Dashed: dashed})
		}
	}
	if !math.IsNaN(low) {
		p.Marks = append(p.Marks, svg.Band{Low: low, High: high, Class: "s1"})
	}
	level(0, "muted", false)
	p.Marks = append(p.Marks, svg.Dots{Points: points, Class: "s1"})
	level(at("bias"), "s2", false)
	level(low, "s2", true)
	level(high, "s2", true)
	return drawn(p, "", nil, legend{"s1 dot", "a case"}, legend{"s2", "bias"}, legend{"s2 dashed", "limits of agreement"})
}
