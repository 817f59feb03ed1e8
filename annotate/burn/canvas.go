package burn

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"github.com/cineloop/cineloop/annotate/measure"
)

// canvas is a picture under the brush.
type canvas struct{ pix *image.NRGBA }

// newCanvas is the frame, each pixel a square of scale × scale.
func newCanvas(frame image.Image, scale int) *canvas {
	b := frame.Bounds()
	small := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(small, small.Rect, frame, b.Min, draw.Src)
	if scale == 1 {
		return &canvas{small}
	}
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx()*scale, b.Dy()*scale))
	for y := range b.Dy() * scale {
		row := small.Pix[y/scale*small.Stride:]
		if y%scale > 0 { // as the row above
			copy(out.Pix[y*out.Stride:(y+1)*out.Stride], out.Pix[(y-1)*out.Stride:])
			continue
		}
		for x := range b.Dx() * scale {
			copy(out.Pix[y*out.Stride+4*x:y*out.Stride+4*x+4], row[4*(x/scale):])
		}
	}
	return &canvas{out}
}

// blend lays a colour over a pixel, by share.
func (c *canvas) blend(x, y int, k color.NRGBA, share float64) {
	p := c.pix.Pix[y*c.pix.Stride+4*x:]
	for i, v := range []uint8{k.R, k.G, k.B} {
		p[i] = uint8(float64(p[i])*(1-share) + float64(v)*share + 0.5)
	}
}

// How much of what lies below a mask's colour is hidden: inside little, at its border all.
const inside, border = 0.3, 1

// mask colours the pixels inside, and draws the border along the inner side of their edges.
func (c *canvas) mask(in []bool, columns, scale int, k color.NRGBA) {
	rows := len(in) / columns
	at := func(x, y int) bool { return x >= 0 && y >= 0 && x < columns && y < rows && in[y*columns+x] }
	edge := max(1, c.thickness()/2)
	for y := range rows {
		for x := range columns {
			if !at(x, y) {
				continue
			}
			left, right, up, down := !at(x-1, y), !at(x+1, y), !at(x, y-1), !at(x, y+1)
			for dy := range scale {
				for dx := range scale {
					share := inside
					d := float64(edge)
					if left && float64(dx) < d || right && float64(scale-1-dx) < d || up && float64(dy) < d || down && float64(scale-1-dy) < d {
						share = border
					}
					c.blend(x*scale+dx, y*scale+dy, k, share)
				}
			}
		}
	}
}

// thickness of lines in pixels.
func (c *canvas) thickness() int { return max(2, c.pix.Rect.Dx()/320) }

// shape draws a shape's lines and its points, on a dark edge that keeps them visible on white.
func (c *canvas) shape(s measure.Shape, scale float64, k color.NRGBA) {
	var lines [][]measure.Point
	p := s.Points
	switch outline := s.Outline(); {
	case s.Kind == measure.Trace: // open: the valve's plane was not drawn
		lines = [][]measure.Point{p}
	case outline != nil:
		lines = [][]measure.Point{append(append([]measure.Point{}, outline...), outline[0])}
	case s.Kind == measure.PointMark && len(p) == 1:
	case (s.Kind == measure.Bidirectional || s.Kind == measure.Angle) && len(p) == 4:
		lines = [][]measure.Point{p[:2], p[2:]}
	default:
		lines = [][]measure.Point{p}
	}
	width := float64(c.thickness())
	cover := newCoverage(c.pix.Rect)
	for _, l := range lines {
		for i := 1; i < len(l); i++ {
			cover.line(l[i-1].X*scale, l[i-1].Y*scale, l[i].X*scale, l[i].Y*scale, width/2)
		}
	}
	if len(p) <= 8 { // the places that were clicked, where they are few
		for _, q := range p {
			cover.line(q.X*scale-2*width, q.Y*scale, q.X*scale+2*width, q.Y*scale, width/2)
			cover.line(q.X*scale, q.Y*scale-2*width, q.X*scale, q.Y*scale+2*width, width/2)
		}
	}
	cover.paint(c, k)
}

// coverage is how much of each pixel lines take up, and how much their dark edge.
type coverage struct {
	box        image.Rectangle
	core, edge []float32
}

func newCoverage(box image.Rectangle) *coverage {
	n := box.Dx() * box.Dy()
	return &coverage{box, make([]float32, n), make([]float32, n)}
}

// line adds a line with round ends from a to b, half its width r on either side, by the distance of pixels' middles from it.
func (v *coverage) line(ax, ay, bx, by, r float64) {
	const dark = 1.0 // pixels of edge
	if math.IsNaN(ax+ay+bx+by) || math.IsInf(ax+ay+bx+by, 0) {
		return
	}
	reach := r + dark + 1
	x0, x1 := max(0, int(math.Min(ax, bx)-reach)), min(v.box.Dx()-1, int(math.Max(ax, bx)+reach))
	y0, y1 := max(0, int(math.Min(ay, by)-reach)), min(v.box.Dy()-1, int(math.Max(ay, by)+reach))
	dx, dy := bx-ax, by-ay
	long := dx*dx + dy*dy
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			px, py := float64(x)+0.5-ax, float64(y)+0.5-ay
			t := 0.0
			if long > 0 {
				t = min(1, max(0, (px*dx+py*dy)/long))
			}
			d := math.Hypot(px-t*dx, py-t*dy)
			i := y*v.box.Dx() + x
			v.core[i] = max(v.core[i], float32(min(1, max(0, r+0.5-d))))
			v.edge[i] = max(v.edge[i], float32(min(1, max(0, r+dark+0.5-d))))
		}
	}
}

func (v *coverage) paint(c *canvas, k color.NRGBA) {
	black := color.NRGBA{0, 0, 0, 255}
	for y := range v.box.Dy() {
		for x := range v.box.Dx() {
			i := y*v.box.Dx() + x
			if v.edge[i] > 0 {
				c.blend(x, y, black, 0.7*float64(v.edge[i]))
				c.blend(x, y, k, float64(v.core[i]))
			}
		}
	}
}
