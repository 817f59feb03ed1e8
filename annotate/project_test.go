package annotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

const rules = `version: 1
revision: 1
title: test
design: {kind: %s}
items:
  - {name: severity, kind: ordinal, options: [{name: none}, {name: mild}, {name: severe}], positive: [severe], required: true, confidence: true, cannot_assess: [poor picture]}
  - {name: septum, kind: measurement, shape: length}
  - {name: lvef, kind: ejection}
  - {name: lv, kind: mask}
  - {name: note, kind: text}
`

// picture writes an ultrasound loop of 4 frames, 0.5 mm pixels, into dir. n makes it differ from others.
func picture(t testing.TB, dir string, n int) string {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.3.1")
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("2.25.9%d", n))
	ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("2.25.8%d", n))
	ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("2.25.7%d", n))
	ds.SetString(tag.PatientName, "Secret^Person")
	ds.SetInts(tag.Rows, 64)
	ds.SetInts(tag.Columns, 80)
	ds.SetInts(tag.NumberOfFrames, 4)
	ds.SetFloats(tag.FrameTime, 40)
	pixel.SetRegions(ds, pixel.Region{MaxX: 79, MaxY: 63, SpatialFormat: 1, UnitsX: 3, UnitsY: 3, DeltaX: .05, DeltaY: .05})
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 4*64*80))
	name := fmt.Sprintf("picture%d.dcm", n)
	if err := dicom.WriteFile(filepath.Join(dir, name), ds, dicom.WriteOptions{TransferSyntaxUID: string(uid.ExplicitVRLittleEndian)}); err != nil {
		t.Fatal(err)
	}
	return name
}

type study struct {
	*Project
	t      testing.TB
	clock  time.Time
	marked [2]string // of newStudyIn: a draft and a locked reading by ann
}

// do takes an op that has to succeed.
func (s *study) do(who string, kind Kind, object string, base int, data any) Event {
	s.t.Helper()
	e, err := s.try(who, kind, object, base, data)
	if err != nil {
		s.t.Fatalf("%s %s: %v", who, kind, err)
	}
	return e
}

func (s *study) try(who string, kind Kind, object string, base int, data any) (Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		s.t.Fatal(err)
	}
	if data == nil {
		b = nil
	}
	return s.Do(context.Background(), who, Op{Kind: kind, Object: object, Base: base, Data: b})
}

// refused takes an op that has to fail with a code.
func (s *study) refused(code fault.Code, who string, kind Kind, object string, base int, data any) {
	s.t.Helper()
	if _, err := s.try(who, kind, object, base, data); err == nil || fault.CodeOf(err) != code {
		s.t.Errorf("%s %s: %v, want code %s", who, kind, err, code)
	}
}

type m = map[string]any

// newStudy is a project with readers ann, bob, carl, an adjudicator dora, an auditor, and a model, and some cases; in its reading phase.
func newStudy(t testing.TB, design string, cases int) *study {
	t.Helper()
	return newStudyIn(t, design, cases, InReading)
}

// newStudyIn is newStudy in another phase; after setup ann has a draft of her first case and has locked her second.
func newStudyIn(t testing.TB, design string, cases int, phase Phase) *study {
	t.Helper()
	dir := t.TempDir()
	p, err := Create(context.Background(), dir, "study", 7, "eve")
	if err != nil {
		t.Fatal(err)
	}
	s := &study{Project: p, t: t, clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	p.now = func() time.Time { return s.clock }
	t.Cleanup(func() { s.Close() })
	for name, roles := range map[string][]policy.Role{"ann": {policy.Reader}, "bob": {policy.Reader}, "carl": {policy.Reader}, "dora": {policy.Adjudicator}, "otto": {policy.Auditor}, "cora": {policy.Coordinator}} {
		s.do("eve", MemberAdded, "", 0, m{"name": name, "roles": roles})
	}
	s.do("eve", MemberAdded, "", 0, m{"name": "net", "roles": []policy.Role{policy.Service}, "model": "lvnet 1.2"})
	s.do("cora", ProtocolSet, "", 0, m{"yaml": fmt.Sprintf(rules, design)})
	for i := range cases {
		s.do("cora", CaseAdded, "", 0, m{"patient": fmt.Sprintf("p%d", i), "files": []string{picture(t, dir, i)}})
	}
	s.do("cora", Assigned, "", 0, nil)
	if phase == Setup {
		return s
	}
	s.do("cora", PhaseSet, "", 0, m{"phase": InReading})
	if cases < 3 || design != "panel" || phase == InReading && !strings.HasPrefix(t.Name(), "TestMatrix") {
		return s
	}
	list := s.tasks("ann")
	s.marked[0] = s.do("ann", ReadingOpened, list[0].Assignment, 0, nil).Object
	s.marked[1] = s.read("ann", list[1], "mild")
	if phase != InReading {
		s.do("cora", PhaseSet, "", 0, m{"phase": phase})
	}
	return s
}

func (s *study) tasks(who string) []Task {
	s.t.Helper()
	list, err := s.Worklist(who)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// read opens a task, answers severity with choice, and locks it.
func (s *study) read(who string, task Task, choice string) string {
	s.t.Helper()
	id := s.do(who, ReadingOpened, task.Assignment, 0, nil).Object
	s.do(who, AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "severity", "choice": []string{choice}}})
	s.do(who, ReadingLocked, id, 0, nil)
	return id
}

