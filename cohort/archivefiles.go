package cohort

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/cachedir"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// contents gives an archive's contents as files: where they lie, or from the cache, into which they are fetched once. What lies there is
// named by its digest, which is compared when it is fetched, and can be deleted at any time.
type contents struct {
	archive *store.Archive
	fetched int64 // by now
}

// file is where the content of an instance lies. broken says why it cannot be used; an error ends the work.
func (c *contents) file(ctx context.Context, in *catalog.Instance) (path, broken string, err error) {
	path, sealed, err := c.archive.Objects.Locate(ctx, in.Digest)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return "", "its content is not in the archive: see cineloop archive verify", nil
	case err != nil:
		return "", "", err
	case sealed:
		return "", "", fault.New(fault.Usage, "contents of the archive are sealed, and a cohort does not open what would then lie open in a cache").
			WithHint("write what is needed onto an encrypted disk: cineloop archive export, then data.table: dicom")
	case path == "":
		return c.fetch(ctx, in)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != in.Size {
		return "", "its content is damaged: see cineloop archive verify", nil
	}
	return path, "", nil
}

// fetch copies a content into the cache, unless it is there.
func (c *contents) fetch(ctx context.Context, in *catalog.Instance) (path, broken string, err error) {
	cache, err := cachedir.Dir()
	if err != nil {
		return "", "", err
	}
	name := in.Digest.String()
	path = filepath.Join(cache, "archive", "contents", name[:2], name)
	if st, err := os.Stat(path); err == nil && st.Size() == in.Size {
		return path, "", nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", "", fmt.Errorf("making the cache: %w", err)
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		_, err := c.archive.Objects.Copy(ctx, in.Digest, w)
		return err
	})
	switch code := fault.CodeOf(err); {
	case err == nil:
		atomic.AddInt64(&c.fetched, 1)
		return path, "", nil
	case ctx.Err() == nil && (code == fault.Input || code == fault.NotFound):
		return "", "its content is damaged: see cineloop archive verify", nil
	}
	return "", "", object.Explain(err)
}

// stack is a folder in the cache with links to the files of one series: contents lie apart in an archive, and a series is read as a folder.
// It is named by what it holds, so that it never changes once it is there.
func stack(files []string) (folder string, err error) {
	files = slices.Sorted(slices.Values(files))
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%q\n", f)
	}
	cache, err := cachedir.Dir()
	if err != nil {
		return "", err
	}
	all := filepath.Join(cache, "archive", "series")
	folder = filepath.Join(all, hex.EncodeToString(h.Sum(nil)))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(all, 0o700); err != nil {
		return folder, err
	}
	made, err := os.MkdirTemp(all, "new-")
	if err != nil {
		return folder, err
	}
	defer os.RemoveAll(made) // of links, or nothing once it has its name
	for _, f := range files {
		link := filepath.Join(made, filepath.Base(f))
		if os.Symlink(f, link) != nil {
			if err := os.Link(f, link); err != nil { // systems that keep links for administrators
				return folder, err
			}
		}
	}
	if err := os.Rename(made, folder); err != nil {
		if _, there := os.Stat(folder); there == nil {
			return folder, nil // another process made it
		}
		return folder, err
	}
	return folder, nil
}
