package jpeg

import "sync"

var pool = sync.Pool{New: func() any { return new(decoder) }}

// output interleaves the components into d.out, upsampling and converting on the way, two rows of chroma at a time.
func (d *decoder) output() {
	n := d.Components
	if d.opt.GreyOnly {
		n = 1
		d.Components, d.Subsampled = 1, false
	}
	if d.Precision > 8 {
		d.outputWide(n)
		return
	}
	d.out = resize(d.out, d.Rows*d.Columns*n)
	if n == 1 {
		c := &d.comps[0]
		for y := range d.Rows {
			copy(d.out[y*d.Columns:(y+1)*d.Columns], c.plane[y*c.stride:])
		}
		return
	}
	rgb := d.opt.RGB && n == 3
	var rows [maxComponents][]byte
	var buf [maxComponents][]byte
	for i := range n {
		if c := &d.comps[i]; c.h != d.hmax || c.v != d.vmax {
			buf[i] = make([]byte, 2*c.width*d.hmax/c.h+2*d.hmax)
		}
	}
	for y := range d.Rows {
		for i := range n {
			c := &d.comps[i]
			if buf[i] == nil {
				rows[i] = c.plane[y*c.stride : y*c.stride+d.Columns]
				continue
			}
			d.upsample(c, y, buf[i])
			rows[i] = buf[i][:d.Columns]
		}
		out := d.out[y*d.Columns*n : (y+1)*d.Columns*n]
		switch {
		case rgb:
			convertRow(out, rows[0], rows[1], rows[2])
		case n == 3:
			interleave3(out, rows[0], rows[1], rows[2])
		default:
			for i := range n {
				for x, v := range rows[i] {
					out[x*n+i] = v
				}
			}
		}
	}
}

func interleave3(out, a, b, c []byte) {
	b, c = b[:len(a)], c[:len(a)]
	out = out[:3*len(a)]
	for x := range a {
		out[3*x], out[3*x+1], out[3*x+2] = a[x], b[x], c[x]
	}
}

// upsample makes row y of the image from component c. Factors of two use the triangle filter, as libjpeg's default does when a row
// has more than two samples; all others repeat samples.
func (d *decoder) upsample(c *component, y int, out []byte) {
	hx, vx := d.hmax/c.h, d.vmax/c.v
	row := func(i int) []byte {
		i = min(max(i, 0), c.height-1)
		return c.plane[i*c.stride : i*c.stride+c.width]
	}
	exact := d.hmax%c.h == 0 && d.vmax%c.v == 0
	switch {
	case exact && hx == 2 && vx == 1 && c.width > 2:
		triangle1(out, row(y))
	case exact && hx == 2 && vx == 2 && c.width > 2:
		near := y / 2
		far := near - 1 + y&1*2
		triangle2(out, row(near), row(far))
	default:
		in := row(y * c.v / d.vmax)
		for x := range d.Columns {
			out[x] = in[x*c.h/d.hmax]
		}
	}
}

// triangle1 doubles a row: each output is 3/4 of the nearer sample and 1/4 of the farther.
func triangle1(out, in []byte) {
	n := len(in)
	out = out[:2*n]
	out[0] = in[0]
	out[1] = byte((3*int(in[0]) + int(in[1]) + 2) >> 2)
	prev, this := int(in[0]), int(in[1])
	for i := 1; i < n-1; i++ {
		next := int(in[i+1])
		out[2*i] = byte((3*this + prev + 1) >> 2)
		out[2*i+1] = byte((3*this + next + 2) >> 2)
		prev, this = this, next
	}
	out[2*n-2] = byte((3*this + prev + 1) >> 2)
	out[2*n-1] = in[n-1]
}

// triangle2 doubles a row that is itself 3/4 of the nearer and 1/4 of the farther of two rows.
func triangle2(out, near, far []byte) {
	n := len(near)
	far = far[:n]
	out = out[:2*n]
	this := 3*int(near[0]) + int(far[0])
	next := 3*int(near[1]) + int(far[1])
	out[0] = byte((this*4 + 8) >> 4)
	out[1] = byte((this*3 + next + 7) >> 4)
	prev := this
	this = next
	for i := 1; i < n-1; i++ {
		next = 3*int(near[i+1]) + int(far[i+1])
		out[2*i] = byte((this*3 + prev + 8) >> 4)
		out[2*i+1] = byte((this*3 + next + 7) >> 4)
		prev, this = this, next
	}
	out[2*n-2] = byte((this*3 + prev + 8) >> 4)
	out[2*n-1] = byte((this*4 + 7) >> 4)
}

// outputWide is output for samples of more than 8 bits: no conversion, and chroma repeated.
func (d *decoder) outputWide(n int) {
	d.out = resize(d.out, 2*d.Rows*d.Columns*n)
	at := 0
	for y := range d.Rows {
		for x := range d.Columns {
			for i := range n {
				c := &d.comps[i]
				v := c.wide[y*c.v/d.vmax*c.stride+x*c.h/d.hmax]
				d.out[at], d.out[at+1] = byte(v), byte(v>>8)
				at += 2
			}
		}
	}
}

// Tables of YCbCr to RGB in 16-bit fixed point, libjpeg's (jdcolor.c); the formula is that of PS3.3 C.7.6.3.1.2 for YBR_FULL.
var redOf, blueOf, greenOfCr, greenOfCb [256]int32

func init() {
	for i := range 256 {
		x := int32(i) - 128
		redOf[i] = (91881*x + 1<<15) >> 16
		blueOf[i] = (116130*x + 1<<15) >> 16
		greenOfCr[i] = -46802 * x
		greenOfCb[i] = -22554*x + 1<<15
	}
}

// ToRGB converts interleaved YBR_FULL samples to RGB in place.
func ToRGB(p []byte) {
	for ; len(p) >= 3; p = p[3:] {
		y, cb, cr := int32(p[0]), p[1], p[2]
		p[0] = clamp(y + redOf[cr])
		p[1] = clamp(y + (greenOfCb[cb]+greenOfCr[cr])>>16)
		p[2] = clamp(y + blueOf[cb])
	}
}

func convertRow(out, yy, cb, cr []byte) {
	cb, cr = cb[:len(yy)], cr[:len(yy)]
	out = out[:3*len(yy)]
	for x := range yy {
		y, b, r := int32(yy[x]), cb[x], cr[x]
		o := out[3*x : 3*x+3 : 3*x+3]
		if b == 128 && r == 128 { // most of an ultrasound image is grey
			o[0], o[1], o[2] = yy[x], yy[x], yy[x]
			continue
		}
		o[0] = clamp(y + redOf[r])
		o[1] = clamp(y + (greenOfCb[b]+greenOfCr[r])>>16)
		o[2] = clamp(y + blueOf[b])
	}
}

func clamp(v int32) byte {
	if uint32(v) > 255 {
		return byte(^(v >> 31))
	}
	return byte(v)
}
