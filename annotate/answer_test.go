package annotate

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

const allKinds = `version: 1
revision: 1
design: {kind: preference, ai: net}
items:
  - {name: view, kind: choice, scope: image, options: [{name: A4C}, {name: A2C}], cannot_assess: [poor]}
  - {name: findings, kind: multi, options: [{name: clot}, {name: effusion}, {name: pacing}]}
  - {name: grade, kind: ordinal, options: [{name: low}, {name: high}], confidence: true}
  - {name: gradient, kind: number, unit: "mm[Hg]", min: 0, max: 200}
  - {name: ed, kind: frame}
  - {name: rhythm, kind: choice, scope: interval, options: [{name: sinus}, {name: AF}]}
  - {name: shadow, kind: mask, scope: frame}
  - {name: wall, kind: measurement, shape: length, scope: frame, max: 20}
  - {name: valve, kind: measurement, shape: polygon, scope: exam}
  - {name: better, kind: preference}
  - {name: note, kind: text, scope: frame}
`

// still is a calibration of 0.5 mm pixels, whatever is asked.
func still(p Picture, frame int) (measure.Calibration, error) {
	return measure.Calibration{Rows: p.Rows, Columns: p.Columns, Frame: frame, Source: "PixelSpacing", Row: .5, Column: .5, Aspect: 1}, nil
}

func num(v float64) *float64 { return &v }

