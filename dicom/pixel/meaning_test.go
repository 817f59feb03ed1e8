package pixel

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// lutItem is an item of a modality, VOI or presentation LUT sequence with entries of 16 bits.
func lutItem(first, bits int, data ...uint16) *dicom.DataSet {
	item := dicom.NewDataSet()
	v := vr.US
	if first < 0 {
		v = vr.SS
	}
	var d []byte
	for _, n := range []int{len(data), first, bits} {
		d = binary.LittleEndian.AppendUint16(d, uint16(n))
	}
	item.SetBytes(tag.LUTDescriptor, v, d)
	b := make([]byte, 0, 2*len(data))
	for _, v := range data {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	item.SetBytes(tag.LUTData, vr.OW, b)
	return item
}

// rendered are the grey values of frame 0.
func rendered(t *testing.T, im *Image) []byte {
	t.Helper()
	img, err := im.Render(0)
	if err != nil {
		t.Fatal(err)
	}
	return img.(*image.Gray).Pix
}

func TestRenderByHand(t *testing.T) {
	window := func(c, w float64, fn string) func(*dicom.DataSet) {
		return func(ds *dicom.DataSet) {
			ds.SetFloats(tag.WindowCenter, c)
			ds.SetFloats(tag.WindowWidth, w)
			if fn != "" {
				ds.SetString(tag.VOILUTFunction, fn)
			}
		}
	}
	for _, c := range []struct {
		name   string
		s      shape
		change func(*dicom.DataSet)
		in     []byte
		want   []byte
	}{
		// c = 128, w = 256: C.11.2.1.2 maps 0 to 0 and 255 to 255.
		{"linear over bytes", shape{rows: 1, columns: 4, allocated: 8}, window(128, 256, ""), []byte{0, 1, 254, 255}, []byte{0, 1, 254, 255}},
		// (x − 10)/20 + 0.5 at 0, 5, 10, 20: 0, 0.25, 0.5, 1.
		{"linear exact", shape{rows: 1, columns: 4, allocated: 8}, window(10, 20, "LINEAR_EXACT"), []byte{0, 5, 10, 20}, []byte{0, 64, 128, 255}},
		// 1/(1 + exp(−4·(x − 10)/20)) at 10 and 15: 0.5, 1/(1 + e^−1) = 0.7311.
		{"sigmoid", shape{rows: 1, columns: 2, allocated: 8}, window(10, 20, "SIGMOID"), []byte{10, 15}, []byte{128, 186}},
		{"monochrome 1", shape{rows: 1, columns: 2, allocated: 8, photometric: "MONOCHROME1"}, window(128, 256, ""), []byte{0, 200}, []byte{255, 55}},
		{"an inverse shape", shape{rows: 1, columns: 2, allocated: 8}, func(ds *dicom.DataSet) {
			window(128, 256, "")(ds)
			ds.SetString(tag.PresentationLUTShape, "INVERSE")
		}, []byte{0, 200}, []byte{255, 55}},
		{"monochrome 1 that is shown as it is", shape{rows: 1, columns: 2, allocated: 8, photometric: "MONOCHROME1"}, func(ds *dicom.DataSet) {
			window(128, 256, "")(ds)
			ds.SetString(tag.PresentationLUTShape, "IDENTITY")
		}, []byte{0, 200}, []byte{0, 200}},
		// Five entries over 0…1: 0 is the first, 0.5 the third, 1 the last, of 10 bits.
		{"a presentation LUT", shape{rows: 1, columns: 3, allocated: 8}, func(ds *dicom.DataSet) {
			window(10, 20, "LINEAR_EXACT")(ds)
			ds.SetSequence(tag.PresentationLUTSequence, lutItem(0, 10, 1023, 0, 511, 0, 341))
		}, []byte{0, 10, 20}, []byte{255, 127, 85}},
		// Signed values from −2 on; before and after the table its ends count.
		{"a VOI LUT from a negative value", shape{rows: 1, columns: 4, allocated: 16, signed: true}, func(ds *dicom.DataSet) {
			ds.SetSequence(tag.VOILUTSequence, lutItem(-2, 8, 10, 20, 30))
		}, []byte{0xFE, 0xFF, 0xFF, 0xFF, 100, 0, 0x9C, 0xFF}, []byte{10, 20, 30, 10}},
		// Stored 1, 2, 3 become 100, 300, 300; the window then has 100 at its lower end.
		{"a modality LUT before the window", shape{rows: 1, columns: 3, allocated: 8}, func(ds *dicom.DataSet) {
			ds.SetSequence(tag.ModalityLUTSequence, lutItem(1, 16, 100, 300))
			window(200, 200, "LINEAR_EXACT")(ds)
		}, []byte{1, 2, 3}, []byte{0, 255, 255}},
		// −5 to 5 are padding, shown black; without a window the rest takes the whole range.
		{"a range of padding", shape{rows: 1, columns: 4, allocated: 16, signed: true}, func(ds *dicom.DataSet) {
			ds.SetBytes(tag.PixelPaddingValue, vr.SS, []byte{0xFB, 0xFF})
			ds.SetBytes(tag.PixelPaddingRangeLimit, vr.SS, []byte{5, 0})
		}, []byte{0xFC, 0xFF, 10, 0, 20, 0, 5, 0}, []byte{0, 0, 255, 0}},
		{"one value", shape{rows: 1, columns: 2, allocated: 8}, nil, []byte{9, 9}, []byte{128, 128}},
	} {
		ds := c.s.dataSet()
		if c.change != nil {
			c.change(ds)
		}
		ds.SetBytes(tag.PixelData, vr.OW, c.in)
		for _, ts := range []string{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian} {
			if got := rendered(t, makeImage(t, ds, ts, nil)); !bytes.Equal(got, c.want) {
				t.Errorf("%s, %s: %v, want %v", c.name, ts, got, c.want)
			}
		}
	}
}

// TestFunctionalGroups: a frame's own window and rescale come before the shared ones, and those before the image's.
func TestFunctionalGroups(t *testing.T) {
	voi := func(c, w float64) *dicom.DataSet {
		item := dicom.NewDataSet()
		item.SetFloats(tag.WindowCenter, c)
		item.SetFloats(tag.WindowWidth, w)
		return item
	}
	own, shared := dicom.NewDataSet(), dicom.NewDataSet()
	own.SetSequence(tag.FrameVOILUTSequence, voi(50, 10))
	shared.SetSequence(tag.FrameVOILUTSequence, voi(60, 20))
	pvt := dicom.NewDataSet()
	pvt.SetFloats(tag.RescaleSlope, 0.5)
	pvt.SetFloats(tag.RescaleIntercept, 1)
	pvt.SetString(tag.RescaleType, "US")
	shared.SetSequence(tag.PixelValueTransformationSequence, pvt)
	ds := shape{frames: 3, rows: 1, columns: 1, allocated: 8}.dataSet()
	ds.SetFloats(tag.WindowCenter, 70)
	ds.SetFloats(tag.WindowWidth, 30)
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, own, dicom.NewDataSet())
	ds.SetBytes(tag.PixelData, vr.OB, []byte{10, 20, 30})
	for _, c := range []struct {
		shared bool
		want   [3]float64 // centres of the windows
		value  [3]float64
	}{{true, [3]float64{50, 60, 60}, [3]float64{6, 11, 16}}, {false, [3]float64{50, 70, 70}, [3]float64{10, 20, 30}}} {
		if c.shared {
			ds.SetSequence(tag.SharedFunctionalGroupsSequence, shared)
		} else {
			ds.Delete(tag.SharedFunctionalGroupsSequence)
		}
		im := makeImage(t, ds, "", nil)
		for i := range 3 {
			v, ok := im.VOI(i)
			x, err := im.Values(i)
			if !ok || v.Center != c.want[i] || err != nil || x[0] != c.value[i] {
				t.Errorf("shared %v, frame %d: %+v, %v, %v", c.shared, i, v, x, err)
			}
		}
	}
}

