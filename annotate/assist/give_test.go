package assist

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

type m = map[string]any

func op(t *testing.T, p *annotate.Project, who string, kind annotate.Kind, object string, data any) {
	t.Helper()
	o := annotate.Op{Kind: kind, Object: object}
	if data != nil {
		o.Data, _ = json.Marshal(data)
	}
	if _, err := p.Do(t.Context(), who, o); err != nil {
		t.Fatalf("%s %s: %v", who, kind, err)
	}
}

// project is a study of three cases with two pictures each, in its reading phase, that net has to read.
func project(t *testing.T) *annotate.Project {
	t.Helper()
	dir := t.TempDir()
	p, err := annotate.Create(t.Context(), dir, "study", 3, "eve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	op(t, p, "eve", annotate.MemberAdded, "", m{"name": "ann", "roles": []policy.Role{policy.Reader}})
	op(t, p, "eve", annotate.MemberAdded, "", m{"name": "net", "roles": []policy.Role{policy.Service}, "model": "net 1"})
	op(t, p, "eve", annotate.ProtocolSet, "", m{"yaml": `version: 1
revision: 1
design: {kind: assisted, ai: net}
items:
  - {name: grade, kind: ordinal, options: [{name: none}, {name: severe}], required: true, prefill: true}
  - {name: ef, kind: number, unit: "%", min: 0, max: 100}
  - {name: lv, kind: mask}
`})
	for i := range 3 {
		var files []string
		for k := range 2 {
			ds := dicom.NewDataSet()
			ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.3.1")
			ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("2.25.9%d%d", i, k))
			ds.SetInts(tag.Rows, 4)
			ds.SetInts(tag.Columns, 5)
			ds.SetInts(tag.NumberOfFrames, 2)
			ds.SetBytes(tag.PixelData, vr.OB, []byte(strings.Repeat(string(rune('a'+2*i+k)), 40)))
			name := fmt.Sprintf("p%d_%d.dcm", i, k)
			if err := dicom.WriteFile(filepath.Join(dir, name), ds, dicom.WriteOptions{TransferSyntaxUID: string(uid.ExplicitVRLittleEndian)}); err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
		op(t, p, "eve", annotate.CaseAdded, "", m{"patient": fmt.Sprint(i), "files": files})
	}
	op(t, p, "eve", annotate.Assigned, "", nil)
	op(t, p, "eve", annotate.PhaseSet, "", m{"phase": annotate.InReading})
	return p
}

func grade(file, option string) Given {
	return Given{file, annotate.Answer{Item: "grade", Choice: []string{option}}}
}

func fraction(file string, v float64) Given {
	return Given{file, annotate.Answer{Item: "ef", Number: &v}}
}

func work(t *testing.T, p *annotate.Project) (Work, int) {
	t.Helper()
	w, locked, err := WorkOf(p, "net")
	if err != nil {
		t.Fatal(err)
	}
	return w, locked
}

// TestGive: what the networks say becomes the member's readings. A second time changes what is there; a reading that lacks something, or whose
// answer is refused, stays open; what is locked is past.
func TestGive(t *testing.T) {
	p := project(t)
	w, locked := work(t, p)
	if len(w.Tasks) != 3 || locked != 0 || len(w.Files[0]) != 2 {
		t.Fatalf("%+v, %d", w, locked)
	}
	mask := annotate.EncodeMask([]bool{19: true}, 4, 5)
	s, err := w.Give(t.Context(), p, "net", []Given{grade("p0_0.dcm", "severe"), fraction("p0_1.dcm", 40), {"p0_1.dcm", annotate.Answer{Item: "lv", Image: 2, Frame: 1, Mask: mask}}}, false)
	if err != nil || s.Answers != 3 || s.Readings != 1 || s.Locked != 0 || s.Unread != 2 || len(s.Refused) != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	w, _ = work(t, p)
	s, err = w.Give(t.Context(), p, "net", []Given{
		grade("p0_0.dcm", "none"), // changed
		fraction("p1_0.dcm", 60),  // of a reading that lacks its grade
		grade("p2_0.dcm", "none"), fraction("p2_0.dcm", 140),
	}, true)
	if err != nil || s.Answers != 3 || s.Locked != 1 || len(s.Refused) != 2 || s.Unread != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, want := range []string{"still to be answered: grade", "outside of what the protocol allows"} {
		if !strings.Contains(strings.Join(s.Refused, "; "), want) {
			t.Errorf("%q does not say %q", s.Refused, want)
		}
	}
	w, locked = work(t, p)
	if len(w.Tasks) != 2 || locked != 1 {
		t.Errorf("%d to read, %d locked", len(w.Tasks), locked)
	}
	r := p.Records().Readings
	if len(r) != 1 || len(r[0].Answers) != 3 || r[0].Answers[0].Choice[0] != "none" || r[0].Answers[0].Version != 2 || r[0].Answers[2].Mask.Area() != 1 || !r[0].AI {
		t.Errorf("%+v", r)
	}
	// The reader of that case begins with the copy; the others wait.
	ready := 0
	list, err := p.Worklist("ann")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range list {
		if task.State == "ready" {
			ready++
			op(t, p, "ann", annotate.ReadingOpened, task.Assignment, nil)
		}
	}
	if ready != 1 {
		t.Errorf("%d cases can be read", ready)
	}
	// A picture that is not the member's, and a member who is none.
	if _, err := w.Give(t.Context(), p, "net", []Given{grade("p0_0.dcm", "none")}, true); fault.CodeOf(err) != fault.Input {
		t.Errorf("a locked case's picture: %v", err)
	}
	if _, _, err := WorkOf(p, "nobody"); err == nil {
		t.Error("nobody has work")
	}
	if _, err := w.Give(t.Context(), p, "ann", []Given{grade("p1_0.dcm", "none")}, true); err == nil {
		t.Error("somebody gave answers in another's name")
	}
}

// TestGiveIsAnybodys: a model that reads when reading is over is refused as anybody is.
func TestGiveIsAnybodys(t *testing.T) {
	p := project(t)
	w, _ := work(t, p)
	op(t, p, "eve", annotate.PhaseSet, "", m{"phase": annotate.Adjudicating})
	if _, err := w.Give(t.Context(), p, "net", []Given{grade("p0_0.dcm", "none")}, true); err == nil {
		t.Error("a model read when reading was over")
	}
	if now, _, err := WorkOf(p, "net"); err != nil || len(now.Tasks) != 0 {
		t.Errorf("%+v, %v", now, err)
	}
	if n := len(p.Records().Readings); n != 0 {
		t.Errorf("%d readings", n)
	}
}
