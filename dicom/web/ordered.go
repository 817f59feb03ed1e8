package web

import (
	"context"
	"iter"
	"sync"
)

// ordered runs do over list on some goroutines and gives the results in the list's order; no more than twice as many as there are
// goroutines wait to be taken. When it ends, early or not, all of its goroutines have ended.
func ordered[T, R any](ctx context.Context, list []T, workers int, do func(T) (R, error)) iter.Seq2[R, error] {
	type result struct {
		r   R
		err error
	}
	return func(yield func(R, error) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		slots := make(chan chan result, workers)
		running.Go(func() {
			defer close(slots)
			for _, item := range list {
				slot := make(chan result, 1)
				select {
				case slots <- slot:
				case <-ctx.Done():
					return
				}
				running.Go(func() {
					r, err := do(item)
					slot <- result{r, err}
				})
			}
		})
		for slot := range slots {
			res := <-slot
			if !yield(res.r, res.err) || res.err != nil {
				return
			}
		}
		if ctx.Err() != nil {
			var zero R
			yield(zero, context.Cause(ctx))
		}
	}
}
