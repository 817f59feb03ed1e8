package learn

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"
)

// reporter shows how training goes: on a terminal one line that is drawn over, elsewhere a line an epoch and one every half minute.
type reporter struct {
	w        io.Writer
	terminal bool
	label    string
	now      func() time.Time
	drawn    time.Time
	width    int // of the line on the terminal
}

const (
	redraw = 200 * time.Millisecond
	relay  = 30 * time.Second
)

func newReporter(w io.Writer, label string) *reporter {
	r := &reporter{w: w, label: label, now: time.Now}
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		r.terminal = term.IsTerminal(int(f.Fd()))
	}
	r.drawn = r.now()
	return r
}

// status is what a progress line tells.
type status struct {
	epoch, epochs int
	batch, total  int
	rowsPerSecond float64
	left          time.Duration // until the end of training; 0: unknown
	loss          float64
	metric        string // monitored value of the last epoch, formatted
}

func (s status) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %d/%d  batch %d/%d  %.1f clips/s  loss %.4g", s.epoch+1, s.epochs, s.batch, s.total, s.rowsPerSecond, s.loss)
	if s.metric != "" {
		b.WriteString("  " + s.metric)
	}
	if s.left > 0 {
		fmt.Fprintf(&b, "  %s left", s.left.Round(time.Second))
	}
	return b.String()
}

// step shows a status if enough time has passed since the last one.
func (r *reporter) step(s status) {
	if r.w == nil {
		return
	}
	wait := relay
	if r.terminal {
		wait = redraw
	}
	if now := r.now(); now.Sub(r.drawn) >= wait {
		r.drawn = now
		r.draw(r.label + s.String())
	}
}

func (r *reporter) draw(line string) {
	if !r.terminal {
		fmt.Fprintln(r.w, line)
		return
	}
	pad := max(0, r.width-len(line))
	fmt.Fprint(r.w, "\r", line, strings.Repeat(" ", pad))
	r.width = len(line)
}

// say prints a line that stays.
func (r *reporter) say(format string, args ...any) {
	if r.w == nil {
		return
	}
	r.draw(r.label + fmt.Sprintf(format, args...))
	if r.terminal {
		fmt.Fprintln(r.w)
		r.width = 0
	}
	r.drawn = r.now()
}
