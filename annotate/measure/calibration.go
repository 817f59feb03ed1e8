package measure

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Calibration is what a pixel is worth in one frame.
type Calibration struct {
	Rows, Columns int
	Frame         int    // from 0
	Source        string // keyword of the attribute that gives Row and Column; "" where none does
	Caveat        string // what to know before believing lengths; "" nothing
	Row, Column   float64
	Aspect        float64   // height over width of a pixel where sizes are unknown; 1 if nothing says otherwise
	Regions       []Region  // of ultrasound; where there are any with units they decide
	TimesMS       []float64 // of the frames since the first; nil unknown
}

// Region is a part of an ultrasound picture with a scale of its own.
type Region struct {
	Number                 int // item of Sequence of Ultrasound Regions, from 1
	MinX, MinY, MaxX, MaxY int // pixels, both inside
	X, Y                   Axis
	RefX, RefY             float64 // reference pixel's middle, in the picture
	ValueX, ValueY         float64 // its value, in the axes' units
	Format                 int     // Region Spatial Format: 1 2D, 2 M-mode, 3 spectral, 4 wave form, 5 graphics
	High                   bool    // its pixels win where regions overlap
	Broken                 string  // why its scale cannot be used; "" it can
}

// Of reads the calibration of a frame, from 0, of an image's header. Pixel data are not needed. It never fails: what the header does
// not say is absent.
func Of(ds *dicom.DataSet, frame int) Calibration {
	c := Calibration{Frame: frame, Aspect: 1}
	c.Rows, _ = ds.Int(tag.Rows)
	c.Columns, _ = ds.Int(tag.Columns)
	frames, _ := ds.Int(tag.NumberOfFrames)
	c.TimesMS = pixel.TimesMS(ds, frames)
	if v := ds.Ints(tag.PixelAspectRatio); len(v) == 2 && v[0] > 0 && v[1] > 0 {
		c.Aspect = float64(v[0]) / float64(v[1])
	}
	c.spacing(ds)
	for i, r := range pixel.Regions(ds) {
		c.Regions = append(c.Regions, c.region(i+1, r))
	}
	return c
}

// pair are the two positive values of an attribute as they hold for the frame.
func (c *Calibration) pair(ds *dicom.DataSet, t tag.Tag) (row, column float64, ok bool) {
	e, found := ds.FrameElement(c.Frame, t)
	if !found {
		return 0, 0, false
	}
	v := e.Floats()
	if len(v) != 2 || !(v[0] > 0) || !(v[1] > 0) || math.IsInf(v[0], 0) || math.IsInf(v[1], 0) {
		return 0, 0, false
	}
	return v[0], v[1], true
}

// spacing finds Row and Column (PS3.3 10.7: of projections Pixel Spacing may be that at the detector).
func (c *Calibration) spacing(ds *dicom.DataSet) {
	row, column, inPatient := c.pair(ds, tag.PixelSpacing)
	dr, dc, atDetector := c.pair(ds, tag.ImagerPixelSpacing)
	switch {
	case inPatient:
		c.Row, c.Column, c.Source = row, column, tag.PixelSpacing.Keyword()
		switch kind := ds.String(tag.PixelSpacingCalibrationType); {
		case kind == "FIDUCIAL":
			c.Caveat = "calibrated by an object of known size: right in its plane only"
		case kind == "GEOMETRY":
			c.Caveat = "calibrated by the geometry of the device: right at one depth only"
		case atDetector && row == dr && column == dc:
			c.Caveat = "the spacing is that at the detector: what lies between tube and detector is smaller than shown"
		}
	case atDetector:
		c.Row, c.Column, c.Source = dr, dc, tag.ImagerPixelSpacing.Keyword()
		if m, ok := ds.Float(tag.EstimatedRadiographicMagnificationFactor); ok && m >= 1 && !math.IsInf(m, 0) {
			c.Row, c.Column = dr/m, dc/m
			c.Caveat = fmt.Sprintf("divided by the estimated magnification, %g, which holds at one depth only", m)
			return
		}
		c.Caveat = "the spacing is that at the detector: what lies between tube and detector is smaller than shown"
	default:
		if row, column, ok := c.pair(ds, tag.NominalScannedPixelSpacing); ok {
			c.Row, c.Column, c.Source = row, column, tag.NominalScannedPixelSpacing.Keyword()
			c.Caveat = "the spacing is that on the scanned film, not in the patient"
		}
	}
}

func (c *Calibration) region(number int, r pixel.Region) Region {
	out := Region{Number: number, MinX: r.MinX, MinY: r.MinY, MaxX: r.MaxX, MaxY: r.MaxY, Format: r.SpatialFormat, High: r.Flags&1 == 0,
		X: axisOf(r.UnitsX, r.DeltaX), Y: axisOf(r.UnitsY, r.DeltaY),
		RefX: float64(r.MinX+r.ReferenceX) + 0.5, RefY: float64(r.MinY+r.ReferenceY) + 0.5}
	// Reference values are in the units of the header.
	out.ValueX, out.ValueY = axisOf(r.UnitsX, r.RefValueX).Scale, axisOf(r.UnitsY, r.RefValueY).Scale
	for _, a := range []Axis{out.X, out.Y} {
		if a.Unit != "" && (a.Scale == 0 || math.IsNaN(a.Scale) || math.IsInf(a.Scale, 0)) {
			out.Broken = "its scale is zero or no number"
		}
	}
	switch {
	case r.MaxX <= r.MinX || r.MaxY <= r.MinY || r.MinX < 0 || r.MinY < 0:
		out.Broken = "it has no extent"
	case r.MaxX > c.Columns || r.MaxY > c.Rows: // one pixel too many is a common way of counting
		out.Broken = "it reaches beyond the picture, which was cut or resized after it was calibrated"
	}
	return out
}

