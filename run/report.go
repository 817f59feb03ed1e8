package run

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/report"
)

// Report writes the run's pages from what the other stages left: everything on report.html, groups of people on audit.html, and what to know
// before believing it on trust.html. For a catalogue it reads the study first.
func (r *Run) Report(ctx context.Context) error {
	if r.Plan.Kind == kindCatalog {
		return r.reportCatalog(ctx)
	}
	page, trust, err := r.report(ctx)
	if err != nil {
		return err
	}
	if err := r.writePage(page); err != nil {
		return err
	}
	return atomicfile.Write(r.Dir.TrustPage(), report.TrustPage{Version: version.String(), Runs: []report.Trust{trust}}.Write)
}

// report gathers both pages, and judges groups of people for them.
func (r *Run) report(ctx context.Context) (page *report.Page, trust report.Trust, err error) {
	m := &Metrics{}
	if err := readJSON(r.Dir.Metrics(), m); err != nil {
		return nil, trust, fmt.Errorf("the run is not evaluated yet: %w", err)
	}
	if page, err = r.page(); err != nil {
		return nil, trust, err
	}
	page.Warnings = append(page.Warnings, m.Notes...)
	page.Warnings = append(page.Warnings, r.trainingWarnings()...)
	for i, s := range r.Splits {
		v, err := r.variant(i, s, m)
		if err != nil {
			return nil, trust, err
		}
		if v.Groups, err = r.auditGroups(ctx, r.Dir.Variant(i, s.Name), v); err != nil {
			return nil, trust, err
		}
		page.Variants = append(page.Variants, v)
		page.Splits = append(page.Splits, r.splitOf(s))
	}
	if page.Examples, err = r.examples(); err != nil {
		return nil, trust, err
	}
	if r.segments() {
		page.ExamplesNote = "The items whose masks overlap the true ones best, middlingly and worst, each at the slice with the most of both. Green is the true outline, pink the predicted one; where they coincide pink covers green."
	}
	page.Flow.Parts = r.flowParts(r.Splits[0])
	page.Shortcuts = r.shortcuts()
	page.Views = m.Views.rows()
	if page.Timing, err = r.timing(); err != nil {
		return nil, trust, err
	}
	trust, err = r.trust(page)
	return page, trust, err
}

// page is what every kind of report has: the plan, the flow of the data, seeds, versions and digests.
func (r *Run) page() (*report.Page, error) {
	plan, err := learn.EncodePlan(r.Plan)
	if err != nil {
		return nil, err
	}
	p := &report.Page{
		Title: r.Plan.Name, Description: r.Plan.Description, Version: version.String(), Plan: string(plan),
		Seeds: []report.Fact{{Name: "seed", Value: fmt.Sprint(uint64(r.Plan.Seed))}},
		Tools: []report.Fact{{Name: "cineloop", Value: version.String()}, {Name: "Go", Value: runtime.Version()}},
		Digests: []report.Fact{
			{Name: "data (SHA-256 of the table)", Value: r.Cohort.Digest},
			{Name: "plan", Value: r.Plan.Digest()},
		},
		Flow: r.flow(),
	}
	if r.Plan.Planned != nil {
		p.Reasons = r.Plan.Planned.Reasons
		p.Digests = append(p.Digests, report.Fact{Name: "fingerprint", Value: r.Plan.Planned.Fingerprint})
	}
	return p, nil
}

// flow is the way from the table to the usable items.
func (r *Run) flow() report.Flow {
	f := report.Flow{Noun: "items", Usable: r.count(r.Cohort.All())}
	if r.Cohort.Several() {
		f.Noun = "clips"
	}
	f.Found = report.Count{Items: f.Usable.Items + len(r.Cohort.Quarantine)}
	if len(r.Cohort.Flow) > 0 {
		first := r.Cohort.Flow[0]
		f.Found.Items = max(f.Found.Items, first.Rows)
		if left := first.Rows - f.Usable.Items - len(r.Cohort.Quarantine); left > 0 {
			f.Excluded = append(f.Excluded, report.Exclusion{Reason: "left out by the recipe", Items: left})
		}
	}
	count := map[string]int{}
	for _, q := range r.Cohort.Quarantine {
		count[q.Reason]++
	}
	for _, reason := range sortedKeys(count) {
		f.Quarantined = append(f.Quarantined, report.Exclusion{Reason: reason, Items: count[reason]})
	}
	return f
}

