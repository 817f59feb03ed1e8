package cohort

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// readNPZ reads the tables of MedMNIST (Yang et al., Sci Data 2023;10:41): per split S of train, val and test the arrays S_images
// [N, …] and S_labels [N] or [N, K]. Columns: index (within the split), split, and label, or label_0 … label_K-1. The file of an
// item is the fragment archive#S_images[index].
func readNPZ(path string) (*table, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, openTableError(path, err)
	}
	defer z.Close()
	t := &table{name: filepath.Base(path)}
	width := -1
	for _, split := range []string{"train", "val", "test"} {
		images, err := readNPY(&z.Reader, split+"_images", false)
		if err != nil {
			return nil, fault.New(fault.Input, "%s: %w", t.name, err)
		}
		labels, err := readNPY(&z.Reader, split+"_labels", true)
		if err != nil {
			return nil, fault.New(fault.Input, "%s: %w", t.name, err)
		}
		if images == nil && labels == nil {
			continue
		}
		if images == nil || labels == nil || len(images.shape) < 3 || len(labels.shape) < 1 || len(labels.shape) > 2 || labels.shape[0] != images.shape[0] {
			return nil, fault.New(fault.Input, "%s: %s_images and %s_labels do not belong together", t.name, split, split)
		}
		k := 1
		if len(labels.shape) == 2 {
			k = labels.shape[1]
		}
		if width >= 0 && k != width {
			return nil, fault.New(fault.Input, "%s: %s_labels have %d values a row, others %d", t.name, split, k, width)
		}
		width = k
		for i := range images.shape[0] {
			cells := []string{strconv.Itoa(i), split}
			for j := range k {
				cells = append(cells, strconv.FormatFloat(labels.values[i*k+j], 'g', -1, 64))
			}
			t.records = append(t.records, record{line: len(t.records) + 1, cells: cells, path: fmt.Sprintf("%s#%s_images[%d]", path, split, i)})
		}
	}
	if width < 0 {
		return nil, fault.New(fault.Input, "%s has no train_images, val_images or test_images", t.name)
	}
	t.columns = []string{"index", "split", "label"}
	if width != 1 {
		t.columns = t.columns[:2]
		for j := range width {
			t.columns = append(t.columns, fmt.Sprintf("label_%d", j))
		}
	}
	return t, nil
}

// npy is the header of a NumPy array, and its values where they were asked for.
type npy struct {
	descr  string
	shape  []int
	values []float64
}

var (
	npyDescr   = regexp.MustCompile(`'descr':\s*'([^']+)'`)
	npyFortran = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape':\s*\(([^)]*)\)`)
)

// maxLabels bounds the label arrays that are read into memory.
const maxLabels = 1 << 26

// readNPY reads member name.npy of an archive: nil when there is none. Format: NumPy enhancement proposal 1, versions 1 to 3.
func readNPY(z *zip.Reader, name string, values bool) (*npy, error) {
	f, err := z.Open(name + ".npy")
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	var pre [8]byte
	if _, err := io.ReadFull(f, pre[:]); err != nil || string(pre[:6]) != "\x93NUMPY" {
		return nil, fmt.Errorf("%s is not an npy array", name)
	}
	size := make([]byte, 2)
	if pre[6] > 1 {
		size = make([]byte, 4)
	}
	if _, err := io.ReadFull(f, size); err != nil {
		return nil, fmt.Errorf("%s is cut short", name)
	}
	n := int(binary.LittleEndian.Uint16(size))
	if len(size) == 4 {
		n = int(binary.LittleEndian.Uint32(size))
	}
	if n > 1<<16 {
		return nil, fmt.Errorf("%s has a header of %d bytes", name, n)
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, fmt.Errorf("%s is cut short", name)
	}
	a, err := parseNPYHeader(string(head))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if values {
		if err := a.read(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return a, nil
}

func parseNPYHeader(head string) (*npy, error) {
	descr, fortran, shape := npyDescr.FindStringSubmatch(head), npyFortran.FindStringSubmatch(head), npyShape.FindStringSubmatch(head)
	if descr == nil || fortran == nil || shape == nil {
		return nil, fmt.Errorf("not a plain array header")
	}
	if fortran[1] == "True" {
		return nil, fmt.Errorf("stored in Fortran order")
	}
	a := &npy{descr: descr[1]}
	total := 1
	for _, s := range strings.Split(shape[1], ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		d, err := strconv.Atoi(s)
		if err != nil || d < 0 || d > 0 && total > math.MaxInt32*64/d {
			return nil, fmt.Errorf("impossible shape")
		}
		total *= max(d, 1)
		a.shape = append(a.shape, d)
	}
	return a, nil
}

func (a *npy) read(r io.Reader) error {
	n := 1
	for _, d := range a.shape {
		n *= d
	}
	if n > maxLabels {
		return fmt.Errorf("%d values are too many for labels", n)
	}
	le := binary.LittleEndian
	kinds := map[string]struct {
		size int
		get  func([]byte) float64
	}{
		"|u1": {1, func(b []byte) float64 { return float64(b[0]) }},
		"|i1": {1, func(b []byte) float64 { return float64(int8(b[0])) }},
		"|b1": {1, func(b []byte) float64 { return float64(b[0]) }},
		"<u2": {2, func(b []byte) float64 { return float64(le.Uint16(b)) }},
		"<i2": {2, func(b []byte) float64 { return float64(int16(le.Uint16(b))) }},
		"<u4": {4, func(b []byte) float64 { return float64(le.Uint32(b)) }},
		"<i4": {4, func(b []byte) float64 { return float64(int32(le.Uint32(b))) }},
		"<u8": {8, func(b []byte) float64 { return float64(le.Uint64(b)) }},
		"<i8": {8, func(b []byte) float64 { return float64(int64(le.Uint64(b))) }},
		"<f4": {4, func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }},
		"<f8": {8, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }},
	}
	k, ok := kinds[a.descr]
	if !ok {
		return fmt.Errorf("values of type %q cannot be labels", a.descr)
	}
	buf := make([]byte, k.size)
	for range n {
		if _, err := io.ReadFull(r, buf); err != nil {
			return fmt.Errorf("cut short")
		}
		a.values = append(a.values, k.get(buf))
	}
	return nil
}
