package object_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store/object"
)

var ctx = context.Background()

func TestMain(m *testing.M) { storetest.Main(m) }

func open(t *testing.T, location string, opts object.Options) *object.Store {
	t.Helper()
	s, err := object.Open(ctx, location, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFiles(t *testing.T) {
	storetest.Objects(t, func(t *testing.T, opts object.Options) *object.Store { return open(t, t.TempDir(), opts) })
}

// TestDisk puts contents of all ways to the disk on a real one, at once.
func TestDisk(t *testing.T) {
	s := open(t, storetest.DiskDir(t), object.Options{})
	var all sync.WaitGroup
	for _, n := range []int{0, 1, 4095, 4096, 100_001, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 + 12345} {
		all.Go(func() {
			content := storetest.Content(n)
			for i := range 2 {
				info, existed, err := s.Put(ctx, bytes.NewReader(content))
				if err != nil || existed != (i > 0) || info.Size != int64(n) {
					t.Errorf("%d bytes: %+v, %v, %v", n, info, existed, err)
				}
			}
			var out bytes.Buffer
			if _, err := s.Copy(ctx, object.Sum(content), &out); err != nil || !bytes.Equal(out.Bytes(), content) {
				t.Errorf("%d bytes: %d come back, %v", n, out.Len(), err)
			}
		})
	}
	all.Wait()
}

func TestFileURL(t *testing.T) {
	dir := t.TempDir()
	info, _, err := open(t, "file://"+dir, object.Options{}).Put(ctx, bytes.NewReader([]byte("abc")))
	if err != nil {
		t.Fatal(err)
	}
	// SHA-256 of "abc", FIPS 180-4 example B.1.
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if info.Digest.String() != want {
		t.Errorf("digest %s", info.Digest)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "ba", want)); err != nil || string(b) != "abc" {
		t.Errorf("the file holds %q, %v", b, err)
	}
	st, _ := os.Stat(filepath.Join(dir, "ba", want))
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the file's rights are %v", st.Mode())
	}
}

func TestMemoryBucket(t *testing.T) {
	storetest.Objects(t, func(t *testing.T, opts object.Options) *object.Store { return open(t, "mem://", opts) })
}

func TestSealed(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, location := range map[string]func(*testing.T) string{
		"files":  func(t *testing.T) string { return t.TempDir() },
		"bucket": func(*testing.T) string { return "mem://" },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Objects(t, func(t *testing.T, opts object.Options) *object.Store {
				opts.Recipients, opts.Identities = []age.Recipient{key.Recipient()}, []age.Identity{key}
				return open(t, location(t), opts)
			})
		})
	}
}

// TestSealedOnDisk: what lies on the disk is age's own format, and says nothing without the key.
func TestSealedOnDisk(t *testing.T) {
	key, _ := age.GenerateX25519Identity()
	dir, content := t.TempDir(), bytes.Repeat([]byte("Doe^Jane "), 10_000)
	s := open(t, dir, object.Options{Recipients: []age.Recipient{key.Recipient()}})
	info, _, err := s.Put(ctx, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	hex := info.Digest.String()
	raw, err := os.ReadFile(filepath.Join(dir, hex[:2], hex+".age"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("Doe^Jane")) {
		t.Error("the sealed file shows its content")
	}
	r, err := age.Decrypt(bytes.NewReader(raw), key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Errorf("age gives %d bytes, %v", len(got), err)
	}
	if _, err := s.Open(ctx, info.Digest); fault.CodeOf(err) != fault.Missing {
		t.Errorf("reading without a key: %v", err)
	}
	other, _ := age.GenerateX25519Identity()
	if _, err := open(t, dir, object.Options{Identities: []age.Identity{other}}).Verify(ctx, info.Digest); fault.CodeOf(err) != fault.Input {
		t.Errorf("reading with another key: %v", err)
	}
	if _, existed, err := open(t, dir, object.Options{}).Put(ctx, bytes.NewReader(content)); !existed || err != nil {
		t.Errorf("a store without keys does not see the sealed object: %v, %v", existed, err)
	}
}

// TestDamage flips one bit, cuts one byte off and empties a file: each must be noticed, open or sealed.
func TestDamage(t *testing.T) {
	key, _ := age.GenerateX25519Identity()
	for _, opts := range []object.Options{{}, {Recipients: []age.Recipient{key.Recipient()}, Identities: []age.Identity{key}}} {
		dir := t.TempDir()
		s := open(t, dir, opts)
		info, _, err := s.Put(ctx, bytes.NewReader(storetest.Content(100_000)))
		if err != nil {
			t.Fatal(err)
		}
		found, _ := filepath.Glob(filepath.Join(dir, "*", info.Digest.String()+"*"))
		if len(found) != 1 {
			t.Fatal(found)
		}
		good, _ := os.ReadFile(found[0])
		flipped := bytes.Clone(good)
		flipped[70_000] ^= 4
		for name, bad := range map[string][]byte{"flipped": flipped, "cut": good[:len(good)-1], "empty": nil} {
			if err := os.WriteFile(found[0], bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Verify(ctx, info.Digest); fault.CodeOf(err) != fault.Input {
				t.Errorf("%s: %v", name, err)
			}
			w, _ := s.Create(ctx)
			w.Write(storetest.Content(100_000))
			if _, err := w.Replace(ctx); err != nil {
				t.Error(err)
			}
			w.Close()
			if _, err := s.Verify(ctx, info.Digest); err != nil {
				t.Errorf("%s, after Replace: %v", name, err)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, location := range []string{"ftp://host/x", "file://relative"} {
		if _, err := object.Open(ctx, location, object.Options{}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", location, err)
		}
	}
}

func TestReserve(t *testing.T) {
	s := open(t, t.TempDir(), object.Options{Reserve: 1 << 62})
	if _, _, err := s.Put(ctx, bytes.NewReader([]byte("x"))); fault.CodeOf(err) != fault.Resource {
		t.Errorf("a disk without the reserve took an object: %v", err)
	}
}

func TestDigestText(t *testing.T) {
	d := object.Sum([]byte("x"))
	if got, err := object.ParseDigest(d.String()); err != nil || got != d {
		t.Error(got, err)
	}
	for _, bad := range []string{"", "ab", d.String() + "0", "G" + d.String()[1:], "../../../../../../../../../../../../../../../../../../../../etc/pa"} {
		if _, err := object.ParseDigest(bad); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
