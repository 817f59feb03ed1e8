package torch

import (
	"fmt"

	"github.com/cineloop/cineloop/internal/fault"
)

var (
	opJITLoad     = intern("cineloop::jit_load")
	opJITCall     = intern("cineloop::jit_call")
	opJITState    = intern("cineloop::jit_state")
	opJITTrain    = intern("cineloop::jit_train")
	opJITFreeze   = intern("cineloop::jit_freeze")
	opJITOptimize = intern("cineloop::jit_optimize")
)

// Script is a TorchScript module: other people's model, with its code. It lives until Free, or until Run ends.
type Script struct{ object *Object }

// LoadScript loads a file of torch.jit.save to the engine's device, in evaluation mode. The code in the file is run by libtorch's
// interpreter: load only files that you would run.
func (e *Engine) LoadScript(path string) (*Script, error) {
	e.check()
	r, err := e.invoke(opJITLoad, []any{path, string(e.device)})
	if err != nil {
		return nil, fault.New(fault.Input, "loading the TorchScript model: %w", err)
	}
	r.next()
	s := &Script{r.value().(*Object)}
	s.Train(false)
	return s, nil
}

// Call runs a method; values are as in [Engine.Call].
func (s *Script) Call(method string, args ...any) (any, error) {
	e := s.object.e
	e.check()
	r, err := e.invoke(opJITCall, []any{s.object, method, Tuple(args)})
	if err != nil {
		return nil, err
	}
	r.next()
	return r.value(), nil
}

// Forward runs a model that takes tensors and returns one.
func (s *Script) Forward(xs ...*Tensor) *Tensor {
	args := make([]any, len(xs))
	for i, x := range xs {
		args[i] = x
	}
	v, err := s.Call("forward", args...)
	if err != nil {
		panic(err)
	}
	t, ok := v.(*Tensor)
	if !ok {
		panic(&Error{Op: "forward", Args: s.object.e.describeArgs(args), Message: fmt.Sprintf("the model returns a %T, not one tensor; use Call", v)})
	}
	return t
}

// State is the parameters and buffers by name, sharing the model's memory.
func (s *Script) State() (parameters, buffers map[string]*Tensor) {
	v := opJITState.all(s.object.e, s.object)
	named := func(names, tensors any) map[string]*Tensor {
		out := map[string]*Tensor{}
		ts, _ := tensors.([]*Tensor)
		for i, name := range stringsOf(names) {
			out[name] = ts[i]
		}
		return out
	}
	return named(v[0], v[1]), named(v[2], v[3])
}

// Train switches between training and evaluation mode.
func (s *Script) Train(on bool) { opJITTrain.do(s.object.e, s.object, on) }

// Freeze is a copy for inference only, with its weights as constants.
func (s *Script) Freeze() *Script {
	return &Script{opJITFreeze.all(s.object.e, s.object)[0].(*Object)}
}

// OptimizeForInference is a frozen copy with convolutions and normalisations joined.
func (s *Script) OptimizeForInference() *Script {
	return &Script{opJITOptimize.all(s.object.e, s.object)[0].(*Object)}
}

// Free frees s now.
func (s *Script) Free() { s.object.Free() }
