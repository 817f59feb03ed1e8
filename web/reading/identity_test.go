package reading

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/trail"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/web/reading/oidc"
	"github.com/cineloop/cineloop/web/reading/oidc/oidctest"
)

const publicURL = "https://reading.example"

// withIssuer gives a study an issuer at which somebody called who is logged in.
func withIssuer(t *testing.T, st *study, who, more string) *oidctest.Issuer {
	t.Helper()
	i := oidctest.New(t, "reading", "s3cret", publicURL+oidc.CallbackPath)
	i.User = map[string]any{"sub": "0001", "preferred_username": who}
	text := fmt.Sprintf("version: 1\nissuer: %s\nclient: reading\nsecret_file: oidc.secret\nurl: %s\nlabel: Hospital account\n%s", i.URL, publicURL, more)
	for name, text := range map[string]string{oidc.File: text, "oidc.secret": "s3cret"} {
		if err := os.WriteFile(filepath.Join(st.Dir(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// traveller is a browser that goes to the issuer and comes back: the session's cookie, which is Strict, stays behind on the way back.
type traveller struct {
	*browser
	login string // the other cookie
}

// leave begins at path and gives the address that the issuer sends back to.
func (b *traveller) leave(path string) (back string) {
	b.t.Helper()
	r := b.get(path)
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == loginCookie {
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
				b.t.Errorf("cookie %+v", c)
			}
			b.login = c.Value
		}
	}
	if r.status != http.StatusSeeOther {
		b.t.Fatalf("%s: %d %s", path, r.status, r.body)
	}
	if r.header.Get("Location") == "/login" {
		return ""
	}
	resp, err := plain.Get(r.header.Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	back, ok := strings.CutPrefix(resp.Header.Get("Location"), publicURL)
	if !ok {
		b.t.Fatalf("the issuer sends to %q", resp.Header.Get("Location"))
	}
	return back
}

// arrive comes back from the issuer.
func (b *traveller) arrive(back string) reply {
	b.t.Helper()
	q, err := http.NewRequest("GET", b.url+back, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	q.Header.Set("Sec-Fetch-Site", "cross-site")
	if b.login != "" {
		q.Header.Set("Cookie", loginCookie+"="+b.login)
	}
	return b.do(q)
}

func (s *site) traveller() *traveller { return &traveller{browser: s.nobody()} }

func (s *site) events() (out []string) {
	s.t.Helper()
	if _, err := ledger.Read(filepath.Join(s.Dir(), AccessFile), func(_ int64, p []byte) error {
		var e entry
		if err := json.Unmarshal(p, &e); err != nil {
			return err
		}
		if e.Event != trail.Query && e.Event != trail.Start {
			out = append(out, strings.Join(strings.Fields(strings.Join([]string{e.Event, e.Who, e.By, e.Code}, " ")), " "))
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func TestIssuer(t *testing.T) {
	st := newStudy(t, "panel", loop)
	i := withIssuer(t, st, "ann", "")
	s := serveIt(t, st, Options{})

	page := s.nobody().get("/login")
	for _, want := range []string{"Hospital account", `href="/login/oidc"`, `name="password"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s:\n%s", want, page.body)
		}
	}
	b := s.traveller()
	back := b.leave("/login/oidc?next=/cases/x")
	r := b.arrive(back)
	if r.status != 200 || r.header.Get("Refresh") != "0;url=/cases/x" || !strings.Contains(r.body, `href="/cases/x"`) || r.header.Get("Location") != "" {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	var me struct{ Name string }
	b.get("/api/me").into(t, &me)
	if me.Name != "ann" {
		t.Errorf("%+v", me)
	}
	// The browser was given a code and two cookies; no token.
	if all := fmt.Sprint(r.header, r.body, back); strings.Contains(all, "eyJ") || strings.Contains(all, "id_token") {
		t.Errorf("a token: %s", all)
	}
	// The way back is gone once: neither this browser nor another that has the address gets in by it.
	for name, again := range map[string]*traveller{"once more": {b.browser, b.login}, "in another browser": s.traveller()} {
		again.browser = (&browser{t: t, url: s.url})
		if r := again.arrive(back); r.status != 400 || again.cookie != "" || !strings.Contains(r.body, "begin again") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	// Logging out goes on to the issuer's own, without a token.
	out := b.send("POST", "/logout", nil)
	if to := out.header.Get("Refresh"); out.status != 200 || !strings.HasPrefix(to, "0;url="+i.URL+"/logout?") || strings.Contains(to, "eyJ") || out.header.Get("Clear-Site-Data") == "" {
		t.Errorf("%d %s", out.status, to)
	}
	if b.get("/api/me").status != 401 {
		t.Error("still logged in")
	}
	if r := s.as("ann").send("POST", "/logout", nil); r.status != 303 { // came with a password
		t.Errorf("%d", r.status)
	}
	want := "login ann oidc|login refused oidc state|login refused oidc state|logout ann|login ann password|logout ann"
	if got := strings.Join(s.events(), "|"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestWhoTheIssuerSays: who is let in, and that nobody else learns what is here.
func TestWhoTheIssuerSays(t *testing.T) {
	st := newStudy(t, "panel", loop)
	for name, c := range map[string]struct {
		who, more string
		set       func(*oidctest.Issuer)
		want      int
		as        string
	}{
		"a member":                 {who: "ann", want: 200, as: "ann"},
		"nobody here":              {who: "mallory", want: 403},
		"another case":             {who: "ANN", want: 403},
		"a model":                  {who: "net", want: 403},
		"a listed member":          {who: "a.miller", more: "members: {a.miller: ann}\n", want: 200, as: "ann"},
		"a member that isn't":      {who: "ann", more: "members: {a.miller: ann}\n", want: 403},
		"listed for nobody":        {who: "x", more: "members: {x: mallory}\n", want: 403},
		"a subject":                {who: "", more: "claim: sub\nmembers: {\"0001\": bob}\n", want: 200, as: "bob"},
		"wrong nonce":              {who: "ann", set: func(i *oidctest.Issuer) { i.Tamper = func(_, c map[string]any) { c["nonce"] = "x" } }, want: 400},
		"wrong audience":           {who: "ann", set: func(i *oidctest.Issuer) { i.Tamper = func(_, c map[string]any) { c["aud"] = "x" } }, want: 400},
		"expired":                  {who: "ann", set: func(i *oidctest.Issuer) { i.Tamper = func(_, c map[string]any) { c["exp"] = 1 } }, want: 400},
		"another's signature":      {who: "ann", set: func(i *oidctest.Issuer) { i.Other = oidctest.Key(t) }, want: 400},
		"denied":                   {who: "ann", set: func(i *oidctest.Issuer) { i.Deny = "<script>" }, want: 400},
		"an issuer that broke off": {who: "ann", set: func(i *oidctest.Issuer) { i.Secret = "changed" }, want: 503},
	} {
		t.Run(name, func(t *testing.T) {
			i := withIssuer(t, st, c.who, c.more)
			if c.set != nil {
				c.set(i)
			}
			s := serveIt(t, st, Options{})
			b := s.traveller()
			r := b.arrive(b.leave("/login/oidc"))
			if r.status != c.want || (b.cookie != "") != (c.want == 200) {
				t.Fatalf("%d %s", r.status, r.body)
			}
			for _, told := range []string{"test", "study", "ann", "cora", "<script>", c.who + "!"} {
				if c.want != 200 && strings.Contains(strings.ToLower(r.body), told) {
					t.Errorf("it tells %q:\n%s", told, r.body)
				}
			}
			if c.want == 200 {
				var me struct{ Name string }
				if b.get("/api/me").into(t, &me); me.Name != c.as {
					t.Errorf("%+v", me)
				}
			}
		})
	}
}

// TestTakenAwayMeanwhile: a session ends with what it was begun with.
func TestTakenAwayMeanwhile(t *testing.T) {
	st := newStudy(t, "panel", loop)
	withIssuer(t, st, "a.miller", "members: {a.miller: ann}\n")
	c := newClock()
	s := serveIt(t, st, Options{now: c.now})
	path := filepath.Join(st.Dir(), oidc.File)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"taken out":        strings.Replace(string(good), "a.miller: ann", "b.smith: ann", 1),
		"another member":   strings.Replace(string(good), "a.miller: ann", "a.miller: bob", 1),
		"another issuer":   strings.Replace(string(good), "issuer: http", "issuer: https", 1),
		"another claim":    string(good) + "claim: email\n",
		"a broken file":    "members: [",
		"no issuer at all": "",
	} {
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		b := s.traveller()
		if r := b.arrive(b.leave("/login/oidc")); r.status != 200 {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
		c.add(2 * recheck)
		if b.get("/api/me").status != 200 {
			t.Fatalf("%s: out too early", name)
		}
		if text == "" {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.add(2 * recheck)
		if r := b.get("/api/me"); r.status != 401 {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	// While one is at the issuer, too.
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	b := s.traveller()
	back := b.leave("/login/oidc")
	if err := os.WriteFile(path, []byte(strings.Replace(string(good), "a.miller: ann", "b.smith: ann", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := b.arrive(back); r.status != 403 || b.cookie != "" {
		t.Errorf("%d", r.status)
	}
}

func TestStepUpAtTheIssuer(t *testing.T) {
	st := newStudy(t, "panel", loop)
	st.do("eve", annotate.MemberAdded, "", 0, m{"name": "ada", "roles": []policy.Role{policy.Admin}})
	i := withIssuer(t, st, "ada", "")
	c := newClock()
	s := serveIt(t, st, Options{now: c.now})
	b := s.traveller()
	unblind := func() int {
		return b.send("POST", "/api/ops", m{"kind": "unblind", "data": m{"member": "cora", "reason": "asked for"}}).status
	}
	if r := b.arrive(b.leave("/login/oidc")); r.status != 200 {
		t.Fatalf("%d", r.status)
	}
	if v := s.session(b.browser); strings.Join(v.Proofs, " ") != "oidc" || v.Fresh != 0 || unblind() != 403 {
		t.Errorf("%+v", v)
	}
	if r := b.send("POST", "/api/session/step-up", m{"password": "she has none, of course"}); r.status != 403 {
		t.Errorf("%d", r.status)
	}
	// Another person at the issuer, or one that was not asked, proves nothing; the session goes on.
	i.User["preferred_username"] = "eve"
	if r := b.arrive(b.leave("/login/oidc?step-up")); r.status != 403 || unblind() != 403 || strings.Contains(r.body, "eve") {
		t.Errorf("another: %d %s", r.status, r.body)
	}
	i.User["preferred_username"], i.Stubborn = "ada", true
	i.Asked = c.now().Add(-time.Hour)
	if r := b.arrive(b.leave("/login/oidc?step-up")); r.status != 400 || unblind() != 403 {
		t.Errorf("not asked: %d", r.status)
	}
	i.Stubborn = false
	cookie := b.cookie
	if r := b.arrive(b.leave("/login/oidc?step-up")); r.status != 200 || r.header.Get("Refresh") != "" || b.cookie != cookie {
		t.Errorf("%d %v", r.status, r.header)
	}
	if unblind() != 200 {
		t.Error("no proof")
	}
	c.add(5 * time.Minute)
	if unblind() != 403 {
		t.Error("the proof is still fresh")
	}
	// A session that ended while its member was at the issuer gets no proof; who has none is sent to log in.
	back := b.leave("/login/oidc?step-up&next=/")
	b.send("DELETE", "/api/session", nil)
	if r := b.arrive(back); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if to := s.traveller().leave("/login/oidc?step-up"); to != "" {
		t.Errorf("%s", to)
	}
	want := "login ada oidc|refused ada usage|step-up refused ada|refused ada usage|step-up refused ada oidc other member|refused ada usage|step-up refused ada oidc not fresh|" +
		"refused ada usage|step-up ada|unblind ada|refused ada usage|logout ada"
	var got []string
	for _, e := range s.events() {
		if len(got) == 0 || got[len(got)-1] != e {
			got = append(got, e)
		}
	}
	if strings.Join(got, "|") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestLongWaitsAndManyBeginnings(t *testing.T) {
	st := newStudy(t, "panel", loop)
	withIssuer(t, st, "ann", "")
	c := newClock()
	s := serveIt(t, st, Options{now: c.now})
	b := s.traveller()
	back := b.leave("/login/oidc")
	c.add(pendingFor)
	if r := b.arrive(back); r.status != 400 || b.cookie != "" {
		t.Errorf("after ten minutes: %d", r.status)
	}
	for i := range 61 {
		if r := s.nobody().get("/login/oidc"); r.status != 303 {
			if r.status != 429 || i < 50 {
				t.Errorf("beginning %d: %d", i, r.status)
			}
			break
		}
	}
	var p pendings
	w := header2{http.Header{}}
	for range maxPending + 10 {
		p.put(w, &pending{}, c.now())
		w.h.Del("Set-Cookie")
	}
	if len(p.of) > maxPending {
		t.Errorf("%d", len(p.of))
	}
}

func TestOnlyTheIssuer(t *testing.T) {
	st := newStudy(t, "panel", loop)
	if err := os.Remove(filepath.Join(st.Dir(), UsersFile)); err != nil {
		t.Fatal(err)
	}
	i := withIssuer(t, st, "ann", "")
	s := serveIt(t, st, Options{})
	if page := s.nobody().get("/login"); strings.Contains(page.body, `name="password"`) || !strings.Contains(page.body, "Hospital account") {
		t.Errorf("%s", page.body)
	}
	i.Close()
	if r := s.nobody().get("/login/oidc"); r.status != 503 || !strings.Contains(r.body, "try again later") || strings.Contains(r.body, i.URL) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if err := os.WriteFile(filepath.Join(st.Dir(), oidc.File), []byte("clame: sub\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(st.Project, Options{}); fault.CodeOf(err) != fault.Usage { // not served without the issuer that was meant
		t.Errorf("%v", err)
	}
}

func TestLocalPaths(t *testing.T) {
	for in, want := range map[string]string{"/": "/", "/cases/1?x=2#y": "/cases/1?x=2#y", "": "", "x": "", "//evil.example": "", "/\\evil.example": "", "https://evil.example": "",
		"/a\nb": "", "/a b": "", "/a;url=https://evil.example": "", "/" + strings.Repeat("x", 600): "", "javascript:alert(1)": "", "/ü": "", "/x//y": "/x//y"} {
		if got := localPath(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if u, err := url.Parse(localPath("/cases/1")); err != nil || u.Host != "" {
		t.Error(err)
	}
	if access.MinPassword < 15 {
		t.Error("passwords are too short to be the only factor")
	}
}
