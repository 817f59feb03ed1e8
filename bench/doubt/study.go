package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/report"
	"github.com/cineloop/cineloop/run"
)

// study is what one set of data came to.
type study struct {
	Name    string                                  `json:"name"`
	About   string                                  `json:"about"`
	Scores  []string                                `json:"scores"`
	In      int                                     `json:"n_usual"`
	Lines   []kindLine                              `json:"out_of_distribution"`
	Best    string                                  `json:"best_score"` // highest least AUROC over kinds
	Least   float64                                 `json:"least_auroc_of_best"`
	Refused *float64                                `json:"usual_refused_at_95,omitempty"` // nil without validation clips
	Doubts  json.RawMessage                         `json:"uncertainty"`                   // the run's uncertainty.json
	Divided []division                              `json:"divisions,omitempty"`
	Metrics map[string]map[string][]evaluate.Number `json:"metrics"` // value, low, high
}

// kindLine is how well each score finds one kind.
type kindLine struct {
	Kind  string    `json:"kind"`
	N     int       `json:"n"`
	AUROC []float64 `json:"auroc"` // by score, mean over folds
	FPR95 []float64 `json:"false_alarms_at_95_found"`
	// The rule of a recipe that names no scores: mahalanobis and texture together, ranked among validation clips.
	Rule    float64 `json:"auroc_rule,omitempty"`
	Refused float64 `json:"refused_at_95"` // share stranger than 95 % of validation clips
}

// fill scores what the run learnt from, its held-out clips, and the others.
func (s *study) fill(ctx context.Context, r *run.Run, m *run.Metrics, column string, usual func(string) bool) error {
	b, err := os.ReadFile(r.Dir.Uncertainty())
	if err != nil {
		return err
	}
	s.Doubts = b
	s.Metrics = map[string]map[string][]evaluate.Number{}
	for name, t := range m.Report.Targets {
		s.Metrics[name] = map[string][]evaluate.Number{}
		for _, key := range []string{"accuracy", "auroc", "mae"} {
			if v, ok := t.Metrics[key]; ok && v.Value.Defined() {
				s.Metrics[name][key] = []evaluate.Number{v.Value, v.Low, v.High}
			}
		}
	}
	spec := r.Plan.Data
	spec.Where = nil
	all, err := cohort.Load(ctx, spec)
	if err != nil {
		return err
	}
	kinds := map[string][]int{}
	for i := range all.Rows {
		v, _ := all.Value(i, column)
		if !usual(v) {
			if column != "kind" {
				v = column + " " + v
			}
			kinds[v] = append(kinds[v], i)
		}
	}
	var names []string
	var others []int
	for k, rows := range kinds {
		names = append(names, k)
		others = append(others, rows...)
	}
	slices.Sort(names)
	slices.Sort(others)
	targets := r.Plan.Data.Targets
	first := evaluate.Target{Name: targets[0].Name, Kind: evaluate.Kind(targets[0].Kind), Classes: targets[0].Classes}
	sum := map[string]*kindLine{}
	for _, k := range append(names, "all of these") {
		sum[k] = &kindLine{Kind: k, N: len(kinds[k])}
	}
	sum["all of these"].N = len(others)
	folds := r.Splits[0].Folds
	for k, f := range folds {
		dirs := r.Plan.Uncertainty.Folders(string(r.Dir.Fold(k, len(folds))))
		plain := r.Plan.Clone()
		plain.Uncertainty.DropoutPasses, plain.Uncertainty.Views = 0, 0
		look := func(c *cohort.Cohort, rows []int, p *learn.Plan, dirs []string, labels bool) (uncertainty.Seen, *learn.Sampled, error) {
			out, err := learn.PredictSampled(ctx, learn.PredictOptions{Plan: p, Cohort: c, Rows: rows, CheckpointDirs: dirs, Progress: os.Stderr})
			if err != nil {
				return uncertainty.Seen{}, nil, err
			}
			return run.Look(c, out, first, true, labels), out, nil
		}
		train, _, err := look(r.Cohort, f.Train, plain, dirs[:1], true)
		if err != nil {
			return err
		}
		in, _, err := look(r.Cohort, f.Test, r.Plan, dirs, false)
		if err != nil {
			return err
		}
		out, sampled, err := look(all, others, r.Plan, dirs, false)
		if err != nil {
			return err
		}
		d, err := uncertainty.FitDetectors(train, nil)
		if err != nil {
			return err
		}
		s.Scores = d.Names
		s.In += len(in.Feature)
		scores := func(seen uncertainty.Seen) [][]float64 {
			var all [][]float64
			for i := range seen.Feature {
				all = append(all, d.Scores(seen, i))
			}
			return all
		}
		a, b := scores(in), scores(out)
		var ruleIn, ruleOut []float64
		if len(f.Val) > 0 {
			val, _, err := look(r.Cohort, f.Val, r.Plan, dirs, false)
			if err != nil {
				return err
			}
			ruleIn, ruleOut = ranked(d.Names, scores(val), a), ranked(d.Names, scores(val), b)
			share := shareAbove(ruleIn, 0.95)
			s.Refused = &share
		}
		is := func(kind string, i int) bool {
			return kind == "all of these" || slices.Contains(kinds[kind], sampled.Rows[i])
		}
		for kind, line := range sum {
			if ruleIn != nil {
				var y []float64
				for i, v := range ruleOut {
					if is(kind, i) {
						y = append(y, v)
					}
				}
				line.Rule, line.Refused = uncertainty.Detect(ruleIn, y).AUROC, shareAbove(y, 0.95)
			}
			if line.AUROC == nil {
				line.AUROC, line.FPR95 = make([]float64, len(d.Names)), make([]float64, len(d.Names))
			}
			for n := range d.Names {
				var x, y []float64
				for _, v := range a {
					x = append(x, v[n])
				}
				for i, v := range b {
					if is(kind, i) {
						y = append(y, v[n])
					}
				}
				found := uncertainty.Detect(x, y)
				line.AUROC[n] += found.AUROC / float64(len(folds))
				line.FPR95[n] += found.FPR95 / float64(len(folds))
			}
		}
	}
	for _, k := range append(names, "all of these") {
		s.Lines = append(s.Lines, *sum[k])
	}
	for n, name := range s.Scores {
		least := 1.0
		for _, l := range s.Lines {
			least = min(least, l.AUROC[n])
		}
		if least > s.Least {
			s.Best, s.Least = name, least
		}
	}
	return nil
}

