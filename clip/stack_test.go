package clip

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// TestStackByHand: eight slices 2.5 mm apart, whole, with two left out, with one that slipped, with another step in the second half, and
// under a gantry tilted by 15°.
func TestStackByHand(t *testing.T) {
	up := [3]float64{0, 0, 1}
	same := []float64{2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5}
	for name, c := range map[string]struct {
		gaps            []float64
		missing, uneven int
		step, gap       float64
	}{
		"whole":         {same, 0, 0, 2.5, 2.5},
		"rounded":       {[]float64{2.5, 2.51, 2.49, 2.5, 2.5}, 0, 0, 2.5, 2.51},
		"two left out":  {[]float64{2.5, 2.5, 7.5, 2.5, 2.5}, 2, 0, 2.5, 7.5},
		"one here, one": {[]float64{2.5, 5, 2.5, 5, 2.5}, 2, 0, 2.5, 5},
		"slipped":       {[]float64{2.5, 3.1, 1.9, 2.5, 2.5}, 0, 2, 2.5, 3.1},
		"two blocks":    {[]float64{2.5, 2.5, 2.5, 2.5, 3.75, 3.75, 3.75}, 0, 3, 2.5, 3.75},
		"two slices":    {[]float64{4}, 0, 0, 4, 4},
		"three, one up": {[]float64{2, 6}, 2, 0, 2, 6},
	} {
		s := stackOf(c.gaps, [3]float64{0, 0, 2.5}, up)
		if s.Missing != c.missing || s.Uneven != c.uneven || s.StepMM != c.step || s.GapMM != c.gap || s.Slices != len(c.gaps)+1 || s.TiltDeg != 0 {
			t.Errorf("%s: %+v", name, *s)
		}
	}
	a := 15 * math.Pi / 180
	normal := [3]float64{0, math.Sin(a), math.Cos(a)}
	if s := stackOf(same, [3]float64{0, 0, 2.5}, normal); math.Abs(s.TiltDeg-15) > 1e-9 {
		t.Errorf("tilt %v°, want 15", s.TiltDeg)
	}
	c := &Clip{T: 3, Affine: &Affine{{1, 0, 0, 0}, {0, math.Cos(a), 0, 0}, {0, -math.Sin(a), 2.5, 0}}}
	if got := c.TiltDeg(); math.Abs(got-15) > 1e-9 {
		t.Errorf("an affine's tilt is %v°, want 15", got)
	}
	if (&Clip{T: 3}).TiltDeg() != 0 || (&Clip{T: 1, Affine: c.Affine}).TiltDeg() != 0 {
		t.Error("a tilt of nothing")
	}
}

// TestStackOfRealHeaders: of a real CT series whose slices lie 1.25 mm apart, a handful was kept: one from far away. And with one of a
// complete run taken out it is missed.
func TestStackOfRealHeaders(t *testing.T) {
	dir := testdata.Shared(t, "data/dicom/real/pydicom/test_files/dicomdirtests/77654033/CT2")
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Source.Stack
	if s == nil || math.Abs(s.StepMM-1.25) > 0.02 || s.GapMM < 200 || s.Missing < 150 || s.TiltDeg > 0.1 {
		t.Fatalf("%+v", s)
	}
	// The slices of the near end by themselves.
	near := t.TempDir()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, f := range files {
		one, err := Open(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if one.Affine == nil || one.Affine[2][3] < 0 {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(near, f.Name()), b, 0o644); err != nil {
			t.Fatal(err)
		}
		kept++
	}
	if c, err = Open(near); err != nil {
		t.Fatal(err)
	}
	if s := c.Source.Stack; s == nil || s.Slices != kept || s.Missing != 0 || s.Uneven != 0 {
		t.Errorf("%d slices: %+v", kept, s)
	}
}
