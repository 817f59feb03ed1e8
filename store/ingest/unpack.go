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
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cineloop/cineloop/internal/fault"
)

// bufferLimit is the size up to which a member of a stream is held in memory, so that many are worked on together.
const bufferLimit = 1 << 20

func archiveKind(name string) string {
	n := strings.ToLower(name)
	for _, k := range []struct{ suffix, kind string }{
		{".zip", "zip"}, {".tar", "tar"}, {".tar.gz", "tar.gz"}, {".tgz", "tar.gz"}, {".tar.bz2", "tar.bz2"}, {".tbz2", "tar.bz2"},
		{".tar.zst", "tar.zst"}, {".tzst", "tar.zst"},
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
	if !ok { // inside another archive, or far away: its end must be read first
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
	if n := zipEntries(at, size); n > maxMembers {
		return fault.New(fault.Input, "its directory has room for %d members", n)
	}
	z, err := zip.NewReader(at, size)
	if err != nil {
		return err
	}
	for _, m := range z.File {
		if err := w.ctx.Err(); err != nil {
			return stopped{err}
		}
		if err := it.ration.member(); err != nil {
			return errors.Join(err, stop(w.emit(item{}, true)))
		}
		if !m.Mode().IsRegular() {
			continue
		}
		member := item{
			origin: it.origin + "!/" + printable(m.Name), name: m.Name, size: int64(m.UncompressedSize64), modified: it.modified, ration: it.ration,
			open: func(context.Context) (io.ReadCloser, error) {
				r, err := m.Open()
				if err != nil {
					return nil, err
				}
				return rationedCloser{rationed{r, it.ration}, r}, nil
			},
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
		r = rationed{z, it.ration}
	case "tar.bz2":
		r = rationed{bzip2.NewReader(r), it.ration}
	case "tar.zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		r = rationed{z, it.ration}
	}
	for t := tar.NewReader(r); ; {
		m, err := t.Next()
		if err == io.EOF {
			return stop(w.emit(item{}, true))
		}
		if err == nil {
			err = it.ration.member()
		}
		if err != nil {
			return errors.Join(err, stop(w.emit(item{}, true)))
		}
		if m.Typeflag != tar.TypeReg {
			continue
		}
		member := item{origin: it.origin + "!/" + printable(m.Name), name: m.Name, size: m.Size, modified: it.modified, ration: it.ration}
		if err := w.stream(member, rationed{t, it.ration}, depth+1); err != nil {
			return err
		}
	}
}

// stream deals with a file that can be read once, now: in memory if it is small, else before it returns. it.size may be -1.
func (w *walker) stream(it item, r io.Reader, depth int) error {
	head := make([]byte, 0, max(0, min(it.size, bufferLimit))+1) // one more, to see the end
	if it.size < 0 {
		head = make([]byte, 0, bufferLimit+1)
	}
	n, err := io.ReadFull(r, head[:cap(head)])
	head = head[:n]
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		if it.size > int64(n) {
			return fmt.Errorf("a member ends after %d of %d bytes: %w", n, it.size, io.ErrUnexpectedEOF)
		}
		it.size = int64(n)
		it.open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(head)), nil }
		return stop(w.file(it, depth))
	case err != nil:
		return err
	}
	it.open = func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(head), r)), nil
	}
	if archiveKind(it.name) != "" {
		return stop(w.file(it, depth))
	}
	return stop(w.emit(it, true))
}
