package ejection

import "math"

// Plane is a mask of the cavity in one long-axis picture.
type Plane struct {
	In              []bool // [H, W]
	H, W            int
	RowMM, ColumnMM float64 // distance of rows and of columns
}

// point is a position in mm: x along columns, y down rows.
type point struct{ x, y float64 }

// cloud are the middles of the mask's pixels, and the area of one, mm².
func (p Plane) cloud() (at []point, pixel float64) {
	for i, on := range p.In {
		if on {
			at = append(at, point{float64(i%p.W) * p.ColumnMM, float64(i/p.W) * p.RowMM})
		}
	}
	return at, p.RowMM * p.ColumnMM
}

// Area is the mask's area, mm².
func (p Plane) Area() float64 {
	at, pixel := p.cloud()
	return float64(len(at)) * pixel
}

// axis is a direction through the mask's centroid with how far the mask reaches along it.
type axis struct {
	mid       point
	dir       point // unit length
	low, high float64
}

// long is the mask's long axis: the direction of the largest second moment. Its ends are where the mask ends along it, half a pixel beyond
// the last pixels' middles; ok is false for an empty mask or one without a direction (a disc).
func (p Plane) long() (axis, bool) {
	at, _ := p.cloud()
	if len(at) < 2 {
		return axis{}, false
	}
	var a axis
	n := float64(len(at))
	for _, q := range at {
		a.mid.x += q.x / n
		a.mid.y += q.y / n
	}
	var xx, yy, xy float64
	for _, q := range at {
		dx, dy := q.x-a.mid.x, q.y-a.mid.y
		xx, yy, xy = xx+dx*dx/n, yy+dy*dy/n, xy+dx*dy/n
	}
	if math.Hypot(xx-yy, 2*xy) < 1e-9*(xx+yy) {
		return axis{}, false
	}
	angle := math.Atan2(2*xy, xx-yy) / 2
	a.dir = point{math.Cos(angle), math.Sin(angle)}
	a.low, a.high = math.Inf(1), math.Inf(-1)
	for _, q := range at {
		t := (q.x-a.mid.x)*a.dir.x + (q.y-a.mid.y)*a.dir.y
		a.low, a.high = math.Min(a.low, t), math.Max(a.high, t)
	}
	half := (math.Abs(a.dir.x)*p.ColumnMM + math.Abs(a.dir.y)*p.RowMM) / 2
	a.low, a.high = a.low-half, a.high+half
	return a, true
}

// Length is the length of the mask along its long axis, mm; NaN where it has none.
func (p Plane) Length() float64 {
	a, ok := p.long()
	if !ok {
		return math.NaN()
	}
	return a.high - a.low
}

// Diameters are the mask's widths across its long axis in n discs of equal height, from one end to the other, mm: the area of each disc's
// pixels over its height. Pixels that a border between discs cuts are shared by the part of their extent along the axis.
func (p Plane) Diameters(n int) []float64 {
	a, ok := p.long()
	out := make([]float64, n)
	if !ok {
		for i := range out {
			out[i] = math.NaN()
		}
		return out
	}
	at, pixel := p.cloud()
	height := (a.high - a.low) / float64(n)
	half := (math.Abs(a.dir.x)*p.ColumnMM + math.Abs(a.dir.y)*p.RowMM) / 2
	for _, q := range at {
		t := (q.x-a.mid.x)*a.dir.x + (q.y-a.mid.y)*a.dir.y - a.low
		for k := max(0, int((t-half)/height)); k < n && float64(k)*height < t+half; k++ {
			share := math.Min(t+half, float64(k+1)*height) - math.Max(t-half, float64(k)*height)
			out[k] += pixel * math.Max(0, share) / (2 * half)
		}
	}
	for i := range out {
		out[i] /= height
	}
	return out
}
