package report

import (
	_ "embed"
	"html/template"
	"io"
	"net/url"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
)

// TrustPage is what a clinician reads in five minutes before believing a model: performance, groups of people, doubt, maps and shortcuts on one
// page, the verdict in plain words on top and what nobody can tell below. Several runs stand one after the other.
type TrustPage struct {
	Title, Date, Version string
	Runs                 []Trust
}

// Trust is what is known of one run.
type Trust struct {
	Name, About string
	Main        Variant
	Others      []Variant   // the same plan under other divisions of the data
	Doubts      []Uncertain // empty: the model answers always
	Maps        []Example
	Segments    bool   // it draws outlines: its masks are what is looked at, not maps
	Motion      string // whether it uses motion, in words
	Hunt        *Hunted
	Fields      []Shortcut
	Warnings    []string
	Notable     []string // facts that bound what the results can say, each completing "it cannot tell"
	Links       []Link   // to pages beside this one
}

// Hunted is what a hunt for shortcuts found in the pictures.
type Hunted struct {
	Items     int
	TooFew    bool // to tell anything
	Words     string
	InPicture bool // corners or what is outside the sector tell the target
	Used      bool // and the network answers from them
	Named     bool // something was found, in the pictures or in the table
}

// Link leads to a page beside this one.
type Link struct{ Text, Href string }

//go:embed trust.gohtml
var trustText string

var trustTemplate = template.Must(template.Must(page.Clone()).New("trust").Parse(trustText))

type trustView struct {
	TrustPage
	CSS  template.CSS
	Many bool
	Runs []trustRun
}

type trustRun struct {
	Trust
	ID        string
	Verdict   judgement
	Questions []judgement
	Results   []trustTarget
	Masks     []table
	Gaps      []string
	Pictures  []exampleView
	Sides     []comparison
	FieldsV   *table
	Risk      []chart
	Cannot    []string
	Links     []Link
}

// trustTarget is one target in brief.
type trustTarget struct {
	Name, Headline, Judged string
	Rows                   []metricRow
	Forests                []forest
	Chart                  *chart
}

// shownTargets bounds how many targets are shown with tables; all have their sentence.
const shownTargets = 3

// Write writes the page: one HTML file that needs nothing else. It fails with code internal when a picture is not a data URI of an image.
func (p TrustPage) Write(w io.Writer) error {
	v := &trustView{TrustPage: p, CSS: styles, Many: len(p.Runs) > 1}
	if v.Title == "" {
		v.Title = "Can it be trusted?"
		if !v.Many && len(p.Runs) == 1 {
			v.Title = p.Runs[0].Name + ": can it be trusted?"
		}
	}
	for i, t := range p.Runs {
		r, err := t.view("run-" + string(rune('a'+i%26)))
		if err != nil {
			return err
		}
		v.Runs = append(v.Runs, r)
	}
	return render(w, trustTemplate, v)
}

func (t Trust) view(id string) (trustRun, error) {
	v := trustRun{Trust: t, ID: id}
	names, of := targetsOf(t.Main)
	v.Masks = maskTables(t.Main.Report)
	for i, name := range names {
		x := of[name]
		full := viewTarget(id+"-t"+string(rune('a'+i%26)), name, x, t.Main)
		r := trustTarget{Name: name, Headline: full.Headline, Judged: full.Judged}
		if i < shownTargets {
			r.Rows = full.Main[:min(4, len(full.Main))]
			r.Forests = full.Forests[:min(1, len(full.Forests))]
			for _, c := range full.Charts {
				if c.Title == "Calibration" || x.Kind == evaluate.Regression || strings.Contains(c.Title, "alibration") {
					r.Chart = &c
					break
				}
			}
		}
		v.Results = append(v.Results, r)
	}
	for _, m := range t.Maps {
		plain, err := m.Plain.view()
		if err != nil {
			return v, err
		}
		overlay, err := m.Overlay.view()
		if err != nil {
			return v, err
		}
		v.Pictures = append(v.Pictures, exampleView{m, plain, overlay})
	}
	v.Pictures = tellingMaps(v.Pictures)
	v.Sides = t.sides()
	if len(t.Fields) > 0 {
		v.FieldsV = shortcutTable(t.Fields[:min(5, len(t.Fields))])
	}
	for i, d := range t.Doubts {
		if i == shownTargets {
			break
		}
		for _, c := range d.view(i).Charts {
			if strings.HasPrefix(c.Title, "Risk") {
				c.Title = d.Name + ": " + strings.ToLower(c.Title[:1]) + c.Title[1:]
				v.Risk = append(v.Risk, c)
			}
		}
	}
	for _, l := range t.Links {
		if u, err := url.Parse(l.Href); err == nil && u.Scheme == "" && u.Host == "" {
			v.Links = append(v.Links, l)
		}
	}
	v.Questions = t.questions()
	v.Verdict = t.verdict(v.Questions)
	v.Cannot = t.cannot()
	return v, nil
}

// tellingMaps are one example of each group, those whose map failed first: they teach most.
func tellingMaps(all []exampleView) []exampleView {
	var out []exampleView
	seen := map[string]bool{}
	for _, failed := range []bool{true, false} {
		for _, e := range all {
			if e.Trusted != failed && !seen[e.Group] && len(out) < 3 {
				seen[e.Group] = true
				out = append(out, e)
			}
		}
	}
	return out
}

// sides compare the main division with the others.
func (t Trust) sides() []comparison {
	v := &view{}
	v.compare(append([]Variant{t.Main}, t.Others...))
	return v.Compare
}
