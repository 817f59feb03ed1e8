package export

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// TestZip: equal exports give equal bytes, the manifest is last, and what is not there is an error that leaves no zip.
func TestZip(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	for name, text := range map[string]string{"b/2.txt": "two", "a.txt": "one", ManifestFile: "{}"} {
		path := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	man := &Manifest{Files: []File{{Path: "b/2.txt"}, {Path: "a.txt"}}}
	var all [2][]byte
	for i := range all {
		to := filepath.Join(dir, "x.zip")
		if err := Zip(t.Context(), man, out, to); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = b
	}
	if !bytes.Equal(all[0], all[1]) {
		t.Error("two zips of one export differ")
	}
	z, err := zip.NewReader(bytes.NewReader(all[0]), int64(len(all[0])))
	if err != nil || len(z.File) != 3 || z.File[0].Name != "a.txt" || z.File[1].Name != "b/2.txt" || z.File[2].Name != ManifestFile {
		t.Fatalf("%v %v", z.File, err)
	}
	r, err := z.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "two" {
		t.Errorf("%q %v", b, err)
	}
	gone := filepath.Join(dir, "gone.zip")
	if err := Zip(t.Context(), &Manifest{Files: []File{{Path: "missing"}}}, out, gone); err == nil {
		t.Error("a file that is not there was packed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Zip(ctx, man, out, gone); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("given up: %v", err)
	}
	if _, err := os.Stat(gone); err == nil {
		t.Error("a zip that is not whole was left")
	}
}
