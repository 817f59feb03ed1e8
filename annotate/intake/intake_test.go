package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
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

func newProject(t *testing.T) *annotate.Project {
	t.Helper()
	dir := t.TempDir()
	p, err := annotate.Create(t.Context(), dir, "study", 1, "eve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	var files []string
	for i := range 2 {
		ds := dicom.NewDataSet()
		ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
		ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("2.25.5%d", i))
		ds.SetInts(tag.Rows, 32)
		ds.SetInts(tag.Columns, 32)
		ds.SetFloats(tag.PixelSpacing, 2, 2)
		ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 32*32))
		files = append(files, fmt.Sprintf("c%d.dcm", i))
		if err := dicom.WriteFile(filepath.Join(dir, files[i]), ds, dicom.WriteOptions{TransferSyntaxUID: string(uid.ExplicitVRLittleEndian)}); err != nil {
			t.Fatal(err)
		}
	}
	do := func(kind annotate.Kind, data any) {
		b, _ := json.Marshal(data)
		if data == nil {
			b = nil
		}
		if _, err := p.Do(context.Background(), "eve", annotate.Op{Kind: kind, Data: b}); err != nil {
			t.Fatal(err)
		}
	}
	do(annotate.MemberAdded, map[string]any{"name": "ann", "roles": []string{"reader"}})
	do(annotate.ProtocolSet, map[string]any{"yaml": rules})
	for _, f := range files {
		do(annotate.CaseAdded, map[string]any{"patient": f, "files": []string{f}})
	}
	do(annotate.Assigned, nil)
	do(annotate.PhaseSet, map[string]any{"phase": "reading"})
	return p
}

func TestCSV(t *testing.T) {
	p := newProject(t)
	table := "\ufefffile,item,choice,value,points,image,frame,confidence,text\n" +
		"c0.dcm,severity,severe,,,,,90,\n" +
		"c0.dcm,size,,12.5,,,,,\n" +
		"c0.dcm,septum,,,\"[[1,1],[4,5]]\",1,0,,\n" +
		"c1.dcm,severity,none,,,,,,\n" +
		"c1.dcm,note,,,,1,,,looks fine\n"
	s, err := CSV(t.Context(), p, "ann", strings.NewReader(table), false)
	if err != nil || s != (Summary{Rows: 5, Readings: 2, Answers: 5}) {
		t.Fatalf("%+v, %v", s, err)
	}
	// Again, changed and locked: the same answers, one of them new.
	s, err = CSV(t.Context(), p, "ann", strings.NewReader(strings.Replace(table, "12.5", "13", 1)), true)
	if err != nil || s.Locked != 2 || s.Answers != 5 {
		t.Fatalf("%+v, %v", s, err)
	}
	s, err = CSV(t.Context(), p, "ann", strings.NewReader(table), true)
	if err != nil || s != (Summary{Rows: 5, Before: 5}) {
		t.Fatalf("%+v, %v", s, err)
	}
	values := map[string]float64{}
	for _, r := range p.Records().Readings {
		for _, a := range r.Answers {
			if a.Value != nil {
				values[a.Item+" "+a.Unit] = *a.Value
			}
		}
	}
	if len(p.Records().Readings) != 2 || values["size mm"] != 13 || values["septum mm"] != 10 { // 3 and 4 pixels of 2 mm
		t.Errorf("%v", values)
	}
}

func TestRowsThatDoNotFit(t *testing.T) {
	p := newProject(t)
	for table, want := range map[string]string{
		"":                                 "header",
		"file,choice\n":                    "no column item",
		"file,item,score\n":                "column 3",
		"file,item,choice\nc0.dcm,age,x\n": "row 2: the protocol has no item",
		"file,item,choice\nc0.dcm,severity,fatal\n":    "row 2: severity",
		"file,item,value\nc0.dcm,size,big\n":           "row 2: column value",
		"file,item,image\nc0.dcm,note,one\n":           "row 2: column image",
		"file,item,confidence\nc0.dcm,severity,high\n": "row 2: column confidence",
		"file,item,points\nc0.dcm,septum,\"[[1]]\"\n":  "row 2: column points",
		"file,item,points\nc0.dcm,size,\"[[1,2]]\"\n":  "row 2: points are of measurements",
		"file,item,choice\nc9.dcm,severity,none\n":     "row 2: its file is of no case",
		"file,item,choice\nc0.dcm,severity\n":          "row 2 can't be read",
	} {
		_, err := CSV(t.Context(), p, "ann", strings.NewReader(table), true)
		if err == nil || fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", table, err)
		}
	}
	if n := len(p.Records().Readings); n != 0 {
		t.Errorf("%d readings were locked", n)
	}
	if _, err := CSV(t.Context(), p, "nobody", strings.NewReader("file,item\n"), true); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	proto, err := protocol.Read("p", []byte(rules))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("file,item,choice,value\na,severity,none|severe,1e999\n")
	f.Add("file,item,points\na,septum,\"[[1,2],[3,4]]\"\n")
	f.Fuzz(func(t *testing.T, table string) {
		rows, err := read(strings.NewReader(table), proto)
		for _, r := range rows {
			if err == nil && proto.Item(r.answer.Item) == nil {
				t.Fatal("an item that there is not")
			}
		}
	})
}
