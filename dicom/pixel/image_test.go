package pixel

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel/rle"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// shape describes an image to make.
type shape struct {
	frames, rows, columns, samples, allocated, stored, high int
	signed, planar                                          bool
	photometric                                             string
}

func (s shape) dataSet() *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.SecondaryCaptureImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	if s.frames > 0 {
		ds.SetInts(tag.NumberOfFrames, s.frames)
	}
	ds.SetInts(tag.Rows, s.rows)
	ds.SetInts(tag.Columns, s.columns)
	ds.SetInts(tag.SamplesPerPixel, max(s.samples, 1))
	ds.SetInts(tag.BitsAllocated, s.allocated)
	stored, high := s.stored, s.high
	if stored == 0 {
		stored = s.allocated
	}
	if high == 0 {
		high = stored - 1
	}
	ds.SetInts(tag.BitsStored, stored)
	ds.SetInts(tag.HighBit, high)
	ds.SetInts(tag.PixelRepresentation, map[bool]int{true: 1}[s.signed])
	if s.samples > 1 {
		ds.SetInts(tag.PlanarConfiguration, map[bool]int{true: 1}[s.planar])
	}
	if s.photometric == "" {
		s.photometric = "MONOCHROME2"
	}
	ds.SetString(tag.PhotometricInterpretation, s.photometric)
	return ds
}

// makeImage writes a data set with its pixel data and reads it again.
func makeImage(t *testing.T, ds *dicom.DataSet, ts string, frames [][]byte) *Image {
	t.Helper()
	im, err := tryImage(t, ds, ts, frames)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func tryImage(t *testing.T, ds *dicom.DataSet, ts string, frames [][]byte) (*Image, error) {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: ts, Frames: frames}); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return Open(f)
}

func native(t *testing.T, s shape, v vr.VR, value ...byte) *Image {
	t.Helper()
	ds := s.dataSet()
	ds.SetBytes(tag.PixelData, v, value)
	return makeImage(t, ds, "", nil)
}

func TestNativeByHand(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     shape
		value []byte
		frame int
		want  []byte
	}{
		{"8 bits", shape{rows: 2, columns: 2, allocated: 8}, []byte{1, 2, 3, 4}, 0, []byte{1, 2, 3, 4}},
		{"second frame", shape{frames: 2, rows: 1, columns: 2, allocated: 16}, []byte{1, 0, 2, 0, 3, 0, 4, 0}, 1, []byte{3, 0, 4, 0}},
		{"by plane", shape{rows: 1, columns: 2, samples: 3, allocated: 8, planar: true, photometric: "RGB"}, []byte{1, 2, 3, 4, 5, 6}, 0, []byte{1, 3, 5, 2, 4, 6}},
		{"16 bits by plane", shape{rows: 1, columns: 2, samples: 3, allocated: 16, planar: true, photometric: "RGB"}, []byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0}, 0, []byte{1, 0, 3, 0, 5, 0, 2, 0, 4, 0, 6, 0}},
		{"single bits, lowest first", shape{rows: 1, columns: 10, allocated: 1}, []byte{0b10000101, 0b10}, 0, []byte{1, 0, 1, 0, 0, 0, 0, 1, 0, 1}},
		{"single bits across bytes", shape{frames: 2, rows: 1, columns: 5, allocated: 1}, []byte{0b10100001, 0b11}, 1, []byte{1, 0, 1, 1, 1}},
		{"12 bits packed", shape{rows: 1, columns: 2, allocated: 12}, []byte{0x23, 0x61, 0x45}, 0, []byte{0x23, 0x01, 0x56, 0x04}},
		{"chroma of two pixels", shape{rows: 1, columns: 2, samples: 3, allocated: 8, photometric: "YBR_FULL_422"}, []byte{10, 20, 128, 129}, 0, []byte{10, 128, 129, 20, 128, 129}},
	} {
		im := native(t, c.s, vr.OW, c.value...)
		if got, err := im.Frame(c.frame); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
		for _, bad := range []int{-1, im.Frames} {
			if _, err := im.Frame(bad); err == nil {
				t.Errorf("%s: frame %d of %d", c.name, bad, im.Frames)
			}
		}
	}
}

