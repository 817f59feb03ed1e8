package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

var ctx = context.Background()

func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		victim()
		return
	}
	storetest.Main(m)
}

// describe reads a made-up format: "study series number" on the first line.
func describe(content io.ReaderAt, size int64) (catalog.Instance, error) {
	head := make([]byte, min(size, 64))
	if _, err := content.ReadAt(head, 0); err != nil && err != io.EOF {
		return catalog.Instance{}, err
	}
	var study, series, n int
	if _, err := fmt.Sscanf(string(head), "%d %d %d\n", &study, &series, &n); err != nil {
		return catalog.Instance{}, fault.New(fault.Input, "not in the made-up format")
	}
	if study == 13 {
		panic("Doe^Jane")
	}
	in := storetest.Instance(fmt.Sprint(study), fmt.Sprint(series), n)
	in.Digest, in.Size = object.Digest{}, 0
	return in, nil
}

var format = store.Format{Describe: describe}

var from = catalog.Provenance{Run: "r", Origin: "o", Rules: "test/1"}

func put(t *testing.T, a *store.Archive, content string) store.Result {
	t.Helper()
	res, err := a.Put(ctx, strings.NewReader(content), format, from)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func makeArchive(t *testing.T, dir string, change func(*store.Config), keys store.Keys) *store.Archive {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Reserve = 0
	if change != nil {
		change(&cfg)
	}
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(ctx, dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func clean(t *testing.T, a *store.Archive) {
	t.Helper()
	rep, err := a.Verify(ctx, store.VerifyOptions{})
	if err != nil || len(rep.Problems) > 0 {
		t.Errorf("verify: %+v, %v", rep, err)
	}
}

func TestPut(t *testing.T) {
	a := makeArchive(t, t.TempDir(), nil, store.Keys{})
	for _, c := range []struct {
		content string
		status  catalog.Status
		reason  string
	}{
		{"1 1 1\nfirst", catalog.Stored, ""},
		{"1 1 1\nfirst", catalog.Duplicate, ""},
		{"1 1 1\nother", catalog.Conflict, ""},
		{"no format", catalog.Quarantined, "not in the made-up format"},
		{"no format", catalog.Duplicate, "not in the made-up format"},
		{"", catalog.Quarantined, "not in the made-up format"},
		{"13 1 1\n", catalog.Quarantined, "the reader failed on this content (string)"},
	} {
		res := put(t, a, c.content)
		if res.Status != c.status || res.Reason != c.reason || res.Digest != object.Sum([]byte(c.content)) || res.Size != int64(len(c.content)) {
			t.Errorf("%q: %+v", c.content, res)
		}
	}
	r, in, err := a.Open(ctx, "1.2.1.1.1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); string(b) != "1 1 1\nfirst" || err != nil || in.Origin != "o" || in.Rules != "test/1" || in.Received.IsZero() {
		t.Errorf("%q, %v, %+v", b, err, in.Provenance)
	}
	clean(t, a)
	boom := errors.New("boom")
	if _, err := a.Put(ctx, strings.NewReader("x"), store.Format{Describe: func(io.ReaderAt, int64) (catalog.Instance, error) { return catalog.Instance{}, boom }}, from); !errors.Is(err, boom) {
		t.Errorf("a describer's own trouble: %v", err)
	}
}

func TestInitAndOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := store.Open(ctx, dir, store.Keys{}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no archive: %v", err)
	}
	cfg := store.DefaultConfig()
	for range 2 {
		if err := store.Init(dir, cfg); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Quota = 5
	if err := store.Init(dir, cfg); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("another configuration: %v", err)
	}
	cfg.Recipients = []string{"age1nonsense"}
	if err := store.Init(t.TempDir(), cfg); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a broken recipient: %v", err)
	}
	os.WriteFile(filepath.Join(dir, store.ConfigFile), []byte("version: 2\nobjects: o\ncatalog: c\n"), 0o600)
	if _, err := store.Open(ctx, dir, store.Keys{}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a newer form: %v", err)
	}
	os.WriteFile(filepath.Join(dir, store.ConfigFile), []byte("version: 1\nobjekts: o\n"), 0o600)
	if _, err := store.Open(ctx, dir, store.Keys{}); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "objects") {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestQuota(t *testing.T) {
	dir := t.TempDir()
	a := makeArchive(t, dir, func(c *store.Config) { c.Quota = 30 }, store.Keys{})
	put(t, a, "1 1 1\n234567890")
	a.Close()
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Put(ctx, strings.NewReader("1 1 2\n2345678901"), format, from); fault.CodeOf(err) != fault.Resource {
		t.Errorf("over the quota: %v", err)
	}
	if err := a.Catalog.Retire(ctx, "1.2.1", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if rep, err := a.Collect(ctx, 0); rep.Contents != 1 || rep.Bytes != 15 || err != nil {
		t.Errorf("%+v, %v", rep, err)
	}
	put(t, a, "1 1 2\n2345678901")
}

// TestQuotaIsSaidBefore: a source that says its size is refused before any of it is read.
func TestQuotaIsSaidBefore(t *testing.T) {
	a := makeArchive(t, t.TempDir(), func(c *store.Config) { c.Quota, c.QuotaCount = 30, 2 }, store.Keys{})
	unread := iotest.ErrReader(errors.New("it was read"))
	if _, err := a.PutSized(ctx, unread, 31, format, from); fault.CodeOf(err) != fault.Resource {
		t.Errorf("over the quota: %v", err)
	}
	put(t, a, "1 1 1\n")
	put(t, a, "1 1 1\n")
	put(t, a, "1 1 2\n")
	if _, err := a.Put(ctx, unread, format, from); fault.CodeOf(err) != fault.Resource {
		t.Errorf("over the number: %v", err)
	}
	clean(t, a)
}

// stored is the file of a content.
func stored(t *testing.T, dir string, d object.Digest) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(dir, "objects", "*", d.String()+"*"))
	if len(found) != 1 {
		t.Fatalf("%d files for %s", len(found), d)
	}
	return found[0]
}

func TestVerifyAndRepair(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	a := makeArchive(t, dir, nil, store.Keys{})
	good, damaged, missing := put(t, a, "1 1 1\n"), put(t, a, "1 1 2\n"), put(t, a, "1 1 3\n")
	if rep, err := a.Backup(ctx, backup); rep.Copied != 3 || err != nil {
		t.Fatalf("%+v, %v", rep, err)
	}
	os.WriteFile(stored(t, dir, damaged.Digest), []byte("1 1 2x"), 0o600)
	os.Remove(stored(t, dir, missing.Digest))
	rep, err := a.Verify(ctx, store.VerifyOptions{Quick: true})
	if err != nil || len(rep.Problems) != 1 || rep.Problems[0].Digest != missing.Digest || rep.Problems[0].State != catalog.Missing {
		t.Errorf("quick: %+v, %v", rep, err)
	}
	rep, err = a.Verify(ctx, store.VerifyOptions{})
	if err != nil || len(rep.Problems) != 2 || rep.Checked != 3 {
		t.Errorf("%+v, %v", rep, err)
	}
	fixed, err := a.Repair(ctx, format, from, nil)
	if err != nil || len(fixed.Lost) != 2 || fixed.Replaced != 0 {
		t.Errorf("without a backup: %+v, %v", fixed, err)
	}
	// A content that comes in again heals the archive by itself.
	if res := put(t, a, "1 1 2\n"); res.Status != catalog.Duplicate {
		t.Errorf("%+v", res)
	}
	src, err := store.BackupObjects(ctx, backup, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	fixed, err = a.Repair(ctx, format, from, src)
	if err != nil || len(fixed.Lost) != 0 || fixed.Replaced != 1 {
		t.Errorf("with a backup: %+v, %v", fixed, err)
	}
	clean(t, a)
	if _, err := a.Objects.Verify(ctx, good.Digest); err != nil {
		t.Error(err)
	}
}

// TestLostCatalog: contents outlive their catalog and get their records back.
func TestLostCatalog(t *testing.T) {
	dir := t.TempDir()
	a := makeArchive(t, dir, nil, store.Keys{})
	for i := range 5 {
		put(t, a, fmt.Sprintf("1 1 %d\n", i))
	}
	put(t, a, "no format")
	a.Close()
	for _, f := range []string{"catalog.db", "catalog.db-wal", "catalog.db-shm"} {
		os.Remove(filepath.Join(dir, f))
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	rep, err := a.Verify(ctx, store.VerifyOptions{})
	if err != nil || rep.Orphans != 6 {
		t.Errorf("%+v, %v", rep, err)
	}
	fixed, err := a.Repair(ctx, format, from, nil)
	if err != nil || fixed.Recorded != 5 || fixed.Quarantined != 1 {
		t.Errorf("%+v, %v", fixed, err)
	}
	if n, err := a.Catalog.Count(ctx, catalog.Query{Level: catalog.Image}); n != 5 || err != nil {
		t.Errorf("%d instances, %v", n, err)
	}
	clean(t, a)
}

func TestBackupAndRestore(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*store.Config)
		keys   store.Keys
	}{
		"open":   {nil, store.Keys{}},
		"sealed": {func(c *store.Config) { c.Recipients = []string{key.Recipient().String()} }, store.Keys{Identities: []age.Identity{key}}},
	} {
		t.Run(name, func(t *testing.T) {
			backup := t.TempDir()
			a := makeArchive(t, t.TempDir(), c.change, c.keys)
			for i := range 4 {
				put(t, a, fmt.Sprintf("1 %d 1\n", i))
			}
			if rep, err := a.Backup(ctx, backup); rep.Copied != 4 || err != nil {
				t.Fatalf("%+v, %v", rep, err)
			}
			time.Sleep(2 * time.Millisecond) // catalog files are named by the millisecond
			put(t, a, "2 1 1\n")
			if rep, err := a.Backup(ctx, backup); rep.Copied != 1 || rep.Kept != 4 || err != nil {
				t.Fatalf("%+v, %v", rep, err)
			}
			dir := filepath.Join(t.TempDir(), "new")
			if err := store.Restore(ctx, backup, dir, a.Config(), c.keys); err != nil {
				t.Fatal(err)
			}
			b, err := store.Open(ctx, dir, c.keys)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			clean(t, b)
			var want, got bytes.Buffer
			a.Catalog.Export(ctx, &want)
			b.Catalog.Export(ctx, &got)
			if lines := strings.Count(want.String(), "\n"); lines < 12 || lines != strings.Count(got.String(), "\n") {
				t.Errorf("exports differ: %d and %d lines", lines, strings.Count(got.String(), "\n"))
			}
			r, _, err := b.Open(ctx, "1.2.2.1.1")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if text, _ := io.ReadAll(r); string(text) != "2 1 1\n" {
				t.Errorf("restored %q", text)
			}
			if err := store.Restore(ctx, backup, dir, a.Config(), c.keys); fault.CodeOf(err) != fault.Conflict {
				t.Errorf("restoring over an archive: %v", err)
			}
			if c.change != nil {
				err := store.Restore(ctx, backup, t.TempDir(), a.Config(), store.Keys{})
				if fault.CodeOf(err) != fault.Missing {
					t.Errorf("restoring without the key: %v", err)
				}
			}
		})
	}
	if err := store.Restore(ctx, t.TempDir(), t.TempDir(), store.DefaultConfig(), store.Keys{}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no backup: %v", err)
	}
}

func TestRetain(t *testing.T) {
	a := makeArchive(t, t.TempDir(), nil, store.Keys{})
	put(t, a, "1 1 1\n")
	put(t, a, "2 1 1\n")
	if err := a.Catalog.Hold(ctx, "1.2.2", "trial"); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		uids, err := a.Retain(ctx, catalog.Retention{StudyBefore: "20250101", Reason: "time over"}, dry)
		if err != nil || len(uids) != 1 || uids[0] != "1.2.1" {
			t.Errorf("dry %v: %v, %v", dry, uids, err)
		}
	}
	if rep, err := a.Collect(ctx, time.Hour); rep.Contents != 1 || err != nil {
		t.Errorf("%+v, %v", rep, err)
	}
	if _, _, err := a.Open(ctx, "1.2.1.1.1"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a retired instance: %v", err)
	}
	clean(t, a)
}

