package serve

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/cineloop/cineloop/internal/access"
)

// logged writes one line for each request: route template, status, bytes, time and who. A handler that panics is answered with 500.
func logged(h http.Handler, opts Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		r, who := access.Watch(r)
		cw := &countingWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				var pcs [1]uintptr
				runtime.Callers(3, pcs[:])
				frame, _ := runtime.CallersFrames(pcs[:]).Next()
				opts.Log.Error("defect", "route", r.Pattern, "in", frame.Function) // not its text, which may hold values
				if cw.status == 0 {
					http.Error(cw, "a defect of the server", http.StatusInternalServerError)
					p = nil
				}
			}
			level := slog.LevelInfo
			attrs := []any{"method", r.Method, "route", r.Pattern, "status", max(cw.status, 0), "bytes", cw.bytes,
				"ms", time.Since(start).Milliseconds(), "who", who()}
			if p != nil {
				level, attrs = slog.LevelWarn, append(attrs, "broken", true)
			}
			opts.Log.Log(r.Context(), level, "request", attrs...)
			if p != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(cw, r)
		if cw.status == 0 {
			cw.status = http.StatusOK
		}
	})
}

type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *countingWriter) WriteHeader(status int) {
	if c.status == 0 || c.status < 200 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

func (c *countingWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
