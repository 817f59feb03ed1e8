package result

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Point is a place in a frame, pixels: x to the right, y down, (0,0) is the outer corner of the first pixel and (0.5,0.5) its middle
// (PS3.3 C.18.6.1.2, Pixel Origin Interpretation FRAME).
type Point struct{ X, Y float64 }

// GraphicType of a region.
type GraphicType string

// The types of PS3.3 C.18.6.1.1.
const (
	OnePoint   GraphicType = "POINT"      // 1
	MultiPoint GraphicType = "MULTIPOINT" // 1 or more
	Polyline   GraphicType = "POLYLINE"   // 2 or more; closed if the last is the first
	Circle     GraphicType = "CIRCLE"     // centre, a point on it
	Ellipse    GraphicType = "ELLIPSE"    // the ends of the long axis, the ends of the short one
)

// graphicPoints are how many points a type has, at least and at most; 0 is any number.
var graphicPoints = map[GraphicType][2]int{OnePoint: {1, 1}, MultiPoint: {1, 0}, Polyline: {2, 0}, Circle: {2, 2}, Ellipse: {4, 4}}

// maxPoints bounds a region.
const maxPoints = 1 << 18

// Region is where in a frame something lies (SCOORD).
type Region struct {
	Type   GraphicType
	Points []Point // kept as 32-bit floats
	In     Reference
}

// Closed says that the region has an inside.
func (r Region) Closed() bool {
	n := len(r.Points)
	return r.Type == Circle || r.Type == Ellipse || r.Type == Polyline && n > 3 && r.Points[0] == r.Points[n-1]
}

// Outline is a closed polyline through the points.
func Outline(points []Point, in Reference) Region {
	p := slices.Clone(points)
	if n := len(p); n > 0 && p[0] != p[n-1] {
		p = append(p, p[0])
	}
	return Region{Polyline, p, in}
}

// EllipseOf has the ends of one axis and of the other in either order.
func EllipseOf(a, b, c, d Point, in Reference) Region {
	if math.Hypot(a.X-b.X, a.Y-b.Y) < math.Hypot(c.X-d.X, c.Y-d.Y) {
		a, b, c, d = c, d, a, b
	}
	return Region{Ellipse, []Point{a, b, c, d}, in}
}

func (r Region) check() error {
	n, ok := graphicPoints[r.Type]
	switch {
	case !ok:
		return fault.New(fault.Input, "a region of a type that there is not")
	case len(r.Points) < n[0] || n[1] > 0 && len(r.Points) > n[1] || len(r.Points) > maxPoints:
		return fault.New(fault.Input, "a %s of %d points", r.Type, len(r.Points))
	}
	for _, p := range r.Points {
		for _, v := range []float64{p.X, p.Y} {
			if !(math.Abs(v) < 1e9) {
				return fault.New(fault.Input, "a point of a region is no place in a picture")
			}
		}
	}
	return nil
}

// content is the SCOORD item with the image it was drawn in. A region is of one frame (PS3.16 TID 1410).
func (r Region) content(relation string, name code.Concept, images []Image) (*item, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	im, ok := imageByUID(images, r.In.SOP)
	if ok && im.Frames > 1 && len(r.In.Frames) != 1 {
		return nil, fault.New(fault.Usage, "a region lies in one frame of its image")
	}
	it := newItem(relation, "SCOORD", name)
	v := make([]float64, 0, 2*len(r.Points))
	for _, p := range r.Points {
		v = append(v, p.X, p.Y)
	}
	it.ds.SetFloats(tag.GraphicData, v...)
	it.ds.SetString(tag.GraphicType, string(r.Type))
	it.ds.SetString(tag.PixelOriginInterpretation, "FRAME")
	source, err := imageContent(selectedFrom, code.Concept{}, r.In, images)
	if err != nil {
		return nil, err
	}
	it.add(source)
	return it, nil
}

func imageContent(relation string, name code.Concept, r Reference, images []Image) (*item, error) {
	ref, err := r.item(images)
	if err != nil {
		return nil, err
	}
	it := newItem(relation, "IMAGE", name)
	it.ds.SetSequence(tag.ReferencedSOPSequence, ref)
	return it, nil
}

// regionOf reads a SCOORD item; the frame's corner is what coordinates count from unless the item says VOLUME, which is of whole slides.
func regionOf(ds *dicom.DataSet) (Region, error) {
	r := Region{Type: GraphicType(ds.String(tag.GraphicType))}
	if ds.String(tag.PixelOriginInterpretation) == "VOLUME" {
		return r, fault.New(fault.Input, "coordinates in a matrix of tiles are not read")
	}
	e, ok := ds.Get(tag.GraphicData)
	if !ok || e.Len() > 8*maxPoints {
		return r, fault.New(fault.Input, "a region without points, or with too many")
	}
	v := e.Floats()
	if len(v)%2 != 0 {
		return r, fault.New(fault.Input, "a region with half a point")
	}
	for i := 0; i < len(v); i += 2 {
		r.Points = append(r.Points, Point{v[i], v[i+1]})
	}
	if err := r.check(); err != nil {
		return r, err
	}
	for _, child := range ds.Sequence(tag.ContentSequence) {
		if child.String(tag.ValueType) == "IMAGE" {
			if ref := first(child, tag.ReferencedSOPSequence); ref != nil {
				var err error
				r.In, err = referenceOf(ref)
				return r, err
			}
		}
	}
	return r, fault.New(fault.Input, "a region that lies in no image")
}

func (r Region) equal(o Region) bool {
	return r.Type == o.Type && r.In.SOP == o.In.SOP && slices.Equal(r.In.Frames, o.In.Frames) && slices.Equal(r.Points, o.Points)
}
