package clip

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// Every file that nibabel wrote must give nibabel's values, zooms and (turned to LPS) affine.
func TestNIfTIGolden(t *testing.T) {
	for name, g := range golden(t).NIfTI {
		if g.Affine == nil {
			continue
		}
		c, err := Open("testdata/nifti/" + name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.T != g.Shape[0] || c.H != g.Shape[1] || c.W != g.Shape[2] {
			t.Errorf("%s: [%d %d %d], want %v", name, c.T, c.H, c.W, g.Shape)
			continue
		}
		near(t, name, values(c), g.Values, 1e-6) // scaled samples are float32 here
		near(t, name+" spacing", []float64{c.Spacing.Column, c.Spacing.Row, c.Spacing.Slice}, g.Zooms, 1e-6)
		if name == "bare.nii" {
			if c.Affine != nil {
				t.Errorf("a file without orientation has the affine %v", c.Affine)
			}
			continue
		}
		if c.Affine == nil {
			t.Errorf("%s: no affine", name)
			continue
		}
		for i := range 3 {
			sign := 1.0
			if i < 2 {
				sign = -1
			}
			for j := range 4 {
				if want := sign * g.Affine[4*i+j]; math.Abs(c.Affine[i][j]-want) > 1e-5 {
					t.Errorf("%s: affine[%d][%d] is %v, want %v", name, i, j, c.Affine[i][j], want)
				}
			}
		}
	}
}

func TestNIfTITypes(t *testing.T) {
	for name, want := range map[string]DType{"v1_le_u1.nii": Uint8, "v1_be_i1.nii": Int8, "v1_be_i2.nii": Int16, "v1_le_u2.nii": Uint16, "v1_be_i4.nii": Int32,
		"v1_be_u4.nii": Int32, "v1_le_i8.nii": Int32, "v1_be_f4.nii": Float32, "v2_be_f8.nii": Float64, "scaled.nii.gz": Float32, "rgb.nii": Uint8} {
		c, err := Open("testdata/nifti/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if c.DType != want {
			t.Errorf("%s: %v, want %v", name, c.DType, want)
		}
	}
}

func TestNIfTIFourAxes(t *testing.T) {
	g := golden(t).NIfTI
	c, err := Open("testdata/nifti/cine.nii")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "cine", values(c), g["cine.nii"].Values, 0)
	if c.T != 5 {
		t.Fatalf("%d frames", c.T)
	}
	near(t, "cine times", c.TimesMS, []float64{0, 40, 80, 120, 160}, 1e-5)
	if c.Spacing.Slice != 0 || c.Affine != nil {
		t.Error("a cine has a slice spacing")
	}
	for v := range 3 {
		c, err := Open("testdata/nifti/four.nii.gz#[" + strconv.Itoa(v) + "]")
		if err != nil {
			t.Fatal(err)
		}
		near(t, "volume", values(c), g["four.nii.gz"].Values[v*24:(v+1)*24], 0)
	}
}

func TestNIfTIPair(t *testing.T) {
	var b bytes.Buffer
	want := rampClip(Int16, 2, 3, 4, 1)
	if err := WriteNIfTI(&b, want); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	hdr := bytes.Clone(b.Bytes()[:348])
	copy(hdr[344:], "ni1\x00")
	binary.LittleEndian.PutUint32(hdr[108:], 0)
	path := write(t, dir, "a.hdr", hdr)
	if _, err := Open(path); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a header without its image: %v", err)
	}
	write(t, dir, "a.img", b.Bytes()[352:])
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "pair", values(c), values(want), 0)
}

func TestNIfTIUnits(t *testing.T) {
	b, err := os.ReadFile("testdata/nifti/v1_le_u1.nii")
	if err != nil {
		t.Fatal(err)
	}
	mm, err := Open("testdata/nifti/v1_le_u1.nii")
	if err != nil {
		t.Fatal(err)
	}
	b[123] = 3 // micrometres
	c, err := Open(write(t, t.TempDir(), "um.nii", b))
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(c.Spacing.Slice*1000-mm.Spacing.Slice) > 1e-9 || math.Abs(c.Affine[0][3]*1000-mm.Affine[0][3]) > 1e-9 {
		t.Errorf("spacing %v, origin %v", c.Spacing, c.Affine[0][3])
	}
}

