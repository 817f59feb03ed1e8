package main

import (
	"image/color"
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/deid/pixels/net"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/deid/pixels/sector"
	"github.com/cineloop/cineloop/stats"
)

// sectorTask learns which cells of a still picture lie in a scanning sector, from screens that are made up: fans, convex and linear fields
// of speckle on the furniture of many scanners. The echo phantom's screens, with shapes and a look of their own, are held out.
func sectorTask(seed stats.Seed) (*task, error) {
	m := newModel(newBlock(net.Phase, 3, 24, 3, 1), newBlock(net.Same, 24, 24, 3, 1), newBlock(net.Same, 24, 24, 3, 2), newBlock(net.Same, 24, 24, 3, 4),
		newBlock(net.Same, 24, 24, 3, 8), newBlock(net.Same, 24, 24, 3, 16), newBlock(net.Same, 24, 24, 3, 1))
	g := &sectorData{fonts: append(plant.Builtin(), plant.System("/usr/share/fonts", trainFonts...)...)}
	for i, size := range []int{240, 434} {
		cfg := phantom.Config{Seed: seed + stats.Seed(100+i), Patients: 8, Frames: 8, Height: size, Width: size * 4 / 3}
		c, err := phantom.New(cfg)
		if err != nil {
			return nil, err
		}
		cfg.Tissue = true
		bare, err := phantom.New(cfg)
		if err != nil {
			return nil, err
		}
		for k := range 8 {
			v := phantom.Views[k%len(phantom.Views)]
			shown, _ := c.Clip(k, v)
			tissue, _ := bare.Clip(k, v)
			g.held = append(g.held, phantomScreen(shown.Frame(2), tissue.Frame(0), tissue.Frame(4), size, size*4/3))
		}
	}
	const h, w = sector.GridH, sector.GridW
	return &task{model: m, channels: 12, h: h / 2, w: w / 2, oh: h / 2, ow: w / 2, batch: 16, lr: 3e-3, draw: g.draw}, nil
}

type sectorData struct {
	fonts []plant.Font
	held  []sample
}

// screen is a picture with the pixels of its sector.
type screen struct {
	h, w   int
	pix    []uint8
	inside []bool
}

// phantomScreen takes the sector from the tissue's pixels: rows between the first and last that are lit.
func phantomScreen(shown, a, b []byte, h, w int) sample {
	s := &screen{h: h, w: w, pix: shown, inside: make([]bool, h*w)}
	for y := range h {
		first, last := -1, -1
		for x := range w {
			if a[y*w+x] > 0 || b[y*w+x] > 0 {
				if first < 0 {
					first = x
				}
				last = x
			}
		}
		for x := first; x >= 0 && x <= last; x++ {
			s.inside[y*w+x] = true
		}
	}
	return s.sample()
}

func (g *sectorData) draw(seed stats.Seed, i int, held bool) sample {
	if held && i%12 < 8 && len(g.held) > 0 {
		return g.held[i%len(g.held)]
	}
	return g.screen(seed.Stream("sector", i, held)).sample()
}

// screen makes one up.
func (g *sectorData) screen(r *rand.Rand) *screen {
	s := &screen{h: int(100 * math.Exp(r.Float64()*math.Log(4.8)))}
	s.w = int(float64(s.h) * (0.95 + 0.7*r.Float64()))
	near := r.Float64() < 0.35 // a field that fills the picture, as cut-out clips have it
	s.pix, s.inside = make([]uint8, 3*s.h*s.w), make([]bool, s.h*s.w)
	if r.Float64() < 0.3 { // not every screen is black
		for i := range s.pix {
			s.pix[i] = uint8(10 + i%3*8)
		}
	}
	for range r.IntN(4) * (1 - b2i(near)) { // bars and panels
		x0, y0 := 0, 0
		w, h := s.w, 8+r.IntN(s.h/8)
		switch r.IntN(4) {
		case 0:
			y0 = s.h - h
		case 1:
			w, h = 20+r.IntN(s.w/6), s.h
		case 2:
			w, h = 20+r.IntN(s.w/6), s.h
			x0 = s.w - w
		}
		c := [3]uint8{uint8(r.IntN(90)), uint8(r.IntN(90)), uint8(r.IntN(130))}
		for y := y0; y < y0+h; y++ {
			for x := x0; x < x0+w; x++ {
				copy(s.pix[3*(y*s.w+x):], c[:])
			}
		}
	}
	n := 1
	if r.Float64() < 0.12 {
		n = 2
	}
	if r.Float64() < 0.06 {
		n = 0
	}
	for k := range n {
		g.field(r, s, k, n, near)
	}
	for range r.IntN(4) * r.IntN(2) { // smooth pictures: persistence, compression, resampling
		s.blur()
	}
	strings := 2 + r.IntN(10)
	if near {
		strings = r.IntN(3)
	}
	for range strings {
		st := plant.AnyStyle(r, g.fonts, 8, 24, false)
		x, y := r.IntN(s.w), r.IntN(s.h)
		if r.Float64() < 0.8 {
			x, y = r.IntN(s.w/4), r.IntN(s.h/4)
			if r.IntN(2) == 0 {
				x = s.w - 20 - r.IntN(s.w/4)
			}
			if r.IntN(2) == 0 {
				y = s.h - 20 - r.IntN(s.h/6)
			}
		}
		_, _ = plant.Burn(s.pix, s.h, s.w, plant.Words(r), x, y, st) // a string outside of the picture is none
	}
	if !near {
		s.furniture(r)
	}
	return s
}

