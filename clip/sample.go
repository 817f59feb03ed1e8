package clip

import (
	"encoding/binary"
	"math"
)

// matrix maps an output pixel (u, v) to source sample coordinates, both counted between sample centres:
// x = m[0]·u + m[1]·v + m[2], y = m[3]·u + m[4]·v + m[5].
type matrix [6]float64

// plane is one channel of one frame, seen through strides so that axes may be exchanged without a copy.
type plane[T Number] struct {
	data         []T
	base         int // index of sample (0, 0)
	width        int
	height       int
	strideX      int
	strideY      int
	endX, endY   float64 // the image's border: the largest coordinates that are inside it
	contiguous8  []byte  // the frame itself when T is uint8 and rows are contiguous; nil otherwise
	contiguousBy int     // its row length
}

var nan32 = float32(math.NaN())

// sampler holds the scratch memory of one goroutine.
type sampler struct {
	reduced []float32
	sums    []uint32
	cols    []axisTap
	luma8   []uint8
	lumaF   []float32
	planar  []float32
	inter   []float32
}

// axisTap is one output column's (or row's) place on the source axis.
type axisTap struct {
	at     int // first sample's offset
	next   int // offset of the second from the first: 0 at the edge
	frac   float32
	inside bool
}

// addPlane adds weight times the plane, sampled through m, to dst [h, w]. Samples that are not of the plane are NaN.
//
// When an output pixel covers more than about one source sample along an axis, the plane is first averaged over whole boxes of
// round(step) samples, and then read bilinearly: anti-aliased for any rotation, exact for whole-numbered factors, one pass over
// the source. Masks are read at the nearest sample.
func addPlane[T Number](s *sampler, dst []float32, w, h int, p plane[T], m matrix, weight float32, nearest bool) {
	if nearest {
		addNearest(dst, w, h, p, m, weight)
		return
	}
	kx := boxSize(m[0], m[1], p.width)
	ky := boxSize(m[3], m[4], p.height)
	if kx == 1 && ky == 1 {
		addBilinear(s, dst, w, h, p, m, weight)
		return
	}
	x0, x1 := span(m[0], m[1], m[2], w, h, p.width, kx)
	y0, y1 := span(m[3], m[4], m[5], w, h, p.height, ky)
	if x0 >= x1 || y0 >= y1 { // entirely outside
		for i := range dst[:w*h] {
			dst[i] = nan32
		}
		return
	}
	rw, rh := (x1-x0+kx-1)/kx, (y1-y0+ky-1)/ky
	s.reduced = grow(s.reduced, rw*rh)
	if p.contiguous8 != nil && ky <= 256 {
		reduceBytes(s, p.contiguous8, p.contiguousBy, x0, x1, y0, y1, kx, ky)
	} else {
		reduce(s.reduced, p, x0, x1, y0, y1, kx, ky)
	}
	fx, fy := 1/float64(kx), 1/float64(ky)
	r := plane[float32]{data: s.reduced, width: rw, height: rh, strideX: 1, strideY: rw}
	r.endX, r.endY = (p.endX+0.5-float64(x0))*fx-0.5, (p.endY+0.5-float64(y0))*fy-0.5 // the last boxes may be partial
	m = matrix{m[0] * fx, m[1] * fx, (m[2]+0.5-float64(x0))*fx - 0.5, m[3] * fy, m[4] * fy, (m[5]+0.5-float64(y0))*fy - 0.5}
	addBilinear(s, dst, w, h, r, m, weight)
}

// boxSize is the whole number of source samples that one output pixel covers along an axis.
func boxSize(a, b float64, n int) int {
	step := math.Hypot(a, b)
	if !(step < float64(n)) { // also NaN and infinite
		return n
	}
	return max(1, int(step+0.5))
}

// span is the range of source samples that the output's pixels can touch along one axis, its start aligned with the first pixel's edge.
func span(a, b, c float64, w, h, n, k int) (int, int) {
	u, v := float64(w-1), float64(h-1)
	lo := c + min(a*u, 0) + min(b*v, 0)
	hi := c + max(a*u, 0) + max(b*v, 0)
	half := math.Hypot(a, b) / 2
	if a != 0 && b != 0 { // oblique: a bilinear read reaches one box further
		half += float64(k)
	}
	return clampInt(math.Floor(lo-half+0.5+1e-6), n), clampInt(math.Ceil(hi+half+0.5-1e-6), n)
}

