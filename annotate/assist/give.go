package assist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/internal/fault"
)

// Summary says what became of answers.
type Summary struct {
	Answers  int      `json:"answers"`
	Readings int      `json:"readings"`
	Locked   int      `json:"locked"`
	Before   int      `json:"readings_locked_before"`
	Unread   int      `json:"cases_without_an_answer"`
	Refused  []string `json:"refused,omitempty"` // why an answer was not taken
}

// Work is a member's assignments that can be read now, with their pictures.
type Work struct {
	Tasks []annotate.Task
	Files [][]string // by task
}

// WorkOf is what a member has before them; assignments that are locked are counted.
func WorkOf(p *annotate.Project, who string) (w Work, locked int, err error) {
	list, err := p.Worklist(who)
	if err != nil {
		return w, 0, err
	}
	for _, t := range list {
		if t.State == "locked" {
			locked++
			continue
		}
		pics, err := p.Pictures(who, t.Assignment)
		if errors.Is(err, annotate.ErrUnknown) { // its turn has not come
			continue
		}
		if err != nil {
			return w, locked, err
		}
		var files []string
		for _, pic := range pics {
			files = append(files, pic.File)
		}
		w.Tasks, w.Files = append(w.Tasks, t), append(w.Files, files)
	}
	return w, locked, nil
}

// Give puts answers into the member's readings and locks every reading that got one, where lock is set. What is there already is changed, so that
// a second time gives the same. An answer that the project refuses is named and leaves its reading open.
func (w Work) Give(ctx context.Context, p *annotate.Project, who string, list []Given, lock bool) (Summary, error) {
	var s Summary
	byFile := map[string]int{}
	for i, files := range w.Files {
		for _, f := range files {
			byFile[f] = i
		}
	}
	mine := make([][]annotate.Answer, len(w.Tasks))
	for _, g := range list {
		i, ok := byFile[g.File]
		if !ok {
			return s, fault.New(fault.Input, "an answer is about a picture that %s does not have to read", who)
		}
		mine[i] = append(mine[i], g.Answer)
	}
	for i, answers := range mine {
		if len(answers) == 0 {
			s.Unread++
			continue
		}
		whole, err := s.fill(ctx, p, who, w.Tasks[i], answers)
		if err != nil {
			return s, err
		}
		if !lock || !whole {
			continue
		}
		v, err := view(ctx, p, who, w.Tasks[i])
		if err != nil {
			return s, err
		}
		switch _, err := p.Do(ctx, who, annotate.Op{Kind: annotate.ReadingLocked, Object: v.ID}); {
		case err == nil:
			s.Locked++
		case fault.CodeOf(err) == fault.Input: // something is still to be answered
			s.Refused = append(s.Refused, fmt.Sprintf("case %d: %v", w.Tasks[i].Order, err))
		default:
			return s, err
		}
	}
	return s, nil
}

// view is the reading of a task, which is opened where it is not.
func view(ctx context.Context, p *annotate.Project, who string, t annotate.Task) (*annotate.ReadingView, error) {
	id := t.Reading
	if id == "" {
		list, err := p.Worklist(who)
		if err != nil {
			return nil, err
		}
		for _, now := range list {
			if now.Assignment == t.Assignment {
				id = now.Reading
			}
		}
	}
	if id == "" {
		e, err := p.Do(ctx, who, annotate.Op{Kind: annotate.ReadingOpened, Object: t.Assignment})
		if err != nil {
			return nil, err
		}
		id = e.Object
	}
	return p.Reading(who, id)
}

// fill puts answers into a reading; whole says that all were taken.
func (s *Summary) fill(ctx context.Context, p *annotate.Project, who string, t annotate.Task, answers []annotate.Answer) (whole bool, err error) {
	v, err := view(ctx, p, who, t)
	if err != nil {
		return false, err
	}
	s.Readings++
	whole = true
	for _, a := range answers {
		op := annotate.Op{Kind: annotate.AnswerPut}
		for _, old := range v.Answers {
			if old.Item == a.Item && old.Image == a.Image && old.Frame == a.Frame && old.To == a.To {
				op.Object, op.Base = old.ID, old.Version
			}
		}
		if op.Data, err = json.Marshal(map[string]any{"reading": v.ID, "answer": a}); err != nil {
			return false, err
		}
		switch _, err := p.Do(ctx, who, op); {
		case err == nil:
			s.Answers++
		case fault.CodeOf(err) == fault.Input:
			s.Refused = append(s.Refused, fmt.Sprintf("case %d: %v", t.Order, err))
			whole = false
		default:
			return false, err
		}
	}
	return whole, nil
}
