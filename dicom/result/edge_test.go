package result

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// fractions makes a binary segmentation one of fractions, byte i of its pixels being value(i).
func fractions(t *testing.T, most int, value func(i int) byte) *dicom.DataSet {
	t.Helper()
	ds := dataSet(t, masksOf(cine(t), 1, [][2]int{{1, 0}, {1, 2}}, func(_, _, i int) bool { return false }))
	for k, v := range map[tag.Tag]int{tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.MaximumFractionalValue: most} {
		ds.SetInts(k, v)
	}
	ds.SetString(tag.SegmentationType, "FRACTIONAL")
	ds.SetString(tag.SegmentationFractionalType, "PROBABILITY")
	b := make([]byte, 2*48)
	for i := range b {
		b[i] = value(i)
	}
	ds.SetBytes(tag.PixelData, vr.OB, b)
	return ds
}

// TestFractions: from a share of the greatest fraction a pixel is inside, the share itself included.
func TestFractions(t *testing.T) {
	for _, c := range []struct {
		most   int
		inside float64
		want   func(i int) bool
	}{{255, 0.5, func(i int) bool { return i%48 >= 128 }}, {40, 0.5, func(i int) bool { return i%48 >= 20 }}, {40, 1, func(i int) bool { return i%48 >= 40 }}, {40, 0.025, func(i int) bool { return i%48 >= 1 }}} {
		s, refused, err := ReadSegmentationParts(reread(t, fractions(t, c.most, func(i int) byte { return byte(i % 48) })), c.inside)
		if err != nil || len(refused) > 0 || len(s.Planes) != 2 || s.Planes[1].Of.Frames[0] != 2 {
			t.Fatalf("%+v, %v, %v", c, refused, err)
		}
		for i, in := range slices.Concat(s.Planes[0].Mask, s.Planes[1].Mask) {
			if in != c.want(i) {
				t.Errorf("of %d from %g: pixel %d is %t", c.most, c.inside, i, in)
				break
			}
		}
	}
	for name, change := range map[string]func(*dicom.DataSet){
		"no greatest fraction":     func(ds *dicom.DataSet) { ds.Delete(tag.MaximumFractionalValue) },
		"a greatest fraction of 0": func(ds *dicom.DataSet) { ds.SetInts(tag.MaximumFractionalValue, 0) },
		"bits of a binary one":     func(ds *dicom.DataSet) { ds.SetInts(tag.BitsAllocated, 1) },
		"too few pixels":           func(ds *dicom.DataSet) { ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 94)) },
		"neither binary nor so":    func(ds *dicom.DataSet) { ds.SetString(tag.SegmentationType, "LABELMAP") },
		"no pixels":                func(ds *dicom.DataSet) { ds.Delete(tag.PixelData) },
		"no rows":                  func(ds *dicom.DataSet) { ds.SetInts(tag.Rows, 0) },
		"more frames than memory":  func(ds *dicom.DataSet) { ds.SetInts(tag.NumberOfFrames, 1<<30) },
		"two segments of a number": func(ds *dicom.DataSet) {
			ds.SetSequence(tag.SegmentSequence, set(tag.SegmentLabel, "a"), set(tag.SegmentLabel, "b"))
		},
		"a frame before the first":  func(ds *dicom.DataSet) { sourceOf(ds).SetInts(tag.ReferencedFrameNumber, 0) },
		"a source that is no image": func(ds *dicom.DataSet) { sourceOf(ds).SetString(tag.ReferencedSOPInstanceUID, "no UID") },
	} {
		ds := fractions(t, 40, func(i int) byte { return byte(i) })
		change(ds)
		if _, err := ReadSegmentation(ds); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := ReadSegmentationParts(fractions(t, 40, func(i int) byte { return 1 }), 0); fault.CodeOf(err) != fault.Input {
		t.Errorf("everything is inside: %v", err)
	}
}

func sourceOf(ds *dicom.DataSet) *dicom.DataSet {
	return first(first(ds.Sequence(tag.PerFrameFunctionalGroupsSequence)[0], tag.DerivationImageSequence), tag.SourceImageSequence)
}

