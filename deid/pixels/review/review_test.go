package review

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

var policy = deid.PixelPolicy{Clean: true, Unsure: "quarantine", Outside: true}

// folder has three files of one device, one of another that has no sector, and two that are no images.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	g, _, err := plant.Phantom(1, 0, 160)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, g plant.Ground, n int, device string) {
		o, err := plant.Plant(rand.New(rand.NewPCG(uint64(len(name)), 1)), g, plant.Builtin(), n, plant.Syntaxes[0])
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.ReadBytes(o.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		f.DataSet.SetString(tag.Manufacturer, device)
		f.DataSet.SetString(tag.ManufacturerModelName, "Model <1>")
		if err := f.Save(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		write(fmt.Sprintf("%d.dcm", i), g, 2+i, "ACME")
	}
	blank := plant.Ground{Name: "blank", W: 120, H: 100, Modality: "US", Frames: [][]uint8{make([]uint8, 3*120*100)}}
	write("blank.dcm", blank, 0, "OTHER")
	if err := os.WriteFile(filepath.Join(dir, "note.txt"), []byte("not an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func survey(t testing.TB) []*Group {
	t.Helper()
	groups, err := Survey(context.Background(), folder(t), policy, nil)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

func TestSurvey(t *testing.T) {
	groups := survey(t)
	if len(groups) != 2 || groups[0].Manufacturer != "OTHER" || groups[0].Doubtful() != 1 || groups[1].Files != 3 || len(groups[1].Samples) != 3 {
		t.Fatalf("%d groups: %+v", len(groups), groups[0])
	}
	if s := groups[0].Samples[0]; s.Verdict != "held back" || s.Note == "" || len(s.JPEG) == 0 {
		t.Errorf("%+v", s)
	}
	for _, s := range groups[1].Samples {
		if s.Verdict != "blanked" || len(s.Rects) == 0 || len(s.Outside) == 0 || s.Examined < 3 {
			t.Errorf("%s, %d rectangles, %d outside, %d examined", s.Verdict, len(s.Rects), len(s.Outside), s.Examined)
		}
	}
	if _, err := Survey(context.Background(), t.TempDir(), policy, nil); fault.CodeOf(err) != fault.Input {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Survey(context.Background(), filepath.Join(t.TempDir(), "no"), policy, nil); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no folder: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Survey(ctx, folder(t), policy, nil); err == nil {
		t.Error("a cancelled survey ended well")
	}
}

const host = "127.0.0.1:4711"

func server(t testing.TB) (*Server, *[]deid.DeviceRule) {
	t.Helper()
	var saved []deid.DeviceRule
	s, err := NewServer(survey(t), host, func(r []deid.DeviceRule) error { saved = r; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return s, &saved
}

func ask(s http.Handler, method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://"+host+target, strings.NewReader(body))
	r.Header.Set("Origin", "http://"+host)
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestOnlyTheTokenOpens(t *testing.T) {
	s, _ := server(t)
	if w := ask(s, "GET", "/", "", nil); w.Code != http.StatusForbidden {
		t.Errorf("without a cookie: %d", w.Code)
	}
	if w := ask(s, "GET", "/?token=wrong", "", nil); w.Code != http.StatusForbidden {
		t.Errorf("a wrong token: %d", w.Code)
	}
	u, _ := url.Parse(s.URL())
	w := ask(s, "GET", u.RequestURI(), "", nil)
	c := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(c) != 1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode || w.Header().Get("Location") != "/" {
		t.Fatalf("%d, %v", w.Code, c)
	}
	in := func(r *http.Request) { r.AddCookie(c[0]) }
	page := ask(s, "GET", "/", "", in)
	if page.Code != 200 || !strings.Contains(page.Body.String(), "ACME Model &lt;1&gt;") || strings.Contains(page.Body.String(), "Planted") {
		t.Errorf("%d: the page lacks the device, or shows a patient's name", page.Code)
	}
	for _, h := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'"} {
		if !strings.Contains(page.Header().Get("Content-Security-Policy"), h) {
			t.Errorf("the policy lacks %s", h)
		}
	}
	if strings.Contains(page.Body.String(), "onclick") || strings.Contains(page.Body.String(), "style=") {
		t.Error("the page has what its own policy forbids")
	}
	for target, want := range map[string]int{"/style.css": 200, "/script.js": 200, "/picture/" + s.groups[1].ID + "/0": 200, "/picture/" + s.groups[1].ID + "/9": 404, "/picture/x/0": 404, "/picture/": 404, "/assets/page.gohtml": 404} {
		if w := ask(s, "GET", target, "", in); w.Code != want {
			t.Errorf("%s: %d", target, w.Code)
		}
		if w := ask(s, "GET", target, "", nil); w.Code != http.StatusForbidden {
			t.Errorf("%s without a cookie: %d", target, w.Code)
		}
	}
	if w := ask(s, "GET", "/", "", func(r *http.Request) { in(r); r.Host = "evil.example:4711" }); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("another host's name: %d", w.Code)
	}
	if w := ask(s, "DELETE", "/", "", in); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", w.Code)
	}
	for _, bad := range []string{"0.0.0.0:80", "example.org:80", "127.0.0.1", ":80"} {
		if _, err := NewServer(nil, bad, nil); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestDecisionsBecomeRules(t *testing.T) {
	s, saved := server(t)
	in := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie, Value: s.token}) }
	us := s.groups[1]
	post := func(body string) int { return ask(s, "POST", "/decide", body, in).Code }
	if code := post(`{"id":"` + us.ID + `","action":"fix","rectangles":[[1,2,30,40]],"only":true}`); code != 200 {
		t.Fatalf("%d", code)
	}
	if code := post(`{"id":"` + s.groups[0].ID + `","action":"quarantine"}`); code != 200 {
		t.Fatalf("%d", code)
	}
	r := *saved
	if len(r) != 2 || r[0].Action != "quarantine" || r[1].Action != "mask" || !r[1].Only || r[1].Manufacturer != "ACME" || r[1].Rows != us.Rows || len(r[1].Rectangles) != 1 {
		t.Fatalf("%+v", r)
	}
	if code := post(`{"id":"` + us.ID + `","action":"accept"}`); code != 200 || (*saved)[1].Action != "mask" || (*saved)[1].Only || (*saved)[1].Rectangles != nil {
		t.Errorf("%d, %+v", code, *saved)
	}
	if code := post(`{"id":"` + us.ID + `","action":""}`); code != 200 || len(*saved) != 1 || len(s.Rules()) != 1 {
		t.Errorf("taken back: %d, %+v", code, *saved)
	}
	for _, body := range []string{
		``, `[]`, `{"id":"x","action":"accept"}`, `{"id":"` + us.ID + `","action":"delete"}`, `{"id":"` + us.ID + `","action":"accept","rectangles":[[0,0,1,1]]}`,
		`{"id":"` + us.ID + `","action":"fix","rectangles":[[0,0,1]]}`, `{"id":"` + us.ID + `","action":"fix","rectangles":[[5,0,1,1]]}`,
		`{"id":"` + us.ID + `","action":"fix","rectangles":[[0,0,99999,1]]}`, `{"id":"` + us.ID + `","action":"fix","more":1}`,
	} {
		if code := post(body); code != http.StatusBadRequest {
			t.Errorf("%s: %d", body, code)
		}
	}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { in(r); r.Header.Set("Origin", "http://evil.example") },
		func(r *http.Request) { in(r); r.Header.Set("Content-Type", "text/plain") },
		func(*http.Request) {},
	} {
		if w := ask(s, "POST", "/decide", `{"id":"`+us.ID+`","action":"pass"}`, change); w.Code != http.StatusForbidden {
			t.Errorf("%d", w.Code)
		}
	}
	s.save = func([]deid.DeviceRule) error { return fault.New(fault.Resource, "disk full") }
	if code := post(`{"id":"` + us.ID + `","action":"pass"}`); code != http.StatusInternalServerError || len(s.Rules()) != 1 {
		t.Errorf("a decision that could not be written was kept: %d", code)
	}
}

func TestPath(t *testing.T) {
	if got := path([]image.Rectangle{image.Rect(1, 2, 3, 4), image.Rect(0, 0, 5, 1)}); got != "M1 2H3V4H1ZM0 0H5V1H0Z" {
		t.Error(got)
	}
}

func TestSmall(t *testing.T) {
	b, err := small(image.NewGray(image.Rect(0, 0, 2000, 100)))
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || c.Width != maxSide || c.Height != 45 {
		t.Errorf("%+v, %v", c, err)
	}
}
