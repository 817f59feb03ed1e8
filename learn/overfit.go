package learn

import (
	"context"
	"fmt"
	"math"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// OverfitCheck is what became of learning one batch by heart. A network with its head, truths, input and learning rate in order can; one
// that cannot will not learn a whole cohort either.
type OverfitCheck struct {
	Reached  bool            `json:"reached"` // every target is known by heart
	Steps    int             `json:"steps"`
	LR       float64         `json:"lr"`
	Items    []string        `json:"items"` // of the batch
	Targets  []OverfitTarget `json:"targets"`
	Loss     []float64       `json:"loss"`               // before each step
	Findings []Finding       `json:"findings,omitempty"` // what is likely wrong; what to know, where the batch was learnt
}

// OverfitTarget is how one target of the batch was learnt. The error is the mean negative log probability of what is true, or the mean
// squared error in SDs; of times to an event, the loss.
type OverfitTarget struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Known    int     `json:"known"`    // truths in the batch
	Constant float64 `json:"constant"` // error of the best answer that is the same for all; of times to an event, the first step's
	Error    float64 `json:"error"`    // after the last step
	Reached  bool    `json:"reached"`  // Error is at most [byHeart] of Constant
}

// Finding is something that is likely wrong with a training, and what to do.
type Finding struct {
	What string `json:"what"` // input, labels, head, learning_rate, frozen, patience
	Says string `json:"says"`
	Try  string `json:"try"`
}

// byHeart is the share of the error of the best constant answer that is left of a target known by heart.
const byHeart = 0.05

// overfitSteps is how many steps the check makes at most where it is not told.
const overfitSteps = 300

