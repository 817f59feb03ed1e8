package bundle

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
)

// Markdown is the card for people.
func (c *Card) Markdown() []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("# %s\n\n", line(c.Name))
	if c.Description != "" {
		p("%s\n\n", line(c.Description))
	}
	c.use(p)
	c.model(p)
	c.data(p)
	for i, r := range c.Results {
		r.write(p, i)
	}
	c.thresholds(p)
	p("## Limits\n\n")
	for _, l := range slices.Concat(c.Statement.Limits, c.Limits) {
		p("- %s\n", line(l))
	}
	p("\n## Provenance\n\n- made with cineloop %s\n- plan %s\n- table of the data (SHA-256) %s\n", line(c.Cineloop), line(c.PlanDigest), line(c.Data.Digest))
	return b.Bytes()
}

type printer func(format string, args ...any)

func (c *Card) use(p printer) {
	s := c.Statement
	p("## Intended use\n\n")
	use := s.IntendedUse
	if use == "" {
		use = "Its makers have not said what it is for. Take it as a result of research: it must not decide about patients."
	}
	p("%s\n\n", line(use))
	for _, f := range []struct{ what, text string }{{"Not for", s.OutOfScope}, {"Population", s.Population}, {"Version", s.Version}, {"Authors", s.Authors}, {"Contact", s.Contact}, {"Licence", s.Licence}, {"Cite", s.Citation}} {
		if f.text != "" {
			p("- %s: %s\n", f.what, line(f.text))
		}
	}
	for _, change := range s.Changes {
		p("- Change: %s\n", line(change))
	}
	p("\n")
}

func (c *Card) model(p printer) {
	m := c.Model
	p("## Model\n\n- architecture: %s, %s\n", line(m.Architecture), count(m.Parameters, "parameters"))
	if m.Paper != "" {
		p("- after: %s\n", line(m.Paper))
	}
	p("- input: %s\n", strings.ReplaceAll(fmt.Sprint(m.Input), " ", " × "))
	if m.Networks > 1 {
		p("- %d networks, whose scores are averaged\n", m.Networks)
	}
	if m.Started != "" {
		p("- training started from %s\n", line(m.Started))
	}
	for _, o := range m.Outputs {
		p("- answers: %s (%s", line(o.Name), line(o.Kind))
		if o.Unit != "" {
			p(", %s", line(o.Unit))
		}
		if len(o.Classes) > 0 {
			p(": %s", line(strings.Join(o.Classes, ", ")))
		}
		p(")\n")
	}
	p("\n")
}

func (c *Card) data(p printer) {
	d := c.Data
	p("## Data\n\n")
	if d.Simulated {
		p("The data are **simulated**; no patient's image was used.\n\n")
	}
	p("%d items of %d patients", d.Items, d.Patients)
	if d.Sites > 0 {
		p(" from %d sites", d.Sites)
	}
	p("; %d more were quarantined.\n\n| part | items | patients |\n|---|---|---|\n", d.LeftOut)
	for _, b := range d.Parts {
		name := b.Split + ", " + b.Part
		if b.Fold > 0 {
			name = fmt.Sprintf("%s, fold %d, %s", b.Split, b.Fold, b.Part)
		}
		p("| %s | %d | %d |\n", cell(name), b.Rows, b.Patients)
	}
	p("\n")
	if len(d.Subgroups) > 0 {
		p("| group | value | items | patients |\n|---|---|---|---|\n")
		for _, g := range d.Subgroups {
			p("| %s | %s | %d | %d |\n", cell(g.Group), cell(orUnknown(g.Value)), g.Rows, g.Patients)
		}
		p("\n")
	}
	if d.Unnamed > 0 {
		p("%d values that fewer than %d patients share are not named.\n\n", d.Unnamed, SmallCell)
	}
}

