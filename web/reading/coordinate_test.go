package reading

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/export"
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

// TestExport: one zip with what the command writes, after reading; the log has its digest, and nothing is left on the disk.
func TestExport(t *testing.T) {
	s := contested(t)
	s.phase(annotate.Adjudicating)
	cora := s.as("cora")
	if r := cora.send("POST", "/api/export", m{"formats": []string{"docx"}}); r.status != http.StatusForbidden && r.status != http.StatusBadRequest {
		t.Errorf("%d %s", r.status, r.body)
	}
	cora.prove("cora")
	for _, bad := range []m{{"formats": []string{}}, {"formats": []string{"csv", "docx"}}, {"formats": []string{"../../x"}}} {
		if r := cora.send("POST", "/api/export", bad); r.status != http.StatusBadRequest {
			t.Errorf("%v: %d %s", bad, r.status, r.body)
		}
	}
	r := cora.send("POST", "/api/export", m{"formats": []string{"csv", "sr", "coco"}})
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/zip" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	files := unzip(t, r.body)
	var man export.Manifest
	if err := json.Unmarshal(files[export.ManifestFile], &man); err != nil || len(man.Files) != len(files)-1 || man.Readings != 9 {
		t.Fatalf("%v %+v of %d files", err, man, len(files))
	}
	want := filepath.Join(t.TempDir(), "out")
	if _, err := export.Write(t.Context(), s.Records(), s.Project.Head(), []string{"csv"}, want); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(want, "readings.csv")); err != nil || !bytes.Equal(b, files["readings.csv"]) {
		t.Errorf("the zip's table is not the command's: %v", err)
	}
	digest, _ := man.Digest()
	if log, err := os.ReadFile(filepath.Join(s.Dir(), annotate.LogFile)); err != nil || !bytes.Contains(log, []byte(digest)) {
		t.Errorf("the project's log does not have the export's digest: %v", err)
	}

	// As a browser does it.
	var job exportView
	first := cora.send("POST", "/api/exports", m{"formats": []string{"csv"}})
	if first.status != http.StatusAccepted || json.Unmarshal([]byte(first.body), &job) != nil {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for job.State != "ready" {
		cora.get("/api/exports/"+job.ID).into(t, &job)
		if job.State == "failed" {
			t.Fatalf("%+v", job.Refused)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if job.Files != 2 || job.Readings != 9 || job.Bytes == 0 {
		t.Errorf("%+v", job)
	}
	if r := s.as("cora").get("/api/exports/" + job.ID + "/zip"); r.status != http.StatusNotFound {
		t.Errorf("another session fetches it: %d", r.status)
	}
	zipped := cora.get("/api/exports/" + job.ID + "/zip")
	if got := unzip(t, zipped.body); len(got) != 2 || !bytes.Equal(got["readings.csv"], files["readings.csv"]) {
		t.Errorf("%d files", len(got))
	}
	if zipped.header.Get("Content-Disposition") == "" || zipped.header.Get("Content-Length") != fmt.Sprint(job.Bytes) {
		t.Errorf("%v", zipped.header)
	}
	waitFor(t, "the export to be taken away", func() bool {
		left, _ := filepath.Glob(filepath.Join(s.Dir(), exportPrefix+"*"))
		return len(left) == 0
	})
	if r := cora.get("/api/exports/" + job.ID); r.status != http.StatusNotFound {
		t.Errorf("it can be had twice: %d", r.status)
	}
}

// TestExportsAreGivenUp: with the session, when they are told to, and when the server ends; there is room for two.
func TestExportsAreGivenUp(t *testing.T) {
	s := contested(t)
	s.phase(annotate.Closed)
	cora := s.as("cora")
	cora.prove("cora")
	begin := func() (out exportView) {
		r := cora.send("POST", "/api/exports", m{"formats": []string{"csv"}})
		_ = json.Unmarshal([]byte(r.body), &out)
		if r.status == http.StatusConflict {
			out.State = "full"
		}
		return out
	}
	one, two := begin(), begin()
	if one.ID == "" || two.ID == "" || begin().State != "full" {
		t.Errorf("%+v %+v: there is room for two", one, two)
	}
	if r := cora.send("DELETE", "/api/exports/"+one.ID, nil); r.status != http.StatusNoContent {
		t.Errorf("%d %s", r.status, r.body)
	}
	waitFor(t, "room", func() bool { return s.running() == 1 })
	if r := cora.send("DELETE", "/api/session", nil); r.status != http.StatusNoContent {
		t.Errorf("%d", r.status)
	}
	waitFor(t, "the session's export to end", func() bool { return s.running() == 0 })
	if err := os.Mkdir(filepath.Join(s.Dir(), exportPrefix+"of-one-that-was-killed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sweepExports(s.Dir()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), exportPrefix+"*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func (s *site) running() int {
	s.coordinate.exports.mu.Lock()
	defer s.coordinate.exports.mu.Unlock()
	return s.coordinate.exports.n
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func unzip(t *testing.T, body string) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	if last := z.File[len(z.File)-1].Name; last != export.ManifestFile {
		t.Errorf("the last file is %s: a zip that was cut could have a manifest", last)
	}
	return out
}

// TestAudit: an auditor sees readers by mask, pages and filters; a changed entry shows.
func TestAudit(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	ann := s.as("ann")
	for range 5 {
		ann.get("/api/worklist")
	}
	ann.get("/api/audit")
	otto := s.as("otto")
	var page auditPage
	r := otto.get("/api/audit?limit=3")
	r.into(t, &page)
	mask := s.maskOf("ann")
	if !page.Masked || strings.Contains(r.body, `"ann"`) || len(page.Entries) != 3 || page.Next == 0 || page.Access.Broken != "" || page.Access.Entries != int64(page.Matches) {
		t.Errorf("%s", r.body)
	}
	otto.get("/api/audit?who="+mask+"&event=query&limit=4").into(t, &page)
	if page.Matches != 6 || len(page.Entries) != 4 || page.Entries[0].Seq < page.Entries[1].Seq {
		t.Errorf("%+v", page)
	}
	seen, next := page.Entries[3].Seq, page.Next
	page = auditPage{}
	otto.get(fmt.Sprintf("/api/audit?who=%s&event=query&limit=4&before=%d", mask, next)).into(t, &page)
	if len(page.Entries) != 2 || page.Entries[0].Seq >= seen || page.Next != 0 {
		t.Errorf("%+v", page)
	}
	otto.get("/api/audit?event=refused").into(t, &page)
	if page.Matches != 1 || page.Entries[0].Who != mask || page.Entries[0].Route != "GET /api/audit" {
		t.Errorf("%+v", page)
	}
	for _, q := range []string{"limit=0", "limit=x", "limit=100000", "before=-1", "before=x"} {
		if r := otto.get("/api/audit?" + q); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", q, r.status)
		}
	}
	s.as("eve").get("/api/audit?who=ann").into(t, &page)
	if page.Masked || page.Matches == 0 {
		t.Errorf("an administrator: %+v", page)
	}
	s.phase(annotate.Closed)
	otto.get("/api/audit?who=ann").into(t, &page)
	if page.Masked || page.Matches == 0 {
		t.Errorf("an auditor of a closed study: %+v", page)
	}
	// Somebody changes an entry on the disk.
	path := filepath.Join(s.Dir(), AccessFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("/api/worklist"), []byte("/api/WORKLIST"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	otto.get("/api/audit").into(t, &page)
	if !strings.Contains(page.Access.Broken, "entry ") {
		t.Errorf("%+v", page.Access)
	}
}

// TestCasesFromFolders: studies of a folder that was allowed become cases; a browser is told numbers, and no path, UID or patient.
func TestCasesFromFolders(t *testing.T) {
	dir := t.TempDir()
	for n := range 3 {
		loop(t, dir, 20+n)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("Secret^Person"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	st := newStudy(t, "panel", loop)
	s := serveIt(t, st, Options{Sources: []Source{{Name: "ward", Path: dir}, {Name: "gone", Path: filepath.Join(dir, "gone")}}})
	cora := s.as("cora")
	var names struct{ Sources []string }
	cora.get("/api/study/sources").into(t, &names)
	if !slices.Equal(names.Sources, []string{"ward", "gone"}) {
		t.Errorf("%v", names)
	}
	var out found
	r := cora.send("POST", "/api/study/sources/search", m{"source": "ward"})
	r.into(t, &out)
	for _, word := range append(secrets, dir, "Secret") {
		if strings.Contains(r.body, word) {
			t.Errorf("the search tells %q", word)
		}
	}
	if len(out.Studies) != 3 || out.Skipped != 1 || out.Studies[0].Frames != 4 || out.Studies[1].Patient != 1 || out.Studies[0].There {
		t.Fatalf("%s", r.body)
	}
	cora.send("POST", "/api/study/sources/search", m{"source": "ward", "min_frames": 5}).into(t, &out)
	if len(out.Studies) != 0 {
		t.Errorf("%+v", out)
	}
	cora.send("POST", "/api/study/sources/search", m{"source": "ward"}).into(t, &out)
	ids := []string{out.Studies[0].ID, out.Studies[2].ID}
	var added struct{ Added, There int }
	cora.send("POST", "/api/study/cases", m{"source": "ward", "studies": ids}).into(t, &added)
	if added.Added != 2 {
		t.Errorf("%+v", added)
	}
	cora.send("POST", "/api/study/cases", m{"source": "ward", "studies": ids[:1]}).into(t, &added)
	if added.Added != 0 || added.There != 1 {
		t.Errorf("%+v", added)
	}
	cora.send("POST", "/api/study/sources/search", m{"source": "ward", "anew": true}).into(t, &out)
	if !out.Studies[0].There || out.Studies[1].There || !out.Studies[2].There {
		t.Errorf("%+v", out)
	}
	cases := s.Records().Cases
	if len(cases) != 3 || cases[1].Patient != cases[2].Patient || strings.Contains(cases[1].Patient, "MRN") || len(cases[1].Patient) != 24 {
		t.Errorf("one patient has one pseudonym that says nothing: %q %q", cases[1].Patient, cases[2].Patient)
	}
	for _, c := range []struct {
		req  m
		want int
	}{{m{"source": dir}, 404}, {m{"source": "../x"}, 404}, {m{"source": "gone"}, 404}, {m{"source": "ward", "path": "/etc"}, 400}} {
		if r := cora.send("POST", "/api/study/sources/search", c.req); r.status != c.want || strings.Contains(r.body, dir) {
			t.Errorf("%v: %d %s", c.req, r.status, r.body)
		}
	}
	if r := cora.send("POST", "/api/study/cases", m{"source": "ward", "studies": []string{"x"}}); r.status != http.StatusNotFound {
		t.Errorf("a study that is not there: %d", r.status)
	}
	if st, err := os.Stat(filepath.Join(s.Dir(), keyFile)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key of the pseudonyms: %v %v", st, err)
	}
}

// TestSourcesFile: strict, relative to the project, none where there is none.
func TestSourcesFile(t *testing.T) {
	dir := t.TempDir()
	if got, err := ReadSources(dir); err != nil || got != nil {
		t.Errorf("%v %v", got, err)
	}
	for text, ok := range map[string]bool{"version: 1\nsources: [{name: a, path: b}, {name: c, path: /d}]\n": true, "version: 2\n": false, "version: 1\nsources: [{name: a}]\n": false, "version: 1\nsource: []\n": false} {
		if err := os.WriteFile(filepath.Join(dir, SourcesFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSources(dir)
		if (err == nil) != ok || ok && (got[0].Path != filepath.Join(dir, "b") || got[1].Path != "/d") {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}
