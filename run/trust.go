package run

import (
	"context"
	"io"
	"path/filepath"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/report"
)

// TrustPage is the page to read before a model is believed.
func (f Folder) TrustPage() string { return filepath.Join(string(f), "trust.html") }

// trust joins what the stages found into one run's part of the trust page.
func (r *Run) trust(page *report.Page) (report.Trust, error) {
	t := report.Trust{Name: page.Title, About: page.Description, Main: page.Variants[0], Others: page.Variants[1:], Warnings: page.Warnings,
		Maps: page.Examples, Segments: r.segments(), Fields: page.Shortcuts, Notable: r.trustLimits()}
	for _, l := range []report.Link{{Text: "all results", Href: r.Dir.Report()}, {Text: "groups in full", Href: r.Dir.GroupsPage()}, {Text: "uncertainty in full", Href: r.Dir.UncertaintyPage()}} {
		if exists(l.Href) || l.Href == r.Dir.Report() {
			t.Links = append(t.Links, report.Link{Text: l.Text, Href: filepath.Base(l.Href)})
		}
	}
	var d Doubts
	if exists(r.Dir.Uncertainty()) {
		if err := readJSON(r.Dir.Uncertainty(), &d); err != nil {
			return t, err
		}
		t.Doubts = d.shown()
	}
	var x Tests
	if exists(r.Dir.tests()) {
		if err := readJSON(r.Dir.tests(), &x); err != nil {
			return t, err
		}
		t.Motion = x.Motion.Words
		if r.Plan.Input.Frames < 2 {
			t.Motion = ""
		}
		if x.Hunt != nil {
			h := report.Hunted{Items: x.Items, Words: x.Hunt.Words, TooFew: len(x.Hunt.Probes) == 0, Named: len(x.Hunt.Named) > 0}
			for _, n := range x.Hunt.Network {
				if n.View != hunted[0] && n.View != hunted[1] || !n.Uses {
					continue
				}
				for _, p := range x.Hunt.Probes {
					h.Used = h.Used || p.View == n.View && p.Tells
				}
			}
			for _, p := range x.Hunt.Probes {
				h.InPicture = h.InPicture || p.Tells && (p.View == hunted[0] || p.View == hunted[1])
			}
			t.Hunt = &h
		}
	}
	return t, nil
}

// trustLimits are facts of the plan that bound what its results can say.
func (r *Run) trustLimits() []string {
	var out []string
	if r.Plan.Phantom != nil {
		out = append(out, "Anything about patients: every picture here is simulated.")
	}
	s := r.Splits[0]
	if s.Spec.By == cohort.ByItem {
		out = append(out, "What another patient would get: clips of one patient may be on both sides of the division.")
	}
	if r.Plan.Data.Site == "" {
		out = append(out, "Differences between hospitals: the table does not name them.")
	}
	if len(r.Plan.Data.Subgroups) == 0 {
		out = append(out, "Differences between people: the recipe names no groups to judge by.")
	}
	return out
}

// shown are the targets' doubts as pages show them.
func (d *Doubts) shown() (out []report.Uncertain) {
	for _, name := range sortedKeys(d.Targets) {
		of := d.Targets[name]
		out = append(out, report.Uncertain{Name: name, Classes: of.Classes, Numbers: of.Numbers, Times: of.Times, Answered: &of.Answered, Wrong: of.Wrong, WrongAll: of.WrongAll})
	}
	return out
}

// Trust writes one page on several finished and reported runs into the file at path.
func Trust(ctx context.Context, dirs []string, path string, log io.Writer) error {
	page := report.TrustPage{Version: version.String()}
	for _, dir := range dirs {
		r, err := Open(ctx, dir, log, "")
		if err != nil {
			return err
		}
		if r.Plan.Kind == kindCatalog {
			return fault.New(fault.Usage, "%s is a catalogue: it has no model to trust", dir)
		}
		_, t, err := r.report(ctx)
		if err != nil {
			return err
		}
		for i, l := range t.Links {
			if t.Links[i].Href, err = filepath.Rel(filepath.Dir(path), filepath.Join(dir, l.Href)); err != nil {
				t.Links[i].Href = filepath.Join(dir, l.Href)
			}
			t.Links[i].Href = filepath.ToSlash(t.Links[i].Href)
		}
		page.Runs = append(page.Runs, t)
	}
	return atomicfile.Write(path, page.Write)
}
