package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/report/svg"
)

// againstOf is the part of the page on one question whose truth is known.
func againstOf(id string, h agree.HeadToHead) agreementAgainst {
	v := agreementAgainst{Name: h.Item + " against the truth", Notes: h.Notes}
	v.Lead = fmt.Sprintf("%s cases, %s positive; %s of them read by all. The truth: %s.", thousands(h.Cases), thousands(h.Positives), thousands(h.ByAll), h.Truth)
	for _, c := range slices.Concat(h.AgainstAI, h.WithAI) {
		v.Verdicts = append(v.Verdicts, fmt.Sprintf("%s, %s readers: %s", figureWord(c.Figure), c.Readers, c.Verdict))
	}
	if c, ok := readersROC(id, h); ok {
		v.Charts = append(v.Charts, c)
	}
	for _, f := range []struct {
		title string
		list  []agree.Comparison
	}{{"AI − people", slices.Concat(h.AgainstAI, h.EachAgainstAI)}, {"Aided − unaided", slices.Concat(h.WithAI, h.EachWithAI)}} {
		if f, ok := differences(f.title, f.list); ok {
			v.Forests = append(v.Forests, f)
		}
	}
	readers := table{Caption: "Each reader", Head: measureHead}
	for _, p := range h.Readers {
		for _, m := range p.Measures {
			readers.Rows = append(readers.Rows, measureRow(performerName(p), m))
		}
	}
	compared := table{Caption: "Compared (Obuchowski–Rockette; single readers: DeLong, proportions Wald's)", Head: []string{"", "figure", "readers", "first", "second", "difference", "interval", "P", "non-inferior"}}
	for _, c := range slices.Concat(h.AgainstAI, h.WithAI, h.EachAgainstAI, h.EachWithAI) {
		ni := ""
		if c.NonInferior != nil {
			ni = fmt.Sprintf("not shown for a margin of %g", c.NonInferior.Margin)
			if c.NonInferior.Shown {
				ni = fmt.Sprintf("shown for a margin of %g", c.NonInferior.Margin)
			}
		}
		p := "–"
		if c.P.Defined() {
			p = number(float64(c.P), false)
		}
		span := c.Difference.Note
		if c.Difference.Low.Defined() {
			span = signed(c.Difference.Low) + " to " + signed(c.Difference.High)
		}
		compared.Rows = append(compared.Rows, []string{c.A + " − " + c.B, c.Figure, c.Readers, fmt.Sprintf("%.3f", float64(c.ValueA)), fmt.Sprintf("%.3f", float64(c.ValueB)), signed(c.Difference.Value), span, p, ni})
	}
	for _, t := range []table{readers, compared} {
		if len(t.Rows) > 0 {
			v.Tables = append(v.Tables, t)
		}
	}
	return v
}

func figureWord(figure string) string {
	switch figure {
	case "auc":
		return "AUROC"
	case "sensitivity":
		return "Sensitivity"
	}
	return "Specificity"
}

func performerName(p agree.Performer) string {
	name := p.Reader
	if p.AI {
		name = "AI " + name
	}
	if p.Arm != protocol.Unaided {
		name += ", " + p.Arm
	}
	return name
}

// readersROC draws the models' curves and operating points, each person's unaided point and, thin, curve, and the people's mean.
func readersROC(id string, h agree.HeadToHead) (chart, bool) {
	p := svg.Plot{ID: id + "-roc", Title: "Readers and AI", Height: 360, X: unitAxis("1 − specificity"), Y: unitAxis("sensitivity"),
		Desc:  "Sensitivity against 1 minus specificity. A dot is a reader's own yes or no; a curve goes over all grades of answers.",
		Marks: []svg.Mark{svg.Line{Points: []svg.XY{{X: 0, Y: 0}, {X: 1, Y: 1}}, Class: "muted", Dashed: true}}}
	line := func(points []agree.ROCPoint, class string, dashed bool) {
		var xy []svg.XY
		for _, q := range points {
			xy = append(xy, svg.XY{X: q.False, Y: q.True})
		}
		if len(xy) > 1 {
			p.Marks = append(p.Marks, svg.Line{Points: xy, Class: class, Dashed: dashed})
		}
	}
	var people, aided, models []svg.XY
	some := false
	for _, r := range h.Readers {
		at := svg.XY{X: math.NaN(), Y: math.NaN()}
		for _, m := range r.Measures {
			switch m.Name {
			case "sensitivity":
				at.Y = float64(m.Value)
			case "specificity":
				at.X = 1 - float64(m.Value)
			}
		}
		some = some || len(r.ROC) > 1
		switch {
		case r.AI:
			line(r.ROC, "s2", false)
			models = append(models, at)
		case r.Arm == protocol.Aided:
			aided = append(aided, at)
		default:
			line(r.ROC, "muted", false)
			people = append(people, at)
		}
	}
	line(h.Mean, "s1", false)
	legends := []legend{}
	for _, d := range []struct {
		at    []svg.XY
		class string
		text  string
		size  float64
	}{{people, "s1", "a reader", 4}, {aided, "s3", "a reader, aided", 4}, {models, "s2", "AI", 5.5}} {
		if len(d.at) > 0 {
			p.Marks = append(p.Marks, svg.Dots{Points: d.at, Class: d.class, Radius: d.size})
			legends = append(legends, legend{d.class + " dot", d.text})
		}
	}
	if len(h.Mean) > 1 {
		legends = append(legends, legend{"s1", "mean of readers"}, legend{"muted", "each reader"})
	}
	return drawn(p, "", nil, legends...), some
}

