package phantom

import (
	"math"
	"testing"
)

func TestKernelsHaveUnitEnergy(t *testing.T) {
	for _, taps := range [][]float32{axialPSF[:], lateralPSF[:]} {
		sum := -float64(taps[0] * taps[0])
		for _, v := range taps {
			sum += 2 * float64(v) * float64(v)
		}
		near(t, "energy", sum, 1, 1e-6)
	}
	// By hand: exp(−1/(2·1.1²)) = 0.6615, exp(−1/(2·1.5²)) = 0.8007.
	near(t, "axial neighbour", float64(axialPSF[1]/axialPSF[0]), 0.6615, 1e-4)
	near(t, "lateral neighbour", float64(lateralPSF[1]/lateralPSF[0]), 0.8007, 1e-4)
}

// One scatterer draws the point spread function, nothing else, anywhere on the grid.
func TestPointTarget(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 1)
	for _, at := range [][2]int{{64, 128}, {0, 0}, {127, 255}, {3, 2}} {
		b.raw = [polarBeams][2 * (polarDepths + 6)]float32{}
		b.raw[at[0]][6+2*at[1]] = 3
		b.blur()
		for beam := range polarBeams {
			for d := range polarDepths {
				want := 0.0
				if db, dd := max(beam-at[0], at[0]-beam), max(d-at[1], at[1]-d); db <= 4 && dd <= 3 {
					want = 3 * float64(lateralPSF[db]*axialPSF[dd])
				}
				if got := float64(b.grey[beam][d]); math.Abs(got-want) > 0.005*want+2e-4 {
					t.Fatalf("target at %v: %g at %d, %d, want %g", at, got, beam, d, want)
				}
			}
		}
	}
}

// Without tissue there is the noise floor: −52 dB at the probe, 8 dB more at the bottom.
func TestNoiseFloor(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 1)
	b.transmit(c.cfg.Seed.Stream("noise"), &q, -52)
	b.haze = nil
	b.amp = [tissueN]float32{}
	var top, bottom float64
	const frames = 6
	for frame := range frames {
		b.draw(&p.heart, moment{}, uint64(frame)*991)
		for beam := 4; beam < polarBeams-4; beam++ {
			for d := range 20 {
				v := float64(b.grey[beam][4+d])
				top += v * v
				v = float64(b.grey[beam][polarDepths-5-d])
				bottom += v * v
			}
		}
	}
	n := float64(frames * (polarBeams - 8) * 20)
	near(t, "top, dB", 10*math.Log10(top/n), -52+8*14.0/255, 0.4)
	near(t, "bottom, dB", 10*math.Log10(bottom/n), -52+8*241.0/255, 0.4)
}

// Gains: 1 − 0.45 |sin θ| to the sides; compensation errors stay within 4 dB of smooth loss; ribs in 30 % and haze in 20 % of clips.
func TestTransmit(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 1)
	ribs, haze := 0.0, 0.0
	const n = 400
	for i := range n {
		b.transmit(c.cfg.Seed.Stream("transmit", i), &q, -52)
		worst := 0.0
		for beam := range polarBeams {
			want := 1 - 0.45*math.Abs(math.Sin(b.angle(float64(beam))))
			got := float64(b.gain[beam][100]/b.gain[polarBeams/2][100]) * (1 - 0.45*math.Sin(b.angle(polarBeams/2)))
			worst = max(worst, math.Abs(20*math.Log10(got/want)))
		}
		if worst > 0.5 {
			ribs += 1.0 / n
		}
		if b.haze != nil {
			haze += 1.0 / n
		}
		for d := range polarDepths - 1 {
			step := 20 * math.Log10(float64(b.gain[64][d+1]/b.gain[64][d]))
			if math.Abs(step) > 4*b.dr/30+0.02 {
				t.Fatalf("gain jumps by %.2f dB a sample", step)
			}
		}
	}
	near(t, "ribs", ribs, 0.30, 0.08)
	near(t, "haze", haze, 0.20, 0.07)
}

// Haze is near the probe and stands still.
func TestHaze(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 1)
	for i := 0; b.haze == nil; i++ {
		b.transmit(c.cfg.Seed.Stream("haze", i), &q, -200)
	}
	power := func(from, to int) (sum float64) {
		for beam := range polarBeams {
			for d := from; d < to; d++ {
				re, im := float64(b.haze[(beam*polarDepths+d)*2]), float64(b.haze[(beam*polarDepths+d)*2+1])
				sum += re*re + im*im
			}
		}
		return sum
	}
	if power(0, 60) < 20*power(120, 180) {
		t.Error("haze reaches deep")
	}
	b.amp, b.noise = [tissueN]float32{}, [polarDepths]float32{}
	b.draw(&p.heart, moment{}, 1)
	first := b.grey
	b.draw(&p.heart, moment{e: 1}, 2)
	if first != b.grey {
		t.Error("haze moves")
	}
}

