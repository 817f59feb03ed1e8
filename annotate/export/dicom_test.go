package export

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

const echoRules = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: lv_length, kind: measurement, shape: length, scope: image, code: {scheme: LN, value: 18077-8, meaning: Left Ventricle diastolic major axis}}
  - {name: outline, kind: measurement, shape: polygon, scope: image}
  - {name: sector, kind: measurement, shape: ellipse, scope: image}
  - {name: lv, kind: mask}
  - {name: severity, kind: ordinal, options: [{name: none}, {name: severe, code: {scheme: SCT, value: "24484000", meaning: Severe}}], confidence: true, cannot_assess: [quality]}
  - {name: ed, kind: frame}
  - {name: beat, kind: choice, scope: interval, options: [{name: sinus}, {name: ectopic}]}
  - {name: lvef, kind: number, unit: "%"}
  - {name: note, kind: text}
`

// echo is a study of one simulated loop with two readings, a person's and a model's. The truth is the simulator's own.
func echo(t *testing.T) (*annotate.Records, *phantom.Truth, measure.Calibration) {
	t.Helper()
	dir := t.TempDir()
	if err := phantom.Write(t.Context(), dir, phantom.Config{Seed: 5, Patients: 1, Frames: 8, Tissue: true, Workers: 1}, nil); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "dicom", "*.dcm"))
	truths, _ := filepath.Glob(filepath.Join(dir, "truth", "*.json"))
	if len(files) != 1 || len(truths) != 1 {
		t.Fatal(files, truths)
	}
	var truth phantom.Truth
	b, err := os.ReadFile(truths[0])
	if err == nil {
		err = json.Unmarshal(b, &truth)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ds := f.DataSet
	name, _ := filepath.Rel(dir, files[0])
	c := &annotate.Case{ID: "ca", Patient: "p1", Images: []annotate.Picture{{File: filepath.ToSlash(name), SOP: ds.String(tag.SOPInstanceUID), Rows: 112, Columns: 112, Frames: 8}}}
	rules, err := protocol.Read("p", []byte(echoRules))
	if err != nil {
		t.Fatal(err)
	}
	r := &annotate.Records{Name: "echo", Phase: annotate.Closed, Protocol: rules, Root: dir, Readers: []annotate.ReaderRecord{{Mask: "R-1"}, {Mask: "R-2", AI: true}}, Cases: []*annotate.Case{c}}
	return r, &truth, measure.Of(ds, truth.Tracings[0].Frame)
}

// drawn is an answer with its numbers of record.
func drawn(t *testing.T, item string, s measure.Shape, k measure.Calibration) *annotate.Answer {
	t.Helper()
	res, err := measure.Measure(s, k)
	if err != nil {
		t.Fatal(err)
	}
	v := res.Values[0]
	return &annotate.Answer{Item: item, Image: 1, Shapes: []annotate.Drawn{{Image: 1, Shape: s}}, Value: &v.Number, Unit: v.Unit, Results: []measure.Result{res}}
}

// readings fills the study: the ventricle's long axis of the simulator's tracing, its outline, a mask in two frames, words.
func readings(t *testing.T, r *annotate.Records, truth *phantom.Truth, k measure.Calibration) (mm, mm2 float64, mask *annotate.Mask) {
	t.Helper()
	tr := truth.Tracings[0]
	axis := tr.Chords[0]
	line := measure.Shape{Kind: measure.Length, Frame: tr.Frame, Points: []measure.Point{{X: axis.X1, Y: axis.Y1}, {X: axis.X2, Y: axis.Y2}}}
	var outline []measure.Point
	for _, c := range tr.Chords[1:] {
		outline = append(outline, measure.Point{X: c.X1, Y: c.Y1})
	}
	for _, c := range slices.Backward(tr.Chords[1:]) {
		outline = append(outline, measure.Point{X: c.X2, Y: c.Y2})
	}
	poly := measure.Shape{Kind: measure.Polygon, Frame: tr.Frame, Points: outline}
	mm = math.Hypot(axis.X1-axis.X2, axis.Y1-axis.Y2) * truth.PixelMM
	twice := 0.0
	for i, p := range outline {
		q := outline[(i+1)%len(outline)]
		twice += p.X*q.Y - p.Y*q.X
	}
	mm2 = math.Abs(twice) / 2 * truth.PixelMM * truth.PixelMM
	mask = annotate.EncodeMask(poly.Fill(112, 112), 112, 112)
	area, err := measure.MaskArea(mask.Pixels(), k)
	if err != nil {
		t.Fatal(err)
	}
	num := func(v float64) *float64 { return &v }
	sure := 80
	ellipse := measure.Shape{Kind: measure.Ellipse, Frame: 1, Points: []measure.Point{{X: 50, Y: 40}, {X: 60, Y: 40}, {X: 55, Y: 30}, {X: 55, Y: 50}}}
	painted := func(frame int) *annotate.Answer {
		return &annotate.Answer{Item: "lv", Image: 1, Frame: frame, Mask: mask, Value: &area.Values[0].Number, Unit: area.Values[0].Unit, Results: []measure.Result{area}}
	}
	locked := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	answers := []*annotate.Answer{drawn(t, "lv_length", line, k), drawn(t, "outline", poly, k), drawn(t, "sector", ellipse, k), painted(0), painted(5),
		{Item: "severity", Choice: []string{"severe"}, Confidence: &sure}, {Item: "ed", Image: 1, Number: num(3), Value: num(3), Unit: "1"},
		{Item: "beat", Image: 1, Frame: 1, To: 4, Choice: []string{"sinus"}}, {Item: "lvef", Number: num(51.5), Value: num(51.5), Unit: "%"}, {Item: "note", Text: "schräg"}}
	r.Readings = []annotate.ReadingRecord{
		{ID: "r1", Reader: "R-1", Case: "ca", Arm: protocol.Unaided, Session: 1, Locked: locked, Answers: answers},
		{ID: "r2", Reader: "R-2", AI: true, Case: "ca", Arm: protocol.Unaided, Session: 1, Locked: locked, Answers: []*annotate.Answer{painted(2), {Item: "severity", CannotAssess: "quality"}}},
		{ID: "r3", Case: "ca", Arm: protocol.Deciding, Method: "staple", Locked: locked, Answers: []*annotate.Answer{painted(0)}},
		{ID: "r4", Reader: "R-1", Case: "ca", Arm: protocol.Aided, Locked: locked},
	}
	return mm, mm2, mask
}

func exported(t *testing.T) (out string, r *annotate.Records, mm, mm2 float64, mask *annotate.Mask) {
	t.Helper()
	r, truth, k := echo(t)
	mm, mm2, mask = readings(t, r, truth, k)
	out = filepath.Join(t.TempDir(), "out")
	m, err := Write(t.Context(), r, head, []string{"sr", "seg", "gsps", "sc"}, out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Path)
	}
	want := []string{"gsps/ca_image1_r1.dcm", "sc/ca_image1_r1.dcm", "sc/ca_image1_r2.dcm", "sc/ca_image1_r3.dcm", "seg/ca_image1_r1.dcm", "seg/ca_image1_r2.dcm", "seg/ca_image1_r3.dcm", "sr/ca_r1.dcm", "sr/ca_r1_judgements.dcm", "sr/ca_r2_judgements.dcm", "sr/ca_r3_judgements.dcm"}
	if !slices.Equal(names, want) {
		t.Fatal(names)
	}
	again, err := Write(t.Context(), r, head, []string{"seg", "sc", "gsps", "sr"}, out+"2")
	if err != nil || !slices.Equal(again.Files, m.Files) {
		t.Errorf("a second export has other bytes, %v", err)
	}
	return out, r, mm, mm2, mask
}

func open(t *testing.T, path string) *dicom.DataSet {
	t.Helper()
	f, err := dicom.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f.DataSet
}

// TestDICOM: from points of a simulated heart to a report and back are the same millimetres; masks come back pixel by pixel.
func TestDICOM(t *testing.T) {
	out, r, mm, mm2, mask := exported(t)
	rep, err := result.ReadReport(open(t, filepath.Join(out, "sr/ca_r1.dcm")))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := result.ReadReport(open(t, filepath.Join(out, "sr/ca_r1_judgements.dcm")))
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Groups) != 3 || len(rest.Groups) != 7 || rep.SOP == rest.SOP || rep.Series == rest.Series || len(rep.Observers) != 2 || rep.Observers[0].Person != "R-1^" || rep.Observers[1].Device.Name != "cineloop" {
		t.Fatalf("%d and %d groups, %+v", len(rep.Groups), len(rest.Groups), rep.Observers)
	}
	rep.Groups = append(rep.Groups, rest.Groups...)
	near := func(g, n int, want float64, unit, value string) {
		t.Helper()
		x := rep.Groups[g].Numbers[n]
		if math.Abs(x.Value-want) > 1e-6*want || x.Unit != unit || x.Concept.Value != value {
			t.Errorf("%s: %+v, want %g %s", rep.Groups[g].TrackingID, x, want, unit)
		}
	}
	near(0, 0, mm, "mm", "18077-8")
	near(1, 0, mm2, "mm2", "42798000")
	near(3, 0, *r.Readings[0].Answers[3].Value, "mm2", "42798000")
	near(8, 0, 51.5, "%", "lvef")
	if g := rep.Groups[7]; !slices.Equal(g.Images[0].Frames, []int{1, 2, 3, 4}) {
		t.Errorf("%+v", g)
	}
	if g := rep.Groups[6]; !slices.Equal(g.Images[0].Frames, []int{3}) {
		t.Errorf("%+v", g)
	}
	if g := rep.Groups[5]; g.Evaluations[0].Value.Value != "24484000" || g.Numbers[0] != (result.Number{Concept: result.Certainty, Value: 80, Unit: "%"}) {
		t.Errorf("%+v", g)
	}
	for i, p := range rep.Groups[1].Regions[0].Points[:len(r.Readings[0].Answers[1].Shapes[0].Points)] {
		if q := r.Readings[0].Answers[1].Shapes[0].Points[i]; float32(q.X) != float32(p.X) || float32(q.Y) != float32(p.Y) {
			t.Errorf("point %d moved", i)
		}
	}
	seg, err := result.ReadSegmentation(open(t, filepath.Join(out, "seg/ca_image1_r1.dcm")))
	if err != nil {
		t.Fatal(err)
	}
	if len(seg.Planes) != 2 || !slices.Equal(seg.Planes[1].Mask, mask.Pixels()) || seg.Planes[1].Of.Frames[0] != 5 || seg.Segments[0].Algorithm != result.Manual {
		t.Errorf("%d masks, %+v", len(seg.Planes), seg.Segments)
	}
	for file, want := range map[string]string{"r2": "AUTOMATIC R-2", "r3": "SEMIAUTOMATIC staple"} {
		s, err := result.ReadSegmentation(open(t, filepath.Join(out, "seg/ca_image1_"+file+".dcm")))
		if err != nil || s.Segments[0].Algorithm+" "+s.Segments[0].Program.Name != want {
			t.Errorf("%s: %+v, %v", file, s, err)
		}
	}
	state, err := result.ReadPresentation(open(t, filepath.Join(out, "gsps/ca_image1_r1.dcm")))
	if err != nil || len(state.Marks) != 3 || state.Marks[0].Text != fmt.Sprintf("lv_length %.1f mm", mm) || !slices.Equal(state.Marks[1].Points, rep.Groups[1].Regions[0].Points) ||
		state.Marks[0].In.Frames[0] != r.Readings[0].Answers[0].Shapes[0].Frame {
		t.Errorf("%+v, %v", state, err)
	}
	ai, err := result.ReadReport(open(t, filepath.Join(out, "sr/ca_r2_judgements.dcm")))
	if err != nil || ai.Observers[0].Device.Name != "R-2" || ai.Groups[1].Evaluations[0].Value != result.Undetermined || ai.Groups[1].Evaluations[1].Text != "quality" {
		t.Errorf("%+v, %v", ai, err)
	}
}

// TestDICOMRefusals: results never name a picture that was not read.
func TestDICOMRefusals(t *testing.T) {
	r, truth, k := echo(t)
	readings(t, r, truth, k)
	r.Cases[0].Images[0].SOP = "1.2.3"
	if _, err := Write(t.Context(), r, head, []string{"sr"}, filepath.Join(t.TempDir(), "o")); fault.CodeOf(err) != fault.Conflict {
		t.Error(err)
	}
	r.Cases[0].Images[0].File = "dicom/absent.dcm"
	if _, err := Write(t.Context(), r, head, []string{"seg"}, filepath.Join(t.TempDir(), "o")); fault.CodeOf(err) != fault.NotFound || strings.Contains(err.Error(), "absent") {
		t.Error(err)
	}
}

// TestRegions: every shape in SCOORD's terms.
func TestRegions(t *testing.T) {
	p := []measure.Point{{X: 0, Y: 0}, {X: 2, Y: 4}, {X: 4, Y: 0}, {X: 6, Y: 5}, {X: 8, Y: 1}}
	im := result.Image{SOP: "1.2", Frames: 9}
	for kind, want := range map[measure.Kind]string{measure.PointMark: "POINT 1", measure.Length: "POLYLINE 2", measure.Polyline: "POLYLINE 5", measure.Angle: "POLYLINE 3",
		measure.Bidirectional: "POLYLINE 2, POLYLINE 2", measure.Rectangle: "POLYLINE 5", measure.Ellipse: "ELLIPSE 4", measure.Polygon: "POLYLINE 6", measure.Caliper: "POLYLINE 2",
		measure.Trace: "POLYLINE 5", measure.Freehand: "POLYLINE 6"} {
		n := map[measure.Kind]int{measure.PointMark: 1, measure.Length: 2, measure.Angle: 3, measure.Bidirectional: 4, measure.Rectangle: 2, measure.Ellipse: 4, measure.Caliper: 2}[kind]
		if n == 0 {
			n = 5
		}
		list, err := regions(measure.Shape{Kind: kind, Frame: 3, Points: p[:n]}, im)
		var got []string
		for _, r := range list {
			got = append(got, fmt.Sprint(r.Type, " ", len(r.Points)))
			if !slices.Equal(r.In.Frames, []int{3}) {
				t.Errorf("%s: frames %v", kind, r.In.Frames)
			}
		}
		if s := strings.Join(got, ", "); err != nil || s != want {
			t.Errorf("%s: %s, %v; want %s", kind, s, err, want)
		}
	}
	if list, err := regions(measure.Shape{Kind: measure.Spline, Points: p}, im); err != nil || !list[0].Closed() || len(list[0].Points) < 20 {
		t.Errorf("%v, %v", list, err)
	}
	list, err := regions(measure.Shape{Kind: measure.Caliper, Frame: 3, To: 7, Points: p[:2]}, im)
	if err != nil || len(list) != 2 || list[0].Type != result.OnePoint || !slices.Equal(list[0].In.Frames, []int{3}) || !slices.Equal(list[1].In.Frames, []int{7}) {
		t.Errorf("a caliper through a cine: %+v, %v", list, err)
	}
	if _, err := regions(measure.Shape{Kind: measure.Length, Points: p}, im); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestJudgeDICOM: dicom3tools find nothing wrong with the files and with them as one study; dcmtk and pydicom read the simulator's millimetres and pixels.
func TestJudgeDICOM(t *testing.T) {
	out, r, mm, mm2, mask := exported(t)
	var files []string
	for _, dir := range []string{"sr", "seg", "gsps", "sc"} {
		list, _ := filepath.Glob(filepath.Join(out, dir, "*.dcm"))
		files = append(files, list...)
	}
	source := filepath.Join(r.Root, r.Cases[0].Images[0].File)
	run := func(t *testing.T, name string, args ...string) string {
		t.Helper()
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
		said, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
		return string(said)
	}
	t.Run("dciodvfy", func(t *testing.T) {
		for _, f := range files {
			for line := range strings.Lines(run(t, "dciodvfy", "-new", f)) {
				if (strings.HasPrefix(line, "Error") || strings.HasPrefix(line, "Warning")) && !strings.Contains(line, "Unrecognized defined term = <99CINELOOP>") &&
					!strings.Contains(line, "Laterality(0020,0060)> - is only permitted to be empty when actually unknown") {
					t.Errorf("%s: %s", filepath.Base(f), line)
				}
			}
		}
	})
	t.Run("dcentvfy", func(t *testing.T) {
		for line := range strings.Lines(run(t, "dcentvfy", append([]string{source}, files...)...)) {
			// Its tables have the accession number at the series for segmentations: the value is the study's everywhere.
			if !strings.Contains(line, "Different information entities for attribute - Element=<AccessionNumber>") && strings.TrimSpace(line) != "" {
				t.Error(line)
			}
		}
	})
	t.Run("dsrdump", func(t *testing.T) {
		said := run(t, "dsrdump", "+Pl", "+Pc", filepath.Join(out, "sr/ca_r1.dcm"))
		i := strings.Index(said, `NUM:(18077-8,LN,"Left Ventricle diastolic major axis")="`)
		if i < 0 {
			t.Fatal(said)
		}
		var v float64
		var unit string
		if _, err := fmt.Sscanf(said[strings.Index(said[i:], `="`)+i+2:], `%f" (%2s`, &v, &unit); err != nil || math.Abs(v-mm) > 1e-6*mm || unit != "mm" {
			t.Errorf("%g %s, want %g mm; %v", v, unit, mm, err)
		}
	})
	t.Run("pydicom", func(t *testing.T) {
		python := "/usr/bin/python3"
		if err := exec.CommandContext(t.Context(), python, "-c", "import pydicom, numpy").Run(); err != nil {
			t.Skip("pydicom is not installed")
		}
		said := run(t, python, "testdata/read_results.py", filepath.Join(out, "sr/ca_r1.dcm"), filepath.Join(out, "seg/ca_image1_r1.dcm"))
		var got []struct {
			Patient []string
			Persons []string
			Groups  []struct {
				ID      string
				Numbers []struct {
					Value        float64
					Unit, Scheme string
				}
				Regions []struct {
					Type   string
					Points []float64
					SOP    string
					Frames []int
				}
			}
			Planes []struct {
				Segment, Frame int
				SOP            string
				Inside         [][2]int
			}
		}
		if err := json.Unmarshal([]byte(said), &got); err != nil {
			t.Fatal(err, said)
		}
		of := open(t, source)
		want := []string{of.String(tag.PatientID), of.String(tag.StudyDate), of.String(tag.StudyID), of.String(tag.StudyInstanceUID)}
		for _, g := range got {
			if !slices.Equal(g.Patient, want) {
				t.Errorf("of %v, not %v", g.Patient, want)
			}
		}
		sr, seg := got[0], got[1]
		length, outline := sr.Groups[0], sr.Groups[1]
		if n := length.Numbers[0]; math.Abs(n.Value-mm) > 1e-6*mm || n.Unit != "mm" || n.Scheme != "UCUM" {
			t.Errorf("%+v, want %g mm", n, mm)
		}
		if n := outline.Numbers[0]; math.Abs(n.Value-mm2) > 1e-6*mm2 || n.Unit != "mm2" {
			t.Errorf("%+v, want %g mm2", n, mm2)
		}
		// The region that pydicom reads gives the same length: points × the simulator's pixel.
		p, pixel := length.Regions[0].Points, mm/math.Hypot(lineOf(r, 0).X-lineOf(r, 1).X, lineOf(r, 0).Y-lineOf(r, 1).Y)
		if l := math.Hypot(p[0]-p[2], p[1]-p[3]) * pixel; math.Abs(l-mm) > 1e-5*mm || length.Regions[0].Frames[0] != r.Readings[0].Answers[0].Shapes[0].Frame+1 {
			t.Errorf("%g mm in frame %v", l, length.Regions[0].Frames)
		}
		if !slices.Equal(sr.Persons, []string{"R-1"}) && !slices.Equal(sr.Persons, []string{"R-1^"}) {
			t.Errorf("%v", sr.Persons)
		}
		if len(seg.Planes) != 2 || seg.Planes[0].Frame != 1 || seg.Planes[1].Frame != 6 {
			t.Fatalf("%d planes", len(seg.Planes))
		}
		in := make([]bool, 112*112)
		for _, yx := range seg.Planes[1].Inside {
			in[yx[0]*112+yx[1]] = true
		}
		if !slices.Equal(in, mask.Pixels()) {
			t.Error("the mask has other pixels")
		}
	})
}

func lineOf(r *annotate.Records, i int) measure.Point {
	return r.Readings[0].Answers[0].Shapes[0].Points[i]
}
