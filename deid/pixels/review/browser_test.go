package review

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/internal/testdata"
)

// probe drives the page in a frame of a given width: it looks for what sticks out, opens the editor, draws a rectangle with the pointer, moves it
// with a key, saves it, and says what happened. It runs in the page around, which the test adds and the product does not have.
const probe = `<!doctype html><body style="margin:0"><iframe id="f" style="border:0;width:%dpx;height:%dpx" src="/"></iframe><pre id="said"></pre><script>
const f = document.getElementById("f"), wait = ms => new Promise(r => setTimeout(r, ms));
f.onload = async () => {
  const d = f.contentDocument, w = f.contentWindow, out = [];
  for (const e of d.body.querySelectorAll("*")) {
    const r = e.getBoundingClientRect();
    if (r.width && r.right > w.innerWidth + 0.5 && !e.closest("svg, .skip")) out.push(e.tagName + " " + Math.round(r.right));
  }
  const group = d.querySelectorAll(".group")[1], svg = () => group.querySelector(".picture svg");
  group.querySelector("[data-do=edit]").click();
  const before = group.state ? group.state.rects.length : -1;
  svg().scrollIntoView();
  const b = svg().getBoundingClientRect(), ev = (type, x, y) => svg().dispatchEvent(new w.PointerEvent(type, { bubbles: true, pointerId: 1, clientX: b.left + x * b.width, clientY: b.top + y * b.height }));
  svg().setPointerCapture = () => {};
  ev("pointerdown", 0.25, 0.25); ev("pointermove", 0.4, 0.4); ev("pointermove", 0.5, 0.5); ev("pointerup", 0.5, 0.5);
  const i = group.state.rects.length - 1;
  svg().querySelector("[data-i='" + i + "']").dispatchEvent(new w.KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  const rect = group.state.rects[i].join(",");
  group.querySelector("[data-do=fix]").click();
  await wait(300);
  const small = [...d.querySelectorAll("button")].filter(e => e.offsetParent && e.getBoundingClientRect().height < 39).length;
  document.getElementById("said").textContent = ["SAID", w.innerWidth, d.documentElement.scrollWidth, out.slice(0, 4).join(" "), group.state.rects.length - before, rect, group.dataset.action, d.getElementById("ready").textContent, small].join("|");
};
</script></body>`

// TestInBrowser uses the page in headless Chromium, 1440 and 390 pixels wide: nothing sticks out, and a rectangle that is dragged becomes a rule.
// Screenshots are kept under artifacts/ for people.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser")
	}
	groups := survey(t)
	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{1440, 900}, {390, 844}} {
		var saved []deid.DeviceRule
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewServer(groups, l.Addr().String(), func(r []deid.DeviceRule) error { saved = r; return nil })
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.AddCookie(&http.Cookie{Name: cookie, Value: s.token})
			if r.URL.Path == "/probe" {
				fmt.Fprintf(w, probe, size[0], size[1])
				return
			}
			s.ServeHTTP(framed{w, new(bool)}, r)
		})}
		go func() { _ = srv.Serve(l) }()
		run := func(args ...string) string {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			args = append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(), "--virtual-time-budget=8000"}, args...)
			out, err := exec.CommandContext(ctx, browser, args...).Output()
			if err != nil {
				t.Skipf("chromium does not run here: %v", err)
			}
			return string(out)
		}
		url := "http://" + l.Addr().String()
		// A headless window can't be narrower than 500 pixels: the narrow page is shown in a frame, before it is used.
		run("--screenshot="+filepath.Join(artifacts, fmt.Sprintf("review-%d.png", size[0])), fmt.Sprintf("--window-size=%d,%d", max(size[0], 500), 1800), url+"/")
		dom := run(fmt.Sprintf("--window-size=%d,%d", max(size[0], 500), size[1]), "--dump-dom", url+"/probe")
		run("--screenshot="+filepath.Join(artifacts, fmt.Sprintf("review-%d-used.png", size[0])), fmt.Sprintf("--window-size=%d,%d", max(size[0], 500), size[1]), url+"/probe")
		_ = srv.Close()
		m := regexp.MustCompile(`SAID\|([^<]*)`).FindStringSubmatch(dom)
		if m == nil {
			t.Fatalf("%d: the page said nothing", size[0])
		}
		f := strings.Split(m[1], "|")
		t.Logf("%d: %v", size[0], f)
		if f[0] != fmt.Sprint(size[0]) || f[1] != f[0] || f[2] != "" {
			t.Errorf("%d: the page is %s wide in a frame of %s; sticking out: %s", size[0], f[1], f[0], f[2])
		}
		g := groups[1]
		want := fmt.Sprintf("%d,%d,%d,%d", (g.Columns+2)/4+1, (g.Rows+2)/4, (g.Columns+1)/2+1, (g.Rows+1)/2)
		if f[3] != "1" || f[5] != "fix" || f[6] != "1" || f[7] != "0" {
			t.Errorf("%d: %v", size[0], f)
		}
		if len(saved) != 1 || saved[0].Action != "mask" || len(saved[0].Rectangles) == 0 || f[4] != want {
			t.Errorf("%d: rectangle %s, want %s; rules %+v", size[0], f[4], want, saved)
		}
	}
}

// framed lets the test's own page show the product's in a frame; nothing else of its policy is changed.
type framed struct {
	http.ResponseWriter
	done *bool
}

func (f framed) WriteHeader(code int) {
	if *f.done {
		return
	}
	*f.done = true
	h := f.Header()
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors 'self'", 1))
	f.ResponseWriter.WriteHeader(code)
}

func (f framed) Write(b []byte) (int, error) {
	f.WriteHeader(http.StatusOK)
	return f.ResponseWriter.Write(b)
}
