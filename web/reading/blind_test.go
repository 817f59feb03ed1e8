package reading

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
)

// ids are all that exist: an attacker who has got hold of every one tries them all.
func (s *study) ids() (assignments, readings, answers []string) {
	for name := range members {
		for _, task := range s.tasks(name) {
			assignments = append(assignments, task.Assignment)
			if task.Reading != "" {
				readings = append(readings, task.Reading)
				if v, err := s.Reading(name, task.Reading); err == nil {
					for _, a := range v.Answers {
						answers = append(answers, a.ID)
					}
				}
			}
		}
	}
	for _, task := range s.tasks("net") {
		assignments = append(assignments, task.Assignment)
		if task.Reading != "" {
			readings = append(readings, task.Reading)
		}
	}
	slices.Sort(assignments)
	slices.Sort(readings)
	return assignments, readings, answers
}

// everything is each byte that a session can get of the server, by route: status, headers and body of every route with every id, what ops on
// what is others' are answered, pages, and the stream by both ways.
func (s *site) everything(b *browser, who string) string {
	var out strings.Builder
	note := func(r reply) {
		for _, h := range []string{"Date", "Etag", "Content-Length"} { // a clock; bound to the assignment; follows from the body
			r.header.Del(h)
		}
		h, _ := json.Marshal(r.header)
		fmt.Fprintf(&out, "%d %s %s\n", r.status, h, r.body)
	}
	assignments, readings, answers := s.ids()
	for _, rt := range s.routes() {
		if rt.Path == "/api/events" || rt.Method != "GET" {
			continue
		}
		if !strings.Contains(rt.Path, "{id}") {
			fmt.Fprintf(&out, "%s: ", rt.Path)
			note(b.get(strings.NewReplacer("{$}", "", "{file}", "login.css").Replace(rt.Path)))
			continue
		}
		tried := map[string]bool{} // each answer once: how many others there are is not the attacker's question, which they know
		for _, id := range append(append(slices.Clone(assignments), readings...), answers...) {
			r := b.get(strings.NewReplacer("{id}", id, "{image}", "1", "{frame}", "0").Replace(rt.Path))
			r.header.Del("Date")
			r.header.Del("Etag")
			h, _ := json.Marshal(r.header)
			line := fmt.Sprintf("%s: %d %s %s\n", rt.Path, r.status, h, r.body)
			if !tried[line] {
				tried[line] = true
				out.WriteString(line)
			}
		}
	}
	tried := map[string]bool{}
	for _, id := range readings {
		if v, err := s.Reading(who, id); err == nil && v.Reader == who { // their own they may change
			continue
		}
		for _, op := range []m{{"kind": "reading.lock", "object": id}, {"kind": "comment", "data": m{"reading": id, "text": "x"}}, {"kind": "reading.share", "data": m{"reading": id, "with": []string{who}}},
			{"kind": "answer.put", "data": m{"reading": id, "answer": m{"item": "severity", "choice": []string{"mild"}}}}, {"kind": "reading.time", "data": m{"reading": id, "seconds": 1}}} {
			r := b.send("POST", "/api/ops", op)
			if line := fmt.Sprintf("%v: %d %s\n", op["kind"], r.status, r.body); !tried[line] {
				tried[line] = true
				out.WriteString(line)
			}
		}
	}
	_, last, err := s.Events(context.Background(), who, 0, false)
	if err != nil {
		s.t.Fatal(err)
	}
	if last > 0 {
		one, _ := json.Marshal(b.serverSent(0, last))
		two, _ := upTo(s.t, b.dial(0), int64(last))
		j, _ := json.Marshal(two)
		if string(one) != string(j) {
			s.t.Errorf("%s has two different streams", who)
		}
		fmt.Fprintf(&out, "events: %s\n", one)
	}
	return out.String()
}

// TestBlindInEveryByte plays an attacker with a reader's session: whatever the model, the other readers and the administrator do, not a byte
// of what the session can get changes until the reader's own unaided reading is locked; then AI is shown, masked, where it was revealed.
// In none of it is a name of somebody else, a UID, a file, a pseudonym, or a text of a header.
func TestBlindInEveryByte(t *testing.T) {
	st := newStudy(t, "sequential, ai: net", loop, compressed)
	s := serveIt(t, st, Options{OpRate: 100_000})
	ann := s.as("ann")
	mine := s.tasks("ann")
	slices.SortFunc(mine, func(a, b annotate.Task) int { return a.Order - b.Order })
	before := s.everything(ann, "ann")
	if strings.Count(before, ": 200 ") < 8 || !strings.Contains(before, "events: [") {
		t.Fatalf("the attacker gets at little: %.2000s", before)
	}
	for _, task := range s.tasks("net") {
		st.read("net", task, "severe")
	}
	for _, task := range s.tasks("bob") {
		if task.State == "ready" {
			st.read("bob", task, "mild")
		}
	}
	c := st.do("carl", annotate.ReadingOpened, s.tasks("carl")[0].Assignment, 0, nil)
	st.do("carl", annotate.Commented, "", 0, m{"reading": c.Object, "text": "looks odd to carl"})
	st.do("eve", annotate.MemberAdded, "", 0, m{"name": "fred", "roles": []policy.Role{policy.Reader}})
	after := s.everything(ann, "ann")
	// There were no others' readings to try ops on before; each is answered as any id is that does not exist.
	known := strings.Split(before, "\n")
	for _, line := range strings.Split(after, "\n") {
		unknown := strings.Contains(line, ": 404 ") && strings.HasSuffix(line, `{"status":404,"code":"notfound","message":"there is no such thing in this project"}`)
		if slices.Contains(known, line) || unknown {
			continue
		}
		t.Errorf("what others did shows: %.500s", line)
	}
	for _, line := range known {
		if !strings.Contains(after, line) {
			t.Errorf("what others did shows: %.500s is gone", line)
		}
	}

	st.read("ann", mine[0], "none")
	if all := s.everything(ann, "ann"); strings.Contains(all, `"choice":["severe"]`) || strings.Contains(all, `"choice":["mild"]`) {
		t.Error("others' answers show before they are revealed")
	}
	st.do("ann", annotate.ReadingOpened, mine[1].Assignment, 0, nil)
	if all := s.everything(ann, "ann"); !strings.Contains(all, `"choice":["severe"]`) || strings.Contains(all, `"choice":["mild"]`) {
		t.Error("AI is not shown in the aided reading, or somebody else is")
	}
	for _, who := range []string{"ann", "bob", "carl", "dora", "otto", "cora", "eve", "net"} {
		s.attempts = attempts{}
		all := s.everything(s.as(who), who)
		for _, word := range secrets {
			if who == "net" && word == "lvnet" || who == "eve" && word == "lvnet" { // its own name; who added it
				continue
			}
			if strings.Contains(all, word) {
				t.Errorf("%s can get at %q", who, word)
			}
		}
		for _, other := range []string{"ann", "bob", "carl", "net", "fred"} {
			if other == who || who == "eve" { // who added the members
				continue
			}
			if strings.Contains(all, `"`+other+`"`) || strings.Contains(all, ">"+other+"<") {
				t.Errorf("%s can get at the name of %s", who, other)
			}
		}
		if strings.Contains(all, "looks odd") && who != "carl" {
			t.Errorf("%s can get at carl's comment", who)
		}
	}
}
