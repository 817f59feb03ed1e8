package reading

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/policy"
)

// contested is a study of three cases that two readers have read: they agree on the first, and differ on the others.
func contested(t *testing.T) *site {
	t.Helper()
	st := newStudy(t, "panel", loop, loop, loop)
	s := serveIt(t, st, Options{})
	for _, who := range []string{"ann", "bob", "carl"} {
		for _, task := range s.tasks(who) {
			choice := "none"
			if pics, _ := s.Pictures(who, task.Assignment); who == "bob" && !strings.HasSuffix(pics[0].SOP, "90") {
				choice = "severe"
			}
			st.read(who, task, choice)
		}
	}
	return s
}

// prove is the password once more, where the server asks for it.
func (b *browser) prove(name string) {
	b.t.Helper()
	b.send("POST", "/api/session/step-up", m{"password": password(name)})
}

func (s *site) phase(p annotate.Phase) { s.do("cora", annotate.PhaseSet, "", 0, m{"phase": p}) }

// maskOf is a member's mask, which those who look at the study are not told.
func (s *site) maskOf(name string) string {
	s.t.Helper()
	names, err := s.Names("eve")
	if err != nil {
		s.t.Fatal(err)
	}
	for mask, n := range names {
		if n == name {
			return mask
		}
	}
	s.t.Fatalf("%s has no mask", name)
	return ""
}

// TestOverview: a coordinator sees masks, numbers and states; an administrator names; an auditor how far readers are and no cases.
func TestOverview(t *testing.T) {
	st := newStudy(t, "panel", loop, loop)
	s := serveIt(t, st, Options{})
	st.read("ann", s.tasks("ann")[0], "mild")
	st.do("bob", annotate.ReadingOpened, s.tasks("bob")[0].Assignment, 0, nil)
	var o, full, audit studyView
	r := s.as("cora").get("/api/study")
	r.into(t, &o)
	if o.Phase != annotate.InReading || o.Protocol.Revision != 1 || len(o.Cases) != 2 || len(o.Readers) != 5 || len(o.Members) != 0 {
		t.Fatalf("%s", r.body)
	}
	states := map[string]int{}
	for _, c := range o.Cells {
		states[c.State]++
	}
	if want := (map[string]int{"locked": 1, "draft": 1, "ready": 6}); fmt.Sprint(states) != fmt.Sprint(want) { // three readers and the model, two cases each
		t.Errorf("%v, want %v", states, want)
	}
	if o.Cases[0].Number != 1 || o.Cases[0].Frames != 4 || o.Cases[0].Patient != 1 || o.Cases[1].Patient != 2 {
		t.Errorf("%+v", o.Cases)
	}
	if slices.Contains(o.May, policy.ViewAgreement) || !slices.Contains(o.May, policy.ManageStudy) {
		t.Errorf("a coordinator may %v", o.May)
	}
	for _, row := range o.Readers {
		if row.Name != "" || row.AI || !strings.HasPrefix(row.Reader, "R-") {
			t.Errorf("a coordinator is shown %+v", row)
		}
	}
	s.as("eve").get("/api/study").into(t, &full)
	if len(full.Members) != 8 || len(full.CanLogIn) != 8 {
		t.Errorf("an administrator sees %d members, of whom %v can log in", len(full.Members), full.CanLogIn)
	}
	for _, row := range full.Readers {
		if row.AI != (row.Name == "net") || row.Name == "ann" && (row.Locked != 1 || row.Assigned != 2) {
			t.Errorf("an administrator is shown %+v", row)
		}
	}
	s.as("otto").get("/api/study").into(t, &audit)
	if len(audit.Cells) != 0 || len(audit.Cases) != 0 || len(audit.Readers) != 5 {
		t.Errorf("an auditor is shown %+v", audit)
	}
}

