package phantom

import "math"

// The fields are smooth functions of place, evaluated on a coarse grid and interpolated between its nodes; their signs say which
// tissue a place is. Distances are mm unless noted; inside is negative.
const (
	fWall  = iota // left ventricle's transmural coordinate: 0 endocardium, 1 epicardium
	fBase         // beyond the mitral plane
	fRV           // right ventricle's ellipsoid, relative radius − 1
	fTri          // beyond the tricuspid plane
	fLA           // left atrium, relative radius − 1
	fRA           // right atrium, relative radius − 1
	fAorta        // aortic root
	fPap          // papillary muscles, relative square − 1
	fieldN
)

// tissue is what a place is made of.
type tissue uint8

const (
	background tissue = iota
	lvBlood
	myocardium
	laBlood
	rvBlood
	raBlood
	aortaBlood
	papillary
	pericardium
	thinWall // free wall of the right ventricle, atria, aortic root
	fibrous  // annulus
	tissueN
)

// amplitudes of the scatterers, relative to myocardium. Blood is rms 0.006 (−44 dB) in the best picture; quality raises it.
var amplitudes = [tissueN]float32{
	background: 0.22, lvBlood: 0.006, laBlood: 0.006, rvBlood: 0.006, raBlood: 0.006, aortaBlood: 0.006,
	myocardium: 1, papillary: 1.1, pericardium: 1.7, thinWall: 0.9, fibrous: 1.7,
}

func (t tissue) blood() bool { return t == lvBlood || t >= laBlood && t <= aortaBlood }

// Classes of the masks in Truth.
const (
	MaskBackground = iota
	MaskLV         // cavity, papillary muscles included
	MaskMyocardium
	MaskLA
	MaskRV
	MaskRA
	MaskAorta
)

// maskClass maps tissues to classes. A place between the endocardium and the aortic root's lumen counts as aorta.
var maskClass = [tissueN]uint8{lvBlood: MaskLV, papillary: MaskLV, myocardium: MaskMyocardium, laBlood: MaskLA, rvBlood: MaskRV, raBlood: MaskRA, aortaBlood: MaskAorta}

// classify says what is at a place from its fields.
func classify(f *[fieldN]float32) tissue {
	if f[fBase] < 0 && f[fWall] < 1 {
		switch {
		case f[fWall] < 0 && f[fPap] < 0:
			return papillary
		case f[fWall] < 0:
			return lvBlood
		case f[fAorta] < 0 && f[fBase] > -9 && f[fWall] < 0.6:
			return aortaBlood
		}
		return myocardium
	}
	if f[fBase] >= 0 {
		switch {
		case f[fAorta] < 0:
			return aortaBlood
		case f[fAorta] < 2:
			return thinWall
		case f[fLA] < 0:
			return laBlood
		case f[fWall] > 0 && f[fWall] < 0.8 && f[fBase] < 4:
			return fibrous
		case f[fLA] < 0.11:
			return thinWall
		}
	}
	if f[fTri] < 0 {
		switch {
		case f[fRV] < 0:
			return rvBlood
		case f[fRV] < 0.14:
			return thinWall
		}
	} else {
		switch {
		case f[fRA] < 0:
			return raBlood
		case f[fRA] < 0.11:
			return thinWall
		}
	}
	if f[fBase] < 0 && f[fWall] < 1.32 {
		return pericardium
	}
	return background
}

// figure is a heart at one moment in the form that evaluating fields wants: float32, with what depends on the moment alone done.
type figure struct {
	a, c, w, zc, zb     float32
	a0, c0, w0, zc0     float32
	k                   *contraction
	rvX, rvY            float32 // unit vector to the right ventricle
	rvD, rvR, rvT, rvL  float32 // its distance and half axes: outwards, round, along
	rvZ, tri            float32
	la, ra              pocket
	aortaX, aortaY      float32 // where the aortic root's axis meets the base
	aortaZ              float32
	pap                 [2]pocket
	taper               float32 // 1/mm, how fast motion dies out beyond the base
	opening, aorticOpen float32
}

// pocket is an ellipsoid's centre and inverse half axes (round, along).
type pocket struct{ x, y, z, ir, il float32 }

// The aortic root is a tube whose axis leaves the base aortaOffset mm from the long axis and leans away from it.
const (
	aortaRadius = 11.5
	aortaOffset = 19
	aortaLean   = 0.22 // mm outwards a mm
)

// atrial depths beyond the mitral plane at end-diastole, mm.
const atrialDepth = 46

