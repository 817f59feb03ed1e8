package run

import (
	"context"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

// Labelled is a picture whose positions a network has labelled: [D, H, W] of the file, 0 background, k class k.
type Labelled struct {
	File    string
	Size    [3]int
	Label   []uint8
	Target  string
	Classes []string
}

// Answers is what networks say of pictures of which nobody knows the truth.
type Answers struct {
	Members []*evaluate.Predictions // of the others: one a network (folds, ensembles), items being file names
	Left    []cohort.Quarantine     // pictures that could not be read
	Learnt  []string                // pictures that the networks were trained on, or chosen by
	Untold  bool                    // nobody can tell which those are
}

// PredictFiles lets the networks of a finished run, or of a bundle, answer for pictures that have no table and no truth. Each network of an
// ensemble or a cross-validation answers for itself. Networks that label positions hand each picture to each, which may be nil where there are none.
//
// Errors: code usage for runs that judge several clips together, or whose networks need columns of a table; notfound where there is no run, or it
// is not trained; missing without libtorch.
func PredictFiles(ctx context.Context, dir string, files []string, log io.Writer, each func(Labelled) error) (*Answers, error) {
	h := hasher{}
	r, models, known, done, err := openModels(ctx, dir, log, h)
	if err != nil {
		return nil, err
	}
	defer done()
	if r.Plan.Kind == kindCatalog || r.Cohort.Spec.Views != nil {
		return nil, fault.New(fault.Usage, "%s does not judge single pictures", dir)
	}
	c, remove, err := r.untold(ctx, files)
	if err != nil {
		return nil, err
	}
	defer remove()
	out := &Answers{Left: slices.Clone(c.Quarantine), Untold: known == nil}
	for _, row := range c.Rows {
		d, err := h.digest(row.Path)
		if err != nil {
			return nil, err
		}
		if known != nil && known(d) != "" {
			out.Learnt = append(out.Learnt, row.ID)
		}
	}
	opts := learn.PredictOptions{Plan: r.Plan, Cohort: c, Rows: c.All(), Progress: r.log, Quarantine: &out.Left}
	if r.segments() {
		t, err := maskTarget(r.Plan, c)
		if err != nil {
			return nil, err
		}
		opts.CheckpointDirs = models
		return out, learn.PredictMasks(ctx, opts, func(row int, mc *cohort.MaskCase, label []uint8) error {
			return each(Labelled{c.Rows[row].ID, mc.Stored, slices.Clone(label), t.Name, t.Classes})
		})
	}
	if len(r.Cohort.Spec.Tabular) > 0 {
		return nil, fault.New(fault.Usage, "the networks of %s read columns of a table beside the picture, which these pictures do not have", dir)
	}
	for _, network := range r.networks(models) {
		opts.CheckpointDirs = []string{network}
		var bad []cohort.Quarantine
		opts.Quarantine = &bad
		p, err := predictAs(ctx, opts)
		if err != nil {
			return nil, err
		}
		if len(out.Members) == 0 {
			out.Left = append(out.Left, bad...)
		}
		out.Members = append(out.Members, p)
	}
	return out, nil
}

// Asked is what a run's or a bundle's networks answer.
type Asked struct {
	Targets []evaluate.Target
	Target  string   // of networks that label positions; then Classes are its
	Classes []string // and Targets none
}

// ModelTargets says what the networks of a run or a bundle answer, without running them.
func ModelTargets(ctx context.Context, dir string, log io.Writer) (*Asked, error) {
	r, _, _, done, err := openModels(ctx, dir, log, hasher{})
	if err != nil {
		return nil, err
	}
	defer done()
	if r.segments() {
		t, err := maskTarget(r.Plan, r.Cohort)
		if err != nil {
			return nil, err
		}
		return &Asked{Target: t.Name, Classes: t.Classes}, nil
	}
	return &Asked{Targets: r.targets()}, nil
}

// openModels opens a run or a bundle and names its networks' folders. known says which part an item of a digest was in; nil where nobody can tell.
func openModels(ctx context.Context, dir string, log io.Writer, h hasher) (r *Run, models []string, known func(string) string, done func(), err error) {
	if bundle.Is(dir) {
		return openBundle(dir, log)
	}
	done = func() {}
	if r, err = Open(ctx, dir, log, ""); err != nil || r.Plan.Kind == kindCatalog {
		return r, nil, nil, done, err
	}
	if models, err = r.models(0); err != nil {
		return nil, nil, nil, done, err
	}
	parts, err := r.learntFrom(h)
	return r, models, func(d string) string { return parts[d] }, done, err
}

// untold is a cohort of pictures of which the table says nothing: every target's column is there and empty.
func (r *Run) untold(ctx context.Context, files []string) (*cohort.Cohort, func(), error) {
	dir, err := os.MkdirTemp("", "cineloop-pictures-*")
	if err != nil {
		return nil, nil, fault.New(fault.Resource, "writing a table of pictures: %w", err)
	}
	remove := func() { os.RemoveAll(dir) }
	const nothing = "nothing"
	spec := asTable(r.Cohort.Spec)
	head := []string{"file", nothing}
	spec.Targets = slices.Clone(spec.Targets)
	for i := range spec.Targets {
		t := &spec.Targets[i]
		if t.Kind == cohort.Mask {
			t.File = "{" + nothing + "}"
			continue
		}
		t.Column, t.Columns, t.Event = nothing, sameLength(nothing, t.Columns), only(nothing, t.Event)
	}
	spec.Base, spec.Root, spec.Table, spec.File, spec.ID = "", dir, filepath.Join(dir, "pictures.csv"), "{file}", "file"
	spec.Patient, spec.Site, spec.Subgroups, spec.Where, spec.Derive, spec.Tabular, spec.Expect = "", "", nil, nil, nil, nil, nil
	f, err := os.Create(spec.Table)
	if err == nil {
		w := csv.NewWriter(f)
		_ = w.Write(head) // Flush reports
		for _, name := range files {
			_ = w.Write([]string{name, ""})
		}
		w.Flush()
		err = w.Error()
		if e := f.Close(); err == nil {
			err = e
		}
	}
	var c *cohort.Cohort
	if err == nil {
		c, err = cohort.Load(ctx, spec)
	}
	if err != nil {
		remove()
		return nil, nil, err
	}
	return c, remove, nil
}

// sameLength names one column as often as there were.
func sameLength(name string, columns []string) (out []string) {
	for range columns {
		out = append(out, name)
	}
	return out
}

// only is name where there was something.
func only(name, was string) string {
	if was == "" {
		return ""
	}
	return name
}
