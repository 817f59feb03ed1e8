package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/cineloop/cineloop/internal/fault"
)

// lossy is a disk in memory that can lose power. It keeps two states: what programs see, and what survives. A file's bytes survive
// once synced; a name survives once its folder is synced, with whatever bytes of the file were synced until then.
type lossy struct {
	mu       sync.Mutex
	seen     map[string]*lossyInode
	survives map[string]*lossyInode
	ops      int
	failAt   int   // the operation that fails, counted from 1; 0: none
	failWith error // with this
	dead     bool  // after errPower: nothing works any more
	fs       bool  // there is one sync for everything
	sector   int   // writes past the cache must be multiples of it; 0: there is no way past the cache
	refused  int   // writes that were not
}

type lossyInode struct {
	data   []byte
	synced []byte
}

var errPower = errors.New("power lost")

func newLossy() *lossy {
	return &lossy{seen: map[string]*lossyInode{}, survives: map[string]*lossyInode{}}
}

// op counts an operation that changes the disk and makes the chosen one fail.
func (l *lossy) op() error {
	if l.dead {
		return errPower
	}
	l.ops++
	if l.ops == l.failAt {
		l.dead = l.failWith == errPower
		return l.failWith
	}
	return nil
}

// restart is the machine after the power came back.
func (l *lossy) restart() *lossy {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := newLossy()
	for name, ino := range l.survives {
		ino := &lossyInode{bytes.Clone(ino.synced), bytes.Clone(ino.synced)}
		n.seen[name], n.survives[name] = ino, ino
	}
	return n
}

func (l *lossy) create(path string) (diskFile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.op(); err != nil {
		return nil, err
	}
	l.seen[path] = &lossyInode{}
	return &lossyFile{l: l, name: path, ino: l.seen[path]}, nil
}

func (l *lossy) open(path string) (diskFile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ino, ok := l.seen[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &lossyFile{l: l, name: path, ino: ino}, nil
}

func (l *lossy) rename(from, to string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.op(); err != nil {
		return err
	}
	l.seen[to] = l.seen[from]
	delete(l.seen, from)
	// A file system may write a new name down at any time, also before anybody asks: the worst case for a file whose bytes are not.
	l.survives[to] = l.seen[to]
	return nil
}

func (l *lossy) remove(path string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.op(); err != nil {
		return err
	}
	delete(l.seen, path)
	return nil
}

func (l *lossy) syncDir(path string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.op(); err != nil {
		return err
	}
	for name := range l.survives {
		if filepath.Dir(name) == path {
			delete(l.survives, name)
		}
	}
	for name, ino := range l.seen {
		if filepath.Dir(name) == path {
			l.survives[name] = ino
		}
	}
	return nil
}

func (l *lossy) stat(path string) (fs.FileInfo, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ino, ok := l.seen[path]; ok {
		return lossyInfo{filepath.Base(path), int64(len(ino.data))}, nil
	}
	return nil, fs.ErrNotExist
}

func (l *lossy) readDir(path string) ([]fs.DirEntry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []fs.DirEntry
	for name, ino := range l.seen {
		if filepath.Dir(name) == path {
			out = append(out, fs.FileInfoToDirEntry(lossyInfo{filepath.Base(name), int64(len(ino.data))}))
		}
	}
	return out, nil
}

// Sync is that of the whole file system.
func (l *lossy) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.op(); err != nil {
		return err
	}
	l.survives = maps.Clone(l.seen)
	for _, ino := range l.seen {
		ino.synced = bytes.Clone(ino.data)
	}
	return nil
}

func (l *lossy) Close() error { return nil }

func (l *lossy) whole(string) wholeSync {
	if l.fs {
		return l
	}
	return nil
}

func (l *lossy) bypass(string) bool { return l.sector > 0 }

func (l *lossy) mkdir(string) error             { return nil }
func (l *lossy) free(string) int64              { return 1 << 40 }
func (l *lossy) lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

type lossyInfo struct {
	name string
	n    int64
}

func (i lossyInfo) Name() string       { return i.name }
func (i lossyInfo) Size() int64        { return i.n }
func (i lossyInfo) Mode() fs.FileMode  { return 0o600 }
func (i lossyInfo) ModTime() time.Time { return time.Time{} }
func (i lossyInfo) IsDir() bool        { return false }
func (i lossyInfo) Sys() any           { return nil }

type lossyFile struct {
	l      *lossy
	name   string
	ino    *lossyInode
	at     int64
	beside bool // writes go past the cache
}

func (f *lossyFile) direct(on bool) bool {
	f.beside = on && f.l.sector > 0
	return f.beside == on
}

func (f *lossyFile) Truncate(size int64) error {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	if err := f.l.op(); err != nil {
		return err
	}
	f.ino.data = f.ino.data[:size]
	return nil
}

func (f *lossyFile) Write(p []byte) (int, error) {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	if f.beside && (len(p)%f.l.sector != 0 || len(f.ino.data)%f.l.sector != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(p)))%blockAlign != 0) {
		f.l.refused++
		return 0, syscall.EINVAL
	}
	if err := f.l.op(); err != nil {
		f.ino.data = append(f.ino.data, p[:len(p)/2]...) // a failing write writes some
		return len(p) / 2, err
	}
	f.ino.data = append(f.ino.data, p...)
	return len(p), nil
}

func (f *lossyFile) ReadAt(p []byte, off int64) (int, error) {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	return bytes.NewReader(f.ino.data).ReadAt(p, off)
}

func (f *lossyFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *lossyFile) Sync() error {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	if err := f.l.op(); err != nil {
		return err
	}
	f.ino.synced = bytes.Clone(f.ino.data)
	return nil
}

