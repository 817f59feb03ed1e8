package plant

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

func ground(frames int) Ground {
	g := Ground{Name: "noise", W: 320, H: 240, Modality: "US"}
	r := rand.New(rand.NewPCG(1, 1))
	for range frames {
		f := make([]uint8, 3*g.W*g.H)
		for i := range g.W * g.H {
			v := uint8(r.IntN(60))
			f[3*i], f[3*i+1], f[3*i+2] = v, v, v
		}
		g.Frames = append(g.Frames, f)
	}
	return g
}

func TestBurnTellsTheTruth(t *testing.T) {
	const w, h = 200, 60
	for _, f := range Builtin() {
		pix := make([]uint8, 3*w*h)
		s, err := Burn(pix, h, w, "DOE, JANE 42", 20, 11, Style{Font: f, Size: 16, Ink: color.RGBA{255, 250, 240, 255}, Alpha: 1})
		if err != nil {
			t.Fatal(err)
		}
		if s.Box.Min != image.Pt(20, 11) || len(s.Glyph) != s.Box.Dx()*s.Box.Dy() {
			t.Fatalf("%s: box %v, %d values", f.Name, s.Box, len(s.Glyph))
		}
		grey := make([]uint8, w*h)
		for i := range grey {
			grey[i] = pix[3*i]
			if in := image.Pt(i%w, i/w).In(s.Box); grey[i] > 48 && !in {
				t.Fatalf("%s: ink outside of the box at %d,%d", f.Name, i%w, i/w)
			}
		}
		if !Legible(s, grey, w) || Correlation(s, grey, w) < 0.99 {
			t.Errorf("%s: correlation %.2f with itself", f.Name, Correlation(s, grey, w))
		}
		if c := Contrast(s, pix, w); c < 150 {
			t.Errorf("%s: contrast %.0f", f.Name, c)
		}
		if Legible(s, make([]uint8, w*h), w) {
			t.Errorf("%s: legible on black", f.Name)
		}
	}
}

func TestBurnAtTheEdgeAndOutside(t *testing.T) {
	pix := make([]uint8, 3*40*40)
	st := Style{Font: Builtin()[0], Size: 14, Ink: color.RGBA{255, 255, 255, 255}, Alpha: 1, Outline: &color.RGBA{0, 0, 0, 255}, Plate: &color.RGBA{0, 0, 90, 255}}
	s, err := Burn(pix, 40, 40, "CUT OFF", 20, -3, st)
	if err != nil || s.Box.Max.X != 40 || s.Box.Min.Y != 0 || len(s.Glyph) != s.Box.Dx()*s.Box.Dy() {
		t.Fatalf("%v, %v", s.Box, err)
	}
	if pix[3*(39*40)+2] != 0 || pix[3*(10*40+19)+2] != 90 {
		t.Error("the plate is not behind the string")
	}
	if _, err := Burn(pix, 40, 40, "X", 100, 100, st); err == nil {
		t.Error("a string outside of the picture was burned")
	}
	if _, err := Glyphs(" ", st); err == nil {
		t.Error("blanks have ink")
	}
	st.Turned = true
	a, err := Glyphs("upwards", st)
	if err != nil || a.Rect.Dy() < 2*a.Rect.Dx() {
		t.Errorf("%v, %v", a.Rect, err)
	}
}

func TestPlantedObjectsAreRead(t *testing.T) {
	g := ground(6)
	for _, ts := range Syntaxes {
		o, err := Plant(rand.New(rand.NewPCG(5, 5)), g, Builtin(), 4, ts)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Plant(rand.New(rand.NewPCG(5, 5)), g, Builtin(), 4, ts)
		if !bytes.Equal(o.Bytes, again.Bytes) {
			t.Errorf("%s: two objects of one stream differ", ts.Name())
		}
		f, err := dicom.ReadBytes(o.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		im, err := pixel.Open(f)
		if err != nil || im.Frames != 6 || len(o.Strings) != 4 {
			t.Fatalf("%d frames, %d strings, %v", im.Frames, len(o.Strings), err)
		}
		for _, s := range o.Strings {
			for _, i := range []int{s.First, s.Last} {
				grey, err := im.Grey8(i)
				if err != nil {
					t.Fatal(err)
				}
				if s.Contrast > 60 && !Legible(s.String, grey, g.W) {
					t.Errorf("%s: %q of %.0f pixels is not legible in frame %d: %.2f", ts.Name(), s.Text, s.Size, i, Correlation(s.String, grey, g.W))
				}
			}
		}
		if o.Strings[0].First == 0 && o.Strings[0].Last == 5 {
			t.Error("no string is there for a part of the frames only")
		}
	}
	if _, err := Plant(rand.New(rand.NewPCG(1, 5)), g, Builtin(), 1, uid.JPEG2000); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
	if g.Frames[0][0] != ground(1).Frames[0][0] {
		t.Error("the ground was changed")
	}
}

func TestRecognised(t *testing.T) {
	for _, c := range []struct {
		text, read string
		want       bool
	}{
		{"DOE, Jane", "DOEJANE", true}, {"DOE, Jane", "D0EJNE", true}, {"12345678", "XX1234", true}, {"12345678", "187", false}, {"12345678", "", false}, {"M", "M", false},
	} {
		if got := Recognised(c.text, c.read); got != c.want {
			t.Errorf("%q read as %q: %v", c.text, c.read, got)
		}
	}
}

func TestTesseractReadsWhatIsThere(t *testing.T) {
	const w, h = 300, 60
	pix := make([]uint8, 3*w*h)
	s, err := Burn(pix, h, w, "KOWALSKI 4711", 20, 20, Style{Font: Builtin()[0], Size: 24, Ink: color.RGBA{255, 255, 255, 255}, Alpha: 1})
	if err != nil {
		t.Fatal(err)
	}
	grey := make([]uint8, w*h)
	for i := range grey {
		grey[i] = pix[3*i]
	}
	read, err := Read(context.Background(), grey, w, h, s.Box)
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("tesseract is not installed")
	}
	if err != nil || !Recognised(s.Text, read) {
		t.Errorf("read %q, %v", read, err)
	}
	if read, err = Read(context.Background(), make([]uint8, w*h), w, h, s.Box); err != nil || Recognised(s.Text, read) {
		t.Errorf("read %q on black, %v", read, err)
	}
}

func TestFontsOfTheSystem(t *testing.T) {
	fonts := System("/usr/share/fonts", "dejavusans")
	if len(fonts) == 0 {
		t.Skip("fonts-dejavu-core is not installed")
	}
	for _, f := range fonts {
		if _, err := Glyphs("0123", Style{Font: f, Size: 12}); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if len(System(t.TempDir())) != 0 {
		t.Error("fonts in an empty folder")
	}
}
