package torch

import (
	"unsafe"

	"github.com/ebitengine/purego"
)

// Scope owns the tensors that are made while it is the innermost open scope of its engine.
type Scope struct {
	e       *Engine
	parent  *Scope
	tensors []*Tensor
	closed  bool
}

// Scope opens a scope inside the current one. Close it in reverse order of opening; closing an outer scope closes those inside.
func (e *Engine) Scope() *Scope {
	e.check()
	e.scope = &Scope{e: e, parent: e.scope}
	return e.scope
}

// Scoped calls fn in a scope of its own and moves the tensors that it returns to the scope outside.
func (e *Engine) Scoped(fn func() []*Tensor) []*Tensor {
	s := e.Scope()
	defer s.Close()
	out := fn()
	s.Keep(out...)
	return out
}

// Close frees the scope's tensors. Closing twice is allowed.
func (s *Scope) Close() {
	s.e.check()
	if !s.closed {
		s.e.scope.closeDownTo(s.parent)
	}
}

// Keep moves tensors of this scope to the scope outside it; tensors of other scopes stay where they are.
func (s *Scope) Keep(ts ...*Tensor) {
	s.e.check()
	for _, t := range ts {
		if t == nil || t.scope != s {
			continue
		}
		if s.parent == nil {
			t.Keep()
			continue
		}
		t.scope = s.parent
		s.parent.tensors = append(s.parent.tensors, t)
	}
}

// closeDownTo closes s and the scopes around it until end is the innermost open one.
func (s *Scope) closeDownTo(end *Scope) {
	e := s.e
	for ; s != end; s = s.parent {
		for _, t := range s.tensors {
			if t.scope == s && t.h != 0 {
				e.freeing = append(e.freeing, t.h)
				t.h = 0
			}
		}
		s.tensors, s.closed = nil, true
		e.scope = s.parent
	}
	e.flushFreed()
}

func (e *Engine) flushFreed() {
	if len(e.freeing) > 0 {
		purego.SyscallN(e.lib.free, e.context, uintptr(unsafe.Pointer(&e.freeing[0])), uintptr(len(e.freeing)))
		e.freeing = e.freeing[:0]
	}
}

// adopt makes a Tensor of a handle that the bridge gave, in the innermost scope.
func (e *Engine) adopt(h int64) *Tensor {
	t := &Tensor{e: e, h: h, scope: e.scope}
	e.scope.tensors = append(e.scope.tensors, t)
	return t
}

// Keep takes t out of all scopes and returns it. It lives until Free, or until Run ends.
func (t *Tensor) Keep() *Tensor {
	t.e.check()
	t.mustLive()
	t.scope = nil
	t.e.kept[t] = struct{}{}
	return t
}

// Free frees t now. Freeing twice, or a nil tensor, is allowed.
func (t *Tensor) Free() {
	if t == nil || t.h == 0 {
		return
	}
	t.e.check()
	delete(t.e.kept, t)
	t.e.freeing = append(t.e.freeing, t.h)
	t.h = 0
	t.e.flushFreed()
}

// Object is a value that has no Go form: a TorchScript module, a generator. It lives until Free, or until Run ends.
type Object struct {
	e *Engine
	h int64
}

func (e *Engine) adoptObject(h int64) *Object {
	o := &Object{e, h}
	e.objects[o] = struct{}{}
	return o
}

// Free frees o now. Freeing twice is allowed.
func (o *Object) Free() {
	if o == nil || o.h == 0 {
		return
	}
	o.e.check()
	delete(o.e.objects, o)
	purego.SyscallN(o.e.lib.freeObject, o.e.context, uintptr(o.h))
	o.h = 0
}
