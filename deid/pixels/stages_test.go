package pixels

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/deid/pixels/text"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
)

var white = color.RGBA{255, 255, 255, 255}

func TestSurprises(t *testing.T) {
	// Ten frames of 4 × 1 squares: frame 3 has strokes that no other has, frame 7 some fewer of them, frame 8 too few to matter.
	s := make([][]uint8, 10)
	for i := range s {
		s[i] = make([]uint8, 4)
	}
	s[3] = []uint8{0, 30, 30, 0}
	s[7] = []uint8{0, 0, 20, 0}
	s[8] = []uint8{15, 0, 0, 0}
	got := Surprises(s, 4)
	want := []int{0, 3, 5, 9}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v", got)
		}
	}
	// Two rows are not neighbours.
	s[3] = []uint8{0, 17, 17, 0}
	if got := Surprises(s, 2); len(got) != 3 {
		t.Errorf("strokes of two rows were added: %v", got)
	}
	if got := Surprises(s[:1], 4); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if got := Surprises(s[:2], 4); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func TestCountStrokes(t *testing.T) {
	g := make([]uint8, 40*20)
	for y := range 10 {
		g[y*40+5] = 200 // a vertical stroke: seen from both sides
	}
	c := countStrokes(g, 40, 20)
	if len(c) != 3*2 || c[0] != 20 || c[1] != 0 || c[3] != 0 {
		t.Errorf("%v", c)
	}
}

func TestStill(t *testing.T) {
	const w, h = 120, 60
	r := rand.New(rand.NewPCG(1, 1))
	low, high := make([]uint8, w*h), make([]uint8, w*h)
	for i := range low {
		low[i], high[i] = uint8(r.IntN(30)), uint8(80+r.IntN(60))
	}
	pix := make([]uint8, 3*w*h)
	s, err := plant.Burn(pix, h, w, "DOE 47", 20, 20, plant.Style{Font: plant.Builtin()[2], Size: 20, Alpha: 1, Ink: white})
	if err != nil {
		t.Fatal(err)
	}
	for i := range low {
		if pix[3*i] > 150 {
			low[i], high[i] = 200, 204
		}
	}
	got := Still(low, high, w, h, 20)
	var all image.Rectangle
	for _, b := range got {
		all = all.Union(b)
	}
	if len(got) == 0 || !s.Box.In(all.Inset(-3)) || all.Dx() > s.Box.Dx()+16 {
		t.Errorf("%v for %v", got, s.Box)
	}
	if got := Still(low, high, w, h, 3); got != nil {
		t.Error("three frames are too few to say what stands still")
	}
	copy(high, low) // nothing moves round it: a frozen picture says nothing
	if got := Still(low, high, w, h, 20); got != nil {
		t.Errorf("a frozen picture: %v", got)
	}
}

func TestNamed(t *testing.T) {
	const w, h = 200, 50
	pix := make([]uint8, 3*w*h)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range pix {
		pix[i] = uint8(40 + r.IntN(10))
	}
	s, err := plant.Burn(pix, h, w, "KOWALSKI", 30, 15, plant.Style{Font: plant.Builtin()[0], Size: 18, Alpha: 0.1, Ink: white})
	if err != nil {
		t.Fatal(err)
	}
	p := text.FromRGB(pix, w, h)
	faint := []text.Box{{Rectangle: s.Box.Inset(-6)}, {Rectangle: image.Rect(150, 2, 190, 22)}, {Rectangle: image.Rect(0, 0, 5, 5)}}
	got := Named(p, faint, []string{"KOWALSKI", "X1"})
	if len(got) != 1 || !s.Box.In(got[0]) {
		t.Errorf("%v", got)
	}
	if got := Named(p, faint, []string{"ZIMMERMANN"}); len(got) != 0 {
		t.Errorf("another name: %v", got)
	}
	if Named(p, faint, nil) != nil {
		t.Error("found without words")
	}
}

