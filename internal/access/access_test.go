package access

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// tokens makes a file with one token a role, one that expired, and one with two roles.
func tokens(t *testing.T) (path string, secret map[string]string) {
	t.Helper()
	path, secret = filepath.Join(t.TempDir(), "tokens.yaml"), map[string]string{}
	for name, c := range map[string]struct {
		roles   []Role
		expires time.Time
	}{
		"reader": {roles: []Role{Read}}, "writer": {roles: []Role{Write}}, "chief": {roles: []Role{Admin}}, "both": {roles: []Role{Read, Write}},
		"old": {roles: []Role{Admin}, expires: time.Now().Add(-time.Minute)}, "soon": {roles: []Role{Read}, expires: time.Now().Add(time.Hour)},
	} {
		s, err := Add(path, name, c.roles, c.expires)
		if err != nil {
			t.Fatal(err)
		}
		secret[name] = s
	}
	return path, secret
}

func TestRequire(t *testing.T) {
	path, secret := tokens(t)
	closed, err := Open(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	local, _ := Open(Options{File: path, Loopback: true})
	none, _ := Open(Options{})
	bearer := func(name string) http.Header { return http.Header{"Authorization": {"Bearer " + secret[name]}} }
	for _, c := range []struct {
		name   string
		policy *Policy
		role   Role
		from   string
		host   string
		header http.Header
		want   int
	}{
		{"a reader reads", closed, Read, "10.0.0.1:5", "pacs", bearer("reader"), 200},
		{"a reader does not write", closed, Write, "10.0.0.1:5", "pacs", bearer("reader"), 403},
		{"a reader is no admin", closed, Admin, "10.0.0.1:5", "pacs", bearer("reader"), 403},
		{"a writer writes", closed, Write, "10.0.0.1:5", "pacs", bearer("writer"), 200},
		{"a writer does not read", closed, Read, "10.0.0.1:5", "pacs", bearer("writer"), 403},
		{"both", closed, Read, "10.0.0.1:5", "pacs", bearer("both"), 200},
		{"an admin reads", closed, Read, "10.0.0.1:5", "pacs", bearer("chief"), 200},
		{"an admin administers", closed, Admin, "10.0.0.1:5", "pacs", bearer("chief"), 200},
		{"nobody", closed, Read, "10.0.0.1:5", "pacs", nil, 401},
		{"expired", closed, Read, "10.0.0.2:5", "pacs", bearer("old"), 401},
		{"not yet expired", closed, Read, "10.0.0.2:5", "pacs", bearer("soon"), 200},
		{"wrong token", closed, Read, "10.0.0.2:5", "pacs", http.Header{"Authorization": {"Bearer clp_guess"}}, 401},
		{"no token", closed, Read, "10.0.0.2:5", "pacs", http.Header{"Authorization": {"Bearer"}}, 401},
		{"a digest is no token", closed, Read, "10.0.0.2:5", "pacs", http.Header{"Authorization": {"Bearer " + strings.Repeat("0", 64)}}, 401},
		{"other scheme", closed, Read, "10.0.0.2:5", "pacs", http.Header{"Authorization": {"Basic " + secret["chief"]}}, 401},
		{"scheme in other case", closed, Read, "10.0.0.2:5", "pacs", http.Header{"Authorization": {"bearer " + secret["reader"]}}, 200},
		{"this machine needs a token too", closed, Read, "127.0.0.1:5", "localhost:8080", nil, 401},
		{"this machine, allowed", local, Admin, "127.0.0.1:5", "localhost:8080", nil, 200},
		{"this machine by IPv6", local, Admin, "[::1]:5", "[::1]:8080", nil, 200},
		{"this machine by number", local, Admin, "127.0.0.1:5", "127.0.0.1", nil, 200},
		{"another machine", local, Read, "10.0.0.1:5", "localhost", nil, 401},
		{"another's name for this machine", local, Read, "127.0.0.1:5", "evil.example:8080", nil, 401},
		{"through a proxy", local, Read, "127.0.0.1:5", "localhost", http.Header{"X-Forwarded-For": {"10.0.0.1"}}, 401},
		{"through another proxy", local, Read, "127.0.0.1:5", "localhost", http.Header{"Forwarded": {"for=10.0.0.1"}}, 401},
		{"this machine with a wrong token", local, Read, "127.0.0.9:5", "localhost", http.Header{"Authorization": {"Bearer x"}}, 401},
		{"this machine with a lesser token", local, Write, "127.0.0.1:5", "localhost", bearer("reader"), 403},
		{"no file", none, Read, "127.0.0.1:5", "localhost", bearer("chief"), 401},
		{"the zero policy", &Policy{now: time.Now}, Read, "127.0.0.1:5", "localhost", nil, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/x", nil)
			r.RemoteAddr, r.Host = c.from, c.host
			for k, v := range c.header {
				r.Header[k] = v
			}
			w := httptest.NewRecorder()
			c.policy.Require(c.role, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if who, ok := From(r.Context()); !ok || who.Name == "" {
					t.Error("let through without a name")
				}
			})).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%d, want %d", w.Code, c.want)
			}
			if challenge := w.Header().Get("WWW-Authenticate"); (w.Code == 401 || w.Code == 403) != strings.HasPrefix(challenge, "Bearer ") {
				t.Errorf("challenge %q", challenge)
			}
			for _, s := range secret {
				if strings.Contains(w.Body.String(), s) {
					t.Error("the answer holds a token")
				}
			}
		})
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	path, secret := tokens(t)
	p, err := Open(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	p.now = func() time.Time { return now }
	ask := func(from, token string) error {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from + ":1"
		r.Header.Set("Authorization", "Bearer "+token)
		_, err := p.Authenticate(r)
		return err
	}
	for range 10 {
		if err := ask("10.0.0.1", "guess"); !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
	}
	if err := ask("10.0.0.1", "guess"); !errors.Is(err, ErrOften) {
		t.Errorf("the eleventh guess: %v", err)
	}
	if err := ask("10.0.0.1", secret["reader"]); !errors.Is(err, ErrOften) {
		t.Errorf("a right one after ten wrong ones: %v", err)
	}
	if err := ask("10.0.0.2", secret["reader"]); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	now = now.Add(7 * time.Second)
	if err := ask("10.0.0.1", secret["reader"]); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

func TestRemovedTokensStopWorking(t *testing.T) {
	path, secret := tokens(t)
	p, err := Open(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	if _, err := p.Login(w, r, secret["reader"]); err != nil {
		t.Fatal(err)
	}
	cookie := w.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.Name != "cineloop" {
		t.Errorf("cookie %+v", cookie)
	}
	withCookie := httptest.NewRequest("GET", "/", nil)
	withCookie.AddCookie(cookie)
	if who, err := p.Authenticate(withCookie); err != nil || who.Name != "reader" || !who.May(Read) || who.May(Write) {
		t.Errorf("%+v, %v", who, err)
	}
	if err := Remove(path, "reader"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Authenticate(withCookie); !errors.Is(err, ErrNobody) {
		t.Errorf("the session outlives its token: %v", err)
	}
	withToken := httptest.NewRequest("GET", "/", nil)
	withToken.Header.Set("Authorization", "Bearer "+secret["reader"])
	if _, err := p.Authenticate(withToken); !errors.Is(err, ErrUnknown) {
		t.Errorf("a removed token: %v", err)
	}
	withToken.Header.Set("Authorization", "Bearer "+secret["writer"])
	if _, err := p.Authenticate(withToken); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("not yaml: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Authenticate(withToken); err == nil {
		t.Error("a broken file lets a token through")
	}
}

func TestSessions(t *testing.T) {
	path, secret := tokens(t)
	p, err := Open(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	p.now = func() time.Time { return now }
	r := httptest.NewRequest("POST", "https://pacs/login", nil)
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	if _, err := p.Login(w, r, "wrong"); !errors.Is(err, ErrUnknown) || len(w.Result().Cookies()) != 0 {
		t.Errorf("wrong token: %v", err)
	}
	w = httptest.NewRecorder()
	if _, err := p.Login(w, r, secret["chief"]); err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	if !c.Secure || c.Name != "__Host-cineloop" || c.Path != "/" {
		t.Errorf("cookie %+v", c)
	}
	ask := func(value string) error {
		q := httptest.NewRequest("GET", "https://pacs/", nil)
		q.TLS = r.TLS
		q.AddCookie(&http.Cookie{Name: c.Name, Value: value})
		_, err := p.Authenticate(q)
		return err
	}
	if err := ask(c.Value); err != nil {
		t.Error(err)
	}
	if ask(c.Value+"x") == nil || ask("") == nil || ask(secret["chief"]) == nil {
		t.Error("another secret opens the session")
	}
	out := httptest.NewRequest("POST", "https://pacs/logout", nil)
	out.TLS = r.TLS
	out.AddCookie(c)
	w = httptest.NewRecorder()
	p.Logout(w, out)
	if ask(c.Value) == nil || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Error("the session outlives the logout")
	}
	w = httptest.NewRecorder()
	if _, err := p.Login(w, r, secret["chief"]); err != nil {
		t.Fatal(err)
	}
	c = w.Result().Cookies()[0]
	now = now.Add(sessionTime)
	if ask(c.Value) == nil {
		t.Error("the session does not end")
	}
}

func TestFiles(t *testing.T) {
	path, _ := tokens(t)
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	b, _ := os.ReadFile(path)
	if strings.Contains(string(b), "clp_") {
		t.Error("the file holds a token")
	}
	list, err := ReadTokens(path)
	if err != nil || len(list) != 6 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
	for _, c := range []struct {
		name, role string
		code       fault.Code
	}{{"reader", "read", fault.Conflict}, {"", "read", fault.Usage}, {"a b", "read", fault.Usage}, {"x", "root", fault.Usage}} {
		if _, err := Add(path, c.name, []Role{Role(c.role)}, time.Time{}); fault.CodeOf(err) != c.code {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := Add(path, "y", nil, time.Time{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no role: %v", err)
	}
	if err := Remove(path, "nobody"); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, err := Open(Options{File: path + "x"}); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"version": "version: 2\ntokens: []\n", "digest": "version: 1\ntokens: [{name: a, roles: [read], sha256: ab}]\n",
		"role":    "version: 1\ntokens: [{name: a, roles: [root], sha256: " + strings.Repeat("ab", 32) + "}]\n",
		"time":    "version: 1\ntokens: [{name: a, roles: [read], sha256: " + strings.Repeat("ab", 32) + ", expires: tomorrow}]\n",
		"unknown": "version: 1\nusers: []\n",
	} {
		bad := filepath.Join(t.TempDir(), "t.yaml")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{File: bad}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWatch(t *testing.T) {
	path, secret := tokens(t)
	p, _ := Open(Options{File: path})
	r, who := Watch(httptest.NewRequest("GET", "/", nil))
	r.Header.Set("Authorization", "Bearer "+secret["reader"])
	p.Require(Write, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	if who() != "reader" {
		t.Errorf("%q", who())
	}
}
