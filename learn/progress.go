package learn

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"
)

// reporter is the observer that shows people how training goes: on a terminal one line that is drawn over, elsewhere a line an epoch and one every half minute.
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

// Started says where a training goes on.
func (r *reporter) Started(at Start) error {
	if at.Resumed {
		r.say("going on from epoch %d, step %d", at.Epoch+1, at.Step)
	}
	return nil
}

// Logged shows a step if enough time has passed since the last one, and every epoch.
func (r *reporter) Logged(l LogLine, p Progress) error {
	switch l.Event {
	case "step":
		r.step(l, p)
	case "epoch":
		r.say("%s", epochWords(l, p))
		for _, d := range l.Dead {
			r.say("no evidence for %s: its output gets no gradient any more; use evidence exp or softplus, or another seed", d)
		}
	}
	return nil
}

// Ended ends a line that could still be drawn over: what is said next stands on its own.
func (r *reporter) Ended(error) {
	if r.width > 0 {
		fmt.Fprintln(r.w)
		r.width = 0
	}
}

func stepWords(l LogLine, p Progress) string {
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %d/%d  batch %d/%d  %.1f clips/s  loss %.4g", l.Epoch+1, p.Epochs, p.Batch, p.Batches, p.RowsPerSecond, *l.Loss)
	if p.Metric != "" {
		b.WriteString("  " + p.Metric)
	}
	if p.Left > 0 {
		fmt.Fprintf(&b, "  %s left", p.Left.Round(time.Second))
	}
	return b.String()
}

func epochWords(l LogLine, p Progress) string {
	s := fmt.Sprintf("epoch %d/%d  %.1f s (loading %.1f %%)  loss %.4g", l.Epoch+1, p.Epochs, l.Seconds, 100*l.Wait/max(l.Seconds, 1e-9), *l.Loss)
	if loss, ok := l.Val["loss"]; ok {
		s += fmt.Sprintf("  val loss %.4g", loss)
		if p.Metric != "" {
			s += "  " + p.Metric
		}
	}
	return s
}

// step shows a step if enough time has passed since the last one.
func (r *reporter) step(l LogLine, p Progress) {
	if r.w == nil {
		return
	}
	wait := relay
	if r.terminal {
		wait = redraw
	}
	if now := r.now(); now.Sub(r.drawn) >= wait {
		r.drawn = now
		r.draw(r.label + stepWords(l, p))
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
