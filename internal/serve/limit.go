package serve

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limited bounds the requests under way and the rate of each address.
func limited(h http.Handler, opts Options) http.Handler {
	slots := make(chan struct{}, opts.Requests)
	rates := &rates{limit: rate.Limit(opts.Rate), burst: opts.Burst, of: map[string]*rate.Limiter{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rates.allow(r.RemoteAddr) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			w.Header().Set("Retry-After", "2")
			http.Error(w, "the service is busy", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// rates are the limiters of addresses; when there are too many of them all start anew.
type rates struct {
	limit rate.Limit
	burst int
	mu    sync.Mutex
	of    map[string]*rate.Limiter
}

func (s *rates) allow(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	s.mu.Lock()
	l := s.of[host]
	if l == nil {
		if len(s.of) >= 10_000 {
			clear(s.of)
		}
		l = rate.NewLimiter(s.limit, s.burst)
		s.of[host] = l
	}
	s.mu.Unlock()
	return l.Allow()
}

// unhurried gives clients as much time as they need, as long as something moves: every read of a body and every write of an answer has a
// deadline, and all of them together a minimum rate. A whole-request time-out would cut off large studies instead.
func unhurried(h http.Handler, opts Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &pacedBody{ReadCloser: r.Body, pace: pace{set: rc.SetReadDeadline, opts: &opts}}
		}
		pw := &pacedWriter{ResponseWriter: w, pace: pace{set: rc.SetWriteDeadline, opts: &opts}}
		_ = rc.SetWriteDeadline(time.Now().Add(opts.Stall))
		h.ServeHTTP(pw, r)
		_ = rc.SetWriteDeadline(time.Now().Add(opts.Stall)) // what is still buffered
	})
}

// pace is how one direction of a request comes on. Only time spent in waiting for the client counts.
type pace struct {
	set   func(time.Time) error
	opts  *Options
	spent time.Duration
	bytes int64
}

// errSlow is what reading or writing gives when the client is too slow.
var errSlow = errors.New("the client is too slow")

func (p *pace) do(op func() (int, error)) (int, error) {
	allowed := p.opts.Stall + time.Duration(float64(p.bytes)/float64(p.opts.MinRate)*float64(time.Second)) - p.spent
	if allowed <= 0 {
		return 0, errSlow
	}
	start := time.Now()
	if err := p.set(start.Add(min(allowed, p.opts.Stall))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := op()
	p.spent += time.Since(start)
	p.bytes += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSlow
	}
	return n, err
}

type pacedBody struct {
	io.ReadCloser
	pace
}

func (b *pacedBody) Read(p []byte) (int, error) {
	return b.do(func() (int, error) { return b.ReadCloser.Read(p) })
}

type pacedWriter struct {
	http.ResponseWriter
	pace
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	return w.do(func() (int, error) { return w.ResponseWriter.Write(p) })
}

func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
