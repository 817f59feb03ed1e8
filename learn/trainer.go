package learn

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// trainer is a run in progress. Its methods run on the engine's goroutine.
type trainer struct {
	opts    TrainOptions
	plan    *Plan
	e       *torch.Engine
	net     *video.Net
	opt     *optimiser
	ema     *averager // nil: off
	swag    *swagger  // nil: off
	loss    *losses
	fair    *fair // nil: the plan has no train.fairness
	heads   []head
	table   *tableCode // of the columns beside the picture; nil: none
	monitor monitor
	lr      schedule
	train   *cohort.Loader
	val     *cohort.Loader // nil: no validation rows
	cache   *cohort.Cache  // of decoded clips, shared by the loaders
	report  *reporter
	watch   observers // none but in the process that leads
	batches int       // of an epoch
	state   State

	group    *torch.Group    // nil: one process
	averager *torch.Averager // of this epoch's parameters
	halt     halt

	pending []micro   // batches whose gradients wait for the optimiser's step
	started time.Time // of this process's part of the run
	before  float64   // seconds that earlier parts took
	saved   time.Time
	pace    []float64 // seconds of recent batches
	stepped time.Time // end of the last optimiser step
	waited  float64   // seconds of loading since then
}

// micro is what a batch left behind until the optimiser's step.
type micro struct {
	rows []int
	loss float64
	n    int // rows of all processes
}

// saveEvery is how much work a kill may cost where the plan does not say.
const saveEvery = 60 * time.Second

