package intake

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/export"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/measure"
)

// everything has an item of every kind, shape and scope.
const everything = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: severity, kind: ordinal, options: [{name: none}, {name: severe, code: {scheme: SCT, value: "24484000", meaning: Severe}}], confidence: true, cannot_assess: [quality]}
  - {name: signs, kind: multi, options: [{name: effusion}, {name: thrombus}]}
  - {name: beat, kind: choice, scope: interval, options: [{name: sinus}, {name: ectopic}]}
  - {name: view, kind: choice, scope: image, options: [{name: a4c}, {name: a2c}]}
  - {name: region, kind: choice, scope: series, options: [{name: heart}, {name: lung}]}
  - {name: sharp, kind: choice, scope: frame, options: [{name: "yes"}, {name: "no"}]}
  - {name: lvef, kind: number, unit: "%"}
  - {name: count, kind: number, unit: "1"}
  - {name: note, label: Befund, kind: text}
  - {name: ed, kind: frame}
  - {name: best, kind: frame, scope: exam}
  - {name: septum, kind: measurement, shape: length, code: {scheme: LN, value: 18155-2, meaning: Septum}, cannot_assess: [cut]}
  - {name: path, kind: measurement, shape: polyline}
  - {name: tilt, kind: measurement, shape: angle}
  - {name: cobb, kind: measurement, shape: angle}
  - {name: axes, kind: measurement, shape: bidirectional, scope: frame}
  - {name: box, kind: measurement, shape: rectangle}
  - {name: oval, kind: measurement, shape: ellipse, cannot_assess: [cut]}
  - {name: outline, kind: measurement, shape: polygon, scope: exam, confidence: true}
  - {name: curve, kind: measurement, shape: spline}
  - {name: hand, kind: measurement, shape: freehand}
  - {name: apex, kind: measurement, shape: point}
  - {name: wall, kind: measurement, shape: trace}
  - {name: beat_time, kind: measurement, shape: caliper}
  - {name: ef, kind: ejection, confidence: true}
  - {name: lv, kind: mask, code: {scheme: SCT, value: "87878005", meaning: Left ventricle}}
  - {name: rv, label: Rechter Ventrikel, kind: mask, scope: frame}
