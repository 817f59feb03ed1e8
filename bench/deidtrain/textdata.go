package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"github.com/cineloop/cineloop/deid/pixels/net"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/stats"
)

const (
	side  = 128 // pixels of a training crop
	cells = side / 4
)

// trainFonts and heldFonts are words in file names under /usr/share/fonts.
var (
	trainFonts = []string{"dejavu", "liberation", "freesans", "freeserif", "freemono", "hack", "inconsolata", "roboto", "lato-", "ocr", "ipag", "nanum", "3270", "dseg14classic-", "agave"}
	heldFonts  = []string{"nimbus", "cantarell", "opensans", "courierprime", "monofur", "anonymous"}
)

func textTask(seed stats.Seed) (*task, error) {
	pool, err := loadPictures(seed)
	if err != nil {
		return nil, err
	}
	g := &textData{fonts: append(plant.Builtin(), plant.System("/usr/share/fonts", trainFonts...)...), held: plant.System("/usr/share/fonts", heldFonts...), pool: pool}
	m := newModel(newBlock(net.Phase, 2, 16, 3, 1), newBlock(net.Half, 16, 32, 4, 1), newBlock(net.Same, 32, 32, 3, 1), newBlock(net.Same, 32, 32, 3, 2),
		newBlock(net.Same, 32, 32, 3, 4), newBlock(net.Same, 32, 32, 3, 8), newBlock(net.Same, 32, 32, 3, 1))
	return &task{model: m, channels: 8, h: side / 2, w: side / 2, oh: cells, ow: cells, batch: 24, lr: 3e-3, draw: g.draw}, nil
}

type textData struct {
	fonts, held []plant.Font
	pool        *pictures
}

// draw is sample i: a crop with up to six strings and the lines that scanners draw, and for every cell of 4 × 4 pixels whether it is in a string.
func (g *textData) draw(seed stats.Seed, i int, held bool) sample {
	r := seed.Stream("text", i, held)
	pix := g.pool.crop(r, held)
	light := meanOf(pix) > 120
	if r.Float64() < 0.15 {
		flow(r, pix)
	}
	for range r.IntN(4) {
		graphic(r, pix)
	}
	var boxes, faint []image.Rectangle
	fonts := g.fonts
	if held {
		fonts = g.held
	}
	n := 0
	if r.Float64() < 0.72 {
		n = 1 + r.IntN(5)
	}
	for range n {
		// Mostly dark ink on light grounds and light ink on dark ones; what is too faint is left out below.
		st := plant.AnyStyle(r, fonts, 7, 30, light && r.Float64() < 0.55 || r.Float64() < 0.06)
		st.Turned = r.Float64() < 0.1
		x, y := r.IntN(side+30)-40, r.IntN(side)-4
		if len(boxes) > 0 && r.Float64() < 0.5 { // a block of lines, as in the corner of a screen
			last := boxes[len(boxes)-1]
			x, y = last.Min.X, last.Max.Y+1+r.IntN(6)
		}
		taken := false
		text := plant.Words(r)
		if a, err := plant.Glyphs(text, st); err == nil {
			b := image.Rect(x, y, x+a.Rect.Dx(), y+a.Rect.Dy())
			for _, o := range append(boxes[:len(boxes):len(boxes)], faint...) {
				taken = taken || b.Overlaps(o)
			}
			if taken {
				continue
			}
		}
		s, err := plant.Burn(pix, side, side, text, x, y, st)
		if err != nil {
			continue
		}
		if plant.Contrast(s, pix, side) < 14 {
			faint = append(faint, s.Box) // hardly to be seen: nothing to learn, either way
			continue
		}
		boxes = append(boxes, s.Box)
	}
	pix = spoil(r, pix)
	return cellsOf(pix, boxes, faint)
}

func meanOf(pix []uint8) float64 {
	sum := 0
	for _, v := range pix {
		sum += int(v)
	}
	return float64(sum) / float64(len(pix))
}

// spoil compresses, blurs, or changes the brightness, as devices and archives do.
func spoil(r *rand.Rand, pix []uint8) []uint8 {
	if r.Float64() < 0.25 {
		k := 0.15 + 0.35*r.Float64()
		out := append([]uint8(nil), pix...)
		for y := 1; y < side-1; y++ {
			for x := 1; x < side-1; x++ {
				for c := range 3 {
					i := 3*(y*side+x) + c
					near := (float64(pix[i-3]) + float64(pix[i+3]) + float64(pix[i-3*side]) + float64(pix[i+3*side])) / 4
					out[i] = uint8((1-k)*float64(pix[i]) + k*near)
				}
			}
		}
		pix = out
	}
	if r.Float64() < 0.4 {
		img := image.NewRGBA(image.Rect(0, 0, side, side))
		for i := range side * side {
			img.Set(i%side, i/side, color.RGBA{pix[3*i], pix[3*i+1], pix[3*i+2], 255})
		}
		var b bytes.Buffer
		if jpeg.Encode(&b, img, &jpeg.Options{Quality: 45 + r.IntN(50)}) == nil {
			if d, err := jpeg.Decode(&b); err == nil {
				out := make([]uint8, len(pix))
				for i := range side * side {
					cr, cg, cb, _ := d.At(i%side, i/side).RGBA()
					out[3*i], out[3*i+1], out[3*i+2] = uint8(cr>>8), uint8(cg>>8), uint8(cb>>8)
				}
				pix = out
			}
		}
	}
	if r.Float64() < 0.3 {
		gamma, gain := 0.7+0.7*r.Float64(), 0.6+0.5*r.Float64()
		var table [256]uint8
		for v := range table {
			table[v] = uint8(min(255, 255*gain*math.Pow(float64(v)/255, gamma)))
		}
		for i, v := range pix {
			pix[i] = table[v]
		}
	}
	return pix
}

// cellsOf makes the tensor that the first convolution sees (value and saturation, in phases) and the cells' targets; cells at the edge of a
// string count little.
func cellsOf(pix []uint8, boxes, faint []image.Rectangle) sample {
	s := sample{in: make([]float32, 2*side*side), target: make([]float32, cells*cells), weight: make([]float32, cells*cells)}
	half := side / 2
	for y := range side {
		for x := range side {
			p := pix[3*(y*side+x):]
			hi, lo := max(p[0], p[1], p[2]), min(p[0], p[1], p[2])
			at := (2*(y&1)+x&1)*half*half + y/2*half + x/2
			s.in[at] = float32(hi) / 255
			s.in[4*half*half+at] = float32(hi-lo) / 255
		}
	}
	for c := range s.target {
		s.weight[c] = 1
		cell := image.Rect(4*(c%cells), 4*(c/cells), 4*(c%cells)+4, 4*(c/cells)+4)
		covered := 0
		for _, b := range boxes {
			in := b.Intersect(cell)
			covered += in.Dx() * in.Dy()
		}
		switch {
		case covered >= 6:
			s.target[c], s.weight[c] = 1, 1.5
		case covered > 0:
			s.target[c], s.weight[c] = 1, 0.2
		}
		if covered == 0 {
			for _, b := range faint {
				if cell.Overlaps(b.Inset(-2)) {
					s.weight[c] = 0
				}
			}
			for _, b := range boxes {
				if cell.Overlaps(b.Inset(-2)) {
					s.weight[c] = min(s.weight[c], 0.2)
				}
			}
		}
	}
	return s
}
