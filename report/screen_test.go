package report

import (
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// TestInBrowser looks at a full page in headless Chromium, 1280 and 390 pixels wide, light and dark: nothing may stick out to the
// right, with everything folded and with everything open. Screenshots are kept under artifacts/ for people.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser")
	}
	dir, page := t.TempDir(), write(t, fakePage(t))
	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(artifacts, "report.html"), page)
	open := strings.ReplaceAll(page, "<details", `<details open=""`)
	for _, width := range []int{1280, 390} {
		for name, p := range map[string]string{"folded": page, "open": open} {
			m := measure(t, browser, dir, p, width)
			t.Logf("%d pixels, %s: %d high", width, name, m.height)
			if m.inner != width {
				t.Fatalf("the page is %d wide in a frame of %d", m.inner, width)
			}
			if m.scroll > width {
				t.Errorf("%d pixels, %s: the page is %d wide; sticking out: %s", width, name, m.scroll, m.out)
			}
			if m.small > 0 {
				t.Errorf("%d pixels, %s: %d texts are smaller than 9 pixels", width, name, m.small)
			}
			if name == "folded" {
				for scheme, value := range map[string]string{"light": "1", "dark": "0"} {
					shoot(t, browser, dir, p, width, m.height, value, filepath.Join(artifacts, fmt.Sprintf("report-%d-%s.png", width, scheme)))
				}
			}
		}
	}
}

// measured is what a page says of itself in a frame.
type measured struct {
	inner, scroll, height, small int
	out                          string // elements that stick out
}

// probe runs in a copy of the page that is allowed scripts. SVG text is scaled with its drawing: its size on screen is that of its box.
const probe = `<script>addEventListener("load", () => {
  const d = document.documentElement, out = [], clipped = e => e.closest(".scroll, pre, .sr, thead, .skip");
  let small = 0;
  for (const e of document.body.querySelectorAll("*")) {
    const r = e.getBoundingClientRect();
    if (r.width && r.right > innerWidth + 0.5 && !clipped(e)) out.push(e.tagName + "." + (e.getAttribute("class") || "") + " " + Math.round(r.right));
    if (e.tagName == "text" && r.height && !e.getAttribute("transform") && r.height < 9) small++;
  }
  parent.postMessage([innerWidth, d.scrollWidth, Math.ceil(d.getBoundingClientRect().height), small, out.slice(0, 5).join(", ")].join("|"), "*");
});</script></body>`

var policy = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*/>`)

// measure shows the page in a frame, because a headless window cannot be narrower than 500 pixels.
func measure(t *testing.T, browser, dir, page string, width int) measured {
	t.Helper()
	child, parent := filepath.Join(dir, "child.html"), filepath.Join(dir, "parent.html")
	save(t, child, strings.Replace(policy.ReplaceAllString(page, ""), "</body>", probe, 1))
	save(t, parent, fmt.Sprintf(`<!DOCTYPE html><body><script>addEventListener("message", e => document.body.setAttribute("data-said", e.data))</script>
<iframe src="child.html" style="border:0;width:%dpx;height:900px"></iframe></body>`, width))
	out := chromium(t, browser, "--virtual-time-budget=10000", "--dump-dom", "file://"+parent)
	said := regexp.MustCompile(`data-said="([^"]*)"`).FindStringSubmatch(out)
	if said == nil {
		t.Fatalf("the page did not report its size: %.300s", out)
	}
	f := strings.SplitN(html.UnescapeString(said[1]), "|", 5)
	n := func(i int) int { v, _ := strconv.Atoi(f[i]); return v }
	return measured{inner: n(0), scroll: n(1), height: n(2), small: n(3), out: f[4]}
}

// shoot keeps a picture of the whole page.
func shoot(t *testing.T, browser, dir, page string, width, height int, scheme, path string) {
	t.Helper()
	child, parent := filepath.Join(dir, "shown.html"), filepath.Join(dir, "shot.html")
	save(t, child, page)
	save(t, parent, fmt.Sprintf(`<!DOCTYPE html><body style="margin:0"><iframe src="shown.html" style="border:0;display:block;width:%dpx;height:%dpx"></iframe></body>`, width, height))
	chromium(t, browser, "--blink-settings=preferredColorScheme="+scheme, fmt.Sprintf("--window-size=%d,%d", max(width, 500), height), "--screenshot="+path, "file://"+parent)
	if info, err := os.Stat(path); err != nil || info.Size() < 20_000 {
		t.Errorf("no picture at %s (%v)", path, err)
	}
}

func chromium(t *testing.T, browser string, args ...string) string {
	t.Helper()
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir()}, args...)
	out, err := exec.CommandContext(t.Context(), browser, args...).Output()
	if err != nil {
		t.Skipf("chromium does not run here: %v", err)
	}
	return string(out)
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
