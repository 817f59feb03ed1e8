package cohort

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/cineloop/cineloop/internal/fault"
)

// pipeline is one epoch on its way: a scheduler hands jobs to workers, in order and only as far ahead as there are free buffers.
type pipeline struct {
	l      *Loader
	epoch  int
	ctx    context.Context
	cancel context.CancelFunc
	parent context.Context
	jobs   chan job
	ready  chan *work // batches in order, some still being filled
	wg     sync.WaitGroup
}

// work is a batch being filled.
type work struct {
	step  int
	buf   []float32
	slots []slot
	rows  []int // what really fills each slot; -1: left out
	left  atomic.Int64
	done  chan struct{}
	mu    sync.Mutex
	err   error
}

// job is neighbouring slots of one row in one batch: one decoded clip serves them all.
type job struct {
	w       *work
	at, end int
}

func newPipeline(ctx context.Context, l *Loader, epoch, start int) *pipeline {
	p := &pipeline{l: l, epoch: epoch, parent: ctx, jobs: make(chan job), ready: make(chan *work, l.cfg.Ahead)}
	p.ctx, p.cancel = context.WithCancel(ctx)
	slots := l.order(epoch)
	p.wg.Go(func() { p.schedule(slots, start) })
	for range l.cfg.Workers {
		p.wg.Go(p.work)
	}
	return p
}

func (p *pipeline) schedule(slots []slot, start int) {
	defer close(p.jobs)
	defer close(p.ready)
	size := p.l.cfg.BatchSize
	for step := start; step < p.l.Steps(); step++ {
		w := &work{step: step, slots: slots[step*size : min(len(slots), (step+1)*size)], done: make(chan struct{})}
		w.rows = make([]int, len(w.slots))
		select {
		case w.buf = <-p.l.free:
		case <-p.ctx.Done():
			return
		}
		var jobs []job
		for i := 0; i < len(w.slots); {
			j := i + 1
			for j < len(w.slots) && !p.l.cfg.Train && w.slots[j].row == w.slots[i].row {
				j++
			}
			jobs = append(jobs, job{w, i, j})
			i = j
		}
		w.left.Store(int64(len(jobs)))
		select {
		case p.ready <- w:
		case <-p.ctx.Done():
			p.l.giveBack(w.buf)
			return
		}
		for _, j := range jobs {
			select {
			case p.jobs <- j:
			case <-p.ctx.Done():
				return
			}
		}
	}
}

func (p *pipeline) work() {
	for j := range p.jobs {
		if err := p.fill(j); err != nil {
			j.w.mu.Lock()
			if j.w.err == nil {
				j.w.err = err
			}
			j.w.mu.Unlock()
		}
		if j.w.left.Add(-1) == 0 {
			close(j.w.done)
		}
	}
}

// next is the next batch that has any item; nil at the epoch's end.
func (p *pipeline) next() (*Batch, error) {
	for {
		w, open := <-p.ready
		if !open {
			return nil, p.parent.Err()
		}
		select {
		case <-w.done:
		case <-p.ctx.Done():
			p.l.giveBack(w.buf)
			return nil, p.ctx.Err()
		}
		if w.err != nil {
			p.l.giveBack(w.buf)
			return nil, w.err
		}
		if b := p.l.deliver(w); b != nil {
			return b, nil
		}
		p.l.giveBack(w.buf)
	}
}

// stop ends the epoch: when it returns, no goroutine of it is left and every buffer that the consumer does not hold is free.
func (p *pipeline) stop() {
	p.cancel()
	for range p.jobs { // so that no worker or scheduler is blocked on it
	}
	p.wg.Wait()
	for w := range p.ready {
		p.l.giveBack(w.buf)
	}
}

// deliver closes the gaps of slots that were left out; nil when none is filled.
func (l *Loader) deliver(w *work) *Batch {
	in := l.cfg.Input
	b := &Batch{Step: w.step}
	for i, r := range w.rows {
		if r < 0 {
			continue
		}
		n := len(b.Rows)
		if n < i {
			copy(w.buf[n*l.item:(n+1)*l.item], w.buf[i*l.item:(i+1)*l.item])
		}
		b.Rows = append(b.Rows, r)
		b.EvalClip = append(b.EvalClip, w.slots[i].clip)
	}
	if len(b.Rows) == 0 {
		return nil
	}
	b.X = w.buf[: len(b.Rows)*l.item : len(b.Rows)*l.item]
	b.Shape = [5]int{len(b.Rows), in.Channels, in.Frames, in.Height, in.Width}
	l.held.Add(1)
	b.release = func() {
		l.giveBack(w.buf)
		l.held.Add(-1)
	}
	return b
}

