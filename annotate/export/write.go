package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
)

// Formats that can be written.
var Formats = []string{"coco", "csv", "gsps", "nifti", "sc", "seg", "sr"}

// ManifestFile is the last file that is written.
const ManifestFile = "manifest.json"

// Manifest names everything that an export has.
type Manifest struct {
	Kind     string         `json:"kind"` // "reading export" or "ground truth"
	Version  int            `json:"version"`
	Program  string         `json:"program"` // version of cineloop that wrote it
	Project  string         `json:"project"`
	Phase    annotate.Phase `json:"phase"`
	Protocol int            `json:"protocol_revision"`
	Log      ledger.Head    `json:"log"` // everything up to here is in it
	Readers  []string       `json:"readers"`
	Readings int            `json:"readings"`
	Drafts   int            `json:"drafts_left_out"`
	Formats  []string       `json:"formats,omitempty"`
	Notes    []string       `json:"notes,omitempty"`
	Files    []File         `json:"files"`
}

// File is one of them.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func newManifest(kind string, r *annotate.Records, head ledger.Head) *Manifest {
	m := &Manifest{Kind: kind, Version: 1, Program: version.Number, Project: r.Name, Phase: r.Phase, Protocol: r.Protocol.Revision, Log: head, Readings: len(r.Readings), Drafts: r.Drafts}
	for _, x := range r.Readers {
		m.Readers = append(m.Readers, x.Mask)
	}
	return m
}

// Write writes the formats into out, a new or empty folder. Code usage for a format that is not known, conflict where out
// has something, input where there is no protocol.
func Write(ctx context.Context, r *annotate.Records, head ledger.Head, formats []string, out string) (*Manifest, error) {
	if r.Protocol == nil {
		return nil, fault.New(fault.Input, "the study has no protocol yet")
	}
	for _, f := range formats {
		if !slices.Contains(Formats, f) {
			return nil, fault.New(fault.Usage, "there is no format %q", f).WithHint("there are %v", Formats)
		}
	}
	if len(formats) == 0 {
		return nil, fault.New(fault.Usage, "an export has a format: %v", Formats)
	}
	w, err := newFolder(out)
	if err != nil {
		return nil, err
	}
	m := newManifest("reading export", r, head)
	m.Formats = slices.Compact(slices.Sorted(slices.Values(formats)))
	for _, f := range m.Formats {
		switch f {
		case "csv":
			err = w.file("readings.csv", func(o io.Writer) error { return readingsCSV(o, r) })
		case "coco":
			err = w.file("coco.json", func(o io.Writer) error { return coco(o, r) })
		case "nifti":
			err = writeMasks(ctx, w, r)
		case "sr":
			err = writeReports(ctx, w, r)
		case "seg":
			err = writeSegmentations(ctx, w, r)
		case "gsps":
			err = writePresentations(ctx, w, r)
		case "sc":
			err = writeCaptures(ctx, w, r)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
	return m, w.finish(m)
}

// folder is where files are written and counted.
type folder struct {
	dir   string
	files []File
}

func newFolder(out string) (*folder, error) {
	list, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("exporting: %w", err)
	}
	if len(list) > 0 {
		return nil, fault.New(fault.Conflict, "%s is not empty", out).WithHint("choose a new folder")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("exporting: %w", err)
	}
	return &folder{dir: out}, nil
}

// file writes one file whole and notes its digest.
func (w *folder) file(name string, write func(io.Writer) error) error {
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	h, n := sha256.New(), &counter{}
	if err := atomicfile.Write(path, func(o io.Writer) error { return write(io.MultiWriter(o, h, n)) }); err != nil {
		return err
	}
	w.files = append(w.files, File{name, n.n, hex.EncodeToString(h.Sum(nil))})
	return nil
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

func (w *folder) finish(m *Manifest) error {
	slices.SortFunc(w.files, func(a, b File) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	m.Files = w.files
	if m.Files == nil {
		m.Files = []File{}
	}
	b, err := manifestBytes(m)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(w.dir, ManifestFile), b)
}

func manifestBytes(m *Manifest) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// Digest is the SHA-256 of the manifest's file, which stands for everything that was written.
func (m *Manifest) Digest() (string, error) {
	b, err := manifestBytes(m)
	return protocol.Digest(b), err
}
