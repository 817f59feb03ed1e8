package run

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/torch"
)

// Tests is the content of explain/tests.json: what the judged rows of the primary split say of what the network goes by.
type Tests struct {
	Key    string     `json:"key"` // of what it was made from
	Target string     `json:"target"`
	Items  int        `json:"items"`
	Motion MotionTest `json:"motion"`
	Hunt   *Hunt      `json:"shortcuts"`
}

func (f Folder) tests() string { return filepath.Join(f.Explain(), "tests.json") }

// testedItems bounds how many judged rows are tested.
const testedItems = 100

// testCohort asks of the judged rows, each with the network that did not see it, whether the network uses motion and whether something else
// than the tissue tells the target. What is there of this plan is kept.
func (r *Run) testCohort(ctx context.Context) error {
	if !r.looks() || r.Cohort.Several() {
		return nil
	}
	p, err := r.predictions(ctx, 0)
	if err != nil {
		return err
	}
	part, _ := judgedPart(r.Splits[0])
	all, target, err := r.candidates(p, part)
	if err != nil || len(all) == 0 {
		return err
	}
	slices.SortStableFunc(all, func(a, b example) int { return cmp.Compare(a.fold, b.fold) })
	if n := len(all); n > testedItems {
		for i := range testedItems {
			all[i] = all[i*n/testedItems]
		}
		all = all[:testedItems]
	}
	h := sha256.New()
	fmt.Fprintf(h, "tests 1\n%s\n%s\n", r.Plan.Digest(), r.Cohort.Digest)
	for _, ex := range all {
		fmt.Fprintf(h, "%s %v\n", ex.Item, ex.Score)
	}
	out := Tests{Key: hex.EncodeToString(h.Sum(nil)[:12]), Target: target.Name, Items: len(all)}
	var old Tests
	if exists(r.Dir.tests()) && readJSON(r.Dir.tests(), &old) == nil && old.Key == out.Key {
		return nil
	}
	models, err := r.models(0)
	if err != nil {
		return err
	}
	if err := mkdir(r.Dir.Explain()); err != nil {
		return err
	}
	bar := progress.New(r.log, "testing", int64(len(all)))
	defer bar.Close()
	job := &explainJob{r: r, fill: explain.FillMean, bar: bar, models: models, at: -1}
	err = torch.Run(ctx, r.engine(r.log), func(e *torch.Engine) error {
		job.e = e
		defer job.put()
		x := &Tested{}
		if err := job.cohort(ctx, all, x); err != nil {
			return err
		}
		out.Motion, out.Hunt = x.Motion, x.Hunt
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(r.Dir.tests(), out)
}

// use makes the network of a fold the one that is asked, where the job has one a fold.
func (j *explainJob) use(fold int) error {
	fold = max(0, fold)
	if j.models == nil || fold == j.at {
		return nil
	}
	j.put()
	m, err := learn.LoadModel(j.e, j.models[fold])
	if err != nil {
		return err
	}
	j.trained, j.at = m, fold
	return nil
}

// put closes the network of a fold.
func (j *explainJob) put() {
	if j.models != nil && j.trained != nil {
		j.trained.Close()
		j.trained = nil
	}
}
