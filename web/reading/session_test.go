package reading

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/internal/access"
)

func TestSessions(t *testing.T) {
	at := newClock()
	s := serveIt(t, newStudy(t, "panel", loop), Options{Idle: 30 * time.Minute, Absolute: 2 * time.Hour, now: at.now})
	b := s.nobody()
	r := b.send("POST", "/api/session", m{"name": "ann", "password": password("ann")})
	c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil || c.Name != "__Host-cineloop-reading" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) < 52 {
		t.Errorf("cookie %+v, %v", c, err)
	}
	status := func(b *browser) int { return b.get("/api/me").status }
	if status(b) != 200 {
		t.Fatal("not logged in")
	}
	for _, other := range []string{"", "x", c.Value[:len(c.Value)-1], c.Value + "A", strings.ToLower(c.Value)} {
		if (&browser{t: t, url: s.url}).withCookie(other).get("/api/me").status != 401 {
			t.Errorf("cookie %q is taken", other)
		}
	}

	// Used every 20 minutes it holds, but not for ever; unused for 30 it does not.
	for range 5 {
		at.add(20 * time.Minute)
		if status(b) != 200 {
			t.Fatal("a session in use has ended")
		}
	}
	at.add(20 * time.Minute)
	if status(b) != 401 {
		t.Error("two hours have passed")
	}
	b = s.as("ann")
	at.add(30 * time.Minute)
	if status(b) != 401 {
		t.Error("a session that was not used goes on")
	}

	// Logging in anew ends the browser's older session; logging out ends it at the server.
	b = s.as("ann")
	first := b.cookie
	if b.send("POST", "/api/session", m{"name": "ann", "password": password("ann")}).status != 204 || b.cookie == first {
		t.Error("the session is the same")
	}
	if (&browser{t: t, url: s.url}).withCookie(first).get("/api/me").status != 401 {
		t.Error("the older session goes on")
	}
	last := b.cookie
	if r := b.send("DELETE", "/api/session", nil); r.status != 204 || !strings.Contains(r.header.Get("Clear-Site-Data"), "cache") {
		t.Errorf("%d %v", r.status, r.header)
	}
	if b.withCookie(last).get("/api/me").status != 401 {
		t.Error("the session outlives the logout")
	}

	// A new password ends sessions of the old one; so does taking the user away.
	users := filepath.Join(s.Dir(), UsersFile)
	b = s.as("bob")
	if err := access.SetPassword(users, "bob", "quite another password"); err != nil {
		t.Fatal(err)
	}
	at.add(recheck)
	if status(b) != 401 {
		t.Error("the session outlives its password")
	}
	b = s.as("carl")
	if err := access.RemoveUser(users, "carl"); err != nil {
		t.Fatal(err)
	}
	at.add(recheck)
	if status(b) != 401 {
		t.Error("the session outlives its user")
	}
	// A user who is no member of the project.
	if err := access.SetPassword(users, "mallory", password("mallory")); err != nil {
		t.Fatal(err)
	}
	if r := s.nobody().send("POST", "/api/session", m{"name": "mallory", "password": password("mallory")}); r.status != 401 {
		t.Errorf("%d", r.status)
	}
}

func (b *browser) withCookie(value string) *browser { b.cookie = value; return b }

func TestManySessionsOfOne(t *testing.T) {
	s := &sessions{opts: Options{Idle: time.Hour, Absolute: time.Hour, OpRate: 1}, now: time.Now}
	w := http.Header{}
	var all []*session
	at := time.Now()
	s.now = func() time.Time { at = at.Add(time.Millisecond); return at }
	yes := func() bool { return true }
	other := s.begin(header2{w}, "bob", "password", yes)
	for range maxOfOne + 3 {
		all = append(all, s.begin(header2{w}, "ann", "password", yes))
	}
	for i, v := range all {
		if got := s.alive(v); got != (i >= 3) || (v.ctx.Err() == nil) != got {
			t.Errorf("session %d: %v", i, got)
		}
	}
	if !s.alive(other) {
		t.Error("another's session went")
	}
	for i := range maxStreams + 1 {
		if _, ok := s.stream(other); ok != (i < maxStreams) {
			t.Errorf("stream %d: %v", i, ok)
		}
	}
	s.endAll()
	if s.alive(other) || other.ctx.Err() == nil {
		t.Error("it goes on")
	}
}

type header2 struct{ h http.Header }