func TestBigEndianCells(t *testing.T) {
	s := shape{rows: 1, columns: 2, allocated: 16}
	ds := s.dataSet()
	ds.SetBytes(tag.PixelData, vr.OW, []byte{1, 2, 3, 4})
	if got, err := makeImage(t, ds, uid.ExplicitVRBigEndian, nil).Frame(0); err != nil || !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("%v, %v", got, err)
	}
	// Bytes in words: three frames of three bytes, which begin in the middle of words.
	ds = shape{frames: 3, rows: 1, columns: 3, allocated: 8}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OW, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 0})
	im := makeImage(t, ds, uid.ExplicitVRBigEndian, nil)
	for i, want := range [][]byte{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}} {
		if got, err := im.Frame(i); err != nil || !bytes.Equal(got, want) {
			t.Errorf("frame %d: %v, %v", i, got, err)
		}
	}
}

func TestStoredValues(t *testing.T) {
	for _, c := range []struct {
		name string
		s    shape
		in   []byte
		want []float64
	}{
		{"unsigned", shape{rows: 1, columns: 2, allocated: 16}, []byte{0xFF, 0xFF, 1, 0}, []float64{65535, 1}},
		{"signed", shape{rows: 1, columns: 2, allocated: 16, signed: true}, []byte{0xFF, 0xFF, 1, 0}, []float64{-1, 1}},
		{"12 bits signed, rubbish above", shape{rows: 1, columns: 2, allocated: 16, stored: 12, signed: true}, []byte{0xFF, 0x3F, 0xFF, 0xF7}, []float64{-1, 2047}},
		{"high bit 15 of 12", shape{rows: 1, columns: 1, allocated: 16, stored: 12, high: 15}, []byte{0x3F, 0x12}, []float64{0x123}},
		{"32 bits", shape{rows: 1, columns: 1, allocated: 32}, []byte{0, 0, 0, 0x80}, []float64{1 << 31}},
	} {
		im := native(t, c.s, vr.OW, c.in...)
		b, err := im.Frame(0)
		if err != nil {
			t.Fatal(err)
		}
		if got := im.Stored(b); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	ds := shape{rows: 1, columns: 2, allocated: 32}.dataSet()
	ds.SetBytes(tag.FloatPixelData, vr.OF, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5)), math.Float32bits(-2)))
	im := makeImage(t, ds, "", nil)
	if v, err := im.Values(0); err != nil || !slices.Equal(v, []float64{1.5, -2}) || !im.Float {
		t.Errorf("floats: %v, %v", v, err)
	}
}

