package torch

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/cineloop/cineloop/internal/fault"
)

func TestArrayConverts(t *testing.T) {
	for name, c := range map[string]struct {
		a    Array
		want []float32
	}{
		"float32":  {Array{Float32, []int64{1}, []byte{0, 0, 0xc0, 0x3f}}, []float32{1.5}},
		"float64":  {Array{Float64, []int64{1}, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}}, []float32{1.5}},
		"bfloat16": {Array{BFloat16, []int64{1}, []byte{0xc0, 0x3f}}, []float32{1.5}},
		"float16":  {Array{Float16, []int64{1}, []byte{0, 0x3e}}, []float32{1.5}},
		"int64":    {Array{Int64, []int64{1}, []byte{0xfe, 255, 255, 255, 255, 255, 255, 255}}, []float32{-2}},
		"int32":    {Array{Int32, []int64{1}, []byte{0xfe, 255, 255, 255}}, []float32{-2}},
		"int16":    {Array{Int16, []int64{1}, []byte{0xfe, 255}}, []float32{-2}},
		"int8":     {Array{Int8, []int64{2}, []byte{0xfe, 3}}, []float32{-2, 3}},
		"uint8":    {Array{Uint8, []int64{2}, []byte{0xfe, 3}}, []float32{254, 3}},
		"bool":     {Array{Bool, []int64{2}, []byte{1, 0}}, []float32{1, 0}},
		"empty":    {Array{Float32, []int64{0, 4}, nil}, []float32{}},
	} {
		got, err := c.a.Float32s()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	for name, a := range map[string]Array{
		"too short": {Float32, []int64{2}, make([]byte, 4)}, "too long": {Float32, []int64{1}, make([]byte, 8)},
		"negative": {Uint8, []int64{-1, -4}, make([]byte, 4)}, "unknown": {DType(77), []int64{1}, make([]byte, 4)},
		"overflow": {Float64, []int64{math.MaxInt64 / 4, 1}, nil}, "complex": {Complex64, []int64{1}, make([]byte, 8)},
	} {
		if got, err := a.Float32s(); err == nil {
			t.Errorf("%s gave %v", name, got)
		}
	}
	a := ArrayOf([]float32{1, float32(math.NaN()), -0.5}, 3)
	if v, err := a.Float32s(); err != nil || v[0] != 1 || v[1] == v[1] || v[2] != -0.5 || a.Numel() != 3 {
		t.Errorf("ArrayOf and back: %v, %v", v, err)
	}
}

// Every half-precision number converts as libtorch converts it.
func TestHalfAgainstLibtorch(t *testing.T) {
	a := Array{DType: Float16, Shape: []int64{1 << 16}}
	for i := range 1 << 16 {
		a.Data = append(a.Data, byte(i), byte(i>>8))
	}
	ours, err := a.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	withEngine(t, func(e *Engine) {
		theirs := e.FromArray(a).Float32s()
		for i := range ours {
			same := ours[i] == theirs[i] || ours[i] != ours[i] && theirs[i] != theirs[i]
			if !same {
				t.Fatalf("%#04x is %g, libtorch says %g", i, ours[i], theirs[i])
			}
		}
	})
}

func TestDTypeNames(t *testing.T) {
	seen := map[string]bool{}
	for d, info := range dtypes {
		if d.String() != info.name || d.Size() != info.size || seen[info.safe] || seen[info.storage] {
			t.Errorf("%d: %+v", d, info)
		}
		seen[info.safe], seen[info.storage] = true, true
		if safeDType(info.safe) != d {
			t.Errorf("%s is not found by its safetensors name", d)
		}
	}
	if DType(99).String() != "dtype(99)" || DType(99).Size() != 0 || Float16.IsFloat() != true || Int8.IsFloat() {
		t.Error("names of types")
	}
	if !Device("cuda:1").IsCUDA() || CPU.IsCUDA() {
		t.Error("kinds of devices")
	}
}

// torch maps files only where storages are aligned, and older readers want sizes in front of the members.
func TestPTHLayout(t *testing.T) {
	var file bytes.Buffer
	tensors := map[string]Array{"a": ArrayOf([]float32{1}, 1), "long.name.of.a.tensor": ArrayOf(make([]float32, 33), 3, 11), "z": ArrayOf(nil, 0)}
	if err := writePTH(&file, tensors); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	storages := 0
	for _, f := range archive.File {
		offset, err := f.DataOffset()
		if err != nil || f.Method != zip.Store || f.Flags&8 != 0 || !strings.HasPrefix(f.Name, "archive/") {
			t.Errorf("%s: method %d, flags %#x, %v", f.Name, f.Method, f.Flags, err)
		}
		if strings.HasPrefix(f.Name, "archive/data/") {
			storages++
			if offset%64 != 0 {
				t.Errorf("%s starts at %d, which is not aligned", f.Name, offset)
			}
		}
		r, _ := f.Open()
		if _, err := io.Copy(io.Discard, r); err != nil { // verifies the checksum
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if storages != 3 || archive.File[0].Name != "archive/data.pkl" {
		t.Errorf("%d storages, first member %s", storages, archive.File[0].Name)
	}
}

func TestAtomicWriteKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	put := func(text string, after error) error {
		return writeAtomically(path, func(w io.Writer) error {
			io.WriteString(w, text)
			return after
		})
	}
	if err := put("first", nil); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk on fire")
	if err := put("second", broken); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "first" {
		t.Errorf("the file holds %q", b)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
	if err := writeAtomically(filepath.Join(path, "below"), nil); fault.CodeOf(err) != fault.Resource {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// What libgomp and OpenBLAS read is C's environment, which os.Setenv does not reach without cgo.
func TestEnvironmentReachesC(t *testing.T) {
	withEngine(t, func(e *Engine) {
		getenv, err := purego.Dlsym(purego.RTLD_DEFAULT, "getenv")
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range Environment() {
			name := cstring(key)
			address, _, _ := purego.SyscallN(getenv, uintptr(unsafe.Pointer(name)))
			if address == 0 {
				t.Errorf("C does not see %s", key)
				continue
			}
			if got := string(memory[byte](address, len(want))); got != want {
				t.Errorf("C sees %s=%s, want %s", key, got, want)
			}
		}
		if Environment()["OMP_WAIT_POLICY"] == "" || Environment()["OPENBLAS_NUM_THREADS"] == "" {
			t.Errorf("environment %v", Environment())
		}
	})
}
