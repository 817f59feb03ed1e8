package text

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/net"
	"github.com/cineloop/cineloop/deid/pixels/plant"
)

var white = color.RGBA{255, 255, 255, 255}

// covered is the share of r in the boxes' parts.
func covered(r image.Rectangle, boxes []Box) float64 {
	n := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			hit := false
			for _, b := range boxes {
				for _, p := range b.Parts {
					hit = hit || image.Pt(x, y).In(p)
				}
			}
			if hit {
				n++
			}
		}
	}
	return float64(n) / float64(r.Dx()*r.Dy())
}

// TestFindsWriting burns strings of 8 to 40 pixels into black, noise and white, in fonts of the program, and wants each covered and little besides.
func TestFindsWriting(t *testing.T) {
	const w, h = 320, 240
	r := rand.New(rand.NewPCG(1, 1))
	fonts, sizes := plant.Builtin(), []float64{9, 14, 22, 36}
	if testing.Short() {
		fonts, sizes = fonts[:1], sizes[:2]
	}
	for _, f := range fonts {
		for _, size := range sizes {
			for ground := range 3 {
				pix := make([]uint8, 3*w*h)
				ink := white
				for i := range w * h {
					v := uint8(0)
					switch ground {
					case 1:
						v = uint8(20 + r.IntN(50))
					case 2:
						v, ink = 250, color.RGBA{10, 10, 10, 255}
					}
					pix[3*i], pix[3*i+1], pix[3*i+2] = v, v, v
				}
				s, err := plant.Burn(pix, h, w, "DOE, J 4711", 40, 100, plant.Style{Font: f, Size: size, Alpha: 1, Ink: ink})
				if err != nil {
					t.Fatal(err)
				}
				boxes := Detect(FromRGB(pix, w, h))
				if c := covered(s.Box, boxes); c < 0.8 {
					t.Errorf("%s, %g pixels, ground %d: %.0f %% covered", f.Name, size, ground, 100*c)
				}
				for _, b := range boxes {
					if !b.Rectangle.In(s.Box.Inset(-24 - s.Box.Dy()/3)) {
						t.Errorf("%s, %g pixels, ground %d: %v for a string at %v", f.Name, size, ground, b.Rectangle, s.Box)
					}
				}
			}
		}
	}
}

func TestFindsNothing(t *testing.T) {
	const w, h = 256, 256
	r := rand.New(rand.NewPCG(2, 2))
	pictures := map[string][]uint8{"black": make([]uint8, w*h), "noise": make([]uint8, w*h), "ramp": make([]uint8, w*h), "disc": make([]uint8, w*h)}
	for i := range w * h {
		x, y := i%w-w/2, i/w-h/2
		pictures["noise"][i] = uint8(r.IntN(90))
		pictures["ramp"][i] = uint8(i % w)
		if x*x+y*y < 90*90 {
			pictures["disc"][i] = 160
		}
	}
	for name, g := range pictures {
		if b := Detect(FromGrey(g, w, h)); len(b) != 0 {
			t.Errorf("%s: %v", name, b)
		}
	}
	if b := Detect(FromGrey(make([]uint8, 35), 7, 5)); b != nil {
		t.Error("writing on 7 × 5 pixels")
	}
	if b := Look(FromGrey(make([]uint8, 8*8), 8, 8)).Faint(); len(b) != 0 {
		t.Errorf("%v", b)
	}
}

func TestTurn(t *testing.T) {
	const w, h = 90, 160
	pix := make([]uint8, 3*w*h)
	s, err := plant.Burn(pix, h, w, "KOWALSKI 47", 30, 20, plant.Style{Font: plant.Builtin()[0], Size: 18, Alpha: 1, Ink: white, Turned: true})
	if err != nil {
		t.Fatal(err)
	}
	p := FromRGB(pix, w, h)
	q := p.Turn()
	if q.W != h || q.H != w || q.Value[5*h+h-1-7] != p.Value[7*w+5] {
		t.Fatal("a pixel is not where a quarter turn puts it")
	}
	var back []Box
	for _, b := range Detect(q) {
		back = append(back, p.TurnBack(b))
	}
	if c := covered(s.Box, back); c < 0.8 {
		t.Errorf("%.0f %% covered: %v for %v", 100*c, back, s.Box)
	}
}

func TestHalf(t *testing.T) {
	p := Picture{W: 5, H: 3, Value: []uint8{1, 3, 10, 20, 0, 5, 7, 30, 40, 0, 9, 9, 9, 9, 9}}
	q := p.Half()
	if q.W != 2 || q.H != 1 || q.Value[0] != 4 || q.Value[1] != 25 || q.Sat != nil {
		t.Errorf("%+v", q)
	}
}

func TestJoin(t *testing.T) {
	// Two words in a row with a gap of one cell, and a weak spot by itself.
	in := net.NewPlanes(1, 6, 12, 0)
	for y := range 6 {
		for x := range 12 {
			in.Row(0, y)[x] = -9
		}
	}
	for _, c := range [][3]float32{{1, 1, 2}, {2, 1, 3}, {4, 1, 2}, {5, 1, 1}, {10, 4, -1}} {
		in.Row(0, int(c[1]))[int(c[0])] = c[2]
	}
	in.Row(0, 1)[3] = -3.5 // the gap
	got := join(in, 0.5, -1.5)
	if len(got) != 1 || got[0].Rectangle != image.Rect(1, 1, 6, 2) || got[0].Cells != 4 || got[0].Peak != 3 || len(got[0].Parts) != 1 {
		t.Fatalf("%+v", got)
	}
	in.Row(0, 1)[3] = -8
	if got := join(in, 0.5, -1.5); len(got) != 2 {
		t.Errorf("an empty cell was bridged: %+v", got)
	}
	// A block whose second line is short keeps the cells beside it.
	long, short := []int{}, []int{}
	for x := range 10 {
		long = append(long, x)
	}
	short = append(short, 12, 13)
	if p := parts(image.Rect(0, 0, 10, 3), append(long, append(short, 24)...), 12); len(p) != 3 || p[0] != image.Rect(0, 0, 10, 1) || p[1] != image.Rect(0, 1, 2, 2) {
		t.Errorf("%v", p)
	}
}

