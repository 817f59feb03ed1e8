package phantom

import (
	"math"
	"math/rand/v2"
	"sync"
)

// leafPoint is one scatterer of a valve leaflet: a place on the leaflet and a complex amplitude. Leaflets are surfaces hinged on a
// ring; they are drawn point by point because they are thinner than the grid of fields can carry.
type leafPoint struct {
	valve  uint8
	along  uint8   // 0 hinge … leafSteps free edge
	dir    vec3    // from the ring's centre to the hinge, unit length
	length float64 // of the leaflet here, relative to the ring's radius
	offset float64 // mm across the leaflet
	re, im float32
}

const (
	mitral = iota
	tricuspid
	aortic
	valveN
)

// leafStrength is a scatterer's amplitude: with leafCount points a valve, leaflets come out 1.6 times as bright as myocardium.
const (
	leafStrength = 1.77
	leafCount    = 3000 // points a valve
	leafSteps    = 48   // places along a leaflet
	sliceHalf    = 2.2  // mm, half of the elevation beam width
)

const compassPoints = 1024

// compass is unit vectors all round, so that thousands of scatterers need no sines.
var compass = sync.OnceValue(func() *[compassPoints]vec3 {
	var c [compassPoints]vec3
	for i := range c {
		c[i] = direction(360 * (float64(i) + 0.5) / compassPoints)
	}
	return &c
})

// drawLeaves draws the scatterers of all valves and keeps those that can come into the imaging plane.
func drawLeaves(seed uint64, h *heart, p *plane) []leafPoint {
	r := rand.New(rand.NewPCG(seed, 0))
	atRest, inflow := h.figure(moment{}), h.figure(moment{e: 0.3, mitral: 1, aortic: 1})
	closed, open := atRest.leaves(), inflow.leaves()
	long := direction(120) // the anterior mitral leaflet is the long one
	var keep []leafPoint
	for valve := range valveN {
		for range leafCount {
			q := leafPoint{valve: uint8(valve), dir: compass()[r.IntN(compassPoints)], along: uint8(math.Sqrt(r.Float64()) * leafSteps), offset: uniform(r, -0.7, 0.7)}
			q.length = [valveN]float64{1.10 + 0.30*q.dir.dot(long), 1.12, 1.08}[valve]
			near := func(l *leaves) bool {
				return math.Abs(l.at(&q).add(p.probe.mul(-1)).dot(p.out)) < sliceHalf+3
			}
			if near(&closed) || near(&open) {
				q.re, q.im = float32(r.NormFloat64()*math.Sqrt2/2), float32(r.NormFloat64()*math.Sqrt2/2)
				keep = append(keep, q)
			}
		}
	}
	return keep
}

// leaves is the shape of all leaflets at one moment.
type leaves [valveN]struct {
	centre   vec3
	radius   float64
	sense    float64                // the side of the ring that the leaflet opens to, along Z
	cos, sin [leafSteps + 1]float64 // of the leaflet's angle to the ring, times the fraction along it
}

// leaves computes the leaflets' shape. A leaflet bends: its angle to the ring grows towards the free edge.
func (g *figure) leaves() leaves {
	var l leaves
	base := float64(g.zc + g.zb)
	l[mitral].radius = 0.80 * float64(g.a) * math.Sqrt(1-cut*cut)
	l[mitral].centre = direction(300).mul(0.22 * l[mitral].radius).add(vec3{0, 0, base})
	out := float64(g.rvD) + 8
	l[tricuspid].radius = 15
	l[tricuspid].centre = vec3{float64(g.rvX) * out, float64(g.rvY) * out, float64(g.tri)}
	l[aortic].radius = aortaRadius
	l[aortic].centre = vec3{float64(g.aortaX), float64(g.aortaY), base + 3}
	for v, shape := range [valveN]struct{ closed, open, opening, sense float64 }{
		{14, 72, float64(g.opening), -1}, {14, 70, float64(g.opening), -1}, {22, 82, float64(g.aorticOpen), 1},
	} {
		lift := (shape.closed + (shape.open-shape.closed)*shape.opening) * math.Pi / 180
		l[v].sense = shape.sense
		for i := range l[v].cos {
			u := float64(i) / leafSteps
			sin, cos := math.Sincos(lift * (0.75 + 0.35*u))
			l[v].cos[i], l[v].sin[i] = u*cos, u*sin
		}
	}
	return l
}

// at is where a leaflet's point is.
func (l *leaves) at(q *leafPoint) vec3 {
	v := &l[q.valve]
	length := v.radius * q.length
	return v.centre.add(q.dir.mul(v.radius - length*v.cos[q.along])).add(vec3{0, 0, v.sense * (length*v.sin[q.along] + q.offset)})
}

// splat adds the leaflets in the plane to raw.
func (b *beamformer) splat(g *figure, shift vec3) {
	l := g.leaves()
	origin := shift.add(b.plane.probe.mul(-1))
	for i := range b.valves {
		q := &b.valves[i]
		v := l.at(q).add(origin)
		off := v.dot(b.plane.out) / sliceHalf
		if math.Abs(off) > 1.6 {
			continue
		}
		x, y := v.dot(b.plane.right), v.dot(b.plane.down)
		d := math.Sqrt(x*x+y*y) / b.dr
		beam := (math.Atan2(x, y)/b.half + 1) / 2 * (polarBeams - 1)
		if beam < 0 || beam >= polarBeams-1 || d >= polarDepths-1 {
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
