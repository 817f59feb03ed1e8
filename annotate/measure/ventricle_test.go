package measure

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// halfEllipse traces the lower-open half of an ellipsoid, half axes long (down) and wide (across), mm, on pixels of the given size, from one side of
// its widest place round the apex to the other, turned by deg.
func halfEllipse(long, wide, row, column, deg float64) *Traced {
	var p []Point
	sin, cos := math.Sincos(deg * math.Pi / 180)
	for i := range 201 {
		s, c := math.Sincos(math.Pi * float64(i) / 200)
		x, y := -wide*c, -long*s
		x, y = x*cos-y*sin, x*sin+y*cos
		p = append(p, Point{160 + x/column, 240 + y/row})
	}
	return &Traced{Shape{Kind: Trace, Points: p}, spaced(row, column)}
}

// TestHalfEllipsoid: half an ellipsoid of revolution holds 2/3·π·long·wide². Discs find it to a thousandth, also turned and on pixels that
// are not square; two planes of different width hold 2/3·π·long·a·b.
func TestHalfEllipsoid(t *testing.T) {
	for _, turn := range []float64{0, 20, -35} {
		for _, mm := range [][2]float64{{.5, .5}, {.4, .7}} {
			l := LeftVentricle{
				FourDiastole: halfEllipse(80, 25, mm[0], mm[1], turn), FourSystole: halfEllipse(65, 18, mm[0], mm[1], turn),
				TwoDiastole: halfEllipse(80, 22, mm[0], mm[1], 0), TwoSystole: halfEllipse(65, 16, .3, .3, 0),
			}
			r, err := Ejection(l)
			if err != nil {
				t.Fatal(err)
			}
			volume := func(long, a, b float64) float64 { return 2.0 / 3 * math.Pi * long * a * b / 1000 }
			edv, esv := volume(80, 25, 22), volume(65, 18, 16)
			for name, want := range map[string]float64{
				"EDV (discs, A4C)": volume(80, 25, 25), "ESV (discs, A4C)": volume(65, 18, 18), "EDV (discs, A2C)": volume(80, 22, 22),
				"EDV (biplane)": edv, "ESV (biplane)": esv,
			} {
				v, ok := r.Value(name)
				if !ok || v.Unit != "mL" {
					t.Fatalf("%s: %+v", name, r)
				}
				near(t, name, v.Number, want, .002*want)
			}
			ef, _ := r.Value("EF (biplane)")
			near(t, "fraction", ef.Number, 100*(1-esv/edv), .1)
			// Half an ellipse has area π·80·25/2; by area and length, 8A²/(3πL), that is 2/3·π·80·25² too.
			al, _ := r.Value("EDV (area-length, A4C)")
			near(t, "area-length", al.Number, volume(80, 25, 25), .002*volume(80, 25, 25))
			if len(r.Notes) != 0 {
				t.Errorf("notes %v", r.Notes)
			}
		}
	}
}

