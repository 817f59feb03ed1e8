package ingest

import (
	"context"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/internal/fault"
)

// Access is what remote sources need beyond their address. Secrets are here and never in an address: addresses are recorded, shown and
// seen by everybody who can list processes.
type Access struct {
	Token          string // bearer token of a DICOMweb service
	User, Password string // basic authentication of a DICOMweb service, where there is no token

	AET      string // our application entity title; default CINELOOP
	Listen   string // host:port where a peer's C-MOVE delivers; empty: C-GET
	TLS      bool   // speak TLS with DIMSE peers, also without files
	TLSFiles dimse.TLSFiles

	AtOnce int // objects on their way from one remote source; 0: 4
}

// source is somewhere that files come from.
type source interface {
	// origin begins the origins of all its items: what earlier runs dealt with is looked up by it.
	origin() string
	// each lists the items in a fixed order and hands them to the walker.
	each(w *walker) error
	close()
}

// opener makes a source of an address with a scheme.
type opener func(ctx context.Context, u *url.URL, access Access) (source, error)

// openers by scheme. Buckets are all that gocloud.dev knows, see openSource.
var openers = map[string]opener{
	"dicomweb": openWeb, "dicomweb+http": openWeb, "dicomweb+https": openWeb,
	"dimse": openDIMSE,
}

// openSource opens a source by its address: a path, s3://, gs://, azblob://, dicomweb://, dimse://.
func openSource(ctx context.Context, address string, access Access) (source, error) {
	scheme, _, remote := strings.Cut(address, "://")
	if !remote {
		return openFolder(address)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Usage, "a source's address cannot be read").WithHint("as s3://bucket/prefix, dicomweb://host/dicom-web, dimse://AET@host:104")
	}
	if _, secret := u.User.Password(); secret {
		return nil, fault.New(fault.Usage, "a password does not belong into an address").
			WithHint("buckets: the cloud's own configuration; DICOMweb: $CINELOOP_DICOMWEB_TOKEN, or $CINELOOP_DICOMWEB_USER and $CINELOOP_DICOMWEB_PASSWORD")
	}
	if access.AtOnce <= 0 {
		access.AtOnce = 4
	}
	if open, ok := openers[scheme]; ok {
		return open(ctx, u, access)
	}
	return openBucket(ctx, u, access)
}

// slots keep the number of objects on their way from a source small.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

// open is open with a slot, which is free again when the reader is closed.
func (s slots) open(ctx context.Context, open func(context.Context) (io.ReadCloser, error)) (io.ReadCloser, error) {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	r, err := open(ctx)
	if err != nil {
		<-s
		return nil, err
	}
	return &slotReader{ReadCloser: r, free: func() { <-s }}, nil
}

type slotReader struct {
	io.ReadCloser
	once sync.Once
	free func()
}

func (r *slotReader) Close() error {
	err := r.ReadCloser.Close()
	r.once.Do(r.free)
	return err
}

// unreachable says that a source as a whole does not answer (any more): the run stops, instead of counting everything that is left as
// unreadable, and goes on when it is repeated.
func unreachable(err error) bool {
	code := fault.CodeOf(err)
	return code == fault.Missing || code == fault.Resource
}
