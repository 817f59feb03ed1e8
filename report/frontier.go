package report

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/report/svg"
)

// FrontierPage is what a person reads about models that trade performance against a gap.
type FrontierPage struct {
	Title, Date, Version string
	Frontier             *audit.Frontier
}

var frontierTemplate = template.Must(template.Must(page.Clone()).New("frontier").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>{{.CSS}}</style></head>
<body><header><p class="brand">Cineloop · performance against gap</p><h1>{{.Title}}</h1><p class="lead">{{.Lead}}</p></header>
<main>{{template "chart" .Chart}}{{template "table" .Models}}{{template "table" .Groups}}
<section><h2>How to read this</h2><p class="small">Each model is a point with its interval both ways; better is up and to the left. All models are judged on the same
resampled patients, so that a change against the first model can be clear although the models' own intervals overlap. Harm is said where a group's balanced
accuracy falls against the first model and the interval of the fall excludes none; silence is not proof of none.</p></section></main>
<footer class="small">{{.Date}} {{.Version}}</footer></body></html>`))

// Write writes the page: one HTML file that needs nothing else.
func (p FrontierPage) Write(w io.Writer) error {
	f := p.Frontier
	gap := map[string]string{"dp": "demographic parity gap", "eo": "equalised odds gap"}[f.Gap]
	v := struct {
		FrontierPage
		CSS            template.CSS
		Lead           string
		Chart          chart
		Models, Groups table
	}{FrontierPage: p, CSS: styles}
	v.Lead = fmt.Sprintf("%s: AUROC against the %s by %s, %s patients, yes from %g.", f.Target, gap, f.Attribute, thousands(f.Patients), f.Threshold)
	var x, y []float64
	plot := svg.Plot{ID: "frontier", Title: "AUROC against the " + gap, Desc: fmt.Sprintf("%d models, each with its intervals", len(f.Models)), Width: 560, Height: 380}
	var legends []legend
	v.Models = table{Caption: "Models", Head: []string{"Model", "AUROC", gap, "AUROC against the first", "share of the first's gap gone", ""}}
	v.Groups = table{Caption: "Balanced accuracy of each group, and harm", Head: []string{"Model", "groups", "harm against the first"}}
	for i, m := range f.Models {
		x = append(x, float64(m.Gap.Low), float64(m.Gap.High))
		y = append(y, float64(m.AUROC.Low), float64(m.AUROC.High))
		at := svg.XY{X: float64(m.Gap.Value), Y: float64(m.AUROC.Value)}
		class := series(i)
		plot.Marks = append(plot.Marks,
			svg.Line{Class: class, Points: []svg.XY{{X: float64(m.Gap.Low), Y: at.Y}, {X: float64(m.Gap.High), Y: at.Y}}},
			svg.Line{Class: class, Points: []svg.XY{{X: at.X, Y: float64(m.AUROC.Low)}, {X: at.X, Y: float64(m.AUROC.High)}}},
			svg.Dots{Class: class, Points: []svg.XY{at}, Radius: 4})
		legends = append(legends, legend{class, m.Name})
		row := []string{m.Name, m.AUROC.String(), m.Gap.String(), "–", "–", ""}
		if m.AUROCChange != nil {
			row[3], row[4] = m.AUROCChange.String(), m.GapReduction.String()
		}
		if m.Best {
			row[5] = "no other is better in both"
		}
		v.Models.Rows = append(v.Models.Rows, row)
		var groups []string
		for _, g := range sortedKeys(m.Groups) {
			groups = append(groups, g+" "+m.Groups[g].String())
		}
		harm := strings.Join(m.Harm, "; ")
		if harm == "" && i > 0 {
			harm = "to none that is shown"
		}
		v.Groups.Rows = append(v.Groups.Rows, []string{m.Name, strings.Join(groups, "; "), harm})
	}
	plot.X, plot.Y = svg.Around(strings.ToUpper(gap[:1])+gap[1:], x...), svg.Around("AUROC", y...)
	v.Chart = drawn(plot, "", nil, legends...)
	return render(w, frontierTemplate, v)
}
