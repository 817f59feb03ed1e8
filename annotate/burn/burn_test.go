package burn

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/annotate/measure"
)

func grey(w, h int, v uint8) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, w, h))
	for i := range g.Pix {
		g.Pix[i] = v
	}
	return g
}

func TestScale(t *testing.T) {
	for columns, want := range map[int]int{1: 8, 47: 8, 48: 8, 112: 4, 128: 3, 191: 3, 192: 2, 383: 2, 384: 1, 640: 1, 4096: 1, 0: 8} {
		if got := Scale(columns); got != want {
			t.Errorf("%d columns: %d, want %d", columns, got, want)
		}
	}
}

// TestUntouched: without marks every pixel is the frame's, also enlarged.
func TestUntouched(t *testing.T) {
	g := image.NewGray(image.Rect(3, 5, 3+200, 5+40)) // a picture need not begin at 0, 0
	for i := range g.Pix {
		g.Pix[i] = uint8(i * 7)
	}
	out := Draw(g, nil, "")
	if out.Rect != image.Rect(0, 0, 400, 80) {
		t.Fatal(out.Rect)
	}
	for y := range 80 {
		for x := range 400 {
			v := g.GrayAt(3+x/2, 5+y/2).Y
			if c := out.NRGBAAt(x, y); c != (color.NRGBA{v, v, v, 255}) {
				t.Fatalf("%d, %d: %v, want %d", x, y, c, v)
			}
		}
	}
}

// TestLine: a line covers the pixels it goes through in its colour, with a dark edge, and nothing three pixels away.
func TestLine(t *testing.T) {
	s := measure.Shape{Kind: measure.Polyline, Points: []measure.Point{{X: 50, Y: 60}, {X: 150, Y: 60}, {X: 150, Y: 61}, {X: 150, Y: 62}, {X: 150, Y: 63}, {X: 150, Y: 64}, {X: 150, Y: 65}, {X: 150, Y: 66}, {X: 150, Y: 160}}}
	out := Draw(grey(640, 480, 200), []Mark{{Shape: &s, Color: 1}}, "")
	want := palette[1]
	for _, p := range []image.Point{{60, 59}, {60, 60}, {149, 100}, {150, 100}} { // two pixels wide, between rows 59 and 60
		if c := out.NRGBAAt(p.X, p.Y); c != want {
			t.Errorf("%v: %v", p, c)
		}
	}
	for _, p := range []image.Point{{60, 58}, {60, 61}, {148, 100}, {151, 100}} {
		if c := out.NRGBAAt(p.X, p.Y); c.R > 100 || c.R != c.G {
			t.Errorf("%v is not dark: %v", p, c)
		}
	}
	for _, p := range []image.Point{{60, 56}, {60, 63}, {146, 100}, {153, 100}, {46, 60}} {
		if c := out.NRGBAAt(p.X, p.Y); c != (color.NRGBA{200, 200, 200, 255}) {
			t.Errorf("%v is drawn over: %v", p, c)
		}
	}
}

// TestMask: inside its pixels are tinted, at the border they are the colour, outside nothing is changed. A mask of one pixel and one that touches
// all borders are drawn too; an empty one changes nothing.
func TestMask(t *testing.T) {
	const w, h = 400, 300
	in := make([]bool, w*h)
	for y := 100; y < 200; y++ {
		for x := 50; x < 150; x++ {
			in[y*w+x] = true
		}
	}
	out := Draw(grey(w, h, 100), []Mark{{Mask: in}}, "")
	k := palette[0]
	tint := color.NRGBA{uint8(100*0.7 + float64(k.R)*0.3 + 0.5), uint8(100*0.7 + float64(k.G)*0.3 + 0.5), uint8(100*0.7 + float64(k.B)*0.3 + 0.5), 255}
	for p, want := range map[image.Point]color.NRGBA{{100, 150}: tint, {50, 150}: k, {149, 199}: k, {49, 150}: {100, 100, 100, 255}, {100, 200}: {100, 100, 100, 255}, {52, 102}: tint} {
		if c := out.NRGBAAt(p.X, p.Y); c != want {
			t.Errorf("%v: %v, want %v", p, c, want)
		}
	}
	one := make([]bool, w*h)
	one[0] = true
	if c := Draw(grey(w, h, 9), []Mark{{Mask: one}}, "").NRGBAAt(0, 0); c != k {
		t.Errorf("one pixel: %v", c)
	}
	all := slices.Repeat([]bool{true}, w*h)
	full := Draw(grey(w, h, 100), []Mark{{Mask: all}}, "")
	if full.NRGBAAt(0, 0) != k || full.NRGBAAt(w-1, h-1) != k || full.NRGBAAt(w/2, h/2) != tint {
		t.Error("a mask of everything")
	}
	empty := Draw(grey(w, h, 100), []Mark{{Mask: make([]bool, w*h), Name: "nothing", Value: "0 mm²"}}, "")
	if !slices.Equal(empty.Pix, Draw(grey(w, h, 100), nil, "").Pix) {
		t.Error("an empty mask is drawn")
	}
}

// written are the rectangles that words lie in.
func written(w, h int, marks []Mark, foot string) ([]image.Rectangle, *letterer) {
	l := newLetterer(image.NewNRGBA(image.Rect(0, 0, w, h)))
	l.foot(foot)
	for _, m := range marks {
		if box, ok := m.extent(w, 1); ok {
			l.label(box, m.Name, m.Value, palette[0])
		}
	}
	return l.taken, l
}

