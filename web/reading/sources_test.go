package reading

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCasesFromFolders: studies of a folder that was allowed become cases; a browser is told numbers, and no path, UID or patient.
func TestCasesFromFolders(t *testing.T) {
	dir := t.TempDir()
	for n := range 3 {
		loop(t, dir, 20+n)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("Secret^Person"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	st := newStudy(t, "panel", loop)
	s := serveIt(t, st, Options{Sources: []Source{{Name: "ward", Path: dir}, {Name: "gone", Path: filepath.Join(dir, "gone")}}})
	cora := s.as("cora")
	var names struct{ Sources []string }
	cora.get("/api/study/sources").into(t, &names)
	if !slices.Equal(names.Sources, []string{"ward", "gone"}) {
		t.Errorf("%v", names)
	}
	var out found
	r := cora.send("POST", "/api/study/sources/search", m{"source": "ward"})
	r.into(t, &out)
	for _, word := range append(secrets, dir, "Secret") {
		if strings.Contains(r.body, word) {
			t.Errorf("the search tells %q", word)
		}
	}
	if len(out.Studies) != 3 || out.Skipped != 1 || out.Studies[0].Frames != 4 || out.Studies[1].Patient != 1 || out.Studies[0].There {
		t.Fatalf("%s", r.body)
	}
	cora.send("POST", "/api/study/sources/search", m{"source": "ward", "min_frames": 5}).into(t, &out)
	if len(out.Studies) != 0 {
		t.Errorf("%+v", out)
	}
	cora.send("POST", "/api/study/sources/search", m{"source": "ward"}).into(t, &out)
	ids := []string{out.Studies[0].ID, out.Studies[2].ID}
	var added struct{ Added, There int }
	cora.send("POST", "/api/study/cases", m{"source": "ward", "studies": ids}).into(t, &added)
	if added.Added != 2 {
		t.Errorf("%+v", added)
	}
	cora.send("POST", "/api/study/cases", m{"source": "ward", "studies": ids[:1]}).into(t, &added)
	if added.Added != 0 || added.There != 1 {
		t.Errorf("%+v", added)
	}
	cora.send("POST", "/api/study/sources/search", m{"source": "ward", "anew": true}).into(t, &out)
	if !out.Studies[0].There || out.Studies[1].There || !out.Studies[2].There {
		t.Errorf("%+v", out)
	}
	cases := s.Records().Cases
	if len(cases) != 3 || cases[1].Patient != cases[2].Patient || strings.Contains(cases[1].Patient, "MRN") || len(cases[1].Patient) != 24 {
		t.Errorf("one patient has one pseudonym that says nothing: %q %q", cases[1].Patient, cases[2].Patient)
	}
	for _, c := range []struct {
		req  m
		want int
	}{{m{"source": dir}, 404}, {m{"source": "../x"}, 404}, {m{"source": "gone"}, 404}, {m{"source": "ward", "path": "/etc"}, 400}} {
		if r := cora.send("POST", "/api/study/sources/search", c.req); r.status != c.want || strings.Contains(r.body, dir) {
			t.Errorf("%v: %d %s", c.req, r.status, r.body)
		}
	}
	if r := cora.send("POST", "/api/study/cases", m{"source": "ward", "studies": []string{"x"}}); r.status != http.StatusNotFound {
		t.Errorf("a study that is not there: %d", r.status)
	}
	if st, err := os.Stat(filepath.Join(s.Dir(), keyFile)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key of the pseudonyms: %v %v", st, err)
	}
}

// TestSourcesFile: strict, relative to the project, none where there is none.
func TestSourcesFile(t *testing.T) {
	dir := t.TempDir()
	if got, err := ReadSources(dir); err != nil || got != nil {
		t.Errorf("%v %v", got, err)
	}
	for text, ok := range map[string]bool{"version: 1\nsources: [{name: a, path: b}, {name: c, path: /d}]\n": true, "version: 2\n": false, "version: 1\nsources: [{name: a}]\n": false, "version: 1\nsource: []\n": false} {
		if err := os.WriteFile(filepath.Join(dir, SourcesFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSources(dir)
		if (err == nil) != ok || ok && (got[0].Path != filepath.Join(dir, "b") || got[1].Path != "/d") {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}
