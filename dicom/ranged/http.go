package ranged

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// maxWhole is the largest object that is taken from a server that knows no ranges.
const maxWhole = 64 << 20

// Open begins to read the object at url with client, or the default one, by HTTP ranges (RFC 9110 section 14). The first request tells its size and brings its
// first bytes. An object that changes while it is read is an error: later requests ask for the same entity tag. header goes with each
// request; it may be nil. Errors name the host alone, for paths may tell of patients.
func Open(ctx context.Context, client *http.Client, url string, header http.Header) (*Reader, error) {
	if client == nil {
		client = http.DefaultClient
	}
	h := &remote{client: client, url: url, header: header}
	resp, err := h.do(ctx, 0, firstRead)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return h.whole(ctx, resp)
	}
	size, ok := total(resp.Header.Get("Content-Range"))
	if !ok {
		return nil, fault.New(fault.Input, "%s does not say how large the object is", h.host())
	}
	if tag := resp.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		h.etag = tag
	}
	first := make([]byte, min(firstRead, size))
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		return nil, fault.New(fault.Input, "%s: the answer ends too early: %w", h.host(), err)
	}
	r := New(ctx, size, h.fetch, 0)
	r.requests, r.fetched, r.next = 1, int64(len(first)), int64(len(first))
	for at := 0; at < len(first); at += block {
		r.put(int64(at)/block, first[at:min(at+block, len(first))])
	}
	return r, nil
}

type remote struct {
	client *http.Client
	url    string
	header http.Header
	etag   string
}

func (h *remote) do(ctx context.Context, off, n int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return nil, fault.New(fault.Usage, "not an address")
	}
	for k, v := range h.header {
		req.Header[k] = v
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	req.Header.Set("Accept-Encoding", "identity") // ranges are of the bytes as they are
	if h.etag != "" {
		req.Header.Set("If-Match", h.etag)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.New(fault.Resource, "%s does not answer: %w", h.host(), unwrapURL(err))
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return resp, nil
	}
	resp.Body.Close()
	switch s := resp.StatusCode; {
	case s == http.StatusNotFound || s == http.StatusGone:
		return nil, fault.New(fault.NotFound, "%s has no such object", h.host())
	case s == http.StatusPreconditionFailed:
		return nil, fault.New(fault.Conflict, "the object changed while it was read")
	case s == http.StatusRequestedRangeNotSatisfiable:
		return nil, fault.New(fault.Input, "%s: the object is empty, or shorter than it was", h.host())
	case s >= 500 || s == http.StatusTooManyRequests:
		return nil, fault.New(fault.Resource, "%s answers %s", h.host(), resp.Status)
	}
	return nil, fault.New(fault.Input, "%s answers %s", h.host(), resp.Status)
}

// unwrapURL leaves the address out of a client's error.
func unwrapURL(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

func (h *remote) host() string {
	_, rest, _ := strings.Cut(h.url, "://")
	host, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return host
}

func (h *remote) fetch(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	resp, err := h.do(ctx, off, n)
	if err != nil {
		return nil, err
	}
	if from, ok := start(resp.Header.Get("Content-Range")); resp.StatusCode != http.StatusPartialContent || !ok || from != off {
		resp.Body.Close()
		return nil, fault.New(fault.Input, "%s gave another range than was asked for", h.host())
	}
	return resp.Body, nil
}

// whole keeps an object from a server that does not know ranges.
func (h *remote) whole(ctx context.Context, resp *http.Response) (*Reader, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxWhole+1))
	if err != nil {
		return nil, fault.New(fault.Resource, "%s: %w", h.host(), err)
	}
	if len(b) > maxWhole {
		return nil, fault.New(fault.Input, "%s does not give ranges, and the object has more than %d MiB", h.host(), maxWhole>>20).WithHint("download it first")
	}
	r := New(ctx, int64(len(b)), func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b[off : off+n])), nil
	}, 0)
	r.requests, r.fetched = 1, int64(len(b))
	return r, nil
}

// total is the size in "bytes 0-99/1234".
func total(contentRange string) (int64, bool) {
	_, size, ok := strings.Cut(contentRange, "/")
	n, err := strconv.ParseInt(size, 10, 64)
	return n, ok && err == nil && n >= 0
}

// start is the first offset in "bytes 0-99/1234".
func start(contentRange string) (int64, bool) {
	rest, ok := strings.CutPrefix(contentRange, "bytes ")
	from, _, dash := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(from, 10, 64)
	return n, ok && dash && err == nil
}
