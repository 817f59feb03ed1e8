package learn

import (
	"runtime/debug"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// Observer is told what happens in a training, and has no part in it. The log, TensorBoard's events, the progress for people and MLflow's
// run are observers; TrainOptions.Observers adds a caller's own.
//
// Promises.
//   - One call at a time, from the training's goroutine: Started, then Logged for each line, then Ended, once. Every line is in log.jsonl
//     when a caller's observer is told of it.
//   - A training whose every epoch was done before is not started, and of several processes that train together rank 0's observers alone
//     are told.
//   - An error or a panic of a caller's observer is said in the progress and does not stop the training; it is told nothing more.
//
// The training waits for every call: one that sends over a network must queue. A line's maps and pointers are shared by all observers and
// are not to be written to.
type Observer interface {
	Started(at Start) error
	Logged(l LogLine, p Progress) error
	Ended(err error) // nil: the training came to its end
}

// Start is where a training begins, or goes on.
type Start struct {
	Resumed bool
	Epoch   int // from 0
	Step    int // optimiser steps done
}

// Progress is how far a training is when a line is logged.
type Progress struct {
	Epochs         int           // planned
	Batch, Batches int           // of the epoch: done, and all
	RowsPerSecond  float64       // of the recent batches
	Left           time.Duration // until the end of the training; 0: unknown
	Metric         string        // the monitored value of the last epoch, in words
}

// observers are who is told of a training. They were started.
type observers []Observer

// start begins to tell a list. Who fails stops it, and those before are told of the end.
func (o *observers) start(list []Observer, at Start) error {
	for _, w := range list {
		if err := w.Started(at); err != nil {
			return err
		}
		*o = append(*o, w)
	}
	return nil
}

func (o observers) log(l LogLine, p Progress) error {
	for _, w := range o {
		if err := w.Logged(l, p); err != nil {
			return err
		}
	}
	return nil
}

func (o observers) end(err error) {
	for _, w := range o {
		w.Ended(err)
	}
}

// guest is an observer of the caller's, whose trouble is its own.
type guest struct {
	Observer
	say  func(format string, args ...any)
	gone bool // it failed, and is told nothing more
}

func (g *guest) Started(at Start) error {
	g.tell(func() error { return g.Observer.Started(at) })
	return nil
}

func (g *guest) Logged(l LogLine, p Progress) error {
	g.tell(func() error { return g.Observer.Logged(l, p) })
	return nil
}

func (g *guest) Ended(err error) {
	g.tell(func() error { g.Observer.Ended(err); return nil })
}

func (g *guest) tell(fn func() error) {
	if g.gone {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			g.gone = true
			g.say("an observer (%T) panicked and is told nothing more: %v\n%s", g.Observer, p, debug.Stack())
		}
	}()
	if err := fn(); err != nil {
		g.gone = true
		g.say("an observer (%T) failed and is told nothing more: %v", g.Observer, err)
	}
}

// observers are who is told of this training, the log first: it is the record, and what it could not keep nobody is told.
func (t *trainer) observers() []Observer {
	list := []Observer{&journal{dir: t.opts.Dir}, &board{dir: t.opts.Dir}, t.report}
	if t.plan.Log != nil && t.plan.Log.MLflow != nil {
		list = append(list, &remote{plan: t.plan, opts: t.opts, digest: t.state.Plan, say: t.report.say})
	}
	for _, o := range t.opts.Observers {
		list = append(list, &guest{Observer: o, say: t.report.say})
	}
	return list
}

// open starts the clock of this process's part of the training, and tells who watches.
func (t *trainer) open(resumed bool) error {
	if t.lead() {
		if !resumed {
			if err := forget(t.opts.Dir); err != nil {
				return err
			}
		}
		if err := t.watch.start(t.observers(), Start{Resumed: resumed, Epoch: t.state.Epoch, Step: t.state.Step}); err != nil {
			return err
		}
	}
	t.started, t.before = time.Now(), t.state.Seconds
	t.saved = t.started
	if resumed {
		return nil
	}
	return t.tell(LogLine{Event: "start", Time: t.started.UTC().Format(time.RFC3339)})
}

// tell logs a line.
func (t *trainer) tell(l LogLine) error { return t.watch.log(l, t.progress()) }

// end tells who watches what became of the training. Without an error and without its end an operator's panic is passing by, which
// torch.Run makes an error of.
func (t *trainer) end(err error) {
	if err == nil && t.state.Stopped == "" {
		err = fault.New(fault.Internal, "training, epoch %d, step %d: it broke off", t.state.Epoch+1, t.state.Step+1)
	}
	t.watch.end(err)
}

// tellEpoch logs an epoch that has been validated.
func (t *trainer) tellEpoch(l LogLine, v validation) error {
	r := t.state.Running
	l.Event, l.Epoch, l.Step, l.Time = "epoch", t.state.Epoch, t.state.Step, time.Now().UTC().Format(time.RFC3339)
	l.Val, l.Undefined = v.values, v.undefined
	l.Rows, l.Seconds, l.Wait = r.Rows, round3(r.Seconds), round3(r.Wait)
	return t.tell(l)
}

// tellStop logs that the training came to its end, where it did.
func (t *trainer) tellStop() error {
	if t.state.Stopped == "" {
		return nil
	}
	return t.tell(LogLine{Event: "stop", Epoch: t.state.Epoch, Step: t.state.Step, Reason: t.state.Stopped})
}