func (h *heart) figure(m moment) figure {
	s := h.at(m.e)
	f := figure{
		a: float32(s.a), c: float32(s.c), w: float32(s.w), zc: float32(s.zc), zb: float32(s.zb),
		a0: float32(h.a0), c0: float32(h.c0), w0: float32(h.w0), zc0: float32(h.c0 + h.w0), k: h.k,
		taper: 1.0 / atrialDepth, opening: float32(m.mitral), aorticOpen: float32(m.aortic),
	}
	base := s.zc + s.zb // mitral plane
	rv := direction(152)
	f.rvX, f.rvY = float32(rv.x), float32(rv.y)
	f.rvD = float32(h.a0 + h.w0 + 2 + h.lateral)
	f.rvR = float32(27 * (1 - 0.20*m.e))
	f.rvT = float32(h.a0 + 12)
	f.rvL = float32(0.62 * h.zb0)
	f.rvZ = float32(0.70 * h.zb0)
	f.tri = float32(h.zb0*0.98 - h.tapse*m.e)

	roof := h.zb0 + atrialDepth
	f.la = atrium(direction(300).mul(6), h.laRadius*(1+0.08*m.e), base-8, roof)
	f.ra = atrium(direction(165).mul(h.a0+h.w0+8+h.lateral), h.laRadius*0.98*(1+0.06*m.e), float64(f.tri)-8, roof-4)
	ao := direction(120).mul(aortaOffset)
	f.aortaX, f.aortaY, f.aortaZ = float32(ao.x), float32(ao.y), float32(base)

	for i, deg := range []float64{328, 232} {
		d := direction(deg)
		a, w := h.axes(&s, deg, 0.5)
		f.pap[i] = pocket{
			x: float32(d.x * a * 0.74), y: float32(d.y * a * 0.74), z: float32(-0.06 * s.c),
			ir: float32(1 / (0.44 * w)), il: float32(1 / (0.30 * s.c)),
		}
	}
	return f
}

// atrium is an ellipsoid of a radius between two levels of the long axis.
func atrium(centre vec3, radius, from, to float64) pocket {
	half := (to - from) / 2
	return pocket{x: float32(centre.x), y: float32(centre.y), z: float32(from + half), ir: float32(1 / radius), il: float32(1 / half)}
}

func sqrt32(v float32) float32 { return float32(math.Sqrt(float64(v))) }

// radius is the relative distance from the pocket's centre.
func (p *pocket) radius(x, y, z float32) float32 {
	x, y, z = (x-p.x)*p.ir, (y-p.y)*p.ir, (z-p.z)*p.il
	return sqrt32(x*x + y*y + z*z)
}

// eval writes the fields at (x, y, z) and returns where that piece of tissue was at end-diastole: its material coordinates.
func (g *figure) eval(x, y, z float32, f *[fieldN]float32) (mx, my, mz float32) {
	zl := z - g.zc
	f[fBase] = zl - g.zb
	zz := min(zl, g.zb)
	rho2 := x*x + y*y
	a, w := g.a, g.w
	if g.k != nil {
		deg := float32(math.Atan2(float64(y), float64(x)) * (180 / math.Pi))
		k := g.k.at(deg, (zz+g.c)/(g.c+g.zb))
		a, w = g.a0+(a-g.a0)*k, g.w0+(w-g.w0)*k
	}

	// Homothetic coordinates: q is 1 on the endocardium and qe on the epicardium in the same material direction.
	u2, z2 := rho2/(a*a), zz*zz/(g.c*g.c)
	q := max(sqrt32(u2+z2), 1e-3)
	A, C := a+w, g.c+w
	qe := q / max(sqrt32(rho2/(A*A)+zz*zz/(C*C)), 1e-3)
	s := (q - 1) / (qe - 1)
	f[fWall] = s

	// The same direction at end-diastole.
	sin2, cos2 := u2/(q*q), z2/(q*q)
	ra, rc := g.a0/(g.a0+g.w0), g.c0/(g.c0+g.w0)
	qe0 := 1 / sqrt32(max(sin2*ra*ra+cos2*rc*rc, 1e-6))
	var stretch, dz float32 // relative radial displacement, axial displacement from now to end-diastole
	if s <= 1 {
		q0 := q
		if s > 0 {
			q0 = 1 + s*(qe0-1)
		}
		stretch = q0*g.a0/(a*q) - 1
		dz = zz*(q0*g.c0/(g.c*q)-1) + g.zc0 - g.zc
	} else {
		// Outside the heart the epicardium's displacement dies out over 2 cm.
		d := (q - qe) * a * 0.05
		fade := 1 / (1 + d*d)
		stretch = (qe0*g.a0 - qe*a) / (a * q) * fade
		dz = ((qe0*g.c0-qe*g.c)*zz/(g.c*q) + g.zc0 - g.zc) * fade
	}
	if over := f[fBase]; over > 0 {
		fade := max(0, 1-over*g.taper)
		stretch *= fade * fade
		dz *= fade
	}

	// Right ventricle: an ellipsoid beside the left one, of which the part outside the left epicardium is cavity.
	out := x*g.rvX + y*g.rvY - g.rvD
	round := y*g.rvX - x*g.rvY
	along := z - g.rvZ
	f[fRV] = sqrt32(out*out/(g.rvR*g.rvR)+round*round/(g.rvT*g.rvT)+along*along/(g.rvL*g.rvL)) - 1
	// The outflow tract goes on beyond the tricuspid plane, in front of the aorta.
	f[fTri] = z - g.tri + 0.9*min(0, round)
	f[fLA] = g.la.radius(x, y, z) - 1
	f[fRA] = g.ra.radius(x, y, z) - 1
	lean := 1 + (z-g.aortaZ)*(aortaLean/aortaOffset)
	ax, ay := x-g.aortaX*lean, y-g.aortaY*lean
	f[fAorta] = sqrt32(ax*ax+ay*ay) - aortaRadius

	f[fPap] = 1e3
	for i := range g.pap {
		p := &g.pap[i]
		dx, dy, dzp := (x-p.x)*p.ir, (y-p.y)*p.ir, (zl-p.z)*p.il
		f[fPap] = min(f[fPap], dx*dx+dy*dy+dzp*dzp-1)
	}
	return x * (1 + stretch), y * (1 + stretch), z + dz
}
