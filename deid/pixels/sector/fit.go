package sector

import "math"

// Shape is a fan or a rectangle, in cells of the grid (centres at half numbers).
type Shape struct {
	Fan bool
	// Of a fan: the point where its lines meet, their slopes (columns a row) to the left and right of straight down, and the radii of its arcs.
	X, Y, Left, Right, Near, Far float64
	// Of a rectangle.
	X0, Y0, X1, Y1 float64
}

// contains reports whether a point lies in the shape, or not farther outside than about margin.
func (s *Shape) contains(x, y, margin float64) bool {
	if !s.Fan {
		return x >= s.X0-margin && x < s.X1+margin && y >= s.Y0-margin && y < s.Y1+margin
	}
	dx, dy := x-s.X, y-s.Y
	d := math.Hypot(dx, dy)
	return d <= s.Far+margin && d >= s.Near-margin && dx >= -s.Left*dy-margin*math.Sqrt(1+s.Left*s.Left) && dx <= s.Right*dy+margin*math.Sqrt(1+s.Right*s.Right)
}

// agreement is the share of the union of shape and cells that both have (Jaccard), on every each-th cell of every each-th row.
func (s *Shape) agreement(on []bool, each int) float64 {
	both, either := 0, 0
	near, far := s.Near*s.Near, s.Far*s.Far
	for y := each / 2; y < GridH; y += each {
		row := on[y*GridW : (y+1)*GridW]
		// The shape's cells of a row lie between x0 and x1; of a fan, those in the ring.
		var x0, x1, dy2 float64
		if s.Fan {
			dy := float64(y) + 0.5 - s.Y
			x0, x1, dy2 = s.X-s.Left*dy, s.X+s.Right*dy, dy*dy
		} else if fy := float64(y) + 0.5; fy >= s.Y0 && fy < s.Y1 {
			x0, x1 = s.X0, s.X1
		}
		for x := each / 2; x < GridW; x += each {
			fx := float64(x) + 0.5
			in := fx >= x0 && fx < x1
			if in && s.Fan {
				d := (fx-s.X)*(fx-s.X) + dy2
				in = d <= far && d >= near
			}
			if in && row[x] {
				both++
			}
			if in || row[x] {
				either++
			}
		}
	}
	if either == 0 {
		return 0
	}
	return float64(both) / float64(either)
}

// fit is the fan or rectangle that agrees best with the cells of one field, and how well.
func fit(on []bool) (Shape, float64) {
	x0, y0, x1, y1 := GridW, GridH, 0, 0
	for i, v := range on {
		if v {
			x, y := i%GridW, i/GridW
			x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
		}
	}
	if x1 == 0 {
		return Shape{}, 0
	}
	best := Shape{X0: float64(x0), Y0: float64(y0), X1: float64(x1), Y1: float64(y1)}
	score := best.descend(on, []*float64{&best.X0, &best.Y0, &best.X1, &best.Y1})
	h, w := float64(y1-y0), float64(x1-x0)
	for _, above := range []float64{0, 0.15, 0.5, 1.2} {
		for _, wide := range []float64{0.5, 0.9} {
			f := Shape{Fan: true, X: float64(x0+x1) / 2, Y: float64(y0) - above*h, Near: above * h}
			f.Far = float64(y1) - f.Y
			f.Left = w / 2 / (h * (above + wide))
			f.Right = f.Left
			if first := f.agreement(on, 2); first < 0.35 || first < score-0.45 {
				continue
			}
			if v := f.descend(on, []*float64{&f.Left, &f.Right, &f.X, &f.Y, &f.Near, &f.Far}); v > score {
				best, score = f, v
			}
		}
	}
	return best, score
}

// descend moves one parameter at a time while the agreement grows, in steps that shrink; long steps are judged on a quarter of the cells.
func (s *Shape) descend(on []bool, params []*float64) float64 {
	score, last := 0.0, 0
	for step := 8.0; step > 0.2; step /= 2 {
		each := 2
		if step <= 0.5 {
			each = 1
		}
		if each != last {
			score, last = s.agreement(on, each), each
		}
		for range 12 {
			moved := false
			for i, p := range params {
				d := step
				if s.Fan && i < 2 {
					d = step / 24 // slopes
				}
				for _, sign := range []float64{1, -1} {
					old := *p
					*p += sign * d
					if s.Near < 0 {
						s.Near = 0
					}
					if v := s.agreement(on, each); v > score+1e-9 {
						score, moved = v, true
						break
					}
					*p = old
				}
			}
			if !moved {
				break
			}
		}
	}
	return score
}
