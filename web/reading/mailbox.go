package reading

import "sync"

// maxLetters is how many different things wait for a browser at most: what somebody draws counts once, however often it changed meanwhile.
const maxLetters = 64

// letter is something that is not in the log: it is told once and as it is now.
type letter struct {
	kind  string // presence, live, leases
	value []byte // JSON
}

// mailbox holds what a browser is to be told besides its events. Whoever is slow gets the newest of each thing and misses what came between; what
// finds no room is dropped. Nothing waits for a browser.
type mailbox struct {
	mu    sync.Mutex
	order []string
	of    map[string]letter
	wake  chan struct{} // holds one at most
}

func newMailbox() *mailbox { return &mailbox{of: map[string]letter{}, wake: make(chan struct{}, 1)} }

// put replaces what waits under the same key, or is dropped where too much waits. Presence and leases always have room: there is one of each.
func (b *mailbox) put(key string, l letter) {
	b.mu.Lock()
	_, waits := b.of[key]
	if !waits && len(b.order) >= maxLetters && l.kind == "live" {
		b.mu.Unlock()
		return
	}
	if !waits {
		b.order = append(b.order, key)
	}
	b.of[key] = l
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// drain takes everything out, in the order in which it came.
func (b *mailbox) drain() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]letter, len(b.order))
	for i, key := range b.order {
		out[i] = b.of[key]
	}
	b.order = b.order[:0]
	clear(b.of)
	return out
}

// forget drops what waits of a kind: it is no more the browser's to know.
func (b *mailbox) forget(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.order[:0]
	for _, key := range b.order {
		if b.of[key].kind == kind {
			delete(b.of, key)
		} else {
			kept = append(kept, key)
		}
	}
	b.order = kept
}