// TestComplete gives every kind of item what it wants, where it is asked, and then what it does not.
func TestComplete(t *testing.T) {
	p, err := protocol.Read("p", []byte(allKinds))
	if err != nil {
		t.Fatal(err)
	}
	c := &Case{Images: []Picture{{Rows: 40, Columns: 50, Frames: 10}, {Rows: 20, Columns: 20, Frames: 1}}}
	line := func(image, frame int, x float64) []Drawn {
		return []Drawn{{Image: image, Shape: measure.Shape{Kind: measure.Length, Frame: frame, Points: []measure.Point{{X: 1, Y: 1}, {X: x, Y: 1}}}}}
	}
	square := []Drawn{{Image: 2, Shape: measure.Shape{Kind: measure.Polygon, Points: []measure.Point{{X: 1, Y: 1}, {X: 5, Y: 1}, {X: 5, Y: 5}, {X: 1, Y: 5}}}}}
	small := EncodeMask(make([]bool, 400), 20, 20)
	for _, x := range []struct {
		what  string
		a     Answer
		ok    bool
		value float64
		unit  string
	}{
		{"a view of the second image", Answer{Item: "view", Image: 2, Choice: []string{"A2C"}}, true, math.NaN(), ""},
		{"not assessable", Answer{Item: "view", Image: 1, CannotAssess: "poor"}, true, math.NaN(), ""},
		{"of no image", Answer{Item: "view", Choice: []string{"A2C"}}, false, 0, ""},
		{"of a frame", Answer{Item: "view", Image: 1, Frame: 3, Choice: []string{"A2C"}}, false, 0, ""},
		{"of a third image", Answer{Item: "view", Image: 3, Choice: []string{"A2C"}}, false, 0, ""},
		{"of image −1", Answer{Item: "view", Image: -1, Choice: []string{"A2C"}}, false, 0, ""},
		{"several findings", Answer{Item: "findings", Choice: []string{"pacing", "clot"}}, true, math.NaN(), ""},
		{"a finding twice", Answer{Item: "findings", Choice: []string{"clot", "clot"}}, false, 0, ""},
		{"a finding that is none", Answer{Item: "findings", Choice: []string{"gold"}}, false, 0, ""},
		{"a number for a choice", Answer{Item: "grade", Number: num(1)}, false, 0, ""},
		{"sure", Answer{Item: "grade", Choice: []string{"low"}, Confidence: new(int)}, true, math.NaN(), ""},
		{"a gradient", Answer{Item: "gradient", Number: num(35)}, true, 35, "mm[Hg]"},
		{"below", Answer{Item: "gradient", Number: num(-1)}, false, 0, ""},
		{"above", Answer{Item: "gradient", Number: num(201)}, false, 0, ""},
		{"infinite", Answer{Item: "gradient", Number: num(math.Inf(1))}, false, 0, ""},
		{"not a number", Answer{Item: "gradient", Number: num(math.NaN())}, false, 0, ""},
		{"the last frame", Answer{Item: "ed", Image: 1, Number: num(9)}, true, 9, "1"},
		{"after it", Answer{Item: "ed", Image: 1, Number: num(10)}, false, 0, ""},
		{"half a frame", Answer{Item: "ed", Image: 1, Number: num(1.5)}, false, 0, ""},
		{"a rhythm of frames 2 to 7", Answer{Item: "rhythm", Image: 1, Frame: 2, To: 7, Choice: []string{"AF"}}, true, math.NaN(), ""},
		{"backwards", Answer{Item: "rhythm", Image: 1, Frame: 7, To: 2, Choice: []string{"AF"}}, false, 0, ""},
		{"beyond the end", Answer{Item: "rhythm", Image: 1, Frame: 7, To: 10, Choice: []string{"AF"}}, false, 0, ""},
		{"an empty mask", Answer{Item: "shadow", Image: 2, Mask: small}, true, 0, measure.SquarePixels},
		{"a mask of the other image", Answer{Item: "shadow", Image: 1, Mask: small}, false, 0, ""},
		{"a mask with an end", Answer{Item: "shadow", Image: 2, To: 1, Mask: small}, false, 0, ""},
		{"a wall of 10 pixels", Answer{Item: "wall", Image: 1, Frame: 4, Shapes: line(1, 4, 11)}, true, 5, "mm"},
		{"drawn in another frame", Answer{Item: "wall", Image: 1, Frame: 4, Shapes: line(1, 5, 11)}, false, 0, ""},
		{"drawn in another image", Answer{Item: "wall", Image: 1, Shapes: line(2, 0, 11)}, false, 0, ""},
		{"thicker than allowed", Answer{Item: "wall", Image: 1, Frame: 4, Shapes: line(1, 4, 49)}, false, 0, ""},
		{"two walls", Answer{Item: "wall", Image: 1, Shapes: append(line(1, 0, 5), line(1, 0, 6)...)}, false, 0, ""},
		{"a valve, anywhere in the exam", Answer{Item: "valve", Shapes: square}, true, 4, "mm2"},
		{"the left one", Answer{Item: "better", Choice: []string{"a"}}, true, math.NaN(), ""},
		{"neither", Answer{Item: "better", Choice: []string{"neither"}}, true, math.NaN(), ""},
		{"the model's", Answer{Item: "better", Choice: []string{"net"}}, false, 0, ""},
		{"a note", Answer{Item: "note", Image: 1, Frame: 9, Text: "here"}, true, math.NaN(), ""},
		{"a long note", Answer{Item: "note", Image: 1, Text: strings.Repeat("x", 10_001)}, false, 0, ""},
		{"what a client claims", Answer{Item: "note", Image: 1, Text: "x", Value: num(3), Unit: "km", Results: []measure.Result{{}}}, true, math.NaN(), ""},
	} {
		a := x.a
		err := a.complete(p.Item(a.Item), c, still)
		if (err == nil) != x.ok || err != nil && fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", x.what, err)
			continue
		}
		if !x.ok {
			continue
		}
		if math.IsNaN(x.value) != (a.Value == nil) || a.Value != nil && (*a.Value != x.value || a.Unit != x.unit) || a.Value == nil && (a.Unit != "" || a.Results != nil) {
			t.Errorf("%s: %+v", x.what, a)
		}
		if x.what == "several findings" && !slices.Equal(a.Choice, []string{"clot", "pacing"}) {
			t.Errorf("options are not in the protocol's order: %v", a.Choice)
		}
	}
	// A picture that can't be read any more is said, not guessed.
	gone := func(Picture, int) (measure.Calibration, error) {
		return measure.Calibration{}, fault.New(fault.NotFound, "gone")
	}
	for _, a := range []Answer{{Item: "wall", Image: 1, Shapes: line(1, 0, 5)}, {Item: "shadow", Image: 2, Mask: small}} {
		if err := a.complete(p.Item(a.Item), c, gone); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%s: %v", a.Item, err)
		}
	}
}

