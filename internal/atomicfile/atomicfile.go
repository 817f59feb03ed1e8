// Package atomicfile writes files that are either whole or absent: a temporary beside the target, fsync, rename, fsync of the folder.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cineloop/cineloop/internal/fault"
)

// Write creates or replaces path with what write puts out. On any error the old file, if there was one, is untouched and no
// temporary stays behind.
func Write(path string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return wrap(path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = wrap(path, err)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<18)
	if err = write(w); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	if d, derr := os.Open(dir); derr == nil {
		_ = d.Sync() // not every file system can; the rename itself is done
		d.Close()
	}
	return nil
}

// WriteBytes is [Write] of a whole content.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error { _, err := w.Write(data); return err })
}

func wrap(path string, err error) error {
	err = fmt.Errorf("writing %s: %w", path, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.Resource, "%w", err).WithHint("free some space and repeat the command; it goes on from where it stopped")
	}
	return err
}
