package pixel

import (
	"context"
	"runtime"
	"sync"
)

// Each decodes all frames on up to workers goroutines (0: all cores) and hands them to fn one by one, in order, on the calling
// goroutine. decode is Frame, RGB or Grey8 of im. No more than 2×workers frames are in memory. The first error, of a frame or of fn,
// ends it; frames before it have been handed over.
func (im *Image) Each(ctx context.Context, workers int, decode func(int) ([]byte, error), fn func(i int, b []byte) error) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, im.Frames)
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		b   []byte
		err error
	}
	slots := make([]chan result, 2*workers)
	for i := range slots {
		slots[i] = make(chan result, 1)
	}
	free := make(chan struct{}, len(slots))
	next := make(chan int)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer close(next)
		for i := range im.Frames {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				b, err := decode(i)
				slots[i%len(slots)] <- result{b, err}
			}
		}()
	}
	for i := range im.Frames {
		select {
		case r := <-slots[i%len(slots)]:
			if r.err != nil {
				return r.err
			}
			if err := fn(i, r.b); err != nil {
				return err
			}
			<-free
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// EachFrame hands the decoded frames to fn in order, as [Image.Frame] gives them: video in one pass over its stream, where the slice is used
// again for the next frame, all else in parallel by [Image.Each].
func (im *Image) EachFrame(ctx context.Context, fn func(i int, b []byte) error) error {
	if im.elem.Fragments() != nil && im.TransferSyntax.IsVideo() {
		return im.eachVideo(ctx, im.storedPicture(), fn)
	}
	return im.Each(ctx, 0, im.Frame, fn)
}