func TestModalityVOIAndRender(t *testing.T) {
	ds := shape{rows: 1, columns: 3, allocated: 16, signed: true}.dataSet()
	ds.SetFloats(tag.RescaleSlope, 2)
	ds.SetFloats(tag.RescaleIntercept, -1000)
	ds.SetString(tag.RescaleType, "HU")
	ds.SetFloats(tag.WindowCenter, 40)
	ds.SetFloats(tag.WindowWidth, 400)
	ds.SetBytes(tag.PixelData, vr.OW, []byte{0xF4, 0x01, 0x08, 0x02, 0x00, 0x00}) // 500, 520, 0
	im := makeImage(t, ds, "", nil)
	if v, err := im.Values(0); err != nil || !slices.Equal(v, []float64{0, 40, -1000}) {
		t.Errorf("%v, %v", v, err)
	}
	voi, ok := im.VOI(0)
	if !ok || voi.Center != 40 || voi.Width != 400 {
		t.Errorf("%+v", voi)
	}
	// C.11.2.1.2: ((x − (c − 0.5)) / (w − 1) + 0.5).
	if y := voi.Apply(40); math.Abs(y-(0.5/399+0.5)) > 1e-12 {
		t.Errorf("the centre maps to %v", y)
	}
	img, err := im.Render(0)
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(2, 0).RGBA(); r != 0 {
		t.Errorf("air is %d", r)
	}
	for _, c := range []struct {
		v    VOI
		x, y float64
	}{
		{VOI{Center: 10, Width: 20, Function: "LINEAR_EXACT"}, 10, 0.5}, {VOI{Center: 10, Width: 20, Function: "LINEAR_EXACT"}, 0, 0},
		{VOI{Center: 10, Width: 20, Function: "SIGMOID"}, 10, 0.5}, {VOI{Center: 10, Width: 1}, 9.4, 0}, {VOI{Center: 10, Width: 1}, 9.6, 1},
		{VOI{LUT: &LUT{First: 5, Bits: 8, Data: []uint16{0, 255}}}, 6, 1}, {VOI{LUT: &LUT{First: 5, Bits: 8, Data: []uint16{0, 255}}}, -3, 0},
	} {
		if y := c.v.Apply(c.x); math.Abs(y-c.y) > 1e-12 {
			t.Errorf("%+v at %v: %v, want %v", c.v, c.x, y, c.y)
		}
	}
	// Functional groups: the frame's own transformation and window.
	group := func(slope float64) *dicom.DataSet {
		g, pvt := dicom.NewDataSet(), dicom.NewDataSet()
		pvt.SetFloats(tag.RescaleSlope, slope)
		pvt.SetFloats(tag.RescaleIntercept, 0)
		g.SetSequence(tag.PixelValueTransformationSequence, pvt)
		return g
	}
	ds = shape{frames: 2, rows: 1, columns: 1, allocated: 8}.dataSet()
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, group(2), group(3))
	ds.SetBytes(tag.PixelData, vr.OB, []byte{10, 10})
	im = makeImage(t, ds, "", nil)
	for i, want := range []float64{20, 30} {
		if v, err := im.Values(i); err != nil || v[0] != want {
			t.Errorf("frame %d: %v, %v", i, v, err)
		}
	}
	// MONOCHROME1, padding, and no window at all: the range of what is left.
	ds = shape{rows: 1, columns: 3, allocated: 8, photometric: "MONOCHROME1"}.dataSet()
	ds.SetInts(tag.PixelPaddingValue, 255)
	ds.SetBytes(tag.PixelData, vr.OB, []byte{0, 100, 255})
	img, err = makeImage(t, ds, "", nil).Render(0)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range []uint32{0xFFFF, 0, 0} {
		if r, _, _, _ := img.At(x, 0).RGBA(); r != want {
			t.Errorf("pixel %d: %x, want %x", x, r, want)
		}
	}
}

