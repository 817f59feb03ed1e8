package clip

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// Means and standard deviations after unit scaling, as torchvision's weights expect them.
var (
	imagenetMean, imagenetStd = []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	kineticsMean, kineticsStd = []float64{0.43216, 0.394666, 0.37645}, []float64{0.22803, 0.22145, 0.216989}
)

// finishIntensity turns sampled values in stored units into normalised ones, in place, and copies a grey channel to the others.
func finishIntensity(s *sampler, c *Clip, in InputSpec, shape [4]int, dst []float32, rng *rand.Rand, aug AugmentSpec) {
	fillOutside(dst[:min(c.C, shape[0])*shape[1]*shape[2]*shape[3]], c)
	finishFilled(s, c, in, shape, dst, rng, aug)
}

// finishFilled is finishIntensity where every sample has a value.
func finishFilled(s *sampler, c *Clip, in InputSpec, shape [4]int, dst []float32, rng *rand.Rand, aug AugmentSpec) {
	one := shape[1] * shape[2] * shape[3]
	x := dst[:min(c.C, shape[0])*one]
	normaliseRange(s, x, c, in)
	for ch := len(x) / one; ch < shape[0]; ch++ {
		copy(dst[ch*one:(ch+1)*one], x[:one])
	}
	x = dst
	switch in.Normalise {
	case "imagenet":
		standardise(x, one, imagenetMean, imagenetStd)
	case "kinetics":
		standardise(x, one, kineticsMean, kineticsStd)
	case "fixed":
		standardise(x, one, in.Mean, in.Std)
	case "case":
		standardiseCase(x)
	}
	augmentIntensity(x, rng, aug)
}

