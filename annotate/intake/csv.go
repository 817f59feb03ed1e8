package intake

import (
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

// CSV reads a table, an answer a row. Columns: file (any picture of the case), item, and one of choice (several joined by |), value, text, cannot_assess, points
// ([[x,y],…] in pixels, for a measurement); with image and frame where the item is asked of them, confidence where it is asked for. Code input where it is no
// such table; a row that does not fit is refused by itself.
func (r *Reader) CSV(name string, table io.Reader) error {
	r.begin(name)
	rows, err := readCSV(table, r.proto)
	if err != nil {
		return err
	}
	for _, row := range rows {
		item := fmt.Sprintf("row %d", row.line)
		k := Key{Name: row.file}
		if row.err != nil {
			r.refuse(item, k, row.err)
			continue
		}
		at, err := r.pictures.find(k)
		if err != nil {
			r.refuse(item, k, err)
			continue
		}
		r.keep(item, at, row.answer)
	}
	return nil
}

var columns = []string{"file", "item", "image", "frame", "to", "choice", "value", "text", "cannot_assess", "points", "confidence"}

// row is one answer and where it stands in the table.
type row struct {
	line   int
	file   string
	answer annotate.Answer
	err    error // why it is none
}

// readCSV reads the table. Nothing of a cell is in an error.
func readCSV(table io.Reader, proto *protocol.Protocol) ([]row, error) {
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
			var bad *csv.ParseError
			if !errors.As(err, &bad) {
				return nil, fault.New(fault.Input, "the table can't be read to its end")
			}
			out = append(out, row{line: line, err: errors.New("it can't be read")})
			continue
		}
		cell := func(name string) string {
			if i, ok := at[name]; ok {
				return strings.TrimSpace(rec[i])
			}
			return ""
		}
		r, err := rowOf(cell, proto)
		r.line, r.err = line, err
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
