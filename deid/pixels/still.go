package pixels

import (
	"image"
	"slices"
)

const (
	stillFrames = 8  // frames from which standing still says something
	stillChange = 10 // of 255: no more than compression does to a drawn pixel
	stillBright = 70
	movesAround = 14
)

// Still finds strokes that stand still and bright where the pixels round them move, and that stand in a row as letters do: small components of
// alike height, two or more of them. low and high are each pixel's extremes over the frames.
func Still(low, high []uint8, w, h, frames int) []image.Rectangle {
	if frames < stillFrames {
		return nil
	}
	// Moving pixels by sums, to know the share of them round a place.
	sums := make([]int32, (w+1)*(h+1))
	for y := range h {
		var row int32
		for x := range w {
			if k := y*w + x; high[k]-low[k] > movesAround {
				row++
			}
			sums[(y+1)*(w+1)+x+1] = sums[y*(w+1)+x+1] + row
		}
	}
	moves := func(r image.Rectangle) float64 {
		r = r.Intersect(image.Rect(0, 0, w, h))
		n := sums[r.Max.Y*(w+1)+r.Max.X] - sums[r.Min.Y*(w+1)+r.Max.X] - sums[r.Max.Y*(w+1)+r.Min.X] + sums[r.Min.Y*(w+1)+r.Min.X]
		return float64(n) / float64(r.Dx()*r.Dy())
	}
	on := make([]bool, w*h)
	for k := range on {
		on[k] = high[k]-low[k] <= stillChange && low[k] >= stillBright
	}
	var glyphs []image.Rectangle
	var stack []int
	for i := range on {
		if !on[i] {
			continue
		}
		r, n := image.Rectangle{Min: image.Pt(w, h)}, 0
		on[i], stack = false, append(stack[:0], i)
		for len(stack) > 0 {
			k := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			x, y := k%w, k/w
			n++
			r = image.Rectangle{Min: image.Pt(min(r.Min.X, x), min(r.Min.Y, y)), Max: image.Pt(max(r.Max.X, x+1), max(r.Max.Y, y+1))}
			for d := range 9 {
				nx, ny := x+d%3-1, y+d/3-1
				if nx >= 0 && ny >= 0 && nx < w && ny < h && on[ny*w+nx] {
					on[ny*w+nx] = false
					stack = append(stack, ny*w+nx)
				}
			}
		}
		if r.Dy() >= 5 && r.Dy() <= 48 && r.Dx() <= 60 && n >= 6 && moves(r.Inset(-6)) > 0.4 {
			glyphs = append(glyphs, r)
		}
	}
	return rows(glyphs)
}

// rows joins glyphs of alike height that stand side by side, and keeps rows of two and more.
func rows(glyphs []image.Rectangle) []image.Rectangle {
	slices.SortFunc(glyphs, func(a, b image.Rectangle) int { return a.Min.X - b.Min.X })
	type row struct {
		image.Rectangle
		last image.Rectangle
		n    int
	}
	var open []row
	for _, g := range glyphs {
		joined := false
		for i := range open {
			o := &open[i]
			height := max(g.Dy(), o.last.Dy())
			overlap := min(g.Max.Y, o.last.Max.Y) - max(g.Min.Y, o.last.Min.Y)
			if g.Min.X-o.Max.X <= height && 2*overlap >= min(g.Dy(), o.last.Dy()) && 2*min(g.Dy(), o.last.Dy()) >= height {
				o.Rectangle, o.last, o.n = o.Union(g), g, o.n+1
				joined = true
				break
			}
		}
		if !joined {
			open = append(open, row{g, g, 1})
		}
	}
	var out []image.Rectangle
	for _, o := range open {
		if o.n >= 2 {
			out = append(out, o.Inset(-2-o.Dy()/8))
		}
	}
	return out
}
