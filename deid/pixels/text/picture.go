package text

import (
	"image"

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

// crop is the part from (x0, y0) up to but not including (x1, y1).
func (p Picture) crop(x0, y0, x1, y1 int) Picture {
	cut := func(src []uint8) []uint8 {
		if src == nil {
			return nil
		}
		out := make([]uint8, 0, (x1-x0)*(y1-y0))
		for y := y0; y < y1; y++ {
			out = append(out, src[y*p.W+x0:y*p.W+x1]...)
		}
		return out
	}
	return Picture{W: x1 - x0, H: y1 - y0, Value: cut(p.Value), Sat: cut(p.Sat)}
}

// Turn is the picture turned by a quarter with the clock: writing that runs upwards runs to the right in it.
func (p Picture) Turn() Picture {
	turn := func(src []uint8) []uint8 {
		if src == nil {
			return nil
		}
		out := make([]uint8, p.W*p.H)
		for y := range p.H {
			for x, v := range src[y*p.W : (y+1)*p.W] {
				out[x*p.H+p.H-1-y] = v
			}
		}
		return out
	}
	return Picture{W: p.H, H: p.W, Value: turn(p.Value), Sat: turn(p.Sat)}
}

// TurnBack is a box of the turned picture in pixels of p.
func (p Picture) TurnBack(b Box) Box {
	back := func(r image.Rectangle) image.Rectangle {
		return image.Rect(r.Min.Y, p.H-r.Max.X, r.Max.Y, p.H-r.Min.X)
	}
	parts := make([]image.Rectangle, len(b.Parts))
	for i, r := range b.Parts {
		parts[i] = back(r)
	}
	b.Rectangle, b.Parts = back(b.Rectangle), parts
	return b
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
