package nn

import (
	"strconv"

	"github.com/cineloop/cineloop/torch"
)

// Module is a layer or a tree of layers.
type Module interface {
	// Visit calls v for every parameter and buffer in torch's order. prefix is the module's own name with a trailing dot, or "".
	Visit(prefix string, v func(name string, p *Param))
	// Forward computes the output. Modules that torchvision builds with inplace=True may overwrite x. What it returns belongs to
	// the innermost open scope.
	Forward(p *Pass, x *torch.Tensor) *torch.Tensor
	// Cost is the output's shape for an input of shape in (batch first) and what computing it takes.
	Cost(in []int64) (out []int64, c Cost)
}

// Param is a learnt parameter or a buffer. It has a shape from the start and a tensor from [Materialise] on.
type Param struct {
	Shape  []int64
	Buffer bool // not learnt: running mean and variance, batch count
	Int    bool // int64 instead of float32
	Init   Init // nil: zeros
	T      *torch.Tensor
}

// Numel is the number of values.
func (p *Param) Numel() int64 { return numel(p.Shape) }

// Decays says whether weight decay applies: to matrices and kernels, not to biases and normalisation.
func (p *Param) Decays() bool { return !p.Buffer && len(p.Shape) > 1 }

// Named is a module with its name in the parent.
type Named struct {
	Name   string
	Module Module
}

// Chain runs modules one after the other.
type Chain []Named

// Sequential is a chain whose names are "0", "1", …, as torch.nn.Sequential's.
func Sequential(ms ...Module) Chain {
	c := make(Chain, len(ms))
	for i, m := range ms {
		c[i] = Named{strconv.Itoa(i), m}
	}
	return c
}

// Visit implements [Module].
func (c Chain) Visit(prefix string, v func(string, *Param)) {
	for _, m := range c {
		m.Module.Visit(prefix+m.Name+".", v)
	}
}

// Forward implements [Module].
func (c Chain) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	first := x
	for _, m := range c {
		y := p.Run(m.Name, m.Module, x)
		// What lies between two links is nobody else's: freed now, memory peaks where Python's reference counts let it.
		if x != first && x != y && !p.capturing() {
			x.Free()
		}
		x = y
	}
	return x
}

// Cost implements [Module].
func (c Chain) Cost(in []int64) ([]int64, Cost) {
	var sum Cost
	for _, m := range c {
		var one Cost
		in, one = m.Module.Cost(in)
		sum = sum.Plus(one)
	}
	return in, sum
}
