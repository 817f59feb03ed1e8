package learn

import (
	"context"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// probe is what looks at a training before it runs, in an engine and a network of its own: the plan's network at its first values, with
// the plan's weights where it starts from some. No file of the run is read or written.
func probe(ctx context.Context, opts TrainOptions, look func(t *trainer) error) error {
	opts.Parallel, opts.Resume = nil, false
	heads, err := opts.heads()
	if err != nil {
		return err
	}
	if opts.Plan.Train.Autocast == "fp16" {
		return fault.New(fault.Usage, "train.autocast: the scale of float16 losses is found while training").WithHint("look with --set train.autocast=bf16, or none")
	}
	cfg := torch.Config{Device: opts.Plan.Train.Device, Threads: opts.Plan.Train.Threads, Seed: opts.Plan.Seed, Log: opts.Progress}
	return torch.Run(ctx, cfg, func(e *torch.Engine) error {
		t, err := newTrainer(e, opts, heads, nil)
		if err != nil {
			return err
		}
		if opts.Plan.Model.Weights != "" {
			if _, err := t.pretrained(opts.Plan.Model.Weights); err != nil {
				return err
			}
		}
		return look(t)
	})
}

// descend makes an optimiser's step with a learning rate from the gradients that are there, and says how long they were. Gradients that are
// not finite make no step.
func (t *trainer) descend(lr float64) (norm float64) {
	defer t.opt.zeroGrad()
	norm = t.opt.gradNorm(t.plan.Train.ClipNorm)
	if finite(norm) {
		t.opt.step(lr)
	}
	return norm
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
