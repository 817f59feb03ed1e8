package browse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/dicomweb"
	"github.com/cineloop/cineloop/web/browse"
)

// site is a page over an archive.
func site(t *testing.T, opts access.Options, files ...[]byte) *httptest.Server {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a")
	if err := store.Init(dir, store.DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(context.Background(), dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	backend := dicomweb.New(a)
	for _, b := range files {
		if _, err := backend.Store(t.Context(), bytes.NewReader(b), web.Storing{}); err != nil {
			t.Fatal(err)
		}
	}
	policy, err := access.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, r := range web.NewServer(backend, web.Options{}).Routes() {
		mux.Handle(r.Pattern, policy.Require(access.Read, r.Handler))
	}
	browse.New(backend, policy, "/dicom-web").Register(mux)
	h, err := serve.Handler(mux, serve.Options{Rate: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() { srv.Close(); a.Close() })
	return srv
}

// ct is one slice of a made-up chest.
func ct(t *testing.T, patient, name, description, date string, k, n int) []byte {
	t.Helper()
	const side = 256
	px := make([]byte, 2*side*side)
	for y := range side {
		for x := range side {
			u, v := (float64(x)-127.5)/128, (float64(y)-127.5)/128
			hu := -1000.0
			if u*u/0.72+v*v/0.42 < 1 {
				hu = 40
				z := float64(k)/float64(n) - 0.5
				for _, s := range []float64{-1, 1} {
					if (u-s*0.38)*(u-s*0.38)/0.09+v*v/(0.2-0.3*z*z) < 1 {
						hu = -800 + 120*float64((x*7+y*13+k*31)%10)/10
					}
				}
				if u*u+(v-0.42)*(v-0.42) < 0.012 {
					hu = 700
				}
				if (u+0.05)*(u+0.05)/0.03+(v+0.12)*(v+0.12)/0.05 < 1-z*z {
					hu = 160
				}
			}
			s := uint16(int16(hu))
			px[2*(y*side+x)], px[2*(y*side+x)+1] = byte(s), byte(s>>8)
		}
	}
	ds := dicom.NewDataSet()
	for k, v := range map[tag.Tag]string{
		tag.SOPClassUID: uid.CTImageStorage, tag.SOPInstanceUID: fmt.Sprintf("1.2.3.%s.1.%d", patient, k+1), tag.StudyInstanceUID: "1.2.3." + patient,
		tag.SeriesInstanceUID: "1.2.3." + patient + ".1", tag.PatientID: "P" + patient, tag.PatientName: name, tag.StudyDate: date, tag.StudyTime: "101500",
		tag.PatientBirthDate: "19610203", tag.PatientSex: "F", tag.Modality: "CT", tag.StudyDescription: description, tag.SeriesDescription: "Axial 5 mm",
		tag.SeriesNumber: "2", tag.InstanceNumber: fmt.Sprint(k + 1), tag.PhotometricInterpretation: "MONOCHROME2", tag.AccessionNumber: "A" + patient,
	} {
		ds.SetString(k, v)
	}
	for k, v := range map[tag.Tag]int{tag.Rows: side, tag.Columns: side, tag.BitsAllocated: 16, tag.BitsStored: 16, tag.HighBit: 15, tag.PixelRepresentation: 1, tag.SamplesPerPixel: 1} {
		ds.SetInts(k, v)
	}
	ds.SetFloats(tag.WindowCenter, 40)
	ds.SetFloats(tag.WindowWidth, 400)
	ds.SetFloats(tag.RescaleIntercept, 0)
	ds.SetFloats(tag.RescaleSlope, 1)
	ds.SetBytes(tag.PixelData, vr.OW, px)
	return written(t, ds)
}

func written(t *testing.T, ds *dicom.DataSet) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// demo is what the pictures show: echo loops of two simulated patients, a CT, a report, and sixty studies to page through.
func demo(t *testing.T, loops bool) (files [][]byte) {
	t.Helper()
	if loops {
		files = echo(t)
	}
	for k := range 24 {
		files = append(files, ct(t, "77", "Smith^Adele^M^Dr", "CT chest with contrast", "20990107", k, 24))
	}
	sr := dicom.NewDataSet()
	for k, v := range map[tag.Tag]string{
		tag.SOPClassUID: uid.EnhancedSRStorage, tag.SOPInstanceUID: "1.2.3.77.9.1", tag.StudyInstanceUID: "1.2.3.77", tag.SeriesInstanceUID: "1.2.3.77.9",
		tag.PatientID: "P77", tag.PatientName: "Smith^Adele^M^Dr", tag.Modality: "SR", tag.SeriesDescription: "Report", tag.StudyDate: "20990107",
	} {
		sr.SetString(k, v)
	}
	files = append(files, written(t, sr))
	for i := range 60 {
		ds := dicom.NewDataSet()
		for k, v := range map[tag.Tag]string{
			tag.SOPClassUID: uid.UltrasoundImageStorage, tag.SOPInstanceUID: fmt.Sprintf("1.2.9.%d.1.1", i), tag.StudyInstanceUID: fmt.Sprintf("1.2.9.%d", i),
			tag.SeriesInstanceUID: fmt.Sprintf("1.2.9.%d.1", i), tag.PatientID: fmt.Sprintf("L%03d", i), tag.PatientName: fmt.Sprintf("Listed^Number %d", i),
			tag.Modality: "US", tag.StudyDescription: "Echocardiography", tag.StudyDate: fmt.Sprintf("2005%02d%02d", i%12+1, i%28+1),
		} {
			ds.SetString(k, v)
		}
		files = append(files, written(t, ds))
	}
	return files
}

// echo is two views of two simulated patients.
func echo(t *testing.T) (files [][]byte) {
	t.Helper()
	dir := t.TempDir()
	if err := phantom.Write(t.Context(), dir, phantom.Config{Seed: 7, Patients: 2, Views: []phantom.View{phantom.A4C, phantom.PLAX}, Height: 300, Width: 400, Frames: 40}, nil); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".dcm" {
			return err
		}
		b, err := os.ReadFile(path)
		files = append(files, b)
		return err
	})
	if err != nil || len(files) < 4 {
		t.Fatalf("%d loops, %v", len(files), err)
	}
	return files
}

func get(t *testing.T, c *http.Client, method, url string, form url.Values, header ...string) (int, string, http.Header) {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestSearching(t *testing.T) {
	srv := site(t, access.Options{Loopback: true}, demo(t, false)...)
	c := srv.Client()
	for _, q := range []struct {
		form  url.Values
		found string
		first string
	}{
		{url.Values{}, "1–50 of 61 studies", "Smith, Dr Adele M"},
		{url.Values{"offset": {"50"}}, "51–61 of 61 studies", "Listed, Number"},
		{url.Values{"name": {"ade smi"}}, "1 study", "Smith, Dr Adele M"},
		{url.Values{"name": {"dele"}}, "no study", ""},
		{url.Values{"id": {"l01"}}, "10 studies", "Listed"},
		{url.Values{"description": {"contrast"}}, "1 study", "Smith"},
		{url.Values{"modality": {"SR"}}, "1 study", "Smith"},
		{url.Values{"from": {"2005-12-01"}, "to": {"2005-12-31"}}, "5 studies", "Listed"},
		{url.Values{"to": {"1999-12-31"}}, "no study", ""},
		{url.Values{"id": {"%"}}, "no study", ""},
		{url.Values{"name": {`<script>alert(1)</script>`}}, "no study", ""},
		{url.Values{"offset": {"-7"}, "id": {"P77"}}, "1 study", "Smith"},
	} {
		status, body, h := get(t, c, "POST", srv.URL+"/", q.form, "X-Part", "rows")
		if status != 200 || !strings.Contains(body, ">"+q.found+"<") || !strings.Contains(body, q.first) || strings.Contains(body, "<html") {
			t.Errorf("%v: %d %.300s", q.form, status, body)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'") {
			t.Errorf("policy %q", csp)
		}
		if h.Get("Cache-Control") != "no-store" {
			t.Error("the list may be kept")
		}
	}
	status, body, _ := get(t, c, "POST", srv.URL+"/", url.Values{"name": {`"><script>alert(1)</script>`}})
	if status != 200 || strings.Contains(body, "<script>alert") {
		t.Error("what is searched for is not escaped")
	}
	for _, bad := range []url.Values{{"from": {"yesterday"}}, {"modality": {`CT\MR`}}, {"name": {strings.Repeat("x", 20<<10)}}} {
		if status, _, _ := get(t, c, "POST", srv.URL+"/", bad); status != 400 {
			t.Errorf("%.40v: %d", bad, status)
		}
	}
	if status, _, _ := get(t, c, "POST", srv.URL+"/", url.Values{}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("from another site: %d", status)
	}
	for path, want := range map[string]int{"/study/1.2.3.77": 200, "/study/1.2.3": 404, "/study/x": 404, "/stack/1.2.3.77/1.2.3.77.1": 200,
		"/stack/1.2.3.77/1.2.3.77.9": 404, "/stack/1.2.3.77/1.2.3.77.1/1.2.3": 404, "/assets/page.css": 200, "/assets/browse.go": 404} {
		if status, body, _ := get(t, c, "GET", srv.URL+path, nil); status != want {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	status, body, _ = get(t, c, "GET", srv.URL+"/stack/1.2.3.77/1.2.3.77.1", nil)
	if status != 200 || strings.Count(body, `"path"`) != 24 || !strings.Contains(body, `"windows":[{"name":"as stored","center":40,"width":400}]`) || !strings.Contains(body, `"cine":false`) {
		t.Errorf("stack: %d %.600s", status, body)
	}
	status, _, h := get(t, c, "GET", srv.URL+"/assets/page.css", nil)
	if again, _, _ := get(t, c, "GET", srv.URL+"/assets/page.css", nil, "If-None-Match", h.Get("ETag")); status != 200 || again != 304 {
		t.Errorf("asset again: %d", again)
	}
}

func TestSigningIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	reader, err := access.Add(path, "reader", []access.Role{access.Read}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	writer, err := access.Add(path, "writer", []access.Role{access.Write}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	srv := site(t, access.Options{File: path}, ct(t, "1", "Doe^Jane", "CT", "20200101", 0, 1))
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Transport: srv.Client().Transport}
	if _, body, _ := get(t, c, "GET", srv.URL+"/", nil, "Accept", "text/html"); !strings.Contains(body, `name="token"`) || strings.Contains(body, "Doe") {
		t.Error("a stranger is not asked who he is")
	}
	if status, body, _ := get(t, c, "POST", srv.URL+"/", url.Values{}, "X-Part", "rows"); status != 401 || strings.Contains(body, "Doe") {
		t.Errorf("a stranger searches: %d", status)
	}
	if status, body, _ := get(t, c, "POST", srv.URL+"/login", url.Values{"token": {"guess"}}); status != 401 || !strings.Contains(body, "not valid") {
		t.Errorf("a guess: %d", status)
	}
	if status, _, _ := get(t, c, "POST", srv.URL+"/login", url.Values{"token": {writer}}); status != 403 {
		t.Errorf("a token that does not read: %d", status)
	}
	if status, body, _ := get(t, c, "POST", srv.URL+"/login", url.Values{"token": {" " + reader + "\n"}}); status != 200 || !strings.Contains(body, "Doe, Jane") {
		t.Errorf("the right token: %d", status)
	}
	if status, _, _ := get(t, c, "GET", srv.URL+"/dicom-web/studies/1.2.3.1/thumbnail", nil); status != 200 {
		t.Errorf("the session does not reach pictures: %d", status)
	}
	if status, _, _ := get(t, c, "POST", srv.URL+"/login", url.Values{"token": {reader}}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("another site signs in: %d", status)
	}
	if _, body, _ := get(t, c, "POST", srv.URL+"/logout", url.Values{}); !strings.Contains(body, `name="token"`) {
		t.Error("signing out")
	}
	if status, _, _ := get(t, c, "GET", srv.URL+"/dicom-web/studies/1.2.3.1/thumbnail", nil); status != 401 {
		t.Errorf("after signing out: %d", status)
	}
}
