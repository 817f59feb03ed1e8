package phantom

import (
	"math"
	"testing"
)

func TestGaussianNoise(t *testing.T) {
	v := make([]float32, 200003)
	fillGauss(v, 9)
	var m1, m2, m4 float64
	for _, x := range v {
		y := float64(x)
		m1 += y
		m2 += y * y
		m4 += y * y * y * y
	}
	n := float64(len(v))
	near(t, "mean", m1/n, 0, 0.01)
	near(t, "variance", m2/n, 1, 0.015)
	near(t, "kurtosis", m4/n/(m2/n)/(m2/n), 3, 0.06)
}

// Read bilinearly, the texture has unit mean power, and nearly the same power between its samples as on them.
func TestTexturePower(t *testing.T) {
	b := newBeamformer()
	fillTexture(b.tex, b.scratch, 5)
	power := func(fu, fv float32) float64 {
		var sum float64
		for v := range texSide {
			for u := range texSide {
				for c := range 2 {
					at := v*texStride + 2*u + c
					lo := b.tex[at] + fu*(b.tex[at+2]-b.tex[at])
					hi := b.tex[at+texStride] + fu*(b.tex[at+texStride+2]-b.tex[at+texStride])
					x := float64(lo + fv*(hi-lo))
					sum += x * x
				}
			}
		}
		return sum / texSide / texSide
	}
	var mean float64
	for i := range 5 {
		for j := range 5 {
			mean += power((float32(i)+0.5)/5, (float32(j)+0.5)/5) / 25
		}
	}
	near(t, "mean power", mean, 1, 0.02)
	on, between := power(0, 0), power(0.5, 0.5)
	if ratio := 10 * math.Log10(on/between); ratio > 2 {
		t.Errorf("power varies by %.1f dB between and on the samples", ratio)
	}
}

// Fully developed speckle: mean over SD of the envelope is √(π/(4−π)) = 1.913 (Burckhardt 1978).
func TestEnvelopeSNR(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 77)
	for i := range b.amp {
		b.amp[i] = 1
	}
	var envelope []float64
	for frame := range 4 {
		b.draw(&p.heart, moment{e: float64(frame) / 4}, uint64(frame))
		for beam := 8; beam < polarBeams-8; beam++ {
			for d := 16; d < polarDepths-16; d++ {
				if !b.kindAt(beam, d).blood() {
					envelope = append(envelope, float64(b.grey[beam][d]))
				}
			}
		}
	}
	mean, sd := meanSD(envelope)
	near(t, "envelope SNR", mean/sd, 1.913, 0.05)
	// Kernels of unit energy keep the power of unit scatterers: kept and new parts share it, 0.75 + 0.25. Tissue scatterers that
	// the texture correlates a little come out up to 2 dB stronger.
	power := mean*mean + sd*sd
	if db := 10 * math.Log10(power); db < -0.5 || db > 2.5 {
		t.Errorf("mean power %.2f dB", db)
	}
}

// K-distributed envelopes, by the closed form: mean/SD is 1.27, 1.51 and 1.72 at ν = 1, 2 and 5.
func TestKDistribution(t *testing.T) {
	for nu, want := range map[float64]float64{1: 1.27, 2: 1.51, 5: 1.72} {
		table := gammaAmplitude(nu)
		var power float64
		for _, a := range table {
			power += float64(a) * float64(a) / 256
		}
		near(t, "mean power", power, 1, 1e-5)
		z := make([]float32, 2*256*400)
		fillGauss(z, uint64(nu))
		envelope := make([]float64, len(z)/2)
		for i := range envelope {
			envelope[i] = float64(table[i%256]) * math.Hypot(float64(z[2*i]), float64(z[2*i+1]))
		}
		mean, sd := meanSD(envelope)
		near(t, "mean/SD", mean/sd, want, 0.02)
	}
	near(t, "the median of an exponential is ln 2", inverseGamma(1, 0.5), math.Ln2, 1e-9)
}

// The gamma texture is wider than the point spread function, so it survives it: blood of ν = 1 is clearly not Rayleigh.
func TestKDistributionSurvivesTheBeam(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	snr := func(table *[256]float32) float64 {
		b := clean(p, &q, 78)
		b.blood = table
		for i := range b.amp {
			if !tissue(i).blood() {
				b.amp[i] = 0
			}
		}
		var envelope []float64
		for frame := range 8 {
			b.draw(&p.heart, moment{}, uint64(frame*17))
			for beam := 5; beam < polarBeams-5; beam++ {
				for d := 5; d < polarDepths-5; d++ {
					inside := true
					for _, o := range [][2]int{{-4, 0}, {4, 0}, {0, -4}, {0, 4}} {
						inside = inside && b.kindAt(beam+o[0], d+o[1]) == lvBlood
					}
					if inside {
						envelope = append(envelope, float64(b.grey[beam][d]))
					}
				}
			}
		}
		mean, sd := meanSD(envelope)
		return mean / sd
	}
	near(t, "Rayleigh blood", snr(flatAmplitude()), 1.913, 0.07)
	if k := snr(gammaAmplitude(1)); k > 1.5 {
		t.Errorf("blood of shape 1 has envelope SNR %.2f", k)
	}
}

