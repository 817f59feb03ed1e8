package cohort

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// npyBytes is a NumPy array file, version 1.0.
func npyBytes(descr, shape string, data []byte) []byte {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape)
	b := []byte("\x93NUMPY\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(head)))
	return append(append(b, head...), data...)
}

func npzFile(t *testing.T, members map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range members {
		w, err := z.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "set.npz"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadNPZ(t *testing.T) {
	i8 := func(v ...int64) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		}
		return b
	}
	dir := npzFile(t, map[string][]byte{
		"train_images": npyBytes("|u1", "(2, 4, 4)", make([]byte, 32)), "train_labels": npyBytes("|u1", "(2, 1)", []byte{0, 1}),
		"test_images": npyBytes("|u1", "(1, 4, 4)", make([]byte, 16)), "test_labels": npyBytes("<i8", "(1, 1)", i8(1)),
	})
	c := mustLoad(t, Spec{Root: dir, Table: "set.npz", Targets: []TargetSpec{{Name: "y", Kind: "binary", Column: "label"}}})
	var got []string
	for _, r := range c.Rows {
		got = append(got, fmt.Sprint(strings.TrimPrefix(r.Path, dir), " ", r.ID, " ", r.Columns, " ", r.Truth["y"]))
	}
	if d := cmp.Diff([]string{
		"/set.npz#train_images[0] set.npz#train_images[0] [0 train 0] [0]",
		"/set.npz#train_images[1] set.npz#train_images[1] [1 train 1] [1]",
		"/set.npz#test_images[0] set.npz#test_images[0] [0 test 1] [1]",
	}, got); d != "" {
		t.Error(d)
	}
	s, err := c.Split(SplitSpec{By: "column", Column: "split", Fractions: []float64{0.5, 0.5}}, 1)
	if err != nil || len(s.Folds[0].Train) != 1 || len(s.Folds[0].Val) != 1 || len(s.Folds[0].Test) != 1 {
		t.Errorf("%v %+v", err, s)
	}
	multi := npzFile(t, map[string][]byte{"val_images": npyBytes("|u1", "(1, 2, 2)", make([]byte, 4)), "val_labels": npyBytes("<f4", "(1, 2)", []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0})})
	c = mustLoad(t, Spec{Root: multi, Table: "set.npz"})
	if d := cmp.Diff([]string{"0", "val", "1", "0"}, c.Rows[0].Columns); d != "" || c.Columns[3] != "label_1" {
		t.Error(d, c.Columns)
	}
}

func TestLoadNPZFaults(t *testing.T) {
	images := npyBytes("|u1", "(2, 4, 4)", make([]byte, 32))
	for want, members := range map[string]map[string][]byte{
		"do not belong together": {"train_images": images, "train_labels": npyBytes("|u1", "(3, 1)", make([]byte, 3))},
		"has no train_images":    {"x": images},
		"cut short":              {"train_images": images, "train_labels": npyBytes("<i8", "(2, 1)", make([]byte, 3))},
		"cannot be labels":       {"train_images": images, "train_labels": npyBytes("<U5", "(2, 1)", make([]byte, 40))},
		"not an npy array":       {"train_images": []byte("hello world, hello"), "train_labels": images},
		"impossible shape":       {"train_images": npyBytes("|u1", "(99999999999, 99999999999)", nil)},
		"too many for labels":    {"train_images": npyBytes("|u1", "(100000000, 1, 1)", nil), "train_labels": npyBytes("|u1", "(100000000, 1)", nil)},
		"not a plain array":      {"train_images": append([]byte("\x93NUMPY\x01\x00\x04\x00"), "{ }\n"...)},
	} {
		dir := npzFile(t, members)
		_, err := Load(t.Context(), Spec{Root: dir, Table: "set.npz"})
		if err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestLoadAdrenal(t *testing.T) {
	root := testdata.Shared(t, "data", "imaging", "adrenal3d")
	c := mustLoad(t, Spec{Root: root, Table: "adrenalmnist3d.npz", Targets: []TargetSpec{{Name: "label", Kind: "binary"}}})
	s, err := c.Split(SplitSpec{By: "column", Column: "split"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Folds[0]
	if len(f.Train) != 1188 || len(f.Val) != 98 || len(f.Test) != 298 {
		t.Errorf("%d/%d/%d rows, MedMNIST publishes 1188/98/298", len(f.Train), len(f.Val), len(f.Test))
	}
	positives := 0.0
	for _, r := range f.Train {
		positives += c.Rows[r].Truth["label"][0]
	}
	if share := positives / 1188; share < 0.2 || share > 0.24 {
		t.Errorf("%.3f of the training rows are positive, want 22 %%", share)
	}
}

// The same numbers in every type that labels come in; bytes worked by hand, as NumPy writes them.
func TestLabelTypes(t *testing.T) {
	for descr, data := range map[string]string{
		"|u1": "\x02\x01", "|b1": "\x02\x01", "|i1": "\x02\xff", "<u2": "\x02\x00\x01\x00", "<i2": "\x02\x00\xff\xff",
		"<u4": "\x02\x00\x00\x00\x01\x00\x00\x00", "<i4": "\x02\x00\x00\x00\xff\xff\xff\xff",
		"<u8": "\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00",
		"<i8": "\x02\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff",
		"<f4": "\x00\x00\x00\x40\x00\x00\x80\xbf", "<f8": "\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\xf0\xbf",
	} {
		a := &npy{descr: descr, shape: []int{2}}
		if err := a.read(strings.NewReader(data)); err != nil {
			t.Errorf("%s: %v", descr, err)
			continue
		}
		second := 1.0
		if strings.ContainsAny(descr, "if") {
			second = -1
		}
		if a.values[0] != 2 || a.values[1] != second {
			t.Errorf("%s: %v, want 2 and %g", descr, a.values, second)
		}
		if err := (&npy{descr: descr, shape: []int{2}}).read(strings.NewReader(data[1:])); err == nil {
			t.Errorf("%s: a byte less was not noticed", descr)
		}
	}
}

func FuzzReadNPZ(f *testing.F) {
	f.Add([]byte("'descr': '|u1', 'fortran_order': False, 'shape': (2, 1), "), []byte{0, 1})
	f.Add([]byte("'descr': '<f8', 'fortran_order': False, 'shape': (0,), "), []byte{})
	f.Fuzz(func(t *testing.T, head, data []byte) {
		a, err := parseNPYHeader(string(head))
		if err != nil || a.read(bytes.NewReader(data)) != nil {
			return
		}
		n := 1
		for _, d := range a.shape {
			n *= d
		}
		if len(a.values) != n || n > len(data) {
			t.Fatalf("%d values for shape %v from %d bytes", len(a.values), a.shape, len(data))
		}
	})
}
