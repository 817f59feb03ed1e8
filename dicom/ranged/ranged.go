// Package ranged reads objects that are far away, by byte ranges: over HTTP, or from an object store.
//
// A [Reader] is an io.ReaderAt over a [Fetch]. It asks for whole blocks, for neighbouring ones in one request, and for more at a time while reading goes on in
// order; what it has it keeps, up to a budget. So the headers of a file cost one or two requests and a frame costs one, without what is between them. With
// [dicom.Read] it opens files that are never downloaded.
package ranged

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// Fetch opens the n bytes at off. A blob's NewRangeReader is one.
type Fetch func(ctx context.Context, off, n int64) (io.ReadCloser, error)

const (
	block     = 16 << 10 // the unit of requests and of the cache
	firstRead = 64 << 10 // what the first request of an object asks for
	maxAhead  = 1 << 20  // most bytes that are read ahead
	attempts  = 3
)

// Reader is a far object's bytes. It may be used from several goroutines; their requests are made one after the other.
type Reader struct {
	ctx    context.Context
	fetch  Fetch
	size   int64
	budget int64 // bytes of cached blocks
	pause  time.Duration

	mu       sync.Mutex
	blocks   map[int64][]byte
	used     []int64 // blocks in the order of their use, the latest last
	held     int64
	next     int64 // where reading in order would go on
	ahead    int64 // how much to ask for there
	requests int
	fetched  int64
}

// New reads an object of size bytes through fetch, as long as ctx lasts. budget is how many bytes it may keep; 0 is 16 MiB.
func New(ctx context.Context, size int64, fetch Fetch, budget int64) *Reader {
	if budget <= 0 {
		budget = 16 << 20
	}
	return &Reader{ctx: ctx, fetch: fetch, size: size, budget: max(budget, 2*maxAhead), pause: 200 * time.Millisecond, blocks: map[int64][]byte{}, ahead: firstRead}
}

// Size is the object's size in bytes.
func (r *Reader) Size() int64 { return r.size }

// Requests is how many ranges were asked for so far, and how many bytes they gave.
func (r *Reader) Requests() (n int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.fetched
}

// ReadAt reads len(p) bytes at off.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fault.New(fault.Usage, "a negative offset")
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), r.size-off)]
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if int64(len(want)) > r.budget/2 {
		err = r.get(want, off) // too large to keep
	} else {
		err = r.cached(want, off)
	}
	if err != nil {
		return 0, err
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(want), nil
}

// cached fills p from blocks, after asking for those that are not there.
func (r *Reader) cached(p []byte, off int64) error {
	end := off + int64(len(p))
	for b := off / block; b*block < end; b++ {
		if r.blocks[b] != nil {
			r.touch(b)
			continue
		}
		last := b // neighbours that are missing too come with it
		for (last+1)*block < end && r.blocks[last+1] == nil {
			last++
		}
		if err := r.load(b, last); err != nil {
			return err
		}
		b = last
	}
	for n := 0; n < len(p); {
		at := off + int64(n)
		n += copy(p[n:], r.blocks[at/block][at%block:])
	}
	r.trim(off/block, (end-1)/block)
	return nil
}

// load asks for blocks from first to last, and for those after them when they go on where the request before ended.
func (r *Reader) load(first, last int64) error {
	from, to := first*block, min((last+1)*block, r.size)
	if from == r.next {
		to = min(max(to, from+r.ahead), r.size)
		r.ahead = min(2*r.ahead, maxAhead)
	} else {
		r.ahead = block
	}
	buf := make([]byte, to-from)
	if err := r.get(buf, from); err != nil {
		return err
	}
	r.next = to
	if tail := to % block; to < r.size && tail != 0 {
		r.next = to - tail
		buf = buf[:int64(len(buf))-tail]
	}
	for at := int64(0); at < int64(len(buf)); at += block {
		r.put((from+at)/block, buf[at:min(at+block, int64(len(buf)))])
	}
	return nil
}

func (r *Reader) put(b int64, data []byte) {
	if r.blocks[b] == nil {
		r.held += int64(len(data))
		r.used = append(r.used, b)
	}
	r.blocks[b] = data[:len(data):len(data)]
}

func (r *Reader) touch(b int64) {
	if n := len(r.used); n > 0 && r.used[n-1] == b {
		return
	}
	for i, u := range r.used {
		if u == b {
			r.used = append(append(r.used[:i], r.used[i+1:]...), b)
			return
		}
	}
}

// trim forgets the blocks that were used longest ago, but none of those from keep to last.
func (r *Reader) trim(keep, last int64) {
	for i := 0; r.held > r.budget && i < len(r.used); {
		b := r.used[i]
		if b >= keep && b <= last {
			i++
			continue
		}
		r.held -= int64(len(r.blocks[b]))
		delete(r.blocks, b)
		r.used = append(r.used[:i], r.used[i+1:]...)
	}
}

// get asks for one range, again after a failure that may pass.
func (r *Reader) get(p []byte, off int64) error {
	var err error
	for try := range attempts {
		if try > 0 {
			select {
			case <-r.ctx.Done():
				return r.ctx.Err()
			case <-time.After(r.pause << (try - 1)):
			}
		}
		if err = r.once(p, off); err == nil {
			return nil
		}
		if r.ctx.Err() != nil || !passing(err) {
			break
		}
	}
	return fmt.Errorf("bytes %d to %d of %d: %w", off, off+int64(len(p))-1, r.size, err)
}

func (r *Reader) once(p []byte, off int64) error {
	r.requests++
	body, err := r.fetch(r.ctx, off, int64(len(p)))
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := io.ReadFull(body, p)
	r.fetched += int64(n)
	return err
}

// passing reports whether asking again may help: whatever is not known to be lasting.
func passing(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return !ok || e.Code == fault.Resource || e.Code == fault.Internal
}
