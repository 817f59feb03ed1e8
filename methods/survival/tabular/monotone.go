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
	net        *mlp
	train, val Data
	order      []int
	epoch      epoch
	valX       *torch.Tensor
}

const perPerson = len(survival.DeSurvNodes) + 1

func newMonotone(m *Model, e *torch.Engine, train, val Data) *monotone {
	s := m.Settings
	f := &monotone{m: m, train: train, val: val, order: allRows(train.Len())}
	m.scale, m.unit, m.times = survival.FitTimeScale(train.Labels.Time, s.LogTime), medianTime(train.Labels), gridOf(train.Labels.Time)
	m.out, m.bias = 1, true
	in := train.P + 1
	f.net = newMLP(e, in, s.Hidden, 1, s, true, s.Seed)
	f.epoch = f.net.epoch(train.Len(), perPerson, s.Batch)
	rows := make([]float32, val.Len()*perPerson*in)
	f.put(rows, val, allRows(val.Len()))
	f.valX = f.net.keep(e.FromFloat32(rows, int64(val.Len()*perPerson), int64(in)))
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
	f.net.fill(f.epoch, rng, func(x []float32) { f.put(x, f.train, f.order) })
	return len(f.epoch.batches)
}

func (f *monotone) step(k int) survival.Loss {
	b := &f.epoch.batches[k]
	return f.net.learn(b, func(o []float64) survival.Loss {
		return survival.DeSurvLoss(o, f.train.Labels.Select(f.order[b.lo:b.hi]), f.m.unit)
	})
}

func (f *monotone) validate() float64 {
	return survival.DeSurvLoss(f.net.eval(f.valX, nil), f.val.Labels, f.m.unit).Value
}
