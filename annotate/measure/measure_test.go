package measure

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %v, want %v ± %v", what, got, want, tolerance)
	}
}

// header is an image of 640 × 480 with what set adds.
func header(set func(ds *dicom.DataSet)) *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetInts(tag.Rows, 480)
	ds.SetInts(tag.Columns, 640)
	if set != nil {
		set(ds)
	}
	return ds
}

func spaced(row, column float64) Calibration {
	return Of(header(func(ds *dicom.DataSet) { ds.SetFloats(tag.PixelSpacing, row, column) }), 0)
}

func want(t *testing.T, c Calibration, s Shape, values map[string]float64, unit map[string]string) Result {
	t.Helper()
	r, err := Measure(s, c)
	if err != nil {
		t.Fatalf("%s: %v", s.Kind, err)
	}
	for name, v := range values {
		got, ok := r.Value(name)
		if !ok {
			t.Errorf("%s has no %s: %+v", s.Kind, name, r)
			continue
		}
		near(t, string(s.Kind)+" "+name, got.Number, v, 1e-9*math.Max(1, math.Abs(v)))
		if u := unit[name]; u != "" && got.Unit != u {
			t.Errorf("%s %s in %s, want %s", s.Kind, name, got.Unit, u)
		}
		if len(got.Unit) > 16 {
			t.Errorf("unit %s is too long for SH", got.Unit)
		}
	}
	return r
}

// TestByHand has pixels 0.5 mm high and 0.25 mm wide, so that nothing comes out right by luck: 4 px right are 1 mm, 4 px down 2 mm.
func TestByHand(t *testing.T) {
	c := spaced(0.5, 0.25)
	mm := map[string]string{"length": "mm", "area": "mm2", "perimeter": "mm", "angle": "deg", "long axis": "mm"}
	// 12 px right = 3 mm, 8 px down = 4 mm: 5 mm.
	want(t, c, Shape{Kind: Length, Points: []Point{{10, 10}, {22, 18}}}, map[string]float64{"length": 5}, mm)
	want(t, c, Shape{Kind: Polyline, Points: []Point{{10, 10}, {22, 18}, {34, 10}}}, map[string]float64{"length": 10}, mm)
	// Legs of 3 mm each: 45°, though 12 and 6 pixels.
	want(t, c, Shape{Kind: Angle, Points: []Point{{22, 10}, {10, 10}, {22, 16}}}, map[string]float64{"angle": 45}, mm)
	want(t, c, Shape{Kind: Angle, Points: []Point{{0, 0}, {12, 0}, {30, 6}, {18, 0}}}, map[string]float64{"angle": 45}, mm)
	r := want(t, c, Shape{Kind: Bidirectional, Points: []Point{{0, 10}, {20, 10}, {8, 6}, {8, 14}}}, map[string]float64{"long axis": 5, "short axis": 4}, mm)
	if len(r.Notes) != 0 || r.Source != "PixelSpacing" {
		t.Errorf("%+v", r)
	}
	want(t, c, Shape{Kind: Rectangle, Points: []Point{{30, 20}, {10, 10}}}, map[string]float64{"width": 5, "height": 5, "area": 25, "perimeter": 20}, mm)
	// Half axes 10 px = 2.5 mm and 5 px = 2.5 mm: a circle of 2.5 mm.
	want(t, c, Shape{Kind: Ellipse, Points: []Point{{10, 20}, {30, 20}, {20, 15}, {20, 25}}},
		map[string]float64{"area": math.Pi * 6.25, "perimeter": 5 * math.Pi, "major axis": 5, "minor axis": 5}, mm)
	// Triangle 3, 4, 5 mm.
	want(t, c, Shape{Kind: Polygon, Points: []Point{{10, 10}, {22, 10}, {10, 18}}}, map[string]float64{"area": 6, "perimeter": 12}, mm)
	want(t, c, Shape{Kind: Freehand, Points: []Point{{10, 10}, {10, 10}, {22, 10}, {10, 18}, {10, 10}}}, map[string]float64{"area": 6, "perimeter": 12}, mm)
	r, err := Measure(Shape{Kind: PointMark, Points: []Point{{1, 1}}}, c)
	if err != nil || len(r.Values) != 0 {
		t.Errorf("a point: %+v, %v", r, err)
	}
}

