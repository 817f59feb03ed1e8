package video

import (
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/nn/views"
	"github.com/cineloop/cineloop/torch"
)

// joinViews makes what joins the clips of a study, and their backbones where each view has its own. The network's features are those of
// studies from then on.
func (n *Net) joinViews(build func(Spec) body) error {
	if n.Spec.Views == nil {
		return nil
	}
	if f := n.Spec.Fusion; f != nil && f.Kind == fusion.Early {
		return fault.New(fault.Usage, "fusion: early makes columns of the table channels of a clip, and a study here has several").
			WithHint("join them after the views: concat, gated, film, tensor, attention or late")
	}
	v := *n.Spec.Views
	v.Names, v.Slots = slices.Clone(v.Names), slices.Clone(v.Slots)
	n.Spec.Views = &v
	var err error
	if n.join, err = views.New(v, n.features); err != nil {
		return err
	}
	n.Spec.Views = &n.join.Spec
	if v.Separate {
		t := &views.Trunks{Spec: n.join.Spec}
		s := n.Spec
		if s.Fusion != nil {
			s.Channels += s.Fusion.Channels()
		}
		for range v.Names {
			t.Of = append(t.Of, build(s).trunk)
		}
		n.trunk = t
	}
	n.features = n.join.Features()
	return nil
}

// joinNothing joins what [noTrunk] makes of clips that are not looked at.
func (n *Net) joinNothing() (err error) {
	if n.join != nil {
		v := n.join.Spec
		v.Kind = views.Mean
		n.join, err = views.New(v, 1)
	}
	return err
}

// Clips computes the features of single clips, [M, D]: of all rows of x, or, where a study is several, of those slots that are present.
func (n *Net) Clips(p *nn.Pass, x *torch.Tensor) *torch.Tensor {
	if v := p.Views; n.join != nil && v != nil {
		if places := v.Places(); int64(len(places)) < x.Size(0) {
			x = x.IndexSelect(0, p.E.FromInt64s(places, int64(len(places))))
		}
	}
	return n.trunk.Forward(p, x)
}

// joined are the features of studies, of those of clips.
func (n *Net) joined(p *nn.Pass, f *torch.Tensor) *torch.Tensor {
	if n.join == nil {
		return f
	}
	var out *torch.Tensor
	p.E.NoAutocast(func() { out = p.Run("views", n.join, f) })
	return out
}

// clipsOf is the shape of the clips of the studies in a batch of that shape, with all slots present.
func (n *Net) clipsOf(in []int64) []int64 {
	if n.join == nil {
		return in
	}
	out := slices.Clone(in)
	out[0] *= int64(len(n.join.Spec.Slots))
	return out
}

// LayerOf is the full name of a layer of the backbone that sees the given slot, [Net.LastStage] for an empty one.
func (n *Net) LayerOf(layer string, slot int) string {
	if layer == "" {
		layer = n.last
	}
	if n.join == nil || !n.join.Spec.Separate || layer == "" {
		return layer
	}
	return views.Prefix(n.join.Spec.Slots[slot]) + layer
}
