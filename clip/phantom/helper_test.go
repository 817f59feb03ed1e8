package phantom

import (
	"math"
	"testing"
)

// mustNew is a cohort of a configuration that is right.
func mustNew(t testing.TB, cfg Config) *Cohort {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// standard is the textbook acquisition of a view: no foreshortening, no off-axis rotation, no breathing.
func standard(h *heart, v View) acquisition {
	axis := vec3{0, 0, 1}
	q := acquisition{view: v, depth: 170, half: 38 * math.Pi / 180}
	right, down, at, dist := direction(rotation[v]), axis, vec3{0, 0, h.zb0 / 2}, h.zb0/2+15
	if _, short := level[v]; short {
		right, down, at, dist = direction(330), direction(240), vec3{0, 0, level[v] * h.zb0}, h.a0+h.w0+40
	}
	q.plane = plane{probe: at.add(down.mul(-dist)), right: right, down: down, out: right.cross(down)}
	return q
}

// clean is a beamformer aimed at p's heart in a view that shows amplitude itself: no noise, drop-out, haze or texture.
func clean(p *Patient, q *acquisition, seed uint64) *beamformer {
	b := newBeamformer()
	b.aim(q)
	fillTexture(b.tex, b.scratch, seed)
	fillRanks(b.ranks, seed+1)
	b.texU, b.texV = 4*texSide, 4*texSide
	b.blood, b.back, b.wall = flatAmplitude(), flatAmplitude(), flatAmplitude()
	b.amp = amplitudes
	for i := range b.gain {
		for d := range b.gain[i] {
			b.gain[i][d] = 1
		}
	}
	for i := range b.lookup {
		mantissa := 1 + (float64(i&127)+0.5)/128
		b.lookup[i] = float32(math.Sqrt(math.Ldexp(mantissa, i>>7+lookupMinExp)))
	}
	return b
}

// draw makes one polar frame; with clean's table, grey is the envelope.
func (b *beamformer) draw(h *heart, m moment, salt uint64) figure {
	g := h.figure(m)
	b.place(&g, vec3{})
	b.scatter(salt)
	b.blur()
	return g
}

// kindAt is what the fields say is at a polar sample.
func (b *beamformer) kindAt(beam, depth int) tissue {
	var f [fieldN]float32
	j, i := beam/nodeStep, depth/nodeStep
	tb, td := float32(beam%nodeStep)/nodeStep, float32(depth%nodeStep)/nodeStep
	for k := range f {
		lo := b.nodes[k][j][i] + td*(b.nodes[k][j][i+1]-b.nodes[k][j][i])
		hi := b.nodes[k][j+1][i] + td*(b.nodes[k][j+1][i+1]-b.nodes[k][j+1][i])
		f[k] = lo + tb*(hi-lo)
	}
	return classify(&f)
}

func meanSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)))
}

func correlation(a, b []float64) float64 {
	ma, sa := meanSD(a)
	mb, sb := meanSD(b)
	var s float64
	for i := range a {
		s += (a[i] - ma) * (b[i] - mb)
	}
	return s / float64(len(a)) / (sa * sb)
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.5g, want %.5g ± %.3g", what, got, want, tolerance)
	}
}

// normalHeart is 130 mL, EF 60 %, with every segment normal unless scores says otherwise.
func normalHeart(scores ...[2]int) heart {
	var s [17]int
	for i := range s {
		s[i] = 1
	}
	for _, x := range scores {
		s[x[0]] = x[1]
	}
	return newHeart(130, 60, 0.55, 9.5, s, 22)
}
