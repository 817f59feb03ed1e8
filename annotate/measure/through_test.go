package measure

import (
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// cine is 20 frames of 640 × 480, one each 25 ms, on pixels of 0.5 × 0.25 mm where spaced is.
func cine(spaced bool) Calibration {
	return Of(header(func(ds *dicom.DataSet) {
		ds.SetInts(tag.NumberOfFrames, 20)
		ds.SetFloats(tag.FrameTime, 25)
		if spaced {
			ds.SetFloats(tag.PixelSpacing, .5, .25)
		}
	}), 0)
}

// TestCaliperThroughACine: from frame 4 to frame 16 are 300 ms. Along a slanted line 24 columns (6 mm) and 16 rows (8 mm) are 10 mm: 3.33 cm/s.
func TestCaliperThroughACine(t *testing.T) {
	s := Shape{Kind: Caliper, Frame: 4, To: 16, Points: []Point{{100, 200}, {124, 216}}}
	r := want(t, cine(true), s, map[string]float64{"time": 300, "rate": 200, "depth": 10, "slope": 10. / 300 * 100}, map[string]string{"time": "ms", "depth": "mm", "slope": "cm/s"})
	if !strings.Contains(r.Source, "PixelSpacing") || !strings.Contains(r.Source, "frame times") {
		t.Errorf("source %q", r.Source)
	}
	// Where nothing says what a pixel is worth, or both points are one, time is all there is to say.
	for _, r := range []Result{want(t, cine(false), s, map[string]float64{"time": 300, "rate": 200}, nil),
		want(t, cine(true), Shape{Kind: Caliper, Frame: 4, To: 16, Points: []Point{{9, 9}, {9, 9}}}, map[string]float64{"time": 300, "rate": 200}, nil)} {
		if len(r.Values) != 2 || len(r.Notes) != 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestCaliperThroughACineIsRefused(t *testing.T) {
	at := []Point{{100, 200}, {124, 216}}
	for name, s := range map[string]Shape{
		"backwards":          {Kind: Caliper, Frame: 5, To: 3, Points: at},
		"to its own frame":   {Kind: Caliper, Frame: 5, To: 5, Points: at},
		"beyond the last":    {Kind: Caliper, Frame: 5, To: 20, Points: at},
		"another shape":      {Kind: Length, Frame: 1, To: 2, Points: at},
		"outside":            {Kind: Caliper, Frame: 1, To: 2, Points: []Point{{1, 1}, {641, 1}}},
		"no number":          {Kind: Caliper, Frame: 1, To: 2, Points: []Point{{1, 1}, {math.NaN(), 1}}},
		"before the first":   {Kind: Caliper, To: -1, Points: at},
		"three points":       {Kind: Caliper, Frame: 1, To: 2, Points: append(at, Point{1, 1})},
		"without frame time": {},
	} {
		c := cine(true)
		if name == "without frame time" {
			s, c = Shape{Kind: Caliper, Frame: 1, To: 2, Points: at}, spaced(.5, .25)
		}
		if r, err := Measure(s, c); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	// Pictures whose frames come with other times than asked for are not made up: a still has a frame 0 only.
	if _, err := Measure(Shape{Kind: Caliper, Frame: 0, To: 1, Points: at}, Of(header(nil), 0)); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}
