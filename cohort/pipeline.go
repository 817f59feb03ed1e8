package cohort

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
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
	first int    // place of slots[0] in the epoch
	rows  []int  // what really fills each slot; -1: left out
	there []bool // of studies: which of their slots hold a clip, [slots·V]
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
	for step := start; step < p.l.Steps(); step++ {
		w := &work{step: step, done: make(chan struct{})}
		w.slots, w.first = p.l.share(slots, step)
		if len(w.slots) == 0 {
			continue // the last batch is smaller than the ranks are many
		}
		w.rows, w.there = make([]int, len(w.slots)), make([]bool, len(w.slots)*len(p.l.c.Slots))
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
	v := len(l.c.Slots)
	b := &Batch{Step: w.step, Slots: v}
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
		b.Present = append(b.Present, w.there[i*v:(i+1)*v]...)
	}
	if len(b.Rows) == 0 {
		return nil
	}
	b.X = w.buf[: len(b.Rows)*l.item : len(b.Rows)*l.item]
	b.Shape = [5]int{len(b.Rows) * max(1, v), in.Planes(), in.Frames, in.Height, in.Width}
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
	var stream draws
	if l.cfg.Train {
		stream = l.drawsOf("augment", p.epoch, l.c.Rows[s.row].ID, s.nth)
	}
	if !l.cfg.Train && l.cfg.View > 0 {
		stream = l.drawsOf("view", l.cfg.View, l.c.Rows[s.row].ID)
	}
	err := p.read(j, s.row, stream)
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
	slotNo := j.w.first + j.at
	pick := l.cfg.Seed.Stream("substitute", p.epoch, slotNo)
	for try := range randomTries + len(pool) {
		row := pool[try%len(pool)]
		if try < randomTries {
			row = pool[pick.IntN(len(pool))]
		}
		err := p.read(j, row, l.drawsOf("augment", p.epoch, "substitute", slotNo, try))
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

// draws gives the random streams of one reading of a row: one for each of a study's slots, and one with which to choose among them.
type draws func(extra ...any) *rand.Rand

func (l *Loader) drawsOf(key ...any) draws {
	return func(extra ...any) *rand.Rand {
		return l.cfg.Seed.Stream(append(slices.Clone(key), extra...)...)
	}
}

// read fills the job's slots from row, drawing from stream (nil: nothing random).
func (p *pipeline) read(j job, row int, stream draws) error {
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
	err := error(nil)
	if l.c.Several() {
		err = p.readStudy(j, row, stream)
	} else {
		err = p.readClip(j, l.c.Rows[row].Path, 0, stream)
	}
	if err != nil {
		return err
	}
	for i := j.at; i < j.end; i++ {
		j.w.rows[i] = row
	}
	return nil
}

// readClip fills a slot of every study in the job, the only one where items are single clips. A mapped clip whose file fails or was cut
// while it is read is forgotten and decoded, once.
func (p *pipeline) readClip(j job, path string, at int, stream draws) error {
	src := source{path, p.l.cfg.Input.Channels == 1, p.l.work}
	err := p.readOnce(j, src, at, stream)
	if errors.Is(err, errFault) {
		p.l.cfg.Cache.forget(src)
		err = p.readOnce(j, src, at, stream)
	}
	return err
}

// errFault is an access to mapped memory that the system could not serve.
var errFault = errors.New("the cache's file cannot be read")

// readOnce is readClip without a second try. A panic of a decoder is that file's error.
func (p *pipeline) readOnce(j job, src source, at int, stream draws) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(interface{ Addr() uintptr }); ok {
				err = errFault
				return
			}
			err = fmt.Errorf("the decoder failed: %v", v)
		}
	}()
	l := p.l
	c, err := l.cfg.Cache.get(p.ctx, src, l.openWorking)
	if err != nil {
		return err
	}
	var rng *rand.Rand
	switch {
	case stream != nil && at > 0:
		rng = stream("slot", at)
	case stream != nil:
		rng = stream()
	}
	for i := j.at; i < j.end; i++ {
		from := i*l.item + at*l.clip
		dst := j.w.buf[from : from+l.clip : from+l.clip]
		if err := l.cfg.reader.prepare(c, l.cfg.Input, dst, rng, l.cfg.Augment, j.w.slots[i].clip); err != nil {
			return err
		}
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
	if l.c.Several() {
		l.bad[row] = err.Error() // its clips are quarantined one by one
		return
	}
	reason := WithoutPath(err, r.Path)
	l.bad[row] = reason
	l.quarantine = append(l.quarantine, Quarantine{r.Line, r.ID, reason})
}
