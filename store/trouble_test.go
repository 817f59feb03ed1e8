package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// small is a folder on a file system of a few MiB. The test is skipped where it may not mount one.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// TestDiskFull fills a real disk: whatever step meets its end says so with one code, what was acknowledged before is there, and work
// goes on when there is room again.
func TestDiskFull(t *testing.T) {
	for name, c := range map[string]struct{ objects, catalog string }{
		"everything": {"objects", "catalog.db"}, "contents only": {"objects", "elsewhere"}, "catalog only": {"elsewhere", "catalog.db"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, other := small(t, "6m"), t.TempDir()
			place := func(s string) string { return strings.Replace(s, "elsewhere", filepath.Join(other, "x"), 1) }
			ballast := filepath.Join(dir, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			a := makeArchive(t, dir, func(c2 *store.Config) { c2.Objects, c2.Catalog = place(c.objects), place(c.catalog) }, store.Keys{})
			acked := map[object.Digest]bool{}
			failed := 0
			for i := 0; i < 4000 && failed < 10; i++ {
				res, err := a.Put(ctx, strings.NewReader(fmt.Sprintf("1 1 %d\n%s", i, strings.Repeat("x", 5000))), format, from)
				switch {
				case err == nil:
					acked[res.Digest] = true
				case fault.CodeOf(err) == fault.Resource:
					failed++
				default:
					t.Fatalf("put %d: %v", i, err)
				}
			}
			if failed == 0 || len(acked) == 0 {
				t.Fatalf("%d acknowledged, %d failed: the disk never filled", len(acked), failed)
			}
			for d := range acked {
				if k, err := a.Catalog.Object(ctx, d); err != nil || k.State != catalog.Good {
					t.Errorf("acknowledged, but %+v, %v", k, err)
				}
				if _, err := a.Objects.Verify(ctx, d); err != nil {
					t.Errorf("acknowledged, but %v", err)
				}
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				put(t, a, fmt.Sprintf("2 1 %d\n", i))
			}
			if rep, err := a.Collect(ctx, 0); err != nil {
				t.Errorf("%+v, %v", rep, err)
			}
			clean(t, a)
			if left, _ := filepath.Glob(filepath.Join(place(filepath.Join(dir, "objects")), "tmp", "*-*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestBackupFull: a backup that does not fit says so and leaves the one before as it was; it goes on when there is room.
func TestBackupFull(t *testing.T) {
	dir := small(t, "3m")
	a := makeArchive(t, t.TempDir(), nil, store.Keys{})
	put(t, a, "1 1 1\n")
	if _, err := a.Backup(ctx, dir); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		put(t, a, fmt.Sprintf("2 1 %d\n%s", i, storetest.Content(1<<20)))
	}
	if _, err := a.Backup(ctx, dir); fault.CodeOf(err) != fault.Resource {
		t.Errorf("a backup that does not fit: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "catalog-*")); len(names) != 1 {
		t.Errorf("%v", names)
	}
	to := filepath.Join(t.TempDir(), "restored")
	if err := store.Restore(ctx, dir, to, store.DefaultConfig(), store.Keys{}); err != nil {
		t.Fatal(err)
	}
	b := reopen(t, to)
	if n, err := b.Catalog.Count(ctx, catalog.Query{Level: catalog.Image}); n != 1 || err != nil {
		t.Errorf("%d instances, %v", n, err)
	}
}

// TestBackupAfterClockWentBack: the newest backup is the one that was made last, whatever the clock said.
func TestBackupAfterClockWentBack(t *testing.T) {
	dir := t.TempDir()
	a := makeArchive(t, t.TempDir(), nil, store.Keys{})
	put(t, a, "1 1 1\n")
	first, err := a.Backup(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	future := strings.Replace(first.Catalog, time.Now().UTC().Format("2006"), "2999", 1) // made by a clock that ran ahead
	if err := os.Rename(filepath.Join(dir, first.Catalog), filepath.Join(dir, future)); err != nil {
		t.Fatal(err)
	}
	put(t, a, "1 1 2\n")
	second, err := a.Backup(ctx, dir)
	if err != nil || second.Catalog <= future {
		t.Errorf("%s after %s, %v", second.Catalog, future, err)
	}
	to := filepath.Join(t.TempDir(), "restored")
	if err := store.Restore(ctx, dir, to, a.Config(), store.Keys{}); err != nil {
		t.Fatal(err)
	}
	if n, err := reopen(t, to).Catalog.Count(ctx, catalog.Query{Level: catalog.Image}); n != 2 || err != nil {
		t.Errorf("%d instances restored, want both; %v", n, err)
	}
}

// TestReceivedEarlier: what comes by a clock that went back changes neither the order of record nor the end of retention.
func TestReceivedEarlier(t *testing.T) {
	a := makeArchive(t, t.TempDir(), nil, store.Keys{})
	at := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	for i, when := range []time.Time{at, at.Add(-24 * time.Hour)} {
		p := from
		p.Received = when
		if _, err := a.Put(ctx, strings.NewReader(fmt.Sprintf("1 1 1\n%d", i)), format, p); err != nil {
			t.Fatal(err)
		}
	}
	in, err := a.Catalog.Lookup(ctx, "1.2.1.1.1")
	if err != nil || in.Digest != object.Sum([]byte("1 1 1\n0")) {
		t.Errorf("what came first does not stand: %v", err)
	}
	if uids, err := a.Retain(ctx, catalog.Retention{ReceivedBefore: at.Add(-time.Hour)}, true); len(uids) != 0 || err != nil {
		t.Errorf("the study would go a day too early: %v, %v", uids, err)
	}
}

// TestStatus counts by hand.
func TestStatus(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	a := makeArchive(t, dir, func(c *store.Config) { c.Quota, c.QuotaCount = 1000, 50 }, store.Keys{})
	put(t, a, "1 1 1\n")
	put(t, a, "1 2 1\n")
	put(t, a, "2 1 1\n")
	put(t, a, "2 1 1\nother")
	put(t, a, "no format")
	bad := put(t, a, "3 1 1\n")
	os.Remove(stored(t, dir, bad.Digest))
	if _, err := a.Verify(ctx, store.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := a.Catalog.Hold(ctx, "1.2.1", "trial"); err != nil {
		t.Fatal(err)
	}
	if err := a.Catalog.Retire(ctx, "1.2.2", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	held, err := a.Catalog.Holds(ctx)
	if err != nil || len(held) != 1 || held["1.2.1"] != "trial" {
		t.Errorf("%v, %v", held, err)
	}
	got, err := a.Status(ctx)
	want := store.Status{Patients: got.Patients, Studies: 2, Series: 3, Instances: 3, Contents: 6, Bytes: 6*4 + 11 + 9, Quota: 1000, QuotaCount: 50,
		Quarantined: 1, Held: 1, Missing: 1, Garbage: 2}
	if err != nil || got != want {
		t.Errorf("%+v, want %+v; %v", got, want, err)
	}
	a.Close()
	if err := store.SetRecipients(dir, []string{key.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	if s, err := reopen(t, dir, key).Status(ctx); s.Unsealed != 5 || err != nil {
		t.Errorf("%d unsealed, want 5; %v", s.Unsealed, err)
	}
}
