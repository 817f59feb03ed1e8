package clip

import (
	"archive/zip"
	"bytes"
	"container/list"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/cineloop/cineloop/internal/fault"
)

// openNPZ reads one member, or one item of it, of a NumPy zip archive.
func openNPZ(file string, frag fragment, cfg *readConfig) (*Clip, error) {
	a, err := npzMembers.load(file, frag.member, cfg)
	if err != nil {
		return nil, err
	}
	return clipOfArray(a, frag, cfg, formatNPZ)
}

// NPZMember is one array of an npz archive.
type NPZMember struct {
	Name  string // without .npy
	Shape []int
	DType string // NumPy's letter and size: u1, i8, f4…
}

// NPZMembers lists the arrays of an archive in their order, reading headers only.
func NPZMembers(file string) ([]NPZMember, error) {
	z, err := openZip(file)
	if err != nil {
		return nil, openError(file, err)
	}
	defer z.Close()
	var out []NPZMember
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, openError(file, inputf("npz member %s: %w", name, err))
		}
		h, err := readNPYHeader(r)
		r.Close()
		if err != nil {
			return nil, openError(file+"#"+name, err)
		}
		out = append(out, NPZMember{Name: name, Shape: h.shape, DType: string(h.kind) + string(rune('0'+h.size))})
	}
	return out, nil
}

func openZip(file string) (*zip.ReadCloser, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, err
		}
		return nil, inputf("npz: %w", err).WithHint("the archive is damaged or not one of numpy.savez; copy it again from its source")
	}
	return z, nil
}

// npzCache keeps inflated members, because a loader asks for each of thousands of items by index and deflate has no random access.
type npzCache struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	order   list.List // of *npzEntry, most recently used first
	entries map[npzKey]*npzEntry
}

type npzKey struct {
	file, member string
	size         int64
	modified     time.Time
}

type npzEntry struct {
	key  npzKey
	once sync.Once
	arr  *npyArray // these two are set inside once
	err  error
	size int64 // bytes that used counts for it, under npzCache.mu; 0 while it loads
	at   *list.Element
}

// settled is the age at which a modification time tells contents apart: well over the tick of the clocks that file systems use (1 to
// 100 ms).
const settled = time.Second

// npzMembers holds up to 1 GB of inflated members for the whole process.
var npzMembers = &npzCache{limit: 1 << 30, entries: map[npzKey]*npzEntry{}}

// load gives a member, read-only. Concurrent callers of one member wait for one read.
func (n *npzCache) load(file, member string, cfg *readConfig) (*npyArray, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	// A file changed within its clock's last tick can change again and look the same, so it is not yet remembered.
	if time.Since(st.ModTime()) < settled {
		return readNPZMember(file, member, cfg)
	}
	key := npzKey{file, member, st.Size(), st.ModTime()}
	n.mu.Lock()
	e := n.entries[key]
	if e == nil {
		e = &npzEntry{key: key}
		e.at = n.order.PushFront(e)
		n.entries[key] = e
	} else {
		n.order.MoveToFront(e.at)
	}
	n.mu.Unlock()
	e.once.Do(func() {
		e.arr, e.err = readNPZMember(file, member, cfg)
		n.account(e)
	})
	return e.arr, e.err
}

// account adds a loaded entry to the total and drops the least recently used ones over the limit; failures are not kept.
func (n *npzCache) account(e *npzEntry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.err != nil {
		n.drop(e)
		return
	}
	e.size = int64(len(e.arr.raw))
	n.used += e.size
	for at := n.order.Back(); at != nil && n.used > n.limit; {
		old := at.Value.(*npzEntry)
		at = at.Prev()
		if old.size > 0 {
			n.used -= old.size
			n.drop(old)
		}
	}
}

func (n *npzCache) drop(e *npzEntry) {
	n.order.Remove(e.at)
	delete(n.entries, e.key)
}

func readNPZMember(file, member string, cfg *readConfig) (*npyArray, error) {
	z, err := openZip(file)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var names []string
	var found *zip.File
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		names = append(names, name)
		if name == member {
			found = f
		}
	}
	switch {
	case len(names) == 0:
		return nil, inputf("the zip archive has no .npy member").WithHint("only archives written by numpy.savez can be read")
	case member == "" && len(names) == 1:
		found = zipFile(z, names[0]+".npy")
	case found == nil:
		sort.Strings(names)
		code := fault.NotFound
		what := "has no member " + member
		if member == "" {
			code, what = fault.Usage, "has several members"
		}
		return nil, fault.New(code, "npz: the archive %s", what).WithHint("name one after #: %s", strings.Join(names[:min(len(names), 20)], ", "))
	}
	// Deflate expands at most 1032 times, so a small member cannot be huge whatever its header says.
	stored := int64(found.UncompressedSize64)
	if packed := int64(found.CompressedSize64); stored < 0 || packed < 0 || stored/1100 > packed+64 {
		return nil, inputf("npz member %s: %d bytes cannot unpack to %d", found.Name, packed, stored)
	}
	r, err := memberReader(found)
	if err != nil {
		return nil, inputf("npz member %s: %w", found.Name, err)
	}
	crc := crc32.NewIEEE()
	a, err := readNPY(io.TeeReader(r, crc), cfg.maxBytes, stored)
	if err != nil {
		return nil, fault.New(fault.CodeOf(err), "member %s: %w", found.Name, err)
	}
	if _, err := io.Copy(crc, r); err != nil || crc.Sum32() != found.CRC32 {
		return nil, inputf("npz member %s: its checksum is wrong", found.Name).WithHint("copy the file again from its source")
	}
	a.inCOrder()
	return a, nil
}

// memberReader inflates a member from memory, which is a third faster than from the file.
func memberReader(f *zip.File) (io.Reader, error) {
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	switch f.Method {
	case zip.Store:
		return raw, nil
	case zip.Deflate:
		b, err := io.ReadAll(io.LimitReader(raw, int64(f.CompressedSize64)))
		if err != nil {
			return nil, err
		}
		return flate.NewReader(bytes.NewReader(b)), nil
	}
	return nil, fmt.Errorf("compression method %d is not supported", f.Method)
}

func zipFile(z *zip.ReadCloser, name string) *zip.File {
	for _, f := range z.File {
		if f.Name == name {
			return f
		}
	}
	return nil
}
