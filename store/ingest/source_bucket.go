package ingest

import (
	"context"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/bucket"
)

// bucketSource is the objects under a prefix of a bucket: s3://bucket/prefix?region=…, gs://, azblob://. Credentials come from the
// cloud's own configuration.
type bucketSource struct {
	b      *blob.Bucket
	place  string // scheme://bucket
	prefix string
	at     slots
}

func openBucket(ctx context.Context, u *url.URL, access Access) (source, error) {
	if !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) || u.Scheme == "file" {
		return nil, fault.New(fault.Usage, "sources of the kind %s:// are not known", u.Scheme).
			WithHint("known: folders and files, s3://, gs://, azblob://, dicomweb://, dimse://")
	}
	prefix := strings.TrimPrefix(u.Path, "/")
	bare := *u
	bare.Path = ""
	b, err := blob.OpenBucket(ctx, bare.String())
	if err != nil {
		return nil, fault.New(fault.Usage, "opening the bucket: %w", err)
	}
	s := &bucketSource{b: b, place: u.Scheme + "://" + u.Host, prefix: prefix, at: newSlots(4 * access.AtOnce)}
	return s, nil
}

func (s *bucketSource) origin() string { return s.place + "/" + s.prefix }

func (s *bucketSource) close() { s.b.Close() }

func (s *bucketSource) each(w *walker) error {
	for it := s.b.List(&blob.ListOptions{Prefix: s.prefix}); ; {
		o, err := it.Next(w.ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return bucket.Fault(err, "listing the bucket")
		}
		if o.IsDir || strings.HasSuffix(o.Key, "/") && o.Size == 0 { // consoles make such objects stand for folders
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(o.Key, s.prefix), "/")
		if name == "" {
			name = path.Base(o.Key)
		}
		if err := w.file(item{
			origin: s.place + "/" + printable(o.Key), name: name, size: o.Size, modified: o.ModTime,
			open: func(ctx context.Context) (io.ReadCloser, error) {
				return s.at.open(ctx, func(ctx context.Context) (io.ReadCloser, error) { return s.read(ctx, o.Key) })
			},
		}, 0); err != nil {
			return err
		}
	}
}

// How a broken connection is taken up again.
const (
	bucketTries = 5
	bucketWait  = 200 * time.Millisecond // doubles
)

// bucketReader reads an object from beginning to end over as many connections as it takes.
type bucketReader struct {
	ctx   context.Context
	s     *bucketSource
	key   string
	r     *blob.Reader
	off   int64
	size  int64
	since time.Time // of the object's last change
	tries int
}

func (s *bucketSource) read(ctx context.Context, key string) (io.ReadCloser, error) {
	r := &bucketReader{ctx: ctx, s: s, key: key, size: -1}
	return r, r.connect()
}

// connect asks for the object from where the reader is. The cloud's own client has tried several times when that fails.
func (r *bucketReader) connect() error {
	rd, err := r.s.b.NewRangeReader(r.ctx, r.key, r.off, -1, nil)
	if err != nil {
		return bucket.Fault(err, "reading an object")
	}
	if r.size < 0 {
		r.size, r.since = rd.Size(), rd.ModTime()
	} else if rd.Size() != r.size || !rd.ModTime().Equal(r.since) {
		rd.Close()
		return errChanged
	}
	r.r = rd
	return nil
}

// again waits for the next try, if there is one.
func (r *bucketReader) again() bool {
	if r.tries++; r.tries >= bucketTries {
		return false
	}
	select {
	case <-r.ctx.Done():
		return false
	case <-time.After(bucketWait << (r.tries - 1)):
		return true
	}
}

func (r *bucketReader) Read(p []byte) (int, error) {
	if r.off == r.size {
		return 0, io.EOF
	}
	for {
		n, err := r.r.Read(p)
		r.off += int64(n)
		if n > 0 {
			r.tries = 0
			return n, nil
		}
		if err == nil {
			return 0, nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		r.r.Close()
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
		if !r.again() {
			return 0, fault.New(fault.Missing, "the connection to the bucket broke off: %w", bucket.Bare(err))
		}
		if err := r.connect(); err != nil {
			return 0, err
		}
	}
}

func (r *bucketReader) Close() error {
	if r.r == nil {
		return nil
	}
	return r.r.Close()
}