func (f *lossyFile) Close() error { return nil }
func (f *lossyFile) Stat() (fs.FileInfo, error) {
	return lossyInfo{filepath.Base(f.name), int64(len(f.ino.data))}, nil
}
func (f *lossyFile) startWriteback() {}

// session puts ten contents, four at a time, and gives those that were acknowledged.
func session(d disk) (acked []Digest, errs []error) {
	back, err := openFiles(d, "store", 0)
	if err != nil {
		return nil, []error{explain(err)}
	}
	s := newStore(back, Options{})
	defer s.Close()
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range 10 {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			info, _, err := s.Put(context.Background(), strings.NewReader(strings.Repeat(fmt.Sprintf("content %d ", i), 100+i)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			} else {
				acked = append(acked, info.Digest)
			}
		})
	}
	wg.Wait()
	return acked, errs
}

// TestPowerLoss cuts the power at every single operation of a session: what was acknowledged is there afterwards, and what is there
// is whole.
func TestPowerLoss(t *testing.T) {
	for name, make := range map[string]func() *lossy{
		"sync by file":        newLossy,
		"sync by file system": func() *lossy { l := newLossy(); l.fs = true; return l },
		"past the cache":      func() *lossy { l := newLossy(); l.fs, l.sector = true, 4096; return l },
	} {
		t.Run(name, func(t *testing.T) { powerLoss(t, make) })
	}
}

func powerLoss(t *testing.T, make func() *lossy) {
	ctx := context.Background()
	full := make()
	if acked, errs := session(full); len(acked) != 10 || len(errs) != 0 {
		t.Fatalf("without trouble: %d acknowledged, %v", len(acked), errs)
	}
	if full.ops < 40 {
		t.Fatalf("only %d operations: the model misses some", full.ops)
	}
	lost := 0
	for at := 1; at <= full.ops; at++ {
		d := make()
		d.failAt, d.failWith = at, errPower
		acked, errs := session(d)
		if len(errs) > 0 {
			lost++
		}
		back, err := openFiles(d.restart(), "store", 0)
		if err != nil {
			t.Fatal(err)
		}
		after := newStore(back, Options{})
		for _, digest := range acked {
			if _, err := after.Verify(ctx, digest); err != nil {
				t.Errorf("power lost at operation %d: acknowledged, but %v", at, err)
			}
		}
		for info, err := range after.All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := after.Verify(ctx, info.Digest); err != nil {
				t.Errorf("power lost at operation %d: visible, but %v", at, err)
			}
		}
		after.Close()
	}
	if lost < full.ops/2 {
		t.Errorf("only %d of %d power cuts were felt", lost, full.ops)
	}
}

// TestPowerLossModel proves that the model can tell: an order that syncs too late is caught.
func TestPowerLossModel(t *testing.T) {
	d := newLossy()
	f, _ := d.create("store/tmp/x")
	f.Write([]byte("abc"))
	d.rename("store/tmp/x", "store/ab/x")
	d.syncDir("store/ab")
	if after := d.restart(); len(after.seen["store/ab/x"].data) != 0 {
		t.Error("bytes that were never synced survived")
	}
}

// TestDiskFull fails every operation in turn as a full disk does: the session goes on, failed puts say why and leave nothing.
func TestDiskFull(t *testing.T) {
	for name, sector := range map[string]int{"through the cache": 0, "past the cache": 4096} {
		t.Run(name, func(t *testing.T) { diskFull(t, sector) })
	}
}

func diskFull(t *testing.T, sector int) {
	full := newLossy()
	full.sector = sector
	session(full)
	for at := 1; at <= full.ops; at++ {
		d := newLossy()
		d.sector = sector
		d.failAt, d.failWith = at, syscall.ENOSPC
		acked, errs := session(d)
		if len(acked)+len(errs) != 10 && len(acked) > 0 {
			t.Errorf("operation %d: %d acknowledged and %d failed", at, len(acked), len(errs))
		}
		for _, err := range errs {
			if fault.CodeOf(err) != fault.Resource {
				t.Errorf("operation %d: %v", at, err)
			}
		}
		left := 0
		for name := range d.seen {
			if strings.HasPrefix(name, "store/tmp/") {
				left++
			}
		}
		if left > 1 { // the one whose removal was made to fail
			t.Errorf("operation %d: %d temporaries left", at, left)
		}
	}
}

// TestSweep: temporaries go when their store is gone, not before.
func TestSweep(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := other.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	mine, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	for _, half := range []*Writer{w, mine} { // more than stays in memory
		if _, err := half.Write(make([]byte, blockSize+1)); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().Add(time.Second)
	if n, err := s.Sweep(ctx, now); n != 0 || err != nil {
		t.Errorf("swept %d that are in use, %v", n, err)
	}
	other.back.(*files).alive.Close() // as when its process ends
	if n, err := s.Sweep(ctx, time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("swept %d that are young, %v", n, err)
	}
	if n, err := s.Sweep(ctx, now); n != 1 || err != nil {
		t.Errorf("swept %d, want 1, %v", n, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, tmpFolder, "*")); len(left) != 2 { // our lock and our temporary
		t.Errorf("left: %v", left)
	}
	if _, _, err := mine.Publish(ctx); err != nil {
		t.Error(err)
	}
}

// TestPublishAgain: a writer can put its bytes back after they were removed behind its back.
func TestPublishAgain(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Write([]byte("abc"))
	info, _, err := w.Publish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Remove(ctx, info.Digest); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Replace(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Verify(ctx, info.Digest); n != 3 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}
