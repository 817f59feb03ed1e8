package explain

import (
	"fmt"
	"math"
)

// Point is a place in an image: x to the right, y down, in samples; whole numbers are the samples' middles, the first at 0.
type Point struct{ X, Y float64 }

// Ellipse is drawn about its centre, its first radius turned by Degrees from the x axis towards y (clockwise as images are shown).
type Ellipse struct {
	Centre  Point
	Radii   Point // along the first and the second axis, samples, above 0
	Degrees float64
}

// holds says whether a point lies in the ellipse or on its edge.
func (e Ellipse) holds(p Point) bool {
	s, c := math.Sincos(e.Degrees * math.Pi / 180)
	dx, dy := p.X-e.Centre.X, p.Y-e.Centre.Y
	u, v := (dx*c+dy*s)/e.Radii.X, (dy*c-dx*s)/e.Radii.Y
	return u*u+v*v <= 1
}

// Polygon is a closed line through its points; what it goes round an odd number of times is inside (even-odd rule).
type Polygon []Point

// holds counts the edges that a ray from p to the right crosses.
func (g Polygon) holds(p Point) bool {
	in := false
	for i, a := range g {
		b := g[(i+len(g)-1)%len(g)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}

// Shape is something drawn: exactly one of Polygon, with at least three points, and Ellipse.
type Shape struct {
	Polygon Polygon
	Ellipse *Ellipse
}

// Check is an error where the shape is no shape.
func (s Shape) Check() error {
	finite := func(p Point) bool {
		return math.Abs(p.X) < 1e9 && math.Abs(p.Y) < 1e9 // also false of NaN
	}
	switch {
	case (s.Ellipse == nil) == (len(s.Polygon) == 0):
		return fmt.Errorf("explain: a shape is either a polygon or an ellipse")
	case s.Ellipse != nil:
		e := *s.Ellipse
		if !finite(e.Centre) || !finite(e.Radii) || !(e.Radii.X > 0 && e.Radii.Y > 0) || math.IsNaN(e.Degrees) || math.IsInf(e.Degrees, 0) {
			return fmt.Errorf("explain: an ellipse about %v with radii %v, turned by %g degrees", e.Centre, e.Radii, e.Degrees)
		}
	case len(s.Polygon) < 3:
		return fmt.Errorf("explain: a polygon of %d points; 3 are needed", len(s.Polygon))
	default:
		for _, p := range s.Polygon {
			if !finite(p) {
				return fmt.Errorf("explain: a polygon through %v", p)
			}
		}
	}
	return nil
}

// Mask says which samples of a picture [H, W] have their middle in the shape.
func (s Shape) Mask(h, w int) ([]bool, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	holds := s.Polygon.holds
	if s.Ellipse != nil {
		holds = s.Ellipse.holds
	}
	out := make([]bool, h*w)
	for i := range out {
		out[i] = holds(Point{float64(i % w), float64(i / w)})
	}
	return out, nil
}
