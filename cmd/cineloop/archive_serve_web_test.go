package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
)

// lockedBuffer is written by a service while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// commandLine runs a command line in process and gives what it printed.
func commandLine(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := newRootCmd(ioStreams{In: strings.NewReader(""), Out: &out, Err: io.Discard})
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func TestArchiveServeWeb(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.yaml")
	token := map[string]string{}
	for name, role := range map[string]string{"reader": "read", "writer": "write"} {
		out, err := commandLine(t.Context(), "token", "add", tokens, name, "--role", role)
		if err != nil {
			t.Fatal(err)
		}
		token[name] = strings.TrimSpace(out)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := commandLine(t.Context(), "token", "list", tokens); err != nil || !strings.Contains(out, "reader") || strings.Contains(out, token["reader"]) {
		t.Errorf("%s, %v", out, err)
	}
	for i := range 3 {
		ds := dicom.NewDataSet()
		for k, v := range map[tag.Tag]string{tag.SOPClassUID: "1.2.840.10008.5.1.4.1.1.7", tag.StudyInstanceUID: "1.2", tag.SeriesInstanceUID: "1.2.3", tag.SOPInstanceUID: "1.2.3." + string(rune('1'+i)),
			tag.PatientName: "Doe^Jane", tag.PatientID: "D1", tag.StudyDate: "20240101", tag.Modality: "OT"} {
			ds.SetString(k, v)
		}
		if err := dicom.WriteFile(filepath.Join(dir, "in", string(rune('a'+i))), ds, dicom.WriteOptions{}); err != nil {
			if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := dicom.WriteFile(filepath.Join(dir, "in", string(rune('a'+i))), ds, dicom.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "notes.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var log lockedBuffer
	served := make(chan error, 1)
	go func() {
		served <- runArchiveServe(ctx, archiveServeOptions{Archive: filepath.Join(dir, "archive"), Web: archiveWebOptions{Listen: "127.0.0.1:0", Tokens: tokens}}, ioStreams{Out: io.Discard, Err: &log})
	}()
	listening := regexp.MustCompile(`listening on (\S+)`)
	for end := time.Now().Add(30 * time.Second); !listening.MatchString(log.String()); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-served:
			t.Fatalf("it ended: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("it does not listen")
		}
	}
	url := "http://" + listening.FindStringSubmatch(log.String())[1] + "/dicom-web"
	as := func(who string, args ...string) (string, error) {
		return commandLine(t.Context(), append([]string{"dicomweb", "--token-file", filepath.Join(dir, who)}, args...)...)
	}
	in := filepath.Join(dir, "in")
	if out, err := as("writer", "store", url, in, "--dry-run"); err != nil || !strings.Contains(out, "3 files would be sent, 1 are not DICOM") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := as("reader", "store", url, in); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a reader stores: %s, %v", out, err)
	}
	if out, err := as("writer", "query", url); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a writer searches: %s, %v", out, err)
	}
	if out, err := as("writer", "store", url, in, "--json"); err != nil || !strings.Contains(out, `"files":3,"stored":3,"warned":0,"failed":0,"unanswered":0,"skipped":1`) {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := as("reader", "query", url, "--where", "PatientName=Doe*", "--show", "PatientID", "--show", "StudyDate"); err != nil || out != "1.2\tD1\t20240101\n" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := as("reader", "query", url, "1.2", "--level", "instances", "--json"); err != nil || strings.Count(out, "\n") != 3 || !strings.Contains(out, `"00080018"`) {
		t.Errorf("%q, %v", out, err)
	}
	out := filepath.Join(dir, "out")
	if s, err := as("reader", "retrieve", url, "1.2", "--out", out); err != nil || !strings.HasPrefix(s, "3 objects") {
		t.Errorf("%s, %v", s, err)
	}
	files, err := os.ReadDir(out)
	if err != nil || len(files) != 3 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if _, err := as("reader", "retrieve", url, "9.9", "--out", out); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no such study: %v", err)
	}
	for _, bad := range [][]string{{"query", url, "--where", "Foo=1"}, {"query", url, "--where", "PatientName"}, {"query", url, "x"}, {"query", url, "--level", "images"}, {"query", "ftp://x"},
		{"query", url, "1.2", "--level", "studies"}, {"retrieve", url, "1.2", "--out", out, "--to", "gif"}} {
		if _, err := as("reader", bad...); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if resp, err := http.Get(strings.TrimSuffix(url, "/dicom-web") + "/"); err != nil || resp.Request.URL.Path != "/" && resp.Request.URL.Path != "/login" {
		t.Errorf("the page: %v", err)
	} else {
		resp.Body.Close()
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("it ends with %v", err)
	}
	for _, bad := range []string{"Doe", "Jane", "D1", token["reader"]} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("the log holds %s:\n%s", bad, log.String())
		}
	}
	if !strings.Contains(log.String(), `route="POST /dicom-web/studies" status=200`) || !strings.Contains(log.String(), "who=writer") {
		t.Errorf("the log:\n%s", log.String())
	}
}

func TestArchiveServeWebRefuses(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.yaml")
	if _, err := access.Add(tokens, "a", []access.Role{access.Read}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		web  archiveWebOptions
		code fault.Code
	}{
		"nobody may":           {archiveWebOptions{Listen: "127.0.0.1:0"}, fault.Usage},
		"in the clear":         {archiveWebOptions{Listen: ":0", Tokens: tokens}, fault.Usage},
		"in the clear by name": {archiveWebOptions{Listen: "pacs:0", Tokens: tokens}, fault.Usage},
		"no tokens":            {archiveWebOptions{Listen: "127.0.0.1:0", Tokens: tokens + "x"}, fault.NotFound},
		"no certificate":       {archiveWebOptions{Listen: ":0", Tokens: tokens, Cert: tokens + "x", Key: tokens}, fault.NotFound},
		"bad origin":           {archiveWebOptions{Listen: "127.0.0.1:0", Tokens: tokens, Origins: []string{"*"}}, fault.Usage},
		"nothing":              {archiveWebOptions{}, fault.Usage},
	} {
		if err := runArchiveServe(t.Context(), archiveServeOptions{Archive: filepath.Join(dir, "a"), Web: c.web}, ioStreams{Out: io.Discard, Err: io.Discard}); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