func TestIndependent(t *testing.T) {
	s := newStudy(t, "independent", 6)
	total := 0
	for _, who := range []string{"ann", "bob", "carl"} {
		list := s.tasks(who)
		if len(list) != 4 { // 6 cases, 2 readers each, of 3 readers
			t.Errorf("%s has %d cases", who, len(list))
		}
		total += len(list)
		for i, task := range list {
			if task.State != "ready" || task.Order != i+1 || task.Arm != "unaided" {
				t.Errorf("%+v", task)
			}
		}
	}
	if total != 12 || len(s.tasks("net")) != 6 {
		t.Errorf("%d readings, the model %d", total, len(s.tasks("net")))
	}

	task := s.tasks("ann")[0]
	s.refused(fault.NotFound, "bob", ReadingOpened, task.Assignment, 0, nil)
	r := s.do("ann", ReadingOpened, task.Assignment, 0, nil).Object
	s.refused(fault.Conflict, "ann", ReadingOpened, task.Assignment, 0, nil)
	s.refused(fault.NotFound, "bob", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "note", "text": "x"}})
	if _, err := s.Reading("bob", r); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := s.Reading("bob", "nothing"); !errors.Is(err, ErrUnknown) { // the same answer
		t.Error(err)
	}
	pics, err := s.Pictures("ann", task.Assignment)
	if err != nil || len(pics) != 1 || pics[0].Frames != 4 {
		t.Errorf("%v, %v", pics, err)
	}
	if _, err := s.Pictures("bob", task.Assignment); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}

	// 30 px right, 40 down, of 0.5 mm: 25 mm, whatever the browser claims.
	line := m{"item": "septum", "image": 1, "value": 99.0, "unit": "km", "shapes": []m{{"image": 1, "kind": "length", "frame": 2, "points": [][2]float64{{10, 10}, {40, 50}}}}}
	e := s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": line})
	var got answered
	if err := json.Unmarshal(e.Data, &got); err != nil || *got.Answer.Value != 25 || got.Answer.Unit != "mm" || got.Answer.Results[0].Source != "SequenceOfUltrasoundRegions" || e.Version != 1 {
		t.Errorf("%+v, %v", got.Answer, err)
	}
	// Versions.
	s.refused(fault.Conflict, "ann", AnswerPut, "", 0, m{"reading": r, "answer": line}) // there is one
	s.refused(fault.Conflict, "ann", AnswerPut, e.Object, 0, m{"reading": r, "answer": line})
	e2 := s.do("ann", AnswerPut, e.Object, 1, m{"reading": r, "answer": line})
	if e2.Version != 2 {
		t.Errorf("version %d", e2.Version)
	}
	s.refused(fault.Conflict, "ann", AnswerPut, e.Object, 1, m{"reading": r, "answer": line})
	s.refused(fault.Conflict, "ann", AnswerRemoved, e.Object, 1, m{"reading": r})
	s.do("ann", AnswerRemoved, e.Object, 2, m{"reading": r})
	s.refused(fault.NotFound, "ann", AnswerRemoved, e.Object, 3, m{"reading": r})
	s.do("ann", AnswerPut, e.Object, 3, m{"reading": r, "answer": line}) // back again, as by undo

	s.refused(fault.Input, "ann", ReadingLocked, r, 0, nil) // severity is required
	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "cannot_assess": "poor picture"}})
	s.clock = s.clock.Add(time.Minute)
	s.do("ann", TimeSpent, "", 0, m{"reading": r, "seconds": 50.0})
	s.refused(fault.Input, "ann", TimeSpent, "", 0, m{"reading": r, "seconds": 50.0}) // only a minute has passed
	s.do("ann", ReadingLocked, r, 0, nil)
	s.refused(fault.Conflict, "ann", AnswerPut, e.Object, 4, m{"reading": r, "answer": line})
	s.refused(fault.Conflict, "ann", ReadingLocked, r, 0, nil)
	v, err := s.Reading("ann", r)
	if err != nil || !v.Locked || v.Seconds != 50 || len(v.Answers) != 2 || v.Reader != "ann" {
		t.Errorf("%+v, %v", v, err)
	}
	if list := s.tasks("ann"); list[0].State != "locked" {
		t.Errorf("%+v", list[0])
	}
}

