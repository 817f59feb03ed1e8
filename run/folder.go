package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Folder is a run's folder, or that of one of its variants.
type Folder string

// Paths in a run's folder.
func (f Folder) Plan() string        { return filepath.Join(string(f), "plan.yaml") }
func (f Folder) Fingerprint() string { return filepath.Join(string(f), "fingerprint.json") }
func (f Folder) Quarantine() string  { return filepath.Join(string(f), "quarantine.json") }
func (f Folder) Splits() string      { return filepath.Join(string(f), "splits.csv") }
func (f Folder) Check() string       { return filepath.Join(string(f), "check.json") }
func (f Folder) Checkpoints() string { return filepath.Join(string(f), "checkpoints") }
func (f Folder) Predictions() string { return filepath.Join(string(f), "predictions.csv") }
func (f Folder) Metrics() string     { return filepath.Join(string(f), "metrics.json") }
func (f Folder) Explain() string     { return filepath.Join(string(f), "explain") }
func (f Folder) Report() string      { return filepath.Join(string(f), "report.html") }

// Fold is the training folder of fold k of n: the run's own when there is one fold.
func (f Folder) Fold(k, n int) Folder {
	if n == 1 {
		return f
	}
	return Folder(filepath.Join(string(f), "folds", fmt.Sprint(k)))
}

// Variant is the folder of split i of the plan, the first of which is the run itself.
func (f Folder) Variant(i int, name string) Folder {
	if i == 0 {
		return f
	}
	return Folder(filepath.Join(string(f), "variants", slug(name)))
}

// Evaluation is the folder for other data of the given name.
func (f Folder) Evaluation(name string) Folder {
	return Folder(filepath.Join(string(f), "evaluations", slug(name)))
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// slug is a name as a folder's.
func slug(name string) string {
	s := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if s == "" {
		return "unnamed"
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// mkdir makes a folder with its parents.
func mkdir(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fault.New(fault.Resource, "making the folder: %w", err)
	}
	return nil
}

// moveAside renames a folder to the first free NAME.old-N, so that nothing is lost.
func moveAside(dir string) (string, error) {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s.old-%d", strings.TrimRight(dir, "/"), n)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.Rename(dir, to)
		}
	}
}
