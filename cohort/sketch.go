package cohort

import "math"

// sketch is an item's embedding: what its pictures over time have in common, in a form that changes little when the clip is cut in time,
// cropped, moved, brightened or mirrored. Items of like sketches are looked at closely by [Cohort.alike].
type sketch struct {
	mean     []float64 // thumbSide × thumbSide, the mean of up to sketchFrames frames, without its slow part
	hog      []float32 // unit length
	mirrored []float32 // the same of the picture turned left to right
}

const (
	sketchFrames = 16 // of a clip, evenly, that make its mean
	hogCell      = 8  // pixels of the thumbnail a side
	hogBins      = 8  // orientations from 0 to 180 degrees
	hogClip      = 0.2
)

// sketchOf reads the first channel of a clip of so many frames; nil for a picture without contrast.
func sketchOf(s samples, frames int) *sketch {
	n := min(frames, sketchFrames)
	mean := make([]float64, thumbSide*thumbSide)
	for i := range n {
		for j, v := range s.grid((2*i + 1) * frames / (2 * n)) {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				mean[j] += v / float64(n)
			}
		}
	}
	mean = detail(mean)
	if mean == nil {
		return nil
	}
	return &sketch{mean: mean, hog: orientations(mean), mirrored: orientations(mirror(mean))}
}

// detail is a thumbnail without its slow part (a box mean of nine pixels a side), at mean 0 and length 1; nil for a flat one.
func detail(grid []float64) []float64 {
	const r = 4
	out := make([]float64, len(grid))
	var sum float64
	for y := range thumbSide {
		for x := range thumbSide {
			var slow float64
			n := 0
			for v := max(0, y-r); v <= min(thumbSide-1, y+r); v++ {
				for u := max(0, x-r); u <= min(thumbSide-1, x+r); u++ {
					slow += grid[v*thumbSide+u]
					n++
				}
			}
			out[y*thumbSide+x] = grid[y*thumbSide+x] - slow/float64(n)
			sum += out[y*thumbSide+x]
		}
	}
	var square float64
	for i := range out {
		out[i] -= sum / float64(len(out))
		square += out[i] * out[i]
	}
	if square < 1e-12 || math.IsNaN(square) || math.IsInf(square, 0) {
		return nil
	}
	for i := range out {
		out[i] /= math.Sqrt(square)
	}
	return out
}

func mirror(grid []float64) []float64 {
	out := make([]float64, len(grid))
	for i := range out {
		out[i] = grid[i/thumbSide*thumbSide+thumbSide-1-i%thumbSide]
	}
	return out
}

// orientations is the histogram of oriented gradients of Dalal and Triggs (CVPR 2005) over cells of the thumbnail, each gradient shared
// between the four cells and the two bins about it, the whole clipped and brought to length 1 as their L2-Hys.
func orientations(grid []float64) []float32 {
	const cells = thumbSide / hogCell
	hist := make([]float64, cells*cells*hogBins)
	add := func(cy, cx, bin int, w float64) {
		if cy >= 0 && cy < cells && cx >= 0 && cx < cells {
			hist[(cy*cells+cx)*hogBins+(bin+hogBins)%hogBins] += w
		}
	}
	for y := 1; y < thumbSide-1; y++ {
		for x := 1; x < thumbSide-1; x++ {
			gy := grid[(y+1)*thumbSide+x] - grid[(y-1)*thumbSide+x]
			gx := grid[y*thumbSide+x+1] - grid[y*thumbSide+x-1]
			m := math.Hypot(gx, gy)
			angle := math.Mod(math.Atan2(gy, gx)+math.Pi, math.Pi) / math.Pi * hogBins
			bin, fy, fx := math.Floor(angle-0.5), (float64(y)+0.5)/hogCell-0.5, (float64(x)+0.5)/hogCell-0.5
			cy, cx := math.Floor(fy), math.Floor(fx)
			wb, wy, wx := angle-0.5-bin, fy-cy, fx-cx
			for k := range 8 {
				b, dy, dx := k&1, k>>1&1, k>>2&1
				add(int(cy)+dy, int(cx)+dx, int(bin)+b, m*share(wb, b)*share(wy, dy)*share(wx, dx))
			}
		}
	}
	unit := func() {
		var square float64
		for _, v := range hist {
			square += v * v
		}
		for i := range hist {
			hist[i] /= math.Sqrt(square) + 1e-12
		}
	}
	unit()
	for i := range hist {
		hist[i] = min(hist[i], hogClip)
	}
	unit()
	out := make([]float32, len(hist))
	for i, v := range hist {
		out[i] = float32(v)
	}
	return out
}

// share is the weight of the far (1) or the near (0) neighbour at distance w from the near one.
func share(w float64, far int) float64 {
	if far == 1 {
		return w
	}
	return 1 - w
}

// like is the larger cosine of two sketches, as they stand and with one mirrored, and whether that is the mirrored one.
func (a *sketch) like(b *sketch) (cosine float32, mirrored bool) {
	var plain, turned float32
	for i, v := range a.hog {
		plain += v * b.hog[i]
		turned += v * b.mirrored[i]
	}
	return max(plain, turned), turned > plain
}
