package catalog

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/store/internal/sqldb"
)

// group commits the entries that wait at the moment in one transaction: its fsync costs the same for one as for a hundred.
type group struct {
	c    *Catalog
	in   chan *pending
	done chan struct{}
	once sync.Once
}

type pending struct {
	entry Entry
	out   Outcome
	err   error
	ready chan struct{}

	refused error // by the guard
}

const groupLimit = 256

func newGroup(c *Catalog) *group {
	g := &group{c: c, in: make(chan *pending, groupLimit), done: make(chan struct{})}
	go g.run()
	return g
}

func (g *group) add(ctx context.Context, e Entry) (Outcome, error) {
	if err := ctx.Err(); err != nil {
		return Outcome{}, err
	}
	p := &pending{entry: e, ready: make(chan struct{})}
	g.in <- p
	<-p.ready
	return p.out, p.err
}

func (g *group) stop() {
	g.once.Do(func() { close(g.in) })
	<-g.done
}

func (g *group) run() {
	defer close(g.done)
	for p := range g.in {
		batch := []*pending{p}
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

// commit records the batch in one transaction; if that fails, each entry in its own, so that the faulty one alone fails.
func (g *group) commit(batch []*pending) {
	// One order for all processes: two that add to the same studies do not deadlock.
	sorted := slices.SortedStableFunc(slices.Values(batch), func(a, b *pending) int { return cmp.Compare(a.entry.key(), b.entry.key()) })
	if g.transact(sorted) == nil || len(sorted) == 1 {
		return
	}
	for _, p := range sorted {
		_ = g.transact([]*pending{p}) // the error is in p
	}
}

func (e Entry) key() string {
	if e.Instance == nil {
		return ""
	}
	return e.Instance.StudyUID + " " + e.Instance.SeriesUID + " " + e.Instance.SOPInstanceUID
}

func (g *group) transact(batch []*pending) error {
	ctx := context.Background()
	err := g.c.db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Share(ctx, "objects"); err != nil {
			return err
		}
		guard(ctx, batch)
		for _, p := range batch {
			if p.refused != nil {
				continue
			}
			var err error
			if p.out, err = g.c.addOne(ctx, tx, p.entry); err != nil {
				return err
			}
		}
		return nil
	})
	for _, p := range batch {
		if p.err = p.refused; p.err == nil {
			p.err = sqldb.Wrap(err, "recording in the catalog")
		}
	}
	return err
}

// guardsAtOnce is how many guards run together: they ask object stores that answer after milliseconds.
const guardsAtOnce = 32

func guard(ctx context.Context, batch []*pending) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, guardsAtOnce)
	for _, p := range batch {
		if p.entry.Guard == nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			p.refused = p.entry.Guard(ctx)
			<-slots
		})
	}
	wg.Wait()
}
