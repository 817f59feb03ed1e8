// Command viewer times the browser's viewer in headless Chromium, over loopback, against the real server: from navigating to a case until its first
// frame is painted, a colour loop of 640 × 480 × 60 played at 30 frames a second from the moment it is opened, the scroll of a stack of
// 512 × 512 × 200 slices of 16 bits in 200 files, and what a page keeps in memory under a bound that is smaller than its loop. The page is the viewer's core under
// the app's own policy for content, on 1200 × 900 pixels, without a GPU. The limits are the project's own; there is no peer in these rows. Best and median of
// -repeat runs: a machine that does other work beside shows in the difference. It ends with an error where a pixel on the canvas is not what package pixel renders.
//
// It needs Node.js, Chromium and web/node_modules (make web), and says so where they are absent.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/web/reading"
)

func main() {
	repeat := flag.Int("repeat", 3, "runs of each row")
	raw := flag.Bool("raw", false, "write all that was measured to standard error too, as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *repeat, *raw); err != nil {
		fmt.Fprintln(os.Stderr, "bench/viewer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, repeat int, raw bool) (err error) {
	web, err := filepath.Abs("web")
	if err != nil {
		return err
	}
	node, err := exec.LookPath("node")
	if own := filepath.Join(web, "../build/node/node_modules/node/bin/node"); err != nil {
		if _, err = os.Stat(own); err != nil {
			fmt.Println("viewer: skipped, Node.js is not there (make web) | | | | ")
			return nil
		}
		node = own
	}
	vite := filepath.Join(web, "node_modules/vite/bin/vite.js")
	if _, err := os.Stat(vite); err != nil {
		fmt.Println("viewer: skipped, web/node_modules is not there (make web) | | | | ")
		return nil
	}
	dir, err := os.MkdirTemp("", "cineloop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	page := filepath.Join(dir, "page")
	build := exec.CommandContext(ctx, node, vite, "build", "--config", filepath.Join(web, "bench/vite.config.ts"))
	build.Env = append(os.Environ(), "OUT="+page)
	build.Stdout, build.Stderr, build.Dir = os.Stderr, os.Stderr, web
	if err := build.Run(); err != nil {
		return fmt.Errorf("the page does not build: %w", err)
	}

	st, err := newStudy(ctx, filepath.Join(dir, "study"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.project.Close()) }()
	s, err := reading.New(st.project, reading.Options{})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	app := s.Handler()
	mux.Handle("/", app)
	mux.HandleFunc("GET /bench/render/{file}/{frame}", st.render)
	mux.Handle("GET /bench/", http.StripPrefix("/bench/", policed(app, http.FileServer(http.Dir(page)))))
	served, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(served, ln, mux, serve.Options{}) }()
	defer func() { cancel(); err = errors.Join(err, <-ended, s.Close()) }()

	arg, err := json.Marshal(map[string]any{"url": "http://" + ln.Addr().String(), "name": reader, "password": password, "loop": st.loop, "stack": st.stack, "repeat": repeat, "peer": exists(filepath.Join(page, "peer/peer.html"))})
	if err != nil {
		return err
	}
	drive := exec.CommandContext(ctx, node, filepath.Join(web, "bench/drive.mjs"), string(arg))
	drive.Stderr, drive.Dir = os.Stderr, web
	out, err := drive.Output()
	if err != nil {
		return fmt.Errorf("the browser: %w", err)
	}
	if raw {
		fmt.Fprintf(os.Stderr, "%s", out)
	}
	var r results
	if err := json.Unmarshal(out, &r); err != nil {
		return err
	}
	r.print()
	for what, n := range r.Exact {
		if n != 0 {
			return fmt.Errorf("%s: %d pixels on the canvas are other ones than package pixel renders", what, n)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// policed gives a page of the bench the policy for content that the app's own pages have; the peer makes code while it runs, and gets a loose one.
func policed(app, page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "peer/") {
			w.Header().Set("Content-Security-Policy", "default-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob: data:")
			page.ServeHTTP(w, r)
			return
		}
		own := &headers{http.Header{}}
		q := r.Clone(r.Context())
		q.URL.Path = "/login"
		app.ServeHTTP(own, q)
		w.Header().Set("Content-Security-Policy", own.h.Get("Content-Security-Policy"))
		page.ServeHTTP(w, r)
	})
}

// headers takes an answer's headers and nothing else.
type headers struct{ h http.Header }

func (w *headers) Header() http.Header         { return w.h }
func (w *headers) Write(b []byte) (int, error) { return len(b), nil }
func (w *headers) WriteHeader(int)             {}
