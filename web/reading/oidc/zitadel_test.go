package oidc

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/cineloop/cineloop/web/reading/oidc/oidctest"
)

// certified is zitadel/oidc's provider, an OpenID Certified implementation that is not ours.
type certified struct {
	*httptest.Server
	t *testing.T
}

func newCertified(t *testing.T) *certified {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	issuer := "http://" + srv.Listener.Addr().String() + "/"
	storage.RegisterClients(storage.WebClient("reading", "s3cret", base+CallbackPath))
	srv.Config.Handler = exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), slog.New(slog.DiscardHandler), false)
	srv.Start()
	t.Cleanup(srv.Close)
	return &certified{srv, t}
}

// logIn fills in the provider's form, as a person does, and gives what comes back.
func (s *certified) logIn(to, name string) url.Values {
	s.t.Helper()
	h := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), base) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := h.Get(to)
	if err != nil {
		s.t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindSubmatch(page)
	if id == nil {
		s.t.Fatalf("%d, no form: %s", resp.StatusCode, page)
	}
	resp, err = h.PostForm(s.URL+"/login/username", url.Values{"id": {string(id[1])}, "username": {name}, "password": {"verysecure"}})
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(u.String(), base+CallbackPath) {
		s.t.Fatalf("%d back to %q", resp.StatusCode, u)
	}
	return u.Query()
}

func TestCertifiedProvider(t *testing.T) {
	s := newCertified(t)
	ctx := context.Background()
	for claim, want := range map[string]string{"preferred_username": "test-user2", "email": "test-user2@zitadel.ch", "sub": "id2"} {
		c := client(t, &oidctest.Issuer{Server: &httptest.Server{URL: s.URL + "/"}}, claim, "members: {test-user2: ann, test-user2@zitadel.ch: ann, id2: ann}\n")
		if ahead, err := c.Check(ctx); err != nil || ahead.Abs() > 2*time.Second {
			t.Fatalf("%v, %v", ahead, err)
		}
		for _, fresh := range []bool{false, true} {
			a, to, err := c.Begin(ctx, fresh)
			if err != nil {
				t.Fatal(err)
			}
			q := s.logIn(to, "test-user2")
			id, err := c.Finish(ctx, a, q)
			if err != nil || id.Claim != want || time.Since(id.At).Abs() > time.Minute {
				t.Errorf("%s: %+v, %v", claim, id, err)
			}
			if _, err := c.Finish(ctx, a, q); ReasonOf(err) != Code { // the provider takes a code once
				t.Errorf("%s, once more: %v", claim, err)
			}
			b, to, err := c.Begin(ctx, fresh)
			if err != nil {
				t.Fatal(err)
			}
			q = s.logIn(to, "test-user2")
			b.verifier = a.verifier
			if _, err := c.Finish(ctx, b, q); ReasonOf(err) != Code { // it holds the verifier against the challenge
				t.Errorf("%s, another verifier: %v", claim, err)
			}
		}
		if out := c.Logout(ctx); !strings.HasPrefix(out, s.URL+"/end_session?") {
			t.Errorf("logout %q", out)
		}
	}
}
