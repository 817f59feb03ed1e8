package views

import (
	"strconv"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Trunks are backbones of their own for each view: clips [M, C, T, H, W] of the slots that are present to features [M, D]. Their parameters are
// named "view.0.…", "view.1.…" in the order of the views.
type Trunks struct {
	Spec Spec
	Of   []nn.Module // of each view
}

// Prefix begins the names of view's backbone.
func Prefix(view int) string { return "view." + strconv.Itoa(view) + "." }

// Visit implements [nn.Module].
func (t *Trunks) Visit(prefix string, v func(string, *nn.Param)) {
	for i, m := range t.Of {
		m.Visit(prefix+Prefix(i), v)
	}
}

// Forward implements [nn.Module]. Without views in the pass all clips are of the first slot. In training a view that no study of the batch has
// takes part with weight 0, so that every parameter has a gradient.
func (t *Trunks) Forward(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	v := seen(p, x)
	m := newMask(p, v)
	order := make([]int64, len(m.places)) // of each clip, where its features come out
	var parts []*torch.Tensor
	var idle *torch.Tensor
	next := int64(0)
	for view, trunk := range t.Of {
		var own []int64
		for at, place := range m.places {
			if t.Spec.Slots[int(place)%v.Slots] == view {
				own = append(own, int64(at))
				order[at] = next
				next++
			}
		}
		switch {
		case len(own) == len(m.places):
			parts = append(parts, p.Run("view", named(view, trunk), x))
		case len(own) > 0:
			parts = append(parts, p.Run("view", named(view, trunk), x.IndexSelect(0, m.ints(own))))
		case p.Train:
			trunk.Visit("", func(_ string, q *nn.Param) {
				if q.Buffer {
					return
				}
				if idle == nil {
					idle = p.E.Zeros(torch.Float32, 1)
				}
				idle = idle.Add(q.T.Sum().MulScalar(0))
			})
		}
	}
	y := parts[0]
	if len(parts) > 1 {
		y = torch.Cat(parts, 0)
	}
	y = y.IndexSelect(0, m.ints(order))
	if idle != nil {
		y = y.Add(idle.To(y.DType()))
	}
	return y
}

// named puts a module one level down, under its number.
func named(view int, m nn.Module) nn.Module {
	return nn.Chain{{Name: strconv.Itoa(view), Module: m}}
}

// Cost implements [nn.Module]; in is [N·V, C, T, H, W], with every slot present.
func (t *Trunks) Cost(in []int64) (out []int64, c nn.Cost) {
	n := in[0] / int64(len(t.Spec.Slots))
	for view, m := range t.Of {
		slots := int64(0)
		for _, of := range t.Spec.Slots {
			if of == view {
				slots++
			}
		}
		one := append([]int64{n * slots}, in[1:]...)
		o, d := m.Cost(one)
		c = c.Plus(d)
		out = []int64{in[0], o[1]}
	}
	return out, c
}
