package torch

import (
	"fmt"
	"strconv"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Tensor is a handle of a libtorch tensor. Handles are cheap; several may share one storage.
type Tensor struct {
	e     *Engine
	h     int64  // 0 once freed
	scope *Scope // nil when kept
}

// metadata is what the bridge's meta function fills in: nine words, then shape, then strides.
type metadata [9 + 2*maxDims]int64

const maxDims = 24

const (
	flagRequiresGrad = 1 << iota
	flagLeaf
	flagContiguous
	flagChannelsLast
	flagChannelsLast3d
)

func (m *metadata) dtype() DType     { return DType(m[0]) }
func (m *metadata) elements() int    { return int(m[4]) }
func (m *metadata) address() uintptr { return uintptr(m[5]) }
func (m *metadata) flag(f int64) bool {
	return m[7]&f != 0
}
func (m *metadata) shape() []int64   { return m[9 : 9+m[8]] }
func (m *metadata) strides() []int64 { return m[9+m[8] : 9+2*m[8]] }

// readMeta fills e.meta for a handle.
func (e *Engine) readMeta(h int64) error {
	status, _, _ := purego.SyscallN(e.lib.meta, e.context, uintptr(h), uintptr(unsafe.Pointer(&e.meta[0])), uintptr(len(e.meta)))
	if status != 0 {
		e.out = [2]int64{e.meta[0], e.meta[1]}
		return &Error{Op: "metadata", Message: e.outText(), Memory: status == statusOutOfMemory}
	}
	return nil
}

func (t *Tensor) mustLive() {
	if t.h == 0 {
		panic("torch: use of a freed tensor; see Scope.Keep and Tensor.Keep")
	}
}

// info reads t's metadata into the engine's buffer, valid until the next call.
func (t *Tensor) info() *metadata {
	t.e.check()
	t.mustLive()
	if err := t.e.readMeta(t.h); err != nil {
		panic(err)
	}
	return &t.e.meta
}

// Engine is the engine that t belongs to.
func (t *Tensor) Engine() *Engine { return t.e }

// Shape is a copy of t's sizes.
func (t *Tensor) Shape() []int64 { return append([]int64{}, t.info().shape()...) }

// Strides are in elements.
func (t *Tensor) Strides() []int64 { return append([]int64{}, t.info().strides()...) }

// Dim is the number of dimensions.
func (t *Tensor) Dim() int { return len(t.info().shape()) }

// Size is the extent of one dimension; negative ones count from the end.
func (t *Tensor) Size(dim int) int64 {
	shape := t.info().shape()
	if dim < 0 {
		dim += len(shape)
	}
	if dim < 0 || dim >= len(shape) {
		panic(&Error{Op: "size", Args: t.String(), Message: fmt.Sprintf("dimension %d is out of range", dim)})
	}
	return shape[dim]
}

// Numel is the number of elements.
func (t *Tensor) Numel() int { return t.info().elements() }

// DType is the element type.
func (t *Tensor) DType() DType { return t.info().dtype() }

// Device is where t lives.
func (t *Tensor) Device() Device {
	m := t.info()
	switch m[1] {
	case 0:
		return CPU
	case 1:
		return Device("cuda:" + strconv.FormatInt(max(m[2], 0), 10))
	default:
		return Device("device" + strconv.FormatInt(m[1], 10))
	}
}

// IsContiguous says whether t's elements lie in the order f of dimensions.
func (t *Tensor) IsContiguous(f MemoryFormat) bool {
	m := t.info()
	switch f {
	case ChannelsLast:
		return m.flag(flagChannelsLast)
	case ChannelsLast3d:
		return m.flag(flagChannelsLast3d)
	default:
		return m.flag(flagContiguous)
	}
}

// RequiresGrad says whether operators on t are recorded.
func (t *Tensor) RequiresGrad() bool { return t.info().flag(flagRequiresGrad) }

// IsLeaf says whether t was not computed from tensors that require gradients.
func (t *Tensor) IsLeaf() bool { return t.info().flag(flagLeaf) }

// String is t's type, shape and device, never its content.
func (t *Tensor) String() string {
	if t == nil {
		return "undefined tensor"
	}
	if t.h == 0 {
		return "freed tensor"
	}
	m := t.info()
	return m.dtype().String() + shapeText(m.shape()) + " on " + string(t.Device())
}

var (
	opTo         = intern("aten::_to_copy")
	opDetach     = intern("aten::detach")
	opContiguous = intern("aten::contiguous")
	opClone      = intern("aten::clone")
	opItem       = intern("aten::item")
	opCopy       = intern("aten::copy_")
	opZero       = intern("aten::zero_")
	opFill       = intern("aten::fill_.Scalar")
	opAlias      = intern("aten::alias")
)

// To is t converted to a device, a [DType] or a [MemoryFormat], each given as a value of its type; t itself, as a new handle, where
// nothing changes. Copies to a GPU from pinned memory are asynchronous.
func (t *Tensor) To(targets ...any) *Tensor {
	var dtype, device, format any
	changed := false
	for _, target := range targets {
		switch v := target.(type) {
		case DType:
			dtype = v
			changed = changed || v != t.DType()
		case Device:
			device = v
			changed = changed || normalDevice(v) != t.Device()
		case string:
			device = Device(v)
			changed = changed || normalDevice(Device(v)) != t.Device()
		case MemoryFormat:
			format = v
			changed = changed || v != Preserve && !t.IsContiguous(v)
		default:
			panic(&Error{Op: "to", Args: t.String(), Message: fmt.Sprintf("cannot convert to a %T", target)})
		}
	}
	if !changed {
		return opAlias.one(t.e, t)
	}
	return opTo.one(t.e, t, dtype, nil, device, nil, true, format)
}

func normalDevice(d Device) Device {
	if d == "cuda" {
		return "cuda:0"
	}
	return d
}

// Detach shares t's content outside the graph.
func (t *Tensor) Detach() *Tensor { return opDetach.one(t.e, t) }

// Contiguous is t in the order f of dimensions, copied only if it is not in it already.
func (t *Tensor) Contiguous(f MemoryFormat) *Tensor { return opContiguous.one(t.e, t, f) }

// Clone is a copy.
func (t *Tensor) Clone() *Tensor { return opClone.one(t.e, t) }

// Item is the value of a tensor with one element, of any real type.
func (t *Tensor) Item() float64 {
	switch v := opItem.all(t.e, t)[0].(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	case bool:
		return float64(boolWord(v))
	default:
		panic(&Error{Op: "item", Args: t.String(), Message: fmt.Sprintf("a %T is not a real number", v)})
	}
}

// Copy_ copies src into t, converting and broadcasting, and returns t.
func (t *Tensor) Copy_(src *Tensor) *Tensor { opCopy.do(t.e, t, src, true); return t }

// Zero_ sets every element to zero and returns t.
func (t *Tensor) Zero_() *Tensor { opZero.do(t.e, t); return t }

// Fill_ sets every element to v and returns t.
func (t *Tensor) Fill_(v float64) *Tensor { opFill.do(t.e, t, v); return t }
