package burn

import (
	"image"
	"image/color"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/annotate/measure"
)

// TestEnlarged: shapes and masks lie where the enlarged pixels are: a point in pixel (3, 2) of a picture that becomes four times as large.
func TestEnlarged(t *testing.T) {
	const w, h = 112, 64
	in := make([]bool, w*h)
	in[2*w+3] = true
	out := Draw(grey(w, h, 50), []Mark{{Mask: in}}, "")
	if out.Rect.Dx() != 448 || out.Rect.Dy() != 256 {
		t.Fatal(out.Rect)
	}
	for y := range 30 {
		for x := range 40 {
			c := out.NRGBAAt(x, y)
			inside := x >= 12 && x < 16 && y >= 8 && y < 12
			if inside == (c == color.NRGBA{50, 50, 50, 255}) {
				t.Fatalf("%d, %d: %v", x, y, c)
			}
		}
	}
	p := measure.Shape{Kind: measure.PointMark, Points: []measure.Point{{X: 50.5, Y: 30.5}}}
	out = Draw(grey(w, h, 50), []Mark{{Shape: &p, Color: 2}}, "")
	if c := out.NRGBAAt(202, 122); c != palette[2] {
		t.Errorf("the point's middle is %v", c)
	}
}

// TestColours: each item its own, also beyond the palette's end; colour pictures keep their colours.
func TestColours(t *testing.T) {
	seen := map[color.NRGBA]bool{}
	for _, c := range palette {
		if seen[c] || c.A != 255 || int(c.R)+int(c.G)+int(c.B) < 200 { // seen on black
			t.Errorf("%v", c)
		}
		seen[c] = true
	}
	line := measure.Shape{Kind: measure.Length, Points: []measure.Point{{X: 100, Y: 50}, {X: 300, Y: 50}}}
	for _, n := range []int{0, 3, len(palette), len(palette) + 3, 299} {
		if c := Draw(grey(400, 100, 0), []Mark{{Shape: &line, Color: n}}, "").NRGBAAt(200, 50); c != palette[n%len(palette)] {
			t.Errorf("item %d: %v", n, c)
		}
	}
	pic := image.NewNRGBA(image.Rect(0, 0, 400, 100))
	for i := range pic.Pix {
		pic.Pix[i] = uint8(i % 4 * 60)
		if i%4 == 3 {
			pic.Pix[i] = 255
		}
	}
	if c := Draw(pic, []Mark{{Shape: &line}}, "").NRGBAAt(10, 10); c != (color.NRGBA{0, 60, 120, 255}) {
		t.Errorf("%v", c)
	}
}

// TestOpenAndClosed: outlines are closed, a trace stays open at the valve, two axes are not joined.
func TestOpenAndClosed(t *testing.T) {
	p := []measure.Point{{X: 100, Y: 200}, {X: 100, Y: 100}, {X: 150, Y: 60}, {X: 200, Y: 100}, {X: 200, Y: 200}}
	lit := func(s measure.Shape, x, y int) bool {
		return Draw(grey(400, 300, 0), []Mark{{Shape: &s}}, "").NRGBAAt(x, y) == palette[0]
	}
	if !lit(measure.Shape{Kind: measure.Polygon, Points: p}, 150, 200) || lit(measure.Shape{Kind: measure.Trace, Points: p}, 150, 200) || lit(measure.Shape{Kind: measure.Polyline, Points: p}, 150, 200) {
		t.Error("the line from the last point to the first")
	}
	axes := measure.Shape{Kind: measure.Bidirectional, Points: []measure.Point{{X: 50, Y: 100}, {X: 250, Y: 100}, {X: 150, Y: 60}, {X: 150, Y: 140}}}
	if !lit(axes, 70, 100) || !lit(axes, 150, 75) || lit(axes, 200, 80) {
		t.Error("two axes")
	}
	if box := (measure.Shape{Kind: measure.Rectangle, Points: []measure.Point{{X: 50, Y: 50}, {X: 150, Y: 150}}}); !lit(box, 150, 100) || !lit(box, 100, 50) || lit(box, 100, 100) {
		t.Error("a rectangle from two corners")
	}
}

// TestNoRoom: where words find no room they stay inside, over others; words of nothing are not written.
func TestNoRoom(t *testing.T) {
	l := newLetterer(image.NewNRGBA(image.Rect(0, 0, 384, 40)))
	for range 6 {
		l.label(image.Rect(10, 10, 20, 20), "a name that takes up most of the width", "42.3 mm", palette[0])
	}
	if len(l.taken) != 6 {
		t.Errorf("%d of 6 written", len(l.taken))
	}
	for _, r := range l.taken {
		if !r.In(l.pix.Rect) {
			t.Errorf("%v lies outside of %v", r, l.pix.Rect)
		}
	}
	l.label(image.Rect(0, 0, 1, 1), "", "", palette[0])
	l.foot("")
	if len(l.taken) != 6 {
		t.Error("words of nothing")
	}
	// Letters are drawn: light pixels on the darkened ground.
	light := slices.ContainsFunc(l.pix.Pix, func(v uint8) bool { return v > 150 })
	if !light {
		t.Error("no letters")
	}
}
