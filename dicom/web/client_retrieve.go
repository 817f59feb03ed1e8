package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// noRanges remembers that a server gives instances in multipart form only.
type noRanges struct{ atomic.Bool }

// Retrieve gives the instances of r as they are stored, or in a transfer syntax ("" is "*": as they are stored), each a Part that is
// read before the next. The last pair carries the error, if any. It is one request; a connection that breaks is not taken up again:
// see Open for that.
func (c *Client) Retrieve(ctx context.Context, r Resource, syntax string) iter.Seq2[*Part, error] {
	return func(yield func(*Part, error) bool) {
		resp, err := c.get(ctx, r, accepts(true, syntax), "")
		if err != nil {
			yield(nil, err)
			return
		}
		defer resp.Body.Close()
		parts, _, err := newRelatedReader(resp.Body, resp.Header.Get("Content-Type"))
		if err != nil {
			yield(nil, c.wrongAnswer("%w", err))
			return
		}
		for {
			p, err := parts.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, c.broken(ctx, err))
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

func accepts(multipart bool, syntax string) string {
	if syntax == "" {
		syntax = "*"
	}
	if multipart {
		return fmt.Sprintf(`multipart/related; type="%s"; transfer-syntax=%s`, typeDICOM, syntax)
	}
	return typed(typeDICOM, syntax)
}

func (c *Client) get(ctx context.Context, r Resource, accept, byteRange string) (*http.Response, error) {
	if r.Study == "" {
		return nil, fault.New(fault.Usage, "which study?")
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	h := http.Header{"Accept": {accept}}
	if byteRange != "" {
		h.Set("Range", byteRange)
	}
	return c.do(ctx, request{method: http.MethodGet, path: r.Path(), header: h}, http.StatusRequestedRangeNotSatisfiable)
}

func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fault.New(fault.Missing, "the connection to %s broke off: %w", c.host(), rootOf(err))
}

// Object is one instance on its way. Reading it survives broken connections: what is left is asked for by range, or, where the
// server knows no ranges, the whole is asked for again and what was read already is compared and passed over.
type Object struct {
	Size int64 // bytes; -1 while the server doesn't say

	c      *Client
	ctx    context.Context
	at     Resource
	syntax string

	resp  *http.Response
	body  io.Reader
	etag  string
	off   int64 // bytes given to the caller
	sum   hash.Hash
	tries int
	err   error
}

// Open begins to read one instance, as it is stored ("" or "*") or in a transfer syntax. The context holds until the Object is closed.
func (c *Client) Open(ctx context.Context, r Resource, syntax string) (*Object, error) {
	if r.Instance == "" {
		return nil, fault.New(fault.Usage, "which instance?")
	}
	o := &Object{c: c, ctx: ctx, at: r, syntax: syntax, Size: -1, sum: sha256.New()}
	if err := o.connect(); err != nil {
		return nil, err
	}
	return o, nil
}

// connect asks for the instance from the current offset.
func (o *Object) connect() error {
	single := !o.c.noRange.Load()
	byteRange := ""
	if single && o.off > 0 && o.etag != "" {
		byteRange = fmt.Sprintf("bytes=%d-", o.off)
	}
	resp, err := o.c.get(o.ctx, o.at, accepts(!single, o.syntax), byteRange)
	if single && answered(err, http.StatusNotAcceptable, http.StatusBadRequest, http.StatusUnsupportedMediaType) {
		resp, err = o.c.get(o.ctx, o.at, accepts(true, o.syntax), "")
		if err == nil {
			o.c.noRange.Store(true)
		}
	}
	if err != nil {
		return err
	}
	if err := o.accept(resp); err != nil {
		resp.Body.Close()
		return err
	}
	return nil
}

func (o *Object) accept(resp *http.Response) error {
	etag := resp.Header.Get("ETag")
	if o.etag != "" && etag != "" && etag != o.etag {
		return o.c.wrongAnswer("the instance changed while it was read")
	}
	body, size := io.Reader(resp.Body), resp.ContentLength
	skip := o.off
	switch m, _ := parseMediaType(resp.Header.Get("Content-Type")); {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return o.c.wrongAnswer("the instance is shorter than it was")
	case resp.StatusCode == http.StatusPartialContent && resp.Header.Get("Content-Range") != "":
		first, total, ok := parseContentRange(resp.Header.Get("Content-Range"))
		if !ok || first != o.off {
			return o.c.wrongAnswer("the server gives another range than was asked for")
		}
		skip, size = 0, total
	case m.Related:
		parts, _, err := newRelatedReader(resp.Body, resp.Header.Get("Content-Type"))
		if err != nil {
			return o.c.wrongAnswer("%w", err)
		}
		p, err := parts.next()
		if err != nil {
			return o.c.wrongAnswer("an answer without parts")
		}
		body, size = p, -1
	}
	if size >= 0 {
		o.Size = size
	}
	o.resp, o.body = resp, body
	if etag != "" && !strings.HasPrefix(etag, "W/") {
		o.etag = etag
	}
	return o.skip(skip)
}

// skip reads what the caller has already and compares it with that.
func (o *Object) skip(n int64) error {
	if n == 0 {
		return nil
	}
	again := sha256.New()
	if _, err := io.CopyN(again, o.body, n); err != nil {
		return o.c.broken(o.ctx, err)
	}
	if !bytes.Equal(again.Sum(nil), o.sumSoFar()) {
		return o.c.wrongAnswer("the instance changed while it was read")
	}
	return nil
}

// sumSoFar is the digest of what was given, while the running hash goes on.
func (o *Object) sumSoFar() []byte {
	state, err := o.sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil
	}
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		return nil
	}
	return h.Sum(nil)
}