// TestAnswers are refused where they do not fit their item.
func TestAnswers(t *testing.T) {
	s := newStudy(t, "panel", 1)
	r := s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil).Object
	trace := func(role string, frame, depth int) m {
		var pts [][2]float64
		for i := range 21 {
			x := float64(i) - 10
			pts = append(pts, [2]float64{40 + x, 50 - float64(depth)*(1-x*x/100)})
		}
		return m{"role": role, "image": 1, "kind": "trace", "frame": frame, "points": pts}
	}
	mask := EncodeMask(measure.Shape{Kind: measure.Rectangle, Points: []measure.Point{{X: 10, Y: 10}, {X: 30, Y: 20}}}.Fill(64, 80), 64, 80)
	for name, a := range map[string]m{
		"another item":       {"item": "age", "number": 3},
		"another option":     {"item": "severity", "choice": []string{"fatal"}},
		"two options":        {"item": "severity", "choice": []string{"none", "mild"}},
		"two kinds":          {"item": "severity", "choice": []string{"none"}, "text": "x"},
		"nothing":            {"item": "severity"},
		"another reason":     {"item": "severity", "cannot_assess": "lazy"},
		"no reason allowed":  {"item": "lvef", "cannot_assess": "poor picture"},
		"confidence":         {"item": "severity", "choice": []string{"none"}, "confidence": 101},
		"confidence unasked": {"item": "note", "text": "x", "confidence": 50},
		"an image":           {"item": "severity", "image": 1, "choice": []string{"none"}},
		"no image":           {"item": "septum", "shapes": []m{{"image": 1, "kind": "length", "points": [][2]float64{{1, 1}, {2, 2}}}}},
		"another image":      {"item": "septum", "image": 2, "shapes": []m{{"image": 2, "kind": "length", "points": [][2]float64{{1, 1}, {2, 2}}}}},
		"elsewhere":          {"item": "septum", "image": 1, "shapes": []m{{"image": 2, "kind": "length", "points": [][2]float64{{1, 1}, {2, 2}}}}},
		"a late frame":       {"item": "septum", "image": 1, "shapes": []m{{"image": 1, "kind": "length", "frame": 4, "points": [][2]float64{{1, 1}, {2, 2}}}}},
		"another shape":      {"item": "septum", "image": 1, "shapes": []m{{"image": 1, "kind": "angle", "points": [][2]float64{{1, 1}, {2, 2}, {3, 1}}}}},
		"outside":            {"item": "septum", "image": 1, "shapes": []m{{"image": 1, "kind": "length", "points": [][2]float64{{1, 1}, {200, 2}}}}},
		"half an EF":         {"item": "lvef", "shapes": []m{trace("a4c_ed", 0, 30)}},
		"a role twice":       {"item": "lvef", "shapes": []m{trace("a4c_ed", 0, 30), trace("a4c_ed", 2, 20)}},
		"a short mask":       {"item": "lv", "image": 1, "mask": m{"rows": 64, "columns": 80, "runs": []int{5}}},
		"a wrong size":       {"item": "lv", "image": 1, "mask": m{"rows": 2, "columns": 2, "runs": []int{4}}},
		"negative runs":      {"item": "lv", "image": 1, "mask": m{"rows": 64, "columns": 80, "runs": []int{-1, 5121}}},
	} {
		if _, err := s.try("ann", AnswerPut, "", 0, m{"reading": r, "answer": a}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.refused(fault.Usage, "ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "note", "txt": "x"}})
	s.refused(fault.Usage, "ann", AnswerPut, "short", 0, m{"reading": r, "answer": m{"item": "note", "text": "x"}})
	s.refused(fault.Usage, "ann", AnswerPut, "", 0, nil)
	s.refused(fault.Usage, "ann", "answer.steal", "", 0, m{})
	s.refused(fault.Usage, "ann", AnswerPut, "", 4, m{"reading": r, "answer": m{"item": "note", "text": "x"}})

	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "lv", "image": 1, "frame": 2, "mask": mask}})
	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "lv", "image": 1, "frame": 0, "mask": mask}}) // another frame is another answer
	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "lvef", "shapes": []m{trace("a4c_ed", 0, 40), trace("a4c_es", 2, 30)}}})
	v, _ := s.Reading("ann", r)
	for _, a := range v.Answers {
		switch a.Item {
		case "lv": // 20 × 10 pixels of 0.25 mm²
			if *a.Value != 50 || a.Unit != "mm2" || a.Mask.Area() != 200 || !slices.Equal(a.Mask.Pixels(), mask.Pixels()) {
				t.Errorf("%+v", a)
			}
		case "lvef": // bodies of one width: volumes are as their lengths, 40 to 30
			if a.Unit != "%" || *a.Value < 24.9 || *a.Value > 25.1 {
				t.Errorf("%v %s", *a.Value, a.Unit)
			}
		}
	}
}

