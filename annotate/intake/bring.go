package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/internal/fault"
)

// Summary says what became of what was brought.
type Summary struct {
	Files    int       `json:"files"`
	Items    int       `json:"items"`    // found, with those that were refused
	Readings int       `json:"readings"` // that answers are in: opened, or open before
	Answers  int       `json:"answers"`  // new
	Changed  int       `json:"changed"`  // in drafts
	Same     int       `json:"same"`     // there before
	Before   int       `json:"items_of_readings_locked_before"`
	Locked   int       `json:"locked"`
	Passed   int       `json:"passed_over"` // what a file has beside answers: areas of masks that lie in another file
	DryRun   bool      `json:"dry_run,omitempty"`
	Refused  []Refused `json:"refused"`
	Warnings []Warning `json:"warnings"`
}

// Refused is an item that was not taken.
type Refused struct {
	Where  string `json:"where"` // file, and the item in it
	Reason string `json:"reason"`

	key  Key
	file int
}

// Warning is what to know of an item that was taken.
type Warning struct {
	Where string `json:"where"`
	Words string `json:"words"`
}

// found is an answer in a file.
type found struct {
	where  string
	file   int
	at     place
	answer annotate.Answer
	claims []claim
}

// Options of bringing.
type Options struct {
	Lock   bool // lock every reading whose items were all taken
	DryRun bool // check and measure everything, write nothing
}

// bringer puts answers into a member's readings.
type bringer struct {
	ctx     context.Context
	p       *annotate.Project
	who     string
	opt     Options
	s       *Summary
	opened  map[string]*annotate.ReadingView // by assignment; nil where a dry run would open one
	order   []string
	barred  map[string]bool // assignments that stay drafts
	answers map[[2]string]bool
}

// Bring gives what was read to the readings of the member, and measures and checks it. What does not fit is in the summary, not an error; errors are
// those of the project: what was brought before one is there, and bringing the same again goes on.
func (r *Reader) Bring(ctx context.Context, opt Options) (*Summary, error) {
	s := &Summary{Files: r.files, Items: len(r.found) + len(r.refused), Passed: r.passed, DryRun: opt.DryRun, Refused: []Refused{}, Warnings: []Warning{}}
	b := &bringer{ctx: ctx, p: r.project, who: r.who, opt: opt, s: s, opened: map[string]*annotate.ReadingView{}, barred: map[string]bool{}, answers: map[[2]string]bool{}}
	lost := map[int]bool{} // files with an item that nobody knows the case of
	for _, x := range r.refused {
		s.Refused = append(s.Refused, x)
		if at, err := r.pictures.find(x.key); err == nil {
			b.barred[at.task.Assignment] = true
		} else if x.key == (Key{}) {
			lost[x.file] = true
		}
	}
	for i := range r.found {
		f := &r.found[i]
		if err := ctx.Err(); err != nil {
			return s, err
		}
		if lost[f.file] {
			b.barred[f.at.task.Assignment] = true
		}
		if err := b.take(f); err != nil {
			return s, err
		}
	}
	return s, b.lock()
}

// take puts one answer, or says why not.
func (b *bringer) take(f *found) error {
	task := f.at.task
	if task.State == "locked" {
		b.s.Before++
		return nil
	}
	refuse := func(err error) error {
		b.s.Refused = append(b.s.Refused, Refused{Where: f.where, Reason: err.Error(), file: f.file})
		b.barred[task.Assignment] = true
		return nil
	}
	asked := f.answer // as it was given: the check adds numbers
	if err := b.p.Check(b.who, task.Assignment, &f.answer); err != nil {
		if c := fault.CodeOf(err); c == fault.Input || c == fault.Usage {
			return refuse(err)
		}
		return err
	}
	words, err := judge(f.claims, &f.answer)
	if err != nil {
		return refuse(err)
	}
	key := [2]string{task.Assignment, fmt.Sprint(f.answer.Item, f.answer.Image, f.answer.Frame, f.answer.To)}
	if b.answers[key] {
		return refuse(fault.New(fault.Conflict, "it was answered above"))
	}
	b.answers[key] = true
	v, err := b.open(task)
	if err != nil {
		return err
	}
	for _, w := range words {
		b.s.Warnings = append(b.s.Warnings, Warning{f.where, w})
	}
	op := annotate.Op{Kind: annotate.AnswerPut}
	if v != nil {
		for _, a := range v.Answers {
			if a.Item == f.answer.Item && a.Image == f.answer.Image && a.Frame == f.answer.Frame && a.To == f.answer.To {
				if same(a, &f.answer) {
					b.s.Same++
					return nil
				}
				op.Object, op.Base = a.ID, a.Version
			}
		}
	}
	if !b.opt.DryRun {
		if op.Data, err = json.Marshal(map[string]any{"reading": v.ID, "answer": asked}); err != nil {
			return refuse(fault.New(fault.Input, "an answer that can't be written"))
		}
		if _, err := b.p.Do(b.ctx, b.who, op); err != nil {
			if fault.CodeOf(err) == fault.Input {
				return refuse(err)
			}
			return err
		}
	}
	if op.Object != "" {
		b.s.Changed++
	} else {
		b.s.Answers++
	}
	return nil
}

// open is the reading of an assignment; nil where a dry run would open it.
func (b *bringer) open(task annotate.Task) (*annotate.ReadingView, error) {
	if v, done := b.opened[task.Assignment]; done {
		return v, nil
	}
	id := task.Reading
	if id == "" && !b.opt.DryRun {
		e, err := b.p.Do(b.ctx, b.who, annotate.Op{Kind: annotate.ReadingOpened, Object: task.Assignment})
		if err != nil {
			return nil, err
		}
		id = e.Object
	}
	var v *annotate.ReadingView
	if id != "" {
		var err error
		if v, err = b.p.Reading(b.who, id); err != nil {
			return nil, err
		}
	}
	b.opened[task.Assignment] = v
	b.order = append(b.order, task.Assignment)
	b.s.Readings++
	return v, nil
}

// lock makes readings final whose items were all taken. One that lacks a required answer is named.
func (b *bringer) lock() error {
	for i, id := range b.order {
		if !b.opt.Lock || b.opt.DryRun || b.barred[id] {
			continue
		}
		_, err := b.p.Do(b.ctx, b.who, annotate.Op{Kind: annotate.ReadingLocked, Object: b.opened[id].ID})
		switch {
		case fault.CodeOf(err) == fault.Input:
			b.s.Refused = append(b.s.Refused, Refused{Where: fmt.Sprintf("reading %d", i+1), Reason: err.Error()})
		case err != nil:
			return err
		default:
			b.s.Locked++
		}
	}
	return nil
}

// same says whether two answers say the same, numbers of record aside.
func same(a, b *annotate.Answer) bool {
	given := func(x annotate.Answer) []byte {
		x.ID, x.Version, x.Value, x.Unit, x.Results = "", 0, nil, "", nil
		out, err := json.Marshal(x)
		if err != nil {
			return nil
		}
		return out
	}
	x, y := given(*a), given(*b)
	return x != nil && bytes.Equal(x, y)
}

// Err is an error of code input if anything was refused: the program that called for it ends with its status.
func (s *Summary) Err() error {
	if len(s.Refused) == 0 {
		return nil
	}
	r := s.Refused[0]
	err := fmt.Errorf("%s: %s", r.Where, r.Reason)
	if n := len(s.Refused) - 1; n > 0 {
		err = errors.Join(err, fmt.Errorf("and %d more", n))
	}
	return fault.New(fault.Input, "%w", err)
}