// ranked is how strange items are by mahalanobis and texture together, as shares of validation items.
func ranked(names []string, val, items [][]float64) []float64 {
	pick := func(all [][]float64) [][]float64 {
		var out [][]float64
		for _, v := range all {
			var row []float64
			for k, n := range names {
				if n == "mahalanobis" || n == "texture" {
					row = append(row, v[k])
				}
			}
			out = append(out, row)
		}
		return out
	}
	s := uncertainty.NewStrangest(pick(val))
	var out []float64
	for _, v := range pick(items) {
		share, _ := s.Of(v)
		out = append(out, share)
	}
	return out
}

func shareAbove(x []float64, limit float64) float64 {
	n := 0.0
	for _, v := range x {
		if v > limit {
			n += 1 / float64(len(x))
		}
	}
	return n
}

func (s study) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n", s.Name, s.About)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "AUROC against %d usual clips\tn\t%s\trule\trefused\n", s.In, strings.Join(s.Scores, "\t"))
	for _, l := range s.Lines {
		fmt.Fprintf(t, "%s\t%d", l.Kind, l.N)
		for _, v := range l.AUROC {
			fmt.Fprintf(t, "\t%.3f", v)
		}
		if s.Refused == nil {
			fmt.Fprint(t, "\t\t\n") // no validation clips
		} else {
			fmt.Fprintf(t, "\t%.3f\t%.3f\n", l.Rule, l.Refused)
		}
	}
	t.Flush()
	if s.Refused != nil {
		fmt.Fprintf(w, "usual clips refused at the same limit: %.3f\n", *s.Refused)
	}
	for _, d := range s.Divided {
		d.print(w)
	}
	fmt.Fprintf(w, "best score over all kinds: %s, at least %.3f\n\n", s.Best, s.Least)
}

func writePage(path string, all []study) error {
	page := report.UncertaintyPage{Title: "Doubt on video", About: "Does a network know what it has not seen, and when it is wrong?"}
	for _, s := range all {
		var d run.Doubts
		if err := json.Unmarshal(s.Doubts, &d); err != nil {
			return err
		}
		sec := report.Section{Title: s.Name + ": finding other clips", Text: s.About + ". Mean over folds of the AUROC against the usual held-out clips."}
		t := report.Table{Caption: "AUROC", Head: append([]string{"other clips", "n"}, s.Scores...)}
		for _, l := range s.Lines {
			row := []string{l.Kind, fmt.Sprint(l.N)}
			for _, v := range l.AUROC {
				row = append(row, fmt.Sprintf("%.3f", v))
			}
			t.Rows = append(t.Rows, row)
		}
		sec.Tables = append(sec.Tables, t)
		page.Sections = append(page.Sections, sec)
		for _, d := range s.Divided {
			page.Sections = append(page.Sections, report.Section{Title: s.Name + ": " + d.Target + " by subgroup, over many divisions",
				Text:   fmt.Sprintf("Held-out patients divided %d times at random into a third that teaches thresholds and the rest that is judged. Mean coverage, 90 %% promised; in brackets the share of divisions whose 95 %% interval ends below the promise; mean size of sets or width of intervals.", d.Times),
				Tables: []report.Table{{Caption: "Thresholds", Head: append([]string{"subgroup"}, d.ways()...), Rows: d.rows()}}})
		}
		for name, of := range d.Targets {
			page.Targets = append(page.Targets, report.Uncertain{Name: s.Name + ": " + name, Classes: of.Classes, Numbers: of.Numbers, Times: of.Times,
				Answered: &of.Answered, Wrong: of.Wrong, WrongAll: of.WrongAll})
		}
		page.Notes = append(page.Notes, d.Notes...)
	}
	slices.SortFunc(page.Targets, func(a, b report.Uncertain) int { return strings.Compare(a.Name, b.Name) })
	return atomicfile.Write(path, func(w io.Writer) error { return page.Write(w) })
}
