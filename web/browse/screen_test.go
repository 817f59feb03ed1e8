package browse_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/browser"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestInBrowser uses the page as a person does, in headless Chromium: it searches by typing, opens a study with the keyboard, lets the
// loop play, scrolls through a stack and changes the window. Pictures of it, wide and narrow, light and dark, are kept under artifacts/.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	b := browser.Start(t)
	srv := site(t, access.Options{Loopback: true}, demo(t, true)...)
	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	shot := func(name string) { b.Screenshot(filepath.Join(artifacts, "archive-"+name+".png")) }
	fits := func(what string) {
		t.Helper()
		if out := b.Eval(`document.documentElement.scrollWidth - innerWidth`); out.(float64) > 0 {
			t.Errorf("%s sticks out by %v pixels: %v", what, out, b.Eval(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(e => e.tagName + "." + e.className).join(", ")`))
		}
		if out := b.Eval(`[...document.querySelectorAll("body > *, main > *, #stage > *")].filter(e => e.offsetParent && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "#" + e.id).join(", ")`); out != "" {
			t.Errorf("%s: cut off on the right: %v", what, out)
		}
		if small := b.Eval(`[...document.querySelectorAll("button, a, small, span, td, label, input, select")].filter(e => e.offsetParent && e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.textContent).join("|")`); small != "" {
			t.Errorf("%s: texts under 12 pixels: %v", what, small)
		}
	}

	// The list.
	b.Size(1440, 900, false)
	b.Scheme("light")
	b.Open(srv.URL)
	if n := b.Eval(`document.querySelectorAll("tbody tr").length`); n != 50.0 {
		t.Errorf("%v rows", n)
	}
	fits("the list")
	shot("list-1440-light")
	b.Key("n")
	b.Wait(`document.querySelector(".found").textContent.includes("51–63 of 63")`)
	b.Key("/")
	b.Type("smi")
	b.Wait(`document.querySelectorAll("tbody tr").length === 1`)
	if href := b.Eval(`location.href + performance.getEntries().map(e => e.name).join(" ")`).(string); strings.Contains(href, "smi") {
		t.Error("what is searched for is in a URL")
	}
	b.Key("Escape")
	b.Wait(`document.querySelectorAll("tbody tr").length === 50`)
	b.Key("/")
	b.Type("adele")
	b.Wait(`document.querySelectorAll("tbody tr").length === 1`)
	b.Eval(`document.activeElement.blur()`)
	b.Key("j")
	b.Key("Enter")

	// The CT.
	b.Wait(`location.pathname === "/study/1.2.3.77" && +document.documentElement.dataset.loaded === 24`)
	if n := b.Eval(`document.querySelectorAll(".thumb").length`); n != 2.0 {
		t.Errorf("%v entries in the strip", n)
	}
	if where := b.Eval(`document.getElementById("count").textContent`); where != "12 / 24" {
		t.Errorf("a stack opens at %v", where)
	}
	pixelAt := func() string {
		return fmt.Sprint(b.Eval(`(() => { const c = document.getElementById("canvas"), d = c.getContext("2d").getImageData(c.width / 2 - 60, c.height / 2, 1, 1).data; return d.join() })()`))
	}
	before := pixelAt()
	b.Key("ArrowRight")
	b.Wheel(800, 400, 60)
	b.Wait(`parseInt(document.getElementById("count").textContent) > 13`)
	b.Key("Home")
	b.Wait(`document.getElementById("count").textContent === "1 / 24"`)
	b.Eval(`document.getElementById("slider").value = 11, document.getElementById("slider").oninput()`)
	shot("ct-1440-light")
	b.Key("3") // lung
	b.Wait(`document.getElementById("level").textContent === "C -600  W 1500" && +document.documentElement.dataset.loaded === 24`)
	if after := pixelAt(); after == before {
		t.Errorf("another window looks the same: %s", after)
	}
	b.Drag(700, 300, 800, 350)
	b.Wait(`document.getElementById("level").textContent.startsWith("C -350  W 2000")`)
	b.Key("i")
	b.Wait(`document.getElementById("invert").getAttribute("aria-pressed") === "true"`)

	// The loop.
	b.Key("Escape")
	b.Wait(`location.pathname === "/" && document.readyState === "complete"`)
	b.Scheme("dark")
	shot("list-1440-dark")
	b.Eval(`document.querySelector("select[name=modality]").value = "US", document.getElementById("search").dispatchEvent(new Event("input"))`)
	b.Wait(`document.querySelector(".found").textContent.includes("1–50 of 62")`)
	echo := b.Eval(`[...document.querySelectorAll("tbody a")].find(a => !a.textContent.startsWith("Listed")).href`).(string)
	b.Open(echo)
	b.Wait(`document.documentElement.dataset.playing === "true" && +document.documentElement.dataset.loaded === +document.documentElement.dataset.frames && +document.documentElement.dataset.fps > 0`)
	t.Logf("the loop says %v", b.Eval(`document.getElementById("rate").textContent`))
	shot("cine-1440-dark")
	fits("the viewer")
	b.Key(" ")
	b.Wait(`document.documentElement.dataset.playing === "false"`)
	at := b.Eval(`parseInt(document.getElementById("count").textContent)`).(float64)
	b.Key("ArrowLeft")
	b.Wait(fmt.Sprintf(`parseInt(document.getElementById("count").textContent) === %v`, max(1, at-1)))
	b.Key("ArrowDown")
	b.Wait(`document.querySelectorAll("[data-stack]")[1].getAttribute("aria-current") === "true" && +document.documentElement.dataset.loaded > 3`)

	// A telephone.
	b.Size(390, 844, true)
	b.Open(echo)
	b.Wait(`+document.documentElement.dataset.loaded > 5`)
	fits("the viewer on a telephone")
	shot("cine-390-dark")
	b.Scheme("light")
	b.Open(srv.URL)
	fits("the list on a telephone")
	shot("list-390-light")
	b.Open(srv.URL + "/study/1.2.3.77")
	b.Wait(`+document.documentElement.dataset.loaded === 24`)
	fits("the CT on a telephone")
	shot("ct-390-light")
	b.Open(srv.URL + "/login")
	shot("login-390-light")
	for _, e := range b.Errors() {
		t.Errorf("the page met %s", e)
	}
}
