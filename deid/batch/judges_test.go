package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

var (
	newUID = regexp.MustCompile(`<?\b[0-2](\.\d+){2,}>?`)
	index  = regexp.MustCompile(`\[\d+\]`)
)

// complaints are dciodvfy's errors about a file, without UIDs and places.
func complaints(t *testing.T, tool, path string) map[string]bool {
	t.Helper()
	out, _ := exec.Command(tool, path).CombinedOutput()
	m := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Error") && !strings.Contains(line, "has same value as") {
			m[index.ReplaceAllString(newUID.ReplaceAllString(strings.TrimSpace(line), "UID"), "[]")] = true
		}
	}
	return m
}

// dciodvfy finds no error in an output that it does not find in the input, and dcmdump reads every output.
func TestOutputsAreNoWorseThanInputs(t *testing.T) {
	tool, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("dciodvfy (dicom3tools) is not installed")
	}
	dump, err := exec.LookPath("dcmdump")
	if err != nil {
		t.Skip("dcmdump (dcmtk) is not installed")
	}
	dir := t.TempDir()
	sources := map[string]string{}
	for _, folder := range []string{"dcm_qa_enh", "dcmqi", "highdicom"} {
		root := testdata.Shared(t, "data", "dicom", "real", folder)
		out := filepath.Join(dir, folder)
		pol := profile(t, "research").Policy
		pol.Pixels.Unsure = "pass"
		runTest(t, root, out, pol, 2)
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				sum, _ := hashFile(path)
				sources[sum] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(out, ManifestFile))
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(bytes.NewReader(raw))
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			var r Record
			if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if r.Status != Written {
				continue
			}
			path := filepath.Join(out, filepath.FromSlash(r.Output))
			if msg, err := exec.Command(dump, "-q", path).CombinedOutput(); err != nil {
				t.Errorf("%s: dcmdump: %s", sources[r.Input], msg[:min(200, len(msg))])
			}
			before := complaints(t, tool, sources[r.Input])
			for _, c := range slices.Sorted(maps.Keys(complaints(t, tool, path))) {
				if !before[c] {
					t.Errorf("%s: new: %s", sources[r.Input], c)
				}
			}
		}
	}
}