`

// given is an answer to each of them. Points are such that 32-bit floats hold them.
func given() []annotate.Answer {
	sure, half := 80, 50
	n := func(v float64) *float64 { return &v }
	shape := func(item string, kind measure.Kind, frame int, xy ...float64) annotate.Answer {
		return annotate.Answer{Item: item, Image: 1, Shapes: []annotate.Drawn{{Image: 1, Shape: measure.Shape{Kind: kind, Frame: frame, Points: at(xy...)}}}}
	}
	axes := shape("axes", measure.Bidirectional, 3, 4, 4, 20, 4, 10, 1, 10, 9)
	axes.Frame = 3
	outline := shape("outline", measure.Polygon, 5, 2.25, 3.5, 30.75, 4, 28, 25.5, 5, 20)
	outline.Image, outline.Confidence = 0, &half
	wall := func(role string, frame int, top float64) annotate.Drawn {
		return annotate.Drawn{Role: role, Image: 1, Shape: measure.Shape{Kind: measure.Trace, Frame: frame, Points: at(8, 28, 7, 15, 14, top, 20, 5, 26, top, 31, 15, 30, 28)}}
	}
	ef := annotate.Answer{Item: "ef", Confidence: &sure, Shapes: []annotate.Drawn{wall("a4c_ed", 0, 7), wall("a4c_es", 2, 12)}}
	ef.Shapes[1].Points = at(12, 28, 11, 18, 20, 9, 27, 18, 26, 28)
	in := func(x0, y0, x1, y1 int) *annotate.Mask {
		m := make([]bool, pictureRows*pictureColumns)
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				m[y*pictureColumns+x] = true
			}
		}
		return annotate.EncodeMask(m, pictureRows, pictureColumns)
	}
	through := shape("beat_time", measure.Caliper, 1, 4, 5, 20, 9)
	through.Shapes[0].To = 4
	return []annotate.Answer{
		{Item: "severity", Choice: []string{"severe"}, Confidence: &sure}, {Item: "signs", Choice: []string{"effusion", "thrombus"}}, {Item: "beat", Image: 1, Frame: 1, To: 4, Choice: []string{"sinus"}},
		{Item: "view", Image: 1, Choice: []string{"a4c"}}, {Item: "region", Image: 1, Choice: []string{"heart"}}, {Item: "sharp", Image: 1, Frame: 2, Choice: []string{"no"}},
		{Item: "lvef", Number: n(51.5)}, {Item: "count", Number: n(3)}, {Item: "note", Text: "schräg, 左心室"}, {Item: "ed", Image: 1, Number: n(4)}, {Item: "best", Number: n(2)},
		shape("septum", measure.Length, 2, 3.5, 4.25, 17.75, 20), shape("path", measure.Polyline, 0, 1, 1, 5, 2, 9, 9), shape("tilt", measure.Angle, 1, 2, 2, 10, 10, 20, 2),
		shape("cobb", measure.Angle, 1, 2, 2, 20, 4, 2, 20, 20, 12), axes, shape("box", measure.Rectangle, 0, 5, 6, 20, 22), shape("oval", measure.Ellipse, 4, 10, 15, 30, 15, 20, 10, 20, 20), outline,
		shape("curve", measure.Spline, 1, 10, 5, 30, 8, 28, 25, 8, 22), shape("hand", measure.Freehand, 1, 10, 5, 11, 5, 30, 8, 28, 25, 8, 22), shape("apex", measure.PointMark, 5, 0, 32),
		shape("wall", measure.Trace, 0, 8, 28, 7, 15, 20, 5, 31, 15, 30, 28), ef,
		{Item: "lv", Image: 1, Frame: 0, Mask: in(0, 0, pictureColumns, pictureRows)}, {Item: "lv", Image: 1, Frame: 5, Mask: in(39, 31, 40, 32)}, {Item: "lv", Image: 1, Frame: 3, Mask: in(0, 0, 0, 0)},
		{Item: "rv", Image: 1, Frame: 2, Mask: in(3, 4, 11, 20)},
		through,
	}
}

// exported is a study in which ann has read all, and what was written of it.
func exported(t *testing.T, formats ...string) (p *annotate.Project, out string) {
	t.Helper()
	p = study(t, everything)
	answer(t, p, "ann", "loop.dcm", given()...)
	line := given()[11] // here without a scale
	line.Shapes[0].Frame = 0
	answer(t, p, "ann", "still.dcm", annotate.Answer{Item: "severity", CannotAssess: "quality"}, annotate.Answer{Item: "lvef", Number: new(float64)}, line, annotate.Answer{Item: "oval", Image: 1, CannotAssess: "cut"}, annotate.Answer{Item: "lv", Image: 1, Mask: given()[27].Mask})
	out = filepath.Join(t.TempDir(), "out")
	if _, err := export.Write(t.Context(), p.Records(), ledger.Head{}, formats, out); err != nil {
		t.Fatal(err)
	}
	return p, out
}

// equal expects bob's answers to be ann's: points, masks, words, and every number of record.
func equal(t *testing.T, p *annotate.Project) {
	t.Helper()
	ann, bob := answersOf(t, p, "ann"), answersOf(t, p, "bob")
	for k, want := range ann {
		got := bob[k]
		if got == nil {
			t.Errorf("%s: nothing", k)
			continue
		}
		if !same(got, want) || !reflect.DeepEqual(got.Results, want.Results) || !reflect.DeepEqual(got.Value, want.Value) || got.Unit != want.Unit {
			t.Errorf("%s: %+v, want %+v", k, got, want)
		}
	}
	if len(bob) != len(ann) {
		t.Errorf("%d answers, want %d", len(bob), len(ann))
	}
}

// TestRoundTripDICOM: reports and segmentations come back with equal points, masks and numbers, and once.
func TestRoundTripDICOM(t *testing.T) {
	p, out := exported(t, "sr", "seg", "gsps", "sc")
	read := func(r *Reader) error { return r.Path(t.Context(), out) }
	s := bring(t, p, "bob", Settings{}, Options{Lock: true}, read)
	if s.Answers != 34 || s.Locked != 2 || len(s.Refused) > 0 || len(s.Warnings) > 0 || s.Passed != 5 {
		t.Fatalf("%s: %+v %+v", counts(s), s.Refused, s.Warnings)
	}
	equal(t, p)
	if s := bring(t, p, "bob", Settings{}, Options{Lock: true}, read); s.Answers+s.Changed != 0 || s.Before != 34 {
		t.Error(counts(s))
	}
	// A model takes them as well, and as a draft they are the same again.
	bring(t, p, "net", Settings{}, Options{}, read)
	if s := bring(t, p, "net", Settings{}, Options{}, read); s.Same != 34 || s.Answers+s.Changed != 0 {
		t.Error(counts(s))
	}
}

// TestRoundTripCOCO: the same by COCO's JSON.
func TestRoundTripCOCO(t *testing.T) {
	p, out := exported(t, "coco")
	s := bring(t, p, "bob", Settings{}, Options{Lock: true}, func(r *Reader) error { return r.Path(t.Context(), filepath.Join(out, "coco.json")) })
	if s.Answers != 34 || s.Locked != 2 || len(s.Refused) > 0 || len(s.Warnings) > 0 {
		t.Fatalf("%s: %+v %+v", counts(s), s.Refused, s.Warnings)
	}
	equal(t, p)
	// Two readers in a file: whose?
	out2 := filepath.Join(t.TempDir(), "out")
	if _, err := export.Write(t.Context(), p.Records(), ledger.Head{}, []string{"coco"}, out2); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(out2, "coco.json")
	r, err := NewReader(p, "net", Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Path(t.Context(), file); err == nil || !strings.Contains(err.Error(), "answers of 2 readers") {
		t.Error(err)
	}
	mask := p.Records().Readings[0].Reader
	s = bring(t, p, "net", Settings{From: mask}, Options{}, func(r *Reader) error { return r.Path(t.Context(), file) })
	if s.Answers != 34 || len(s.Refused) > 0 {
		t.Errorf("%s: %+v", counts(s), s.Refused)
	}
	if r, err = NewReader(p, "net", Settings{From: "R-0"}); err != nil || r.Path(t.Context(), file) == nil {
		t.Error("a reader that is not in the file")
	}
}

// TestNumbersByHand: the numbers of the round trip are those worked by hand, so that both sides can't be wrong in the same way.
func TestNumbersByHand(t *testing.T) {
	p, _ := exported(t, "csv")
	got := answersOf(t, p, "ann")
	for k, want := range map[string]float64{"septum 1 0 0": math.Hypot(14.25*.25, 15.75*.5), "box 1 0 0": 15 * .25 * 16 * .5, "lv 1 0 0": 32 * 40 * .125, "lv 1 5 0": .125, "lv 1 3 0": 0, "rv 1 2 0": 8 * 16 * .125,
		"axes 1 3 0": 4, "oval 1 0 0": math.Pi * 2.5 * 2.5} { // 20 × 0.25 and 10 × 0.5 mm are both 5
		a := got["loop.dcm "+k]
		if a == nil || math.Abs(*a.Value-want) > 1e-12*math.Max(1, want) {
			t.Errorf("%s: %+v, want %g", k, a, want)
		}
	}
	if a := got["still.dcm septum 1 0 0"]; a.Unit != measure.Pixels || math.Abs(*a.Value-math.Hypot(14.25, 15.75)) > 1e-12 {
		t.Errorf("%+v", a)
	}
	keys := make([]string, 0, len(got))
	for k := range got {
		keys = append(keys, k)
	}
	if slices.Sort(keys); len(keys) != 34 {
		t.Errorf("%d answers: %q", len(keys), keys)
	}
}
