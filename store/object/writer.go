package object

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
)

// Writer takes one content in. Write, then Finish, then (if wanted) ReadAt and Publish; Close in any case.
type Writer struct {
	store    *Store
	st       staged
	seal     io.WriteCloser // nil: open
	hash     hash.Hash
	size     int64
	ahead    int64 // bytes of the budget that were taken before they came
	finished bool
	failed   error // of finishing
	keep     bool  // published and new: its bytes stay taken from the budget
	open     io.ReaderAt
	stored   countingWriter
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Create starts a content.
func (s *Store) Create(ctx context.Context) (*Writer, error) {
	if err := s.opts.Budget.takeContent(); err != nil {
		return nil, err
	}
	st, err := s.back.stage(ctx)
	if err != nil {
		s.opts.Budget.Return(0, 1)
		return nil, fmt.Errorf("starting an object: %w", explain(err))
	}
	w := &Writer{store: s, st: st, hash: sha256.New(), stored: countingWriter{w: st}}
	if len(s.opts.Recipients) > 0 {
		if w.seal, err = age.Encrypt(&w.stored, s.opts.Recipients...); err != nil {
			w.Close()
			return nil, fmt.Errorf("sealing an object: %w", explain(err))
		}
	}
	return w, nil
}

// Expect says how many bytes are about to come. What is too large for the budget, or for the disk's reserve, is refused here, before
// anything is written. Fewer or more may come all the same.
func (w *Writer) Expect(n int64) error {
	if n <= w.size+w.ahead {
		return nil
	}
	if r, ok := w.st.(interface{ expect(n int64) error }); ok {
		if err := r.expect(n); err != nil {
			return err
		}
	}
	more := n - w.size - w.ahead
	if err := w.store.opts.Budget.take(more); err != nil {
		return err
	}
	w.ahead += more
	return nil
}

// take takes n bytes that came from the budget.
func (w *Writer) take(n int) error {
	early := min(w.ahead, int64(n))
	if err := w.store.opts.Budget.take(int64(n) - early); err != nil {
		return err
	}
	w.ahead -= early
	w.size += int64(n)
	return nil
}

var errFinished = errors.New("write to a finished object")

// Write appends to the content.
func (w *Writer) Write(p []byte) (int, error) {
	if w.finished {
		return 0, errFinished
	}
	if err := w.take(len(p)); err != nil {
		return 0, err
	}
	w.hash.Write(p)
	out := io.Writer(&w.stored)
	if w.seal != nil {
		out = w.seal
	}
	n, err := out.Write(p)
	if err != nil {
		return n, fmt.Errorf("writing an object: %w", explain(err))
	}
	return n, nil
}

// buffers are what contents stream through; 256 KiB is where larger ones stop being faster.
var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

func getBuffer() *[]byte  { return buffers.Get().(*[]byte) }
func putBuffer(b *[]byte) { buffers.Put(b) }

// roomy is a staged content that can be read into without a copy.
type roomy interface {
	room() []byte
	grew(n int) error
}

// ReadFrom appends all of r.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	var before int64
	if st, ok := w.st.(roomy); ok && w.seal == nil {
		n, done, err := w.readInto(st, r)
		if done {
			return n, err
		}
		before = n
	}
	buf := getBuffer()
	defer putBuffer(buf)
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, *buf)
	return before + n, err
}

// readPart is how much is read at once: the digest is taken of it while the processor still has it at hand.
const readPart = 128 << 10

// readInto is ReadFrom without a copy, as long as there is room.
func (w *Writer) readInto(st roomy, r io.Reader) (n int64, done bool, err error) {
	if w.finished {
		return 0, true, errFinished
	}
	for empty := 0; ; {
		room := st.room()
		if room == nil {
			return n, false, nil
		}
		k, err := r.Read(room[:min(len(room), readPart)])
		if k > 0 {
			if berr := w.take(k); berr != nil {
				return n, true, berr
			}
			w.hash.Write(room[:k])
			if werr := st.grew(k); werr != nil {
				return n, true, fmt.Errorf("writing an object: %w", explain(werr))
			}
			w.stored.n += int64(k)
			n += int64(k)
		}
		if empty++; k > 0 {
			empty = 0
		}
		switch {
		case err == io.EOF:
			return n, true, nil
		case err != nil:
			return n, true, err
		case empty == 100:
			return n, true, io.ErrNoProgress
		}
	}
}

// Finish ends the content and gives its digest and size in bytes. It may be called more than once.
func (w *Writer) Finish() (Digest, int64, error) {
	if !w.finished {
		w.finished = true
		if w.seal != nil {
			if err := w.seal.Close(); err != nil {
				w.failed = fmt.Errorf("sealing an object: %w", explain(err))
			}
		}
		if err := w.st.finish(); err != nil && w.failed == nil {
			w.failed = fmt.Errorf("writing an object: %w", explain(err))
		}
	}
	if w.failed != nil {
		return Digest{}, 0, w.failed
	}
	var d Digest
	w.hash.Sum(d[:0])
	return d, w.size, nil
}

// ReadAt reads the finished content back before it is published, so that it can be described from the very bytes that are kept.
// Sealed contents need an identity in the store's options.
func (w *Writer) ReadAt(p []byte, off int64) (int, error) {
	if !w.finished {
		return 0, errors.New("reading an unfinished object")
	}
	if w.open == nil {
		w.open = w.st
		if w.seal != nil {
			r, _, err := w.store.unsealAt(w.st, w.stored.n)
			if err != nil {
				return 0, err
			}
			w.open = r
		}
	}
	if off >= w.size {
		return 0, io.EOF
	}
	return w.open.ReadAt(p, off)
}

// Publish finishes the content and makes it durable under its digest. Where the store has it already nothing is written and
// existed is true; the writer keeps its bytes until Close, so that Replace can still put them there.
func (w *Writer) Publish(ctx context.Context) (info Info, existed bool, err error) {
	d, size, err := w.Finish()
	if err != nil {
		return Info{}, false, err
	}
	info, err = w.store.Stat(ctx, d)
	if err == nil {
		info.Size = size
		return info, true, nil
	}
	if fault.CodeOf(err) != fault.NotFound {
		return Info{}, false, err
	}
	info, err = w.Replace(ctx)
	return info, false, err
}

// Replace is Publish for a content whose stored form is missing or damaged: it is written whatever is there.
func (w *Writer) Replace(ctx context.Context) (Info, error) {
	d, size, err := w.Finish()
	if err != nil {
		return Info{}, err
	}
	if err := w.st.publish(ctx, nameOf(d, w.seal != nil)); err != nil {
		return Info{}, fmt.Errorf("storing object %s: %w", d, explain(err))
	}
	w.keep = true
	return Info{Digest: d, Size: size, Stored: w.stored.n, Sealed: w.seal != nil}, nil
}

// Close drops what was not published. It may be called more than once.
func (w *Writer) Close() error {
	if w.st == nil {
		return nil
	}
	err := w.st.discard()
	w.st, w.finished = nil, true
	if w.keep {
		w.store.opts.Budget.Return(w.ahead, 0)
	} else {
		w.store.opts.Budget.Return(w.ahead+w.size, 1)
	}
	return err
}
