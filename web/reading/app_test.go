package reading

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAppIsBuiltOfItsSources: what is embedded comes from what stands in web/src. It says when one was changed without the other.
func TestAppIsBuiltOfItsSources(t *testing.T) {
	files := []string{"index.html", "package-lock.json", "package.json", "svelte.config.js", "tsconfig.json", "vite.config.ts"}
	for _, dir := range []string{"src", "public"} {
		if err := fs.WalkDir(os.DirFS(".."), dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasSuffix(name, ".test.ts") {
				files = append(files, name)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(files)
	h := sha256.New()
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s\x00%s\x00", name, b)
	}
	want, err := dist.ReadFile("dist/SOURCES.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != strings.TrimSpace(string(want)) {
		t.Errorf("web/reading/dist is not built of these sources: make web builds it anew")
	}
}

// TestAppIsServedAsBuilt: pages are the same bytes for everybody, assets are those that the page names, packed or not, and nothing else is
// served.
func TestAppIsServedAsBuilt(t *testing.T) {
	s := serveIt(t, newStudy(t, "independent", loop), Options{})
	ann := s.as("ann")
	page := ann.get("/")
	if page.status != 200 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || page.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", page.status, page.header)
	}
	for _, path := range []string{"/cases/0", "/study", "/study/x", "/decide/0"} {
		if other := s.as("cora").get(path); string(other.body) != string(page.body) {
			t.Errorf("%s differs", path)
		}
	}
	entries, err := dist.ReadDir("dist/assets")
	if err != nil {
		t.Fatal(err)
	}
	linked := 0
	for _, e := range entries {
		r := s.nobody().get("/assets/" + e.Name())
		want, _ := dist.ReadFile("dist/assets/" + e.Name())
		if r.status != 200 || string(r.body) != string(want) || r.header.Get("Content-Type") == "" {
			t.Errorf("%s: %d, %d bytes of %d, %q", e.Name(), r.status, len(r.body), len(want), r.header.Get("Content-Type"))
		}
		if strings.Contains(string(page.body), "/assets/"+e.Name()) {
			linked++
		}
	}
	if linked < 3 {
		t.Errorf("the page names %d of the assets", linked)
	}
	for _, path := range []string{"/assets/SOURCES.sha256", "/assets/index.html", "/assets/.", "/assets/%2e%2e", "/assets/..%2FSOURCES.sha256", "/assets/assets"} {
		if r := s.nobody().get(path); r.status == 200 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}
