package annotate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// everything is all that a member's session can get at: every query, with every id that exists, and their stream.
func everything(t *testing.T, s *study, who string) string {
	t.Helper()
	var all []any
	add := func(v any, err error) {
		if err == nil {
			all = append(all, v)
		} else if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrDenied) {
			t.Errorf("%s learns from an error: %v", who, err)
		} else {
			all = append(all, err.Error())
		}
	}
	events, n, err := s.Events(context.Background(), who, 0, false)
	add(events, err)
	all = append(all, n)
	add(s.Me(who))
	add(s.Worklist(who))
	add(s.Progress(who))
	add(s.RecordsFor(who))
	add(s.Names(who))
	add(s.Shared(who))
	s.mu.RLock()
	readings, tasks := slices.Clone(s.state.order), []string{}
	for id := range s.state.assignments {
		tasks = append(tasks, id)
	}
	s.mu.RUnlock()
	slices.Sort(tasks)
	for _, id := range readings {
		add(s.Reading(who, id))
		add(s.Comments(who, id))
		add(s.Leases(who, id))
		add(nil, s.Attends(who, id))
		if _, err := s.TakeLease(who, PaintPlace{id, "lv", 1, 0}); fault.CodeOf(err) != fault.Conflict { // that their own is locked they know
			add(nil, err)
		}
	}
	for _, id := range tasks {
		_, err := s.Pictures(who, id) // the web gives pixels by number; what it must not have is a case out of turn
		add(err == nil, err)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestBlind: whatever the model and the others do, what a reader's session can get at does not change by a byte until their own unaided reading
// is locked; and never is there a name of another, of a file, or of a patient in it.
func TestBlind(t *testing.T) {
	s := newStudy(t, "sequential, ai: net", 3)
	mine := s.tasks("ann")
	slices.SortFunc(mine, func(a, b Task) int { return a.Order - b.Order })
	before := everything(t, s, "ann")
	for _, task := range s.tasks("net") {
		s.read("net", task, "severe")
	}
	for _, task := range s.tasks("bob")[:3] {
		if task.State == "ready" {
			s.read("bob", task, "mild")
		}
	}
	c := s.do("carl", ReadingOpened, s.tasks("carl")[0].Assignment, 0, nil)
	s.do("carl", Commented, "", 0, m{"reading": c.Object, "text": "looks odd"})
	s.do("eve", MemberAdded, "", 0, m{"name": "fred", "roles": []policy.Role{policy.Reader}})
	after := everything(t, s, "ann")
	// New readings exist, each of which answers as any id does that there is not.
	if strings.ReplaceAll(after, ","+quoted(ErrUnknown.Error()), "") != strings.ReplaceAll(before, ","+quoted(ErrUnknown.Error()), "") {
		t.Errorf("what others did shows:\n%s\n%s", before, after)
	}

	// Unaided, then locked: AI is still nowhere until the aided reading is opened, and then masked.
	id := s.read("ann", mine[0], "none")
	if strings.Contains(everything(t, s, "ann"), `"choice":["severe"]`) {
		t.Error("AI shows before it is revealed")
	}
	aided := s.do("ann", ReadingOpened, mine[1].Assignment, 0, nil).Object
	v, err := s.Reading("ann", aided)
	if err != nil || len(v.Beside) != 1 || v.Beside[0].Answers[0].Choice[0] != "severe" || !strings.HasPrefix(v.Beside[0].Reader, "R-") {
		t.Fatalf("%+v, %v", v, err)
	}
	if b := v.Beside[0]; b.Seconds != 0 || b.Assignment != "" || b.Arm != "" {
		t.Errorf("what could tell who read: %+v", b)
	}
	if own, err := s.Reading("ann", id); err != nil || !own.Locked {
		t.Errorf("their own unaided reading: %v", err)
	}
	// The event says what was shown, in the log and in the stream.
	events, _, _ := s.Events(context.Background(), "ann", 0, false)
	shown := events[len(events)-1]
	if shown.Kind != ReadingOpened || !strings.Contains(string(shown.Data), `"beside"`) {
		t.Errorf("%+v", shown)
	}
	for _, who := range []string{"ann", "bob", "carl", "dora", "net", "cora", "otto"} {
		all := everything(t, s, who)
		for _, secret := range []string{"Secret", "lvnet", `"net"`, "p0", "p1", "2.25."} {
			if who == "net" && (secret == `"net"` || secret == "lvnet") {
				continue
			}
			if who == "cora" && (secret == "p0" || secret == "p1" || secret == "2.25.") { // who adds the cases knows them
				continue
			}
			if strings.Contains(all, secret) {
				t.Errorf("%s can get at %q", who, secret)
			}
		}
		for _, other := range []string{"ann", "bob", "carl"} {
			if other != who && strings.Contains(all, quoted(other)) {
				t.Errorf("%s can get at the name of %s", who, other)
			}
		}
	}
	// What a reader may not do with what is not theirs.
	for _, kind := range []Kind{ReadingLocked, ReadingOpened} {
		s.refused(fault.NotFound, "ann", kind, c.Object, 0, nil)
	}
	for _, kind := range []Kind{AnswerRemoved, TimeSpent, ReadingShared, Commented} {
		s.refused(fault.NotFound, "ann", kind, "", 0, m{"reading": c.Object})
	}
	for kind, data := range map[Kind]any{Sent: m{"cases": []any{}}, Decided: m{}, TruthSigned: m{}, Unblinded: m{}, Exported: m{}, PhaseSet: m{}, ProtocolSet: m{}} {
		s.refused(fault.Usage, "ann", kind, "", 0, data)
	}
	s.refused(fault.Usage, "ann", Assigned, "", 0, nil)
	if _, _, err := s.Events(context.Background(), "nobody", 0, false); err == nil {
		t.Error("nobody has a stream")
	}
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

// TestCrossed: every case once in each arm, a washout between, the first reading kept from its own reader until the second is done.
func TestCrossed(t *testing.T) {
	s := newStudy(t, "crossed, ai: net, washout_days: 14", 4)
	arms := map[string]int{}
	list := s.tasks("bob")
	for _, task := range list {
		arms[task.Arm+" "+string(rune('0'+task.Session))]++
	}
	if len(list) != 8 || arms["unaided 1"] != 2 || arms["aided 1"] != 2 || arms["unaided 2"] != 2 || arms["aided 2"] != 2 {
		t.Errorf("%v", arms)
	}
	for _, task := range s.tasks("net") {
		s.read("net", task, "severe")
	}
	first := map[string]string{} // second assignment by first
	s.mu.RLock()
	for _, a := range s.state.tasks["bob"] {
		if a.After != "" {
			first[a.After] = a.ID
		}
	}
	s.mu.RUnlock()
	for _, task := range list[:4] {
		second := first[task.Assignment]
		s.refused(fault.Conflict, "bob", ReadingOpened, second, 0, nil)
		id := s.do("bob", ReadingOpened, task.Assignment, 0, nil).Object
		v, _ := s.Reading("bob", id)
		if (task.Arm == "aided") != (len(v.Beside) == 1) {
			t.Errorf("%s has %d beside it", task.Arm, len(v.Beside))
		}
		s.do("bob", AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "severity", "choice": []string{"mild"}}})
		s.do("bob", ReadingLocked, id, 0, nil)
		if _, err := s.Reading("bob", id); !errors.Is(err, ErrUnknown) {
			t.Errorf("their first reading is not kept from them: %v", err)
		}
		s.clock = s.clock.AddDate(0, 0, 13)
		s.refused(fault.Conflict, "bob", ReadingOpened, second, 0, nil)
		s.clock = s.clock.Add(24 * time.Hour)
		again := s.do("bob", ReadingOpened, second, 0, nil).Object
		if v, _ := s.Reading("bob", again); (task.Arm == "unaided") != (len(v.Beside) == 1) {
			t.Errorf("second of %s has %d beside it", task.Arm, len(v.Beside))
		}
		if strings.Contains(everything(t, s, "bob"), `"choice":["severe"]`) != (task.Arm == "unaided") && task.Arm == "aided" && !anyAided(s, "bob") {
			t.Error("AI of the first session shows in the second")
		}
		s.do("bob", AnswerPut, "", 0, m{"reading": again, "answer": m{"item": "severity", "choice": []string{"none"}}})
		s.do("bob", ReadingLocked, again, 0, nil)
		if _, err := s.Reading("bob", id); err != nil {
			t.Errorf("both are done, and the first is not theirs: %v", err)
		}
	}
}

