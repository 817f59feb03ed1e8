package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// Format is what an archive asks about contents. Its functions must not keep the reader.
type Format struct {
	// Describe says what a content is. It fills in everything but Digest, Size and Provenance. An error with code fault.Input (or a
	// panic) sends the content to quarantine with the error's text as the reason, so that text must not hold patient data; any other
	// error fails the Put, [ErrDrop] without keeping anything.
	Describe func(content io.ReaderAt, size int64) (catalog.Instance, error)
	// DataSet is a digest of the part of a content that matters: two that agree in it are duplicates, not conflicts. It is asked only
	// when a SOPInstanceUID comes again with other bytes. Nil: all bytes matter.
	DataSet func(content io.ReaderAt, size int64) (object.Digest, error)
}

// ErrDrop is Describe's answer to a content that does not belong in the archive; Put returns it.
var ErrDrop = errors.New("the content does not belong in the archive")

// Result of a Put.
type Result struct {
	catalog.Outcome
	Digest object.Digest
	Size   int64 // bytes

	Code   fault.Code // why it is in quarantine
	Reason string
}

// Put keeps all of r and returns when content and record are durable. What cannot be described is kept in quarantine, which is a
// Result and no error.
func (a *Archive) Put(ctx context.Context, r io.Reader, format Format, from catalog.Provenance) (Result, error) {
	return a.PutSized(ctx, r, -1, format, from)
}

// PutSized is Put for a source that says how many bytes it has: what is too large for the quota or the disk is refused before anything
// is written. The source need not keep its word; -1 is no word.
func (a *Archive) PutSized(ctx context.Context, r io.Reader, size int64, format Format, from catalog.Provenance) (Result, error) {
	w, err := a.Objects.Create(ctx)
	if err != nil {
		return Result{}, err
	}
	defer w.Close()
	if err := w.Expect(size); err != nil {
		return Result{}, err
	}
	if _, err := w.ReadFrom(r); err != nil {
		return Result{}, err
	}
	return a.keep(ctx, w, format, from)
}

func (a *Archive) keep(ctx context.Context, w *object.Writer, format Format, from catalog.Provenance) (Result, error) {
	digest, size, err := w.Finish()
	if err != nil {
		return Result{}, err
	}
	if from.Received.IsZero() {
		from.Received = time.Now()
	}
	res := Result{Digest: digest, Size: size}
	e, err := a.entry(w, format, from, &res)
	if err != nil {
		return Result{}, err
	}
	if e.Instance != nil && format.DataSet != nil {
		if known, same, err := a.sameDataSet(ctx, e.Instance, w, format); err != nil || same {
			res.Outcome = catalog.Outcome{Status: catalog.Duplicate, Known: known}
			return res, err
		}
	}
	// While the guard runs, garbage collection is kept out until the record is committed. A content that it took since it was published
	// (or since it was found to be there) is put back.
	e.Guard = func(ctx context.Context) error {
		_, err := a.Objects.Stat(ctx, digest)
		if fault.CodeOf(err) == fault.NotFound {
			_, err = w.Replace(ctx)
		}
		return err
	}
	fresh, err := a.publish(ctx, w, digest)
	if err != nil {
		return Result{}, err
	}
	if fresh {
		e.Seal = a.seal
	}
	if res.Outcome, err = a.Catalog.Add(ctx, e); err != nil {
		return Result{}, err
	}
	return res, nil
}

// sameDataSet says whether the content that stands under in's SOPInstanceUID differs from it in nothing that matters.
func (a *Archive) sameDataSet(ctx context.Context, in *catalog.Instance, w *object.Writer, format Format) (known object.Digest, same bool, err error) {
	known, ok, err := a.Catalog.Stands(ctx, in.SOPInstanceUID)
	if err != nil || !ok || known == in.Digest {
		return known, false, err
	}
	if in.DataSet, err = format.DataSet(w, in.Size); err != nil {
		return known, false, nil // what cannot be compared is kept
	}
	r, err := a.Objects.Open(ctx, known)
	if err != nil {
		return known, false, nil
	}
	defer r.Close()
	old, err := format.DataSet(r, r.Size())
	return known, err == nil && old == in.DataSet, nil
}

// publish makes the content durable, also over a stored form that a check found damaged; fresh says that it wrote it.
func (a *Archive) publish(ctx context.Context, w *object.Writer, d object.Digest) (fresh bool, err error) {
	_, existed, err := w.Publish(ctx)
	if err != nil || !existed {
		return err == nil, err
	}
	kept, err := a.Catalog.Object(ctx, d)
	if fault.CodeOf(err) == fault.NotFound || err == nil && kept.State == catalog.Good {
		return false, nil
	}
	if err == nil {
		_, err = w.Replace(ctx)
	}
	return err == nil, err
}

// entry describes the content, or says why it belongs in quarantine.
func (a *Archive) entry(content io.ReaderAt, format Format, from catalog.Provenance, res *Result) (catalog.Entry, error) {
	in, err := safely(format, content, res.Size)
	if err == nil {
		in.Digest, in.Size, in.Provenance = res.Digest, res.Size, from
		if err = in.Check(); err == nil {
			return catalog.Entry{Instance: &in}, nil
		}
	}
	if fault.CodeOf(err) != fault.Input {
		return catalog.Entry{}, fmt.Errorf("describing a content: %w", err)
	}
	res.Code, res.Reason = fault.Input, err.Error()
	return catalog.Entry{Quarantine: &catalog.Quarantine{
		Digest: res.Digest, Size: res.Size, Code: string(res.Code), Reason: res.Reason, Provenance: from,
	}}, nil
}

// safely keeps a defect of a reader from taking the archive down: the content goes to quarantine, for a developer to look at.
func safely(format Format, content io.ReaderAt, size int64) (in catalog.Instance, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Input, "the reader failed on this content (%T)", p) // its text may hold values
		}
	}()
	return format.Describe(content, size)
}

// Open opens the content that stands under a SOPInstanceUID.
func (a *Archive) Open(ctx context.Context, sopInstanceUID string) (*object.Reader, catalog.Instance, error) {
	in, err := a.Catalog.Lookup(ctx, sopInstanceUID)
	if err != nil {
		return nil, in, err
	}
	r, err := a.Objects.Open(ctx, in.Digest)
	return r, in, err
}
