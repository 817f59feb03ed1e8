package annotate

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// kinds are those of a member's stream, in order, and all that is in it.
func (s *study) kinds(who string) (string, string) {
	s.t.Helper()
	events, _, err := s.Events(context.Background(), who, 0, false)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, string(e.Kind))
	}
	b, _ := json.Marshal(events)
	return strings.Join(out, " "), string(b)
}

// TestStreams is what each of a study's members is told, from its beginning to its end.
func TestStreams(t *testing.T) {
	s := newStudy(t, "panel", 1)
	task := s.tasks("ann")[0]
	r := s.do("ann", ReadingOpened, task.Assignment, 0, nil).Object
	e := s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.do("ann", Commented, "", 0, m{"reading": r, "text": "hm"})
	s.do("ann", ReadingLocked, r, 0, nil)
	s.do("cora", PhaseSet, "", 0, m{"phase": Adjudicating})
	s.do("eve", Unblinded, "", 0, m{"member": "cora", "reason": "over"})
	for _, c := range []struct{ who, kinds, has, hasNot string }{
		{"ann", "protocol.publish assign phase.set reading.open answer.put comment reading.lock phase.set", e.Object, `"case"`},
		{"bob", "protocol.publish assign phase.set phase.set", task.Assignment[:0] + "severity", r},
		{"net", "protocol.publish assign phase.set phase.set", "phase", r},
		{"otto", "protocol.publish phase.set reading.open reading.lock phase.set", `{"reader":"R-`, r},
		{"cora", "protocol.publish case.add phase.set reading.open reading.lock phase.set", `{"reader":"R-`, "mild\"]"},
		{"dora", "protocol.publish phase.set phase.set", "severity", r},
	} {
		kinds, all := s.kinds(c.who)
		if kinds != c.kinds {
			t.Errorf("%s is told of %s", c.who, kinds)
		}
		if !strings.Contains(all, c.has) || strings.Contains(all, c.hasNot) {
			t.Errorf("%s: %s", c.who, all)
		}
	}
	// An administrator hears of members and of unblinding; nobody else does.
	kinds, all := s.kinds("eve")
	if strings.Count(kinds, "member.add") != 8 || !strings.Contains(kinds, "unblind") || strings.Contains(all, `mild"]`) {
		t.Errorf("eve is told of %s", kinds)
	}
	// In parts it is the same stream.
	whole, n, _ := s.Events(context.Background(), "ann", 0, false)
	rest, last, _ := s.Events(context.Background(), "ann", 5, false)
	if last != n || len(rest) != n-5 || rest[0].Seq != 6 || string(rest[0].Data) != string(whole[5].Data) {
		t.Errorf("%d of %d after 5", len(rest), n)
	}
	if none, last, _ := s.Events(context.Background(), "ann", n+10, false); len(none) != 0 || last != n+10 {
		t.Errorf("after the end: %v %d", none, last)
	}
}

// TestReceipts: who does something is told what became of it and nothing more; whose answer it is gets its numbers.
func TestReceipts(t *testing.T) {
	s := newStudy(t, "panel", 2)
	e := s.do("cora", CaseAdded, "", 0, m{"patient": "p9", "files": []string{picture(t, s.Dir(), 9)}})
	if e.Object == "" || e.Data != nil {
		t.Errorf("%+v", e)
	}
	r := s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil)
	if r.Object == "" || r.Data != nil {
		t.Errorf("%+v", r)
	}
	a := s.do("ann", AnswerPut, "", 0, m{"reading": r.Object, "answer": m{"item": "septum", "image": 1, "shapes": []m{{"image": 1, "kind": "length", "points": [][2]float64{{0, 0}, {10, 0}}}}}})
	if !strings.Contains(string(a.Data), `"value":5`) || a.Version != 1 {
		t.Errorf("%s", a.Data)
	}
}