// field draws one sector of speckle.
func (g *sectorData) field(r *rand.Rand, s *screen, k, n int, near bool) {
	left, width := 0.0, float64(s.w)
	if n == 2 {
		left, width = float64(k*s.w)/2, float64(s.w)/2
	}
	cx := left + width*(0.5+0.16*(r.Float64()-0.5))
	fill := 1.0
	if near {
		fill = 1.25 + 0.5*r.Float64()
	}
	var in func(x, y float64) (depth float64, ok bool)
	if r.Float64() < 0.3 { // linear
		w, h := width*(0.35+0.6*r.Float64())*fill, float64(s.h)*(0.4+0.55*r.Float64())*fill
		x0, y0 := cx-w/2, float64(s.h)*0.02+r.Float64()*(float64(s.h)-h)*0.8
		in = func(x, y float64) (float64, bool) { return (y - y0) / h, x >= x0 && x < x0+w && y >= y0 && y < y0+h }
	} else {
		half := (22 + 38*r.Float64()) * math.Pi / 180
		depth := float64(s.h) * (0.5 + 0.6*r.Float64()) * fill
		r1 := 0.0
		if r.IntN(2) == 0 { // convex
			r1 = depth * (0.15 + 0.5*r.Float64())
		}
		y0 := float64(s.h)*(0.01+0.12*r.Float64()) - r1*math.Cos(half*0.5*r.Float64())
		tilt := 0.1 * (r.Float64() - 0.5)
		up := r.Float64() < 0.05
		in = func(x, y float64) (float64, bool) {
			if up {
				y = float64(s.h) - y
			}
			d := math.Hypot(x-cx, y-y0)
			a := math.Atan2(x-cx, y-y0) + tilt
			return (d - r1) / depth, x >= left && x < left+width && math.Abs(a) < half && d >= r1 && d < r1+depth
		}
	}
	// Tissue: a smooth field of echogenicity with dark cavities, times Rayleigh speckle; shown with some gain.
	type blob struct{ x, y, rx, ry, v float64 }
	var blobs []blob
	for range 4 + r.IntN(10) {
		blobs = append(blobs, blob{left + width*r.Float64(), float64(s.h) * r.Float64(), width * (0.04 + 0.2*r.Float64()), float64(s.h) * (0.04 + 0.2*r.Float64()), 2*r.Float64() - 1.2})
	}
	gain, fall, floor, grain := 40+90*r.Float64(), 2.5*r.Float64()*r.Float64(), 12*r.Float64()*float64(r.IntN(2)), 0.3+0.6*r.Float64()
	var prev float64
	for y := range s.h {
		for x := range s.w {
			depth, ok := in(float64(x), float64(y))
			if !ok {
				continue
			}
			e := 0.6
			for _, b := range blobs {
				dx, dy := (float64(x)-b.x)/b.rx, (float64(y)-b.y)/b.ry
				if q := dx*dx + dy*dy; q < 4 {
					e += b.v * math.Exp(-q)
				}
			}
			e = max(0.02, e) * math.Exp(-fall*depth)
			ray := math.Sqrt(-2 * math.Log(1-r.Float64()))
			prev = 0.5*prev + 0.5*ray
			v := min(255, max(0, floor*r.Float64()+gain*e*(1-grain+grain*prev*1.1)))
			s.inside[y*s.w+x] = true
			p := s.pix[3*(y*s.w+x):]
			p[0], p[1], p[2] = uint8(v), uint8(v), uint8(v)
		}
	}
	if r.Float64() < 0.15 { // colour flow
		bx, by, rad := cx+width*0.2*(r.Float64()-0.5), float64(s.h)*(0.3+0.4*r.Float64()), float64(s.h)*(0.05+0.15*r.Float64())
		red := r.IntN(2) == 0
		for y := max(0, int(by-rad)); y < min(s.h, int(by+rad)); y++ {
			for x := max(0, int(bx-rad)); x < min(s.w, int(bx+rad)); x++ {
				if s.inside[y*s.w+x] && r.Float64() < 0.8 {
					p := s.pix[3*(y*s.w+x):]
					p[0], p[1], p[2] = uint8(r.IntN(60)), uint8(r.IntN(80)), uint8(120+r.IntN(130))
					if red {
						p[0], p[2] = p[2], p[0]
					}
				}
			}
		}
	}
}

