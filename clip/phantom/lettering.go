package phantom

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// TextBox is one line of burned-in text: the smallest rectangle round its drawn pixels, and what it says.
type TextBox struct {
	Kind string `json:"kind"` // name, id, birthdate, date, institution, device, technical
	Text string `json:"text"`
	Font string `json:"font"`
	X0   int    `json:"x0"` // pixels, X1 and Y1 exclusive
	Y0   int    `json:"y0"`
	X1   int    `json:"x1"`
	Y1   int    `json:"y1"`
}

// Identifies says whether the line tells who the patient is.
func (b TextBox) Identifies() bool { return b.Kind != "device" && b.Kind != "technical" }

// typeface is a font by name. Bitmap fonts have one size; outlines have every one.
type typeface struct {
	name  string
	fixed font.Face
	parse func() *opentype.Font
}

func outline(ttf []byte) func() *opentype.Font {
	return sync.OnceValue(func() *opentype.Font {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic(fmt.Sprintf("phantom: an embedded font does not parse: %v", err))
		}
		return f
	})
}

var typefaces = []typeface{
	{name: "Go Regular", parse: outline(goregular.TTF)},
	{name: "Go Bold", parse: outline(gobold.TTF)},
	{name: "Go Mono", parse: outline(gomono.TTF)},
	{name: "Go Italic", parse: outline(goitalic.TTF)},
	{name: "Inconsolata 8x16", fixed: inconsolata.Regular8x16},
	{name: "Fixed 7x13", fixed: basicfont.Face7x13},
}

// face returns the typeface at a size in pixels; a bitmap font only fits pictures tall enough for it.
func (t *typeface) face(px float64) font.Face {
	if t.fixed != nil {
		return t.fixed
	}
	f, err := opentype.NewFace(t.parse(), &opentype.FaceOptions{Size: px, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic(fmt.Sprintf("phantom: %s at %g pixels: %v", t.name, px, err))
	}
	return f
}

// line is one line of an overlay block.
type line struct{ kind, text string }

// text burns identity and technical lines into corners and returns the corner left free. Fonts, corners and which lines are shown
// vary by acquisition.
func (a *painter) text(r *rand.Rand, p *Patient, q *acquisition, truth *Truth) int {
	choices := typefaces
	if a.h < 300 {
		choices = typefaces[:4] // bitmap fonts would cover a small picture
	}
	t := &choices[r.IntN(len(choices))]
	px := max(7, float64(a.h)/34)
	face := t.face(px)
	id := &p.Identity
	date := func(s string) string { return s[6:] + "/" + s[4:6] + "/" + s[:4] }
	name := strings.ReplaceAll(id.Name, "^", ", ")
	if r.Float64() < 0.3 {
		name = strings.ToUpper(name)
	}
	who := []line{{"name", name}, {"id", id.ID}}
	if r.Float64() < 0.5 {
		who = append(who, line{"birthdate", date(id.BirthDate)})
	}
	where := []line{{"date", date(id.StudyDate)}}
	if r.Float64() < 0.6 {
		where = append(where, line{"institution", id.Institution})
	}
	machine := []line{{"device", p.Device}, {"technical", fmt.Sprintf("%.0f cm  %.0f Hz", q.depth/10, truth.FPS)}, {"technical", fmt.Sprintf("HR %.0f", truth.HR)}}
	corners := []int{0, 1, 2, 3}
	r.Shuffle(len(corners), func(i, j int) { corners[i], corners[j] = corners[j], corners[i] })
	if a.h < 200 {
		// A small picture has room beside the sector's tip and one line below the sector.
		who, where, machine = who[:2], nil, machine[:1]
		side := corners[0] & 1
		corners = []int{side, 1 - side, 2 + side, 3 - side}
	}
	for n, block := range [][]line{who, where, machine} {
		a.block(face, t.name, block, corners[n], truth)
	}
	return corners[3]
}

// block writes lines into a corner: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
func (a *painter) block(face font.Face, fontName string, lines []line, corner int, truth *Truth) {
	m := face.Metrics()
	step := (m.Ascent + m.Descent).Ceil()
	margin := max(1, a.w/100)
	y := margin + m.Ascent.Ceil()
	if corner >= 2 {
		y = a.ecgBox.Min.Y - margin - (len(lines)-1)*step - m.Descent.Ceil()
	}
	for _, l := range lines {
		advance := font.MeasureString(face, l.text).Ceil()
		x := margin
		if corner&1 == 1 {
			x = a.w - margin - advance
		}
		a.write(face, l, fontName, max(x, margin), y, truth)
		y += step
	}
}

// write draws one line and records its box; what does not fit on the picture is cut off.
func (a *painter) write(face font.Face, l line, fontName string, x, y int, truth *Truth) {
	layer := image.NewAlpha(a.still.Bounds())
	d := font.Drawer{Dst: layer, Src: image.NewUniform(color.Alpha{255}), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(l.text)
	box := image.Rectangle{}
	for py := range a.h {
		for px := range a.w {
			if layer.Pix[py*layer.Stride+px] < 24 {
				layer.Pix[py*layer.Stride+px] = 0
				continue
			}
			box = box.Union(image.Rect(px, py, px+1, py+1))
			if l.kind == "device" {
				truth.mark(px, py, a.h, a.w)
			}
		}
	}
	if box.Empty() {
		return
	}
	ink := textColour
	if l.kind == "technical" {
		ink = dimColour
	}
	draw.DrawMask(a.still, box, image.NewUniform(ink), image.Point{}, layer, box.Min, draw.Over)
	for py := box.Min.Y; py < box.Max.Y; py++ {
		for px := box.Min.X; px < box.Max.X; px++ {
			if i := a.still.PixOffset(px, py); a.still.Pix[i+3] != 0 {
				a.still.Pix[i+3] = 255 // letters are drawn on black
			}
		}
	}
	truth.Boxes = append(truth.Boxes, TextBox{Kind: l.kind, Text: l.text, Font: fontName, X0: box.Min.X, Y0: box.Min.Y, X1: box.Max.X, Y1: box.Max.Y})
}
