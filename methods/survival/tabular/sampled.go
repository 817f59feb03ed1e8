package tabular

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// sampled goes through the events, each with controls drawn from its risk set (Cox-CC and Cox-Time). Cases and controls of a batch run
// through the network together.
type sampled struct {
	m          *Model
	e          *torch.Engine
	net        *mlp
	train, val Data
	scale      survival.TimeScale
	cases      casesOf
	buffer     *torch.Tensor // [events × (1 + controls), in]
	masks      []*torch.Tensor
	batches    []batch
	valX       *torch.Tensor
	valSizes   []int // cases of each validation chunk
	whole      *torch.Tensor
}

// casesOf are a cohort's events and what drawing from their risk sets needs.
type casesOf struct {
	d      Data
	order  []int // people by time
	sorted []float64
	event  []int // people with an event
}

func newCases(d Data) casesOf {
	c := casesOf{d: d, order: allRows(d.Len())}
	slices.SortStableFunc(c.order, func(a, b int) int {
		switch {
		case d.Labels.Time[a] < d.Labels.Time[b]:
			return -1
		case d.Labels.Time[a] > d.Labels.Time[b]:
			return 1
		}
		return 0
	})
	for _, i := range c.order {
		c.sorted = append(c.sorted, d.Labels.Time[i])
		if d.Labels.Event[i] != 0 {
			c.event = append(c.event, i)
		}
	}
	return c
}

// control draws somebody whose time is at least t.
func (c casesOf) control(t float64, rng *rand.Rand) int {
	first := sort.SearchFloat64s(c.sorted, t)
	return c.order[first+rng.IntN(len(c.order)-first)]
}

func newSampled(m *Model, e *torch.Engine, train, val Data) (*sampled, error) {
	s := m.Settings
	f := &sampled{m: m, e: e, train: train, val: val, cases: newCases(train)}
	in := train.P
	if s.Model == CoxTime {
		in++
		f.scale = survival.FitTimeScale(train.Labels.Time, s.LogTime)
	}
	m.out, m.scale = 1, f.scale
	f.net = newMLP(e, in, s.Hidden, 1, s, false, s.Seed)
	keep := f.net.keep
	each := 1 + s.Controls
	n := len(f.cases.event) * each
	f.buffer = keep(e.Empty(torch.Float32, int64(n), int64(in)))
	grad := keep(e.Zeros(torch.Float32, int64((s.Batch+1)*each), 1))
	if s.Dropout > 0 {
		for _, h := range s.Hidden {
			f.masks = append(f.masks, keep(e.Empty(torch.Float32, int64(n), int64(h))))
		}
	}
	for _, span := range spans(len(f.cases.event), s.Batch) {
		b := batch{lo: span[0], hi: span[1]}
		lo, size := int64(b.lo*each), int64((b.hi-b.lo)*each)
		b.x = keep(f.buffer.Narrow(0, lo, size))
		for _, mask := range f.masks {
			b.masks = append(b.masks, keep(mask.Narrow(0, lo, size)))
		}
		b.grad = keep(grad.Narrow(0, 0, size))
		f.batches = append(f.batches, b)
	}
	f.fixValidation()
	if s.Model == CoxCC {
		f.whole = keep(e.FromFloat32(train.X, int64(train.Len()), int64(train.P)))
	}
	return f, nil
}

// validationRepeats is how often each validation event is compared with fresh controls; more makes early stopping steadier.
const validationRepeats = 10

func (f *sampled) fixValidation() {
	c := newCases(f.val)
	rng := f.m.Settings.Seed.Stream("validation controls")
	if len(c.event) == 0 {
		return
	}
	k := f.m.Settings.Controls
	n := len(c.event) * validationRepeats
	in := f.net.in
	x := make([]float32, 0, n*(1+k)*in)
	add := func(i int, t float64) { x = append(x, f.row(f.val, i, t)...) }
	for range validationRepeats {
		for _, i := range c.event {
			add(i, f.val.Labels.Time[i])
		}
	}
	for range k {
		for range validationRepeats {
			for _, i := range c.event {
				t := f.val.Labels.Time[i]
				add(c.control(t, rng), t)
			}
		}
	}
	f.valX = f.net.keep(f.e.FromFloat32(x, int64(n*(1+k)), int64(in)))
	f.valSizes = []int{n}
}

// row is a person's input, with the time at which the risk is asked for.
func (f *sampled) row(d Data, i int, t float64) []float32 {
	x := d.row(i)
	if f.m.Settings.Model != CoxTime {
		return x
	}
	return append(slices.Clip(x), float32(f.scale.Scale(t)))
}