func (r *Run) flowParts(s *cohort.Split) []report.Part {
	if n := len(s.Folds); n > 1 {
		all := []int{}
		for _, f := range s.Folds {
			all = append(all, f.Test...)
		}
		return []report.Part{{Name: "judged by a model that did not see them", Count: r.count(all), Detail: fmt.Sprintf("%d folds", n)}}
	}
	f := s.Folds[0]
	var out []report.Part
	for _, p := range []struct {
		name string
		rows []int
	}{{"train", f.Train}, {"validation", f.Val}, {"test", f.Test}} {
		if len(p.rows) > 0 {
			out = append(out, report.Part{Name: p.name, Count: r.count(p.rows), Detail: r.studies(p.rows)})
		}
	}
	return out
}

func (r *Run) count(rows []int) report.Count {
	n := 0
	for _, i := range rows {
		n += len(r.Cohort.Rows[i].Files())
	}
	return report.Count{Items: n, Patients: r.Cohort.Patients(rows)}
}

// studies says how many studies the clips of rows make; nothing where an item is one clip.
func (r *Run) studies(rows []int) string {
	if !r.Cohort.Several() {
		return ""
	}
	return fmt.Sprintf("%d studies", len(rows))
}

func (r *Run) splitOf(s *cohort.Split) report.Split {
	return report.Split{Name: s.Name, Rule: ruleInWords(s.Spec), Parts: r.flowParts(s)}
}

// ruleInWords says how rows were divided.
func ruleInWords(s cohort.SplitSpec) string {
	var rule string
	switch s.By {
	case cohort.ByColumn:
		rule = "as column " + s.Column + " says"
	case cohort.ByGroup:
		rule = "by whole values of " + s.Column + ": no " + s.Column + " is on two sides"
	case cohort.ByItem:
		rule = "by single items: a patient or source may be on two sides"
	default:
		rule = "by whole patients"
	}
	if s.Folds > 1 {
		rule += fmt.Sprintf(", %d folds", s.Folds)
	}
	if s.Stratify != "" {
		rule += ", balanced by " + s.Stratify
	}
	return rule
}

// variant is one split's results as the page shows them.
func (r *Run) variant(i int, s *cohort.Split, m *Metrics) (report.Variant, error) {
	dir := r.Dir.Variant(i, s.Name)
	v := report.Variant{Name: s.Name, About: ruleInWords(s.Spec), HeldOut: s.Spec.By == cohort.ByGroup, Report: m.Report}
	if i > 0 {
		v.Report = m.Variants[s.Name]
	}
	p, err := evaluate.ReadFile(dir.Predictions(), r.targets())
	if err != nil {
		return v, err
	}
	if v.Tables, err = withDerived(r.Cohort, p); err != nil {
		return v, err
	}
	for k := range s.Folds {
		name := ""
		if len(s.Folds) > 1 {
			name = fmt.Sprintf(" %d", k+1)
		}
		curves, err := learningCurves(filepath.Join(string(dir.Fold(k, len(s.Folds))), "log.jsonl"), name, r.Plan.Train.Monitor)
		if err != nil {
			return v, err
		}
		v.Learning = append(v.Learning, curves...)
	}
	return v, nil
}

// withDerived is the table of items, then one table a derived quantity.
func withDerived(c *cohort.Cohort, p *evaluate.Predictions) ([]*evaluate.Predictions, error) {
	tables := []*evaluate.Predictions{p}
	for _, d := range derivations(c, p) {
		q, _, err := evaluate.Derive(p, d)
		if err != nil {
			return nil, err
		}
		tables = append(tables, q)
	}
	return tables, nil
}

