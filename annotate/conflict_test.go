package annotate

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// TestOneWins: of many who change the same version of an answer at once, one is taken and all others are told which version there is. It holds for
// answers that were copied from a model too, and the answer never loses where it comes from.
func TestOneWins(t *testing.T) {
	s := newStudy(t, "assisted, ai: net", 1)
	s.do("cora", ProtocolSet, "", 0, m{"yaml": prefilling("assisted, ai: net")})
	s.modelReads()
	var who string
	for _, name := range []string{"ann", "bob", "carl"} {
		if len(s.tasks(name)) == 1 {
			who = name
		}
	}
	r := s.do(who, ReadingOpened, s.tasks(who)[0].Assignment, 0, nil).Object
	v, err := s.Reading(who, r)
	if err != nil {
		t.Fatal(err)
	}
	id, from := v.Answers[0].ID, v.Answers[0].DerivedFrom
	for version := 1; version < 12; version++ {
		const many = 8
		taken := make([]bool, many)
		var wg sync.WaitGroup
		for k := range many {
			wg.Go(func() {
				option := []string{"none", "mild", "severe"}[k%3]
				_, err := s.try(who, AnswerPut, id, version, m{"reading": r, "answer": m{"item": "severity", "choice": []string{option}}})
				if taken[k] = err == nil; err != nil && fault.CodeOf(err) != fault.Conflict {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		n := 0
		for _, ok := range taken {
			if ok {
				n++
			}
		}
		v, err := s.Reading(who, r)
		if err != nil || n != 1 || v.Answers[0].Version != version+1 || v.Answers[0].DerivedFrom != from || v.Answers[0].ID != id {
			t.Fatalf("%d of %d were taken: %+v, %v", n, many, v.Answers[0], err)
		}
	}
}

// model is what a reading has to be, kept by a few lines that share nothing with the project.
type modelOfReading struct {
	answers  map[string]string // by name: text
	versions map[string]int
	locked   bool
}

// TestAgainstAModel: any sequence of ops on one reading, right and wrong, gives what a model of thirty lines gives: the same are taken, the same
// refused, and the answers are the same, also when the log is replayed after every tenth op.
func TestAgainstAModel(t *testing.T) {
	for seed := range 4 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { againstAModel(t, stats.Seed(seed)) })
	}
}

func againstAModel(t *testing.T, seed stats.Seed) {
	s := newStudy(t, "panel", 1)
	rng := seed.Stream("a model of a reading")
	r := s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil).Object
	want := modelOfReading{map[string]string{}, map[string]int{}, false}
	var names []string
	for range 5 {
		names = append(names, newID())
	}
	steps := 60
	for step := range steps {
		id, base := names[rng.IntN(len(names))], rng.IntN(4)
		if rng.IntN(2) == 0 {
			base = want.versions[id] // the right one
		}
		_, there := want.answers[id]
		var ok bool
		var err error
		switch rng.IntN(8) {
		case 0: // taken away
			ok = !want.locked && there && base == want.versions[id]
			if _, err = s.try("ann", AnswerRemoved, id, base, m{"reading": r}); ok {
				delete(want.answers, id)
				want.versions[id]++
			}
		case 1:
			if step > steps*3/4 && len(want.answers) > 0 {
				_, _ = s.try("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "choice": []string{"mild"}}})
				_, err = s.try("ann", ReadingLocked, r, 0, nil)
				ok = !want.locked
				want.locked = true
			} else { // somebody else
				_, err = s.try("bob", AnswerPut, id, base, m{"reading": r, "answer": m{"item": "note", "text": "x"}})
			}
		default: // one note at a time: there is one answer to each question
			text := fmt.Sprint("text ", step)
			other := len(want.answers) > 0 && !there
			ok = !want.locked && base == want.versions[id] && !other
			if _, err = s.try("ann", AnswerPut, id, base, m{"reading": r, "answer": m{"item": "note", "text": text}}); ok {
				want.answers[id] = text
				want.versions[id]++
			}
		}
		if ok != (err == nil) {
			t.Fatalf("step %d: the model says %v, the project %v", step, ok, err)
		}
		s.sameAs(t, r, want)
		if step%20 == 19 {
			s.Close()
			p, err := Open(s.Dir())
			if err != nil {
				t.Fatal(err)
			}
			p.now = s.now
			s.Project = p
			s.sameAs(t, r, want)
		}
	}
}

func (s *study) sameAs(t *testing.T, reading string, want modelOfReading) {
	t.Helper()
	v, err := s.Reading("ann", reading)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range v.Answers {
		if a.Item != "note" {
			continue
		}
		n++
		if want.answers[a.ID] != a.Text || want.versions[a.ID] != a.Version {
			t.Fatalf("%+v, the model has %q at version %d", a, want.answers[a.ID], want.versions[a.ID])
		}
	}
	if n != len(want.answers) || v.Locked != want.locked {
		t.Fatalf("%d answers, locked %v; the model has %d, %v", n, v.Locked, len(want.answers), want.locked)
	}
}

// TestAskedTwice: an op with a name is taken once, however often and however much later it comes; the answer is the same each time, and one that is
// something else under the same name is refused.
func TestAskedTwice(t *testing.T) {
	s := newStudy(t, "independent, order: priority", 3)
	list, err := s.Unopened("cora")
	if err != nil {
		t.Fatal(err)
	}
	var turns []Turn
	for i, u := range list {
		turns = append(turns, Turn{Assignment: u.Assignment, Priority: float64(i + 1)})
	}
	data, _ := json.Marshal(m{"by": "entropy", "places": turns})
	op := Op{ID: "an order", Kind: Ordered, Data: data}
	first, err := s.Do(t.Context(), "cora", op)
	if err != nil {
		t.Fatal(err)
	}
	s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil) // by itself the order would be refused now
	for range 3 {
		again, err := s.Do(t.Context(), "cora", op)
		if err != nil || again.Seq != first.Seq {
			t.Errorf("%+v, %v", again, err)
		}
	}
	op.Kind = PhaseSet
	if _, err := s.Do(t.Context(), "cora", op); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
	op = Op{ID: "an order", Kind: Ordered, Data: data}
	if _, err := s.Do(t.Context(), "eve", op); fault.CodeOf(err) != fault.Conflict { // another's name is another op
		t.Errorf("%v", err)
	}
}

// TestNeverBeforeTheLock: in every design, at every step, no unaided draft has anything of a model, and no aided reading of a case is open while its
// reader's unaided one is not locked, but where the design is to label data or crosses the arms.
func TestNeverBeforeTheLock(t *testing.T) {
	for _, design := range []string{"sequential, ai: net", "crossed, ai: net, washout_days: 1", "assisted, ai: net, readers: 2"} {
		s := newStudy(t, design, 3)
		s.do("cora", ProtocolSet, "", 0, m{"yaml": prefilling(design)})
		rng := stats.Seed(2).Stream("never", design)
		s.modelReads()
		readers := []string{"ann", "bob", "carl"}
		for range 120 {
			s.clock = s.clock.AddDate(0, 0, rng.IntN(2))
			who := readers[rng.IntN(3)]
			list := s.tasks(who)
			task := list[rng.IntN(len(list))]
			switch task.State {
			case "draft":
				_, _ = s.try(who, AnswerPut, "", 0, m{"reading": task.Reading, "answer": m{"item": "severity", "choice": []string{"mild"}}})
				_, _ = s.try(who, AnswerPut, "", 0, m{"reading": task.Reading, "answer": m{"item": "whose", "choice": []string{"unknown"}}})
				_, _ = s.try(who, ReadingLocked, task.Reading, 0, nil)
			default:
				_, _ = s.try(who, ReadingOpened, task.Assignment, 0, nil)
			}
			s.mu.RLock()
			for _, id := range s.state.order {
				r := s.state.readings[id]
				if r.Arm == protocol.Unaided && (len(r.Prefilled) > 0 || len(r.Revealed) > 0 || slices.ContainsFunc(r.Answers, func(a *Answer) bool { return a.DerivedFrom != "" })) {
					t.Fatalf("%s: an unaided reading has something of the model", design)
				}
				if r.Arm != protocol.Aided || design[:4] != "sequ" {
					continue
				}
				for _, other := range s.state.readings {
					if other.Reader == r.Reader && other.Case == r.Case && other.Arm == protocol.Unaided && !other.Locked() {
						t.Fatalf("%s: an aided reading before the unaided one is locked", design)
					}
				}
				if len(r.Prefilled) != 2 {
					t.Fatalf("%s: an aided reading began with %d answers", design, len(r.Prefilled))
				}
			}
			s.mu.RUnlock()
		}
	}
}
