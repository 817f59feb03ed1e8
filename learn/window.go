package learn

import (
	"context"
	"math"

	"github.com/cineloop/cineloop/clip/volume"
)

// starts are the first positions of windows of length patch over n positions, spread evenly, the last one ending at n, such that
// neighbours share at least overlap of a window. A window that is longer than n begins where n lies in its middle.
func starts(n, patch int, overlap float64) []int {
	if n <= patch {
		return []int{-((patch - n) / 2)}
	}
	step := math.Max(1, float64(patch)*(1-overlap))
	count := int(math.Ceil(float64(n-patch)/step)) + 1
	out := make([]int, count)
	for i := range out {
		out[i] = int(math.Round(float64(i) * float64(n-patch) / float64(count-1)))
	}
	return out
}

// gaussian is the weight of each position of a window in the mean over windows: a Gaussian about its middle with SD an eighth of each
// side, at least a thousandth of its peak (nnU-Net's importance map).
func gaussian(patch [3]int) []float32 {
	var line [3][]float64
	for i, n := range patch {
		line[i] = make([]float64, n)
		for k := range n {
			if n == 1 {
				line[i][k] = 1
				continue
			}
			d := (float64(k) - float64(n-1)/2) / (float64(n) / 8)
			line[i][k] = math.Exp(-d * d / 2)
		}
	}
	out := make([]float32, 0, patch[0]*patch[1]*patch[2])
	for _, a := range line[0] {
		for _, b := range line[1] {
			for _, c := range line[2] {
				out = append(out, float32(math.Max(a*b*c, 1e-3)))
			}
		}
	}
	return out
}

// slide averages what score makes of windows over a volume: probabilities [classes, D, H, W]. score gets a window's image [C, patch] and
// returns [classes, patch].
func slide(ctx context.Context, v *volume.Volume, patch [3]int, classes int, overlap float64, score func(image []float32) ([]float32, error)) ([]float32, error) {
	n := v.Voxels()
	sum, weight := make([]float32, classes*n), make([]float32, n)
	importance := gaussian(patch)
	image := make([]float32, v.C*len(importance))
	size := v.Size()
	for _, z0 := range starts(size[0], patch[0], overlap) {
		for _, y0 := range starts(size[1], patch[1], overlap) {
			for _, x0 := range starts(size[2], patch[2], overlap) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				lo := [3]int{z0, y0, x0}
				var centre [3]float64
				for i := range 3 {
					centre[i] = float64(lo[i]) + float64(patch[i]-1)/2
				}
				v.Sample(volume.At(patch, centre), image, nil)
				prob, err := score(image)
				if err != nil {
					return nil, err
				}
				for z := max(0, -z0); z < min(patch[0], size[0]-z0); z++ {
					for y := max(0, -y0); y < min(patch[1], size[1]-y0); y++ {
						for x := max(0, -x0); x < min(patch[2], size[2]-x0); x++ {
							from := (z*patch[1]+y)*patch[2] + x
							to := ((z+z0)*size[1]+y+y0)*size[2] + x + x0
							w := importance[from]
							weight[to] += w
							for c := range classes {
								sum[c*n+to] += w * prob[c*len(importance)+from]
							}
						}
					}
				}
			}
		}
	}
	for c := range classes {
		for i, w := range weight {
			sum[c*n+i] /= w
		}
	}
	return sum, nil
}
