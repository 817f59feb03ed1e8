package reading

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	chromium "github.com/cineloop/cineloop/internal/browser"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestInBrowser logs in, gets the app, and logs out, in headless Chromium, which has to take the cookie from this machine without TLS and to
// find nothing against the policy for content. What the app does is tried in web/e2e. Pictures are kept under artifacts/.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	b := chromium.Start(t)
	st := newStudy(t, "panel", loop, deep, compressed)
	s := serveIt(t, st, Options{})
	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	shot := func(name string) { b.Screenshot(filepath.Join(artifacts, "reading-"+name+".png")) }
	fits := func(what string) {
		t.Helper()
		if out := b.Eval(`document.documentElement.scrollWidth - innerWidth`); out.(float64) > 0 {
			t.Errorf("%s sticks out by %v pixels", what, out)
		}
	}
	b.Size(1440, 900, false)
	b.Scheme("light")
	b.Open(s.url + "/")
	b.Wait(`location.pathname === "/login"`)
	shot("login-1440-light")
	b.Eval(`document.querySelector("[name=name]").value = "ann", document.querySelector("[name=password]").value = "not the password", document.querySelector("form").submit()`)
	b.Wait(`document.querySelector("[role=alert]") && document.querySelector("[role=alert]").textContent.includes("wrong")`)
	b.Eval(fmt.Sprintf(`document.querySelector("[name=name]").value = "ann", document.querySelector("[name=password]").value = %q, document.querySelector("form").submit()`, password("ann")))
	b.Wait(`location.pathname === "/" && document.querySelectorAll("tbody tr").length === 3`)
	if c := b.Eval(`document.cookie`); c != "" {
		t.Errorf("a script can read the cookie: %v", c)
	}
	fits("the worklist")
	shot("worklist-1440-light")

	b.Size(390, 844, true)
	b.Scheme("dark")
	fits("the worklist on a telephone")
	shot("worklist-390-dark")
	b.Size(1440, 900, false)
	if errs := b.Errors(); len(errs) != 1 { // the wrong password's 401
		t.Errorf("%v", errs)
	}
	b.Open(s.url + "/")
	logout := `[...document.querySelectorAll("header button")].find((b) => b.textContent.includes("Log out"))`
	b.Wait(`!!` + logout)
	b.Eval(logout + `.click()`)
	b.Wait(`location.pathname === "/login"`)
	b.Open(s.url + "/")
	b.Wait(`location.pathname === "/login"`)
}
