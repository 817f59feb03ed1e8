package annotate

import (
	"testing"

	"github.com/cineloop/cineloop/annotate/measure"
)

// work is how many headers a reader's first requests about a case read from files: a line is previewed twice, and then given as an answer.
func (s *study) work(who string, task Task) int64 {
	s.t.Helper()
	before := s.pictures.reads.Load()
	line := []Drawn{{Image: 1}}
	line[0].Kind, line[0].Points = "length", []measure.Point{{X: 10, Y: 10}, {X: 40, Y: 50}}
	for range 2 {
		if _, err := s.Preview(who, task.Assignment, line); err != nil {
			s.t.Fatal(err)
		}
	}
	id := s.do(who, ReadingOpened, task.Assignment, 0, nil).Object
	s.do(who, AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "septum", "image": 1, "shapes": line}})
	s.do(who, AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.do(who, ReadingLocked, id, 0, nil)
	return s.pictures.reads.Load() - before
}

// TestSameWork: a reader's requests about a case make the project read as much from files whether or not somebody has read the case before, the
// model has, or the reader had it under another assignment. What is remembered for everybody would tell by a faster answer.
func TestSameWork(t *testing.T) {
	s := newStudy(t, "panel", 3)
	first := s.tasks("ann")
	alone := s.work("ann", first[0])
	if alone != 1 {
		t.Errorf("a first line reads %d headers, want 1: it is not remembered at all, or was before", alone)
	}
	s.modelReads()
	for _, who := range []string{"ann", "bob", "carl"} {
		for _, task := range s.tasks(who) {
			if task.State == "locked" {
				continue
			}
			if n := s.work(who, task); n != alone {
				t.Errorf("%s reads %d headers where somebody else has read, %d where nobody has", who, n, alone)
			}
		}
	}
	s = newStudy(t, "independent, repeat: 100", 3)
	for _, session := range []int{1, 2} {
		for _, task := range s.tasks("bob") {
			if task.Session == session {
				if n := s.work("bob", task); n != alone {
					t.Errorf("session %d reads %d headers, want %d", session, n, alone)
				}
			}
		}
	}
}

// TestFindsTheModelsReading: looking for a model's reading of a case looks at that case's models alone, however many readings others have made;
// and what is not there is asked the same questions as what may not be seen.
func TestFindsTheModelsReading(t *testing.T) {
	s := newStudy(t, "sequential, ai: net", 3)
	if n := len(s.state.machine); n != 0 {
		t.Errorf("%d cases have a model's reading before it has read", n)
	}
	s.modelReads()
	for _, who := range []string{"ann", "bob", "carl"} {
		for _, task := range s.tasks(who) {
			if task.State == "ready" {
				s.read(who, task, "mild")
			}
		}
	}
	for id, list := range s.state.machine {
		if len(list) != 1 || list[0].Reader != "net" || list[0].Case != id || s.state.ofAI(id) != list[0] {
			t.Errorf("%s: %+v", id, list)
		}
	}
	if len(s.state.machine) != 3 {
		t.Errorf("%d cases", len(s.state.machine))
	}
	// Every case is somebody's decoy, none of them a reading that exists.
	cases := map[string]bool{}
	for range 200 {
		r, there := s.state.lookUp(newID())
		if there || r == nil || r.ID != "" || r.Reader != "" || !r.Locked() {
			t.Fatalf("%+v", r)
		}
		cases[r.Case] = true
	}
	if len(cases) != 3 {
		t.Errorf("decoys are of %d of 3 cases", len(cases))
	}
	if r, there := newState().lookUp("x"); there || r.Case != "" {
		t.Errorf("%+v", r)
	}
}
