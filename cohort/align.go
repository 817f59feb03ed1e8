package cohort

import "math"

// placement lays one thumbnail over another: mirrored or not, scaled about the middle by rows and by columns, moved by pixels of the
// thumbnail.
type placement struct {
	mirrored bool
	sy, sx   float64
	dy, dx   float64
}

// leastOverlap is the share of a thumbnail that another must cover to be compared with it.
const leastOverlap = 0.6

// align finds the placement of b over a at which they correlate best: at half the size over scales of 0.8 to 1.25 and shifts of a sixth of
// the picture, then finer.
func align(a, b []float64, mirrored bool) (best placement, r float64) {
	r = -1
	smallA, smallB := halfSize(a), halfSize(b)
	for _, s := range []float64{0.8, 0.86, 0.93, 1, 1.075, 1.16, 1.25} {
		for dy := -4.0; dy <= 4; dy++ {
			for dx := -4.0; dx <= 4; dx++ {
				if got := correlate(smallA, smallB, placement{mirrored, s, s, dy, dx}, thumbSide/2); got > r {
					best, r = placement{mirrored, s, s, 2 * dy, 2 * dx}, got
				}
			}
		}
	}
	look := func(p placement) {
		if got := correlate(a, b, p, thumbSide); got > r {
			best, r = p, got
		}
	}
	r = correlate(a, b, best, thumbSide)
	for _, step := range []float64{2, 1, 0.5, 0.25} { // one axis after the other, its scale and its shift together
		for last := -1.0; r > last; {
			last = r
			from := best
			for _, ds := range []float64{-0.03, 0, 0.03} {
				for d := -1.0; d <= 1; d++ {
					look(placement{from.mirrored, from.sy + ds*step, from.sx, from.dy + d*step, from.dx})
				}
			}
			from = best
			for _, ds := range []float64{-0.03, 0, 0.03} {
				for d := -1.0; d <= 1; d++ {
					look(placement{from.mirrored, from.sy, from.sx + ds*step, from.dy, from.dx + d*step})
				}
			}
		}
	}
	return best, r
}

// correlate is Pearson's r of a and the placed b, both side × side, where both are; -1 where they overlap too little.
func correlate(a, b []float64, p placement, side int) float64 {
	mid, last := float64(side-1)/2, float64(side-1)
	var n, sa, sb, saa, sbb, sab float64
	for y := range side {
		v := (float64(y)-mid-p.dy)/p.sy + mid
		if v < 0 || v > last {
			continue
		}
		v0 := min(int(v), side-2)
		fv := v - float64(v0)
		for x := range side {
			u := (float64(x)-mid-p.dx)/p.sx + mid
			if u < 0 || u > last {
				continue
			}
			if p.mirrored {
				u = last - u
			}
			u0 := min(int(u), side-2)
			fu := u - float64(u0)
			at := v0*side + u0
			w := (1-fv)*((1-fu)*b[at]+fu*b[at+1]) + fv*((1-fu)*b[at+side]+fu*b[at+side+1])
			z := a[y*side+x]
			n, sa, sb, saa, sbb, sab = n+1, sa+z, sb+w, saa+z*z, sbb+w*w, sab+z*w
		}
	}
	if n < leastOverlap*float64(side*side) {
		return -1
	}
	d := (saa - sa*sa/n) * (sbb - sb*sb/n)
	if d <= 0 {
		return -1
	}
	return (sab - sa*sb/n) / math.Sqrt(d)
}

// halfSize is the mean of two by two pixels.
func halfSize(grid []float64) []float64 {
	const side = thumbSide / 2
	out := make([]float64, side*side)
	for i := range out {
		at := 2*(i/side)*thumbSide + 2*(i%side)
		out[i] = (grid[at] + grid[at+1] + grid[at+thumbSide] + grid[at+thumbSide+1]) / 4
	}
	return out
}

// details are the thumbnails of up to 256 frames, evenly, without their slow parts; flat frames are left out.
func details(s samples, frames int) (out [][]float64) {
	n := min(frames, 256)
	for i := range n {
		if d := detail(s.grid(i * frames / n)); d != nil {
			out = append(out, d)
		}
	}
	return out
}

// contained is the least, over three frames of a, of the best correlation with any frame of b placed so.
func contained(a, b [][]float64, p placement, swapped bool) float64 {
	least := 1.0
	for k := range 3 {
		x := a[(2*k+1)*len(a)/6]
		best := -1.0
		for _, y := range b {
			if swapped {
				best = max(best, correlate(y, x, p, thumbSide))
			} else {
				best = max(best, correlate(x, y, p, thumbSide))
			}
		}
		least = min(least, best)
	}
	return least
}
