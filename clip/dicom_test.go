package clip

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// ctSlice is a 3×4 CT image of stored value v everywhere, at z mm along the normal of an oblique plane.
func ctSlice(number, v int, z float64) *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2")
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.3.4.%d", number))
	ds.SetString(tag.StudyInstanceUID, "1.2.3")
	ds.SetString(tag.SeriesInstanceUID, "1.2.3.4")
	ds.SetString(tag.Modality, "CT")
	ds.SetString(tag.PatientName, "Doe^Jane")
	ds.SetInts(tag.InstanceNumber, number)
	// The row direction lies in x-z at 30°, the column direction along y: the normal is (-sin, 0, cos).
	cos, sin := math.Cos(math.Pi/6), math.Sin(math.Pi/6)
	ds.SetFloats(tag.ImageOrientationPatient, cos, 0, sin, 0, 1, 0)
	ds.SetFloats(tag.ImagePositionPatient, 10-z*sin, 20, 30+z*cos)
	ds.SetFloats(tag.PixelSpacing, 0.75, 0.5)
	ds.SetInts(tag.Rows, 3)
	ds.SetInts(tag.Columns, 4)
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.BitsAllocated, 16)
	ds.SetInts(tag.BitsStored, 12)
	ds.SetInts(tag.HighBit, 11)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetFloats(tag.RescaleSlope, 1)
	ds.SetFloats(tag.RescaleIntercept, -1024)
	b := make([]byte, 24)
	for i := range 12 {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(v))
	}
	ds.SetBytes(tag.PixelData, vr.OW, b)
	return ds
}

func writeDICOM(t testing.TB, dir, name string, ds *dicom.DataSet) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// Slices come in the order of their place, whatever their names and numbers, as Hounsfield units with the place of each sample.
func TestDICOMStack(t *testing.T) {
	dir := t.TempDir()
	for i, k := range []int{3, 0, 4, 1, 2} { // slice k at 2.5·k mm holds 1024+100·k; numbers run the other way
		writeDICOM(t, dir, fmt.Sprintf("im%d", i), ctSlice(100-k, 1024+100*k, 2.5*float64(k)))
	}
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.T != 5 || c.H != 3 || c.W != 4 || c.DType != Int16 || c.Photometric != CT || c.TimesMS != nil {
		t.Fatalf("[%d %d %d] %v %s times %v", c.T, c.H, c.W, c.DType, c.Photometric, c.TimesMS)
	}
	for k := range 5 {
		if v := Samples[int16](c)[k*12]; int(v) != 100*k {
			t.Errorf("slice %d holds %d", k, v)
		}
	}
	if math.Abs(c.Spacing.Slice-2.5) > 1e-9 || c.Spacing.Row != 0.75 || c.Spacing.Column != 0.5 {
		t.Errorf("spacing %+v", c.Spacing)
	}
	cos, sin := math.Cos(math.Pi/6), math.Sin(math.Pi/6)
	want := Affine{{0.5 * cos, 0, -2.5 * sin, 10}, {0, 0.75, 0, 20}, {0.5 * sin, 0, 2.5 * cos, 30}}
	for i := range 3 {
		near(t, "affine", c.Affine[i][:], want[i][:], 1e-9)
	}
	s := c.Source
	if s.Format != "dicom" || s.Series != "1.2.3.4" || len(s.Instances) != 5 || s.Instances[0] != "1.2.3.4.100" || s.Tags["Modality"] != "CT" || len(s.Digest) != 64 || len(s.Notes) != 0 {
		t.Errorf("source %+v", s)
	}
	if strings.Contains(fmt.Sprintf("%+v", s), "Doe") {
		t.Error("the source names the patient")
	}
	// The file's digest does not depend on where the folder is.
	other := t.TempDir()
	for i := range 5 {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("im%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		write(t, other, fmt.Sprintf("renamed%d.dcm", 9-i), b)
	}
	again, err := Open(other)
	if err != nil || again.Source.Digest != s.Digest || !bytes.Equal(again.Data, c.Data) {
		t.Errorf("renamed files: %v", err)
	}
}

// phases writes places × moments slices; the value is 1024 + 100·place + moment.
func phases(t *testing.T, dir string, places, moments int, trigger bool) {
	for p := range places {
		for m := range moments {
			ds := ctSlice(1+p+places*(moments-1-m), 1024+100*p+m, 4*float64(p))
			if trigger {
				ds.SetFloats(tag.TriggerTime, 35*float64(m))
			}
			writeDICOM(t, dir, fmt.Sprintf("%d-%d", p, m), ds)
		}
	}
}

func TestDICOMMoments(t *testing.T) {
	cine := t.TempDir()
	phases(t, cine, 1, 4, true)
	c, err := Open(cine)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "times", c.TimesMS, []float64{0, 35, 70, 105}, 1e-9)
	for m, v := range Samples[int16](c) {
		if int(v) != m/12 {
			t.Fatalf("sample %d is %d: frames are not in the order of time", m, v)
		}
	}
	if c.Spacing.Slice != 0 {
		t.Error("moments have a slice spacing")
	}
	beating := t.TempDir()
	phases(t, beating, 3, 2, true)
	if _, err := Open(beating); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "2 moments at each of 3 places") {
		t.Errorf("a stack of cines: %v", err)
	}
	c, err = Open(beating + "#1.2.3.4[1]")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range Samples[int16](c) {
		if int(v) != 100*(i/12)+1 {
			t.Fatalf("sample %d of phase 1 is %d", i, v)
		}
	}
	if c.T != 3 || math.Abs(c.Spacing.Slice-4) > 1e-9 {
		t.Errorf("%d slices %v mm apart", c.T, c.Spacing.Slice)
	}
	if _, err := Open(beating + "#1.2.3.4[2]"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("phase 2 of 2: %v", err)
	}
}