func (f *sampled) network() *mlp { return f.net }

func (f *sampled) shuffle(rng *rand.Rand) int {
	events := f.cases.event
	rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	k, in := f.m.Settings.Controls, f.net.in
	f.buffer.WithFloat32s(func(v []float32) {
		at := 0
		put := func(i int, t float64) {
			copy(v[at:], f.train.row(i))
			if in > f.train.P {
				v[at+in-1] = float32(f.scale.Scale(t))
			}
			at += in
		}
		for _, b := range f.batches {
			for _, i := range events[b.lo:b.hi] {
				put(i, f.train.Labels.Time[i])
			}
			for range k {
				for _, i := range events[b.lo:b.hi] {
					t := f.train.Labels.Time[i]
					put(f.cases.control(t, rng), t)
				}
			}
		}
	})
	fillMasks(f.masks, f.m.Settings.Dropout, rng)
	return len(f.batches)
}

func (f *sampled) step(k int) survival.Loss {
	b := &f.batches[k]
	out := f.net.forward(b.x, b.masks)
	loss := f.loss(out, b.hi-b.lo)
	b.grad.WithFloat32s(func(g []float32) {
		for i, v := range loss.Grad {
			g[i] = float32(v)
		}
	})
	f.net.backward(b.grad, b.masks)
	return loss
}

func (f *sampled) loss(out *torch.Tensor, cases int) survival.Loss {
	values := out.Float64s()
	var controls [][]float64
	for lo := cases; lo < len(values); lo += cases {
		controls = append(controls, values[lo:lo+cases])
	}
	return survival.CoxCCLoss(values[:cases], controls, f.m.Settings.Shrink, -3e38, 80)
}

func (f *sampled) validate() float64 {
	if f.valX == nil {
		return math.NaN()
	}
	return f.loss(f.net.eval(f.valX), f.valSizes[0]).Value
}

func (f *sampled) finish() {
	if f.m.Settings.Model == CoxCC {
		f.m.baseline = survival.CoxBaseline(f.net.eval(f.whole).Float64s(), f.train.Labels)
		return
	}
	f.m.baseline = survival.CoxTimeBaseline(f.train.Labels, timeScores(f.net, f.train, f.scale))
}

// timeScores computes Cox-Time's g(x, t). The first layer is linear in (x, t), so its part of x is computed once.
func timeScores(net *mlp, d Data, scale survival.TimeScale) survival.RiskScores {
	e := net.e
	first := &net.layers[0]
	p := int64(d.P)
	x := e.FromFloat32(d.X, int64(d.Len()), p)
	base := one(e, "aten::addmm", first.b, x, first.w.Narrow(1, 0, p).T()) // [N, H]
	byTime := first.w.Narrow(1, p, 1).Squeeze(1)                           // [H]
	var order []int
	var sorted *torch.Tensor
	return func(people []int, t float64, out []float64) {
		scope := e.Scope()
		defer scope.Close()
		// Callers ask for ever shorter tails of one order, or for everybody: one gathered copy serves them.
		if len(order) < len(people) || !slices.Equal(order[len(order)-len(people):], people) {
			order = slices.Clone(people)
			index := make([]int64, len(people))
			for k, i := range people {
				index[k] = int64(i)
			}
			sorted.Free()
			sorted = base.IndexSelect(0, e.FromInt64s(index, int64(len(index)))).Keep()
			net.kept = append(net.kept, sorted)
		}
		part := sorted.Narrow(0, int64(len(order)-len(people)), int64(len(people)))
		z := one(e, "aten::add.Tensor", part, byTime, scale.Scale(t)).Relu_()
		net.evalFrom(z).WithFloat32s(func(v []float32) {
			for i := range out {
				out[i] = float64(v[i])
			}
		})
	}
}

// evalFrom goes on after the first layer's activation.
func (m *mlp) evalFrom(x *torch.Tensor) *torch.Tensor {
	norm := func(l *layer, x *torch.Tensor) *torch.Tensor {
		if !m.batchNorm {
			return x
		}
		return many(m.e, "aten::native_batch_norm", x, l.gamma, l.beta, l.runningMean, l.runningVar, false, normMomentum, normEps)[0]
	}
	x = norm(&m.layers[0], x)
	for i := 1; i < len(m.layers); i++ {
		l := &m.layers[i]
		x = l.linear(m.e, x)
		if i < len(m.layers)-1 {
			x = norm(l, x.Relu_())
		}
	}
	return x
}
