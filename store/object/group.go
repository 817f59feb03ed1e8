package object

import (
	"context"
	"path/filepath"
	"sync"
)

// group makes files durable together. One fsync makes ext4 and xfs commit their journal, which costs the same for one file as for
// fifty; so whoever comes while a commit is under way waits for the next, and that one takes all who wait.
//
// The order within a commit is the promise: contents are synced before any gets its name, and folders before anyone is told.
type group struct {
	disk disk
	in   chan *publication
	done chan struct{}
	once sync.Once
}

type publication struct {
	f        diskFile
	from, to string
	err      error
	ready    chan struct{}
}

// groupLimit bounds a commit, so that the first who waits is not kept by an endless stream of others.
const groupLimit = 256

// syncsAtOnce is how many fsyncs are under way together: enough to keep a disk's queue filled.
const syncsAtOnce = 16

func newGroup(d disk) *group {
	g := &group{disk: d, in: make(chan *publication, groupLimit), done: make(chan struct{})}
	go g.run()
	return g
}

// publish returns when f's bytes are durable under the name to. A context that ends while the commit is under way does not undo it.
func (g *group) publish(ctx context.Context, f diskFile, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &publication{f: f, from: from, to: to, ready: make(chan struct{})}
	g.in <- p
	<-p.ready
	return p.err
}

func (g *group) stop() {
	g.once.Do(func() { close(g.in) })
	<-g.done
}

func (g *group) run() {
	defer close(g.done)
	for p := range g.in {
		batch := []*publication{p}
	gather:
		for len(batch) < groupLimit {
			select {
			case next, ok := <-g.in:
				if !ok {
					break gather
				}
				batch = append(batch, next)
			default:
				break gather
			}
		}
		g.commit(batch)
		for _, p := range batch {
			close(p.ready)
		}
	}
}

func (g *group) commit(batch []*publication) {
	each(batch, func(p *publication) { p.err = p.f.Sync() })
	folders := map[string][]*publication{}
	for _, p := range batch {
		if p.err == nil {
			p.err = g.disk.rename(p.from, p.to)
		}
		if p.err == nil {
			dir := filepath.Dir(p.to)
			folders[dir] = append(folders[dir], p)
		}
	}
	dirs := make([]string, 0, len(folders))
	for dir := range folders {
		dirs = append(dirs, dir)
	}
	each(dirs, func(dir string) {
		if err := g.disk.syncDir(dir); err != nil {
			for _, p := range folders[dir] {
				p.err = err
			}
		}
	})
}

// each runs do for all items, a few at once.
func each[T any](items []T, do func(T)) {
	if len(items) == 1 {
		do(items[0])
		return
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, syncsAtOnce)
	for _, it := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(it)
		})
	}
	wg.Wait()
}
