package onnx

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// value is a tensor of a recorded pass.
type value struct {
	shape []int64
	dtype torch.DType
	data  bool         // depends on the input
	name  string       // of a parameter
	array *torch.Array // of a constant that something which depends on the input uses
}

// step is an operator whose result depends on the input. Tensors in args are *value, lists of them []*value.
type step struct {
	op   string
	args []any
	out  []*value
}

// trace is a recorded pass.
type trace struct {
	steps []step
	input *value
	out   []*value
}

// tracer records one pass.
type tracer struct {
	trace
	values map[*torch.Tensor]*value
	names  map[*torch.Tensor]string
	keep   bool // constants' contents: one pass's are enough
}

// run records a pass of n items; keep: with the contents of constants.
func run(e *torch.Engine, s Spec, n int64, keep bool) (*trace, error) {
	t := &tracer{keep: keep, values: map[*torch.Tensor]*value{}, names: map[*torch.Tensor]string{}}
	s.Module.Visit("", func(name string, p *nn.Param) {
		if !p.Int {
			t.names[p.T] = name
		}
	})
	scope := e.Scope()
	defer scope.Close()
	p := &nn.Pass{E: e}
	p.Capture("-") // nothing is overwritten in place
	defer p.Release()
	err := e.Try(func() {
		e.NoGrad(func() {
			x := e.Zeros(torch.Float32, append([]int64{n}, s.Input...)...)
			t.input = t.value(x)
			t.input.data = true
			var outs []*torch.Tensor
			e.Record(t.see, func() { outs = s.Run(p, x) })
			for _, o := range outs {
				t.out = append(t.out, t.use(o))
			}
		})
	})
	return &t.trace, err
}

// value is what stands for a tensor. A tensor that was not seen before is a constant.
func (t *tracer) value(x *torch.Tensor) *value {
	v := t.values[x]
	if v == nil {
		v = &value{shape: x.Shape(), dtype: x.DType(), name: t.names[x]}
		t.values[x] = v
	}
	return v
}

// use is value of a tensor that becomes an input of a node: a constant's content is kept.
func (t *tracer) use(x *torch.Tensor) *value {
	v := t.value(x)
	if t.keep && !v.data && v.array == nil {
		a := x.Contiguous(torch.Contiguous).Array()
		v.array = &a
	}
	return v
}

// see is called for every operator.
func (t *tracer) see(r torch.Recorded) {
	if strings.HasPrefix(r.Op, "cineloop::") {
		return // settings of the engine
	}
	data := false
	for _, a := range r.Args {
		data = data || slices.ContainsFunc(tensorsOf(a), func(x *torch.Tensor) bool { return t.value(x).data })
	}
	var out []*torch.Tensor
	for _, o := range r.Out {
		out = append(out, tensorsOf(o)...)
	}
	if len(out) == 0 && !strings.HasSuffix(strings.SplitN(r.Op, ".", 2)[0], "_") {
		return // a question, not a computation
	}
	if !data {
		for _, o := range out {
			t.value(o)
		}
		return
	}
	s := step{op: strings.TrimPrefix(r.Op, "aten::")}
	for _, a := range r.Args {
		switch a := a.(type) {
		case *torch.Tensor:
			if a == nil {
				s.args = append(s.args, nil)
			} else {
				s.args = append(s.args, t.use(a))
			}
		case []*torch.Tensor:
			var list []*value
			for _, x := range a {
				list = append(list, t.use(x))
			}
			s.args = append(s.args, list)
		case []int64:
			s.args = append(s.args, slices.Clone(a))
		default:
			s.args = append(s.args, a)
		}
	}
	if len(out) == 0 { // in place: the tensor now stands for something else
		x := r.Args[0].(*torch.Tensor)
		delete(t.values, x)
		out = []*torch.Tensor{x}
	}
	for _, o := range out {
		v := t.value(o)
		v.data = true
		s.out = append(s.out, v)
	}
	t.steps = append(t.steps, s)
}

// tensorsOf are the tensors in an argument or result.
func tensorsOf(a any) []*torch.Tensor {
	switch a := a.(type) {
	case *torch.Tensor:
		if a != nil {
			return []*torch.Tensor{a}
		}
	case []*torch.Tensor:
		return slices.DeleteFunc(slices.Clone(a), func(x *torch.Tensor) bool { return x == nil })
	}
	return nil
}
