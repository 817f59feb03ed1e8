package text

import (
	_ "embed" // the weights
	"image"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/deid/pixels/net"
)

//go:embed weights/text.net
var weights []byte

var network = sync.OnceValue(func() *net.Network {
	n, err := net.Read(weights)
	if err != nil {
		panic("text: the weights in the program are damaged: " + err.Error())
	}
	return n
})

// Limits on the network's outputs (log-odds of a cell of 4 × 4 pixels being part of a string). With held-out fonts and pictures a seed between 0.5 and
// 3 covers the same share of strings (98.8 to 98.9 %), and from 2 on nothing is marked in pictures without text.
const (
	seed  = 2.5  // a string has a cell as sure as this
	sure  = 0.5  // and some as sure as this
	grow  = -1.5 // and goes on over cells as sure as this
	least = 3    // sure cells of a string

	seedHalf = 3.5 // at half size, where coarse speckle looks more like letters and a cell is 8 × 8 pixels of the picture
	growHalf = 0.5

	faintSeed = -2.0 // the same for what other evidence must confirm
	faintGrow = -3.0
)

// Box is a place where writing was found.
type Box struct {
	image.Rectangle
	Peak  float32           // log-odds of its surest cell
	Cells int               // sure cells, of 4 × 4 pixels at its size
	Scale int               // percent of full size at which it was found
	Parts []image.Rectangle // what to blank: the box itself, or the lines of a block that does not fill it
}

// Scan is the network's view of one picture, at each size it was shown.
type Scan struct {
	of     Picture
	levels []level
}

type level struct {
	cells *net.Planes // log-odds
	scale int         // percent
}

// Look shows p to the network at full size, and at half size for letters higher than some 20 pixels. (At twice the size, speckle of
// small pictures looks like letters, and no string was found that full size does not find.)
func Look(p Picture) *Scan {
	s := &Scan{of: p}
	if p.W < 8 || p.H < 8 {
		return s
	}
	s.add(p, 100)
	if p.W >= 320 && p.H >= 320 {
		s.add(p.Half(), 50)
	}
	return s
}

func (s *Scan) add(p Picture, scale int) {
	s.levels = append(s.levels, level{heat(p), scale})
}

// Large pictures are shown in tiles, so that memory stays small: a radiograph of 12 megapixels would take 400 MB at once. Tiles overlap by what
// a cell sees; only their inner parts are used.
const (
	tileSide = 1024 // pixels, a multiple of the network's stride
	tileEdge = 80
)

// heat is the log-odds of every cell of 4 × 4 pixels.
func heat(p Picture) *net.Planes {
	run := func(q Picture) *net.Planes {
		out, err := network().Run(q.planes())
		if err != nil {
			panic("text: " + err.Error()) // the network takes every picture that has a pixel
		}
		return out
	}
	if p.W <= tileSide+2*tileEdge && p.H <= tileSide+2*tileEdge {
		return run(p)
	}
	const stride = 4
	all := net.NewPlanes(1, (p.H+stride-1)/stride, (p.W+stride-1)/stride, 0)
	for y := 0; y < p.H; y += tileSide {
		for x := 0; x < p.W; x += tileSide {
			x0, y0 := max(0, x-tileEdge), max(0, y-tileEdge)
			cells := run(p.crop(x0, y0, min(p.W, x+tileSide+tileEdge), min(p.H, y+tileSide+tileEdge)))
			for cy := y / stride; cy < min(all.H, (y+tileSide)/stride); cy++ {
				from := cells.Row(0, cy-y0/stride)
				copy(all.Row(0, cy)[x/stride:min(all.W, (x+tileSide)/stride)], from[(x-x0)/stride:])
			}
		}
	}
	return all
}

// Detect is the writing in p. Boxes are in its pixels and overlap where sizes agree.
func Detect(p Picture) []Box { return Look(p).Boxes() }

// Boxes is the writing that was found, where there are strokes. What full size has found already is not taken again from half size, whose cells are coarser.
func (s *Scan) Boxes() []Box {
	var out []Box
	for _, l := range s.levels {
		if l.scale == 100 {
			out = append(out, l.boxes(seed, grow, least)...)
			continue
		}
		full := len(out)
		for _, b := range l.boxes(seedHalf, growHalf, least) {
			if core := b.Inset(min(8, b.Dx()/4, b.Dy()/4)); share(core, out[:full]) < 0.6 {
				out = append(out, b)
			}
		}
	}
	return slices.DeleteFunc(out, func(b Box) bool { return !s.of.Strokes(b.Rectangle) })
}

