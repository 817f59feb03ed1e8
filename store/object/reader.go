package object

import (
	"context"
	"fmt"
	"io"
)

// Reader gives a content as a file gives its bytes: in order, from anywhere, and from many goroutines through ReadAt. Ranges are not
// checked against the digest (sealed ones are authenticated chunk by chunk); use [Store.Copy] or [Store.Verify] for that.
type Reader struct {
	*io.SectionReader
	src source
}

// Open opens an object for reading.
func (s *Store) Open(ctx context.Context, d Digest) (*Reader, error) {
	e, sealed, err := s.find(ctx, d)
	if err != nil {
		return nil, err
	}
	src, err := s.back.open(ctx, e.name)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", d, explain(err))
	}
	var at io.ReaderAt = src
	size := src.size()
	if sealed {
		if at, size, err = s.unsealAt(src, size); err != nil {
			src.Close()
			return nil, fmt.Errorf("object %s: %w", d, err)
		}
	}
	return &Reader{io.NewSectionReader(at, 0, size), src}, nil
}

// Close frees the reader.
func (r *Reader) Close() error { return r.src.Close() }
