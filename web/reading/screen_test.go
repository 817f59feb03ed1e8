package reading

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	chromium "github.com/cineloop/cineloop/internal/browser"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestInBrowser logs in, looks at a loop, and logs out, in headless Chromium, which has to take the cookie from this machine without TLS and to
// find nothing against the policy for content. Pictures are kept under artifacts/.
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

	pixel := `(() => { const d = document.querySelector("canvas").getContext("2d").getImageData(0, 0, 2, 1).data; return [d[0], d[4]].join() })()`
	for i, task := range s.tasks("ann") {
		b.Open(s.url + "/cases/" + task.Assignment)
		b.Wait(`document.querySelector("output").value === "frame 1"`)
		if b.Eval(`!!document.querySelector("input")`) == false {
			continue
		}
		b.Wait(`document.querySelector("figure").dataset.loaded === "yes"`)
		b.Eval(`document.querySelector("input").value = 3, document.querySelector("input").dispatchEvent(new Event("input"))`)
		if got := b.Eval(pixel); got != "3,0" { // frame 3 of the first picture: 3 and 0 in turn
			t.Errorf("task %d: pixels %v", i, got)
		}
		b.Eval(`document.querySelector(".controls button").click()`)
		b.Wait(`document.querySelector(".controls button").textContent === "Stop" && document.querySelector("output").value !== "frame 4"`)
		shot("case-1440-light")
		b.Size(390, 844, true)
		b.Scheme("dark")
		fits("a case on a telephone")
		shot("case-390-dark")
		b.Open(s.url + "/")
		fits("the worklist on a telephone")
		shot("worklist-390-dark")
		b.Size(1440, 900, false)
		b.Scheme("light")
	}
	if errs := b.Errors(); len(errs) != 1 { // the wrong password's 401
		t.Errorf("%v", errs)
	}
	b.Open(s.url + "/")
	b.Eval(`document.querySelector("header form").submit()`)
	b.Wait(`location.pathname === "/login"`)
	b.Open(s.url + "/")
	b.Wait(`location.pathname === "/login"`)
}
