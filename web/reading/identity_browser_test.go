package reading

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	chromium "github.com/cineloop/cineloop/internal/browser"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/web/reading/oidc"
	"github.com/cineloop/cineloop/web/reading/oidc/oidctest"
)

// TestIssuerInBrowser goes to an issuer of another site (localhost, where the server is 127.0.0.1) and back in headless Chromium, by the rules that it has for cookies
// of other sites, for redirects and for the policy: logging in, a fresh proof, logging out there too.
func TestIssuerInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	b := chromium.Start(t)
	st := newStudy(t, "panel", loop)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	i := oidctest.New(t, "reading", "s3cret", url+oidc.CallbackPath)
	i.URL = strings.Replace(i.URL, "127.0.0.1", "localhost", 1)
	i.User = map[string]any{"sub": "0001", "preferred_username": "ann"}
	for name, text := range map[string]string{oidc.File: fmt.Sprintf("version: 1\nissuer: %s\nclient: reading\nsecret_file: oidc.secret\nurl: %s\n", i.URL, url), "oidc.secret": "s3cret"} {
		if err := os.WriteFile(filepath.Join(st.Dir(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(st.Project, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := serve.Handler(s.Handler(), serve.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: h}}
	srv.Start()
	t.Cleanup(func() { s.endStreams(); srv.Close(); s.Close() })
	at := &site{st, s, url}

	shot := func(name string) {
		dir := filepath.Join(testdata.Root(t), "artifacts")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		b.Screenshot(filepath.Join(dir, "reading-"+name+".png"))
	}
	b.Size(390, 844, true)
	b.Open(url + "/")
	b.Wait(`location.pathname === "/login" && !!document.querySelector("a.button")`)
	shot("login-issuer-390")
	b.Eval(`document.querySelector("a.button").click()`)
	b.Wait(`location.pathname === "/" && !!document.querySelector('form[action="/logout"]')`)
	if c := b.Eval(`document.cookie`); c != "" {
		t.Errorf("a script can read the cookie: %v", c)
	}
	b.Open(url + "/login/oidc?step-up")
	b.Wait(`location.pathname === "/login/oidc/callback" && document.body.innerText.includes("Confirmed")`)
	shot("confirmed-390")
	b.Eval(`document.querySelector("a.button").click()`)
	b.Wait(`location.pathname === "/" && !!document.querySelector('form[action="/logout"]')`)
	b.Eval(`document.querySelector('form[action="/logout"]').submit()`)
	b.Wait(`location.pathname === "/login" && !!document.querySelector("a.button")`)
	b.Open(url + "/")
	b.Wait(`location.pathname === "/login"`)
	if errs := b.Errors(); len(errs) > 0 {
		t.Errorf("%v", errs)
	}
	if got := strings.Join(at.events(), "|"); got != "login ann oidc|step-up ann|logout ann" {
		t.Error(got)
	}
}
