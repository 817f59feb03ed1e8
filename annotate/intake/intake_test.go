package intake

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

const rules = `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: severity, kind: ordinal, options: [{name: none}, {name: severe}], required: true, confidence: true}
  - {name: size, kind: number, unit: mm}
  - {name: septum, kind: measurement, shape: length}
  - {name: note, kind: text, scope: image}
`

const table = "\ufefffile,item,choice,value,points,image,frame,confidence,text\n" +
	"loop.dcm,severity,severe,,,,,90,\n" +
	"loop.dcm,size,,12.5,,,,,\n" +
	"loop.dcm,septum,,,\"[[1,1],[4,5]]\",1,2,,\n" +
	"still.dcm,severity,none,,,,,,\n" +
	"still.dcm,note,,,,1,,,looks fine\n"

func csvOf(text string) func(*Reader) error {
	return func(r *Reader) error { return r.CSV("t.csv", strings.NewReader(text)) }
}

func TestCSV(t *testing.T) {
	p := study(t, rules)
	s := bring(t, p, "ann", Settings{}, Options{DryRun: true, Lock: true}, csvOf(table))
	expect(t, s, "5 items, 5 new, 0 changed, 0 same, 0 before, 2 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	if n := len(answersOf(t, p, "ann")); n != 0 || !s.DryRun {
		t.Fatalf("a dry run wrote %d answers", n)
	}
	expect(t, bring(t, p, "ann", Settings{}, Options{}, csvOf(table)), "5 items, 5 new, 0 changed, 0 same, 0 before, 2 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	// Again; then one of them changed, and locked; then once more.
	expect(t, bring(t, p, "ann", Settings{}, Options{}, csvOf(table)), "5 items, 0 new, 0 changed, 5 same, 0 before, 2 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	before := p.Head().Seq
	bring(t, p, "ann", Settings{}, Options{}, csvOf(table))
	if p.Head().Seq != before {
		t.Error("the same again wrote to the log")
	}
	changed := strings.Replace(table, "12.5", "13", 1)
	expect(t, bring(t, p, "ann", Settings{}, Options{Lock: true}, csvOf(changed)), "5 items, 0 new, 1 changed, 4 same, 0 before, 2 readings, 2 locked, 0 passed, 0 refused, 0 warnings")
	expect(t, bring(t, p, "ann", Settings{}, Options{Lock: true}, csvOf(table)), "5 items, 0 new, 0 changed, 0 same, 5 before, 0 readings, 0 locked, 0 passed, 0 refused, 0 warnings")
	got := answersOf(t, p, "ann")
	if a := got["loop.dcm size 0 0 0"]; *a.Value != 13 || a.Unit != "mm" {
		t.Errorf("%+v", a)
	}
	if a := got["loop.dcm septum 1 0 0"]; *a.Value != 2.1360009363293826 || a.Unit != "mm" || a.Shapes[0].Frame != 2 { // 3 columns of 0.25, 4 rows of 0.5: √(0.5625 + 4)
		t.Errorf("%v %+v", *a.Value, a)
	}
	if n := len(p.Records().Readings); n != 2 {
		t.Errorf("%d readings", n)
	}
}

// TestQuarantine: a bad row costs itself and the lock of its reading; others are taken and locked.
func TestQuarantine(t *testing.T) {
	p := study(t, rules)
	bad := table + "loop.dcm,age,x,,,,,,\nloop.dcm,septum,,,\"[[0,0],[400,0]]\",1,3,,\nnowhere.dcm,severity,none,,,,,,\nloop.dcm,size,,7,,,,,\n"
	s := bring(t, p, "ann", Settings{}, Options{Lock: true}, csvOf(bad))
	expect(t, s, "9 items, 5 new, 0 changed, 0 same, 0 before, 2 readings, 1 locked, 0 passed, 4 refused, 0 warnings")
	reasoned(t, s, "t.csv, row 7", "no item of that name")
	reasoned(t, s, "t.csv, row 8", "a point lies outside of the picture")
	reasoned(t, s, "t.csv, row 9", "no case that ann may read")
	reasoned(t, s, "t.csv, row 10", "answered above")
	if err := s.Err(); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "and 3 more") {
		t.Error(err)
	}
	// A row that is no row: nobody knows of which case.
	s = bring(t, p, "bob", Settings{}, Options{Lock: true}, csvOf(table+"loop.dcm,size\n"))
	expect(t, s, "6 items, 5 new, 0 changed, 0 same, 0 before, 2 readings, 0 locked, 0 passed, 1 refused, 0 warnings")
	// What is required is missing.
	s = bring(t, p, "net", Settings{}, Options{Lock: true}, csvOf("file,item,value\nloop.dcm,size,3\n"))
	expect(t, s, "1 items, 1 new, 0 changed, 0 same, 0 before, 1 readings, 0 locked, 0 passed, 1 refused, 0 warnings")
	reasoned(t, s, "reading 1", "still to be answered: severity")
}

func TestRowsThatDoNotFit(t *testing.T) {
	p := study(t, rules)
	for text, want := range map[string]string{
		"":                           "header",
		"file,choice\n":              "no column item",
		"file,item,score\n":          "column 3",
		"file,item\n\"loop.dcm,age":  "", // a quote without an end is one bad row
		"file,item\nloop.dcm,note\n": "",
	} {
		r, err := NewReader(p, "ann", Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.CSV("t", strings.NewReader(text)); (err == nil) != (want == "") || err != nil && (fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"file,item,choice\nloop.dcm,severity,fatal\n":    "severity",
		"file,item,value\nloop.dcm,size,big\n":           "column value",
		"file,item,image\nloop.dcm,note,one\n":           "column image",
		"file,item,confidence\nloop.dcm,severity,high\n": "column confidence",
		"file,item,points\nloop.dcm,septum,\"[[1]]\"\n":  "column points",
		"file,item,points\nloop.dcm,size,\"[[1,2]]\"\n":  "points are of measurements",
		"file,item,value\nloop.dcm,size,NaN\n":           "no answer to a number",
		"file,item,text,image\nloop.dcm,note,x,2\n":      "asked of image",
	} {
		s := bring(t, p, "ann", Settings{}, Options{Lock: true}, csvOf(text))
		reasoned(t, s, "t.csv, row 2", want)
	}
	if n := len(answersOf(t, p, "ann")); n != 0 {
		t.Errorf("%d answers", n)
	}
	if _, err := NewReader(p, "nobody", Settings{}); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	for _, set := range []Settings{{Items: map[string]string{"x": "y"}}, {Inside: 1.5}, {Inside: -1}} {
		if _, err := NewReader(p, "ann", set); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", set, err)
		}
	}
}

// TestPaths: what a file is is seen from its contents; a folder's other files are passed over, one that was named is refused.
func TestPaths(t *testing.T) {
	p := study(t, rules)
	dir := t.TempDir()
	for name, text := range map[string]string{"a/one.csv": table, "notes.txt": "nothing of interest", "broken.json": "{", "empty": "", "sub/DICOMDIR.dcm": strings.Repeat("\x00", 128) + "DICM broken"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := bring(t, p, "ann", Settings{}, Options{}, func(r *Reader) error { return r.Path(t.Context(), dir) })
	if s.Answers != 5 || len(s.Refused) != 2 {
		t.Errorf("%+v", s)
	}
	reasoned(t, s, "broken.json", "no COCO file")
	reasoned(t, s, "sub/DICOMDIR.dcm", "can't be read as DICOM")
	for name, want := range map[string]fault.Code{"notes.txt": fault.Input, "nowhere": fault.NotFound, "sub/DICOMDIR.dcm": fault.Input, "broken.json": fault.Input} {
		r, err := NewReader(p, "ann", Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Path(t.Context(), filepath.Join(dir, name)); fault.CodeOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := NewReader(p, "ann", Settings{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Path(ctx, dir); err == nil {
		t.Error("cancelled, and it went on")
	}
}

// TestPictures: by UID, digest, file, base, stem; by a table; not by what several have.
func TestPictures(t *testing.T) {
	p := study(t, rules)
	ix, err := PicturesOf(p, "ann", Which{})
	if err != nil {
		t.Fatal(err)
	}
	digest := p.Records().Cases[0].Images[0].Digest
	for _, k := range []Key{{SOP: "2.25.50"}, {Name: "loop.dcm"}, {Name: "elsewhere/loop.png"}, {Name: `c:\pictures\loop.avi`}, {Name: digest}, {Name: digest + ".png"}, {Name: "2.25.50"}, {Name: "2.25.50.jpg"}} {
		at, err := ix.find(k)
		if err != nil || at.picture.File != "loop.dcm" || at.image != 1 {
			t.Errorf("%+v: %+v, %v", k, at, err)
		}
	}
	for _, k := range []Key{{}, {SOP: "2.25.99"}, {Name: "other"}, {ID: "7"}} {
		if _, err := ix.find(k); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%+v: %v", k, err)
		}
	}
	if _, err := ix.find(Key{SOP: "2.25.50", Frame: 6}); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	if err := ix.Table(strings.NewReader("\ufeffname,sop,file,frame\nA_0001,2.25.50,,4\n7,,still.dcm,\n")); err != nil {
		t.Fatal(err)
	}
	if at, err := ix.find(Key{Name: "A_0001"}); err != nil || at.frame != 4 || at.picture.File != "loop.dcm" {
		t.Errorf("%+v, %v", at, err)
	}
	if at, err := ix.find(Key{Name: "x.png", ID: "7"}); err != nil || at.picture.File != "still.dcm" {
		t.Errorf("%+v, %v", at, err)
	}
	for text, want := range map[string]string{"": "header", "name,frame\n": "no columns", "name,file,frame\na,b,x\n": "no whole number", "name,file\na,b\na,c\n": "stands above", "name,file\na\n": "can't be read"} {
		if err := ix.Table(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	ix.by["loop.dcm"] = append(ix.by["loop.dcm"], place{image: 2})
	if _, err := ix.find(Key{Name: "loop.dcm"}); fault.CodeOf(err) != fault.Conflict {
		t.Error(err)
	}
	// Nothing is of another session or arm.
	for _, w := range []Which{{Session: 2}, {Arm: "aided"}} {
		if ix, err := PicturesOf(p, "ann", w); err != nil || len(ix.by) != 0 {
			t.Errorf("%+v: %v, %v", w, ix, err)
		}
	}
}

// TestItems: by the settings, the name, the code, the label, of those that fit.
func TestItems(t *testing.T) {
	p := study(t, `version: 1
revision: 1
design: {kind: panel}
items:
  - {name: septum, label: Interventricular septum, kind: measurement, shape: length, code: {scheme: SCT, value: "589001", meaning: Septum}}
  - {name: lv, label: Left ventricle, kind: mask}
  - {name: lv_size, label: Left ventricle, kind: measurement, shape: polygon}
`)
	r, err := NewReader(p, "ann", Settings{Items: map[string]string{"Length": "septum"}})
	if err != nil {
		t.Fatal(err)
	}
	any := func(*protocol.Item) bool { return true }
	drawn := func(it *protocol.Item) bool { return it.Kind == protocol.Measurement }
	for _, c := range []struct {
		fits  func(*protocol.Item) bool
		names []string
		want  string
	}{{any, []string{"Length"}, "septum"}, {any, []string{"", "SCT:589001"}, "septum"}, {any, []string{"LEFT VENTRICLE"}, "lv"}, {drawn, []string{"left ventricle"}, "lv_size"}, {drawn, []string{"lv"}, ""},
		{any, []string{"", "x"}, ""}, {any, []string{"left ventricle", "septum"}, "septum"}} {
		got := ""
		if it := r.item(c.fits, c.names...); it != nil {
			got = it.Name
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.names, got, c.want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	proto, err := protocol.Read("p", []byte(rules))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("file,item,choice,value\na,severity,none|severe,1e999\n")
	f.Add("file,item,points\na,septum,\"[[1,2],[3,4]]\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := readCSV(strings.NewReader(text), proto)
		for _, r := range rows {
			if err == nil && r.err == nil && proto.Item(r.answer.Item) == nil {
				t.Fatal("an item that there is not")
			}
		}
	})
}

// TestInterrupted: a cancelled import leaves what it wrote, and the same again goes on from there.
func TestInterrupted(t *testing.T) {
	p := study(t, rules)
	r, err := NewReader(p, "ann", Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.CSV("t.csv", strings.NewReader(table)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.found = slices.Insert(r.found, 2, r.found[0]) // a third one that never comes
	all := r.found
	r.found = all[:2]
	if _, err := r.Bring(ctx, Options{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	r.found = all
	if s, err := r.Bring(ctx, Options{}); err == nil || s.Answers != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	expect(t, bring(t, p, "ann", Settings{}, Options{Lock: true}, csvOf(table)), "5 items, 3 new, 0 changed, 2 same, 0 before, 2 readings, 2 locked, 0 passed, 0 refused, 0 warnings")
}
