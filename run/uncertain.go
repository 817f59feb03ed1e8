package run

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/uncertainty"
)

// The uncertainty stage's files in a run's folder, or a variant's.
func (f Folder) Uncertainty() string     { return filepath.Join(string(f), "uncertainty.json") }
func (f Folder) Readings() string        { return filepath.Join(string(f), "uncertainty.csv") }
func (f Folder) UncertaintyPage() string { return filepath.Join(string(f), "uncertainty.html") }

// Doubts is the content of uncertainty.json: what was learnt from rows that are not judged, and how it fares on those that are.
type Doubts struct {
	Split     string               `json:"split"`
	Learnt    string               `json:"learnt_from"` // in words
	Networks  int                  `json:"networks"`
	Samples   int                  `json:"samples_a_row"`
	OODScores []string             `json:"ood_scores"`
	OODRule   string               `json:"ood_rule,omitempty"` // the scores that the rule looks at
	Targets   map[string]*DoubtsOf `json:"targets"`
	Notes     []string             `json:"notes,omitempty"`
	readings  []uncertainty.Reading
}

// DoubtsOf is a target's.
type DoubtsOf struct {
	Kind        string                       `json:"kind"`
	Calibrated  string                       `json:"calibrated,omitempty"`
	Temperature float64                      `json:"temperature,omitempty"`
	Answered    float64                      `json:"answered"` // share of judged rows
	Wrong       *float64                     `json:"error_rate_answered,omitempty"`
	WrongAll    *float64                     `json:"error_rate_all,omitempty"`
	Set         *uncertainty.Covered         `json:"conformal,omitempty"` // of the plan's score, all judged rows
	Classes     *uncertainty.Judgement       `json:"classes,omitempty"`
	Numbers     *uncertainty.NumberJudgement `json:"numbers,omitempty"`
	Times       *uncertainty.TimeJudgement   `json:"times,omitempty"`
}

// networks are the folders of all networks that stand for the given trainings.
func (r *Run) networks(models []string) []string {
	if r.bundled {
		return models
	}
	var out []string
	for _, m := range models {
		out = append(out, r.Plan.Uncertainty.Folders(m)...)
	}
	return out
}

// predictAs scores once, or as often as the plan's uncertainty says.
func predictAs(ctx context.Context, opts learn.PredictOptions) (*evaluate.Predictions, error) {
	if !opts.Plan.Uncertainty.Repeats() {
		return learn.Predict(ctx, opts)
	}
	s, err := learn.PredictSampled(ctx, opts)
	if err != nil {
		return nil, err
	}
	if opts.Views != nil { // what clips say alone is asked once
		if _, err := learn.Predict(ctx, opts); err != nil {
			return nil, err
		}
	}
	return s.Predictions(opts), nil
}

// Uncertain learns when not to answer, and says for every held-out row what a reader would see. It does nothing without the plan's
// section uncertainty. What is there already is kept.
func (r *Run) Uncertain(ctx context.Context) error {
	if r.Plan.Kind == kindCatalog || r.Plan.Uncertainty == nil {
		return nil
	}
	for i, s := range r.Splits {
		dir := r.Dir.Variant(i, s.Name)
		if exists(dir.UncertaintyPage()) {
			continue
		}
		d, err := r.doubts(ctx, i)
		if err != nil {
			return fmt.Errorf("uncertainty of %q: %w", s.Name, err)
		}
		if err := writeReadings(dir.Readings(), d); err != nil {
			return err
		}
		if err := writeJSON(dir.Uncertainty(), d); err != nil {
			return err
		}
		if err := r.writeDoubtPage(dir.UncertaintyPage(), d); err != nil {
			return err
		}
	}
	return nil
}

// doubter is the stage at work on one split.
type doubter struct {
	r     *Run
	u     *learn.UncertaintySpec
	split *cohort.Split
	items []doubted
	out   *Doubts
}

// doubted is a held-out row with what its fold's networks make of it.
type doubted struct {
	row, fold int
	part      string
	at        int // in from
	from      *learn.Sampled
	seen      uncertainty.Seen
	scores    []float64
	like      int
	strange   float64
	by        string // the score that says so
}