func TestDICOMSeriesTrouble(t *testing.T) {
	fill := func(edit func(k int, ds *dicom.DataSet)) string {
		dir := t.TempDir()
		for k := range 4 {
			ds := ctSlice(k, 1024, 2*float64(k))
			edit(k, ds)
			writeDICOM(t, dir, fmt.Sprint(k), ds)
		}
		return dir
	}
	gap, err := Open(fill(func(k int, ds *dicom.DataSet) {
		if k == 3 {
			ds.SetFloats(tag.ImagePositionPatient, 10-5, 20, 30+10*math.Cos(math.Pi/6))
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if gap.Affine != nil || len(gap.Source.Notes) != 1 || !strings.Contains(gap.Source.Notes[0], "2.00 to 6.00 mm") || math.Abs(gap.Spacing.Slice-2) > 1e-6 {
		t.Errorf("a missing slice: affine %v, notes %q, spacing %v", gap.Affine, gap.Source.Notes, gap.Spacing)
	}
	lost, err := Open(fill(func(k int, ds *dicom.DataSet) { ds.Delete(tag.ImagePositionPatient) }))
	if err != nil || lost.Affine != nil || lost.Spacing.Slice != 0 || lost.T != 4 {
		t.Errorf("without places: %v", err)
	}
	for name, c := range map[string]struct {
		edit func(k int, ds *dicom.DataSet)
		code fault.Code
		says string
	}{
		"sent twice": {func(k int, ds *dicom.DataSet) {
			if k == 2 {
				ds.SetFloats(tag.ImagePositionPatient, 10-2*0.5, 20, 30+2*math.Cos(math.Pi/6))
			}
		}, fault.Input, "sent twice"},
		"two series": {func(k int, ds *dicom.DataSet) { ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("1.2.3.%d", 4+k/2)) }, fault.Usage, "FOLDER#1.2.3.4 or FOLDER#1.2.3.5"},
		"two orientations": {func(k int, ds *dicom.DataSet) {
			if k == 1 {
				ds.SetFloats(tag.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
			}
		}, fault.Input, "orientations"},
		"two sizes": {func(k int, ds *dicom.DataSet) {
			if k == 1 {
				ds.SetInts(tag.Rows, 4)
				ds.SetInts(tag.Columns, 3)
			}
		}, fault.Input, "3×4"},
		"no pixels": {func(k int, ds *dicom.DataSet) { ds.Delete(tag.PixelData, tag.Rows) }, fault.Input, "pixels"},
		"cut pixels": {func(k int, ds *dicom.DataSet) {
			if k == 2 {
				ds.SetBytes(tag.PixelData, vr.OW, make([]byte, 20))
			}
		}, fault.Input, "frame 2, 2"},
		"a multi-frame file": {func(k int, ds *dicom.DataSet) {
			if k == 2 {
				ds.SetString(tag.NumberOfFrames, "2")
			}
		}, fault.Input, "one by one"},
	} {
		_, err := Open(fill(c.edit))
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), "Doe") {
			t.Errorf("%s: %v", name, err)
		}
	}
	two := fill(func(k int, ds *dicom.DataSet) { ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("1.2.3.%d", 4+k/2)) })
	if c, err := Open(two + "#1.2.3.5"); err != nil || c.T != 2 {
		t.Errorf("one of two series: %v", err)
	}
}

// An ultrasound loop: JPEG frames, times from the header, spacing from the calibrated region, burned-in colour kept.
func TestUltrasoundLoop(t *testing.T) {
	src := smoothClip(6, 48, 64)
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.3.1")
	ds.SetString(tag.SOPInstanceUID, "1.2.3.4.5")
	ds.SetString(tag.Modality, "US")
	ds.SetString(tag.StageName, "Baseline")
	ds.SetString(tag.NumberOfFrames, "6")
	ds.SetFloats(tag.FrameTime, 33.5)
	ds.SetInts(tag.Rows, 48)
	ds.SetInts(tag.Columns, 64)
	ds.SetInts(tag.SamplesPerPixel, 3)
	ds.SetString(tag.PhotometricInterpretation, "YBR_FULL_422")
	ds.SetInts(tag.PlanarConfiguration, 0)
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	pixel.SetRegions(ds, pixel.Region{SpatialFormat: 1, DataType: 1, UnitsX: 3, UnitsY: 3, MinX: 4, MinY: 5, MaxX: 60, MaxY: 40, DeltaX: 0.03, DeltaY: 0.04},
		pixel.Region{SpatialFormat: 3, UnitsX: 4, UnitsY: 7, MaxX: 63, MaxY: 47, DeltaX: 1, DeltaY: 1})
	encode := func(mark bool) [][]byte {
		var frames [][]byte
		for f := range 6 {
			rgb := threeChannels(&Clip{T: 1, H: 48, W: 64, C: 1, DType: Uint8, Data: src.Frame(f)})
			if mark {
				for y := range 16 {
					for x := range 16 {
						copy(rgb.Data[(y*64+x)*3:], []uint8{20, 200, 40})
					}
				}
			}
			var b bytes.Buffer
			if err := jpeg.Encode(&b, jpegImage(rgb, 0), &jpeg.Options{Quality: 100}); err != nil {
				t.Fatal(err)
			}
			frames = append(frames, b.Bytes())
		}
		return frames
	}
	path := filepath.Join(t.TempDir(), "us.dcm")
	save := func(mark bool) {
		if err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: uid.JPEGBaseline8Bit, Frames: encode(mark)}); err != nil {
			t.Fatal(err)
		}
	}
	save(false)
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.T != 6 || c.C != 1 || c.Photometric != Grey {
		t.Errorf("a loop without colour: %d frames, %d channels, %s", c.T, c.C, c.Photometric)
	}
	near(t, "samples", values(c), values(src), 3)
	near(t, "times", c.TimesMS, []float64{0, 33.5, 67, 100.5, 134, 167.5}, 1e-9)
	if math.Abs(c.Spacing.Row-0.4) > 1e-9 || math.Abs(c.Spacing.Column-0.3) > 1e-9 || c.Spacing.Slice != 0 {
		t.Errorf("spacing %+v", c.Spacing)
	}
	if c.Source.Tags["StageName"] != "Baseline" || c.Source.Tags["Region0"] != "4,5,60,40" {
		t.Errorf("tags %v", c.Source.Tags)
	}
	save(true)
	c, err = Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.C != 3 || c.Photometric != RGB {
		t.Fatalf("with a coloured mark: %d channels, %s", c.C, c.Photometric)
	}
	near(t, "mark", values(c)[(5*64+5)*3:][:3], []float64{20, 200, 40}, 3)
	grey, err := Open(path, AsGrey(), Workers(1))
	if err != nil {
		t.Fatal(err)
	}
	if grey.C != 1 {
		t.Fatalf("read as grey: %d channels", grey.C)
	}
	near(t, "luma of the mark", values(grey)[5*64+5:][:1], []float64{0.299*20 + 0.587*200 + 0.114*40}, 3)
	if _, err := Open(path, MaxBytes(48*64*3*6-1)); fault.CodeOf(err) != fault.Resource {
		t.Errorf("over the limit: %v", err)
	}
}

