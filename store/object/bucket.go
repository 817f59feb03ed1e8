package object

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/memblob" // mem://
	"gocloud.dev/gcerrors"

	"github.com/cineloop/cineloop/internal/fault"
)

// bucket is the back end on cloud storage. A content is spooled here until its digest, and so its name, is known: in memory up to
// spoolInMemory, then in a file without a name. What is already in the bucket is then never sent.
type bucket struct{ b *blob.Bucket }

const spoolInMemory = 4 << 20

func openBucket(ctx context.Context, location string) (*bucket, error) {
	scheme, _, _ := strings.Cut(location, "://")
	if !blob.DefaultURLMux().ValidBucketScheme(scheme) {
		return nil, fault.New(fault.Usage, "no object store speaks %q", scheme+"://").
			WithHint("known: %s://, file:// or a plain folder", strings.Join(blob.DefaultURLMux().BucketSchemes(), "://, "))
	}
	b, err := blob.OpenBucket(ctx, location)
	if err != nil {
		return nil, err
	}
	return &bucket{b}, nil
}

func (b *bucket) close() error { return b.b.Close() }

// spool holds bytes until they have a name.
type spool struct {
	bucket *bucket
	mem    []byte
	file   *os.File
	n      int64
	md5    hash.Hash
}

func (b *bucket) stage(context.Context) (staged, error) {
	return &spool{bucket: b, md5: md5.New()}, nil
}

func (s *spool) Write(p []byte) (int, error) {
	s.md5.Write(p)
	if s.file == nil && s.n+int64(len(p)) <= spoolInMemory {
		s.mem = append(s.mem, p...)
		s.n += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "cineloop-spool-*")
		if err != nil {
			return 0, err
		}
		_ = os.Remove(f.Name()) // where that works, a crash leaves nothing
		if _, err := f.Write(s.mem); err != nil {
			f.Close()
			return 0, err
		}
		s.file, s.mem = f, nil
	}
	n, err := s.file.Write(p)
	s.n += int64(n)
	return n, err
}

func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	if off >= int64(len(s.mem)) {
		return 0, io.EOF
	}
	n := copy(p, s.mem[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *spool) finish() error { return nil }

func (s *spool) publish(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before Close: gives an unfinished upload up
	w, err := s.bucket.b.NewWriter(ctx, name, &blob.WriterOptions{
		ContentType: "application/octet-stream", DisableContentTypeDetection: true, ContentMD5: s.md5.Sum(nil), MaxConcurrency: 2,
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, io.NewSectionReader(s, 0, s.n)); err != nil {
		cancel()
		w.Close()
		return err
	}
	return w.Close()
}

func (s *spool) discard() error {
	s.mem = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if rerr := os.Remove(s.file.Name()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}

// absent gives a cloud's "not found" the name that the file system uses.
func absent(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

func (b *bucket) stat(ctx context.Context, name string) (entry, error) {
	a, err := b.b.Attributes(ctx, name)
	if err != nil {
		return entry{}, absent(err)
	}
	return entry{name, a.Size, a.ModTime}, nil
}

func (b *bucket) stream(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := b.b.NewReader(ctx, name, nil)
	return r, absent(err)
}

func (b *bucket) remove(ctx context.Context, name string) error {
	if err := absent(b.b.Delete(ctx, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (b *bucket) list(ctx context.Context) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for it := b.b.List(nil); ; {
			o, err := it.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(entry{}, err)
				return
			}
			if !yield(entry{o.Key, o.Size, o.ModTime}, nil) {
				return
			}
		}
	}
}

// sweep finds nothing: an upload that was not finished has no name, and buckets drop the parts by their own rules.
func (b *bucket) sweep(context.Context, time.Time) (int, error) { return 0, nil }

// window is how much a range read brings along: enough for headers in one request, little enough for a frame.
const window = 256 << 10

// remote is random access by range requests with the last window kept.
type remote struct {
	ctx  context.Context
	b    *bucket
	name string
	n    int64

	mu    sync.Mutex
	start int64
	buf   []byte
}

func (b *bucket) open(ctx context.Context, name string) (source, error) {
	e, err := b.stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return &remote{ctx: ctx, b: b, name: name, n: e.size}, nil
}

func (r *remote) size() int64  { return r.n }
func (r *remote) Close() error { return nil }

func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.n {
		return 0, io.EOF
	}
	short := off+int64(len(p)) > r.n
	if short {
		p = p[:r.n-off]
	}
	if err := r.fill(p, off); err != nil {
		return 0, err
	}
	if short {
		return len(p), io.EOF
	}
	return len(p), nil
}

func (r *remote) fill(p []byte, off int64) error {
	if len(p) >= window {
		return r.fetch(p, off)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if off < r.start || off+int64(len(p)) > r.start+int64(len(r.buf)) {
		buf := make([]byte, min(window, r.n-off))
		if err := r.fetch(buf, off); err != nil {
			return err
		}
		r.start, r.buf = off, buf
	}
	copy(p, r.buf[off-r.start:])
	return nil
}

func (r *remote) fetch(p []byte, off int64) error {
	rd, err := r.b.b.NewRangeReader(r.ctx, r.name, off, int64(len(p)), nil)
	if err != nil {
		return absent(err)
	}
	defer rd.Close()
	_, err = io.ReadFull(rd, p)
	return err
}
