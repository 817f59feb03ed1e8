package measure

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Point is a place in a frame, pixels: x grows to the right, y downwards, (0,0) is the outer corner of the first pixel and (0.5,0.5) its
// middle (PS3.3 C.18.6.1.2).
type Point struct{ X, Y float64 }

// MarshalJSON writes a point as [x,y].
func (p Point) MarshalJSON() ([]byte, error) { return json.Marshal([2]float64{p.X, p.Y}) }

// UnmarshalJSON reads [x,y].
func (p *Point) UnmarshalJSON(b []byte) error {
	var v []float64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v) != 2 {
		return fmt.Errorf("a point of %d numbers", len(v))
	}
	p.X, p.Y = v[0], v[1]
	return nil
}

func (p Point) minus(q Point) Point      { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) plus(q Point) Point       { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) times(f float64) Point    { return Point{p.X * f, p.Y * f} }
func (p Point) cross(q Point) float64    { return p.X*q.Y - p.Y*q.X }
func (p Point) dot(q Point) float64      { return p.X*q.X + p.Y*q.Y }
func (p Point) distance(q Point) float64 { return math.Hypot(p.X-q.X, p.Y-q.Y) }
func middle(p, q Point) Point            { return Point{(p.X + q.X) / 2, (p.Y + q.Y) / 2} }

// Kind is a kind of shape.
type Kind string

// The kinds, with their points.
const (
	PointMark     Kind = "point"         // 1
	Length        Kind = "length"        // 2
	Polyline      Kind = "polyline"      // 2 or more
	Angle         Kind = "angle"         // 3, the vertex second; or 4, two lines
	Bidirectional Kind = "bidirectional" // 4: two lines that cross
	Rectangle     Kind = "rectangle"     // 2 opposite corners
	Ellipse       Kind = "ellipse"       // 4: the ends of one axis, the ends of the other
	Polygon       Kind = "polygon"       // 3 or more
	Spline        Kind = "spline"        // 3 or more that a closed uniform Catmull–Rom curve goes through
	Freehand      Kind = "freehand"      // 3 or more, close together
	Caliper       Kind = "caliper"       // 2, on an axis of time; or one in frame Frame and one in frame To of a cine
	Trace         Kind = "trace"         // 5 or more: a ventricle's wall from one side of the valve to the other
)

// points of each kind, at least and at most; 0 is any number.
var counts = map[Kind][2]int{PointMark: {1, 1}, Length: {2, 2}, Polyline: {2, 0}, Angle: {3, 4}, Bidirectional: {4, 4}, Rectangle: {2, 2}, Ellipse: {4, 4},
	Polygon: {3, 0}, Spline: {3, 0}, Freehand: {3, 0}, Caliper: {2, 2}, Trace: {5, 0}}

// MaxPoints is how many points a shape may have.
const MaxPoints = 4096

// Shape is what was drawn in one frame; calipers may go from one to another.
type Shape struct {
	Kind   Kind    `json:"kind"`
	Frame  int     `json:"frame"`        // from 0
	To     int     `json:"to,omitempty"` // of a caliper through a cine: frame of its second point, after Frame; 0: both lie in Frame
	Points []Point `json:"points"`
}

// Check says whether the shape has the points that its kind asks for. Code input.
func (s Shape) Check() error {
	n, ok := counts[s.Kind]
	switch {
	case !ok:
		return fault.New(fault.Input, "there is no shape %q", string(s.Kind))
	case len(s.Points) < n[0] || n[1] > 0 && len(s.Points) > n[1] || len(s.Points) > MaxPoints:
		return fault.New(fault.Input, "a %s of %d points", s.Kind, len(s.Points))
	case s.Frame < 0:
		return fault.New(fault.Input, "frame %d", s.Frame)
	case s.To != 0 && (s.Kind != Caliper || s.To <= s.Frame):
		return fault.New(fault.Input, "a %s from frame %d to frame %d", s.Kind, s.Frame, s.To).WithHint("only calipers go from one frame to a later one")
	}
	return nil
}

// Value is a number of record.
type Value struct {
	Name   string  `json:"name"`
	Number float64 `json:"number"`
	Unit   string  `json:"unit"` // UCUM
}

// Result are the values of a shape, and how they came about.
type Result struct {
	Values []Value  `json:"values"`
	Source string   `json:"source,omitempty"` // attribute that the scale comes from; "" in pixels
	Region int      `json:"region,omitempty"` // item of Sequence of Ultrasound Regions, from 1
	X      float64  `json:"x,omitempty"`      // size of a pixel along rows, in UnitX
	Y      float64  `json:"y,omitempty"`
	UnitX  string   `json:"unit_x,omitempty"`
	UnitY  string   `json:"unit_y,omitempty"`
	Notes  []string `json:"notes,omitempty"` // reservations, in words
}

// Value is the named value; ok is false where there is none.
func (r Result) Value(name string) (Value, bool) {
	for _, v := range r.Values {
		if v.Name == name {
			return v, true
		}
	}
	return Value{}, false
}
