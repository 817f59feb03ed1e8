package torch

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/ebitengine/purego"
)

// op is an operator, resolved at its first use and then for the life of the process.
type op struct {
	name   string // "aten::add.Tensor", or "cineloop::…" for the bridge's own
	handle atomic.Uintptr
}

var interned sync.Map // name → *op

// intern returns the one op of that name.
func intern(name string) *op {
	if o, ok := interned.Load(name); ok {
		return o.(*op)
	}
	o, _ := interned.LoadOrStore(name, &op{name: name})
	return o.(*op)
}

// Call calls any operator by its schema name, "aten::conv3d" or "aten::add.Tensor", and returns its results.
//
// Arguments are in the schema's order, keyword-only ones included; trailing ones may be left out when the schema has a default, and
// [Default] skips one in the middle. A nil is None; also int, int64, float64, bool, complex128, string, [DType], [Device],
// [MemoryFormat], *Tensor, *Generator, slices of these, []any, map[string]any and [Tuple]. An integer is taken where a float is
// wanted, and a string where a device is. Results are nil, *Tensor, int64, float64, bool, complex128, string, Device, []int64,
// []float64, []bool, []*Tensor, []any, Tuple, map[string]any or *Object. The error is an *[Error].
func (e *Engine) Call(name string, args ...any) ([]any, error) {
	e.check()
	if strings.HasPrefix(name, "cineloop::") { // the bridge's own trust their arguments, and have methods
		return nil, &Error{Op: name, Args: e.describeArgs(args), Message: "not an operator of libtorch"}
	}
	r, err := e.invoke(intern(name), args)
	if err != nil {
		return nil, err
	}
	out := make([]any, r.next())
	for i := range out {
		out[i] = r.value()
	}
	e.recorded(name, args, out)
	return out, nil
}

// invoke calls o; the results lie in the bridge's memory until the next call.
func (e *Engine) invoke(o *op, args []any) (results, error) {
	handle, err := e.resolve(o)
	if err != nil {
		return results{}, err
	}
	e.words = e.words[:0]
	for i, a := range args {
		if err := e.put(a); err != nil {
			return results{}, &Error{Op: o.name, Args: e.describeArgs(args), Message: fmt.Sprintf("argument %d: %v", i+1, err)}
		}
	}
	e.words = append(e.words, tagNone) // never empty
	status, _, _ := purego.SyscallN(e.lib.call, e.context, handle, uintptr(unsafe.Pointer(&e.words[0])), uintptr(len(args)), uintptr(unsafe.Pointer(&e.out[0])))
	if status != 0 {
		return results{}, e.failure(o.name, e.outText(), status, args)
	}
	return results{e, memory[int64](uintptr(e.out[0]), int(e.out[1]))}, nil
}

// outText copies the error text that out points at.
func (e *Engine) outText() string {
	return string(memory[byte](uintptr(e.out[0]), int(e.out[1])))
}

const statusOutOfMemory = 2

func (e *Engine) failure(name, message string, status uintptr, args []any) error {
	// libtorch appends where in its C++ source it threw, which helps nobody who reads this.
	if i := strings.Index(message, "\nException raised from"); i >= 0 {
		message = message[:i]
	}
	return &Error{Op: name, Args: e.describeArgs(args), Message: strings.TrimSpace(message), Memory: status == statusOutOfMemory}
}

func (e *Engine) resolve(o *op) (uintptr, error) {
	if h := o.handle.Load(); h != 0 {
		return h, nil
	}
	name, overload := splitName(o.name)
	n, ov := cstring(name), cstring(overload)
	status, _, _ := purego.SyscallN(e.lib.op, e.context, uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(ov)), uintptr(unsafe.Pointer(&e.out[0])))
	if status != 0 {
		return 0, e.failure(o.name, e.outText(), status, nil)
	}
	o.handle.Store(uintptr(e.out[0]))
	return o.handle.Load(), nil
}

// must is invoke for the wrappers: it panics with an *Error.
func (e *Engine) must(o *op, args []any) results {
	e.check()
	r, err := e.invoke(o, args)
	if err != nil {
		panic(err)
	}
	return r
}

// one calls an operator that returns one tensor.
func (o *op) one(e *Engine, args ...any) *Tensor {
	r := e.must(o, args)
	if n := r.next(); n != 1 {
		panic(fmt.Sprintf("torch: %s returned %d values, want one tensor", o.name, n))
	}
	t, ok := r.value().(*Tensor)
	if !ok {
		panic(fmt.Sprintf("torch: %s did not return a tensor", o.name))
	}
	if e.record != nil {
		e.recorded(o.name, args, []any{t})
	}
	return t
}

// all calls an operator and returns all its results.
func (o *op) all(e *Engine, args ...any) []any {
	r := e.must(o, args)
	out := make([]any, r.next())
	for i := range out {
		out[i] = r.value()
	}
	e.recorded(o.name, args, out)
	return out
}

// tensors calls an operator that returns a list of tensors, or several tensors.
func (o *op) tensors(e *Engine, args ...any) []*Tensor {
	values := o.all(e, args...)
	if len(values) == 1 {
		if list, ok := values[0].([]*Tensor); ok {
			return list
		}
	}
	out := make([]*Tensor, len(values))
	for i, v := range values {
		out[i], _ = v.(*Tensor)
	}
	return out
}

// do calls an operator for its effect and frees what it returns: in-place operators return self as a new handle.
func (o *op) do(e *Engine, args ...any) {
	r := e.must(o, args)
	for range r.next() {
		switch r.words[0] {
		case tagTensor:
			e.freeing = append(e.freeing, r.words[1])
			r.words = r.words[2:]
		case tagTensors:
			n := r.words[1]
			e.freeing = append(e.freeing, r.words[2:2+n]...)
			r.words = r.words[2+n:]
		default:
			r.value()
		}
	}
	e.flushFreed()
	e.recorded(o.name, args, nil)
}

// splitName separates "aten::add.Tensor" into operator and overload.
func splitName(name string) (base, overload string) {
	base, overload, _ = strings.Cut(name, ".")
	return base, overload
}