// Speckle is fixed to the wall: followed in material coordinates, successive frames agree; at fixed places they agree less.
func TestSpeckleMovesWithTheWall(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(2)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 79)
	type cell [2]int
	before := map[cell]float64{}
	var same, follow [2][]float64
	var first [polarBeams][polarDepths]float32
	var kinds [polarBeams][polarDepths]tissue
	for frame, e := range []float64{0.15, 0.60} {
		b.draw(&p.heart, moment{e: e}, uint64(frame+1))
		for beam := range polarBeams {
			for d := range polarDepths {
				kind := b.kindAt(beam, d)
				for _, o := range [][2]int{{-3, 0}, {3, 0}, {0, -4}, {0, 4}} { // the middle of the wall only
					if b.kindAt(min(max(beam+o[0], 0), polarBeams-1), min(max(d+o[1], 0), polarDepths-1)) != kind {
						kind = background
					}
				}
				j, i := beam/nodeStep, d/nodeStep
				tb, td := float32(beam%nodeStep)/nodeStep, float32(d%nodeStep)/nodeStep
				coordinate := func(k int) float64 {
					n := &b.nodes[k]
					lo, hi := n[j][i]+td*(n[j][i+1]-n[j][i]), n[j+1][i]+td*(n[j+1][i+1]-n[j+1][i])
					return float64(lo + tb*(hi-lo))
				}
				at := cell{int(math.Round(coordinate(fieldN))), int(math.Round(coordinate(fieldN + 1)))}
				v := float64(b.grey[beam][d])
				if kind == myocardium {
					if frame == 0 {
						before[at] = v
					} else if old, ok := before[at]; ok {
						follow[0], follow[1] = append(follow[0], old), append(follow[1], v)
					}
					if frame == 1 && kinds[beam][d] == myocardium {
						same[0], same[1] = append(same[0], float64(first[beam][d])), append(same[1], v)
					}
				}
				if frame == 0 {
					first[beam][d], kinds[beam][d] = b.grey[beam][d], kind
				}
			}
		}
	}
	moving, still := correlation(follow[0], follow[1]), correlation(same[0], same[1])
	if moving < 0.3 || moving < still+0.15 {
		t.Errorf("speckle correlation %.2f followed, %.2f at fixed places (%d samples)", moving, still, len(follow[0]))
	}
	if moving > 0.75 {
		t.Errorf("speckle correlation %.2f: nothing comes from out of the plane", moving)
	}
}

// Blood is 25 to 40 dB darker than myocardium before noise. Five samples next to the wall are left out: there the beam's width
// shows the wall.
func TestContrast(t *testing.T) {
	c := mustNew(t, Config{Seed: 5})
	for i := range 6 {
		p := c.Patient(i)
		r := c.cfg.Seed.Stream("test contrast", i)
		q := standard(&p.heart, A4C)
		b := newBeamformer()
		b.aim(&q)
		b.prepare(r, &c.cfg, p, &q)
		b.noise, b.haze = [polarDepths]float32{}, nil
		b.lookup = clean(p, &q, 1).lookup
		b.draw(&p.heart, moment{e: 0.1}, uint64(i))
		var power, n [2]float64
		for beam := range polarBeams {
			for d := range polarDepths {
				v := float64(b.grey[beam][d])
				kind := b.kindAt(beam, d)
				for _, o := range [][2]int{{-5, 0}, {5, 0}, {0, -5}, {0, 5}} {
					if b.kindAt(min(max(beam+o[0], 0), polarBeams-1), min(max(d+o[1], 0), polarDepths-1)) != kind {
						kind = background
					}
				}
				switch kind {
				case lvBlood:
					power[0] += v * v
					n[0]++
				case myocardium:
					power[1] += v * v
					n[1]++
				}
			}
		}
		db := 10 * math.Log10(power[1]/n[1]/(power[0]/n[0]))
		if db < 25 || db > 40 {
			t.Errorf("patient %d: myocardium is %.1f dB above blood", i, db)
		}
	}
}

func TestDisplayLevels(t *testing.T) {
	var table [lookupLen]float32
	display{rangeDB: 54, gamma: 1}.fillLookup(&table)
	at := func(db float64) float64 { return float64(table[lookupIndex(float32(math.Pow(10, db/10)))]) }
	// 0 dB is 17 dB below white in a range of 54 dB: 255·37/54 = 174.7.
	near(t, "mean myocardium", at(0), 174.7, 0.3)
	near(t, "white", at(whiteDB+3), 255, 0)
	near(t, "black", at(whiteDB-60), 0, 0)
	near(t, "a step of 6 dB", at(3)-at(-3), 255*6.0/54, 0.4)
	if lookupIndex(0) != 0 || lookupIndex(float32(math.Inf(1))) != lookupLen-1 {
		t.Error("the ends of the table are not safe")
	}
}
