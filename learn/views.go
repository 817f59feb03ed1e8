package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/views"
	"github.com/cineloop/cineloop/torch"
)

// ViewsSpec says how the clips of a study are joined; the clips are data.views'.
type ViewsSpec struct {
	Kind      string  `yaml:"kind,omitempty"`      // mean | late | attention (default) | gated | transformer
	Hidden    int     `yaml:"hidden,omitempty"`    // width of the attention, the gates' output, the transformer's tokens; default 64
	Drop      float64 `yaml:"drop,omitempty"`      // in training: each clip of a study is left out with this probability, but never all; 0: the plan decides; negative: off
	Backbone  string  `yaml:"backbone,omitempty"`  // shared (default): one for all views | each: one for each
	Anonymous bool    `yaml:"anonymous,omitempty"` // the network is not told which view a clip is
}

// The values of model.views.backbone.
const (
	backboneShared = "shared"
	backboneEach   = "each"
)

// checkViews refuses what no table could make right, before any row is read.
func checkViews(p *Plan) error {
	m, d := p.Model.Views, p.Data.Views
	switch {
	case m == nil && d == nil:
		return nil
	case d == nil:
		return fault.New(fault.Usage, "model.views joins the clips of a study, and data.views does not say which those are")
	case p.Train.Mixup > 0 || p.Train.Cutmix > 0:
		return fault.New(fault.Usage, "train.mixup and train.cutmix mix single clips, and an item of data.views is a study of several").WithHint("leave out one of the two")
	case m == nil:
		return nil
	case !slices.Contains([]string{"", backboneShared, backboneEach}, m.Backbone):
		return fault.New(fault.Usage, "model.views.backbone is %q (%s)", m.Backbone, nearest.Hint(m.Backbone, []string{backboneShared, backboneEach}))
	case !(m.Drop < 1):
		return fault.New(fault.Usage, "model.views.drop is %v: a probability below 1", m.Drop)
	}
	s := m.spec()
	s.Names, s.Slots = []string{"any"}, []int{0}
	if err := s.Check(); err != nil {
		return fmt.Errorf("model.%w", err)
	}
	return nil
}

// spec is the join without its slots; a nil v is the default.
func (v *ViewsSpec) spec() *views.Spec {
	if v == nil {
		v = &ViewsSpec{}
	}
	s := &views.Spec{Kind: views.Kind(v.Kind), Hidden: int64(v.Hidden), Anonymous: v.Anonymous, Separate: v.Backbone == backboneEach}
	if s.Kind == "" {
		s.Kind = views.Attention
	}
	return s
}

// viewsSpec is the plan's join of views with its slots; nil where an item is one clip.
func viewsSpec(p *Plan) *views.Spec {
	d := p.Data.Views
	if d == nil {
		return nil
	}
	s := p.Model.Views.spec()
	s.Names = d.ViewNames()
	for _, slot := range d.Slots() {
		s.Slots = append(s.Slots, slot.View)
	}
	return s
}

// viewDrop is the probability with which training leaves out a clip.
func (p *Plan) viewDrop() float64 {
	if p.Model.Views == nil {
		return 0
	}
	return max(0, p.Model.Views.Drop)
}

// slotsOf is how many clips an item of the plan may have.
func slotsOf(p *Plan) int {
	if p.Data.Views == nil {
		return 1
	}
	return max(1, len(p.Data.Views.Slots()))
}

// views fills what a plan of several views leaves open.
func (f *planner) views() {
	seen := f.fp.Views
	if f.p.Data.Views == nil || seen == nil {
		return
	}
	d := f.p.Data.Views
	if len(d.Names) == 0 {
		d.Names = slices.Clone(seen.Names)
		f.because("data.views.names = [%s]: those that the table has", strings.Join(d.Names, ", "))
	}
	f.setInt(&d.Each, 1, "data.views.each = 1: one clip of each view")
	if f.p.Model.Views == nil {
		f.p.Model.Views = &ViewsSpec{}
	}
	m := f.p.Model.Views
	if m.Kind == "" && len(seen.Slots) == 1 {
		m.Kind = string(views.Mean)
		f.because("model.views.kind = mean: a study has one slot, and there is nothing to weigh")
	}
	if m.Kind == "" {
		m.Kind = string(views.Attention)
		f.because("model.views.kind = attention: a study's clips weighed by what is in them; %d studies have %d clips in all, %d a clip in every one of %d slots",
			f.fp.Rows, seen.Clips, seen.Whole, len(seen.Slots))
	}
	if m.Drop == 0 {
		m.Drop = -1
		if len(seen.Slots) > 1 {
			m.Drop = 0.2
			f.because("model.views.drop = 0.2: the network learns to answer without some of the views")
		}
	}
}

// viewsOf are the clips of a batch; nil where an item is one clip.
func viewsOf(b *cohort.Batch) *nn.Views {
	if b.Slots == 0 {
		return nil
	}
	return &nn.Views{Slots: b.Slots, Present: b.Present}
}

// seeing is an evaluation pass over a batch: its clips and what the table says of its rows.
func seeing(e *torch.Engine, table *tableCode, c *cohort.Cohort, b *cohort.Batch) *nn.Pass {
	return &nn.Pass{E: e, Table: table.table(e, c, b.Rows), Views: viewsOf(b)}
}

// fitsViews checks that the cohort's slots are those that the network knows.
func (m *Model) fitsViews(c *cohort.Cohort) error {
	s := m.Net.Spec.Views
	switch {
	case s == nil && !c.Several():
		return nil
	case s == nil:
		return fault.New(fault.Input, "the model takes one clip an item, and data.views makes studies of several")
	case !c.Several():
		return fault.New(fault.Input, "the model takes studies of several clips (%s), and the cohort has no data.views", strings.Join(s.Names, ", "))
	}
	var slots []int
	for _, slot := range c.Slots {
		slots = append(slots, slot.View)
	}
	if names := c.Spec.Views.ViewNames(); !slices.Equal(names, s.Names) || !slices.Equal(slots, s.Slots) {
		return fault.New(fault.Input, "the model takes the views %s in %d slots, the cohort has %s in %d", strings.Join(s.Names, ", "), len(s.Slots), strings.Join(names, ", "), len(slots)).
			WithHint("name data.views.names and each as in the training's plan")
	}
	return nil
}

// Views is the pass's part that says which slot the clip that [Model.About] named stands in, n times: each input is a study of this clip alone.
func (m *Model) Views(n int) *nn.Views {
	if m.Net.Spec.Views == nil {
		return nil
	}
	return nn.OneView(n, len(m.Net.Spec.Views.Slots), m.slot)
}

// Layer is the full name of a layer of the backbone that sees the clip that [Model.About] named; the last stage for an empty one.
func (m *Model) Layer(name string) string {
	if strings.HasPrefix(name, "view.") {
		return name
	}
	return m.Net.LayerOf(name, m.slot)
}

// eachView gives weights made for one backbone to the backbones of all views.
func eachView(tensors map[string]torch.Array, net nn.Module) map[string]torch.Array {
	out := maps.Clone(tensors)
	net.Visit("", func(name string, _ *nn.Param) {
		rest, ok := strings.CutPrefix(name, "view.")
		if !ok {
			return
		}
		_, base, _ := strings.Cut(rest, ".")
		if a, ok := tensors[base]; ok {
			out[name] = a
			delete(out, base)
		}
	})
	return out
}
