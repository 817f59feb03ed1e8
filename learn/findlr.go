package learn

import (
	"context"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// LRSearch says how [FindLR] looks.
type LRSearch struct {
	From, To float64 // learning rates; 0: 1e-7 and 10
	Steps    int     // optimiser steps between them; 0: 100
}

// LRPoint is a step of a learning-rate search.
type LRPoint struct {
	LR     float64 `json:"lr"`
	Loss   float64 `json:"loss"`   // of the step's batch, before the step
	Smooth float64 `json:"smooth"` // the losses about it, weighed by a Gaussian
}

// LRCurve is what a learning-rate search found.
type LRCurve struct {
	Plan      float64   `json:"plan_lr"`             // the plan's
	Suggested float64   `json:"suggested_lr"`        // where the loss falls fastest; 0: it falls nowhere
	Lowest    float64   `json:"lowest_lr"`           // where the loss is lowest: more than can be trained with
	Diverged  float64   `json:"diverged_lr"`         // where the search ended because the loss ran away; 0: it did not
	Optimizer string    `json:"optimizer,omitempty"` // that the rates are for
	Why       string    `json:"why"`                 // what the suggestion rests on, or why there is none
	Points    []LRPoint `json:"points"`
}

// runaway is how many times the loss's fall, above where it began, ends a search.
const runaway = 3

// FindLR is the learning-rate range test (Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3, with
// rates that grow geometrically): the plan's network learns for some steps, each with a larger rate, until the loss runs away. It suggests
// the rate at which the loss falls fastest. Weights and checkpoints of the run stay as they are.
//
// Errors: as [Train]'s; usage for rates that do not grow.
func FindLR(ctx context.Context, opts TrainOptions, s LRSearch) (*LRCurve, error) {
	if s.From == 0 {
		s.From = 1e-7
	}
	if s.To == 0 {
		s.To = 10
	}
	if s.Steps == 0 {
		s.Steps = 100
	}
	if !(s.From > 0 && s.To > s.From && finite(s.To)) || s.Steps < 10 {
		return nil, fault.New(fault.Usage, "a search from %g to %g in %d steps: rates must be above 0 and grow, in at least 10 steps", s.From, s.To, s.Steps)
	}
	c := &LRCurve{Plan: opts.Plan.Train.LR, Optimizer: opts.Plan.Train.Optimizer}
	err := probe(ctx, opts, func(t *trainer) error { return t.rangeTest(ctx, s, c) })
	if err != nil {
		return nil, err
	}
	c.suggest()
	return c, nil
}

// rangeTest makes the search's steps.
func (t *trainer) rangeTest(ctx context.Context, s LRSearch, c *LRCurve) error {
	rate := func(i int) float64 { return s.From * math.Pow(s.To/s.From, float64(i)/float64(s.Steps-1)) }
	best, first := math.Inf(1), math.NaN()
	pending, sum := 0, 0.0
	for epoch := 0; ; epoch++ {
		t.state.Epoch = epoch
		before := len(c.Points) + pending
		for b, err := range t.train.Epoch(ctx, epoch, 0) {
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			scope := t.e.Scope()
			t.e.ManualSeed(t.stepSeed(b.Step))
			x, mixed := t.mix(input(t.e, b), b.Step)
			pass := t.pass(b)
			loss, value, _ := t.lossOf(pass, x, mixed, b.Rows)
			if loss != nil && finite(value) {
				pass.Backward(loss.MulScalar(1/float64(t.accumulate())), casting(t.e, t.plan.Train.Autocast))
			}
			known := loss != nil
			pass.Release()
			scope.Close()
			b.Release()
			if !known {
				continue
			}
			sum += value
			if pending++; pending < t.accumulate() && finite(value) {
				continue
			}
			lr := rate(len(c.Points))
			value, pending, sum = sum/float64(pending), 0, 0
			if !finite(value) || !finite(t.descend(lr)) {
				c.Diverged = lr
				return nil
			}
			c.Points = append(c.Points, LRPoint{LR: lr, Loss: value})
			if math.IsNaN(first) {
				first = value
			}
			best = math.Min(best, value)
			t.report.step(LogLine{Loss: &value}, Progress{Epochs: 1, Batch: len(c.Points), Batches: s.Steps})
			if recent := meanOfLast(c.Points, 3); len(c.Points) > 10 && recent > first+runaway*math.Max(first-best, 0.1*math.Abs(first)) {
				c.Diverged = lr
				return nil
			}
			if len(c.Points) == s.Steps {
				return nil
			}
		}
		if len(c.Points)+pending == before {
			return fault.New(fault.Input, "no batch of an epoch has a known truth")
		}
	}
}

func meanOfLast(points []LRPoint, n int) (mean float64) {
	points = points[max(0, len(points)-n):]
	for _, p := range points {
		mean += p.Loss / float64(len(points))
	}
	return mean
}

// suggest smooths the curve and finds where it falls fastest before its lowest point.
func (c *LRCurve) suggest() {
	n := len(c.Points)
	if n < 10 {
		c.Why = "the loss ran away in the first steps: look at the data with --overfit-one-batch, or begin at a smaller rate"
		return
	}
	sd := math.Max(1, 0.03*float64(n))
	for i := range c.Points {
		var sum, weight float64
		for j, p := range c.Points {
			d := float64(j-i) / sd
			w := math.Exp(-d * d / 2)
			sum, weight = sum+w*p.Loss, weight+w
		}
		c.Points[i].Smooth = sum / weight
	}
	low := slices.MinFunc(c.Points, func(a, b LRPoint) int {
		switch {
		case a.Smooth < b.Smooth:
			return -1
		case a.Smooth > b.Smooth:
			return 1
		}
		return 0
	})
	c.Lowest = low.LR
	// Losses of different batches differ; a fall that is no larger than that is none.
	var noise float64
	for _, p := range c.Points[:n/4] {
		noise += math.Pow(p.Loss-p.Smooth, 2) / float64(n/4)
	}
	noise = math.Sqrt(noise)
	top := c.Points[0].Smooth
	for _, p := range c.Points {
		if p.LR < low.LR {
			top = math.Max(top, p.Smooth)
		}
	}
	if fall := top - low.Smooth; fall <= math.Max(noise, 0.02*math.Abs(top)) {
		c.Why = "the loss falls at no rate by more than batches differ: --overfit-one-batch says whether the network can learn these data at all"
		return
	}
	steepest := 0.0
	for i := 1; i < n-1 && c.Points[i].LR < low.LR; i++ {
		// The rates are evenly spaced in their logarithm.
		if slope := c.Points[i+1].Smooth - c.Points[i-1].Smooth; slope < steepest {
			steepest, c.Suggested = slope, c.Points[i].LR
		}
	}
	c.Why = "where the loss falls fastest"
}
