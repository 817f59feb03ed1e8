package annotate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// pooled is a study whose cases wait for whoever is free, n readings each.
func pooled(t *testing.T, n, cases int) *study {
	t.Helper()
	return newStudy(t, fmt.Sprintf("independent, readers: %d, pool: true", n), cases)
}

func (s *study) mask(who string) string { return s.state.members[who].Mask }

// TestPool: readers take one case after the other, none twice, none more than the design wants; nobody hoards or chooses.
func TestPool(t *testing.T) {
	s := pooled(t, 2, 3)
	if len(s.tasks("ann")) != 0 {
		t.Fatal("a pool was dealt out")
	}
	if v, err := s.Pool("ann"); err != nil || !v.Left || v.Holding || v.Counts != nil {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := s.Pool("cora"); err != nil || v.Left || *v.Counts != (PoolCounts{Open: 6}) {
		t.Errorf("%+v, %v", v, err)
	}
	for _, who := range []string{"dora", "net"} {
		if v, err := s.Pool(who); err != nil || *v != (PoolView{}) {
			t.Errorf("%s: %+v, %v", who, v, err)
		}
	}
	s.refused(fault.Usage, "cora", CaseTaken, "", 0, nil)
	got := map[string][]string{}
	for range 3 {
		for _, who := range []string{"ann", "bob"} {
			e := s.do(who, CaseTaken, "", 0, nil)
			s.refused(fault.Conflict, who, CaseTaken, "", 0, nil) // not before this one is done
			list := s.tasks(who)
			task := list[len(list)-1]
			if task.Assignment != e.Object || task.State != "ready" || task.Order != len(list) {
				t.Errorf("%+v", task)
			}
			got[who] = append(got[who], s.state.assignments[task.Assignment].Case)
			s.read(who, task, "mild")
		}
	}
	for who, list := range got {
		if slices.Sort(list); len(slices.Compact(list)) != 3 {
			t.Errorf("%s got %v", who, list)
		}
	}
	s.refused(fault.NotFound, "carl", CaseTaken, "", 0, nil)
	if v, _ := s.Pool("carl"); v.Left {
		t.Error("there is something left")
	}
	if v, _ := s.Pool("otto"); *v.Counts != (PoolCounts{Done: 6}) {
		t.Errorf("%+v", v.Counts)
	}
	// Readers hear of their own alone, those who know of progress by mask.
	kinds, all := s.kinds("ann")
	if strings.Count(kinds, "case.take") != 3 || strings.Contains(all, s.mask("bob")) {
		t.Errorf("ann is told of %s", kinds)
	}
	if kinds, all := s.kinds("otto"); strings.Count(kinds, "case.take") != 6 || !strings.Contains(all, s.mask("bob")) || strings.Contains(all, s.state.caseOrder[0]) {
		t.Errorf("otto is told of %s", kinds)
	}
	if kinds, _ := s.kinds("carl"); strings.Contains(kinds, "case.take") {
		t.Error("carl is told of others' cases")
	}
	s.Close()
	again, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if list, err := again.Worklist("ann"); err != nil || len(list) != 3 || list[2].State != "locked" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestPoolConcurrent: of many who take at once no two get the same reading, and no case has more readers than the design wants.
func TestPoolConcurrent(t *testing.T) {
	s := newStudyIn(t, "independent, readers: 2, pool: true", 4, Setup)
	names := []string{"ann", "bob", "carl"}
	for i := range 5 {
		name := fmt.Sprintf("r%d", i)
		names = append(names, name)
		s.do("eve", MemberAdded, "", 0, m{"name": name, "roles": []policy.Role{policy.Reader}})
	}
	s.do("cora", PhaseSet, "", 0, m{"phase": InReading})
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]string{}
	for _, who := range names {
		all.Go(func() {
			for i := range 3 { // the same op twice is one; a third is refused
				e, err := s.Do(t.Context(), who, Op{ID: "take", Kind: CaseTaken})
				if err != nil {
					t.Errorf("%s, %d: %v", who, i, err)
					return
				}
				mu.Lock()
				if other := taken[e.Object]; other != "" && other != who {
					t.Errorf("%s and %s have one assignment", other, who)
				}
				taken[e.Object] = who
				mu.Unlock()
			}
		})
	}
	all.Wait()
	of := map[string]int{}
	for id := range taken {
		of[s.state.assignments[id].Case]++
	}
	if len(taken) != 8 || len(of) != 4 {
		t.Fatalf("%d taken of %d cases", len(taken), len(of))
	}
	for id, n := range of {
		if n != 2 {
			t.Errorf("case %s has %d readers", id, n)
		}
	}
}

// TestPoolBlind: whoever was shown another's reading of a case does not get it from the pool, and a reading is not shared with so many that nobody blind is
// left.
func TestPoolBlind(t *testing.T) {
	s := pooled(t, 2, 1)
	a := s.do("ann", CaseTaken, "", 0, nil).Object
	r := s.do("ann", ReadingOpened, a, 0, nil).Object
	s.refused(fault.Input, "ann", ReadingShared, "", 0, m{"reading": r, "with": []string{"bob", "carl"}})
	s.do("ann", ReadingShared, "", 0, m{"reading": r, "with": []string{"bob"}})
	s.do("ann", ReadingShared, "", 0, m{"reading": r, "with": []string{}}) // what was seen stays seen
	s.refused(fault.NotFound, "bob", CaseTaken, "", 0, nil)
	s.do("carl", CaseTaken, "", 0, nil)
	if _, err := s.Reading("carl", r); !errors.Is(err, ErrUnknown) {
		t.Error("carl sees ann's reading")
	}
}

// TestPoolPriority: where the protocol lets the coordinator order cases, the pool gives the first by priority, then by chance.
func TestPoolPriority(t *testing.T) {
	s := newStudy(t, "independent, readers: 1, pool: true, order: priority", 4)
	list, err := s.Unopened("cora")
	if err != nil || len(list) != 4 || list[0].Reader != "" {
		t.Fatalf("%+v, %v", list, err)
	}
	places := []m{{"assignment": list[2].Assignment, "priority": 0.7}, {"assignment": list[1].Assignment, "priority": 0.2}}
	s.do("cora", Ordered, "", 0, m{"by": "entropy", "random_share": 0, "seed": 1, "places": places})
	for i, want := range []int{2, 1, 0, 3} {
		got := s.do("ann", CaseTaken, "", 0, nil).Object
		if got != list[want].Assignment {
			t.Errorf("case %d is not the one that comes next", i+1)
		}
		s.read("ann", s.tasks("ann")[slices.IndexFunc(s.tasks("ann"), func(x Task) bool { return x.Assignment == got })], "mild")
	}
}

// TestPoolForetold: a pool's readings are nobody's before they are taken, also in what is foretold of them and in the study's overview.
func TestPoolForetold(t *testing.T) {
	s := newStudyIn(t, "independent, readers: 2, pool: true", 3, Setup)
	before := len(s.state.assignments)
	s.state.assignments, s.state.tasks, s.state.pool = map[string]*Assignment{}, map[string][]*Assignment{}, nil // as before they were dealt out
	o, err := s.DryRun(t.Context(), "cora", Op{Kind: Assigned})
	if err != nil || len(o.Shares) != 2 || o.Shares[0].Mask != "" || o.Shares[0].Cases != 6 || o.Shares[1].Cases != 3 || before != 9 {
		t.Errorf("%+v, %v, %d", o, err, before)
	}
	s = pooled(t, 1, 2)
	s.do("ann", CaseTaken, "", 0, nil)
	v, err := s.Overview("cora")
	if err != nil || len(v.Cells) != 3 { // ann's, and the model's two
		t.Errorf("%+v, %v", v, err)
	}
}

// TestPutBack: a coordinator puts a case back that nobody has begun; it is somebody else's then.
func TestPutBack(t *testing.T) {
	s := pooled(t, 1, 1)
	s.do("ann", CaseTaken, "", 0, nil)
	back := m{"reader": s.mask("ann"), "case": s.state.caseOrder[0]}
	s.refused(fault.Usage, "ann", PutBack, "", 0, back)
	s.refused(fault.Input, "cora", PutBack, "", 0, m{"reader": s.mask("bob"), "case": s.state.caseOrder[0]})
	s.do("cora", PutBack, "", 0, back)
	if len(s.tasks("ann")) != 0 {
		t.Error("ann still has it")
	}
	s.refused(fault.NotFound, "ann", CaseTaken, "", 0, nil)
	b := s.do("bob", CaseTaken, "", 0, nil).Object
	s.do("bob", ReadingOpened, b, 0, nil)
	s.refused(fault.Conflict, "cora", PutBack, "", 0, m{"reader": s.mask("bob"), "case": s.state.caseOrder[0]})
	if kinds, _ := s.kinds("ann"); !strings.HasSuffix(kinds, "case.take case.return") {
		t.Errorf("ann is told of %s", kinds)
	}
	for _, bad := range []string{"independent, pool: true, repeat: 10", "panel, pool: true"} {
		if _, err := protocol.Read("p", fmt.Appendf(nil, rules, bad)); err == nil {
			t.Errorf("%s is a protocol", bad)
		}
	}
}

// TestDue: a coordinator says by when; readers hear of their own tasks, and what is late is counted.
func TestDue(t *testing.T) {
	s := newStudy(t, "panel", 2)
	s.refused(fault.Usage, "ann", DueSet, "", 0, m{"due": "2026-01-03"})
	for _, bad := range []m{{"due": "tomorrow"}, {"due": "2026-01-03", "arm": "left"}, {"due": "2026-01-03", "reader": "R-none"}, {"due": "2026-13-01"}} {
		s.refused(fault.Input, "cora", DueSet, "", 0, bad)
	}
	s.do("cora", DueSet, "", 0, m{"due": "2026-01-03"})
	s.do("cora", DueSet, "", 0, m{"due": "2026-01-20", "reader": s.mask("bob")})
	s.do("cora", DueSet, "", 0, m{"due": "2026-01-02", "reader": s.mask("ann"), "case": s.state.caseOrder[0]})
	first := s.tasks("ann")[slices.IndexFunc(s.tasks("ann"), func(x Task) bool { return s.state.assignments[x.Assignment].Case == s.state.caseOrder[0] })]
	if first.Due != "2026-01-02" || first.Late {
		t.Errorf("%+v", first)
	}
	s.clock = time.Date(2026, 1, 3, 23, 59, 0, 0, time.UTC)
	if list := s.tasks("ann"); !slices.ContainsFunc(list, func(x Task) bool { return x.Late && x.Due == "2026-01-02" }) || !slices.ContainsFunc(list, func(x Task) bool { return !x.Late && x.Due == "2026-01-03" }) {
		t.Errorf("%+v", list) // the last day is not late
	}
	s.clock = s.clock.Add(time.Hour)
	rows, err := s.Progress("cora")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		want := map[string][2]any{s.mask("ann"): {2, "2026-01-02"}, s.mask("bob"): {0, "2026-01-20"}, s.mask("carl"): {2, "2026-01-03"}, s.mask("net"): {0, ""}}[row.Reader]
		if row.Late != want[0] || row.Due != want[1] {
			t.Errorf("%+v, want %v", row, want)
		}
	}
	s.read("ann", first, "mild")
	if list := s.tasks("ann"); slices.ContainsFunc(list, func(x Task) bool { return x.State == "locked" && x.Late }) {
		t.Error("what is locked is late")
	}
	s.do("cora", DueSet, "", 0, m{"due": ""})
	if kinds, all := s.kinds("bob"); strings.Count(kinds, "due.set") != 3 || strings.Contains(all, `"due":"2026-01-02"`) {
		t.Errorf("bob is told of %s", kinds)
	}
	if _, all := s.kinds("cora"); strings.Contains(all, first.Assignment) {
		t.Error("cora is told of assignments")
	}
}

