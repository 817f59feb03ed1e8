package result

import (
	"reflect"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// pattern is a mask of 6 × 8 pixels of which every nth is in.
func pattern(n int) []bool {
	m := make([]bool, 48)
	for i := range m {
		m[i] = i%n == 0
	}
	return m
}

// echoMasks are two segments on frames of a cine without a frame of reference.
func echoMasks(t testing.TB) *Segmentation {
	t.Helper()
	im := cine(t)
	im.Header.SetString(tag.LossyImageCompression, "01")
	im.Header.SetString(tag.LossyImageCompressionRatio, "8")
	im.Header.SetString(tag.LossyImageCompressionMethod, "ISO_10918_1")
	return &Segmentation{Made: made("seg"), Images: []Image{im}, Rows: 6, Columns: 8, Creator: "R-1^",
		Segments: []Segment{{Label: "lv", Type: leftHeart, Category: anatomical, Algorithm: Manual, TrackingID: "lv", TrackingUID: uid.Derive("lv")},
			{Label: "effusion", Type: Own("effusion", ""), Category: tissue, Algorithm: Automatic, Program: Device{Name: "lvnet", Version: "1.2"}}},
		Planes: []Plane{{1, Reference{im.SOP, []int{0}}, pattern(5)}, {1, Reference{im.SOP, []int{2}}, pattern(7)}, {2, Reference{im.SOP, []int{2}}, pattern(3)}}}
}

// stackMasks are on two of three slices with a frame of reference; 5 × 3 pixels, so that no frame ends with a byte.
func stackMasks(t testing.TB) *Segmentation {
	t.Helper()
	s := &Segmentation{Made: made("seg of a stack"), Rows: 5, Columns: 3, Segments: []Segment{{Label: "lesion", Type: Own("lesion", ""), Category: tissue, Algorithm: SemiAutomatic, Program: Device{Name: "grower", Version: "2"}}}}
	for i, name := range []string{"slice 1", "slice 2", "slice 3"} {
		im := picture(t, uid.CTImageStorage, name, 1)
		im.Series = "1.2.3"
		h := im.Header
		h.SetString(tag.SeriesInstanceUID, "1.2.3")
		h.SetInts(tag.Rows, 5)
		h.SetInts(tag.Columns, 3)
		h.SetString(tag.FrameOfReferenceUID, "1.2.4")
		h.SetFloats(tag.ImagePositionPatient, 0, 0, 2.5*float64(i))
		h.SetFloats(tag.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
		h.SetFloats(tag.PixelSpacing, 0.5, 0.25)
		h.SetFloats(tag.SliceThickness, 2.5)
		s.Images = append(s.Images, im)
	}
	for i := range 2 {
		m := make([]bool, 15)
		m[3*i], m[14] = true, true
		s.Planes = append(s.Planes, Plane{1, Reference{SOP: s.Images[i+1].SOP}, m})
	}
	return s
}

func TestSegmentationRoundTrip(t *testing.T) {
	for name, want := range map[string]*Segmentation{"echo": echoMasks(t), "stack": stackMasks(t)} {
		ds, err := want.DataSet()
		if err != nil {
			t.Fatal(name, err)
		}
		back := reread(t, ds)
		got, err := ReadSegmentation(back)
		if err != nil {
			t.Fatal(name, err)
		}
		if !reflect.DeepEqual(got.Planes, want.Planes) || !reflect.DeepEqual(got.Segments, want.Segments) || got.Creator != want.Creator || got.SOP != want.SOP {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
		for i, im := range got.Images {
			if w := want.Images[i]; im.SOP != w.SOP || im.Series != w.Series || im.Class != w.Class || im.Study != w.Study {
				t.Errorf("%s, image %d: %+v", name, i, im)
			}
		}
		placed := name == "stack"
		if back.Has(tag.FrameOfReferenceUID) != placed || back.Has(tag.PatientOrientation) == placed {
			t.Errorf("%s: frame of reference %v, orientation %v", name, back.Has(tag.FrameOfReferenceUID), back.Has(tag.PatientOrientation))
		}
		if back.String(tag.PatientID) != "P-17" || back.String(tag.StudyID) != "S 4" {
			t.Errorf("%s: not the patient's", name)
		}
		if got, want := back.String(tag.LossyImageCompression), map[bool]string{true: "00", false: "01"}[placed]; got != want {
			t.Errorf("%s: lossy %s", name, got)
		}
		if placed {
			g := back.FunctionalGroup(1, tag.PlanePositionSequence)
			if g == nil || !slices.Equal(g.Floats(tag.ImagePositionPatient), []float64{0, 0, 5}) {
				t.Errorf("the second plane lies elsewhere")
			}
		}
	}
}

// TestPack: by hand. Two frames of five pixels: 10100 01111 is 1,0,1,0,0,0,1,1 and 1,1 from the lowest bit on.
func TestPack(t *testing.T) {
	planes := []Plane{{Mask: []bool{true, false, true, false, false}}, {Mask: []bool{false, true, true, true, true}}}
	b := pack(planes, 5)
	if !slices.Equal(b, []byte{0b11000101, 0b11}) {
		t.Errorf("%08b", b)
	}
	for i, p := range planes {
		if got := unpack(b, i, 5); !slices.Equal(got, p.Mask) {
			t.Errorf("%d: %v", i, got)
		}
	}
	if b := pack(planes[:1], 5); len(b) != 2 {
		t.Errorf("an odd length, %d", len(b))
	}
}

func TestSegmentationRefusals(t *testing.T) {
	for name, change := range map[string]func(s *Segmentation){
		"no algorithm":       func(s *Segmentation) { s.Segments[0].Algorithm = "" },
		"an unnamed program": func(s *Segmentation) { s.Segments[1].Program.Name = "" },
		"another size":       func(s *Segmentation) { s.Rows, s.Columns = 8, 6 },
		"a short mask":       func(s *Segmentation) { s.Planes[0].Mask = s.Planes[0].Mask[1:] },
		"no segment":         func(s *Segmentation) { s.Planes[0].Segment = 3 },
		"no frame":           func(s *Segmentation) { s.Planes[0].Of.Frames = nil },
		"a frame too many":   func(s *Segmentation) { s.Planes[0].Of.Frames = []int{3} },
		"nothing":            func(s *Segmentation) { s.Planes = nil },
		"two series": func(s *Segmentation) {
			s.Images = append(s.Images, s.Images[0])
			s.Images[1].SOP, s.Images[1].Series = "1.2", "1.3"
		},
	} {
		s := echoMasks(t)
		change(s)
		if _, err := s.DataSet(); fault.CodeOf(err) != fault.Input && fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(ds *dicom.DataSet){
		"another class":   func(ds *dicom.DataSet) { ds.SetString(tag.SOPClassUID, uid.CTImageStorage) },
		"fractional":      func(ds *dicom.DataSet) { ds.SetString(tag.SegmentationType, "FRACTIONAL") },
		"more frames":     func(ds *dicom.DataSet) { ds.SetInts(tag.NumberOfFrames, 4) },
		"a huge picture":  func(ds *dicom.DataSet) { ds.SetInts(tag.Rows, 60000); ds.SetInts(tag.Columns, 60000) },
		"no pixels":       func(ds *dicom.DataSet) { ds.Delete(tag.PixelData) },
		"no segments":     func(ds *dicom.DataSet) { ds.Delete(tag.SegmentSequence) },
		"no groups":       func(ds *dicom.DataSet) { ds.Delete(tag.PerFrameFunctionalGroupsSequence) },
		"eight bits each": func(ds *dicom.DataSet) { ds.SetInts(tag.BitsAllocated, 8) },
	} {
		ds, err := echoMasks(t).DataSet()
		if err != nil {
			t.Fatal(err)
		}
		change(ds)
		if _, err := ReadSegmentation(ds); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadSegmentation(f *testing.F) {
	for _, s := range []*Segmentation{echoMasks(f), stackMasks(f)} {
		ds, err := s.DataSet()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(written(f, ds))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<20 {
			return
		}
		ds := parsed(b)
		if ds == nil {
			return
		}
		s, err := ReadSegmentation(ds)
		if err != nil {
			return
		}
		for _, p := range s.Planes {
			if len(p.Mask) != s.Rows*s.Columns || p.Segment < 1 || p.Segment > len(s.Segments) || p.Of.SOP == "" {
				t.Fatal("a mask that is none")
			}
		}
	})
}
