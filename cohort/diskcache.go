package cohort

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// diskCache is a folder with one file a decoded clip, named by a digest of the source's path, size and time and of the reader's
// version, so that a changed source or reader is never served stale.
//
// File: the magic, the length of the header (uint32, little endian), the header (JSON of the clip without its samples), the samples,
// and the CRC-32C of all before. Files appear by rename, whole. They are not synced: a file that a power cut damaged fails its checksum,
// is removed and made anew.
type diskCache struct {
	dir   string
	limit int64 // bytes; 0: none

	mu   sync.Mutex
	used int64
}

const diskMagic = "cineloop-clip-1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxDiskHeader bounds the header of a cache file.
const maxDiskHeader = 1 << 24

func openDiskCache(dir string, limit int64) (*diskCache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Input, "making the cache folder: %w", err)
	}
	d := &diskCache{dir: dir, limit: limit}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.New(fault.Input, "reading the cache folder: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".clip") {
			d.used += info.Size()
		}
	}
	return d, nil
}

// file is the cache file for the clip of src; "" when the source cannot be looked at.
func (d *diskCache) file(src source) string {
	h := sha256.New()
	path := src.path
	fmt.Fprintf(h, "%s\x00%s\x00%v\x00", clip.ReaderVersion, path, src.grey)
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if i := strings.LastIndexByte(path, '#'); i > 0 {
			st, err = os.Stat(path[:i])
		}
	}
	if err != nil {
		return ""
	}
	fmt.Fprintf(h, "%d %d\x00", st.Size(), st.ModTime().UnixNano())
	if st.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return ""
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return ""
			}
			fmt.Fprintf(h, "%s\x00%d %d\x00", e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return filepath.Join(d.dir, hex.EncodeToString(h.Sum(nil))+".clip")
}

// read is the cached clip, or nil; damaged says that a file was there and was not what had been written. It has then been removed.
func (d *diskCache) read(src source) (c *clip.Clip, damaged bool) {
	name := d.file(src)
	if name == "" {
		return nil, false
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, false
	}
	c, err = decodeCached(f, st.Size())
	if err == nil {
		return c, false
	}
	if os.Remove(name) == nil {
		d.mu.Lock()
		d.used -= st.Size()
		d.mu.Unlock()
	}
	return nil, true
}

func decodeCached(r io.Reader, size int64) (*clip.Clip, error) {
	sum := crc32.New(castagnoli)
	in := io.TeeReader(r, sum)
	pre := make([]byte, len(diskMagic)+4)
	if _, err := io.ReadFull(in, pre); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(pre[len(diskMagic):])
	if string(pre[:len(diskMagic)]) != diskMagic || n > maxDiskHeader {
		return nil, errors.New("not a cache file")
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	var meta clip.Clip
	if err := json.Unmarshal(head, &meta); err != nil {
		return nil, err
	}
	body := size - int64(len(pre)) - int64(n) - 4
	want := int64(meta.DType.Size())
	for _, dim := range []int{meta.T, meta.H, meta.W, meta.C} {
		if dim <= 0 || want <= 0 || want > body/int64(dim) {
			return nil, errors.New("the shape and the size do not agree")
		}
		want *= int64(dim)
	}
	if want != body {
		return nil, errors.New("the shape and the size do not agree")
	}
	c := clip.New(meta.DType, meta.T, meta.H, meta.W, meta.C)
	meta.Data = c.Data
	if _, err := io.ReadFull(in, meta.Data); err != nil {
		return nil, err
	}
	have := sum.Sum32()
	var tail [4]byte
	if _, err := io.ReadFull(r, tail[:]); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(tail[:]) != have {
		return nil, errors.New("the checksum is wrong")
	}
	return &meta, meta.Validate()
}

// write stores a clip where there is room. It is only a cache: a clip that cannot be written is decoded again next time.
func (d *diskCache) write(src source, c *clip.Clip) {
	name := d.file(src)
	meta := *c
	meta.Data = nil
	head, err := json.Marshal(meta)
	if name == "" || err != nil || len(head) > maxDiskHeader {
		return
	}
	size := int64(len(diskMagic) + 4 + len(head) + len(c.Data) + 4)
	d.mu.Lock()
	fits := d.limit == 0 || d.used+size <= d.limit
	if fits {
		d.used += size
	}
	d.mu.Unlock()
	if fits && writeCached(d.dir, name, head, c.Data) != nil {
		d.mu.Lock()
		d.used -= size
		d.mu.Unlock()
	}
}

func writeCached(dir, name string, head, data []byte) (err error) {
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	sum := crc32.New(castagnoli)
	out := io.MultiWriter(f, sum)
	pre := binary.LittleEndian.AppendUint32([]byte(diskMagic), uint32(len(head)))
	for _, b := range [][]byte{pre, head, data} {
		if _, err = out.Write(b); err != nil {
			return err
		}
	}
	if _, err = f.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32())); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
