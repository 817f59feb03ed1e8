package clip

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// AsGrey gives the luma of every colour format.
func TestAsGrey(t *testing.T) {
	dir := t.TempDir()
	px := []uint8{200, 40, 90, 10, 250, 30}
	want := []float64{0.299*200 + 0.587*40 + 0.114*90, 0.299*10 + 0.587*250 + 0.114*30}
	rgb := New(Uint8, 1, 1, 2, 3)
	copy(rgb.Data, px)
	deep := New(Uint16, 1, 1, 2, 3)
	for i, v := range px {
		Samples[uint16](deep)[i] = uint16(v) * 200
	}
	img := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	for i := range 2 {
		img.SetNRGBA(i, 0, color.NRGBA{px[3*i], px[3*i+1], px[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.png", b.Bytes())
	for name, c := range map[string]*Clip{"a.npy": rgb, "b.npy": deep, "c.nii": rgb} {
		if err := Save(filepath.Join(dir, name), c); err != nil {
			t.Fatal(err)
		}
	}
	for name, scale := range map[string]float64{"a.png": 1, "a.npy": 1, "b.npy": 200, "c.nii": 1} {
		opts := []ReadOption{AsGrey()}
		if strings.HasSuffix(name, ".npy") {
			opts = append(opts, Layout("HWC"))
			if name == "a.npy" {
				opts[1] = Layout("THWC")
			} else {
				opts[1] = Layout("thwc")
			}
		}
		c, err := Open(filepath.Join(dir, name), opts...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.C != 1 {
			t.Errorf("%s: %d channels", name, c.C)
			continue
		}
		near(t, name, values(c), []float64{want[0] * scale, want[1] * scale}, 0.51)
	}
}

// RGBA volumes lose their fourth channel.
func TestNIfTIRGBA(t *testing.T) {
	var b bytes.Buffer
	if err := WriteNIfTI(&b, rampClip(Uint8, 1, 1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()[:352]
	raw[70], raw[71] = 0, 9 // 2304
	raw = append(raw, 1, 2, 3, 255, 4, 5, 6, 0)
	c, err := Open(write(t, t.TempDir(), "a.nii", raw))
	if err != nil {
		t.Fatal(err)
	}
	if c.C != 3 || c.Photometric != RGB {
		t.Errorf("%d channels, %s", c.C, c.Photometric)
	}
	near(t, "samples", values(c), []float64{1, 2, 3, 4, 5, 6}, 0)
}

// A slope of 0, or one that is no number, means "not scaled".
func TestNIfTIScaling(t *testing.T) {
	var b bytes.Buffer
	if err := WriteNIfTI(&b, byteClip(1, 1, 3, 1, 2, 30)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		slope, inter float32
		want         []float64
		dt           DType
	}{
		{0, 7, []float64{1, 2, 30}, Uint8},
		{float32(math.NaN()), 0, []float64{1, 2, 30}, Uint8},
		{1, 0, []float64{1, 2, 30}, Uint8},
		{1, -5, []float64{-4, -3, 25}, Float32},
		{0.5, 1, []float64{1.5, 2, 16}, Float32},
	} {
		raw := bytes.Clone(b.Bytes())
		binary.LittleEndian.PutUint32(raw[112:], math.Float32bits(c.slope))
		binary.LittleEndian.PutUint32(raw[116:], math.Float32bits(c.inter))
		got, err := Open(write(t, t.TempDir(), "a.nii", raw))
		if err != nil {
			t.Fatal(err)
		}
		if got.DType != c.dt {
			t.Errorf("slope %v: %v", c.slope, got.DType)
		}
		near(t, "scaled", values(got), c.want, 1e-6)
	}
}

// The qform's half turns are where rounding makes the quaternion's real part vanish or the square root negative.
func TestQuaternions(t *testing.T) {
	for name, c := range map[string]struct {
		q    [3]float64
		qfac float64
		want [3][3]float64 // RAS directions
	}{
		"none":            {[3]float64{0, 0, 0}, 1, [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
		"half turn, x":    {[3]float64{1, 0, 0}, 1, [3][3]float64{{1, 0, 0}, {0, -1, 0}, {0, 0, -1}}},
		"half turn, z":    {[3]float64{0, 0, 1.0000001}, 1, [3][3]float64{{-1, 0, 0}, {0, -1, 0}, {0, 0, 1}}},
		"left-handed":     {[3]float64{0, 0, 0}, -1, [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, -1}}},
		"quarter turn, z": {[3]float64{0, 0, math.Sqrt2 / 2}, 1, [3][3]float64{{0, -1, 0}, {1, 0, 0}, {0, 0, 1}}},
	} {
		h := &niftiHeader{qform: 1, quatern: c.q, pixdim: [8]float64{c.qfac, 2, 3, 4}, qoffset: [3]float64{7, 8, 9}}
		a, named := h.affine()
		if !named {
			t.Errorf("%s: no orientation", name)
		}
		for i := range 3 {
			near(t, name, a[i][:], []float64{2 * c.want[i][0], 3 * c.want[i][1], 4 * c.want[i][2], h.qoffset[i]}, 1e-6)
		}
	}
	broken := &niftiHeader{sform: 1, srow: [3][4]float64{{math.Inf(1)}}, pixdim: [8]float64{1, 2, math.NaN(), -4}}
	if a, named := broken.affine(); named || a[0][0] != 2 || a[1][1] != 1 || a[2][2] != 4 {
		t.Errorf("a broken sform: %v", a)
	}
}

// enhanced is a multi-frame MR of 1×2 samples: frames at the given z (mm) and delay (ms), each with a value and a rescale of its own.
func enhanced(frames []struct{ z, delay, slope float64 }) *dicom.DataSet {
	ds := ctSlice(1, 0, 0)
	ds.Delete(tag.ImageOrientationPatient, tag.ImagePositionPatient, tag.PixelSpacing, tag.RescaleSlope, tag.RescaleIntercept)
	ds.SetString(tag.Modality, "MR")
	ds.SetInts(tag.Rows, 1)
	ds.SetInts(tag.Columns, 2)
	ds.SetString(tag.NumberOfFrames, string(rune('0'+len(frames))))
	item := func(set func(*dicom.DataSet)) *dicom.DataSet {
		it := dicom.NewDataSet()
		set(it)
		return it
	}
	ds.SetSequence(tag.SharedFunctionalGroupsSequence, item(func(g *dicom.DataSet) {
		g.SetSequence(tag.PlaneOrientationSequence, item(func(s *dicom.DataSet) { s.SetFloats(tag.ImageOrientationPatient, 1, 0, 0, 0, 1, 0) }))
		g.SetSequence(tag.PixelMeasuresSequence, item(func(s *dicom.DataSet) { s.SetFloats(tag.PixelSpacing, 1.25, 1.5) }))
	}))
	var per []*dicom.DataSet
	var cells []byte
	for i, f := range frames {
		per = append(per, item(func(g *dicom.DataSet) {
			g.SetSequence(tag.PlanePositionSequence, item(func(s *dicom.DataSet) { s.SetFloats(tag.ImagePositionPatient, -5, 6, f.z) }))
			g.SetSequence(tag.CardiacSynchronizationSequence, item(func(s *dicom.DataSet) { s.SetFloats(tag.NominalCardiacTriggerDelayTime, f.delay) }))
			g.SetSequence(tag.PixelValueTransformationSequence, item(func(s *dicom.DataSet) {
				s.SetFloats(tag.RescaleSlope, f.slope)
				s.SetFloats(tag.RescaleIntercept, 0)
			}))
		}))
		cells = append(cells, byte(i+1), 0, byte(i+1), 0)
	}
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, per...)
	ds.SetBytes(tag.PixelData, vr.OW, cells)
	return ds
}

// Frames of an enhanced object come in the order of their place, each with its own rescale; `#[phase]` chooses a moment.
func TestEnhancedMultiFrame(t *testing.T) {
	dir := t.TempDir()
	type f = struct{ z, delay, slope float64 }
	c, err := Open(writeDICOM(t, dir, "stack.dcm", enhanced([]f{{8, 0, 1}, {2, 0, 2}, {5, 0, 3}})))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "stack", values(c), []float64{4, 4, 9, 9, 1, 1}, 0)
	if c.TimesMS != nil || c.Spacing != (Spacing{Slice: 3, Row: 1.25, Column: 1.5}) || c.Affine == nil || c.Affine[2] != [4]float64{0, 0, 3, 2} || c.Affine[0] != [4]float64{1.5, 0, 0, -5} {
		t.Errorf("times %v, spacing %+v, affine %v", c.TimesMS, c.Spacing, c.Affine)
	}
	path := writeDICOM(t, dir, "beating.dcm", enhanced([]f{{2, 30, 1}, {2, 0, 1}, {5, 30, 1}, {5, 0, 1}}))
	if _, err := Open(path); fault.CodeOf(err) != fault.Usage {
		t.Errorf("two moments: %v", err)
	}
	c, err = Open(path + "#[0]")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first moment", values(c), []float64{2, 2, 4, 4}, 0)
	c, err = Open(writeDICOM(t, dir, "cine.dcm", enhanced([]f{{2, 60, 1}, {2, 0, 1}, {2, 25, 1}})))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "cine", values(c), []float64{2, 2, 3, 3, 1, 1}, 0)
	near(t, "cine times", c.TimesMS, []float64{0, 25, 60}, 1e-9)
	c, err = Open(writeDICOM(t, dir, "odd.dcm", enhanced([]f{{2, 0, 1}, {2, 10, 1}, {5, 0, 1}})))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "frames that make no stack stay as stored", values(c), []float64{1, 1, 2, 2, 3, 3}, 0)
	if len(c.Source.Notes) != 1 || !strings.Contains(c.Source.Notes[0], "stored order") {
		t.Errorf("notes %q", c.Source.Notes)
	}
}

// Frames of one series may be stored in different ways; the clip takes the type that holds them all.
func TestSeriesOfMixedTypes(t *testing.T) {
	for _, c := range []struct {
		slopes []float64
		want   DType
		values []float64
	}{
		{[]float64{1, 1}, Int16, []float64{10, 20}},
		{[]float64{1, 4000}, Int32, []float64{10, 80000}},
		{[]float64{1, 0.5}, Float32, []float64{10, 10}},
	} {
		dir := t.TempDir()
		for k, slope := range c.slopes {
			ds := ctSlice(k, 0, float64(k))
			ds.SetInts(tag.Rows, 1)
			ds.SetInts(tag.Columns, 1)
			ds.SetFloats(tag.RescaleSlope, slope)
			ds.SetFloats(tag.RescaleIntercept, 0)
			ds.SetInts(tag.PixelRepresentation, 1)
			ds.SetBytes(tag.PixelData, vr.OW, []byte{byte(10 * (k + 1)), 0})
			writeDICOM(t, dir, string(rune('a'+k)), ds)
		}
		got, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got.DType != c.want {
			t.Errorf("slopes %v: %v", c.slopes, got.DType)
		}
		near(t, "values", values(got), c.values, 1e-6)
	}
}

// Float pixel data and 8-bit signed ones, and the frame count that a header may claim freely.
func TestDICOMCells(t *testing.T) {
	dir := t.TempDir()
	base := func() *dicom.DataSet {
		ds := ctSlice(1, 0, 0)
		ds.SetString(tag.Modality, "OT")
		ds.SetInts(tag.Rows, 1)
		ds.SetInts(tag.Columns, 2)
		ds.Delete(tag.RescaleSlope, tag.RescaleIntercept)
		return ds
	}
	floats := base()
	floats.Delete(tag.PixelData)
	floats.SetInts(tag.BitsAllocated, 32)
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))
	floats.SetBytes(tag.FloatPixelData, vr.OF, binary.LittleEndian.AppendUint32(b, math.Float32bits(-2)))
	c, err := Open(writeDICOM(t, dir, "float.dcm", floats))
	if err != nil {
		t.Fatal(err)
	}
	if c.DType != Float32 {
		t.Errorf("float pixel data are %v", c.DType)
	}
	near(t, "floats", values(c), []float64{1.5, -2}, 0)

	small := base()
	small.SetInts(tag.BitsAllocated, 8)
	small.SetInts(tag.BitsStored, 8)
	small.SetInts(tag.HighBit, 7)
	small.SetInts(tag.PixelRepresentation, 1)
	small.SetBytes(tag.PixelData, vr.OB, []byte{0xff, 0x7f})
	c, err = Open(writeDICOM(t, dir, "int8.dcm", small))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "signed bytes", values(c), []float64{-1, 127}, 0)

	many := base()
	many.SetString(tag.NumberOfFrames, "2147483647")
	if _, err := Open(writeDICOM(t, dir, "many.dcm", many), MaxBytes(1<<40)); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "2147483647 frames") {
		t.Errorf("a free claim of frames: %v", err)
	}
}

