package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
)

// Options of a store. The zero value keeps contents open, without limits.
type Options struct {
	Recipients []age.Recipient // seal new contents for these
	Identities []age.Identity  // open sealed contents with these
	Budget     *Budget         // nil: no quota
	Reserve    int64           // bytes that stay free on the disk (files only); writers stop before they are touched
}

// Store is a set of contents. All methods may be called from many goroutines.
type Store struct {
	back backend
	opts Options
}

// Info describes one object.
type Info struct {
	Digest   Digest
	Size     int64 // bytes of the open content; -1 where only the sealed size is known
	Stored   int64 // bytes kept
	Sealed   bool
	Modified time.Time
}

// Open opens the store at a URL: file:///dir or a plain path, mem://, s3://bucket?region=…, gs://bucket, azblob://container (with
// gocloud.dev's parameters; ?prefix=… keeps to a folder of the bucket).
func Open(ctx context.Context, location string, opts Options) (*Store, error) {
	scheme, _, found := strings.Cut(location, "://")
	var back backend
	var err error
	switch {
	case !found:
		back, err = openFiles(osDisk{}, location, opts.Reserve)
	case scheme == "file":
		u, perr := url.Parse(location)
		if perr != nil || u.Path == "" {
			return nil, fault.New(fault.Usage, "%q is no file URL", location).WithHint("write file:///absolute/folder")
		}
		back, err = openFiles(osDisk{}, u.Path, opts.Reserve)
	default:
		back, err = openBucket(ctx, location)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the object store: %w", explain(err))
	}
	return newStore(back, opts), nil
}

func newStore(back backend, opts Options) *Store {
	if opts.Budget == nil {
		opts.Budget = NewBudget(0, 0)
	}
	return &Store{back, opts}
}

// Close frees the store's resources. Writers must be done.
func (s *Store) Close() error { return s.back.close() }

// Put stores all of r and returns when it is durable; existed says that it was there before.
func (s *Store) Put(ctx context.Context, r io.Reader) (info Info, existed bool, err error) {
	w, err := s.Create(ctx)
	if err != nil {
		return Info{}, false, err
	}
	defer w.Close()
	if _, err := w.ReadFrom(r); err != nil {
		return Info{}, false, err
	}
	return w.Publish(ctx)
}

// find looks for d in the form that the store writes, then in the other: encryption may have been turned on later.
func (s *Store) find(ctx context.Context, d Digest) (entry, bool, error) {
	first := len(s.opts.Recipients) > 0
	for _, sealed := range []bool{first, !first} {
		e, err := s.back.stat(ctx, nameOf(d, sealed))
		if err == nil {
			return e, sealed, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return entry{}, false, fmt.Errorf("object %s: %w", d, explain(err))
		}
	}
	return entry{}, false, fault.New(fault.NotFound, "object %s is not in the store", d)
}

// Stat describes an object, with code fault.NotFound where it is absent. Sealed contents have Size -1.
func (s *Store) Stat(ctx context.Context, d Digest) (Info, error) {
	e, sealed, err := s.find(ctx, d)
	if err != nil {
		return Info{}, err
	}
	return infoOf(d, e, sealed), nil
}

// Has says whether an object is there.
func (s *Store) Has(ctx context.Context, d Digest) (bool, error) {
	_, _, err := s.find(ctx, d)
	if err == nil {
		return true, nil
	}
	if fault.CodeOf(err) == fault.NotFound {
		return false, nil
	}
	return false, err
}

func infoOf(d Digest, e entry, sealed bool) Info {
	info := Info{Digest: d, Size: e.size, Stored: e.size, Sealed: sealed, Modified: e.modified}
	if sealed {
		info.Size = -1
	}
	return info
}

// Copy writes the whole content to w and fails with code fault.Input if it is not what its name says; w has then had the wrong bytes.
func (s *Store) Copy(ctx context.Context, d Digest, w io.Writer) (int64, error) {
	e, sealed, err := s.find(ctx, d)
	if err != nil {
		return 0, err
	}
	raw, err := s.back.stream(ctx, e.name)
	if err != nil {
		return 0, fmt.Errorf("object %s: %w", d, explain(err))
	}
	defer raw.Close()
	var r io.Reader = raw
	if sealed {
		if r, err = s.unseal(raw); err != nil {
			return 0, fmt.Errorf("object %s: %w", d, err)
		}
	}
	h := sha256.New()
	buf := getBuffer()
	defer putBuffer(buf)
	n, err := io.CopyBuffer(io.MultiWriter(h, w), struct{ io.Reader }{r}, *buf)
	if err != nil {
		if sealed && ctx.Err() == nil {
			return n, fault.New(fault.Input, "object %s: %w", d, err)
		}
		return n, fmt.Errorf("object %s: %w", d, explain(err))
	}
	if !bytes.Equal(h.Sum(nil), d[:]) {
		return n, fault.New(fault.Input, "object %s has other content than its name says", d).WithHint("run cineloop archive repair")
	}
	return n, nil
}

// Verify reads the whole object and compares its digest; code fault.Input says it is damaged, fault.NotFound that it is absent. It
// returns the size of the open content.
func (s *Store) Verify(ctx context.Context, d Digest) (int64, error) {
	return s.Copy(ctx, d, io.Discard)
}

// Remove takes an object away in every form. One that is absent is no error.
func (s *Store) Remove(ctx context.Context, d Digest) error {
	for _, sealed := range []bool{false, true} {
		if err := s.back.remove(ctx, nameOf(d, sealed)); err != nil {
			return fmt.Errorf("removing object %s: %w", d, explain(err))
		}
	}
	return nil
}

// All lists the store in no promised order. What does not look like an object is left out.
func (s *Store) All(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for e, err := range s.back.list(ctx) {
			if err != nil {
				yield(Info{}, fmt.Errorf("listing the object store: %w", explain(err)))
				return
			}
			if d, sealed, ok := parseName(e.name); ok && !yield(infoOf(d, e, sealed), nil) {
				return
			}
		}
	}
}

// Sweep removes what writers that died before the given moment left behind, and says how many pieces.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	n, err := s.back.sweep(ctx, before)
	return n, explain(err)
}

// CopyTo puts the object, as it is kept (sealed stays sealed), into another store, unless it is there. Open contents are checked
// on the way.
func (s *Store) CopyTo(ctx context.Context, dst *Store, d Digest) (copied bool, err error) {
	e, sealed, err := s.find(ctx, d)
	if err != nil {
		return false, err
	}
	if have, err := dst.Has(ctx, d); err != nil || have {
		return false, err
	}
	raw, err := s.back.stream(ctx, e.name)
	if err != nil {
		return false, fmt.Errorf("object %s: %w", d, explain(err))
	}
	defer raw.Close()
	st, err := dst.back.stage(ctx)
	if err != nil {
		return false, explain(err)
	}
	defer st.discard()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(h, st), raw)
	if err == nil && n != e.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return false, fmt.Errorf("copying object %s: %w", d, explain(err))
	}
	if !sealed && !bytes.Equal(h.Sum(nil), d[:]) {
		return false, fault.New(fault.Input, "object %s has other content than its name says", d).WithHint("run cineloop archive repair")
	}
	if err := st.publish(ctx, e.name); err != nil {
		return false, fmt.Errorf("copying object %s: %w", d, explain(err))
	}
	return true, nil
}