// TestCoordinatorWhoReads: of a case that they have to read they are not shown who else reads it, and how far that is.
func TestCoordinatorWhoReads(t *testing.T) {
	st := newStudy(t, "panel", loop, loop)
	st.do("eve", annotate.MemberAdded, "", 0, m{"name": "both", "roles": []policy.Role{policy.Coordinator, policy.Reader, policy.Auditor}})
	o, err := st.Overview("both")
	if err != nil || len(o.Cells) != 8 || o.Cases[0].Hidden {
		t.Fatalf("before they have cases: %+v %v", o, err)
	}
	if _, err := st.Watch("both"); err != nil {
		t.Fatal(err)
	}
	// The next study has them among its readers.
	st = newStudyWith(t, fmt.Sprintf(rules, "panel"), map[string][]policy.Role{"both": {policy.Coordinator, policy.Reader, policy.Auditor}}, loop, loop)
	if o, err = st.Overview("both"); err != nil {
		t.Fatal(err)
	}
	for _, c := range o.Cells {
		if o.Readers[c.Reader].Assigned == 0 || !o.Cases[c.Case].Hidden {
			t.Errorf("%+v", c)
		}
	}
	if len(o.Cells) != 2 {
		t.Errorf("%d cells, want their own two", len(o.Cells))
	}
	if _, err := st.Watch("both"); err != annotate.ErrDenied {
		t.Errorf("who has to read sees who comes and asks: %v", err)
	}
	st.read("both", st.tasks("both")[0], "mild")
	if o, err = st.Overview("both"); err != nil || len(o.Cells) != 6 { // five of the case that is read, one of the other
		t.Errorf("%d cells after one is read, %v", len(o.Cells), err)
	}
}

// TestProtocolIsCheckedBeforeItIsPublished: faults with their lines; the revision that is next; nothing is written.
func TestProtocolIsCheckedBeforeItIsPublished(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	cora := s.as("cora")
	var out checkedProtocol
	cora.send("POST", "/api/study/protocol/check", m{"yaml": "version: 1\nrevision: 2\ndesign: {kind: panel}\nitems:\n  - {name: a, kind: choice}\n"}).into(t, &out)
	if len(out.Faults) != 1 || out.Faults[0].Line != 5 || out.Faults[0].Key != "items[0].options" || out.Protocol != nil {
		t.Errorf("%+v", out)
	}
	good := "version: 1\nrevision: 1\ndesign: {kind: panel}\nitems:\n  - {name: a, kind: text}\n"
	cora.send("POST", "/api/study/protocol/check", m{"yaml": good}).into(t, &out)
	if len(out.Faults) != 1 || out.Faults[0].Line != 2 || out.Faults[0].Text != "revision 2 is next, not 1" {
		t.Errorf("%+v", out)
	}
	good = strings.Replace(good, "revision: 1", "revision: 2", 1)
	cora.send("POST", "/api/study/protocol/check", m{"yaml": good}).into(t, &out)
	if len(out.Faults) != 0 || out.Protocol == nil || out.Protocol.Items[0].Name != "a" {
		t.Errorf("%+v", out)
	}
	var list struct {
		Revisions []annotate.PublishedProtocol
		Next      int
	}
	cora.get("/api/study/protocol").into(t, &list)
	if list.Next != 2 || len(list.Revisions) != 1 || !strings.HasPrefix(list.Revisions[0].YAML, "version: 1") {
		t.Errorf("%+v", list)
	}
	cora.send("POST", "/api/ops", m{"kind": "protocol.publish", "data": m{"yaml": good}})
	cora.get("/api/study/protocol").into(t, &list)
	if list.Next != 3 || list.Revisions[1].Digest == list.Revisions[0].Digest {
		t.Errorf("%+v", list)
	}
}

// TestPreviews change nothing, and say what would be.
func TestPreviews(t *testing.T) {
	st := newStudy(t, "panel", loop, loop)
	s := serveIt(t, st, Options{})
	st.read("ann", s.tasks("ann")[0], "mild")
	st.do("bob", annotate.ReadingOpened, s.tasks("bob")[0].Assignment, 0, nil)
	before := s.Project.Head()
	var out annotate.Outcome
	s.as("cora").send("POST", "/api/study/preview", m{"kind": "phase.set", "data": m{"phase": "adjudication"}}).into(t, &out)
	if p := out.Phase; p == nil || p.From != annotate.InReading || p.Drafts != 1 || p.Locked != 1 || p.NotRead != 6 {
		t.Errorf("%+v", out.Phase)
	}
	if s.Project.Head() != before {
		t.Error("a preview has written")
	}
	fresh := unassigned(t, "crossed, ai: net", loop, loop, loop)
	o, err := fresh.DryRun(t.Context(), "cora", annotate.Op{Kind: annotate.Assigned})
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, sh := range o.Shares {
		cases += sh.Cases
	}
	if cases != 3+3*3*2 { // the model once, three readers in two sessions
		t.Errorf("%d cases in %+v", cases, o.Shares)
	}
	if len(fresh.tasks("ann")) != 0 {
		t.Error("a preview has assigned")
	}
	for _, kind := range []annotate.Kind{annotate.MemberAdded, annotate.Unblinded, annotate.Exported, annotate.ReadingOpened, "nothing"} {
		if r := s.as("cora").send("POST", "/api/study/preview", m{"kind": kind, "data": m{}}); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", kind, r.status, r.body)
		}
	}
}

