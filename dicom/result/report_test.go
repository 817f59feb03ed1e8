package result

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// sample is a report with a group of every kind, on a cine and a single frame.
func sample(t testing.TB) *Report {
	t.Helper()
	im, still := cine(t), picture(t, uid.UltrasoundImageStorage, "still", 1)
	id := func(name string) string { return uid.Derive("tracked", name) }
	in := Reference{im.SOP, []int{2}}
	return &Report{Made: made("sr"), Images: []Image{im, still},
		Observers: []Observer{{Person: "R-1^"}, {Device: Device{UID: uid.Derive("device"), Name: "cineloop", Manufacturer: "Cineloop", Model: "cineloop", Version: "0.1.0", Serial: "7"}}},
		Groups: []Group{
			{TrackingID: "septum", TrackingUID: id("septum"), Finding: septum, Site: leftHeart, Regions: []Region{{Polyline, []Point{{1, 1}, {4, 5.25}}, in}},
				Numbers: []Number{{Concept: ValueConcept("length"), Value: 1.0 / 3, Unit: "mm"}}, Evaluations: []Evaluation{{Concept: Comment, Text: "the spacing is that at the detector"}}},
			{TrackingID: "outline", TrackingUID: id("outline"), Regions: []Region{Outline([]Point{{1, 1}, {5, 1}, {5, 4}}, in)},
				Numbers: []Number{{Concept: ValueConcept("area"), Value: 0.75, Unit: "mm2"}, {Concept: ValueConcept("perimeter"), Value: 12, Unit: "mm"}}},
			{TrackingID: "cavity", TrackingUID: id("cavity"), Regions: []Region{EllipseOf(Point{3, 2}, Point{3, 4}, Point{1, 3}, Point{5, 3}, Reference{SOP: still.SOP})},
				Numbers: []Number{{Concept: ValueConcept("area"), Value: 6.28, Unit: "{square_pixels}"}}},
			{TrackingID: "apex", TrackingUID: id("apex"), Regions: []Region{{OnePoint, []Point{{0, 8}}, in}}},
			{TrackingID: "ef", TrackingUID: id("ef"), Regions: []Region{{Polyline, []Point{{1, 1}, {2, 4}, {3, 1}}, in}, {Polyline, []Point{{1, 1}, {2, 3}, {3, 1}}, Reference{im.SOP, []int{0}}}},
				Numbers: []Number{{Concept: code.Concept{Scheme: "LN", Value: "10230-1", Meaning: "Left ventricular Ejection fraction"}, Value: 55.5, Unit: "%"}, {Concept: Own("EDV (discs, A4C)", ""), Value: 101, Unit: "mL"}, {Concept: Own("a name above sixteen characters", ""), Value: 7, Unit: "ms"}}},
			{TrackingID: "severity", TrackingUID: id("severity"), Numbers: []Number{{Concept: Certainty, Value: 80, Unit: "%"}}, Evaluations: []Evaluation{{Concept: Own("severity", ""), Value: Own("severe", "Severe — schwer")}}},
			{TrackingID: "view", TrackingUID: id("view"), Images: []Reference{{im.SOP, []int{0, 1}}, {SOP: still.SOP}}, Evaluations: []Evaluation{{Concept: Own("view", ""), Value: Own("A4C", "")}}},
		}}
}

func TestReportRoundTrip(t *testing.T) {
	want := sample(t)
	ds, err := want.DataSet()
	if err != nil {
		t.Fatal(err)
	}
	back := reread(t, ds)
	got, err := ReadReport(back)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Groups, want.Groups) {
		for i := range want.Groups {
			if !reflect.DeepEqual(got.Groups[i], want.Groups[i]) {
				t.Errorf("group %d:\n got %+v\nwant %+v", i, got.Groups[i], want.Groups[i])
			}
		}
	}
	want.Observers[1].Device.Model, want.Observers[1].Device.Version = "cineloop 0.1.0", ""
	if !reflect.DeepEqual(got.Observers, want.Observers) || got.Procedure != ImagingProcedure || got.SOP != want.SOP {
		t.Errorf("%+v", got)
	}
	for i, im := range got.Images {
		if w := want.Images[i]; im.SOP != w.SOP || im.Series != w.Series || im.Study != w.Study || im.Class != w.Class {
			t.Errorf("image %d: %+v", i, im)
		}
	}
	// The patient and the study are the image's.
	for _, x := range []tag.Tag{tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyInstanceUID, tag.StudyDate, tag.StudyTime, tag.StudyID, tag.AccessionNumber} {
		if a, b := back.String(x), want.Images[0].Header.String(x); a != b || b == "" {
			t.Errorf("%s: %q, not %q", x.Keyword(), a, b)
		}
	}
	if !back.Has(tag.ReferringPhysicianName) {
		t.Error("an attribute of type 2 that the image lacks is absent")
	}
	// Frames are named of the cine alone.
	if s := string(mustJSON(t, ds)); strings.Count(s, "00081160") != 10 { // one region each of three groups, two of each of three numbers, one image
		t.Errorf("%d frame numbers", strings.Count(s, "00081160"))
	}
	if again, err := sample(t).DataSet(); err != nil || string(written(t, again)) != string(written(t, ds)) {
		t.Error("the same report gives other bytes")
	}
}

