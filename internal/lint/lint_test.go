package lint

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// goFile is one parsed source file of the module.
type goFile struct {
	path  string // relative to the root
	pkg   string // folder, relative to the root
	ast   *ast.File
	lines int
	gen   bool
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func sources(t *testing.T) []goFile {
	t.Helper()
	root := testdata.Root(t)
	var files []goFile
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" && filepath.Dir(path) != filepath.Join(root, "internal") || name == "build" || name == "runs" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		files = append(files, goFile{rel, filepath.ToSlash(filepath.Dir(rel)), f, bytes.Count(src, []byte("\n")), generated.Match(src)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files found: the walk is wrong", len(files))
	}
	return files
}

func TestImportFloors(t *testing.T) {
	for _, f := range sources(t) {
		for _, imp := range f.ast.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			if why := checkImport(f.pkg, path, strings.HasSuffix(f.path, "_test.go")); why != "" {
				t.Errorf("%s imports %s: %s", f.path, path, why)
			}
		}
	}
}

// TestImportRules proves that the checker itself refuses what the table forbids.
func TestImportRules(t *testing.T) {
	for _, c := range []struct {
		pkg, imp string
		test, ok bool
	}{
		{"learn", Module + "/cohort", false, true},
		{"learn", Module + "/evaluate", false, true},
		{"evaluate", Module + "/learn", false, false},
		{"clip", Module + "/torch", false, false},
		{"clip", Module + "/dicom/pixel", false, true},
		{"dicom", Module + "/clip", false, false},
		{"clinic", Module + "/learn", false, false},
		{"nn", Module + "/dicom", false, false},
		{"stats", Module + "/internal/fault", false, false},
		{"stats", "gonum.org/v1/gonum/stat", false, true},
		{"learn", "gonum.org/v1/gonum/stat", false, false},
		{"clip", "github.com/ebitengine/purego", false, false},
		{"torch", "github.com/ebitengine/purego", false, true},
		{"torch", "C", false, false},
		{"cohort", "math/rand", false, false},
		{"cohort", "math/rand/v2", false, true},
		{"clip", Module + "/internal/testdata", false, false},
		{"clip", Module + "/internal/testdata", true, true},
		{"nowhere", "os", false, false},
		{"clip", "example.org/unknown", false, false},
	} {
		if why := checkImport(c.pkg, c.imp, c.test); (why == "") != c.ok {
			t.Errorf("%s imports %s: %q, want allowed=%v", c.pkg, c.imp, why, c.ok)
		}
	}
}

func TestPackageComments(t *testing.T) {
	has := map[string]bool{}
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		has[f.pkg] = has[f.pkg] || f.ast.Doc != nil && len(f.ast.Doc.Text()) > 30
	}
	for pkg, ok := range has {
		if !ok {
			t.Errorf("package %s has no package comment: say in doc.go what its nouns and promises are", pkg)
		}
	}
}

// longFile is the length from which a file must say in its head why it is long.
const longFile = 600

func TestLongestFiles(t *testing.T) {
	files := sources(t)
	sort.Slice(files, func(i, j int) bool { return files[i].lines > files[j].lines })
	shown := 0
	for _, f := range files {
		if f.gen {
			continue
		}
		if shown < 10 {
			t.Logf("%5d %s", f.lines, f.path)
			shown++
		}
		if f.lines > longFile {
			t.Errorf("%s has %d lines: split it (limit %d)", f.path, f.lines, longFile)
		}
	}
}

// TestSpeaksOfTheProductAlone keeps unfinished-work marks and machine paths out of the sources.
func TestSpeaksOfTheProductAlone(t *testing.T) {
	root := testdata.Root(t)
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout")
	}
	marks := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|/wor` + `k/|shared/no` + `tes`)
	sc := bufio.NewScanner(bytes.NewReader(out))
	for sc.Scan() {
		path := sc.Text()
		switch filepath.Ext(path) {
		case ".go", ".cpp", ".h", ".sh", ".py", ".md", ".yaml", ".ts":
		default:
			continue
		}
		src, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			continue // deleted, not yet committed
		}
		for i, line := range bytes.Split(src, []byte("\n")) {
			if m := marks.Find(line); m != nil {
				t.Errorf("%s:%d: %q does not belong in the repository", path, i+1, m)
			}
		}
	}
}
