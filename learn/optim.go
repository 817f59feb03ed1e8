package learn

import (
	"fmt"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// optimiser updates parameters in place by the arithmetic of torch.optim's multi-tensor forms, so that its steps are torch's. Weight
// decay applies to kernels and matrices only.
type optimiser struct {
	e      *torch.Engine
	spec   TrainSpec
	groups []group
	steps  int // done
}

// group is the parameters that share a weight decay.
type group struct {
	decay  float64
	names  []string
	params []*torch.Tensor
	// State, one a parameter: slots[0] is SGD's momentum buffer or AdamW's first moment, slots[1] AdamW's second moment.
	slots [][]*torch.Tensor
}

// slotNames are the state's names in torch.optim, which checkpoints use.
var slotNames = map[string][]string{
	"sgd":   {"momentum_buffer"},
	"adamw": {"exp_avg", "exp_avg_sq"},
}

// AdamW's constants (Loshchilov and Hutter, ICLR 2019; torch's defaults).
const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)

// newOptimiser takes the learnt parameters of a materialised module.
func newOptimiser(e *torch.Engine, m nn.Module, spec TrainSpec) (*optimiser, error) {
	slots := len(slotNames[spec.Optimizer])
	switch {
	case slots == 0:
		return nil, fault.New(fault.Usage, "train.optimizer: no optimiser %q", spec.Optimizer).WithHint("there are sgd and adamw")
	case spec.Optimizer == "sgd" && spec.Momentum == 0:
		slots = 0
	}
	o := &optimiser{e: e, spec: spec, groups: []group{{decay: spec.WeightDecay}, {}}}
	m.Visit("", func(name string, p *nn.Param) {
		if p.Buffer {
			return
		}
		g := &o.groups[1]
		if p.Decays() {
			g = &o.groups[0]
		}
		g.names, g.params = append(g.names, name), append(g.params, p.T)
	})
	for i := range o.groups {
		g := &o.groups[i]
		g.slots = make([][]*torch.Tensor, slots)
		for k := range g.slots {
			for _, p := range g.params {
				g.slots[k] = append(g.slots[k], e.Zeros(torch.Float32, p.Shape()...).Keep())
			}
		}
	}
	return o, nil
}

// visit calls v for every state tensor with its checkpoint name.
func (o *optimiser) visit(v func(name string, t *torch.Tensor)) {
	for _, g := range o.groups {
		for k, slot := range g.slots {
			for i, t := range slot {
				v(fmt.Sprintf("optimizer.%s.%s", slotNames[o.spec.Optimizer][k], g.names[i]), t)
			}
		}
	}
}

// params is every parameter, in a fixed order.
func (o *optimiser) params() []*torch.Tensor {
	var all []*torch.Tensor
	for _, g := range o.groups {
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
		for i := range o.groups {
			g := &o.groups[i]
			if len(g.params) == 0 {
				continue
			}
			s := o.e.Scope()
			if o.spec.Optimizer == "adamw" {
				o.adamw(g, lr)
			} else {
				o.sgd(g, lr)
			}
			s.Close()
		}
	})
}

// sgd is torch.optim.SGD without dampening: g ← g + λw; v ← μv + g; w ← w − lr·v.
func (o *optimiser) sgd(g *group, lr float64) {
	d := grads(g.params)
	if g.decay != 0 {
		torch.ForeachAdd_(d, g.params, g.decay) // into the gradients themselves: they are dropped after the step
	}
	if len(g.slots) > 0 {
		v := g.slots[0]
		torch.ForeachMulScalar_(v, o.spec.Momentum)
		torch.ForeachAdd_(v, d, 1)
		d = v
	}
	torch.ForeachAdd_(g.params, d, -lr)
}

// adamw is torch.optim.AdamW: decoupled decay, then Adam with bias correction.
func (o *optimiser) adamw(g *group, lr float64) {
	d, m, v := grads(g.params), g.slots[0], g.slots[1]
	torch.ForeachMulScalar_(g.params, 1-lr*g.decay)
	torch.ForeachMulScalar_(m, beta1)
	torch.ForeachAdd_(m, d, 1-beta1)
	torch.ForeachMulScalar_(v, beta2)
	torch.ForeachAddcmul_(v, d, d, 1-beta2)
	correct1 := 1 - math.Pow(beta1, float64(o.steps))
	correct2 := math.Sqrt(1 - math.Pow(beta2, float64(o.steps)))
	denom := torch.ForeachSqrt(v)
	torch.ForeachDivScalar_(denom, correct2)
	torch.ForeachAddScalar_(denom, epsilon)
	torch.ForeachAddcdiv_(g.params, m, denom, -lr/correct1)
}

// averager keeps an exponential moving average of parameters and running statistics (Polyak averaging); the number of batches is copied.
type averager struct {
	e      *torch.Engine
	decay  float64
	names  []string
	live   []*nn.Param
	shadow []*torch.Tensor
}

func newAverager(e *torch.Engine, m nn.Module, decay float64) *averager {
	a := &averager{e: e, decay: decay}
	m.Visit("", func(name string, p *nn.Param) {
		if !p.Int {
			a.names = append(a.names, "ema."+name)
			a.live = append(a.live, p)
			a.shadow = append(a.shadow, p.T.Detach().Clone().Keep())
		}
	})
	return a
}

// update moves the average towards the live values. Early on the decay is smaller, (1+n)/(10+n) after n steps, so that the average
// does not remember the random start (tf.train.ExponentialMovingAverage's num_updates).
func (a *averager) update(step int) {
	s := a.e.Scope()
	defer s.Close()
	decay := math.Min(a.decay, (1+float64(step))/(10+float64(step)))
	a.e.NoGrad(func() {
		live := make([]*torch.Tensor, len(a.live))
		for i, p := range a.live {
			live[i] = p.T.Detach()
		}
		torch.ForeachLerp_(a.shadow, live, 1-decay)
	})
}

// with calls fn with the averaged values in the network's place.
func (a *averager) with(fn func() error) error {
	swap := func() {
		for i, p := range a.live {
			p.T, a.shadow[i] = a.shadow[i], p.T
		}
	}
	swap()
	defer swap()
	return fn()
}

func (a *averager) visit(v func(name string, t *torch.Tensor)) {
	for i, t := range a.shadow {
		v(a.names[i], t)
	}
}
