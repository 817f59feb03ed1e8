package text

import (
	_ "embed" // the weights
	"image"
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

// Limits on the network's outputs (log-odds of a cell of 4 × 4 pixels being part of a string), set on planted strings with held-out fonts.
const (
	seed  = 0.5  // a string has a cell as sure as this
	grow  = -1.5 // and goes on over cells as sure as this
	least = 3    // cells that are sure (seed), for a string at full size
)

// Box is a place where writing was found.
type Box struct {
	image.Rectangle
	Peak  float32           // log-odds of its surest cell
	Cells int               // sure cells
	Scale int               // percent of full size at which it was found
	Parts []image.Rectangle // what to blank: the box itself, or the lines of a block that does not fill it
}

// Heat is the network's output for p: log-odds by cells of stride pixels.
func Heat(p Picture) (cells *net.Planes, stride int) {
	n := network()
	out, err := n.Run(p.planes())
	if err != nil {
		panic("text: " + err.Error()) // the network takes every picture that has a pixel
	}
	return out, n.Stride
}

// Detect finds writing at full size, at half size for letters higher than some 20 pixels, and at twice the size in small pictures. Boxes
// are in pixels of p and overlap where scales agree.
func Detect(p Picture) []Box {
	if p.W < 8 || p.H < 8 {
		return nil
	}
	out := at(p, 100)
	if p.W >= 160 && p.H >= 160 {
		out = append(out, at(p.Half(), 50)...)
	}
	if p.W*p.H <= 200*200 {
		out = append(out, at(p.Double(), 200)...)
	}
	return out
}

// at detects at one scale and returns boxes in pixels of full size.
func at(p Picture, scale int) []Box {
	cells, stride := Heat(p)
	var out []Box
	for _, b := range join(cells, seed, grow) {
		if b.Cells < least {
			continue
		}
		full := func(r image.Rectangle, m int) image.Rectangle {
			r = image.Rect(r.Min.X*stride-m-1, r.Min.Y*stride-m, r.Max.X*stride+m+1, r.Max.Y*stride+m)
			return image.Rect(floor(r.Min.X*100, scale), floor(r.Min.Y*100, scale), floor(r.Max.X*100+scale-1, scale), floor(r.Max.Y*100+scale-1, scale))
		}
		// The margin: half a cell for what the grid cuts, and a share of the height for strokes that the cells missed.
		m := 1 + min(b.Dy(), b.Dx(), 12)*stride/10
		for i, r := range b.Parts {
			b.Parts[i] = full(r, m)
		}
		b.Rectangle, b.Scale = full(b.Rectangle, m), scale
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
			if v > high {
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
	if 10*len(member) >= 6*box.Dx()*box.Dy() {
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
