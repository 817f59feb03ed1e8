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
	"slices"

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

	arg, err := json.Marshal(map[string]any{"url": "http://" + ln.Addr().String(), "name": reader, "password": password, "loop": st.loop, "stack": st.stack, "repeat": repeat})
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

// policed gives a page of the bench the policy for content that the app's own pages have.
func policed(app, page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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

type results struct {
	First []struct{ Navigation, Next, Viewport float64 }
	Play  []struct {
		Shown, Dropped, Beats int
		Seconds               float64
	}
	Scroll, Free []struct {
		Shown, Beats   int
		Seconds, Worst float64
	}
	Windowing []struct {
		Beats   int
		Seconds float64
	}
	Loaded []float64
	Memory struct {
		Used, Limit, Peak     float64
		Before, Middle, After float64
		Shown, Dropped        int
	}
	Exact map[string]int // pixels that differ
}

func (r results) print() {
	fmt.Println("name | ours | peer | ratio | limit")
	var navigation, viewport, dropped, fps, scroll, free, worst, windowing []float64
	for _, x := range r.First {
		navigation, viewport = append(navigation, x.Next), append(viewport, x.Viewport)
	}
	for _, x := range r.Play {
		dropped = append(dropped, 100*float64(x.Dropped)/float64(x.Shown+x.Dropped))
		fps = append(fps, float64(x.Shown)/x.Seconds)
	}
	for _, x := range r.Scroll {
		scroll, worst = append(scroll, float64(x.Shown)/x.Seconds), append(worst, x.Worst)
	}
	for _, x := range r.Free {
		free = append(free, float64(x.Shown)/x.Seconds)
	}
	for _, x := range r.Windowing {
		windowing = append(windowing, float64(x.Beats)/x.Seconds)
	}
	least(navigation, "640x480x60 RGB, navigation to the case until its first frame is on the screen, ms", "250")
	least(viewport, "640x480x60 RGB, viewport made until its first frame is painted, ms", "250")
	least(dropped, "640x480x60 RGB played for 10 s from its opening, dropped, %", "2")
	most(fps, "640x480x60 RGB played for 10 s from its opening, frames/s", "30")
	most(scroll, "512x512x200 of 16 bits scrolled, at the screen's 60 pictures a second, slices/s", "60")
	most(free, "512x512x200 of 16 bits scrolled, without the screen's limit, slices/s", "60")
	least(worst, "512x512x200 of 16 bits scrolled, longest between two slices, ms", "")
	most(windowing, "512x512 of 16 bits, window changed by dragging, pictures/s", "60")
	least(r.Loaded, "512x512x200 of 16 bits, navigation until all slices are here, ms", "")
	m := r.Memory
	fmt.Printf("viewer: frames kept under a bound of %.0f MiB, loop of 70 MiB, most, MiB | %.1f | | | %.0f\n", m.Limit/(1<<20), m.Peak/(1<<20), m.Limit/(1<<20))
	fmt.Printf("viewer: pixels on the canvas at 1:1 that are not what package pixel renders, of 3 slices and 3 frames | %d | | | 0\n", r.Exact["stack"]+r.Exact["loop"])
	fmt.Printf("viewer: the same played for 12 s, page's process before, after 4 s, after 12 s, MiB | %.0f, %.0f, %.0f | | | \n", m.Before, m.Middle, m.After)
}

func least(v []float64, name, limit string) { row(v, name, limit, false) }
func most(v []float64, name, limit string)  { row(v, name, limit, true) }

func row(v []float64, name, limit string, high bool) {
	s := slices.Sorted(slices.Values(v))
	if high {
		slices.Reverse(s)
	}
	if len(s) > 0 {
		fmt.Printf("viewer: %s, best | %.1f | | | %s\nviewer: %s, median | %.1f | | | %s\n", name, s[0], limit, name, s[(len(s)-1)/2], limit)
	}
}
