package tabular

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// Model is a trained network that predicts survival.
type Model struct {
	Settings  Settings
	Epochs    int       // trained
	Best      int       // epoch of the weights kept, counted from 1
	Losses    []float64 // validation loss of each epoch
	Eventless int       // batches without an event, which taught nothing
	Cuts      survival.Cuts
	Note      string

	p        int
	out      int
	bias     bool
	state    [][]float32
	head     head
	train    Data // that the baseline is of
	baseline survival.Baseline
	scale    survival.TimeScale
	unit     float64   // DeSurv: of the integral
	times    []float64 // DeSurv: of its curves
}

// Fit trains on one set and stops early on the other. The engine must be on a CPU; the model keeps the training set. The error is Input
// where the labels cannot be learnt from, Interrupted when ctx ends.
func Fit(ctx context.Context, e *torch.Engine, s Settings, train, val Data) (*Model, error) {
	s, err := s.filled()
	if err != nil {
		return nil, err
	}
	if err := train.check(); err != nil {
		return nil, err
	}
	if err := val.check(); err != nil {
		return nil, err
	}
	if err := train.Labels.CheckTrain(); err != nil {
		return nil, err
	}
	if val.P != train.P {
		return nil, fault.New(fault.Internal, "tabular fit: %d training covariates, %d for validation", train.P, val.P)
	}
	for _, l := range []survival.Labels{train.Labels, val.Labels} {
		if err := canUse(s.Model, l); err != nil {
			return nil, err
		}
	}
	m := &Model{Settings: s, p: train.P, train: train}
	scope := e.Scope()
	defer scope.Close()
	var f fitter
	switch s.Model {
	case CoxCC, CoxTime:
		f, err = newSampled(m, e, train, val)
	case DeSurv:
		f = newMonotone(m, e, train, val)
	default:
		f, err = newEverybody(m, e, train, val)
	}
	if err != nil {
		return nil, err
	}
	net := f.network()
	defer net.close()
	if err := m.run(ctx, e, f); err != nil {
		return nil, err
	}
	return m, nil
}

// fitter is one way of going through the data.
type fitter interface {
	network() *mlp
	// shuffle prepares an epoch and says how many steps it has.
	shuffle(rng *rand.Rand) int
	// step computes the loss of one batch and leaves its gradient in the network.
	step(k int) survival.Loss
	validate() float64
}

func (m *Model) run(ctx context.Context, e *torch.Engine, f fitter) error {
	s := m.Settings
	net := f.network()
	best := math.Inf(1)
	for epoch := 1; epoch <= s.Epochs; epoch++ {
		steps := f.shuffle(s.Seed.Stream("epoch", epoch))
		for k := range steps {
			if err := ctx.Err(); err != nil {
				return err
			}
			scope := e.Scope()
			loss := f.step(k)
			if math.IsNaN(loss.Value) || math.IsInf(loss.Value, 0) {
				scope.Close()
				return fault.New(fault.Input, "%s: the loss is not a number in epoch %d, step %d", s.Model, epoch, k+1).WithHint("a smaller learning rate often helps; check covariates for extreme values")
			}
			if loss.Events == 0 && eventsOnly(s.Model) {
				m.Eventless++ // zero gradient: the optimiser's momentum must not move the weights either
			} else {
				net.adam(s.Rate, s.Decay)
			}
			scope.Close()
		}
		scope := e.Scope()
		loss := f.validate()
		scope.Close()
		m.Epochs = epoch
		m.Losses = append(m.Losses, loss)
		if loss < best {
			best, m.Best = loss, epoch
			m.state = net.state()
		} else if epoch-m.Best >= s.Patience {
			break
		}
	}
	if m.state == nil {
		return fault.New(fault.Input, "%s: the validation loss never was a number", s.Model)
	}
	return nil
}

// eventsOnly says whether a batch without an event has no loss.
func eventsOnly(model string) bool { return model == CoxPH }

// everybody goes through all people in batches.
type everybody struct {
	m          *Model
	net        *mlp
	train, val Data
	head       head
	valHead    head
	order      []int
	epoch      epoch
	valX       *torch.Tensor
}

func newEverybody(m *Model, e *torch.Engine, train, val Data) (*everybody, error) {
	s := m.Settings
	f := &everybody{m: m, train: train, val: val, order: allRows(train.Len())}
	switch s.Model {
	case CoxPH, Weibull, LogNormal:
	default:
		num := s.Cuts
		if s.Model == PCHazard {
			num++ // intervals
		}
		var err error
		cut := survival.QuantileCuts
		if s.Equidistant {
			cut = survival.EquidistantCuts
		}
		if m.Cuts, err = cut(seen(train.Labels), num); err != nil {
			return nil, err
		}
	}
	f.head = newHead(s, train.Labels, m.Cuts)
	f.valHead = newHead(s, val.Labels, m.Cuts)
	if s.Model == Weibull || s.Model == LogNormal { // validation in the training set's unit
		unit := medianTime(train.Labels)
		family := survival.Weibull
		if s.Model == LogNormal {
			family = survival.LogNormal
		}
		f.valHead.loss = func(o []float64, people []int) survival.Loss {
			return survival.AFTLoss(o, scaled(val.Labels.Select(people), unit), family)
		}
	}
	m.head, m.out, m.bias = f.head, f.head.out, f.head.outputBias
	f.net = newMLP(e, train.P, s.Hidden, f.head.out, s, f.head.outputBias, s.Seed)
	f.epoch = f.net.epoch(train.Len(), 1, s.Batch)
	f.valX = f.net.keep(e.FromFloat32(val.X, int64(val.Len()), int64(val.P)))
	return f, nil
}

func (f *everybody) network() *mlp { return f.net }

func (f *everybody) shuffle(rng *rand.Rand) int {
	rng.Shuffle(len(f.order), func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
	f.net.fill(f.epoch, rng, func(x []float32) {
		for k, i := range f.order {
			copy(x[k*f.train.P:], f.train.row(i))
		}
	})
	return len(f.epoch.batches)
}

func (f *everybody) step(k int) survival.Loss {
	b := &f.epoch.batches[k]
	return f.net.learn(b, func(o []float64) survival.Loss { return f.head.loss(o, f.order[b.lo:b.hi]) })
}

func (f *everybody) validate() float64 {
	return f.valHead.loss(f.net.eval(f.valX, nil), allRows(f.val.Len())).Value
}

func allRows(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}
