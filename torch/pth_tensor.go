package torch

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

func (p *pthReader) unpickler() *unpickler {
	p.storages = map[string]*pthStorage{}
	return &unpickler{reduce: p.reduce, persistent: p.storage}
}

// storage answers a persistent id: ("storage", class, key, location, elements[, view]), or, in old files with a whole module,
// ("module", class, file, source).
func (p *pthReader) storage(id any) (any, error) {
	t, ok := id.(Tuple)
	if ok && len(t) > 1 && t[0] == "module" {
		return t[1], nil
	}
	if !ok || len(t) < 5 || t[0] != "storage" {
		return nil, errors.New("a persistent id that is no storage")
	}
	class, ok := t[1].(pyGlobal)
	if !ok {
		return nil, errors.New("a storage without class")
	}
	if len(t) > 5 && t[5] != nil {
		return nil, errors.New("views of storages are not supported") // torch has not written them since 0.2
	}
	key := fmt.Sprint(t[2])
	if s := p.storages[key]; s != nil {
		return s, nil
	}
	s := &pthStorage{dtype: -1}
	for d, info := range dtypes {
		if info.storage == class.name {
			s.dtype = d
		}
	}
	if s.dtype < 0 && class.name != "UntypedStorage" {
		return nil, fmt.Errorf("a storage of class %s is not supported", class)
	}
	p.storages[key] = s
	if p.load == nil {
		return s, nil
	}
	var err error
	s.data, err = p.load(key)
	return s, err
}

// reduce is what calling a Python class or function makes; unknown ones become data.
func (p *pthReader) reduce(g pyGlobal, args Tuple) (any, error) {
	switch g.String() {
	case "collections.OrderedDict", "builtins.dict", "collections.defaultdict":
		d := &Dict{}
		if len(args) == 1 {
			if pairs, ok := args[0].(*List); ok { // protocol 0 and 1 give the entries here
				for _, pair := range pairs.Items {
					if kv, ok := pair.(*List); ok && len(kv.Items) == 2 {
						d.set(kv.Items[0], kv.Items[1])
					} else if kv, ok := pair.(Tuple); ok && len(kv) == 2 {
						d.set(kv[0], kv[1])
					}
				}
			}
		}
		return d, nil
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
		return p.tensor(args, -1)
	case "torch._utils._rebuild_tensor_v3":
		if len(args) < 7 {
			return nil, errors.New("too few arguments")
		}
		name, _ := args[6].(pyGlobal)
		for d, info := range dtypes {
			if info.name == name.name {
				return p.tensor(args, d)
			}
		}
		return nil, fmt.Errorf("element type %s is not supported", name)
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		if len(args) == 0 {
			return nil, errors.New("too few arguments")
		}
		return args[0], nil
	case "torch.Size", "torch.torch.Size":
		if len(args) == 1 {
			return args[0], nil
		}
		return args, nil
	default:
		return &PyObject{Class: g.String(), Args: args}, nil
	}
}

// tensor answers _rebuild_tensor(storage, offset, size, stride, …).
func (p *pthReader) tensor(args Tuple, dtype DType) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("too few arguments")
	}
	s, ok := args[0].(*pthStorage)
	if !ok {
		return nil, errors.New("a tensor without storage")
	}
	if dtype < 0 {
		dtype = s.dtype
	}
	if dtype.Size() == 0 {
		return nil, errors.New("a tensor without element type")
	}
	offset, ok := args[1].(int64)
	shape, okShape := int64s(args[2])
	stride, okStride := int64s(args[3])
	if !ok || !okShape || !okStride || offset < 0 || len(shape) != len(stride) || len(shape) > 64 {
		return nil, errors.New("a tensor without shape")
	}
	a := &Array{DType: dtype, Shape: shape}
	p.pending = append(p.pending, pthTensor{a, s, offset, stride})
	return a, nil
}

func int64s(v any) ([]int64, bool) {
	t, ok := v.(Tuple)
	out := make([]int64, len(t))
	for i, x := range t {
		if out[i], ok = x.(int64); !ok {
			return nil, false
		}
	}
	return out, ok
}

// fill copies each tensor's elements out of its storage, in row-major order.
func (p *pthReader) fill() error {
	for _, t := range p.pending {
		n, err := elements(t.array.Shape)
		if err != nil {
			return err
		}
		size := int64(t.array.DType.Size())
		if n > math.MaxInt64/size {
			return fmt.Errorf("impossible shape %s", shapeText(t.array.Shape))
		}
		if err := p.spend(n * size); err != nil {
			return err
		}
		t.array.Data = make([]byte, n*size)
		if n == 0 {
			continue
		}
		if err := t.copy(size); err != nil {
			return err
		}
	}
	return nil
}

func (t pthTensor) copy(size int64) error {
	shape, available := t.array.Shape, int64(len(t.storage.data))/size
	last := t.offset
	for i, s := range shape {
		if t.stride[i] < 0 || t.stride[i] > 0 && s-1 > (math.MaxInt64-last)/t.stride[i] {
			return fmt.Errorf("impossible strides %s", shapeText(t.stride))
		}
		last += (s - 1) * t.stride[i]
	}
	if last >= available {
		return fmt.Errorf("a tensor of shape %s reaches beyond its storage", shapeText(shape))
	}
	rowMajor := make([]int64, len(shape))
	n := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		rowMajor[i] = n
		n *= shape[i]
	}
	if slices.Equal(rowMajor, t.stride) {
		copy(t.array.Data, t.storage.data[t.offset*size:])
		return nil
	}
	index, from := make([]int64, len(shape)), t.offset
	for to := int64(0); to < n; to++ {
		copy(t.array.Data[to*size:(to+1)*size], t.storage.data[from*size:])
		for d := len(shape) - 1; d >= 0; d-- {
			index[d]++
			from += t.stride[d]
			if index[d] < shape[d] {
				break
			}
			from -= t.stride[d] * shape[d]
			index[d] = 0
		}
	}
	return nil
}