// TestRequirements: own worklists and masked progress count required items, and nothing that would tell what was found.
func TestRequirements(t *testing.T) {
	s := newStudy(t, "panel", 2)
	task := s.tasks("ann")[0]
	if q := task.Requirements; len(q) != 1 || q[0].Item != "severity" || q[0].Need != 1 || q[0].Done != 0 {
		t.Fatalf("%+v", q)
	}
	r := s.do("ann", ReadingOpened, task.Assignment, 0, nil).Object
	before, _ := s.Progress("cora")
	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "note", "text": "a finding"}})
	after, _ := s.Progress("cora")
	if one, two := js(t, before), js(t, after); one != two {
		t.Errorf("an answer to what is not required shows: %s, %s", one, two)
	}
	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	if q := s.tasks("ann")[0].Requirements; q[0].Done != 1 {
		t.Errorf("%+v", q)
	}
	rows, _ := s.Progress("otto")
	for _, row := range rows {
		want := RequirementProgress{"severity", 2, 0}
		if row.Reader == s.mask("ann") {
			want.Done = 1
		}
		if len(row.Requirements) != 1 || row.Requirements[0] != want {
			t.Errorf("%+v", row)
		}
	}
}

func js(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOnScreen: what was on the screen is logged with the time, bounded, and shown to nobody else while there is reading.
func TestOnScreen(t *testing.T) {
	s, r := sharing(t)
	s.clock = s.clock.Add(time.Hour)
	shown := func(more m) m {
		x := m{"image": 1, "from": 0, "to": 3, "seconds": 5}
		for k, v := range more {
			x[k] = v
		}
		return m{"reading": r, "seconds": 10, "shown": []m{x}}
	}
	s.do("ann", TimeSpent, "", 0, shown(nil))
	s.do("ann", TimeSpent, "", 0, shown(m{"center": 40, "width": 80}))
	s.do("ann", TimeSpent, "", 0, shown(nil))
	if got := s.state.readings[r].Screen; len(got) != 2 || got[0].Seconds != 10 || *got[1].Width != 80 {
		t.Errorf("%+v", got)
	}
	for _, bad := range []m{{"image": 2}, {"image": 0}, {"to": 4}, {"from": 3, "to": 2}, {"seconds": 0}, {"seconds": 12}, {"center": 1}, {"center": 1, "width": 0}, {"width": 5}} {
		s.refused(fault.Input, "ann", TimeSpent, "", 0, shown(bad))
	}
	many := shown(nil)
	many["shown"] = slices.Repeat([]m{{"image": 1, "from": 0, "to": 0, "seconds": 1}}, maxShown+1)
	s.refused(fault.Input, "ann", TimeSpent, "", 0, many)
	// A colleague's time is their own; neither is more than what has passed.
	s.do("bob", TimeSpent, "", 0, m{"reading": r, "seconds": 3600})
	s.refused(fault.Input, "bob", TimeSpent, "", 0, m{"reading": r, "seconds": 10})
	s.do("ann", TimeSpent, "", 0, m{"reading": r, "seconds": 1000})
	for _, who := range []string{"ann", "bob", "carl", "dora", "cora", "otto", "eve", "net"} {
		if all := everything(t, s, who); strings.Contains(all, `"center"`) && who != "ann" {
			t.Errorf("%s knows what was on ann's screen", who)
		}
	}
	s.do("ann", AnswerPut, "", 0, m{"reading": r, "answer": m{"item": "severity", "choice": []string{"mild"}}})
	s.do("ann", ReadingLocked, r, 0, nil)
	if rec := s.Records().Readings; rec[len(rec)-1].Screen[0].Seconds != 10 && rec[0].Screen[0].Seconds != 10 {
		t.Errorf("%+v", rec)
	}
	// However much comes, the summary stays small and loses no time.
	var big Reading
	for i := range 2000 {
		w := float64(i + 1)
		big.onScreen([]Shown{{Image: 1 + i%2, From: i % 50, To: i % 50, Seconds: 1, Center: &w, Width: &w}})
	}
	sum := 0.
	for _, x := range big.Screen {
		sum += x.Seconds
	}
	if len(big.Screen) > maxOnScreen+1 || sum != 2000 {
		t.Errorf("%d entries, %v s", len(big.Screen), sum)
	}
}
