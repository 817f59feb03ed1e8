package phantom

import "math"

// The polar grid: samples along a beam × beams, and the coarse grid on which tissue is evaluated.
const (
	polarDepths = 256
	polarBeams  = 128
	nodeStep    = 4
	nodeDepths  = polarDepths/nodeStep + 1
	nodeBeams   = polarBeams/nodeStep + 1
)

// The separable point spread function: Gaussians of 1.1 samples (two cycles at 2.5 MHz) and 1.5 beams.
const (
	axialSigma   = 1.1
	lateralSigma = 1.5
)

var (
	axialPSF   = gaussianTaps[[4]float32](axialSigma)
	lateralPSF = gaussianTaps[[5]float32](lateralSigma)
)

// gaussianTaps is one half of a symmetric kernel, centre first. The squares of all taps of the two kernels sum to 1 each: white
// noise of unit power keeps its power.
func gaussianTaps[A [4]float32 | [5]float32](sigma float64) A {
	var a A
	var sum float64
	for i := range len(a) {
		v := math.Exp(-0.5 * float64(i*i) / (sigma * sigma))
		sum += v * v
		if i > 0 {
			sum += v * v
		}
	}
	for i := range len(a) {
		a[i] = float32(math.Exp(-0.5*float64(i*i)/(sigma*sigma)) / math.Sqrt(sum))
	}
	return a
}

// The share of a scatterer's power that stays from frame to frame; the rest is new, from tissue that moved through the plane. The
// correlation of successive frames in material coordinates is thus 0.75.
const (
	keptAmplitude = 0.8660254
	newAmplitude  = 0.5
)

// beamformer makes polar pictures. Its buffers are reused; it belongs to one goroutine.
type beamformer struct {
	tex     []float32 // [texSide+1, texSide+1] complex
	ranks   []uint8   // [modSide, modSide]
	scratch []float32

	nodes  [fieldN + 2][nodeBeams][nodeDepths]float32 // fields, then material coordinates in texture cells
	points [nodeBeams][nodeDepths][3]float32          // 3D places of the nodes
	raw    [polarBeams][2 * (polarDepths + 6)]float32 // scatterers, with three samples of margin
	axial  [polarBeams + 8][2 * polarDepths]float32   // after the axial kernel, with four beams of margin
	grey   [polarBeams][polarDepths]float32           // display level, 0…255

	kinds   [nodeBeams - 1][nodeDepths - 1]tissue // of each cell's first corner
	uniform [nodeBeams - 1][nodeDepths - 1]bool   // where it is the whole cell's

	gain  [polarBeams][polarDepths]float32 // amplitude: attenuation, gain compensation, drop-out, shadows
	noise [polarDepths]float32             // amplitude of electronic noise
	kept  [polarDepths]float32             // amplitude of the material texture
	haze  []float32                        // static reverberation, same shape as the rows of raw; nil without
	amp   [tissueN]float32
	blood *[256]float32 // amplitude modulation of blood by rank
	back  *[256]float32 // of the background
	wall  *[256]float32 // and of the heart's walls

	plane      plane
	dr, half   float64 // mm a sample; half of the sector's angle
	texU, texV float32
	valves     []leafPoint
	lookup     [lookupLen]float32
}

func newBeamformer() *beamformer {
	return &beamformer{
		tex:     make([]float32, texStride*(texSide+1)),
		ranks:   make([]uint8, modSide*modSide),
		scratch: make([]float32, texSide*texSide*2),
	}
}

// angle of a beam in radians; beams are numbered from the left.
func (b *beamformer) angle(beam float64) float64 {
	return b.half * (2*beam/(polarBeams-1) - 1)
}

// aim sets the geometry of an acquisition.
func (b *beamformer) aim(q *acquisition) {
	b.plane = q.plane
	b.dr = q.depth / (polarDepths - 1)
	b.half = q.half
	b.equalise()
	for j := range nodeBeams {
		sin, cos := math.Sincos(b.angle(float64(j * nodeStep)))
		for i := range nodeDepths {
			r := float64(i*nodeStep) * b.dr
			p := b.plane.at(r*sin, r*cos)
			b.points[j][i] = [3]float32{float32(p.x), float32(p.y), float32(p.z)}
		}
	}
}