func (h header2) Header() http.Header         { return h.h }
func (h header2) Write(b []byte) (int, error) { return len(b), nil }
func (h header2) WriteHeader(int)             {}

func TestGuessing(t *testing.T) {
	c := newClock()
	s := serveIt(t, newStudy(t, "panel", loop), Options{now: c.now})
	guess := func(name, password string) reply {
		return s.nobody().send("POST", "/api/session", m{"name": name, "password": password})
	}
	var first string
	for i := range 10 {
		name := []string{"ann", "nobody", "eve"}[i%3]
		r := guess(name, "wrong, but long enough")
		if r.status != 401 || first != "" && r.body != first {
			t.Fatalf("guess %d: %d %s", i, r.status, r.body)
		}
		first = r.body
	}
	if r := guess("ann", password("ann")); r.status != 429 || r.header.Get("Retry-After") == "" {
		t.Errorf("the eleventh: %d", r.status)
	}
	c.add(7 * time.Second)
	if r := guess("ann", password("ann")); r.status != 204 {
		t.Errorf("after a while: %d", r.status)
	}
	if r := guess("ann", password("ann")); r.status != 204 { // the right one cost nothing
		t.Errorf("once more: %d", r.status)
	}
}

func TestOtherSites(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	b := s.as("ann")
	for name, set := range map[string]func(http.Header){
		"origin": func(h http.Header) { h.Set("Origin", "https://evil.example") },
		"fetch":  func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
		"same":   func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site") },
	} {
		r := b.request("POST", "/api/ops", m{"kind": "comment"})
		set(r.Header)
		if got := b.do(r); got.status != 403 {
			t.Errorf("%s: %d", name, got.status)
		}
		up := b.request("GET", "/api/events", nil)
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "https://evil.example"} {
			up.Header.Set(k, v)
		}
		if got := b.do(up); got.status != 403 {
			t.Errorf("a socket of another site: %d", got.status)
		}
	}
	for name, r := range map[string]*http.Request{
		"form": func() *http.Request {
			q := b.request("POST", "/api/ops", m{})
			q.Header.Set("Content-Type", "text/plain")
			return q
		}(),
		"unknown": b.request("POST", "/api/ops", m{"kind": "comment", "actor": "eve"}),
		"no JSON": b.request("POST", "/api/ops", "x"),
	} {
		if got := b.do(r); got.status != 400 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := b.send("POST", "/api/session", m{"name": strings.Repeat("x", maxLogin), "password": "x"}); got.status != 413 {
		t.Errorf("a long body: %d", got.status)
	}
	if got := b.send("POST", "/api/ops", m{"kind": "comment", "data": strings.Repeat("x", maxOp)}); got.status != 413 {
		t.Errorf("a long op: %d", got.status)
	}
}

// TestAccessLog: who did what is in a chain that a changed byte breaks, and nothing that was typed is.
func TestAccessLog(t *testing.T) {
	st := newStudy(t, "panel", loop)
	s := serveIt(t, st, Options{})
	b := s.as("ann")
	task := s.tasks("ann")[0]
	for f := range 3 {
		if r := b.get("/api/cases/" + task.Assignment + "/images/1/frames/" + string(rune('0'+f))); r.status != 200 {
			t.Fatal(r.status)
		}
	}
	b.get("/api/worklist")
	b.get("/api/progress") // refused
	b.send("POST", "/api/ops", m{"kind": "reading.open", "object": task.Assignment})
	s.nobody().send("POST", "/api/session", m{"name": "my password, typed into the wrong box", "password": "x"})
	s.nobody().send("POST", "/api/session", m{"name": "bob", "password": "not bob's password"})
	b.send("DELETE", "/api/session", nil)
	path := filepath.Join(st.Dir(), AccessFile)
	var got []string
	head, err := ledger.Read(path, func(_ int64, p []byte) error {
		var e entry
		if strings.Contains(string(p), "typed") || strings.Contains(string(p), "not bob") {
			t.Errorf("%s", p)
		}
		if err := json.Unmarshal(p, &e); err != nil {
			return err
		}
		got = append(got, e.Event+" "+e.Who)
		return nil
	})
	if err != nil || head.Seq != int64(len(got)) {
		t.Fatal(err)
	}
	want := "start |login ann|view ann|query ann|query ann|refused ann|annotate ann|login refused |login refused bob|logout ann"
	if strings.Join(got, "|") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, "|"), want)
	}
	if _, err := New(st.Project, Options{}); err == nil {
		t.Error("two servers have one log")
	}
}
