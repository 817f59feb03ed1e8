package nn

import (
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// Init fills a parameter's first values.
type Init func(rng *rand.Rand, shape []int64, out []float32)

// Constant fills with v.
func Constant(v float32) Init {
	return func(_ *rand.Rand, _ []int64, out []float32) {
		for i := range out {
			out[i] = v
		}
	}
}

// Normal draws from N(0, sd²).
func Normal(sd float64) Init {
	return func(rng *rand.Rand, _ []int64, out []float32) {
		for i := range out {
			out[i] = float32(sd * rng.NormFloat64())
		}
	}
}

// KaimingNormalFanOut draws from N(0, 2/fan_out), fan_out = out channels × kernel size, for convolutions before ReLU
// (He et al., ICCV 2015, eq. 14; torch.nn.init.kaiming_normal_ with mode="fan_out", nonlinearity="relu").
func KaimingNormalFanOut(rng *rand.Rand, shape []int64, out []float32) {
	fan := shape[0] * numel(shape[2:])
	Normal(math.Sqrt(2/float64(fan)))(rng, shape, out)
}

// TruncatedNormal draws from N(0, sd²) cut off at ±2, as torch.nn.init.trunc_normal_ does with its own bounds (at the small sd of
// networks nothing is cut).
func TruncatedNormal(sd float64) Init {
	return func(rng *rand.Rand, _ []int64, out []float32) {
		for i := range out {
			v := sd * rng.NormFloat64()
			for v < -2 || v > 2 {
				v = sd * rng.NormFloat64()
			}
			out[i] = float32(v)
		}
	}
}

// XavierUniform draws from U(−a, a), a = √(6/(in + out)), for matrices [out, in] (Glorot and Bengio, AISTATS 2010, eq. 16).
func XavierUniform(rng *rand.Rand, shape []int64, out []float32) {
	a := math.Sqrt(6 / float64(shape[0]+shape[1]))
	for i := range out {
		out[i] = float32(a * (2*rng.Float64() - 1))
	}
}

// Uniform draws from U(−a, a).
func Uniform(a float64) Init {
	return func(rng *rand.Rand, _ []int64, out []float32) {
		for i := range out {
			out[i] = float32(a * (2*rng.Float64() - 1))
		}
	}
}

// UniformFanIn draws from U(−1/√n, 1/√n): torch.nn.Linear's own initialisation of weight and bias for n inputs.
func UniformFanIn(n int64) Init {
	return Uniform(1 / math.Sqrt(float64(n)))
}

// Materialise gives every parameter of m a tensor on the engine's device, filled from the stream ("init", name) of seed. The tensors
// live until [Free].
func Materialise(e *torch.Engine, m Module, seed stats.Seed) {
	m.Visit("", func(name string, p *Param) {
		if p.Int {
			p.T = e.Zeros(torch.Int64, p.Shape...).Keep()
			return
		}
		values := make([]float32, p.Numel())
		if p.Init != nil {
			p.Init(seed.Stream("init", name), p.Shape, values)
		}
		p.T = e.FromFloat32(values, p.Shape...).Keep()
		p.T.SetRequiresGrad(!p.Buffer)
	})
}

// Free releases the tensors of m.
func Free(m Module) {
	m.Visit("", func(_ string, p *Param) {
		if p.T != nil {
			p.T.Free()
			p.T = nil
		}
	})
}
