package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/learn"
)

// clipsTrained is how many clips the epochs have: enough steps for a share, few enough for a bench.
const clipsTrained = 12

// waiting prints the share of training time that r3d_18 at its published input (3×16×112×112) lost to loading: a first epoch, in which
// every clip is decoded, and a second one from the cache, together.
func waiting(ctx context.Context, root string) error {
	c, err := cohort.Load(ctx, cohort.Spec{Root: filepath.Join(root, "lus"), Table: "index.csv", File: "clips/{clip}", Patient: "group",
		Targets: []cohort.TargetSpec{{Name: "label", Kind: cohort.Class}}})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cineloop-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plan := &learn.Plan{Name: "bench", Kind: "train", Seed: 1, Data: c.Spec,
		Input:   clip.InputSpec{Frames: 16, Height: size, Width: size, Channels: 3, Normalise: "kinetics"},
		Augment: clip.AugmentSpec{FlipLR: true, RotateDeg: 10, Scale: []float64{0.9, 1.1}},
		Model:   learn.ModelSpec{Name: "r3d_18", Width: 64},
		Train:   learn.TrainSpec{Epochs: 2, BatchSize: 2, Optimizer: "sgd", LR: 0.001, Schedule: "constant", Device: "cpu"}}
	r, err := learn.Train(ctx, learn.TrainOptions{Plan: plan, Cohort: c, Fold: cohort.Fold{Train: c.All()[:clipsTrained]}, Dir: dir})
	if err != nil {
		return err
	}
	fmt.Printf("loader: waiting in r3d_18 epochs on CPU, %% | %.2f | | | <= 2\n", r.LoadingPercent)
	return nil
}
