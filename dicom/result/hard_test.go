package result

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/iod"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// masksOf is a segmentation of an image of this many frames, a mask for each pair of segment and frame that is given.
func masksOf(im Image, segments int, at [][2]int, in func(segment, frame, i int) bool) *Segmentation {
	s := &Segmentation{Made: made("seg"), Images: []Image{im}, Rows: 6, Columns: 8}
	for i := range segments {
		s.Segments = append(s.Segments, Segment{Label: fmt.Sprintf("structure %d", i+1), Algorithm: Manual})
	}
	for _, a := range at {
		m := make([]bool, 48)
		for i := range m {
			m[i] = in(a[0], a[1], i)
		}
		ref := Reference{SOP: im.SOP}
		if im.Frames > 1 {
			ref.Frames = []int{a[1]}
		}
		s.Planes = append(s.Planes, Plane{Segment: a[0], Of: ref, Mask: m})
	}
	return s
}

// comesBack writes a segmentation, reads it, and expects the same masks of the same segments and frames.
func comesBack(t *testing.T, s *Segmentation) *dicom.DataSet {
	t.Helper()
	ds := reread(t, dataSet(t, s))
	back, err := ReadSegmentation(ds)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Planes) != len(s.Planes) || len(back.Segments) != len(s.Segments) {
		t.Fatalf("%d planes of %d segments", len(back.Planes), len(back.Segments))
	}
	for i, p := range s.Planes {
		q := back.Planes[i]
		if q.Segment != p.Segment || q.Of.SOP != p.Of.SOP || !slices.Equal(q.Of.Frames, p.Of.Frames) || !slices.Equal(q.Mask, p.Mask) {
			t.Fatalf("plane %d: segment %d, frames %v", i, q.Segment, q.Of.Frames)
		}
	}
	for i, g := range s.Segments {
		if back.Segments[i].Label != g.Label {
			t.Errorf("segment %d: %q", i, back.Segments[i].Label)
		}
	}
	return ds
}

// TestTwoHundredFrames: two structures in each frame of a long loop; dimensions count frames once.
func TestTwoHundredFrames(t *testing.T) {
	var at [][2]int
	for f := range 200 {
		at = append(at, [2]int{1, f}, [2]int{2, f})
	}
	ds := comesBack(t, masksOf(picture(t, uid.UltrasoundMultiFrameImageStorage, "long", 200), 2, at, func(s, f, i int) bool { return (i*7+f*3+s)%5 == 0 }))
	if n, _ := ds.Int(tag.NumberOfFrames); n != 400 {
		t.Errorf("%d frames", n)
	}
	last := ds.FunctionalGroup(399, tag.FrameContentSequence)
	if v := last.Ints(tag.DimensionIndexValues); !slices.Equal(v, []int64{2, 200}) {
		t.Errorf("dimensions %v", v)
	}
	if list, known := iod.Check(ds); !known || len(list) > 0 {
		t.Errorf("%v", list)
	}
}

// TestThreeHundredSegments: more than a byte counts, a pixel each.
func TestThreeHundredSegments(t *testing.T) {
	var at [][2]int
	for s := range 300 {
		at = append(at, [2]int{s + 1, s % 3})
	}
	ds := comesBack(t, masksOf(cine(t), 300, at, func(s, _, i int) bool { return i == s%48 }))
	if list := ds.Sequence(tag.SegmentSequence); len(list) != 300 {
		t.Errorf("%d segments", len(list))
	} else if n, _ := list[299].Int(tag.SegmentNumber); n != 300 {
		t.Errorf("the last is %d", n)
	}
}

// TestMasksAtTheBorder: nothing, one pixel in every corner, everything, the frame round the picture.
func TestMasksAtTheBorder(t *testing.T) {
	border := func(i int) bool { x, y := i%8, i/8; return x == 0 || y == 0 || x == 7 || y == 5 }
	at := [][2]int{{1, 0}, {1, 1}, {1, 2}, {2, 0}, {2, 1}, {2, 2}}
	comesBack(t, masksOf(cine(t), 2, at, func(s, f, i int) bool {
		switch [2]int{s, f} {
		case [2]int{1, 0}:
			return false
		case [2]int{1, 1}:
			return i == 0
		case [2]int{1, 2}:
			return i == 47
		case [2]int{2, 0}:
			return true
		case [2]int{2, 1}:
			return border(i)
		}
		return i == 7 || i == 40
	}))
}