// learningCurves reads losses and the monitored metric of a training log.
func learningCurves(path, suffix, monitor string) ([]report.Curve, error) {
	lines, err := learn.ReadLog(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	train, val, metric := report.Curve{Chart: "loss", Name: "train" + suffix}, report.Curve{Chart: "loss", Name: "validation" + suffix}, report.Curve{Chart: monitor, Name: "validation" + suffix}
	for _, l := range lines {
		if l.Event != "epoch" {
			continue
		}
		epoch := float64(l.Epoch + 1)
		add := func(c *report.Curve, v float64, ok bool) {
			if ok {
				c.Epochs, c.Values = append(c.Epochs, epoch), append(c.Values, v)
			}
			if l.Best {
				c.Best = epoch
			}
		}
		if l.Loss != nil {
			add(&train, *l.Loss, true)
		}
		v, ok := l.Val["loss"]
		add(&val, v, ok)
		v, ok = l.Val[monitor]
		add(&metric, v, ok)
	}
	out := []report.Curve{train, val}
	if monitor != "" && monitor != "loss" && len(metric.Epochs) > 0 {
		out = append(out, metric)
	}
	return slices.DeleteFunc(out, func(c report.Curve) bool { return len(c.Epochs) == 0 }), nil
}

// trainingWarnings names trainings that ended by the clock.
func (r *Run) trainingWarnings() []string {
	var out []string
	for i, s := range r.Splits {
		for k := range s.Folds {
			lines, err := learn.ReadLog(filepath.Join(string(r.Dir.Variant(i, s.Name).Fold(k, len(s.Folds))), "log.jsonl"))
			if err != nil {
				continue
			}
			dead := map[string]int{}
			for _, l := range lines {
				if l.Event == "epoch" {
					clear(dead) // what is alive at the end has not died
				}
				for _, d := range l.Dead {
					dead[d] = l.Epoch + 1
				}
				if l.Event == "stop" && l.Reason == "max_minutes" {
					out = append(out, fmt.Sprintf("Training of %s ended by its limit of %g minutes, after %d epochs.", r.label(i, k), r.Plan.Train.MaxMinutes, l.Epoch))
				}
			}
			for _, d := range sortedKeys(dead) {
				out = append(out, fmt.Sprintf("Training of %s ended without evidence for %s: the network never answers it, and says that it knows nothing. Use evidence exp or softplus, or another seed.", r.label(i, k), d))
			}
		}
	}
	return out
}

// timing sums what training took.
func (r *Run) timing() ([]report.Fact, error) {
	var seconds, wait float64
	rows, fits := 0, 0
	for i, s := range r.Splits {
		for k := range s.Folds {
			lines, err := learn.ReadLog(filepath.Join(string(r.Dir.Variant(i, s.Name).Fold(k, len(s.Folds))), "log.jsonl"))
			if err != nil {
				return nil, err
			}
			fits++
			for _, l := range lines {
				if l.Event == "epoch" {
					seconds, wait, rows = seconds+l.Seconds, wait+l.Wait, rows+l.Rows
				}
			}
		}
	}
	facts := []report.Fact{{Name: "trained models", Value: fmt.Sprint(fits)}, {Name: "training", Value: fmt.Sprintf("%.1f min on %d cores", seconds/60, runtime.GOMAXPROCS(0))}}
	if seconds > 0 {
		facts = append(facts,
			report.Fact{Name: "clips a second", Value: fmt.Sprintf("%.1f", float64(rows)/seconds)},
			report.Fact{Name: "lost to loading", Value: fmt.Sprintf("%.2f %% of training time", 100*wait/seconds)})
	}
	if p := r.Plan.Planned; p != nil {
		facts = append(facts, report.Fact{Name: "parameters", Value: fmt.Sprint(p.Parameters)})
	}
	return facts, nil
}

// examples are the explained items with their pictures.
func (r *Run) examples() ([]report.Example, error) {
	if r.segments() {
		return r.maskExamples()
	}
	x, err := r.explained()
	if err != nil || x == nil {
		return nil, err
	}
	var out []report.Example
	for _, e := range x.Examples {
		plain, err := r.picture(e.Plain, "the input as the network sees it", "input")
		if err != nil {
			return nil, err
		}
		title := e.Target
		if e.Class != "" {
			title += ": " + e.Class
		}
		for _, m := range e.Maps {
			overlay, err := r.picture(m.Picture, "the same with "+m.Method+": "+string(m.Verdict.Finding), m.Method)
			if err != nil {
				return nil, err
			}
			out = append(out, report.Example{
				Group: e.Why, Title: title,
				Facts: []report.Fact{{Name: "item", Value: e.Item}, {Name: "truth", Value: trim(e.Truth)}, {Name: "model", Value: trim(e.Score)}},
				Plain: plain, Overlay: overlay, Verdict: m.Verdict.Words, Trusted: m.Verdict.Finding == explain.Supported,
			})
		}
	}
	return out, nil
}

func trim(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
}

// picture reads a file of the explain folder as a data URI.
func (r *Run) picture(name, alt, caption string) (report.Picture, error) {
	data, err := os.ReadFile(filepath.Join(r.Dir.Explain(), name))
	if err != nil {
		return report.Picture{}, err
	}
	return report.Picture{URI: dataURI("image/gif", data), Alt: alt, Caption: caption}, nil
}

func dataURI(mime string, data []byte) string {
	return "data:" + mime + ";base64," + base64.StdEncoding.EncodeToString(data)
}

func (r *Run) writePage(p *report.Page) error {
	return atomicfile.Write(r.Dir.Report(), func(w io.Writer) error { return p.Write(w) })
}

// reportExternal is the page of an evaluation on other data.
func (r *Run) reportExternal(m *Metrics, p *evaluate.Predictions) error {
	page, err := r.page()
	if err != nil {
		return err
	}
	page.Title = r.Plan.Name + " on other data"
	page.Warnings = m.Notes
	tables, err := withDerived(r.Cohort, p)
	if err != nil {
		return err
	}
	page.Variants = []report.Variant{{Name: m.Report.Name, About: "a finished model on data that were not part of its run", HeldOut: true, Report: m.Report, Tables: tables}}
	return r.writePage(page)
}

// reportCatalog reads the study and writes its catalogue, contact sheet, counts and page.
func (r *Run) reportCatalog(ctx context.Context) error {
	cat, entries, err := r.catalogue(ctx)
	if err != nil {
		return err
	}
	cat.Version = version.String()
	if err := writeJSON(r.Dir.Metrics(), cat); err != nil {
		return err
	}
	page, err := r.page()
	if err != nil {
		return err
	}
	page.Flow.Noun = "clips"
	sheet, err := os.ReadFile(r.sheetPath())
	if err == nil {
		page.Sheets = append(page.Sheets, report.Picture{URI: dataURI("image/png", sheet), Alt: fmt.Sprintf("contact sheet of %d clips", len(entries)),
			Caption: "One frame of each clip, a row a view, in the order of the stages."})
	}
	for _, e := range entries[:min(1, len(entries))] {
		data, err := clip.AnimatedGIF(e.clip, clip.PreviewOptions{MaxSide: 320})
		if err != nil {
			return err
		}
		page.Sheets = append(page.Sheets, report.Picture{URI: dataURI("image/gif", data), Alt: "the first clip, moving", Caption: "The first clip, at its own frame rate."})
	}
	var counts bytes.Buffer
	for _, row := range sortedKeys(cat.Cells) {
		for _, col := range sortedKeys(cat.Cells[row]) {
			fmt.Fprintf(&counts, "%s · %s: %d; ", row, col, cat.Cells[row][col])
		}
	}
	page.Timing = []report.Fact{{Name: "clips", Value: fmt.Sprint(cat.Items)}, {Name: "frames", Value: fmt.Sprint(cat.Frames)},
		{Name: "views and stages", Value: strings.TrimSuffix(counts.String(), "; ")}}
	return r.writePage(page)
}