// TestMembersFromTheBrowser: one password, told once, with which one can log in; a second one ends the first.
func TestMembersFromTheBrowser(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	eve := s.as("eve")
	eve.prove("eve")
	var one, two onePassword
	eve.send("POST", "/api/study/members", m{"name": "gina", "roles": []string{"adjudicator"}, "password": true}).into(t, &one)
	if one.Name != "gina" || len(one.Password) < 20 {
		t.Fatalf("%+v", one)
	}
	gina := s.nobody()
	if r := gina.send("POST", "/api/session", m{"name": "gina", "password": one.Password}); r.status != http.StatusNoContent {
		t.Fatalf("gina can't log in: %d %s", r.status, r.body)
	}
	eve.send("POST", "/api/study/passwords", m{"name": "gina"}).into(t, &two)
	if r := s.nobody().send("POST", "/api/session", m{"name": "gina", "password": one.Password}); r.status != http.StatusUnauthorized {
		t.Errorf("the older password still holds: %d", r.status)
	}
	if r := s.nobody().send("POST", "/api/session", m{"name": "gina", "password": two.Password}); r.status != http.StatusNoContent {
		t.Errorf("the newer one does not: %d", r.status)
	}
	var o studyView
	eve.get("/api/study").into(t, &o)
	if !slices.Contains(o.CanLogIn, "gina") {
		t.Errorf("%v", o.CanLogIn)
	}
	b, err := os.ReadFile(filepath.Join(s.Dir(), AccessFile))
	if err != nil || bytes.Contains(b, []byte(one.Password)) || bytes.Contains(b, []byte(two.Password)) || !bytes.Contains(b, []byte(`"kind":"password.set"`)) {
		t.Errorf("the access log has a password, or does not say that there is one: %v", err)
	}
	// A model has no password unless it is asked for, and a name that is none is refused before a password is made.
	var net onePassword
	eve.send("POST", "/api/study/members", m{"name": "net2", "roles": []string{"service"}, "model": "lvnet 2", "password": false}).into(t, &net)
	if net.Password != "" {
		t.Error("a password that nobody asked for")
	}
	if r := eve.send("POST", "/api/study/members", m{"name": "../x", "roles": []string{"reader"}, "password": true}); r.status != http.StatusBadRequest {
		t.Errorf("%d %s", r.status, r.body)
	}
	if _, ok := s.users.Stamp("../x"); ok {
		t.Error("a user without a member")
	}
}