// Only the stored bits count: what else is in their cells (overlays of old) is not signal, and the sign is that of the stored bits.
func TestStoredBits(t *testing.T) {
	for _, c := range []struct {
		name           string
		stored, high   int
		signed         int
		photometric    string
		cells          []uint16
		want           []float64
		dt             DType
		p              Photometric
		slope, interce float64
	}{
		{"12 bits under an overlay", 12, 11, 0, "MONOCHROME2", []uint16{0xf123, 0x0fff}, []float64{0x123, 0xfff}, Uint16, Grey, 1, 0},
		{"12 bits high in the cell", 12, 15, 0, "MONOCHROME2", []uint16{0x1230, 0xfff7}, []float64{0x123, 0xfff}, Uint16, Grey, 1, 0},
		{"signed 12 bits", 12, 11, 1, "MONOCHROME2", []uint16{0x0fff, 0x0800}, []float64{-1, -2048}, Int16, Grey, 1, 0},
		{"signed 16 bits", 16, 15, 1, "MONOCHROME1", []uint16{0xffff, 0x7fff}, []float64{-1, 32767}, Int16, Inverse, 1, 0},
		{"whole-numbered rescale beyond 16 bits", 16, 15, 0, "MONOCHROME2", []uint16{0, 65535}, []float64{-5, 131065}, Int32, Grey, 2, -5},
		{"fractional rescale", 16, 15, 0, "MONOCHROME2", []uint16{0, 10}, []float64{0.25, 5.25}, Float32, Grey, 0.5, 0.25},
	} {
		ds := ctSlice(1, 0, 0)
		ds.SetString(tag.Modality, "MR")
		ds.SetInts(tag.Rows, 1)
		ds.SetInts(tag.Columns, 2)
		ds.SetInts(tag.BitsStored, c.stored)
		ds.SetInts(tag.HighBit, c.high)
		ds.SetInts(tag.PixelRepresentation, c.signed)
		ds.SetString(tag.PhotometricInterpretation, c.photometric)
		ds.SetFloats(tag.RescaleSlope, c.slope)
		ds.SetFloats(tag.RescaleIntercept, c.interce)
		ds.SetBytes(tag.PixelData, vr.OW, binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, c.cells[0]), c.cells[1]))
		got, err := Open(writeDICOM(t, t.TempDir(), "a.dcm", ds))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got.DType != c.dt || got.Photometric != c.p {
			t.Errorf("%s: %v %s", c.name, got.DType, got.Photometric)
		}
		near(t, c.name, values(got), c.want, 1e-6)
	}
}