// OverfitOneBatch trains the plan's network on one batch until it knows it by heart, or for so many steps (0: 300), with all that keeps a
// network from that switched off: dropout, views left out, weight decay, label smoothing, mixing, fairness, schedule. Where it does not succeed it looks at
// the batch and the network, and tries other learning rates, to say why. Weights and checkpoints of the run stay as they are.
//
// Errors: as [Train]'s. A batch that is not learnt is no error.
func OverfitOneBatch(ctx context.Context, opts TrainOptions, steps int) (*OverfitCheck, error) {
	if steps <= 0 {
		steps = overfitSteps
	}
	p := opts.Plan.Clone()
	p.Model.Dropout = 0
	s := &p.Train
	s.WeightDecay, s.LabelSmoothing, s.Mixup, s.Cutmix, s.EMA, s.Fairness, s.LossWeights, s.Accumulate = 0, 0, 0, 0, 0, nil, "", 1
	if p.Model.Views != nil {
		p.Model.Views.Drop = -1
	}
	opts.Plan = p
	c := &OverfitCheck{LR: s.LR}
	err := probe(ctx, opts, func(t *trainer) error {
		b, err := t.firstBatch(ctx)
		if err != nil {
			return err
		}
		defer t.e.Scope().Close()
		f := &oneBatch{t: t, batch: b, rows: b.Rows, x: input(t.e, b)}
		for _, r := range b.Rows {
			c.Items = append(c.Items, opts.Cohort.Rows[r].ID)
		}
		if err := f.learn(ctx, s.LR, steps); err != nil {
			return err
		}
		c.Steps, c.Loss, c.Targets, c.Reached = len(f.loss), f.loss, f.targets(), f.reached()
		f.look(c, b.X)
		if !c.Reached {
			return f.otherRates(ctx, c, steps)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// firstBatch is the first batch of the first epoch that has a known truth. It is not released: the check looks at it again and again.
func (t *trainer) firstBatch(ctx context.Context) (*cohort.Batch, error) {
	for got, err := range t.train.Epoch(ctx, 0, 0) {
		if err != nil {
			return nil, err
		}
		for _, h := range t.heads {
			if _, _, n := h.truths(pick(t.opts.Cohort.Rows, got.Rows)); n > 0 {
				return got, nil
			}
		}
		got.Release()
	}
	return nil, fault.New(fault.Input, "no batch of an epoch has a known truth")
}

// oneBatch is a batch that is learnt by heart.
type oneBatch struct {
	t     *trainer
	batch *cohort.Batch
	rows  []int
	x     *torch.Tensor

	loss     []float64
	first    []float64     // error of each head before the first step
	errors   []float64     // after the last
	scores   [][][]float64 // by head and row, after the last
	features []float32     // of all rows, after the last
	moved    map[string]bool
}

// learn makes steps until all is known by heart.
func (f *oneBatch) learn(ctx context.Context, lr float64, steps int) error {
	f.loss, f.first, f.moved = nil, nil, map[string]bool{}
	t := f.t
	for i := range steps + 1 {
		if err := ctx.Err(); err != nil {
			return fault.New(fault.Interrupted, "the check was interrupted: %w", err)
		}
		s := t.e.Scope()
		t.e.ManualSeed(t.stepSeed(i))
		rows := pick(t.opts.Cohort.Rows, f.rows)
		pass := t.pass(f.batch)
		if t.plan.Train.Recompute {
			pass.Recompute()
		}
		outs, features := forwardWithFeatures(t.e, t.net, pass, t.plan.Train.Autocast, f.x)
		loss := t.loss.total(outs, rows)
		if aux := pass.Aux(); aux != nil {
			loss = loss.Add(aux)
		}
		value := loss.Item()
		f.judge(outs, features)
		done := f.reached() || i == steps || !finite(value)
		if !done {
			f.loss = append(f.loss, value)
			pass.Backward(loss, casting(t.e, t.plan.Train.Autocast))
			f.watch()
			done = !finite(t.descend(lr))
		}
		pass.Release()
		s.Close()
		if done {
			return nil
		}
		t.report.step(LogLine{Loss: &value}, Progress{Epochs: 1, Batch: i + 1, Batches: steps})
	}
	return nil
}

// watch notes which parameters have a gradient.
func (f *oneBatch) watch() {
	if n := len(f.loss); n > 3 && n%20 != 0 {
		return
	}
	s := f.t.e.Scope()
	defer s.Close()
	for _, g := range f.t.opt.active() {
		for i, p := range g.params {
			if grad := p.Grad(); grad != nil && !f.moved[g.names[i]] && grad.Norm(2).Item() > 0 {
				f.moved[g.names[i]] = true
			}
		}
	}
}

// judge takes errors, scores and features of a pass.
func (f *oneBatch) judge(outs []*torch.Tensor, features *torch.Tensor) {
	rows := pick(f.t.opts.Cohort.Rows, f.rows)
	f.errors, f.scores = nil, nil
	for i, h := range f.t.heads {
		var scores [][]float64
		for _, raw := range split(outs[i].Float32s(), h.outputs()) {
			scores = append(scores, h.decode(raw))
		}
		f.scores = append(f.scores, scores)
		if h.Kind == evaluate.TimeToEvent {
			e := math.NaN()
			if s, n := f.t.loss.sum(h, outs[i], rows); n > 0 {
				e = s.Item() / float64(n)
			}
			f.errors = append(f.errors, e)
			continue
		}
		f.errors = append(f.errors, h.meanError(f.truth(h), scores))
	}
	f.features = features.Detach().To(torch.Float32).Float32s()
	if f.first == nil {
		f.first = f.errors
	}
}

func (f *oneBatch) truth(h head) [][]float64 {
	var out [][]float64
	for _, r := range f.rows {
		out = append(out, f.t.opts.Cohort.Rows[r].Truth[h.Name])
	}
	return out
}

// meanError is the mean error of scores over known truths; NaN where none is.
func (h head) meanError(truth, scores [][]float64) float64 {
	var sum, n float64
	for i, row := range truth {
		for j, v := range row {
			if math.IsNaN(v) {
				continue
			}
			n++
			s := scores[i]
			switch h.Kind {
			case evaluate.Regression:
				sum += math.Pow((s[0]-v)/h.SD, 2)
			case evaluate.Class:
				sum -= math.Log(math.Max(s[int(v)], 1e-12))
			default:
				p := s[j]
				if v == 0 {
					p = 1 - p
				}
				sum -= math.Log(math.Max(p, 1e-12))
			}
		}
	}
	return sum / n
}

// constant is the error of the best scores that are the same for all rows, and the number of known truths.
func (h head) constant(truth [][]float64) (e float64, known int) {
	width := 1
	if h.Kind == evaluate.MultiLabel || h.Kind == evaluate.Class {
		width = h.Width()
	}
	same := make([]float64, width)
	counts := make([]float64, width)
	for _, row := range truth {
		for j, v := range row {
			if math.IsNaN(v) {
				continue
			}
			known++
			if h.Kind == evaluate.Class {
				same[int(v)]++
				continue
			}
			same[j] += v
			counts[j]++
		}
	}
	for j := range same {
		if h.Kind == evaluate.Class {
			counts[j] = float64(known)
		}
		same[j] /= math.Max(counts[j], 1)
	}
	scores := make([][]float64, len(truth))
	for i := range scores {
		scores[i] = same
	}
	return h.meanError(truth, scores), known
}

// targets sums up each target.
func (f *oneBatch) targets() []OverfitTarget {
	var out []OverfitTarget
	for i, h := range f.t.heads {
		t := OverfitTarget{Name: h.Name, Kind: string(h.Kind), Error: f.errors[i]}
		if t.Constant, t.Known = h.constant(f.truth(h)); h.Kind == evaluate.TimeToEvent {
			t.Constant = f.first[i]
		}
		if t.Known == 0 {
			continue
		}
		// All of one class, or one value: being sure of it is all that can be asked.
		floor := math.Ln2
		if h.Kind == evaluate.Regression {
			floor = 0.1
		}
		t.Reached = finite(t.Error) && t.Error <= byHeart*math.Max(t.Constant, floor)
		out = append(out, t)
	}
	return out
}

func (f *oneBatch) reached() bool {
	for _, t := range f.targets() {
		if !t.Reached {
			return false
		}
	}
	return true
}

// otherRates learns the batch anew at other rates: where one works, the plan's rate is what was wrong.
func (f *oneBatch) otherRates(ctx context.Context, c *OverfitCheck, steps int) error {
	for _, k := range []float64{0.1, 10, 0.01, 100} {
		if err := f.t.restart(); err != nil {
			return err
		}
		lr := c.LR * k
		f.t.report.say("not learnt; trying a rate of %.3g", lr)
		if err := f.learn(ctx, lr, steps); err != nil {
			return err
		}
		if f.reached() {
			what := "small"
			if k < 1 {
				what = "large"
			}
			c.Findings = append([]Finding{{"learning_rate", fmt.Sprintf("with %.3g in place of %.3g the batch is learnt in %d steps: train.lr is too %s", lr, c.LR, len(f.loss), what),
				"cineloop train --find-lr suggests a rate"}}, c.Findings...)
			return nil
		}
	}
	if len(c.Findings) == 0 {
		c.Findings = append(c.Findings, Finding{"patience", fmt.Sprintf("nothing is plainly wrong, and other rates do no better in %d steps", steps),
			"give it more --steps, or a wider network"})
	}
	return nil
}
