package measure

import "math"

func pathLength(p []Point) (sum float64) {
	for i := 1; i < len(p); i++ {
		sum += p[i].distance(p[i-1])
	}
	return sum
}

// signedArea is Gauss's formula, about the first point so that far-away outlines lose no digits.
func signedArea(p []Point) (sum float64) {
	for i := 2; i < len(p); i++ {
		sum += p[i-1].minus(p[0]).cross(p[i].minus(p[0]))
	}
	return sum / 2
}

// angle in degrees: at the second of three points, or between two lines, 0 to 180. Of two lines the smaller.
func angle(p []Point) float64 {
	a, b := p[0].minus(p[1]), p[len(p)-1].minus(p[1])
	if len(p) == 4 {
		a, b = p[1].minus(p[0]), p[3].minus(p[2])
	}
	if a == (Point{}) || b == (Point{}) {
		return math.NaN()
	}
	deg := math.Atan2(math.Abs(a.cross(b)), a.dot(b)) * 180 / math.Pi
	if len(p) == 4 {
		deg = math.Min(deg, 180-deg)
	}
	return deg
}

// semiAxes are the half axes of the ellipse with conjugate half diameters a and b: an ellipse drawn on pixels that are not square has none
// at right angles. They are the singular values of the matrix with columns a and b.
func semiAxes(a, b Point) (major, minor float64) {
	p, q := math.Hypot(a.X+b.Y, a.Y-b.X), math.Hypot(a.X-b.Y, a.Y+b.X)
	return (p + q) / 2, math.Abs(p-q) / 2
}

// ellipsePerimeter is exact: 4·a·E, the complete elliptic integral by the arithmetic–geometric mean of 1 and b/a (Abramowitz and Stegun 17.6.4).
func ellipsePerimeter(a, b float64) float64 {
	if !(b > 0) {
		return 4 * a
	}
	x, y := 1.0, b/a
	rest, weight := 1-(1-y*y)/2, 1.0 // 1 − Σ 2ⁿ⁻¹·cₙ²
	for range 40 {
		c := (x - y) / 2
		x, y = (x+y)/2, math.Sqrt(x*y)
		rest -= weight * c * c
		weight *= 2
		if c <= 1e-16 {
			break
		}
	}
	return 2 * math.Pi * a / x * rest
}

// segment is one piece of the closed uniform Catmull–Rom curve through p, from p[i] to the next, as a cubic (Catmull and Rom 1974). It is the
// uniform one because that commutes with a picture's scale: measured in mm it is the curve that was seen in pixels.
func segment(p []Point, i int) (c [4]Point) {
	n := len(p)
	a, b, d, e := p[(i+n-1)%n], p[i], p[(i+1)%n], p[(i+2)%n]
	half := func(x float64, q Point) Point { return q.times(x / 2) }
	c[0] = b
	c[1] = half(1, d.minus(a))
	c[2] = half(2, a).plus(half(-5, b)).plus(half(4, d)).plus(half(-1, e))
	c[3] = half(3, b).plus(half(-3, d)).plus(half(1, e)).plus(half(-1, a))
	return c
}

func cubic(c [4]Point, t float64) (at, slope Point) {
	at = c[0].plus(c[1].plus(c[2].plus(c[3].times(t)).times(t)).times(t))
	slope = c[1].plus(c[2].times(2 * t)).plus(c[3].times(3 * t * t))
	return at, slope
}

// Gauss–Legendre on 0..1: three nodes are exact for areas of cubics, eight give lengths to better than a millionth.
var (
	gauss3 = [][2]float64{{0.5 - 0.3872983346207417, 5.0 / 18}, {0.5, 8.0 / 18}, {0.5 + 0.3872983346207417, 5.0 / 18}}
	gauss8 = [][2]float64{{0.019855071751231884, 0.05061426814518813}, {0.10166676129318664, 0.11119051722668724}, {0.2372337950418355, 0.15685332293894363},
		{0.4082826787521751, 0.18134189168918100}, {0.5917173212478249, 0.18134189168918100}, {0.7627662049581645, 0.15685332293894363},
		{0.8983332387068134, 0.11119051722668724}, {0.9801449282487681, 0.05061426814518813}}
)

func splineArea(p []Point) float64 {
	var sum float64
	for i := range p {
		c := segment(p, i)
		for _, g := range gauss3 {
			at, slope := cubic(c, g[0])
			sum += g[1] * at.minus(p[0]).cross(slope) / 2
		}
	}
	return math.Abs(sum)
}

