package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/deid/batch"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/store/bucket"
	"github.com/cineloop/cineloop/store/queue/natstest"
)

// scale is what the tests of many workers share: an input, the key, and what one command makes of them.
type scale struct {
	in, key, policy string
	want            map[string]string // by name, of the folder run
}

func newScale(t *testing.T) scale {
	t.Helper()
	dir := t.TempDir()
	s := scale{in: filepath.Join(dir, "in"), key: filepath.Join(dir, "key"), policy: filepath.Join(dir, "policy.yaml")}
	if err := os.WriteFile(s.key, []byte("a secret of these tests alone, of many letters"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.policy, []byte("version: 1\nname: t\noptions: [retain_modified_dates, clean_descriptors]\npixels: {clean: false, unsure: pass}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, from := range []string{"dcm_qa_enh", "fo-dicom", "dcmqi"} {
		root := testdata.Shared(t, "data", "dicom", "real", from)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil || len(raw) > 1<<20 {
				return err
			}
			n++
			to := filepath.Join(s.in, fmt.Sprintf("Müller %d", n%5), d.Name()+fmt.Sprint(n))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			return os.WriteFile(to, raw, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	if err := runDeid(context.Background(), deidOptions{In: s.in, Out: out, Policy: s.policy, Key: s.key}, quiet()); err != nil {
		t.Fatal(err)
	}
	s.want = map[string]string{}
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(out, path)
		raw, err := os.ReadFile(path)
		if !strings.HasPrefix(rel, batch.StateDir) {
			s.want[filepath.ToSlash(rel)] = string(raw)
		}
		return err
	})
	if err != nil || len(s.want) < 20 {
		t.Fatalf("%v: %d files", err, len(s.want))
	}
	return s
}

func quiet() ioStreams { return ioStreams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard} }

// under is a place under a bucket's URL.
func under(place, name string) string {
	host, query, _ := strings.Cut(place, "?")
	return host + "/" + name + "?" + query
}

// fill copies the input into a bucket.
func (s scale) fill(t *testing.T, place string) {
	t.Helper()
	b, err := bucket.Open(context.Background(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	err = batch.Walk(context.Background(), s.in, func(rel string, _ int64) error {
		return b.Send(context.Background(), filepath.ToSlash(rel), filepath.Join(s.in, rel))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// same holds a bucket's contents against the folder's.
func (s scale) same(t *testing.T, place string) {
	t.Helper()
	ctx := context.Background()
	b, err := bucket.Open(ctx, place)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	have := map[string]string{}
	err = b.List(ctx, "", func(name string, _ int64) error {
		if strings.HasPrefix(name, batch.StateDir) {
			if strings.Contains(name, "ller") {
				t.Errorf("the state tells a file's name: %s", name)
			}
			return nil
		}
		raw, err := b.Read(ctx, name)
		have[name] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range s.want {
		if have[name] != want {
			t.Errorf("%s differs: %d bytes, want %d", name, len(have[name]), len(want))
		}
		delete(have, name)
	}
	for name := range have {
		t.Errorf("%s is too many", name)
	}
}

// A worker from bucket to bucket, then the ordinary command, leave what one command leaves in a folder.
func TestWorkerWithBuckets(t *testing.T) {
	s := newScale(t)
	place := storetest.S3(t)
	in, out, held := under(place, "in"), under(place, "out"), under(place, "held")
	s.fill(t, in)
	q := filepath.Join(t.TempDir(), "q.db")
	ctx := context.Background()
	enqueue := newDeidEnqueueCmd(quiet())
	enqueue.SetArgs([]string{in, "--queue", q})
	if err := enqueue.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
	o := deidOptions{In: in, Out: out, Quarantine: held, Policy: s.policy, Key: s.key, Workers: 2}
	if err := runWorker(ctx, workerOptions{deidOptions: o, Queue: q, Drain: true, Lease: deidLease}, quiet()); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	if err := runDeid(ctx, o, ioStreams{Out: &printed, Err: io.Discard}); err != nil {
		t.Fatal(err)
	}
	s.same(t, out)
	b, err := bucket.Open(ctx, held)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	n := 0
	if err := b.List(ctx, "", func(string, int64) error { n++; return nil }); err != nil || n == 0 || n%2 != 0 {
		t.Errorf("%d objects in quarantine, %v", n, err)
	}
	// Another policy does not write into it, and a folder is no place for a bucket's input.
	o.Policy = "basic"
	if err := runDeid(ctx, o, quiet()); err == nil {
		t.Error("another policy's output was mixed in")
	}
	o.Out = t.TempDir()
	if err := runDeid(ctx, o, quiet()); err == nil {
		t.Error("from a bucket into a folder")
	}
}

// gateway is the URL of a bucket on versitygw, which keeps objects in files; the stand-in's where it is not installed.
func gateway(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("versitygw")
	if err != nil {
		if path = filepath.Join(testdata.Root(t), "build", "versitygw"); !exists(path) {
			t.Log("versitygw is not installed (scripts/setup judges): the stand-in serves")
			return storetest.S3(t)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bucket"), 0o755); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_EC2_METADATA_DISABLED": "true", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"} {
		t.Setenv(k, v)
	}
	cmd := exec.Command(path, "--port", addr, "--access", "test", "--secret", "testsecret", "posix", "--nometa", dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		if resp, err := http.Get("http://" + addr + "/"); err == nil {
			resp.Body.Close()
			return "s3://bucket?region=us-east-1&use_path_style=true&disable_https=true&endpoint=http://" + addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("versitygw does not answer: %s", log.String())
	return ""
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// Two worker processes on one queue, from bucket to bucket; one is killed while it works. Nothing is lost, and the output is that of one command.
func TestAKilledWorkerLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: processes, and a lease that has to run out")
	}
	s := newScale(t)
	t.Cleanup(storetest.StopPostgres)
	for name, open := range map[string]func(*testing.T) string{"PostgreSQL": func(t *testing.T) string { return storetest.Postgres(t) }, "NATS": func(t *testing.T) string { return natstest.Server(t) }} {
		t.Run(name, func(t *testing.T) {
			q, place := open(t), gateway(t)
			in, out := under(place, "in"), under(place, "out")
			s.fill(t, in)
			if msg, err := exec.Command("cineloop", "deid", "enqueue", in, "--queue", q).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, msg)
			}
			worker := func() (*exec.Cmd, *bytes.Buffer) {
				cmd := exec.Command("cineloop", "worker", in, out, "--queue", q, "--key", s.key, "--policy", s.policy, "--drain", "--workers", "2", "--lease", "3s")
				var log bytes.Buffer
				cmd.Stdout, cmd.Stderr = &log, &log
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				return cmd, &log
			}
			first, _ := worker()
			second, log := worker()
			t.Cleanup(func() { _ = first.Process.Kill(); _ = second.Process.Kill() })
			b, err := bucket.Open(context.Background(), out)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			for deadline := time.Now().Add(time.Minute); ; {
				n := 0
				_ = b.List(context.Background(), doneUnder, func(string, int64) error { n++; return nil })
				if n > 5 || time.Now().After(deadline) {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = first.Wait()
			if err := second.Wait(); err != nil {
				t.Fatalf("%v: %s", err, log)
			}
			t.Logf("the second worker: %s", strings.TrimSpace(log.String()))
			if msg, err := exec.Command("cineloop", "deid", in, out, "--key", s.key, "--policy", s.policy).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, msg)
			}
			s.same(t, out)
		})
	}
}
