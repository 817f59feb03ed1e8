package learn

import (
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// losses holds what the losses of all heads depend on.
type losses struct {
	e         *torch.Engine
	heads     []head
	smoothing float64 // class and binary targets
	kind      string  // of regression: mse, l1, huber
	spec      TrainSpec
	belief    beliefs
	weights   *lossWeights // nil: the heads' own
}

func newLosses(e *torch.Engine, heads []head, spec TrainSpec) (*losses, error) {
	switch spec.RegressionLoss {
	case "", "mse", "l1", "huber":
	default:
		return nil, fault.New(fault.Usage, "train.regression_loss: no loss %q", spec.RegressionLoss).WithHint("there are mse, l1 and huber")
	}
	if err := checkClassLoss(spec); err != nil {
		return nil, err
	}
	return &losses{e: e, heads: heads, smoothing: spec.LabelSmoothing, kind: spec.RegressionLoss, spec: spec}, nil
}

// ignored marks rows without a class, as in torch's cross_entropy_loss.
const ignored = -100

// sum is the loss of head h summed over the values that are known, and how many those are. out is [N, Width], float32. With none known
// the sum is nil. A missing value has no gradient.
func (l *losses) sum(h head, out *torch.Tensor, rows []cohort.Row) (*torch.Tensor, int) {
	if h.Kind == evaluate.TimeToEvent {
		return survivalSum(h, out, rows)
	}
	if h.belief() {
		return l.beliefSum(h, out, rows)
	}
	value, present, count := h.truths(rows)
	if count == 0 {
		return nil, 0
	}
	n := int64(len(rows))
	if h.Kind == evaluate.Class && l.special(h) {
		return l.classSum(h, out, value, present), count
	}
	if h.Kind == evaluate.Class {
		index := make([]int64, len(rows))
		for i, v := range value {
			index[i] = ignored
			if present[i] == 1 {
				index[i] = int64(v)
			}
		}
		return torch.CrossEntropyLoss(out, l.e.FromInt64s(index, n), nil, torch.ReduceSum, ignored, l.smoothing), count
	}
	width := int64(len(value)) / n
	if h.Kind != evaluate.Regression && l.smoothing > 0 {
		for i, v := range value {
			value[i] = v*(1-float32(l.smoothing)) + float32(l.smoothing)/2
		}
	}
	truth, mask := l.e.FromFloat32(value, n, width), l.e.FromFloat32(present, n, width)
	if l.special(h) {
		return l.binarySum(h, out, truth, mask), count
	}
	if h.Kind != evaluate.Regression {
		return torch.BinaryCrossEntropyWithLogits(out, truth, mask, nil, torch.ReduceSum), count
	}
	// A missing value's prediction is compared with itself being 0: masked before the loss, so that nothing is left of it.
	diff := out.Mul(mask)
	switch l.kind {
	case "l1":
		return torch.L1Loss(diff, truth, torch.ReduceSum), count
	case "huber":
		return torch.HuberLoss(diff, truth, torch.ReduceSum, 1), count
	}
	return torch.MSELoss(diff, truth, torch.ReduceSum), count
}

// total is the loss of a batch: over targets, weight × mean over known values, and what learnt weights add. outs are the heads' outputs in order. It is nil when
// no value is known.
func (l *losses) total(outs []*torch.Tensor, rows []cohort.Row) *torch.Tensor {
	var total *torch.Tensor
	for i, h := range l.heads {
		s, n := l.sum(h, outs[i], rows)
		if n == 0 {
			continue
		}
		s = l.weights.apply(i, s.MulScalar(1/float64(n)), h.Weight)
		if total == nil {
			total = s
		} else {
			total = total.Add(s)
		}
	}
	return total
}

// tally adds up the validation loss of each head over batches.
type tally struct {
	sum   []float64
	count []int
}

func (l *losses) tally(t *tally, outs []*torch.Tensor, rows []cohort.Row) {
	if t.sum == nil {
		t.sum, t.count = make([]float64, len(l.heads)), make([]int, len(l.heads))
	}
	defer l.belief.judging()()
	for i, h := range l.heads {
		if s, n := l.sum(h, outs[i], rows); n > 0 {
			t.sum[i] += s.Item()
			t.count[i] += n
		}
	}
}

// value is Σ weight × mean over known values; targets without any are left out. Weights are the recipe's also where others are learnt, so
// that epochs compare.
func (t tally) value(heads []head) float64 {
	var v float64
	for i, h := range heads {
		if t.count != nil && t.count[i] > 0 {
			v += h.Weight * t.sum[i] / float64(t.count[i])
		}
	}
	return v
}
