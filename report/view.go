package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

//go:embed page.gohtml
var files embed.FS

// The template is parsed once; that it parses is tested.
var page = template.Must(template.ParseFS(files, "page.gohtml"))

// view is a Page, ready to print.
type view struct {
	Page
	CSS      template.CSS
	Summary  []sentence
	Compare  []comparison
	Chance   []string // targets that do not clearly differ between splits
	Sides    []table  // variants side by side, a table a target
	Results  []variantView
	FlowView *chart
	Splits   []table
	Alone    *table // views, each alone
	Fields   *table // shortcuts
	Shown    []exampleView
	SheetsV  []pictureView
	Facts    []factTable
}

// sentence is what is said of a target.
type sentence struct{ Target, Words string }

type variantView struct {
	ID, Name, About string
	Primary         bool
	Masks           []table
	Targets         []targetView
	Learning        []chart
}

type factTable struct {
	Title string
	Facts []Fact
}

type exampleView struct {
	Example
	PlainView, OverlayView pictureView
}

// pictureView has its URIs checked, so that the template may print them.
type pictureView struct {
	URI          template.URL
	Still        template.Srcset
	Alt, Caption string
}

const howToRead = "Every number stands with the range in which the truth plausibly lies (its interval, found by resampling patients) and " +
	"beside what guessing would reach. A wide interval means that there is little data, not that the network is poor. " +
	"All numbers are from rows that were kept out of training; whether their patients and sources were kept out too is said with each split."

// Write writes the page. It fails with code internal when a picture is not a data URI of an image, since the page must load nothing.
func (p Page) Write(w io.Writer) error {
	v, err := p.view()
	if err != nil {
		return err
	}
	return render(w, page, v)
}

func (p Page) view() (*view, error) {
	v := &view{Page: p, CSS: styles}
	if v.HowToRead == "" {
		v.HowToRead = howToRead
	}
	for i, variant := range p.Variants {
		if variant.Report == nil {
			continue
		}
		x := variantView{ID: fmt.Sprintf("v%d", i+1), Name: variant.Name, About: variant.About, Primary: len(v.Results) == 0}
		x.Masks = maskTables(variant.Report)
		if x.Primary {
			for _, name := range sortedNames(variant.Report.Masks) {
				v.Summary = append(v.Summary, sentence{name, maskWords(variant.Report.Masks[name])})
			}
		}
		names, of := targetsOf(variant)
		for k, name := range names {
			t := viewTarget(fmt.Sprintf("%s-t%d", x.ID, k+1), name, of[name], variant)
			x.Targets = append(x.Targets, t)
			if x.Primary {
				v.Summary = append(v.Summary, sentence{name, t.Headline})
			}
		}
		x.Learning = learningCharts(x.ID+"-learn", variant.Learning)
		v.Results = append(v.Results, x)
	}
	v.compare(p.Variants)
	if p.Flow.Found.Items > 0 || p.Flow.Usable.Items > 0 {
		c := p.Flow.chart("flow")
		v.FlowView = &c
	}
	for _, s := range p.Splits {
		v.Splits = append(v.Splits, splitTable(s, p.Flow.noun()))
	}
	if len(p.Views) > 0 {
		v.Alone = viewTable(p.Views)
	}
	if len(p.Shortcuts) > 0 {
		v.Fields = shortcutTable(p.Shortcuts)
	}
	if err := v.pictures(p); err != nil {
		return nil, err
	}
	for _, f := range []factTable{{"Seeds", p.Seeds}, {"Versions", p.Tools}, {"Digests of the data", p.Digests}, {"Time, memory, loading", p.Timing}} {
		if len(f.Facts) > 0 {
			v.Facts = append(v.Facts, f)
		}
	}
	return v, nil
}

// compare fills the words and tables that set the other variants beside the first.
func (v *view) compare(variants []Variant) {
	judged := slices.DeleteFunc(slices.Clone(variants), func(x Variant) bool { return x.Report == nil })
	if len(judged) < 2 {
		return
	}
	first := judged[0]
	names, of := targetsOf(first)
	for _, name := range names {
		a := of[name]
		key := headMetric(a.Kind)
		t := table{Caption: name, Head: []string{"Metric"}}
		shown := mainMetrics[a.Kind]
		for _, m := range shown {
			t.Rows = append(t.Rows, []string{withUnit(terms[m].label, unitOf(m, a.Unit))})
		}
		for i, other := range judged {
			_, in := targetsOf(other)
			b := in[name]
			if b == nil {
				continue
			}
			t.Head = append(t.Head, other.Name)
			for k, m := range shown {
				x := b.Metrics[m]
				text, span, _ := printed(x, terms[m].share)
				if span != "" {
					text += " (" + span + ")"
				}
				t.Rows[k] = append(t.Rows[k], text)
			}
			if i > 0 {
				c := compare(name, key, first, other, a.Metrics[key], b.Metrics[key], a.Unit)
				v.Compare = append(v.Compare, c)
				if !c.Clear && !slices.Contains(v.Chance, name) {
					v.Chance = append(v.Chance, name)
				}
			}
		}
		v.Sides = append(v.Sides, t)
	}
}

// shortcutTable lists fields with how well they predict a target alone.
func shortcutTable(list []Shortcut) *table {
	t := &table{Head: []string{"Field", "target", "AUROC of the field alone", "rows"}}
	for _, s := range list {
		field := s.Field
		if s.Strong {
			field += " (strong)"
		}
		t.Rows = append(t.Rows, []string{field, s.Target, number(s.AUROC, true) + " (" + number(s.Low, true) + "\u00a0to\u00a0" + number(s.High, true) + ")", thousands(s.Rows)})
	}
	return t
}

func splitTable(s Split, noun string) table {
	t := table{Caption: s.Name, Head: []string{"Part", noun, "patients"}}
	if s.Rule != "" {
		t.Caption += ": " + s.Rule
	}
	detail := slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Detail != "" })
	if detail {
		t.Head = append(t.Head, "")
	}
	for _, p := range s.Parts {
		row := []string{p.Name, thousands(p.Items), thousands(p.Patients)}
		if p.Patients == 0 {
			row[2] = "–"
		}
		if detail {
			row = append(row, p.Detail)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (v *view) pictures(p Page) error {
	for _, s := range p.Sheets {
		x, err := s.view()
		if err != nil {
			return err
		}
		v.SheetsV = append(v.SheetsV, x)
	}
	for _, e := range p.Examples {
		plain, err := e.Plain.view()
		if err != nil {
			return err
		}
		overlay, err := e.Overlay.view()
		if err != nil {
			return err
		}
		v.Shown = append(v.Shown, exampleView{e, plain, overlay})
	}
	return nil
}

func (p Picture) view() (pictureView, error) {
	for _, uri := range []string{p.URI, p.Still} {
		if uri != "" && !isImage(uri) {
			return pictureView{}, fault.New(fault.Internal, "report: a picture is not a data URI of a GIF, PNG, JPEG or WebP")
		}
	}
	return pictureView{template.URL(p.URI), template.Srcset(p.Still), p.Alt, p.Caption}, nil
}

// isImage reports whether uri is a base64 data URI of an image that holds no markup (so no SVG).
func isImage(uri string) bool {
	rest, ok := strings.CutPrefix(uri, "data:image/")
	kind, data, found := strings.Cut(rest, ";base64,")
	return ok && found && slices.Contains([]string{"gif", "png", "jpeg", "webp"}, kind) &&
		strings.Trim(data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == ""
}
