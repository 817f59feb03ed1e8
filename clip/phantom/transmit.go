package phantom

import (
	"math"
	"math/rand/v2"
)

// transmit draws what is static along the beams for one acquisition: attenuation that gain compensation restores to 93 %, with an
// error of ±4 dB every 3 cm; drop-out towards the sides; rib shadows in 30 %; near haze in 20 %; a noise floor that rises with
// depth.
func (b *beamformer) transmit(r *rand.Rand, q *acquisition, noiseDB float64) {
	const lossPerCM = 0.5 * 2.5 // dB, two-way, at 2.5 MHz
	knots := make([]float64, int(q.depth/30)+3)
	for i := range knots {
		knots[i] = uniform(r, -4, 4) * 0.5
	}
	var depth [polarDepths]float32
	for d := range depth {
		mm := float64(d) * b.dr
		i := int(mm / 30)
		f := mm/30 - float64(i)
		depth[d] = float32(math.Pow(10, (-0.07*lossPerCM*mm/10+knots[i]+f*(knots[i+1]-knots[i]))/20))
		b.noise[d] = float32(math.Pow(10, (noiseDB+8*mm/q.depth)/20))
	}
	ribs, haze := r.Float64() < 0.30, r.Float64() < 0.20
	ribAt, ribWidth, ribDB := uniform(r, -0.9, 0.9), uniform(r, 0.06, 0.16), uniform(r, 8, 20)
	if math.Abs(ribAt) < 0.45 {
		ribDB *= 0.5 // a sonographer moves the probe when a rib hides the middle
	}
	hazeDB, hazeDepth := uniform(r, -26, -14), uniform(r, 12, 28)
	for beam := range polarBeams {
		side := 2*float64(beam)/(polarBeams-1) - 1
		db := 20 * math.Log10(1-0.45*math.Abs(math.Sin(b.angle(float64(beam)))))
		if ribs {
			x := (side - ribAt) / ribWidth
			db -= ribDB * math.Exp(-x*x*x*x)
		}
		across := float32(math.Pow(10, db/20))
		for d := range polarDepths {
			b.gain[beam][d] = depth[d] * across
		}
	}
	b.haze = nil
	if haze {
		b.haze = make([]float32, polarBeams*2*polarDepths)
		fillGauss(b.haze, r.Uint64())
		for i := range b.haze {
			mm := float64(i/2%polarDepths) * b.dr
			b.haze[i] *= float32(math.Pow(10, hazeDB/20) * math.Exp(-mm/hazeDepth) * math.Sqrt2 / 2)
		}
	}
}
