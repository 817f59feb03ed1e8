package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/report/svg"
	"github.com/cineloop/cineloop/stats"
)

// chart is a figure with the table of its numbers.
type chart struct {
	Title  string
	SVG    template.HTML
	Legend []legend
	Note   string // under the figure
	Table  *table
}

type legend struct{ Class, Text string }

// table is plain rows under a head; the first column heads its row.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// drawn turns a plot into a chart. The markup is safe: package svg escapes what it writes.
func drawn(p svg.Plot, note string, t *table, l ...legend) chart {
	return chart{Title: p.Title, SVG: template.HTML(p.SVG()), Legend: l, Note: note, Table: t}
}

// series is the class of the i-th of several curves; beyond six they repeat.
func series(i int) string { return fmt.Sprintf("s%d", i%6+1) }

// named is a curve with the name of what it belongs to.
type named struct {
	name   string
	points []evaluate.Point
}

func toXY(points []evaluate.Point) []svg.XY {
	out := make([]svg.XY, len(points))
	for i, p := range points {
		out[i] = svg.XY{X: float64(p.X), Y: float64(p.Y)}
	}
	return out
}

func unitAxis(label string) svg.Axis { return svg.Axis{Label: label, Min: 0, Max: 1} }

// rocChart draws ROC curves beside the diagonal of guessing.
func rocChart(id, target string, curves []named) chart {
	p := svg.Plot{ID: id, Title: "ROC curve: " + target, Height: 330, X: unitAxis("1 − specificity"), Y: unitAxis("sensitivity"),
		Desc:  "Sensitivity against 1 minus specificity over all thresholds. The further above the diagonal, the better.",
		Marks: []svg.Mark{svg.Line{Points: []svg.XY{{X: 0, Y: 0}, {X: 1, Y: 1}}, Class: "muted", Dashed: true}}}
	t := &table{Caption: "Sensitivity at some specificities", Head: []string{"Specificity"}}
	for _, s := range []float64{0.95, 0.9, 0.8, 0.5} {
		t.Rows = append(t.Rows, []string{number(s, true)})
	}
	var l []legend
	for i, c := range curves {
		p.Marks = append(p.Marks, svg.Line{Points: toXY(c.points), Class: series(i)})
		t.Head = append(t.Head, c.name)
		for k, s := range []float64{0.95, 0.9, 0.8, 0.5} {
			best := 0.0
			for _, q := range c.points {
				if float64(q.X) <= 1-s+1e-9 {
					best = math.Max(best, float64(q.Y))
				}
			}
			t.Rows[k] = append(t.Rows[k], number(best, true))
		}
		l = append(l, legend{series(i), c.name})
	}
	return drawn(p, "", t, append(l, legend{"muted dashed", "guessing"})...)
}

// prChart draws precision against recall beside the prevalence.
func prChart(id, target string, curves []named, prevalence float64) chart {
	p := svg.Plot{ID: id, Title: "Precision and recall: " + target, Height: 330, X: unitAxis("recall (sensitivity)"), Y: unitAxis("precision"),
		Desc: "Share of true alarms against share of cases found, over all thresholds."}
	if !math.IsNaN(prevalence) {
		p.Desc += " The dashed line is the prevalence, which guessing reaches."
		p.Marks = append(p.Marks, svg.Line{Points: []svg.XY{{X: 0, Y: prevalence}, {X: 1, Y: prevalence}}, Class: "muted", Dashed: true})
	}
	t := &table{Caption: "Precision at some recalls", Head: []string{"Recall at least"}}
	recalls := []float64{0.25, 0.5, 0.75, 0.9}
	for _, r := range recalls {
		t.Rows = append(t.Rows, []string{number(r, true)})
	}
	var l []legend
	for i, c := range curves {
		p.Marks = append(p.Marks, svg.Line{Points: toXY(c.points), Class: series(i)})
		t.Head = append(t.Head, c.name)
		for k, r := range recalls {
			best := math.NaN()
			for _, q := range c.points {
				if float64(q.X) >= r && !(float64(q.Y) <= best) {
					best = float64(q.Y)
				}
			}
			t.Rows[k] = append(t.Rows[k], number(best, true))
		}
		l = append(l, legend{series(i), c.name})
	}
	if !math.IsNaN(prevalence) {
		l = append(l, legend{"muted dashed", "prevalence"})
	}
	return drawn(p, "", t, l...)
}

