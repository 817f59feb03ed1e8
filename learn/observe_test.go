package learn

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// diary is an observer that writes down what it is told, and may fail.
type diary struct {
	log      string // path of log.jsonl: its last line must be the one that is told
	starts   []Start
	lines    []LogLine
	progress []Progress
	ends     []error
	bad      []string
	fail     func(l LogLine) error
}

func (d *diary) Started(at Start) error {
	d.starts = append(d.starts, at)
	return nil
}

func (d *diary) Logged(l LogLine, p Progress) error {
	if len(d.starts) == 0 || len(d.ends) > 0 {
		d.bad = append(d.bad, "a line before the start, or after the end")
	}
	d.lines, d.progress = append(d.lines, l), append(d.progress, p)
	if d.log != "" {
		if kept, err := ReadLog(d.log); err != nil || cmp.Diff(kept[len(kept)-1], l, cmpopts.EquateEmpty()) != "" {
			d.bad = append(d.bad, "a line that is not in the log")
		}
	}
	if d.fail != nil {
		return d.fail(l)
	}
	return nil
}

func (d *diary) Ended(err error) { d.ends = append(d.ends, err) }

// TestObserversAreTold: of scores and of masks, an observer is told of the start, of every line that the log has and of the end, also when
// the training is interrupted and goes on; others that fail or panic are left behind; and the weights are what they are without any.
func TestObserversAreTold(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 16))
	p.Train.Epochs, p.Train.BatchSize = 2, 2
	c := loadToy(t, p)
	masks, cases, fold := maskToy(t)
	masks.Train.Epochs, masks.Segment.Iterations = 2, 4
	for name, k := range map[string]struct {
		train func(context.Context, TrainOptions) (*TrainResult, error)
		opts  TrainOptions
	}{
		"scores": {Train, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c)}},
		"masks":  {TrainMasks, TrainOptions{Plan: masks, Cohort: cases, Fold: fold}},
	} {
		t.Run(name, func(t *testing.T) {
			o, said := k.opts, strings.Builder{}
			alone := o
			alone.Dir = t.TempDir()
			if _, err := k.train(t.Context(), alone); err != nil {
				t.Fatal(err)
			}
			o.Dir, o.Resume, o.Progress = t.TempDir(), true, &said
			log := filepath.Join(o.Dir, "log.jsonl")
			failing := &diary{fail: func(LogLine) error { return errors.New("no room in the diary") }}
			panicking := &diary{fail: func(l LogLine) error {
				if l.Step == 1 {
					panic("out of ink")
				}
				return nil
			}}
			watching := &diary{log: log}
			o.Observers = []Observer{failing, panicking, watching}
			ctx, cancel := context.WithCancel(t.Context())
			o.afterStep = func(t *trainer) {
				if t.state.Step == 3 {
					cancel()
				}
			}
			if _, err := k.train(ctx, o); fault.CodeOf(err) != fault.Interrupted {
				t.Fatal(err)
			}
			if len(failing.lines) != 1 || len(failing.ends) != 0 || len(panicking.lines) != 2 || len(panicking.ends) != 0 {
				t.Errorf("after their failures they were told %d and %d lines", len(failing.lines), len(panicking.lines))
			}
			for _, want := range []string{"no room in the diary", "out of ink", "observe_test.go"} {
				if strings.Count(said.String(), want) != 1 && want != "observe_test.go" || !strings.Contains(said.String(), want) {
					t.Errorf("%q is not said once:\n%s", want, said.String())
				}
			}
			if len(watching.ends) != 1 || fault.CodeOf(watching.ends[0]) != fault.Interrupted || len(watching.lines) != 4 {
				t.Errorf("an interrupted training: %d lines, end %v", len(watching.lines), watching.ends)
			}
			last := watching.progress[3]
			if last.Epochs != 2 || last.Batch != 3 || last.Batches < 3 || last.RowsPerSecond <= 0 || last.Left <= 0 {
				t.Errorf("progress %+v", last)
			}

			o.afterStep, o.Observers = nil, []Observer{&diary{log: log}}
			on := o.Observers[0].(*diary)
			r, err := k.train(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(on.starts) != 1 || on.starts[0].Step != 3 || !on.starts[0].Resumed || len(on.ends) != 1 || on.ends[0] != nil || on.lines[len(on.lines)-1].Reason != r.Stopped {
				t.Errorf("going on: starts %+v, ends %v", on.starts, on.ends)
			}
			all, err := ReadLog(log)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(all, append(watching.lines, on.lines...), cmpopts.EquateEmpty()); d != "" || len(watching.bad)+len(on.bad) > 0 {
				t.Errorf("the log and what was told differ: %s%v%v", d, watching.bad, on.bad)
			}
			_, a := values(t, alone.Dir, lastFile)
			_, b := values(t, o.Dir, lastFile)
			if tensorDigest(a) != tensorDigest(b) || curve(t, alone.Dir) != curve(t, o.Dir) {
				t.Error("who watches changes what is learnt")
			}

			o.Observers = []Observer{&diary{}}
			if _, err := k.train(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if d := o.Observers[0].(*diary); len(d.starts)+len(d.lines)+len(d.ends) > 0 {
				t.Errorf("told of a training that was done before: %+v", d)
			}
		})
	}
}

// TestObserversOfBrokenTrainings: an operator's panic is no good end, and a log that cannot be written stops the training before anybody else
// is told.
func TestObserversOfBrokenTrainings(t *testing.T) {
	needEngine(t)
	p := toyPlan(toyClips(t, 16))
	c := loadToy(t, p)
	d := &diary{}
	o := TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: t.TempDir(), Observers: []Observer{d}, afterStep: func(t *trainer) {
		t.e.FromFloat32([]float32{1, 2, 3}, 3).Reshape(2, 2)
	}}
	if _, err := Train(t.Context(), o); err == nil {
		t.Fatal("three numbers in a square")
	}
	if len(d.ends) != 1 || fault.CodeOf(d.ends[0]) != fault.Internal || d.ends[0] == nil {
		t.Errorf("ends %v", d.ends)
	}

	d = &diary{}
	o.Dir, o.Observers, o.afterStep = filepath.Join(t.TempDir(), "full"), []Observer{d}, nil
	if err := os.WriteFile(o.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Train(t.Context(), o); err == nil {
		t.Error("a training without a log")
	}
	if len(d.starts)+len(d.ends) != 0 {
		t.Errorf("told of a training that did not start: %+v", d)
	}
}

// TestObserversStart: who fails at the start stops it, and those who were started before are told of the end.
func TestObserversStart(t *testing.T) {
	dir := t.TempDir()
	first, later := &diary{}, &diary{}
	var told observers
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := &board{dir: file}
	if err := told.start([]Observer{&journal{dir: dir}, first, broken, later}, Start{}); err == nil {
		t.Fatal("a board without a folder")
	}
	told.end(errors.New("it did not start"))
	if len(first.starts) != 1 || len(first.ends) != 1 || len(later.starts)+len(later.ends) != 0 {
		t.Errorf("first %+v, later %+v", first, later)
	}
	var none observers // of a process that does not lead
	if err := none.log(LogLine{Event: "step"}, Progress{}); err != nil {
		t.Error(err)
	}
	none.end(nil)
}
