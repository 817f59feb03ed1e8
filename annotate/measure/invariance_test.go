package measure

import (
	"fmt"
	"math"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// star is an outline that does not cross itself: n points round a middle, at distances by chance.
func star(n int, seed int) []Point {
	rng := stats.Seed(5).Stream("star", seed)
	p := make([]Point, n)
	for i := range p {
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		r := 40 + 60*rng.Float64()
		p[i] = Point{300 + r*c, 240 + r*s}
	}
	return p
}

// drawn are shapes of every kind with a size, whose points come from one star.
func drawn(seed int) []Shape {
	p := star(12, seed)
	return []Shape{{Kind: Length, Points: p[:2]}, {Kind: Polyline, Points: p}, {Kind: Bidirectional, Points: []Point{p[0], p[6], p[3], p[9]}}, {Kind: Rectangle, Points: []Point{p[0], p[6]}},
		{Kind: Ellipse, Points: []Point{p[0], p[6], p[3], p[9]}}, {Kind: Polygon, Points: p}, {Kind: Spline, Points: p}, {Kind: Freehand, Points: p}, {Kind: Trace, Points: p}, {Kind: Angle, Points: p[:3]}}
}

func values(t *testing.T, s Shape, c Calibration) map[string]Value {
	t.Helper()
	r, err := Measure(s, c)
	if err != nil {
		t.Fatalf("%s: %v", s.Kind, err)
	}
	out := map[string]Value{}
	for _, v := range r.Values {
		out[v.Name] = v
	}
	return out
}

// power is how a unit grows with the pixels' size.
var power = map[string]float64{Millimetre: 1, SquareMillimetre: 2, Millilitre: 3, Degree: 0}

// TestLargerPixels: with pixels three times as large lengths are three times, areas nine times, volumes 27 times as large, angles as they were.
func TestLargerPixels(t *testing.T) {
	for seed := range 20 {
		for _, s := range drawn(seed) {
			small, large := values(t, s, spaced(.2, .3)), values(t, s, spaced(.6, .9))
			for name, v := range small {
				w := v.Number * math.Pow(3, power[v.Unit])
				near(t, fmt.Sprintf("%s %s", s.Kind, name), large[name].Number, w, 1e-9*math.Max(1, w))
			}
		}
	}
}

// TestMoved: a shape elsewhere in the picture has the same numbers.
func TestMoved(t *testing.T) {
	for seed := range 20 {
		for _, s := range drawn(seed) {
			moved := Shape{Kind: s.Kind}
			for _, p := range s.Points {
				moved.Points = append(moved.Points, Point{p.X + 150.25, p.Y - 80.5})
			}
			a, b := values(t, s, spaced(.5, .4)), values(t, moved, spaced(.5, .4))
			for name, v := range a {
				near(t, fmt.Sprintf("%s %s", s.Kind, name), b[name].Number, v.Number, 1e-8*math.Max(1, v.Number))
			}
		}
	}
}

// TestTurned: on square pixels a shape that is turned has the same numbers (but for the rectangle, which lies along the picture).
func TestTurned(t *testing.T) {
	sin, cos := math.Sincos(.7)
	for seed := range 20 {
		for _, s := range drawn(seed) {
			if s.Kind == Rectangle {
				continue
			}
			turned := Shape{Kind: s.Kind}
			for _, p := range s.Points {
				x, y := p.X-300, p.Y-240
				turned.Points = append(turned.Points, Point{300 + x*cos - y*sin, 240 + x*sin + y*cos})
			}
			a, b := values(t, s, spaced(.5, .5)), values(t, turned, spaced(.5, .5))
			for name, v := range a {
				near(t, fmt.Sprintf("%s %s", s.Kind, name), b[name].Number, v.Number, 1e-8*math.Max(1, v.Number))
			}
		}
	}
}

// TestSeenStretched: the same thing seen on pixels twice as high has half as many rows, and the same millimetres.
func TestSeenStretched(t *testing.T) {
	for seed := range 20 {
		for _, s := range drawn(seed) {
			flat := Shape{Kind: s.Kind}
			for _, p := range s.Points {
				flat.Points = append(flat.Points, Point{p.X, p.Y / 2})
			}
			a, b := values(t, s, spaced(.5, .5)), values(t, flat, spaced(1, .5))
			for name, v := range a {
				near(t, fmt.Sprintf("%s %s", s.Kind, name), b[name].Number, v.Number, 1e-8*math.Max(1, v.Number))
			}
		}
	}
}

// TestOrder: an outline that begins elsewhere, or goes the other way round, has the same area and perimeter.
func TestOrder(t *testing.T) {
	for seed := range 10 {
		p := star(11, seed)
		for _, k := range []Kind{Polygon, Spline, Freehand} {
			want := values(t, Shape{Kind: k, Points: p}, spaced(.5, .3))
			back, later := make([]Point, len(p)), append(append([]Point{}, p[4:]...), p[:4]...)
			for i := range p {
				back[len(p)-1-i] = p[i]
			}
			for _, q := range [][]Point{back, later} {
				for name, v := range values(t, Shape{Kind: k, Points: q}, spaced(.5, .3)) {
					near(t, fmt.Sprintf("%s %s", k, name), v.Number, want[name].Number, 1e-8*v.Number)
				}
			}
		}
	}
}
