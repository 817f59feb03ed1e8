package burn

import (
	"image"
	"image/color"
	"math"

	"github.com/cineloop/cineloop/annotate/measure"
)

// Mark is what is drawn of one answer in one frame.
type Mark struct {
	Shape *measure.Shape // in pixels of the frame; or
	Mask  []bool         // [rows × columns] of the frame
	Name  string         // shortened where there is no room
	Value string         // never shortened; may be absent
	Color int            // place in the palette
}

// palette is Okabe and Ito's, which people of all kinds of colour vision tell apart, without its black.
var palette = []color.NRGBA{{230, 159, 0, 255}, {86, 180, 233, 255}, {0, 158, 115, 255}, {240, 228, 66, 255}, {0, 114, 178, 255}, {213, 94, 0, 255}, {204, 121, 167, 255}}

// readable is the width of a picture, in pixels, that words can be read in; largest is by how much a smaller one is enlarged at most.
const readable, largest = 384, 8

// Scale is by how much a picture of this width is enlarged, 1 to 8.
func Scale(columns int) int { return min(largest, max(1, (readable+columns-1)/max(1, columns))) }

// Draw gives a frame with its marks, and a line of words at its lower edge, enlarged by [Scale].
func Draw(frame image.Image, marks []Mark, foot string) *image.NRGBA {
	scale := Scale(frame.Bounds().Dx())
	c := newCanvas(frame, scale)
	for _, m := range marks {
		if m.Mask != nil {
			c.mask(m.Mask, frame.Bounds().Dx(), scale, palette[m.Color%len(palette)])
		}
	}
	for _, m := range marks {
		if m.Shape != nil {
			c.shape(*m.Shape, float64(scale), palette[m.Color%len(palette)])
		}
	}
	l := newLetterer(c.pix)
	defer l.close()
	l.foot(foot)
	for _, m := range marks {
		if box, ok := m.extent(frame.Bounds().Dx(), scale); ok {
			l.label(box, m.Name, m.Value, palette[m.Color%len(palette)])
		}
	}
	return c.pix
}

// extent is the rectangle of the drawn picture that the mark lies in; ok is false of what has none: an empty mask.
func (m Mark) extent(columns, scale int) (box image.Rectangle, ok bool) {
	if m.Mask != nil {
		for i, in := range m.Mask {
			if in {
				x, y := i%columns, i/columns
				one := image.Rect(x, y, x+1, y+1)
				box = box.Union(one)
			}
		}
		return image.Rect(box.Min.X*scale, box.Min.Y*scale, box.Max.X*scale, box.Max.Y*scale), !box.Empty()
	}
	if m.Shape == nil || len(m.Shape.Points) == 0 {
		return box, false
	}
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range m.Shape.Points {
		x0, x1, y0, y1 = math.Min(x0, p.X), math.Max(x1, p.X), math.Min(y0, p.Y), math.Max(y1, p.Y)
	}
	s := float64(scale)
	return image.Rect(int(x0*s), int(y0*s), int(x1*s)+1, int(y1*s)+1), true
}