// differences is a forest plot of differences about 0.
func differences(title string, list []agree.Comparison) (forest, bool) {
	f := forest{Title: title, Help: "The line is at no difference; to the right of it the first is better."}
	reach := 0.05
	for _, c := range list {
		for _, v := range []float64{float64(c.Difference.Value), float64(c.Difference.Low), float64(c.Difference.High)} {
			if !math.IsNaN(v) {
				reach = math.Max(reach, math.Min(1, math.Abs(v)))
			}
		}
	}
	s := scale{svg.Axis{Min: -reach, Max: reach}}
	for _, v := range []float64{-reach, 0, reach} {
		f.Axis = append(f.Axis, tick{fmt.Sprintf("%.2f", v), s.percent(v)})
	}
	for _, figure := range []string{"auc", "sensitivity", "specificity"} {
		first := true
		for _, c := range list {
			if c.Figure != figure {
				continue
			}
			if first {
				f.Rows = append(f.Rows, forestRow{Heading: figureWord(figure)})
				first = false
			}
			name := strings.TrimSuffix(c.B, " "+protocol.Unaided)
			if c.B == protocol.Unaided {
				name = "all readers"
			}
			if c.Readers != "one" {
				name += ", " + c.Readers
			}
			row := forestRow{Name: name, N: fmt.Sprintf("%s cases", thousands(c.Difference.N)), Whole: c.Readers != "one", Value: signed(c.Difference.Value)}
			if c.Difference.Low.Defined() {
				row.Span = signed(c.Difference.Low) + " to " + signed(c.Difference.High)
				row.Bar = s.bar(float64(c.Difference.Low), float64(c.Difference.Value), float64(c.Difference.High), 0)
			} else {
				row.Value, row.Reason = "", c.Difference.Note
			}
			f.Rows = append(f.Rows, row)
		}
	}
	return f, len(f.Rows) > 0
}

// signed is a difference with three decimals.
func signed(v evaluate.Number) string {
	return strings.Replace(fmt.Sprintf("%+.3f", float64(v)), "-", "−", 1)
}

// editsTable is what became of the answers that readings began with; nil where none did.
func editsTable(list []agree.Edits) *table {
	if len(list) == 0 {
		return nil
	}
	t := &table{Head: measureHead}
	for _, e := range list {
		name := e.Reader
		if e.Item != "" {
			name = e.Item + ", " + e.Reader
		}
		for _, m := range e.Measures {
			t.Rows = append(t.Rows, measureRow(name, m))
		}
		if e.Added > 0 {
			t.Rows = append(t.Rows, []string{name, "added", thousands(e.Added), "", "", ""})
		}
	}
	return t
}

// guessesTable is how well people told AI; nil where nobody was asked.
func guessesTable(list []agree.Blinding) *table {
	if len(list) == 0 {
		return nil
	}
	t := &table{Head: slices.Concat([]string{"", "right", "wrong", "don't know"}, measureHead[1:])}
	for _, b := range list {
		for i, m := range b.Measures {
			head := []string{"", "", "", ""}
			if i == 0 {
				head = []string{b.Reader + ", " + b.Arm, thousands(b.Right), thousands(b.Wrong), thousands(b.Unknown)}
			}
			t.Rows = append(t.Rows, slices.Concat(head, measureRow("", m)[1:]))
		}
	}
	return t
}
