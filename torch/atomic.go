package torch

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/fault"
)

// writeAtomically writes a file beside path, brings it to disk and renames it, so that path holds the old content or the new,
// whatever moment the machine stops at.
func writeAtomically(path string, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-")
	if err != nil {
		return fault.New(fault.Resource, "writing %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // fails, as it should, once the file has been renamed
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		f.Close()
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := inOrder(w.Flush, func() error { return f.Chmod(0o644) }, f.Sync, f.Close, func() error { return os.Rename(f.Name(), path) }); err != nil {
		f.Close()
		return fault.New(fault.Resource, "writing %s: %w", path, err)
	}
	// The rename is on disk when the folder is; file systems that cannot sync folders lose nothing but this guarantee.
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
	return nil
}

// inOrder runs steps until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
