package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// LaunchOptions says which processes train together.
type LaunchOptions struct {
	Procs      int    // on this machine
	Nodes      int    // machines, each with so many; 0: 1
	Node       int    // which of them this is, from 0
	Rendezvous string // host:port where rank 0 waits; empty: a free port of this machine, for one machine
	Restarts   int    // how often all begin again from the last checkpoint after one has died

	// Command makes the process of a rank; Launch sets its output and starts it.
	Command func(ctx context.Context, rank, size int, rendezvous string) *exec.Cmd
	Log     io.Writer
}

// Launch starts this machine's processes and waits for all. Rank 0's messages go to Log as they come. When one fails, the others are ended and
// its message is the error; with restarts left, all begin again and go on from the last checkpoint. Cancelling ctx interrupts them, so that they save and
// end; nothing outlives the call.
func Launch(ctx context.Context, opt LaunchOptions) error {
	if opt.Nodes == 0 {
		opt.Nodes = 1
	}
	switch {
	case opt.Procs < 1 || opt.Nodes < 1 || opt.Node < 0 || opt.Node >= opt.Nodes || opt.Restarts < 0:
		return fault.New(fault.Usage, "%d processes on machine %d of %d, %d restarts", opt.Procs, opt.Node, opt.Nodes, opt.Restarts)
	case opt.Nodes > 1 && opt.Rendezvous == "":
		return fault.New(fault.Usage, "several machines need a place to meet").WithHint("give --rendezvous HOST:PORT of the first machine, the same on all")
	}
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	if opt.Rendezvous != "" {
		if _, _, err := SplitRendezvous(opt.Rendezvous); err != nil {
			return err
		}
	}
	for again := 0; ; again++ {
		err := launchOnce(ctx, opt)
		if err == nil || ctx.Err() != nil || again == opt.Restarts || !worthAnother(err) {
			return err
		}
		fmt.Fprintf(opt.Log, "%v\nall processes begin again from the last checkpoint (restart %d of %d)\n", err, again+1, opt.Restarts)
	}
}

// worthAnother is false for what would fail the same way again.
func worthAnother(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Usage, fault.Input, fault.Missing, fault.NotFound, fault.Conflict, fault.Interrupted:
		return false
	}
	return true
}

// SplitRendezvous reads host:port.
func SplitRendezvous(s string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(s)
	if err == nil {
		port, err = strconv.Atoi(digits)
	}
	if err != nil || host == "" || port < 1 || port > 65535-64 {
		return "", 0, fault.New(fault.Usage, "rendezvous %q: want HOST:PORT", s)
	}
	return host, port, nil
}

// freePort is a port of this machine that nobody listened to a moment ago.
func freePort() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fault.New(fault.Resource, "looking for a free port: %w", err)
		}
		defer l.Close()
		if port := l.Addr().(*net.TCPAddr).Port; port < 65000 { // folds use the next ones
			return fmt.Sprintf("127.0.0.1:%d", port), nil
		}
	}
	return "", fault.New(fault.Resource, "no free port below 65000")
}

// causeGrace is how long the process that others fell over may take to end itself.
const causeGrace = 5 * time.Second

// ended is how a rank's process ended.
type ended struct {
	rank int
	err  error
	tail string
	at   time.Time
}

func launchOnce(parent context.Context, opt LaunchOptions) error {
	meet := opt.Rendezvous
	if meet == "" {
		var err error
		if meet, err = freePort(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	results := make(chan ended, opt.Procs)
	size := opt.Procs * opt.Nodes
	for i := range opt.Procs {
		rank := opt.Node*opt.Procs + i
		cmd := opt.Command(ctx, rank, size, meet)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 30 * time.Second // to save, then it is killed
		tail := &lastLines{}
		cmd.Stderr = tail
		if rank == opt.Node*opt.Procs {
			cmd.Stderr = io.MultiWriter(tail, opt.Log)
		}
		go func() {
			err := runTied(cmd)
			results <- ended{rank, err, tail.String(), time.Now()}
		}()
	}
	var failed []ended
	for range opt.Procs {
		if r := <-results; r.err != nil {
			failed = append(failed, r)
			if r.code() == fault.Partial { // another ended first: it is about to be seen, and its message is the one to have
				defer time.AfterFunc(causeGrace, cancel).Stop()
				continue
			}
			cancel()
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if err := parent.Err(); err != nil {
		return fault.New(fault.Interrupted, "training was interrupted: %w", err).WithHint("repeat the command to go on from the last checkpoint")
	}
	first := cause(failed)
	return fault.New(first.code(), "rank %d of %d ended (%v): %s", first.rank, size, first.err, first.message())
}

// cause is the process that failed for a reason of its own: not because another had, nor because it was told to.
func cause(failed []ended) ended {
	for _, f := range failed {
		switch f.code() {
		case fault.Partial, fault.Interrupted:
		default:
			return f
		}
	}
	return failed[0]
}

// code is the kind of failure that the exit status tells.
func (e ended) code() fault.Code {
	var exit *exec.ExitError
	if !errors.As(e.err, &exit) {
		return fault.Resource
	}
	for _, c := range []fault.Code{fault.Usage, fault.Input, fault.Missing, fault.Partial, fault.NotFound, fault.Conflict, fault.Resource, fault.Interrupted} {
		if fault.ExitStatus(fault.New(c, "")) == exit.ExitCode() {
			return c
		}
	}
	return fault.Internal // also killed by a signal
}

// message is the last thing that the process said.
func (e ended) message() string {
	lines := strings.Split(strings.TrimSpace(e.tail), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if m, ok := strings.CutPrefix(lines[i], "cineloop: "); ok {
			return m
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return "it said nothing"
}

// lastLines keeps the end of what a process writes.
type lastLines struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 8 << 10

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	if over := len(l.b) - tailBytes; over > 0 {
		l.b = bytes.Clone(l.b[over:])
	}
	return len(p), nil
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}