// TestLabelsBeyondASCII: one character set for all of the object, also where only a label needs it or only the patient's name.
func TestLabelsBeyondASCII(t *testing.T) {
	for patient, label := range map[string]string{"Plain^Name": "Левый желудочек 左心室", "山田^太郎": "left ventricle", "Müller^Ä": "größter Durchmesser"} {
		im := cine(t)
		im.Header.SetString(tag.PatientName, patient)
		s := masksOf(im, 1, [][2]int{{1, 0}}, func(_, _, i int) bool { return i < 5 })
		s.Segments[0].Label = label
		ds := comesBack(t, s)
		if got := ds.String(tag.PatientName); got != patient {
			t.Errorf("%q", got)
		}
		sets := 0
		for _, e := range ds.Walk() {
			if e.Tag == tag.SpecificCharacterSet {
				sets++
			}
		}
		if sets != 1 || ds.String(tag.SpecificCharacterSet) != "ISO_IR 192" {
			t.Errorf("%d character sets, %q", sets, ds.String(tag.SpecificCharacterSet))
		}
	}
	long := masksOf(cine(t), 1, [][2]int{{1, 0}}, func(_, _, i int) bool { return false })
	for len([]rune(long.Segments[0].Label)) < 80 {
		long.Segments[0].Label += "ö"
	}
	back, err := ReadSegmentation(reread(t, dataSet(t, long)))
	if err != nil || len([]rune(back.Segments[0].Label)) != 64 {
		t.Errorf("%v, %v", back, err)
	}
}

// TestNoFrameNumbersOfSingleFrames: an image of one frame is named without a number in every kind of result (PS3.3 10.3).
func TestNoFrameNumbersOfSingleFrames(t *testing.T) {
	im := picture(t, uid.UltrasoundImageStorage, "still", 1)
	in := Reference{im.SOP, []int{0}}
	report := &Report{Made: made("sr"), Images: []Image{im}, Observers: []Observer{{Person: "R-1^"}}, Groups: []Group{
		{TrackingID: "x", TrackingUID: "2.25.1", Regions: []Region{{Polyline, []Point{{1, 1}, {2, 2}}, in}}, Numbers: []Number{{Concept: ValueConcept("length"), Value: 1, Unit: "mm"}}},
		{TrackingID: "y", TrackingUID: "2.25.2", Images: []Reference{in}, Evaluations: []Evaluation{{Concept: Comment, Text: "x"}}}}}
	state := &Presentation{Made: made("pr"), Image: im, Marks: []Mark{{Region: Region{Polyline, []Point{{1, 1}, {2, 2}}, in}}}}
	im.Header.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	for name, from := range map[string]interface {
		DataSet() (*dicom.DataSet, error)
	}{"report": report, "segmentation": masksOf(im, 1, [][2]int{{1, 0}}, func(_, _, i int) bool { return i == 3 }), "state": state, "capture": captured(im, 1, 0)} {
		for _, e := range dataSet(t, from).Walk() {
			if e.Tag == tag.ReferencedFrameNumber {
				t.Errorf("%s: a frame number", name)
			}
		}
	}
	// And a number is refused that the image doesn't have.
	in.Frames = []int{1}
	if _, err := state.DataSet(); err != nil {
		t.Error(err)
	}
	state.Marks[0].In = in
	if _, err := state.DataSet(); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestWhatTheSourceLacks: attributes of type 2 that an image doesn't have are there and empty; nothing is made up.
func TestWhatTheSourceLacks(t *testing.T) {
	for _, absent := range []tag.Tag{tag.StudyID, tag.StudyDate, tag.StudyTime, tag.PatientID, tag.PatientName, tag.PatientSex, tag.PatientBirthDate, tag.AccessionNumber, tag.ReferringPhysicianName} {
		im := cine(t)
		im.Header.Delete(absent)
		for name, from := range map[string]interface {
			DataSet() (*dicom.DataSet, error)
		}{"report": &Report{Made: made("sr"), Images: []Image{im}, Observers: []Observer{{Person: "R-1^"}}, Groups: []Group{{TrackingID: "y", TrackingUID: "2.25.2", Evaluations: []Evaluation{{Concept: Comment, Text: "x"}}}}},
			"segmentation": masksOf(im, 1, [][2]int{{1, 0}}, func(_, _, i int) bool { return i == 3 }), "capture": captured(im, 1, 0)} {
			ds := dataSet(t, from)
			e, there := ds.Get(absent)
			if !there || e.Len() != 0 {
				t.Errorf("%s without %s: there %t", name, absent.Keyword(), there)
			}
			if got := ds.String(tag.StudyInstanceUID); got != uid.Derive("study") {
				t.Errorf("%s: of study %s", name, got)
			}
		}
	}
}

// TestUnits: every unit that measurements have is a UCUM code of 16 characters at most, in a report and back; others are refused.
func TestUnits(t *testing.T) {
	im := cine(t)
	write := func(unit string) (*Report, error) {
		r := &Report{Made: made("sr"), Images: []Image{im}, Observers: []Observer{{Person: "R-1^"}}, Groups: []Group{{TrackingID: "x", TrackingUID: "2.25.1", Numbers: []Number{{Concept: Own("v", ""), Value: -1.5, Unit: unit}}}}}
		ds, err := r.DataSet()
		if err != nil {
			return nil, err
		}
		v := ds.Sequence(tag.ContentSequence)
		u := first(v[len(v)-1].Sequence(tag.ContentSequence)[0].Sequence(tag.ContentSequence)[2].Sequence(tag.MeasuredValueSequence)[0], tag.MeasurementUnitsCodeSequence)
		if c := codeOf(u); c.Scheme != "UCUM" || c.Value != unit || c.Meaning == "" {
			t.Errorf("%q: %+v", unit, c)
		}
		return ReadReport(ds)
	}
	for _, unit := range []string{"mm", "mm2", "mL", "ms", "deg", "%", "cm/s", "cm/s2", "/min", "Hz", "g", "1", "{pixels}", "{square_pixels}"} {
		r, err := write(unit)
		if err != nil || r.Groups[0].Numbers[0].Unit != unit || r.Groups[0].Numbers[0].Value != -1.5 {
			t.Errorf("%q: %v", unit, err)
		}
	}
	for _, unit := range []string{"", "[arb'U]{cm US Region}", "mm mm", "a\\b"} {
		if _, err := write(unit); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", unit, err)
		}
	}
	if ValueName(code.Concept{Scheme: "SCT", Value: "42798000"}) != "area" || ValueName(Own("EDV (biplane)", "")) != "EDV (biplane)" || ValueName(code.Concept{Scheme: "LN", Value: "1"}) != "" {
		t.Error("names of values")
	}
}

