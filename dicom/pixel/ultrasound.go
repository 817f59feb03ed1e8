package pixel

import (
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Region is one calibrated region of an ultrasound image (PS3.3 C.8.5.5).
type Region struct {
	MinX, MinY, MaxX, MaxY int // corners in pixels, both inside
	SpatialFormat          int // 1 2D, 2 M-mode, 3 spectral, 4 wave form, 5 graphics
	DataType               int // 1 tissue, 2 colour flow, …
	Flags                  int
	UnitsX, UnitsY         int     // 3 cm, 4 seconds, 5 hertz, 7 cm/s, …
	DeltaX, DeltaY         float64 // physical units of one pixel
	ReferenceX, ReferenceY int     // reference pixel, from the region's corner
	RefValueX, RefValueY   float64 // its physical value
}

// SpacingMM is the distance between columns and between rows in mm; ok is false if the region is not calibrated in centimetres.
func (r Region) SpacingMM() (column, row float64, ok bool) {
	if r.UnitsX != 3 || r.UnitsY != 3 || r.DeltaX == 0 || r.DeltaY == 0 {
		return 0, 0, false
	}
	return abs(r.DeltaX) * 10, abs(r.DeltaY) * 10, true
}

func abs(f float64) float64 {
	if f < 0 {
		return -f
	}
	return f
}

// Regions are the items of Sequence of Ultrasound Regions (0018,6011), in their order.
func (im *Image) Regions() []Region { return Regions(im.ds) }

// Regions are the ultrasound regions of a data set.
func Regions(ds *dicom.DataSet) []Region {
	var out []Region
	for _, it := range ds.Sequence(tag.SequenceOfUltrasoundRegions) {
		var r Region
		for _, f := range []struct {
			t tag.Tag
			p *int
		}{
			{tag.RegionLocationMinX0, &r.MinX}, {tag.RegionLocationMinY0, &r.MinY}, {tag.RegionLocationMaxX1, &r.MaxX}, {tag.RegionLocationMaxY1, &r.MaxY},
			{tag.RegionSpatialFormat, &r.SpatialFormat}, {tag.RegionDataType, &r.DataType}, {tag.RegionFlags, &r.Flags},
			{tag.PhysicalUnitsXDirection, &r.UnitsX}, {tag.PhysicalUnitsYDirection, &r.UnitsY},
			{tag.ReferencePixelX0, &r.ReferenceX}, {tag.ReferencePixelY0, &r.ReferenceY},
		} {
			*f.p, _ = it.Int(f.t)
		}
		r.DeltaX, _ = it.Float(tag.PhysicalDeltaX)
		r.DeltaY, _ = it.Float(tag.PhysicalDeltaY)
		r.RefValueX, _ = it.Float(tag.ReferencePixelPhysicalValueX)
		r.RefValueY, _ = it.Float(tag.ReferencePixelPhysicalValueY)
		out = append(out, r)
	}
	return out
}

// SetRegions writes regions into a new data set, as an ultrasound image has them.
func SetRegions(ds *dicom.DataSet, regions ...Region) {
	items := make([]*dicom.DataSet, len(regions))
	for i, r := range regions {
		it := dicom.NewDataSet()
		for _, f := range []struct {
			t tag.Tag
			v int
		}{
			{tag.RegionSpatialFormat, r.SpatialFormat}, {tag.RegionDataType, r.DataType}, {tag.RegionFlags, r.Flags},
			{tag.RegionLocationMinX0, r.MinX}, {tag.RegionLocationMinY0, r.MinY}, {tag.RegionLocationMaxX1, r.MaxX}, {tag.RegionLocationMaxY1, r.MaxY},
			{tag.ReferencePixelX0, r.ReferenceX}, {tag.ReferencePixelY0, r.ReferenceY},
			{tag.PhysicalUnitsXDirection, r.UnitsX}, {tag.PhysicalUnitsYDirection, r.UnitsY},
		} {
			it.SetInts(f.t, f.v)
		}
		it.SetFloats(tag.ReferencePixelPhysicalValueX, r.RefValueX)
		it.SetFloats(tag.ReferencePixelPhysicalValueY, r.RefValueY)
		it.SetFloats(tag.PhysicalDeltaX, r.DeltaX)
		it.SetFloats(tag.PhysicalDeltaY, r.DeltaY)
		items[i] = it
	}
	ds.SetSequence(tag.SequenceOfUltrasoundRegions, items...)
}

// TimesMS is the time of each frame since the first, in ms; nil if the file doesn't say, and for single frames. The frame time vector
// comes first, then the constant frame time, then the rates that are meant for display.
func (im *Image) TimesMS() []float64 { return TimesMS(im.ds, im.Frames) }

// TimesMS is [Image.TimesMS] of a data set with so many frames, of which no pixel is needed.
func TimesMS(ds *dicom.DataSet, frames int) []float64 {
	if frames < 2 {
		return nil
	}
	if v := ds.Floats(tag.FrameTimeVector); len(v) == frames {
		out := make([]float64, frames)
		for i := 1; i < len(v); i++ {
			if !(v[i] >= 0) {
				return nil
			}
			out[i] = out[i-1] + v[i]
		}
		return out
	}
	step, ok := ds.Float(tag.FrameTime)
	if !ok || step <= 0 {
		step = 0
		for _, t := range []tag.Tag{tag.CineRate, tag.RecommendedDisplayFrameRate} {
			if rate, ok := ds.Float(t); ok && rate > 0 {
				step = 1000 / rate
				break
			}
		}
	}
	if step == 0 {
		return nil
	}
	out := make([]float64, frames)
	for i := range out {
		out[i] = float64(i) * step
	}
	return out
}
