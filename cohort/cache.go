package cohort

import (
	"context"
	"errors"
	"sync"

	"github.com/cineloop/cineloop/clip"
)

// Cache keeps decoded clips, as they are stored or at working resolution ([clip.Working]), so that a second epoch decodes nothing. Loaders
// of one run share one. Clips in it are shared and read-only.
//
// With a folder, clips live in memory-mapped shards that all processes of the machine share (see shardStore), also the next ones. Without,
// and for what the folder has no room for, memory is filled up to its bound and nothing is evicted: an epoch reads every clip once in a new
// order, so the newcomer is no likelier to be needed than what it would push out, and eviction would only lower the share of hits. What
// fits nowhere is decoded again.
type Cache struct {
	bytes int64
	disk  *shardStore // nil: none

	mu     sync.Mutex
	clips  map[source]*clip.Clip
	flight map[source]*flight
	stats  CacheStats
}

// CacheConfig bounds a cache.
type CacheConfig struct {
	Bytes    int64  // of clips in memory; 0: none
	Dir      string // folder of shards, made private to the user; empty: none. It holds pixels: keep it where the data may be
	DirBytes int64  // of shards; 0: no bound
}

// CacheStats counts what a cache did.
type CacheStats struct {
	Memory, Disk, Decoded int   // clips served from memory, from disk, by decoding
	Bytes                 int64 // held in memory
	Clips                 int   // held in memory
	Damaged               int   // records on disk that were not what had been written, and were decoded anew
	Mapped                int64 // bytes used from shards
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
		d, err := openShards(cfg.Dir, cfg.DirBytes, shardBytes)
		if err != nil {
			return nil, err
		}
		c.disk = d
	}
	return c, nil
}

// Close lets the shards go. Clips that the cache gave out must not be used after; nor the cache.
func (c *Cache) Close() {
	if c.disk != nil {
		c.disk.close()
	}
}

// forget drops a clip that cannot be read where it lies: the disk failed, or somebody cut the file. The next get decodes it.
func (c *Cache) forget(src source) {
	if c.disk == nil {
		return
	}
	if key, ok := keyOf(src); ok {
		c.disk.forget(key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.clips, src)
	c.stats.Damaged++
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
	fromDisk, damaged, mapped := false, false, false
	defer func() {
		c.mu.Lock()
		delete(c.flight, src)
		if f.err == nil {
			n := int64(len(f.clip.Data))
			switch {
			case mapped:
				c.clips[src] = f.clip
				c.stats.Mapped += n
			case c.stats.Bytes+n <= c.bytes:
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
	var key sourceKey
	keyed := false
	if c.disk != nil {
		if key, keyed = keyOf(src); keyed {
			if f.clip, damaged = c.disk.get(key); f.clip != nil {
				f.err, fromDisk, mapped = nil, true, true
				return
			}
		}
	}
	cl, err := open(ctx, src)
	if err == nil && keyed {
		if kept := c.disk.put(key, cl); kept != nil {
			cl, mapped = kept, true
		}
	}
	f.clip, f.err = cl, err
}