// anyAided says that the reader has an aided reading whose AI they may see.
func anyAided(s *study, who string) bool {
	for _, t := range s.tasks(who) {
		if t.Arm == "aided" && t.Reading != "" {
			return true
		}
	}
	return false
}

func TestSharing(t *testing.T) {
	s := newStudy(t, "independent", 6)
	r := s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil).Object
	s.mu.RLock()
	id := s.state.readings[r].Case
	var free, busy string
	for _, who := range []string{"bob", "carl"} {
		if s.state.hasRead(who, id) {
			busy = who
		} else {
			free = who
		}
	}
	s.mu.RUnlock()
	s.refused(fault.Input, "ann", ReadingShared, "", 0, m{"reading": r, "with": []string{busy}}) // has to read it
	s.do("ann", ReadingShared, "", 0, m{"reading": r, "with": []string{free}})
	e := s.do(free, AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "note", "text": "from the other"}})
	s.refused(fault.Conflict, "ann", AnswerPut, e.Object, 0, m{"reading": r, "answer": m{"item": "note", "text": "x"}})
	s.do("ann", AnswerPut, e.Object, 1, m{"reading": r, "answer": m{"item": "note", "text": "both"}})
	s.do(free, Commented, "", 0, m{"reading": r, "text": "agreed", "image": 1, "frame": 3})
	s.refused(fault.Usage, free, ReadingLocked, r, 0, nil) // only its reader
	events, _, _ := s.Events(context.Background(), free, 0, false)
	kinds := ""
	for _, e := range events {
		kinds += string(e.Kind) + " "
	}
	if !strings.HasSuffix(kinds, "reading.share answer.put answer.put comment ") {
		t.Errorf("%s", kinds)
	}
	if strings.Contains(everything(t, s, busy), "both") {
		t.Error("a shared draft is seen by somebody else")
	}
}

