package run

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/learn"
)

// Metrics is the content of a run's metrics.json: the report of the primary split with what a run adds. See docs/reference/metrics.md.
type Metrics struct {
	*evaluate.Report
	Run        string                      `json:"run"`
	Version    string                      `json:"cineloop"`
	PlanDigest string                      `json:"plan_digest"`
	DataDigest string                      `json:"data_digest"`
	Notes      []string                    `json:"notes,omitempty"`
	Variants   map[string]*evaluate.Report `json:"variants,omitempty"` // the other splits, by name
	Views      *ViewsOf                    `json:"views,omitempty"`    // of the primary split: what each view of the studies says alone
}

// The parts that a row can be in, as predictions.csv says them.
const (
	partTrain = "train"
	partVal   = "val"
	partTest  = "test"
	partFold  = "fold" // held out by its fold, in a cross-validation beside which there are test rows
)

// Evaluate scores the held-out rows of every split, and writes predictions and metrics. What is there already is kept.
func (r *Run) Evaluate(ctx context.Context) (*Metrics, error) {
	if r.Plan.Kind == kindCatalog {
		return nil, nil
	}
	m := &Metrics{Run: r.Plan.Name, Version: version.String(), PlanDigest: r.Plan.Digest(), DataDigest: r.Cohort.Digest}
	for i, s := range r.Splits {
		dir := r.Dir.Variant(i, s.Name)
		if err := mkdir(string(dir)); err != nil {
			return nil, err
		}
		p, err := r.predictions(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("scoring %q: %w", s.Name, err)
		}
		part, note := judgedPart(s)
		table := r.withTraining(p, s)
		protocol := r.protocol(r.Cohort, table, s.Name, part)
		rep, err := evaluate.Evaluate(ctx, table, protocol)
		if err == nil && r.segments() {
			var masks *evaluate.MaskTable
			if masks, err = r.readMaskTable(dir); err == nil {
				err = r.judgeMasks(ctx, rep, masks, protocol)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("evaluating %q: %w", s.Name, err)
		}
		views, err := r.judgeViews(ctx, dir, p, protocol)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			m.Report, m.Views = rep, views
			if note != "" {
				m.Notes = append(m.Notes, note)
			}
			continue
		}
		if m.Variants == nil {
			m.Variants = map[string]*evaluate.Report{}
		}
		m.Variants[s.Name] = rep
		if err := writeJSON(dir.Metrics(), &Metrics{Report: rep, Run: r.Plan.Name, Version: m.Version, PlanDigest: m.PlanDigest,
			DataDigest: m.DataDigest, Notes: nonEmpty(note), Views: views}); err != nil {
			return nil, err
		}
	}
	return m, writeJSON(r.Dir.Metrics(), m)
}

// judgedPart is the part whose metrics are reported: test rows; validation rows where a division has no test rows, and then it is said.
func judgedPart(s *cohort.Split) (part, note string) {
	if len(s.Reserved) > 0 {
		return partTest, fmt.Sprintf("split %q: these metrics are of the %d rows that the table reserves for testing, scored by the %d folds' models together; the folds' own held-out rows are part %q of predictions.csv",
			s.Name, len(s.Reserved), len(s.Folds), partFold)
	}
	for _, f := range s.Folds {
		if len(f.Test) > 0 {
			return partTest, ""
		}
	}
	return partVal, fmt.Sprintf("split %q has no test rows: these metrics are of the validation rows, which also chose the model, and are therefore optimistic", s.Name)
}

// predictions reads or makes predictions.csv of split i: every fold's test rows and, with one fold, its validation rows.
func (r *Run) predictions(ctx context.Context, i int) (*evaluate.Predictions, error) {
	s := r.Splits[i]
	dir := r.Dir.Variant(i, s.Name)
	if exists(dir.Predictions()) {
		return evaluate.ReadFile(dir.Predictions(), r.targets())
	}
	models, err := r.models(i)
	if err != nil {
		return nil, err
	}
	all, views := r.emptyPredictions(), viewScores(r.Cohort)
	var masks []*evaluate.MaskTable
	for k, f := range s.Folds {
		held := partTest
		if len(s.Reserved) > 0 {
			held = partFold
		}
		rows, parts := slices.Clone(f.Test), repeat(held, len(f.Test))
		if len(s.Folds) == 1 {
			rows, parts = append(rows, f.Val...), append(parts, repeat(partVal, len(f.Val))...)
		}
		if len(rows) == 0 {
			continue
		}
		p, m, err := r.predict(ctx, dir, r.Cohort, rows, models[k:k+1], views)
		if err != nil {
			return nil, err
		}
		for j := range p.Item {
			p.Fold[j] = k
		}
		if err := setParts(p, r.Cohort, rows, parts); err != nil {
			return nil, err
		}
		masks = withParts(masks, m, p)
		if all, err = all.Append(p); err != nil {
			return nil, err
		}
	}
	if len(s.Reserved) > 0 {
		p, m, err := r.predict(ctx, dir, r.Cohort, s.Reserved, models, views)
		if err != nil {
			return nil, err
		}
		if err := setParts(p, r.Cohort, s.Reserved, repeat(partTest, len(s.Reserved))); err != nil {
			return nil, err
		}
		masks = withParts(masks, m, p)
		for j := range p.Fold {
			p.Fold[j] = -1
		}
		if all, err = all.Append(p); err != nil {
			return nil, err
		}
	}
	if len(masks) > 0 {
		for _, m := range masks[1:] {
			if err := masks[0].Append(m); err != nil {
				return nil, err
			}
		}
		if err := masks[0].WriteFile(dir.MaskTable()); err != nil {
			return nil, err
		}
	}
	if views != nil {
		if err := viewTable(r.Cohort, all, views).WriteFile(dir.Views()); err != nil {
			return nil, err
		}
	}
	return all, all.WriteFile(dir.Predictions())
}

