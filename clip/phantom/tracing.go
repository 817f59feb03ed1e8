package phantom

import "math"

// Chord is one line of a left ventricular tracing in pixels.
type Chord struct{ X1, Y1, X2, Y2 float64 }

// Tracing is an expert's outline as EchoNet stores it: the long axis first, then discs across it from the base to the apex.
type Tracing struct {
	Frame  int
	Chords []Chord
}

// trace outlines the left ventricle where the imaging plane cuts it. Short-axis planes have no long axis and give nil.
func (g *figure) trace(q *acquisition, shift vec3, s *scan, frame int) *Tracing {
	axis := vec3{0, 0, 1}
	along := vec3{axis.dot(q.plane.right), axis.dot(q.plane.down), 0} // in the plane: right, down
	length := math.Hypot(along.x, along.y)
	if length < 0.5 {
		return nil
	}
	along = along.mul(1 / length)
	across := vec3{-along.y, along.x, 0}
	place := func(v vec3) vec3 { return q.plane.at(v.x, v.y).add(shift.mul(-1)) }
	var f [fieldN]float32
	inside := func(v vec3) bool {
		p := place(v)
		g.eval(float32(p.x), float32(p.y), float32(p.z), &f)
		return f[fWall] < 0 && f[fBase] < 0
	}
	// edge walks from an inside point until the cavity ends, and bisects.
	edge := func(from, dir vec3) (vec3, bool) {
		if !inside(from) {
			return from, false
		}
		lo, hi := 0.0, 1.0
		for inside(from.add(dir.mul(hi))) {
			lo, hi = hi, hi+1
			if hi > 200 {
				return from, false
			}
		}
		for range 20 {
			if mid := (lo + hi) / 2; inside(from.add(dir.mul(mid))) {
				lo = mid
			} else {
				hi = mid
			}
		}
		return from.add(dir.mul(lo)), true
	}
	centre := vec3{0, 0, float64(g.zc)}.add(shift).add(q.plane.probe.mul(-1))
	middle := vec3{centre.dot(q.plane.right), centre.dot(q.plane.down), 0}
	base, ok1 := edge(middle, along)
	apex, ok2 := edge(middle, along.mul(-1))
	if !ok1 || !ok2 {
		return nil
	}
	pixel := func(v vec3) (float64, float64) { return s.pixel(v.x, v.y) }
	line := func(a, b vec3) Chord {
		x1, y1 := pixel(a)
		x2, y2 := pixel(b)
		return Chord{x1, y1, x2, y2}
	}
	t := &Tracing{Frame: frame, Chords: []Chord{line(base, apex)}}
	for i := range discs {
		u := (float64(i) + 0.5) / discs
		at := base.mul(1 - u).add(apex.mul(u))
		a, okA := edge(at, across.mul(-1))
		b, okB := edge(at, across)
		if okA && okB {
			t.Chords = append(t.Chords, line(a, b))
		}
	}
	return t
}