// share is how much of r the boxes' parts cover.
func share(r image.Rectangle, boxes []Box) float64 {
	n := 0
	for y := r.Min.Y; y < r.Max.Y; y += 2 {
		for x := r.Min.X; x < r.Max.X; x += 2 {
			if slices.ContainsFunc(boxes, func(b Box) bool {
				return image.Pt(x, y).In(b.Rectangle) && slices.ContainsFunc(b.Parts, func(p image.Rectangle) bool { return image.Pt(x, y).In(p) })
			}) {
				n++
			}
		}
	}
	return float64(n) / float64(max(1, (r.Dx()+1)/2*((r.Dy()+1)/2)))
}

// Faint is where there may be writing that was not sure enough for Boxes: something for other evidence to decide. At full size only.
func (s *Scan) Faint() []Box {
	var out []Box
	for _, l := range s.levels {
		if l.scale != 100 {
			continue
		}
		for _, b := range l.boxes(faintSeed, faintGrow, 0) {
			if (b.Peak <= seed || b.Cells < least) && s.of.Strokes(b.Rectangle) {
				out = append(out, b)
			}
		}
	}
	return out
}

// boxes joins the cells of one size and returns boxes in pixels of full size.
func (l *level) boxes(high, low float32, least int) []Box {
	const stride = 4
	var out []Box
	for _, b := range join(l.cells, high, low) {
		if b.Cells < least {
			continue
		}
		full := func(r image.Rectangle, m int) image.Rectangle {
			r = image.Rect(r.Min.X*stride-m-1, r.Min.Y*stride-m, r.Max.X*stride+m+1, r.Max.Y*stride+m)
			return image.Rect(floor(r.Min.X*100, l.scale), floor(r.Min.Y*100, l.scale), floor(r.Max.X*100+l.scale-1, l.scale), floor(r.Max.Y*100+l.scale-1, l.scale))
		}
		// The margin: half a cell for what the grid cuts, and a share of the height for strokes that the cells missed.
		m := 1 + min(b.Dy(), b.Dx(), 12)*stride/10
		for i, r := range b.Parts {
			b.Parts[i] = full(r, m)
		}
		b.Rectangle, b.Scale = full(b.Rectangle, m), l.scale
		out = append(out, b)
	}
	return out
}

func floor(a, b int) int {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// join makes boxes, in cells, of the connected cells above low that have one above high. Gaps of one cell along a row, as wide letters and
// spaces leave them, are bridged.
func join(p *net.Planes, high, low float32) []Box {
	w, h := p.W, p.H
	on := make([]bool, w*h)
	for y := range h {
		row := p.Row(0, y)
		for x, v := range row {
			on[y*w+x] = v > low || x > 0 && x+1 < w && row[x-1] > low && row[x+1] > low && v > low-2.5
		}
	}
	var out []Box
	seen := make([]bool, w*h)
	var member []int
	for i := range on {
		if !on[i] || seen[i] {
			continue
		}
		b := Box{Rectangle: image.Rectangle{Min: image.Pt(w, h)}, Peak: low}
		seen[i], member = true, append(member[:0], i)
		for done := 0; done < len(member); done++ {
			x, y := member[done]%w, member[done]/w
			v := p.Row(0, y)[x]
			b.Peak = max(b.Peak, v)
			if v > sure {
				b.Cells++
			}
			b.Min.X, b.Min.Y, b.Max.X, b.Max.Y = min(b.Min.X, x), min(b.Min.Y, y), max(b.Max.X, x+1), max(b.Max.Y, y+1)
			for d := range 9 {
				nx, ny := x+d%3-1, y+d/3-1
				if nx >= 0 && ny >= 0 && nx < w && ny < h && on[ny*w+nx] && !seen[ny*w+nx] {
					seen[ny*w+nx] = true
					member = append(member, ny*w+nx)
				}
			}
		}
		if b.Peak > high {
			b.Parts = parts(b.Rectangle, member, w)
			out = append(out, b)
		}
	}
	return out
}

// parts is the box alone where its cells fill most of it, or else their runs along rows: a block of lines of unequal length, or two strings
// that touch, must not take the tissue between them along.
func parts(box image.Rectangle, member []int, w int) []image.Rectangle {
	if 10*len(member) >= 8*box.Dx()*box.Dy() {
		return []image.Rectangle{box}
	}
	on := make([]bool, box.Dx()*box.Dy())
	for _, k := range member {
		on[(k/w-box.Min.Y)*box.Dx()+k%w-box.Min.X] = true
	}
	const gap = 3
	var out []image.Rectangle
	for y := range box.Dy() {
		row := on[y*box.Dx() : (y+1)*box.Dx()]
		from, last := -1, -1
		flush := func() {
			if from >= 0 {
				out = append(out, image.Rect(box.Min.X+from, box.Min.Y+y, box.Min.X+last+1, box.Min.Y+y+1))
			}
		}
		for x, v := range row {
			if !v {
				continue
			}
			if from < 0 || x-last > gap {
				flush()
				from = x
			}
			last = x
		}
		flush()
	}
	return out
}
