package export

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
)

// ManifestFile lists every other file of an export with its size and SHA-256. It is written last.
const ManifestFile = "manifest.json"

type manifest struct {
	Version    int                 `json:"version"`
	Request    string              `json:"request_sha256"` // of the rows, their files' sizes and times, the splits and the options
	Format     Format              `json:"format"`
	Cohort     string              `json:"cohort_sha256"` // of the table
	Splits     []manifestSplit     `json:"splits,omitempty"`
	Items      int                 `json:"items"`
	Quarantine []cohort.Quarantine `json:"quarantine"`
	Files      []File              `json:"files"` // by path
}

type manifestSplit struct {
	Name   string `json:"name"`
	Digest string `json:"sha256"`
}

func compare(a, b string) int { return cmp.Compare(a, b) }

// readManifest reads the manifest of an export, nil where there is none.
func readManifest(out string) (*manifest, error) {
	b, err := os.ReadFile(filepath.Join(out, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Input, "reading an earlier manifest: %w", err)
	}
	m := &manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fault.New(fault.Conflict, "%s holds a %s that is not of an export", out, ManifestFile).WithHint("choose another folder")
	}
	return m, nil
}

// check looks whether every file of the manifest is there with its size.
func (m *manifest) check(out string) error {
	if err := filesThere(out, m.Files); err != nil {
		return fault.New(fault.Conflict, "the export in %s is damaged: %w", out, err).WithHint("remove the folder and export again")
	}
	return nil
}

func (m *manifest) report(out string, kept int) *Report {
	r := &Report{Format: m.Format, Items: m.Items, Kept: kept, Files: len(m.Files), Quarantine: m.Quarantine,
		Index: filepath.Join(out, IndexFile), Manifest: filepath.Join(out, ManifestFile)}
	for _, f := range m.Files {
		r.Bytes += f.Bytes
	}
	return r
}

func filesThere(out string, files []File) error {
	for _, f := range files {
		st, err := os.Stat(filepath.Join(out, filepath.FromSlash(f.Path)))
		switch {
		case err != nil:
			return fault.New(fault.NotFound, "%s is not there", f.Path)
		case st.Size() != f.Bytes:
			return fault.New(fault.Input, "%s has %d bytes instead of %d", f.Path, st.Size(), f.Bytes)
		}
	}
	return nil
}

func digestOf(out, name string) (File, error) {
	f, err := os.Open(filepath.Join(out, filepath.FromSlash(name)))
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return File{name, n, hex.EncodeToString(h.Sum(nil))}, err
}
