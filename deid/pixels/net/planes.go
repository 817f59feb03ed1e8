package net

// Planes are C channels of H × W values with a border of zeros, so that a convolution needs no case at the edge. Rows have slack to the
// right for loops that work on sixteen values at a time.
type Planes struct {
	C, H, W int
	pad     int
	stride  int // of a row
	plane   int // of a channel
	v       []float32
}

const lanes = 16

// NewPlanes are planes of zeros.
func NewPlanes(c, h, w, pad int) *Planes {
	p := &Planes{}
	p.reset(c, h, w, pad)
	return p
}

// reset makes p planes of zeros of another size, in the same memory if it is large enough.
func (p *Planes) reset(c, h, w, pad int) {
	p.C, p.H, p.W, p.pad = c, h, w, pad
	p.stride = (pad+w+lanes-1)/lanes*lanes + pad + lanes
	p.plane = p.stride * (h + 2*pad)
	n := c*p.plane + lanes
	if cap(p.v) < n {
		p.v = make([]float32, n)
		return
	}
	p.v = p.v[:n]
	clear(p.v)
}

func (p *Planes) at(c, y, x int) int { return c*p.plane + (y+p.pad)*p.stride + p.pad + x }

// Row is row y of channel c; writing to it is allowed.
func (p *Planes) Row(c, y int) []float32 {
	i := p.at(c, y, 0)
	return p.v[i : i+p.W : i+p.W]
}

// split turns C channels into 4C of half the size: the four phases of every 2 × 2 cell. An odd last row or column is completed by zeros.
func (p *Planes) split(dst *Planes, pad int) {
	dst.reset(4*p.C, (p.H+1)/2, (p.W+1)/2, pad)
	for c := range p.C {
		for y := range p.H {
			src := p.Row(c, y)
			even, odd := dst.Row(4*c+2*(y&1), y/2), dst.Row(4*c+2*(y&1)+1, y/2)
			for x := 0; x+1 < len(src); x += 2 {
				even[x/2], odd[x/2] = src[x], src[x+1]
			}
			if len(src)&1 == 1 {
				even[len(src)/2] = src[len(src)-1]
			}
		}
	}
}
