package reading

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/export"
)

// TestExport: one zip with what the command writes, after reading; the log has its digest, and nothing is left on the disk.
func TestExport(t *testing.T) {
	s := contested(t)
	s.phase(annotate.Adjudicating)
	cora := s.as("cora")
	if r := cora.send("POST", "/api/export", m{"formats": []string{"docx"}}); r.status != http.StatusForbidden && r.status != http.StatusBadRequest {
		t.Errorf("%d %s", r.status, r.body)
	}
	cora.prove("cora")
	for _, bad := range []m{{"formats": []string{}}, {"formats": []string{"csv", "docx"}}, {"formats": []string{"../../x"}}} {
		if r := cora.send("POST", "/api/export", bad); r.status != http.StatusBadRequest {
			t.Errorf("%v: %d %s", bad, r.status, r.body)
		}
	}
	r := cora.send("POST", "/api/export", m{"formats": []string{"csv", "sr", "coco"}})
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/zip" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	files := unzip(t, r.body)
	var man export.Manifest
	if err := json.Unmarshal(files[export.ManifestFile], &man); err != nil || len(man.Files) != len(files)-1 || man.Readings != 9 {
		t.Fatalf("%v %+v of %d files", err, man, len(files))
	}
	want := filepath.Join(t.TempDir(), "out")
	if _, err := export.Write(t.Context(), s.Records(), s.Project.Head(), []string{"csv"}, want); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(want, "readings.csv")); err != nil || !bytes.Equal(b, files["readings.csv"]) {
		t.Errorf("the zip's table is not the command's: %v", err)
	}
	digest, _ := man.Digest()
	if log, err := os.ReadFile(filepath.Join(s.Dir(), annotate.LogFile)); err != nil || !bytes.Contains(log, []byte(digest)) {
		t.Errorf("the project's log does not have the export's digest: %v", err)
	}

	// As a browser does it.
	var job exportView
	first := cora.send("POST", "/api/exports", m{"formats": []string{"csv"}})
	if first.status != http.StatusAccepted || json.Unmarshal([]byte(first.body), &job) != nil {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for job.State != "ready" {
		cora.get("/api/exports/"+job.ID).into(t, &job)
		if job.State == "failed" {
			t.Fatalf("%+v", job.Refused)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if job.Files != 2 || job.Readings != 9 || job.Bytes == 0 {
		t.Errorf("%+v", job)
	}
	if r := s.as("cora").get("/api/exports/" + job.ID + "/zip"); r.status != http.StatusNotFound {
		t.Errorf("another session fetches it: %d", r.status)
	}
	zipped := cora.get("/api/exports/" + job.ID + "/zip")
	if got := unzip(t, zipped.body); len(got) != 2 || !bytes.Equal(got["readings.csv"], files["readings.csv"]) {
		t.Errorf("%d files", len(got))
	}
	if zipped.header.Get("Content-Disposition") == "" || zipped.header.Get("Content-Length") != fmt.Sprint(job.Bytes) {
		t.Errorf("%v", zipped.header)
	}
	waitFor(t, "the export to be taken away", func() bool {
		left, _ := filepath.Glob(filepath.Join(s.Dir(), exportPrefix+"*"))
		return len(left) == 0
	})
	if r := cora.get("/api/exports/" + job.ID); r.status != http.StatusNotFound {
		t.Errorf("it can be had twice: %d", r.status)
	}
}

// TestExportsAreGivenUp: with the session, when they are told to, and when the server ends; there is room for two.
func TestExportsAreGivenUp(t *testing.T) {
	s := contested(t)
	s.phase(annotate.Closed)
	cora := s.as("cora")
	cora.prove("cora")
	begin := func() (out exportView) {
		r := cora.send("POST", "/api/exports", m{"formats": []string{"csv"}})
		_ = json.Unmarshal([]byte(r.body), &out)
		if r.status == http.StatusConflict {
			out.State = "full"
		}
		return out
	}
	one, two := begin(), begin()
	if one.ID == "" || two.ID == "" || begin().State != "full" {
		t.Errorf("%+v %+v: there is room for two", one, two)
	}
	if r := cora.send("DELETE", "/api/exports/"+one.ID, nil); r.status != http.StatusNoContent {
		t.Errorf("%d %s", r.status, r.body)
	}
	waitFor(t, "room", func() bool { return s.running() == 1 })
	if r := cora.send("DELETE", "/api/session", nil); r.status != http.StatusNoContent {
		t.Errorf("%d", r.status)
	}
	waitFor(t, "the session's export to end", func() bool { return s.running() == 0 })
	if err := os.Mkdir(filepath.Join(s.Dir(), exportPrefix+"of-one-that-was-killed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sweepExports(s.Dir()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), exportPrefix+"*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func (s *site) running() int {
	s.coordinate.exports.mu.Lock()
	defer s.coordinate.exports.mu.Unlock()
	return s.coordinate.exports.n
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func unzip(t *testing.T, body string) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	if last := z.File[len(z.File)-1].Name; last != export.ManifestFile {
		t.Errorf("the last file is %s: a zip that was cut could have a manifest", last)
	}
	return out
}
