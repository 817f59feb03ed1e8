package bundle

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// toy is a small bundle's content.
func toy() (Manifest, []Content) {
	m := Manifest{Name: "toy", Kind: "train", Cineloop: "test", Networks: []Network{{Dir: "networks/0"}}}
	content := []Content{{Path: "networks/0/" + Weights, Data: bytes.Repeat([]byte{7}, 1000)}}
	for _, name := range []string{PlanFile, PreprocessingFile, TargetsFile, ThresholdsFile, CardPage} {
		content = append(content, Content{Path: name, Data: []byte("{}\n")})
	}
	return m, append(content, Content{Path: CardFile, Data: []byte(`{"name": "toy"}` + "\n")})
}

func write(t testing.TB, name string, key *signing.Key) string {
	t.Helper()
	m, content := toy()
	path := filepath.Join(t.TempDir(), name)
	if _, err := Write(path, m, content, key); err != nil {
		t.Fatal(err)
	}
	return path
}

// verify opens and reads everything.
func verify(path string) error {
	b, err := Open(path)
	if err != nil {
		return err
	}
	defer b.Close()
	return b.Verify()
}

// verifyBytes is verify of a bundle in memory.
func verifyBytes(data []byte) error {
	a, err := newArchive(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	b, err := check(a)
	if err != nil {
		return err
	}
	return b.Verify()
}

var forms = []string{"toy.cineloop", "toy"}

func TestRoundTrip(t *testing.T) {
	key := signing.FromSeed([32]byte{1})
	for _, form := range forms {
		path := write(t, form, key)
		if !Is(path) || Is(filepath.Dir(path)) {
			t.Errorf("%s is not told from other files", form)
		}
		b, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Verify(); err != nil {
			t.Error(err)
		}
		if err := b.SignedBy(key.Public()); err != nil {
			t.Error(err)
		}
		if err := b.SignedBy(signing.NewKey().Public()); fault.CodeOf(err) != fault.Input {
			t.Errorf("another key: %v", err)
		}
		var c Card
		if err := b.ReadJSON(CardFile, &c); err != nil || c.Name != "toy" {
			t.Errorf("card %+v, %v", c, err)
		}
		if _, err := b.Read("none"); fault.CodeOf(err) != fault.NotFound || b.Has("none") || !b.Has(PlanFile) {
			t.Errorf("a file that is not there: %v", err)
		}
		dir := t.TempDir()
		if err := b.Unpack(dir); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "networks/0", Weights))
		if err != nil || len(got) != 1000 {
			t.Errorf("unpacked %d bytes, %v", len(got), err)
		}
		b.Close()
		m, content := toy()
		if _, err := Write(path, m, content, nil); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("written over: %v", err)
		}
		if err := verify(path); err != nil {
			t.Errorf("after a refused write: %v", err)
		}
	}
}

func TestSameContentSameBytes(t *testing.T) {
	key := signing.FromSeed([32]byte{1})
	a, err := os.ReadFile(write(t, "a.cineloop", key))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(write(t, "b.zip", key))
	if !bytes.Equal(a, b) {
		t.Error("two bundles of the same content differ")
	}
}

// TestUnsigned: it is read, said to be unsigned, and taken for nobody's.
func TestUnsigned(t *testing.T) {
	for _, form := range forms {
		b, err := Open(write(t, form, nil))
		if err != nil {
			t.Fatal(err)
		}
		if b.Signature != nil || b.Verify() != nil {
			t.Error("an unsigned bundle")
		}
		if err := b.SignedBy(signing.NewKey().Public()); fault.CodeOf(err) != fault.Input {
			t.Errorf("unsigned, with a key asked for: %v", err)
		}
		b.Close()
	}
}

// TestEveryByteCounts: whichever byte of a bundle is changed, it does not hold.
func TestEveryByteCounts(t *testing.T) {
	path := write(t, "toy.cineloop", signing.FromSeed([32]byte{1}))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Of a member's local header only name and lengths are read; its method, sums and flags stand in the directory too.
	ignored := 0
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if err := verifyBytes(bad); err == nil {
			ignored++
		} else if c := fault.CodeOf(err); c != fault.Input {
			t.Fatalf("byte %d: code %s: %v", i, c, err)
		}
	}
	if limit := 9*(localHeader+40) + 9*12 + 22; ignored > limit {
		t.Errorf("%d of %d bytes may be anything, want at most the %d of redundant headers", ignored, len(good), limit)
	}
	for _, bad := range [][]byte{append(bytes.Clone(good), 0), append([]byte{0}, good...), good[:len(good)-1], good[:100], {}} {
		if err := verifyBytes(bad); fault.CodeOf(err) != fault.Input {
			t.Errorf("%d bytes of %d: %v", len(bad), len(good), err)
		}
	}
}

