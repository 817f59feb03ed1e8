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
	baseline survival.Baseline
	scale    survival.TimeScale
	unit     float64   // DeSurv: of the integral
	times    []float64 // DeSurv: of its curves
}

// Fit trains on one set and stops early on the other. The engine must be on a CPU. The error is Input where the labels cannot be learnt
// from, Interrupted when ctx ends.
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
	m := &Model{Settings: s, p: train.P}
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
	e.NoGrad(func() { err = m.run(ctx, e, f) })
	if err != nil {
		return nil, err
	}
	net.setState(m.state)
	e.NoGrad(func() { f.finish() })
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
	finish()
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
	e          *torch.Engine
	net        *mlp
	train, val Data
	head       head
	valHead    head
	order      []int
	whole      *torch.Tensor // [N, P]
	valX       *torch.Tensor
	shuffled   *torch.Tensor // [N, P], rewritten each epoch
	index      *torch.Tensor // [N] int64
	masks      []*torch.Tensor
	batches    []batch
	output     []float64
}

// batch are views of the epoch's buffers.
type batch struct {
	lo, hi int
	x      *torch.Tensor
	masks  []*torch.Tensor
	grad   *torch.Tensor // [B, out]
}

func newEverybody(m *Model, e *torch.Engine, train, val Data) (*everybody, error) {
	s := m.Settings
	f := &everybody{m: m, e: e, train: train, val: val}
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
	n, p := int64(train.Len()), int64(train.P)
	keep := f.net.keep
	f.whole = keep(e.FromFloat32(train.X, n, p))
	f.valX = keep(e.FromFloat32(val.X, int64(val.Len()), p))
	f.shuffled = keep(e.Empty(torch.Float32, n, p))
	f.index = keep(e.FromInt64s(make([]int64, n), n))
	grad := keep(e.Zeros(torch.Float32, int64(s.Batch)*2, int64(f.head.out)))
	if s.Dropout > 0 {
		for _, h := range s.Hidden {
			f.masks = append(f.masks, keep(e.Empty(torch.Float32, n, int64(h))))
		}
	}
	f.order = make([]int, train.Len())
	for i := range f.order {
		f.order[i] = i
	}
	for _, span := range spans(train.Len(), s.Batch) {
		b := batch{lo: span[0], hi: span[1]}
		lo, size := int64(b.lo), int64(b.hi-b.lo)
		b.x = keep(f.shuffled.Narrow(0, lo, size))
		for _, mask := range f.masks {
			b.masks = append(b.masks, keep(mask.Narrow(0, lo, size)))
		}
		b.grad = keep(grad.Narrow(0, 0, size))
		f.batches = append(f.batches, b)
	}
	return f, nil
}

// spans divides n rows into batches; a last batch of one row joins the one before, since it has no variance to normalise by.
func spans(n, size int) [][2]int {
	var out [][2]int
	for lo := 0; lo < n; lo += size {
		hi := min(lo+size, n)
		if hi-lo == 1 && len(out) > 0 {
			out[len(out)-1][1] = hi
			continue
		}
		out = append(out, [2]int{lo, hi})
	}
	return out
}

func (f *everybody) network() *mlp { return f.net }

func (f *everybody) shuffle(rng *rand.Rand) int {
	rng.Shuffle(len(f.order), func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
	scope := f.e.Scope()
	defer scope.Close()
	rows := make([]int64, len(f.order))
	for k, i := range f.order {
		rows[k] = int64(i)
	}
	f.index.Copy_(f.e.FromInt64s(rows, int64(len(rows))))
	one(f.e, "aten::index_select.out", f.whole, 0, f.index, f.shuffled)
	fillMasks(f.masks, f.m.Settings.Dropout, rng)
	return len(f.batches)
}

// fillMasks draws dropout factors: 0 with the rate's probability, else 1/(1 − rate).
func fillMasks(masks []*torch.Tensor, rate float64, from *rand.Rand) {
	rng := rand.NewPCG(from.Uint64(), from.Uint64()) // quicker than the stream itself
	keep := math.Float32bits(float32(1 / (1 - rate)))
	limit := int32(rate * (1 << 16))
	for _, m := range masks {
		m.WithFloat32s(func(v []float32) {
			for i := 0; i < len(v); i += 4 {
				r := rng.Uint64() // four draws of 16 bits
				for j := i; j < min(i+4, len(v)); j++ {
					dropped := uint32((int32(r&0xffff) - limit) >> 31) // all ones, or zero: a branch would be guessed wrong
					v[j] = math.Float32frombits(keep &^ dropped)
					r >>= 16
				}
			}
		})
	}
}

func (f *everybody) step(k int) survival.Loss {
	b := &f.batches[k]
	out := f.net.forward(b.x, b.masks)
	loss := f.head.loss(f.values(out), f.order[b.lo:b.hi])
	b.grad.WithFloat32s(func(g []float32) {
		for i, v := range loss.Grad {
			g[i] = float32(v)
		}
	})
	f.net.backward(b.grad, b.masks)
	return loss
}

// values are a tensor's elements in a buffer that the next call reuses.
func (f *everybody) values(t *torch.Tensor) []float64 {
	t.WithFloat32s(func(v []float32) {
		if cap(f.output) < len(v) {
			f.output = make([]float64, len(v))
		}
		f.output = f.output[:len(v)]
		for i, x := range v {
			f.output[i] = float64(x)
		}
	})
	return f.output
}

func (f *everybody) validate() float64 {
	return f.valHead.loss(f.values(f.net.eval(f.valX)), allRows(f.val.Len())).Value
}

func (f *everybody) finish() {
	if f.m.Settings.Model == CoxPH {
		f.m.baseline = survival.CoxBaseline(f.values(f.net.eval(f.whole)), f.train.Labels)
	}
}

func allRows(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}
