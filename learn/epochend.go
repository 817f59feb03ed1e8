package learn

import (
	"context"
	"fmt"
	"math"
	"time"
)

// endEpoch validates, keeps the best, decides whether to stop, and saves.
func (t *trainer) endEpoch(ctx context.Context, overtime bool) error {
	begin := time.Now()
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
	dead := t.loss.belief.dead(t.heads)
	line := LogLine{Dead: dead, Weights: t.loss.weights.values(t.heads), Event: "epoch", Epoch: t.state.Epoch, Step: t.state.Step, Loss: &loss, Val: v.values, Undefined: v.undefined,
		Best: better, Rows: r.Rows, Seconds: round3(r.Seconds), Wait: round3(r.Wait), Time: begin.UTC().Format(time.RFC3339)}
	if err := t.journal.write(line); err != nil {
		return err
	}
	t.report.say("epoch %d/%d  %.1f s (loading %.1f %%)  loss %.4g%s", t.state.Epoch+1, t.plan.Train.Epochs,
		r.Seconds, 100*r.Wait/math.Max(r.Seconds, 1e-9), loss, summary(v, t.state.Metric))
	for _, d := range dead {
		t.report.say("no evidence for %s: its output gets no gradient any more; use evidence exp or softplus, or another seed", d)
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
	if t.state.Stopped != "" {
		return t.journal.write(LogLine{Event: "stop", Epoch: t.state.Epoch, Step: t.state.Step, Reason: t.state.Stopped})
	}
	return nil
}

func summary(v validation, monitored string) string {
	if math.IsNaN(v.loss) {
		return ""
	}
	s := fmt.Sprintf("  val loss %.4g", v.loss)
	if monitored != "" {
		s += "  " + monitored
	}
	return s
}

// status is what progress shows after a step.
func (t *trainer) status(loss float64) status {
	recent := t.pace[max(0, len(t.pace)-20):]
	var mean float64
	for _, s := range recent {
		mean += s / float64(len(recent))
	}
	s := status{epoch: t.state.Epoch, epochs: t.plan.Train.Epochs, batch: t.state.Batch, total: t.train.Steps(), loss: loss, metric: t.state.Metric}
	s.rowsPerSecond = float64(t.plan.Train.BatchSize*max(1, t.state.Ranks)) / math.Max(mean, 1e-9)
	batches := (s.epochs-s.epoch)*s.total - s.batch
	s.left = time.Duration(float64(batches) * mean * float64(time.Second))
	if m := t.minutes(); m > 0 {
		s.left = min(s.left, time.Duration((60*m-t.elapsed())*float64(time.Second)))
	}
	return s
}
