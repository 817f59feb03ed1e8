package ingest

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/queue"
)

// Topic is the queue topic of ingest tasks. A task is one source, and its address the key: while it waits or is worked on it cannot be
// pushed a second time.
const Topic = "ingest"

type task struct {
	Source string `json:"source"`
}

// Enqueue pushes a task for each source that none is waiting or running for, and says how many. One that was done before is done again:
// there may be more in the source now. One that was given up gets its attempts back.
func Enqueue(ctx context.Context, q queue.Queue, sources []string) (added int, err error) {
	if _, err := q.Forget(ctx, time.Now().Add(time.Second)); err != nil {
		return 0, err
	}
	for _, s := range sources {
		if !strings.Contains(s, "://") {
			if s, err = filepath.Abs(s); err != nil {
				return added, err
			}
		}
		payload, err := json.Marshal(task{s})
		if err != nil {
			return added, err
		}
		n, err := q.Push(ctx, queue.Task{Key: s, Payload: payload})
		if err == nil && n == 0 {
			if err = q.Revive(ctx, s); err == nil {
				n = 1
			} else if fault.CodeOf(err) == fault.NotFound { // it waits, or someone is at it
				err = nil
			}
		}
		if err != nil {
			return added, err
		}
		added += n
	}
	return added, nil
}

// WorkOptions of Work.
type WorkOptions struct {
	Options               // Sources is not used
	Lease   time.Duration // of the queue
	Tasks   int           // at once; 0: 1
}

// Work does tasks until none waits and none is under way, here or in another process: what one that died has left is taken over when
// its lease ends. It returns the sum of what it did itself. A task that fails comes again, after the last attempt it is a dead letter.
func Work(ctx context.Context, a *store.Archive, q queue.Queue, opts WorkOptions) (Summary, error) {
	total := newSummary()
	started := time.Now()
	var mu sync.Mutex
	working, stop := context.WithCancel(ctx)
	defer stop()
	var watch sync.WaitGroup
	var watched error
	watch.Go(func() {
		for {
			s, err := q.Stats(working)
			if err != nil && working.Err() == nil {
				watched = err
			}
			if err != nil || s.Ready+s.Pending == 0 {
				stop()
				return
			}
			select {
			case <-working.Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	err := queue.Work(working, q, opts.Lease, max(opts.Tasks, 1), func(own context.Context, d queue.Delivery) error {
		var t task
		if err := json.Unmarshal(d.Payload, &t); err != nil {
			return fault.New(fault.Input, "the task cannot be read")
		}
		// The lease's context does not end with the caller's; the work does, and is then tried again by whoever comes next.
		do, cancel := context.WithCancelCause(own)
		defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
		defer cancel(nil)
		one := opts.Options
		one.Sources = []string{t.Source}
		s, err := Run(do, a, one)
		mu.Lock()
		total.merge(s)
		mu.Unlock()
		return err
	})
	stop()
	watch.Wait()
	if err == nil {
		err = watched
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	total.Seconds = time.Since(started).Seconds()
	return total, err
}

// merge adds what another run did.
func (s *Summary) merge(o Summary) {
	s.Found += o.Found
	s.Stored += o.Stored
	s.Duplicate += o.Duplicate
	s.Conflict += o.Conflict
	s.Skipped += o.Skipped
	s.Quarantined += o.Quarantined
	for r, n := range o.Reasons {
		s.Reasons[r] += n
	}
	s.Quarantine = append(s.Quarantine, o.Quarantine...)
	s.Conflicts = append(s.Conflicts, o.Conflicts...)
	s.Missing = append(s.Missing, o.Missing...)
}
