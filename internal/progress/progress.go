// Package progress shows how far long work is: a bar with rate and time left on a terminal, an occasional line elsewhere.
//
// A bar is safe for use by several goroutines. It says nothing about work that ends within two seconds, and labels never hold patient data.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// Bar is one piece of long work. The zero value and nil show nothing.
type Bar struct {
	mu     sync.Mutex
	w      io.Writer
	label  string
	total  int64
	done   int64
	start  time.Time
	last   time.Time
	bar    *progressbar.ProgressBar
	now    func() time.Time
	quiet  time.Duration // before anything is shown
	period time.Duration // between lines where there is no terminal
}

// New starts a bar of total units on w; total < 0 means unknown. A nil w shows nothing.
func New(w io.Writer, label string, total int64) *Bar {
	b := &Bar{w: w, label: label, total: total, now: time.Now, quiet: 2 * time.Second, period: 10 * time.Second}
	b.start = b.now()
	b.last = b.start
	if f, ok := w.(interface{ Fd() uintptr }); ok && isatty.IsTerminal(f.Fd()) {
		b.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(200*time.Millisecond),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(24))
	}
	return b
}

// Add counts n more units.
func (b *Bar) Add(n int64) {
	if b == nil || b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(b.done + n)
}

// Set says that done units are finished.
func (b *Bar) Set(done int64) {
	if b == nil || b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(done)
}

func (b *Bar) set(done int64) {
	b.done = done
	now := b.now()
	if b.bar != nil {
		if now.Sub(b.start) >= b.quiet || b.bar.State().CurrentNum > 0 {
			_ = b.bar.Set64(done) // a terminal that cannot be drawn on is no reason to stop the work
		}
		return
	}
	if now.Sub(b.start) < b.quiet || now.Sub(b.last) < b.period {
		return
	}
	b.last = now
	fmt.Fprintln(b.w, b.line(now))
}

func (b *Bar) line(now time.Time) string {
	elapsed := now.Sub(b.start)
	rate := float64(b.done) / elapsed.Seconds()
	if b.total <= 0 {
		return fmt.Sprintf("%s: %d, %.1f/s", b.label, b.done, rate)
	}
	s := fmt.Sprintf("%s: %d of %d (%.0f %%), %.1f/s", b.label, b.done, b.total, 100*float64(b.done)/float64(b.total), rate)
	if rate > 0 && b.done < b.total {
		left := time.Duration(float64(b.total-b.done) / rate * float64(time.Second))
		s += ", " + left.Round(time.Second).String() + " left"
	}
	return s
}

// Close ends the bar and clears it from a terminal.
func (b *Bar) Close() {
	if b == nil || b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
