package learn

import (
	"context"
	"fmt"
	"slices"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/torch"
)

// PredictMasks labels every position of rows and hands each row's labels [D, H, W] on the stored grid to each, in the order of opts.Rows. Several
// checkpoints' probabilities are averaged. Rows that cannot be read are left out and put into opts.Quarantine.
//
// Errors: as [Predict]'s, and what each returns.
func PredictMasks(ctx context.Context, opts PredictOptions, each func(row int, c *cohort.MaskCase, label []uint8) error) error {
	if len(opts.CheckpointDirs) == 0 {
		return fault.New(fault.Usage, "predicting needs a checkpoint")
	}
	cfg := torch.Config{Device: opts.Plan.Train.Device, Threads: opts.Plan.Train.Threads, Seed: opts.Plan.Seed, Log: opts.Progress}
	return torch.Run(ctx, cfg, func(e *torch.Engine) error {
		var models []*MaskModel
		for _, dir := range opts.CheckpointDirs {
			m, err := LoadMaskModel(e, dir)
			if err != nil {
				return err
			}
			defer m.Close()
			if len(models) > 0 && !slices.Equal(m.State.Segment.Labels, models[0].State.Segment.Labels) {
				return fault.New(fault.Input, "%s: the checkpoint has other classes than the first one", dir)
			}
			models = append(models, m)
		}
		first := models[0].State
		cases, err := cohort.NewMaskCases(opts.Cohort, first.Segment.Target, first.Input, 0)
		if err != nil {
			return err
		}
		if !slices.Equal(cases.Target().Classes, first.Segment.Labels) {
			return fault.New(fault.Input, "target %q: the cohort's classes are not those of the model", first.Segment.Target)
		}
		bar := progress.New(opts.Progress, "labelling", int64(len(opts.Rows)))
		defer bar.Close()
		for _, row := range opts.Rows {
			if err := ctx.Err(); err != nil {
				return fault.New(fault.Interrupted, "labelling: %w", err)
			}
			c, err := cases.Case(ctx, row)
			if code := fault.CodeOf(err); err != nil && (code == fault.Input || code == fault.NotFound) {
				if r := opts.Cohort.Rows[row]; opts.Quarantine != nil {
					*opts.Quarantine = append(*opts.Quarantine, cohort.Quarantine{Line: r.Line, ID: r.ID, Reason: cohort.WithoutPath(err, r.Path)})
				}
				continue
			}
			if err != nil {
				return err
			}
			var sum []float32
			for _, m := range models {
				p, err := m.Probabilities(ctx, c.Volume, opts.Plan.Segment.Overlap, opts.Plan.Segment.Mirror, opts.Plan.Train.Autocast)
				if err != nil {
					return fmt.Errorf("labelling line %d: %w", opts.Cohort.Rows[row].Line, err)
				}
				if sum == nil {
					sum = p
					continue
				}
				for i, v := range p {
					sum[i] += v
				}
			}
			label := c.Back(sum)
			if opts.Plan.Segment.LargestComponent {
				volume.KeepLargest(label, c.Stored, len(first.Segment.Labels)+1)
			}
			if err := each(row, c, label); err != nil {
				return err
			}
			bar.Add(1)
		}
		return nil
	})
}
