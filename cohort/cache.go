package cohort

import (
	"context"
	"errors"
	"sync"

	"github.com/cineloop/cineloop/clip"
)

// Cache keeps decoded clips at source resolution, so that a second epoch decodes nothing. Loaders of one run share one. Clips in it
// are shared and read-only.
//
// Memory is filled up to its bound and nothing is evicted: an epoch reads every clip once in a new order, so the newcomer is no likelier
// to be needed than what it would push out, and eviction would only lower the share of hits. What does not fit goes to Dir where one is
// set, and is decoded again otherwise.
type Cache struct {
	bytes int64
	disk  *diskCache // nil: none

	mu     sync.Mutex
	clips  map[source]*clip.Clip
	flight map[source]*flight
	stats  CacheStats
}

// CacheConfig bounds a cache.
type CacheConfig struct {
	Bytes    int64  // of clips in memory; 0: none
	Dir      string // folder of decoded clips on disk, made private to the user; empty: none. It holds pixels: keep it where the data may be
	DirBytes int64  // of clips on disk; 0: no bound
}

// CacheStats counts what a cache did.
type CacheStats struct {
	Memory, Disk, Decoded int   // clips served from memory, from disk, by decoding
	Bytes                 int64 // held in memory
	Clips                 int   // held in memory
	Damaged               int   // files on disk that were not what had been written, and were replaced
}

// source is what is decoded: a path as clip.Open takes it, in its colours or as grey.
type source struct {
	path string
	grey bool
}

// openFunc decodes a source.
type openFunc func(ctx context.Context, src source) (*clip.Clip, error)

// flight is one read that others wait for.
type flight struct {
	done chan struct{}
	clip *clip.Clip
	err  error
}

// NewCache makes a cache; the folder is created when it is not there.
func NewCache(cfg CacheConfig) (*Cache, error) {
	c := &Cache{bytes: cfg.Bytes, clips: map[source]*clip.Clip{}, flight: map[source]*flight{}}
	if cfg.Dir != "" {
		d, err := openDiskCache(cfg.Dir, cfg.DirBytes)
		if err != nil {
			return nil, err
		}
		c.disk = d
	}
	return c, nil
}

// Stats is a snapshot of the counts.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// get is the clip of src: from memory, from disk, or decoded by open. Callers that want one source at one time share one read.
func (c *Cache) get(ctx context.Context, src source, open openFunc) (*clip.Clip, error) {
	for {
		c.mu.Lock()
		if hit := c.clips[src]; hit != nil {
			c.stats.Memory++
			c.mu.Unlock()
			return hit, nil
		}
		f := c.flight[src]
		if f == nil {
			f = &flight{done: make(chan struct{})}
			c.flight[src] = f
			c.mu.Unlock()
			c.lead(ctx, f, src, open)
			return f.clip, f.err
		}
		c.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// The leader may have been cancelled where this caller was not: then this one leads.
		if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) {
			return f.clip, f.err
		}
	}
}

func (c *Cache) lead(ctx context.Context, f *flight, src source, open openFunc) {
	f.err = context.Canceled // what others see if open panics
	fromDisk, damaged := false, false
	defer func() {
		c.mu.Lock()
		delete(c.flight, src)
		if f.err == nil {
			if n := int64(len(f.clip.Data)); c.stats.Bytes+n <= c.bytes {
				c.clips[src] = f.clip
				c.stats.Bytes += n
				c.stats.Clips++
			}
			if fromDisk {
				c.stats.Disk++
			} else {
				c.stats.Decoded++
			}
		}
		if damaged {
			c.stats.Damaged++
		}
		c.mu.Unlock()
		close(f.done)
	}()
	if c.disk != nil {
		if f.clip, damaged = c.disk.read(src); f.clip != nil {
			f.err, fromDisk = nil, true
			return
		}
	}
	cl, err := open(ctx, src)
	if err == nil && c.disk != nil {
		c.disk.write(src, cl)
	}
	f.clip, f.err = cl, err
}