// TestTurnedEllipse: a circle of 20 mm seen on pixels of 1 × 2 mm is an ellipse there; drawn with axes turned by 45° its area is still 100π.
func TestTurnedEllipse(t *testing.T) {
	c := spaced(2, 1)
	at := func(deg float64) Point {
		s, k := math.Sincos(deg * math.Pi / 180)
		return Point{50 + 10*k, 50 + 5*s}
	}
	for _, turn := range []float64{0, 30, 45, 80} {
		want(t, c, Shape{Kind: Ellipse, Points: []Point{at(turn), at(turn + 180), at(turn + 90), at(turn + 270)}},
			map[string]float64{"area": 100 * math.Pi, "perimeter": 20 * math.Pi, "major axis": 20, "minor axis": 20}, nil)
	}
	// Perimeter of half axes 2 and 1: 9.688448220547675 (4·2·E(√3/2), Abramowitz and Stegun table 17.1); flat: 4a.
	near(t, "perimeter", ellipsePerimeter(2, 1), 9.688448220547675, 1e-12)
	near(t, "flat", ellipsePerimeter(3, 0), 12, 1e-12)
	near(t, "almost flat", ellipsePerimeter(1, 1e-6), 4, 1e-9)
}

// TestSpline: through n points of a circle the curve comes to the circle, with the fourth power of their distance; and measured in mm it is
// the curve seen in pixels.
func TestSpline(t *testing.T) {
	circle := func(n int, rx, ry float64) []Point {
		p := make([]Point, n)
		for i := range p {
			s, c := math.Sincos(2 * math.Pi * float64(i) / float64(n))
			p[i] = Point{100 + rx*c, 100 + ry*s}
		}
		return p
	}
	var last float64
	for _, n := range []int{8, 16, 32, 64} {
		r := want(t, spaced(1, 1), Shape{Kind: Spline, Points: circle(n, 40, 40)}, nil, nil)
		a, _ := r.Value("area")
		p, _ := r.Value("perimeter")
		miss := math.Abs(a.Number/(1600*math.Pi) - 1)
		if last != 0 && miss > last/7 {
			t.Errorf("%d points: area off by %v, %v with half of them", n, miss, last)
		}
		last = miss
		near(t, "perimeter", p.Number/(80*math.Pi), 1, miss+1e-6)
		squeezed := want(t, spaced(2, 1), Shape{Kind: Spline, Points: circle(n, 40, 20)}, nil, nil)
		b, _ := squeezed.Value("area")
		near(t, "on pixels twice as high", b.Number, a.Number, 1e-9*a.Number)
	}
	if last > 1e-4 {
		t.Errorf("64 points: area off by %v", last)
	}
	// Sampled densely, the polygon under the curve has its area.
	p := []Point{{10, 10}, {60, 20}, {80, 70}, {30, 50}}
	var dense []Point
	for i := range p {
		c := segment(p, i)
		for k := range 2000 {
			at, _ := cubic(c, float64(k)/2000)
			dense = append(dense, at)
		}
	}
	near(t, "area", splineArea(p), math.Abs(signedArea(dense)), 1e-3)
	near(t, "perimeter", splinePerimeter(p), pathLength(dense)+dense[len(dense)-1].distance(dense[0]), 1e-3)
}

func TestOutlinesThatCross(t *testing.T) {
	c := spaced(1, 1)
	for _, k := range []Kind{Polygon, Freehand} {
		r := want(t, c, Shape{Kind: k, Points: []Point{{0, 0}, {10, 10}, {10, 0}, {0, 10}}}, map[string]float64{"perimeter": 20 + 20*math.Sqrt2}, nil)
		if _, has := r.Value("area"); has || !strings.Contains(strings.Join(r.Notes, " "), "crosses itself") {
			t.Errorf("a bow tie has %+v", r)
		}
	}
	if crosses([]Point{{0, 0}, {4, 0}, {4, 4}, {0, 4}}) || !crosses([]Point{{0, 0}, {4, 0}, {4, 4}, {2, 0}, {0, 4}}) {
		t.Error("a square crosses itself, or one that touches its own side does not")
	}
	// Shifted far away, the same digits.
	near(t, "far away", math.Abs(signedArea([]Point{{1e6, 1e6}, {1e6 + 1, 1e6}, {1e6, 1e6 + 1}})), .5, 1e-12)
}

