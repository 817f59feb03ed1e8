package learn

import (
	"context"
	"fmt"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// learnable is a batch that can be learnt by heart, with the network that learns it.
type learnable interface {
	forward(step int) (*nn.Pass, *torch.Tensor) // a training pass and its loss; targets are then of it
	targets() []OverfitTarget
	look(c *OverfitCheck, l *learner) // says what can be seen in the batch and the network
	restart() error                   // gives the network its first values
}

// learner learns a batch by heart.
type learner struct {
	t     *trainer // whose optimiser makes the steps
	of    learnable
	loss  []float64       // before each step
	moved map[string]bool // parameters that had a gradient
}

// check learns the batch of rows and fills c.
func (l *learner) check(ctx context.Context, c *OverfitCheck, rows []int, steps int) error {
	for _, r := range rows {
		c.Items = append(c.Items, l.t.opts.Cohort.Rows[r].ID)
	}
	if err := l.learn(ctx, c.LR, steps); err != nil {
		return err
	}
	c.Steps, c.Loss, c.Targets, c.Reached = len(l.loss), l.loss, l.of.targets(), l.reached()
	l.of.look(c, l)
	if !c.Reached {
		return l.otherRates(ctx, c, steps)
	}
	return nil
}

// learn makes steps until all is known by heart.
func (l *learner) learn(ctx context.Context, lr float64, steps int) error {
	l.loss, l.moved = nil, map[string]bool{}
	t := l.t
	for i := range steps + 1 {
		if err := ctx.Err(); err != nil {
			return fault.New(fault.Interrupted, "the check was interrupted: %w", err)
		}
		s := t.e.Scope()
		pass, loss := l.of.forward(i)
		value := loss.Item()
		done := l.reached() || i == steps || !finite(value)
		if !done {
			l.loss = append(l.loss, value)
			pass.Backward(loss, casting(t.e, t.plan.Train.Autocast))
			l.watch()
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
func (l *learner) watch() {
	if n := len(l.loss); n > 3 && n%20 != 0 {
		return
	}
	s := l.t.e.Scope()
	defer s.Close()
	for _, g := range l.t.opt.active() {
		for i, p := range g.params {
			if grad := p.Grad(); grad != nil && !l.moved[g.names[i]] && grad.Norm(2).Item() > 0 {
				l.moved[g.names[i]] = true
			}
		}
	}
}

func (l *learner) reached() bool {
	for _, t := range l.of.targets() {
		if !t.Reached {
			return false
		}
	}
	return true
}

// otherRates learns the batch anew at other rates: where one works, the plan's rate is what was wrong.
func (l *learner) otherRates(ctx context.Context, c *OverfitCheck, steps int) error {
	for _, k := range []float64{0.1, 10, 0.01, 100} {
		if err := l.of.restart(); err != nil {
			return err
		}
		lr := c.LR * k
		l.t.report.say("not learnt; trying a rate of %.3g", lr)
		if err := l.learn(ctx, lr, steps); err != nil {
			return err
		}
		if l.reached() {
			what := "small"
			if k < 1 {
				what = "large"
			}
			c.Findings = append([]Finding{{"learning_rate", fmt.Sprintf("with %.3g in place of %.3g the batch is learnt in %d steps: train.lr is too %s", lr, c.LR, len(l.loss), what),
				"cineloop train --find-lr suggests a rate"}}, c.Findings...)
			return nil
		}
	}
	if len(c.Findings) == 0 {
		c.add("patience", fmt.Sprintf("nothing is plainly wrong, and other rates do no better in %d steps", steps), "give it more --steps, or a wider network")
	}
	return nil
}

func (c *OverfitCheck) add(what, says, try string) {
	c.Findings = append(c.Findings, Finding{what, says, try})
}

// lookAtGradients says which parameters did not learn.
func (l *learner) lookAtGradients(c *OverfitCheck) {
	var dead []string
	var learning, frozen int
	for _, g := range l.t.opt.active() {
		learning += len(g.names)
		for _, n := range g.names {
			if !l.moved[n] {
				dead = append(dead, n)
			}
		}
	}
	for _, g := range l.t.opt.groups {
		if g.frozen {
			frozen += len(g.names)
		}
	}
	if len(dead) > 0 {
		c.add("head", fmt.Sprintf("%d of %d tensors that should learn get no gradient, first %s", len(dead), learning, dead[0]),
			"look at what lies between them and the loss: frozen parts, ReLUs that never fire, weights that are all zero")
	}
	if frozen > 0 {
		c.add("frozen", fmt.Sprintf("train.freeze keeps %d tensors from learning", frozen), "check with less frozen")
	}
}