// equalise sets the texture's amplitude at each depth so that its speckle has the same power everywhere. Near the probe beams are
// closer together than the texture's cells: neighbouring samples are alike and would add up to more.
func (b *beamformer) equalise() {
	summed := func(taps []float32, spacing float64) float64 {
		var p float64
		for i := 1 - len(taps); i < len(taps); i++ {
			for j := 1 - len(taps); j < len(taps); j++ {
				p += float64(taps[max(i, -i)]*taps[max(j, -j)]) * textureCorrelation(float64(i-j)*spacing)
			}
		}
		return p
	}
	axial := summed(axialPSF[:], b.dr/texCell)
	for d := range b.kept {
		across := float64(d) * b.dr * 2 * b.half / (polarBeams - 1)
		b.kept[d] = float32(keptAmplitude / math.Sqrt(axial*summed(lateralPSF[:], across/texCell)))
	}
}

// place evaluates the heart at the nodes. shift is the heart's displacement by breathing.
func (b *beamformer) place(g *figure, shift vec3) {
	sx, sy, sz := float32(shift.x), float32(shift.y), float32(shift.z)
	px, py, pz := float32(b.plane.probe.x), float32(b.plane.probe.y), float32(b.plane.probe.z)
	rx, ry, rz := float32(b.plane.right.x/texCell), float32(b.plane.right.y/texCell), float32(b.plane.right.z/texCell)
	dx, dy, dz := float32(b.plane.down.x/texCell), float32(b.plane.down.y/texCell), float32(b.plane.down.z/texCell)
	var f [fieldN]float32
	for j := range nodeBeams {
		for i := range nodeDepths {
			p := b.points[j][i]
			x, y, z := g.eval(p[0]-sx, p[1]-sy, p[2]-sz, &f)
			for k, v := range f {
				b.nodes[k][j][i] = v
			}
			x, y, z = x-px, y-py, z-pz
			b.nodes[fieldN][j][i] = x*rx + y*ry + z*rz + b.texU
			b.nodes[fieldN+1][j][i] = x*dx + y*dy + z*dz + b.texV
		}
	}
}

// sortCells finds for each cell of the coarse grid whether it is all one tissue: its corners agree, and no papillary muscle, which is
// not much wider than a cell, is near. Walls thinner than a cell lie between different tissues.
func (b *beamformer) sortCells() {
	var kinds [nodeBeams][nodeDepths]tissue
	var f [fieldN]float32
	for j := range kinds {
		for i := range kinds[j] {
			for k := range f {
				f[k] = b.nodes[k][j][i]
			}
			kinds[j][i] = classify(&f)
		}
	}
	for j := range b.uniform {
		for i := range b.uniform[j] {
			k := kinds[j][i]
			pap := min(b.nodes[fPap][j][i], b.nodes[fPap][j][i+1], b.nodes[fPap][j+1][i], b.nodes[fPap][j+1][i+1])
			b.uniform[j][i] = k == kinds[j][i+1] && k == kinds[j+1][i] && k == kinds[j+1][i+1] && (k != lvBlood || pap > 2)
			b.kinds[j][i] = k
		}
	}
}

// scatter fills raw with one frame's scatterers from the nodes. salt makes the frame's noise its own.
func (b *beamformer) scatter(salt uint64) {
	fresh := freshNoise()
	salt = splitmix(salt)
	b.sortCells()
	for beam := range polarBeams {
		j, t := beam/nodeStep, float32(beam%nodeStep)*(1.0/nodeStep)
		off := int(splitmix(salt+uint64(beam))%freshLen) * 2
		white := fresh[off : off+2*polarDepths]
		for i := range nodeDepths - 1 {
			b.scatterCell(beam, j, i, t, white, int(salt&63))
		}
		if b.haze != nil {
			row := b.raw[beam][6 : 6+2*polarDepths]
			still := b.haze[beam*2*polarDepths : (beam+1)*2*polarDepths]
			for i, v := range still {
				row[i] += v
			}
		}
	}
}