func TestEjectionReservations(t *testing.T) {
	l := LeftVentricle{FourDiastole: halfEllipse(80, 25, .5, .5, 0), FourSystole: halfEllipse(80, 26, .5, .5, 0), TwoDiastole: halfEllipse(60, 25, .5, .5, 0), TwoSystole: halfEllipse(58, 20, .5, .5, 0)}
	r, err := Ejection(l)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(r.Notes, "; ")
	if !strings.Contains(all, "foreshortened") || !strings.Contains(all, "larger") {
		t.Errorf("notes %v", r.Notes)
	}
	single, err := Ejection(LeftVentricle{TwoDiastole: l.TwoDiastole, TwoSystole: l.TwoSystole})
	if _, has := single.Value("EF (biplane)"); err != nil || has {
		t.Errorf("one plane: %+v, %v", single, err)
	}
	noScale := *l.FourDiastole
	noScale.In = Of(header(nil), 0)
	crossing := &Traced{Shape{Kind: Trace, Points: []Point{{0, 0}, {50, 50}, {50, 0}, {0, 50}, {20, 60}}}, spaced(1, 1)}
	for name, l := range map[string]LeftVentricle{
		"nothing": {}, "diastole alone": {FourDiastole: l.FourDiastole}, "pixels": {FourDiastole: &noScale, FourSystole: l.FourSystole},
		"another shape": {FourDiastole: &Traced{Shape{Kind: Polygon, Points: []Point{{0, 0}, {9, 0}, {0, 9}}}, spaced(1, 1)}, FourSystole: l.FourSystole},
		"crossing":      {FourDiastole: crossing, FourSystole: l.FourSystole},
	} {
		if _, err := Ejection(l); fault.CodeOf(err) != fault.Input || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, err := Measure(crossing.Shape, crossing.In)
	if err != nil || len(one.Values) != 0 || len(one.Notes) != 1 {
		t.Errorf("a crossing trace: %+v, %v", one, err)
	}
	px, _ := Measure(noScale.Shape, noScale.In)
	if _, has := px.Value("volume (discs)"); has {
		t.Error("a volume in pixels")
	}
}

// TestDerived by hand, Lang et al. 2015: septum 10, cavity 50, wall 10 mm: (7³ − 5³)·0.832 + 0.6 = 181.976 g; 20/50; (50 − 33)/50.
func TestDerived(t *testing.T) {
	r := Diameters{10, 50, 10, 33}.Derived()
	for name, want := range map[string]float64{"mass": 181.976, "relative wall thickness": .4, "fractional shortening": 34} {
		v, ok := r.Value(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		near(t, name, v.Number, want, 1e-9)
	}
	if r := (Diameters{math.NaN(), math.NaN(), 10, 33}).Derived(); len(r.Values) != 0 {
		t.Errorf("nothing was measured: %+v", r)
	}
}

// TestRealHeaders measures 100 px across and 50 down in real ultrasound; the millimetres are worked from the headers as pydicom prints them.
func TestRealHeaders(t *testing.T) {
	root := testdata.Shared(t, "data")
	for _, c := range []struct {
		file   string
		at     Point
		mm     float64 // 0: in pixels, 111.80…
		region int
		note   string
	}{
		{"imaging/echo_dicom/I_000007.dcm", Point{100, 100}, .3628118093429811 * math.Hypot(100, 50), 2, ""},                                     // a frame without units round it; negative delta
		{"dicom/real/grailbio-go-dicom/examples/I_000001.dcm", Point{100, 100}, math.Hypot(.2857142857142857*100, .22857142857142857*50), 1, ""}, // not square
		{"dicom/real/dcm4che/will-jxl.dcm", Point{300, 300}, .27239 * math.Hypot(100, 50), 1, ""},
		{"dicom/real/pydicom/test_files/examples_ybr_color.dcm", Point{100, 100}, 0, 0, "cut or resized"}, // 320 × 240 with a region to 595
		{"dicom/real/pydicom/test_files/examples_palette.dcm", Point{200, 100}, 0, 0, "cut or resized"},
		{"dicom/real/pydicom-data/OBXXXX1A.dcm", Point{200, 100}, .2622878766196998 * math.Hypot(100, 50), 1, ""},
		{"dicom/synthetic/cine/us_5_rle_4fr.dcm", Point{100, 100}, .625 * math.Hypot(100, 50), 1, ""},
	} {
		f, err := dicom.Open(filepath.Join(root, c.file), dicom.StopBefore(tag.PixelData))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Measure(Shape{Kind: Length, Points: []Point{c.at, {c.at.X + 100, c.at.Y + 50}}}, Of(f.DataSet, 0))
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		v, _ := r.Value("length")
		want, unit := c.mm, Millimetre
		if want == 0 {
			want, unit = math.Hypot(100, 50), Pixels
		}
		near(t, c.file, v.Number, want, 1e-9)
		if v.Unit != unit || r.Region != c.region || !strings.Contains(strings.Join(r.Notes, " "), c.note) {
			t.Errorf("%s: %+v", c.file, r)
		}
	}
	// The whole stress echo is calibrated in every clip, and its ECG-less screen is not mistaken for a scale.
	files, _ := filepath.Glob(filepath.Join(root, "imaging/echo_dicom/*.dcm"))
	for _, name := range files {
		f, err := dicom.Open(name, dicom.StopBefore(tag.PixelData))
		if err != nil {
			t.Fatal(err)
		}
		c := Of(f.DataSet, 0)
		r, err := Measure(Shape{Kind: Length, Points: []Point{{180, 140}, {190, 150}}}, c)
		f.Close()
		if err != nil || r.Source == "" || r.UnitX != Millimetre {
			t.Errorf("%s: %+v, %v", filepath.Base(name), r, err)
		}
		if len(c.TimesMS) != 0 && len(c.TimesMS) < 2 {
			t.Errorf("%s: %d times", filepath.Base(name), len(c.TimesMS))
		}
	}
	t.Logf("%d clips of the stress echo", len(files))
	// A strip of ECG: time only.
	f, err := dicom.Open(filepath.Join(root, "dicom/real/grailbio-go-dicom/examples/I_000001.dcm"), dicom.StopBefore(tag.PixelData))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Measure(Shape{Kind: Caliper, Points: []Point{{50, 380}, {250, 390}}}, Of(f.DataSet, 0))
	if v, _ := r.Value("time"); err != nil || math.Abs(v.Number-200*5.023148148148148) > 1e-9 || len(r.Values) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// FuzzMeasure: whatever a browser sends and a header says, numbers are finite or refused, and nothing panics.
func FuzzMeasure(f *testing.F) {
	f.Add("length", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, .5)
	f.Add("ellipse", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, -.5)
	f.Add("spline", 1e300, -1e300, 3.0, 4.0, math.Inf(1), 6.0, 7.0, 8.0, 0.0)
	f.Add("trace", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1e-300)
	f.Fuzz(func(t *testing.T, kind string, a, b, c, d, e, g, h, i, mm float64) {
		points := []Point{{a, b}, {c, d}, {e, g}, {h, i}, {a, i}, {c, g}}
		for n := 1; n <= len(points); n++ {
			r, err := Measure(Shape{Kind: Kind(kind), Points: points[:n]}, Of(header(func(ds *dicom.DataSet) {
				if mm != 0 && !math.IsNaN(mm) && !math.IsInf(mm, 0) {
					ds.SetFloats(tag.PixelSpacing, mm, mm)
				}
			}), 0))
			if err != nil {
				continue
			}
			for _, v := range r.Values {
				if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) || v.Number < 0 || v.Unit == "" {
					t.Fatalf("%s of %v is %+v", kind, points[:n], v)
				}
			}
		}
	})
}