// TestBigEndianMasks: words of a big endian file are swapped, whatever the machine.
func TestBigEndianMasks(t *testing.T) {
	s := masksOf(cine(t), 1, [][2]int{{1, 0}, {1, 1}}, func(_, f, i int) bool { return i*(f+3)%7 < 3 })
	var b bytes.Buffer
	ds := dataSet(t, s)
	e, _ := ds.Get(tag.PixelData)
	raw, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ds.SetBytes(tag.PixelData, vr.OW, raw)
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRBigEndian}); err != nil {
		t.Skipf("no big endian files are written: %v", err)
	}
	f, err := dicom.ReadBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadSegmentation(f.DataSet)
	if err != nil || !slices.Equal(back.Planes[1].Mask, s.Planes[1].Mask) {
		t.Errorf("%v", err)
	}
}

// TestIdentity: what is copied of de-identification and of trials, with its codes; and nothing else of the picture.
func TestIdentity(t *testing.T) {
	im := cine(t)
	method := dicom.NewDataSet()
	method.SetString(tag.CodeValue, "113100")
	method.SetString(tag.CodingSchemeDesignator, "DCM")
	method.SetString(tag.CodeMeaning, "Basic Application Confidentiality Profile")
	im.Header.SetSequence(tag.DeidentificationMethodCodeSequence, method)
	for k, v := range map[tag.Tag]string{tag.PatientIdentityRemoved: "YES", tag.DeidentificationMethod: "policy 3", tag.ClinicalTrialProtocolID: "T-1", tag.ClinicalTrialSubjectID: "S-2", tag.PatientAge: "066Y",
		tag.StudyDescription: "Echo", tag.IssuerOfPatientID: "HOSP", tag.InstitutionName: "Somewhere", tag.OperatorsName: "Some^One", tag.StationName: "US1", tag.SeriesDescription: "A4C"} {
		im.Header.SetString(k, v)
	}
	for name, ds := range map[string]*dicom.DataSet{"capture": dataSet(t, captured(im, 1, 0)), "segmentation": dataSet(t, masksOf(im, 1, [][2]int{{1, 0}}, func(_, _, i int) bool { return i == 1 }))} {
		for k, want := range map[tag.Tag]string{tag.PatientIdentityRemoved: "YES", tag.DeidentificationMethod: "policy 3", tag.ClinicalTrialProtocolID: "T-1", tag.ClinicalTrialSubjectID: "S-2", tag.PatientAge: "066Y",
			tag.StudyDescription: "Echo", tag.IssuerOfPatientID: "HOSP", tag.InstitutionName: "", tag.OperatorsName: "", tag.StationName: "", tag.SeriesDescription: "Reading R-1", tag.Manufacturer: "Cineloop"} {
			if got := ds.String(k); got != want {
				t.Errorf("%s: %s is %q, want %q", name, k.Keyword(), got, want)
			}
		}
		if c := codeOf(first(ds, tag.DeidentificationMethodCodeSequence)); c.Value != "113100" || c.Meaning == "" {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestLossy: what went through lossy compression is said on, with a ratio and a method also where the picture forgot them.
func TestLossy(t *testing.T) {
	for _, c := range []struct{ lossy, ratio, method, wantRatio, wantMethod string }{{"", "", "", "", ""}, {"00", "9", "x", "", ""}, {"01", "12.5", "ISO_14495_1", "12.5", "ISO_14495_1"},
		{"01", "", "", "1", "ISO_10918_1"}, {"01", "7", "", "7", "ISO_10918_1"}, {"01", "", "ISO_15444_1", "1", "ISO_15444_1"}} {
		im := cine(t)
		for k, v := range map[tag.Tag]string{tag.LossyImageCompression: c.lossy, tag.LossyImageCompressionRatio: c.ratio, tag.LossyImageCompressionMethod: c.method} {
			if v != "" {
				im.Header.SetString(k, v)
			}
		}
		ds := dataSet(t, captured(im, 1, 0))
		want := "00"
		if c.lossy == "01" {
			want = "01"
		}
		if ds.String(tag.LossyImageCompression) != want || ds.String(tag.LossyImageCompressionRatio) != c.wantRatio || ds.String(tag.LossyImageCompressionMethod) != c.wantMethod {
			t.Errorf("%+v: %s %s %s", c, ds.String(tag.LossyImageCompression), ds.String(tag.LossyImageCompressionRatio), ds.String(tag.LossyImageCompressionMethod))
		}
	}
}

// TestEvidence: instances by study and series, each once, in their order; and back.
func TestEvidence(t *testing.T) {
	var images []Image
	for i, at := range [][2]string{{"s1", "a"}, {"s1", "b"}, {"s2", "c"}, {"s1", "a"}} {
		im := picture(t, uid.UltrasoundImageStorage, fmt.Sprint("image ", i), 1)
		im.Study, im.Series = uid.Derive(at[0]), uid.Derive(at[1])
		images = append(images, im)
	}
	list := evidence(images)
	if len(list) != 2 || len(list[0].Sequence(tag.ReferencedSeriesSequence)) != 2 || len(list[0].Sequence(tag.ReferencedSeriesSequence)[0].Sequence(tag.ReferencedSOPSequence)) != 2 {
		t.Fatalf("%d studies", len(list))
	}
	r := &Report{Made: made("sr"), Images: images, Observers: []Observer{{Person: "R-1^"}}, Groups: []Group{{TrackingID: "x", TrackingUID: "2.25.1", Evaluations: []Evaluation{{Concept: Comment, Text: "x"}}}}}
	back, err := ReadReport(dataSet(t, r))
	if err != nil || len(back.Images) != 4 {
		t.Fatal(back, err)
	}
	for _, want := range images {
		got, ok := imageByUID(back.Images, want.SOP)
		if !ok || got.Study != want.Study || got.Series != want.Series || got.Class != want.Class {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	r.Images = append(r.Images, images[0])
	if _, err := r.DataSet(); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an image twice: %v", err)
	}
	if _, err := ImageOf(dicom.NewDataSet()); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestProfile: the colour profile has the header, the tags and the lengths that ICC.1:2001-04 asks for.
func TestProfile(t *testing.T) {
	p := profile()
	word := func(at int) int { return int(binary.BigEndian.Uint32(p[at:])) }
	if word(0) != len(p) || string(p[12:16]) != "scnr" || string(p[16:20]) != "RGB " || string(p[20:24]) != "XYZ " || string(p[36:40]) != "acsp" || len(p)%4 != 0 {
		t.Fatalf("% x", p[:40])
	}
	seen := map[string]bool{}
	for i := range word(128) {
		at, n := word(132+12*i+4), word(132+12*i+8)
		if at%4 != 0 || at+n > len(p) {
			t.Errorf("tag %d at %d, %d bytes of %d", i, at, n, len(p))
		}
		seen[string(p[132+12*i:132+12*i+4])] = true
	}
	for _, name := range []string{"desc", "cprt", "wtpt", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"} {
		if !seen[name] {
			t.Errorf("no %s", name)
		}
	}
	// The primaries add up to the white of D50.
	for axis, white := range []float64{0.9642, 1, 0.8249} {
		sum := 0.0
		for i := range word(128) {
			if name := string(p[132+12*i : 132+12*i+4]); name == "rXYZ" || name == "gXYZ" || name == "bXYZ" {
				sum += float64(int32(word(word(132+12*i+4)+8+4*axis))) / 65536
			}
		}
		if math.Abs(sum-white) > 1e-3 {
			t.Errorf("axis %d: %g, white %g", axis, sum, white)
		}
	}
}

// TestPresentationsOfOthers: what can't be read of a state is passed over or refused; nothing is guessed.
func TestPresentationsOfOthers(t *testing.T) {
	state := func(change func(ds, graphic *dicom.DataSet)) (*Presentation, error) {
		ds := dataSet(t, shapes(t, "MONOCHROME2", 1))
		change(ds, first(ds.Sequence(tag.GraphicAnnotationSequence)[0], tag.GraphicObjectSequence))
		return ReadPresentation(ds)
	}
	whole, err := state(func(ds, g *dicom.DataSet) {})
	if err != nil {
		t.Fatal(err)
	}
	n := len(whole.Marks)
	for name, change := range map[string]func(ds, g *dicom.DataSet){
		"in parts of the display": func(ds, g *dicom.DataSet) { g.SetString(tag.GraphicAnnotationUnits, "DISPLAY") },
		"an interpolated curve":   func(ds, g *dicom.DataSet) { g.SetString(tag.GraphicType, "INTERPOLATED") },
	} {
		if p, err := state(change); err != nil || len(p.Marks) != n-1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(ds, g *dicom.DataSet){
		"half a point":    func(ds, g *dicom.DataSet) { g.SetFloats(tag.GraphicData, 1, 2, 3) },
		"no image":        func(ds, g *dicom.DataSet) { ds.Delete(tag.ReferencedSeriesSequence) },
		"another class":   func(ds, g *dicom.DataSet) { ds.SetString(tag.SOPClassUID, uid.CTImageStorage) },
		"points far away": func(ds, g *dicom.DataSet) { g.SetFloats(tag.GraphicData, 1e12, 2, 3, 4) },
	} {
		if _, err := state(change); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatCannotBeWritten: objects that lack what they must have are refused before a byte is written.
func TestWhatCannotBeWritten(t *testing.T) {
	line := Region{Polyline, []Point{{1, 1}, {2, 2}}, Reference{uid.Derive("echo"), []int{0}}}
	group := func(change func(*Group)) Group {
		g := Group{TrackingID: "x", TrackingUID: "2.25.1", Regions: []Region{line}, Numbers: []Number{{Concept: ValueConcept("length"), Value: 1, Unit: "mm"}}}
		change(&g)
		return g
	}
	for name, g := range map[string]Group{
		"no tracking identifier": group(func(g *Group) { g.TrackingID = "" }),
		"no tracking UID":        group(func(g *Group) { g.TrackingUID = "x" }),
		"nothing said":           {TrackingID: "x", TrackingUID: "2.25.1"},
		"infinite":               group(func(g *Group) { g.Numbers[0].Value = math.Inf(1) }),
		"a code of two values":   group(func(g *Group) { g.Finding = code.Concept{Scheme: "A\\B", Value: "1"} }),
		"a number of no concept": group(func(g *Group) { g.Numbers[0].Concept = code.Concept{} }),
		"a region in no image":   group(func(g *Group) { g.Regions[0].In.SOP = "2.25.99" }),
		"a region in no frame":   group(func(g *Group) { g.Regions[0].In.Frames = []int{3} }),
		"a region in two frames": group(func(g *Group) { g.Regions[0].In.Frames = []int{0, 1} }),
		"a point nowhere":        group(func(g *Group) { g.Regions[0].Points = []Point{{math.NaN(), 1}, {2, 2}} }),
		"an empty judgement":     group(func(g *Group) { g.Evaluations = []Evaluation{{Concept: Comment}} }),
		"a source that is none":  group(func(g *Group) { g.Regions, g.Images = nil, []Reference{{SOP: "2.25.99"}} }),
	} {
		r := &Report{Made: made("sr"), Images: []Image{cine(t)}, Observers: []Observer{{Person: "R-1^"}}, Groups: []Group{g}}
		if _, err := r.DataSet(); fault.CodeOf(err) != fault.Input && fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := &Report{Made: made("sr"), Images: []Image{cine(t)}, Observers: []Observer{{Device: Device{Name: "without a UID"}}}, Groups: []Group{group(func(*Group) {})}}
	if _, err := r.DataSet(); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	r.Observers, r.At = []Observer{{Person: "R-1^"}}, time.Time{}
	if _, err := r.DataSet(); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
}
