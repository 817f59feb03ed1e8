// Package queuetest is the conformance suite of queues: what every one must do, whatever it stands on.
package queuetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/queue"
)

// lease is long enough for a busy machine to answer in, and short enough to wait for.
const lease = 2500 * time.Millisecond

// Main runs a package's tests with more at once than there are processors: most of this suite is waiting for leases and pauses to end.
func Main(m *testing.M, run func(*testing.M)) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	run(m)
}

// Queue checks a kind of queue. Place gives a new place for the queues of one test: opening it twice gives the same tasks.
func Queue(t *testing.T, place func(t *testing.T) string) {
	ctx := context.Background()
	open := func(t *testing.T, location string, change func(*queue.Options)) queue.Queue {
		t.Helper()
		opts := queue.Options{Topic: "test", Lease: time.Minute, Attempts: 3, Pause: 100 * time.Millisecond}
		if change != nil {
			change(&opts)
		}
		q, err := queue.Open(ctx, location, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { q.Close() })
		return q
	}
	fresh := func(t *testing.T) queue.Queue { return open(t, place(t), nil) } // with leases that do not end
	short := func(t *testing.T) queue.Queue { return open(t, place(t), func(o *queue.Options) { o.Lease = lease }) }

	t.Run("a key is added once", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		push(t, q, 2, "a", "b")
		push(t, q, 1, "b", "c")
		stats(t, q, queue.Stats{Ready: 3})
		d := pull(t, q, 1)
		push(t, q, 0, d[0].Key)
		check(t, q.Done(ctx, d[0]))
		push(t, q, 0, d[0].Key)
		stats(t, q, queue.Stats{Ready: 2, Done: 1})
	})

	t.Run("payloads and keys of all kinds", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		want := map[string]string{"": "", "a b.*>\n\x01é": "x\x00\xff", "sha256:00": string(make([]byte, 100_000))}
		for k, v := range want {
			if _, err := q.Push(ctx, queue.Task{Key: k, Payload: []byte(v)}); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string]string{}
		for _, d := range pull(t, q, 3) {
			got[d.Key] = string(d.Payload)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		pull(t, q, 0)
	})

	t.Run("a lease keeps others away and ends", func(t *testing.T) {
		t.Parallel()
		q := short(t)
		push(t, q, 1, "a")
		first := pull(t, q, 1)[0]
		pull(t, q, 0)
		stats(t, q, queue.Stats{Pending: 1})
		time.Sleep(lease + 200*time.Millisecond)
		second := wait(t, q)
		if second.Attempt != 2 || first.Attempt != 1 {
			t.Errorf("attempts %d and %d", first.Attempt, second.Attempt)
		}
		for name, err := range map[string]error{"Done": q.Done(ctx, first), "Retry": q.Retry(ctx, first, ""), "Kill": q.Kill(ctx, first, ""), "Extend": q.Extend(ctx, &first)} {
			if !errors.Is(err, queue.ErrLeaseLost) {
				t.Errorf("%s after the lease: %v", name, err)
			}
		}
		check(t, q.Done(ctx, second))
		stats(t, q, queue.Stats{Done: 1})
	})

	t.Run("a lease is extended", func(t *testing.T) {
		t.Parallel()
		q := short(t)
		push(t, q, 1, "a")
		d := pull(t, q, 1)[0]
		for range 4 {
			time.Sleep(lease / 2)
			check(t, q.Extend(ctx, &d))
			pull(t, q, 0)
		}
		check(t, q.Done(ctx, d))
	})

	t.Run("failures pause, then end", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		push(t, q, 1, "a")
		var last time.Time
		for attempt := 1; attempt <= 3; attempt++ {
			d := wait(t, q)
			if d.Attempt != attempt {
				t.Errorf("attempt %d, want %d", d.Attempt, attempt)
			}
			if least := 100 * time.Millisecond << attempt / 4; attempt > 1 && time.Since(last) < least {
				t.Errorf("attempt %d came after %v, want at least %v", attempt, time.Since(last), least)
			}
			last = time.Now() // the queue's own clock reads later than this, however slow the answer
			check(t, q.Retry(ctx, d, fmt.Sprintf("failure %d\nä", attempt)))
		}
		time.Sleep(500 * time.Millisecond)
		pull(t, q, 0)
		stats(t, q, queue.Stats{Dead: 1})
		dead(t, q, queue.DeadTask{Task: queue.Task{Key: "a", Payload: []byte("payload of a")}, Attempts: 3, Reason: "failure 3\nä"})
		push(t, q, 0, "a")
		check(t, q.Revive(ctx, "a"))
		dead(t, q)
		d := wait(t, q)
		if d.Attempt != 1 || string(d.Payload) != "payload of a" {
			t.Errorf("revived: %+v", d)
		}
		if err := q.Revive(ctx, "a"); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("reviving what is not dead: %v", err)
		}
		check(t, q.Done(ctx, d))
		stats(t, q, queue.Stats{Done: 1})
	})

	t.Run("workers that always die make a dead letter", func(t *testing.T) {
		t.Parallel()
		q := open(t, place(t), func(o *queue.Options) { o.Attempts, o.Lease = 1, lease })
		push(t, q, 1, "a")
		pull(t, q, 1)
		time.Sleep(lease + 200*time.Millisecond)
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			pull(t, q, 0)
			if s, err := q.Stats(ctx); err != nil || s.Dead == 1 {
				break
			}
		}
		list, err := q.Dead(ctx)
		if err != nil || len(list) != 1 || list[0].Attempts != 1 || list[0].Reason == "" {
			t.Errorf("%+v, %v", list, err)
		}
	})

	t.Run("kill", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		push(t, q, 2, "a", "b")
		for _, d := range pull(t, q, 2) {
			check(t, q.Kill(ctx, d, "hopeless"))
		}
		dead(t, q, queue.DeadTask{Task: queue.Task{Key: "a", Payload: []byte("payload of a")}, Attempts: 1, Reason: "hopeless"},
			queue.DeadTask{Task: queue.Task{Key: "b", Payload: []byte("payload of b")}, Attempts: 1, Reason: "hopeless"})
		stats(t, q, queue.Stats{Dead: 2})
	})

	t.Run("what was pushed and done outlives the queue", func(t *testing.T) {
		t.Parallel()
		location := place(t)
		q := open(t, location, nil)
		push(t, q, 3, "a", "b", "c")
		for _, d := range pull(t, q, 2) {
			check(t, q.Done(ctx, d))
		}
		check(t, q.Close())
		q = open(t, location, nil)
		stats(t, q, queue.Stats{Ready: 1, Done: 2})
		push(t, q, 0, "a", "b", "c")
		pull(t, q, 1)
	})

	t.Run("topics are apart", func(t *testing.T) {
		t.Parallel()
		location := place(t)
		one := open(t, location, nil)
		push(t, one, 1, "a")
		one.Close()
		two := open(t, location, func(o *queue.Options) { o.Topic = "other" })
		pull(t, two, 0)
		push(t, two, 1, "a")
	})

	t.Run("forget", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		push(t, q, 3, "a", "b", "c")
		list := pull(t, q, 3)
		check(t, q.Done(ctx, list[0]))
		check(t, q.Kill(ctx, list[1], "x"))
		check(t, q.Done(ctx, list[2]))
		if n, err := q.Forget(ctx, time.Now().Add(-time.Hour)); n != 0 || err != nil {
			t.Errorf("forgot %d of the last hour, %v", n, err)
		}
		if n, err := q.Forget(ctx, time.Now().Add(time.Hour)); n != 2 || err != nil {
			t.Errorf("forgot %d, %v", n, err)
		}
		push(t, q, 1, list[0].Key, list[1].Key)
		stats(t, q, queue.Stats{Ready: 1, Dead: 1})
	})

	t.Run("many workers", func(t *testing.T) {
		t.Parallel()
		many(t, open(t, place(t), func(o *queue.Options) { o.Lease = time.Minute }))
	})
	t.Run("work", func(t *testing.T) {
		t.Parallel()
		work(t, short(t))
	})
}