// scatterCell fills the samples of one beam inside cell (j, i), t of the way between its two node columns.
func (b *beamformer) scatterCell(beam, j, i int, t float32, white []float32, drift int) {
	// A field at the cell's upper end on this beam, and its step to the next sample.
	ends := func(k int) (v, step float32) {
		lo, hi := &b.nodes[k][j], &b.nodes[k][j+1]
		v = lo[i] + t*(hi[i]-lo[i])
		return v, (lo[i+1] + t*(hi[i+1]-lo[i+1]) - v) * (1.0 / nodeStep)
	}
	u, du := ends(fieldN)
	v, dv := ends(fieldN + 1)
	var f, df [fieldN]float32
	what, mixed := b.kinds[j][i], !b.uniform[j][i]
	f[fWall], df[fWall] = ends(fWall)
	if mixed {
		for k := range f {
			f[k], df[k] = ends(k)
		}
	}
	// Tissue away from the heart is lung and fat, and darker.
	far := 1 / (1 + 0.10*max(0, f[fWall]-1.5))
	first := i * nodeStep
	row := (*[2 * nodeStep]float32)(b.raw[beam][6+2*first:])
	fresh := (*[2 * nodeStep]float32)(white[2*first:])
	gain := (*[nodeStep]float32)(b.gain[beam][first:])
	noise := (*[nodeStep]float32)(b.noise[first:])
	kept := (*[nodeStep]float32)(b.kept[first:])
	for n := range nodeStep {
		if mixed {
			what = classify(&f)
			for k := range f {
				f[k] += df[k]
			}
		}
		a := b.amp[what] * gain[n]
		ui, vi := int(u), int(v)
		if what.blood() {
			// Blood is new in every frame; its gamma texture drifts with the frame.
			a = a*b.blood[b.ranks[(vi>>1+drift)&(modSide-1)*modSide+(ui>>1)&(modSide-1)]] + noise[n]
			row[2*n], row[2*n+1] = a*fresh[2*n], a*fresh[2*n+1]
		} else {
			rank := b.ranks[(vi>>1)&(modSide-1)*modSide+(ui>>1)&(modSide-1)]
			if what == background {
				a *= b.back[rank] * far
			} else {
				a *= b.wall[rank]
			}
			fu, fv := u-float32(ui), v-float32(vi)
			at := (vi&(texSide-1))*texStride + (ui&(texSide-1))*2
			t0 := (*[4]float32)(b.tex[at:])
			t1 := (*[4]float32)(b.tex[at+texStride:])
			r0, i0 := t0[0]+fu*(t0[2]-t0[0]), t0[1]+fu*(t0[3]-t0[1])
			r1, i1 := t1[0]+fu*(t1[2]-t1[0]), t1[1]+fu*(t1[3]-t1[1])
			old, new := a*kept[n], a*newAmplitude+noise[n]
			row[2*n] = old*(r0+fv*(r1-r0)) + new*fresh[2*n]
			row[2*n+1] = old*(i0+fv*(i1-i0)) + new*fresh[2*n+1]
		}
		u += du
		v += dv
	}
}

// blur applies the axial and then the lateral kernel, and turns power into display levels.
func (b *beamformer) blur() {
	k0, k1, k2, k3 := axialPSF[0], axialPSF[1], axialPSF[2], axialPSF[3]
	for beam := range polarBeams {
		in := b.raw[beam][:]
		out := b.axial[beam+4][:]
		a, c, d, e, f, g, h := in[0:512], in[2:514], in[4:516], in[6:518], in[8:520], in[10:522], in[12:524]
		for i := range out {
			out[i] = k0*e[i] + k1*(d[i]+f[i]) + k2*(c[i]+g[i]) + k3*(a[i]+h[i])
		}
	}
	l0, l1, l2, l3, l4 := lateralPSF[0], lateralPSF[1], lateralPSF[2], lateralPSF[3], lateralPSF[4]
	for beam := range polarBeams {
		m4, m3, m2, m1 := &b.axial[beam], &b.axial[beam+1], &b.axial[beam+2], &b.axial[beam+3]
		c0 := &b.axial[beam+4]
		p1, p2, p3, p4 := &b.axial[beam+5], &b.axial[beam+6], &b.axial[beam+7], &b.axial[beam+8]
		out := &b.grey[beam]
		for d := range out {
			i := 2 * d
			re := l0*c0[i] + l1*(m1[i]+p1[i]) + l2*(m2[i]+p2[i]) + l3*(m3[i]+p3[i]) + l4*(m4[i]+p4[i])
			i++
			im := l0*c0[i] + l1*(m1[i]+p1[i]) + l2*(m2[i]+p2[i]) + l3*(m3[i]+p3[i]) + l4*(m4[i]+p4[i])
			out[d] = b.lookup[lookupIndex(re*re+im*im)]
		}
	}
}
