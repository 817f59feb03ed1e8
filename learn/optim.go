package learn

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// optimiser updates parameters in place by the arithmetic of torch.optim's multi-tensor forms, so that its steps are torch's. Weight
// decay applies to kernels and matrices only.
type optimiser struct {
	e      *torch.Engine
	spec   TrainSpec
	rule   rule
	groups []*group
	steps  int // done
}

// group is the parameters that share a weight decay, a learning rate and whether they are frozen.
type group struct {
	decay  float64
	scale  float64 // of the learning rate
	frozen bool    // for as long as [TrainSpec.FreezeEpochs] says
	names  []string
	params []*torch.Tensor
	slots  [][]*torch.Tensor // the rule's state, by slot and parameter
}

// rule is one optimiser's arithmetic.
type rule struct {
	slots []string // names of its state in torch.optim, or the paper's; checkpoints use them
	step  func(o *optimiser, g *group, lr float64)
}

// rules are the optimisers by name.
var rules = map[string]rule{
	"sgd":   {[]string{"momentum_buffer"}, (*optimiser).sgd},
	"adam":  {[]string{"exp_avg", "exp_avg_sq"}, (*optimiser).adam},
	"adamw": {[]string{"exp_avg", "exp_avg_sq"}, (*optimiser).adamw},
	"lamb":  {[]string{"exp_avg", "exp_avg_sq"}, (*optimiser).lamb},
	"lion":  {[]string{"exp_avg"}, (*optimiser).lion},
}

// newOptimiser takes the learnt parameters of a materialised module.
func newOptimiser(e *torch.Engine, m nn.Module, spec TrainSpec) (*optimiser, error) {
	r, ok := rules[spec.Optimizer]
	if !ok {
		return nil, fault.New(fault.Usage, "train.optimizer: no optimiser %q", spec.Optimizer).WithHint("there are %s", strings.Join(sortedKeys(rules), ", "))
	}
	if spec.Optimizer == "sgd" && spec.Momentum == 0 {
		r.slots = nil
	}
	o := &optimiser{e: e, spec: spec, rule: r}
	depths := depths(m)
	type key struct {
		decays, frozen bool
		depth          int
	}
	byKey := map[key]*group{}
	matched := make([]bool, len(spec.Freeze))
	m.Visit("", func(name string, p *nn.Param) {
		if p.Buffer {
			return
		}
		k := key{decays: p.Decays()}
		for i, prefix := range spec.Freeze {
			if name == prefix || strings.HasPrefix(name, prefix+".") {
				k.frozen, matched[i] = true, true
			}
		}
		if spec.LayerDecay > 0 {
			k.depth = depths[layerOf(name)]
		}
		g := byKey[k]
		if g == nil {
			g = &group{scale: 1, frozen: k.frozen}
			if k.decays {
				g.decay = spec.WeightDecay
			}
			if spec.LayerDecay > 0 {
				g.scale = math.Pow(spec.LayerDecay, float64(len(depths)-1-k.depth))
			}
			byKey[k] = g
			o.groups = append(o.groups, g)
		}
		g.names, g.params = append(g.names, name), append(g.params, p.T)
	})
	if i := slices.Index(matched, false); i >= 0 {
		return nil, fault.New(fault.Usage, "train.freeze: the network has no part %q", spec.Freeze[i]).WithHint("cineloop models show NAME lists the names")
	}
	for _, g := range o.groups {
		g.slots = make([][]*torch.Tensor, len(r.slots))
		for k := range g.slots {
			for _, p := range g.params {
				g.slots[k] = append(g.slots[k], e.Zeros(torch.Float32, p.Shape()...).Keep())
			}
		}
	}
	o.thaw(0)
	if len(o.params()) == 0 {
		return nil, fault.New(fault.Usage, "train.freeze leaves nothing to learn")
	}
	return o, nil
}

