package clip

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// corpusEntry is what other decoders (pydicom, GDCM, DCMTK) found in a file of the DICOM corpus.
type corpusEntry struct {
	Rows, Cols, Fr, Spp any // strings, numbers or absent
	Pi                  string
	PatientName         string `json:"patient_name"`
	Pixels              *struct {
		Frame0 struct{ Mean []float64 }
		Lossy  bool `json:"ts_may_be_lossy"`
	}
}

func corpus(t *testing.T) (string, map[string]corpusEntry) {
	t.Helper()
	dir := testdata.Shared(t, "data", "dicom")
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]corpusEntry
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	return dir, want
}

// otherBits are files whose cells hold more than the stored bits (an overlay, or a sign that is not extended). The others' means are of whole
// cells there; TestStoredBits covers what is right.
var otherBits = map[string]bool{"ovly_p01.dcm": true, "12bitSigned_0x0F0F.dcm": true, "JLSL_16_15_1_1F.dcm": true}

// pydicomMean is of a file whose codestream has no sign where the header has one: the others' mean is of the bare cells, pydicom's of what they mean.
var pydicomMean = map[string]float64{"J2K_pixelrep_mismatch.dcm": -658.4368057250977}

// Every image of the corpus gives the shape that its header has and, for grey single frames, the mean that other decoders found, taken through
// the file's own rescale. What is not read fails with a code and names neither patient nor a defect of the program.
func TestCorpus(t *testing.T) {
	dir, want := corpus(t)
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	read, compared := 0, 0
	for _, name := range names {
		w := want[name]
		if w.Pixels == nil || strings.HasPrefix(name, "synthetic/malformed") {
			continue
		}
		c, err := Open(filepath.Join(dir, name), MaxBytes(256<<20))
		if err != nil {
			switch fault.CodeOf(err) {
			case fault.Input, fault.Missing, fault.Resource, fault.Usage:
			default:
				t.Errorf("%s: code %s: %v", name, fault.CodeOf(err), err)
			}
			if len(w.PatientName) > 3 && strings.Contains(err.Error(), w.PatientName) {
				t.Errorf("%s: the error names the patient", name)
			}
			continue
		}
		read++
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		frames := max(1, number(w.Fr))
		if c.H != number(w.Rows) || c.W != number(w.Cols) || c.T != frames {
			t.Errorf("%s: [%d %d %d], the header says [%d %v %v]", name, c.T, c.H, c.W, frames, w.Rows, w.Cols)
		}
		if frames > 1 || otherBits[filepath.Base(name)] || number(w.Spp) != 1 || len(w.Pixels.Frame0.Mean) != 1 || w.Pixels.Lossy || w.Pi == "PALETTE COLOR" {
			continue
		}
		slope, inter := rescaleOf(t, filepath.Join(dir, name))
		expect := slope*w.Pixels.Frame0.Mean[0] + inter
		if m, ok := pydicomMean[filepath.Base(name)]; ok {
			expect = m
		}
		var sum float64
		for _, v := range values(c) {
			sum += v
		}
		got := sum / float64(c.H*c.W)
		if math.Abs(got-expect) > 1e-3*max(1, math.Abs(expect)) {
			t.Errorf("%s: mean %v, others found %v", name, got, expect)
		}
		compared++
	}
	t.Logf("%d read, %d means compared", read, compared)
	if read < 150 || compared < 60 {
		t.Errorf("only %d files were read and %d compared", read, compared)
	}
}

func number(v any) int {
	n, _ := strconv.Atoi(strings.TrimSpace(fmt.Sprint(v)))
	return n
}

func rescaleOf(t *testing.T, path string) (slope, inter float64) {
	t.Helper()
	f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ds := f.DataSet
	if g := functionalGroup(ds, 0, tag.PixelValueTransformationSequence); g != nil {
		ds = g
	}
	slope, ok := ds.Float(tag.RescaleSlope)
	inter, _ = ds.Float(tag.RescaleIntercept)
	if !ok || slope == 0 {
		return 1, 0
	}
	return slope, inter
}

