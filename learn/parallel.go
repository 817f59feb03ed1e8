package learn

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// Parallel says which of several processes that train one network together this is. Each takes the plan's batch_size of every step, so N
// processes make the steps of one with N times the batch: the same rows, losses over all of them, batch normalisation over all of them,
// the mean of the gradients. Every rank must see the data and the run's folder; rank 0 alone writes.
type Parallel struct {
	Rank, Size int
	Host       string // where rank 0 waits for the others
	Port       int
	Timeout    time.Duration // of every exchange; 0: five minutes
}

func (p *Parallel) check(plan *Plan) error {
	switch {
	case p == nil:
		return nil
	case p.Size < 1 || p.Rank < 0 || p.Rank >= p.Size:
		return fault.New(fault.Usage, "rank %d of %d processes", p.Rank, p.Size)
	case slices.ContainsFunc(plan.Data.Targets, func(s cohort.TargetSpec) bool { return s.Method != "" && s.Method != cohort.LogisticHazard }):
		return fault.New(fault.Usage, "a time-to-event target whose loss ranks the rows of a batch against each other is for one process").
			WithHint("leave data.targets[].method out, for the logistic hazard")
	case plan.Train.Fairness != nil || plan.Uncertainty != nil:
		return fault.New(fault.Usage, "train.fairness and uncertainty look at one process's batches; they are for one process").
			WithHint("train without --procs")
	case plan.Train.Mixup > 0 || plan.Train.Cutmix > 0:
		return fault.New(fault.Usage, "train.mixup and train.cutmix mix the clips of one process's batch; they are for one process")
	case plan.Model.Views != nil && plan.Model.Views.Backbone == backboneEach:
		return fault.New(fault.Usage, "model.views.backbone: each view's batch statistics are of one process, whose batch may lack the view").
			WithHint("train without --procs, or with one backbone for all views")
	case plan.Train.Autocast == "fp16":
		return fault.New(fault.Usage, "train.autocast: float16 is for one CUDA device; several processes train on the CPU")
	}
	return nil
}

func (p *Parallel) join(e *torch.Engine) (*torch.Group, error) {
	if p == nil {
		return nil, nil
	}
	return e.Join(torch.GroupConfig{Rank: p.Rank, Size: p.Size, Host: p.Host, Port: p.Port, Timeout: p.Timeout})
}

// halt is what the processes tell each other with every batch, so that all stop after the same step.
type halt struct {
	wanted            bool // this process was asked to stop
	stopped, overtime bool // some process was, or is out of time
}

// lead says whether this process writes the run's files.
func (t *trainer) lead() bool { return t.group == nil || t.group.Rank == 0 }

// voice is where progress goes: one process tells it.
func (t *trainer) voice(w io.Writer) io.Writer {
	if t.lead() {
		return w
	}
	return nil
}

// pass is a training pass, whose batch statistics are those of all processes.
func (t *trainer) pass(b *cohort.Batch) *nn.Pass {
	p := seeing(t.e, t.table, t.opts.Cohort, b)
	p.Train = true
	if t.group != nil {
		p.Sum = t.group.SumOver
	}
	return p
}

// stepSeed seeds what a batch draws inside the network, such as dropout's masks, which differ between processes.
func (t *trainer) stepSeed(batch int) stats.Seed {
	if t.group != nil {
		return stats.Seed(t.plan.Seed.Stream("step", t.state.Epoch, batch, t.group.Rank).Uint64())
	}
	return stats.Seed(t.plan.Seed.Stream("step", t.state.Epoch, batch).Uint64())
}

// together watches the epoch's parameters; what it returns lets them go.
func (t *trainer) together() func() {
	if t.group == nil {
		return func() {}
	}
	t.averager = t.group.NewAverager(t.opt.params(), 0)
	return func() {
		t.averager.Free()
		t.averager = nil
	}
}

// collective is the context for work that all processes do in step: one that stopped on its own would leave the others waiting.
func (t *trainer) collective(ctx context.Context) context.Context {
	if t.group != nil {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// cancelled is the error of a run that is to stop after this step.
func (t *trainer) cancelled(ctx context.Context) error {
	switch {
	case t.group == nil:
		return ctx.Err()
	case !t.halt.stopped:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("another process was interrupted: %w", context.Canceled)
}

// over says whether the budget is used up, for all processes alike.
func (t *trainer) over() bool {
	if t.group == nil {
		return t.overtime()
	}
	return t.halt.overtime
}

// groupLoss is this process's share of the loss over the batches of all, its value, and the number of all rows. The share is such that the
// mean of the processes' gradients is the gradient of the whole: known values are counted over all processes. Every head takes part,
// with weight 0 where nothing is known, so that all processes send the same gradients.
func (t *trainer) groupLoss(outs []*torch.Tensor, rows []cohort.Row) (loss *torch.Tensor, value float64, n int) {
	k := len(t.heads)
	sums := make([]*torch.Tensor, k)
	v := make([]float64, 2*k+3) // losses and counts of the heads, rows, halt, overtime
	for i, h := range t.heads {
		var count int
		if sums[i], count = t.loss.sum(h, outs[i], rows); count > 0 {
			v[i], v[k+i] = sums[i].Item(), float64(count)
		}
	}
	v[2*k] = float64(len(rows))
	if t.halt.wanted {
		v[2*k+1] = 1
	}
	if t.overtime() {
		v[2*k+2] = 1
	}
	t.group.SumFloat64s(v)
	t.halt.stopped, t.halt.overtime = v[2*k+1] > 0, v[2*k+2] > 0
	for i, h := range t.heads {
		part := outs[i].Sum().MulScalar(0)
		if sums[i] != nil {
			part = part.Add(sums[i].MulScalar(float64(t.group.Size) / v[k+i]))
		}
		part = t.loss.weights.apply(i, part, h.Weight)
		if v[k+i] > 0 {
			value += t.loss.weights.count(i, v[i]/v[k+i], h.Weight)
		} else {
			part = part.MulScalar(0)
		}
		if loss == nil {
			loss = part
		} else {
			loss = loss.Add(part)
		}
	}
	return loss, value, int(v[2*k])
}

// agree holds the processes' states against each other before the first step.
func (t *trainer) agree() error {
	if t.group == nil {
		return nil
	}
	mine := []float64{float64(t.state.Step), float64(t.state.Epoch), float64(t.state.Batch)}
	v := append([]float64{}, mine...)
	t.group.SumFloat64s(v)
	for i := range v {
		if v[i] != mine[i]*float64(t.group.Size) {
			return fault.New(fault.Conflict, "the processes do not stand at the same step: rank %d is at step %d", t.group.Rank, t.state.Step).
				WithHint("all ranks must see the same run folder")
		}
	}
	return nil
}

// withGroup says in words what an exchange that fails means.
func (t *trainer) withGroup(fn func() error) (err error) {
	if t.group == nil {
		return fn()
	}
	if terr := t.e.Try(func() { err = fn() }); terr != nil {
		err = terr
	}
	if torch.GroupError(err) {
		return fault.New(fault.Partial, "%s: %w", anotherEnded, err).WithHint("its own message says why")
	}
	return err
}

// anotherEnded begins the message of a process that is well itself.
const anotherEnded = "another process of the training ended or does not answer"

// gather completes tables of which every process has some rows: v is [n, width], with zeros elsewhere.
func (t *trainer) gather(v []float64) {
	if t.group != nil && len(v) > 0 {
		t.group.SumFloat64s(v)
	}
}
