// Package intake takes readings that were made elsewhere into a project: a model's, or earlier ones of people, as rows of a table.
//
// A row is one answer. Columns: file (any picture of the case, as the project names it), item, and one of choice (several joined by |), value, text,
// cannot_assess, points ([[x,y],…] in pixels, for a measurement); with image and frame where the item is asked of them, confidence where
// it is asked for. Each case becomes a reading of the member who brings the table, under the same rules as any other: it must be
// assigned to them, it is checked and measured by the project, and once it is locked it stays.
//
// Promises: a table that was brought before adds nothing; a row that does not fit is named by its number, and nothing of its reading is locked.
package intake

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// Summary says what became of a table.
type Summary struct {
	Rows     int `json:"rows"`
	Readings int `json:"readings"` // opened, or open before
	Answers  int `json:"answers"`
	Locked   int `json:"locked"`
	Before   int `json:"readings_locked_before"`
}

var columns = []string{"file", "item", "image", "frame", "to", "choice", "value", "text", "cannot_assess", "points", "confidence"}

// row is one answer and where it stands in the table.
type row struct {
	line   int
	file   string
	answer annotate.Answer
}

// CSV brings a table to a project in the name of a member, and locks every reading it fills if lock is set. Code input where the table does not
// fit, with the row's number; then the rows before it are in the project as drafts.
func CSV(ctx context.Context, p *annotate.Project, who string, table io.Reader, lock bool) (Summary, error) {
	var s Summary
	proto, err := p.Protocol(who)
	if err != nil {
		return s, err
	}
	rows, err := read(table, proto)
	if err != nil {
		return s, err
	}
	s.Rows = len(rows)
	tasks, err := byFile(p, who)
	if err != nil {
		return s, err
	}
	done := map[string]*annotate.ReadingView{} // by assignment
	var order []string
	for _, r := range rows {
		task, ok := tasks[r.file]
		if !ok {
			return s, fault.New(fault.Input, "row %d: its file is of no case that %s may read now", r.line, who)
		}
		if task.State == "locked" {
			s.Before++
			continue
		}
		v := done[task.Assignment]
		if v == nil {
			if v, err = open(ctx, p, who, task); err != nil {
				return s, fmt.Errorf("row %d: %w", r.line, err)
			}
			done[task.Assignment] = v
			order = append(order, task.Assignment)
			s.Readings++
		}
		if err := put(ctx, p, who, v, r); err != nil {
			return s, fmt.Errorf("row %d: %w", r.line, err)
		}
		s.Answers++
	}
	for _, id := range order {
		if !lock {
			break
		}
		if _, err := p.Do(ctx, who, annotate.Op{Kind: annotate.ReadingLocked, Object: done[id].ID}); err != nil {
			return s, err
		}
		s.Locked++
	}
	return s, nil
}

// byFile are the member's assignments by the names of their pictures.
func byFile(p *annotate.Project, who string) (map[string]annotate.Task, error) {
	list, err := p.Worklist(who)
	if err != nil {
		return nil, err
	}
	out := map[string]annotate.Task{}
	for _, task := range list {
		pics, err := p.Pictures(who, task.Assignment)
		if errors.Is(err, annotate.ErrUnknown) { // its turn has not come
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, pic := range pics {
			if old, ok := out[pic.File]; !ok || old.State == "locked" {
				out[pic.File] = task
			}
		}
	}
	return out, nil
}

func open(ctx context.Context, p *annotate.Project, who string, task annotate.Task) (*annotate.ReadingView, error) {
	id := task.Reading
	if id == "" {
		e, err := p.Do(ctx, who, annotate.Op{Kind: annotate.ReadingOpened, Object: task.Assignment})
		if err != nil {
			return nil, err
		}
		id = e.Object
	}
	return p.Reading(who, id)
}

// put gives an answer, or changes the one that a draft has to the same question.
func put(ctx context.Context, p *annotate.Project, who string, v *annotate.ReadingView, r row) error {
	op := annotate.Op{Kind: annotate.AnswerPut}
	for _, a := range v.Answers {
		if a.Item == r.answer.Item && a.Image == r.answer.Image && a.Frame == r.answer.Frame && a.To == r.answer.To {
			op.Object, op.Base = a.ID, a.Version
		}
	}
	var err error
	if op.Data, err = json.Marshal(map[string]any{"reading": v.ID, "answer": r.answer}); err != nil {
		return err
	}
	_, err = p.Do(ctx, who, op)
	return err
}

// read reads the table. Nothing of a cell is in an error.
func read(table io.Reader, proto *protocol.Protocol) ([]row, error) {
	c := csv.NewReader(table)
	head, err := c.Read()
	if err != nil {
		return nil, fault.New(fault.Input, "the table has no header")
	}
	at := map[string]int{}
	for i, name := range head {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if !slices.Contains(columns, name) {
			return nil, fault.New(fault.Input, "column %d is none of %v", i+1, columns)
		}
		at[name] = i
	}
	for _, need := range []string{"file", "item"} {
		if _, ok := at[need]; !ok {
			return nil, fault.New(fault.Input, "the table has no column %s", need)
		}
	}
	var out []row
	for line := 2; ; line++ {
		rec, err := c.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fault.New(fault.Input, "row %d can't be read", line)
		}
		cell := func(name string) string {
			if i, ok := at[name]; ok {
				return strings.TrimSpace(rec[i])
			}
			return ""
		}
		r, err := rowOf(cell, proto)
		if err != nil {
			return nil, fault.New(fault.Input, "row %d: %w", line, err)
		}
		r.line = line
		out = append(out, r)
	}
}

func rowOf(cell func(string) string, proto *protocol.Protocol) (row, error) {
	r := row{file: cell("file")}
	it := proto.Item(cell("item"))
	if it == nil {
		return r, errors.New("the protocol has no item of that name")
	}
	a := &r.answer
	a.Item, a.Text, a.CannotAssess = it.Name, cell("text"), cell("cannot_assess")
	for name, to := range map[string]*int{"image": &a.Image, "frame": &a.Frame, "to": &a.To} {
		if v := cell(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil {
				return r, fmt.Errorf("column %s is no whole number", name)
			}
			*to = n
		}
	}
	if v := cell("choice"); v != "" {
		a.Choice = strings.Split(v, "|")
	}
	if v := cell("value"); v != "" {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return r, errors.New("column value is no number")
		}
		a.Number = &n
	}
	if v := cell("confidence"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return r, errors.New("column confidence is no whole number")
		}
		a.Confidence = &n
	}
	if v := cell("points"); v != "" {
		if it.Kind != protocol.Measurement {
			return r, errors.New("points are of measurements")
		}
		d := annotate.Drawn{Image: max(1, a.Image), Shape: measure.Shape{Kind: it.Shape, Frame: a.Frame}}
		if err := json.Unmarshal([]byte(v), &d.Points); err != nil {
			return r, errors.New("column points is not of the form [[x,y],…]")
		}
		a.Shapes = []annotate.Drawn{d}
		if it.Scope == protocol.Image || it.Scope == protocol.Exam { // the frame is the shape's
			a.Frame = 0
		}
	}
	return r, nil
}
