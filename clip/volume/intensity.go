package volume

import (
	"math"
	"math/rand/v2"
)

// Change draws and makes the intensity changes of a patch [C, D, H, W] in place; every channel has its own. The order is nnU-Net's: noise,
// blur, brightness, contrast, low resolution, gamma.
func (a Augment) Change(rng *rand.Rand, x []float32, size [3]int) {
	prob := a.IntensityProb
	if prob == 0 {
		prob = 0.15
	}
	happens := func(on bool) bool { return on && rng.Float64() < prob }
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
	n := size[0] * size[1] * size[2]
	for c := 0; c < len(x); c += n {
		x := x[c : c+n]
		if happens(a.Noise > 0) {
			sd := a.Noise * rng.Float64()
			for i := range x {
				x[i] += float32(sd * rng.NormFloat64())
			}
		}
		if happens(a.Blur > 0) {
			blur(x, size, between(math.Min(0.5, a.Blur), a.Blur))
		}
		if happens(a.Brightness > 0) {
			f := float32(between(1-a.Brightness, 1+a.Brightness))
			for i := range x {
				x[i] *= f
			}
		}
		if happens(a.Contrast > 0) {
			contrast(x, float32(between(1-a.Contrast, 1+a.Contrast)))
		}
		if happens(a.LowRes > 0) {
			lowRes(x, size, between(a.LowRes, 1))
		}
		if happens(len(a.Gamma) == 2) {
			gamma(x, between(a.Gamma[0], a.Gamma[1]))
		}
	}
}

// moments are mean, SD and range.
func moments(x []float32) (mean, sd float64, lo, hi float32) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		mean += float64(v)
		lo, hi = min(lo, v), max(hi, v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		sd += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, math.Sqrt(sd / float64(len(x))), lo, hi
}

// contrast scales the distance from the mean by f; values stay in the range that was there.
func contrast(x []float32, f float32) {
	mean, _, lo, hi := moments(x)
	m := float32(mean)
	for i, v := range x {
		x[i] = min(max(m+(v-m)*f, lo), hi)
	}
}

// gamma raises values scaled to 0..1 to a power, then gives them the mean and SD that they had.
func gamma(x []float32, g float64) {
	mean, sd, lo, hi := moments(x)
	if !(hi > lo) {
		return
	}
	for i, v := range x {
		x[i] = float32(math.Pow(float64((v-lo)/(hi-lo)), g))
	}
	m, s, _, _ := moments(x)
	if s == 0 {
		s = 1
	}
	for i, v := range x {
		x[i] = float32((float64(v)-m)/s*sd + mean)
	}
}

// blur is a separable Gaussian, borders repeated.
func blur(x []float32, size [3]int, sd float64) {
	radius := int(math.Ceil(3 * sd))
	kernel := make([]float32, 2*radius+1)
	var sum float32
	for i := range kernel {
		d := float64(i - radius)
		kernel[i] = float32(math.Exp(-d * d / (2 * sd * sd)))
		sum += kernel[i]
	}
	stride := [3]int{size[1] * size[2], size[2], 1}
	for axis := range 3 {
		n := size[axis]
		if n == 1 {
			continue
		}
		line := make([]float32, n)
		for start := range lines(size, axis) {
			for i := range n {
				line[i] = x[start+i*stride[axis]]
			}
			for i := range n {
				var v float32
				for k, w := range kernel {
					v += w * line[min(max(i+k-radius, 0), n-1)]
				}
				x[start+i*stride[axis]] = v / sum
			}
		}
	}
}

// lines yields where each line along axis begins.
func lines(size [3]int, axis int) func(func(int) bool) {
	stride := [3]int{size[1] * size[2], size[2], 1}
	i, j := (axis+1)%3, (axis+2)%3
	return func(yield func(int) bool) {
		for a := range size[i] {
			for b := range size[j] {
				if !yield(a*stride[i] + b*stride[j]) {
					return
				}
			}
		}
	}
}

// lowRes simulates a coarser scan: sampled at a share of the rate by the nearest voxel, then back linearly.
func lowRes(x []float32, size [3]int, share float64) {
	small := size
	for i := range 3 {
		if size[i] > 1 {
			small[i] = max(1, int(math.Round(float64(size[i])*share)))
		}
	}
	coarse := &Volume{C: 1, D: small[0], H: small[1], W: small[2], Image: make([]float32, small[0]*small[1]*small[2])}
	at := 0
	near := func(k, i int) int { return min(int((float64(k)+0.5)*float64(size[i])/float64(small[i])), size[i]-1) }
	for z := range small[0] {
		for y := range small[1] {
			for k := range small[2] {
				coarse.Image[at] = x[(near(z, 0)*size[1]+near(y, 1))*size[2]+near(k, 2)]
				at++
			}
		}
	}
	copy(x, coarse.Resize(size).Image)
}