func TestNIfTIDamage(t *testing.T) {
	var b bytes.Buffer
	if err := WriteNIfTI(&b, rampClip(Int16, 2, 3, 4, 1)); err != nil {
		t.Fatal(err)
	}
	edit := func(at int, with ...byte) []byte {
		out := bytes.Clone(b.Bytes())
		copy(out[at:], with)
		return out
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(b.Bytes())
	z.Close()
	wrongCRC := bytes.Clone(packed.Bytes())
	wrongCRC[len(wrongCRC)-6] ^= 1
	dir := t.TempDir()
	for name, c := range map[string]struct {
		file  string
		bytes []byte
		says  string
	}{
		"cut header":      {"a.nii.gz", packed.Bytes()[:12], "gz"},
		"cut samples":     {"a.nii", b.Bytes()[:b.Len()-1], "cut"},
		"cut gzip":        {"a.nii.gz", packed.Bytes()[:packed.Len()-20], "copy"},
		"wrong CRC":       {"a.nii.gz", wrongCRC, "copy"},
		"zero side":       {"a.nii", edit(42, 0, 0), "dim[1]"},
		"negative side":   {"a.nii", edit(44, 0xff, 0xff), "dim[2]"},
		"huge side":       {"a.nii", edit(42, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f), "impossible"},
		"large side":      {"a.nii", edit(42, 0xff, 0x7f), "cut"},
		"nine axes":       {"a.nii", edit(40, 9), "dim[0]"},
		"vectors":         {"a.nii", edit(40, 5, 0, 4, 0, 3, 0, 1, 0, 1, 0, 2, 0), "vector"},
		"complex":         {"a.nii", edit(70, 32), "datatype 32"},
		"early samples":   {"a.nii", edit(108, 0, 0, 0, 0), "inside the header"},
		"offset not real": {"a.nii", edit(108, 0, 0, 0xc0, 0x7f), "vox_offset"},
	} {
		path := write(t, dir, c.file, c.bytes)
		_, err := Open(path)
		if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		os.Remove(path)
	}
}

// The hippocampus set's table gives each volume's size and its labels' volumes (mm³ at 1 mm: voxel counts).
func TestHippocampus(t *testing.T) {
	root := testdata.Shared(t, "data/imaging/hippocampus")
	f, err := os.Open(filepath.Join(root, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	num := func(row []string, column string) int {
		n, err := strconv.Atoi(row[slices.Index(rows[0], column)])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	checked := 0
	for _, row := range rows[1:] {
		path := filepath.Join(root, "labels", row[0])
		if _, err := os.Stat(path); err != nil || checked == 60 {
			continue
		}
		m, err := Open(path, AsMask())
		if err != nil {
			t.Fatal(err)
		}
		var labels [3]int
		for _, v := range values(m) {
			labels[int(v)]++
		}
		if m.W != num(row, "nx") || m.H != num(row, "ny") || m.T != num(row, "nz") || labels[1] != num(row, "anterior_mm3") || labels[2] != num(row, "posterior_mm3") {
			t.Errorf("%s: [%d %d %d], labels %v; the table says %v", row[0], m.T, m.H, m.W, labels, row)
		}
		if m.DType != Uint8 {
			t.Errorf("%s: labels are %v", row[0], m.DType)
		}
		c, err := Open(filepath.Join(root, "images", row[0]))
		if err != nil {
			t.Fatal(err)
		}
		if c.T != m.T || c.H != m.H || c.W != m.W {
			t.Errorf("%s: image and labels differ in size", row[0])
		}
		checked++
	}
	if checked == 0 {
		t.Error("no volume was checked")
	}
}

func FuzzNIfTI(f *testing.F) {
	for _, name := range []string{"v1_le_i2.nii", "v1_be_f8.nii", "v2_be_i2.nii", "v1_le_u8.nii", "rgb.nii", "qform.nii", "cine.nii"} {
		b, err := os.ReadFile("testdata/nifti/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := readConfig{ctx: t.Context(), maxBytes: 1 << 22}
		s := &niftiSource{Reader: bytes.NewReader(b), stored: int64(len(b))}
		h, err := readNIfTIHeader(s)
		if err != nil || h.pair {
			return
		}
		c, err := h.readVolume(s, 0, &cfg)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
