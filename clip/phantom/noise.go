package phantom

import (
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/mathext"
)

// The speckle texture is a torus of complex Gaussian scatterer amplitudes in material coordinates. One copy of the first row and
// column at the end saves the wrap of the second bilinear sample.
const (
	texSide   = 256
	texCell   = 0.6 // mm
	texStride = (texSide + 1) * 2
	modSide   = texSide / 2 // the gamma texture's torus, two speckle cells a sample
)

const quantiles = 4096

// gaussQuantile maps 12 random bits to a unit Gaussian. Its extreme values are ±3.7.
var gaussQuantile = sync.OnceValue(func() *[quantiles]float32 {
	var q [quantiles]float32
	var sum2 float64
	v := make([]float64, quantiles)
	for i := range v {
		v[i] = math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/quantiles-1)
		sum2 += v[i] * v[i]
	}
	scale := 1 / math.Sqrt(sum2/quantiles)
	for i := range v {
		q[i] = float32(v[i] * scale)
	}
	return &q
})

// splitmix is the counter-based generator of Steele et al. (OOPSLA 2014): a 64-bit hash of a counter.
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fillGauss writes unit Gaussians, five from each hash.
func fillGauss(dst []float32, seed uint64) {
	q := gaussQuantile()
	i := 0
	for ; i+5 <= len(dst); i += 5 {
		h := splitmix(seed)
		seed++
		dst[i] = q[h&(quantiles-1)]
		dst[i+1] = q[h>>12&(quantiles-1)]
		dst[i+2] = q[h>>24&(quantiles-1)]
		dst[i+3] = q[h>>36&(quantiles-1)]
		dst[i+4] = q[h>>48&(quantiles-1)]
	}
	for ; i < len(dst); i++ {
		dst[i] = q[splitmix(seed)&(quantiles-1)]
		seed++
	}
}

// freshLen is the number of complex samples in the shared table of white noise; reads start at a hashed offset for every beam of
// every frame.
const freshLen = 1 << 16

// freshNoise is complex white Gaussian noise of unit mean power, interleaved, with room for one beam beyond the end.
var freshNoise = sync.OnceValue(func() []float32 {
	n := make([]float32, 2*(freshLen+polarDepths))
	fillGauss(n[:2*freshLen], 0x636e65)
	for i := range n[:2*freshLen] {
		n[i] *= math.Sqrt2 / 2
	}
	copy(n[2*freshLen:], n)
	return n
})

// fillTexture makes the material speckle texture: complex white noise, lightly smoothed so that bilinear reading at any offset has
// nearly constant power, scaled to a mean power of 1 over offsets.
func fillTexture(tex, scratch []float32, seed uint64) {
	fillGauss(scratch[:texSide*texSide*2], seed)
	// [1 2 1]/4 has variance 6/16 and lag-one covariance 4/16; read bilinearly at a uniform offset the mean power is
	// 2/3·6/16 + 1/3·4/16 = 1/3 along each axis. Real and imaginary parts carry half the power each.
	const scale = 3 * math.Sqrt2 / 2 / 16
	row := func(y int) []float32 {
		y &= texSide - 1
		return scratch[y*texSide*2 : (y+1)*texSide*2]
	}
	var v [texSide * 2]float32
	for y := range texSide {
		up, mid, down := row(y-1), row(y), row(y+1)
		for i := range v {
			v[i] = (up[i] + 2*mid[i] + down[i]) * scale
		}
		out := tex[y*texStride : (y+1)*texStride]
		for i := range v {
			out[i] = v[(i-2)&(2*texSide-1)] + 2*v[i] + v[(i+2)&(2*texSide-1)]
		}
		out[2*texSide], out[2*texSide+1] = out[0], out[1]
	}
	copy(tex[texSide*texStride:], tex[:texStride])
}

// textureCorrelation is the texture's correlation at a lag of t cells along one axis, read bilinearly and averaged over offsets: the
// smoothing kernel's [1 4 6 4 1] convolved with the cubic B-spline, which is the triangle's own correlation.
func textureCorrelation(t float64) float64 {
	var sum float64
	for i, w := range [5]float64{1, 4, 6, 4, 1} {
		x := math.Abs(t - float64(i-2))
		switch {
		case x < 1:
			sum += w * (2.0/3 - x*x + x*x*x/2)
		case x < 2:
			sum += w * (2 - x) * (2 - x) * (2 - x) / 6
		}
	}
	return sum / (16.0 / 3)
}

