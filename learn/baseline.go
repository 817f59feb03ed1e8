package learn

import (
	"context"
	"slices"

	"github.com/cineloop/cineloop/cohort"
)

// baselines estimates the baseline hazards of the heads that need one, from all training rows without augmentation and with the weights that are
// judged. It costs a pass over the training rows an epoch, and only such heads pay it.
func (t *trainer) baselines(ctx context.Context) error {
	return t.evaluated(func() error { return t.baselinesOf(ctx) })
}

// baselinesOf is baselines with the weights as they stand in the network.
func (t *trainer) baselinesOf(ctx context.Context) error {
	if !slices.ContainsFunc(t.heads, head.needsBaseline) {
		return nil
	}
	p := t.plan
	in := p.Input
	in.EvalClips = 1
	loader, err := cohort.NewLoader(t.opts.Cohort, t.opts.Fold.Train, cohort.LoaderConfig{Input: in, Augment: p.Augment, BatchSize: p.Train.BatchSize, Seed: p.Seed,
		Cache: t.cache, Alloc: t.e.PinnedFloat32})
	if err != nil {
		return err
	}
	outputs := make([][]float64, len(t.heads))
	var rows []cohort.Row
	for b, err := range loader.Epoch(ctx, 0, 0) {
		if err != nil {
			return err
		}
		s := t.e.Scope()
		t.e.NoGrad(func() {
			outs := forward(t.e, t.net, seeing(t.e, t.table, t.opts.Cohort, b), p.Train.Autocast, input(t.e, b))
			for i, h := range t.heads {
				if h.needsBaseline() {
					outputs[i] = append(outputs[i], outs[i].Float64s()...)
				}
			}
		})
		rows = append(rows, pick(t.opts.Cohort.Rows, b.Rows)...)
		s.Close()
		b.Release()
	}
	heads := slices.Clone(t.heads)
	for i, h := range heads {
		if !h.needsBaseline() {
			continue
		}
		l, known := h.labels(rows)
		k := h.outputs()
		var o []float64
		for _, r := range known {
			o = append(o, outputs[i][r*k:(r+1)*k]...)
		}
		heads[i].Base = h.baseline(o, l)
	}
	t.heads, t.state.Heads = heads, heads
	return nil
}
