package annotate

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// sharing is a study in which ann has a draft of a case that bob has locked, and shares it with him; carl has still to read it.
func sharing(t *testing.T) (s *study, reading string) {
	t.Helper()
	s = newStudy(t, "panel", 1)
	s.read("bob", s.tasks("bob")[0], "mild")
	reading = s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil).Object
	s.do("ann", ReadingShared, "", 0, m{"reading": reading, "with": []string{"bob"}})
	return s, reading
}

func empty() *Mask { return EncodeMask(make([]bool, 64*80), 64, 80) }

// TestLeases: one member paints a place at a time; the lease ends by itself, is renewed, and is asked for by every change of a mask in a shared reading.
func TestLeases(t *testing.T) {
	s, r := sharing(t)
	at := PaintPlace{r, "lv", 1, 2}
	l, err := s.TakeLease("ann", at)
	if err != nil || l.Holder != "ann" || !l.Until.Equal(s.clock.Add(LeaseTime)) {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, err := s.TakeLease("bob", at); fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "ann paints this mask, until 03:04:20") {
		t.Errorf("%v", err)
	}
	if _, err := s.TakeLease("bob", PaintPlace{r, "lv", 1, 3}); err != nil {
		t.Errorf("another frame: %v", err)
	}
	if _, err := s.TakeLease("carl", at); !errors.Is(err, ErrUnknown) {
		t.Errorf("who may not see the reading: %v", err)
	}
	if list, err := s.Leases("bob", r); err != nil || len(list) != 2 || list[0].Holder != "ann" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.Leases("carl", r); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	for _, bad := range []PaintPlace{{r, "note", 1, 0}, {r, "nothing", 1, 0}, {r, "lv", 0, 0}, {r, "lv", 2, 0}, {r, "lv", 1, 4}, {r, "lv", 1, -1}} {
		if _, err := s.TakeLease("ann", bad); fault.CodeOf(err) != fault.Input {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	mask := m{"reading": r, "answer": m{"item": "lv", "image": 1, "frame": 2, "mask": empty()}}
	s.refused(fault.Conflict, "bob", AnswerPut, "", 0, mask)
	a := s.do("ann", AnswerPut, "", 0, mask)
	s.refused(fault.Conflict, "bob", AnswerRemoved, a.Object, 1, m{"reading": r})
	s.clock = s.clock.Add(LeaseTime - time.Second)
	if l, err = s.TakeLease("ann", at); err != nil || !l.Until.Equal(s.clock.Add(LeaseTime)) { // renewed
		t.Errorf("%+v, %v", l, err)
	}
	s.clock = s.clock.Add(LeaseTime) // nobody renews it
	s.refused(fault.Conflict, "ann", AnswerPut, a.Object, 1, mask)
	if _, err := s.TakeLease("bob", at); err != nil {
		t.Errorf("a lease does not end by itself: %v", err)
	}
	s.do("bob", AnswerPut, a.Object, 1, mask)
	if err := s.ReleaseLease("ann", at); err != nil {
		t.Error(err)
	}
	if _, err := s.TakeLease("ann", at); err == nil {
		t.Error("somebody let go of another's lease")
	}
	if err := s.ReleaseLease("bob", at); err != nil {
		t.Error(err)
	}
	if _, err := s.TakeLease("ann", at); err != nil {
		t.Error(err)
	}
	if err := s.ReleaseLease("carl", at); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	s.do("ann", AnswerRemoved, a.Object, 2, m{"reading": r})
	// Nobody keeps all frames to themselves.
	many := 0
	for _, f := range []int{0, 1, 2, 3} {
		if _, err := s.TakeLease("ann", PaintPlace{r, "lv", 1, f}); err == nil {
			many++
		}
	}
	if many != 4 || maxLeases < 4 {
		t.Errorf("%d", many)
	}
	// Nothing of a locked reading is painted; one's own that is not shared needs no lease.
	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.do("ann", ReadingLocked, r, 0, nil)
	if _, err := s.TakeLease("ann", at); fault.CodeOf(err) != fault.Conflict {
		t.Error(err)
	}
	own := s.do("carl", ReadingOpened, s.tasks("carl")[0].Assignment, 0, nil).Object
	s.do("carl", AnswerPut, "", 0, m{"reading": own, "answer": m{"item": "lv", "image": 1, "frame": 2, "mask": empty()}})
}

// TestLeasesTogether: of many who ask at once one gets it.
func TestLeasesTogether(t *testing.T) {
	var l leases
	now := time.Now()
	var all sync.WaitGroup
	got := make(chan string, 100)
	for i := range 100 {
		who := string(rune('a' + i%10))
		all.Go(func() {
			if given, held, err := l.take(who, PaintPlace{"r", "lv", 1, 0}, now); err == nil && held.Holder == "" {
				got <- given.Holder
			}
		})
	}
	all.Wait()
	close(got)
	first := ""
	for who := range got {
		if first == "" {
			first = who
		}
		if who != first {
			t.Fatalf("%s and %s have it", first, who)
		}
	}
	for i := range maxLeases + 1 {
		_, _, err := l.take("z", PaintPlace{"r", "lv", 1, 10 + i}, now)
		if (err != nil) != (i == maxLeases) {
			t.Errorf("lease %d: %v", i+1, err)
		}
	}
}

// TestTeam: who attends a shared reading, sees its pictures, its comments; and who does not.
func TestTeam(t *testing.T) {
	s, r := sharing(t)
	s.do("ann", Commented, "", 0, m{"reading": r, "text": "what do you say?", "image": 1, "frame": 3})
	first, _ := s.Comments("bob", r)
	s.do("bob", Commented, "", 0, m{"reading": r, "text": "mild", "reply": first[0].ID})
	for _, c := range []struct {
		who string
		ok  bool
	}{{"ann", true}, {"bob", true}, {"carl", false}, {"dora", false}, {"otto", false}, {"cora", false}, {"eve", false}, {"net", false}, {"nobody", false}} {
		if err := s.Attends(c.who, r); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrUnknown) {
			t.Errorf("%s attends: %v", c.who, err)
		}
		list, err := s.Comments(c.who, r)
		if (err == nil) != c.ok || c.ok && (len(list) != 2 || list[1].Author != "bob" || list[1].Reply != list[0].ID || list[0].Frame != 3 || list[0].At.IsZero()) {
			t.Errorf("%s: %+v, %v", c.who, list, err)
		}
		frames, err := s.Draws(c.who, r)
		if (err == nil) != c.ok || c.ok && (len(frames) != 1 || frames[0] != 4) {
			t.Errorf("%s draws: %v, %v", c.who, frames, err)
		}
		if _, err := s.Pictures(c.who, r); (err == nil) != (c.who == "bob") { // ann has them under her assignment
			t.Errorf("%s sees pictures: %v", c.who, err)
		}
		shared, err := s.Shared(c.who)
		if c.who != "nobody" && (err != nil || (len(shared) == 1) != (c.who == "bob")) {
			t.Errorf("%s: %+v, %v", c.who, shared, err)
		}
	}
	_, all := s.kinds("bob")
	if !strings.Contains(all, "what do you say?") || !strings.Contains(all, `"actor":"ann"`) {
		t.Error("bob's stream lacks ann's comment")
	}
	for _, bad := range []m{{"text": ""}, {"text": "x", "image": 2}, {"text": "x", "image": 1, "frame": 4}, {"text": "x", "frame": 1}, {"text": strings.Repeat("x", maxComment+1)}} {
		bad["reading"] = r
		s.refused(fault.Input, "ann", Commented, "", 0, bad)
	}
	s.refused(fault.NotFound, "ann", Commented, "", 0, m{"reading": r, "text": "x", "reply": strings.Repeat("0", 32)})
	// How long somebody looked is told to nobody else.
	s.clock = s.clock.Add(time.Minute)
	s.do("ann", TimeSpent, "", 0, m{"reading": r, "seconds": 10})
	if _, all := s.kinds("bob"); strings.Contains(all, "seconds") {
		t.Error("bob is told how long ann looked")
	}
	// What was said survives, and the study goes on.
	s.do("cora", PhaseSet, "", 0, m{"phase": Adjudicating})
	if err := s.Attends("ann", r); !errors.Is(err, ErrUnknown) {
		t.Errorf("somebody is watched after reading is over: %v", err)
	}
	s.Close()
	again, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if list, err := again.Comments("ann", r); err != nil || len(list) != 2 || list[0].Author != "ann" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := again.leases.in(r, time.Time{}), error(nil); err != nil || len(list) != 0 {
		t.Error("leases survive")
	}
}

// TestNotesOfADecision: what an adjudicator notes of a reading is theirs alone; its reader does not even hear that there is something.
func TestNotesOfADecision(t *testing.T) {
	s := newStudy(t, "panel", 1)
	r := s.read("ann", s.tasks("ann")[0], "mild")
	s.read("bob", s.tasks("bob")[0], "severe")
	var id string
	for x := range s.state.cases {
		id = x
	}
	s.do("cora", Sent, "", 0, m{"cases": []m{{"case": id, "items": []string{"severity"}, "adjudicators": []string{"dora"}, "reason": "they differ"}}})
	s.do("dora", ReadingOpened, s.tasks("dora")[0].Assignment, 0, nil)
	_, before := s.kinds("ann")
	s.do("dora", Commented, "", 0, m{"reading": r, "text": "looks like severe"})
	if _, after := s.kinds("ann"); after != before {
		t.Error("ann is told what dora notes")
	}
	if list, err := s.Comments("dora", r); err != nil || len(list) != 1 || list[0].Author != "dora" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := s.Comments("ann", r); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, all := s.kinds("dora"); !strings.Contains(all, "looks like severe") {
		t.Error("dora's own stream lacks her note")
	}
}
