package cohort

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cineloop/cineloop/clip"
)

func TestSizesAndContents(t *testing.T) {
	root := folder(t, map[string]string{"a": "four", "series/1": "ab", "series/2": "cde", "series/sub/3": "not of the series", "name#odd": "12345"})
	at := func(name string) string { return filepath.Join(root, name) }
	for name, want := range map[string]string{"a": "4", "a#member[3]": "4", "series": "5", "series#1.2.3": "5", "name#odd": "5", "none": "0", "none#x": "0"} {
		if got := fileSize(at(name)); got != want {
			t.Errorf("%s: %s bytes, want %s", name, got, want)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{"a", "a#member[3]", "a#member[4]", "series", "series#1.2.3", "name#odd"} {
		d := contentOf(at(name))
		if len(d) != 64 || seen[d] != "" {
			t.Errorf("%s and %s have one digest", name, seen[d])
		}
		seen[d] = name
	}
	before := contentOf(at("series"))
	if err := os.Rename(at("series/2"), at("series/3")); err != nil {
		t.Fatal(err)
	}
	if contentOf(at("series")) == before {
		t.Error("a frame of another name, which may stand elsewhere in the order, left the digest as it was")
	}
	// printf '%s' four | sha256sum
	if d, err := fileDigest(at("a")); err != nil || d != "04efaf080f5a3e74e1c29d1ca6a48569382cbbcd324e8d59d2b83ef21c039f00" {
		t.Errorf("%s %v", d, err)
	}
}

func TestCheckFile(t *testing.T) {
	root := folder(t, map[string]string{"a": "x", "empty": "", "dir/x": "x"})
	at := func(name string) string { return filepath.Join(root, name) }
	for name, want := range map[string]string{
		"a": "", "dir": "", "a#part[1]": "", "empty": "the file is empty", "none": "the file is not there", "none#part": "the file is not there",
		"a/below": "the file cannot be looked at: stat the file: not a directory",
	} {
		if got := checkFile(at(name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if runtime.GOOS == "linux" {
		if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := checkFile(at("pipe")); got != "neither a file nor a folder" {
			t.Errorf("a pipe: %q", got)
		}
	}
}

// A cache that cannot be written to costs time, not the run.
func TestDiskCacheThatCannotBeWritten(t *testing.T) {
	root := folder(t, map[string]string{"a": "x"})
	dir := filepath.Join(t.TempDir(), "cache")
	c, err := NewCache(CacheConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, []byte("a file where the folder was"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.get(context.Background(), source{path: filepath.Join(root, "a")}, func(context.Context, source) (*clip.Clip, error) { return cine(), nil }); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.Stats(); s.Decoded != 2 || s.Disk != 0 || c.disk.used() != 0 {
		t.Errorf("%+v, %d bytes counted", s, c.disk.used())
	}
}

func TestReasonsNameNoPath(t *testing.T) {
	root := folder(t, map[string]string{"Doe^Jane/x.csv": "x"})
	path := filepath.Join(root, "Doe^Jane", "x.npz#train[3]")
	_, err := os.Open(strings.TrimSuffix(path, "#train[3]"))
	if got := WithoutPath(err, path); strings.Contains(got, "Doe") || !strings.Contains(got, "the file") {
		t.Errorf("%s", got)
	}
}
