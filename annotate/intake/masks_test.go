package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

const maskRules = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: lv, label: Left ventricle, kind: mask, code: {scheme: SCT, value: "87878005", meaning: Left ventricle}}
  - {name: rv, label: Rechter Ventrikel, kind: mask}
  - {name: box, kind: measurement, shape: rectangle}
  - {name: outline, kind: measurement, shape: polygon}
  - {name: septum, kind: measurement, shape: length}
  - {name: lvef, kind: number, unit: "%"}
  - {name: grade, kind: choice, options: [{name: low}, {name: high}]}
`

// segmentation has two segments named as others name them, in frames 0, 2, 2.
func segmentation(t testing.TB, p *annotate.Project) *result.Segmentation {
	t.Helper()
	s := &result.Segmentation{Made: result.Made{SOP: uid.Derive("seg"), Series: uid.Derive("seg series"), SeriesNumber: 1, Number: 1, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Images: []result.Image{headerOf(t, p, "loop.dcm")}, Rows: pictureRows, Columns: pictureColumns,
		Segments: []result.Segment{{Label: "anything", Type: code.Concept{Scheme: "SCT", Value: "87878005", Meaning: "LV"}, Algorithm: result.Manual},
			{Label: "rechter ventrikel", Algorithm: result.Automatic, Program: result.Device{Name: "x"}}}}
	for i, at := range [][2]int{{1, 0}, {1, 2}, {2, 2}} {
		m := make([]bool, pictureRows*pictureColumns)
		for k := range 10 + i {
			m[k*41] = true // a diagonal
		}
		s.Planes = append(s.Planes, result.Plane{Segment: at[0], Of: result.Reference{SOP: "2.25.50", Frames: []int{at[1]}}, Mask: m})
	}
	return s
}

func segmentationFrom(ds *dicom.DataSet) func(*Reader) error {
	return func(r *Reader) error { return r.Segmentation("seg.dcm", ds) }
}

// TestSegmentations: segments by code and label, binary and fractional, and frames that say too little.
func TestSegmentations(t *testing.T) {
	p := study(t, maskRules)
	s := segmentation(t, p)
	ds, err := s.DataSet()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, bring(t, p, "ann", Settings{}, Options{}, segmentationFrom(ds)), "3 items, 3 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	got := answersOf(t, p, "ann")
	for key, i := range map[string]int{"loop.dcm lv 1 0 0": 0, "loop.dcm lv 1 2 0": 1, "loop.dcm rv 1 2 0": 2} {
		if a := got[key]; a == nil || !slices.Equal(a.Mask.Pixels(), s.Planes[i].Mask) || *a.Value != float64(10+i)*.125 {
			t.Errorf("%s: %+v", key, a)
		}
	}
	// As fractions: 0, a third, two thirds, all.
	frames := len(s.Planes)
	b := make([]byte, frames*pictureRows*pictureColumns)
	for i := range b {
		b[i] = byte(i % 4 * 85)
	}
	for k, v := range map[tag.Tag]int{tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.MaximumFractionalValue: 255} {
		ds.SetInts(k, v)
	}
	ds.SetString(tag.SegmentationType, "FRACTIONAL")
	ds.SetString(tag.SegmentationFractionalType, "PROBABILITY")
	ds.SetBytes(tag.PixelData, vr.OB, b)
	for inside, want := range map[float64]int{0: pictureRows * pictureColumns / 2, 0.25: pictureRows * pictureColumns * 3 / 4, 1: pictureRows * pictureColumns / 4} {
		q := study(t, maskRules)
		bring(t, q, "bob", Settings{Inside: inside}, Options{}, segmentationFrom(ds))
		if a := answersOf(t, q, "bob")["loop.dcm lv 1 0 0"]; a == nil || a.Mask.Area() != want {
			t.Errorf("from %g: %+v, want %d", inside, a, want)
		}
	}
	ds.Delete(tag.MaximumFractionalValue)
	r, _ := NewReader(p, "net", Settings{})
	if err := r.Segmentation("x", ds); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

func TestSegmentationsThatDoNotFit(t *testing.T) {
	p := study(t, maskRules)
	s := segmentation(t, p)
	s.Segments[1].Label = "something else"
	ds, err := s.DataSet()
	if err != nil {
		t.Fatal(err)
	}
	// The first frame loses what it was drawn on.
	ds.Sequence(tag.PerFrameFunctionalGroupsSequence)[0].Delete(tag.DerivationImageSequence)
	sum := bring(t, p, "ann", Settings{}, Options{Lock: true}, segmentationFrom(ds))
	expect(t, sum, "3 items, 1 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 2 refused, 0 warnings")
	reasoned(t, sum, "seg.dcm, frame 1", "does not say what it was drawn on")
	reasoned(t, sum, "seg.dcm, frame 3", "no item of the protocol")
	expect(t, bring(t, p, "bob", Settings{Items: map[string]string{"something else": "rv"}}, Options{}, segmentationFrom(ds)), "3 items, 2 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 1 refused, 0 warnings")
	// Of another size than the picture it names.
	small := segmentation(t, p)
	small.Images[0].Header.SetInts(tag.Rows, 16)
	small.Rows = 16
	for i := range small.Planes {
		small.Planes[i].Mask = small.Planes[i].Mask[:16*pictureColumns]
	}
	if ds, err = small.DataSet(); err != nil {
		t.Fatal(err)
	}
	sum = bring(t, p, "net", Settings{}, Options{}, segmentationFrom(ds))
	reasoned(t, sum, "seg.dcm, frame 1", "40 × 16 pixels for a picture of 40 × 32")
	r, _ := NewReader(p, "ann", Settings{})
	if err := r.Segmentation("x", dicom.NewDataSet()); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

func FuzzSegmentation(f *testing.F) {
	p := study(f, maskRules)
	ds, err := segmentation(f, p).DataSet()
	if err != nil {
		f.Fatal(err)
	}
	var b strings.Builder
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(b.String()))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzed(t, p, b, (*Reader).Segmentation) })
}

// cocoText is a file of one image, with what is given.
func cocoText(annotations string) string {
	return `{"images": [{"id": 7, "width": 40, "height": 32, "file_name": "a/loop.png", "frame": 2}, {"id": "s", "file_name": "still.jpg"}],
	"categories": [{"id": 1, "name": "lv"}, {"id": 2, "name": "Box"}, {"id": 3, "name": "outline"}, {"id": 4, "name": "septum"}, {"id": 5, "name": "dog"}], "annotations": [` + annotations + `]}`
}

func cocoFrom(text string) func(*Reader) error {
	return func(r *Reader) error { return r.COCO("c.json", strings.NewReader(text)) }
}

// TestCOCO: every geometry of others' files. The compressed mask is pycocotools' own text of it.
func TestCOCO(t *testing.T) {
	p := study(t, maskRules)
	text := cocoText(`{"image_id": 7, "category_id": 1, "segmentation": [[2, 2, 10, 2, 10, 8, 2, 8], [20, 20, 22, 20, 22, 22, 20, 22]], "attributes": "none", "iscrowd": 0},
		{"image_id": 7, "category_id": 2, "bbox": [5, 6, 10, 4]}, {"image_id": 7, "category_id": 3, "segmentation": [[1, 1, 9, 1, 9, 5]], "bbox": [1, 1, 8, 4], "attributes": {"points": "many", "shape": 3}},
		{"image_id": 7, "category_id": 4, "keypoints": [1, 2, 2, 13, 2, 1]}`)
	expect(t, bring(t, p, "ann", Settings{}, Options{}, cocoFrom(text)), "4 items, 4 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	got := answersOf(t, p, "ann")
	m := got["loop.dcm lv 1 2 0"].Mask
	if m.Area() != 8*6+4 || !m.Pixels()[2*40+2] || m.Pixels()[2*40+10] || !m.Pixels()[7*40+9] {
		t.Errorf("%d pixels", m.Area())
	}
	if a := got["loop.dcm box 1 0 0"]; !slices.Equal(a.Shapes[0].Points, at(5, 6, 15, 10)) || a.Shapes[0].Frame != 2 {
		t.Errorf("%+v", a)
	}
	if a := got["loop.dcm outline 1 0 0"]; *a.Value != 16*.125 {
		t.Errorf("%+v", a)
	}
	if a := got["loop.dcm septum 1 0 0"]; *a.Value != 3 {
		t.Errorf("%+v", a)
	}
}

func TestCOCOThatDoesNotFit(t *testing.T) {
	p := study(t, maskRules)
	for text, want := range map[string]string{
		`{"image_id": 7, "category_id": 5, "bbox": [1, 2, 3, 4]}`:                                                         "no item of the protocol",
		`{"image_id": 8, "category_id": 2, "bbox": [1, 2, 3, 4]}`:                                                         "no image of the file",
		`{"image_id": 7, "category_id": 2, "bbox": [1, 2]}`:                                                               "no box",
		`{"image_id": 7, "category_id": 2, "bbox": [1, 2, 300, 4]}`:                                                       "outside of the picture",
		`{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}`:                                                         "no outline",
		`{"image_id": 7, "category_id": 1, "segmentation": []}`:                                                           "neither an outline nor a mask",
		`{"image_id": 7, "category_id": 1, "segmentation": [[1, 2, 3]]}`:                                                  "an outline of 3 numbers",
		`{"image_id": 7, "category_id": 1, "segmentation": {"size": [40, 32], "counts": [1280]}}`:                         "a mask of 32 × 40",
		`{"image_id": 7, "category_id": 1, "segmentation": {"size": [32, 40], "counts": [1279]}}`:                         "do not fill",
		`{"image_id": 7, "category_id": 1, "segmentation": {"size": [32, 40], "counts": [1, -1, 1280]}}`:                  "do not fill",
		`{"image_id": 7, "category_id": 1, "segmentation": {"size": [32, 40], "counts": [9223372036854775807]}}`:          "do not fill",
		`{"image_id": 7, "category_id": 1, "segmentation": {"size": [32, 40], "counts": "P"}}`:                            "damaged",
		`{"image_id": 7, "category_id": 1, "segmentation": {"size": [32, 40], "counts": {}}}`:                             "neither numbers nor text",
		`{"image_id": 7, "category_id": 1, "segmentation": {"counts": [1280]}}`:                                           "no size",
		`{"image_id": 7, "category_id": 3, "segmentation": [[1, 1, 2, 1, 2, 2], [4, 4, 5, 4, 5, 5]]}`:                     "2 parts",
		`{"image_id": 7, "category_id": 4, "keypoints": [1, 2, 2, 3, 4]}`:                                                 "no points for a length",
		`{"image_id": 7, "category_id": 4, "keypoints": [1, 2, 2, 0, 0, 0]}`:                                              "not labelled",
		`{"image_id": 7, "category_id": 4, "keypoints": [1, 2, 2]}`:                                                       "a length of 1 points",
		`{"image_id": 7, "category_id": 4, "keypoints": [4, 4, 2, 20, 4, 2], "attributes": {"value": 0.4, "unit": "mm"}}`: "seems to be labelled mm",
	} {
		s := bring(t, p, "ann", Settings{}, Options{}, cocoFrom(cocoText(text)))
		if s.Items != 1 {
			t.Errorf("%s: %s", text, counts(s))
		}
		reasoned(t, s, "c.json, annotation 1", want)
	}
	if n := len(answersOf(t, p, "ann")); n != 0 {
		t.Errorf("%d answers", n)
	}
	for _, text := range []string{"", "[]", "{}", `{"images": 3}`, `{"annotations": [{}]}`} {
		r, _ := NewReader(p, "ann", Settings{})
		if err := r.COCO("x", strings.NewReader(text)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", text, err)
		}
	}
	s := bring(t, p, "ann", Settings{}, Options{}, cocoFrom(strings.Replace(cocoText(`{"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4]}`), `"width": 40`, `"width": 112`, 1)))
	reasoned(t, s, "c.json, annotation 1", "112 × 32 pixels, and the picture has 40 × 32")
	// Labels of this program's own form.
	labels := `{"images": [], "labels": [{"sop_instance_uid": "2.25.50", "item": "lvef", "attributes": {"value": 51, "unit": "%"}}, {"file_name": "loop.dcm", "item": "grade", "choice": ["low"]},
		{"sop_instance_uid": "2.25.50", "item": "age"}, {"sop_instance_uid": "2.25.9", "item": "grade", "choice": ["low"]}, {"file_name": "loop.dcm", "item": "lvef", "attributes": {"value": 5, "unit": "mm"}}]}`
	s = bring(t, p, "bob", Settings{}, Options{}, cocoFrom(labels))
	expect(t, s, "5 items, 2 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 3 refused, 0 warnings")
}