func TestUndefinedAngle(t *testing.T) {
	r := want(t, spaced(1, 1), Shape{Kind: Angle, Points: []Point{{5, 5}, {5, 5}, {9, 9}}}, nil, nil)
	if len(r.Values) != 0 || len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestNoScale(t *testing.T) {
	c := Of(header(nil), 0)
	r := want(t, c, Shape{Kind: Polygon, Points: []Point{{0, 0}, {3, 0}, {0, 4}}}, map[string]float64{"area": 6, "perimeter": 12}, map[string]string{"area": SquarePixels, "perimeter": Pixels})
	if r.Source != "" || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "in pixels") {
		t.Errorf("%+v", r)
	}
	tall := Of(header(func(ds *dicom.DataSet) { ds.SetInts(tag.PixelAspectRatio, 2, 1) }), 0)
	r = want(t, tall, Shape{Kind: Length, Points: []Point{{0, 0}, {6, 4}}}, map[string]float64{"length": 10}, map[string]string{"length": Pixels})
	if !strings.Contains(r.Notes[0], "2 times as high") {
		t.Errorf("%+v", r)
	}
	want(t, tall, Shape{Kind: Angle, Points: []Point{{10, 0}, {0, 0}, {10, 5}}}, map[string]float64{"angle": 45}, nil)
}