// What is no word by itself is nobody's: an edge across the place, which a row of letters resembles as a whole, a few grey values, dots.
func TestNamedByChance(t *testing.T) {
	const w, h = 120, 60
	edge := make([]uint8, w*h)
	for i := range edge {
		if edge[i] = 30; i/w >= 20 && i/w < 28 {
			edge[i] = 90
		}
	}
	tokens := []string{"Moriarty, James", "Moriarty", "ID1", "CT1"}
	if got := Named(text.FromGrey(edge, w, h), []text.Box{{Rectangle: image.Rect(10, 14, 81, 32)}}, tokens); len(got) != 0 {
		t.Errorf("a bar: %v", got)
	}
	r := rand.New(rand.NewPCG(3, 3))
	for range 200 { // a place of 30 × 9 pixels
		noise := make([]uint8, w*h)
		for i := range noise {
			noise[i] = uint8(60 + r.IntN(60))
		}
		smooth := make([]uint8, w*h)
		for i := range smooth {
			smooth[i] = uint8((int(noise[i]) + int(noise[max(0, i-1)]) + int(noise[max(0, i-w)]) + int(noise[max(0, i-w-1)])) / 4)
		}
		if got := Named(text.FromGrey(smooth, w, h), []text.Box{{Rectangle: image.Rect(40, 20, 70, 29)}}, []string{"CompressedSamples, CT1", "Smith"}); len(got) != 0 {
			t.Errorf("noise: %v", got)
			break
		}
	}
	for token, want := range map[string]bool{"OB, , , ,": false, "^^^^": false, "ID": false, "ID1": true, "Øst": true, "山田^太郎": true, "": false} {
		if got := wordy(token); got != want {
			t.Errorf("%q: %v", token, got)
		}
	}
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{{"GE*", "ge vingmed", true}, {"ge", "GE ", true}, {"ge", "ge vingmed", false}, {"*", "", true}} {
		if got := like(c.pattern, c.value); got != c.want {
			t.Errorf("%q, %q: %v", c.pattern, c.value, got)
		}
	}
}

func TestCatalogue(t *testing.T) {
	if len(catalogue()) == 0 {
		t.Fatal("no devices")
	}
	ds := dicom.NewDataSet()
	ds.SetString(tag.Manufacturer, "GE MEDICAL SYSTEMS")
	ds.SetString(tag.Modality, "CT")
	ds.SetString(tag.ImageType, "ORIGINAL", "SECONDARY", "SCREEN SAVE")
	r, ok := match(catalogue(), ds, &pixel.Image{Rows: 512, Columns: 512})
	if !ok || r.Action != "quarantine" {
		t.Errorf("%+v, %v", r, ok)
	}
	ds.SetString(tag.ImageType, "ORIGINAL", "PRIMARY", "AXIAL")
	if r, ok := match(catalogue(), ds, &pixel.Image{}); ok {
		t.Errorf("%+v", r)
	}
}

func TestPlateau(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	const n = 128 * 128
	im := &pixel.Image{BitsAllocated: 16, BitsStored: 12, HighBit: 11}
	make16 := func(spike int) []byte {
		b := make([]byte, 2*n)
		for i := range n {
			v := int(500 + 200*r.NormFloat64())
			if i < spike {
				v = 1400
			}
			v = min(4095, max(0, v))
			b[2*i], b[2*i+1] = byte(v), byte(v>>8)
		}
		return b
	}
	if Plateau(make16(0), im) {
		t.Error("noise has a plateau")
	}
	if !Plateau(make16(120), im) {
		t.Error("120 equal bright pixels were not seen")
	}
	signed := &pixel.Image{BitsAllocated: 16, BitsStored: 16, HighBit: 15, Signed: true}
	if Plateau(make16(0), signed) || !Plateau(make16(120), signed) {
		t.Error("signed samples are told apart differently")
	}
	if !Plateau(make([]byte, 100), im) {
		t.Error("too few pixels are no proof")
	}
}
