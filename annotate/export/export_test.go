package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

const rules = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: severity, kind: ordinal, options: [{name: none}, {name: severe}], positive: [severe], disagreement: {metric: different}}
  - {name: lvef, kind: number, unit: "%", disagreement: {metric: difference, limit: 10}}
  - {name: view, kind: choice, scope: image, options: [{name: A4C}, {name: A2C}]}
  - {name: lv, kind: mask}
  - {name: septum, kind: measurement, shape: length}
  - {name: outline, kind: measurement, shape: polygon}
  - {name: note, kind: text}
`

var head = ledger.Head{Seq: 7, Chain: "abc"}

func mask(x0, y0, x1, y1 int) *annotate.Mask {
	return annotate.EncodeMask(measure.Shape{Kind: measure.Rectangle, Points: []measure.Point{{X: float64(x0), Y: float64(y0)}, {X: float64(x1), Y: float64(y1)}}}.Fill(6, 8), 6, 8)
}

// records are two people and a model on three cases of two images.
func records(t *testing.T) *annotate.Records {
	t.Helper()
	p, err := protocol.Read("p", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	r := &annotate.Records{Name: "study", Phase: annotate.Closed, Protocol: p, Drafts: 1, Readers: []annotate.ReaderRecord{{Mask: "R-1"}, {Mask: "R-2"}, {Mask: "R-3", AI: true}}}
	for _, id := range []string{"ca", "cb", "cc"} {
		c := &annotate.Case{ID: id, Patient: "p" + id}
		for i := range 2 {
			c.Images = append(c.Images, annotate.Picture{File: id + []string{"1.dcm", "2.dcm"}[i], SOP: "1.2." + id, Rows: 6, Columns: 8, Frames: 3})
		}
		r.Cases = append(r.Cases, c)
	}
	num := func(v float64) *float64 { return &v }
	scale := []measure.Result{{Source: "SequenceOfUltrasoundRegions", Region: 2, X: .5, Y: .25, UnitX: "mm", UnitY: "mm"}}
	sure := 80
	line := annotate.Drawn{Image: 1, Shape: measure.Shape{Kind: measure.Length, Frame: 2, Points: []measure.Point{{X: 1, Y: 1}, {X: 4, Y: 5}}}}
	poly := annotate.Drawn{Image: 1, Shape: measure.Shape{Kind: measure.Polygon, Frame: 1, Points: []measure.Point{{X: 1, Y: 1}, {X: 5, Y: 1}, {X: 5, Y: 4}}}}
	add := func(id, reader, of string, answers ...*annotate.Answer) {
		r.Readings = append(r.Readings, annotate.ReadingRecord{ID: id, Reader: reader, AI: reader == "R-3", Case: of, Arm: protocol.Unaided, Session: 1, Seconds: 12.5, Answers: answers})
	}
	severity := func(v string) *annotate.Answer {
		return &annotate.Answer{Item: "severity", Choice: []string{v}, Confidence: &sure}
	}
	ef := func(v float64) *annotate.Answer {
		return &annotate.Answer{Item: "lvef", Number: num(v), Value: num(v), Unit: "%"}
	}
	add("r1", "R-1", "ca", severity("severe"), ef(50), &annotate.Answer{Item: "view", Image: 1, Choice: []string{"A4C"}}, &annotate.Answer{Item: "view", Image: 2, Choice: []string{"A2C"}},
		&annotate.Answer{Item: "lv", Image: 1, Frame: 1, Mask: mask(1, 1, 5, 4), Value: num(1.5), Unit: "mm2", Results: scale},
		&annotate.Answer{Item: "septum", Image: 1, Shapes: []annotate.Drawn{line}, Value: num(1.8), Unit: "mm", Results: scale},
		&annotate.Answer{Item: "outline", Image: 1, Shapes: []annotate.Drawn{poly}, Value: num(.75), Unit: "mm2", Results: scale},
		&annotate.Answer{Item: "note", Text: "=HYPERLINK(1)"})
	add("r2", "R-2", "ca", severity("severe"), ef(54), &annotate.Answer{Item: "lv", Image: 1, Frame: 1, Mask: mask(2, 1, 6, 4), Value: num(1.5), Unit: "mm2", Results: scale})
	add("r3", "R-3", "ca", severity("none"), ef(20))
	add("r4", "R-1", "cb", severity("none"), ef(60))
	add("r5", "R-2", "cb", severity("severe"), ef(30))
	r.Readings = append(r.Readings, annotate.ReadingRecord{ID: "r6", Reader: "R-9", Case: "cb", Arm: protocol.Deciding, Method: "third", Rationale: "x", DerivedFrom: []string{"r4", "r5"},
		Answers: []*annotate.Answer{severity("none")}})
	return r
}

func load(t *testing.T, path string) [][]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func cellOf(t *testing.T, rows [][]string, row int, column string) string {
	t.Helper()
	i := slices.Index(rows[0], column)
	if i < 0 {
		t.Fatalf("no column %s in %v", column, rows[0])
	}
	return rows[row][i]
}

func TestWrite(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	m, err := Write(t.Context(), records(t), head, []string{"nifti", "csv", "coco", "csv"}, out)
	if err != nil {
		t.Fatal(err)
	}
	if m.Log != head || m.Drafts != 1 || len(m.Files) != 4 || !slices.Equal(m.Formats, []string{"coco", "csv", "nifti"}) {
		t.Errorf("%+v", m)
	}
	for _, f := range m.Files {
		b, err := os.ReadFile(filepath.Join(out, f.Path))
		if err != nil || int64(len(b)) != f.Bytes || protocol.Digest(b) != f.SHA256 {
			t.Errorf("%+v, %v", f, err)
		}
	}
	rows := load(t, filepath.Join(out, "readings.csv"))
	if len(rows) != 19 { // a header and 8 + 3 + 2 + 2 + 2 + 1 answers
		t.Errorf("%d rows", len(rows))
	}
	if v := cellOf(t, rows, 1, "choice") + cellOf(t, rows, 2, "value") + cellOf(t, rows, 5, "region") + cellOf(t, rows, 5, "scale_from") + cellOf(t, rows, 1, "confidence"); v != "severe502SequenceOfUltrasoundRegions80" {
		t.Error(v)
	}
	if v := cellOf(t, rows, 8, "text"); v != "'=HYPERLINK(1)" {
		t.Error(v)
	}
	// Masks: frame 1 of 3, 4 × 3 pixels at column 1, row 1; spacing 0.25 × 0.5 mm.
	c, err := clip.Open(filepath.Join(out, "masks/ca_image1_lv_r1.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, v := range c.Data {
		if v != 0 {
			n++
			if f, y, x := i/48, i%48/8, i%8; f != 1 || y < 1 || y > 3 || x < 1 || x > 4 {
				t.Errorf("pixel %d %d %d", f, y, x)
			}
		}
	}
	if n != 12 || c.T != 3 || c.H != 6 || c.W != 8 || c.Spacing.Row != .25 || c.Spacing.Column != .5 {
		t.Errorf("%d pixels, %d × %d × %d, %+v", n, c.T, c.H, c.W, c.Spacing)
	}
	// The same again is the same bytes.
	again, err := Write(t.Context(), records(t), head, []string{"coco", "csv", "nifti"}, out+"2")
	if err != nil || !slices.Equal(again.Files, m.Files) {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestCOCO(t *testing.T) {
	var b bytes.Buffer
	if err := coco(&b, records(t)); err != nil {
		t.Fatal(err)
	}
	var f struct {
		Images     []struct{ ID, Width, Height, Frame int }
		Categories []struct {
			ID   int
			Name string
		}
		Annotations []struct {
			ID           int
			Image        int `json:"image_id"`
			Category     int `json:"category_id"`
			Segmentation json.RawMessage
			Area         float64
			Box          [4]float64 `json:"bbox"`
			Crowd        int        `json:"iscrowd"`
			Keypoints    []float64
			Attributes   map[string]any
		}
		Labels []struct{ Item string }
	}
	if err := json.Unmarshal(b.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Categories) != 3 || len(f.Annotations) != 4 || len(f.Images) != 2 || len(f.Labels) != 14 {
		t.Fatalf("%d categories, %d annotations, %d images, %d labels", len(f.Categories), len(f.Annotations), len(f.Images), len(f.Labels))
	}
	m := f.Annotations[0]
	var rle struct {
		Counts []int
		Size   [2]int
	}
	if err := json.Unmarshal(m.Segmentation, &rle); err != nil {
		t.Fatal(err)
	}
	// Down columns of 6: column 0 out, then in each of columns 1 to 4 one out, three in, two out.
	if !slices.Equal(rle.Counts, []int{7, 3, 3, 3, 3, 3, 3, 3, 20}) || rle.Size != [2]int{6, 8} || m.Area != 12 || m.Box != [4]float64{1, 1, 4, 3} || m.Crowd != 1 {
		t.Errorf("%+v %+v", m, rle)
	}
	line, poly := f.Annotations[1], f.Annotations[2]
	if !slices.Equal(line.Keypoints, []float64{1, 1, 2, 4, 5, 2}) || line.Area != 0 || line.Attributes["unit"] != "mm" || line.Attributes["reader"] != "R-1" {
		t.Errorf("%+v", line)
	}
	if poly.Area != 6 || string(poly.Segmentation) == "[]" || poly.Box != [4]float64{1, 1, 4, 3} || poly.Image == line.Image {
		t.Errorf("%+v", poly)
	}
}

// TestTruth: the adjudicated result, what people agree on, means with the readers' spread; a cohort reads it; every byte is signed for.
func TestTruth(t *testing.T) {
	out := filepath.Join(t.TempDir(), "truth")
	key := signing.NewKey()
	truth, m, err := WriteTruth(t.Context(), records(t), head, key, 1, out)
	if err != nil {
		t.Fatal(err)
	}
	if truth.Version != 1 || truth.PublicKey != key.Public().String() || len(m.Notes) != 1 {
		t.Errorf("%+v %+v", truth, m)
	}
	rows := load(t, filepath.Join(out, TruthCases))
	for _, c := range []struct {
		row          int
		column, want string
	}{
		{1, "severity", "severe"}, {1, "severity_source", "agreed"}, {1, "severity_readers", "2"}, {1, "severity_p_severe", "1"}, // the model does not count
		{2, "severity", "none"}, {2, "severity_source", "adjudicated"}, {2, "severity_p_severe", "0.5"},
		{1, "lvef", "52"}, {1, "lvef_source", "mean"}, {1, "lvef_sd", "2.8284271247461903"},
		{2, "lvef", ""}, {2, "lvef_source", "undecided"}, {3, "severity", ""}, {3, "severity_source", ""}, {1, "file", "ca1.dcm"}, {1, "patient", "pca"},
	} {
		if got := cellOf(t, rows, c.row, c.column); got != c.want {
			t.Errorf("row %d, %s: %q, want %q", c.row, c.column, got, c.want)
		}
	}
	images := load(t, filepath.Join(out, TruthImages))
	if len(images) != 7 || cellOf(t, images, 1, "view") != "A4C" || cellOf(t, images, 2, "view") != "A2C" || cellOf(t, images, 1, "view_source") != "one reading" {
		t.Errorf("%v", images)
	}
	name := cellOf(t, images, 1, "lv_mask")
	c, err := clip.Open(filepath.Join(out, name))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range c.Data {
		n += int(v)
	}
	if n != 9 || c.Spacing.Row != .25 { // what both have
		t.Errorf("%d pixels, %+v", n, c.Spacing)
	}
	// As a cohort reads it.
	for _, f := range []string{"ca1.dcm", "cb1.dcm", "cc1.dcm"} {
		if err := os.WriteFile(filepath.Join(out, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	co, err := cohort.Load(t.Context(), cohort.Spec{Root: out, Table: TruthCases, File: "{file}", Patient: "patient", Targets: []cohort.TargetSpec{
		{Name: "severity", Kind: cohort.Class, Classes: []string{"none", "severe"}}, {Name: "soft", Column: "severity_p_severe", Kind: cohort.Regression}, {Name: "lvef", Kind: cohort.Regression, Unit: "%"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(co.Rows) < 2 || co.Rows[0].Truth["severity"][0] != 1 || co.Rows[1].Truth["soft"][0] != .5 || co.Rows[0].Truth["lvef"][0] != 52 {
		t.Errorf("%+v", co.Rows)
	}
	for _, f := range []string{"ca1.dcm", "cb1.dcm", "cc1.dcm"} {
		os.Remove(filepath.Join(out, f))
	}

	public := key.Public()
	if _, err := CheckTruth(out, &public); err != nil {
		t.Error(err)
	}
	other := signing.NewKey().Public()
	if _, err := CheckTruth(out, &other); fault.CodeOf(err) != fault.Input {
		t.Errorf("another key: %v", err)
	}
	for _, f := range append(m.Files, File{Path: ManifestFile}, File{Path: SignatureFile}) {
		path := filepath.Join(out, f.Path)
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(was)
		at := bytes.IndexAny(changed, "0123456789abcdef")
		changed[at] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := CheckTruth(out, nil); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s changed: %v", f.Path, err)
		}
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := CheckTruth(t.TempDir(), nil); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	r, dir := records(t), t.TempDir()
	for _, f := range []string{"gsps"} {
		if _, err := Write(t.Context(), r, head, []string{f}, dir); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "not written yet") {
			t.Errorf("%s: %v", f, err)
		}
	}
	for _, f := range [][]string{nil, {"xml"}} {
		if _, err := Write(t.Context(), r, head, f, dir); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%v: %v", f, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), r, head, []string{"csv"}, dir); fault.CodeOf(err) != fault.Conflict {
		t.Error(err)
	}
	if _, _, err := WriteTruth(t.Context(), r, head, signing.NewKey(), 1, dir); fault.CodeOf(err) != fault.Conflict {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "o")
	if _, err := Write(gone, r, head, []string{"nifti"}, out); err == nil {
		t.Error("cancelled, and no error")
	}
	if _, err := os.Stat(filepath.Join(out, ManifestFile)); err == nil {
		t.Error("a folder that is not whole has a manifest")
	}
	if _, err := Write(t.Context(), &annotate.Records{}, head, []string{"csv"}, out); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	if _, _, err := WriteTruth(t.Context(), &annotate.Records{}, head, signing.NewKey(), 1, out); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}
