package torch

import (
	"fmt"
	"unsafe"
)

var (
	opZeros    = intern("aten::zeros")
	opOnes     = intern("aten::ones")
	opFull     = intern("aten::full")
	opEmpty    = intern("aten::empty.memory_format")
	opArange   = intern("aten::arange.start_step")
	opEye      = intern("aten::eye")
	opAsStride = intern("aten::as_strided")
)

// Zeros is a tensor of zeros on the engine's device.
func (e *Engine) Zeros(dt DType, shape ...int64) *Tensor {
	return opZeros.one(e, shape, dt, nil, e.device)
}

// Ones is a tensor of ones on the engine's device.
func (e *Engine) Ones(dt DType, shape ...int64) *Tensor {
	return opOnes.one(e, shape, dt, nil, e.device)
}

// Full is a tensor of one value on the engine's device.
func (e *Engine) Full(dt DType, value float64, shape ...int64) *Tensor {
	return opFull.one(e, shape, value, dt, nil, e.device)
}

// Empty is a tensor with undefined content on the engine's device.
func (e *Engine) Empty(dt DType, shape ...int64) *Tensor {
	return opEmpty.one(e, shape, dt, nil, e.device)
}

// Scalar is a tensor of no dimensions on the engine's device.
func (e *Engine) Scalar(dt DType, value float64) *Tensor { return e.Full(dt, value) }

// Arange is start, start+step, … below end, on the engine's device.
func (e *Engine) Arange(dt DType, start, end, step float64) *Tensor {
	return opArange.one(e, start, end, step, dt, nil, e.device)
}

// Eye is the identity matrix of n rows on the engine's device.
func (e *Engine) Eye(dt DType, n int64) *Tensor { return opEye.one(e, n, dt, nil, e.device) }

// element is a Go type with a torch element type.
type element interface {
	~float32 | ~float64 | ~int64 | ~int32 | ~int16 | ~int8 | ~uint8 | ~uint16 | ~bool
}

// fromSlice copies data once into a new CPU tensor and from there to the engine's device.
func fromSlice[T element](e *Engine, dt DType, data []T, shape []int64) *Tensor {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	if n != int64(len(data)) {
		panic(&Error{Op: "from slice", Message: fmt.Sprintf("%d elements do not fill the shape %s", len(data), shapeText(shape))})
	}
	t := opEmpty.one(e, shape, dt, nil, CPU)
	copy(memory[T](t.info().address(), len(data)), data)
	if e.device == CPU {
		return t
	}
	defer t.Free()
	return t.To(e.device)
}

// FromFloat32 copies data, in row-major order, into a float32 tensor on the engine's device.
func (e *Engine) FromFloat32(data []float32, shape ...int64) *Tensor {
	return fromSlice(e, Float32, data, shape)
}

// FromFloat64s copies data, in row-major order, into a float64 tensor on the engine's device.
func (e *Engine) FromFloat64s(data []float64, shape ...int64) *Tensor {
	return fromSlice(e, Float64, data, shape)
}

// FromInt64s copies data, in row-major order, into an int64 tensor on the engine's device.
func (e *Engine) FromInt64s(data []int64, shape ...int64) *Tensor {
	return fromSlice(e, Int64, data, shape)
}

// FromUint8s copies data, in row-major order, into a uint8 tensor on the engine's device.
func (e *Engine) FromUint8s(data []uint8, shape ...int64) *Tensor {
	return fromSlice(e, Uint8, data, shape)
}

// FromBools copies data, in row-major order, into a bool tensor on the engine's device.
func (e *Engine) FromBools(data []bool, shape ...int64) *Tensor {
	return fromSlice(e, Bool, data, shape)
}

// FromArray copies an array into a tensor on the engine's device.
func (e *Engine) FromArray(a Array) *Tensor {
	if err := a.check(); err != nil {
		panic(&Error{Op: "from array", Message: err.Error()})
	}
	t := opEmpty.one(e, a.Shape, a.DType, nil, CPU)
	copy(memory[byte](t.info().address(), len(a.Data)), a.Data)
	if e.device == CPU {
		return t
	}
	defer t.Free()
	return t.To(e.device)
}

// toSlice copies t's elements, converted to dt, in row-major order.
func toSlice[T element](t *Tensor, dt DType) []T {
	out := make([]T, t.Numel())
	t.onHost(dt, func(address uintptr) { copy(out, memory[T](address, len(out))) })
	return out
}