// TestAdjudication: who decides sees masked readings by letter, in an order by chance, has not read the case, and gives a reason.
func TestAdjudication(t *testing.T) {
	s := newStudy(t, "panel", 2)
	var firsts []string
	for _, who := range []string{"ann", "bob", "carl"} {
		for i, task := range s.tasks(who) {
			id := s.read(who, task, []string{"none", "mild", "severe"}[(i+len(who))%3])
			firsts = append(firsts, id)
		}
	}
	for _, task := range s.tasks("net") {
		s.read("net", task, "severe")
	}
	id := s.Records().Cases[0].ID
	send := func(who string) m {
		return m{"cases": []m{{"case": id, "items": []string{"severity"}, "adjudicators": []string{who}, "reason": "severity differs"}}}
	}
	s.refused(fault.Input, "cora", Sent, "", 0, send("ann")) // no adjudicator
	s.do("cora", Sent, "", 0, send("dora"))
	s.refused(fault.Conflict, "cora", Sent, "", 0, send("dora"))
	task := s.tasks("dora")[0]
	if task.Arm != protocol.Deciding || task.Reason == "" || task.State != "ready" {
		t.Errorf("%+v", task)
	}
	r := s.do("dora", ReadingOpened, task.Assignment, 0, nil).Object
	v, err := s.Reading("dora", r)
	if err != nil || len(v.Beside) != 3 { // not the model: the protocol does not say so
		t.Fatalf("%+v, %v", v, err)
	}
	letters := ""
	for _, b := range v.Beside {
		letters += b.Reader
	}
	if letters != "ABC" {
		t.Errorf("readers %s", letters)
	}
	if _, err := s.Pictures("dora", task.Assignment); err != nil {
		t.Error(err)
	}
	s.refused(fault.Input, "dora", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "note", "text": "not asked"}})
	s.do("dora", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.refused(fault.Input, "dora", ReadingLocked, r, 0, nil) // no reason
	s.do("dora", ReadingLocked, r, 0, m{"reading": r, "rationale": "calcified leaflets"})
	rec := s.Records().Readings
	last := rec[len(rec)-1]
	if last.ID != r || len(last.DerivedFrom) != 3 || last.Method != "third" || last.Rationale != "calcified leaflets" || !slices.Contains(firsts, last.DerivedFrom[0]) {
		t.Errorf("%+v", last)
	}
	if strings.Contains(everything(t, s, "ann"), "calcified") {
		t.Error("a reader sees the decision")
	}
	// A computed result, then the coordinator's view when reading is over.
	result := m{"case": id, "method": "majority", "rationale": "2 of 3", "derived_from": last.DerivedFrom, "answers": []m{{"item": "severity", "choice": []string{"mild"}}}}
	s.do("cora", Decided, "", 0, result)
	result["derived_from"] = []string{"nothing"}
	s.refused(fault.Input, "cora", Decided, "", 0, result)
	if _, err := s.RecordsFor("cora"); !errors.Is(err, ErrDenied) {
		t.Error("agreement while there is reading")
	}
	s.refused(fault.Usage, "cora", Exported, "", 0, m{"formats": []string{"csv"}})
	s.do("cora", PhaseSet, "", 0, m{"phase": Adjudicating})
	if got, err := s.RecordsFor("cora"); err != nil || len(got.Readers) != 5 {
		t.Errorf("%v", err)
	}
	if _, err := s.Names("cora"); !errors.Is(err, ErrDenied) {
		t.Error("names without unblinding")
	}
	s.refused(fault.Input, "eve", Unblinded, "", 0, m{"member": "cora", "reason": " "})
	s.do("eve", Unblinded, "", 0, m{"member": "cora", "reason": "the paper is written"})
	if names, err := s.Names("cora"); err != nil || len(names) != 8 {
		t.Errorf("%v, %v", names, err)
	}
	s.do("cora", TruthSigned, "", 0, m{"version": 1, "digest": "d", "ed25519_public_key": "k", "signature": "s"})
}

