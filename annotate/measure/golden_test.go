package measure

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write what the browser's tools and this package agree on anew")

// agreed is what the browser's tools draw and this package measures: web/src/core/tools/golden.test.ts reads it too.
const agreed = "../../web/src/core/tools/golden.json"

type golden struct {
	What    string          `json:"what"`
	Counts  map[Kind][2]int `json:"counts"`
	Splines []goldenSpline  `json:"splines"`
	Traces  []goldenTrace   `json:"traces"`
	Fills   []goldenFill    `json:"fills"`
	Drawn   []goldenDrawn   `json:"drawn"`
}

// goldenSpline is a curve through points as a polygon, and its area.
type goldenSpline struct {
	Points []Point `json:"points"`
	Flat   []Point `json:"flat"`
	Area   float64 `json:"area"`
}

// goldenTrace is a trace on pixels of a size, with its landmarks and the diameters of its discs, in the size's unit.
type goldenTrace struct {
	Points    []Point   `json:"points"`
	Size      Point     `json:"size"`
	Base      Point     `json:"base"`
	Apex      Point     `json:"apex"`
	Length    float64   `json:"length"`
	Diameters []float64 `json:"diameters"`
}

// goldenFill is a shape as a mask, in runs.
type goldenFill struct {
	Kind    Kind    `json:"kind"`
	Points  []Point `json:"points"`
	Rows    int     `json:"rows"`
	Columns int     `json:"columns"`
	Runs    []int   `json:"runs"`
}

// goldenDrawn are the clicks that draw a shape, and what it measures in a picture that says nothing of its scale.
type goldenDrawn struct {
	Kind   Kind               `json:"kind"`
	Clicks []Point            `json:"clicks"`
	Drag   bool               `json:"drag"` // the first two clicks are one drag
	Points []Point            `json:"points"`
	Values map[string]float64 `json:"values"`
}

// runs of pixels as annotate.EncodeMask has them.
func runs(in []bool) (out []int) {
	n, on := 0, false
	for _, v := range in {
		if v != on {
			out = append(out, n)
			n, on = 0, v
		}
		n++
	}
	return append(out, n)
}

func round(p []Point) []Point {
	out := make([]Point, len(p))
	for i, q := range p {
		out[i] = Point{math.Round(q.X*8) / 8, math.Round(q.Y*8) / 8}
	}
	return out
}

// made is the golden file's content, computed.
func made() golden {
	g := golden{What: "Agreed between annotate/measure and web/src/core/tools; written by go test ./annotate/measure -update"}
	g.Counts = counts
	star := []Point{{60, 10}, {75, 44}, {110, 50}, {82, 70}, {90, 108}, {60, 90}, {30, 108}, {38, 70}, {10, 50}, {45, 44}}
	for _, p := range [][]Point{{{10, 10}, {90, 20}, {40, 80}}, {{20, 20}, {80, 20}, {80, 80}, {20, 80}}, star, {{5, 5}, {5, 5}, {60, 5}, {30, 70}}} {
		g.Splines = append(g.Splines, goldenSpline{p, flatten(p), splineArea(p)})
	}
	// Half an ellipse, turned; one with a dent of a papillary muscle that some discs cross four times; five points; and pixels that are not square.
	half := func(n int, long, wide, deg float64) (p []Point) {
		for i := range n {
			sin, cos := math.Sincos(deg * math.Pi / 180)
			s, c := math.Sincos(math.Pi * float64(i) / float64(n-1))
			x, y := -wide*c, -long*s
			p = append(p, Point{160 + x*cos - y*sin, 180 + x*sin + y*cos})
		}
		return round(p)
	}
	dent := []Point{{120, 180}, {110, 120}, {112, 80}, {130, 85}, {134, 70}, {118, 66}, {130, 40}, {160, 30}, {190, 50}, {205, 110}, {200, 180}}
	for _, p := range [][]Point{half(41, 130, 40, 0), half(33, 120, 45, 25), dent, half(5, 100, 50, -20)} {
		for _, size := range []Point{{1, 1}, {.5, .25}, {.3, .4}} {
			at := make([]Point, len(p))
			for i, q := range p {
				at[i] = Point{q.X * size.X, q.Y * size.Y}
			}
			v, err := ventricleOf(at)
			if err != nil {
				panic(err)
			}
			g.Traces = append(g.Traces, goldenTrace{p, size, v.base, v.apex, v.length, v.diameters(20)})
		}
	}
	for _, s := range []Shape{{Kind: Polygon, Points: []Point{{2.5, 3.5}, {30.5, 3.5}, {30.5, 20.5}, {2.5, 20.5}}}, {Kind: Polygon, Points: []Point{{0, 0}, {40, 0}, {40, 30}, {0, 30}}},
		{Kind: Polygon, Points: []Point{{3, 4}, {37, 25}, {35, 3}, {5, 27}}}, {Kind: Spline, Points: []Point{{8, 5}, {33, 8}, {30, 26}, {10, 22}}},
		{Kind: Rectangle, Points: []Point{{31.2, 22.7}, {4.4, 5.1}}}, {Kind: Ellipse, Points: []Point{{5, 15}, {35, 15}, {20, 5}, {20, 25}}},
		{Kind: Freehand, Points: []Point{{20, 1.25}, {38.5, 12}, {27, 29.75}, {12, 28}, {1.5, 11}}}, {Kind: Trace, Points: []Point{{10, 28}, {6, 14}, {20, 2}, {34, 14}, {30, 28}}},
		{Kind: Polygon, Points: []Point{{-5, -5}, {20, -9}, {55, 40}, {-9, 44}}}} {
		g.Fills = append(g.Fills, goldenFill{s.Kind, s.Points, 30, 40, runs(s.Fill(30, 40))})
	}
	g.Drawn = []goldenDrawn{
		{Kind: Length, Clicks: []Point{{10, 10}, {40, 50}}, Points: []Point{{10, 10}, {40, 50}}},
		{Kind: Polyline, Clicks: []Point{{10, 10}, {40, 50}, {40, 90}}, Points: []Point{{10, 10}, {40, 50}, {40, 90}}},
		{Kind: Angle, Clicks: []Point{{10, 80}, {80, 80}, {80, 10}}, Points: []Point{{10, 80}, {80, 80}, {80, 10}}},
		{Kind: Angle, Drag: true, Clicks: []Point{{10, 10}, {90, 10}, {10, 60}, {90, 90}}, Points: []Point{{10, 10}, {90, 10}, {10, 60}, {90, 90}}},
		{Kind: Bidirectional, Clicks: []Point{{10, 50}, {110, 50}, {60, 20}, {77, 90}}, Points: []Point{{10, 50}, {110, 50}, {60, 20}, {60, 90}}},
		{Kind: Rectangle, Clicks: []Point{{70, 60}, {10, 20}}, Points: []Point{{70, 60}, {10, 20}}},
		{Kind: Ellipse, Clicks: []Point{{10, 50}, {110, 50}, {85, 80}}, Points: []Point{{10, 50}, {110, 50}, {60, 20}, {60, 80}}},
		{Kind: Polygon, Clicks: []Point{{10, 10}, {90, 10}, {90, 70}, {10, 70}}, Points: []Point{{10, 10}, {90, 10}, {90, 70}, {10, 70}}},
		{Kind: Spline, Clicks: []Point{{20, 20}, {80, 20}, {80, 80}, {20, 80}}, Points: []Point{{20, 20}, {80, 20}, {80, 80}, {20, 80}}},
		{Kind: Trace, Clicks: []Point{{60, 150}, {40, 90}, {80, 20}, {120, 90}, {100, 150}}, Points: []Point{{60, 150}, {40, 90}, {80, 20}, {120, 90}, {100, 150}}},
	}
	for i := range g.Drawn {
		d := &g.Drawn[i]
		r, err := Measure(Shape{Kind: d.Kind, Points: d.Points}, Calibration{Rows: 200, Columns: 200, Aspect: 1})
		if err != nil {
			panic(err)
		}
		d.Values = map[string]float64{}
		for _, v := range r.Values {
			d.Values[v.Name] = v.Number
		}
	}
	return g
}