func TestFloatsAndWide(t *testing.T) {
	ds := shape{rows: 1, columns: 3, allocated: 64}.dataSet()
	var b []byte
	for _, v := range []float64{1.25, -1e300, math.NaN()} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	ds.SetBytes(tag.DoubleFloatPixelData, vr.OD, b)
	im := makeImage(t, ds, "", nil)
	v, err := im.Values(0)
	if err != nil || v[0] != 1.25 || v[1] != -1e300 || !math.IsNaN(v[2]) || im.SampleBytes() != 8 {
		t.Errorf("doubles: %v, %v", v, err)
	}
	if got := rendered(t, im); !slices.Equal(got, []byte{255, 0, 0}) {
		t.Errorf("doubles are shown as %v", got)
	}
	// Big endian and back.
	var out bytes.Buffer
	if err := Transcode(context.Background(), &out, im.file, uid.ExplicitVRBigEndian); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadBytes(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	jm, err := Open(f)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := jm.Values(0); err != nil || v[0] != 1.25 || v[1] != -1e300 {
		t.Errorf("doubles in big endian: %v, %v", v, err)
	}
	// 32 bits, signed, of which 24 are stored.
	im = native(t, shape{rows: 1, columns: 2, allocated: 32, stored: 24, signed: true}, vr.OW, 0xFF, 0xFF, 0xFF, 0x00, 1, 0, 0, 0x7F)
	if v, err := im.Values(0); err != nil || !slices.Equal(v, []float64{-1, 1}) {
		t.Errorf("24 of 32 bits: %v, %v", v, err)
	}
	// 10 bits in 16.
	im = native(t, shape{rows: 1, columns: 2, allocated: 16, stored: 10}, vr.OW, 0xFF, 0xFF, 0x00, 0x02)
	if v, err := im.Values(0); err != nil || !slices.Equal(v, []float64{1023, 512}) {
		t.Errorf("10 bits: %v, %v", v, err)
	}
}

func TestConcatenation(t *testing.T) {
	part := func(id string, number, total, offset, frames, columns int) *Image {
		ds := shape{frames: frames, rows: 1, columns: columns, allocated: 8}.dataSet()
		if id != "" {
			ds.SetString(tag.ConcatenationUID, id)
			ds.SetString(tag.SOPInstanceUIDOfConcatenationSource, "1.2.9")
			ds.SetInts(tag.InConcatenationNumber, number)
			ds.SetInts(tag.InConcatenationTotalNumber, total)
			ds.SetInts(tag.ConcatenationFrameOffsetNumber, offset)
		}
		value := make([]byte, frames*columns)
		for i := range value {
			value[i] = byte(offset + i/columns)
		}
		ds.SetBytes(tag.PixelData, vr.OB, value)
		return makeImage(t, ds, "", nil)
	}
	a, b, c := part("1.5", 1, 3, 0, 2, 2), part("1.5", 2, 3, 2, 3, 2), part("1.5", 3, 3, 5, 1, 2)
	j, err := Join(c, a, b)
	if err != nil || j.Frames != 6 {
		t.Fatalf("%+v, %v", j, err)
	}
	for i := range 6 {
		if got, err := j.Frame(i); err != nil || !bytes.Equal(got, []byte{byte(i), byte(i)}) {
			t.Errorf("frame %d: %v, %v", i, got, err)
		}
	}
	if im, k, err := j.Locate(4); err != nil || im != b || k != 2 {
		t.Errorf("frame 4 is frame %d, %v", k, err)
	}
	if con, ok := b.Concatenation(); !ok || con != (Concatenation{UID: "1.5", Source: "1.2.9", Number: 2, Total: 3, Offset: 2}) {
		t.Errorf("%+v", con)
	}
	for _, bad := range []int{-1, 6} {
		if _, err := j.Frame(bad); fault.CodeOf(err) != fault.Input {
			t.Errorf("frame %d: %v", bad, err)
		}
	}
	for name, parts := range map[string][]*Image{
		"none": nil, "a whole file": {part("", 0, 0, 0, 1, 2)}, "the first is missing": {b, c}, "a gap": {a, c}, "the last is missing": {a, b},
		"twice": {a, a, b, c}, "another's": {a, part("1.6", 2, 3, 2, 3, 2), c}, "another shape": {a, part("1.5", 2, 3, 2, 3, 4), c},
	} {
		if _, err := Join(parts...); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEachIsBounded: no more than twice as many frames as workers are decoded and not yet handed over.
func TestEachIsBounded(t *testing.T) {
	ds := shape{frames: 200, rows: 1, columns: 2, allocated: 8}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 400))
	im := makeImage(t, ds, "", nil)
	var alive, most atomic.Int64
	err := im.Each(context.Background(), 3, func(i int) ([]byte, error) {
		n := alive.Add(1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		return im.Frame(i)
	}, func(int, []byte) error { alive.Add(-1); return nil })
	if err != nil || most.Load() > 6 {
		t.Errorf("%d frames at once, %v", most.Load(), err)
	}
}

// TestJPEG2000Colour: what the reversible transform does is undone, and RGB does not convert again.
func TestJPEG2000Colour(t *testing.T) {
	if err := CanEncode(uid.JPEG2000Lossless); err != nil {
		t.Skip(err)
	}
	want := []byte{255, 0, 0, 0, 255, 0, 0, 0, 255, 12, 34, 56}
	ds := shape{rows: 2, columns: 2, samples: 3, allocated: 8, photometric: "RGB"}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, want)
	f, _, err := transcode(t, makeImage(t, ds, "", nil).file, uid.JPEG2000Lossless)
	if err != nil {
		t.Fatal(err)
	}
	im, err := Open(f)
	if err != nil || im.Photometric != "YBR_RCT" {
		t.Fatalf("%s, %v", im.Photometric, err)
	}
	if got, err := im.RGB(0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestVideoColour makes videos of one colour and wants it back, in 8 and 10 bits, at the header's size only.
func TestVideoColour(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	for _, c := range []struct {
		ts            dicom.TransferSyntax
		args          []string
		bits, samples int
		want          []float64 // of each sample, 0…1
	}{
		{uid.MPEG2MPML, []string{"-c:v", "mpeg2video", "-q:v", "2", "-f", "mpeg2video"}, 8, 3, []float64{1, 0, 0}},
		{uid.MPEG4HP41, []string{"-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuv420p", "-f", "h264"}, 8, 3, []float64{1, 0, 0}},
		{uid.HEVCM10P51, []string{"-c:v", "libx265", "-x265-params", "qp=4:log-level=none", "-pix_fmt", "yuv420p10le", "-f", "hevc"}, 10, 3, []float64{1, 0, 0}},
		{uid.MPEG4HP41, []string{"-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuv420p", "-f", "h264"}, 8, 1, []float64{0.299}},
	} {
		path := filepath.Join(dir, "v")
		args := append([]string{"-v", "error", "-y", "-f", "lavfi", "-i", "color=c=0xFF0000:s=64x48:r=25:d=0.12"}, c.args...)
		if out, err := exec.Command(ffmpeg, append(args, path)...).CombinedOutput(); err != nil {
			t.Logf("%s can't be made here: %v %s", c.ts.Name(), err, out)
			continue
		}
		stream, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		allocated := 8
		if c.bits > 8 {
			allocated = 16
		}
		s := shape{frames: 3, rows: 48, columns: 64, samples: c.samples, allocated: allocated, stored: c.bits, photometric: "YBR_PARTIAL_420"}
		if c.samples == 1 {
			s.photometric = "MONOCHROME2"
		}
		im := makeImage(t, s.dataSet(), string(c.ts), [][]byte{stream})
		n := 0
		err = im.EachFrame(context.Background(), func(_ int, b []byte) error {
			n++
			for k, v := range im.Stored(b) {
				if want := c.want[k%c.samples] * float64(int(1)<<c.bits-1); math.Abs(v-want) > 0.012*float64(int(1)<<c.bits) {
					t.Fatalf("%s: sample %d is %v, want %v", c.ts.Name(), k%c.samples, v, want)
				}
			}
			return nil
		})
		if err != nil || n != 3 {
			t.Errorf("%s: %d frames, %v", c.ts.Name(), n, err)
		}
		for what, wrong := range map[string]shape{"size": {frames: 3, rows: 64, columns: 48}, "number of frames": {frames: 4, rows: 48, columns: 64}} {
			wrong.samples, wrong.allocated, wrong.stored, wrong.photometric = c.samples, allocated, c.bits, s.photometric
			im := makeImage(t, wrong.dataSet(), string(c.ts), [][]byte{stream})
			if err := im.EachFrame(context.Background(), func(int, []byte) error { return nil }); fault.CodeOf(err) != fault.Input {
				t.Errorf("%s of another %s: %v", c.ts.Name(), what, err)
			}
		}
		rubbish := makeImage(t, s.dataSet(), string(c.ts), [][]byte{make([]byte, 1000)})
		if _, err := rubbish.Frame(0); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s of zeros: %v", c.ts.Name(), err)
		}
	}
}
