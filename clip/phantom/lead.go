package phantom

import "math"

// leadEcho is the distance between the echoes behind a lead, in samples.
const leadEcho = 7

// lead adds the bright dot of a pacemaker lead near the right ventricle's tip, in views that cut it, with its reverberation tail,
// and marks its pixels as a shortcut's.
func (b *beamformer) lead(g *figure, shift vec3, s *scan, shortcut []uint8) {
	out := float64(g.rvD) + 4
	place := vec3{float64(g.rvX) * out, float64(g.rvY) * out, 0.55 * float64(g.tri)}.add(shift).add(b.plane.probe.mul(-1))
	if math.Abs(place.dot(b.plane.out)) > 30 {
		return
	}
	x, y := place.dot(b.plane.right), place.dot(b.plane.down)
	d := int(math.Hypot(x, y) / b.dr)
	beam := int((math.Atan2(x, y)/b.half + 1) / 2 * (polarBeams - 1))
	if beam < 1 || d < 0 || beam >= polarBeams-1 || d >= polarDepths-24 {
		return
	}
	for k, level := range []float32{9, 9, 2.2, 1.4, 0.9} {
		at := d + k
		if k >= 2 {
			at = d + (k-1)*leadEcho
		}
		for n := -1; n <= 1; n++ {
			row := b.raw[beam+n][6+2*at : 6+2*at+2]
			row[0] += level * b.gain[beam+n][at]
		}
	}
	// What the dot and its echoes change, blurred by the beam.
	for i, at := range s.at {
		db, dd := int(at)/polarDepths-beam, int(at)%polarDepths-d
		if db >= -7 && db <= 6 && dd >= -5 && dd <= 3*leadEcho+4 {
			shortcut[s.pixels[i]] = 1
		}
	}
}
