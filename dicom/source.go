package dicom

import (
	"bytes"
	"errors"
	"io"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/klauspost/compress/flate"
)

// source is the bytes that a data set's elements point into.
type source struct {
	r    io.ReaderAt
	size int64
}

// Lender is a source of bytes that has some of them in memory. Lend is the bytes from off on, at most n of them, or fewer, or none, where it does not have them; it
// does not read. What it lent must stay as it is while the [File] that was read from it is in use: small values are slices of it. The File does not change it.
type Lender interface {
	io.ReaderAt
	Lend(off, n int64) []byte
}

// lent is up to n bytes at off that the source has in memory.
func (s *source) lent(off, n int64) []byte {
	if m, ok := s.r.(Lender); ok {
		b := m.Lend(off, n)
		return b[:len(b):len(b)]
	}
	return nil
}

// read is the n bytes at off, fewer at the end of the source. n is trusted: callers have checked it against size.
func (s *source) read(off, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := s.r.ReadAt(b, off)
	if err == io.EOF {
		err = nil
	}
	return b[:got], err
}

// chunked is inflated data: pieces of one size, so that growing copies nothing.
type chunked struct {
	pieces [][]byte
	size   int64
}

const pieceSize = 1 << 20

func (c *chunked) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < c.size {
		m := copy(p[n:], c.pieces[off/pieceSize][off%pieceSize:])
		n += m
		off += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

var errInflatedLimit = errors.New("inflates to more than the limit")

// inflate expands a deflate stream up to limit bytes. A stream that breaks off gives what came before, with the error.
func inflate(r io.Reader, limit int64) (*source, error) {
	z := flate.NewReader(r)
	defer z.Close()
	c := &chunked{}
	for {
		piece := make([]byte, pieceSize)
		n, err := io.ReadFull(z, piece)
		if c.size+int64(n) > limit {
			return &source{c, c.size}, fault.New(fault.Resource, "deflated data set: %w of %d bytes", errInflatedLimit, limit)
		}
		if n > 0 {
			if n < pieceSize {
				piece = bytes.Clone(piece[:n])
			}
			c.pieces = append(c.pieces, piece)
			c.size += int64(n)
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF && n < pieceSize && streamEnded(z):
			return &source{c, c.size}, nil
		case err != nil:
			return &source{c, c.size}, fault.New(fault.Input, "deflated data set: %w", err)
		}
	}
}

// streamEnded tells the end of a deflate stream from a stream that was cut: ReadFull reports both as ErrUnexpectedEOF.
func streamEnded(z io.Reader) bool {
	var b [1]byte
	_, err := z.Read(b[:])
	return err == io.EOF
}
