package text

import "image"

const (
	step  = 5 // of 255, over two pixels: fainter edges nobody reads
	steps = 6 // pixels with one; the ends of three thin strokes have more
)

// Strokes reports whether the picture changes in r both along rows and along columns, as every letter makes it: bars, wedges and frames change
// in one direction alone.
func (p Picture) Strokes(r image.Rectangle) bool {
	r = r.Intersect(image.Rect(0, 0, p.W, p.H))
	for _, src := range [2][]uint8{p.Value, p.Sat} {
		if src == nil {
			continue
		}
		across, down := 0, 0
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				k := y*p.W + x
				if x+2 < r.Max.X && differ(src[k], src[k+2]) {
					across++
				}
				if y+2 < r.Max.Y && differ(src[k], src[k+2*p.W]) {
					down++
				}
			}
			if across >= steps && down >= steps {
				return true
			}
		}
	}
	return false
}

func differ(a, b uint8) bool { return max(a, b)-min(a, b) >= step }
