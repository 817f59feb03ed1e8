package run

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

// Change is how scores change over a cohort when the inputs are disturbed.
type Change struct {
	Items    int      `json:"items"`
	MeanMove float64  `json:"mean_move"` // mean |score − score of the whole|
	Low      *float64 `json:"loss_low"`  // 95 % interval of Loss
	High     *float64 `json:"loss_high"`
	Loss     *float64 `json:"loss"` // of performance: AUROC points of a binary target, else rise of the mean absolute error or of the miss
}

// MotionTest says whether a network uses motion.
type MotionTest struct {
	Measure  string `json:"measure"`
	Frozen   Change `json:"frozen"` // clips that repeat one frame: the single-frame control
	Reversed Change `json:"reversed"`
	Shuffled Change `json:"shuffled"`
	Dropped  Change `json:"dropped"`
	Uses     bool   `json:"uses_motion"`
	Words    string `json:"words"`
}

// cohort puts the cohort's items through the tests of time and regions.
func (j *explainJob) cohort(ctx context.Context, all []example, x *Tested) error {
	var whole, frozen, reversed, shuffled, dropped, truth []float64
	kind := all[0].kind
	hunt, regions := newHunt(all), newOccluder(j.r, kind, j.fill, j.regions)
	swaps, err := newSwapper(j.r, j.swaps)
	if err != nil {
		return err
	}
	phases, err := newPhaser(j.r, j.phases)
	if err != nil {
		return err
	}
	for _, ex := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := j.use(ex.fold); err != nil {
			return err
		}
		j.about(ex.row)
		stored, in, err := j.r.input(ctx, ex.row)
		if err != nil {
			return err
		}
		v := viewOf(ex, "")
		v.negate, v.either = false, false
		if kind == evaluate.Class {
			v.class = int(ex.Truth) // the score of the true class
		}
		score, err := v.scorer(j.trained, in)
		if err != nil {
			return err
		}
		rng := j.r.Plan.Seed.Stream("explain cohort", ex.Item)
		c, err := explain.DisturbTime(in, 2, 3, rng, score)
		if err != nil {
			return err
		}
		whole, frozen, reversed = append(whole, c.Whole), append(frozen, c.Frozen), append(reversed, c.Reversed)
		shuffled, dropped, truth = append(shuffled, c.Shuffled), append(dropped, c.Dropped), append(truth, ex.Truth)
		if err := hunt.add(in, ex, j.r.Cohort.Rows[ex.row].Patient, c.Whole, j.fill, score); err != nil {
			return err
		}
		if err := regions.add(ctx, ex, stored, in, rng, score); err != nil {
			return err
		}
		if err := swaps.add(ctx, ex, score); err != nil {
			return err
		}
		if err := phases.add(ex, stored, in, score); err != nil {
			return err
		}
		j.bar.Add(1)
	}
	test := func(s []float64) Change { return changeOf(kind, truth, whole, s) }
	m := MotionTest{Measure: measureOf(kind), Frozen: test(frozen), Reversed: test(reversed), Shuffled: test(shuffled), Dropped: test(dropped)}
	m.say()
	x.Motion = m
	if x.Phases, err = phases.finish(ctx); err != nil {
		return err
	}
	if x.Swaps, err = swaps.finish(ctx, kind); err != nil {
		return err
	}
	if x.Regions, x.Serial, err = regions.finish(ctx); err != nil {
		return err
	}
	x.Hunt, err = hunt.finish(ctx, j.r)
	return err
}

func measureOf(k evaluate.Kind) string {
	switch k {
	case evaluate.Binary:
		return "AUROC"
	case evaluate.Regression:
		return "mean absolute error"
	}
	return "probability of the true class"
}

// changeOf compares disturbed scores with those of the whole inputs, pair by pair.
func changeOf(kind evaluate.Kind, truth, whole, now []float64) Change {
	c := Change{Items: len(whole)}
	loss := make([]float64, len(whole))
	positive := make([]bool, len(whole))
	for i := range whole {
		c.MeanMove += math.Abs(now[i]-whole[i]) / float64(len(whole))
		positive[i] = truth[i] == 1
		loss[i] = whole[i] - now[i]
		if kind == evaluate.Regression {
			loss[i] = math.Abs(now[i]-truth[i]) - math.Abs(whole[i]-truth[i])
		}
	}
	value, low, high := math.NaN(), math.NaN(), math.NaN()
	if kind == evaluate.Binary {
		if slices.Contains(positive, true) && slices.Contains(positive, false) {
			p := stats.DeLongPaired(whole, now, positive)
			v := p.Interval(0.95)
			value, low, high = p.Difference, v.Low, v.High
		}
	} else {
		value, low, high = meanInterval(loss)
	}
	c.Loss, c.Low, c.High = explain.Finite(value), explain.Finite(low), explain.Finite(high)
	return c
}

// meanInterval is a mean with its normal 95 % interval.
func meanInterval(v []float64) (mean, low, high float64) {
	n := float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	ss := 0.0
	for _, x := range v {
		ss += (x - mean) * (x - mean)
	}
	half := stats.NormalQuantile(0.95) * math.Sqrt(ss/(n-1)/n)
	return mean, mean - half, mean + half
}

func (m *MotionTest) say() {
	cost := func(name string, c Change) string {
		if c.Loss == nil || c.Low == nil {
			return fmt.Sprintf("%s moves the score by %.3g", name, c.MeanMove)
		}
		return fmt.Sprintf("%s costs %.3g of %s (95 %% interval %.3g to %.3g)", name, *c.Loss, m.Measure, *c.Low, *c.High)
	}
	known := m.Frozen.Loss != nil && m.Frozen.Low != nil
	m.Uses = known && *m.Frozen.Low > 0
	facts := cost("repeating one frame", m.Frozen) + "; " + cost("shuffling the frames", m.Shuffled) + "."
	switch {
	case !known || m.Frozen.Items < 10:
		m.Words = fmt.Sprintf("%d items are too few to tell whether the network uses motion: %s", m.Frozen.Items, facts)
	case m.Uses:
		m.Words = "The network uses more than a single frame: " + facts
	default:
		m.Words = "Nothing shows that the network uses motion: " + facts
	}
}
