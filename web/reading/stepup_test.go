package reading

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
)

// TestWhatNeedsAProof: every route and every kind of op, and what is in no table.
func TestWhatNeedsAProof(t *testing.T) {
	for kind := range kinds {
		if _, ok := opAsks[kind]; !ok {
			t.Errorf("opAsks does not say what %s asks of the policy: it would need a fresh proof", kind)
		}
	}
	for kind, want := range map[annotate.Kind]bool{annotate.Unblinded: true, annotate.Exported: true, annotate.TruthSigned: true, "made up": true, "": true,
		annotate.AnswerPut: false, annotate.ReadingLocked: false, annotate.PhaseSet: false, annotate.MemberAdded: false} {
		if opNeedsProof(kind) != want {
			t.Errorf("op %q: %v", kind, !want)
		}
	}
	for _, a := range policy.Actions {
		want := a == policy.Unblind || a == policy.Export || a == policy.SignTruth
		if rt := (route{Asks: []policy.Action{policy.ViewCase, a}}); rt.needsProof() != want {
			t.Errorf("a route that asks for %q: %v", a, !want)
		}
	}
	for _, rt := range (&Server{}).routes() {
		if rt.ByKind && rt.Path != "/api/ops" {
			t.Errorf("%s does not go by an op's kind", rt.Path)
		}
	}
}

func (s *site) session(b *browser) (v sessionView) {
	s.t.Helper()
	b.get("/api/session").into(s.t, &v)
	return v
}

func TestStepUp(t *testing.T) {
	st := newStudy(t, "panel", loop)
	c := newClock()
	s := serveIt(t, st, Options{now: c.now})
	eve := s.as("eve")
	unblind := m{"kind": "unblind", "data": m{"member": "cora", "reason": "a query of the ethics committee"}}
	ask := func(b *browser, want int, code string) {
		t.Helper()
		r := b.send("POST", "/api/ops", unblind)
		var v refusal
		_ = json.Unmarshal([]byte(r.body), &v)
		if r.status != want || v.Code != code {
			t.Errorf("%d %s, want %d %s", r.status, r.body, want, code)
		}
	}
	step := func(b *browser, password string) reply {
		return b.send("POST", "/api/session/step-up", m{"password": password})
	}
	if v := s.session(eve); v.Fresh != 0 || v.Name != "eve" || strings.Join(v.Proofs, " ") != "password" {
		t.Errorf("%+v", v)
	}
	ask(eve, 403, codeStepUp) // although they have just logged in
	if r := step(eve, password("ann")); r.status != 403 || !strings.Contains(r.body, codeStepUp) {
		t.Errorf("another's password: %d %s", r.status, r.body)
	}
	ask(eve, 403, codeStepUp)
	if r := step(eve, password("eve")); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if v := s.session(eve); v.Fresh != 300 {
		t.Errorf("%+v", v)
	}
	ask(eve, 200, "")
	c.add(5*time.Minute - time.Second)
	ask(eve, 200, "")
	c.add(time.Second)
	ask(eve, 403, codeStepUp) // five minutes are over

	// A proof is one session's: not another's of the same member, nor of the next after logging in again.
	if step(eve, password("eve")).status != 204 {
		t.Fatal("no proof")
	}
	ask(s.as("eve"), 403, codeStepUp)
	if eve.send("POST", "/api/session", m{"name": "eve", "password": password("eve")}).status != 204 {
		t.Fatal("no login")
	}
	ask(eve, 403, codeStepUp)

	// It gives nobody what they may not do.
	ann := s.as("ann")
	if step(ann, password("ann")).status != 204 {
		t.Fatal("no proof")
	}
	ask(ann, 403, "usage")

	// Guessing is slowed down as it is for logins, together with them.
	for i := range 20 {
		if r := step(eve, "a wrong password, and long"); r.status == 429 {
			if i < 5 || r.header.Get("Retry-After") == "" {
				t.Errorf("guess %d: %d", i, r.status)
			}
			if r := step(eve, password("eve")); r.status != 429 {
				t.Errorf("the right one meanwhile: %d", r.status)
			}
			return
		}
	}
	t.Error("guesses are not slowed down")
}

// TestStepUpOverASocket: ops of a socket need the same proof.
func TestStepUpOverASocket(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	eve := s.as("eve")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r := eve.request("GET", "/api/events", nil)
	c, _, err := websocket.Dial(ctx, s.url+"/api/events", &websocket.DialOptions{HTTPHeader: r.Header})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, want := range []string{codeStepUp, ""} {
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"id":"u`+want+`","kind":"unblind","data":{"member":"cora","reason":"asked for"}}`)); err != nil {
			t.Fatal(err)
		}
		for {
			_, b, err := c.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var v message
			if json.Unmarshal(b, &v) != nil || v.Refused == nil && v.Receipt == nil {
				continue
			}
			if (v.Refused != nil) != (want != "") || v.Refused != nil && (v.Refused.Code != want || v.Refused.Status != 403) {
				t.Errorf("%s", b)
			}
			break
		}
		if r := eve.send("POST", "/api/session/step-up", m{"password": password("eve")}); r.status != 204 {
			t.Fatal(r.status)
		}
	}
}