func clampInt(v float64, n int) int {
	if !(v > 0) {
		return 0
	}
	if v > float64(n) {
		return n
	}
	return int(v)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// reduce averages boxes of kx×ky samples of the plane's region into dst; the last boxes may be partial.
func reduce[T Number](dst []float32, p plane[T], x0, x1, y0, y1, kx, ky int) {
	o := 0
	for y := y0; y < y1; y += ky {
		yEnd := min(y+ky, y1)
		for x := x0; x < x1; x += kx {
			xEnd := min(x+kx, x1)
			var sum float64
			for yy := y; yy < yEnd; yy++ {
				i := p.base + yy*p.strideY + x*p.strideX
				for range xEnd - x {
					sum += float64(p.data[i])
					i += p.strideX
				}
			}
			dst[o] = float32(sum / float64((yEnd-y)*(xEnd-x)))
			o++
		}
	}
}

// reduceBytes is reduce for contiguous bytes. Columns are added sixteen at a time in the 16-bit lanes of four words; their running
// total along the row then gives each box by one subtraction.
func reduceBytes(s *sampler, data []byte, stride, x0, x1, y0, y1, kx, ky int) {
	const lanes = 0x00ff00ff00ff00ff
	width := x1 - x0
	s.sums = grow(s.sums, width+1)
	sums := s.sums // sums[x]: of the columns before x
	o := 0
	for y := y0; y < y1; y += ky {
		rows := min(ky, y1-y)
		top := data[y*stride+x0:]
		var total uint32
		sums[0] = 0
		x := 0
		for ; x+16 <= width; x += 16 {
			var even, odd, even2, odd2 uint64
			i := x
			for range rows {
				p := top[i : i+16 : i+16]
				v, w := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
				even += v & lanes
				odd += v >> 8 & lanes
				even2 += w & lanes
				odd2 += w >> 8 & lanes
				i += stride
			}
			out := (*[16]uint32)(sums[x+1:])
			total = addLanes(out[:8:8], total, even, odd)
			total = addLanes(out[8:16:16], total, even2, odd2)
		}
		for ; x < width; x++ {
			for i, r := x, 0; r < rows; i, r = i+stride, r+1 {
				total += uint32(top[i])
			}
			sums[x+1] = total
		}
		inv := 1 / float32(rows*kx)
		full := width / kx
		out := s.reduced[o : o+full]
		var before uint32
		at := kx
		for i := range out {
			after := sums[at]
			out[i] = float32(after-before) * inv
			before = after
			at += kx
		}
		o += full
		if left := width - full*kx; left > 0 {
			s.reduced[o] = float32(sums[width]-before) / float32(rows*left)
			o++
		}
	}
}

// addLanes writes the running totals after each of eight columns.
func addLanes(out []uint32, total uint32, even, odd uint64) uint32 {
	_ = out[7]
	a := total + uint32(even&0xffff)
	b := a + uint32(odd&0xffff)
	c := b + uint32(even>>16&0xffff)
	d := c + uint32(odd>>16&0xffff)
	e := d + uint32(even>>32&0xffff)
	f := e + uint32(odd>>32&0xffff)
	g := f + uint32(even>>48)
	h := g + uint32(odd>>48)
	out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7] = a, b, c, d, e, f, g, h
	return h
}

// edge is how far, in samples, before the first centre a position still belongs to the image.
const edge = 0.5 + 1e-6

func addBilinear[T Number](s *sampler, dst []float32, w, h int, p plane[T], m matrix, weight float32) {
	if m[1] == 0 && m[3] == 0 {
		addSeparable(s, dst, w, h, p, m, weight)
		return
	}
	maxX, maxY := float64(p.width-1), float64(p.height-1)
	for v := range h {
		row := dst[v*w : (v+1)*w]
		x, y := m[1]*float64(v)+m[2], m[4]*float64(v)+m[5]
		for u := range row {
			px, py := x+m[0]*float64(u), y+m[3]*float64(u)
			if !(px >= -edge && py >= -edge && px <= p.endX+1e-6 && py <= p.endY+1e-6) {
				row[u] = nan32
				continue
			}
			px, py = min(max(px, 0), maxX), min(max(py, 0), maxY)
			ix, iy := int(px), int(py)
			fx, fy := float32(px-float64(ix)), float32(py-float64(iy))
			i := p.base + iy*p.strideY + ix*p.strideX
			dx, dy := p.strideX, p.strideY
			if ix == p.width-1 {
				dx = 0
			}
			if iy == p.height-1 {
				dy = 0
			}
			a, b := float32(p.data[i]), float32(p.data[i+dx])
			c, d := float32(p.data[i+dy]), float32(p.data[i+dy+dx])
			a += (b - a) * fx
			c += (d - c) * fx
			row[u] += weight * (a + (c-a)*fy)
		}
	}
}

// addSeparable is addBilinear when rows stay rows: each column's place is worked out once.
func addSeparable[T Number](s *sampler, dst []float32, w, h int, p plane[T], m matrix, weight float32) {
	s.cols = grow(s.cols, w)
	for u := range s.cols {
		s.cols[u] = tap(m[0]*float64(u)+m[2], p.width, p.strideX, p.endX)
	}
	for v := range h {
		row := dst[v*w : (v+1)*w]
		r := tap(m[4]*float64(v)+m[5], p.height, p.strideY, p.endY)
		if !r.inside {
			for u := range row {
				row[u] = nan32
			}
			continue
		}
		top := p.data[p.base+r.at:]
		bottom := top[r.next:]
		for u := range row {
			t := s.cols[u]
			if !t.inside {
				row[u] = nan32
				continue
			}
			a, b := float32(top[t.at]), float32(top[t.at+t.next])
			c, d := float32(bottom[t.at]), float32(bottom[t.at+t.next])
			a += (b - a) * t.frac
			c += (d - c) * t.frac
			row[u] += weight * (a + (c-a)*r.frac)
		}
	}
}

func tap(p float64, n, stride int, end float64) axisTap {
	if !(p >= -edge && p <= end+1e-6) {
		return axisTap{}
	}
	p = min(max(p, 0), float64(n-1))
	i := int(p)
	t := axisTap{at: i * stride, frac: float32(p - float64(i)), inside: true}
	if i < n-1 && t.frac > 0 { // a neighbour of no weight may be no number
		t.next = stride
	}
	return t
}

func addNearest[T Number](dst []float32, w, h int, p plane[T], m matrix, weight float32) {
	for v := range h {
		for u := range w {
			x := math.Floor(m[0]*float64(u) + m[1]*float64(v) + m[2] + 0.5)
			y := math.Floor(m[3]*float64(u) + m[4]*float64(v) + m[5] + 0.5)
			if !(x >= 0 && y >= 0 && x < float64(p.width) && y < float64(p.height)) {
				dst[v*w+u] = nan32
				continue
			}
			dst[v*w+u] += weight * float32(p.data[p.base+int(y)*p.strideY+int(x)*p.strideX])
		}
	}
}
