package dicomweb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/judges"
	"github.com/cineloop/cineloop/internal/testdata"
)

// ask sends JSON to Orthanc's own interface.
func ask(t *testing.T, method, url string, body any) []byte {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("Orthanc answers %s with %d %.300s, %v", url, resp.StatusCode, answer, err)
	}
	return answer
}

// judged are corpus files that Orthanc reads too: from different sources, in different transfer syntaxes.
func judged(t *testing.T) map[string][]byte {
	if testing.Short() {
		t.Skip("-short: no judge is heard")
	}
	out := map[string][]byte{}
	seen := map[string]bool{}
	perSyntax := map[dicom.TransferSyntax]int{}
	files := corpus(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b := files[name]
		f, err := dicom.ReadBytes(b, dicom.Strict())
		if err != nil || f.Meta.Len() == 0 || f.DataSet.String(tag.SOPClassUID) == uid.MediaStorageDirectoryStorage {
			continue
		}
		ds := f.DataSet
		u, study := ds.String(tag.SOPInstanceUID), ds.String(tag.StudyInstanceUID)
		if !uid.Valid(u) || !uid.Valid(study) || !uid.Valid(ds.String(tag.SeriesInstanceUID)) || ds.String(tag.SOPClassUID) == "" || seen[u] || perSyntax[f.TransferSyntax] == 6 || len(b) > 1<<20 {
			continue
		}
		seen[u] = true
		perSyntax[f.TransferSyntax]++
		out[u] = b
	}
	return out
}