// setParts writes into p.Split the part of each item.
func setParts(p *evaluate.Predictions, c *cohort.Cohort, rows []int, parts []string) error {
	part := map[string]string{}
	for j, row := range rows {
		part[c.Rows[row].ID] = parts[j]
	}
	for j, item := range p.Item {
		name, ok := part[item]
		if !ok {
			return fault.New(fault.Internal, "a score came back for an item that was not asked for")
		}
		p.Split[j] = name
	}
	return nil
}

// predict scores rows; in runs that label positions, the masks go into dir and the table says how good they are (nil in others).
func (r *Run) predict(ctx context.Context, dir Folder, c *cohort.Cohort, rows []int, models []string, views *learn.ViewScores) (p *evaluate.Predictions, m *evaluate.MaskTable, err error) {
	var bad []cohort.Quarantine
	cache, err := r.sharedCache()
	if err != nil {
		return nil, nil, err
	}
	if r.segments() {
		p, m, err = r.predictMasks(ctx, dir, c, rows, models, &bad)
	} else {
		p, err = predictAs(ctx, learn.PredictOptions{Plan: r.Plan, Cohort: c, Rows: rows, CheckpointDirs: r.networks(models), Progress: r.log,
			Cache: cache, Quarantine: &bad, Views: views})
	}
	if err != nil {
		return nil, nil, err
	}
	if c != r.Cohort {
		c.Quarantine = append(c.Quarantine, bad...)
		return p, m, nil
	}
	return p, m, r.quarantine(bad...)
}

// withTraining adds the training rows' truths, without scores, so that baselines know what the model knew. In cross-validation every
// row is judged once and the baseline learns from the other folds instead, unless rows are reserved for testing.
func (r *Run) withTraining(p *evaluate.Predictions, s *cohort.Split) *evaluate.Predictions {
	train := s.Folds[0].Train
	if len(s.Folds) > 1 {
		if len(s.Reserved) == 0 {
			return p
		}
		train = nil
		for _, f := range s.Folds {
			train = append(train, f.Test...)
		}
	}
	t := r.emptyPredictions()
	for _, row := range train {
		addRow(t, r.Cohort, row, partTrain, nil)
		r.addSizes(t, row)
	}
	both, err := p.Append(t)
	if err != nil {
		panic(err) // same cohort, same targets
	}
	return both
}

// targets are the cohort's targets as evaluation names them.
func (r *Run) targets() []evaluate.Target { return targetsOf(r.Cohort) }

func targetsOf(c *cohort.Cohort) []evaluate.Target {
	var out []evaluate.Target
	for _, t := range c.Spec.Targets {
		if t.Kind == cohort.Mask {
			out = append(out, sizeTargets(t)...)
			continue
		}
		out = append(out, evaluate.Target{Name: t.Name, Kind: evaluate.Kind(t.Kind), Classes: t.Classes, Unit: t.Unit, Cuts: t.Cuts})
	}
	return out
}

func (r *Run) emptyPredictions() *evaluate.Predictions {
	p := &evaluate.Predictions{Targets: r.targets(), Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
	for _, g := range r.Cohort.Groups {
		p.Groups = append(p.Groups, evaluate.Group{Name: g})
	}
	return p
}

// addRow appends a cohort row; scores are NaN unless given by target name.
func addRow(p *evaluate.Predictions, c *cohort.Cohort, row int, part string, scores map[string][]float64) {
	item := c.Rows[row]
	p.Item = append(p.Item, item.ID)
	p.Patient = append(p.Patient, item.Patient)
	p.Split = append(p.Split, part)
	p.Fold = append(p.Fold, -1)
	for g := range p.Groups {
		p.Groups[g].Values = append(p.Groups[g].Values, item.Groups[g])
	}
	for _, t := range p.Targets {
		p.Truth[t.Name] = append(p.Truth[t.Name], item.Truth[t.Name])
		s := scores[t.Name]
		if s == nil {
			s = make([]float64, t.Width())
			for i := range s {
				s[i] = math.NaN()
			}
		}
		p.Score[t.Name] = append(p.Score[t.Name], s)
	}
}

// protocol is the plan's evaluation settings for the rows of a table that come from a cohort.
func (r *Run) protocol(c *cohort.Cohort, p *evaluate.Predictions, name, part string) evaluate.Options {
	e := r.Plan.Evaluate
	return evaluate.Options{Name: name, Split: part, Resamples: e.Bootstrap, Level: e.Level, Specificity: e.Specificity,
		MinGroup: e.MinGroup, Seed: r.Plan.Seed, Derive: derivations(c, p)}
}

// derivations are the cohort's derived quantities, with the phase of each row of p.
func derivations(c *cohort.Cohort, p *evaluate.Predictions) []evaluate.Derivation {
	rowOf := map[string]int{}
	for i := range c.Rows {
		rowOf[c.Rows[i].ID] = i
	}
	var out []evaluate.Derivation
	for _, d := range c.Spec.Derive {
		phase := make([]string, p.Len())
		for j, item := range p.Item {
			if i, ok := rowOf[item]; ok {
				phase[j], _ = c.Value(i, d.Phase)
				phase[j] = strings.ToUpper(phase[j])
			}
		}
		out = append(out, evaluate.Derivation{Name: d.Name, Kind: d.Kind, From: d.From, Unit: d.Unit, Phase: phase})
	}
	return out
}

func repeat(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

func nonEmpty(s ...string) []string {
	return slices.DeleteFunc(s, func(v string) bool { return v == "" })
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.WriteBytes(path, append(data, '\n'))
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fault.New(fault.Input, "%s: %w", path, err).WithHint("remove it and repeat the command")
	}
	return nil
}