// TestCollectBesideWriters puts and collects the same few contents against each other: whatever the order, what a Put acknowledged
// and nobody retired is there.
func TestCollectBesideWriters(t *testing.T) {
	for name, catalogAt := range map[string]func(t *testing.T) string{
		"sqlite":   func(*testing.T) string { return "catalog.db" },
		"postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			a := makeArchive(t, t.TempDir(), func(c *store.Config) { c.Catalog = catalogAt(t) }, store.Keys{})
			done := make(chan struct{})
			var collectors, writers sync.WaitGroup
			collected := 0
			collectors.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					rep, err := a.Collect(ctx, 0)
					if err != nil {
						t.Error(err)
						return
					}
					collected += rep.Contents
				}
			})
			for w := range 4 {
				writers.Go(func() {
					for i := range 25 {
						content := fmt.Sprintf("%d 1 1\n", i%5+20*w)
						put(t, a, content)
						r, _, err := a.Open(ctx, fmt.Sprintf("1.2.%d.1.1", i%5+20*w))
						if err != nil {
							t.Errorf("acknowledged, but %v", err)
							continue
						}
						r.Close()
						if err := a.Catalog.Retire(ctx, fmt.Sprintf("1.2.%d", i%5+20*w), "", time.UnixMilli(int64(i))); err != nil {
							t.Error(err)
						}
					}
				})
			}
			writers.Wait()
			close(done)
			collectors.Wait()
			if collected == 0 {
				t.Error("nothing was ever collected: the test shows nothing")
			}
			clean(t, a)
		})
	}
}