// fill decodes and transforms a job's items, or finds a substitute.
func (p *pipeline) fill(j job) error {
	l, s := p.l, j.w.slots[j.at]
	var rng *rand.Rand
	if l.cfg.Train {
		rng = l.cfg.Seed.Stream("augment", p.epoch, l.c.Rows[s.row].ID, s.nth)
	}
	if !l.cfg.Train && l.cfg.View > 0 {
		rng = l.cfg.Seed.Stream("view", l.cfg.View, l.c.Rows[s.row].ID)
	}
	err := p.read(j, s.row, rng)
	if err == nil || fatal(p.ctx, err) {
		return err
	}
	l.reject(s.row, err)
	if l.cfg.Train {
		return p.substitute(j)
	}
	for i := j.at; i < j.end; i++ {
		j.w.rows[i] = -1
	}
	l.mu.Lock()
	l.stats.Skipped += j.end - j.at
	l.mu.Unlock()
	return nil
}

// randomTries is how many rows drawn at random may stand in for a broken one before all are tried in turn.
const randomTries = 64

// substitute fills a training slot from another row, of the same class when balanced, drawn from (seed, epoch, slot).
func (p *pipeline) substitute(j job) error {
	l := p.l
	pool := l.rows
	if k, ok := l.classOf[j.w.slots[j.at].row]; ok {
		pool = l.classes[k]
	}
	slotNo := j.w.step*l.cfg.BatchSize + j.at
	pick := l.cfg.Seed.Stream("substitute", p.epoch, slotNo)
	for try := range randomTries + len(pool) {
		row := pool[try%len(pool)]
		if try < randomTries {
			row = pool[pick.IntN(len(pool))]
		}
		err := p.read(j, row, l.cfg.Seed.Stream("augment", p.epoch, "substitute", slotNo, try))
		if fatal(p.ctx, err) {
			return err
		}
		if err == nil {
			l.mu.Lock()
			l.stats.Replaced++
			l.mu.Unlock()
			return nil
		}
		l.reject(row, err)
	}
	row := j.w.slots[j.at].row
	l.mu.Lock()
	defer l.mu.Unlock()
	return fault.New(fault.Input, "line %d: %s; and none of the %d rows that could stand in for it can be read", l.c.Rows[row].Line, l.bad[row], len(pool))
}

// errKnown is the error of a row that is quarantined already.
var errKnown = errors.New("quarantined before")

// read fills the job's slots from row. A panic of a decoder is that file's error.
func (p *pipeline) read(j job, row int, rng *rand.Rand) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the decoder failed: %v", v)
		}
	}()
	l := p.l
	l.mu.Lock()
	_, known := l.bad[row]
	l.mu.Unlock()
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if known {
		return errKnown
	}
	c, err := l.cfg.Cache.get(p.ctx, source{l.c.Rows[row].Path, l.cfg.Input.Channels == 1}, l.cfg.reader.open)
	if err != nil {
		return err
	}
	for i := j.at; i < j.end; i++ {
		dst := j.w.buf[i*l.item : (i+1)*l.item : (i+1)*l.item]
		if err := l.cfg.reader.prepare(c, l.cfg.Input, dst, rng, l.cfg.Augment, j.w.slots[i].clip); err != nil {
			return err
		}
		j.w.rows[i] = row
	}
	return nil
}

// fatal says whether err ends the epoch rather than the row: cancellation, and what every file would meet (a tool that is absent, a
// specification that contradicts itself).
func fatal(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	code := fault.CodeOf(err)
	return ctx.Err() != nil || code == fault.Missing || code == fault.Usage
}

func (l *Loader) reject(row int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.bad[row]; known {
		return
	}
	r := l.c.Rows[row]
	reason := WithoutPath(err, r.Path)
	l.bad[row] = reason
	l.quarantine = append(l.quarantine, Quarantine{r.Line, r.ID, reason})
}
