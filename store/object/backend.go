package object

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// backend is a place for named bytes. Names come from nameOf.
type backend interface {
	stage(ctx context.Context) (staged, error)
	// open gives random access; a name that is absent is an error that errors.Is(err, fs.ErrNotExist).
	open(ctx context.Context, name string) (source, error)
	// stream reads a whole object in order, in as few requests as the place allows.
	stream(ctx context.Context, name string) (io.ReadCloser, error)
	stat(ctx context.Context, name string) (entry, error)
	// remove takes a name away; one that is absent already is no error.
	remove(ctx context.Context, name string) error
	list(ctx context.Context) iter.Seq2[entry, error]
	// sweep removes what unfinished writers left before the given moment.
	sweep(ctx context.Context, before time.Time) (int, error)
	close() error
}

// staged is content on its way: it has no name, and nobody but its writer sees it.
type staged interface {
	io.Writer
	io.ReaderAt
	// finish ends writing; reading may begin.
	finish() error
	// publish makes the bytes durable under name, replacing what is there.
	publish(ctx context.Context, name string) error
	// discard drops what is not published; after publish it does nothing but free resources.
	discard() error
}

type source interface {
	io.ReaderAt
	io.Closer
	size() int64
}

type entry struct {
	name     string
	size     int64
	modified time.Time
}

// Explain gives an error of the operating system or a cloud its code: fault.Resource for a full disk, fault.NotFound.
func Explain(err error) error { return explain(err) }

func explain(err error) error {
	var known *fault.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Resource, "%w", err).WithHint("free some space and repeat; what was acknowledged is safe")
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "%w", err)
	}
	return err
}