func TestProjections(t *testing.T) {
	line := Shape{Kind: Length, Points: []Point{{0, 0}, {100, 0}}}
	for _, c := range []struct {
		name, source, caveat string
		mm                   float64
		set                  func(ds *dicom.DataSet)
	}{
		{"at the detector", "ImagerPixelSpacing", "detector", 20, func(ds *dicom.DataSet) { ds.SetFloats(tag.ImagerPixelSpacing, .2, .2) }},
		{"magnified", "ImagerPixelSpacing", "magnification", 16, func(ds *dicom.DataSet) {
			ds.SetFloats(tag.ImagerPixelSpacing, .2, .2)
			ds.SetFloats(tag.EstimatedRadiographicMagnificationFactor, 1.25)
		}},
		{"copied from the detector", "PixelSpacing", "detector", 20, func(ds *dicom.DataSet) {
			ds.SetFloats(tag.ImagerPixelSpacing, .2, .2)
			ds.SetFloats(tag.PixelSpacing, .2, .2)
		}},
		{"fiducial", "PixelSpacing", "known size", 15, func(ds *dicom.DataSet) {
			ds.SetFloats(tag.ImagerPixelSpacing, .2, .2)
			ds.SetFloats(tag.PixelSpacing, .15, .15)
			ds.SetString(tag.PixelSpacingCalibrationType, "FIDUCIAL")
		}},
		{"film", "NominalScannedPixelSpacing", "film", 10, func(ds *dicom.DataSet) { ds.SetFloats(tag.NominalScannedPixelSpacing, .1, .1) }},
		{"negative spacing is none", "", "in pixels", 100, func(ds *dicom.DataSet) { ds.SetFloats(tag.PixelSpacing, -1, 1) }},
	} {
		r := want(t, Of(header(c.set), 0), line, map[string]float64{"length": c.mm}, nil)
		if r.Source != c.source || !strings.Contains(strings.Join(r.Notes, " "), c.caveat) {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

// TestFramesOfTheirOwn: an enhanced object whose frames have other spacings.
func TestFramesOfTheirOwn(t *testing.T) {
	ds := header(func(ds *dicom.DataSet) {
		var frames []*dicom.DataSet
		for _, mm := range []float64{.5, .8} {
			measures, frame := dicom.NewDataSet(), dicom.NewDataSet()
			measures.SetFloats(tag.PixelSpacing, mm, mm)
			frame.SetSequence(tag.PixelMeasuresSequence, measures)
			frames = append(frames, frame)
		}
		ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, frames...)
	})
	line := Shape{Kind: Length, Points: []Point{{0, 0}, {10, 0}}}
	want(t, Of(ds, 0), line, map[string]float64{"length": 5}, nil)
	want(t, Of(ds, 1), line, map[string]float64{"length": 8}, nil)
}

// screen has a 2D region of pixels 0.2 × 0.4 mm with a colour box of the same scale in it, an M-mode strip below (5 ms, 0.3 mm; depth grows
// downwards), a spectrum beside it (4 ms, −0.5 cm/s a pixel, baseline at row 40 of the region), an ECG, and a frame round all of it without units.
func screen() *dicom.DataSet {
	return header(func(ds *dicom.DataSet) {
		pixel.SetRegions(ds,
			pixel.Region{MaxX: 639, MaxY: 479, Flags: 3},
			pixel.Region{MinX: 100, MinY: 0, MaxX: 399, MaxY: 199, SpatialFormat: 1, DataType: 1, Flags: 1, UnitsX: 3, UnitsY: 3, DeltaX: -.02, DeltaY: .04},
			pixel.Region{MinX: 200, MinY: 50, MaxX: 299, MaxY: 149, SpatialFormat: 1, DataType: 2, UnitsX: 3, UnitsY: 3, DeltaX: -.02, DeltaY: .04},
			pixel.Region{MinX: 0, MinY: 200, MaxX: 299, MaxY: 399, SpatialFormat: 2, DataType: 1, UnitsX: 4, UnitsY: 3, DeltaX: .005, DeltaY: .03},
			pixel.Region{MinX: 300, MinY: 200, MaxX: 599, MaxY: 399, SpatialFormat: 3, DataType: 3, UnitsX: 4, UnitsY: 7, DeltaX: .004, DeltaY: -.5, ReferenceY: 40},
			pixel.Region{MinX: 0, MinY: 400, MaxX: 599, MaxY: 449, SpatialFormat: 4, DataType: 10, UnitsX: 4, DeltaX: .005},
		)
	})
}

func TestUltrasoundRegions(t *testing.T) {
	c := Of(screen(), 0)
	// 15 px right = 3 mm, 10 px down = 4 mm.
	r := want(t, c, Shape{Kind: Length, Points: []Point{{150, 50}, {165, 60}}}, map[string]float64{"length": 5}, map[string]string{"length": "mm"})
	if r.Region != 2 || r.Source != "SequenceOfUltrasoundRegions" || math.Abs(r.X-.2) > 1e-15 || math.Abs(r.Y-.4) > 1e-15 {
		t.Errorf("%+v", r)
	}
	// Into the colour box of the same scale: that is one measure still.
	want(t, c, Shape{Kind: Length, Points: []Point{{150, 100}, {250, 100}}}, map[string]float64{"length": 20}, nil)
	// M-mode: 40 px = 200 ms, 10 px = 3 mm: 3 mm in 200 ms are 1.5 cm/s.
	want(t, c, Shape{Kind: Caliper, Points: []Point{{20, 250}, {60, 260}}}, map[string]float64{"time": 200, "depth": 3, "slope": 1.5}, map[string]string{"time": "ms", "depth": "mm", "slope": "cm/s"})
	// Spectrum: 25 px = 100 ms, 100 px up = 50 cm/s: 500 cm/s².
	want(t, c, Shape{Kind: Caliper, Points: []Point{{320, 340}, {345, 240}}}, map[string]float64{"time": 100, "velocity": 50, "acceleration": 500}, map[string]string{"acceleration": "cm/s2"})
	// 20 px above the baseline (middle of row 240): +10 cm/s.
	want(t, c, Shape{Kind: PointMark, Points: []Point{{350, 220.5}}}, map[string]float64{"velocity": 10}, nil)
	want(t, c, Shape{Kind: Caliper, Points: []Point{{100, 420}, {300, 430}}}, map[string]float64{"time": 1000}, nil)
	for name, s := range map[string]Shape{
		"2D to M-mode":          {Kind: Length, Points: []Point{{150, 50}, {150, 300}}},
		"M-mode to spectrum":    {Kind: Caliper, Points: []Point{{280, 250}, {320, 250}}},
		"out of every region":   {Kind: Length, Points: []Point{{150, 50}, {50, 50}}},
		"a length over time":    {Kind: Length, Points: []Point{{20, 250}, {60, 260}}},
		"an area of a spectrum": {Kind: Polygon, Points: []Point{{320, 250}, {360, 250}, {340, 300}}},
		"a caliper in 2D":       {Kind: Caliper, Points: []Point{{150, 50}, {165, 60}}},
		"outside":               {Kind: Length, Points: []Point{{-1, 0}, {3, 3}}},
		"not a number":          {Kind: Length, Points: []Point{{math.NaN(), 0}, {3, 3}}},
		"too few":               {Kind: Polygon, Points: []Point{{0, 0}, {3, 3}}},
		"too many":              {Kind: Freehand, Points: make([]Point, MaxPoints+1)},
		"of another name":       {Kind: "circle", Points: []Point{{0, 0}, {3, 3}}},
		"before the first":      {Kind: Length, Frame: -1, Points: []Point{{0, 0}, {3, 3}}},
	} {
		r, err := Measure(s, c)
		if fault.CodeOf(err) != fault.Input || err == nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	// Beside everything that is calibrated: pixels, said so.
	r = want(t, c, Shape{Kind: Length, Points: []Point{{10, 10}, {13, 14}}}, map[string]float64{"length": 5}, map[string]string{"length": Pixels})
	if len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestRegionsThatDoNotFit: a picture that was shrunk keeps the regions of the large one; their scale would be wrong by the factor.
func TestRegionsThatDoNotFit(t *testing.T) {
	ds := header(func(ds *dicom.DataSet) {
		pixel.SetRegions(ds, pixel.Region{MaxX: 1279, MaxY: 959, SpatialFormat: 1, UnitsX: 3, UnitsY: 3, DeltaX: .02, DeltaY: .02})
	})
	r := want(t, Of(ds, 0), Shape{Kind: Length, Points: []Point{{0, 0}, {30, 40}}}, map[string]float64{"length": 50}, map[string]string{"length": Pixels})
	if r.Source != "" || !strings.Contains(r.Notes[0], "cut or resized") {
		t.Errorf("%+v", r)
	}
	// Region and Pixel Spacing that disagree: the region's, and it is said.
	ds = header(func(ds *dicom.DataSet) {
		ds.SetFloats(tag.PixelSpacing, .5, .5)
		pixel.SetRegions(ds, pixel.Region{MaxX: 639, MaxY: 479, SpatialFormat: 1, UnitsX: 3, UnitsY: 3, DeltaX: .02, DeltaY: .02})
	})
	r = want(t, Of(ds, 0), Shape{Kind: Length, Points: []Point{{0, 0}, {30, 40}}}, map[string]float64{"length": 10}, nil)
	if !strings.Contains(strings.Join(r.Notes, " "), "says otherwise") {
		t.Errorf("%+v", r)
	}
}

func TestOverlapsWithOtherScales(t *testing.T) {
	two := func(flags int) Calibration {
		return Of(header(func(ds *dicom.DataSet) {
			pixel.SetRegions(ds,
				pixel.Region{MaxX: 639, MaxY: 479, Flags: 1, SpatialFormat: 1, UnitsX: 3, UnitsY: 3, DeltaX: .02, DeltaY: .02},
				pixel.Region{MinX: 300, MinY: 100, MaxX: 599, MaxY: 299, Flags: flags, SpatialFormat: 1, UnitsX: 3, UnitsY: 3, DeltaX: .01, DeltaY: .01})
		}), 0)
	}
	zoomed := Shape{Kind: Length, Points: []Point{{400, 150}, {430, 190}}}
	want(t, two(0), zoomed, map[string]float64{"length": 5}, nil) // the zoom window's pixels win
	if _, err := Measure(zoomed, two(1)); fault.CodeOf(err) != fault.Input {
		t.Errorf("equal rights: %v", err)
	}
	want(t, two(1), Shape{Kind: Length, Points: []Point{{100, 150}, {130, 190}}}, map[string]float64{"length": 10}, nil)
	if _, err := Measure(Shape{Kind: Length, Points: []Point{{100, 150}, {430, 190}}}, two(0)); fault.CodeOf(err) != fault.Input {
		t.Errorf("from one to the other: %v", err)
	}
}

func TestInterval(t *testing.T) {
	ds := header(func(ds *dicom.DataSet) {
		ds.SetInts(tag.NumberOfFrames, 4)
		ds.SetFloats(tag.FrameTimeVector, 0, 20, 30, 50)
	})
	r, err := Of(ds, 0).Interval(3, 1)
	if v, _ := r.Value("time"); err != nil || v.Number != 80 || v.Unit != "ms" {
		t.Errorf("%+v, %v", r, err)
	}
	if v, _ := r.Value("rate"); v.Number != 750 {
		t.Errorf("rate %v", v)
	}
	for _, f := range [][2]int{{0, 4}, {-1, 0}} {
		if _, err := Of(ds, 0).Interval(f[0], f[1]); fault.CodeOf(err) != fault.Input {
			t.Errorf("%v: %v", f, err)
		}
	}
	if _, err := Of(header(nil), 0).Interval(0, 0); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestFill: pixels whose middle a shape holds; a mask's area is their number times a pixel's.
func TestFill(t *testing.T) {
	c := spaced(.5, .25)
	rect := Shape{Kind: Rectangle, Points: []Point{{10, 10}, {30, 20}}}
	r, err := MaskArea(rect.Fill(480, 640), c)
	if v, _ := r.Value("area"); err != nil || v.Number != 200*.125 || v.Unit != "mm2" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, s := range []Shape{
		{Kind: Ellipse, Points: []Point{{100, 200}, {300, 240}, {190, 100}, {210, 340}}},
		{Kind: Polygon, Points: []Point{{100, 100}, {300, 120}, {250, 330}, {200, 150}}},
		{Kind: Spline, Points: []Point{{100, 100}, {300, 120}, {250, 330}, {120, 250}}},
	} {
		drawn := want(t, c, s, nil, nil)
		a, _ := drawn.Value("area")
		filled, err := MaskArea(s.Fill(480, 640), c)
		f, _ := filled.Value("area")
		if err != nil || math.Abs(f.Number/a.Number-1) > .01 {
			t.Errorf("%s: %v mm2 drawn, %v filled, %v", s.Kind, a.Number, f.Number, err)
		}
	}
	if got := (Shape{Kind: Length, Points: []Point{{0, 0}, {9, 9}}}).Fill(10, 10); strings.Contains(strings.Trim(strings.Join(strings.Fields(stringOf(got)), ""), "[]"), "true") {
		t.Error("a line encloses pixels")
	}
	if r, err := MaskArea(make([]bool, 480*640), c); err != nil || r.Values[0].Number != 0 {
		t.Errorf("an empty mask: %+v, %v", r, err)
	}
	if _, err := MaskArea(make([]bool, 5), c); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	across := make([]bool, 480*640)
	across[50*640+150], across[300*640+150] = true, true
	if _, err := MaskArea(across, Of(screen(), 0)); fault.CodeOf(err) != fault.Input {
		t.Errorf("a mask over two regions: %v", err)
	}
}

func stringOf(b []bool) string { s, _ := json.Marshal(b); return string(s) }

func TestPointJSON(t *testing.T) {
	var s Shape
	if err := json.Unmarshal([]byte(`{"kind":"length","frame":2,"points":[[1.5,2],[3,4]]}`), &s); err != nil || s.Points[0] != (Point{1.5, 2}) {
		t.Errorf("%+v, %v", s, err)
	}
	b, _ := json.Marshal(s)
	if string(b) != `{"kind":"length","frame":2,"points":[[1.5,2],[3,4]]}` {
		t.Errorf("%s", b)
	}
	if err := json.Unmarshal([]byte(`[1,2,3]`), new(Point)); err == nil {
		t.Error("a point of three numbers")
	}
}