// TestRunLengths: pycocotools 2.0's text of masks, which its encode makes, unfolds to their pixels.
func TestRunLengths(t *testing.T) {
	// mask.encode of [[0,1,1],[0,1,0]] (2 × 3) is counts "23", "1", "1" down the columns: 2 out, 3 in, 1 out.
	counts, ok := uncompress("231", 6)
	if !ok || !slices.Equal(counts, []int{2, 3, 1}) {
		t.Fatalf("%v, %t", counts, ok)
	}
	in, err := unroll(counts, 2, 3)
	if err != nil || !slices.Equal(in, []bool{false, true, true, false, true, false}) {
		t.Errorf("%v, %v", in, err)
	}
	// Lengths above 15 need a second character; from the fourth on they are differences.
	for _, want := range [][]int{{0, 4}, {16, 31, 33}, {1000, 5, 1000, 5, 1000, 4, 70000}, {3, 3, 3, 3, 3, 1}, {1 << 20}} {
		most := 0
		for _, n := range want {
			most += n
		}
		got, ok := uncompress(compress(want), most)
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%v: %v", want, got)
		}
	}
	if s := compress([]int{6, 1, 40, 4, 5, 4, 5, 4, 21}); s != "61X13mN000`0" { // the example of cocoapi's documentation
		t.Errorf("%q", s)
	}
	for _, bad := range []string{"`", "~", " ", strings.Repeat("o", 20), "O"} {
		if _, ok := uncompress(bad, 100); ok {
			t.Errorf("%q", bad)
		}
	}
}

