package reading

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/trail"
)

// TestFixation: a cookie that somebody planted is never a session, before or after its victim logs in; nor is a second one beside the true one.
func TestFixation(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	planted := strings.Repeat("A", 52)
	b := s.nobody().withCookie(planted)
	if b.send("POST", "/api/session", m{"name": "ann", "password": password("ann")}).status != 204 || b.cookie == planted {
		t.Error("the planted cookie was kept")
	}
	if s.nobody().withCookie(planted).get("/api/me").status != 401 {
		t.Error("the planted cookie is a session")
	}
	for _, header := range []string{CookieName + "=" + planted + "; " + CookieName + "=" + b.cookie, "__host-cineloop-reading=" + b.cookie, "cineloop-reading=" + b.cookie,
		CookieName + "=", loginCookie + "=" + b.cookie} {
		r := s.nobody().request("GET", "/api/me", nil)
		r.Header.Set("Cookie", header)
		if got := b.do(r); got.status != 401 {
			t.Errorf("%.60s: %d", header, got.status)
		}
	}
}

// TestOtherSitesPages: what a page of another site can make a browser send, by whatever method and type, changes nothing; and it can't frame or read.
func TestOtherSitesPages(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	b := s.as("ann")
	for _, path := range []string{"/logout", "/login", "/api/session", "/api/ops", "/api/session/step-up", "/api/live", "/api/export"} {
		for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/json"} {
			r, err := http.NewRequest("POST", s.url+path, strings.NewReader(`{"kind":"comment"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Cookie", CookieName+"="+b.cookie)
			r.Header.Set("Origin", "https://evil.example")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if got := b.do(r); got.status != 403 {
				t.Errorf("POST %s %s: %d", path, kind, got.status)
			}
		}
	}
	if b.get("/api/me").status != 200 {
		t.Error("logged out by another site")
	}
	h := b.get("/").header
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin"} {
		if h.Get(name) != want {
			t.Errorf("%s is %q", name, h.Get(name))
		}
	}
	if h.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(h.Get("Permissions-Policy"), "camera=()") || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%v", h)
	}
}

// TestBodiesWhereNoneIsAsked: a route that takes no body takes no long one either.
func TestBodiesWhereNoneIsAsked(t *testing.T) {
	st := newStudy(t, "panel", loop)
	s, err := New(st.Project, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read := -1
	h := s.guard(route{Method: "POST", Path: "/x", Open: true, handle: func(_ http.ResponseWriter, r *http.Request, _ *visitor) error {
		b := make([]byte, 1<<20)
		for read = 0; ; {
			n, err := r.Body.Read(b)
			if read += n; err != nil {
				return err
			}
		}
	}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/x", strings.NewReader(strings.Repeat("x", 1<<20))))
	if w.Code != http.StatusRequestEntityTooLarge || read > maxLogin {
		t.Errorf("%d, %d bytes taken", w.Code, read)
	}
}

// TestNoiseOverASocket: what is no op is taken no faster than ops are, so that nobody can fill the disk with refusals.
func TestNoiseOverASocket(t *testing.T) {
	st := newStudy(t, "panel", loop)
	s := serveIt(t, st, Options{OpRate: 5})
	b := s.as("ann")
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	c, _, err := websocket.Dial(ctx, s.url+"/api/events", &websocket.DialOptions{HTTPHeader: b.request("GET", "/api/events", nil).Header})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	go func() {
		for ctx.Err() == nil {
			if c.Write(ctx, websocket.MessageText, []byte("noise")) != nil {
				return
			}
		}
	}()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			break
		}
	}
	n := 0
	if _, err := ledger.Read(filepath.Join(st.Dir(), AccessFile), func(_ int64, p []byte) error {
		var e entry
		if json.Unmarshal(p, &e) == nil && e.Event == trail.Refused {
			n++
		}
		return nil
	}); err != nil || n == 0 || n > 60 {
		t.Errorf("%d refusals in a second and a half at 5 a second, %v", n, err)
	}
}

// TestStreamsOfOneMember: one member's browsers do not take all streams.
func TestStreamsOfOneMember(t *testing.T) {
	s := &sessions{opts: Options{Idle: time.Hour, Absolute: time.Hour, OpRate: 1}, now: time.Now}
	yes := func() bool { return true }
	open := 0
	var last func()
	for range 6 {
		v := s.begin(header2{http.Header{}}, "ann", "password", yes)
		for range maxStreams {
			if leave, ok := s.stream(v); ok {
				open++
				last = leave
			}
		}
	}
	if open != maxOfAll {
		t.Errorf("%d streams", open)
	}
	if _, ok := s.stream(s.begin(header2{http.Header{}}, "bob", "password", yes)); !ok {
		t.Error("another member has none left")
	}
	last()
	if _, ok := s.stream(s.begin(header2{http.Header{}}, "ann", "password", yes)); !ok {
		t.Error("what was given back is not there")
	}
}

// TestKeptOut: guessing at somebody's name from elsewhere does not keep them out of where they were right before.
func TestKeptOut(t *testing.T) {
	s := &Server{now: time.Now}
	request := func(from string) *http.Request {
		r := httptest.NewRequest("POST", "/login", nil)
		r.RemoteAddr = from
		return r
	}
	back, err := s.attempt(request("10.0.0.1:1"), "ann")
	if err != nil {
		t.Fatal(err)
	}
	back()
	for i := range 30 {
		from := "10.9.9." + string(rune('0'+i/4)) + ":1"
		_, _ = s.attempt(request(from), "ann")
	}
	if _, err := s.attempt(request("10.0.0.2:1"), "ann"); err == nil {
		t.Error("the name can be guessed at from new addresses")
	}
	if _, err := s.attempt(request("10.0.0.1:1"), "ann"); err != nil {
		t.Error("its owner is kept out")
	}
	for range 20 { // and their own address has its limit
		_, err = s.attempt(request("10.0.0.1:1"), "ann")
	}
	if err == nil {
		t.Error("no limit where one was right before")
	}
}

// TestThePicturesOfAnOldSession: who comes to the log-in page with a session that is over has the cache emptied.
func TestThePicturesOfAnOldSession(t *testing.T) {
	s := serveIt(t, newStudy(t, "panel", loop), Options{})
	if h := s.nobody().get("/login").header; h.Get("Clear-Site-Data") != "" {
		t.Error("for nobody")
	}
	if h := s.nobody().withCookie("over").get("/login").header; h.Get("Clear-Site-Data") != `"cache"` {
		t.Errorf("%q", h.Get("Clear-Site-Data"))
	}
}
