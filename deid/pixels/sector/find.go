package sector

import (
	_ "embed" // the weights
	"fmt"
	"image"
	"sync"

	"github.com/cineloop/cineloop/deid/pixels/net"
	"github.com/cineloop/cineloop/dicom/pixel"
)

//go:embed weights/sector.net
var weights []byte

var network = sync.OnceValue(func() *net.Network {
	n, err := net.Read(weights)
	if err != nil {
		panic("sector: the weights in the program are damaged: " + err.Error())
	}
	return n
})

// Clip is what Find sees of an object.
type Clip struct {
	W, H    int
	Still   []uint8 // one frame, or the mean of all: the largest of red, green and blue
	Change  []uint8 // the largest minus the smallest value over the frames; nil for a single frame
	Regions []pixel.Region
}

// Field is one scanning field.
type Field struct {
	Shape
	Agreement float64 // Jaccard of shape and evidence
	Fitted    bool    // the shape was good enough to be used; else the evidence itself is the field
	cells     []bool
}

// Sector is the answer.
type Sector struct {
	Fields  []Field
	Doubt   string // why a person should look, "" if sure
	w, h    int
	regions []image.Rectangle // the fields lie within these
	more    []image.Rectangle // kept besides the fields: traces by the header, or all that is known
}

const (
	moving    = 14   // change of a pixel that is not noise of compression, of 255
	goodFit   = 0.86 // agreement from which a shape is believed
	smallest  = 0.03 // share of the picture that a field has at least
	edgeCells = 1.0  // a field is that much larger than its evidence, so that its rim stays whole
)

// Find finds the fields.
func Find(c Clip) Sector {
	s := Sector{w: c.W, h: c.H}
	cell := CellOf(c.H, c.W)
	gw, gh := min(GridW, int(float64(c.W)/cell+0.999)), min(GridH, int(float64(c.H)/cell+0.999))
	out, err := network().Run(Measure(c.Still, c.H, c.W))
	if err != nil {
		panic("sector: " + err.Error())
	}
	odds := make([]float32, GridH*GridW)
	for y := range GridH {
		for x := range GridW {
			odds[y*GridW+x] = out.Row(0, y/2)[x/2]
		}
	}
	on := make([]bool, GridH*GridW)
	moved := c.movement(cell)
	for _, g := range components(moved, GridH*GridW/10) { // much of the picture moves as one: tissue, however it looks
		for _, k := range g {
			odds[k] = max(odds[k], 0.1)
		}
	}
	for y := range gh {
		for x := range gw {
			k := y*GridW + x
			// What moves is tissue where the picture does not speak against it; what does not move may still be.
			on[k] = odds[k] > 0 || moved != nil && moved[k] && odds[k] > -3.5
		}
	}
	on = grow(shrink(on, 1), 1) // thin lines: curves and rulers
	largest := 0
	groups := components(on, int(smallest*float64(gw*gh)))
	for _, g := range groups {
		largest = max(largest, len(g))
	}
	for _, g := range groups {
		if 5*len(g) < largest {
			continue
		}
		f := Field{cells: filled(g)}
		f.Shape, f.Agreement = fit(f.cells)
		f.Fitted = f.Agreement >= goodFit
		s.Fields = append(s.Fields, f)
	}
	s.use(c.Regions)
	s.judge()
	return s
}

// movement is which cells change: a third of their pixels. It is nil for single frames and for clips that hardly move.
func (c *Clip) movement(cell float64) []bool {
	if c.Change == nil {
		return nil
	}
	on := make([]bool, GridH*GridW)
	n := 0
	for y := range GridH {
		y0, y1 := int(float64(y)*cell), min(c.H, max(int(float64(y+1)*cell), int(float64(y)*cell)+1))
		for x := range GridW {
			x0, x1 := int(float64(x)*cell), min(c.W, max(int(float64(x+1)*cell), int(float64(x)*cell)+1))
			if y0 >= c.H || x0 >= c.W {
				continue
			}
			many := 0
			for py := y0; py < y1; py++ {
				for _, v := range c.Change[py*c.W+x0 : py*c.W+x1] {
					if v > moving {
						many++
					}
				}
			}
			if 3*many >= (y1-y0)*(x1-x0) {
				on[y*GridW+x] = true
				n++
			}
		}
	}
	if n < GridH*GridW/100 {
		return nil
	}
	return shrink(grow(on, 2), 2)
}

