package ingest

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync/atomic"

	"github.com/cineloop/cineloop/internal/fault"
)

// Limits of what is opened on somebody's word. An archive that breaks one is reported as one that cannot be read to its end; what came
// before it is kept.
const (
	maxDepth = 8 // archives within archives

	// An archive may come to expandFree bytes, and to 250 times its own size beyond that. Black frames compress 1,000 to 1, whole studies
	// do not.
	expandTimes = 250
)

// Variables for tests alone.
var (
	maxMembers int64 = 10_000_000 // of an archive, those of the archives in it too
	expandFree int64 = 4 << 30
)

var errTooDeep = fault.New(fault.Input, "archives within archives, more than %d deep", maxDepth)

// ration is what is left to an outermost archive of those limits.
type ration struct {
	bytes, members atomic.Int64
	limit          int64
}

func newRation(size int64) *ration { return &ration{limit: expandFree + expandTimes*size} }

func (r *ration) take(n int64) error {
	if r.bytes.Add(n) > r.limit {
		return fault.New(fault.Input, "it comes to more than %d bytes", r.limit)
	}
	return nil
}

func (r *ration) member() error {
	if r.members.Add(1) > maxMembers {
		return fault.New(fault.Input, "it has more than %d members", maxMembers)
	}
	return r.take(0)
}

// rationed counts what comes out of an archive.
type rationed struct {
	io.Reader
	left *ration
}

func (r rationed) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if lerr := r.left.take(int64(n)); lerr != nil {
		return n, lerr
	}
	return n, err
}

type rationedCloser struct {
	rationed
	io.Closer
}

// zipEntries is how many entries the directory of a ZIP file can have at most (APPNOTE 4.3.16, 4.3.14): archive/zip holds them all in
// memory, some ten times as large as they are in the file.
func zipEntries(at io.ReaderAt, size int64) int64 {
	tail := make([]byte, min(size, 1<<16+22))
	from := size - int64(len(tail))
	if _, err := at.ReadAt(tail, from); err != nil && err != io.EOF {
		return 0 // archive/zip will say what is wrong
	}
	end := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if end < 0 || end+22 > len(tail) {
		return 0
	}
	length, start := int64(binary.LittleEndian.Uint32(tail[end+12:])), int64(binary.LittleEndian.Uint32(tail[end+16:]))
	first := min(start, from+int64(end)-length)
	if start == 1<<32-1 || length == 1<<32-1 { // ZIP64: the directory may begin anywhere
		first = 0
	}
	const shortest = 46
	return (from + int64(end) - max(first, 0)) / shortest
}