// epochs trains until the last epoch or an earlier reason to stop.
func (t *trainer) epochs(ctx context.Context) error {
	for t.state.Stopped == "" {
		if t.state.Epoch >= t.plan.Train.Epochs {
			return t.stop("finished")
		}
		if err := t.epoch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// epoch trains one epoch from where the state stands, then validates.
func (t *trainer) epoch(ctx context.Context) error {
	if err := t.again(); err != nil {
		return err
	}
	t.opt.thaw(t.state.Epoch)
	t.loss.belief.begin(t.state.Epoch)
	defer t.together()()
	load := t.collective(ctx)
	total := t.batches
	asked := time.Now()
	t.stepped, t.waited = asked, 0
	overtime := false
	for b, err := range t.train.Epoch(load, t.state.Epoch, t.state.Batch) {
		t.waited += time.Since(asked).Seconds()
		if err != nil {
			return t.interrupted(err)
		}
		batch := t.state.Batch + len(t.pending)
		group := groupSize(batch, total, t.accumulate())
		t.halt.wanted = ctx.Err() != nil
		if err := t.microStep(b, batch, group); err != nil {
			return err
		}
		if len(t.pending) == group {
			if err := t.update(); err != nil {
				return err
			}
			if err := t.cancelled(ctx); err != nil {
				return t.interrupted(err)
			}
			if overtime = t.over(); overtime {
				break
			}
		}
		asked = time.Now()
	}
	return t.endEpoch(load, overtime)
}

func (t *trainer) accumulate() int { return max(1, t.plan.Train.Accumulate) }

// groupSize is how many batches the optimiser's step that batch belongs to has: the last step of an epoch may have fewer.
func groupSize(batch, total, accumulate int) int {
	first := batch - batch%accumulate
	return min(accumulate, total-first)
}

// microStep adds a batch's gradients. With groups of several batches each weighs the same, so that two halves are one whole.
func (t *trainer) microStep(b *cohort.Batch, batch, group int) error {
	defer b.Release()
	s := t.e.Scope()
	defer s.Close()
	// Dropout draws from the engine's generator: seeded here, it gives the same masks in a resumed epoch.
	t.e.ManualSeed(t.stepSeed(batch))
	x, mixed := t.mix(input(t.e, b), batch)
	pass := t.pass(b)
	defer pass.Release()
	loss, value, n := t.lossOf(pass, x, mixed, b.Rows)
	if loss != nil {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return t.notFinite(fmt.Sprintf("the loss is %v", value), b.Rows, t.diagnose(x, b, batch))
		}
		last := t.group != nil && len(t.pending) == group-1
		if last {
			t.averager.Arm()
		}
		pass.Backward(loss.MulScalar(t.scale()/float64(group)), casting(t.e, t.plan.Train.Autocast))
		if last {
			t.averager.Finish()
		}
	} else if t.e.Device().IsCUDA() {
		t.e.Synchronize(t.e.Device()) // nothing was read that would have waited for the batch's copy
	}
	t.pending = append(t.pending, micro{slices.Clone(b.Rows), value, n})
	return nil
}

// lossOf runs the network on a batch of rows: its loss, nil where no truth is known, the loss's value, and the number of rows of all processes.
func (t *trainer) lossOf(pass *nn.Pass, x *torch.Tensor, mixed *mixing, at []int) (loss *torch.Tensor, value float64, n int) {
	rows := pick(t.opts.Cohort.Rows, at)
	if t.plan.Train.Recompute {
		pass.Recompute()
	}
	outs, features := forwardWithFeatures(t.e, t.net, pass, t.plan.Train.Autocast, x)
	n = len(rows)
	if t.group != nil {
		loss, value, n = t.groupLoss(outs, rows)
	} else {
		loss = t.fair.apply(t.loss, t.loss.mixedTotal(outs, rows, mixed), outs, features, at, t.opts.Cohort, t.state.Epoch)
	}
	if aux := pass.Aux(); aux != nil && loss != nil {
		loss = loss.Add(aux)
	}
	if loss != nil && t.group == nil {
		value = loss.Item()
	}
	return loss, value, n
}

// scale is the factor on the loss that keeps float16 gradients from vanishing; 1 for other types.
func (t *trainer) scale() float64 {
	if t.state.Scale == 0 {
		return 1
	}
	return t.state.Scale
}

// Loss scaling as torch.cuda.amp.GradScaler's defaults (Micikevicius et al., "Mixed precision training", ICLR 2018, section 3.2).
const (
	firstScale  = 65536
	scaleGrowth = 2000 // good steps before the scale is doubled
)

// update makes the optimiser's step from the pending gradients, and whatever is due after it: log, average, checkpoint.
func (t *trainer) update() error {
	if !t.haveGradients() {
		return t.advance(nil, 0)
	}
	if t.state.Scale != 0 {
		t.opt.scaleGrads(1 / t.state.Scale)
	}
	norm := t.opt.gradNorm(t.plan.Train.ClipNorm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		if t.state.Scale <= 1 {
			var rows []int
			for _, m := range t.pending {
				rows = append(rows, m.rows...)
			}
			return t.notFinite(fmt.Sprintf("the gradient's norm is %v", norm), rows, nil)
		}
		// Too large a scale: halve it and leave this step out.
		t.state.Scale, t.state.Good = t.state.Scale/2, 0
		t.opt.zeroGrad()
		return t.advance(nil, 0)
	}
	if t.state.Scale != 0 {
		if t.state.Good++; t.state.Good >= scaleGrowth {
			t.state.Scale, t.state.Good = 2*t.state.Scale, 0
		}
	}
	lr := t.swagRate(t.lr.at(t.state.Step))
	t.opt.step(lr)
	t.opt.zeroGrad()
	if t.ema != nil {
		t.ema.update(t.state.Step)
	}
	return t.advance(&norm, lr)
}

// haveGradients is false when no pending batch had a known truth.
func (t *trainer) haveGradients() bool {
	g := t.opt.params()[0].Grad()
	if g == nil {
		return false
	}
	g.Free()
	return true
}

// advance moves the state past the pending batches. norm is nil where the optimiser made no step.
func (t *trainer) advance(norm *float64, lr float64) error {
	now := time.Now()
	seconds := now.Sub(t.stepped).Seconds()
	var sum float64
	var rows int
	for _, m := range t.pending {
		sum += m.loss * float64(m.n)
		rows += m.n
	}
	r := &t.state.Running
	r.Loss, r.Rows, r.Seconds, r.Wait = r.Loss+sum, r.Rows+rows, r.Seconds+seconds, r.Wait+t.waited
	t.state.Wait += t.waited
	t.state.Batch += len(t.pending)
	t.state.Step++
	t.state.OptimizerSteps = t.opt.steps
	t.state.Seconds = t.elapsed()
	t.pace = append(t.pace, seconds/float64(len(t.pending)))
	t.pending = t.pending[:0]
	loss := sum / float64(rows)
	err := t.tell(LogLine{Event: "step", Epoch: t.state.Epoch, Step: t.state.Step, Loss: &loss, LR: lr, GradNorm: norm,
		Seconds: round3(seconds), Wait: round3(t.waited), Rows: rows})
	if err != nil {
		return err
	}
	t.stepped, t.waited = now, 0
	every := t.plan.Train.CheckpointSteps
	if every > 0 && t.state.Step%every == 0 || every == 0 && now.Sub(t.saved) >= saveEvery {
		if err := t.save(); err != nil {
			return err
		}
	}
	if t.opts.afterStep != nil {
		t.opts.afterStep(t)
	}
	return nil
}

// stop ends a run that was already at its last epoch.
func (t *trainer) stop(reason string) error {
	t.state.Stopped = reason
	return t.save()
}

// elapsed is the seconds of training, earlier parts of a resumed run included.
func (t *trainer) elapsed() float64 { return t.before + time.Since(t.started).Seconds() }

// overtime says whether the plan's budget is used up.
func (t *trainer) overtime() bool {
	m := t.minutes()
	return m > 0 && t.elapsed() >= 60*m
}

func (t *trainer) minutes() float64 {
	if t.opts.Minutes > 0 {
		return t.opts.Minutes
	}
	return t.plan.Train.MaxMinutes
}

// interrupted saves what can be saved and explains. In the middle of a group of batches the state is not one that can be returned to,
// and the last checkpoint stands.
func (t *trainer) interrupted(err error) error {
	if len(t.pending) == 0 {
		if serr := t.save(); serr != nil {
			return serr
		}
	}
	if fault.CodeOf(err) == fault.Interrupted {
		return fault.New(fault.Interrupted, "training stopped in epoch %d after step %d: %w", t.state.Epoch+1, t.state.Step, err).
			WithHint("repeat the command to go on from there")
	}
	return fmt.Errorf("training, epoch %d: %w", t.state.Epoch+1, err)
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }

func pick[T any](from []T, at []int) []T {
	out := make([]T, len(at))
	for i, j := range at {
		out[i] = from[j]
	}
	return out
}