// TestMasks: unfolding what was folded gives it back, whatever is drawn.
func TestMasks(t *testing.T) {
	rng := stats.Seed(2).Stream("masks")
	for range 200 {
		rows, columns := 1+rng.IntN(20), 1+rng.IntN(20)
		in := make([]bool, rows*columns)
		n, dense := 0, rng.Float64()
		for i := range in {
			if in[i] = rng.Float64() < dense; in[i] {
				n++
			}
		}
		m := EncodeMask(in, rows, columns)
		if err := m.check(); err != nil || !slices.Equal(m.Pixels(), in) || m.Area() != n {
			t.Fatalf("%v: %+v", err, m)
		}
	}
	for _, bad := range []*Mask{{}, {Rows: 2, Columns: 2}, {Rows: 2, Columns: 2, Runs: []int{5}}, {Rows: 2, Columns: 2, Runs: []int{1, 0, 3}}, {Rows: 2, Columns: 2, Runs: []int{-1, 5}},
		{Rows: 1 << 20, Columns: 1 << 20, Runs: []int{1 << 40}}, {Rows: -1, Columns: -4, Runs: []int{4}}} {
		if err := bad.check(); fault.CodeOf(err) != fault.Input {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestOfASeries: an answer of a series is kept with the series' first image, whichever it was given on, is one, and is asked of every series.
func TestOfASeries(t *testing.T) {
	p, err := protocol.Read("p", []byte(`version: 1
revision: 1
design: {kind: panel}
items:
  - {name: phase, kind: choice, scope: series, options: [{name: arterial}, {name: venous}], required: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := &Case{Images: []Picture{{Series: "x", Frames: 1}, {Series: "y", Frames: 5}, {Series: "x", Frames: 1}, {Series: "y", Frames: 1}}}
	if c.series() != 2 {
		t.Errorf("%d series", c.series())
	}
	for image, want := range map[int]int{1: 1, 2: 2, 3: 1, 4: 2} {
		a := Answer{Item: "phase", Image: image, Choice: []string{"venous"}}
		if err := a.complete(p.Item("phase"), c, still); err != nil || a.Image != want {
			t.Errorf("of image %d: kept with %d, %v", image, a.Image, err)
		}
	}
	for _, a := range []Answer{{}, {Image: 5}, {Image: 2, Frame: 1}, {Image: 2, To: 3}} {
		a.Item, a.Choice = "phase", []string{"venous"}
		if err := a.complete(p.Item("phase"), c, still); fault.CodeOf(err) != fault.Input {
			t.Errorf("%+v: %v", a, err)
		}
	}
	d := &decision{s: newState()}
	d.s.protocols, d.s.cases["c"], d.s.assignments["t"] = append(d.s.protocols, p), c, &Assignment{ID: "t", Case: "c"}
	r := &Reading{Assignment: "t", Case: "c", Revision: 1, Answers: []*Answer{{Item: "phase", Image: 1}}}
	if got := d.missing(r); !slices.Equal(got, []string{"phase"}) {
		t.Errorf("one of two series: missing %v", got)
	}
	r.Answers = append(r.Answers, &Answer{Item: "phase", Image: 2})
	if got := d.missing(r); len(got) != 0 {
		t.Errorf("both series: missing %v", got)
	}
	for _, kind := range []string{"mask", "measurement, shape: length", "frame", "ejection", "preference"} {
		if _, err := protocol.Read("p", []byte("version: 1\nrevision: 1\ndesign: {kind: panel}\nitems: [{name: x, kind: "+kind+", scope: series}]\n")); err == nil {
			t.Errorf("a %s of a series is taken", kind)
		}
	}
}
