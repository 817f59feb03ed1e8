package live

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
)

func ptr(v float64) *float64 { return &v }

// TestSummarise: two steps of 8 rows in 2 s each, a quarter of it waiting: 4 rows/s, 25 %.
func TestSummarise(t *testing.T) {
	r := summarise([]learn.LogLine{
		{Event: "start"},
		{Event: "step", Step: 1, Loss: ptr(2), LR: 0.1, Seconds: 2, Wait: 1, Rows: 8},
		{Event: "step", Step: 2, Loss: ptr(1), LR: 0.1, Seconds: 2, Rows: 8},
		{Event: "epoch", Epoch: 0, Step: 2, Val: map[string]float64{"loss": 1.5}, Seconds: 60},
	})
	if r.Rate != 4 || r.WaitPercent != 25 || r.Epoch != 1 || r.Step != 2 || r.State() != "training" {
		t.Errorf("%+v", r)
	}
	r.Epochs = 4
	if r.Remaining() != "3m0s" {
		t.Errorf("%s left, want three epochs of a minute", r.Remaining())
	}
	if len(r.Charts) != 3 || r.Charts[1].Title != "loss of each step" || r.Charts[1].Points != `points="0.0,5.0 300.0,115.0"` || r.Charts[2].Last != "1.5" {
		t.Errorf("%+v", r.Charts)
	}
	r.Stopped = "patience"
	if r.State() != "ended: patience" || r.Remaining() != "" {
		t.Errorf("%s, %q left", r.State(), r.Remaining())
	}
	if (Run{Idle: true}).State() == (Run{}).State() || !strings.Contains((Run{Crashed: true}).State(), "crash.json") {
		t.Error("states cannot be told apart")
	}
	if r := summarise(nil); r.Rate != 0 || len(r.Charts) != 0 {
		t.Errorf("an empty log: %+v", r)
	}
}

func TestChart(t *testing.T) {
	v := make([]float64, 10000)
	for i := range v {
		v[i] = float64(i)
	}
	c := chart("x", v)
	if n := strings.Count(string(c.Points), ","); n != chartPoints || c.Last != "9999" {
		t.Errorf("%d points, last %s", n, c.Last)
	}
	if c := chart("x", []float64{3}); c.Points != `points="0.0,5.0"` || c.High != c.Low {
		t.Errorf("%+v", c)
	}
}

func TestPage(t *testing.T) {
	dir := t.TempDir()
	if _, err := New(filepath.Join(dir, "none")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	p, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	if w := get("GET", p.Path()); w.Code != 200 || !strings.Contains(w.Body.String(), "no training here yet") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("demo/plan.yaml", "name: demo\nseed: 1\ndata: {root: x, table: t.csv, file: f}\ntrain: {epochs: 7}\n")
	write("demo/fold-0/log.jsonl", `{"event":"step","epoch":0,"step":1,"loss":0.25,"lr":0.1,"seconds":1,"rows":4}`+"\n"+`{"event":"st`)
	write("demo/checkpoints/log.jsonl", "not looked at")
	write("<b>odd</b>/log.jsonl", `{"event":"stop","epoch":2,"step":9,"reason":"finished"}`+"\n")
	write("broken/log.jsonl", "no json\n{}\n")
	w := get("GET", p.Path())
	body := w.Body.String()
	for _, want := range []string{"demo/fold-0", "epoch 0 of 7", "4.0 clips/s", "loss of each step: 0.25", "&lt;b&gt;odd&lt;/b&gt;", "ended: finished", "<polyline points="} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "not looked at") || strings.Contains(body, "<b>odd") {
		t.Error("the page holds what it must not")
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(body, "<script>"+script+"</script>") || !strings.Contains(csp, hashOf(script)) {
		t.Errorf("policy %s", csp)
	}
	if part := get("GET", p.Path()+"?part=1").Body.String(); strings.Contains(part, "<html") || !strings.Contains(part, "demo/fold-0") {
		t.Errorf("part: %s", part)
	}
	for path, code := range map[string]int{"/": 404, "/" + strings.Repeat("0", 32) + "/": 404, p.Path() + "x": 404} {
		if w := get("GET", path); w.Code != code {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get("POST", p.Path()); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("%d", w.Code)
	}
	p.now = func() time.Time { return time.Now().Add(time.Hour) }
	if body := get("GET", p.Path()).Body.String(); !strings.Contains(body, "silent for more") {
		t.Error("a silent training looks alive")
	}
	write("demo/fold-0/crash.json", "{}")
	if body := get("GET", p.Path()).Body.String(); !strings.Contains(body, "left the numbers") {
		t.Error("a crash is not shown")
	}
	one, err := New(filepath.Join(dir, "demo", "fold-0"))
	if err != nil {
		t.Fatal(err)
	}
	if runs := one.Runs(); len(runs) != 1 || runs[0].Name != "fold-0" || runs[0].Epochs != 7 {
		t.Errorf("%+v", runs)
	}
}
