package bench

import (
	"context"

	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/methods/fairness/linear"
)

// Method is a way to fit a classifier.
type Method struct {
	Name string
	run  func(ctx context.Context, f *fitting) (prob []float64, err error) // probability of a yes, a test row each
}

// Methods are those of the table.
func Methods() []Method {
	return []Method{
		{"unmitigated", unmitigated},
		{"reweighing", reweighing},
		{"expgrad_dp", reduction(fairness.DemographicParity)},
		{"expgrad_eo", reduction(fairness.EqualisedOdds)},
		{"threshold_dp", thresholds(fairness.DemographicParity)},
		{"threshold_eo", thresholds(fairness.EqualisedOdds)},
		{"grid_dp", grid},
	}
}

// fitting is what a method sees.
type fitting struct {
	train, test  *linear.Design
	y, group     []int // of the training rows
	testGroup    []int
	k            int
	base         *linear.Model // the unmitigated fit
	last         *linear.Model // the last fit: neighbours on a grid, or in a game, start near each other
	calls        int           // of the base learner, the unmitigated fit not counted
	gap          float64       // of a reduction's game
	iterations   int
	trainError   float64
	trainWorst   float64 // largest moment on the training rows
	trainChecked bool
	ties         [][]float64 // answers of rules that the training rows cannot tell from the one that is returned
}

// constantModel answers the same for everybody.
func constantModel(width int) func(int) *linear.Model {
	return func(label int) *linear.Model {
		return &linear.Model{Weight: make([]float64, width), Intercept: float64(2*label - 1)}
	}
}

func (f *fitting) oracle() fairness.Oracle[*linear.Model] {
	return func(ctx context.Context, label []int, weight []float64) (*linear.Model, []int, error) {
		f.calls++
		if f.last == nil {
			f.last = f.base
		}
		m, err := linear.Fit(ctx, f.train, label, weight, linear.Options{Start: f.last}) // the optimum does not depend on the start
		if err != nil {
			return nil, nil, err
		}
		f.last = m
		return m, m.Labels(f.train.Rows), nil
	}
}

func asProbability(pred []int) []float64 {
	out := make([]float64, len(pred))
	for i, p := range pred {
		out[i] = float64(p)
	}
	return out
}

func unmitigated(_ context.Context, f *fitting) ([]float64, error) {
	return asProbability(f.base.Labels(f.test.Rows)), nil
}

func reweighing(ctx context.Context, f *fitting) ([]float64, error) {
	f.calls++
	m, err := linear.Fit(ctx, f.train, f.y, fairness.Reweigh(f.y, f.group, f.k), linear.Options{Start: f.base})
	if err != nil {
		return nil, err
	}
	return asProbability(m.Labels(f.test.Rows)), nil
}

func reduction(c fairness.Constraint) func(context.Context, *fitting) ([]float64, error) {
	return func(ctx context.Context, f *fitting) ([]float64, error) {
		m := c.Moment(f.y, f.group, f.k)
		r, err := fairness.ExponentiatedGradient(ctx, f.y, m, f.oracle(), constantModel(f.train.Width), fairness.ExpGradOptions{})
		if err != nil {
			return nil, err
		}
		f.gap, f.iterations, f.trainError, f.trainWorst, f.trainChecked = r.Gap, r.Iterations, r.Error, r.Violation, true
		pred := make([][]int, len(r.Hypotheses))
		for h, model := range r.Hypotheses {
			pred[h] = model.Labels(f.test.Rows)
		}
		return r.Probability(pred), nil
	}
}

func thresholds(c fairness.Constraint) func(context.Context, *fitting) ([]float64, error) {
	return func(_ context.Context, f *fitting) ([]float64, error) {
		rules, err := fairness.ThresholdTies(f.base.Probability(f.train.Rows), f.y, f.group, f.k, c, fairness.Accuracy, 1/float64(len(f.y)))
		if err != nil {
			return nil, err
		}
		score := f.base.Probability(f.test.Rows)
		for _, r := range rules {
			f.ties = append(f.ties, r.Probability(score, f.testGroup))
		}
		return f.ties[0], nil
	}
}

func grid(ctx context.Context, f *fitting) ([]float64, error) {
	m := fairness.DemographicParity.Moment(f.y, f.group, f.k)
	points, best, err := fairness.GridSearch(ctx, f.y, m, f.oracle(), constantModel(f.train.Width), fairness.GridOptions{Size: 21})
	if err != nil {
		return nil, err
	}
	f.trainError, f.trainWorst, f.trainChecked = points[best].Error, points[best].Violation, true
	return asProbability(points[best].Hypothesis.Labels(f.test.Rows)), nil
}
