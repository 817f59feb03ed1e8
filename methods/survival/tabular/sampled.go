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
	net        *mlp
	train, val Data
	scale      survival.TimeScale
	cases      casesOf
	epoch      epoch
	valX       *torch.Tensor
	valCases   int
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

// control draws somebody from the risk set at an event's time t: whose time is at least t, and who had entered.
func (c casesOf) control(t float64, rng *rand.Rand) int {
	first := sort.SearchFloat64s(c.sorted, t)
	for { // the case itself is in the risk set, so that this ends
		i := c.order[first+rng.IntN(len(c.order)-first)]
		if c.d.Labels.Entry == nil || c.d.Labels.Entry[i] < t {
			return i
		}
	}
}

func newSampled(m *Model, e *torch.Engine, train, val Data) (*sampled, error) {
	s := m.Settings
	f := &sampled{m: m, train: train, val: val, cases: newCases(train)}
	in := train.P
	if s.Model == CoxTime {
		in++
		f.scale = survival.FitTimeScale(train.Labels.Time, s.LogTime)
	}
	m.out, m.scale = 1, f.scale
	f.net = newMLP(e, in, s.Hidden, 1, s, false, s.Seed)
	f.epoch = f.net.epoch(len(f.cases.event), 1+s.Controls, s.Batch)
	f.fixValidation()
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
	f.valX, f.valCases = f.net.keep(f.net.e.FromFloat32(x, int64(n*(1+k)), int64(in))), n
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
	f.net.fill(f.epoch, rng, func(v []float32) {
		at := 0
		put := func(i int, t float64) {
			copy(v[at:], f.train.row(i))
			if in > f.train.P {
				v[at+in-1] = float32(f.scale.Scale(t))
			}
			at += in
		}
		for _, b := range f.epoch.batches {
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
	return len(f.epoch.batches)
}

func (f *sampled) step(k int) survival.Loss {
	b := &f.epoch.batches[k]
	return f.net.learn(b, func(o []float64) survival.Loss { return f.loss(o, b.hi-b.lo) })
}

func (f *sampled) loss(values []float64, cases int) survival.Loss {
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
	return f.loss(f.net.eval(f.valX, nil), f.valCases).Value
}

// timeScores computes Cox-Time's g(x, t). The first layer is linear in (x, t), so its part of x is computed once.
func timeScores(net *mlp, d Data, scale survival.TimeScale) survival.RiskScores {
	p, h := int64(d.P), int64(net.hidden[0])
	weight := net.net.Theta.Narrow(0, 0, h*(p+1)).View(h, p+1)
	bias := net.net.Theta.Narrow(0, h*(p+1), h)
	x := net.e.FromFloat32(d.X, int64(d.Len()), p)
	base := torch.Linear(x, weight.Narrow(1, 0, p), bias) // [N, H]
	byTime := weight.Narrow(1, p, 1).Reshape(h).Float32s()
	shift := net.keep(net.e.Zeros(torch.Float32, h))
	var order []int
	var sorted *torch.Tensor
	return func(people []int, t float64, out []float64) {
		scope := net.e.Scope()
		defer scope.Close()
		// Callers ask for ever shorter tails of one order, or for everybody: one gathered copy serves them.
		if sorted == nil || len(order) < len(people) || !slices.Equal(order[len(order)-len(people):], people) {
			order = slices.Clone(people)
			index := make([]int64, len(people))
			for k, i := range people {
				index[k] = int64(i)
			}
			sorted.Free()
			sorted = base.IndexSelect(0, net.e.FromInt64s(index, int64(len(index)))).Keep()
			net.kept = append(net.kept, sorted)
		}
		at := float32(scale.Scale(t))
		shift.WithFloat32s(func(v []float32) {
			for i, w := range byTime {
				v[i] = w * at
			}
		})
		copy(out, net.eval(sorted.Narrow(0, int64(len(order)-len(people)), int64(len(people))), shift))
	}
}