func splinePerimeter(p []Point) (sum float64) {
	const parts = 4
	for i := range p {
		c := segment(p, i)
		for k := range parts {
			for _, g := range gauss8 {
				_, slope := cubic(c, (float64(k)+g[0])/parts)
				sum += g[1] / parts * math.Hypot(slope.X, slope.Y)
			}
		}
	}
	return sum
}

// flatten is the curve as a polygon, for finding out whether it crosses itself, and for masks.
func flatten(p []Point) []Point {
	steps := max(2, min(16, MaxPoints/len(p)))
	out := make([]Point, 0, steps*len(p))
	for i := range p {
		c := segment(p, i)
		for k := range steps {
			at, _ := cubic(c, float64(k)/float64(steps))
			out = append(out, at)
		}
	}
	return out
}

// Outline is a shape's closed outline in pixels, as a polygon; nil for shapes that enclose nothing.
func (s Shape) Outline() []Point {
	p := s.Points
	if s.Check() != nil {
		return nil
	}
	switch s.Kind {
	case Polygon, Freehand, Trace:
		return p
	case Spline:
		return flatten(p)
	case Rectangle:
		return []Point{p[0], {p[1].X, p[0].Y}, p[1], {p[0].X, p[1].Y}}
	case Ellipse:
		m := middle(middle(p[0], p[1]), middle(p[2], p[3]))
		a, b := p[1].minus(p[0]).times(0.5), p[3].minus(p[2]).times(0.5)
		out := make([]Point, 128)
		for i := range out {
			sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(len(out)))
			out[i] = m.plus(a.times(cos)).plus(b.times(sin))
		}
		return out
	}
	return nil
}

// Fill is the shape as a mask [rows × columns]: pixels whose middle it holds (even-odd rule).
func (s Shape) Fill(rows, columns int) []bool {
	mask, out := make([]bool, rows*columns), s.Outline()
	for y := range rows {
		at := float64(y) + 0.5
		for i := range out {
			p, q := out[i], out[(i+1)%len(out)]
			if (p.Y <= at) == (q.Y <= at) {
				continue
			}
			x := p.X + (at-p.Y)/(q.Y-p.Y)*(q.X-p.X)
			for c := max(0, int(math.Ceil(x-0.5))); c < columns; c++ {
				mask[y*columns+c] = !mask[y*columns+c]
			}
		}
	}
	return mask
}

// segmentsMeet says whether ab and cd have a point in common.
func segmentsMeet(a, b, c, d Point) bool {
	side := func(p, q, r Point) float64 { return q.minus(p).cross(r.minus(p)) }
	d1, d2, d3, d4 := side(c, d, a), side(c, d, b), side(a, b, c), side(a, b, d)
	if (d1 > 0) != (d2 > 0) && (d3 > 0) != (d4 > 0) && d1 != 0 && d2 != 0 && d3 != 0 && d4 != 0 {
		return true
	}
	within := func(p, q, r Point) bool {
		return math.Min(p.X, q.X) <= r.X && r.X <= math.Max(p.X, q.X) && math.Min(p.Y, q.Y) <= r.Y && r.Y <= math.Max(p.Y, q.Y)
	}
	return d1 == 0 && within(c, d, a) || d2 == 0 && within(c, d, b) || d3 == 0 && within(a, b, c) || d4 == 0 && within(a, b, d)
}

// crosses says whether a closed outline meets itself anywhere but where neighbours join. Points that repeat are one.
func crosses(p []Point) bool {
	var q []Point
	for i, a := range p {
		if i == 0 || a != p[i-1] {
			q = append(q, a)
		}
	}
	for len(q) > 1 && q[0] == q[len(q)-1] {
		q = q[:len(q)-1]
	}
	n := len(q)
	for i := range n {
		a, b := q[i], q[(i+1)%n]
		for j := i + 2; j < n; j++ {
			if i == 0 && j == n-1 {
				continue
			}
			c, d := q[j], q[(j+1)%n]
			if math.Max(a.X, b.X) < math.Min(c.X, d.X) || math.Max(c.X, d.X) < math.Min(a.X, b.X) ||
				math.Max(a.Y, b.Y) < math.Min(c.Y, d.Y) || math.Max(c.Y, d.Y) < math.Min(a.Y, b.Y) {
				continue
			}
			if segmentsMeet(a, b, c, d) {
				return true
			}
		}
	}
	return false
}
