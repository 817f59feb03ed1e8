package pixel

import (
	"image"
	"math"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// VOI is the values of interest (PS3.3 C.11.2): what becomes black and what white.
type VOI struct {
	Center, Width float64
	Function      string // LINEAR (default), LINEAR_EXACT, SIGMOID
	LUT           *LUT   // instead of a window
}

// VOI is the first window or table of frame i; ok is false if the file has none.
func (im *Image) VOI(i int) (v VOI, ok bool) {
	ds := im.ds
	if g := im.Group(i, tag.FrameVOILUTSequence); g != nil {
		ds = g
	}
	if items := ds.Sequence(tag.VOILUTSequence); len(items) > 0 {
		if lut, err := readLUT(items[0]); err == nil {
			return VOI{LUT: lut}, true
		}
	}
	var okC, okW bool
	v.Center, okC = ds.Float(tag.WindowCenter)
	v.Width, okW = ds.Float(tag.WindowWidth)
	v.Function = ds.String(tag.VOILUTFunction)
	return v, okC && okW && (v.Width >= 1 || v.Function != "" && v.Function != "LINEAR" && v.Width > 0)
}

// Apply maps a modality value to 0…1 (C.11.2.1.2, C.11.2.1.3); what is no number to 0.
func (v VOI) Apply(x float64) float64 {
	var y float64
	switch {
	case v.LUT != nil:
		y = float64(v.LUT.At(int(math.Round(x)))) / float64(int(1)<<v.LUT.Bits-1)
	case v.Function == "SIGMOID":
		y = 1 / (1 + math.Exp(-4*(x-v.Center)/v.Width))
	case v.Function == "LINEAR_EXACT":
		y = (x-v.Center)/v.Width + 0.5
	case v.Width <= 1:
		if x > v.Center-0.5 {
			y = 1
		}
	default:
		y = (x-(v.Center-0.5))/(v.Width-1) + 0.5
	}
	if !(y > 0) { // not a number is black
		return 0
	}
	return min(y, 1)
}

// Render is frame i as a picture to look at: colours as they are, monochrome through the modality transformation, the file's first VOI (or, without
// one, the range of the frame's values) and the presentation of MONOCHROME1, a Presentation LUT or its shape.
func (im *Image) Render(i int) (image.Image, error) {
	if im.IsColor() {
		b, err := im.RGB(i)
		if err != nil {
			return nil, err
		}
		out := image.NewNRGBA(image.Rect(0, 0, im.Columns, im.Rows))
		for k := range len(b) / 3 {
			copy(out.Pix[4*k:], b[3*k:3*k+3])
			out.Pix[4*k+3] = 255
		}
		return out, nil
	}
	b, err := im.Frame(i)
	if err != nil {
		return nil, err
	}
	m, err := im.Modality(i)
	if err != nil {
		return nil, err
	}
	stored := im.Stored(b)
	lo, hi, padded := im.Padding()
	isPadding := func(v float64) bool { return padded && v >= lo && v <= hi }
	voi, ok := im.VOI(i)
	if !ok {
		voi = rangeOf(stored, m, isPadding)
	}
	presentation := im.Presentation()
	out := image.NewGray(image.Rect(0, 0, im.Columns, im.Rows))
	for k, v := range stored {
		if isPadding(v) {
			continue
		}
		out.Pix[k] = byte(presentation.Apply(voi.Apply(m.Apply(v)))*255 + 0.5)
	}
	return out, nil
}

// rangeOf is a window from the least to the greatest value that is not padding.
func rangeOf(stored []float64, m Modality, isPadding func(float64) bool) VOI {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range stored {
		if y := m.Apply(v); !isPadding(v) && !math.IsNaN(y) && !math.IsInf(y, 0) {
			lo, hi = min(lo, y), max(hi, y)
		}
	}
	if !(hi > lo) {
		return VOI{Center: lo, Width: 1, Function: "LINEAR_EXACT"}
	}
	return VOI{Center: (lo + hi) / 2, Width: hi - lo, Function: "LINEAR_EXACT"}
}

// Overlay is a bit plane over the image (PS3.3 C.9.2).
type Overlay struct {
	Group         uint16 // 0x6000 to 0x601E
	Rows, Columns int
	OriginRow     int // of its first pixel in the image, from 1
	OriginColumn  int
	Type          string // G graphics, R region of interest
	FirstFrame    int    // from 1
	Frames        int
	Bits          []bool // Rows × Columns × Frames
}

// Overlays are the overlay planes of the file: those in elements of their own, and those that old files keep in unused bits of the pixel
// cells, of which only the first frame's is read.
func (im *Image) Overlays() ([]Overlay, error) {
	var out []Overlay
	for g := uint16(0x6000); g <= 0x601E; g += 2 {
		o, ok, err := im.overlay(g)
		if err != nil {
			return out, err
		}
		if ok {
			out = append(out, o)
		}
	}
	return out, nil
}

func (im *Image) overlay(g uint16) (o Overlay, ok bool, err error) {
	at := func(t tag.Tag) tag.Tag { return tag.New(g, t.Element()) }
	o = Overlay{Group: g, OriginRow: 1, OriginColumn: 1, FirstFrame: 1, Frames: 1}
	o.Rows, ok = im.ds.Int(at(tag.OverlayRows))
	if !ok {
		return o, false, nil
	}
	o.Columns, _ = im.ds.Int(at(tag.OverlayColumns))
	o.Type = im.ds.String(at(tag.OverlayType))
	if v := im.ds.Ints(at(tag.OverlayOrigin)); len(v) == 2 {
		o.OriginRow, o.OriginColumn = int(v[0]), int(v[1])
	}
	if n, ok := im.ds.Int(at(tag.NumberOfFramesInOverlay)); ok && n > 0 {
		o.Frames = n
	}
	if n, ok := im.ds.Int(at(tag.ImageFrameOrigin)); ok && n > 0 {
		o.FirstFrame = n
	}
	n := int64(o.Rows) * int64(o.Columns) * int64(o.Frames)
	e, own := im.ds.Get(at(tag.OverlayData))
	switch {
	case o.Rows < 1 || o.Columns < 1:
		return o, false, nil
	case own:
		if n > 8*e.Len() {
			return o, false, fault.New(fault.Input, "overlay %04X: %d bytes for %d pixels", g, e.Len(), n)
		}
		if n > im.maxBytes {
			return o, false, fault.New(fault.Resource, "overlay %04X: %d pixels are over the limit of %d", g, n, im.maxBytes)
		}
		b, err := littleWords(e)
		if err != nil {
			return o, false, err
		}
		o.Bits = make([]bool, n)
		for k := range o.Bits {
			o.Bits[k] = b[k>>3]>>(k&7)&1 == 1
		}
		return o, true, nil
	}
	bit, _ := im.ds.Int(at(tag.OverlayBitPosition))
	if bit == 0 || bit >= im.BitsAllocated || o.Rows != im.Rows || o.Columns != im.Columns {
		return o, false, nil
	}
	b, err := im.Frame(0)
	if err != nil {
		return o, false, err
	}
	w := im.SampleBytes()
	o.Frames = 1
	o.Bits = make([]bool, int64(o.Rows)*int64(o.Columns))
	for k := range o.Bits {
		o.Bits[k] = b[k*w+bit/8]>>(bit%8)&1 == 1
	}
	return o, true, nil
}

// littleWords is a bit plane's bytes, words swapped if the file is big endian.
func littleWords(e *dicom.Element) ([]byte, error) {
	im := &Image{elem: e, BitsAllocated: 1}
	return im.readLittle(0, e.Len())
}
