package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/fairness/linear"
	"github.com/cineloop/cineloop/run"
)

// The single modalities, and what the networks' own ways of joining are beside.
const (
	picture  = "picture alone"
	table    = "table alone"
	mean     = "mean of both alone"
	stacking = "stacking of both alone"
)

// arm is one way to use picture and table.
type arm struct {
	Name string
	Kind string // of model.fusion; empty: the picture alone
	Drop bool   // trained with values, tables and pictures left out
}

var kinds = []string{"early", "film", "concat", "gated", "tensor", "attention", "autoencoder", "late"}

// arms are the networks that are trained: without and, where drop says so, with parts left out in training.
func arms(drop bool) []arm {
	out := []arm{{picture, "", false}, {table, "table", false}}
	for _, k := range kinds {
		out = append(out, arm{k, k, false})
	}
	if !drop {
		return out
	}
	out = append(out, arm{table + ", parts dropped", "table", true})
	for _, k := range kinds {
		out = append(out, arm{k + ", parts dropped", k, true})
	}
	return out
}

// canDoWithoutPicture says whether a kind has a code for a picture that is not there.
func canDoWithoutPicture(kind string) bool { return kind != "" && kind != "early" && kind != "film" }

// fusion is the recipe's words for an arm.
func (a arm) fusion() string {
	if a.Kind == "" {
		return ""
	}
	drop := ""
	if a.Drop {
		drop = ", column_drop: 0.15"
		if a.Kind != "table" {
			drop += ", table_drop: 0.15"
			if canDoWithoutPicture(a.Kind) {
				drop += ", image_drop: 0.15"
			}
		}
	}
	return fmt.Sprintf(", fusion: {kind: %s%s}", a.Kind, drop)
}

// condition is what of a judged row is there.
type condition struct {
	Name      string
	table     string // in the folder, with some cells emptied; empty: as it is
	noTable   bool
	noPicture bool
}

// study is one set of data, and what came of it.
type study struct {
	Name   string   `json:"name"`
	About  string   `json:"about"`
	Target string   `json:"target"`
	Notes  []string `json:"notes"`
	N      int      `json:"rows"`
	People int      `json:"patients"`
	Events int      `json:"with_the_outcome"`
	CPU    float64  `json:"cpu_seconds"` // of this command; what was kept from an earlier one is not in it
	Rows   []row    `json:"rows_of_the_table"`

	dir        string
	recipe     func(a arm, seed int) string
	prepare    func(ctx context.Context) error
	conditions []condition
	drop       bool
	truth      map[string]map[string]float64 // oracle's name to item to score; nil: the truth is not known
	subset     func(c *cohort.Cohort, row int) bool
	subsetName string
}

// scored is what one trained arm says, kept in scores.json of its folder.
type scored struct {
	Patient map[string]string             `json:"patient"`
	Truth   map[string]float64            `json:"truth"`
	Part    map[string]string             `json:"part"` // val or test
	Fold    map[string]int                `json:"fold"`
	Subset  map[string]bool               `json:"subset,omitempty"`
	Score   map[string]map[string]float64 `json:"score"` // condition to item
}

func (s *study) run(ctx context.Context, o options) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	found := map[string][]*scored{}
	var names []string
	for _, a := range arms(s.drop) {
		names = append(names, a.Name)
		seeds := o.seeds
		if a.Drop {
			seeds = o.dropSeeds
		}
		for seed := range seeds {
			x, err := s.one(ctx, a, seed+1)
			if err != nil {
				return fmt.Errorf("%s, seed %d: %w", a.Name, seed+1, err)
			}
			found[a.Name] = append(found[a.Name], x)
		}
	}
	for seed := range o.seeds {
		m, st, err := s.late(ctx, found[picture][seed], found[table][seed])
		if err != nil {
			return err
		}
		found[mean], found[stacking] = append(found[mean], m), append(found[stacking], st)
	}
	names = append(names[:2:2], append([]string{mean, stacking}, names[2:]...)...)
	return s.judge(ctx, o, names, found)
}