// Sorting cells saves work, not truth: samples get the tissue that their own fields say.
func TestSortedCells(t *testing.T) {
	c := mustNew(t, Config{Seed: 2})
	b := newBeamformer()
	wrong, all := 0, 0
	for i := range 6 {
		p := c.Patient(i)
		q := p.acquire(c.cfg.Seed.Stream("cells", i), &c.cfg, Views[i])
		b.aim(&q)
		g := p.heart.figure(moment{e: float64(i) / 6})
		b.place(&g, vec3{})
		b.sortCells()
		for beam := range polarBeams {
			for d := range polarDepths {
				if j, k := beam/nodeStep, d/nodeStep; b.uniform[j][k] {
					all++
					if b.kindAt(beam, d) != b.kinds[j][k] {
						wrong++
					}
				}
			}
		}
	}
	if all < 6*polarBeams*polarDepths/2 {
		t.Errorf("only %d samples lie in uniform cells", all)
	}
	if wrong*1000 > all {
		t.Errorf("%d of %d samples have another tissue than their cell", wrong, all)
	}
}

// The same salt gives the same noise, another one another, and blood is new in every frame.
func TestFrameNoise(t *testing.T) {
	c := mustNew(t, Config{Seed: 1})
	p := c.Patient(0)
	q := standard(&p.heart, A4C)
	b := clean(p, &q, 3)
	b.draw(&p.heart, moment{}, 5)
	one := b.grey
	b.draw(&p.heart, moment{}, 5)
	if one != b.grey {
		t.Error("the same frame twice differs")
	}
	b.draw(&p.heart, moment{}, 6)
	var blood, wall [2][]float64
	for beam := 5; beam < polarBeams-5; beam++ {
		for d := 5; d < polarDepths-5; d++ {
			kind := b.kindAt(beam, d)
			for _, o := range [][2]int{{-5, 0}, {5, 0}, {0, -5}, {0, 5}} {
				if b.kindAt(beam+o[0], d+o[1]) != kind {
					kind = background
				}
			}
			switch kind {
			case lvBlood:
				blood[0], blood[1] = append(blood[0], float64(one[beam][d])), append(blood[1], float64(b.grey[beam][d]))
			case myocardium:
				wall[0], wall[1] = append(wall[0], float64(one[beam][d])), append(wall[1], float64(b.grey[beam][d]))
			}
		}
	}
	near(t, "blood's correlation between frames", correlation(blood[0], blood[1]), 0, 0.1)
	// Envelopes of complex fields that correlate 0.75 correlate about 0.54.
	near(t, "the still wall's", correlation(wall[0], wall[1]), 0.54, 0.12)
}

func TestTextureCorrelation(t *testing.T) {
	// By hand at 0: 6/16·2/3 + 2·4/16·1/6 = 1/3, normalised 1. Four cells away the last kernel tap's spline ends.
	near(t, "at 0", textureCorrelation(0), 1, 1e-12)
	near(t, "at 4", textureCorrelation(4), 0, 1e-12)
	near(t, "symmetric", textureCorrelation(-1.3), textureCorrelation(1.3), 1e-12)
	b := newBeamformer()
	fillTexture(b.tex, b.scratch, 8)
	var c0, c1 float64
	for v := range texSide {
		for u := range texSide - 1 {
			at := v*texStride + 2*u
			c0 += float64(b.tex[at] * b.tex[at])
			c1 += float64(b.tex[at] * b.tex[at+2])
		}
	}
	// On the samples themselves: lag-one covariance over variance is 4/6.
	near(t, "on samples", c1/c0, 4.0/6, 0.02)
}

func TestRanksAreUniform(t *testing.T) {
	ranks := make([]uint8, modSide*modSide)
	fillRanks(ranks, 4)
	var quarter [4]float64
	var neighbour float64
	for i, v := range ranks {
		quarter[v/64] += 1.0 / float64(len(ranks))
		neighbour += math.Abs(float64(v)-float64(ranks[(i+1)%len(ranks)])) / float64(len(ranks))
	}
	for _, q := range quarter {
		near(t, "a quarter", q, 0.25, 0.05)
	}
	if neighbour > 40 { // 85 for independent ranks
		t.Errorf("neighbours differ by %.0f: the texture is not smooth", neighbour)
	}
}
