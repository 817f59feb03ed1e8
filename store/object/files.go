package object

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/hold"
)

// tmpFolder holds content on its way. Nothing in it is ever listed.
const tmpFolder = "tmp"

// files is the back end on a file system: dir/ab/abcd….
type files struct {
	disk    disk
	dir     string
	reserve int64
	bypass  bool // large writes go past the system's cache
	group   *group
	id      string    // of this open store; its temporaries begin with it
	alive   io.Closer // the lock that says that id's temporaries are in use
}

// lockSuffix ends the name of the file that an open store holds locked in tmpFolder.
const lockSuffix = ".lock"

func openFiles(d disk, dir string, reserve int64) (*files, error) {
	if err := d.mkdir(filepath.Join(dir, tmpFolder)); err != nil {
		return nil, err
	}
	// All folders exist and are durable from the start: publishing then syncs one folder, never its parents.
	fresh := false
	for i := range 256 {
		sub := filepath.Join(dir, fmt.Sprintf("%02x", i))
		if _, err := d.stat(sub); err == nil {
			continue
		}
		if err := d.mkdir(sub); err != nil {
			return nil, err
		}
		fresh = true
	}
	if fresh {
		for p := dir; ; p = filepath.Dir(p) {
			if err := d.syncDir(p); err != nil && p == dir {
				return nil, err
			}
			if filepath.Dir(p) == p || p == "." {
				break
			}
		}
	}
	f := &files{disk: d, dir: dir, reserve: reserve, bypass: d.bypass(dir), id: randomName()}
	var err error
	if f.alive, err = d.lock(filepath.Join(dir, tmpFolder, f.id+lockSuffix)); err != nil {
		return nil, err
	}
	f.group = newGroup(d, dir)
	return f, nil
}

func randomName() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (f *files) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f *files) close() error {
	f.group.stop()
	_ = f.disk.remove(filepath.Join(f.dir, tmpFolder, f.id+lockSuffix)) // else the next sweep does
	return f.alive.Close()
}

// reserveStep is how many bytes a writer writes between looks at the free space.
const reserveStep = 16 << 20

func (f *files) checkReserve(coming int64) error {
	if f.reserve > 0 && f.disk.free(f.dir)-coming < f.reserve {
		return fault.New(fault.Resource, "less than %d bytes are free on the store's disk", f.reserve).
			WithHint("free some space; the reserve keeps the catalog able to write")
	}
	return nil
}

type fileSource struct {
	diskFile
	n int64
}

func (s fileSource) size() int64 { return s.n }

func (f *files) open(_ context.Context, name string) (source, error) {
	file, err := f.disk.open(f.path(name))
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return fileSource{file, info.Size()}, nil
}

func (f *files) stream(ctx context.Context, name string) (io.ReadCloser, error) {
	file, err := f.disk.open(f.path(name))
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{contextReader{ctx, file}, file}, nil
}

// contextReader ends a long copy when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func (f *files) stat(_ context.Context, name string) (entry, error) {
	info, err := f.disk.stat(f.path(name))
	if err != nil {
		return entry{}, err
	}
	return entry{name, info.Size(), info.ModTime()}, nil
}

func (f *files) remove(_ context.Context, name string) error {
	if err := f.disk.remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *files) list(ctx context.Context) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for i := range 256 {
			sub := fmt.Sprintf("%02x", i)
			names, err := f.disk.readDir(filepath.Join(f.dir, sub))
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(entry{}, err)
				return
			}
			for _, n := range names {
				info, err := n.Info()
				if errors.Is(err, fs.ErrNotExist) {
					continue // removed since the folder was read
				}
				if err != nil {
					yield(entry{}, err)
					return
				}
				if !yield(entry{sub + "/" + n.Name(), info.Size(), info.ModTime()}, nil) {
					return
				}
			}
		}
	}
}

// sweep removes the temporaries of stores that are open no more: nobody holds their lock.
func (f *files) sweep(ctx context.Context, before time.Time) (int, error) {
	dir := filepath.Join(f.dir, tmpFolder)
	names, err := f.disk.readDir(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	dead := map[string]bool{f.id: false}
	locks := map[string]io.Closer{} // held while sweeping, so that no two sweep the same
	defer func() {
		for _, l := range locks {
			l.Close()
		}
	}()
	for _, e := range names {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue
		}
		owner, _, temporary := strings.Cut(strings.TrimSuffix(e.Name(), lockSuffix), "-")
		if _, judged := dead[owner]; !judged {
			l, err := f.disk.lock(filepath.Join(dir, owner+lockSuffix))
			if err != nil && !errors.Is(err, hold.ErrHeld) {
				return n, err
			}
			if dead[owner] = err == nil; dead[owner] {
				locks[owner] = l
			}
		}
		if !dead[owner] || !temporary {
			continue
		}
		if err := f.disk.remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
		n++
	}
	for owner := range locks {
		if err := f.disk.remove(filepath.Join(dir, owner+lockSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
	}
	return n, nil
}
