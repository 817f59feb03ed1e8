package annotate

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

var token = regexp.MustCompile(`token-([a-z]+)-([0-9a-f]{32})`)

// TestRandomStudy: members do whatever comes to their mind, sensible or not. Every answer carries a token of who gave it and to which case. At no time
// does somebody's stream, or a reading that they can get at, hold a token that is not theirs, unless it is the model's for a case whose unaided
// reading they have locked and whose aided one they have opened. At the end the log gives the same project.
func TestRandomStudy(t *testing.T) {
	for _, design := range []string{"sequential, ai: net", "crossed, ai: net, washout_days: 2", "independent", "panel", "assisted, ai: net"} {
		for seed := range 2 {
			t.Run(fmt.Sprintf("%.10s %d", design, seed), func(t *testing.T) { randomStudy(t, design, stats.Seed(seed)) })
		}
	}
}

func randomStudy(t *testing.T, design string, seed stats.Seed) {
	s := newStudy(t, design, 3)
	if seed == 1 && strings.Contains(design, "ai: net") { // aided readings begin with what the model says
		text := strings.Replace(fmt.Sprintf(rules, design), "revision: 1", "revision: 2", 1)
		s.do("cora", ProtocolSet, "", 0, m{"yaml": strings.Replace(text, "{name: note, kind: text}", "{name: note, kind: text, prefill: true}", 1)})
	}
	rng := seed.Stream("random study")
	readers := []string{"ann", "bob", "carl", "net"}
	everyone := append(slices.Clone(readers), "dora", "cora", "otto", "eve")
	done := map[string]int{}
	steps := 220
	if testing.Short() {
		steps = 80
	}
	for range steps {
		who := everyone[rng.IntN(len(everyone))]
		if rng.IntN(4) > 0 {
			who = readers[rng.IntN(len(readers))]
		}
		s.clock = s.clock.Add(time.Duration(rng.IntN(12)) * time.Hour)
		kind, err := s.whim(rng.IntN, who)
		if err == nil {
			done[string(kind)]++
		} else if c := fault.CodeOf(err); c == fault.Internal {
			t.Fatalf("%s %s: %v", who, kind, err)
		}
		if rng.IntN(8) == 0 {
			s.noLeak(t, readers)
		}
	}
	s.noLeak(t, readers)
	for _, kind := range []Kind{ReadingOpened, AnswerPut, ReadingLocked} {
		if done[string(kind)] == 0 {
			t.Errorf("nobody ever did %s: %v", kind, done)
		}
	}
	before, dir, now := dump(t, s.Project), s.Dir(), s.now
	s.Close()
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.now = now
	if dump(t, p) != before {
		t.Error("replayed it is another project")
	}
}

// whim is one op of a member on anything there is.
func (s *study) whim(pick func(int) int, who string) (Kind, error) {
	s.mu.RLock()
	var readings, tasks, answers []string
	readings = append(readings, s.state.order...)
	for _, list := range s.state.tasks {
		for _, a := range list {
			tasks = append(tasks, a.ID)
		}
	}
	for id := range s.state.answers {
		answers = append(answers, id)
	}
	mine := s.state.tasks[who]
	s.mu.RUnlock()
	slices.Sort(tasks)
	slices.Sort(answers)
	some := func(list []string) string {
		if len(list) == 0 {
			return "nothing"
		}
		return list[pick(len(list))]
	}
	r := some(readings)
	if len(mine) > 0 && pick(3) > 0 { // mostly one's own
		a := mine[pick(len(mine))]
		if a.reading == "" {
			_, err := s.try(who, ReadingOpened, a.ID, 0, nil)
			return ReadingOpened, err
		}
		r = a.reading
	}
	s.mu.RLock()
	at := "nowhere"
	if x := s.state.readings[r]; x != nil {
		at = x.Case
	}
	s.mu.RUnlock()
	note := m{"reading": r, "answer": m{"item": "note", "text": "token-" + who + "-" + at}}
	switch pick(9) {
	case 0:
		_, err := s.try(who, ReadingOpened, some(tasks), 0, nil)
		return ReadingOpened, err
	case 1, 2, 3:
		_, err := s.try(who, AnswerPut, "", 0, note)
		return AnswerPut, err
	case 4:
		_, err := s.try(who, AnswerPut, some(answers), 1+pick(3), note)
		return AnswerPut, err
	case 5:
		_, err := s.try(who, Commented, "", 0, m{"reading": r, "text": "token-" + who + "-" + at})
		return Commented, err
	case 6:
		_, err := s.try(who, AnswerRemoved, some(answers), 1+pick(3), m{"reading": r})
		return AnswerRemoved, err
	}
	_, _ = s.try(who, AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	_, err := s.try(who, ReadingLocked, r, 0, nil)
	return ReadingLocked, err
}

// noLeak looks at all that readers can get at, and at the streams of those who run the study.
func (s *study) noLeak(t *testing.T, readers []string) {
	t.Helper()
	for _, who := range readers {
		all := []byte(everything(t, s, who))
		for _, hit := range token.FindAllSubmatch(all, -1) {
			by, id := string(hit[1]), string(hit[2])
			if by == who || by == "net" && s.shown(who, id) {
				continue
			}
			t.Fatalf("%s can get at what %s said of a case", who, by)
		}
	}
	for _, who := range []string{"cora", "eve", "otto", "dora"} {
		events, _, err := s.Events(context.Background(), who, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(events)
		if strings.Contains(string(b), "token-") {
			t.Fatalf("%s is told what readers say while there is reading", who)
		}
	}
}

// shown says that the model's reading of a case was once revealed to a reader: with an aided reading, which in sequential designs comes after
// the unaided lock.
func (s *study) shown(who, id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.state.tasks[who] {
		if a.Case == id && a.Arm == protocol.Aided && a.reading != "" {
			return true
		}
	}
	return false
}
