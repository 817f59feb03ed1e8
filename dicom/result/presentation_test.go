package result

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// shapes are marks on a cine, or on one frame.
func shapes(t testing.TB, photometric string, frames int) *Presentation {
	t.Helper()
	im := picture(t, uid.UltrasoundMultiFrameImageStorage, "shown "+photometric, frames)
	im.Header.SetString(tag.PhotometricInterpretation, photometric)
	if frames == 1 {
		im.Header.SetFloats(tag.WindowCenter, 40)
		im.Header.SetFloats(tag.WindowWidth, 400)
		im.Header.SetFloats(tag.RescaleSlope, 1)
		im.Header.SetFloats(tag.RescaleIntercept, -1024)
		im.Header.SetFloats(tag.PixelSpacing, 0.5, 0.25)
	}
	in := Reference{SOP: im.SOP}
	if frames > 1 {
		in.Frames = []int{1}
	}
	return &Presentation{Made: made("pr " + photometric), Image: im, Creator: "R-1^", Marks: []Mark{{Region{Polyline, []Point{{1, 1}, {4, 5.25}}, in}, "septum 4.2 mm"},
		{Outline([]Point{{1, 1}, {5, 1}, {5, 4}}, in), "Höhle"}, {EllipseOf(Point{3, 2}, Point{3, 4}, Point{1, 3}, Point{5, 3}, in), ""}, {Region{OnePoint, []Point{{0, 6}}, in}, ""}}}
}

func TestPresentationRoundTrip(t *testing.T) {
	for photometric, frames := range map[string]int{"MONOCHROME2": 1, "YBR_FULL_422": 3} {
		want := shapes(t, photometric, frames)
		ds, err := want.DataSet()
		if err != nil {
			t.Fatal(err)
		}
		back := reread(t, ds)
		got, err := ReadPresentation(back)
		if err != nil || !reflect.DeepEqual(got.Marks, want.Marks) || got.Creator != want.Creator || got.Image.SOP != want.Image.SOP || got.Image.Series != want.Image.Series {
			t.Errorf("%s: %+v, %v", photometric, got, err)
		}
		if back.Has(tag.ICCProfile) == (frames == 1) || back.Has(tag.SoftcopyVOILUTSequence) == (frames == 3) || back.String(tag.PatientID) != "P-17" {
			t.Errorf("%s: profile, window or patient", photometric)
		}
	}
	p := profile()
	if int(binary.BigEndian.Uint32(p)) != len(p) || string(p[36:40]) != "acsp" || len(p)%4 != 0 {
		t.Errorf("a profile of %d bytes", len(p))
	}
}

func TestPresentationRefusals(t *testing.T) {
	for name, change := range map[string]func(p *Presentation){
		"nothing":       func(p *Presentation) { p.Marks = nil },
		"no frame":      func(p *Presentation) { p.Marks[0].In.Frames = nil },
		"another image": func(p *Presentation) { p.Marks[0].In.SOP = "1.2" },
		"half a line":   func(p *Presentation) { p.Marks[0].Points = p.Marks[0].Points[:1] },
		"no size":       func(p *Presentation) { p.Image.Header.Delete(tag.Rows) },
		"no header":     func(p *Presentation) { p.Image.Header = nil },
	} {
		p := shapes(t, "RGB", 3)
		change(p)
		if _, err := p.DataSet(); fault.CodeOf(err) != fault.Input && fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadPresentation(made0()); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

func FuzzReadPresentation(f *testing.F) {
	ds, err := shapes(f, "RGB", 3).DataSet()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(written(f, ds))
	fuzz(f, func(t *testing.T, ds *dicom.DataSet) {
		p, err := ReadPresentation(ds)
		if err != nil {
			return
		}
		for _, m := range p.Marks {
			if m.check() != nil || m.In.SOP != p.Image.SOP {
				t.Fatal("a mark that is none")
			}
		}
	})
}
