package survival

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Bank remembers the last risks of earlier steps, so that a Cox loss has a risk set when the network sees one study at a time (the
// memory bank of torchsurv; the accumulated risk sets of pathology models). Remembered risks are constants: they get no gradient.
type Bank struct {
	Size   int // people remembered
	Ties   Ties
	logH   []float64
	labels Labels
}

// Loss is the Cox loss of the new people among the remembered ones, with the gradient of the new people only, and remembers the new.
// The loss counts every event of the joint set; Events counts them too, so 0 means that nothing was learnt.
func (b *Bank) Loss(logH []float64, l Labels) Loss {
	joint := append(append([]float64{}, b.logH...), logH...)
	labels := Labels{Time: append(append([]float64{}, b.labels.Time...), l.Time...), Event: append(append([]int{}, b.labels.Event...), l.Event...)}
	if b.labels.Entry != nil || l.Entry != nil {
		labels.Entry = append(entries(b.labels), entries(l)...)
	}
	all := CoxLoss(joint, labels, b.Ties, nil)
	out := Loss{Value: all.Value, Events: all.Events, Grad: all.Grad[len(b.logH):]}
	drop := max(len(joint)-b.Size, 0)
	b.logH = joint[drop:]
	b.labels = labels
	b.labels.Time, b.labels.Event = labels.Time[drop:], labels.Event[drop:]
	if labels.Entry != nil {
		b.labels.Entry = labels.Entry[drop:]
	}
	return out
}

// entries are when people came under watch, before all times where the labels do not say.
func entries(l Labels) []float64 {
	if l.Entry != nil {
		return slices.Clone(l.Entry)
	}
	return slices.Repeat([]float64{math.Inf(-1)}, l.Len())
}

// BalancedOrder shuffles people so that every batch has its share of the events: a Cox loss learns nothing from a batch without one.
func BalancedOrder(event []int, batch int, rng *rand.Rand) []int {
	var with, without []int
	for i, e := range event {
		if e != 0 {
			with = append(with, i)
		} else {
			without = append(without, i)
		}
	}
	shuffle := func(x []int) { rng.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] }) }
	shuffle(with)
	shuffle(without)
	n := len(event)
	batches := (n + batch - 1) / batch
	out := make([]int, 0, n)
	for b := range batches {
		size := min(batch, n-b*batch)
		lo, hi := b*len(with)/batches, (b+1)*len(with)/batches
		part := append([]int{}, with[lo:min(hi, lo+size)]...)
		rest := size - len(part)
		if rest > len(without) { // more events than an even share leaves room for others
			rest = len(without)
		}
		part = append(part, without[:rest]...)
		without = without[rest:]
		shuffle(part)
		out = append(out, part...)
	}
	if len(out) < n { // rounding left some over
		seen := make([]bool, n)
		for _, i := range out {
			seen[i] = true
		}
		for i := range n {
			if !seen[i] {
				out = append(out, i)
			}
		}
	}
	return out
}
