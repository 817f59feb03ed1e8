package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// idle is how long a worker that found nothing waits before it looks again; it doubles up to idleMost.
const (
	idle     = 20 * time.Millisecond
	idleMost = 2 * time.Second
)

// Work lets a number of workers do tasks until ctx ends, which is no error; the tasks under way are finished first. A task whose do
// fails comes again; one whose error has code fault.Input or fault.Usage is dead at once, since no repetition helps. Leases are
// extended while do runs. A do that panics has failed, and its worker lives.
func Work(ctx context.Context, q Queue, lease time.Duration, workers int, do func(context.Context, Delivery) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			if err := work(ctx, q, lease, do); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func work(ctx context.Context, q Queue, lease time.Duration, do func(context.Context, Delivery) error) error {
	wait := idle
	for ctx.Err() == nil {
		list, err := q.Pull(ctx, 1)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if len(list) == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			wait = min(2*wait, idleMost)
			continue
		}
		wait = idle
		if err := one(context.WithoutCancel(ctx), q, list[0], lease, do); err != nil {
			return err
		}
	}
	return nil
}

func one(ctx context.Context, q Queue, d Delivery, lease time.Duration, do func(context.Context, Delivery) error) error {
	task, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { // a third of the lease leaves two more chances before it ends
		defer close(ended)
		for {
			select {
			case <-task.Done():
				return
			case <-time.After(lease / 3):
				if err := q.Extend(task, &d); errors.Is(err, ErrLeaseLost) {
					stop() // someone else has it now
					return
				}
			}
		}
	}()
	err := guarded(task, d, do)
	stop()
	<-ended
	switch code := fault.CodeOf(err); {
	case err == nil:
		err = q.Done(ctx, d)
	case code == fault.Input || code == fault.Usage:
		err = q.Kill(ctx, d, err.Error())
	default:
		err = q.Retry(ctx, d, err.Error())
	}
	if errors.Is(err, ErrLeaseLost) {
		return nil // it is another's
	}
	return err
}

func guarded(ctx context.Context, d Delivery, do func(context.Context, Delivery) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the task's work panicked (%T)", p) // its text may hold values
		}
	}()
	return do(ctx, d)
}
