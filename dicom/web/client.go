package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// ClientOptions of a Client. The zero value is fit for use.
type ClientOptions struct {
	HTTP           *http.Client // nil: one with time-outs for connecting and for the answer to begin, none for its whole
	Token          string       // bearer token (RFC 6750); never sent to another host
	User, Password string       // basic authentication, where there is no token
	Retries        int          // of a request that failed on the way; 0: 4, negative: none
	Wait           time.Duration
	PageSize       int // records asked for at once; 0: 200
}

// Client asks a DICOMweb server. It may be used from many goroutines.
type Client struct {
	base    string // without a slash at the end
	opts    ClientOptions
	http    *http.Client
	noRange noRanges
}

// NewClient makes a client for the service at base, a URL up to before "/studies". Besides http and https the scheme may be
// dicomweb (https, but http on a loopback address) or dicomweb+http. User and password in the URL are taken over into the options.
func NewClient(base string, opts ClientOptions) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Usage, "not the URL of a DICOMweb service").WithHint("as https://host/dicom-web")
	}
	switch u.Scheme {
	case "http", "https":
	case "dicomweb":
		u.Scheme = "https"
		if isLoopback(u.Hostname()) {
			u.Scheme = "http"
		}
	case "dicomweb+http":
		u.Scheme = "http"
	case "dicomweb+https", "dicomwebs":
		u.Scheme = "https"
	default:
		return nil, fault.New(fault.Usage, "%q is no scheme of a DICOMweb service", u.Scheme).WithHint("http, https, dicomweb")
	}
	if u.User != nil {
		opts.User = u.User.Username()
		opts.Password, _ = u.User.Password()
		u.User = nil
	}
	u.RawQuery, u.Fragment = "", ""
	if opts.Retries == 0 {
		opts.Retries = 4
	}
	if opts.Wait <= 0 {
		opts.Wait = 500 * time.Millisecond
	}
	if opts.PageSize <= 0 {
		opts.PageSize = 200
	}
	c := &Client{base: strings.TrimRight(u.String(), "/"), opts: opts, http: opts.HTTP}
	if c.http == nil {
		c.http = &http.Client{Transport: newTransport()}
	}
	return c, nil
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 2 * time.Minute // a server may look a long time for what it sends
	t.MaxIdleConnsPerHost = 16
	t.DisableCompression = true // pixel data don't shrink, and ranges count bytes as they are
	return t
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL is the service's base URL.
func (c *Client) URL() string { return c.base }

// request is one request that may be sent again.
type request struct {
	method, path string // path under the base URL, with query
	header       http.Header
	length       int64
	body         func() (io.ReadCloser, error)
}

// do sends a request until an answer other than "not now" comes, at most Retries times again. The answer's status is checked: anything
// but 2xx and those in ok is an error.
func (c *Client) do(ctx context.Context, r request, ok ...int) (*http.Response, error) {
	wait := c.opts.Wait
	for try := 0; ; try++ {
		resp, err := c.once(ctx, r)
		var after time.Duration
		switch {
		case err != nil:
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if !transient(err) {
				return nil, err
			}
			err = fault.New(fault.Missing, "%s does not answer: %w", c.host(), rootOf(err))
		case slices.Contains(ok, resp.StatusCode) && strings.HasPrefix(resp.Header.Get("Content-Type"), typeJSON):
			return resp, nil // an answer instance by instance, whatever its status
		case resp.StatusCode == 429 || resp.StatusCode == 502 || resp.StatusCode == 503 || resp.StatusCode == 504:
			after = retryAfter(resp)
			if try < c.opts.Retries {
				drain(resp)
			}
			err = errStatus
		default:
			return c.judge(resp, ok)
		}
		if try >= c.opts.Retries {
			if err == errStatus {
				return c.judge(resp, ok)
			}
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(max(wait, after)):
		}
		wait = min(2*wait, 30*time.Second)
	}
}

var errStatus = errors.New("the server is busy")

func (c *Client) host() string {
	u, err := url.Parse(c.base)
	if err != nil {
		return "the server"
	}
	return u.Host
}

// rootOf leaves the URL, whose query may name a patient, out of an error of net/http.
func rootOf(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// transient reports whether sending again may help: not where our own source failed or the URL is wrong.
func transient(err error) bool {
	_, coded := errors.AsType[*fault.Error](err)
	return !coded
}

func retryAfter(resp *http.Response) time.Duration {
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n >= 0 {
		return min(time.Duration(n)*time.Second, time.Minute)
	}
	return 0
}

func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	resp.Body.Close()
}

func (c *Client) once(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		b, err := r.body()
		if err != nil {
			return nil, err
		}
		body = b
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+"/"+r.path, body)
	if err != nil {
		return nil, fault.New(fault.Usage, "the URL of the service: %w", rootOf(err))
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.length > 0 {
		req.ContentLength = r.length
	}
	switch {
	case c.opts.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.opts.Token)
	case c.opts.User != "":
		req.SetBasicAuth(c.opts.User, c.opts.Password)
	}
	return c.http.Do(req)
}

func (c *Client) judge(resp *http.Response, ok []int) (*http.Response, error) {
	s := resp.StatusCode
	if s >= 200 && s < 300 {
		return resp, nil
	}
	for _, o := range ok {
		if s == o {
			return resp, nil
		}
	}
	drain(resp)
	err := fault.New(codeOf(s), "%s answers %d %s", c.host(), s, http.StatusText(s))
	switch s {
	case http.StatusUnauthorized, http.StatusForbidden:
		err = err.WithHint("give a token that may do this")
	}
	return nil, &statusError{s, err}
}

// answered reports whether err is the server's answer with one of these statuses.
func answered(err error, statuses ...int) bool {
	s, ok := errors.AsType[*statusError](err)
	if !ok {
		return false
	}
	for _, want := range statuses {
		if s.status == want {
			return true
		}
	}
	return false
}

// wrongAnswer is an answer that makes no sense.
func (c *Client) wrongAnswer(format string, args ...any) error {
	return fault.New(fault.Input, "%s: %w", c.host(), fmt.Errorf(format, args...))
}
