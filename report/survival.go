package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/report/svg"
)

// SurvivalPage is what a person reads about predicted times to an event.
type SurvivalPage struct {
	Title, Date, Version string
	Unit                 string // of times: days, years; "" where unknown
	Predicted            survival.Predicted
	Evaluation           *survival.Evaluation
	People               []int // rows whose own curves are shown; nil: three of low, middle and high risk
}

// survivalView is what the template prints.
type survivalView struct {
	SurvivalPage
	CSS     template.CSS
	Lead    []string
	Charts  []chart
	Strata  *table
	Numbers *table
	Metrics *table
	Notes   []string
}

var survivalTemplate = template.Must(template.Must(page.Clone()).New("survival").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>{{.CSS}}
.plot .area{fill:var(--c);fill-opacity:.15}</style></head>
<body><header><p class="brand">Cineloop · time to an event</p><h1>{{.Title}}</h1>{{range .Lead}}<p class="lead">{{.}}</p>{{end}}</header>
<main><section><h2>Risk strata</h2><p>People are divided into thirds by predicted risk; curves are Kaplan–Meier estimates of what happened, with 95 % bands.</p>
{{with .Strata}}{{template "table" .}}{{end}}
{{range .Charts}}{{template "chart" .}}{{end}}
{{with .Numbers}}{{template "table" .}}{{end}}</section>
<section><h2>Metrics</h2>{{with .Metrics}}{{template "table" .}}{{end}}{{range .Notes}}<p class="small">{{.}}</p>{{end}}</section>
<section><h2>How to read this</h2><p class="small">A concordance of 0.5 is guessing and 1 a perfect order. The Brier score is a mean squared error of probabilities:
a skill of 0 is what predicting the same curve for everybody reaches. Predictions that order people well can still be wrong as probabilities: look at the
calibration curve. An interval that is wide, or a stratum with few people at risk, says that the data do not settle the question. A prediction is no substitute for
looking at the patient: where it disagrees with what is seen, say so and find out why.</p></section></main>
<footer class="small">{{.Date}} {{.Version}}</footer></body></html>`))

// WriteSurvival writes the page: one HTML file that needs nothing else.
func WriteSurvival(w io.Writer, p SurvivalPage) error {
	v, err := p.view()
	if err != nil {
		return err
	}
	return render(w, survivalTemplate, v)
}

// strataNames are thirds of predicted risk.
var strataNames = []string{"low risk", "middle", "high risk"}

func (p SurvivalPage) view() (*survivalView, error) {
	v := &survivalView{SurvivalPage: p, CSS: styles, Notes: p.Evaluation.Notes}
	l := p.Predicted.Labels.Any()
	v.Lead = append(v.Lead, fmt.Sprintf("%d people, %d events, followed up to %s.", l.Len(), l.Events(), p.time(slices.Max(l.Time))))
	for _, m := range p.Evaluation.Metrics {
		if m.Name == "Harrell C" || m.Name == "Antolini C, ties half" && p.Predicted.Risk == nil {
			v.Lead = append(v.Lead, fmt.Sprintf("%s %s.", m.Name, withInterval(m)))
			break
		}
	}
	if risk := p.risk(); risk != nil {
		p.strata(v, risk, l)
	}
	if p.Predicted.Curves.Times != nil {
		v.Charts = append(v.Charts, p.personCharts()...)
		for k, h := range p.Evaluation.Horizons {
			if c, ok := p.calibrationChart(k, h, l); ok {
				v.Charts = append(v.Charts, c)
			}
			v.Charts = append(v.Charts, p.decisionChart(k, h, l))
		}
	}
	v.Metrics = p.metricTable()
	v.Notes = append(v.Notes, "Censoring: "+p.Evaluation.Censoring+".")
	return v, nil
}

// time is a time with its unit.
func (p SurvivalPage) time(t float64) string {
	s := fmt.Sprintf("%.4g", t)
	if p.Unit != "" {
		s += " " + p.Unit
	}
	return s
}

// risk is what people are ordered by: the risk column, or the fall of the curve at the middle horizon.
func (p SurvivalPage) risk() []float64 {
	if p.Predicted.Risk != nil {
		return p.Predicted.Risk
	}
	if p.Predicted.Curves.Times == nil || len(p.Evaluation.Horizons) == 0 {
		return nil
	}
	row := p.Predicted.Curves.Row(p.Evaluation.Horizons[len(p.Evaluation.Horizons)/2])
	risk := make([]float64, len(row))
	for i, s := range row {
		risk[i] = 1 - s
	}
	return risk
}

// strata draws the thirds with log-rank test, medians, restricted means and numbers at risk.
func (p SurvivalPage) strata(v *survivalView, risk []float64, l survival.Labels) {
	sorted := slices.Sorted(slices.Values(risk))
	n := len(sorted)
	low, high := sorted[n/3], sorted[2*n/3]
	group := make([]int, n)
	rows := make([][]int, 3)
	for i, r := range risk {
		switch {
		case r >= high && high > low:
			group[i] = 2
		case r >= low:
			group[i] = 1
		}
		rows[group[i]] = append(rows[group[i]], i)
	}
	last := slices.Max(l.Time)
	tau := slices.Max(l.Time)
	for _, r := range rows { // restricted means to what every stratum was followed to
		if len(r) > 0 {
			tau = math.Min(tau, slices.Max(l.Select(r).Time))
		}
	}
	plot := svg.Plot{ID: "strata", Title: "Survival by predicted risk", Height: 330, X: svg.Axis{Label: strings.TrimSpace("time " + inParens(p.Unit)), Min: 0, Max: last}, Y: unitAxis("free of the event"),
		Desc: "Kaplan–Meier estimates of thirds of predicted risk with 95 % bands. The further apart, the better the prediction divides people."}
	var legends []legend
	v.Strata = &table{Caption: "Strata", Head: []string{"stratum", "people", "events", "median (95 % interval)", "mean restricted to " + p.time(tau)}}
	at := svg.Axis{Min: 0, Max: last}.Ticks()
	v.Numbers = &table{Caption: "Numbers at risk", Head: []string{"stratum"}}
	for _, t := range at {
		v.Numbers.Head = append(v.Numbers.Head, fmt.Sprintf("%g", t))
	}
	for g, r := range rows {
		if len(r) == 0 {
			continue
		}
		part := l.Select(r)
		km := survival.KaplanMeier(part)
		x, y, lo, hi := stairs(km, last)
		class := series([]int{2, 0, 1}[g])
		plot.Marks = append(plot.Marks, svg.Area{X: x, Low: lo, High: hi, Class: class})
		line := svg.Line{Class: class}
		for k := range x {
			line.Points = append(line.Points, svg.XY{X: x[k], Y: y[k]})
		}
		plot.Marks = append(plot.Marks, line)
		legends = append(legends, legend{class, fmt.Sprintf("%s (%d)", strataNames[g], len(r))})
		median, mlo, mhi := km.Median()
		mean, se := km.RMST(tau)
		v.Strata.Rows = append(v.Strata.Rows, []string{strataNames[g], fmt.Sprint(len(r)), fmt.Sprint(part.Events()),
			reached(median) + " (" + reached(mlo) + " to " + reached(mhi) + ")", fmt.Sprintf("%.4g (%.4g to %.4g)", mean, mean-1.96*se, mean+1.96*se)})
		row := []string{strataNames[g]}
		for _, t := range at {
			row = append(row, fmt.Sprint(survival.AtRiskAt(part, t)))
		}
		v.Numbers.Rows = append(v.Numbers.Rows, row)
	}
	test := survival.LogRankTest(l, group)
	note := fmt.Sprintf("Log-rank test: χ² %.2f on %d degrees of freedom, p %s.", test.Chi2, test.DF, pValue(test.P))
	v.Charts = append(v.Charts, drawn(plot, note, nil, legends...))
}

// stairs are the corners of a Kaplan–Meier curve and its band, thinned to what a screen shows.
func stairs(km survival.KM, last float64) (x, y, lo, hi []float64) {
	x, y, lo, hi = []float64{0}, []float64{1}, []float64{1}, []float64{1}
	push := func(t, s, l, h float64) {
		x, y = append(x, t), append(y, s)
		lo, hi = append(lo, l), append(hi, h)
	}
	step := last / 400
	for i, t := range km.Times {
		k := len(x) - 1
		if i+1 < len(km.Times) && (km.Events[i] == 0 || t-x[k] < step) {
			continue
		}
		push(t, y[k], lo[k], hi[k])
		l, h := km.Lower[i], km.Upper[i]
		if math.IsNaN(l) {
			l, h = lo[k], hi[k]
		}
		push(t, km.Values[i], l, h)
	}
	return x, y, lo, hi
}

func reached(t float64) string {
	if math.IsNaN(t) {
		return "not reached"
	}
	return fmt.Sprintf("%.4g", t)
}

func pValue(p float64) string {
	if p < 0.001 {
		return "below 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

func withInterval(m survival.Metric) string {
	if math.IsNaN(m.Value) {
		return "not defined"
	}
	if math.IsNaN(m.Low) {
		return fmt.Sprintf("%.3f", m.Value)
	}
	return fmt.Sprintf("%.3f (95 %% interval %.3f to %.3f)", m.Value, m.Low, m.High)
}

// personCharts are the curves and hazards of single people.
func (p SurvivalPage) personCharts() []chart {
	c := p.Predicted.Curves
	people := p.People
	if people == nil {
		if risk := p.risk(); risk != nil {
			order := make([]int, len(risk))
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(a, b int) int {
				switch {
				case risk[a] < risk[b]:
					return -1
				case risk[a] > risk[b]:
					return 1
				}
				return 0
			})
			n := len(order)
			people = []int{order[n/10], order[n/2], order[n-1-n/10]}
		}
	}
	last := c.Times[len(c.Times)-1]
	x := svg.Axis{Label: strings.TrimSpace("time " + inParens(p.Unit)), Min: 0, Max: last}
	curves := svg.Plot{ID: "people", Title: "Predicted survival of single people", Height: 300, X: x, Y: unitAxis("free of the event"),
		Desc: "Predicted survival curves of people at the tenth, fiftieth and ninetieth percentile of risk."}
	hazard := svg.Plot{ID: "hazard", Title: "When their risk is highest", Height: 260, X: x,
		Desc: "Predicted hazard of the same people: the share of those still free of the event who have it, a unit of time."}
	var legends []legend
	numbers := &table{Head: []string{"person", "median", "mean restricted to " + p.time(last)}}
	top := 0.0
	const pieces = 24
	for k, i := range people {
		s := c.Person(i)
		class := series(k)
		line := svg.Line{Class: class}
		for t, u := range s.Times {
			line.Points = append(line.Points, svg.XY{X: u, Y: s.Values[t]})
		}
		curves.Marks = append(curves.Marks, line)
		h := svg.Line{Class: class}
		for b := range pieces {
			t0, t1 := last*float64(b)/pieces, last*float64(b+1)/pieces
			a, z := math.Max(s.At(t0), 1e-9), math.Max(s.At(t1), 1e-9)
			v := math.Log(a/z) / (t1 - t0)
			top = math.Max(top, v)
			h.Points = append(h.Points, svg.XY{X: t0, Y: v}, svg.XY{X: t1, Y: v})
		}
		hazard.Marks = append(hazard.Marks, h)
		name := fmt.Sprintf("row %d", i+1)
		legends = append(legends, legend{class, name})
		numbers.Rows = append(numbers.Rows, []string{name, reached(s.Quantile(0.5)), fmt.Sprintf("%.4g", s.Area(last))})
	}
	hazard.Y = svg.Around("hazard", 0, math.Max(top, 1e-12))
	return []chart{drawn(curves, "", numbers, legends...), drawn(hazard, "", nil, legends...)}
}

// calibrationChart compares predicted with observed probabilities of an event by a horizon.
func (p SurvivalPage) calibrationChart(k int, h float64, l survival.Labels) (chart, bool) {
	predicted := p.eventBy(h)
	smooth, err := survival.SmoothCalibration(predicted, l, h)
	if err != nil {
		return chart{}, false
	}
	plot := svg.Plot{ID: fmt.Sprintf("cal%d", k), Title: "Calibration by " + p.time(h), Height: 330, X: unitAxis("predicted probability of an event"), Y: unitAxis("observed"),
		Desc: "Observed against predicted probability, smoothed, with Kaplan–Meier estimates of tenths. On the diagonal, predictions are right."}
	plot.Marks = append(plot.Marks, svg.Line{Points: []svg.XY{{X: 0, Y: 0}, {X: 1, Y: 1}}, Class: "muted", Dashed: true})
	line := svg.Line{Class: "s1"}
	for i := 0; i < len(smooth.Predicted); i += max(len(smooth.Predicted)/100, 1) {
		line.Points = append(line.Points, svg.XY{X: smooth.Predicted[i], Y: smooth.Observed[i]})
	}
	plot.Marks = append(plot.Marks, line)
	dots := svg.Dots{Class: "s2"}
	numbers := &table{Head: []string{"predicted", "observed", "people"}}
	if one, err := survival.OneCalibrationTest(predicted, l, h, 10); err == nil {
		for b := range one.Expected {
			dots.Points = append(dots.Points, svg.XY{X: one.Expected[b], Y: one.Observed[b]})
			numbers.Rows = append(numbers.Rows, []string{fmt.Sprintf("%.3f", one.Expected[b]), fmt.Sprintf("%.3f", one.Observed[b]), fmt.Sprint(one.N[b])})
		}
	}
	plot.Marks = append(plot.Marks, dots)
	note := fmt.Sprintf("Integrated calibration index %.3f; 90 %% of people are within %.3f.", smooth.ICI, smooth.E90)
	return drawn(plot, note, numbers, legend{"s1", "smoothed"}, legend{"s2", "tenths of people"}), true
}

func (p SurvivalPage) eventBy(h float64) []float64 {
	out := make([]float64, p.Predicted.Curves.Len())
	for i, s := range p.Predicted.Curves.Row(h) {
		out[i] = 1 - s
	}
	return out
}

// decisionChart draws net benefit over thresholds.
func (p SurvivalPage) decisionChart(k int, h float64, l survival.Labels) chart {
	var thresholds []float64
	for t := 0.02; t < 0.8; t += 0.02 {
		thresholds = append(thresholds, t)
	}
	model, all := svg.Line{Class: "s1"}, svg.Line{Class: "s2"}
	top := 0.01
	for _, b := range survival.DecisionCurve(p.eventBy(h), l, 1, h, thresholds) {
		model.Points = append(model.Points, svg.XY{X: b.Threshold, Y: math.Max(b.Model, -0.05)})
		if b.All > -0.05 {
			all.Points = append(all.Points, svg.XY{X: b.Threshold, Y: b.All})
		}
		top = math.Max(top, math.Max(b.Model, b.All))
	}
	plot := svg.Plot{ID: fmt.Sprintf("dca%d", k), Title: "Net benefit by " + p.time(h), Height: 270, X: svg.Axis{Label: "probability at which one would act", Min: 0, Max: 0.8}, Y: svg.Axis{Label: "net benefit", Min: -0.05, Max: top * 1.1},
		Desc:  "Net benefit of acting on the prediction, of acting for everybody and for nobody (0), by the probability at which one would act.",
		Marks: []svg.Mark{svg.Line{Points: []svg.XY{{X: 0, Y: 0}, {X: 0.8, Y: 0}}, Class: "muted", Dashed: true}, all, model}}
	return drawn(plot, "", nil, legend{"s1", "by the prediction"}, legend{"s2", "for everybody"})
}

func (p SurvivalPage) metricTable() *table {
	t := &table{Head: []string{"metric", "cause", "time", "value (95 % interval)", "remark"}}
	for _, m := range p.Evaluation.Metrics {
		cause, at := "", ""
		if m.Cause > 0 {
			cause = fmt.Sprint(m.Cause)
		}
		if !math.IsNaN(m.Horizon) {
			at = p.time(m.Horizon)
		}
		t.Rows = append(t.Rows, []string{m.Name, cause, at, withInterval(m), m.Note})
	}
	return t
}
