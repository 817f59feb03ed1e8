package phantom

import (
	"math"
	"math/rand/v2"
)

// leafPoint is one scatterer of a valve leaflet: a place on the leaflet and a complex amplitude. Leaflets are surfaces hinged on a
// ring; they are drawn point by point because they are thinner than the grid of fields can carry.
type leafPoint struct {
	valve  uint8
	angle  float64 // round the ring, degrees
	along  float64 // 0 hinge … 1 free edge
	offset float64 // mm across the leaflet
	re, im float32
}

const (
	mitral = iota
	tricuspid
	aortic
)

// leafStrength is a scatterer's amplitude: with leafDensity points a mm² it gives leaflets 1.6 times the myocardium's.
const (
	leafStrength = 1.5
	leafCount    = 4200 // a valve
	sliceHalf    = 2.2  // mm, half of the elevation beam width
)

// drawLeaves draws the scatterers of all valves and keeps those that can come into the imaging plane.
func drawLeaves(r *rand.Rand, h *heart, p *plane) []leafPoint {
	var keep []leafPoint
	ed, es := h.figure(moment{}), h.figure(moment{e: 0.3, mitral: 1, aortic: 1})
	for valve := range 3 {
		for range leafCount {
			q := leafPoint{valve: uint8(valve), angle: 360 * r.Float64(), along: math.Sqrt(r.Float64()), offset: uniform(r, -0.7, 0.7)}
			q.re, q.im = float32(r.NormFloat64()*math.Sqrt2/2), float32(r.NormFloat64()*math.Sqrt2/2)
			for _, g := range []*figure{&ed, &es} {
				if math.Abs(g.leaf(&q).add(p.probe.mul(-1)).dot(p.out)) < sliceHalf+3 {
					keep = append(keep, q)
					break
				}
			}
		}
	}
	return keep
}

// leaf is where a leaflet's point is now.
func (g *figure) leaf(q *leafPoint) vec3 {
	var centre vec3
	var radius, closed, open, length, opening, sense float64
	d := direction(q.angle)
	base := float64(g.zc + g.zb)
	switch q.valve {
	case mitral:
		radius = 0.80 * float64(g.a) * math.Sqrt(1-cut*cut)
		centre = direction(300).mul(0.22 * radius).add(vec3{0, 0, base})
		length = radius * (1.10 + 0.30*d.dot(direction(120)))
		closed, open, opening, sense = 14, 72, float64(g.opening), -1
	case tricuspid:
		radius = 15
		out := float64(g.rvD) + 8
		centre = vec3{float64(g.rvX) * out, float64(g.rvY) * out, float64(g.tri)}
		length = radius * 1.12
		closed, open, opening, sense = 14, 70, float64(g.opening), -1
	default:
		radius = aortaRadius
		centre = vec3{float64(g.aortaX), float64(g.aortaY), base + 3}
		length = radius * 1.08
		closed, open, opening, sense = 22, 82, float64(g.aorticOpen), 1
	}
	lift := (closed + (open-closed)*opening) * math.Pi / 180
	// A leaflet bends: its angle to the ring grows along it while it opens.
	l := length * q.along
	bend := lift * (0.75 + 0.35*q.along)
	inward := l * math.Cos(bend)
	height := l*math.Sin(bend) + q.offset
	return centre.add(d.mul(radius - inward)).add(vec3{0, 0, sense * height})
}

// splat adds the leaflets in the plane to raw.
func (b *beamformer) splat(g *figure, shift vec3) {
	for i := range b.valves {
		q := &b.valves[i]
		v := g.leaf(q).add(shift).add(b.plane.probe.mul(-1))
		off := v.dot(b.plane.out) / sliceHalf
		if math.Abs(off) > 1.6 {
			continue
		}
		x, y := v.dot(b.plane.right), v.dot(b.plane.down)
		d := math.Hypot(x, y) / b.dr
		beam := (math.Atan2(x, y)/b.half + 1) / 2 * (polarBeams - 1)
		if beam < 0 || d < 0 || beam >= polarBeams-1 || d >= polarDepths-1 {
			continue
		}
		bi, di := int(beam), int(d)
		fb, fd := float32(beam)-float32(bi), float32(d)-float32(di)
		a := leafStrength * float32(math.Exp(-off*off)) * b.gain[bi][di]
		for n, wb := range [2]float32{1 - fb, fb} {
			row := b.raw[bi+n][6+2*di : 6+2*di+4]
			w0, w1 := a*wb*(1-fd), a*wb*fd
			row[0] += w0 * q.re
			row[1] += w0 * q.im
			row[2] += w1 * q.re
			row[3] += w1 * q.im
		}
	}
}