func (r *Run) doubts(ctx context.Context, i int) (*Doubts, error) {
	s := r.Splits[i]
	models, err := r.models(i)
	if err != nil {
		return nil, err
	}
	d := &doubter{r: r, u: r.Plan.Uncertainty, split: s, out: &Doubts{Split: s.Name, Targets: map[string]*DoubtsOf{}}}
	for k := range s.Folds {
		if err := d.fold(ctx, k, models[k]); err != nil {
			return nil, err
		}
	}
	if len(d.items) == 0 {
		return nil, fault.New(fault.Input, "no held-out row: nothing can be learnt about uncertainty")
	}
	single := len(s.Folds) == 1
	d.out.Learnt = "the validation rows"
	if !single {
		d.out.Learnt = "held-out rows of the other folds"
		d.out.Notes = append(d.out.Notes, "Thresholds of a fold are learnt from held-out rows of the other folds, each scored by a network that did not see it: close to the promise of split conformal prediction, not exactly it.")
	}
	d.strangeness()
	for _, t := range r.targets() {
		of := &DoubtsOf{Kind: string(t.Kind)}
		switch t.Kind {
		case evaluate.Binary, evaluate.Class:
			err = d.classes(t, of)
		case evaluate.Regression:
			err = d.numbers(t, of)
		case evaluate.TimeToEvent:
			err = d.times(t, of)
		default:
			d.out.Notes = append(d.out.Notes, fmt.Sprintf("target %s: labels that may stand together have no sets or rules here", t.Name))
			continue
		}
		if err != nil {
			return nil, fault.New(fault.CodeOf(err), "target %s: %w", t.Name, err)
		}
		d.out.Targets[t.Name] = of
	}
	return d.out, nil
}

// fold scores a fold's held-out rows and learns from its training rows what is usual.
func (d *doubter) fold(ctx context.Context, k int, model string) error {
	r, f := d.r, d.split.Folds[k]
	rows, parts := slices.Clone(f.Test), repeat(partTest, len(f.Test))
	if len(d.split.Folds) == 1 {
		rows, parts = append(rows, f.Val...), append(parts, repeat(partVal, len(f.Val))...)
	}
	if len(rows) == 0 {
		return nil
	}
	cache, err := r.sharedCache()
	if err != nil {
		return err
	}
	dirs := r.networks([]string{model})
	held, err := learn.PredictSampled(ctx, learn.PredictOptions{Plan: r.Plan, Cohort: r.Cohort, Rows: rows, CheckpointDirs: dirs,
		Progress: r.log, Cache: cache})
	if err != nil {
		return err
	}
	plain := r.Plan.Clone()
	plain.Uncertainty.Views, plain.Uncertainty.DropoutPasses = 0, 0
	train, err := learn.PredictSampled(ctx, learn.PredictOptions{Plan: plain, Cohort: r.Cohort, Rows: f.Train, CheckpointDirs: dirs[:1],
		Progress: r.log, Cache: cache})
	if err != nil {
		return err
	}
	target, ok := d.classTarget()
	usual, seen := Look(r.Cohort, train, target, ok, true), Look(r.Cohort, held, target, ok, false)
	if !d.u.Repeats() {
		usual.Members, seen.Members = nil, nil
	}
	detectors, err := uncertainty.FitDetectors(usual, d.u.OOD)
	if err != nil {
		return err
	}
	d.out.OODScores, d.out.Networks = detectors.Names, len(dirs)
	if len(held.Rows) > 0 {
		d.out.Samples = len(held.Of[held.Targets[0].Name].Score[0])
	}
	if err := d.laplace(train, held); err != nil {
		return err
	}
	partOf := map[int]string{}
	for i, row := range rows {
		partOf[row] = parts[i]
	}
	for at, row := range held.Rows {
		d.items = append(d.items, doubted{row: row, fold: k, part: partOf[row], at: at, from: held, seen: seen,
			scores: detectors.Scores(seen, at), like: detectors.Like(held.Feature[at])})
	}
	return nil
}

// classTarget is the first target with classes: its logits and labels are what scores are learnt from.
func (d *doubter) classTarget() (evaluate.Target, bool) {
	for _, t := range d.r.targets() {
		if t.Kind == evaluate.Binary || t.Kind == evaluate.Class {
			return t, true
		}
	}
	return evaluate.Target{}, false
}