func TestTamperedFolder(t *testing.T) {
	key := signing.FromSeed([32]byte{1})
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(dir string) error{
		"a file changed": func(d string) error { return os.WriteFile(filepath.Join(d, PlanFile), []byte("[]\n"), 0o600) },
		"a file longer":  func(d string) error { return os.WriteFile(filepath.Join(d, PlanFile), []byte("{}\n\n"), 0o600) },
		"a file more":    func(d string) error { return os.WriteFile(filepath.Join(d, "networks/0/x"), nil, 0o600) },
		"a file less":    func(d string) error { return os.Remove(filepath.Join(d, ThresholdsFile)) },
		"a link in place of a file": func(d string) error {
			if err := os.Remove(filepath.Join(d, PlanFile)); err != nil {
				return err
			}
			return os.Symlink(outside, filepath.Join(d, PlanFile))
		},
		"a manifest changed": func(d string) error {
			p := filepath.Join(d, ManifestFile)
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			return os.WriteFile(p, bytes.Replace(b, []byte(`"toy"`), []byte(`"tox"`), 1), 0o600)
		},
		"another's signature": func(d string) error {
			b, err := os.ReadFile(filepath.Join(d, ManifestFile))
			if err != nil {
				return err
			}
			s := sign(b, key)
			s.PublicKey = signing.NewKey().Public().String()
			c, err := JSON(SignatureFile, s)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(d, SignatureFile), c.Data, 0o600)
		},
		"a signature that is empty": func(d string) error { return os.WriteFile(filepath.Join(d, SignatureFile), []byte("{}"), 0o600) },
	} {
		dir := write(t, "toy", key)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if err := verify(dir); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "does not hold") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadManifests(t *testing.T) {
	m, _ := toy()
	m.Format = Format
	digest := strings.Repeat("0", 64)
	for _, name := range []string{CardPage, CardFile, "networks/0/" + Weights, PlanFile, PreprocessingFile, TargetsFile, ThresholdsFile} {
		m.Files = append(m.Files, File{name, 1, digest})
	}
	ok, _ := encode(m)
	if _, err := parseManifest(ok); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Manifest){
		"another format": func(m *Manifest) { m.Format = 2 },
		"a way out":      func(m *Manifest) { m.Files[0].Path = "../x" },
		"a root":         func(m *Manifest) { m.Files[0].Path = "/x" },
		"odd letters":    func(m *Manifest) { m.Files[0].Path = "RÉADME" },
		"an empty path":  func(m *Manifest) { m.Files[0].Path = "" },
		"twice":          func(m *Manifest) { m.Files[1] = m.Files[0] },
		"out of order":   func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] },
		"itself":         func(m *Manifest) { m.Files[1].Path = ManifestFile },
		"a size below 0": func(m *Manifest) { m.Files[0].Bytes = -1 },
		"no digest":      func(m *Manifest) { m.Files[0].SHA256 = "00" },
		"no network":     func(m *Manifest) { m.Networks = nil },
		"no weights":     func(m *Manifest) { m.Networks[0].Dir = "networks/1" },
		"no plan":        func(m *Manifest) { m.Files = append(m.Files[:3:3], m.Files[4:]...) },
	} {
		bad, err := parseManifest(ok)
		if err != nil {
			t.Fatal(err)
		}
		change(bad)
		b, _ := encode(bad)
		if _, err := parseManifest(b); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range []string{"", "{", "[]", string(ok) + "{}", `{"format": 1, "new": 0}`} {
		if _, err := parseManifest([]byte(s)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestNothingLeftBehind: a write that fails leaves neither a bundle nor a part of one.
func TestNothingLeftBehind(t *testing.T) {
	for _, form := range forms {
		dir := t.TempDir()
		m, content := toy()
		content[0] = Content{Path: content[0].Path, From: filepath.Join(dir, "absent")}
		if _, err := Write(filepath.Join(dir, form), m, content, nil); err == nil {
			t.Error("written without its weights")
		}
		m.Networks = nil
		_, content = toy()
		if _, err := Write(filepath.Join(dir, form), m, content, nil); err == nil {
			t.Error("written without a network")
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if err := WriteFolder(filepath.Join(t.TempDir(), "x"), []Content{{Path: "../y"}}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a path that leads out: %v", err)
	}
}

func TestNotABundle(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); fault.CodeOf(err) != fault.Input || Is(dir) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); fault.CodeOf(err) != fault.NotFound || Is(filepath.Join(dir, "none")) {
		t.Errorf("nothing: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, key := range []*signing.Key{nil, signing.FromSeed([32]byte{1})} {
		b, err := os.ReadFile(write(f, "toy.cineloop", key))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := newArchive(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		b, err := check(a)
		if err != nil {
			return
		}
		if b.Verify() == nil { // then its files are what the manifest says, whatever the rest
			for _, file := range b.Manifest.Files {
				got, err := b.Read(file.Path)
				if err != nil || int64(len(got)) != file.Bytes || digestOf(got) != file.SHA256 {
					t.Fatalf("%q: %d bytes, %v", file.Path, len(got), err)
				}
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	m, content := toy()
	written, err := Write(filepath.Join(f.TempDir(), "toy"), m, content, nil)
	if err != nil {
		f.Fatal(err)
	}
	b, _ := encode(written)
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		b, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseManifest(b); err != nil {
			t.Fatalf("a manifest that was read cannot be written: %v", err)
		}
	})
}