// TestJudgeOrthancAsServer sends to Orthanc, searches it and reads back, with our client.
func TestJudgeOrthancAsServer(t *testing.T) {
	base := judges.Orthanc(t, "http://127.0.0.1:1")
	c, err := web.NewClient(base+"/dicom-web", web.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	files := judged(t)
	var list []web.Upload
	for u, b := range files {
		list = append(list, upload(u, b))
	}
	stored := map[string]bool{}
	res, err := c.Store(t.Context(), uploads(list...), web.StoreOptions{EachReceipt: func(r web.Receipt) { stored[r.SOPInstanceUID] = r.Failure == 0 }})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Orthanc stores %d of %d files", res.Stored, len(files))
	if res.Stored < len(files)*9/10 || res.Unanswered > 0 {
		t.Errorf("%+v of %d", res, len(files))
	}
	found, same := 0, 0
	for study, err := range c.Search(t.Context(), web.Query{Level: web.Studies}) {
		if err != nil {
			t.Fatal(err)
		}
		at := web.Resource{Study: study.String(tag.StudyInstanceUID)}
		for in, err := range c.Search(t.Context(), web.Query{Level: web.Instances, Within: at}) {
			if err != nil {
				t.Fatal(err)
			}
			found++
			at.Series, at.Instance = in.String(tag.SeriesInstanceUID), in.String(tag.SOPInstanceUID)
			o, err := c.Open(t.Context(), at, "")
			if err != nil {
				t.Errorf("%v: %v", at, err)
				continue
			}
			got, err := io.ReadAll(o)
			o.Close()
			if err != nil {
				t.Error(err)
			}
			if bytes.Equal(got, files[at.Instance]) {
				same++
			}
		}
		at = web.Resource{Study: at.Study}
		parts := 0
		for p, err := range c.Retrieve(t.Context(), at, "*") {
			if err != nil {
				t.Errorf("study: %v", err)
				break
			}
			if n, err := io.Copy(io.Discard, p); err != nil || n < 200 {
				t.Errorf("%d bytes, %v", n, err)
			}
			parts++
		}
		if n, err := c.Count(t.Context(), at); err != nil || n != parts {
			t.Errorf("%d parts of %d instances, %v", parts, n, err)
		}
		for _, err := range c.Metadata(t.Context(), at) {
			if err != nil {
				t.Errorf("metadata: %v", err)
			}
		}
	}
	t.Logf("%d instances found, %d come back as the bytes that were sent", found, same)
	if found != res.Stored || same < found*9/10 {
		t.Errorf("%d found of %d stored, %d the same", found, res.Stored, same)
	}
}

// TestJudgeOrthancAsClient lets Orthanc send to us, search and retrieve.
func TestJudgeOrthancAsClient(t *testing.T) {
	ours, srv, _ := service(t)
	base := judges.Orthanc(t, srv.URL+"/dicom-web")
	theirs, err := web.NewClient(base+"/dicom-web", web.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	var list []web.Upload
	for u, b := range judged(t) {
		list = append(list, upload(u, b))
	}
	sent, err := theirs.Store(t.Context(), uploads(list...), web.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var studies []string
	if err := json.Unmarshal(ask(t, "GET", base+"/studies", nil), &studies); err != nil {
		t.Fatal(err)
	}
	ask(t, "POST", base+"/dicom-web/servers/cineloop/stow", map[string]any{"Resources": studies, "Synchronous": true})
	have := len(collect(t, ours.Search(t.Context(), web.Query{Level: web.Instances})))
	if have != sent.Stored {
		t.Errorf("Orthanc sent %d instances, we have %d", sent.Stored, have)
	}
	var answer []map[string]any
	if err := json.Unmarshal(ask(t, "POST", base+"/dicom-web/servers/cineloop/qido", map[string]any{"Uri": "/studies", "Arguments": map[string]string{"includefield": "StudyDescription"}}), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer) != len(studies) {
		t.Errorf("Orthanc finds %d studies here, %d were sent", len(answer), len(studies))
	}
	for _, id := range studies {
		ask(t, "DELETE", base+"/studies/"+id, nil)
	}
	var wanted []map[string]string
	for study := range collectSeq(t, ours.Search(t.Context(), web.Query{Level: web.Studies})) {
		wanted = append(wanted, map[string]string{"Study": study.String(tag.StudyInstanceUID)})
	}
	ask(t, "POST", base+"/dicom-web/servers/cineloop/retrieve", map[string]any{"Resources": wanted, "Synchronous": true})
	var stats struct{ CountInstances any }
	if err := json.Unmarshal(ask(t, "GET", base+"/statistics", nil), &stats); err != nil {
		t.Fatal(err)
	}
	t.Logf("Orthanc sent %d, finds %d studies, retrieved %v instances", sent.Stored, len(answer), stats.CountInstances)
	if fmt.Sprint(stats.CountInstances) != fmt.Sprint(have) {
		t.Errorf("Orthanc retrieved %v of %d", stats.CountInstances, have)
	}
}

// TestJudgePydicom has pydicom read what the service gives: files in several transfer syntaxes, and the metadata's JSON model, whose
// elements must be those of the file.
func TestJudgePydicom(t *testing.T) {
	python := ""
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(p, "-c", "import pydicom").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		t.Skip("pydicom is not installed")
	}
	c, srv, _ := service(t)
	var list []web.Upload
	for u, b := range judged(t) {
		list = append(list, upload(u, b))
	}
	if res, err := c.Store(t.Context(), uploads(list...), web.StoreOptions{}); err != nil || res.Stored < 50 {
		t.Fatalf("%+v, %v", res, err)
	}
	dir := t.TempDir()
	n := 0
	for ds := range collectSeq(t, c.Search(t.Context(), web.Query{Level: web.Instances})) {
		at := web.Resource{Study: ds.String(tag.StudyInstanceUID), Series: ds.String(tag.SeriesInstanceUID), Instance: ds.String(tag.SOPInstanceUID)}
		base := filepath.Join(dir, fmt.Sprintf("%03d", n))
		for suffix, syntax := range map[string]string{"stored": "*", "explicit": uid.ExplicitVRLittleEndian, "rle": uid.RLELossless} {
			o, err := c.Open(t.Context(), at, syntax)
			if err != nil {
				continue // what can't be converted was refused
			}
			b, err := io.ReadAll(o)
			o.Close()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(base+"."+suffix, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(base+".json", fetch(t, srv, at.Path()+"/metadata"), 0o600); err != nil {
			t.Fatal(err)
		}
		n++
	}
	script := filepath.Join(testdata.Root(t), "bench", "peers", "dicomweb_judge.py")
	out, err := exec.Command(python, script, dir).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		t.Errorf("pydicom objects:\n%s", out)
	} else if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d instances: %s", n, strings.TrimSpace(string(out)))
}

func fetch(t *testing.T, srv *httptest.Server, path string) []byte {
	t.Helper()
	resp, err := http.Get(srv.URL + "/dicom-web/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
	}
	return b
}