// Look turns repeated scores into what out-of-distribution scores see. Rows whose class is unknown are left out where labels are wanted.
func Look(c *cohort.Cohort, s *learn.Sampled, t evaluate.Target, classes, labels bool) uncertainty.Seen {
	if !classes {
		return uncertainty.Seen{Feature: s.Feature, Layers: s.Layers, Texture: s.Texture}
	}
	var out uncertainty.Seen
	of := s.Of[t.Name]
	for at, row := range s.Rows {
		truth := c.Rows[row].Truth[t.Name]
		if labels {
			if len(truth) == 0 || math.IsNaN(truth[0]) {
				continue
			}
			out.Label = append(out.Label, int(truth[0]))
		}
		out.Feature = append(out.Feature, s.Feature[at])
		if s.Layers != nil {
			out.Layers = append(out.Layers, s.Layers[at])
		}
		if s.Texture != nil {
			out.Texture = append(out.Texture, s.Texture[at])
		}
		logits := of.Raw[at]
		if t.Kind == evaluate.Binary && len(logits) == 1 {
			logits = []float64{0, logits[0]}
		}
		out.Logits = append(out.Logits, logits)
		var members [][]float64
		for _, p := range of.Score[at] {
			members = append(members, classProbs(t, p))
		}
		out.Members = append(out.Members, members)
		if of.Evidence != nil {
			out.Vacuity = append(out.Vacuity, uncertainty.Vacuity(of.Evidence[at]))
		}
	}
	return out
}

// classProbs are probabilities of all classes; a binary target has two.
func classProbs(t evaluate.Target, score []float64) []float64 {
	if t.Kind == evaluate.Binary {
		return []float64{1 - score[0], score[0]}
	}
	return score
}

func classNames(t evaluate.Target) []string {
	if t.Kind == evaluate.Binary {
		return []string{"no", "yes"}
	}
	return t.Classes
}

// laplace replaces the probabilities of class targets by those of the last layer's Laplace approximation.
func (d *doubter) laplace(train, held *learn.Sampled) error {
	if d.u.Laplace == 0 {
		return nil
	}
	withOne := func(f []float64) []float64 { return append(slices.Clone(f), 1) }
	for _, t := range d.r.targets() {
		tr, he := train.Of[t.Name], held.Of[t.Name]
		if t.Kind != evaluate.Class || tr.Evidence != nil {
			continue
		}
		var features, probs [][]float64
		for at := range train.Rows {
			features, probs = append(features, withOne(train.Feature[at])), append(probs, tr.Score[at][0])
		}
		l, err := uncertainty.FitLaplace(features, probs, d.u.Laplace)
		if err != nil {
			return err
		}
		for at := range held.Rows {
			he.Score[at] = [][]float64{l.Probs(he.Raw[at], withOne(held.Feature[at]))}
		}
	}
	return nil
}

// learners are the items that an item's thresholds are learnt from: validation rows, or the other folds' held-out rows.
func (d *doubter) learners(fold int) []int {
	var out []int
	for i, it := range d.items {
		if len(d.split.Folds) == 1 && it.part == partVal || len(d.split.Folds) > 1 && it.fold != fold {
			out = append(out, i)
		}
	}
	return out
}

// judged says whether an item's row is one that results are reported of.
func (d *doubter) judged(it doubted) bool { return it.part == partTest }

// strangeness places each item's score among those of the items that are learnt from.
func (d *doubter) strangeness() {
	names := d.out.OODScores
	rule := []int{0}
	if len(d.u.OOD) == 0 {
		rule = nil
		for k, n := range names {
			if n == "mahalanobis" || n == "texture" {
				rule = append(rule, k)
			}
		}
	}
	var said []string
	for _, k := range rule {
		said = append(said, names[k])
	}
	d.out.OODRule = strings.Join(said, " or ")
	looked := func(it doubted) []float64 {
		var out []float64
		for _, k := range rule {
			out = append(out, it.scores[k])
		}
		return out
	}
	for fold := range d.split.Folds {
		var usual [][]float64
		for _, i := range d.learners(fold) {
			usual = append(usual, looked(d.items[i]))
		}
		s := uncertainty.NewStrangest(usual)
		for i := range d.items {
			if it := &d.items[i]; it.fold == fold {
				it.strange = math.NaN()
				if len(usual) > 0 {
					var by int
					it.strange, by = s.Of(looked(*it))
					it.by = said[by]
				}
			}
		}
	}
}
