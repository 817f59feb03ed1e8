package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// Options of Run. The zero value is fit for use.
type Options struct {
	Log      *slog.Logger  // nil: nothing is logged
	TLS      *tls.Config   // nil: plain HTTP; see LoadTLS
	Origins  []string      // whose pages may use the service from browsers, as https://viewer.example
	Rate     float64       // requests a second of one address; 0: 500
	Burst    int           // of these at once; 0: twice the rate
	Requests int           // under way at once; 0: 256
	Stall    time.Duration // how long a client may send or take nothing; 0: 60 s
	MinRate  int64         // bytes a second that a client sends or takes at least, after a grace of Stall; 0: 1024
	Grace    time.Duration // for requests under way when the service ends; 0: 20 s
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rate <= 0 {
		o.Rate = 500
	}
	if o.Burst <= 0 {
		o.Burst = int(2 * o.Rate)
	}
	if o.Requests <= 0 {
		o.Requests = 256
	}
	if o.Stall <= 0 {
		o.Stall = time.Minute
	}
	if o.MinRate <= 0 {
		o.MinRate = 1024
	}
	if o.Grace <= 0 {
		o.Grace = 20 * time.Second
	}
}

// Run serves h on ln until ctx is cancelled, and closes ln. It returns nil after a graceful end.
func Run(ctx context.Context, ln net.Listener, h http.Handler, opts Options) error {
	opts.fill()
	handler, err := Handler(h, opts)
	if err != nil {
		ln.Close()
		return err
	}
	srv := &http.Server{
		Handler: handler, TLSConfig: opts.TLS,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // its texts can hold paths
	}
	ended := make(chan error, 1)
	go func() {
		if opts.TLS != nil {
			ended <- srv.ServeTLS(ln, "", "")
		} else {
			ended <- srv.Serve(ln)
		}
	}()
	select {
	case err := <-ended:
		return fault.New(fault.Missing, "serving: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), opts.Grace)
	defer cancel()
	if err := srv.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		srv.Close()
	}
	<-ended
	return nil
}

// Handler puts everything around h that Run does but the listener's part.
func Handler(h http.Handler, opts Options) (http.Handler, error) {
	opts.fill()
	h, err := crossOrigin(h, opts.Origins)
	if err != nil {
		return nil, err
	}
	h = unhurried(h, opts)
	h = limited(h, opts)
	h = secured(h, opts)
	return logged(h, opts), nil
}

// secured sets headers that hold for every answer.
func secured(h http.Handler, opts Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hd := w.Header()
		hd.Set("X-Content-Type-Options", "nosniff")
		hd.Set("Referrer-Policy", "no-referrer")
		hd.Set("X-Frame-Options", "DENY")
		hd.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")     // pages set their own
		if host, _, _ := strings.Cut(r.Host, ":"); opts.TLS != nil && host != "localhost" { // of which it would hold for every port
			hd.Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.ServeHTTP(w, r)
	})
}