func (r Results) write(p printer, i int) {
	title := "Results"
	if i > 0 {
		title = "Results on " + line(r.About)
	}
	p("## %s\n\n", title)
	if i == 0 {
		p("%s.\n\n", line(r.About))
	}
	for _, n := range r.Notes {
		p("> %s\n\n", line(n))
	}
	rep := r.Report
	p("%d items of %d patients. Intervals are of %g %%, by resampling patients %d times.\n\n", rep.Rows, rep.Patients, 100*rep.Level, rep.Resamples)
	p("| target | metric | value | interval | without the image |\n|---|---|---|---|---|\n")
	for _, name := range keys(rep.Masks) {
		m := rep.Masks[name]
		for _, class := range keys(m.PerClass) {
			rows(p, name+" "+class, m.PerClass[class].Metrics, keys(m.PerClass[class].Metrics))
		}
	}
	for _, group := range []map[string]*evaluate.TargetReport{rep.Targets, rep.Derived} {
		for _, name := range keys(group) {
			rows(p, name, group[name].Metrics, evaluate.MetricNames(group[name].Kind))
		}
	}
	p("\n")
	r.subgroups(p)
}

func rows(p printer, target string, metrics map[string]evaluate.Measure, names []string) {
	for _, name := range names {
		m, ok := metrics[name]
		if !ok {
			continue
		}
		if !m.Value.Defined() {
			p("| %s | %s | – | %s | |\n", cell(target), cell(name), cell(m.Reason))
			continue
		}
		base := ""
		if m.Baseline != nil && m.Baseline.Defined() {
			base = fmt.Sprintf("%.3g", float64(*m.Baseline))
		}
		p("| %s | %s | %.3g | %s | %s |\n", cell(target), cell(name), float64(m.Value), interval(m), base)
	}
}

func (r Results) subgroups(p printer) {
	first := true
	for _, name := range keys(r.Report.Targets) {
		t := r.Report.Targets[name]
		metric := map[evaluate.Kind]string{evaluate.Binary: "auroc", evaluate.Class: "accuracy", evaluate.MultiLabel: "auroc", evaluate.Regression: "mae", evaluate.TimeToEvent: "c_td"}[t.Kind]
		for _, group := range keys(t.Subgroups) {
			for _, value := range keys(t.Subgroups[group]) {
				s := t.Subgroups[group][value]
				if first {
					p("### Subgroups\n\n| target | group | value | patients | metric | value | interval |\n|---|---|---|---|---|---|---|\n")
					first = false
				}
				m, ok := s.Metrics[metric]
				if s.TooFew || !ok || !m.Value.Defined() {
					why := "too few to tell"
					if !s.TooFew && ok && m.Reason != "" {
						why = m.Reason
					}
					p("| %s | %s | %s | %d | %s | – | %s |\n", cell(name), cell(group), cell(value), s.Patients, metric, cell(why))
					continue
				}
				p("| %s | %s | %s | %d | %s | %.3g | %s |\n", cell(name), cell(group), cell(value), s.Patients, metric, float64(m.Value), interval(m))
			}
		}
	}
	if !first {
		p("\n")
	}
}

func (c *Card) thresholds(p printer) {
	p("## Thresholds\n\n")
	for _, name := range keys(c.Thresholds.Targets) {
		p("- %s: %s\n", line(name), line(c.Thresholds.Targets[name].Rule))
	}
	if len(c.Thresholds.Abstain) > 0 {
		p("- when not to answer: %s of the bundle has what was learnt\n", ThresholdsFile)
	}
	p("\n")
}

func interval(m evaluate.Measure) string {
	if !m.Low.Defined() || !m.High.Defined() {
		return ""
	}
	return fmt.Sprintf("%.3g to %.3g", float64(m.Low), float64(m.High))
}

func count(n int64, what string) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.2f million %s", float64(n)/1e6, what)
	case n >= 1e4:
		return fmt.Sprintf("%.1f thousand %s", float64(n)/1e3, what)
	}
	return fmt.Sprintf("%d %s", n, what)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// line is text as one line of Markdown that starts no heading, list or tag: names and notes come from recipes and tables.
func line(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer("<", "&lt;", "|", "\\|", "`", "'", "[", "\\[").Replace(s)
}

func cell(s string) string { return line(s) }

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
