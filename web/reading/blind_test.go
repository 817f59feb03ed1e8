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
	out.WriteString(s.overheard(b, who, readings))
	_, last, err := s.Events(context.Background(), who, 0, false)
	if err != nil {
		s.t.Fatal(err)
	}
	if last > 0 {
		one, _ := json.Marshal(b.serverSent(0, last))
		c := b.dial(0)
		two, _ := upTo(s.t, c, int64(last))
		_ = c.CloseNow()
		j, _ := json.Marshal(two)
		if string(one) != string(j) {
			s.t.Errorf("%s has two different streams", who)
		}
		fmt.Fprintf(&out, "events: %s\n", one)
	}
	return out.String()
}

// overheard is what a session gets that asks to be let into every reading that is others', to draw in it, and to paint its masks: each answer
// once, and whatever else comes meanwhile.
func (s *site) overheard(b *browser, who string, readings []string) string {
	c := b.dial(0)
	defer c.CloseNow()
	var out strings.Builder
	tried := map[string]bool{}
	ask := func(kind, reading string, data m) {
		data["reading"] = reading
		say(s.t, c, m{"id": "x", "kind": kind, "data": data})
		if kind == "live" { // which is not answered where it is let through
			say(s.t, c, m{"id": "y", "kind": "presence", "data": m{"reading": ""}})
		}
		for {
			in := next(s.t, c)
			if in.Events != nil || in.Stream != nil {
				continue
			}
			line := ""
			switch {
			case in.Refused != nil:
				j, _ := json.Marshal(in.Refused)
				line = fmt.Sprintf("socket %s: %d %s\n", kind, in.Refused.Status, j)
			case in.Receipt != nil && in.Receipt.Op == "x":
				line = fmt.Sprintf("socket %s: let in\n", kind)
			case in.Receipt == nil:
				line = fmt.Sprintf("socket %s: told %s%s%s\n", kind, in.Presence, in.Live, in.Leases)
			}
			if line != "" && !tried[line] {
				tried[line] = true
				out.WriteString(line)
			}
			if in.Receipt != nil || in.Refused != nil && kind != "live" {
				return
			}
		}
	}
	for _, id := range readings {
		if v, err := s.Reading(who, id); err == nil && v.Reader == who {
			continue
		}
		ask("presence", id, m{"image": 1})
		ask("live", id, m{"image": 1, "frame": 0, "cursor": [2]float64{1, 1}})
		ask("lease.take", id, m{"item": "lv", "image": 1, "frame": 0})
		ask("lease.release", id, m{"item": "lv", "image": 1, "frame": 0})
	}
	return out.String()
}

// TestBlindInEveryByte plays an attacker with a reader's session: whatever the model, the other readers and the administrator do, not a byte
// of what the session can get changes until the reader's own unaided reading is locked; then AI is shown, masked, where it was revealed.
// In none of it is a name of somebody else, a UID, a file, a pseudonym, or a text of a header.
func TestBlindInEveryByte(t *testing.T) {
	st := newStudy(t, "sequential, ai: net", loop, compressed, volume)
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
	// carl and bob, who has read the case, work on carl's draft together: who is where, what they draw, paint and say.
	st.do("carl", annotate.ReadingShared, "", 0, m{"reading": c.Object, "with": []string{"bob"}})
	carl, bob := s.as("carl").dial(0), s.as("bob").dial(0)
	say(t, carl, at(c.Object, 1, 0))
	say(t, bob, at(c.Object, 1, 2))
	who(t, carl, person{"bob", 1, 2})
	say(t, bob, m{"id": "l", "kind": "lease.take", "data": m{"reading": c.Object, "item": "lv", "image": 1, "frame": 0}})
	until(t, bob, "lease", func(in message) bool { return in.Receipt != nil && in.Receipt.Op == "l" })
	say(t, bob, m{"kind": "live", "data": m{"reading": c.Object, "image": 1, "frame": 0, "item": "lv", "stroke": m{"radius": 3, "points": [][2]float64{{9, 9}}}}})
	until(t, carl, "stroke", func(in message) bool { return in.Live != nil })
	st.do("bob", annotate.Commented, "", 0, m{"reading": c.Object, "text": "looks odd to bob too"})
	spy := ann.dial(0) // asks for everything from now on, too
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

	for _, id := range []string{c.Object, ""} {
		say(t, spy, m{"id": "spy", "kind": "presence", "data": m{"reading": id}})
		say(t, bob, m{"kind": "live", "data": m{"reading": c.Object, "image": 1, "frame": 0, "cursor": [2]float64{5, 5}}})
		until(t, carl, "cursor", func(in message) bool { return in.Live != nil })
		until(t, spy, "answer", func(in message) bool {
			if in.Presence != nil || in.Live != nil || in.Leases != nil {
				t.Errorf("who has to read the case is told %s%s%s", in.Presence, in.Live, in.Leases)
			}
			return in.Receipt != nil || in.Refused != nil
		})
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
			if other == who || who == "eve" || who == "bob" && other == "carl" || who == "carl" && other == "bob" { // who added the members; who work together
				continue
			}
			if strings.Contains(all, `"`+other+`"`) || strings.Contains(all, ">"+other+"<") {
				t.Errorf("%s can get at the name of %s", who, other)
			}
		}
		if strings.Contains(all, "looks odd") && who != "carl" && who != "bob" {
			t.Errorf("%s can get at what a team says", who)
		}
	}
}
