package plant

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"

	"github.com/cineloop/cineloop/internal/fault"
)

// Style is how a string looks.
type Style struct {
	Font    Font
	Size    float64 // of the em, pixels
	Ink     color.RGBA
	Alpha   float64     // opacity of the ink, 0…1
	Outline *color.RGBA // a ring of one pixel round the ink
	Plate   *color.RGBA // a filled rectangle behind the string
	Turned  bool        // upwards, a quarter turn against the clock
}

// String is one string that was burned in.
type String struct {
	Text  string
	Font  string
	Size  float64
	Box   image.Rectangle // the smallest one round the ink
	Glyph []uint8         // coverage of the ink in Box, 0…255, row by row
	Ink   color.RGBA
}

// Glyphs renders text in ink alone: coverage, row by row, cut to the smallest rectangle. An empty rendering is an error.
func Glyphs(text string, st Style) (*image.Alpha, error) {
	face, err := st.Font.face(st.Size)
	if err != nil {
		return nil, err
	}
	m := face.Metrics()
	w := font.MeasureString(face, text).Ceil() + 8
	h := (m.Ascent + m.Descent).Ceil() + 8
	if w > 4096 || h > 1024 {
		return nil, fault.New(fault.Input, "a string of %d × %d pixels", w, h)
	}
	layer := image.NewAlpha(image.Rect(0, 0, w, h))
	d := font.Drawer{Dst: layer, Src: image.NewUniform(color.Alpha{255}), Face: face, Dot: fixed.P(4, 4+m.Ascent.Ceil())}
	d.DrawString(text)
	if st.Turned {
		turned := image.NewAlpha(image.Rect(0, 0, h, w))
		for y := range h {
			for x := range w {
				turned.Pix[(w-1-x)*turned.Stride+y] = layer.Pix[y*layer.Stride+x]
			}
		}
		layer = turned
	}
	box := image.Rectangle{}
	for y := range layer.Rect.Dy() {
		for x := range layer.Rect.Dx() {
			if layer.Pix[y*layer.Stride+x] >= 48 {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if box.Empty() {
		return nil, fault.New(fault.Input, "the font has no ink for this text")
	}
	out := image.NewAlpha(image.Rect(0, 0, box.Dx(), box.Dy()))
	for y := range box.Dy() {
		copy(out.Pix[y*out.Stride:(y+1)*out.Stride], layer.Pix[(box.Min.Y+y)*layer.Stride+box.Min.X:])
	}
	return out, nil
}

// Burn draws text with the left upper corner of its ink at (x, y) into an RGB picture [H, W, 3]. Ink outside of the picture is cut off.
func Burn(pix []uint8, h, w int, text string, x, y int, st Style) (String, error) {
	g, err := Glyphs(text, st)
	if err != nil {
		return String{}, err
	}
	gw, gh := g.Rect.Dx(), g.Rect.Dy()
	full := image.Rect(x, y, x+gw, y+gh)
	mix := func(px, py int, c color.RGBA, a float64) {
		if px < 0 || py < 0 || px >= w || py >= h || a <= 0 {
			return
		}
		p := pix[3*(py*w+px) : 3*(py*w+px)+3]
		for k, v := range [3]uint8{c.R, c.G, c.B} {
			p[k] = uint8(math.Round(float64(p[k])*(1-a) + float64(v)*a))
		}
	}
	if st.Plate != nil {
		m := 2 + gh/6
		for py := y - m; py < y+gh+m; py++ {
			for px := x - m; px < x+gw+m; px++ {
				mix(px, py, *st.Plate, 1)
			}
		}
	}
	if st.Outline != nil {
		for gy := range gh {
			for gx := range gw {
				if g.Pix[gy*g.Stride+gx] < 96 {
					continue
				}
				for d := range 9 {
					mix(x+gx+d%3-1, y+gy+d/3-1, *st.Outline, float64(g.Pix[gy*g.Stride+gx])/255)
				}
			}
		}
	}
	for gy := range gh {
		for gx := range gw {
			mix(x+gx, y+gy, st.Ink, float64(g.Pix[gy*g.Stride+gx])/255*st.Alpha)
		}
	}
	s := String{Text: text, Font: st.Font.Name, Size: st.Size, Ink: st.Ink, Box: full.Intersect(image.Rect(0, 0, w, h))}
	if s.Box.Empty() {
		return s, fault.New(fault.Input, "the string is outside of the picture")
	}
	for py := s.Box.Min.Y; py < s.Box.Max.Y; py++ {
		s.Glyph = append(s.Glyph, g.Pix[(py-y)*g.Stride+s.Box.Min.X-x:(py-y)*g.Stride+s.Box.Max.X-x]...)
	}
	return s, nil
}

// AnyStyle draws a look at random: size in [smallest, largest] pixels, mostly light ink on dark pictures and dark on light ones.
func AnyStyle(r *rand.Rand, fonts []Font, smallest, largest float64, light bool) Style {
	st := Style{Font: fonts[r.IntN(len(fonts))], Alpha: 1}
	st.Size = smallest * math.Exp(r.Float64()*math.Log(largest/smallest))
	if st.Font.fixed != nil {
		st.Size = float64(st.Font.height)
	}
	v := uint8(255 - r.IntN(90))
	switch r.IntN(6) {
	case 0:
		st.Ink = color.RGBA{v, v, uint8(r.IntN(120)), 255}
	case 1:
		st.Ink = [5]color.RGBA{{uint8(r.IntN(100)), v, v, 255}, {uint8(r.IntN(100)), v, uint8(r.IntN(100)), 255}, {v, uint8(r.IntN(160)), uint8(r.IntN(100)), 255},
			{v, v - uint8(r.IntN(90)), 60, 255}, {uint8(80 + r.IntN(90)), uint8(100 + r.IntN(90)), v, 255}}[r.IntN(5)]
	default:
		st.Ink = color.RGBA{v, v, v, 255}
	}
	if light {
		d := uint8(r.IntN(70))
		st.Ink = color.RGBA{d, d, d, 255}
	}
	if r.Float64() < 0.15 {
		st.Alpha = 0.55 + 0.45*r.Float64()
	}
	if u := r.Float64(); u < 0.15 {
		c := color.RGBA{0, 0, 0, 255}
		if light {
			c = color.RGBA{255, 255, 255, 255}
		}
		st.Outline = &c
	} else if u < 0.25 {
		c := color.RGBA{uint8(r.IntN(60)), uint8(r.IntN(60)), uint8(r.IntN(120)), 255}
		if light {
			c = color.RGBA{255, 255, uint8(150 + r.IntN(106)), 255}
		}
		st.Plate = &c
	}
	st.Turned = r.Float64() < 0.04
	return st
}
