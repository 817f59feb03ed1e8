package phantom

import (
	"math"
	"math/rand/v2"
)

type vec3 struct{ x, y, z float64 }

func (a vec3) add(b vec3) vec3    { return vec3{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec3) mul(k float64) vec3 { return vec3{a.x * k, a.y * k, a.z * k} }
func (a vec3) dot(b vec3) float64 { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec3) cross(b vec3) vec3 {
	return vec3{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x}
}
func mix(a, b vec3, t float64) vec3 { return a.mul(math.Cos(t)).add(b.mul(math.Sin(t))) }

// direction is the unit vector at an angle in degrees round the long axis.
func direction(deg float64) vec3 {
	return vec3{math.Cos(deg * math.Pi / 180), math.Sin(deg * math.Pi / 180), 0}
}

// plane is the imaging plane: the probe's face, and the unit vectors across (image right), along the middle beam (image down) and
// out of the plane.
type plane struct{ probe, right, down, out vec3 }

// acquisition is how one clip was taken.
type acquisition struct {
	view        View
	plane       plane
	Foreshorten float64 // degrees between plane and long axis
	depth       float64 // mm
	half        float64 // half of the sector's angle, radians
	drift       float64 // mm, breathing amplitude
	driftPhase  float64
	flip        bool
}

// rotation is the angle round the long axis of each long-axis view, in degrees.
var rotation = map[View]float64{A4C: 0, A2C: 60, A3C: 120, PLAX: 120}

// level is where short-axis planes cut, as a fraction of the long axis at end-diastole.
var level = map[View]float64{PSAXBase: 0.65, PSAXMid: 0.50, PSAXApex: 0.27}

// acquire places the probe for a view: aim, off-axis rotation (±10°), foreshortening (0–20°), depth 12–20 cm, sector 60–90°.
func (p *Patient) acquire(r *rand.Rand, cfg *Config, v View) acquisition {
	h := &p.heart
	q := acquisition{view: v, drift: uniform(r, 2, 6), driftPhase: uniform(r, 0, 2*math.Pi)}
	axis := vec3{0, 0, 1}
	off := clamp(normal(r, 0, 4), -10, 10)
	tilt := clamp(math.Abs(normal(r, 0, 6)), 0, 20)
	lean := clamp(normal(r, 0, 4), -10, 10) * math.Pi / 180
	aim := normal(r, 0, 4)
	deeper := r.Float64()
	wide := r.Float64()
	side := 1.0
	if r.Float64() < 0.5 {
		side = -1
	}

	var target, right, down vec3
	var dist, reach float64
	switch v {
	case A4C, A2C, A3C:
		q.Foreshorten = tilt
		right = direction(rotation[v] + off)
		normal := axis.cross(right)
		down = mix(axis, normal.mul(side), tilt*math.Pi/180)
		shift := map[View]float64{A4C: -13, A2C: -3, A3C: -5}[v] + aim
		pivot := 0.62 * h.zb0
		target = vec3{0, 0, pivot}.add(right.mul(shift))
		dist = (pivot + p.body.standoff) / math.Cos(tilt*math.Pi/180)
		reach = p.body.standoff + h.zb0 + 42
	case PLAX:
		q.Foreshorten = tilt / 2
		down = direction(rotation[v] + 180 + off)
		right = mix(axis, axis.cross(down), side*tilt/2*math.Pi/180)
		target = vec3{0, 0, 0.72 * h.zb0}.add(right.mul(aim))
		dist = h.a0 + h.w0 + 24 + p.body.standoff
		reach = dist + h.a0 + h.w0 + 35
	default:
		q.Foreshorten = tilt / 2
		down = direction(240)
		right = direction(330)
		cutAt := level[v]*h.zb0 + aim
		down = mix(down, axis.mul(side), tilt/2*math.Pi/180)
		target = vec3{0, 0, cutAt}.add(right.mul(-8))
		dist = h.a0 + h.w0 + 26 + p.body.standoff
		reach = dist + h.a0 + h.w0 + 30
	}
	// Lean turns the sector inside its plane.
	right, down = right.mul(math.Cos(lean)).add(down.mul(math.Sin(lean))), down.mul(math.Cos(lean)).add(right.mul(-math.Sin(lean)))
	q.plane = plane{probe: target.add(down.mul(-dist)), right: right, down: down, out: right.cross(down)}

	margin := 4 + 24*deeper
	if b := cfg.rho(BMI); b > 0 {
		margin = (1-b)*margin + b*clamp(4+2*(p.BMI-20), 2, 40)
	}
	q.depth = clamp(reach+margin, 120, 200)
	// The sector confounder decides the half of the range that the angle is from.
	if p.bits[Sector] {
		wide = (1 + wide) / 2
	} else {
		wide /= 2
	}
	q.half = (62 + 26*wide) / 2 * math.Pi / 180
	q.flip = p.bits[Flip]
	return q
}

// at is the 3D point at x mm to the right and y mm below the probe's face.
func (p *plane) at(x, y float64) vec3 {
	return p.probe.add(p.right.mul(x)).add(p.down.mul(y))
}

// shift is the heart's displacement by breathing at t s, in the imaging plane.
func (q *acquisition) shift(t float64) vec3 {
	d := q.drift / 2 * math.Sin(2*math.Pi*0.25*t+q.driftPhase)
	return q.plane.down.mul(0.85 * d).add(q.plane.right.mul(0.5 * d))
}
