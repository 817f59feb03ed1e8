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
