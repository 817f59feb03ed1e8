package reading

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// slice is a header of 4 × 6 pixels somewhere in a patient.
func slice(n, frames int) *dicom.DataSet {
	ds := header(n, 4, 6, frames)
	ds.Delete(tag.SequenceOfUltrasoundRegions)
	ds.Delete(tag.FrameTime)
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetString(tag.SeriesInstanceUID, "2.25.71")
	ds.SetString(tag.FrameOfReferenceUID, "2.25.61")
	ds.SetInts(tag.InstanceNumber, n)
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, frames*24))
	return ds
}

func place(ds *dicom.DataSet, at, axes, spacing []float64) *dicom.DataSet {
	ds.SetFloats(tag.ImagePositionPatient, at...)
	ds.SetFloats(tag.ImageOrientationPatient, axes...)
	ds.SetFloats(tag.PixelSpacing, spacing...)
	return ds
}

var axial, sagittal = []float64{1, 0, 0, 0, 1, 0}, []float64{0, 1, 0, 0, 0, -1}

// volume writes three axial slices in a wrong order, 2.5 mm apart, and a sagittal localizer through their middle.
func volume(t testing.TB, dir string, n int) string {
	var names []string
	for i, z := range []float64{5, 0, 2.5} {
		ds := place(slice(10*n+i, 1), []float64{217.3, -88.25, 1000 + z}, axial, []float64{0.5, 0.75})
		names = append(names, save(t, dir, 10*n+i, ds, uid.ExplicitVRLittleEndian))
	}
	ds := place(slice(10*n+3, 1), []float64{217.3 + 1.5, -88.25, 1004}, sagittal, []float64{1, 1})
	ds.SetString(tag.SeriesInstanceUID, "2.25.72")
	return strings.Join(append(names, save(t, dir, 10*n+3, ds, uid.ExplicitVRLittleEndian)), " ")
}

// TestStacks: slices are in the order of their places, in axes of their own, with no place of the scanner.
func TestStacks(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", volume), Options{})
	var c caseView
	s.as("ann").get("/api/cases/"+s.tasks("ann")[0].Assignment).into(t, &c)
	want := []stackView{
		{Number: 1, Space: 1, Row: [3]float64{1, 0, 0}, Column: [3]float64{0, 1, 0}, Pixel: [2]float64{0.5, 0.75}, Sides: [4]string{"R", "L", "A", "P"}, MM: 2.5, Even: true,
			Slices: []sliceView{{2, 0, 0, [3]float64{}}, {3, 0, 2.5, [3]float64{0, 0, 2.5}}, {1, 0, 5, [3]float64{0, 0, 5}}}},
		{Number: 2, Space: 1, Row: [3]float64{0, 1, 0}, Column: [3]float64{0, 0, -1}, Pixel: [2]float64{1, 1}, Sides: [4]string{"A", "P", "H", "F"}, Even: true,
			Slices: []sliceView{{4, 0, 0, [3]float64{1.5, 0, 4}}}},
	}
	if !reflect.DeepEqual(c.Stacks, want) {
		t.Errorf("%+v", c.Stacks)
	}
}

// planes by hand: at is along z, in mm.
func planes(series string, z ...float64) (out []plane) {
	for i, at := range z {
		out = append(out, plane{image: i + 1, order: i, series: series, space: "f", rows: 4, columns: 4, at: [3]float64{0, 0, at}, row: [3]float64{1, 0, 0}, col: [3]float64{0, 1, 0}, height: 1, width: 1})
	}
	return out
}

func order(s stackView) (out []int) {
	for _, p := range s.Slices {
		out = append(out, p.Image)
	}
	return out
}