func TestShare(t *testing.T) {
	b := []Box{{Rectangle: image.Rect(0, 0, 10, 10), Parts: []image.Rectangle{image.Rect(0, 0, 10, 10)}}}
	if s := share(image.Rect(0, 0, 20, 10), b); s < 0.45 || s > 0.55 {
		t.Errorf("%g", s)
	}
	if share(image.Rect(30, 30, 40, 40), b) != 0 {
		t.Error("a box far away")
	}
}

// TestTiles: a large picture in tiles has the same cells as the network gives it at once.
func TestTiles(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a large picture is not looked at twice")
	}
	const w, h = 1500, 1302
	r := rand.New(rand.NewPCG(6, 6))
	pix := make([]uint8, 3*w*h)
	for i := range pix {
		pix[i] = uint8(r.IntN(40))
	}
	for _, at := range []image.Point{{960, 500}, {1100, 1010}, {20, 1280}} { // over a seam, beside one, at the edge
		if _, err := plant.Burn(pix, h, w, "KOWALSKI, ANNA 1971", at.X, at.Y, plant.Style{Font: plant.Builtin()[0], Size: 20, Alpha: 1, Ink: white}); err != nil {
			t.Fatal(err)
		}
	}
	p := FromRGB(pix, w, h)
	tiled := heat(p)
	whole, err := network().Run(p.planes())
	if err != nil {
		t.Fatal(err)
	}
	if tiled.W != whole.W || tiled.H != whole.H {
		t.Fatalf("%d × %d cells, want %d × %d", tiled.W, tiled.H, whole.W, whole.H)
	}
	for y := range whole.H {
		for x, v := range whole.Row(0, y) {
			if g := tiled.Row(0, y)[x]; g != v {
				t.Fatalf("cell %d,%d: %g in tiles, %g at once", x, y, g, v)
			}
		}
	}
	if boxes := Detect(p); len(boxes) < 3 {
		t.Errorf("%d boxes", len(boxes))
	}
}

// Ten bars of colour are no writing, whichever way they run and whatever a lossy coder does to them; with three letters on them they are.
func TestBarsAreNoWriting(t *testing.T) {
	const w, h = 100, 100
	inks := [10][3]uint8{{255, 0, 0}, {255, 128, 128}, {0, 255, 0}, {128, 255, 128}, {0, 0, 255}, {128, 128, 255}, {0, 0, 0}, {64, 64, 64}, {192, 192, 192}, {255, 255, 255}}
	r := rand.New(rand.NewPCG(5, 5))
	for _, noise := range []int{1, 4} {
		bars := make([]uint8, 3*w*h)
		for i := range w * h {
			for c, v := range inks[i/w/10] {
				bars[3*i+c] = uint8(min(255, int(v)+r.IntN(noise)))
			}
		}
		p := FromRGB(bars, w, h)
		for name, q := range map[string]Picture{"lying": p, "standing": p.Turn()} {
			if b := Detect(q); len(b) != 0 {
				t.Errorf("%s bars, noise %d: %v", name, noise, b)
			}
			if q.Strokes(image.Rect(-10, -10, 200, 200)) {
				t.Errorf("%s bars, noise %d: strokes", name, noise)
			}
		}
		s, err := plant.Burn(bars, h, w, "DOE", 20, 63, plant.Style{Font: plant.Builtin()[0], Size: 12, Alpha: 1, Ink: white})
		if err != nil {
			t.Fatal(err)
		}
		if !FromRGB(bars, w, h).Strokes(s.Box) {
			t.Error("letters on a bar have no strokes")
		}
	}
}

// Three thin strokes of 14 of 255 on a flat ground are the least that counts: 36 pixels have another value two columns on, twelve two rows on.
func TestStrokes(t *testing.T) {
	const w, h = 24, 16
	g := make([]uint8, w*h)
	p := FromGrey(g, w, h)
	for _, x := range []int{6, 11, 16} {
		for y := 5; y < 11; y++ {
			g[y*w+x] = 14
		}
	}
	if !p.Strokes(image.Rect(0, 0, w, h)) {
		t.Error("three strokes")
	}
	if p.Strokes(image.Rect(0, 6, w, 10)) {
		t.Error("their middle is bars")
	}
	if p.Strokes(image.Rect(17, 0, w, h)) || p.Strokes(image.Rectangle{}) {
		t.Error("nothing")
	}
	for i := range g {
		g[i] /= 4 // 3 of 255
	}
	if p.Strokes(image.Rect(0, 0, w, h)) {
		t.Error("strokes that nobody sees")
	}
	p.Sat = make([]uint8, w*h) // ink that differs in colour alone
	for _, x := range []int{6, 11, 16} {
		for y := 5; y < 11; y++ {
			p.Sat[y*w+x] = 200
		}
	}
	if !p.Strokes(image.Rect(0, 0, w, h)) {
		t.Error("strokes of colour")
	}
}