// TestOneCharset: text beyond ASCII in one item, ASCII everywhere else.
func TestOneCharset(t *testing.T) {
	for text, want := range map[string]int{"schräg": 1, "plain": 0} {
		r := sample(t)
		r.Images[0].Header.SetString(tag.PatientName, "Plain^Name")
		r.Groups = r.Groups[:1]
		r.Groups[0].Evaluations[0].Text = text
		ds, err := r.DataSet()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for depth, e := range reread(t, ds).Walk() {
			if e.Tag == tag.SpecificCharacterSet {
				n += 1 + 100*depth
			}
		}
		got, err := ReadReport(reread(t, ds))
		if err != nil || n != want || got.Groups[0].Evaluations[0].Text != text {
			t.Errorf("%s: %d sets, %+v, %v", text, n, got, err)
		}
	}
}

func TestReportRefusals(t *testing.T) {
	for name, change := range map[string]func(r *Report){
		"a long unit":             func(r *Report) { r.Groups[0].Numbers[0].Unit = "[arb'U]{cm US Region}" },
		"no unit":                 func(r *Report) { r.Groups[0].Numbers[0].Unit = "" },
		"a frame beyond the last": func(r *Report) { r.Groups[0].Regions[0].In.Frames = []int{3} },
		"no frame of a cine":      func(r *Report) { r.Groups[0].Regions[0].In.Frames = nil },
		"a frame of a still":      func(r *Report) { r.Groups[2].Regions[0].In.Frames = []int{1} },
		"another image":           func(r *Report) { r.Groups[0].Regions[0].In.SOP = "1.2.3" },
		"one point of a line":     func(r *Report) { r.Groups[0].Regions[0].Points = []Point{{1, 1}} },
		"no number":               func(r *Report) { r.Groups[0].Numbers[0].Value /= 0 * r.Groups[0].Numbers[0].Value },
		"nobody":                  func(r *Report) { r.Observers = nil },
		"nothing":                 func(r *Report) { r.Groups = nil },
		"an empty group":          func(r *Report) { r.Groups[5].Numbers, r.Groups[5].Evaluations = nil, nil },
		"no images":               func(r *Report) { r.Images = nil },
		"an image twice":          func(r *Report) { r.Images[1] = r.Images[0] },
		"no time":                 func(r *Report) { r.At = r.At.AddDate(-2025, -2, -3).Add(-5*3600e9 - 6*60e9 - 7e9) },
		"no code":                 func(r *Report) { r.Groups[0].Finding = code.Concept{Value: "x"} },
	} {
		r := sample(t)
		change(r)
		if _, err := r.DataSet(); fault.CodeOf(err) != fault.Input && fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ImageOf(made0()); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	if _, err := ReadReport(made0()); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	// A report whose number has lost its unit is refused, not read as a number of something.
	ds, err := sample(t).DataSet()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ds.Walk() {
		if e.Tag == tag.MeasurementUnitsCodeSequence {
			e.Items()[0].SetString(tag.CodingSchemeDesignator, "OTHER")
			break
		}
	}
	if _, err := ReadReport(ds); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

func FuzzReadReport(f *testing.F) {
	ds, err := sample(f).DataSet()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(written(f, ds))
	fuzz(f, func(t *testing.T, file *dicom.DataSet) {
		r, err := ReadReport(file)
		if err != nil {
			return
		}
		for _, g := range r.Groups {
			for _, n := range g.Numbers {
				if n.Unit == "" || n.Value != n.Value {
					t.Fatal("a number without a value or a unit")
				}
			}
			for _, x := range g.Regions {
				if x.check() != nil || x.In.SOP == "" {
					t.Fatal("a region that is none")
				}
			}
		}
	})
}
