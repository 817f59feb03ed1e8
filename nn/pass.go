package nn

import (
	"strings"

	"github.com/cineloop/cineloop/torch"
)

// Pass is one run through a network on an engine.
type Pass struct {
	E     *torch.Engine
	Train bool   // batch statistics are used and learnt, dropout drops
	Drop  bool   // dropout drops outside training too (Gal and Ghahramani, ICML 2016)
	Table *Table // columns beside the pictures; nil: none is known
	Views *Views // which clips make up each study; nil: one clip a study

	aux  []*torch.Tensor
	tape *tape // nil: all activations are kept

	// Sum adds a tensor over the processes that train together, where there are several; batch statistics are then of all their batches.
	Sum func(*torch.Tensor) *torch.Tensor
	// Watch, if set, sees the output of every module under its dotted name, in the order in which they finish.
	Watch func(name string, y *torch.Tensor)
	// Rule, where not nil, computes the layers that it knows in another way: see [Rule].
	Rule Rule

	path     []string
	wanted   map[string]bool
	captured map[string]*torch.Tensor
}

// Capture asks for the outputs of modules by their dotted names ("layer4", "layer4.1.conv2.0"). It is called before the network runs.
// While anything is captured nothing is overwritten in place, so that a captured activation and its gradient are what the module
// put out. Captured tensors live until [Pass.Release].
func (p *Pass) Capture(names ...string) {
	if p.wanted == nil {
		p.wanted, p.captured = map[string]bool{}, map[string]*torch.Tensor{}
	}
	for _, n := range names {
		p.wanted[n] = true
	}
}

// Captured is the output of the module of that name, part of the autograd graph where one was recorded; nil when the network has no
// such module.
func (p *Pass) Captured(name string) *torch.Tensor { return p.captured[name] }

// Release frees what was captured, and what [Pass.Recompute] kept.
func (p *Pass) Release() {
	p.releaseTape()
	for _, t := range p.captured {
		t.Free()
	}
	p.captured = map[string]*torch.Tensor{}
}

// AddLoss adds a term that a module wants to be small besides the heads' losses, a scalar. It belongs to the scope that [Pass.Aux] is
// called in.
func (p *Pass) AddLoss(loss *torch.Tensor) { p.aux = append(p.aux, loss.Keep()) }

// Aux is the sum of what modules added, nil when none did. It is called once, after the network has run.
func (p *Pass) Aux() *torch.Tensor {
	var sum *torch.Tensor
	for _, l := range p.aux {
		if sum == nil {
			sum = l.MulScalar(1)
		} else {
			sum = sum.Add(l)
		}
	}
	for _, l := range p.aux {
		l.Free()
	}
	p.aux = nil
	return sum
}

func (p *Pass) capturing() bool { return len(p.wanted) > 0 || p.Rule != nil }

// Run runs a child module under its name. Temporaries of the child end with it; its output moves to the caller's scope.
func (p *Pass) Run(name string, m Module, x *torch.Tensor) *torch.Tensor {
	p.path = append(p.path, name)
	defer func() { p.path = p.path[:len(p.path)-1] }()
	s := p.E.Scope()
	defer s.Close()
	y := m.Forward(p, x)
	if y != x {
		s.Keep(y)
	}
	if p.Watch != nil {
		p.Watch(strings.Join(p.path, "."), y)
	}
	if p.capturing() {
		if full := strings.Join(p.path, "."); p.wanted[full] {
			p.captured[full] = y.Keep()
		}
	}
	return y
}
