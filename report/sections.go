package report

import (
	"html/template"
	"io"
	"math"
)

// SectionsPage is headings with tables, forests and charts of one's own, such as a comparison of methods.
type SectionsPage struct {
	Title, About, Date, Version string
	Sections                    []Section
	Notes                       []string
}

// Forest is values with intervals on one scale, a row each.
type Forest struct {
	Title, Help string
	Line        float64 // dashed, such as no difference; NaN: none
	Rows        []ForestRow
}

// ForestRow is a value, or a heading over those that follow.
type ForestRow struct {
	Heading          string
	Name, Detail     string
	Value, Low, High float64
	Reason           string // instead of a value
}

// view lays a forest out, numbers with three decimals.
func (f Forest) view() forest {
	out := forest{Title: f.Title, Help: f.Help}
	var span []float64
	add := func(values ...float64) {
		for _, v := range values {
			if !math.IsNaN(v) {
				span = append(span, v)
			}
		}
	}
	add(f.Line)
	for _, r := range f.Rows {
		if r.Heading == "" && r.Reason == "" {
			add(r.Low, r.Value, r.High)
		}
	}
	if len(span) == 0 {
		span = []float64{0, 1}
	}
	s := scaleOver(span)
	out.Axis = s.axis()
	three := func(v float64) string { return minus(f3(v)) }
	for _, r := range f.Rows {
		x := forestRow{Heading: r.Heading, Name: r.Name, N: r.Detail, Reason: r.Reason}
		if r.Heading == "" && r.Reason == "" {
			low, high := r.Low, r.High
			x.Value = three(r.Value)
			if math.IsNaN(low) || math.IsNaN(high) {
				low, high = r.Value, r.Value
			} else {
				x.Span = three(low) + "\u00a0to\u00a0" + three(high)
			}
			x.Bar = s.bar(low, r.Value, high, f.Line)
		}
		out.Rows = append(out.Rows, x)
	}
	return out
}

type sectionsView struct {
	SectionsPage
	CSS  template.CSS
	More []sectionView
}

var sectionsTemplate = template.Must(template.Must(page.Clone()).New("sections").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>{{.CSS}}</style></head>
<body><header><p class="brand">Cineloop</p><h1>{{.Title}}</h1>{{with .About}}<p class="lead">{{.}}</p>{{end}}</header>
<main>{{range .More}}<section><h2>{{.Title}}</h2>{{with .Text}}<p>{{.}}</p>{{end}}<div class="forests">{{range .Forests}}{{template "forest" .}}{{end}}</div><div class="charts">{{range .Charts}}{{template "chart" .}}{{end}}</div>
{{range .Tables}}{{template "table" .}}{{end}}</section>{{end}}
{{with .Notes}}<section><h2>Notes</h2>{{range .}}<p class="note">{{.}}</p>{{end}}</section>{{end}}</main>
<footer class="small">{{.Date}} {{.Version}}</footer></body></html>`))

// Write writes the page: one HTML file that needs nothing else.
func (p SectionsPage) Write(w io.Writer) error {
	v := &sectionsView{SectionsPage: p, CSS: styles}
	for i, s := range p.Sections {
		v.More = append(v.More, s.view(i))
	}
	return render(w, sectionsTemplate, v)
}
