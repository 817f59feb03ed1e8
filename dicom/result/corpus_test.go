package result

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

func real(t *testing.T, name string) *dicom.DataSet {
	t.Helper()
	f, err := dicom.Open(testdata.Shared(t, "data", "dicom", "real", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f.DataSet
}

// TestReportsOfOthers: by dcmqi, dcmjs and highdicom; what pydicom 2.3.1 and dsrdump 3.6.7 have in the same files.
func TestReportsOfOthers(t *testing.T) {
	r, err := ReadReport(real(t, "dcmqi/data/sr-example/sr.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Groups[0]; g.TrackingID != "primary tumor" || g.Finding.Value != "M-80003" || g.Numbers[0].Value != 6.01529 || g.Numbers[0].Unit != "{SUVbw}g/ml" || r.Observers[0].Person != "User2" || len(r.Images) != 193 {
		t.Errorf("dcmqi: %+v", g)
	}
	r, err = ReadReport(real(t, "dcmjs/test/sample-sr.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	// It says "no units" of a length in millimetres: that is what is read.
	if g := r.Groups[0]; len(r.Groups) != 1 || len(g.Regions) != 2 || g.Regions[0].Points[0] != (Point{580.7191772460938, 1090.8358154296875}) || g.Numbers[0].Value != 64.4505437946691 || g.Numbers[0].Unit != "1" {
		t.Errorf("dcmjs: %+v", g)
	}
	r, err = ReadReport(real(t, "highdicom/sr_document_with_multiple_groups.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range r.Groups {
		kind := GraphicType("-")
		if len(g.Regions) > 0 {
			kind = g.Regions[0].Type
		}
		got = append(got, fmt.Sprint(g.TrackingID, " ", g.Finding.Meaning, " ", kind, " ", g.Numbers[0].Value, g.Numbers[0].Unit, " ", len(g.Images), len(g.Evaluations)))
	}
	want := []string{"Image0001  - -119.0738525390625[hnsf'U] 1 1", "LungNodule0001 Nodule CIRCLE 10mm 0 1", "Aorta0001 Aorta POLYLINE 20mm 0 0", "Vertebra0001 Vertebra - 200mm3 0 0"}
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			t.Errorf("highdicom: %q, want %q", got, want)
			break
		}
	}
	if r.Observers[0].Person != "Doe^John" || r.Observers[1].Device.UID == "" || r.Procedure.Value != "25045-6" {
		t.Errorf("%+v", r.Observers)
	}
	// Coordinates of a whole slide's matrix, and a report without the template.
	for _, name := range []string{"highdicom/sr_document.dcm", "pydicom/test_files/reportsi.dcm"} {
		if _, err := ReadReport(real(t, name)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSegmentationsOfOthers: frames and pixels inside are those of pydicom 2.3.1.
func TestSegmentationsOfOthers(t *testing.T) {
	for _, c := range []struct {
		name                      string
		frames, segments, pixels  int
		label, algorithm, program string
	}{
		{"dcmqi/data/sr-example/seg.dcm", 13, 1, 795, "Neoplasm, Primary", Manual, ""},
		{"dcmqi/data/segmentations/24x38x3/seg/label.seg", 3, 1, 315, "Liver", SemiAutomatic, "SlicerEditor"},
		{"dcmqi/data/segmentations/23x38x3/seg/label.seg", 3, 1, 322, "Liver", SemiAutomatic, "SlicerEditor"},
		{"dcmjs/examples/data/QIICR_Test3/tumor_User1_Manual_Trial1.dcm", 13, 2, 266, "Neoplasm, Primary", Manual, ""},
		{"pydicom/test_files/liver_1frame.dcm", 1, 1, 36233, "Liver", SemiAutomatic, "SlicerEditor"},
		{"pydicom/test_files/liver_expb_1frame.dcm", 1, 1, 36233, "Liver", SemiAutomatic, "SlicerEditor"}, // big endian
		{"pydicom-data/liver_nonbyte_aligned.dcm", 3, 1, 107098, "Liver", SemiAutomatic, "SlicerEditor"},
		{"highdicom/seg_image_cr_binary.dcm", 1, 1, 151, "first segment", Automatic, "test"},
		{"highdicom/seg_image_ct_binary.dcm", 3, 1, 638, "first segment", Automatic, "test"},
		{"highdicom/seg_image_sm_control.dcm", 20, 20, 523, "RGB(37, 231, 253)", Automatic, "test"},
	} {
		s, err := ReadSegmentation(real(t, c.name))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		n := 0
		for _, p := range s.Planes {
			for _, in := range p.Mask {
				if in {
					n++
				}
			}
		}
		if g := s.Segments[0]; len(s.Planes) != c.frames || len(s.Segments) != c.segments || n != c.pixels || g.Label != c.label || g.Algorithm != c.algorithm || g.Program.Name != c.program {
			t.Errorf("%s: %d frames, %d segments, %d pixels, %+v", c.name, len(s.Planes), len(s.Segments), n, g)
		}
	}
	for _, name := range []string{"pydicom-data/liver_rle.dcm", "pydicom-data/liver_deflate.dcm"} { // compressed
		if _, err := ReadSegmentation(real(t, name)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOddReports: what others leave out is passed over, and what can't be is refused.
func TestOddReports(t *testing.T) {
	tree := func(change func(group *dicom.DataSet)) (*Report, error) {
		r := sample(t)
		r.Groups = r.Groups[:1]
		ds, err := r.DataSet()
		if err != nil {
			t.Fatal(err)
		}
		list := ds.Sequence(tag.ContentSequence)
		change(list[len(list)-1].Sequence(tag.ContentSequence)[0])
		return ReadReport(ds)
	}
	find := func(group *dicom.DataSet, kind string) *dicom.DataSet {
		list := group.Sequence(tag.ContentSequence)
		return list[slices.IndexFunc(list, func(c *dicom.DataSet) bool { return c.String(tag.ValueType) == kind })]
	}
	scoord := func(group *dicom.DataSet) *dicom.DataSet { return find(group, "NUM").Sequence(tag.ContentSequence)[0] }
	if r, err := tree(func(g *dicom.DataSet) { find(g, "NUM").SetSequence(tag.MeasuredValueSequence) }); err != nil || len(r.Groups[0].Numbers) != 0 || len(r.Groups[0].Regions) != 1 {
		t.Errorf("a measurement that has no value: %+v, %v", r, err)
	}
	if r, err := tree(func(g *dicom.DataSet) { find(g, "UIDREF").SetString(tag.ValueType, "DATE") }); err != nil || r.Groups[0].TrackingUID != "" {
		t.Errorf("an item of another kind: %v", err)
	}
	for name, change := range map[string]func(g *dicom.DataSet){
		"half a point":    func(g *dicom.DataSet) { scoord(g).SetFloats(tag.GraphicData, 1, 2, 3) },
		"no points":       func(g *dicom.DataSet) { scoord(g).Delete(tag.GraphicData) },
		"an unknown type": func(g *dicom.DataSet) { scoord(g).SetString(tag.GraphicType, "BLOB") },
		"no image":        func(g *dicom.DataSet) { scoord(g).Delete(tag.ContentSequence) },
		"a matrix":        func(g *dicom.DataSet) { scoord(g).SetString(tag.PixelOriginInterpretation, "VOLUME") },
		"a frame before the first": func(g *dicom.DataSet) {
			first(scoord(g).Sequence(tag.ContentSequence)[0], tag.ReferencedSOPSequence).SetInts(tag.ReferencedFrameNumber, 0)
		},
		"no number": func(g *dicom.DataSet) {
			v := first(find(g, "NUM"), tag.MeasuredValueSequence)
			v.Delete(tag.NumericValue, tag.FloatingPointValue)
		},
	} {
		if _, err := tree(change); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := tree(func(g *dicom.DataSet) {
		first(find(g, "NUM"), tag.MeasuredValueSequence).Delete(tag.FloatingPointValue)
	}); err != nil || r.Groups[0].Numbers[0].Value != 0.33333333333333 {
		t.Errorf("without its float: %+v, %v", r, err)
	}
}
