package annotate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// prefilling is a second revision of the rules in which severity and the mask begin as the model gave them, and aided readers are asked who they
// think it was.
func prefilling(design string) string {
	text := strings.Replace(fmt.Sprintf(rules, design), "revision: 1", "revision: 2", 1)
	text = strings.Replace(text, "{name: severity,", "{name: severity, prefill: true,", 1)
	text = strings.Replace(text, "{name: lv, kind: mask}", "{name: lv, kind: mask, prefill: true}", 1)
	return text + "  - {name: whose, kind: origin, required: true}\n"
}

// modelReads gives the model's locked reading of every case: severe, a mask and a note.
func (s *study) modelReads() {
	s.t.Helper()
	for _, task := range s.tasks("net") {
		if task.State == "locked" {
			continue
		}
		id := s.do("net", ReadingOpened, task.Assignment, 0, nil).Object
		s.do("net", AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "severity", "choice": []string{"severe"}, "confidence": 70}})
		s.do("net", AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "lv", "image": 1, "frame": 1, "mask": m{"rows": 64, "columns": 80, "runs": []int{1000, 20, 4100}}}})
		s.do("net", AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "note", "text": "token-net-" + s.caseOf(id)}})
		s.do("net", ReadingLocked, id, 0, nil)
	}
}

func (s *study) caseOf(reading string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.readings[reading].Case
}

