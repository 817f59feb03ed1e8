package pixels

import (
	"context"
	"image"
	"image/color"
	"os/exec"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func TestWhatIsAMeasurement(t *testing.T) {
	for line, want := range map[string]bool{
		"MI 1.2": true, "TIS: 0.4": true, "mi=0,9": true, "15.0 cm": true, "45Hz": true, "72 bpm": true, "FR 52 Hz": true, "HR: 72": true, "Gain 50": true, "80 %": true, "120 cm/s": true,
		"": false, "12": false, "4711": false, "MI": false, "DOE 12 cm": false, "ID 15 cm": false, "1234 cm": false, "MI 1.2 DOE": false, "10.03.2020": false, "HR 4711": false, "John": false, "12/03 cm": false, "cm": false, "A 72 bpm": false,
	} {
		if isMeasurement(line) != want {
			t.Errorf("%q: %v", line, !want)
		}
	}
}

// written is a phantom clip with lines burned into all frames, as a DICOM file, and where they are.
func written(t *testing.T, lines ...string) ([]byte, []plant.String) {
	t.Helper()
	g, _, err := plant.Phantom(5, 0, 434)
	if err != nil {
		t.Fatal(err)
	}
	var where []plant.String
	for i, line := range lines {
		st := plant.Style{Font: plant.Builtin()[0], Size: 22, Ink: color.RGBA{255, 255, 255, 255}, Alpha: 1}
		for k := range g.Frames {
			s, err := plant.Burn(g.Frames[k], g.H, g.W, line, 12, 14+60*i, st)
			if err != nil {
				t.Fatal(err)
			}
			if k == 0 {
				where = append(where, s)
			}
		}
	}
	for _, f := range g.Frames { // a mark of the depth scale
		for x := 5; x < 14; x++ {
			for c := range 3 {
				f[3*(390*g.W+x)+c] = 200
			}
		}
	}
	o, err := plant.Plant(stats.Seed(5).Stream("measure"), g, plant.Builtin(), 0, plant.Syntaxes[0])
	if err != nil {
		t.Fatal(err)
	}
	return o.Bytes, where
}

func TestMeasurementsStayWhereThePolicySaysSo(t *testing.T) {
	if _, err := exec.LookPath("tesseract"); err != nil {
		t.Skip("tesseract is not installed")
	}
	raw, where := written(t, "MI 1.2", "Abbott, Anna", "4711 0815")
	for _, keep := range []bool{false, true} {
		p := clean
		p.Measurements = keep
		m, before, after := masked(t, raw, p)
		if m.Verdict != deid.Blanked {
			t.Fatalf("%v %s", m.Verdict, m.Reason)
		}
		for i, s := range where {
			a, err := before.Grey8(3)
			if err != nil {
				t.Fatal(err)
			}
			b, err := after.Grey8(3)
			if err != nil {
				t.Fatal(err)
			}
			stays := keep && i == 0
			if plant.Legible(s, b, after.Columns) != stays {
				t.Errorf("keep %v: %q legible: %v", keep, s.Text, !stays)
			}
			if stays {
				for y := s.Box.Min.Y; y < s.Box.Max.Y; y++ {
					for x := s.Box.Min.X; x < s.Box.Max.X; x++ {
						if k := y*after.Columns + x; a[k] != b[k] {
							t.Fatalf("a pixel of %q changed", s.Text)
						}
					}
				}
			}
		}
	}
}

func TestMeasurementsNeedTesseract(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	raw, _ := written(t)
	f, err := dicom.ReadBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	p := clean
	p.Measurements = true
	if _, err := New().Mask(context.Background(), deid.MaskInput{File: f, Pixels: p}); fault.CodeOf(err) != fault.Missing {
		t.Errorf("%v", err)
	}
}

// A device's rule keeps a scale outside of the sector, and not writing that is found in it.
func TestScalesOutsideOfTheSectorStay(t *testing.T) {
	raw, where := written(t, "Abbott, Anna")
	p := clean
	p.Devices = []deid.DeviceRule{{Name: "scale", Modality: "US", Action: "mask", Keep: [][]int{{0, 0, 200, 60}, {0, 380, 30, 430}}}}
	m, before, after := masked(t, raw, p)
	if m.Verdict != deid.Blanked {
		t.Fatalf("%v %s", m.Verdict, m.Reason)
	}
	a, _ := before.Grey8(2)
	b, err := after.Grey8(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, pt := range []image.Point{{5, 390}, {13, 390}} {
		if k := pt.Y*after.Columns + pt.X; a[k] != 200 || b[k] != 200 {
			t.Errorf("%v was %d and is %d", pt, a[k], b[k])
		}
	}
	_, _, bare := masked(t, raw, clean)
	if b, err := bare.Grey8(2); err != nil || b[390*bare.Columns+5] != 0 {
		t.Errorf("without the rule the scale stays: %v", err)
	}
	if plant.Legible(where[0], b, after.Columns) {
		t.Error("a name stayed in what was to be kept")
	}
}