// fillRanks makes a smooth random field on the gamma texture's torus as ranks 0…255, uniformly distributed, so that any marginal
// distribution is one table away. Its correlation length is about 5 mm, wider than the point spread function: a narrower one
// would average out to ordinary speckle.
func fillRanks(dst []uint8, seed uint64) {
	const n = modSide
	a, b := make([]float32, n*n), make([]float32, n*n)
	fillGauss(a, seed)
	blur := func(dst, src []float32, step, line int) { // along lines of n samples step apart that start line apart
		for k := range n {
			at := func(i int) float32 { return src[k*line+(i&(n-1))*step] }
			a0, a1, a2, a3 := at(-2), at(-1), at(0), at(1)
			for i := range n {
				a4 := at(i + 2)
				dst[k*line+i*step] = (a0 + a4 + 4*(a1+a3) + 6*a2) * (1.0 / 16)
				a0, a1, a2, a3 = a1, a2, a3, a4
			}
		}
	}
	for range 3 {
		blur(b, a, 1, n)
		blur(a, b, n, 1)
	}
	var ss float64
	for _, v := range a {
		ss += float64(v) * float64(v)
	}
	inv := 1 / math.Sqrt(ss/float64(len(a)))
	for i, v := range a {
		p := 0.5 * math.Erfc(-float64(v)*inv/math.Sqrt2)
		dst[i] = uint8(min(255, int(p*256)))
	}
}

// gammaAmplitude is the table from rank to the square root of a gamma variate of shape nu and mean 1: multiplied with a complex
// Gaussian it gives K-distributed envelopes (Jakeman and Pusey 1976).
func gammaAmplitude(nu float64) *[256]float32 {
	var t [256]float32
	var sum float64
	for i := range t {
		g := inverseGamma(nu, (float64(i)+0.5)/256)
		sum += g
		t[i] = float32(g)
	}
	for i := range t {
		t[i] = float32(math.Sqrt(float64(t[i]) * 256 / sum))
	}
	return &t
}

// inverseGamma is the p-quantile of the gamma distribution of shape nu and scale 1.
func inverseGamma(nu, p float64) float64 {
	lo, hi := 0.0, nu+20*math.Sqrt(nu)+20
	for range 50 {
		mid := (lo + hi) / 2
		if mathext.GammaIncReg(nu, mid) < p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// logNormalAmplitude is the table from rank to a log-normal amplitude of unit mean power with the given SD in dB.
func logNormalAmplitude(dB float64) *[256]float32 {
	var t [256]float32
	var sum float64
	for i := range t {
		v := math.Pow(10, dB/20*math.Sqrt2*math.Erfinv(2*(float64(i)+0.5)/256-1))
		sum += v * v
		t[i] = float32(v)
	}
	inv := float32(1 / math.Sqrt(sum/256))
	for i := range t {
		t[i] *= inv
	}
	return &t
}

// Draws from a stream, named for what they are.
func normal(r *rand.Rand, mean, sd float64) float64 { return mean + sd*r.NormFloat64() }
func uniform(r *rand.Rand, lo, hi float64) float64  { return lo + (hi-lo)*r.Float64() }
func clamp(v, lo, hi float64) float64               { return math.Max(lo, math.Min(hi, v)) }

// bloodTextures are the gamma textures blood may have: shapes 1 to 5, and fully developed speckle.
var bloodTextures = sync.OnceValue(func() []*[256]float32 {
	return []*[256]float32{gammaAmplitude(1), gammaAmplitude(2), gammaAmplitude(3), gammaAmplitude(5), flatAmplitude()}
})

// Solid tissue is uneven: 3.5 dB round the heart, 1.5 dB in its walls.
var (
	backgroundTexture = sync.OnceValue(func() *[256]float32 { return logNormalAmplitude(3.5) })
	wallTexture       = sync.OnceValue(func() *[256]float32 { return logNormalAmplitude(1.5) })
)

func flatAmplitude() *[256]float32 {
	var t [256]float32
	for i := range t {
		t[i] = 1
	}
	return &t
}