// Damaged files end in an error with a code, or in a clip that keeps its promises: never in a panic or in much memory.
func TestMalformedCorpus(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom", "synthetic", "malformed")
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		c, err := Open(path, MaxBytes(128<<20))
		if err != nil {
			if code := fault.CodeOf(err); code == fault.Internal || code == fault.NotFound {
				t.Errorf("%s: code %s: %v", d.Name(), code, err)
			}
			return nil
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", d.Name(), err)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files: %v", files, err)
	}
}

// One loop in many transfer syntaxes shows the same pictures: lossless ones to the byte, lossy ones nearly.
func TestCineInEverySyntax(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom", "synthetic", "cine")
	ref, err := Open(filepath.Join(dir, "us_rgb_1.2.1_4fr.dcm"), AsGrey())
	if err != nil {
		t.Fatal(err)
	}
	want := values(ref)
	n := ref.H * ref.W
	read := 0
	for _, name := range []string{"us_4.70_4fr.dcm", "us_4.80_jpegls_4fr.dcm", "us_5_rle_4fr.dcm", "us_rgb_planar1_2fr.dcm", "us_4.50_ybr422.dcm",
		"us_4.100_mpeg2.dcm", "us_4.102_h264.dcm", "us_4.107_hevc.dcm"} {
		c, err := Open(filepath.Join(dir, name), AsGrey())
		if fault.CodeOf(err) == fault.Missing {
			continue // no ffmpeg, or one without this decoder
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read++
		if c.H != ref.H || c.W != ref.W || c.C != 1 {
			t.Errorf("%s: [%d %d %d %d]", name, c.T, c.H, c.W, c.C)
			continue
		}
		lossless := strings.Contains(name, "fr.dcm")
		v := values(c)
		var worst, sum float64
		frames := min(c.T, ref.T)
		for i := range frames * n {
			d := math.Abs(v[i] - want[i])
			worst, sum = max(worst, d), sum+d
		}
		mean := sum / float64(frames*n)
		if lossless && worst > 1 || mean > 8 {
			t.Errorf("%s: differs by up to %v levels, %v on average", name, worst, mean)
		}
	}
	if read < 5 {
		t.Errorf("only %d syntaxes were read", read)
	}
}

// The same stack in every format gives the same network input: the reader must not matter.
func TestEveryFormatGivesOneInput(t *testing.T) {
	dir := t.TempDir()
	stack := New(Uint16, 4, 3, 4, 1)
	for i := range Samples[uint16](stack) {
		Samples[uint16](stack)[i] = uint16(i * 50)
	}
	stack.Spacing = Spacing{Slice: 2.5, Row: 0.75, Column: 0.5}
	paths := []string{filepath.Join(dir, "a.npy"), filepath.Join(dir, "a.npz"), filepath.Join(dir, "a.nii"), filepath.Join(dir, "a.nii.gz")}
	for _, p := range paths {
		if err := Save(p, stack); err != nil {
			t.Fatal(err)
		}
	}
	images, slices := filepath.Join(dir, "images"), filepath.Join(dir, "slices")
	for _, d := range []string{images, slices} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for k := range 4 {
		one, err := SelectFrames(stack, []int{k})
		if err != nil {
			t.Fatal(err)
		}
		if err := Save(filepath.Join(images, fmt.Sprintf("slice%d.png", k+8)), one); err != nil {
			t.Fatal(err)
		}
		ds := ctSlice(k, 0, 2.5*float64(k))
		ds.SetString(tag.Modality, "MR")
		ds.SetInts(tag.BitsStored, 16)
		ds.SetInts(tag.HighBit, 15)
		ds.SetFloats(tag.RescaleIntercept, 0)
		ds.SetBytes(tag.PixelData, vr.OW, one.Data)
		writeDICOM(t, slices, fmt.Sprint(9-k), ds)
	}
	in := InputSpec{Frames: 5, Height: 4, Width: 6, Channels: 3, Normalise: "unit"}
	want := prepared(t, stack, in, seeded(4), AugmentSpec{FlipLR: true, RotateDeg: 20, Permute: true})
	for _, p := range append(paths, images, slices) {
		c, err := Open(p)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(p), err)
			continue
		}
		c.Spacing = stack.Spacing // npy and PNG have none
		near(t, filepath.Base(p), prepared(t, c, in, seeded(4), AugmentSpec{FlipLR: true, RotateDeg: 20, Permute: true}), want, 1e-6)
	}
}