// many lets sixteen workers do two hundred tasks: each is done once, since no lease ends meanwhile.
func many(t *testing.T, q queue.Queue) {
	ctx := context.Background()
	var keys []string
	for i := range 200 {
		keys = append(keys, fmt.Sprintf("task %d", i))
	}
	push(t, q, 200, keys...)
	var mu sync.Mutex
	done := map[string]int{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for empty := 0; empty < 3; {
				list, err := q.Pull(ctx, 3)
				if err != nil {
					t.Error(err)
					return
				}
				if len(list) == 0 {
					empty++
					time.Sleep(20 * time.Millisecond)
				}
				for _, d := range list {
					mu.Lock()
					done[d.Key]++
					mu.Unlock()
					if err := q.Done(ctx, d); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if done[k] != 1 {
			t.Errorf("%s was done %d times", k, done[k])
		}
	}
	stats(t, q, queue.Stats{Done: 200})
}

func work(t *testing.T, q queue.Queue) {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	push(t, q, 5, "good", "slow", "shaky", "bad", "panics")
	var runs, ended atomic.Int32
	check(t, queue.Work(ctx, q, lease, 3, func(ctx context.Context, d queue.Delivery) error {
		runs.Add(1)
		switch d.Key {
		case "slow": // longer than a lease
			time.Sleep(lease * 3 / 2)
		case "shaky":
			if d.Attempt < 3 {
				return errors.New("once more")
			}
		case "bad":
			if ended.Add(1) == 5 {
				stop()
			}
			return fault.New(fault.Input, "hopeless")
		case "panics":
			if d.Attempt == 3 && ended.Add(1) == 5 {
				stop()
			}
			panic("oh")
		}
		if ended.Add(1) == 5 {
			stop()
		}
		return nil
	}))
	if n := runs.Load(); n != 1+1+3+1+3 {
		t.Errorf("%d runs, want 9", n)
	}
	stats(t, q, queue.Stats{Done: 3, Dead: 2})
	dead(t, q, queue.DeadTask{Task: queue.Task{Key: "bad", Payload: []byte("payload of bad")}, Attempts: 1, Reason: "hopeless"},
		queue.DeadTask{Task: queue.Task{Key: "panics", Payload: []byte("payload of panics")}, Attempts: 3, Reason: "the task's work panicked (string)"})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func push(t *testing.T, q queue.Queue, want int, keys ...string) {
	t.Helper()
	var tasks []queue.Task
	for _, k := range keys {
		tasks = append(tasks, queue.Task{Key: k, Payload: []byte("payload of " + k)})
	}
	if n, err := q.Push(context.Background(), tasks...); n != want || err != nil {
		t.Fatalf("added %d of %q, want %d; %v", n, keys, want, err)
	}
}

// pull expects n tasks; for more than none it asks until they are there.
func pull(t *testing.T, q queue.Queue, n int) (out []queue.Delivery) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		list, err := q.Pull(context.Background(), max(1, n-len(out)))
		check(t, err)
		out = append(out, list...)
		if len(out) >= n || time.Now().After(end) {
			break
		}
	}
	if len(out) != n {
		t.Fatalf("pulled %d tasks, want %d", len(out), n)
	}
	return out
}

func wait(t *testing.T, q queue.Queue) queue.Delivery {
	t.Helper()
	return pull(t, q, 1)[0]
}

// stats expects numbers; servers that count at their own pace get a moment.
func stats(t *testing.T, q queue.Queue, want queue.Stats) {
	t.Helper()
	var got queue.Stats
	for range 50 {
		var err error
		got, err = q.Stats(context.Background())
		check(t, err)
		if got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("stats %+v, want %+v", got, want)
}

func dead(t *testing.T, q queue.Queue, want ...queue.DeadTask) {
	t.Helper()
	got, err := q.Dead(context.Background())
	check(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
