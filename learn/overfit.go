package learn

import (
	"context"
	"math"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
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
// squared error in SDs; of times to an event, the loss; of a class of masks, one minus its Dice coefficient over the batch.
type OverfitTarget struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Known    int     `json:"known"`    // truths in the batch; of a class of masks, its voxels
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
// network from that switched off: dropout, views left out, weight decay, label smoothing, mixing, augmentation of masks, fairness, schedule. Where it does not succeed it looks at
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
	p.Segment.Augment = volume.Augment{}
	if p.Model.Views != nil {
		p.Model.Views.Drop = -1
	}
	opts.Plan = p
	c := &OverfitCheck{LR: s.LR}
	look := func() error {
		return probe(ctx, opts, func(t *trainer) error {
			b, err := t.firstBatch(ctx)
			if err != nil {
				return err
			}
			defer t.e.Scope().Close()
			return (&learner{t: t, of: &oneBatch{t: t, batch: b, rows: b.Rows, x: input(t.e, b)}}).check(ctx, c, b.Rows, steps)
		})
	}
	if p.Kind == KindSegment {
		look = func() error {
			return probeMasks(ctx, opts, func(t *maskTrainer) error {
				b, err := t.firstBatch(ctx)
				if err != nil {
					return err
				}
				return (&learner{t: &t.trainer, of: &oneMaskBatch{t: t, batch: b}}).check(ctx, c, b.Rows, steps)
			})
		}
	}
	if err := look(); err != nil {
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

// oneBatch is a batch of scores that is learnt by heart.
type oneBatch struct {
	t     *trainer
	batch *cohort.Batch
	rows  []int
	x     *torch.Tensor

	first    []float64     // error of each head before the first step
	errors   []float64     // after the last
	scores   [][][]float64 // by head and row, after the last
	features []float32     // of all rows, after the last
}

func (f *oneBatch) forward(step int) (*nn.Pass, *torch.Tensor) {
	t := f.t
	t.e.ManualSeed(t.stepSeed(step))
	pass := t.pass(f.batch)
	if t.plan.Train.Recompute {
		pass.Recompute()
	}
	outs, features := forwardWithFeatures(t.e, t.net, pass, t.plan.Train.Autocast, f.x)
	loss := t.loss.total(outs, pick(t.opts.Cohort.Rows, f.rows))
	if aux := pass.Aux(); aux != nil {
		loss = loss.Add(aux)
	}
	f.judge(outs, features)
	if step == 0 {
		f.first = f.errors
	}
	return pass, loss
}

func (f *oneBatch) restart() error { return f.t.restart() }

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