func TestStacksOf(t *testing.T) {
	if got := stacksOf(nil); got != nil {
		t.Errorf("%v", got)
	}
	uneven := stacksOf(planes("s", 0, 3, 1, 9, 2))
	if len(uneven) != 1 || !slices.Equal(order(uneven[0]), []int{1, 3, 5, 2, 4}) || uneven[0].Even || uneven[0].MM != 1 {
		t.Errorf("%+v", uneven)
	}
	twice := stacksOf(planes("s", 0, 1, 2, 0, 1, 2)) // the exam was repeated
	if len(twice) != 2 || !slices.Equal(order(twice[0]), []int{1, 2, 3}) || !slices.Equal(order(twice[1]), []int{4, 5, 6}) || twice[1].Space != 1 {
		t.Errorf("%+v", twice)
	}
	part := stacksOf(planes("s", 0, 1, 2, 1)) // one place twice
	if len(part) != 2 || len(part[0].Slices) != 3 || !slices.Equal(order(part[1]), []int{4}) {
		t.Errorf("%+v", part)
	}
	ps := append(planes("s", 0, 1), planes("other", 5, 6)...)
	ps[2].space, ps[3].space = "", ""
	if got := stacksOf(ps); len(got) != 2 || got[0].Space != 1 || got[1].Space != 2 || got[1].Slices[0].At != [3]float64{} {
		t.Errorf("%+v", got)
	}
	for what, change := range map[string]func(*plane){"size": func(p *plane) { p.rows++ }, "spacing": func(p *plane) { p.width = 1.1 }, "tilt": func(p *plane) { p.row = unit([3]float64{1, 0, .01}) },
		"frame of reference": func(p *plane) { p.space = "g" }, "series": func(p *plane) { p.series = "r" }} {
		ps := planes("s", 0, 1)
		change(&ps[1])
		if got := stacksOf(ps); len(got) != 2 {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// TestNoPlaceIsTold: stacks that differ by where the patient lay, by a shift and a turn, are told in the same numbers.
func TestNoPlaceIsTold(t *testing.T) {
	a := planes("s", 0, 2, 4)
	b := planes("t", 1, 2)
	for i := range b {
		b[i].row, b[i].col = [3]float64{0, 1, 0}, [3]float64{0, 0, -1}
	}
	moved := slices.Clone(append(slices.Clone(a), b...))
	sin, cos := math.Sincos(0.7)
	turn := func(v [3]float64) [3]float64 {
		v = [3]float64{cos*v[0] - sin*v[1], sin*v[0] + cos*v[1], v[2]}
		return [3]float64{v[0], cos*v[1] - sin*v[2], sin*v[1] + cos*v[2]}
	}
	for i := range moved {
		p := &moved[i]
		p.at, p.row, p.col = turn(p.at), turn(p.row), turn(p.col)
		p.at = [3]float64{p.at[0] + 217.3, p.at[1] - 88.25, p.at[2] + 1500}
	}
	x, y := stacksOf(append(a, b...)), stacksOf(moved)
	for i := range x {
		x[i].Sides, y[i].Sides = [4]string{}, [4]string{}
	}
	if !reflect.DeepEqual(x, y) {
		t.Errorf("%+v\n%+v", x, y)
	}
}

func TestSides(t *testing.T) {
	for _, c := range []struct {
		d    [3]float64
		want string
	}{{[3]float64{1, 0, 0}, "L"}, {[3]float64{-1, 0, 0}, "R"}, {[3]float64{0, 1, 0}, "P"}, {[3]float64{0, -1, 0}, "A"}, {[3]float64{0, 0, 1}, "H"}, {[3]float64{0, 0, -1}, "F"},
		{[3]float64{0.8, -0.6, 0}, "LA"}, {[3]float64{0.99, 0.1, 0.1}, "L"}, {[3]float64{-.5, .6, .62}, "HPR"}} {
		if got := side(c.d); got != c.want {
			t.Errorf("%v: %s, want %s", c.d, got, c.want)
		}
	}
}

// enhanced writes three frames in one file, in a wrong order, each with its own rescaling.
func enhanced(t testing.TB, dir string, frames int) string {
	ds := slice(1, 3)
	var per []*dicom.DataSet
	item := func(seq tag.Tag, group, it *dicom.DataSet) { group.SetSequence(seq, it) }
	for i := range frames {
		g, pos, val := dicom.NewDataSet(), dicom.NewDataSet(), dicom.NewDataSet()
		pos.SetFloats(tag.ImagePositionPatient, 10, 20, float64([]int{2, 0, 1}[i]))
		val.SetFloats(tag.RescaleSlope, float64(i+1))
		val.SetFloats(tag.RescaleIntercept, 0)
		item(tag.PlanePositionSequence, g, pos)
		item(tag.PixelValueTransformationSequence, g, val)
		per = append(per, g)
	}
	shared, o, m := dicom.NewDataSet(), dicom.NewDataSet(), dicom.NewDataSet()
	o.SetFloats(tag.ImageOrientationPatient, axial...)
	m.SetFloats(tag.PixelSpacing, 1, 1)
	item(tag.PlaneOrientationSequence, shared, o)
	item(tag.PixelMeasuresSequence, shared, m)
	ds.SetSequence(tag.SharedFunctionalGroupsSequence, shared)
	ds.SetSequence(tag.PerFrameFunctionalGroupsSequence, per...)
	return save(t, dir, 1, ds, uid.ExplicitVRLittleEndian)
}

// TestEnhanced: frames of one file are slices as well, by their functional groups.
func TestEnhanced(t *testing.T) {
	open := func(name, dir string, use func(*pixel.Image)) {
		t.Helper()
		f, err := dicom.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		im, err := pixel.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		use(im)
	}
	dir := t.TempDir()
	open(enhanced(t, dir, 3), dir, func(im *pixel.Image) {
		got := stacksOf(planesOf(im, 7, "s"))
		if len(got) != 1 || fmt.Sprint(got[0].Slices) != "[{7 1 0 [0 0 0]} {7 2 1 [0 0 1]} {7 0 2 [0 0 2]}]" {
			t.Errorf("%+v", got)
		}
		if v, err := describe(im); err != nil || !slices.Equal(v.Rescales, []rescale{{1, 0}, {2, 0}, {3, 0}}) {
			t.Errorf("%+v %v", v.Rescales, err)
		}
	})
	dir = t.TempDir()
	open(enhanced(t, dir, 2), dir, func(im *pixel.Image) { // groups for two of three frames
		if got := planesOf(im, 7, "s"); got != nil || rescales(im) != nil {
			t.Errorf("%+v", got)
		}
	})
	// What lies nowhere, or where no plane can lie.
	for what, ds := range map[string]*dicom.DataSet{"no place": slice(1, 1), "no spacing": place(slice(1, 1), []float64{0, 0, 0}, axial, []float64{0, 1}),
		"skew": place(slice(1, 1), []float64{0, 0, 0}, []float64{1, 0, 0, 1, 0, 0}, []float64{1, 1}), "no direction": place(slice(1, 1), []float64{0, 0, 0}, make([]float64, 6), []float64{1, 1}),
		"far away": place(slice(1, 1), []float64{0, 0, 1e12}, axial, []float64{1, 1}), "a loop": place(slice(1, 3), []float64{0, 0, 0}, axial, []float64{1, 1})} {
		dir := t.TempDir()
		open(save(t, dir, 1, ds, uid.ExplicitVRLittleEndian), dir, func(im *pixel.Image) {
			if got := planesOf(im, 1, "s"); got != nil {
				t.Errorf("%s: %+v", what, got)
			}
		})
	}
}
