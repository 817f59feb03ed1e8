package text

import (
	"github.com/cineloop/cineloop/deid/pixels/net"
)

// Picture is what the detector sees of a frame.
type Picture struct {
	W, H  int
	Value []uint8 // the largest of red, green and blue, or grey
	Sat   []uint8 // the difference of the largest and the smallest; nil for grey
}

// FromRGB is the picture of interleaved RGB.
func FromRGB(rgb []byte, w, h int) Picture {
	p := Picture{W: w, H: h, Value: make([]uint8, w*h), Sat: make([]uint8, w*h)}
	for i := range p.Value {
		r, g, b := rgb[3*i], rgb[3*i+1], rgb[3*i+2]
		hi := max(r, g, b)
		p.Value[i], p.Sat[i] = hi, hi-min(r, g, b)
	}
	return p
}

// FromGrey is the picture of grey values, which it keeps.
func FromGrey(grey []byte, w, h int) Picture { return Picture{W: w, H: h, Value: grey} }

// Half is the picture at half its size, rounded down; it needs two rows and columns.
func (p Picture) Half() Picture {
	half := func(src []uint8) []uint8 {
		if src == nil {
			return nil
		}
		w, h := p.W/2, p.H/2
		out := make([]uint8, w*h)
		for y := range h {
			a, b := src[2*y*p.W:(2*y+1)*p.W], src[(2*y+1)*p.W:(2*y+2)*p.W]
			for x := range w {
				out[y*w+x] = uint8((int(a[2*x]) + int(a[2*x+1]) + int(b[2*x]) + int(b[2*x+1]) + 2) / 4)
			}
		}
		return out
	}
	return Picture{W: p.W / 2, H: p.H / 2, Value: half(p.Value), Sat: half(p.Sat)}
}

// Double is the picture at twice its size, for small ones: bilinear.
func (p Picture) Double() Picture {
	double := func(src []uint8) []uint8 {
		if src == nil {
			return nil
		}
		w := 2 * p.W
		out := make([]uint8, 4*p.W*p.H)
		at := func(y, x int) int { return int(src[min(max(y, 0), p.H-1)*p.W+min(max(x, 0), p.W-1)]) }
		for y := range p.H {
			for x := range p.W {
				for k := range 4 {
					dy, dx := 2*(k>>1)-1, 2*(k&1)-1
					out[(2*y+k>>1)*w+2*x+k&1] = uint8((9*at(y, x) + 3*at(y, x+dx) + 3*at(y+dy, x) + at(y+dy, x+dx) + 8) / 16)
				}
			}
		}
		return out
	}
	return Picture{W: 2 * p.W, H: 2 * p.H, Value: double(p.Value), Sat: double(p.Sat)}
}

// planes is the network's input.
func (p Picture) planes() *net.Planes {
	in := net.NewPlanes(2, p.H, p.W, 0)
	for y := range p.H {
		for c, src := range [2][]uint8{p.Value, p.Sat} {
			if src == nil {
				continue
			}
			row := in.Row(c, y)
			for x, v := range src[y*p.W : (y+1)*p.W] {
				row[x] = float32(v) / 255
			}
		}
	}
	return in
}
