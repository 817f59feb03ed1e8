package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

var dataURI = regexp.MustCompile(`data:image/[^"]*`)

func write(t testing.TB, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wellFormed parses the page as XML, which HTML of this style is, and returns its elements with their attributes.
func wellFormed(t *testing.T, page string) []xml.StartElement {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!DOCTYPE html>")))
	var out []xml.StartElement
	for {
		token, err := d.Token()
		if err == io.EOF {
			return out
		}
		if err != nil {
			line := strings.Split(page, "\n")[max(0, strings.Count(page[:d.InputOffset()], "\n"))]
			t.Fatalf("not well-formed: %v\n%.300s", err, line)
		}
		if e, ok := token.(xml.StartElement); ok {
			out = append(out, e.Copy())
		}
	}
}

func attr(e xml.StartElement, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// TestPage checks the promises of a full page: well-formed, self-contained, no script, every part there, every picture described,
// every chart titled, every reference resolved.
func TestPage(t *testing.T) {
	page := write(t, fakePage(t))
	ids, refs, count := map[string]bool{}, []string{}, map[string]int{}
	for _, e := range wellFormed(t, page) {
		name := e.Name.Local
		count[name]++
		if id, ok := attr(e, "id"); ok {
			if ids[id] {
				t.Errorf("id %q occurs twice", id)
			}
			ids[id] = true
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") {
				t.Errorf("<%s> has a handler %s", name, a.Name.Local)
			}
		}
		switch name {
		case "script", "link", "iframe", "object", "embed", "base", "form":
			t.Errorf("the page has a <%s>", name)
		case "img":
			src, _ := attr(e, "src")
			if alt, ok := attr(e, "alt"); !ok || alt == "" || !strings.HasPrefix(src, "data:image/") {
				t.Errorf("a picture without description or from elsewhere: %.60s", src)
			}
		case "a":
			href, _ := attr(e, "href")
			refs = append(refs, strings.TrimPrefix(href, "#"))
		case "th":
			if _, ok := attr(e, "scope"); !ok {
				t.Error("a table head without scope")
			}
		case "svg":
			if role, _ := attr(e, "role"); role == "img" {
				by, _ := attr(e, "aria-labelledby")
				refs = append(refs, strings.Fields(by)...)
				if len(strings.Fields(by)) != 2 {
					t.Error("a chart without title and description")
				}
			}
		}
	}
	for _, r := range refs {
		if !ids[r] {
			t.Errorf("nothing has the id %q", r)
		}
	}
	for name, least := range map[string]int{"h1": 1, "figure": 20, "details": 15, "img": 9, "circle": 300, "table": 30} {
		if count[name] < least {
			t.Errorf("%d <%s>, want at least %d", count[name], name, least)
		}
	}
	if count["h1"] != 1 {
		t.Errorf("%d main headings", count["h1"])
	}
	for _, want := range []string{"random clips", "held-out sources", "Quarantined: 25 clips", "frame data end early", "too few to tell", "sha256:9f86d081",
		"Map supported.", "Map not supported.", "better than guessing", "Know before you trust this", "r2plus1d_18", "waiting for data", "What this does not show",
		"Bland–Altman", "ROC curve: event", "Precision and recall", "Calibration: event", "Predicted and true", "What was called what", "Epoch", "expect the second"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	text := strings.ReplaceAll(dataURI.ReplaceAllString(page, ""), `xmlns="http://www.w3.org/1999/xhtml"`, "")
	for _, never := range []string{"NaN", "Inf", "ZgotmplZ", "http://", "https://", "%!", "&lt;nil"} {
		if i := strings.Index(text, never); i >= 0 {
			t.Errorf("the page holds %q: …%.120s", never, text[max(0, i-60):])
		}
	}
}

func TestSameBytes(t *testing.T) {
	first, second := write(t, fakePage(t)), write(t, fakePage(t))
	if first != second {
		t.Error("the same page gives other bytes")
	}
}

// TestHostileText puts markup into every text of a page by way of its names and checks that none becomes an element.
func TestHostileText(t *testing.T) {
	const evil = `</style></svg><script>alert("x")</script><img src=x onerror='y'>` + "\x00\x1b"
	p := fakePage(t)
	plain := len(wellFormed(t, write(t, p)))
	p.Title, p.Description, p.Date, p.Version, p.HowToRead, p.Plan = evil, evil, evil, evil, evil, evil
	p.Warnings, p.Limits, p.Reasons = []string{evil, evil}, []string{evil, evil}, []string{evil, evil}
	p.Flow.Noun, p.Flow.Quarantined[0].Reason, p.Flow.Parts = evil, evil, slices.Clone(p.Flow.Parts)
	p.Flow.Parts[0].Name, p.Flow.Parts[0].Detail = evil, evil
	p.Splits[0].Name, p.Splits[0].Rule = evil, evil
	p.Seeds[0] = Fact{evil, evil}
	p.Sheets[0].Alt, p.Sheets[0].Caption = evil, evil
	for i := range p.Examples {
		p.Examples[i].Title, p.Examples[i].Verdict, p.Examples[i].Plain.Alt, p.Examples[i].Facts = evil, evil, evil, []Fact{{evil, evil}, {evil, evil}}
	}
	for i := range p.Variants {
		v := &p.Variants[i]
		v.Name, v.About, v.Learning[0].Name = evil, evil, evil
		v.Report.Targets[evil], v.Report.Targets["event"] = v.Report.Targets["event"], nil
		delete(v.Report.Targets, "event")
		ev := v.Report.Targets[evil]
		ev.Unit, ev.Notes = evil, []string{evil}
		ev.Subgroups[evil] = ev.Subgroups["sex"]
		delete(ev.Subgroups, "sex")
		v.Report.Targets["view"].Classes[0] = evil
	}
	page := write(t, p)
	for _, e := range wellFormed(t, page) {
		if e.Name.Local == "script" {
			t.Error("text became a script")
		}
		if _, ok := attr(e, "onerror"); ok {
			t.Error("text became an attribute")
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "\x00") || strings.Contains(page, "\x1b") {
		t.Error("raw text in the page")
	}
	if n := len(wellFormed(t, page)); n < plain/2 {
		t.Errorf("%d elements, plain page has %d", n, plain)
	}
}

func TestPicturesMustBeData(t *testing.T) {
	for _, uri := range []string{"https://example.org/x.png", "javascript:alert(1)", "data:text/html;base64,AAAA", "data:image/svg+xml;base64,AAAA", `data:image/png;base64,"onload=`} {
		err := Page{Sheets: []Picture{{URI: uri}}}.Write(io.Discard)
		if err == nil || fault.CodeOf(err) != fault.Internal || strings.Contains(err.Error(), "example.org") {
			t.Errorf("%s: %v", uri, err)
		}
		if err := (Page{Examples: []Example{{Overlay: Picture{Still: uri}}}}).Write(io.Discard); err == nil {
			t.Errorf("%s as a still: accepted", uri)
		}
	}
}

// TestSparsePages: a page with little on it, and results that could not be judged, must read as sentences too.
func TestSparsePages(t *testing.T) {
	wellFormed(t, write(t, Page{}))
	wellFormed(t, write(t, Page{Title: "A study", Plan: "kind: catalog", Sheets: []Picture{{URI: pngURI(t, 8, 8), Alt: "sheet"}}, Variants: []Variant{{Name: "no report"}}}))
	p := &evaluate.Predictions{Targets: []evaluate.Target{{Name: "ef", Kind: evaluate.Regression, Unit: "%"}, {Name: "event", Kind: evaluate.Binary},
		{Name: "finding", Kind: evaluate.MultiLabel, Classes: []string{"AS", "MR"}}},
		Item: []string{"a"}, Patient: []string{"a"}, Split: []string{"test"}, Fold: []int{-1},
		Groups: []evaluate.Group{{Name: "sex", Values: []string{""}}},
		Truth:  map[string][][]float64{"ef": {{50}}, "event": {{1}}, "finding": {{1, 0}}},
		Score:  map[string][][]float64{"ef": {{55}}, "event": {{math.NaN()}}, "finding": {{.5, .25}}}}
	r, err := evaluate.Evaluate(t.Context(), p, evaluate.Options{Resamples: 20})
	if err != nil {
		t.Fatal(err)
	}
	page := write(t, Page{Title: "one row", Variants: []Variant{{Report: r, Tables: []*evaluate.Predictions{p}}, {Name: "again", Report: r}}})
	wellFormed(t, page)
	for _, want := range []string{"<b>event.</b> Could not be judged: no row has both", "<b>finding.</b> Could not be judged: AUROC is undefined", "The typical error is 5.00\u00a0%", "unknown", "Cannot be compared"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "NaN") {
		t.Error("NaN on the page")
	}
}
