package phantom

import (
	"math"
)

// colourBox is the colour Doppler region of interest round the mitral and aortic valves: an annular sector.
type colourBox struct {
	seed   uint64
	pixels []int32
	places []vec3    // of each pixel, in the heart's space
	beams  []float64 // cosine and sine of the beam's angle are taken from here
	plane  plane
	w      int
	edge   []int32
}

// newColourBox places the box over the left ventricle's inflow.
func newColourBox(seed uint64, p *Patient, q *acquisition, s *scan, truth *Truth) *colourBox {
	c := &colourBox{seed: seed, plane: q.plane, w: s.w}
	centre := vec3{0, 0, p.heart.zb0 * 0.86}.add(q.plane.probe.mul(-1))
	x, y := centre.dot(q.plane.right), centre.dot(q.plane.down)
	r0, a0 := math.Hypot(x, y), math.Atan2(x, y)
	half, reach := 16*math.Pi/180, 30.0
	box := [4]int{s.w, s.h, 0, 0}
	inside := make(map[int32]bool)
	for _, i := range s.pixels {
		px, py := int(i)%s.w, int(i)/s.w
		dx, dy := (float64(px)-s.x0)*s.mm, (float64(py)-s.y0)*s.mm
		if q.flip {
			dx = -dx
		}
		r, a := math.Hypot(dx, dy), math.Atan2(dx, dy)
		if math.Abs(r-r0) > reach || math.Abs(a-a0) > half {
			continue
		}
		c.pixels = append(c.pixels, i)
		c.places = append(c.places, q.plane.at(dx, dy))
		c.beams = append(c.beams, a)
		inside[i] = true
		box = [4]int{min(box[0], px), min(box[1], py), max(box[2], px), max(box[3], py)}
	}
	for _, i := range c.pixels {
		if !inside[i-1] || !inside[i+1] || !inside[i-int32(s.w)] || !inside[i+int32(s.w)] {
			c.edge = append(c.edge, i)
		}
	}
	if len(c.pixels) > 0 {
		truth.Doppler = &box
	}
	return c
}

// paint colours blood by its velocity along the beam: red towards the probe, blue away. Inflow is a jet from the mitral ring to the
// apex, outflow a stream to the aortic root; both are zero where there is tissue.
func (c *colourBox) paint(dst []uint8, t int, m moment, g *figure, shift vec3) {
	var f [fieldN]float32
	for n, i := range c.pixels {
		q := c.places[n].add(shift.mul(-1))
		g.eval(float32(q.x), float32(q.y), float32(q.z), &f)
		kind := classify(&f)
		if !kind.blood() {
			continue
		}
		z := q.z - float64(g.zc+g.zb) // beyond the mitral plane
		var v vec3
		across := math.Hypot(q.x-4, q.y+6) / 13
		switch {
		case kind == rvBlood || kind == raBlood:
			v.z = -0.5 * m.mitral
		case m.systolic:
			out := math.Hypot(q.x-float64(g.aortaX)*0.7, q.y-float64(g.aortaY)*0.7) / 15
			v.z = m.aortic * math.Exp(-out*out) * clamp(1+z/45, 0, 1)
		default:
			v.z = -m.mitral * math.Exp(-across*across) * clamp(1.2+z/60, 0, 1)
		}
		h := splitmix(c.seed + uint64(t)<<32 + uint64(i))
		noise := float64(int8(h)) / 128 * 0.14
		axial := v.dot(c.plane.down)*math.Cos(c.beams[n]) + v.dot(c.plane.right)*math.Sin(c.beams[n]) + noise
		if math.Abs(axial) < 0.18 {
			continue
		}
		s := math.Min(1, math.Abs(axial))
		at := dst[3*i : 3*i+3]
		if axial < 0 {
			at[0], at[1], at[2] = uint8(120+135*s), uint8(200*s*s), 20
		} else {
			at[0], at[1], at[2] = 20, uint8(200*s*s), uint8(120+135*s)
		}
	}
	for _, i := range c.edge {
		copy(dst[3*i:3*i+3], []uint8{200, 200, 200})
	}
}