func parseContentRange(s string) (first, total int64, ok bool) {
	s, found := strings.CutPrefix(s, "bytes ")
	span, size, found2 := strings.Cut(s, "/")
	from, _, found3 := strings.Cut(span, "-")
	first, err := strconv.ParseInt(from, 10, 64)
	if !found || !found2 || !found3 || err != nil {
		return 0, 0, false
	}
	if total, err = strconv.ParseInt(size, 10, 64); err != nil {
		total = -1
	}
	return first, total, true
}

func (o *Object) Read(p []byte) (int, error) {
	if o.err != nil || len(p) == 0 {
		return 0, o.err
	}
	for {
		if o.body == nil {
			if err := o.again(); err != nil {
				o.err = err
				return 0, err
			}
		}
		n, err := o.body.Read(p)
		if n > 0 {
			o.sum.Write(p[:n])
			o.off += int64(n)
			o.tries = 0
			if err != nil && err != io.EOF {
				o.drop(err)
				err = nil
			}
			if err == io.EOF && o.short() {
				o.drop(io.ErrUnexpectedEOF)
				err = nil
			}
			if err == io.EOF {
				o.err = io.EOF
			}
			return n, nil
		}
		switch {
		case err == io.EOF && !o.short():
			o.err = io.EOF
			return 0, io.EOF
		case err != nil:
			o.drop(err)
		}
	}
}

func (o *Object) short() bool { return o.Size >= 0 && o.off < o.Size }

// drop gives a broken connection up.
func (o *Object) drop(error) {
	o.resp.Body.Close()
	o.body = nil
}

// again connects once more after a pause that grows with every try that brought nothing.
func (o *Object) again() error {
	for {
		if o.tries >= max(o.c.opts.Retries, 0) {
			return o.c.broken(o.ctx, io.ErrUnexpectedEOF)
		}
		wait := min(o.c.opts.Wait<<min(o.tries, 10), 30*time.Second)
		o.tries++
		select {
		case <-o.ctx.Done():
			return context.Cause(o.ctx)
		case <-time.After(wait):
		}
		err := o.connect()
		if err == nil {
			return nil
		}
		if fault.CodeOf(err) != fault.Missing || errors.Is(err, context.Canceled) {
			return err
		}
	}
}

// Close ends the reading.
func (o *Object) Close() error {
	if o.body != nil {
		o.body = nil
		return o.resp.Body.Close()
	}
	return nil
}
