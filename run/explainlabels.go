package run

import (
	"context"
	"path/filepath"

	"github.com/cineloop/cineloop/learn"
)

// labelControl is the training folder of a network that is the run's own but for its labels, which were shuffled among the training items
// (Adebayo et al., NeurIPS 2018, section 4: data randomisation). It is trained once and kept; it may be stopped and goes on. It learns for
// all epochs, without a validation part to stop at, because learning by heart takes longer than learning.
func (r *Run) labelControl(ctx context.Context) (string, error) {
	dir := filepath.Join(string(r.Dir), "label-control")
	if err := mkdir(dir); err != nil {
		return "", err
	}
	fold := r.Splits[0].Folds[0]
	fold.Val = nil
	cache, err := r.sharedCache()
	if err != nil {
		return "", err
	}
	plan := r.Plan.Member(0)
	_, err = learn.Train(ctx, learn.TrainOptions{Plan: plan, Cohort: r.Cohort.ShuffledTruth(fold.Train, plan.Seed), Fold: fold, Dir: dir,
		Resume: true, Label: "shuffled labels: ", Progress: r.log, Cache: cache, Minutes: r.Plan.Train.MaxMinutes})
	return dir, err
}
