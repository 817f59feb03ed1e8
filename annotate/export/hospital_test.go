package export

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/judges"
)

// An exam of one patient: an ultrasound loop of two regions with scales of their own, pixels of which are not square; a multi-frame image whose frames differ in
// their spacing; and a stack of CT slices with a frame of reference.
const hospitalRules = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: septum, label: Interventricular septum, kind: measurement, shape: length, code: {scheme: SCT, value: "589001", meaning: Interventricular septum}}
  - {name: inflow, kind: measurement, shape: length}
  - {name: cavity, kind: measurement, shape: polygon}
  - {name: ring, kind: measurement, shape: ellipse}
  - {name: gap, kind: measurement, shape: length, scope: frame}
  - {name: lesion_length, label: Lesion, kind: measurement, shape: length}
  - {name: lesion, label: Lesion, kind: mask, code: {scheme: SCT, value: "52988006", meaning: Lesion}}
  - {name: lv, label: Left ventricle, kind: mask, code: {scheme: SCT, value: "87878005", meaning: Left ventricle}}
  - {name: severity, kind: ordinal, options: [{name: none}, {name: severe, code: {scheme: SCT, value: "24484000", meaning: Severe}}], confidence: true, cannot_assess: [quality]}
  - {name: note, kind: text}
`

const sliceCount = 12 // of the stack

// source is a header with patient, study and equipment as an archive has them.
func source(class, series, sop, modality string, rows, columns, frames int) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for k, v := range map[tag.Tag]string{tag.SOPClassUID: class, tag.SOPInstanceUID: uid.Derive("hospital", sop), tag.StudyInstanceUID: uid.Derive("hospital", "study"),
		tag.SeriesInstanceUID: uid.Derive("hospital", series), tag.PatientName: "Doe^Jane", tag.PatientID: "H-4711", tag.PatientBirthDate: "19600102", tag.PatientSex: "F", tag.StudyDate: "20260102",
		tag.StudyTime: "101112", tag.StudyID: "S17", tag.AccessionNumber: "A-99", tag.ReferringPhysicianName: "Ref^Erring", tag.StudyDescription: "Echo and CT", tag.Modality: modality,
		tag.SeriesDescription: series, tag.Manufacturer: "Maker", tag.PhotometricInterpretation: "MONOCHROME2"} {
		ds.SetString(k, v)
	}
	ds.SetString(tag.ImageType, "ORIGINAL", "PRIMARY")
	for k, v := range map[tag.Tag]int{tag.Rows: rows, tag.Columns: columns, tag.SamplesPerPixel: 1, tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0, tag.SeriesNumber: 1,
		tag.InstanceNumber: 1} {
		ds.SetInts(k, v)
	}
	if frames > 1 {
		ds.SetInts(tag.NumberOfFrames, frames)
	}
	b := make([]byte, frames*rows*columns)
	for i := range b { // a bright disc on a ramp
		f, y, x := i/(rows*columns), i/columns%rows, i%columns
		b[i] = byte(20 + x*120/columns)
		if math.Hypot(float64(x-columns/2), float64(y-rows/2)) < float64(10+f) {
			b[i] = 220
		}
	}
	ds.SetBytes(tag.PixelData, vr.OB, b)
	return ds
}

func region(x0, x1 int, dx, dy float64) *dicom.DataSet {
	r := dicom.NewDataSet()
	for k, v := range map[tag.Tag]int{tag.RegionSpatialFormat: 1, tag.RegionDataType: 1, tag.RegionFlags: 0, tag.RegionLocationMinX0: x0, tag.RegionLocationMinY0: 0, tag.RegionLocationMaxX1: x1,
		tag.RegionLocationMaxY1: 119, tag.PhysicalUnitsXDirection: 3, tag.PhysicalUnitsYDirection: 3} {
		r.SetInts(k, v)
	}
	r.SetFloats(tag.PhysicalDeltaX, dx)
	r.SetFloats(tag.PhysicalDeltaY, dy)
	return r
}

// sources writes the exam's files and names them: the loop, the multi-frame image, the slices.
func sources(t testing.TB, dir string) (files []string) {
	t.Helper()
	keep := func(name string, ds *dicom.DataSet) {
		t.Helper()
		if err := dicom.WriteFile(filepath.Join(dir, name), ds, dicom.WriteOptions{TransferSyntaxUID: string(uid.ExplicitVRLittleEndian)}); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	loop := source(uid.UltrasoundMultiFrameImageStorage, "loop", "loop", "US", 120, 160, 5)
	loop.SetSequence(tag.SequenceOfUltrasoundRegions, region(0, 79, 0.05, 0.03), region(80, 159, 0.02, 0.02))
	loop.SetFloats(tag.FrameTime, 40)
	loop.SetBytes(tag.FrameIncrementPointer, vr.AT, []byte{0x18, 0, 0x63, 0x10})
	keep("loop.dcm", loop)
	changing := source(uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage, "changing", "changing", "OT", 64, 64, 2)
	changing.SetSequence(tag.SharedFunctionalGroupsSequence, dicom.NewDataSet())
	var per []*dicom.DataSet
	for _, spacing := range [][2]float64{{.5, .25}, {.4, .4}} { // of rows, of columns
		m, g := dicom.NewDataSet(), dicom.NewDataSet()
		m.SetFloats(tag.PixelSpacing, spacing[:]...)
		g.SetSequence(tag.PixelMeasuresSequence, m)
		per = append(per, g)
	}
	changing.SetSequence(tag.PerFrameFunctionalGroupsSequence, per...)
	keep("changing.dcm", changing)
	for i := range sliceCount {
		ct := source(uid.CTImageStorage, "stack", fmt.Sprint("slice ", i), "CT", 128, 128, 1)
		ct.SetString(tag.FrameOfReferenceUID, uid.Derive("hospital", "frame"))
		ct.SetEmpty(tag.PositionReferenceIndicator)
		ct.SetFloats(tag.PixelSpacing, .8, .5)
		ct.SetFloats(tag.SliceThickness, 2.5)
		ct.SetFloats(tag.ImagePositionPatient, -32, -51.2, float64(i)*2.5)
		ct.SetFloats(tag.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
		ct.SetInts(tag.InstanceNumber, i+1)
		ct.SetFloats(tag.RescaleSlope, 1)
		ct.SetFloats(tag.RescaleIntercept, 0)
		ct.SetFloats(tag.WindowCenter, 128)
		ct.SetFloats(tag.WindowWidth, 256)
		keep(fmt.Sprintf("ct%02d.dcm", i), ct)
	}
	return files
}

// hospital is the exam, read by ann and a model through the project's own ops, and what a report has to say: millimetres worked by hand.
func hospital(t testing.TB) (p *annotate.Project, pictures []string, want []judges.Expected) {
	t.Helper()
	dir := t.TempDir()
	files := sources(t, dir)
	p, err := annotate.Create(t.Context(), dir, "hospital", 1, "eve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	do := func(who string, kind annotate.Kind, object string, data any) annotate.Event {
		t.Helper()
		var b []byte
		if data != nil {
			b, _ = json.Marshal(data)
		}
		e, err := p.Do(t.Context(), who, annotate.Op{Kind: kind, Object: object, Data: b})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		return e
	}
	do("eve", annotate.MemberAdded, "", map[string]any{"name": "ann", "roles": []string{"reader"}})
	do("eve", annotate.MemberAdded, "", map[string]any{"name": "net", "roles": []string{"service"}, "model": "net 1"})
	do("eve", annotate.ProtocolSet, "", map[string]any{"yaml": hospitalRules})
	do("eve", annotate.CaseAdded, "", map[string]any{"patient": "p", "files": files})
	do("eve", annotate.Assigned, "", nil)
	do("eve", annotate.PhaseSet, "", map[string]any{"phase": "reading"})
	shape := func(item string, image, frame int, kind measure.Kind, xy ...float64) annotate.Answer {
		var pts []measure.Point
		for i := 0; i < len(xy); i += 2 {
			pts = append(pts, measure.Point{X: xy[i], Y: xy[i+1]})
		}
		a := annotate.Answer{Item: item, Image: image, Shapes: []annotate.Drawn{{Image: image, Shape: measure.Shape{Kind: kind, Frame: frame, Points: pts}}}}
		if item == "gap" {
			a.Frame = frame
		}
		return a
	}
	disc := func(item string, image, frame, size, columns int, r float64) annotate.Answer {
		in := make([]bool, size*columns)
		for i := range in {
			in[i] = math.Hypot(float64(i%columns-40), float64(i/columns-size/2)) < r
		}
		return annotate.Answer{Item: item, Image: image, Frame: frame, Mask: annotate.EncodeMask(in, size, columns)}
	}
	sure := 85
	answers := []annotate.Answer{
		shape("septum", 1, 2, measure.Length, 10, 20, 70, 100),                 // 60 × 0.5 and 80 × 0.3 mm
		shape("inflow", 1, 4, measure.Length, 90, 10, 150, 90),                 // 60 × 0.2 and 80 × 0.2 mm
		shape("cavity", 1, 2, measure.Polygon, 10, 10, 50, 10, 50, 60, 10, 60), // 20 × 15 mm
		shape("ring", 1, 0, measure.Ellipse, 10, 60, 50, 60, 30, 40, 30, 80),   // axes of 20 and 12 mm
		shape("gap", 2, 0, measure.Length, 10, 10, 50, 40),                     // 40 × 0.25 and 30 × 0.5 mm
		shape("gap", 2, 1, measure.Length, 10, 10, 50, 40),                     // 40 × 0.4 and 30 × 0.4 mm
		shape("lesion_length", 8, 0, measure.Length, 20, 20, 100, 80),          // 80 × 0.5 and 60 × 0.8 mm
		disc("lv", 1, 1, 120, 160, 12), disc("lv", 1, 3, 120, 160, 14),
		disc("lesion", 7, 0, 128, 128, 9), disc("lesion", 8, 0, 128, 128, 11), disc("lesion", 9, 0, 128, 128, 9),
		{Item: "severity", Choice: []string{"severe"}, Confidence: &sure}, {Item: "note", Text: "seen twice"},
	}
	for _, who := range []string{"ann", "net"} {
		list, err := p.Worklist(who)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		id := do(who, annotate.ReadingOpened, list[0].Assignment, nil).Object
		for i, a := range answers {
			if who == "net" && i%2 == 1 { // it leaves some out
				continue
			}
			do(who, annotate.AnswerPut, "", map[string]any{"reading": id, "answer": a})
		}
		if who == "net" {
			do(who, annotate.AnswerPut, "", map[string]any{"reading": id, "answer": annotate.Answer{Item: "note", Text: "by a model"}})
		}
		do(who, annotate.ReadingLocked, id, nil)
	}
	for _, f := range files {
		pictures = append(pictures, filepath.Join(dir, f))
	}
	ellipse := math.Pi * 10 * 6
	return p, pictures, []judges.Expected{{Item: "septum", Value: math.Hypot(30, 24), Unit: "mm"}, {Item: "inflow", Value: 20, Unit: "mm"}, {Item: "cavity", Name: "Area", Value: 300, Unit: "mm2"},
		{Item: "cavity", Name: "Perimeter", Value: 70, Unit: "mm"}, {Item: "ring", Name: "Area", Value: ellipse, Unit: "mm2"}, {Item: "ring", Name: "Major Axis", Value: 20, Unit: "mm"},
		{Item: "ring", Name: "Minor Axis", Value: 12, Unit: "mm"}, {Item: "gap", Value: math.Hypot(10, 15), Unit: "mm"}, {Item: "gap", Value: 20, Unit: "mm"},
		{Item: "lesion_length", Value: math.Hypot(40, 48), Unit: "mm"}, {Item: "severity", Name: "111012", Value: 85, Unit: "%"}}
}
