package intake

import (
	"math"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/internal/fault"
)

// shapeOf makes regions of a report the shape that an item asks for. Code input where they are another one.
func shapeOf(kind measure.Kind, regions []result.Region) (measure.Shape, error) {
	s := measure.Shape{Kind: kind}
	wrong := fault.New(fault.Input, "its regions are no %s", kind)
	one := regions[0]
	p := points(one.Points)
	switch kind {
	case measure.Bidirectional, measure.Angle:
		if len(regions) == 2 && len(one.Points) == 2 && len(regions[1].Points) == 2 {
			s.Points = append(p, points(regions[1].Points)...)
			return s, s.Check()
		}
		if kind == measure.Bidirectional {
			return s, wrong
		}
	}
	if len(regions) != 1 {
		return s, wrong
	}
	switch kind {
	case measure.PointMark:
		if one.Type != result.OnePoint {
			return s, wrong
		}
	case measure.Ellipse:
		switch one.Type {
		case result.Ellipse:
		case result.Circle:
			c, r := p[0], math.Hypot(p[1].X-p[0].X, p[1].Y-p[0].Y)
			p = []measure.Point{{X: c.X - r, Y: c.Y}, {X: c.X + r, Y: c.Y}, {X: c.X, Y: c.Y - r}, {X: c.X, Y: c.Y + r}}
		default:
			return s, wrong
		}
	case measure.Rectangle:
		var ok bool
		if p, ok = corners(p); !ok || !one.Closed() {
			return s, wrong
		}
	case measure.Polygon, measure.Freehand, measure.Spline:
		if one.Type != result.Polyline || !one.Closed() {
			return s, wrong
		}
		p = p[:len(p)-1]
		if kind == measure.Spline {
			p = controls(p)
		}
	case measure.Trace:
		if one.Type != result.Polyline {
			return s, wrong
		}
		if one.Closed() {
			p = p[:len(p)-1]
		}
	default:
		if one.Type != result.Polyline {
			return s, wrong
		}
	}
	s.Points = p
	return s, s.Check()
}

func points(list []result.Point) []measure.Point {
	out := make([]measure.Point, len(list))
	for i, p := range list {
		out[i] = measure.Point{X: p.X, Y: p.Y}
	}
	return out
}

// corners are two opposite ones of a rectangle along the picture's axes, whichever its points begin with.
func corners(p []measure.Point) ([]measure.Point, bool) {
	if len(p) != 5 {
		return nil, false
	}
	a, c := p[0], p[2]
	const close = 1e-3 // pixels
	at := func(q measure.Point, x, y float64) bool { return math.Abs(q.X-x) < close && math.Abs(q.Y-y) < close }
	ok := at(p[1], c.X, a.Y) && at(p[3], a.X, c.Y) || at(p[1], a.X, c.Y) && at(p[3], c.X, a.Y)
	return []measure.Point{a, c}, ok
}

// controls are the points that a fine outline was drawn through, where it is this program's curve through fewer of them; else all of its points.
func controls(p []measure.Point) []measure.Point {
	for step := 16; step > 1; step-- {
		if len(p)%step != 0 || len(p)/step < 3 {
			continue
		}
		var few []measure.Point
		for i := 0; i < len(p); i += step {
			few = append(few, p[i])
		}
		again := measure.Shape{Kind: measure.Spline, Points: few}.Outline()
		same := len(again) == len(p)
		for i := 0; same && i < len(p); i++ {
			same = math.Hypot(again[i].X-p[i].X, again[i].Y-p[i].Y) < 1e-3
		}
		if same {
			return few
		}
	}
	return p
}