// one trains and scores an arm with a seed, or reads what is there.
func (s *study) one(ctx context.Context, a arm, seed int) (*scored, error) {
	dir := filepath.Join(s.dir, "runs", strings.NewReplacer(" ", "-", ",", "").Replace(a.Name)+fmt.Sprintf("-%d", seed))
	kept := filepath.Join(dir, "scores.json")
	x := &scored{}
	if b, err := os.ReadFile(kept); err == nil {
		return x, json.Unmarshal(b, x)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	recipe := dir + ".yaml"
	if err := atomicfile.WriteBytes(recipe, []byte(s.recipe(a, seed))); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "%s: %s, seed %d\n", s.Name, a.Name, seed)
	r, err := run.Prepare(ctx, run.Options{Recipe: recipe, Out: dir})
	if err != nil {
		return nil, err
	}
	if err := r.Train(ctx); err != nil {
		return nil, err
	}
	*x = scored{Patient: map[string]string{}, Truth: map[string]float64{}, Part: map[string]string{}, Fold: map[string]int{}, Subset: map[string]bool{}, Score: map[string]map[string]float64{}}
	for _, c := range s.conditions {
		if c.noPicture && a.Kind != "table" && !(a.Drop && canDoWithoutPicture(a.Kind)) {
			continue // it cannot
		}
		if err := s.score(ctx, r, a, c, x); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	b, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	return x, atomicfile.WriteBytes(kept, b)
}

// score lets every fold's network answer about its held-out rows under one condition.
func (s *study) score(ctx context.Context, r *run.Run, a arm, c condition, x *scored) error {
	data := r.Cohort
	if c.table != "" && a.Kind != "" {
		spec := r.Plan.Data
		spec.Table = c.table
		var err error
		if data, err = cohort.Load(ctx, spec); err != nil {
			return err
		}
	}
	if c.noTable && a.Kind != "" { // the columns are not there
		bare := *data
		bare.Columns = nil
		bare.Rows = append([]cohort.Row{}, data.Rows...)
		data = &bare
	}
	x.Score[c.Name] = map[string]float64{}
	folds := r.Splits[0].Folds
	for k, f := range folds {
		rows, part := f.Test, map[int]string{}
		if len(folds) == 1 {
			rows = append(append([]int{}, f.Test...), f.Val...)
			for _, i := range f.Val {
				part[i] = "val"
			}
		}
		p, err := learn.Predict(ctx, learn.PredictOptions{Plan: r.Plan, Cohort: data, Rows: rows, CheckpointDirs: []string{string(r.Dir.Fold(k, len(folds)))},
			NoPicture: c.noPicture && a.Kind != "table"})
		if err != nil {
			return err
		}
		if p.Len() != len(rows) {
			return fmt.Errorf("%d of %d rows are scored", p.Len(), len(rows))
		}
		for j, i := range rows {
			id := p.Item[j]
			x.Score[c.Name][id] = math.Round(p.Score[s.Target][j][0]*1e6) / 1e6 // rows that look the same tie, whatever batch they were in
			x.Patient[id], x.Truth[id], x.Fold[id], x.Part[id] = p.Patient[j], p.Truth[s.Target][j][0], k, "test"
			if part[i] != "" {
				x.Part[id] = part[i]
			}
			if s.subset != nil && s.subset(r.Cohort, i) {
				x.Subset[id] = true
			}
		}
	}
	return nil
}

// late joins the two single networks' answers after the fact: their mean, and a logistic regression on both, fitted to validation rows or,
// with folds, to the other folds' held-out rows. Where one of the two is missing, the other answers.
func (s *study) late(ctx context.Context, pic, tab *scored) (average, stacked *scored, err error) {
	like := func() *scored { c := *tab; c.Score = map[string]map[string]float64{}; return &c }
	average, stacked = like(), like()
	whole := s.conditions[0].Name
	folds := 1
	for _, k := range tab.Fold {
		folds = max(folds, k+1)
	}
	models := make([]*linear.Model, folds)
	for k := range folds {
		d, y := &linear.Design{Width: 2}, []int(nil)
		for _, id := range sortedKeys(tab.Truth) {
			if folds == 1 && tab.Part[id] != "val" || folds > 1 && tab.Fold[id] == k {
				continue
			}
			d.Rows = append(d.Rows, features(pic.Score[whole][id], tab.Score[whole][id]))
			y = append(y, int(tab.Truth[id]))
		}
		if models[k], err = linear.Fit(ctx, d, y, nil, linear.Options{}); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range s.conditions {
		m, st := map[string]float64{}, map[string]float64{}
		for id := range tab.Truth {
			p, t := pic.Score[whole][id], tab.Score[c.Name][id]
			switch {
			case c.noPicture:
				m[id], st[id] = t, t
			case c.noTable:
				m[id], st[id] = p, p
			default:
				m[id] = (p + t) / 2
				st[id] = models[tab.Fold[id]].Probability([][]linear.Feature{features(p, t)})[0]
			}
		}
		average.Score[c.Name], stacked.Score[c.Name] = m, st
	}
	return average, stacked, nil
}

func features(picture, table float64) []linear.Feature {
	logit := func(p float64) float64 { return math.Log(math.Max(p, 1e-6) / math.Max(1-p, 1e-6)) }
	return []linear.Feature{{Column: 0, Value: logit(picture)}, {Column: 1, Value: logit(table)}}
}
