package learn

import (
	"context"
	"math"
	"time"
)

// endEpoch validates, keeps the best, decides whether to stop, and saves.
func (t *trainer) endEpoch(ctx context.Context, overtime bool) error {
	if err := t.baselines(ctx); err != nil {
		return t.interrupted(err)
	}
	v, err := t.validate(ctx)
	if err != nil {
		return t.interrupted(err)
	}
	r := t.state.Running
	loss := r.Loss / math.Max(1, float64(r.Rows))
	better := t.state.judge(t.monitor, v, t.val != nil, loss)
	if err := t.tellEpoch(LogLine{Loss: &loss, Best: better, Weights: t.loss.weights.values(t.heads), Dead: t.loss.belief.dead(t.heads)}, v); err != nil {
		return err
	}
	if err := t.collectSWAG(); err != nil {
		return err
	}
	t.state.next(t.plan.Train, t.elapsed(), overtime || t.group == nil && t.overtime())
	if better {
		if err := t.saveBest(); err != nil {
			return err
		}
	}
	if err := t.save(); err != nil {
		return err
	}
	return t.tellStop()
}

// progress is how far the training is.
func (t *trainer) progress() Progress {
	recent := t.pace[max(0, len(t.pace)-20):]
	var mean float64
	for _, s := range recent {
		mean += s / float64(len(recent))
	}
	p := Progress{Epochs: t.plan.Train.Epochs, Batch: t.state.Batch, Batches: t.batches, Metric: t.state.Metric}
	if mean > 0 {
		p.RowsPerSecond = float64(t.plan.Train.BatchSize*max(1, t.state.Ranks)) / mean
	}
	left := (p.Epochs-t.state.Epoch)*p.Batches - p.Batch
	p.Left = time.Duration(float64(left) * mean * float64(time.Second))
	if m := t.minutes(); m > 0 && mean > 0 {
		p.Left = min(p.Left, time.Duration((60*m-t.elapsed())*float64(time.Second)))
	}
	return p
}
