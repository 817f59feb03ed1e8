package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

// Train trains every fold of every split that is not trained yet. It may be stopped at any time and repeated.
func (r *Run) Train(ctx context.Context) error {
	if r.Plan.Kind == kindCatalog {
		return nil
	}
	for i, s := range r.Splits {
		for k := range s.Folds {
			if err := r.trainFold(ctx, i, k); err != nil {
				return fmt.Errorf("training %s: %w", r.label(i, k), err)
			}
		}
	}
	return nil
}

// label names a fit for people: "random clips, fold 2 of 5".
func (r *Run) label(split, fold int) string {
	s := r.Splits[split]
	switch {
	case len(s.Folds) > 1:
		return fmt.Sprintf("%s, fold %d of %d", s.Name, fold+1, len(s.Folds))
	case len(r.Splits) > 1:
		return s.Name
	}
	return r.Plan.Name
}

func (r *Run) trainFold(ctx context.Context, split, k int) error {
	s := r.Splits[split]
	dir := r.Dir.Variant(split, s.Name)
	fold := dir.Fold(k, len(s.Folds))
	if err := mkdir(string(fold)); err != nil {
		return err
	}
	for m := range r.Plan.Uncertainty.Copies() {
		label := r.label(split, k)
		if m > 0 {
			label += fmt.Sprintf(", network %d", m+1)
		}
		at := learn.MemberDir(string(fold), m)
		if err := mkdir(at); err != nil {
			return err
		}
		res, err := learn.Train(ctx, learn.TrainOptions{
			Plan: r.Plan.Member(m), Cohort: r.Cohort, Fold: s.Folds[k], Dir: at,
			Resume: true, Label: label + ": ", Progress: r.log, Cache: r.sharedCache(),
			Minutes: r.Plan.Train.MaxMinutes / float64(r.fits()),
		})
		if err != nil {
			return err
		}
		if err := r.quarantine(res.Quarantine...); err != nil {
			return err
		}
	}
	return publish(dir, fold, k, len(s.Folds))
}

// bestWeights is the file that learn.Train leaves for prediction.
const bestWeights = "best.safetensors"

// publish puts a fold's weights into the checkpoints folder of the run, where people look for them. Links cost no space; where the file
// system has none, a copy is made.
func publish(dir, fold Folder, k, n int) error {
	if n == 1 {
		return nil
	}
	if err := mkdir(dir.Checkpoints()); err != nil {
		return err
	}
	to := filepath.Join(dir.Checkpoints(), fmt.Sprintf("fold-%d.safetensors", k))
	from := filepath.Join(fold.Checkpoints(), bestWeights)
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	return atomicfile.Write(to, func(w io.Writer) error { _, err := io.Copy(w, src); return err })
}

// models are the training folders of a (variant of a) run, one a fold. One that is not trained is an error that says what to do.
func (r *Run) models(split int) ([]string, error) {
	s := r.Splits[split]
	dir := r.Dir.Variant(split, s.Name)
	var out []string
	for k := range s.Folds {
		f := dir.Fold(k, len(s.Folds))
		if !exists(filepath.Join(f.Checkpoints(), bestWeights)) {
			return nil, fault.New(fault.NotFound, "%s has no trained model for %s", r.Dir, r.label(split, k)).WithHint("train it first: cineloop train %s", r.Dir)
		}
		out = append(out, string(f))
	}
	return out, nil
}

// cacheBytes bounds the decoded clips that a run keeps in memory.
const cacheBytes = 2 << 30

// sharedCache is the decoded clips that all stages and folds of this process share.
func (r *Run) sharedCache() *cohort.Cache {
	if r.cache == nil {
		c, err := cohort.NewCache(cohort.CacheConfig{Bytes: cacheBytes})
		if err != nil {
			panic(err) // without a folder there is nothing that can fail
		}
		r.cache = c
	}
	return r.cache
}