// TestPartsThatCannotBeRead: frames that say too little are left out and named; others are there.
func TestPartsThatCannotBeRead(t *testing.T) {
	at := [][2]int{{1, 0}, {1, 1}, {2, 2}}
	ds := dataSet(t, masksOf(cine(t), 2, at, func(_, f, i int) bool { return i == f }))
	per := ds.Sequence(tag.PerFrameFunctionalGroupsSequence)
	per[0].Delete(tag.DerivationImageSequence)
	per[2].Sequence(tag.SegmentIdentificationSequence)[0].SetInts(tag.ReferencedSegmentNumber, 9)
	s, refused, err := ReadSegmentationParts(ds, 0.5)
	if err != nil || len(s.Planes) != 1 || s.Planes[0].Of.Frames[0] != 1 || !s.Planes[0].Mask[1] || len(refused) != 2 || refused[0].Part != 1 || refused[1].Part != 3 {
		t.Errorf("%+v, %+v, %v", s, refused, err)
	}
	if _, err := ReadSegmentation(ds); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestNoValue: a number that could not be given has a coded reason and neither value nor unit, and comes back so.
func TestNoValue(t *testing.T) {
	im := cine(t)
	r := &Report{Made: made("sr"), Images: []Image{im}, Observers: []Observer{{Person: "R-1^"}}, Groups: []Group{{TrackingID: "x", TrackingUID: "2.25.1",
		Numbers: []Number{{Concept: Own("v", ""), Qualifier: Indeterminate}}, Evaluations: []Evaluation{{Concept: Own("reason", ""), Text: "quality"}}}}}
	ds := reread(t, dataSet(t, r))
	silent(t, judge(t, ds, "dciodvfy", "-new"), "Unrecognized defined term = <99CINELOOP>")
	back, err := ReadReport(ds)
	if err != nil || len(back.Groups[0].Numbers) != 1 || !same(back.Groups[0].Numbers[0].Qualifier, Indeterminate) || back.Groups[0].Numbers[0].Unit != "" {
		t.Errorf("%+v, %v", back, err)
	}
	r.Groups[0].Numbers[0].Qualifier.Scheme = ""
	if _, err := r.DataSet(); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}