// fillOutside gives samples outside the clip, and ones that are not numbers, the background: 0 for masks and unsigned types, else the
// least sampled value; the largest where larger is darker.
func fillOutside(x []float32, c *Clip) {
	if allFinite(x) {
		return
	}
	holes := false
	lo, hi := float32(math.Inf(1)), float32(math.Inf(-1))
	for i, v := range x {
		if v-v != 0 { // NaN or infinite
			x[i] = nan32
			holes = true
			continue
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	if !holes {
		return
	}
	background := lo
	switch {
	case hi < lo, c.Photometric == Mask:
		background = 0
	case c.Photometric == Inverse:
		background = hi
	case c.DType == Uint8, c.DType == Uint16:
		background = 0
	}
	for i, v := range x {
		if v != v {
			x[i] = background
		}
	}
}

// allFinite says whether every value is a finite number: 0 times anything else is not 0.
func allFinite(x []float32) bool {
	var a, b, c, d float32
	for ; len(x) >= 4; x = x[4:] {
		a += x[0] * 0
		b += x[1] * 0
		c += x[2] * 0
		d += x[3] * 0
	}
	for _, v := range x {
		a += v * 0
	}
	return a+b+c+d == 0
}

// normaliseRange maps stored values to 0..1 by window, type range or percentiles where in asks for it, larger always brighter.
func normaliseRange(s *sampler, x []float32, c *Clip, in InputSpec) {
	inverse := c.Photometric == Inverse
	switch {
	case len(in.Window) == 2:
		lo, width := in.Window[0]-in.Window[1]/2, in.Window[1]
		scaleShift(x, 1/width, -lo/width)
		clamp01(x)
	case in.Normalise == "none", in.Normalise == "case", in.Normalise == "percentile", c.Photometric == Mask:
		if inverse {
			scaleShift(x, -1, 0)
		}
		if in.Normalise == "percentile" {
			s.lumaF = append(s.lumaF[:0], x...)
			lo, hi := quantile(s.lumaF, 0.005), quantile(s.lumaF, 0.995)
			if !(hi > lo) {
				hi = lo + 1
			}
			scaleShift(x, 1/float64(hi-lo), -float64(lo)/float64(hi-lo))
			clamp01(x)
		}
		return
	default:
		if lo, hi, ok := unitRange(c); ok {
			scaleShift(x, 1/(hi-lo), -lo/(hi-lo))
		}
	}
	if inverse {
		scaleShift(x, -1, 1)
	}
}

// unitRange is the range of stored values that becomes 0..1: the type's, or the bits that DICOM says are used. Floats and 32-bit
// integers have none and stay as they are.
func unitRange(c *Clip) (lo, hi float64, ok bool) {
	bits := c.DType.Size() * 8
	if n, err := strconv.Atoi(c.Source.Tags["BitsStored"]); err == nil && n > 0 && n < bits {
		bits = n
	}
	switch c.DType {
	case Uint8, Uint16:
		return 0, float64(uint64(1)<<bits - 1), true
	case Int8, Int16:
		half := float64(uint64(1) << (bits - 1))
		return -half, half - 1, true
	}
	return 0, 1, false
}

func scaleShift(x []float32, scale, shift float64) {
	k, b := float32(scale), float32(shift)
	for i := range x {
		x[i] = x[i]*k + b
	}
}

func clamp01(x []float32) {
	for i, v := range x {
		x[i] = min(max(v, 0), 1)
	}
}

func standardise(x []float32, one int, mean, std []float64) {
	for ch := 0; ch*one < len(x); ch++ {
		m, sd := mean[ch%len(mean)], std[ch%len(std)]
		scaleShift(x[ch*one:(ch+1)*one], 1/sd, -m/sd)
	}
}

// standardiseCase gives the whole input zero mean and unit (population) SD; a constant input becomes 0.
func standardiseCase(x []float32) {
	m, sd := moments(x)
	if sd < 1e-8 {
		clear(x)
		return
	}
	scaleShift(x, 1/sd, -m/sd)
}

func moments(x []float32) (mean, sd float64) {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	mean = sum / float64(len(x))
	var ss float64
	for _, v := range x {
		d := float64(v) - mean
		ss += d * d
	}
	return mean, math.Sqrt(ss / float64(len(x)))
}

// augmentIntensity changes normalised values: contrast about the mean, brightness, gamma over the input's own range (which it
// keeps, as in nnU-Net), the shape-mask factor of MedMNIST, noise. Outside training only EvalScale applies.
func augmentIntensity(x []float32, rng *rand.Rand, aug AugmentSpec) {
	if rng == nil {
		if aug.EvalScale > 0 {
			scaleShift(x, aug.EvalScale, 0)
		}
		return
	}
	if aug.Contrast != 0 && happens(rng, aug) {
		f := 1 + aug.Contrast*(2*rng.Float64()-1)
		m, _ := moments(x)
		scaleShift(x, f, m*(1-f))
	}
	if aug.Brightness != 0 && happens(rng, aug) {
		scaleShift(x, 1, aug.Brightness*(2*rng.Float64()-1))
	}
	if aug.Gamma != 0 && happens(rng, aug) {
		gammaInPlace(x, 1+aug.Gamma*(2*rng.Float64()-1))
	}
	if len(aug.IntensityScale) == 2 {
		scaleShift(x, aug.IntensityScale[0]+(aug.IntensityScale[1]-aug.IntensityScale[0])*rng.Float64(), 0)
	}
	if aug.Noise != 0 && happens(rng, aug) {
		sd := float32(aug.Noise)
		for i := range x {
			x[i] += sd * float32(rng.NormFloat64())
		}
	}
}

// gammaInPlace applies y = x^g to values mapped from their own range to 0..1 and back.
func gammaInPlace(x []float32, g float64) {
	lo, hi := x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	if !(hi > lo) || !(g > 0) {
		return
	}
	// A table of 4096 steps with linear interpolation: math.Pow for each sample would cost more than everything else.
	const steps = 4096
	var table [steps + 2]float32
	for i := range table {
		table[i] = lo + (hi-lo)*float32(math.Pow(float64(i)/steps, g))
	}
	k := steps / (hi - lo)
	for i, v := range x {
		p := (v - lo) * k
		j := int(p)
		x[i] = table[j] + (table[j+1]-table[j])*(p-float32(j))
	}
}

// quantile is the value with a share q of x at or below it, linear between order statistics (NumPy's default). It reorders x.
func quantile(x []float32, q float64) float32 {
	p := q * float64(len(x)-1)
	k := int(p)
	lo := selectKth(x, k)
	f := float32(p - float64(k))
	if f == 0 || k+1 >= len(x) {
		return lo
	}
	hi := x[k+1]
	for _, v := range x[k+2:] {
		hi = min(hi, v)
	}
	return lo + (hi-lo)*f
}

// selectKth moves the k-th smallest of x to place k, smaller ones before it and larger ones after it (Hoare's FIND).
func selectKth(x []float32, k int) float32 {
	lo, hi := 0, len(x)-1
	for lo < hi {
		mid := x[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for x[i] < mid {
				i++
			}
			for x[j] > mid {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[k]
}
