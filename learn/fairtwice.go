package learn

import (
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// identify notes which rows of the first training's last epoch the network got wrong (Liu et al. 2021, Just Train Twice).
func (f *fair) identify(h head, out *torch.Tensor, rows []int, batch []cohort.Row, epoch int) {
	if epoch != f.spec.Warmup-1 {
		return
	}
	for i, raw := range split(out.Float32s(), h.Width()) {
		truth := batch[i].Truth[h.Name][0]
		if truth != truth { // unknown
			continue
		}
		said := 0.0
		if h.Kind == evaluate.Class {
			for k, v := range raw {
				if v > raw[int(said)] {
					said = float64(k)
				}
			}
		} else if raw[0] > 0 {
			said = 1
		}
		if said != truth {
			f.state.Mistakes = append(f.state.Mistakes, rows[i])
		}
	}
}

// jttWeights are Strength for the rows that the first network got wrong and 1 for the others, scaled to a mean of 1 over the batch.
func (f *fair) jttWeights(h head, rows []int, batch []cohort.Row) []float64 {
	if f.mistakes == nil {
		f.mistakes = map[int]bool{}
		for _, r := range f.state.Mistakes {
			f.mistakes[r] = true
		}
	}
	out := make([]float64, len(batch))
	for i, r := range rows {
		out[i] = 1
		if f.mistakes[r] {
			out[i] = f.spec.Strength
		}
	}
	return out
}

// again begins the second training where the first is over: the network as it was at the start, nothing in the optimiser.
func (t *trainer) again() error {
	f := t.fair
	if f == nil || f.method != fairness.MethodJTT || f.state.Second || t.state.Epoch < f.spec.Warmup {
		return nil
	}
	slices.Sort(f.state.Mistakes)
	f.state.Mistakes = slices.Compact(f.state.Mistakes)
	f.state.Second = true
	t.report.say("first training over: %d training rows were wrong and count %g times from here", len(f.state.Mistakes), f.spec.Strength)
	if err := t.restart(); err != nil {
		return err
	}
	if t.ema != nil {
		t.ema.reset()
	}
	t.state.Best, t.state.Stale = nil, 0
	return nil
}

// restart gives the network the values that it began with, and forgets what the optimiser knows.
func (t *trainer) restart() error {
	fresh, err := video.New(t.net.Spec)
	if err != nil {
		return err
	}
	if err := t.renew(t.net, fresh); err != nil || t.plan.Model.Weights == "" {
		return err
	}
	_, err = t.pretrained(t.plan.Model.Weights)
	return err
}

// renew gives live the first values, which fresh, another of its kind, is made with, and forgets what the optimiser knows.
func (t *trainer) renew(live, fresh nn.Module) error {
	s := t.e.Scope()
	defer s.Close()
	nn.Materialise(t.e, fresh, t.plan.Seed)
	defer nn.Free(fresh)
	t.opt.reset()
	_, err := nn.Load(t.e, live, nn.Export(fresh))
	return err
}

// reset forgets the rule's state.
func (o *optimiser) reset() {
	o.e.NoGrad(func() {
		for _, g := range o.groups {
			for _, slot := range g.slots {
				for _, s := range slot {
					s.Zero_()
				}
			}
		}
	})
	o.steps = 0
}

// reset begins the average anew from the live values.
func (a *averager) reset() {
	a.e.NoGrad(func() {
		for i, p := range a.live {
			a.shadow[i].Copy_(p.T.Detach())
		}
	})
}