// TestPreference: the sides are shown as A and B by chance, nothing says which is the model's.
func TestPreference(t *testing.T) {
	s := newStudy(t, "panel", 6)
	for _, who := range []string{"ann", "net"} {
		for _, task := range s.tasks(who) {
			s.read(who, task, map[string]string{"ann": "mild", "net": "severe"}[who])
		}
	}
	s.do("cora", ProtocolSet, "", 0, m{"yaml": "version: 1\nrevision: 2\ndesign: {kind: preference, ai: net}\nitems: [{name: better, kind: preference, required: true}]\n"})
	s.refused(fault.Input, "cora", Assigned, "", 0, nil) // ann would judge her own, with nobody else's to set against it
}

// TestLayout: the same seed gives the same layout, another one another; readers are balanced and sides fair.
func TestLayout(t *testing.T) {
	readers := []*Member{}
	for _, n := range []string{"d", "b", "a", "c"} {
		readers = append(readers, &Member{Name: n, Roles: []policy.Role{policy.Reader}})
	}
	readers = append(readers, &Member{Name: "net", Model: "x 1", Roles: []policy.Role{policy.Service}})
	var cases []string
	for i := range 30 {
		cases = append(cases, string(rune('A'+i)))
	}
	form := func(list []*Assignment) (out []string) {
		for _, a := range list {
			out = append(out, strings.Join([]string{a.Reader, a.Case, a.Arm, string(rune('0' + a.Session)), string(rune(a.Order))}, " "))
		}
		return out
	}
	for _, d := range []protocol.Design{{Kind: protocol.Independent, Readers: 3, Repeat: 20}, {Kind: protocol.Panel}, {Kind: protocol.Sequential, AI: "net"}, {Kind: protocol.Crossed, AI: "net", WashoutDays: 28}} {
		one, err := layout(d, 5, readers, cases, nil)
		if err != nil {
			t.Fatal(err)
		}
		shuffled := slices.Clone(readers)
		slices.Reverse(shuffled)
		two, _ := layout(d, 5, shuffled, cases, nil)
		other, _ := layout(d, 6, readers, cases, nil)
		if !slices.Equal(form(one), form(two)) || slices.Equal(form(one), form(other)) {
			t.Errorf("%s: the seed does not decide", d.Kind)
		}
		load := map[string]int{}
		for _, a := range one {
			if a.Session == 1 && a.Arm == protocol.Unaided {
				load[a.Reader]++
			}
		}
		if d.Kind == protocol.Independent {
			for _, r := range readers[:4] {
				if n := load[r.Name]; n < 22 || n > 23 { // 90 readings of 4 readers
					t.Errorf("%s has %d cases", r.Name, n)
				}
			}
		}
	}
	if _, err := layout(protocol.Design{Kind: protocol.Independent, Readers: 9}, 1, readers, cases, nil); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	// Sides: of 400 preferences the model is first in about half (binomial, 4 SD).
	first := 0
	var many []string
	for i := range 100 {
		many = append(many, string(rune(1000+i)))
	}
	list, err := layout(protocol.Design{Kind: protocol.Preference, AI: "net"}, stats.Seed(3), readers, many, func(id string) []*Reading {
		return []*Reading{{ID: "machine", Reader: "net"}, {ID: "human", Reader: "x"}}
	})
	if err != nil || len(list) != 400 {
		t.Fatal(len(list), err)
	}
	for _, a := range list {
		if a.Sources[0] == "machine" {
			first++
		}
	}
	if first < 160 || first > 240 {
		t.Errorf("the model is first in %d of 400", first)
	}
}

func FuzzOp(f *testing.F) {
	s := newStudy(f, "panel", 1)
	r := s.do("ann", ReadingOpened, s.tasks("ann")[0].Assignment, 0, nil).Object
	f.Add("answer.put", "", 0, `{"reading":"`+r+`","answer":{"item":"note","text":"x"}}`)
	f.Add("answer.put", "", 0, `{"reading":"`+r+`","answer":{"item":"lv","image":1,"mask":{"rows":64,"columns":80,"runs":[5120]}}}`)
	f.Add("reading.time", "", 0, `{"reading":"`+r+`","seconds":1e308}`)
	f.Add("reading.lock", r, 0, ``)
	f.Add("comment", "", 0, `{"reading":"`+r+`","text":"x","image":-1}`)
	f.Fuzz(func(t *testing.T, kind, object string, base int, data string) {
		_, err := s.Do(context.Background(), "ann", Op{Kind: Kind(kind), Object: object, Base: base, Data: json.RawMessage(data)})
		if err != nil && fault.CodeOf(err) == fault.Internal {
			t.Fatal(err)
		}
		if v, err := s.Reading("ann", r); err != nil || v.Reader != "ann" {
			t.Fatal("the reading is lost")
		}
	})
}
