package pixel

import (
	"encoding/binary"
	"math"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Modality is the first of the two grey-scale transformations (PS3.3 C.11.1): from stored values to what the device measured.
type Modality struct {
	Slope, Intercept float64
	LUT              *LUT   // instead of slope and intercept
	Units            string // Rescale Type or Modality LUT Type: "HU", "US" (unspecified), …
}

// Modality is the transformation of frame i: that of its functional groups in an enhanced multi-frame image, or of the whole image.
func (im *Image) Modality(i int) (Modality, error) {
	m := Modality{Slope: 1}
	ds := im.ds
	if g := im.Group(i, tag.PixelValueTransformationSequence); g != nil {
		ds = g
	}
	m.Units = ds.String(tag.RescaleType)
	if items := ds.Sequence(tag.ModalityLUTSequence); len(items) > 0 {
		lut, err := readLUT(items[0])
		if err != nil {
			return m, err
		}
		m.LUT, m.Units = lut, items[0].String(tag.ModalityLUTType)
		return m, nil
	}
	if s, ok := ds.Float(tag.RescaleSlope); ok && s != 0 {
		m.Slope = s
	}
	m.Intercept, _ = ds.Float(tag.RescaleIntercept)
	return m, nil
}

// Apply is the transformation of one stored value.
func (m Modality) Apply(v float64) float64 {
	if m.LUT != nil {
		return float64(m.LUT.At(int(math.Round(v))))
	}
	return v*m.Slope + m.Intercept
}

// Group is the item of sequence t in the functional groups of frame i: the frame's own, or the shared one; nil without.
func (im *Image) Group(i int, t tag.Tag) *dicom.DataSet {
	if frames := im.ds.Sequence(tag.PerFrameFunctionalGroupsSequence); i >= 0 && i < len(frames) {
		if items := frames[i].Sequence(t); len(items) > 0 {
			return items[0]
		}
	}
	if shared := im.ds.Sequence(tag.SharedFunctionalGroupsSequence); len(shared) > 0 {
		if items := shared[0].Sequence(t); len(items) > 0 {
			return items[0]
		}
	}
	return nil
}

// readLUT reads a modality or VOI look-up table from its item.
func readLUT(item *dicom.DataSet) (*LUT, error) {
	lut, err := descriptorOf(item, tag.LUTDescriptor)
	if err != nil {
		return nil, err
	}
	e, ok := item.Get(tag.LUTData)
	if !ok {
		return nil, fault.New(fault.Input, "no LUTData")
	}
	return lut, lut.fill(e)
}

// Stored are the stored values of a decoded frame: BitsStored bits below HighBit of each cell, with their sign; floats as they are. What else is in
// the cells (overlays of old) is left out.
func (im *Image) Stored(frame []byte) []float64 {
	w := im.SampleBytes()
	out := make([]float64, len(frame)/w)
	if im.Float {
		for k := range out {
			if w == 4 {
				out[k] = float64(math.Float32frombits(binary.LittleEndian.Uint32(frame[4*k:])))
			} else {
				out[k] = math.Float64frombits(binary.LittleEndian.Uint64(frame[8*k:]))
			}
		}
		return out
	}
	up := uint(64 - 1 - im.HighBit)
	down := uint(64 - im.BitsStored)
	for k := range out {
		var v uint64
		for j := range w {
			v |= uint64(frame[k*w+j]) << (8 * j)
		}
		if im.Signed {
			out[k] = float64(int64(v<<up) >> down)
		} else {
			out[k] = float64(v << up >> down)
		}
	}
	return out
}

// Values are the values of frame i after the modality transformation, in its units.
func (im *Image) Values(i int) ([]float64, error) {
	m, err := im.Modality(i)
	if err != nil {
		return nil, err
	}
	b, err := im.Frame(i)
	if err != nil {
		return nil, err
	}
	v := im.Stored(b)
	if m.LUT == nil && m.Slope == 1 && m.Intercept == 0 {
		return v, nil
	}
	for k := range v {
		v[k] = m.Apply(v[k])
	}
	return v, nil
}

// Padding is the range of stored values that mean no pixel (0028,0120), (0028,0121).
func (im *Image) Padding() (lo, hi float64, ok bool) {
	v := im.ds.Ints(tag.PixelPaddingValue)
	if len(v) == 0 {
		return 0, 0, false
	}
	// The VR does not always have the sign of the pixels.
	fix := func(n int64) float64 {
		if im.Signed && n > 32767 && im.BitsStored == 16 {
			n -= 65536
		} else if !im.Signed && n < 0 {
			n += 65536
		}
		return float64(n)
	}
	lo, hi = fix(v[0]), fix(v[0])
	if l := im.ds.Ints(tag.PixelPaddingRangeLimit); len(l) > 0 {
		hi = fix(l[0])
	}
	return min(lo, hi), max(lo, hi), true
}