func TestDICOMErrors(t *testing.T) {
	dir := t.TempDir()
	ds := ctSlice(1, 5, 0)
	good := writeDICOM(t, dir, "good.dcm", ds)
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	ds.Delete(tag.PixelData)
	writeDICOM(t, dir, "report.dcm", ds)
	write(t, dir, "cut.dcm", b[:len(b)-5])
	write(t, dir, "text.dcm", []byte(strings.Repeat("this is not DICOM. ", 20)))
	for _, c := range []struct{ name, says string }{
		{"report.dcm", "no pixel data"}, {"cut.dcm", "DICOM"}, {"text.dcm", "not DICOM"}, {"good.dcm#x", "no part"}, {"good.dcm#[0]", "no phase"},
	} {
		_, err := Open(filepath.Join(dir, c.name))
		if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v", c.name, err)
		}
		if strings.Contains(fmt.Sprint(err), "Doe") {
			t.Errorf("%s: the error names the patient", c.name)
		}
	}
}

// The stress-echo study: 24 loops whose sizes and frame counts its table gives, and two that pydicom decoded.
func TestEchoStudy(t *testing.T) {
	root := testdata.Shared(t, "data/imaging/echo_dicom")
	files, err := filepath.Glob(filepath.Join(root, "*.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	want := golden(t).DICOM
	for _, path := range files {
		c, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if c.H != 288 || c.W != 384 || c.T < 10 || c.T > 16 || c.TimesMS == nil || c.Spacing.Row <= 0 || c.Source.Tags["StageName"] == "" {
			t.Errorf("%s: [%d %d %d], times %v, spacing %v", filepath.Base(path), c.T, c.H, c.W, c.TimesMS, c.Spacing)
		}
		g, ok := want[filepath.Base(path)]
		if !ok {
			continue
		}
		if !slices.Equal(g.Shape, []int{c.T, c.H, c.W, c.C}) {
			t.Errorf("%s: [%d %d %d %d], pydicom %v", filepath.Base(path), c.T, c.H, c.W, c.C, g.Shape)
			continue
		}
		x := prepared(t, c, InputSpec{Channels: 1, Normalise: "none"}, nil, AugmentSpec{})
		n := c.H * c.W
		for f := range c.T {
			if m, _ := moments(x[f*n : (f+1)*n]); math.Abs(m-g.Means[f]) > 0.3 {
				t.Errorf("%s frame %d: mean %v, pydicom %v", filepath.Base(path), f, m, g.Means[f])
			}
		}
	}
	if len(files) != 24 {
		t.Errorf("%d files", len(files))
	}
}