func TestColour(t *testing.T) {
	for _, c := range []struct {
		name string
		s    shape
		in   []byte
		want []byte
	}{
		{"RGB", shape{rows: 1, columns: 1, samples: 3, allocated: 8, photometric: "RGB"}, []byte{1, 2, 3, 0}, []byte{1, 2, 3}},
		{"grey in YBR", shape{rows: 1, columns: 1, samples: 3, allocated: 8, photometric: "YBR_FULL"}, []byte{77, 128, 128, 0}, []byte{77, 77, 77}},
		{"red in YBR", shape{rows: 1, columns: 1, samples: 3, allocated: 8, photometric: "YBR_FULL"}, []byte{76, 85, 255, 0}, []byte{254, 0, 0}},
		{"16-bit RGB", shape{rows: 1, columns: 1, samples: 3, allocated: 16, photometric: "RGB"}, []byte{0, 10, 0, 20, 0, 30}, []byte{10, 20, 30}},
		{"12 of 16 bits", shape{rows: 1, columns: 1, samples: 3, allocated: 16, stored: 12, photometric: "RGB"}, []byte{0, 10, 0, 1, 0, 0}, []byte{160, 16, 0}},
		{"shared chroma", shape{rows: 1, columns: 2, samples: 3, allocated: 8, photometric: "YBR_FULL_422"}, []byte{10, 200, 128, 128}, []byte{10, 10, 10, 200, 200, 200}},
		{"partial range", shape{rows: 1, columns: 2, samples: 3, allocated: 8, photometric: "YBR_PARTIAL_422"}, []byte{16, 235, 128, 128}, []byte{0, 0, 0, 255, 255, 255}},
	} {
		im := native(t, c.s, vr.OW, c.in...)
		if got, err := im.RGB(0); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	im := native(t, shape{rows: 1, columns: 2, allocated: 8}, vr.OB, 5, 9)
	if _, err := im.RGB(0); err == nil {
		t.Error("colours of a monochrome image")
	}
	if g, err := im.Grey8(0); err != nil || !bytes.Equal(g, []byte{5, 9}) {
		t.Errorf("%v, %v", g, err)
	}
	// Rec. 601: 0.299 R + 0.587 G + 0.114 B.
	im = native(t, shape{rows: 1, columns: 1, samples: 3, allocated: 8, photometric: "RGB"}, vr.OB, 100, 200, 50)
	if g, err := im.Grey8(0); err != nil || g[0] != 153 {
		t.Errorf("%v, %v", g, err)
	}
}

func palette(ds *dicom.DataSet, bits int, data [3][]byte, segmented bool) {
	for c, t := range [3][3]tag.Tag{
		{tag.RedPaletteColorLookupTableDescriptor, tag.RedPaletteColorLookupTableData, tag.SegmentedRedPaletteColorLookupTableData},
		{tag.GreenPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableData, tag.SegmentedGreenPaletteColorLookupTableData},
		{tag.BluePaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableData, tag.SegmentedBluePaletteColorLookupTableData},
	} {
		ds.SetInts(t[0], 4, 1, bits)
		if segmented {
			ds.SetBytes(t[2], vr.OW, data[c])
		} else {
			ds.SetBytes(t[1], vr.OW, data[c])
		}
	}
}

func TestPalette(t *testing.T) {
	words := func(v ...byte) (out []byte) {
		for _, b := range v {
			out = append(out, 0, b)
		}
		return out
	}
	for _, c := range []struct {
		name      string
		bits      int
		data      [3][]byte
		segmented bool
	}{
		{"16 bits", 16, [3][]byte{words(10, 20, 30, 40), words(1, 2, 3, 4), words(0, 0, 0, 9)}, false},
		{"8 bits packed", 8, [3][]byte{{10, 20, 30, 40}, {1, 2, 3, 4}, {0, 0, 0, 9}}, false},
		{"8 bits in words", 8, [3][]byte{{10, 0, 20, 0, 30, 0, 40, 0}, {1, 0, 2, 0, 3, 0, 4, 0}, {0, 0, 0, 0, 0, 0, 9, 0}}, false},
		// A discrete segment of one, then a line of three to its end.
		{"segments", 8, [3][]byte{{0, 1, 10, 1, 3, 40}, {0, 1, 1, 1, 3, 4}, {0, 4, 0, 0, 0, 9}}, true},
	} {
		ds := shape{rows: 1, columns: 5, allocated: 8, photometric: "PALETTE COLOR"}.dataSet()
		palette(ds, c.bits, c.data, c.segmented)
		ds.SetBytes(tag.PixelData, vr.OB, []byte{0, 1, 2, 4, 200}) // the table begins at 1
		got, err := makeImage(t, ds, "", nil).RGB(0)
		if want := []byte{10, 1, 0, 10, 1, 0, 20, 2, 0, 40, 4, 9, 40, 4, 9}; err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, want)
		}
	}
	ds := shape{rows: 1, columns: 2, allocated: 8, photometric: "PALETTE COLOR"}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, []byte{0, 1})
	if _, err := makeImage(t, ds, "", nil).RGB(0); err == nil {
		t.Error("a palette image without palettes")
	}
	for name, seg := range map[string][]uint16{"line first": {1, 3, 40}, "cut": {0, 5, 1}, "unknown": {7, 1, 1}, "indirect to itself": {2, 9, 0, 0}, "far": {2, 1, 9999, 0}, "none": {}} {
		if out, err := expandSegments(seg, 16, 1000); err == nil {
			t.Errorf("%s: %v", name, out)
		}
	}
	// An indirect segment repeats what is at a byte offset: here the discrete segment at the beginning.
	if out, err := expandSegments([]uint16{0, 2, 5, 6, 2, 1, 0, 0}, 16, 1000); err != nil || !slices.Equal(out, []uint16{5, 6, 5, 6}) {
		t.Errorf("%v, %v", out, err)
	}
}

