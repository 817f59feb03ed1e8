package evaluate

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/clip/volume"
)

// MaskScore compares a predicted class with the true one in one item. Undefined values are NaN: everything where the class is in neither
// mask; distances where it is in one of them only.
type MaskScore struct {
	Dice        float64 // 2·|A∩B| / (|A|+|B|); 0 where one is empty
	HD95        float64 // mm (pixels where spacing is unknown); see [SurfaceDistances]
	NSD         float64 // normalised surface Dice at the tolerance; 0 where one is empty
	VolumeError float64 // 100·(predicted − true)/true, %; NaN where the true one is empty

	True, Predicted, Both float64 // voxels
}

// ScoreMask compares class in two label arrays [D, H, W]; positions whose truth is [volume.Unknown] do not count. spacing is mm along D, H, W,
// 0 where unknown, which counts as 1. tolerance is in the same unit.
func ScoreMask(truth, predicted []uint8, class uint8, size [3]int, spacing [3]float64, tolerance float64) MaskScore {
	nan := math.NaN()
	s := MaskScore{Dice: nan, HD95: nan, NSD: nan, VolumeError: nan}
	a, b := make([]bool, len(truth)), make([]bool, len(truth))
	for i, l := range truth {
		if l == volume.Unknown {
			continue
		}
		a[i], b[i] = l == class, predicted[i] == class
		if a[i] {
			s.True++
		}
		if b[i] {
			s.Predicted++
		}
		if a[i] && b[i] {
			s.Both++
		}
	}
	if s.True+s.Predicted == 0 {
		return s
	}
	s.Dice, s.NSD = 2*s.Both/(s.True+s.Predicted), 0
	if s.True > 0 {
		s.VolumeError = 100 * (s.Predicted - s.True) / s.True
	}
	if s.True == 0 || s.Predicted == 0 {
		return s
	}
	for i := range spacing {
		if !(spacing[i] > 0) {
			spacing[i] = 1
		}
	}
	ab, ba := SurfaceDistances(a, b, size, spacing)
	s.HD95 = math.Max(percentile(ab, 0.95), percentile(ba, 0.95))
	within := 0
	for _, d := range slices.Concat(ab, ba) {
		if d <= tolerance {
			within++
		}
	}
	s.NSD = float64(within) / float64(len(ab)+len(ba))
	return s
}

// SurfaceDistances are the distances, in the unit of spacing, from every surface voxel of a to the nearest one of b, and the other way
// round. A voxel is on the surface when a neighbour across one of its faces (edges, in a picture) is outside the mask or the image. The
// 95 % Hausdorff distance is the larger of the two directions' 95th percentiles; the normalised surface Dice is the share of all these
// distances that are within a tolerance (Nikolov et al., J Med Internet Res 2021, with voxels in place of surface elements).
func SurfaceDistances(a, b []bool, size [3]int, spacing [3]float64) (ab, ba []float64) {
	sa, sb := surface(a, size), surface(b, size)
	to := func(from, target []bool) (out []float64) {
		d := volume.Distances(target, size, spacing)
		for i, on := range from {
			if on {
				out = append(out, d[i])
			}
		}
		return out
	}
	return to(sa, sb), to(sb, sa)
}

func surface(in []bool, size [3]int) []bool {
	out := make([]bool, len(in))
	stride := [3]int{size[1] * size[2], size[2], 1}
	for i, on := range in {
		if !on {
			continue
		}
		at := [3]int{i / stride[0], i / size[2] % size[1], i % size[2]}
		for axis := range 3 {
			if size[axis] == 1 {
				continue
			}
			if at[axis] == 0 || at[axis] == size[axis]-1 || !in[i-stride[axis]] || !in[i+stride[axis]] {
				out[i] = true
				break
			}
		}
	}
	return out
}

// percentile interpolates linearly between ranks, as numpy's default; x is sorted in place.
func percentile(x []float64, q float64) float64 {
	slices.Sort(x)
	at := q * float64(len(x)-1)
	k := int(at)
	if k+1 >= len(x) {
		return x[len(x)-1]
	}
	return x[k] + (x[k+1]-x[k])*(at-float64(k))
}
