package sector

import (
	"math"

	"github.com/cineloop/cineloop/deid/pixels/net"
)

// GridH and GridW are the cells that a picture is measured on, whatever its size: it fills them from the left upper corner.
const (
	GridH = 96
	GridW = 128
)

// CellOf is how many pixels a cell's side has for a picture of h × w.
func CellOf(h, w int) float64 { return max(float64(h)/GridH, float64(w)/GridW) }

// Measure gives three values to each cell of an 8-bit picture: mean, largest value, and standard deviation, the last two over at least 5 × 5
// pixels, so that small pictures look like large ones.
func Measure(grey []uint8, h, w int) *net.Planes {
	p := net.NewPlanes(3, GridH, GridW, 0)
	cell := CellOf(h, w)
	more := max(0, int((5-cell)/2+0.5)) // pixels to each side
	for y := range GridH {
		y0, y1 := int(float64(y)*cell), min(h, max(int(float64(y+1)*cell), int(float64(y)*cell)+1))
		if y0 >= h {
			break
		}
		for x := range GridW {
			x0, x1 := int(float64(x)*cell), min(w, max(int(float64(x+1)*cell), int(float64(x)*cell)+1))
			if x0 >= w {
				break
			}
			mean, _, _ := summary(grey, w, x0, y0, x1, y1)
			_, sd, top := summary(grey, w, max(0, x0-more), max(0, y0-more), min(w, x1+more), min(h, y1+more))
			p.Row(0, y)[x] = float32(mean / 255)
			p.Row(1, y)[x] = float32(top) / 255
			p.Row(2, y)[x] = float32(sd / 64)
		}
	}
	return p
}

func summary(grey []uint8, w, x0, y0, x1, y1 int) (mean, sd float64, top int) {
	var sum, squares int
	for y := y0; y < y1; y++ {
		for _, v := range grey[y*w+x0 : y*w+x1] {
			sum += int(v)
			squares += int(v) * int(v)
			top = max(top, int(v))
		}
	}
	n := float64((y1 - y0) * (x1 - x0))
	mean = float64(sum) / n
	return mean, math.Sqrt(max(0, float64(squares)/n-mean*mean)), top
}
