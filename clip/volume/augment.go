package volume

import (
	"math"
	"math/rand/v2"
)

// Augment says what training may do to patches at random. Zero means off. Geometry moves image and labels alike.
type Augment struct {
	Mirror        []bool    `yaml:"mirror,omitempty"`         // which of the axes D, H, W may be reversed
	RotateDeg     []float64 `yaml:"rotate_deg,omitempty"`     // ± about D, H and W; one value: about D alone
	Scale         []float64 `yaml:"scale,omitempty"`          // [low, high] zoom
	Elastic       float64   `yaml:"elastic,omitempty"`        // SD of displacements at control points, voxels
	ElasticStep   int       `yaml:"elastic_step,omitempty"`   // voxels between control points; default 16
	Prob          float64   `yaml:"prob,omitempty"`           // of rotation, zoom and displacement, each; default 0.2
	Brightness    float64   `yaml:"brightness,omitempty"`     // factor in 1 ± b
	Contrast      float64   `yaml:"contrast,omitempty"`       // factor on the distance from the mean, in 1 ± c, within the patch's range
	Gamma         []float64 `yaml:"gamma,omitempty"`          // [low, high] exponent on values scaled to 0..1, mean and SD kept
	Noise         float64   `yaml:"noise,omitempty"`          // largest SD of added Gaussian noise
	Blur          float64   `yaml:"blur,omitempty"`           // largest SD of a Gaussian blur, voxels; least 0.5
	LowRes        float64   `yaml:"low_res,omitempty"`        // lowest share of the sampling rate that is simulated (0.5)
	IntensityProb float64   `yaml:"intensity_prob,omitempty"` // of each of those; default 0.15
}

// Warp is one drawn way of sampling a patch: output position u lies at Centre + M·(u − middle) + its displacement.
type Warp struct {
	Size   [3]int
	Centre [3]float64 // stored position of the patch's middle
	M      [3][3]float64

	grid [3]int       // control points, 0: none
	push [3][]float32 // displacement along each axis at control points
}

// At is the plain patch about a centre.
func At(size [3]int, centre [3]float64) Warp {
	return Warp{Size: size, Centre: centre, M: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}
}

// Draw draws a warp for a patch about centre. Every choice comes from rng, in an order that depends on a and size alone. Flat patches (size
// 1 along D) turn about D only. Rotations are true where the spacing of v is one and the same; aniso scales M for others.
func (a Augment) Draw(rng *rand.Rand, size [3]int, centre [3]float64, spacing [3]float64) Warp {
	w := At(size, centre)
	prob := a.Prob
	if prob == 0 {
		prob = 0.2
	}
	happens := func(on bool) bool { return on && rng.Float64() < prob }
	flat := size[0] == 1
	if happens(len(a.RotateDeg) > 0) {
		for axis, deg := range a.RotateDeg {
			angle := deg * (2*rng.Float64() - 1) * math.Pi / 180
			if deg != 0 && axis < 3 && !(flat && axis > 0) {
				w.M = times(w.M, rotation(axis, angle))
			}
		}
	}
	if happens(len(a.Scale) == 2) {
		// A zoom above 1 shows less: the grid gets finer by it.
		zoom := a.Scale[0] + (a.Scale[1]-a.Scale[0])*rng.Float64()
		for i := range 3 {
			for j := range 3 {
				w.M[i][j] /= zoom
			}
		}
		if flat {
			w.M[0][0] = 1
		}
	}
	// M turns millimetres; positions are voxels.
	if spacing[0] > 0 && spacing[1] > 0 && spacing[2] > 0 {
		for i := range 3 {
			for j := range 3 {
				w.M[i][j] *= spacing[j] / spacing[i]
			}
		}
	}
	for axis, on := range a.Mirror {
		if on && rng.IntN(2) == 1 && axis < 3 {
			for i := range 3 {
				w.M[i][axis] = -w.M[i][axis]
			}
		}
	}
	if happens(a.Elastic > 0) {
		step := a.ElasticStep
		if step == 0 {
			step = 16
		}
		n := 1
		for i := range 3 {
			w.grid[i] = (size[i]-1)/step + 2
			n *= w.grid[i]
		}
		for i := range 3 {
			w.push[i] = make([]float32, n)
			if flat && i == 0 {
				continue
			}
			for k := range w.push[i] {
				w.push[i][k] = float32(a.Elastic * rng.NormFloat64())
			}
		}
	}
	return w
}

func rotation(axis int, angle float64) [3][3]float64 {
	c, s := math.Cos(angle), math.Sin(angle)
	i, j := (axis+1)%3, (axis+2)%3
	var m [3][3]float64
	m[axis][axis] = 1
	m[i][i], m[i][j], m[j][i], m[j][j] = c, -s, s, c
	return m
}

func times(a, b [3][3]float64) [3][3]float64 {
	var m [3][3]float64
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				m[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return m
}

// plain says whether the warp is a copy: whole positions, nothing turned.
func (w *Warp) plain() (lo [3]int, ok bool) {
	if w.grid[0] > 0 || w.M != At(w.Size, w.Centre).M {
		return lo, false
	}
	for i := range 3 {
		at := w.Centre[i] - float64(w.Size[i]-1)/2
		lo[i] = int(math.Floor(at))
		if at != math.Floor(at) {
			return lo, false
		}
	}
	return lo, true
}
