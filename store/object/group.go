package object

import (
	"context"
	"path/filepath"
	"sync"
)

// group makes files durable together. It works in rounds: a round syncs the contents of those who came since the last one, and the
// names of those whose contents the last one synced; then it tells the latter. One sync costs a disk the same for one file as for
// fifty, so whoever waits together pays once, and twice as many wait together because one sync serves both halves.
//
// The order is the promise: a content is synced before it gets its name, and its name before anyone is told.
type group struct {
	disk disk
	all  wholeSync // nil: every file and folder is synced by itself
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

// groupLimit bounds a round, so that the first who waits is not kept by an endless stream of others.
const groupLimit = 256

// syncsAtOnce is how many fsyncs are under way together: enough to keep a disk's queue filled.
const syncsAtOnce = 16

// alone is up to how many files and folders are synced one by one also where one sync could do for all: it would write others' files too.
const alone = 2

func newGroup(d disk, dir string) *group {
	g := &group{disk: d, all: d.whole(dir), in: make(chan *publication, groupLimit), done: make(chan struct{})}
	go g.run()
	return g
}

// publish returns when f's bytes are durable under the name to. A context that ends while that is under way does not undo it.
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
	if g.all != nil {
		g.all.Close()
	}
}

func (g *group) run() {
	defer close(g.done)
	var synced []*publication // contents are durable, names are not
	for open := true; open || len(synced) > 0; {
		var fresh []*publication
		fresh, open = g.gather(len(synced) == 0, open)
		named := g.rename(synced)
		g.sync(fresh, named)
		synced = synced[:0:0]
		for _, p := range fresh {
			if p.err != nil {
				close(p.ready)
			} else {
				synced = append(synced, p)
			}
		}
		for _, p := range named {
			close(p.ready)
		}
	}
}

// gather takes all who wait; if there is nothing else to do it waits for the first.
func (g *group) gather(wait, open bool) ([]*publication, bool) {
	var batch []*publication
	if wait {
		p, ok := <-g.in
		if !ok {
			return nil, false
		}
		batch = append(batch, p)
	}
	for open && len(batch) < groupLimit {
		select {
		case p, ok := <-g.in:
			if !ok {
				return batch, false
			}
			batch = append(batch, p)
		default:
			return batch, true
		}
	}
	return batch, open
}

// rename gives synced contents their names and returns those that got one; the others are told why not.
func (g *group) rename(synced []*publication) []*publication {
	var named []*publication
	for _, p := range synced {
		if p.err = g.disk.rename(p.from, p.to); p.err != nil {
			close(p.ready)
			continue
		}
		named = append(named, p)
	}
	return named
}

// sync makes the contents of fresh and the names of named durable.
func (g *group) sync(fresh, named []*publication) {
	folders := map[string][]*publication{}
	for _, p := range named {
		folders[filepath.Dir(p.to)] = append(folders[filepath.Dir(p.to)], p)
	}
	if g.all != nil && len(fresh)+len(folders) > alone {
		if err := g.all.Sync(); err != nil {
			for _, p := range append(fresh, named...) {
				p.err = err
			}
		}
		return
	}
	type one struct {
		f   *publication
		dir string
	}
	var list []one
	for _, p := range fresh {
		list = append(list, one{f: p})
	}
	for dir := range folders {
		list = append(list, one{dir: dir})
	}
	each(list, func(o one) {
		if o.f != nil {
			o.f.err = o.f.f.Sync()
			return
		}
		if err := g.disk.syncDir(o.dir); err != nil {
			for _, p := range folders[o.dir] {
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
