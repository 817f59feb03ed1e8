package ingest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cineloop/cineloop/internal/fault"
)

// item is one file of a source, in a folder or inside archives. Origin is its path; "!/" steps into an archive.
type item struct {
	origin   string
	name     string // within the source, with slashes: what a DICOMDIR refers to
	size     int64
	modified time.Time
	open     func() (io.ReadCloser, error)
	err      error // why it, or the rest of the archive that it is, cannot be read
}

// maxDepth bounds archives within archives.
const maxDepth = 8

// bufferLimit is the size up to which a member of a TAR is held in memory, so that many are worked on together.
const bufferLimit = 4 << 20

// walker finds the files of a source. Emit is called from one goroutine, in the order of names; where wait is true the item must be
// dealt with before emit returns.
type walker struct {
	ctx  context.Context
	emit func(it item, wait bool) error
}

// walk goes through a file or folder.
func (w *walker) walk(root string) error {
	abs, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if _, err := os.Stat(abs); err != nil {
		return fault.New(fault.NotFound, "%w", err)
	}
	return filepath.WalkDir(abs, func(path string, d fs.DirEntry, err error) error {
		if cerr := w.ctx.Err(); cerr != nil {
			return cerr
		}
		if err != nil {
			return w.emit(item{origin: path, err: unreadablePath(err)}, false)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return w.emit(item{origin: path, err: unreadablePath(err)}, false)
		}
		rel, err := filepath.Rel(abs, path)
		if err != nil || rel == "." {
			rel = filepath.Base(path)
		}
		it := item{origin: path, name: filepath.ToSlash(rel), size: info.Size(), modified: info.ModTime(), open: func() (io.ReadCloser, error) { return os.Open(path) }}
		return w.file(it, 0)
	})
}

// unreadablePath says what the system said, without the path: its parts may be names of patients.
func unreadablePath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fault.New(fault.Input, "cannot be read: %w", err)
}

// file emits it, or steps into it if it is an archive.
func (w *walker) file(it item, depth int) error {
	kind := archiveKind(it.name)
	if kind == "" || depth >= maxDepth {
		return w.emit(it, false)
	}
	broken := func(err error) error {
		if cerr := w.ctx.Err(); cerr != nil {
			return cerr
		}
		var stop stopped
		if errors.As(err, &stop) {
			return err
		}
		it.err = fault.New(fault.Input, "the %s archive cannot be read to its end: %w", kind, err)
		return w.emit(it, false)
	}
	r, err := it.open()
	if err != nil {
		return broken(unreadablePath(err))
	}
	defer r.Close()
	if kind == "zip" {
		err = w.zip(it, r, depth)
	} else {
		err = w.tar(it, r, kind, depth)
	}
	if err != nil {
		return broken(err)
	}
	return nil
}

// stopped carries an error of emit through the archive readers, so that it is not taken for a broken archive.
type stopped struct{ error }

func (s stopped) Unwrap() error { return s.error }

func archiveKind(name string) string {
	n := strings.ToLower(name)
	for _, k := range []struct{ suffix, kind string }{
		{".zip", "zip"}, {".tar", "tar"}, {".tar.gz", "tar.gz"}, {".tgz", "tar.gz"}, {".tar.bz2", "tar.bz2"}, {".tar.zst", "tar.zst"},
	} {
		if strings.HasSuffix(n, k.suffix) {
			return k.kind
		}
	}
	return ""
}

func (w *walker) zip(it item, r io.Reader, depth int) error {
	at, ok := r.(io.ReaderAt)
	size := it.size
	if !ok { // inside another archive: its end must be read first
		f, err := os.CreateTemp("", "cineloop-ingest-*")
		if err != nil {
			return stopped{err}
		}
		defer os.Remove(f.Name())
		defer f.Close()
		if size, err = io.Copy(f, r); err != nil {
			return err
		}
		at = f
	}
	z, err := zip.NewReader(at, size)
	if err != nil {
		return err
	}
	for _, m := range z.File {
		if err := w.ctx.Err(); err != nil {
			return stopped{err}
		}
		if !m.Mode().IsRegular() {
			continue
		}
		member := item{
			origin: it.origin + "!/" + m.Name, name: m.Name, size: int64(m.UncompressedSize64), modified: it.modified,
			open: func() (io.ReadCloser, error) { return m.Open() },
		}
		// The archive stays open while its members are worked on: those are waited for below.
		if err := w.file(member, depth+1); err != nil {
			return stopped{err}
		}
	}
	return stop(w.emit(item{}, true))
}

func (w *walker) tar(it item, r io.Reader, kind string, depth int) error {
	switch kind {
	case "tar.gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	case "tar.bz2":
		r = bzip2.NewReader(r)
	case "tar.zst":
		z, err := zstd.NewReader(r)
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	}
	for t := tar.NewReader(r); ; {
		m, err := t.Next()
		if err == io.EOF {
			return stop(w.emit(item{}, true))
		}
		if err != nil {
			return errors.Join(err, stop(w.emit(item{}, true)))
		}
		if m.Typeflag != tar.TypeReg {
			continue
		}
		member := item{origin: it.origin + "!/" + m.Name, name: m.Name, size: m.Size, modified: it.modified}
		if m.Size <= bufferLimit {
			b := make([]byte, m.Size)
			if _, err := io.ReadFull(t, b); err != nil {
				return fmt.Errorf("member of %d bytes: %w", m.Size, err)
			}
			member.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
			if err := w.file(member, depth+1); err != nil {
				return stopped{err}
			}
			continue
		}
		member.open = func() (io.ReadCloser, error) { return io.NopCloser(t), nil }
		if archiveKind(member.name) != "" && depth+1 < maxDepth {
			err = w.file(member, depth+1)
		} else {
			err = w.emit(member, true)
		}
		if err != nil {
			return stopped{err}
		}
	}
}

func stop(err error) error {
	if err != nil {
		return stopped{err}
	}
	return nil
}
