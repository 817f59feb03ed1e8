package torch

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// A .pth file is what torch.save writes. Since 1.6 it is a zip archive with a pickle, NAME/data.pkl, and each storage's bytes under
// NAME/data/KEY (torch/serialization.py, _save); before, it was five pickles and the storages one after another (_legacy_save).

// ReadPTH reads the weights in a file of torch.save: a state dict, a checkpoint that holds one under a usual name (state_dict,
// model_state_dict, model, net, weights, ema), or a whole pickled module. The prefix "module." that DataParallel puts before every
// name is dropped. Nothing in the file is executed. A malformed file is an Input error.
func ReadPTH(file string) (map[string]Array, error) {
	tree, err := ReadPTHTree(file)
	if err != nil {
		return nil, err
	}
	found := stateDict(tree)
	if len(found) == 0 {
		return nil, fault.New(fault.Input, "reading %s: no state dict is in it", file)
	}
	return found, nil
}

// ReadPTHTree reads all that a file of torch.save holds: nil, bool, int64, *big.Int, float64, string, []byte, Tuple, *List, *Dict,
// *PyObject, and *Array for tensors.
func ReadPTHTree(file string) (any, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, openFault(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	tree, err := readPTH(f, info.Size())
	if err != nil {
		return nil, fault.New(fault.Input, "reading %s: %w", file, err)
	}
	return tree, nil
}

func readPTH(r io.ReaderAt, size int64) (any, error) {
	var magic [4]byte
	if _, err := r.ReadAt(magic[:], 0); err != nil {
		return nil, fmt.Errorf("not a file of torch.save: %w", err)
	}
	p := &pthReader{budget: 16*size + 64<<20}
	var tree any
	var err error
	if string(magic[:]) == "PK\x03\x04" {
		tree, err = p.zip(r, size)
	} else {
		tree, err = p.legacy(r, size)
	}
	if err != nil {
		return nil, err
	}
	return tree, p.fill()
}

// pthReader collects the storages and the tensors over them; tensors are filled when all storages are there, because the old
// format brings storages after the tensors.
type pthReader struct {
	storages map[string]*pthStorage
	pending  []pthTensor
	budget   int64 // bytes that may be allocated yet: overlapping views and compressed members must not exhaust memory
	load     func(key string) ([]byte, error)
}

type pthStorage struct {
	dtype DType // -1: untyped
	data  []byte
}

type pthTensor struct {
	array   *Array
	storage *pthStorage
	offset  int64
	stride  []int64
}

func (p *pthReader) spend(n int64) error {
	if n < 0 || n > p.budget {
		return errors.New("the tensors are larger than the file can hold")
	}
	p.budget -= n
	return nil
}

func (p *pthReader) zip(r io.ReaderAt, size int64) (any, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	members := map[string]*zip.File{}
	root := ""
	for _, f := range archive.File {
		members[f.Name] = f
		if path.Base(f.Name) == "data.pkl" && strings.Count(f.Name, "/") == 1 {
			root = path.Dir(f.Name)
		}
	}
	if root == "" {
		return nil, errors.New("the archive has no data.pkl: not a file of torch.save")
	}
	if members[root+"/constants.pkl"] != nil {
		return nil, errors.New("this is a TorchScript model, not weights: load it with LoadScript")
	}
	read := func(name string) ([]byte, error) {
		f := members[root+"/"+name]
		if f == nil {
			return nil, fmt.Errorf("the archive has no %s", name)
		}
		if f.UncompressedSize64 > math.MaxInt64 {
			return nil, fmt.Errorf("%s is too large", name)
		}
		if err := p.spend(int64(f.UncompressedSize64)); err != nil {
			return nil, err
		}
		in, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		defer in.Close()
		b := make([]byte, f.UncompressedSize64)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return b, nil
	}
	if members[root+"/byteorder"] != nil {
		if order, err := read("byteorder"); err != nil || string(order) != "little" {
			return nil, fmt.Errorf("byte order %q is not supported (%v)", order, err)
		}
	}
	text, err := read("data.pkl")
	if err != nil {
		return nil, err
	}
	p.load = func(key string) ([]byte, error) { return read("data/" + key) }
	tree, _, err := p.unpickler().load(text)
	return tree, err
}

// legacyMagic starts files of torch.save before 1.6.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

func (p *pthReader) legacy(r io.ReaderAt, size int64) (any, error) {
	if err := p.spend(size); err != nil {
		return nil, err
	}
	in := make([]byte, size)
	if _, err := r.ReadAt(in, 0); err != nil {
		return nil, err
	}
	plain := &unpickler{reduce: func(g pyGlobal, args Tuple) (any, error) { return &PyObject{Class: g.String(), Args: args}, nil }}
	magic, in, err := plain.load(in)
	if err != nil {
		return nil, fmt.Errorf("not a file of torch.save: %w", err)
	}
	if n, ok := magic.(*big.Int); !ok || n.Cmp(legacyMagic) != 0 {
		return nil, errors.New("not a file of torch.save: wrong magic number")
	}
	if _, in, err = plain.load(in); err != nil { // protocol version
		return nil, err
	}
	info, in, err := plain.load(in)
	if err != nil {
		return nil, err
	}
	if d, ok := info.(*Dict); ok {
		if little, ok := d.Get("little_endian"); ok && little != true {
			return nil, errors.New("big-endian files are not supported")
		}
	}
	tree, in, err := p.unpickler().load(in)
	if err != nil {
		return nil, err
	}
	keys, in, err := plain.load(in)
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*List)
	if !ok {
		return nil, errors.New("no list of storages")
	}
	for _, key := range list.Items {
		s := p.storages[fmt.Sprint(key)]
		if s == nil {
			return nil, fmt.Errorf("storage %v belongs to no tensor", key)
		}
		if len(in) < 8 {
			return nil, errors.New("the file ends inside the storages")
		}
		n, width := binary.LittleEndian.Uint64(in), uint64(max(s.dtype.Size(), 1))
		in = in[8:]
		if n > uint64(len(in))/width {
			return nil, errors.New("the file ends inside a storage")
		}
		s.data, in = in[:n*width], in[n*width:]
	}
	return tree, nil
}

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
