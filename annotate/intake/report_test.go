package intake

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

const browserRules = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: septum, label: Septum, kind: measurement, shape: length}
  - {name: cavity, label: Cavity, kind: measurement, shape: freehand}
  - {name: size, kind: measurement, shape: bidirectional}
  - {name: ring, kind: measurement, shape: ellipse}
  - {name: thick, kind: number, unit: mm}
  - {name: grade, kind: choice, options: [{name: low, code: {scheme: SCT, value: "1", meaning: Low}}, {name: high}]}
`

// headerOf is a picture of a project as a result refers to it.
func headerOf(t testing.TB, p *annotate.Project, file string) result.Image {
	t.Helper()
	f, err := dicom.Open(filepath.Join(p.Dir(), file), dicom.StopBefore(tag.PixelData))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ds, err := f.DataSet.Detach()
	if err != nil {
		t.Fatal(err)
	}
	im, err := result.ImageOf(ds)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// browserGroup is a group as browser tools write it: the tool as the tracking identifier, the label as a free text finding.
func browserGroup(tool, label string, in result.Region, numbers ...result.Number) result.Group {
	return result.Group{TrackingID: "Cornerstone3DTools@^0.1.0:" + tool, TrackingUID: uid.Derive(tool, label), Finding: code.Concept{Scheme: "CORNERSTONEJS", Value: "CORNERSTONEFREETEXT", Meaning: label},
		Regions: []result.Region{in}, Numbers: numbers}
}

func reportOf(t testing.TB, p *annotate.Project, groups ...result.Group) *dicom.DataSet {
	t.Helper()
	r := result.Report{Made: result.Made{SOP: uid.Derive("sr"), Series: uid.Derive("sr series"), SeriesNumber: 1, Number: 1, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Images: []result.Image{headerOf(t, p, "loop.dcm"), headerOf(t, p, "still.dcm")}, Observers: []result.Observer{{Person: "unknown^unknown"}}, Groups: groups}
	ds, err := r.DataSet()
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func reportFrom(ds *dicom.DataSet) func(*Reader) error {
	return func(r *Reader) error { return r.Report("sr.dcm", ds) }
}

func num(name string, v float64, unit string) result.Number {
	return result.Number{Concept: result.ValueConcept(name), Value: v, Unit: unit}
}

// TestUnitsOfOthers: the defects of browser tools' reports. The line is 16 columns of 0.25 mm: 4 mm, 0.4 cm, 16 pixels; the outline 8 × 6 pixels of
// 0.25 × 0.5 mm: 6 mm², 48 pixels, its perimeter 10 mm.
func TestUnitsOfOthers(t *testing.T) {
	p := study(t, browserRules)
	loop := result.Reference{SOP: "2.25.50", Frames: []int{3}}
	line := result.Region{Type: result.Polyline, Points: []result.Point{{X: 4, Y: 4}, {X: 20, Y: 4}}, In: loop}
	outline := result.Outline([]result.Point{{X: 2, Y: 2}, {X: 10, Y: 2}, {X: 10, Y: 8}, {X: 2, Y: 8}}, loop)
	still := line
	still.In = result.Reference{SOP: "2.25.51"}
	for _, c := range []struct {
		name    string
		group   result.Group
		refused string
		warned  string
	}{
		{"right", browserGroup("Length", "Septum", line, num("length", 4, "mm")), "", ""},
		{"right in cm", browserGroup("Length", "Septum", line, num("length", .4, "cm")), "", ""},
		{"rounded", browserGroup("Length", "Septum", line, num("length", 4.03, "mm")), "", ""},
		{"rounded to whole millimetres", browserGroup("Length", "Septum", line, num("length", 4, "mm")), "", ""},
		{"cm labelled mm", browserGroup("Length", "Septum", line, num("length", .4, "mm")), "a value in cm seems to be labelled mm", ""},
		{"mm labelled cm", browserGroup("Length", "Septum", line, num("length", 4, "cm")), "a value in mm seems to be labelled cm", ""},
		{"pixels labelled mm", browserGroup("Length", "Septum", line, num("length", 16, "mm")), "it is the number of pixels, labelled mm", ""},
		{"another length", browserGroup("Length", "Septum", line, num("length", 5, "mm")), "1.25 times that of its points", ""},
		{"no units", browserGroup("Length", "Septum", line, num("length", 4, "1")), "", "it is mm by the picture's scale"},
		{"no units, cm", browserGroup("Length", "Septum", line, num("length", .4, "1")), "", "it is centimetres"},
		{"an annotation of 21 characters", browserGroup("Length", "Septum", line, num("length", .4, "[arb'U]")), "", "it is centimetres"},
		{"no units, pixels", browserGroup("Length", "Septum", line, num("length", 16, "1")), "", "is in pixels"},
		{"no units, nothing", browserGroup("Length", "Septum", line, num("length", 123, "1")), "", "none of the points'"},
		{"pixels", browserGroup("Length", "Septum", line, num("length", 16, "{pixels}")), "", "has the picture's scale"},
		{"a scale that we lack", browserGroup("Length", "Septum", still, num("length", 4, "mm")), "", "recorded in pixels"},
		{"area", browserGroup("PlanarFreehandROI", "Cavity", outline, num("area", 6, "mm2"), num("perimeter", 10, "mm")), "", ""},
		{"area in cm2", browserGroup("PlanarFreehandROI", "Cavity", outline, num("area", .06, "cm2")), "", ""},
		{"px2 labelled cm2", browserGroup("PlanarFreehandROI", "Cavity", outline, num("area", 48, "cm2")), "it is the number of pixels, labelled cm2", ""},
		{"cm2 labelled mm2", browserGroup("PlanarFreehandROI", "Cavity", outline, num("area", .06, "mm2")), "a value in cm seems to be labelled mm2", ""},
		{"a perimeter labelled as an area", browserGroup("PlanarFreehandROI", "Cavity", outline, num("area", 10, "mm2")), "it is the perimeter, labelled as an area", ""},
		{"a mean of grey values", browserGroup("PlanarFreehandROI", "Cavity", outline, num("area", 6, "mm2"), result.Number{Concept: code.Concept{Scheme: "SCT", Value: "373098007", Meaning: "Mean"}, Value: 120, Unit: "kg"}), "", ""},
		{"no such item", browserGroup("Length", "Aorta", line, num("length", 4, "mm")), "no item of the protocol is called so", ""},
		{"another shape", browserGroup("Length", "Septum", outline, num("length", 4, "mm")), "5 points", ""},
		{"an outline that is open", browserGroup("PlanarFreehandROI", "Cavity", line, num("length", 4, "mm")), "no freehand", ""},
	} {
		s := bring(t, p, "ann", Settings{}, Options{DryRun: true}, reportFrom(reportOf(t, p, c.group)))
		switch {
		case c.refused != "" && (len(s.Refused) != 1 || !strings.Contains(s.Refused[0].Reason, c.refused)) || c.refused == "" && (len(s.Refused) > 0 || s.Answers != 1):
			t.Errorf("%s: %s %+v", c.name, counts(s), s.Refused)
		case c.warned != "" && (len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Words, c.warned)) || c.warned == "" && len(s.Warnings) > 0:
			t.Errorf("%s: %+v", c.name, s.Warnings)
		}
	}
	// Whatever the file said, what is recorded is what the points are worth.
	s := bring(t, p, "ann", Settings{Items: map[string]string{"Aorta": "septum"}}, Options{}, reportFrom(reportOf(t, p, browserGroup("Length", "Aorta", line, num("length", .4, "1")))))
	expect(t, s, "1 items, 1 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 0 refused, 1 warnings")
	if a := answersOf(t, p, "ann")["loop.dcm septum 1 0 0"]; *a.Value != 4 || a.Unit != "mm" || a.Shapes[0].Frame != 3 {
		t.Errorf("%+v", a)
	}
}

// TestGroupsOfOthers: what can't be an answer is named by its group, and others are taken.
func TestGroupsOfOthers(t *testing.T) {
	p := study(t, browserRules)
	loop := result.Reference{SOP: "2.25.50", Frames: []int{3}}
	line := result.Region{Type: result.Polyline, Points: []result.Point{{X: 4, Y: 4}, {X: 20, Y: 4}}, In: loop}
	group := func(id string) result.Group { return result.Group{TrackingID: id, TrackingUID: uid.Derive(id)} }
	thick, inch, grade, bad, lost := group("thick"), group("thick"), group("grade"), group("grade"), browserGroup("Length", "Septum", line, num("length", 4, "mm"))
	thick.Numbers = []result.Number{num("thickness", 1.25, "cm")}
	inch.Numbers = []result.Number{num("thickness", 1.25, "Hz")}
	grade.Evaluations = []result.Evaluation{{Concept: result.Own("grade", ""), Value: code.Concept{Scheme: "SCT", Value: "1", Meaning: "Anything"}}}
	bad.Evaluations = []result.Evaluation{{Concept: result.Own("grade", ""), Value: code.Concept{Scheme: "SCT", Value: "2", Meaning: "Else"}}}
	pointless := group("septum")
	pointless.Numbers = []result.Number{num("length", 4, "mm")}
	circle := browserGroup("CircleROI", "ring", result.Region{Type: result.Circle, Points: []result.Point{{X: 20, Y: 16}, {X: 28, Y: 16}}, In: loop}, num("area", math.Pi*8*8*.125, "mm2"))
	ds := reportOf(t, p, thick, inch, grade, bad, lost, pointless, circle)
	// The fifth's line lies in a picture that nobody reads.
	content := ds.Sequence(tag.ContentSequence)
	fifth := content[len(content)-1].Sequence(tag.ContentSequence)[4]
	for _, it := range fifth.Sequence(tag.ContentSequence) {
		if it.String(tag.ValueType) == "NUM" {
			it.Sequence(tag.ContentSequence)[0].Sequence(tag.ContentSequence)[0].Sequence(tag.ReferencedSOPSequence)[0].SetString(tag.ReferencedSOPInstanceUID, "2.25.99")
		}
	}
	s := bring(t, p, "ann", Settings{}, Options{}, reportFrom(ds))
	expect(t, s, "7 items, 3 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 4 refused, 0 warnings")
	reasoned(t, s, "sr.dcm, group 2", "can't be converted")
	reasoned(t, s, "sr.dcm, group 4", "none of the item's options")
	reasoned(t, s, "sr.dcm, group 5", "of no case")
	reasoned(t, s, "sr.dcm, group 6", "without points")
	got := answersOf(t, p, "ann")
	if a := got["loop.dcm thick 0 0 0"]; *a.Value != 12.5 || a.Unit != "mm" {
		t.Errorf("%+v", a)
	}
	if a := got["loop.dcm ring 1 0 0"]; len(a.Shapes[0].Points) != 4 || math.Abs(a.Results[0].X-.25) > 0 {
		t.Errorf("%+v", a)
	}
	// A group that can't be read at all costs itself.
	ds = reportOf(t, p, grade, lost)
	content = ds.Sequence(tag.ContentSequence)
	for _, it := range content[len(content)-1].Sequence(tag.ContentSequence)[1].Sequence(tag.ContentSequence) {
		if it.String(tag.ValueType) == "NUM" {
			it.Sequence(tag.ContentSequence)[0].SetFloats(tag.GraphicData, 1, 2, 3)
		}
	}
	s = bring(t, p, "bob", Settings{}, Options{}, reportFrom(ds))
	expect(t, s, "2 items, 1 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 1 refused, 0 warnings")
	reasoned(t, s, "sr.dcm, group 2", "half a point")
	r, _ := NewReader(p, "ann", Settings{})
	if err := r.Report("x", dicom.NewDataSet()); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestDcmjs: a report of dcmjs, which has millimetres without a unit, on a picture of the size that it was drawn on. The ends of both axes and the lengths are what pydicom shows.
func TestDcmjs(t *testing.T) {
	f, err := dicom.Open(testdata.Shared(t, "data", "dicom", "real", "dcmjs", "test", "sample-sr.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rep, err := result.ReadReport(f.DataSet)
	if err != nil {
		t.Fatal(err)
	}
	g := rep.Groups[0]
	q := g.Regions[0].Points
	pixel := g.Numbers[0].Value / math.Hypot(q[0].X-q[1].X, q[0].Y-q[1].Y)
	p := study(t, browserRules)
	r, err := NewReader(p, "ann", Settings{Items: map[string]string{g.TrackingID: "size", g.Finding.Meaning: "size"}})
	if err != nil {
		t.Fatal(err)
	}
	// The picture it was drawn on is not here: one of its name and size stands in.
	task := r.pictures.by["2.25.50"][0].task
	r.pictures.by[g.Regions[0].In.SOP] = []place{{task: task, image: 1, picture: annotate.Picture{File: "x", Rows: 3000, Columns: 3000, Frames: 1}}}
	if err := r.Report("dcmjs", f.DataSet); err != nil || len(r.found) != 1 || len(r.refused) > 0 {
		t.Fatalf("%v, %+v, %+v", err, r.found, r.refused)
	}
	a := r.found[0].answer
	res, err := measure.Measure(a.Shapes[0].Shape, measure.Calibration{Rows: 3000, Columns: 3000, Row: pixel, Column: pixel, Aspect: 1, Source: "PixelSpacing"})
	if err != nil {
		t.Fatal(err)
	}
	a.Results = []measure.Result{res}
	words, err := judge(r.found[0].claims, &a)
	if err != nil || len(words) != len(g.Numbers) || !strings.Contains(words[0], "it is mm by the picture's scale") {
		t.Errorf("%q, %v", words, err)
	}
}

func TestConvert(t *testing.T) {
	for _, c := range []struct {
		v        float64
		from, to string
		want     float64
	}{{5, "cm", "mm", 50}, {50, "mm", "cm", 5}, {2, "cm2", "mm2", 200}, {1, "L", "mL", 1000}, {math.Pi, "rad", "deg", 180}, {1.5, "m/s", "cm/s", 150}, {3, "x", "x", 3}, {2, "s", "ms", 2000}} {
		if got, err := convert(c.v, c.from, c.to); err != nil || math.Abs(got-c.want) > 1e-12*c.want {
			t.Errorf("%g %s is %g %s, %v", c.v, c.from, got, c.to, err)
		}
	}
	for _, c := range [][2]string{{"mm", "mL"}, {"", "mm"}, {"1", "mm"}, {"mm", "1"}} {
		if _, err := convert(1, c[0], c[1]); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q to %q: %v", c[0], c[1], err)
		}
	}
	for v, want := range map[float64]float64{5: .5, 5.6: .05, 0.125: .0005, 1e-9: .5e-9} {
		if got := rounding(v); math.Abs(got/want-1) > 1e-9 {
			t.Errorf("%g: %g", v, got)
		}
	}
}

// TestShapeOf: what regions can and can't be.
func TestShapeOf(t *testing.T) {
	line := result.Region{Type: result.Polyline, Points: []result.Point{{X: 1, Y: 1}, {X: 5, Y: 1}}}
	square := result.Outline([]result.Point{{X: 1, Y: 1}, {X: 5, Y: 1}, {X: 5, Y: 4}, {X: 1, Y: 4}}, result.Reference{})
	other := result.Outline([]result.Point{{X: 1, Y: 4}, {X: 1, Y: 1}, {X: 5, Y: 1}, {X: 5, Y: 4}}, result.Reference{}) // begins elsewhere
	kite := result.Outline([]result.Point{{X: 1, Y: 1}, {X: 5, Y: 2}, {X: 5, Y: 4}, {X: 1, Y: 4}}, result.Reference{})
	for _, c := range []struct {
		kind    measure.Kind
		regions []result.Region
		points  int
	}{{measure.Length, []result.Region{line}, 2}, {measure.Rectangle, []result.Region{square}, 2}, {measure.Rectangle, []result.Region{other}, 2}, {measure.Rectangle, []result.Region{kite}, 0},
		{measure.Rectangle, []result.Region{line}, 0}, {measure.Polygon, []result.Region{kite}, 4}, {measure.Spline, []result.Region{kite}, 4}, {measure.Polygon, []result.Region{line}, 0},
		{measure.Bidirectional, []result.Region{line, line}, 4}, {measure.Bidirectional, []result.Region{line}, 0}, {measure.Angle, []result.Region{line, line}, 4}, {measure.Angle, []result.Region{line}, 0},
		{measure.Ellipse, []result.Region{square}, 0}, {measure.PointMark, []result.Region{line}, 0}, {measure.Length, []result.Region{line, line}, 0}, {measure.Trace, []result.Region{square}, 0},
		{measure.Trace, []result.Region{{Type: result.MultiPoint, Points: square.Points}}, 0}, {measure.Length, []result.Region{{Type: result.MultiPoint, Points: line.Points}}, 0}} {
		s, err := shapeOf(c.kind, c.regions)
		if c.points == 0 && fault.CodeOf(err) != fault.Input || c.points > 0 && (err != nil || len(s.Points) != c.points) {
			t.Errorf("%s of %d regions: %+v, %v", c.kind, len(c.regions), s, err)
		}
	}
}

// FuzzReport: whatever a report is, it ends in answers to items of the protocol or in reasons.
func FuzzReport(f *testing.F) {
	p := study(f, everything)
	line := result.Region{Type: result.Polyline, Points: []result.Point{{X: 4, Y: 4}, {X: 20, Y: 4}}, In: result.Reference{SOP: "2.25.50", Frames: []int{3}}}
	seed := reportOf(f, p, browserGroup("Length", "septum", line, num("length", 4, "mm")), result.Group{TrackingID: "note", TrackingUID: "2.25.7", Evaluations: []result.Evaluation{{Concept: result.Own("note", ""), Text: "x"}}})
	var b strings.Builder
	if err := dicom.Write(&b, seed, dicom.WriteOptions{}); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(b.String()))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzed(t, p, b, (*Reader).Report) })
}

func fuzzed(t *testing.T, p *annotate.Project, b []byte, read func(*Reader, string, *dicom.DataSet) error) {
	if len(b) > 1<<20 {
		return
	}
	file, err := dicom.ReadBytes(b)
	if err != nil {
		return
	}
	r, err := NewReader(p, "ann", Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := read(r, "x", file.DataSet); err != nil && fault.CodeOf(err) != fault.Input {
		t.Fatal(err)
	}
	if _, err := r.Bring(t.Context(), Options{DryRun: true}); err != nil {
		t.Fatal(err)
	}
}
