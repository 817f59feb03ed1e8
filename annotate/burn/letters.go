package burn

import (
	"image"
	"image/color"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

var goRegular = sync.OnceValue(func() *sfnt.Font {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	return f
})

// Covers says whether every character of the words can be drawn: Latin, Greek and Cyrillic letters, signs of units.
func Covers(words string) bool {
	var buf sfnt.Buffer
	for _, r := range words {
		if i, err := goRegular().GlyphIndex(&buf, r); err != nil || i == 0 {
			return false
		}
	}
	return true
}

// letterer writes words and remembers where.
type letterer struct {
	pix    *image.NRGBA
	face   font.Face
	height int // of a line
	ascent int
	taken  []image.Rectangle
}

// newLetterer writes lines of a thirtieth of the width's pixels, 12 to 40.
func newLetterer(pix *image.NRGBA) *letterer {
	size := min(40, max(12, pix.Rect.Dx()/40))
	face, err := opentype.NewFace(goRegular(), &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic(err) // the font is part of the program
	}
	m := face.Metrics()
	return &letterer{pix: pix, face: face, height: (m.Ascent + m.Descent).Ceil(), ascent: m.Ascent.Ceil()}
}

func (l *letterer) close() { _ = l.face.Close() }

func (l *letterer) width(s string) int { return font.MeasureString(l.face, s).Ceil() }

// fit cuts words to a width with an ellipsis.
func (l *letterer) fit(s string, width int) string {
	if l.width(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && l.width(string(r)+"…") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

const margin = 3 // pixels round words

// foot writes a line at the lower edge.
func (l *letterer) foot(words string) {
	if words == "" {
		return
	}
	words = l.fit(words, l.pix.Rect.Dx()-4*margin)
	l.write(image.Pt(margin, l.pix.Rect.Dy()-l.height-margin), []string{words}, color.NRGBA{255, 255, 255, 255})
}

// label writes a mark's words beside it: to its right, left, above, below, else where there is room.
func (l *letterer) label(of image.Rectangle, name, value string, k color.NRGBA) {
	room := l.pix.Rect.Inset(margin)
	lines := []string{name}
	switch joined := name + "  " + value; {
	case value == "":
		lines[0] = l.fit(name, room.Dx()-2*margin)
	case l.width(joined) <= room.Dx()-2*margin:
		lines[0] = joined
	default:
		lines = []string{l.fit(name, room.Dx()-2*margin), value}
	}
	if lines[0] == "" {
		return
	}
	size := l.size(lines)
	middle := image.Pt(of.Min.X+of.Dx()/2, of.Min.Y+of.Dy()/2)
	places := []image.Point{{of.Max.X + 2*margin, middle.Y - size.Y/2}, {of.Min.X - size.X - 2*margin, middle.Y - size.Y/2},
		{middle.X - size.X/2, of.Min.Y - size.Y - 2*margin}, {middle.X - size.X/2, of.Max.Y + 2*margin}, {of.Max.X + 2*margin, of.Min.Y}, {of.Max.X + 2*margin, of.Max.Y}}
	for _, p := range places {
		if l.free(image.Rectangle{p, p.Add(size)}, room) {
			l.write(p, lines, k)
			return
		}
	}
	// Line by line from the top, right beside and left.
	for y := room.Min.Y; y+size.Y <= room.Max.Y; y += max(1, l.height/2) {
		for _, x := range []int{room.Max.X - size.X, room.Min.X, room.Min.X + (room.Dx()-size.X)/2} {
			if p := image.Pt(x, y); l.free(image.Rectangle{p, p.Add(size)}, room) {
				l.write(p, lines, k)
				return
			}
		}
	}
	// No room left: over others, but inside.
	p := image.Pt(min(max(room.Min.X, places[0].X), max(room.Min.X, room.Max.X-size.X)), min(max(room.Min.Y, places[0].Y), max(room.Min.Y, room.Max.Y-size.Y)))
	l.write(p, lines, k)
}

func (l *letterer) size(lines []string) image.Point {
	w := 0
	for _, s := range lines {
		w = max(w, l.width(s))
	}
	return image.Pt(w+2*margin, len(lines)*l.height)
}

func (l *letterer) free(r, room image.Rectangle) bool {
	if !r.In(room) {
		return false
	}
	for _, t := range l.taken {
		if r.Overlaps(t) {
			return false
		}
	}
	return true
}

// write writes lines from a corner on a darkened ground.
func (l *letterer) write(p image.Point, lines []string, k color.NRGBA) {
	size := l.size(lines)
	box := image.Rectangle{p, p.Add(size)}
	l.taken = append(l.taken, box)
	c := canvas{l.pix}
	for y := max(0, box.Min.Y); y < min(l.pix.Rect.Dy(), box.Max.Y); y++ {
		for x := max(0, box.Min.X); x < min(l.pix.Rect.Dx(), box.Max.X); x++ {
			c.blend(x, y, color.NRGBA{0, 0, 0, 255}, 0.65)
		}
	}
	for i, s := range lines {
		d := font.Drawer{Dst: l.pix, Src: image.NewUniform(k), Face: l.face, Dot: fixed.P(p.X+margin, p.Y+i*l.height+l.ascent)}
		d.DrawString(s)
	}
}