// TestWords: ten labels and the foot of a crowded picture lie inside of it and off each other.
func TestWords(t *testing.T) {
	var marks []Mark
	for i := range 10 {
		x, y := float64(i%4)*155+5, float64(i/4)*150+5
		marks = append(marks, Mark{Shape: &measure.Shape{Kind: measure.Length, Points: []measure.Point{{X: x, Y: y}, {X: x + 150, Y: y + 120}}}, Name: "diameter of the left ventricle", Value: "123.4 mm"})
	}
	for _, size := range []image.Point{{640, 480}, {400, 400}} {
		taken, _ := written(size.X, size.Y, marks, "R-1, unaided, frame 3 of 9")
		if len(taken) != 11 {
			t.Fatalf("%d of 11 written", len(taken))
		}
		for i, r := range taken {
			if !r.In(image.Rectangle{Max: size}) {
				t.Errorf("%v: %v lies outside", size, r)
			}
			for j, o := range taken[:i] {
				if r.Overlaps(o) {
					t.Errorf("%v: words %d lie over words %d", size, i, j)
				}
			}
		}
	}
}

// TestLongNames: a name is cut, its value goes into a line of its own and is whole.
func TestLongNames(t *testing.T) {
	l := newLetterer(image.NewNRGBA(image.Rect(0, 0, 400, 300)))
	long := "the largest diameter of the left ventricle at the end of diastole in the parasternal long axis"
	l.label(image.Rect(10, 10, 20, 20), long, "42.3 mm", palette[0])
	if r := l.taken[0]; r.Dy() != 2*l.height || !r.In(l.pix.Rect) {
		t.Errorf("%v", r)
	}
	if s := l.fit(long, 100); l.width(s) > 100 || []rune(s)[len([]rune(s))-1] != '…' {
		t.Errorf("%q", s)
	}
	if s := l.fit("short", 100); s != "short" {
		t.Errorf("%q", s)
	}
	if s := l.fit("anything", 1); s != "…" {
		t.Errorf("%q", s)
	}
}

func TestCovers(t *testing.T) {
	for words, want := range map[string]bool{"Durchmesser, größter": true, "mm² ° px": true, "διάμετρος": true, "диаметр": true, "左心室": false, "": true} {
		if Covers(words) != want {
			t.Errorf("%q: %t", words, !want)
		}
	}
}

// TestShapes: every kind is drawn, within the picture, and the same twice; a point far outside of it harms nothing.
func TestShapes(t *testing.T) {
	p := []measure.Point{{X: 20, Y: 20}, {X: 80, Y: 25}, {X: 50, Y: 60}, {X: 30, Y: 90}, {X: 10, Y: 40}}
	for kind, n := range map[measure.Kind]int{measure.PointMark: 1, measure.Length: 2, measure.Polyline: 5, measure.Angle: 4, measure.Bidirectional: 4, measure.Rectangle: 2, measure.Ellipse: 4,
		measure.Polygon: 5, measure.Spline: 5, measure.Freehand: 5, measure.Caliper: 2, measure.Trace: 5} {
		m := []Mark{{Shape: &measure.Shape{Kind: kind, Points: p[:n]}, Name: string(kind)}}
		a, b := Draw(grey(100, 100, 0), m, "foot"), Draw(grey(100, 100, 0), m, "foot")
		plain := Draw(grey(100, 100, 0), nil, "foot")
		if !slices.Equal(a.Pix, b.Pix) || slices.Equal(a.Pix, plain.Pix) {
			t.Errorf("%s", kind)
		}
	}
	far := measure.Shape{Kind: measure.Length, Points: []measure.Point{{X: -1e7, Y: 5}, {X: 1e7, Y: 5}}}
	if c := Draw(grey(400, 40, 0), []Mark{{Shape: &far}}, "").NRGBAAt(200, 5); c != palette[0] {
		t.Errorf("%v", c)
	}
	if _, ok := (Mark{}).extent(4, 1); ok {
		t.Error("no mark has an extent")
	}
}

// TestPicture keeps a picture to look at, if $CINELOOP_ARTIFACTS names a folder.
func TestPicture(t *testing.T) {
	dir := os.Getenv("CINELOOP_ARTIFACTS")
	if dir == "" {
		t.Skip("no folder for pictures")
	}
	trace := measure.Shape{Kind: measure.Trace, Points: []measure.Point{{X: 250, Y: 380}, {X: 220, Y: 250}, {X: 280, Y: 120}, {X: 350, Y: 130}, {X: 400, Y: 260}, {X: 370, Y: 380}}}
	line := measure.Shape{Kind: measure.Length, Points: []measure.Point{{X: 310, Y: 380}, {X: 315, Y: 115}}}
	f, err := os.Create(filepath.Join(dir, "burn.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, Draw(grey(640, 480, 60), []Mark{{Shape: &trace, Name: "Ejection fraction A4C ED", Value: "56.1 %"}, {Shape: &line, Name: "Long axis", Value: "84.2 mm", Color: 1}}, "R-1a2b3c4d, unaided, frame 3 of 32")); err != nil {
		t.Fatal(err)
	}
}
