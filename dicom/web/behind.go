package web

import (
	"io"
	"sync"
)

// behind is a writer whose writes happen in the background, in large pieces: the next object is read while the last one is on its way, and
// the client is woken for megabytes, not for each of their parts. close waits for what is under way.
type behind struct {
	full  chan []byte
	free  chan []byte
	cur   []byte
	ended chan struct{}

	mu  sync.Mutex
	err error
}

const (
	behindPiece  = 1 << 20
	behindPieces = 3
)

var behindBuffers = sync.Pool{New: func() any { b := make([]byte, 0, behindPiece); return &b }}

func newBehind(w io.Writer) *behind {
	b := &behind{full: make(chan []byte, behindPieces), free: make(chan []byte, behindPieces), ended: make(chan struct{})}
	for range behindPieces {
		b.free <- *behindBuffers.Get().(*[]byte)
	}
	b.cur = <-b.free
	go func() {
		defer close(b.ended)
		for p := range b.full {
			if b.failed() == nil {
				if _, err := w.Write(p); err != nil {
					b.mu.Lock()
					b.err = err
					b.mu.Unlock()
				}
			}
			b.free <- p[:0]
		}
	}()
	return b
}

func (b *behind) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *behind) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := copy(b.cur[len(b.cur):cap(b.cur)], p)
		b.cur, p = b.cur[:len(b.cur)+k], p[k:]
		if len(b.cur) == cap(b.cur) {
			if err := b.failed(); err != nil {
				return n - len(p), err
			}
			b.full <- b.cur
			b.cur = <-b.free
		}
	}
	return n, nil
}

// close writes what is left, if whole, and ends the background. The writer must not be used again.
func (b *behind) close(whole bool) error {
	if whole && len(b.cur) > 0 {
		b.full <- b.cur
		b.cur = nil
	}
	close(b.full)
	<-b.ended
	if b.cur != nil {
		behindBuffers.Put(&b.cur)
	}
	for len(b.free) > 0 {
		p := <-b.free
		behindBuffers.Put(&p)
	}
	return b.failed()
}