// unitless says that a region has no scale at all; makers mark their whole screen so.
func (r Region) unitless() bool { return r.X.Unit == "" && r.Y.Unit == "" }

func (r Region) holds(p Point) bool {
	return p.X >= float64(r.MinX) && p.X <= float64(r.MaxX+1) && p.Y >= float64(r.MinY) && p.Y <= float64(r.MaxY+1)
}

// sameScale says that a length is the same in both.
func (r Region) sameScale(o Region) bool { return r.X == o.X && r.Y == o.Y && r.Broken == o.Broken }

// at are the regions with units that a point may belong to: those that hold it, of which ones whose pixels win go first and alone.
func (c Calibration) at(p Point) []Region {
	var in []Region
	for _, r := range c.Regions {
		if !r.unitless() && r.holds(p) {
			in = append(in, r)
		}
	}
	if slices.ContainsFunc(in, func(r Region) bool { return r.High }) {
		in = slices.DeleteFunc(in, func(r Region) bool { return !r.High })
	}
	return in
}

// scale is what holds for all points of one shape.
type scale struct {
	x, y   Axis
	region *Region // nil outside of ultrasound
	source string
	caveat string
}

// scaleFor finds the scale of a shape's points, or says why there is none. Code input.
func (c Calibration) scaleFor(points []Point) (scale, error) {
	if len(points) == 0 {
		return scale{}, fault.New(fault.Input, "a shape without points")
	}
	for _, p := range points {
		if math.IsNaN(p.X) || math.IsNaN(p.Y) || math.IsInf(p.X, 0) || math.IsInf(p.Y, 0) {
			return scale{}, fault.New(fault.Input, "a point is no place in the picture")
		}
		if c.Rows > 0 && c.Columns > 0 && (p.X < 0 || p.Y < 0 || p.X > float64(c.Columns) || p.Y > float64(c.Rows)) {
			return scale{}, fault.New(fault.Input, "a point lies outside of the picture").WithHint("draw inside of its %d × %d pixels", c.Columns, c.Rows)
		}
	}
	calibrated := slices.ContainsFunc(c.Regions, func(r Region) bool { return !r.unitless() })
	if !calibrated {
		return c.plain(""), nil
	}
	// A region that every point may belong to. Points on a border belong to both of its sides.
	first := c.at(points[0])
	inside := 0
	for _, p := range points {
		if len(c.at(p)) > 0 {
			inside++
		}
	}
	switch {
	case inside == 0:
		return scale{x: Axis{Pixels, 1}, y: Axis{Pixels, c.Aspect}, caveat: "outside of every calibrated region: in pixels"}, nil
	case inside < len(points):
		return scale{}, fault.New(fault.Input, "some points lie in a calibrated region and some outside of all").WithHint("measure inside of one region")
	}
	for _, r := range first {
		all := true
		for _, p := range points[1:] {
			if !slices.ContainsFunc(c.at(p), func(o Region) bool { return o.Number == r.Number || o.sameScale(r) }) {
				all = false
			}
		}
		if !all {
			continue
		}
		if r.Broken != "" {
			s := c.plain(fmt.Sprintf("region %d: %s: in pixels", r.Number, r.Broken))
			return s, nil
		}
		for _, o := range first {
			if !o.sameScale(r) && everywhere(c, points, o) {
				return scale{}, fault.New(fault.Input, "the points lie in two overlapping regions with scales of their own").WithHint("measure where the regions do not overlap")
			}
		}
		s := scale{x: r.X, y: r.Y, region: &r, source: tag.SequenceOfUltrasoundRegions.Keyword()}
		if c.Row > 0 && r.X.Unit == Millimetre && r.Y.Unit == Millimetre &&
			(differ(c.Row, math.Abs(r.Y.Scale)) || differ(c.Column, math.Abs(r.X.Scale))) {
			s.caveat = fmt.Sprintf("%s says otherwise: %g × %g mm; the region's scale was used", c.Source, c.Row, c.Column)
		}
		return s, nil
	}
	return scale{}, fault.New(fault.Input, "the points lie in regions of the picture with scales of their own").WithHint("measure inside of one region")
}

func everywhere(c Calibration, points []Point, r Region) bool {
	for _, p := range points {
		if !slices.ContainsFunc(c.at(p), func(o Region) bool { return o.Number == r.Number }) {
			return false
		}
	}
	return true
}

func differ(a, b float64) bool { return math.Abs(a-b) > 0.01*math.Max(a, b) }

// plain is the scale by spacing, else in pixels.
func (c Calibration) plain(why string) scale {
	if why == "" && c.Row > 0 {
		return scale{x: Axis{Millimetre, c.Column}, y: Axis{Millimetre, c.Row}, source: c.Source, caveat: c.Caveat}
	}
	if why == "" {
		why = "the header does not say what a pixel is worth: in pixels"
	}
	if c.Aspect != 1 {
		why += fmt.Sprintf(", of the width of one (they are %g times as high as wide)", c.Aspect)
	}
	return scale{x: Axis{Pixels, 1}, y: Axis{Pixels, c.Aspect}, caveat: why}
}