// layerNumber is a name's part that counts layers: 3, encoder_layer_5.
var layerNumber = regexp.MustCompile(`^([a-z_]+_)?[0-9]+$`)

// layerOf is the layer that a parameter belongs to, for layer-wise learning rates: its name up to the last number among the first three
// parts (layer1.0, blocks.3, features.4.1, encoder.layers.encoder_layer_5), or its first part.
func layerOf(name string) string {
	parts := strings.Split(name, ".")
	end := 1
	for i, part := range parts[:min(3, len(parts))] {
		if layerNumber.MatchString(part) {
			end = i + 1
		}
	}
	return strings.Join(parts[:end], ".")
}

// depths numbers the layers in the network's order.
func depths(m nn.Module) map[string]int {
	out := map[string]int{}
	m.Visit("", func(name string, p *nn.Param) {
		if l := layerOf(name); !p.Buffer {
			if _, ok := out[l]; !ok {
				out[l] = len(out)
			}
		}
	})
	return out
}

// thaw freezes what the plan freezes in this epoch, and lets the rest learn. Frozen parameters get no gradient.
func (o *optimiser) thaw(epoch int) {
	over := o.spec.FreezeEpochs > 0 && epoch >= o.spec.FreezeEpochs
	for _, g := range o.groups {
		if over {
			g.frozen = false
		}
		for _, p := range g.params {
			p.SetRequiresGrad(!g.frozen)
		}
	}
}

// active are the groups that learn.
func (o *optimiser) active() []*group {
	return slices.DeleteFunc(slices.Clone(o.groups), func(g *group) bool { return g.frozen })
}

// visit calls v for every state tensor with its checkpoint name.
func (o *optimiser) visit(v func(name string, t *torch.Tensor)) {
	for _, g := range o.groups {
		for k, slot := range g.slots {
			for i, t := range slot {
				v(fmt.Sprintf("optimizer.%s.%s", o.rule.slots[k], g.names[i]), t)
			}
		}
	}
}

// params is every parameter that learns, in a fixed order.
func (o *optimiser) params() []*torch.Tensor {
	var all []*torch.Tensor
	for _, g := range o.active() {
		all = append(all, g.params...)
	}
	return all
}

// zeroGrad drops the gradients.
func (o *optimiser) zeroGrad() {
	for _, p := range o.params() {
		p.SetGrad(nil)
	}
}

// grads is each parameter's gradient. All exist after a backward pass: every parameter takes part in every output.
func grads(params []*torch.Tensor) []*torch.Tensor {
	out := make([]*torch.Tensor, len(params))
	for i, p := range params {
		out[i] = p.Grad()
	}
	return out
}

// gradNorm is the L2 norm of all gradients together, as torch.nn.utils.clip_grad_norm_ computes it. When limit > 0 and the norm is
// above it, the gradients are scaled to it.
func (o *optimiser) gradNorm(limit float64) float64 {
	s := o.e.Scope()
	defer s.Close()
	var norm float64
	o.e.NoGrad(func() {
		g := grads(o.params())
		total := torch.Stack(torch.ForeachNorm(g), 0).Norm(2)
		norm = total.Item()
		if limit > 0 && !math.IsInf(norm, 0) && !math.IsNaN(norm) {
			if c := float32(limit) / (float32(norm) + 1e-6); c < 1 {
				torch.ForeachMulScalar_(g, float64(c))
			}
		}
	})
	return norm
}

// scaleGrads multiplies all gradients.
func (o *optimiser) scaleGrads(f float64) {
	s := o.e.Scope()
	defer s.Close()
	o.e.NoGrad(func() { torch.ForeachMulScalar_(grads(o.params()), f) })
}

// step updates the parameters from their gradients with learning rate lr.
func (o *optimiser) step(lr float64) {
	o.steps++
	o.e.NoGrad(func() {
		for _, g := range o.active() {
			s := o.e.Scope()
			o.rule.step(o, g, lr*g.scale)
			s.Close()
		}
	})
}
