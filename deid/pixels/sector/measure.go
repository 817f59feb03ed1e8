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

// Measure gives three values to each cell of an 8-bit picture: mean, largest value, and standard deviation.
func Measure(grey []uint8, h, w int) *net.Planes {
	p := net.NewPlanes(3, GridH, GridW, 0)
	cell := CellOf(h, w)
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
			var sum, squares, top int
			for py := y0; py < y1; py++ {
				for _, v := range grey[py*w+x0 : py*w+x1] {
					sum += int(v)
					squares += int(v) * int(v)
					top = max(top, int(v))
				}
			}
			n := float64((y1 - y0) * (x1 - x0))
			mean := float64(sum) / n
			p.Row(0, y)[x] = float32(mean / 255)
			p.Row(1, y)[x] = float32(top) / 255
			p.Row(2, y)[x] = float32(math.Sqrt(max(0, float64(squares)/n-mean*mean)) / 64)
		}
	}
	return p
}
