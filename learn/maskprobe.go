package learn

import (
	"context"

	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/torch"
)

// probeMasks is [probe] for a plan of kind segment.
func probeMasks(ctx context.Context, opts TrainOptions, look func(t *maskTrainer) error) error {
	if err := checkMaskPlan(opts.Plan); err != nil {
		return err
	}
	cfg := torch.Config{Device: opts.Plan.Train.Device, Threads: opts.Plan.Train.Threads, Seed: opts.Plan.Seed, Log: opts.Progress}
	return torch.Run(ctx, cfg, func(e *torch.Engine) error {
		t, err := newMaskTrainer(e, opts)
		if err != nil {
			return err
		}
		return look(t)
	})
}

// rangeTest makes the search's steps.
func (t *maskTrainer) rangeTest(ctx context.Context, s LRSearch, c *LRCurve) error {
	for i := 0; ; i++ {
		t.state.Epoch = i / t.batches
		b, err := t.patches.Batch(ctx, t.state.Epoch, i%t.batches, t.batches)
		if err != nil {
			return err
		}
		scope := t.e.Scope()
		loss := t.gradients(b, i%t.batches)
		scope.Close()
		if t.searched(s, c, loss) {
			return nil
		}
	}
}

// restart gives the network the values that it began with, and forgets what the optimiser knows.
func (t *maskTrainer) restart() error {
	fresh, err := segment.New(t.unet.Spec)
	if err != nil {
		return err
	}
	return t.renew(t.unet, fresh)
}
