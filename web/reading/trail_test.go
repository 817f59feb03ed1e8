package reading

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/trail"
	"github.com/cineloop/cineloop/dicom/audit"
)

// TestTrailFromTheBrowser: login, query, view, annotate, reveal, unblind and config are in the trail when a browser did them, and it is whole.
func TestTrailFromTheBrowser(t *testing.T) {
	st := newStudy(t, "sequential, ai: net", loop)
	s := serveIt(t, st, Options{})
	for _, task := range st.tasks("net") {
		st.read("net", task, "severe")
	}
	ann, eve, cora := s.as("ann"), s.as("eve"), s.as("cora")
	post := func(b *browser, op m) {
		t.Helper()
		if r := b.send("POST", "/api/ops", op); r.status != 200 {
			t.Fatalf("%v: %d %s", op, r.status, r.body)
		}
	}
	var aided string
	for _, arm := range []string{"unaided", "aided"} {
		for _, task := range s.tasks("ann") {
			if task.Arm != arm {
				continue
			}
			ann.get("/api/cases/" + task.Assignment + "/images/1/frames/0")
			post(ann, m{"kind": "reading.open", "object": task.Assignment})
			list := s.tasks("ann")
			i := slices.IndexFunc(list, func(o annotate.Task) bool { return o.Assignment == task.Assignment })
			aided = list[i].Reading
			post(ann, m{"kind": "answer.put", "data": m{"reading": aided, "answer": m{"item": "severity", "choice": []string{"mild"}}}})
			post(ann, m{"kind": "reading.lock", "object": aided})
		}
	}
	if r := eve.send("POST", "/api/session/step-up", m{"password": password("eve")}); r.status != 204 {
		t.Fatal(r.status)
	}
	post(eve, m{"kind": "unblind", "data": m{"member": "cora", "reason": "asked for"}})
	post(eve, m{"kind": "member.add", "data": m{"name": "gus", "roles": []policy.Role{policy.Reader}}})
	post(cora, m{"kind": "phase.set", "data": m{"phase": "adjudication"}})
	cora.get("/api/progress")

	counts := map[string]int{}
	var revealed []string
	if _, err := ledger.Read(filepath.Join(st.Dir(), AccessFile), func(_ int64, b []byte) error {
		var e entry
		if err := json.Unmarshal(b, &e); err != nil {
			return err
		}
		counts[e.Event]++
		if e.Event == trail.Reveal {
			revealed = append(revealed, e.Who+" "+e.Object)
		}
		if (e.Event == trail.Login) != (e.From == "127.0.0.1") {
			t.Errorf("%s", b)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]int{trail.Start: 1, trail.Login: 3, trail.Query: 1, trail.View: 2, trail.Annotate: 6, trail.Reveal: 1, trail.StepUp: 1, trail.Unblind: 1, trail.Config: 2} {
		if counts[event] != want {
			t.Errorf("%s: %d times, want %d", event, counts[event], want)
		}
	}
	if strings.Join(revealed, ",") != "ann "+aided {
		t.Errorf("revealed: %v, want the aided reading %s", revealed, aided)
	}
	if _, err := trail.Verify(st.Dir()); err != nil { // while it is served
		t.Error(err)
	}
	told := map[string]bool{}
	if err := trail.Messages(st.Dir(), trail.MessageOptions{Source: "reading.example"}, func(m *audit.Message) error {
		b, err := m.XML()
		for _, secret := range append(slices.Clone(secrets), "asked for") {
			if !strings.HasPrefix(secret, "2.25.") && strings.Contains(string(b), secret) { // a case's UID by chance begins like a picture's
				t.Errorf("it tells %q: %.300s", secret, b)
			}
		}
		told[m.Event.ID.Meaning] = true
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Application Activity", "User Authentication", "Query", "DICOM Instances Accessed", "Security Alert"} {
		if !told[want] {
			t.Errorf("no %s", want)
		}
	}
}

// TestRoutesThatAreLogged: what leaves or opens the study is in the log whether its route says so or not.
func TestRoutesThatAreLogged(t *testing.T) {
	for _, c := range []struct {
		rt   route
		want string
	}{
		{route{Asks: []policy.Action{policy.Export}}, trail.Export}, {route{Asks: []policy.Action{policy.ViewCase, policy.SignTruth}, Logged: true}, trail.Sign},
		{route{Asks: []policy.Action{policy.Unblind}}, trail.Unblind}, {route{Asks: opActions, ByKind: true}, ""}, {route{Logged: true}, trail.Query}, {route{}, ""},
	} {
		if got := c.rt.event(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.rt.Asks, got, c.want)
		}
	}
}