// blur is one pass of a 3 × 3 mean within the sector.
func (s *screen) blur() {
	out := append([]uint8(nil), s.pix...)
	for y := 1; y < s.h-1; y++ {
		for x := 1; x < s.w-1; x++ {
			if !s.inside[y*s.w+x] {
				continue
			}
			for c := range 3 {
				sum := 0
				for d := range 9 {
					sum += int(s.pix[3*((y+d/3-1)*s.w+x+d%3-1)+c])
				}
				out[3*(y*s.w+x)+c] = uint8(sum / 9)
			}
		}
	}
	s.pix = out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// furniture is an ECG, rulers and grey bars outside of the sector.
func (s *screen) furniture(r *rand.Rand) {
	set := func(x, y int, c color.RGBA) {
		if x >= 0 && y >= 0 && x < s.w && y < s.h && !s.inside[y*s.w+x] {
			copy(s.pix[3*(y*s.w+x):], []uint8{c.R, c.G, c.B})
		}
	}
	if r.IntN(2) == 0 {
		y0, step := s.h-10-r.IntN(s.h/5), 30+r.IntN(60)
		for x := range s.w {
			up := 0
			if x%step < 4 {
				up = 12
			}
			for k := range up + 2 {
				set(x, y0-k, color.RGBA{60, 220, 90, 255})
			}
		}
	}
	if r.IntN(2) == 0 {
		x0, step := s.w-8-r.IntN(s.w/5), 8+r.IntN(30)
		for y := 0; y < s.h; y += step {
			for k := range 4 {
				set(x0+k, y, color.RGBA{220, 220, 220, 255})
			}
		}
	}
	if r.IntN(2) == 0 {
		x0, y0, w, h := r.IntN(s.w/6), r.IntN(s.h/3), 8+r.IntN(14), s.h/5+r.IntN(s.h/3)
		if r.IntN(2) == 0 {
			x0 = s.w - x0 - w
		}
		colour := r.IntN(3) == 0
		for y := range h {
			v := uint8(255 - 255*y/h)
			c := color.RGBA{v, v, v, 255}
			if colour {
				c = color.RGBA{v, 40, 255 - v, 255}
			}
			for x := range w {
				set(x0+x, y0+y, c)
			}
		}
	}
}

// sample measures the cells as the finder does.
func (s *screen) sample() sample {
	grey := make([]uint8, s.h*s.w)
	for i := range grey {
		grey[i] = max(s.pix[3*i], s.pix[3*i+1], s.pix[3*i+2])
	}
	g := sector.Measure(grey, s.h, s.w)
	const h, w = sector.GridH, sector.GridW
	out := sample{in: make([]float32, 3*h*w), target: make([]float32, h*w/4), weight: make([]float32, h*w/4)}
	for c := range 3 {
		for y := range h {
			for x, v := range g.Row(c, y) {
				out.in[(4*c+2*(y&1)+x&1)*h*w/4+y/2*(w/2)+x/2] = v
			}
		}
	}
	cell := sector.CellOf(s.h, s.w)
	for y := range h / 2 {
		for x := range w / 2 {
			in, all := 0, 0
			for py := int(float64(2*y) * cell); py < int(float64(2*y+2)*cell) && py < s.h; py++ {
				for px := int(float64(2*x) * cell); px < int(float64(2*x+2)*cell) && px < s.w; px++ {
					all++
					if s.inside[py*s.w+px] {
						in++
					}
				}
			}
			k := y*(w/2) + x
			if all == 0 {
				continue // beyond the picture
			}
			f := float32(in) / float32(all)
			out.target[k], out.weight[k] = 0, 1
			if f > 0.5 {
				out.target[k] = 1
			}
			if f > 0.1 && f < 0.9 {
				out.weight[k] = 0.3
			}
		}
	}
	return out
}