// onHost calls fn with the address of t's elements as dt, contiguous on the CPU; what had to be converted for that is freed after.
func (t *Tensor) onHost(dt DType, fn func(address uintptr)) {
	e := t.e
	s := e.Scope()
	defer s.Close()
	host := t.Detach().To(CPU, dt).Contiguous(Contiguous)
	if t.Device().IsCUDA() {
		e.Synchronize(t.Device()) // To copies asynchronously
	}
	fn(host.info().address())
}

// Float32s is a copy of t's elements in row-major order, converted to float32.
func (t *Tensor) Float32s() []float32 { return toSlice[float32](t, Float32) }

// Float64s is a copy of t's elements in row-major order, converted to float64.
func (t *Tensor) Float64s() []float64 { return toSlice[float64](t, Float64) }

// Int64s is a copy of t's elements in row-major order, converted to int64.
func (t *Tensor) Int64s() []int64 { return toSlice[int64](t, Int64) }

// Bools is a copy of t's elements in row-major order, converted to bool.
func (t *Tensor) Bools() []bool { return toSlice[bool](t, Bool) }

// CopyTo copies t's elements, converted to float32, into dst, which must have as many.
func (t *Tensor) CopyTo(dst []float32) {
	if n := t.Numel(); n != len(dst) {
		panic(&Error{Op: "copy to slice", Args: t.String(), Message: fmt.Sprintf("the slice has %d elements", len(dst))})
	}
	t.onHost(Float32, func(address uintptr) { copy(dst, memory[float32](address, len(dst))) })
}

// Array is a copy of t's content in Go memory.
func (t *Tensor) Array() Array {
	a := Array{DType: t.DType(), Shape: t.Shape(), Data: make([]byte, t.Numel()*t.DType().Size())}
	t.onHost(a.DType, func(address uintptr) { copy(a.Data, memory[byte](address, len(a.Data))) })
	return a
}

// WithFloat32s calls fn with t's elements themselves, not a copy. t must be float32, contiguous and on the CPU. The slice is valid
// only inside fn; writing to it writes t, unseen by autograd.
func (t *Tensor) WithFloat32s(fn func([]float32)) {
	m := t.info()
	if m.dtype() != Float32 || m[1] != 0 || !m.flag(flagContiguous) {
		panic(&Error{Op: "view as slice", Args: t.String(), Message: "want a contiguous float32 tensor on the CPU"})
	}
	fn(memory[float32](m.address(), m.elements()))
}

// pinnedBuffer is host memory that libtorch allocated and Go goroutines fill.
type pinnedBuffer struct {
	tensor *Tensor
	data   []float32
}

// PinnedFloat32 is host memory outside Go's heap for n values: page-locked when the engine's device is a GPU, so that copies to it
// are asynchronous. Any goroutine may read and write it until Run ends. [Engine.ViewFloat32] gives a tensor over it without a copy.
func (e *Engine) PinnedFloat32(n int) []float32 {
	e.check()
	if n <= 0 {
		return nil
	}
	t := opEmpty.one(e, []int64{int64(n)}, Float32, nil, CPU, e.device.IsCUDA()).Keep()
	data := memory[float32](t.info().address(), n)
	clear(data)
	e.pinned = append(e.pinned, pinnedBuffer{t, data})
	return data
}

// FreePinned gives memory of PinnedFloat32 back before Run ends. Nothing may use it any more.
func (e *Engine) FreePinned(data []float32) {
	e.check()
	for i, b := range e.pinned {
		if len(data) > 0 && &b.data[0] == &data[0] {
			b.tensor.Free()
			e.pinned = append(e.pinned[:i], e.pinned[i+1:]...)
			return
		}
	}
}

// ViewFloat32 is a CPU tensor over memory of PinnedFloat32, without a copy: what is written to the memory later shows in the tensor,
// so keep it unchanged until the tensor and what was computed from it have been used, backward included.
func (e *Engine) ViewFloat32(data []float32, shape ...int64) *Tensor {
	e.check()
	n, strides := int64(1), make([]int64, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n *= shape[i]
	}
	if n != int64(len(data)) || n == 0 {
		panic(&Error{Op: "view slice", Message: fmt.Sprintf("%d elements do not fill the shape %s", len(data), shapeText(shape))})
	}
	first := uintptr(unsafe.Pointer(&data[0]))
	for _, b := range e.pinned {
		start := uintptr(unsafe.Pointer(&b.data[0]))
		if first >= start && first+uintptr(n)*4 <= start+uintptr(len(b.data))*4 {
			return opAsStride.one(e, b.tensor, shape, strides, int64(first-start)/4)
		}
	}
	panic(&Error{Op: "view slice", Message: "the slice is not memory of PinnedFloat32"})
}
