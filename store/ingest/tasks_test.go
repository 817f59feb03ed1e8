package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
	"github.com/cineloop/cineloop/store/queue"
)

// workerVariable tells this test binary to be a process that ingests; it holds the archive's folder and a source, or a queue.
const workerVariable = "CINELOOP_TEST_INGEST"

func TestMain(m *testing.M) {
	if v := os.Getenv(workerVariable); v != "" {
		worker(strings.Split(v, "|"))
		return
	}
	storetest.Main(m)
}

// lease is that of the queue that workers share.
const lease = 2 * time.Second

func worker(args []string) {
	a, err := store.Open(ctx, args[0], store.Keys{})
	if err == nil {
		defer a.Close()
		var s ingest.Summary
		if args[1] == "folder" {
			s, err = ingest.Run(ctx, a, ingest.Options{Sources: args[2:]})
		} else {
			var q queue.Queue
			if q, err = queue.Open(ctx, args[2], queue.Options{Topic: ingest.Topic, Lease: lease}); err == nil {
				defer q.Close()
				s, err = ingest.Work(ctx, a, q, ingest.WorkOptions{Lease: lease})
			}
		}
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(s)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start starts a process that ingests.
func start(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerVariable+"="+strings.Join(args, "|"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func finish(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer) (s ingest.Summary) {
	t.Helper()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

func archiveWith(t *testing.T, place string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg := store.DefaultConfig()
	cfg.Reserve, cfg.Catalog = 0, place
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	return dir
}

func eachCatalog(t *testing.T, do func(t *testing.T, place func(t *testing.T) string)) {
	for name, place := range map[string]func(t *testing.T) string{
		"sqlite": func(*testing.T) string { return "catalog.db" }, "postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) { do(t, place) })
	}
}

// TestTwoProcesses ingest the same folder into one archive at once: nothing is lost, nothing is there twice, and each file is stored
// by one of them.
func TestTwoProcesses(t *testing.T) {
	eachCatalog(t, func(t *testing.T, place func(*testing.T) string) {
		const n = 120
		in, dir := t.TempDir(), archiveWith(t, place(t))
		for i := range n {
			write(t, filepath.Join(in, fmt.Sprintf("%03d.dcm", i)), instance(t, i/40, i, nil))
		}
		one, oneOut := start(t, dir, "folder", in)
		two, twoOut := start(t, dir, "folder", in)
		a, b := finish(t, one, oneOut), finish(t, two, twoOut)
		if a.Found != n || b.Found != n || a.Stored+b.Stored != n || a.Duplicate+b.Duplicate != n || a.Conflict+b.Conflict+a.Quarantined+b.Quarantined != 0 {
			t.Errorf("%+v\n%+v", a, b)
		}
		arch, err := store.Open(ctx, dir, store.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		defer arch.Close()
		if k, err := arch.Catalog.Count(ctx, catalog.Query{Level: catalog.Image}); k != n || err != nil {
			t.Errorf("%d instances, %v", k, err)
		}
		verify(t, arch)
	})
}

// TestWorkers: sources are tasks; several processes share them, one is killed, another takes its task over; what cannot be done is a
// dead letter with its reason.
func TestWorkers(t *testing.T) {
	eachCatalog(t, func(t *testing.T, place func(*testing.T) string) {
		in, at := t.TempDir(), place(t)
		dir := archiveWith(t, at)
		qAt := at
		if !strings.Contains(at, "://") {
			qAt = filepath.Join(dir, "queue.db")
		}
		var sources []string
		const folders, each = 6, 40
		for f := range folders {
			sources = append(sources, filepath.Join(in, fmt.Sprint(f)))
			for i := range each {
				write(t, filepath.Join(sources[f], fmt.Sprintf("%d.dcm", i)), instance(t, f, i, nil))
			}
		}
		sources = append(sources, "ftp://nowhere/x")
		q, err := queue.Open(ctx, qAt, queue.Options{Topic: ingest.Topic, Lease: lease})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		for i, want := range []int{folders + 1, 0} {
			if n, err := ingest.Enqueue(ctx, q, sources); n != want || err != nil {
				t.Fatalf("push %d: %d added, %v", i, n, err)
			}
		}
		victim, _ := start(t, dir, "queue", qAt)
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // until it has a task
			if s, err := q.Stats(ctx); err != nil || s.Pending > 0 || s.Done > 0 || time.Now().After(end) {
				break
			}
		}
		victim.Process.Kill()
		victim.Wait()
		one, oneOut := start(t, dir, "queue", qAt)
		two, twoOut := start(t, dir, "queue", qAt)
		a, b := finish(t, one, oneOut), finish(t, two, twoOut)
		if a.Stored+b.Stored > folders*each || a.Quarantined+b.Quarantined+a.Conflict+b.Conflict != 0 {
			t.Errorf("%+v\n%+v", a, b)
		}
		arch, err := store.Open(ctx, dir, store.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		defer arch.Close()
		if k, err := arch.Catalog.Count(ctx, catalog.Query{Level: catalog.Image}); k != folders*each || err != nil {
			t.Errorf("%d instances, want %d; %v", k, folders*each, err)
		}
		if s, err := q.Stats(ctx); s.Done != folders || s.Dead != 1 || err != nil {
			t.Errorf("%+v, %v", s, err)
		}
		dead, err := q.Dead(ctx)
		if err != nil || len(dead) != 1 || dead[0].Key != "ftp://nowhere/x" || !strings.Contains(dead[0].Reason, "ftp://") {
			t.Errorf("%+v, %v", dead, err)
		}
		if n, err := ingest.Enqueue(ctx, q, sources[:1]); n != 1 || err != nil { // done before: there may be more in it now
			t.Errorf("again: %d, %v", n, err)
		}
		if s, err := ingest.Work(ctx, arch, q, ingest.WorkOptions{Lease: lease}); s.Duplicate != each || err != nil {
			t.Errorf("%+v, %v", s, err)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := ingest.Work(cancelled, arch, q, ingest.WorkOptions{Lease: lease}); err == nil {
			t.Error("cancelled work succeeded")
		}
		verify(t, arch)
	})
}