func TestOverlays(t *testing.T) {
	ds := shape{rows: 1, columns: 4, allocated: 16, stored: 12}.dataSet()
	ds.SetInts(tag.OverlayRows, 1)
	ds.SetInts(tag.OverlayColumns, 4)
	ds.SetString(tag.OverlayType, "G")
	ds.SetInts(tag.OverlayOrigin, 2, 3)
	ds.SetBytes(tag.OverlayData, vr.OW, []byte{0b1010, 0})
	ds.SetInts(0x60020010, 1)
	ds.SetInts(0x60020011, 4)
	ds.SetInts(0x60020102, 15)
	ds.SetBytes(tag.PixelData, vr.OW, []byte{1, 0x80, 2, 0, 3, 0x80, 4, 0})
	im := makeImage(t, ds, "", nil)
	got, err := im.Overlays()
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if !slices.Equal(got[0].Bits, []bool{false, true, false, true}) || got[0].OriginRow != 2 || got[0].OriginColumn != 3 {
		t.Errorf("%+v", got[0])
	}
	if !slices.Equal(got[1].Bits, []bool{true, false, true, false}) || got[1].Group != 0x6002 {
		t.Errorf("in the cells: %+v", got[1])
	}
	b, _ := im.Frame(0)
	if v := im.Stored(b); !slices.Equal(v, []float64{1, 2, 3, 4}) {
		t.Errorf("the overlay is in the values: %v", v)
	}
	ds.SetBytes(tag.OverlayData, vr.OW, nil)
	if _, err := makeImage(t, ds, "", nil).Overlays(); err == nil {
		t.Error("an overlay without its bits")
	}
}

func TestTimesAndRegions(t *testing.T) {
	ds := shape{frames: 3, rows: 1, columns: 2, allocated: 8}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 6))
	want := Region{MinX: 1, MinY: 2, MaxX: 300, MaxY: 200, SpatialFormat: 1, DataType: 1, UnitsX: 3, UnitsY: 3, DeltaX: 0.05, DeltaY: -0.04, ReferenceX: -3, ReferenceY: 4, RefValueX: 1.5, RefValueY: 2.5}
	SetRegions(ds, want, Region{UnitsX: 4, UnitsY: 3, DeltaX: 0.01, DeltaY: 0.1})
	ds.SetInts(tag.CineRate, 25)
	im := makeImage(t, ds, "", nil)
	if got := im.TimesMS(); !slices.Equal(got, []float64{0, 40, 80}) {
		t.Errorf("by rate: %v", got)
	}
	regions := im.Regions()
	if len(regions) != 2 || regions[0] != want {
		t.Fatalf("%+v", regions)
	}
	if x, y, ok := regions[0].SpacingMM(); !ok || x != 0.5 || y != 0.4 {
		t.Errorf("%v %v %v", x, y, ok)
	}
	if _, _, ok := regions[1].SpacingMM(); ok {
		t.Error("seconds are no millimetres")
	}
	ds.SetFloats(tag.FrameTime, 33)
	if got := makeImage(t, ds, "", nil).TimesMS(); !slices.Equal(got, []float64{0, 33, 66}) {
		t.Errorf("by frame time: %v", got)
	}
	ds.SetFloats(tag.FrameTimeVector, 0, 10, 30)
	if got := makeImage(t, ds, "", nil).TimesMS(); !slices.Equal(got, []float64{0, 10, 40}) {
		t.Errorf("by vector: %v", got)
	}
	ds.SetFloats(tag.FrameTimeVector, 0, 10, -30)
	if got := makeImage(t, ds, "", nil).TimesMS(); got != nil {
		t.Errorf("backwards: %v", got)
	}
	ds.Delete(tag.FrameTimeVector, tag.FrameTime, tag.CineRate)
	if got := makeImage(t, ds, "", nil).TimesMS(); got != nil {
		t.Errorf("unknown: %v", got)
	}
}

