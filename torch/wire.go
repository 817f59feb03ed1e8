package torch

import (
	"fmt"
	"math"
	"unsafe"
)

// Tags of values on the wire; the other end is in the bridge's source.
const (
	tagNone = iota
	tagTensor
	tagInt
	tagDouble
	tagBool
	tagString
	tagInts
	tagDoubles
	tagBools
	tagTensors
	tagList
	tagTuple
	tagDict
	tagDevice
	tagObject
	tagDefault
	tagComplex
)

type defaultValue struct{}

// Default, as an argument of Call, takes the schema's default value.
var Default any = defaultValue{}

// Tuple is a fixed sequence of values of different types, as TorchScript methods take and return them.
type Tuple []any

// put appends one argument to the words of the call being built.
func (e *Engine) put(v any) error {
	switch v := v.(type) {
	case nil:
		e.words = append(e.words, tagNone)
	case *Tensor:
		if v == nil {
			e.words = append(e.words, tagNone)
			return nil
		}
		h, err := e.handleOf(v)
		if err != nil {
			return err
		}
		e.words = append(e.words, tagTensor, h)
	case int64:
		e.words = append(e.words, tagInt, v)
	case int:
		e.words = append(e.words, tagInt, int64(v))
	case float64:
		e.words = append(e.words, tagDouble, int64(math.Float64bits(v)))
	case float32:
		e.words = append(e.words, tagDouble, int64(math.Float64bits(float64(v))))
	case bool:
		e.words = append(e.words, tagBool, boolWord(v))
	case complex128:
		e.words = append(e.words, tagComplex, int64(math.Float64bits(real(v))), int64(math.Float64bits(imag(v))))
	case string:
		e.putString(tagString, v)
	case DType:
		e.words = append(e.words, tagInt, int64(v))
	case MemoryFormat:
		e.words = append(e.words, tagInt, int64(v))
	case Reduction:
		e.words = append(e.words, tagInt, int64(v))
	case Device:
		e.putString(tagDevice, string(v))
	case []int64:
		e.words = append(append(e.words, tagInts, int64(len(v))), v...)
	case []int:
		e.words = append(e.words, tagInts, int64(len(v)))
		for _, i := range v {
			e.words = append(e.words, int64(i))
		}
	case []float64:
		e.words = append(e.words, tagDoubles, int64(len(v)))
		for _, f := range v {
			e.words = append(e.words, int64(math.Float64bits(f)))
		}
	case []bool:
		e.words = append(e.words, tagBools, int64(len(v)))
		for _, b := range v {
			e.words = append(e.words, boolWord(b))
		}
	case []*Tensor:
		e.words = append(e.words, tagTensors, int64(len(v)))
		for i, t := range v {
			var h int64
			if t != nil {
				var err error
				if h, err = e.handleOf(t); err != nil {
					return fmt.Errorf("element %d: %w", i, err)
				}
			}
			e.words = append(e.words, h)
		}
	case []string:
		e.words = append(e.words, tagList, int64(len(v)))
		for _, s := range v {
			e.putString(tagString, s)
		}
	case []any:
		return e.putAll(tagList, v)
	case Tuple:
		return e.putAll(tagTuple, v)
	case map[string]any:
		e.words = append(e.words, tagDict, int64(len(v)))
		for _, k := range sortedKeys(v) {
			e.putString(tagString, k)
			if err := e.put(v[k]); err != nil {
				return err
			}
		}
	case *Object:
		if v.e != e || v.h == 0 {
			return fmt.Errorf("a freed object or one of another engine")
		}
		e.words = append(e.words, tagObject, v.h)
	case *Generator:
		if v == nil {
			e.words = append(e.words, tagNone)
			return nil
		}
		return e.put(v.object)
	case defaultValue:
		e.words = append(e.words, tagDefault)
	default:
		return fmt.Errorf("a %T cannot be passed to libtorch", v)
	}
	return nil
}

func (e *Engine) putAll(tag int64, vs []any) error {
	e.words = append(e.words, tag, int64(len(vs)))
	for i, v := range vs {
		if err := e.put(v); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// putString appends s packed into whole words.
func (e *Engine) putString(tag int64, s string) {
	e.words = append(e.words, tag, int64(len(s)))
	at := len(e.words)
	for range (len(s) + 7) / 8 {
		e.words = append(e.words, 0)
	}
	if len(s) > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&e.words[at])), 8*(len(e.words)-at)), s)
	}
}

func boolWord(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// handleOf checks that t may be used now, by this engine.
func (e *Engine) handleOf(t *Tensor) (int64, error) {
	if t.e != e {
		return 0, fmt.Errorf("a tensor of another engine")
	}
	if t.h == 0 {
		return 0, fmt.Errorf("a freed tensor")
	}
	return t.h, nil
}

// results reads the values of a call that succeeded. Tensors join the innermost scope.
type results struct {
	e     *Engine
	words []int64
}

func (r *results) next() int64 {
	w := r.words[0]
	r.words = r.words[1:]
	return w
}

func (r *results) value() any {
	switch tag := r.next(); tag {
	case tagNone:
		return nil
	case tagTensor:
		return r.e.adopt(r.next())
	case tagInt:
		return r.next()
	case tagDouble:
		return math.Float64frombits(uint64(r.next()))
	case tagBool:
		return r.next() != 0
	case tagComplex:
		re, im := math.Float64frombits(uint64(r.next())), math.Float64frombits(uint64(r.next()))
		return complex(re, im)
	case tagString:
		return r.str()
	case tagDevice:
		return Device(r.str())
	case tagInts:
		out := make([]int64, r.next())
		r.words = r.words[copy(out, r.words):]
		return out
	case tagDoubles:
		out := make([]float64, r.next())
		for i := range out {
			out[i] = math.Float64frombits(uint64(r.next()))
		}
		return out
	case tagBools:
		out := make([]bool, r.next())
		for i := range out {
			out[i] = r.next() != 0
		}
		return out
	case tagTensors:
		out := make([]*Tensor, r.next())
		for i := range out {
			if h := r.next(); h != 0 {
				out[i] = r.e.adopt(h)
			}
		}
		return out
	case tagList:
		return r.all()
	case tagTuple:
		return Tuple(r.all())
	case tagDict:
		out := map[string]any{}
		for range r.next() {
			key := r.value()
			out[fmt.Sprint(key)] = r.value()
		}
		return out
	case tagObject:
		return r.e.adoptObject(r.next())
	default:
		panic(fmt.Sprintf("torch: unknown value tag %d from the bridge", tag))
	}
}

func (r *results) all() []any {
	out := make([]any, r.next())
	for i := range out {
		out[i] = r.value()
	}
	return out
}

func (r *results) str() string {
	n := int(r.next())
	words := (n + 7) / 8
	if n == 0 {
		return ""
	}
	s := string(unsafe.Slice((*byte)(unsafe.Pointer(&r.words[0])), n))
	r.words = r.words[words:]
	return s
}
