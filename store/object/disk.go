package object

import (
	"io"
	"io/fs"
	"os"

	"github.com/cineloop/cineloop/internal/hold"
)

// disk is what the file back end asks of a file system. It exists so that a test can stand in for a machine that loses power: what
// was not synced is gone.
type disk interface {
	create(path string) (diskFile, error) // fails if path exists
	open(path string) (diskFile, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(path string) error
	stat(path string) (fs.FileInfo, error)
	readDir(path string) ([]fs.DirEntry, error)
	mkdir(path string) error // with parents; an existing folder is no error
	free(path string) int64  // bytes left for this user; a large number where unknown
	// lock makes the file and holds it until the closer is closed or the process ends, however it ends; hold.ErrHeld says that another
	// holds it. Where the system has no such locks everything is free.
	lock(path string) (io.Closer, error)
	// whole gives one sync for the file system that dir is on, where that is known to be as good as syncing each file; else nil.
	whole(dir string) wholeSync
	// bypass says that writes past the cache are known to work well on the file system that dir is on.
	bypass(dir string) bool
}

// wholeSync makes everything durable that was written, created, renamed or removed before.
type wholeSync interface {
	Sync() error
	Close() error
}

type diskFile interface {
	io.Writer
	io.Reader
	io.ReaderAt
	io.Closer
	Sync() error
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// direct makes writes go past the system's cache, or not any more; false: it cannot be done. Memory, offset and length of such
	// writes must be multiples of blockAlign. They are not durable before Sync either.
	direct(on bool) bool
	// startWriteback asks the kernel to begin writing, so that a Sync soon after finds little to do.
	startWriteback()
}

// osDisk is the real one. Files are for their owner alone.
type osDisk struct{}

func (osDisk) create(path string) (diskFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) open(path string) (diskFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) rename(from, to string) error               { return os.Rename(from, to) }
func (osDisk) remove(path string) error                   { return os.Remove(path) }
func (osDisk) stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (osDisk) readDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (osDisk) mkdir(path string) error                    { return os.MkdirAll(path, 0o700) }

func (osDisk) lock(path string) (io.Closer, error) { return hold.File(path) }

func (osDisk) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type osFile struct{ *os.File }
