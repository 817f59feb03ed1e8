package reading

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
)

// TestEveryRouteAsEveryRole: what each role gets of each route, about a case and a reading that are ann's. Nobody gets what the table
// does not say; a route that the table does not have fails the test.
func TestEveryRouteAsEveryRole(t *testing.T) {
	st := newStudy(t, "independent", loop, loop, loop)
	task := st.tasks("ann")[0]
	reading := st.do("ann", annotate.ReadingOpened, task.Assignment, 0, nil).Object
	s := serveIt(t, st, Options{})
	roles := []string{"", "ann", "bob", "dora", "otto", "cora", "eve", "net"} // nobody, the reader, another, adjudicator, auditor, coordinator, administrator, model
	op := func(kind annotate.Kind, object string, data any) any {
		v := m{"kind": kind, "object": object}
		if data != nil {
			v["data"] = data
		}
		return v
	}
	logged, tried := map[string]*browser{}, map[string]bool{}
	line := m{"shapes": []m{{"image": 1, "kind": "length", "frame": 0, "points": [][2]float64{{10, 10}, {40, 50}}}}}
	for _, c := range []struct {
		method, route, path string
		body                any
		want                string // a status for each of roles
	}{
		{"POST", "/api/session", "", m{"name": "ann", "password": "wrong"}, "401 401 401 401 401 401 401 401"},
		{"GET", "/api/session", "", nil, "401 200 200 200 200 200 200 200"},
		{"POST", "/api/session/step-up", "", m{"password": "wrong"}, "401 403 403 403 403 403 403 403"},
		{"GET", "/api/me", "", nil, "401 200 200 200 200 200 200 200"},
		{"GET", "/api/protocol", "", nil, "401 200 200 200 200 200 200 200"},
		{"GET", "/api/worklist", "", nil, "401 200 200 200 200 200 200 200"}, // one's own: empty for whom nothing is assigned to
		{"GET", "/api/progress", "", nil, "401 403 403 403 200 200 200 403"},
		{"GET", "/api/cases/{id}", "/api/cases/" + task.Assignment, nil, "401 200 404 404 404 404 404 404"},
		{"GET", "/api/cases/{id}/images/{image}/frames/{frame}", "/api/cases/" + task.Assignment + "/images/1/frames/0", nil, "401 200 404 404 404 404 404 404"},
		{"POST", "/api/cases/{id}/measure", "/api/cases/" + task.Assignment + "/measure", line, "401 200 404 404 404 404 404 404"},
		{"GET", "/api/readings/{id}", "/api/readings/" + reading, nil, "401 200 404 404 404 404 404 404"},
		{"GET", "/api/readings/{id}/comments", "/api/readings/" + reading + "/comments", nil, "401 200 404 404 404 404 404 404"},
		{"GET", "/api/shared", "", nil, "401 200 200 200 200 200 200 200"},                                                                // empty for whom nothing was shared with
		{"POST", "/api/live", "", m{"stream": "x", "kind": "presence", "data": m{"reading": reading}}, "401 404 404 404 404 404 404 404"}, // of a stream of one's own: TestTogetherByPost
		{"GET", "/api/pool", "", nil, "401 404 404 404 404 404 404 404"},                                                                  // the study has none: annotate.TestPool
		{"POST", "/api/ops", "", op(annotate.CaseTaken, "", nil), "401 404 404 403 403 403 403 403"},
		{"POST", "/api/ops", "", op(annotate.PutBack, "", m{"reader": "R-x", "case": "x"}), "401 403 403 403 403 422 422 403"},
		{"POST", "/api/ops", "", op(annotate.DueSet, "", m{"due": "soon"}), "401 403 403 403 403 422 422 403"},
		{"POST", "/api/ops", "", op(annotate.AnswerPut, "", m{"reading": reading, "answer": m{"item": "septum", "image": 1, "shapes": line["shapes"]}}), "401 200 404 404 404 404 404 404"},
		{"POST", "/api/ops", "", op(annotate.ReadingOpened, task.Assignment, nil), "401 409 404 404 404 404 404 404"},
		{"POST", "/api/ops", "", op(annotate.ReadingLocked, reading, nil), "401 422 404 404 404 404 404 404"},
		{"POST", "/api/ops", "", op(annotate.ReadingShared, "", m{"reading": reading, "with": []string{"nobody"}}), "401 422 404 404 404 404 404 404"},
		{"POST", "/api/ops", "", op(annotate.Commented, "", m{"reading": reading, "text": "x"}), "401 200 404 404 404 404 404 404"},
		{"POST", "/api/ops", "", op(annotate.MemberAdded, "", m{"name": "ann", "roles": []string{"reader"}}), "401 403 403 403 403 403 409 403"},
		{"POST", "/api/ops", "", op(annotate.PhaseSet, "", m{"phase": "setup"}), "401 403 403 403 403 409 409 403"},
		{"POST", "/api/ops", "", op(annotate.Assigned, "", nil), "401 403 403 403 403 409 409 403"},
		{"POST", "/api/ops", "", op(annotate.Unblinded, "", m{"member": "cora", "reason": ""}), "401 403 403 403 403 403 403 403"}, // needs a fresh proof: TestStepUp
		{"POST", "/api/ops", "", op(annotate.CaseAdded, "", m{"patient": "x", "files": []string{"/etc/passwd"}}), "401 403 403 403 403 403 403 403"},
		{"POST", "/api/ops", "", op(annotate.Exported, "", m{"formats": []string{"csv"}}), "401 403 403 403 403 403 403 403"},
		{"POST", "/api/ops", "", op(annotate.TruthSigned, "", m{}), "401 403 403 403 403 403 403 403"},
		{"POST", "/api/ops", "", op(annotate.ProjectCreated, "", m{}), "401 403 403 403 403 403 403 403"},
		{"POST", "/api/ops", "", op("nothing", "", m{}), "401 403 403 403 403 403 403 403"},
		{"GET", "/api/events", "/api/events?after=x", nil, "401 400 400 400 400 400 400 400"}, // what streams hold: TestBlindInEveryByte
		// Coordinators, administrators and auditors, in the reading phase. A reader is told the same whatever there is.
		{"GET", "/api/study", "", nil, "401 403 403 403 200 200 200 403"},
		{"GET", "/api/study/protocol", "", nil, "401 403 403 403 403 200 200 403"},
		{"POST", "/api/study/protocol/check", "", m{"yaml": "version: 1"}, "401 403 403 403 403 200 200 403"},
		{"POST", "/api/study/preview", "", m{"kind": "phase.set", "data": m{"phase": "adjudication"}}, "401 403 403 403 403 200 200 403"},
		{"POST", "/api/study/preview", "", m{"kind": "assign"}, "401 403 403 403 403 409 409 403"},
		{"POST", "/api/study/preview", "", m{"kind": "adjudication.send", "data": m{}}, "401 403 403 403 403 403 403 403"},
		{"POST", "/api/study/members", "", m{"name": "ann", "roles": []string{"reader"}, "password": true}, "401 403 403 403 403 403 403 403"}, // an administrator proves anew who they are,
		{"POST", "/api/study/passwords", "", m{"name": "nobody"}, "401 403 403 403 403 403 404 403"},
		{"GET", "/api/study/sources", "", nil, "401 403 403 403 403 200 200 403"},
		{"POST", "/api/study/sources/search", "", m{"source": "x"}, "401 403 403 403 403 404 404 403"},
		{"POST", "/api/study/cases", "", m{"source": "/etc", "studies": []string{"x"}}, "401 403 403 403 403 404 404 403"},
		{"GET", "/api/agreement", "", nil, "401 403 403 403 403 403 403 403"},
		{"GET", "/api/agreement/charts", "", nil, "401 403 403 403 403 403 403 403"},
		{"GET", "/api/agreement/chart", "/api/agreement/chart?kind=roc&item=severity", nil, "401 403 403 403 403 403 403 403"},
		{"POST", "/api/agreement/queue", "", m{"limits": []m{}}, "401 403 403 403 403 403 403 403"},
		{"POST", "/api/adjudication", "", m{"to": []string{"R-none"}}, "401 403 403 403 403 422 422 403"},
		{"POST", "/api/adjudication", "", m{"method": "majority", "dry_run": true}, "401 403 403 403 403 400 400 403"},
		{"POST", "/api/export", "", m{"formats": []string{"csv"}}, "401 403 403 403 403 403 403 403"},
		{"POST", "/api/exports", "", m{"formats": []string{"csv"}}, "401 403 403 403 403 403 403 403"},
		{"GET", "/api/exports/{id}", "/api/exports/x", nil, "401 404 404 404 404 404 404 404"},
		{"GET", "/api/exports/{id}/zip", "/api/exports/x/zip", nil, "401 404 404 404 404 404 404 404"},
		{"DELETE", "/api/exports/{id}", "/api/exports/x", nil, "401 404 404 404 404 404 404 404"},
		{"GET", "/api/audit", "", nil, "401 403 403 403 200 403 200 403"},
		{"GET", "/login", "", nil, "200 303 303 303 303 303 303 303"},
		{"POST", "/login", "", m{}, "401 401 401 401 401 401 401 401"},
		{"GET", "/login/oidc", "", nil, "404 404 404 404 404 404 404 404"}, // no issuer here: TestIssuer
		{"GET", "/login/oidc/callback", "", nil, "404 404 404 404 404 404 404 404"},
		{"GET", "/{$}", "/", nil, "303 200 200 200 200 200 200 200"},
		{"GET", "/cases/{id}", "/cases/" + task.Assignment, nil, "303 200 200 200 200 200 200 200"}, // the app, which says nothing
		{"GET", "/study", "", nil, "303 200 200 200 200 200 200 200"},
		{"GET", "/study/{part}", "/study/members", nil, "303 200 200 200 200 200 200 200"},
		{"GET", "/decide/{id}", "/decide/" + task.Assignment, nil, "303 200 200 200 200 200 200 200"},
		{"GET", "/assets/{file}", "/assets/login.css", nil, "200 200 200 200 200 200 200 200"},
		{"GET", "/assets/{file}", "/assets/..%2Findex.html", nil, "404 404 404 404 404 404 404 404"},
		{"DELETE", "/api/session", "", nil, "401 204 204 204 204 204 204 204"},
		{"POST", "/logout", "", nil, "303 303 303 303 303 303 303 303"},
	} {
		path := c.path
		if path == "" {
			path = c.route
		}
		known := false
		for _, r := range s.routes() {
			known = known || r.Method == c.method && r.Path == c.route
		}
		if !known {
			t.Errorf("%s %s is no route", c.method, c.route)
		}
		tried[c.method+" "+c.route] = true
		for i, want := range strings.Fields(c.want) {
			b := s.nobody()
			if roles[i] != "" {
				s.attempts = attempts{} // wrong passwords are part of this
				if logged[roles[i]] == nil {
					logged[roles[i]] = s.as(roles[i])
				}
				b = logged[roles[i]]
				if c.route == "/api/session" && c.method == "DELETE" || c.route == "/logout" {
					delete(logged, roles[i])
				}
			}
			r := b.send(c.method, path, c.body)
			if got := http.StatusText(r.status); statusOf(want) != r.status {
				t.Errorf("%s %s %v as %q: %d %s %s, want %s", c.method, path, c.body, roles[i], r.status, got, r.body, want)
			}
			if r.header.Get("Content-Security-Policy") != contentPolicy {
				t.Errorf("%s %s as %q: policy %q", c.method, path, roles[i], r.header.Get("Content-Security-Policy"))
			}
		}
	}
	for _, r := range s.routes() {
		if !tried[r.Method+" "+r.Path] {
			t.Errorf("nobody tried %s %s", r.Method, r.Path)
		}
	}
	ann := s.as("ann")
	for _, path := range []string{"/nothing", "/api", "/api/", "/api/sessions", "/assets/", "/cases/", "/api/cases", "/events.log", "/users.yaml", "/../events.log", "/debug/pprof/"} {
		if r := ann.get(path); r.status != http.StatusNotFound && r.status/100 != 3 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

func statusOf(s string) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

// TestRoutesAreDocumented: the reference has every route, and every action that it asks is one of the policy's.
func TestRoutesAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/reference/reading-server.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[policy.Action]bool{}
	for _, a := range policy.Actions {
		known[a] = true
	}
	for _, r := range (&Server{}).routes() {
		path := strings.TrimSuffix(r.Path, "{$}")
		if !strings.Contains(string(b), "| `"+r.Method+" "+path+"` | "+r.Does+" |") {
			t.Errorf("docs/reference/reading-server.md lacks: | `%s %s` | %s |", r.Method, path, r.Does)
		}
		for _, a := range r.Asks {
			if !known[a] {
				t.Errorf("%s asks for %q", r.Path, a)
			}
		}
	}
}