// reliabilityChart sets observed frequency against stated probability, over bars of how many rows said so.
func reliabilityChart(id, target, outcome string, bins []evaluate.Bin) chart {
	p := svg.Plot{ID: id, Title: "Calibration: " + target, Height: 330, X: unitAxis("stated probability"), Y: unitAxis("observed frequency"),
		Desc: "Observed frequency of " + outcome + " against the stated probability, in bins. On the diagonal, what is said is what happens. Bars show how many rows each bin holds; whiskers are 95 % intervals."}
	t := &table{Caption: "Stated probability and observed frequency", Head: []string{"Bin", "Rows", "Stated", "Observed", "95 % interval"}}
	var most float64
	for _, b := range bins {
		most = math.Max(most, b.N)
	}
	width := 1 / float64(max(1, len(bins)))
	var bars, dots []svg.XY
	var whiskers []svg.Mark
	for i, b := range bins {
		if b.N == 0 {
			continue
		}
		v := stats.Wilson(b.Frequency*b.N, b.N, 0.95)
		bars = append(bars, svg.XY{X: float64(i) * width, Y: 0.2 * b.N / most})
		dots = append(dots, svg.XY{X: b.Confidence, Y: b.Frequency})
		whiskers = append(whiskers, svg.Line{Class: "s1 thin", Points: []svg.XY{{X: b.Confidence, Y: v.Low}, {X: b.Confidence, Y: v.High}}})
		t.Rows = append(t.Rows, []string{number(float64(i)*width, true) + "–" + number(float64(i+1)*width, true), thousands(int(b.N)),
			number(b.Confidence, true), number(b.Frequency, true), number(v.Low, true) + " to " + number(v.High, true)})
	}
	p.Marks = append([]svg.Mark{svg.Bars{Points: bars, Width: width, Class: "muted"},
		svg.Line{Points: []svg.XY{{X: 0, Y: 0}, {X: 1, Y: 1}}, Class: "muted", Dashed: true}}, whiskers...)
	p.Marks = append(p.Marks, svg.Line{Points: dots, Class: "s1"}, svg.Dots{Points: dots, Class: "s1", Radius: 3.5})
	return drawn(p, "", t, legend{"s1", "observed"}, legend{"muted dashed", "perfect"})
}

// scatterLimit bounds the points of a scatter: more make a blot and a heavy page.
const scatterLimit = 1500