// TestReplay: whatever happened, the log gives the same state, the same streams, and takes a repeated op once.
func TestReplay(t *testing.T) {
	s := newStudy(t, "sequential, ai: net", 3)
	for _, task := range s.tasks("net") {
		s.read("net", task, "severe")
	}
	first := s.tasks("ann")[0]
	s.read("ann", first, "mild")
	op := Op{ID: "offline-1", Kind: ReadingOpened, Object: s.tasks("ann")[1].Assignment}
	e, err := s.Do(context.Background(), "ann", op)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Do(context.Background(), "ann", op)
	if err != nil || again.Object != e.Object || again.Seq != e.Seq {
		t.Errorf("the same op: %+v, %v", again, err)
	}
	op.Kind = Commented
	if _, err := s.Do(context.Background(), "ann", op); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("another op of the same name: %v", err)
	}
	before := dump(t, s.Project)
	dir := s.Dir()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(context.Background(), "ann", op); err == nil {
		t.Error("a closed project takes ops")
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.now = s.now
	if after := dump(t, p); after != before {
		t.Errorf("replayed it is another:\n%s\n%s", before, after)
	}
	again, err = p.Do(context.Background(), "ann", Op{ID: "offline-1", Kind: ReadingOpened, Object: e.Object})
	if err != nil || again.Object != e.Object {
		t.Errorf("the same op after a restart: %+v, %v", again, err)
	}
	ro, head, err := OpenReadOnly(dir)
	if err != nil || head != p.Head() {
		t.Fatalf("%v, %v", head, err)
	}
	ro.now = s.now
	if dump(t, ro) != before {
		t.Error("read beside, it is another")
	}
	if _, err := ro.Do(context.Background(), "ann", op); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
}