// use takes the header's regions. Traces over time (M-mode, spectra) look like no sector: where the header says that they are, they are kept. Fields
// of tissue are cut to the regions where the two agree; a header that contradicts the pixels is not believed, and said. Without any field the
// header's regions of tissue stand in for them, in doubt.
func (s *Sector) use(regions []pixel.Region) {
	var rects, tissue []image.Rectangle
	for _, r := range regions {
		b := image.Rect(r.MinX, r.MinY, r.MaxX+1, r.MaxY+1).Intersect(image.Rect(0, 0, s.w, s.h))
		if r.SpatialFormat < 1 || r.SpatialFormat > 4 || b.Dx() <= 8 || b.Dy() <= 8 {
			continue
		}
		rects = append(rects, b)
		switch r.SpatialFormat {
		case 1:
			if float64(b.Dx()*b.Dy()) < 0.95*float64(s.w*s.h) {
				tissue = append(tissue, b)
			}
		case 2, 3:
			s.more = append(s.more, b)
		}
	}
	if len(s.Fields) == 0 {
		s.more = append(s.more, tissue...)
		return
	}
	if len(rects) == 0 {
		return
	}
	in, all := 0, 0
	for y := 0; y < s.h; y += 4 {
		for x := 0; x < s.w; x += 4 {
			if s.has(x, y) {
				all++
				for _, r := range rects {
					if image.Pt(x, y).In(r) {
						in++
						break
					}
				}
			}
		}
	}
	if 10*in < 7*all {
		s.Doubt = "the header's regions are not where the tissue is"
		return
	}
	s.regions = rects
}

// judge says what a person should look at.
func (s *Sector) judge() {
	area := 0.0
	for y := 2; y < s.h; y += 4 {
		for x := 2; x < s.w; x += 4 {
			if s.Inside(x, y) {
				area += 16
			}
		}
	}
	switch {
	case len(s.Fields) == 0 && len(s.more) > 0:
		s.Doubt = "the scanning sector is the header's"
	case len(s.Fields) == 0:
		s.Doubt = "no scanning sector was found"
	case s.Doubt != "":
	case len(s.Fields) > 2:
		s.Doubt = "more than two fields"
	case area < 0.08*float64(s.w*s.h):
		s.Doubt = "the scanning sector is small"
	default:
		for _, f := range s.Fields {
			if !f.Fitted {
				s.Doubt = "the scanning sector is neither a fan nor a rectangle"
			}
		}
	}
}

// Found reports whether there is anything to keep.
func (s *Sector) Found() bool { return len(s.Fields)+len(s.more) > 0 }

// Inside reports whether pixel (x, y) is kept: it is in a field and, where the header's regions are believed, in one of them, or it is in a trace.
func (s *Sector) Inside(x, y int) bool {
	for _, r := range s.more {
		if image.Pt(x, y).In(r) {
			return true
		}
	}
	if !s.has(x, y) {
		return false
	}
	if s.regions == nil {
		return true
	}
	for _, r := range s.regions {
		if image.Pt(x, y).In(r) {
			return true
		}
	}
	return false
}

func (s *Sector) has(x, y int) bool {
	cell := CellOf(s.h, s.w)
	gx, gy := (float64(x)+0.5)/cell, (float64(y)+0.5)/cell
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.cells[min(int(gy), GridH-1)*GridW+min(int(gx), GridW-1)] || f.Fitted && f.contains(gx, gy, edgeCells) {
			return true
		}
	}
	return false
}

// Describe says in pixels what the fields are.
func (s *Sector) Describe() string {
	cell := CellOf(s.h, s.w)
	out := ""
	for i, f := range s.Fields {
		if i > 0 {
			out += "; "
		}
		switch {
		case !f.Fitted:
			out += "free shape"
		case f.Fan:
			out += fmt.Sprintf("fan from %.0f,%.0f, slopes %.2f and %.2f, radii %.0f to %.0f", f.X*cell, f.Y*cell, -f.Left, f.Right, f.Near*cell, f.Far*cell)
		default:
			out += fmt.Sprintf("rectangle %.0f,%.0f to %.0f,%.0f", f.X0*cell, f.Y0*cell, f.X1*cell, f.Y1*cell)
		}
	}
	for _, r := range s.more {
		if out != "" {
			out += "; "
		}
		out += fmt.Sprintf("the header's region %d,%d to %d,%d", r.Min.X, r.Min.Y, r.Max.X, r.Max.Y)
	}
	return out
}