// scatterRows are at most scatterLimit pairs of truth and prediction, every k-th in the order of truth so that the range is kept.
func scatterRows(truth, score []float64) (points []svg.XY, shown string) {
	for i := range truth {
		points = append(points, svg.XY{X: truth[i], Y: score[i]})
	}
	slices.SortFunc(points, func(a, b svg.XY) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	if len(points) <= scatterLimit {
		return points, ""
	}
	out := make([]svg.XY, scatterLimit)
	for k := range out {
		out[k] = points[k*(len(points)-1)/(scatterLimit-1)]
	}
	return out, fmt.Sprintf("%s of %s rows are drawn. ", thousands(scatterLimit), thousands(len(points)))
}

// scatterChart sets predictions against truths.
func scatterChart(id, target, unit string, truth, score []float64) chart {
	points, shown := scatterRows(truth, score)
	both := svg.Around("", append(slices.Clone(truth), score...)...)
	x, y := both, both
	x.Label, y.Label = withUnit("true", unit), withUnit("predicted", unit)
	p := svg.Plot{ID: id, Title: "Predicted and true: " + target, Height: 330, X: x, Y: y,
		Desc: "Each dot is a row: its true value across, the prediction up. On the dashed diagonal both are equal.",
		Marks: []svg.Mark{svg.Line{Points: []svg.XY{{X: both.Min, Y: both.Min}, {X: both.Max, Y: both.Max}}, Class: "muted", Dashed: true},
			svg.Dots{Points: points, Class: "s1"}}}
	t := &table{Caption: "By fifths of the true value", Head: []string{"True value", "Rows", "Mean true", "Mean predicted"}}
	for _, g := range fifths(truth, score) {
		t.Rows = append(t.Rows, []string{number(g.low, false) + " to " + number(g.high, false), thousands(g.n), number(g.x, false), number(g.y, false)})
	}
	return drawn(p, shown, t, legend{"s1 dot", "a row"}, legend{"muted dashed", "perfect"})
}

type fifth struct {
	low, high, x, y float64
	n               int
}

// fifths are means of rows grouped by rank of truth.
func fifths(truth, score []float64) []fifth {
	order := stats.Order(truth)
	var out []fifth
	for k := range 5 {
		rows := order[k*len(order)/5 : (k+1)*len(order)/5]
		if len(rows) == 0 {
			continue
		}
		g := fifth{low: truth[rows[0]], high: truth[rows[len(rows)-1]], n: len(rows)}
		for _, i := range rows {
			g.x += truth[i] / float64(len(rows))
			g.y += score[i] / float64(len(rows))
		}
		out = append(out, g)
	}
	return out
}

// blandAltmanChart sets differences against means, with bias and limits of agreement.
func blandAltmanChart(id, target, unit string, truth, score []float64, a *evaluate.Agreement) chart {
	points, shown := scatterRows(truth, score)
	var xs []float64
	ys := []float64{0, float64(a.Lower), float64(a.Upper)}
	for i, p := range points {
		points[i] = svg.XY{X: (p.X + p.Y) / 2, Y: p.Y - p.X}
		xs, ys = append(xs, points[i].X), append(ys, points[i].Y)
	}
	p := svg.Plot{ID: id, Title: "Agreement: " + target, Height: 330, X: svg.Around(withUnit("mean of true and predicted", unit), xs...),
		Y:    svg.Around(withUnit("predicted − true", unit), ys...),
		Desc: "Bland–Altman: each dot's difference of prediction and truth against their mean, with the bias and the limits between which 95 % of differences lie."}
	level := func(v evaluate.Number, class string, dashed bool) {
		if v.Defined() {
			p.Marks = append(p.Marks, svg.Line{Points: []svg.XY{{X: p.X.Min, Y: float64(v)}, {X: p.X.Max, Y: float64(v)}}, Class: class, Dashed: dashed})
		}
	}
	if a.Lower.Defined() {
		p.Marks = append(p.Marks, svg.Band{Low: float64(a.Lower), High: float64(a.Upper), Class: "s1"})
	}
	level(0, "muted", false)
	p.Marks = append(p.Marks, svg.Dots{Points: points, Class: "s1"})
	level(a.Bias, "s2", false)
	level(a.Lower, "s2", true)
	level(a.Upper, "s2", true)
	t := &table{Caption: "Agreement" + inParens(unit), Head: []string{"", "Value"}, Rows: [][]string{
		{"Bias", number(float64(a.Bias), false)}, {"Lower limit of agreement", number(float64(a.Lower), false)},
		{"Upper limit of agreement", number(float64(a.Upper), false)}, {"Change of the difference per unit of the mean", number(float64(a.Trend), false)}}}
	return drawn(p, shown, t, legend{"s1 dot", "a row"}, legend{"s2", "bias"}, legend{"s2 dashed", "limits of agreement"})
}

func withUnit(label, unit string) string { return label + inParens(unit) }

func inParens(unit string) string {
	if unit == "" {
		return ""
	}
	return " (" + unit + ")"
}

// learningCharts draws the curves of each quantity over epochs.
func learningCharts(id string, curves []Curve) []chart {
	var out []chart
	var order []string
	by := map[string][]Curve{}
	for _, c := range curves {
		if by[c.Chart] == nil {
			order = append(order, c.Chart)
		}
		by[c.Chart] = append(by[c.Chart], c)
	}
	for k, name := range order {
		var xs, ys []float64
		for _, c := range by[name] {
			xs, ys = append(xs, c.Epochs...), append(ys, c.Values...)
		}
		x := svg.Around("epoch", xs...)
		x.Whole = true
		p := svg.Plot{ID: fmt.Sprintf("%s-%d", id, k), Title: "Training: " + name, X: x, Y: svg.Around(name, ys...),
			Desc: "How " + name + " changed from epoch to epoch of training."}
		t := &table{Caption: name + " by epoch", Head: []string{"Epoch"}}
		rows := map[float64][]string{}
		var epochs []float64
		var l []legend
		var best float64
		for i, c := range by[name] {
			n := min(len(c.Epochs), len(c.Values))
			line := svg.Line{Class: series(i)}
			t.Head = append(t.Head, c.Name)
			for j := range n {
				line.Points = append(line.Points, svg.XY{X: c.Epochs[j], Y: c.Values[j]})
				e := c.Epochs[j]
				if rows[e] == nil {
					rows[e] = slices.Repeat([]string{"–"}, len(by[name])+1)
					rows[e][0] = number(e, false)
					if e == math.Trunc(e) {
						rows[e][0] = thousands(int(e))
					}
					epochs = append(epochs, e)
				}
				rows[e][i+1] = number(c.Values[j], false)
			}
			p.Marks = append(p.Marks, line)
			if n == 1 {
				p.Marks = append(p.Marks, svg.Dots{Points: line.Points, Class: series(i)})
			}
			l = append(l, legend{series(i), c.Name})
			best = math.Max(best, c.Best)
		}
		if best > 0 {
			p.Marks = append(p.Marks, svg.Line{Points: []svg.XY{{X: best, Y: p.Y.Min}, {X: best, Y: p.Y.Max}}, Class: "muted", Dashed: true})
			l = append(l, legend{"muted dashed", "kept"})
		}
		slices.Sort(epochs)
		for _, e := range thinned(epochs, 30) {
			t.Rows = append(t.Rows, rows[e])
		}
		out = append(out, drawn(p, "", t, l...))
	}
	return out
}

// thinned keeps at most n of x, evenly, first and last among them.
func thinned[T any](x []T, n int) []T {
	if len(x) <= n {
		return x
	}
	out := make([]T, n)
	for k := range out {
		out[k] = x[k*(len(x)-1)/(n-1)]
	}
	return out
}
