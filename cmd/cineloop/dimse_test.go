package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/dimsetest"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// lines is output that can be looked at while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// cineloopCommand runs a command line in this process.
func cineloopCommand(ctx context.Context, errs *lines, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := newRootCmd(ioStreams{In: strings.NewReader(""), Out: &out, Err: errs})
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// serveArchive runs archive serve until the test ends, and gives its address and what it says.
func serveArchive(t *testing.T, args ...string) (addr string, said *lines) {
	t.Helper()
	said = &lines{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := cineloopCommand(ctx, said, append([]string{"archive", "serve"}, args...)...)
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("archive serve: %v", err)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := listening.FindStringSubmatch(said.String()); m != nil {
			return m[1], said
		}
	}
	t.Fatalf("not listening: %s", said)
	return "", nil
}

// echoFiles writes n small instances of one study and a file that is none.
func echoFiles(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		ds := dicom.NewDataSet()
		ds.SetString(tag.SOPClassUID, uid.UltrasoundImageStorage)
		ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.3.%d", i))
		ds.SetString(tag.StudyInstanceUID, "1.2.3")
		ds.SetString(tag.SeriesInstanceUID, "1.2.3.0")
		ds.SetString(tag.PatientName, "Secret^Name")
		ds.SetString(tag.PatientID, "S-1")
		ds.SetString(tag.Modality, "US")
		ds.SetString(tag.StudyDate, "20240115")
		ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 100))
		if err := dicom.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.dcm", i)), ds, dicom.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDimseSession: an archive and a second one, and every command between them.
func TestDimseSession(t *testing.T) {
	files := echoFiles(t, 5)
	base := t.TempDir()
	second, _ := serveArchive(t, filepath.Join(base, "second"), "--dimse", "127.0.0.1:0", "--aet", "SECOND", "--allow", "FIRST@127.0.0.0/8", "--allow", "ME")
	report := dimsetest.Port(t)
	addr, said := serveArchive(t, filepath.Join(base, "first"), "--dimse", "127.0.0.1:0", "--aet", "FIRST", "--peer", "SECOND@"+second,
		"--peer", fmt.Sprintf("LISTENER@127.0.0.1:%d", report), "--allow", "ME", "--worklist", files)
	first := "FIRST@" + addr
	run := func(want fault.Code, contains string, args ...string) {
		t.Helper()
		var errs lines
		ae := "ME"
		if args[1] == "commit" && len(args) > 5 {
			ae = "LISTENER"
		}
		out, err := cineloopCommand(t.Context(), &errs, append(args, "--aet", ae)...)
		if err != nil && fault.CodeOf(err) != want || err == nil && want != "" || !strings.Contains(out, contains) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	run("", "FIRST answers", "dimse", "echo", first)
	run("", `"peer":"FIRST"`, "dimse", "echo", first, "--json")
	run("", "6 files: 5 to send, 5 sent, 0 failed, 1 skipped", "dimse", "store", first, files)
	run("", "PatientName=Secret^Name", "dimse", "find", first)
	run("", "NumberOfStudyRelatedInstances=5", "dimse", "find", first)
	run("", "PatientID=S-1", "dimse", "find", first, "--level", "patient")
	run("", `"00080018":{"vr":"UI","Value":["1.2.3.`, "dimse", "find", first, "--level", "image", "--limit", "2", "--json")
	run("", "PatientName=Secret^Name", "dimse", "find", first, "--model", "worklist", "--key", "PatientName=SECRET*")
	run(fault.NotFound, "", "dimse", "find", first, "--key", "PatientName=Nobody")
	run("", "5 objects sent, 0 with a warning, 0 failed", "dimse", "move", first, "--to", "SECOND", "--key", "StudyInstanceUID=1.2.3")
	run("", "StudyInstanceUID=1.2.3", "dimse", "find", "SECOND@"+second)
	run(fault.Input, "", "dimse", "move", first, "--to", "NOBODY", "--key", "StudyInstanceUID=1.2.3")
	run(fault.NotFound, "0 objects", "dimse", "move", first, "--to", "SECOND", "--key", "StudyInstanceUID=1.9")
	out := filepath.Join(base, "out")
	run("", `"completed":5`, "dimse", "get", first, "--key", "StudyInstanceUID=1.2.3", "--out", out, "--json")
	if list, _ := filepath.Glob(filepath.Join(out, "*.dcm")); len(list) != 5 || strings.Contains(strings.Join(list, " "), "1.2.3") {
		t.Errorf("fetched %q", list)
	}
	run("", "5 objects sent", "dimse", "get", first, "--key", "StudyInstanceUID=1.2.3", "--archive", filepath.Join(base, "third"), "--class", uid.UltrasoundImageStorage)
	run("", "5 instances committed, 0 not", "dimse", "commit", first, files)
	run("", `{"committed":5,"failed":0`, "dimse", "commit", first, files, "--json", "--listen", fmt.Sprintf("127.0.0.1:%d", report))
	run(fault.Partial, "no such SOP instance", "dimse", "commit", first, echoFiles(t, 7))
	if _, err := cineloopCommand(t.Context(), &lines{}, "dimse", "echo", first, "--aet", "STRANGER"); fault.ExitStatus(err) == 0 {
		t.Error("a stranger was let in")
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && !strings.Contains(said.String(), "rejected STRANGER"); time.Sleep(10 * time.Millisecond) {
	}
	if text := said.String(); strings.Contains(text, "Secret") || strings.Contains(text, "1.2.3") || !strings.Contains(text, "close ME") || !strings.Contains(text, "rejected STRANGER") {
		t.Errorf("the server says\n%s", text)
	}
}

// TestDimseTLS: with certificates on both sides, and without.
func TestDimseTLS(t *testing.T) {
	ca := dimsetest.NewAuthority(t)
	node, client := ca.Issue(t, "node"), ca.Issue(t, "client")
	addr, _ := serveArchive(t, filepath.Join(t.TempDir(), "a"), "--dimse", "127.0.0.1:0", "--aet", "SAFE", "--allow", "any", "--json",
		"--tls-cert", node.Cert, "--tls-key", node.Key, "--tls-ca", node.CA)
	ok := []string{"--tls-cert", client.Cert, "--tls-key", client.Key, "--tls-ca", client.CA}
	if out, err := cineloopCommand(t.Context(), &lines{}, append([]string{"dimse", "store", "SAFE@" + addr, echoFiles(t, 3)}, ok...)...); err != nil || !strings.Contains(out, "3 sent") {
		t.Errorf("%v\n%s", err, out)
	}
	for name, args := range map[string][]string{"plain text": nil, "no certificate": {"--tls-ca", ca.File}, "the system's authorities": {"--tls"}} {
		if _, err := cineloopCommand(t.Context(), &lines{}, append([]string{"dimse", "echo", "SAFE@" + addr}, args...)...); err == nil {
			t.Errorf("%s was let in", name)
		}
	}
}
