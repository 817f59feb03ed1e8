package tabular

import (
	"math/rand/v2"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/torch"
)

// monotone trains DeSurv (Danks and Yau 2022): every person runs through the network at the nodes of an integral up to their time, and at
// the time itself, one input row each.
type monotone struct {
	m          *Model
	e          *torch.Engine
	net        *mlp
	train, val Data
	order      []int
	buffer     *torch.Tensor // [people × perPerson, P+1], rewritten each epoch
	masks      []*torch.Tensor
	batches    []batch
	valX       *torch.Tensor
	output     []float64
}

const perPerson = len(survival.DeSurvNodes) + 1

func newMonotone(m *Model, e *torch.Engine, train, val Data) *monotone {
	s := m.Settings
	f := &monotone{m: m, e: e, train: train, val: val, order: allRows(train.Len())}
	m.scale, m.unit, m.times = survival.FitTimeScale(train.Labels.Time, s.LogTime), medianTime(train.Labels), gridOf(train.Labels.Time)
	m.out, m.bias = 1, true
	in := train.P + 1
	f.net = newMLP(e, in, s.Hidden, 1, s, true, s.Seed)
	keep := f.net.keep
	n := int64(train.Len() * perPerson)
	f.buffer = keep(e.Empty(torch.Float32, n, int64(in)))
	grad := keep(e.Zeros(torch.Float32, int64((s.Batch+1)*perPerson), 1))
	if s.Dropout > 0 {
		for _, h := range s.Hidden {
			f.masks = append(f.masks, keep(e.Empty(torch.Float32, n, int64(h))))
		}
	}
	for _, span := range spans(train.Len(), s.Batch) {
		b := batch{lo: span[0], hi: span[1]}
		lo, size := int64(b.lo*perPerson), int64((b.hi-b.lo)*perPerson)
		b.x = keep(f.buffer.Narrow(0, lo, size))
		for _, mask := range f.masks {
			b.masks = append(b.masks, keep(mask.Narrow(0, lo, size)))
		}
		b.grad = keep(grad.Narrow(0, 0, size))
		f.batches = append(f.batches, b)
	}
	rows := make([]float32, val.Len()*perPerson*in)
	f.put(rows, val, allRows(val.Len()))
	f.valX = keep(e.FromFloat32(rows, int64(val.Len()*perPerson), int64(in)))
	return f
}

// put writes the input rows of people.
func (f *monotone) put(v []float32, d Data, people []int) {
	at := 0
	for _, i := range people {
		t := d.Labels.Time[i]
		for q := range perPerson {
			copy(v[at:], d.row(i))
			s := t
			if q < len(survival.DeSurvNodes) {
				s *= survival.DeSurvNodes[q]
			}
			v[at+d.P] = float32(f.m.scale.Scale(s))
			at += d.P + 1
		}
	}
}

func (f *monotone) network() *mlp { return f.net }

func (f *monotone) shuffle(rng *rand.Rand) int {
	rng.Shuffle(len(f.order), func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
	f.buffer.WithFloat32s(func(v []float32) { f.put(v, f.train, f.order) })
	fillMasks(f.masks, f.m.Settings.Dropout, rng)
	return len(f.batches)
}

func (f *monotone) step(k int) survival.Loss {
	b := &f.batches[k]
	out := f.net.forward(b.x, b.masks)
	loss := survival.DeSurvLoss(f.values(out), f.train.Labels.Select(f.order[b.lo:b.hi]), f.m.unit)
	b.grad.WithFloat32s(func(g []float32) {
		for i, v := range loss.Grad {
			g[i] = float32(v)
		}
	})
	f.net.backward(b.grad, b.masks)
	return loss
}

func (f *monotone) values(t *torch.Tensor) []float64 {
	t.WithFloat32s(func(v []float32) {
		f.output = f.output[:0]
		for _, x := range v {
			f.output = append(f.output, float64(x))
		}
	})
	return f.output
}

func (f *monotone) validate() float64 {
	return survival.DeSurvLoss(f.values(f.net.eval(f.valX)), f.val.Labels, f.m.unit).Value
}

func (f *monotone) finish() {}
