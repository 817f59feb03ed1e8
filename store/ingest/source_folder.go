package ingest

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/fault"
)

// folderSource is a folder, or one file. Links in it are not followed; it may be one itself.
type folderSource struct {
	root string
	file fs.FileInfo // nil: a folder
}

func openFolder(path string) (source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%w", err)
	}
	if info.IsDir() {
		info = nil
	} else if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Usage, "a source is neither a folder nor a file")
	}
	return folderSource{abs, info}, nil
}

func (s folderSource) origin() string { return printable(s.root) }
func (s folderSource) close()         {}

func (s folderSource) each(w *walker) error {
	if s.file != nil {
		return w.file(plain(s.root, filepath.Base(s.root), s.file), 0)
	}
	// The dot goes through the link that the folder may be.
	return filepath.WalkDir(s.root+string(filepath.Separator)+".", func(path string, d fs.DirEntry, err error) error {
		if cerr := w.ctx.Err(); cerr != nil {
			return cerr
		}
		if err != nil {
			return w.emit(item{origin: printable(path), err: unreadablePath(err)}, false)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return w.emit(item{origin: printable(path), err: unreadablePath(err)}, false)
		}
		rel, err := filepath.Rel(s.root, path)
		if err != nil {
			return err
		}
		return w.file(plain(path, filepath.ToSlash(rel), info), 0)
	})
}

func plain(path, name string, info fs.FileInfo) item {
	return item{origin: printable(path), name: name, size: info.Size(), modified: info.ModTime(),
		open: func(context.Context) (io.ReadCloser, error) { return os.Open(path) }}
}
