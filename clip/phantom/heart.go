package phantom

import "math"

// cut is where the mitral plane truncates the ellipsoid, as a fraction of its half length beyond the centre.
const cut = 0.78

// Volume of the endocardial ellipsoid of half length c and radius a up to the cut, divided by π a² c.
const cutVolume = cut - cut*cut*cut/3 + 2.0/3

// longAxisPower says how the half length follows volume: the base descends, the rest of the change is the short axis's.
const longAxisPower = 0.28

// heart is the geometry of one patient's heart. Coordinates are mm: Z along the left ventricle's long axis from the epicardial
// apex, which does not move, to the base; X towards the anterolateral wall; Y towards the anterior and septal side (see
// segmentAngle).
type heart struct {
	edv, sv float64 // mL, of the heart without regional defects
	a0, c0  float64 // endocardial radius and half length at end-diastole
	w0      float64 // wall thickness at end-diastole
	wallVol float64 // mm³, conserved
	k       *contraction
	tapse   float64

	lateral  float64 // individual shift of the right heart, mm
	laRadius float64
	zb0      float64 // mitral plane at end-diastole
}

// state is the heart at one moment of the beat.
type state struct {
	e      float64 // ejected fraction of the stroke volume: 0 end-diastole, 1 end-systole
	a, c   float64 // endocardial radius and half length
	w      float64 // wall thickness
	zc, zb float64 // centre of the ellipsoid, and mitral plane relative to that centre
}

// newHeart builds the heart that, without regional defects, goes from edv mL to an ejection fraction of ef %; ratio is
// diameter/length at end-diastole, wall its thickness in mm.
func newHeart(edv, ef, ratio, wall float64, scores [17]int, tapse float64) heart {
	h := heart{edv: edv, sv: edv * ef / 100, w0: wall, tapse: tapse, laRadius: 20}
	perRadius := ratio * (1 + cut) / 2 // a = perRadius·c
	h.c0 = math.Cbrt(edv * 1000 / (math.Pi * cutVolume * perRadius * perRadius))
	h.a0 = perRadius * h.c0
	h.wallVol = shellVolume(h.a0, h.c0, h.w0)
	es := h.at(1)
	if shrink := h.a0 - es.a; shrink > 0 {
		h.k = newContraction(scores, -0.10*h.a0/shrink)
	}
	h.zb0 = h.w0 + h.c0*(1+cut)
	return h
}

// shellVolume is the volume of the wall of thickness w round the ellipsoid (a, c), up to the mitral plane, in mm³.
func shellVolume(a, c, w float64) float64 {
	A, C, z := a+w, c+w, cut*c
	return math.Pi * (A*A*(z-z*z*z/(3*C*C)+2*C/3) - a*a*c*cutVolume)
}

// at is the heart when the fraction e of the stroke volume has been ejected.
func (h *heart) at(e float64) state {
	v := (h.edv - h.sv*e) * 1000
	s := state{e: e}
	s.c = h.c0 * math.Pow(v/(h.edv*1000), longAxisPower)
	s.a = math.Sqrt(v / (math.Pi * cutVolume * s.c))
	lo, hi := 0.0, 60.0
	for range 40 {
		mid := (lo + hi) / 2
		if shellVolume(s.a, s.c, mid) < h.wallVol {
			lo = mid
		} else {
			hi = mid
		}
	}
	s.w = (lo + hi) / 2
	s.zc = s.c + s.w
	s.zb = cut * s.c
	return s
}

// axes is the endocardial radius parameter and the wall thickness that hold in a direction (degrees) at a level of the long axis:
// where motion is impaired, less of the change since end-diastole has happened.
func (h *heart) axes(s *state, angle, level float64) (a, w float64) {
	if h.k == nil {
		return s.a, s.w
	}
	k := float64(h.k.at(float32(angle), float32(level)))
	return h.a0 + (s.a-h.a0)*k, h.w0 + (s.w-h.w0)*k
}

// radius is the endocardium's distance from the long axis in a direction, z mm from the centre.
func (h *heart) radius(s *state, angle, z float64) float64 {
	a, _ := h.axes(s, angle, (z+s.c)/(s.c+s.zb))
	u := z / s.c
	return a * math.Sqrt(math.Max(0, 1-u*u))
}

const discs = 20

// biplane is the left ventricle's volume in mL by the method of discs (Lang 2015): π/4 Σ aᵢ bᵢ L/20, with the diameters of the
// drawn endocardium in the unforeshortened four- and two-chamber planes.
func (h *heart) biplane(s *state) float64 {
	length := s.c + s.zb
	var sum float64
	for i := range discs {
		z := -s.c + length*(float64(i)+0.5)/discs
		four := h.radius(s, 0, z) + h.radius(s, 180, z)
		two := h.radius(s, 60, z) + h.radius(s, 240, z)
		sum += four * two
	}
	return math.Pi / 4 * sum * length / discs / 1000
}

// strain is the global longitudinal strain in % at s: the change of the mid-wall contour's length since end-diastole, mean of the
// three apical planes.
func (h *heart) strain(s *state) float64 {
	ed := h.at(0)
	var sum float64
	for _, plane := range []float64{0, 60, 120} {
		sum += h.contour(s, plane)/h.contour(&ed, plane) - 1
	}
	return 100 * sum / 3
}

// contour is the length in mm of the mid-wall line in the plane of an angle, from base round the apex to base.
func (h *heart) contour(s *state, plane float64) float64 {
	const steps = 128
	var length, px, pz float64
	for i := 0; i <= steps; i++ {
		// From the cut on one side (−) through the apex to the cut on the other.
		top := math.Pi - math.Acos(cut)
		t := -top + 2*top*float64(i)/steps // 0 at the apex
		angle := plane
		if t < 0 {
			angle += 180
		}
		z := -math.Cos(t)
		a, w := h.axes(s, angle, (z+1)/(1+cut))
		x := math.Sin(t) * (a + w/2)
		z *= s.c + w/2
		if i > 0 {
			length += math.Hypot(x-px, z-pz)
		}
		px, pz = x, z
	}
	return length
}