// dump is all that everybody can see, and all records.
func dump(t *testing.T, p *Project) string {
	t.Helper()
	var all []any
	for _, who := range []string{"ann", "bob", "carl", "cora", "dora", "eve", "net", "otto"} {
		events, n, err := p.Events(context.Background(), who, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		w, _ := p.Worklist(who)
		all = append(all, events, n, w)
	}
	all = append(all, p.Records())
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOneOrder: nine clients of three readers put 20 answers each at once; every stream has them all, in the order of the log, and none is lost.
func TestOneOrder(t *testing.T) {
	s := newStudy(t, "panel", 8)
	who := []string{"ann", "bob", "carl"}
	var wg sync.WaitGroup
	for _, name := range who {
		for i, task := range s.tasks(name)[:3] {
			wg.Go(func() {
				r := s.do(name, ReadingOpened, task.Assignment, 0, nil).Object
				e := s.do(name, AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "note", "text": "0"}})
				for k := 1; k < 20; k++ {
					e = s.do(name, AnswerPut, e.Object, e.Version, m{"reading": r, "answer": m{"item": "note", "text": fmt.Sprint(i, k)}})
				}
			})
		}
	}
	wg.Wait()
	for _, name := range who {
		events, n, err := s.Events(context.Background(), name, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		puts := 0
		for i, e := range events {
			if e.Seq != int64(i)+1 {
				t.Fatalf("a gap before %d", e.Seq)
			}
			if e.Kind == AnswerPut {
				puts++
				if e.Actor != name {
					t.Fatalf("%s sees what %s did", name, e.Actor)
				}
			}
		}
		if puts != 60 || n != len(events) {
			t.Errorf("%s sees %d answers", name, puts)
		}
	}
}

// TestWaiting: who waits is told at once, and stops when the context ends or the project does.
func TestWaiting(t *testing.T) {
	s := newStudy(t, "panel", 1)
	_, n, _ := s.Events(context.Background(), "ann", 0, false)
	got := make(chan int, 1)
	go func() {
		_, last, _ := s.Events(context.Background(), "ann", n, true)
		got <- last
	}()
	s.do("bob", ReadingOpened, s.tasks("bob")[0].Assignment, 0, nil) // not for ann
	s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil)
	if last := <-got; last != n+1 {
		t.Errorf("last %d after %d", last, n)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if e, last, err := s.Events(gone, "ann", n+1, true); len(e) != 0 || last != n+1 || err != nil {
		t.Errorf("%v %d %v", e, last, err)
	}
	ended := make(chan error, 1)
	go func() { _, _, err := s.Events(context.Background(), "bob", 99, true); ended <- err }()
	time.Sleep(10 * time.Millisecond)
	s.Close()
	if err := <-ended; err == nil {
		t.Error("a closed project is waited for")
	}
}

func TestSetup(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, _, err := OpenReadOnly(dir); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, err := Create(context.Background(), dir, "", 1, "eve"); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	p, err := Create(context.Background(), dir, "x", 1, "eve")
	if err != nil {
		t.Fatal(err)
	}
	s := &study{Project: p, t: t}
	defer s.Close()
	if _, err := Create(context.Background(), dir, "x", 1, "eve"); fault.CodeOf(err) != fault.Conflict {
		t.Error(err)
	}
	s.refused(fault.NotFound, "nobody", PhaseSet, "", 0, m{"phase": "closed"})
	s.refused(fault.Usage, "eve", MemberAdded, "", 0, m{"name": "a b", "roles": []string{"reader"}})
	s.refused(fault.Usage, "eve", MemberAdded, "", 0, m{"name": "ann", "roles": []string{"owner"}})
	s.refused(fault.Usage, "eve", MemberAdded, "", 0, m{"name": "ann"})
	s.refused(fault.Usage, "eve", MemberAdded, "", 0, m{"name": "net", "roles": []string{"service"}})
	s.refused(fault.Usage, "eve", MemberAdded, "", 0, m{"name": "net", "roles": []string{"service", "reader"}, "model": "x 1"})
	s.refused(fault.Conflict, "eve", MemberAdded, "", 0, m{"name": "eve", "roles": []string{"reader"}})
	s.refused(fault.Usage, "eve", ProtocolSet, "", 0, m{"yaml": "version: 1"})
	s.refused(fault.Conflict, "eve", ProtocolSet, "", 0, m{"yaml": strings.Replace(fmt.Sprintf(rules, "panel"), "revision: 1", "revision: 2", 1)})
	s.refused(fault.Conflict, "eve", Assigned, "", 0, nil)
	s.do("eve", ProtocolSet, "", 0, m{"yaml": fmt.Sprintf(rules, "sequential, ai: net")})
	s.refused(fault.Input, "eve", Assigned, "", 0, nil) // no readers, no cases
	s.do("eve", MemberAdded, "", 0, m{"name": "ann", "roles": []string{"reader"}})
	s.refused(fault.Usage, "ann", CaseAdded, "", 0, m{"patient": "p", "files": []string{"/etc/passwd"}})
	s.refused(fault.NotFound, "eve", CaseAdded, "", 0, m{"patient": "p", "files": []string{"absent.dcm"}})
	s.refused(fault.Usage, "eve", CaseAdded, "", 0, m{"patient": "p", "files": []string{}})
	if err := os.WriteFile(filepath.Join(dir, "no.dcm"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.refused(fault.Input, "eve", CaseAdded, "", 0, m{"patient": "p", "files": []string{"no.dcm"}})
	s.do("eve", CaseAdded, "", 0, m{"patient": "p", "files": []string{picture(t, dir, 1)}})
	s.refused(fault.Conflict, "eve", CaseAdded, "", 0, m{"patient": "p", "files": []string{"picture1.dcm"}})
	s.refused(fault.Input, "eve", Assigned, "", 0, nil) // the model is no member
	s.refused(fault.Conflict, "eve", PhaseSet, "", 0, m{"phase": "reading"})
	s.do("eve", MemberAdded, "", 0, m{"name": "net", "roles": []string{"service"}, "model": "x 1"})
	s.do("eve", Assigned, "", 0, nil)
	s.refused(fault.Conflict, "eve", Assigned, "", 0, nil)
	s.refused(fault.Conflict, "ann", ReadingOpened, s.tasks("ann")[1].Assignment, 0, nil) // aided before unaided
	s.refused(fault.Usage, "ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil)    // the study has not begun
	s.do("eve", PhaseSet, "", 0, m{"phase": "reading"})
	s.refused(fault.Conflict, "eve", PhaseSet, "", 0, m{"phase": "setup"})
	s.refused(fault.Usage, "eve", PhaseSet, "", 0, m{"phase": "party"})
}