// TestAgreementInTheBrowser: the page's numbers are those of the command, after reading; charts are files that stand by themselves.
func TestAgreementInTheBrowser(t *testing.T) {
	s := contested(t)
	cora := s.as("cora")
	if r := cora.get("/api/agreement"); r.status != http.StatusForbidden {
		t.Fatalf("agreement while there is reading: %d", r.status)
	}
	s.phase(annotate.Adjudicating)
	want, err := agree.Analyse(t.Context(), s.Records(), agree.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(want)
	if r := cora.get("/api/agreement"); r.body != string(b) {
		t.Errorf("%s\nwant %s", r.body, b)
	}
	var queue struct{ Queue []queued }
	cora.send("POST", "/api/agreement/queue", m{"limits": []m{{"item": "severity", "metric": "steps", "limit": 1}}}).into(t, &queue)
	if len(queue.Queue) != 2 || queue.Queue[0].Number == queue.Queue[1].Number || queue.Queue[0].With {
		t.Errorf("%+v", queue)
	}
	cora.send("POST", "/api/agreement/queue", m{"limits": []m{{"item": "severity", "metric": "steps", "limit": 2}}}).into(t, &queue)
	if len(queue.Queue) != 0 {
		t.Errorf("beyond two steps: %+v", queue)
	}
	if r := cora.send("POST", "/api/agreement/queue", m{"limits": []m{{"item": "severity", "metric": "dice", "limit": 2}}}); r.status != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := cora.get("/api/agreement/chart?kind=pair&item=severity&arm=unaided&a=x&b=y"); r.status != http.StatusNotFound {
		t.Errorf("a chart of nobody: %d", r.status)
	}
	// Once everything is decided the truth is known, and readers have curves.
	s.adjudicate(cora)
	var charts struct{ Charts []map[string]string }
	cora.get("/api/agreement/charts").into(t, &charts)
	if len(charts.Charts) != 1 || charts.Charts[0]["kind"] != "roc" {
		t.Fatalf("%+v", charts)
	}
	r := cora.get("/api/agreement/chart?kind=roc&item=severity&theme=dark")
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(r.body, `<svg xmlns=`) || strings.Contains(r.body, "<script") {
		t.Errorf("%d %v %.200s", r.status, r.header, r.body)
	}
}

// adjudicate sends what is disagreed on to dora, who decides it.
func (s *site) adjudicate(cora *browser) {
	s.t.Helper()
	req := m{"to": []string{s.maskOf("dora")}, "limits": []m{{"item": "severity", "metric": "different"}}, "due": "2026-12-31"}
	var out sent
	cora.send("POST", "/api/adjudication", req).into(s.t, &out)
	if out.Cases != 2 || !slices.Equal(out.Items, []string{"severity"}) {
		s.t.Fatalf("%+v", out)
	}
	for i, task := range s.tasks("dora") {
		dora := s.as("dora")
		var opened receipt
		dora.send("POST", "/api/ops", m{"kind": "reading.open", "object": task.Assignment}).into(s.t, &opened)
		var v annotate.ReadingView
		dora.get("/api/readings/"+opened.Object).into(s.t, &v)
		if len(v.Beside) != 3 || v.Beside[0].Reader != "A" || v.Beside[2].Reader != "C" || v.Reason == "" {
			s.t.Errorf("%+v", v)
		}
		choice := []string{"severe", "none"}[i]
		dora.send("POST", "/api/ops", m{"kind": "answer.put", "data": m{"reading": opened.Object, "answer": m{"item": "severity", "choice": []string{choice}}}})
		if r := dora.send("POST", "/api/ops", m{"kind": "reading.lock", "object": opened.Object, "data": m{"reading": opened.Object}}); r.status != http.StatusUnprocessableEntity {
			s.t.Errorf("locked without a reason: %d %s", r.status, r.body)
		}
		if r := dora.send("POST", "/api/ops", m{"kind": "reading.lock", "object": opened.Object, "data": m{"reading": opened.Object, "rationale": "seen on the pictures"}}); r.status != http.StatusOK {
			s.t.Fatalf("%d %s", r.status, r.body)
		}
	}
}

// TestAdjudicationFromTheBrowser: dry runs write nothing; while there is reading nothing is told but how many; masks that are nobody's are refused.
func TestAdjudicationFromTheBrowser(t *testing.T) {
	s := contested(t)
	cora := s.as("cora")
	dora := s.maskOf("dora")
	// The protocol of this study has no limit: by its own rules nothing is disagreed on.
	var out sent
	cora.send("POST", "/api/adjudication", m{"to": []string{dora}}).into(t, &out)
	if out.Cases != 0 {
		t.Errorf("%+v", out)
	}
	limits := []m{{"item": "severity", "metric": "different"}}
	for _, req := range []m{{"to": []string{dora}, "limits": limits}, {"to": []string{dora}, "dry_run": true}, {"method": "majority", "dry_run": true}, {}, {"to": []string{dora}, "method": "majority"}} {
		if r := cora.send("POST", "/api/adjudication", req); r.status != http.StatusBadRequest {
			t.Errorf("%v while there is reading: %d %s", req, r.status, r.body)
		}
	}
	s.phase(annotate.Adjudicating)
	head := s.Project.Head()
	cora.send("POST", "/api/adjudication", m{"to": []string{dora}, "limits": limits, "dry_run": true}).into(t, &out)
	if out.Cases != 2 || !out.DryRun || s.Project.Head() != head {
		t.Errorf("%+v", out)
	}
	for _, c := range []struct {
		req  m
		want int
	}{
		{m{"to": []string{"R-none"}, "limits": limits}, http.StatusUnprocessableEntity},
		{m{"to": []string{s.maskOf("ann")}, "limits": limits}, http.StatusUnprocessableEntity}, // a reader decides nothing
		{m{"method": "third", "limits": limits}, http.StatusBadRequest},
		{m{"to": []string{dora}, "limits": limits, "due": "tomorrow"}, http.StatusUnprocessableEntity},
	} {
		if r := cora.send("POST", "/api/adjudication", c.req); r.status != c.want {
			t.Errorf("%v: %d %s", c.req, r.status, r.body)
		}
	}
	cora.send("POST", "/api/adjudication", m{"method": "majority", "limits": limits, "dry_run": true}).into(t, &out)
	if out.Cases != 2 || s.Project.Head() != head {
		t.Errorf("%+v", out)
	}
	cora.send("POST", "/api/adjudication", m{"method": "majority", "limits": limits}).into(t, &out)
	r := s.Records()
	last := r.Readings[len(r.Readings)-1]
	if out.Cases != 2 || last.Method != "majority" || last.Answers[0].Choice[0] != "none" || len(last.DerivedFrom) != 3 {
		t.Errorf("%+v %+v", out, last)
	}
}