// TestAgreedWithTheBrowser: splines, landmarks and discs of traces, filled pixels and the meaning of points are what the file says, to a
// billionth. Numbers that are known by hand are checked beside.
func TestAgreedWithTheBrowser(t *testing.T) {
	g := made()
	text, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		var out bytes.Buffer
		// One line an entry: small to review, small to read.
		out.Write(bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`},{"`), []byte("},\n{\"")), []byte(`],"`), []byte("],\n\"")))
		out.WriteByte('\n')
		if err := os.WriteFile(agreed, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(agreed)
	if err != nil {
		t.Fatal(err)
	}
	var file, now any
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &now); err != nil {
		t.Fatal(err)
	}
	same(t, "", file, now)
	near(t, "square's spline", g.Splines[1].Area, 3600+4*330, 1e-9) // each side of 60 bows out by ∫30·t(1−t)·(30+180·t(1−t))dt
	if v := g.Drawn[2].Values["angle"]; v != 90 {
		t.Errorf("angle %v", v)
	}
	if v := g.Drawn[4].Values; v["long axis"] != 100 || v["short axis"] != 70 {
		t.Errorf("axes %v", v)
	}
	// A corner on the middle of a pixel holds it at the left upper side and not at the right lower one; a picture that is full starts with no pixel out.
	if f := g.Fills; f[0].Runs[0] != 3*40+2 || f[0].Runs[1] != 28 || len(f[0].Runs) != 2*17+1 || f[1].Runs[0] != 0 || f[1].Runs[1] != 1200 {
		t.Errorf("runs %v, %v", f[0].Runs, f[1].Runs)
	}
}

func same(t *testing.T, at string, a, b any) {
	t.Helper()
	switch x := a.(type) {
	case float64:
		if y, ok := b.(float64); !ok || math.Abs(x-y) > 1e-9*max(1, math.Abs(x)) {
			t.Errorf("%s: the file says %v, it is %v", at, a, b)
		}
	case []any:
		y, _ := b.([]any)
		if len(x) != len(y) {
			t.Fatalf("%s: %d in the file, there are %d", at, len(x), len(y))
		}
		for i := range x {
			same(t, at+"["+string(rune('0'+i%10))+"]", x[i], y[i])
		}
	case map[string]any:
		y, _ := b.(map[string]any)
		if len(x) != len(y) {
			t.Fatalf("%s: %d in the file, there are %d", at, len(x), len(y))
		}
		for k := range x {
			same(t, at+"."+k, x[k], y[k])
		}
	default:
		if a != b {
			t.Errorf("%s: the file says %v, it is %v", at, a, b)
		}
	}
}