// An image sent without its spacing in the patient has the detector's, and says so.
func TestDetectorSpacing(t *testing.T) {
	ds := ctSlice(1, 0, 0)
	ds.Delete(tag.PixelSpacing, tag.ImageOrientationPatient, tag.ImagePositionPatient)
	ds.SetFloats(tag.ImagerPixelSpacing, 0.2, 0.3)
	c, err := Open(writeDICOM(t, t.TempDir(), "a.dcm", ds))
	if err != nil {
		t.Fatal(err)
	}
	if c.Spacing.Row != 0.2 || c.Spacing.Column != 0.3 || len(c.Source.Notes) != 1 || !strings.Contains(c.Source.Notes[0], "detector") {
		t.Errorf("%+v, notes %q", c.Spacing, c.Source.Notes)
	}
}

func TestReadPAM(t *testing.T) {
	ok := "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 65535\nTUPLTYPE GRAYSCALE\nENDHDR\n\x01\x02\xff\x00"
	r := bufio.NewReader(strings.NewReader(ok + ok))
	for range 2 {
		c, err := readPAM(r, 100)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "samples", values(c), []float64{0x102, 0xff00}, 0)
	}
	if _, err := readPAM(r, 100); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	for name, c := range map[string]struct {
		text string
		room int64
		code fault.Code
	}{
		"cut samples": {ok[:len(ok)-1], 100, fault.Input},
		"cut header":  {ok[:20], 100, fault.Input},
		"no size":     {"P7\nENDHDR\n", 100, fault.Input},
		"no room":     {ok, 3, fault.Resource},
		"no end":      {strings.Repeat("x\n", 100), 100, fault.Input},
	} {
		if _, err := readPAM(bufio.NewReader(strings.NewReader(c.text)), c.room); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Times come from the packets in the order of display; when they do not fit the frames, from the mean rate; else there are none.
func TestVideoTimes(t *testing.T) {
	info := func(rate string, pts ...string) *videoInfo {
		v := &videoInfo{Streams: []struct {
			Codec  string `json:"codec_name"`
			Width  int    `json:"width"`
			Height int    `json:"height"`
			PixFmt string `json:"pix_fmt"`
			Rate   string `json:"avg_frame_rate"`
		}{{Rate: rate}}}
		for _, p := range pts {
			v.Packets = append(v.Packets, struct {
				PTS string `json:"pts_time"`
			}{p})
		}
		return v
	}
	near(t, "packets out of order", info("25/1", "1.5", "1.6", "1.54").times(3), []float64{0, 40, 100}, 1e-6)
	near(t, "a packet too many", info("25/2", "0", "1", "2", "3").times(3), []float64{0, 80, 160}, 1e-6)
	near(t, "equal times", info("10/1", "0", "0", "1").times(3), []float64{0, 100, 200}, 1e-6)
	near(t, "no times", info("10/1", "N/A", "N/A").times(2), []float64{0, 100}, 1e-6)
	for _, rate := range []string{"0/0", "", "x/y"} {
		if got := info(rate).times(3); got != nil {
			t.Errorf("rate %q: %v", rate, got)
		}
	}
}

func TestForegroundOfEveryType(t *testing.T) {
	for _, dt := range []DType{Uint8, Int8, Uint16, Int16, Int32, Float32, Float64} {
		x := make([]float32, 30*40)
		for i := range x {
			if y, col := i/40, i%40; y >= 5 && y < 20 && col >= 8 && col < 30 {
				x[i] = 100
			}
		}
		c := New(dt, 1, 30, 40, 1)
		storeRounded(c, x)
		if got := Foreground(c); got != (Box{0, 1, 5, 20, 8, 30}) {
			t.Errorf("%v: %+v", dt, got)
		}
		if InformativeFrame(c) != 0 {
			t.Errorf("%v: frame %d", dt, InformativeFrame(c))
		}
	}
}

// Clips of every type can be shown.
func TestPreviewOfEveryType(t *testing.T) {
	for _, dt := range []DType{Uint8, Int8, Uint16, Int16, Int32, Float32, Float64} {
		c := rampClip(dt, 2, 10, 12, 1)
		if _, err := AnimatedGIF(c, PreviewOptions{}); err != nil {
			t.Errorf("%v: %v", dt, err)
		}
		img := FrameImage(c, 1, PreviewOptions{MaxSide: 12})
		lo, hi := uint32(1<<16), uint32(0)
		for y := range 10 {
			for x := range 12 {
				r, _, _, _ := img.At(x, y).RGBA()
				lo, hi = min(lo, r), max(hi, r)
			}
		}
		if hi-lo < 0x4000 {
			t.Errorf("%v: shown in a range of %d", dt, hi-lo)
		}
	}
	mask := byteClip(1, 2, 2, 0, 1, 2, 3)
	mask.Photometric = Mask
	r, _, _, _ := FrameImage(mask, 0, PreviewOptions{MaxSide: 2}).At(1, 1).RGBA()
	if r != 0xffff {
		t.Errorf("the largest label is shown as %#x", r)
	}
	inverse := byteClip(1, 1, 2, 0, 255)
	inverse.Photometric = Inverse
	img := FrameImage(inverse, 0, PreviewOptions{MaxSide: 2})
	a, _, _, _ := img.At(0, 0).RGBA()
	b, _, _, _ := img.At(1, 0).RGBA()
	if a != 0xffff || b != 0 {
		t.Errorf("MONOCHROME1 is shown as %#x %#x", a, b)
	}
}

// A symbolic link, a device and a folder without permission: what is not a file of samples is named as such.
func TestOddPaths(t *testing.T) {
	if _, err := Open(os.DevNull); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("a device: %v", err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "link.npy")
	target, err := filepath.Abs("testdata/npy/v2.npy")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links here")
	}
	if _, err := Open(link); err != nil {
		t.Errorf("a link: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, "dangling.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "dangling.png")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a dangling link: %v", err)
	}
}
