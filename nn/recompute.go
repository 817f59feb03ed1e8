package nn

import "github.com/cineloop/cineloop/torch"

// Activation checkpointing (Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174, 2016): of a segment, such as a
// residual block, a training pass keeps the input alone, and runs the segment again when its gradient is due. It costs about a second
// forward pass and holds the inputs of all segments and the activations of one.
//
// A segment's second run gives the values of the first: the random generator is put back to where it stood, and running statistics are
// learnt in the first run alone.

// tape is what a pass keeps of its segments.
type tape struct {
	segments []segment
	inside   bool // a segment is running
	again    bool // for the second time
}

type segment struct {
	fn    func(*torch.Tensor) *torch.Tensor
	x     *torch.Tensor // input, with its history where it has one
	y     *torch.Tensor // output, a leaf whose Grad is the segment's
	state []byte        // of the random generator before the first run
}

// Recompute makes the pass keep only the inputs of its segments. Its gradients come from [Pass.Backward]; [Pass.Release] frees what it
// keeps where that is not called.
func (p *Pass) Recompute() { p.tape = &tape{} }

// Segment is fn(x). In a pass that recomputes, the outermost segment keeps x alone. fn must depend on nothing but x, parameters and the
// random generator, must not overwrite x, and must not call [Pass.AddLoss].
func (p *Pass) Segment(fn func(*torch.Tensor) *torch.Tensor, x *torch.Tensor) *torch.Tensor {
	t := p.tape
	if t == nil || t.inside || p.capturing() {
		return fn(x)
	}
	seg := segment{fn: fn, state: p.E.RNGState(), x: alias(x).Keep()}
	t.inside = true
	defer func() { t.inside = false }()
	s := p.E.Scope()
	defer s.Close()
	p.E.NoGrad(func() { seg.y = fn(x).Detach().Keep() })
	seg.y.SetRequiresGrad(true)
	t.segments = append(t.segments, seg)
	y := alias(seg.y)
	s.Keep(y)
	return y
}

// alias is another handle on a tensor's values, with its history.
func alias(x *torch.Tensor) *torch.Tensor {
	out, err := x.Engine().Call("aten::alias", x)
	if err != nil {
		panic(err)
	}
	return out[0].(*torch.Tensor)
}

// Backward adds the gradients of a scalar loss of this pass to the parameters, as [torch.Engine.Backward] does. within, where not nil, calls
// its argument in the state that the pass ran in, such as under autocast.
func (p *Pass) Backward(loss *torch.Tensor, within func(func())) {
	p.E.Backward(loss)
	if p.tape == nil {
		return
	}
	if within == nil {
		within = func(run func()) { run() }
	}
	segments := p.tape.segments
	p.tape.inside, p.tape.again = true, true
	defer func() { p.tape.inside, p.tape.again = false, false }()
	for i := len(segments) - 1; i >= 0; i-- {
		p.back(segments[i], within)
		p.tape.segments = segments[:i]
	}
}

// back carries a segment's gradient from its output to its input and parameters, and frees it.
func (p *Pass) back(seg segment, within func(func())) {
	s := p.E.Scope()
	defer s.Close()
	defer seg.free()
	g := seg.y.Grad()
	if g == nil { // nothing that the loss sees depends on it
		return
	}
	x := seg.x.Detach().SetRequiresGrad(seg.x.RequiresGrad())
	now := p.E.RNGState()
	p.E.SetRNGState(seg.state)
	var y *torch.Tensor
	within(func() { y = seg.fn(x) })
	p.E.SetRNGState(now)
	if !y.RequiresGrad() { // nothing in it learns
		return
	}
	p.E.BackwardWith([]*torch.Tensor{y}, torch.GradOptions{GradOutputs: []*torch.Tensor{g}})
	if gx := x.Grad(); gx != nil {
		// What lies between segments may lead to several of them, and is gone through once for each.
		p.E.BackwardWith([]*torch.Tensor{seg.x}, torch.GradOptions{GradOutputs: []*torch.Tensor{gx}, RetainGraph: true})
	}
}

func (s segment) free() {
	s.x.Free()
	s.y.Free()
}

// recomputing says that a segment runs for the second time.
func (p *Pass) recomputing() bool { return p.tape != nil && p.tape.again }

// releaseTape frees what no backward pass has used.
func (p *Pass) releaseTape() {
	if p.tape == nil {
		return
	}
	for _, s := range p.tape.segments {
		s.free()
	}
	p.tape.segments = nil
}

// Segmented makes a segment of a module.
type Segmented struct{ Module }

// Forward implements [Module].
func (s Segmented) Forward(p *Pass, x *torch.Tensor) *torch.Tensor {
	return p.Segment(func(x *torch.Tensor) *torch.Tensor { return s.Module.Forward(p, x) }, x)
}

// Cost implements [Module].
func (s Segmented) Cost(in []int64) ([]int64, Cost) {
	out, c := s.Module.Cost(in)
	return out, c.Segment(in)
}
