package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store"
)

func newKey(t *testing.T) *age.X25519Identity {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func reopen(t *testing.T, dir string, keys ...age.Identity) *store.Archive {
	t.Helper()
	a, err := store.Open(ctx, dir, store.Keys{Identities: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// TestReseal: an archive begins open, is sealed, and changes its key, with interruptions, beside readers and writers. At the end the
// new key alone opens everything, the old one nothing, and no open form is left.
func TestReseal(t *testing.T) {
	for name, objects := range map[string]func(t *testing.T) string{
		"files": func(*testing.T) string { return "objects" }, "bucket": func(t *testing.T) string { return storetest.S3(t) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, old, key := t.TempDir(), newKey(t), newKey(t)
			a := makeArchive(t, dir, func(c *store.Config) { c.Objects = objects(t) }, store.Keys{})
			n := 0
			more := func(a *store.Archive, k int) {
				for range k {
					n++
					put(t, a, fmt.Sprintf("1 1 %d\n%s", n, strings.Repeat("Doe^Jane ", 500)))
				}
			}
			more(a, 10)
			if _, err := a.Reseal(ctx, nil); fault.CodeOf(err) != fault.Usage {
				t.Errorf("without recipients: %v", err)
			}
			a.Close()
			if err := store.SetRecipients(dir, []string{old.Recipient().String()}); err != nil {
				t.Fatal(err)
			}
			a = reopen(t, dir, old)
			more(a, 10)
			if rep, err := a.Reseal(ctx, nil); rep.Resealed != 10 || err != nil { // those from before
				t.Errorf("%+v, %v", rep, err)
			}
			late := reopen(t, dir, old) // goes on with the old key
			if err := store.SetRecipients(dir, []string{key.Recipient().String()}); err != nil {
				t.Fatal(err)
			}
			if _, err := reopen(t, dir, key).Reseal(ctx, nil); name == "files" && err != nil {
				t.Errorf("with the new key alone: %v", err) // problems are in the report
			}
			a = reopen(t, dir, old, key)
			stopAt, stop := context.WithCancel(ctx)
			first, err := a.Reseal(stopAt, func(done, of int) {
				if done == 7 {
					stop()
				}
			})
			if err == nil || first.Resealed < 7 || first.Resealed == n {
				t.Errorf("interrupted: %+v, %v", first, err)
			}
			var beside sync.WaitGroup
			beside.Go(func() { more(late, 5) })
			beside.Go(func() {
				for i := range 20 {
					r, _, err := a.Open(ctx, fmt.Sprintf("1.2.1.1.%d", i+1))
					if err != nil {
						t.Error(err)
						return
					}
					b, err := io.ReadAll(r)
					if err != nil || !bytes.HasPrefix(b, []byte("1 1 ")) {
						t.Errorf("beside resealing: %d bytes, %v", len(b), err)
					}
					r.Close()
				}
			})
			second, err := a.Reseal(ctx, nil)
			beside.Wait()
			third, err2 := a.Reseal(ctx, nil) // what the late writer brought
			if err != nil || err2 != nil || first.Resealed+second.Resealed+third.Resealed != n {
				t.Errorf("%d + %d + %d of %d; %v, %v", first.Resealed, second.Resealed, third.Resealed, n, err, err2)
			}
			if left, err := a.Reseal(ctx, nil); left.Resealed != 0 || err != nil {
				t.Errorf("once more: %+v, %v", left, err)
			}
			clean(t, reopen(t, dir, key))
			was := reopen(t, dir, old)
			for info, err := range was.Objects.All(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				if !info.Sealed {
					t.Errorf("%s is open", info.Digest)
				}
				if _, err := was.Objects.Verify(ctx, info.Digest); fault.CodeOf(err) != fault.Input {
					t.Errorf("the old key: %v", err)
				}
			}
			secret(t, filepath.Join(dir, "objects"), "Doe^Jane")
		})
	}
}

// secret looks for a text in all files under a folder.
func secret(t *testing.T, dir, text string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte(text)) {
				t.Errorf("%s is open to read, %v", path, err)
			}
		}
		return nil
	})
}

// TestResealDamaged: what is damaged is reported, and the rest is sealed.
func TestResealDamaged(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	a := makeArchive(t, dir, nil, store.Keys{})
	good, bad := put(t, a, "1 1 1\n"), put(t, a, "1 1 2\n")
	a.Close()
	os.WriteFile(stored(t, dir, bad.Digest), []byte("1 1 3\n"), 0o600)
	if err := store.SetRecipients(dir, []string{key.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	a = reopen(t, dir, key)
	rep, err := a.Reseal(ctx, nil)
	if err != nil || rep.Resealed != 1 || len(rep.Problems) != 1 || rep.Problems[0].Digest != bad.Digest {
		t.Errorf("%+v, %v", rep, err)
	}
	if info, err := a.Objects.Stat(ctx, good.Digest); err != nil || !info.Sealed {
		t.Errorf("%+v, %v", info, err)
	}
	if info, err := a.Objects.Stat(ctx, bad.Digest); err != nil || info.Sealed {
		t.Errorf("the damaged content was sealed: %+v, %v", info, err)
	}
}

func TestSetRecipientsRefuses(t *testing.T) {
	dir := t.TempDir()
	makeArchive(t, dir, nil, store.Keys{})
	if err := store.SetRecipients(dir, []string{"age1nonsense"}); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	if err := store.SetRecipients(t.TempDir(), nil); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	if cfg, err := store.ReadConfig(dir); err != nil || len(cfg.Recipients) != 0 {
		t.Errorf("%+v, %v", cfg, err)
	}
}
