package queue

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// Task is a piece of work.
type Task struct {
	Key     string // names the work: a digest of its input and policy
	Payload []byte
}

// Delivery is a task on lease.
type Delivery struct {
	Task
	Attempt  int       // 1 for the first
	Deadline time.Time // end of the lease, by this machine's clock

	handle any
}

// DeadTask is a task that was given up.
type DeadTask struct {
	Task
	Attempts int
	Reason   string
}

// Stats are the numbers of tasks by state.
type Stats struct {
	Ready   int // waiting
	Pending int // on lease, or pausing after a failure
	Done    int
	Dead    int
}

// ErrLeaseLost says that the lease of a delivery has ended: its outcome does not count any more.
var ErrLeaseLost = errors.New("the lease has ended")

// Queue is an open queue for one topic. All methods may be called from many goroutines.
type Queue interface {
	// Push adds those of the tasks whose keys are new and says how many they were.
	Push(ctx context.Context, tasks ...Task) (added int, err error)
	// Pull leases up to n tasks; without any it returns none at once.
	Pull(ctx context.Context, n int) ([]Delivery, error)
	// Extend begins the lease anew.
	Extend(ctx context.Context, d *Delivery) error
	// Done finishes a task; its key stays known.
	Done(ctx context.Context, d Delivery) error
	// Retry gives a task back. It comes again after a pause, or is dead if this was the last attempt.
	Retry(ctx context.Context, d Delivery, reason string) error
	// Kill makes a task a dead letter at once.
	Kill(ctx context.Context, d Delivery, reason string) error
	// Dead lists the dead letters in order of their keys.
	Dead(ctx context.Context) ([]DeadTask, error)
	// Revive makes a dead letter a new task, with all attempts before it. A key that is not dead is an error with code fault.NotFound.
	Revive(ctx context.Context, key string) error
	// Forget drops the keys of done tasks that were done (in NATS, which keeps no other time: pushed) before a moment, and says how many.
	Forget(ctx context.Context, before time.Time) (int, error)
	Stats(ctx context.Context) (Stats, error)
	Close() error
}

// Options of a queue.
type Options struct {
	Topic    string        // lower-case letters, digits and hyphens
	Lease    time.Duration // default 1 min
	Attempts int           // default 5
	Pause    time.Duration // after the first failure; doubles with each; default 1 s
}

var topicForm = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

func (o Options) complete() (Options, error) {
	if !topicForm.MatchString(o.Topic) {
		return o, fault.New(fault.Usage, "a queue's topic is of lower-case letters, digits and hyphens")
	}
	if o.Lease <= 0 {
		o.Lease = time.Minute
	}
	if o.Attempts <= 0 {
		o.Attempts = 5
	}
	if o.Pause <= 0 {
		o.Pause = time.Second
	}
	return o, nil
}

// longestPause bounds the doubling.
const longestPause = time.Hour

func (o Options) pause(attempt int) time.Duration {
	p := o.Pause
	for i := 1; i < attempt && p < longestPause; i++ {
		p *= 2
	}
	return min(p, longestPause)
}

// reasonDied is why a task is dead whose last worker never answered.
const reasonDied = "its workers died or took too long, every time"

// Open opens a queue: a plain path or sqlite:///file, postgres://…, nats://host for a JetStream server, nats+dir:///folder for one
// inside this process. A server outside should have sync_interval: always, as the one inside has.
func Open(ctx context.Context, location string, opts Options) (Queue, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	scheme, rest, _ := strings.Cut(location, "://")
	switch scheme {
	case "nats", "tls":
		return openNATS(ctx, location, opts)
	case "nats+dir":
		return openEmbedded(ctx, rest, opts)
	}
	return openSQL(ctx, location, opts)
}