// TestPrefill: before the unaided lock nothing of the model is anywhere; the aided reading begins with copies of what the protocol names and of
// nothing else; what becomes of them is known afterwards, and again after the log is replayed.
func TestPrefill(t *testing.T) {
	s := newStudy(t, "sequential, ai: net", 2)
	s.do("cora", ProtocolSet, "", 0, m{"yaml": prefilling("sequential, ai: net")})
	s.modelReads()
	list := s.tasks("ann")
	first, second := list[0], list[1]
	if !slices.Equal(first.Items, []string{"severity", "septum", "lvef", "lv", "note"}) || second.Items != nil {
		t.Errorf("unaided asks %v, aided %v", first.Items, second.Items)
	}
	u := s.do("ann", ReadingOpened, first.Assignment, 0, nil).Object
	if v, err := s.Reading("ann", u); err != nil || len(v.Answers) != 0 || len(v.Beside) != 0 {
		t.Fatalf("an unaided reading begins with %+v, %v", v, err)
	}
	s.refused(fault.Input, "ann", AnswerPut, "", 0, m{"reading": u, "answer": m{"item": "whose", "choice": []string{"ai"}}})
	s.refused(fault.Conflict, "ann", ReadingOpened, second.Assignment, 0, nil) // not before the lock
	s.do("ann", AnswerPut, "", 0, m{"reading": u, "answer": m{"item": "severity", "choice": []string{"mild"}, "derived_from": "0123456789abcdef0123456789abcdef"}})
	if v, _ := s.Reading("ann", u); v.Answers[0].DerivedFrom != "" {
		t.Error("a browser said where an answer comes from, and was believed")
	}
	if strings.Contains(everything(t, s, "ann"), "token-net") {
		t.Error("the model's answer got out before the unaided lock")
	}
	s.do("ann", ReadingLocked, u, 0, nil)
	if strings.Contains(everything(t, s, "ann"), "token-net") {
		t.Error("the model's answer got out before the aided reading was opened")
	}

	a := s.do("ann", ReadingOpened, second.Assignment, 0, nil).Object
	v, err := s.Reading("ann", a)
	if err != nil || len(v.Answers) != 2 || v.Answers[0].Item != "severity" || v.Answers[1].Item != "lv" || v.Answers[1].Value == nil || len(v.Beside) != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	model := map[string]string{}
	for _, x := range v.Beside[0].Answers {
		model[x.Item] = x.ID
	}
	for _, x := range v.Answers {
		if x.DerivedFrom != model[x.Item] || x.ID == x.DerivedFrom || x.Version != 1 {
			t.Errorf("%+v comes from %s", x, model[x.Item])
		}
	}
	// One is changed, the other taken away; what was there before is refused in a second copy, and an older version too.
	s.refused(fault.Conflict, "ann", AnswerPut, "", 0, m{"reading": a, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.refused(fault.Conflict, "ann", AnswerPut, v.Answers[0].ID, 0, m{"reading": a, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.do("ann", AnswerPut, v.Answers[0].ID, 1, m{"reading": a, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.do("ann", AnswerRemoved, v.Answers[1].ID, 1, m{"reading": a})
	s.refused(fault.Input, "ann", ReadingLocked, a, 0, nil) // whose it was is required here
	s.refused(fault.Input, "ann", AnswerPut, "", 0, m{"reading": a, "answer": m{"item": "whose", "choice": []string{"a"}}})
	s.do("ann", AnswerPut, "", 0, m{"reading": a, "answer": m{"item": "whose", "choice": []string{"unknown"}}})
	s.do("ann", ReadingLocked, a, 0, nil)
	check := func(p *Project) {
		t.Helper()
		for _, x := range p.Records().Readings {
			if x.ID != a {
				continue
			}
			if len(x.Prefilled) != 2 || x.Prefilled[0].Choice[0] != "severe" || x.Prefilled[1].Mask.Area() != 20 || len(x.Shown) != 1 || len(x.Answers) != 2 ||
				x.Answers[0].Choice[0] != "mild" || x.Answers[0].DerivedFrom != model["severity"] || x.Answers[0].Version != 2 {
				t.Errorf("%+v", x)
			}
			return
		}
		t.Error("the reading is gone")
	}
	check(s.Project)
	before := dump(t, s.Project)
	s.Close()
	p, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.now = s.now
	check(p)
	if dump(t, p) != before {
		t.Error("replayed it is another project")
	}
}

// TestAssisted: to label data each case is given to one reader who begins with the model's answers, once it has read; nobody reads unaided.
func TestAssisted(t *testing.T) {
	s := newStudy(t, "assisted, ai: net", 6)
	s.do("cora", ProtocolSet, "", 0, m{"yaml": prefilling("assisted, ai: net")})
	n := 0
	for _, who := range []string{"ann", "bob", "carl"} {
		for _, task := range s.tasks(who) {
			n++
			if task.Arm != protocol.Aided || task.State != "waiting" {
				t.Errorf("%+v", task)
			}
		}
	}
	if n != 6 {
		t.Errorf("%d readings of 6 cases", n)
	}
	s.refused(fault.Conflict, "ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil)
	s.modelReads()
	a := s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil).Object
	if v, err := s.Reading("ann", a); err != nil || len(v.Answers) != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := s.Reading("bob", a); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// TestOrder: a coordinator moves what nobody has opened, where the protocol allows it; readers learn the order and not why.
func TestOrder(t *testing.T) {
	places := func(list []Unopened, by func(i int) float64) (out []Turn) {
		for i, u := range list {
			out = append(out, Turn{Assignment: u.Assignment, Priority: by(i), Random: i%5 == 0})
		}
		return out
	}
	order := func(p []Turn) m { return m{"by": "entropy", "random_share": .2, "seed": 1, "places": p} }
	// A study by chance keeps its order, and one that compares readers cannot have another.
	s := newStudy(t, "independent", 4)
	list, err := s.Unopened("cora")
	if err != nil || len(list) != 8 {
		t.Fatal(len(list), err)
	}
	s.refused(fault.Conflict, "cora", Ordered, "", 0, order(places(list, func(i int) float64 { return 1 })))
	if _, err := s.Unopened("ann"); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}

	s = newStudy(t, "independent, order: priority", 6)
	before := s.tasks("ann")
	list, _ = s.Unopened("cora")
	rank := map[string]float64{}
	for i, u := range list {
		rank[u.Assignment] = float64(i%4) + .25
		if len(u.Files) != 1 || !strings.HasPrefix(u.Reader, "R-") {
			t.Errorf("%+v", u)
		}
	}
	data := order(places(list, func(i int) float64 { return float64(i%4) + .25 }))
	s.refused(fault.Usage, "ann", Ordered, "", 0, data)
	_, from, _ := s.Events(t.Context(), "ann", 0, false)
	s.do("cora", Ordered, "", 0, data)
	after := s.tasks("ann")
	for i, task := range after {
		if task.Order != i+1 || i > 0 && rank[task.Assignment] > rank[after[i-1].Assignment] {
			t.Errorf("%+v after %+v", task, before)
		}
		if i > 0 && rank[task.Assignment] == rank[after[i-1].Assignment] { // chance's order among equals
			at := func(id string) int { return slices.IndexFunc(before, func(t Task) bool { return t.Assignment == id }) }
			if at(task.Assignment) < at(after[i-1].Assignment) {
				t.Error("equals have changed places")
			}
		}
	}
	if b, _ := json.Marshal(after); strings.Contains(string(b), "priority") || strings.Contains(string(b), ".25") {
		t.Errorf("a reader is told how unsure the model was: %s", b)
	}
	events, _, _ := s.Events(t.Context(), "ann", from, false)
	if len(events) != 1 || events[0].Kind != Ordered || events[0].Data != nil || events[0].Actor != "" {
		t.Errorf("%+v", events)
	}

	// What is open keeps its place, and an order that was made before is refused whole.
	s.do("ann", ReadingOpened, after[0].Assignment, 0, nil)
	s.refused(fault.Conflict, "cora", Ordered, "", 0, data)
	for _, bad := range []m{order(nil), {"by": "", "places": places(list[1:], func(int) float64 { return 1 })}, order([]Turn{{Assignment: "nothing"}}),
		{"by": "x", "random_share": 2, "places": places(list[5:], func(int) float64 { return 1 })},
		order(append(places(list[5:6], func(int) float64 { return 1 }), places(list[5:6], func(int) float64 { return 2 })...))} {
		if _, err := s.try("cora", Ordered, "", 0, bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	want := dump(t, s.Project)
	s.Close()
	p, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.now = s.now
	if dump(t, p) != want {
		t.Error("replayed it is another project")
	}
}

// TestOrderIsAnOrder: whatever numbers a coordinator sets, in any sequence of ops, a reader has each of their tasks once, and in an order that
// the last numbers make.
func TestOrderIsAnOrder(t *testing.T) {
	rng := stats.Seed(4).Stream("order")
	s := newStudy(t, "independent, order: priority", 6)
	for range 25 {
		list, err := s.Unopened("cora")
		if err != nil {
			t.Fatal(err)
		}
		var p []Turn
		for _, u := range list {
			if rng.IntN(3) > 0 {
				p = append(p, Turn{Assignment: u.Assignment, Priority: math.Round(rng.NormFloat64()*4) / 2})
			}
		}
		if len(p) > 0 {
			s.do("cora", Ordered, "", 0, m{"by": "entropy", "places": p})
		}
		who := []string{"ann", "bob", "carl"}[rng.IntN(3)]
		tasks := s.tasks(who)
		if k := rng.IntN(len(tasks)); rng.IntN(4) == 0 && tasks[k].State == "ready" {
			s.do(who, ReadingOpened, tasks[k].Assignment, 0, nil)
		}
		seen := map[string]bool{}
		s.mu.RLock()
		last := math.Inf(1)
		for _, task := range tasks {
			now := s.state.assignments[task.Assignment].Priority
			if seen[task.Assignment] || now > last {
				t.Errorf("%s: %v after %v", who, now, last)
			}
			seen[task.Assignment], last = true, now
		}
		s.mu.RUnlock()
		if len(tasks) != 4 {
			t.Fatalf("%d tasks", len(tasks))
		}
	}
}
