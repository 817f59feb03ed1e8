package dicom

import (
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

func group(t tag.Tag, set func(*DataSet)) *DataSet {
	inner, out := NewDataSet(), NewDataSet()
	set(inner)
	out.SetSequence(t, inner)
	return out
}

func TestFunctionalGroups(t *testing.T) {
	ds := minimal()
	ds.SetSequence(tag.SharedFunctionalGroupsSequence, group(tag.PixelMeasuresSequence, func(d *DataSet) { d.SetFloats(tag.PixelSpacing, 0.5, 0.5); d.SetFloats(tag.SliceThickness, 3) }))
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence,
		group(tag.PlanePositionSequence, func(d *DataSet) { d.SetFloats(tag.ImagePositionPatient, 0, 0, 1) }),
		group(tag.PixelMeasuresSequence, func(d *DataSet) { d.SetFloats(tag.PixelSpacing, 2, 2) }))
	ds.SetString(tag.Modality, "MR")
	if g := ds.FunctionalGroup(0, tag.PlanePositionSequence); g == nil || g.Floats(tag.ImagePositionPatient)[2] != 1 {
		t.Error("a frame's own group")
	}
	for frame, want := range map[int]float64{0: 0.5, 1: 2, 7: 0.5, -1: 0.5} {
		if g := ds.FunctionalGroup(frame, tag.PixelMeasuresSequence); g == nil || g.Floats(tag.PixelSpacing)[0] != want {
			t.Errorf("frame %d", frame)
		}
		if e, ok := ds.FrameElement(frame, tag.PixelSpacing); !ok || e.Floats()[0] != want {
			t.Errorf("frame %d: element", frame)
		}
	}
	if ds.FunctionalGroup(1, tag.PlanePositionSequence) != nil {
		t.Error("frame 1 has no position")
	}
	if e, ok := ds.FrameElement(1, tag.Modality); !ok || e.Strings()[0] != "MR" {
		t.Error("an attribute of the data set itself")
	}
	if _, ok := ds.FrameElement(0, tag.EchoTime); ok {
		t.Error("an attribute that is nowhere")
	}
	if minimal().FunctionalGroup(0, tag.PlanePositionSequence) != nil {
		t.Error("an object without groups")
	}
}

// A real enhanced MR: each frame has a position of its own and the spacing of all.
func TestFunctionalGroupsOfAFile(t *testing.T) {
	f, err := Open(filepath.Join(testdata.Shared(t, "data", "dicom", "real", "dcm_qa_enh"), "In", "Philips", "IM_0027_fMAP.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[float64]bool{}
	for i := range 64 {
		p, ok := f.DataSet.FrameElement(i, tag.ImagePositionPatient)
		s, ok2 := f.DataSet.FrameElement(i, tag.PixelSpacing)
		if !ok || !ok2 || len(p.Floats()) != 3 || len(s.Floats()) != 2 {
			t.Fatalf("frame %d has no position or spacing", i)
		}
		seen[p.Floats()[2]] = true
	}
	if len(seen) < 8 {
		t.Errorf("64 frames in %d places", len(seen))
	}
}

// part is a part of a concatenation: its number, the number of its first frame, and how many there are.
func part(n, first, frames int) *DataSet {
	ds := minimal()
	ds.SetString(tag.ConcatenationUID, "1.2.9")
	ds.SetString(tag.SOPInstanceUIDOfConcatenationSource, "1.2.8")
	ds.SetInts(tag.InConcatenationNumber, n)
	ds.SetInts(tag.InConcatenationTotalNumber, 3)
	if first >= 0 {
		ds.SetInts(tag.ConcatenationFrameOffsetNumber, first)
	}
	ds.SetInts(tag.NumberOfFrames, frames)
	var items []*DataSet
	for i := range frames {
		items = append(items, group(tag.FrameContentSequence, func(d *DataSet) { d.SetInts(tag.FrameAcquisitionNumber, first+i) }))
	}
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, items...)
	return ds
}

func TestConcatenation(t *testing.T) {
	a, b, c := part(1, 0, 4), part(2, 4, 4), part(3, 8, 1)
	parts, complete, err := Concatenation(c, a, b)
	if err != nil || !complete || parts[0].DataSet != a || parts[1].DataSet != b || parts[2].DataSet != c || parts[2].First != 8 {
		t.Fatalf("%v, %v, %+v", err, complete, parts)
	}
	whole, err := Joined(parts)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := whole.Int(tag.NumberOfFrames); n != 9 || whole.String(tag.SOPInstanceUID) != "1.2.8" || whole.Has(tag.ConcatenationUID) {
		t.Errorf("%d frames of %s", n, whole.String(tag.SOPInstanceUID))
	}
	for i := range 9 {
		if n, ok := whole.FunctionalGroup(i, tag.FrameContentSequence).Int(tag.FrameAcquisitionNumber); !ok || n != i {
			t.Errorf("frame %d is %d", i, n)
		}
	}
	if a.String(tag.SOPInstanceUID) != "1.2.3.4" || len(a.Sequence(tag.PerFrameFunctionalGroupsSequence)) != 4 {
		t.Error("joining changed a part")
	}
	// Without offsets the numbers of frames tell them.
	if parts, complete, err := Concatenation(part(2, -1, 4), part(1, -1, 3)); err != nil || complete || parts[1].First != 3 {
		t.Errorf("%v, %v", err, complete)
	}
	for name, c := range map[string]struct {
		in       []*DataSet
		complete bool
		bad      bool
	}{
		"none":           {nil, false, true},
		"no part":        {[]*DataSet{minimal()}, false, true},
		"twice":          {[]*DataSet{part(1, 0, 4), part(1, 0, 4)}, false, true},
		"end missing":    {[]*DataSet{a, b}, false, false},
		"middle missing": {[]*DataSet{a, c}, false, false},
		"first missing":  {[]*DataSet{b, c}, false, false},
		"overlap":        {[]*DataSet{a, part(2, 3, 4)}, false, true},
		"hole":           {[]*DataSet{a, part(2, 5, 4)}, false, true},
		"no number":      {[]*DataSet{part(0, 0, 4)}, false, true},
	} {
		_, complete, err := Concatenation(c.in...)
		if (err != nil) != c.bad || complete != c.complete || err != nil && fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v, %v", name, complete, err)
		}
	}
	if _, err := Joined(nil); err == nil {
		t.Error("nothing joined")
	}
}