// TestLocate finds frames with and without their tables.
func TestLocate(t *testing.T) {
	s := shape{frames: 3, rows: 2, columns: 2, allocated: 8}
	var frames [][]byte
	for i := range s.frames {
		b, err := rle.Encode([]byte{byte(i), byte(i), byte(i), byte(10 * i)}, 2, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, b)
	}
	check := func(name string, im *Image, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for i := range s.frames {
			if got, err := im.Frame(i); err != nil || !bytes.Equal(got, []byte{byte(i), byte(i), byte(i), byte(10 * i)}) {
				t.Errorf("%s: frame %d: %v, %v", name, i, got, err)
			}
		}
	}
	im, err := tryImage(t, s.dataSet(), uid.RLELossless, frames)
	check("basic offset table", im, err)

	// Each frame in two fragments, with an extended offset table in place of the basic one, and with nothing but what they look like.
	var halves [][]byte
	var offsets []byte
	at := 0
	for _, b := range frames {
		halves = append(halves, b[:64], b[64:])
		offsets = binary.LittleEndian.AppendUint64(offsets, uint64(at))
		at += 16 + len(b)
	}
	raw := func(ds *dicom.DataSet) []byte {
		var b bytes.Buffer
		if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.RLELossless, Frames: halves}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	b := raw(s.dataSet())
	f, err := dicom.ReadBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	im, err = Open(f)
	check("a table of six for three frames", im, err)
	if len(im.Warnings) == 0 {
		t.Error("a wrong table was not reported")
	}
	// The writer makes the table anew; the extended one is put into the file behind its back, in front of the pixel data.
	table := binary.LittleEndian.AppendUint32([]byte{0xE0, 0x7F, 1, 0, 'O', 'V', 0, 0}, uint32(len(offsets)))
	mark := []byte{0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0}
	if f, err = dicom.ReadBytes(bytes.Replace(b, mark, slices.Concat(table, offsets, mark), 1)); err != nil {
		t.Fatal(err)
	}
	im, err = Open(f)
	check("extended offset table", im, err)
	if len(im.Warnings) != 0 {
		t.Errorf("%v", im.Warnings)
	}
	// More frames promised than there are.
	s.frames = 5
	im, err = tryImage(t, s.dataSet(), uid.RLELossless, frames)
	if err != nil {
		t.Fatal(err)
	}
	s.frames = 3
	check("five promised", im, nil)
	if _, err := im.Frame(4); fault.CodeOf(err) != fault.Input {
		t.Errorf("frame 4 of 3: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	ok := shape{rows: 2, columns: 2, allocated: 8}
	for name, change := range map[string]func(*dicom.DataSet){
		"no rows":        func(ds *dicom.DataSet) { ds.Delete(tag.Rows) },
		"0 columns":      func(ds *dicom.DataSet) { ds.SetInts(tag.Columns, 0) },
		"7 bits":         func(ds *dicom.DataSet) { ds.SetInts(tag.BitsAllocated, 7) },
		"9 samples":      func(ds *dicom.DataSet) { ds.SetInts(tag.SamplesPerPixel, 9) },
		"-1 frames":      func(ds *dicom.DataSet) { ds.SetInts(tag.NumberOfFrames, -1) },
		"no pixel data":  func(ds *dicom.DataSet) { ds.Delete(tag.PixelData) },
		"no bits at all": func(ds *dicom.DataSet) { ds.Delete(tag.BitsAllocated) },
	} {
		ds := ok.dataSet()
		ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 4))
		change(ds)
		if _, err := tryImage(t, ds, "", nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	ds := shape{frames: 1 << 30, rows: 65535, columns: 65535, allocated: 64}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 4))
	im := makeImage(t, ds, "", nil)
	for _, i := range []int{0, 1<<30 - 1} {
		if _, err := im.Frame(i); err == nil {
			t.Error("a frame of 32 GB from four bytes")
		}
	}
}