// compress is COCO's text, written by its description, for the tests.
func compress(counts []int) string {
	var b strings.Builder
	for i, n := range counts {
		x := int64(n)
		if i > 2 {
			x -= int64(counts[i-2])
		}
		for more := true; more; {
			c := x & 0x1f
			x >>= 5
			if c&0x10 != 0 {
				more = x != -1
			} else {
				more = x != 0
			}
			if more {
				c |= 0x20
			}
			b.WriteByte(byte(c + 48))
		}
	}
	return b.String()
}

// FuzzCOCO: whatever a file is, it ends in answers or in reasons.
func FuzzCOCO(f *testing.F) {
	p := study(f, everything)
	f.Add(cocoText(`{"image_id": 7, "category_id": 1, "segmentation": {"size": [32, 40], "counts": "0PP1"}}`))
	f.Add(`{"images":[{"id":1,"sop_instance_uid":"2.25.50"}],"categories":[{"id":1,"name":"ef"}],"annotations":[{"image_id":1,"category_id":1,"attributes":{"role":"a4c_ed","shape":"trace","points":[[1,2],[3,4]]}}],"labels":[{"item":"note","text":"x","sop_instance_uid":"2.25.50"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := NewReader(p, "ann", Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.COCO("x", strings.NewReader(text)); err != nil && fault.CodeOf(err) != fault.Input && fault.CodeOf(err) != fault.Usage {
			t.Fatal(err)
		}
		if _, err := r.Bring(t.Context(), Options{DryRun: true}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRunLengths: what unfolds fills the picture exactly.
func FuzzRunLengths(f *testing.F) {
	f.Add("231", 2, 3)
	f.Add("61X13mN000`0", 9, 10)
	f.Fuzz(func(t *testing.T, text string, rows, columns int) {
		if rows < 1 || columns < 1 || rows > 100 || columns > 100 {
			return
		}
		raw, err := json.Marshal(map[string]any{"size": [2]int{rows, columns}, "counts": text})
		if err != nil {
			return
		}
		if in, err := cocoMask(raw, rows, columns); err == nil && len(in) != rows*columns {
			t.Fatal(len(in))
		} else if err != nil && fault.CodeOf(err) != fault.Input {
			t.Fatal(err)
		}
	})
}

// TestManyItems: three hundred annotations of a file, of which every third is bad.
func TestManyItems(t *testing.T) {
	p := study(t, strings.Replace(maskRules, "{name: box, kind: measurement, shape: rectangle}", "{name: box, kind: measurement, shape: rectangle, scope: frame}", 1))
	var images, list []string
	for i := range 300 {
		images = append(images, fmt.Sprintf(`{"id": %d, "sop_instance_uid": "2.25.50", "frame": %d}`, i, i%7)) // there is no seventh frame
		list = append(list, fmt.Sprintf(`{"image_id": %d, "category_id": 2, "bbox": [1, 1, %d, 4]}`, i, 1+i%30))
	}
	s := bring(t, p, "ann", Settings{}, Options{}, cocoFrom(`{"images": [`+strings.Join(images, ",")+`], "categories": [{"id": 2, "name": "box"}], "annotations": [`+strings.Join(list, ",")+`]}`))
	if s.Items != 300 || s.Answers != 6 || len(s.Refused) != 294 {
		t.Error(counts(s))
	}
}
