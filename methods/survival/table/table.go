// Package table reads predictions of times to an event from CSV: labels, risks, and survival or incidence at the times that columns
// name. It takes readers, not files.
package table

import (
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
)

// point is a column of a curve.
type point struct {
	time   float64
	column int
}

// layout says which column is what; −1: absent.
type layout struct {
	time, event, entry, risk, patient int
	surv                              []point
	cif                               map[int][]point
}

// Read reads predictions: time (or duration), event, and risk, surv@T or cifK@T columns; patient and entry are optional. Other columns are
// left alone. The error is Input and names the row, counted from 1 after the header, and the column.
func Read(name string, r io.Reader) (survival.Predicted, error) {
	var p survival.Predicted
	rows, lay, err := open(name, r)
	if err != nil {
		return p, err
	}
	if p.Labels, err = labels(name, rows, lay); err != nil {
		return p, err
	}
	if lay.risk < 0 && len(lay.surv) == 0 && len(lay.cif) == 0 {
		return p, fault.New(fault.Input, "%s: no predictions: want a column risk, or surv@T for some times T, or cif1@T", name)
	}
	if lay.risk >= 0 {
		if p.Risk, err = column(name, rows, lay.risk); err != nil {
			return p, err
		}
	}
	if lay.patient >= 0 {
		for _, row := range rows[1:] {
			p.Patient = append(p.Patient, row[lay.patient])
		}
	}
	if p.Curves, err = curves(name, rows, lay.surv, 1); err != nil {
		return p, err
	}
	for k := 1; k <= len(lay.cif); k++ {
		points, ok := lay.cif[k]
		if !ok {
			return p, fault.New(fault.Input, "%s: incidence of cause %d is missing", name, k).WithHint("causes are numbered 1, 2, …")
		}
		c, err := curves(name, rows, points, 0)
		if err != nil {
			return p, err
		}
		p.Incidence = append(p.Incidence, c)
	}
	return p, nil
}

// ReadLabels reads time and event (and entry) only.
func ReadLabels(name string, r io.Reader) (survival.Labels, error) {
	rows, lay, err := open(name, r)
	if err != nil {
		return survival.Labels{}, err
	}
	return labels(name, rows, lay)
}

func open(name string, r io.Reader) ([][]string, layout, error) {
	lay := layout{time: -1, event: -1, entry: -1, risk: -1, patient: -1, cif: map[int][]point{}}
	rows, err := csv.NewReader(r).ReadAll()
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return nil, lay, fault.New(fault.Input, "%s: line %d: %w", name, wrong.Line, wrong.Err)
	}
	if err != nil {
		return nil, lay, fault.New(fault.Input, "%s: %w", name, err)
	}
	if len(rows) < 2 {
		return nil, lay, fault.New(fault.Input, "%s: no rows", name)
	}
	for i, h := range rows[0] {
		h = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
		switch lower := strings.ToLower(h); lower {
		case "time", "duration":
			lay.time = i
		case "event":
			lay.event = i
		case "entry":
			lay.entry = i
		case "risk":
			lay.risk = i
		case "patient", "patient_id":
			lay.patient = i
		default:
			kind, at, ok := strings.Cut(lower, "@")
			if !ok {
				continue
			}
			t, err := strconv.ParseFloat(at, 64)
			if err != nil || math.IsNaN(t) || math.IsInf(t, 0) || t < 0 {
				return nil, lay, fault.New(fault.Input, "%s: column %q: %q is no time", name, h, at)
			}
			if kind == "surv" {
				lay.surv = append(lay.surv, point{t, i})
			} else if digits, ok := strings.CutPrefix(kind, "cif"); ok {
				k, err := strconv.Atoi(digits)
				if err != nil || k < 1 || k > 100 {
					return nil, lay, fault.New(fault.Input, "%s: column %q: want cif1@T, cif2@T, …", name, h)
				}
				lay.cif[k] = append(lay.cif[k], point{t, i})
			}
		}
	}
	if lay.time < 0 || lay.event < 0 {
		return nil, lay, fault.New(fault.Input, "%s: want the columns time and event; there are %s", name, strings.Join(rows[0], ", "))
	}
	return rows, lay, nil
}

func labels(name string, rows [][]string, lay layout) (survival.Labels, error) {
	var l survival.Labels
	var err error
	if l.Time, err = column(name, rows, lay.time); err != nil {
		return l, err
	}
	events, err := column(name, rows, lay.event)
	if err != nil {
		return l, err
	}
	for i, e := range events {
		if e != math.Trunc(e) || e < 0 || e > 100 {
			return l, fault.New(fault.Input, "%s: row %d: the event is %g; want 0, 1, 2, …", name, i+1, e)
		}
		l.Event = append(l.Event, int(e))
	}
	if lay.entry >= 0 {
		if l.Entry, err = column(name, rows, lay.entry); err != nil {
			return l, err
		}
	}
	if err := l.Check(); err != nil {
		return l, fault.New(fault.Input, "%s: %w", name, err)
	}
	return l, nil
}

func column(name string, rows [][]string, i int) ([]float64, error) {
	out := make([]float64, len(rows)-1)
	for k, row := range rows[1:] {
		v, err := strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fault.New(fault.Input, "%s: row %d, column %s: not a number", name, k+1, rows[0][i])
		}
		out[k] = v
	}
	return out, nil
}

// curves gathers columns in the order of times, with the value start at time 0 where no column has it.
func curves(name string, rows [][]string, points []point, start float64) (survival.Curves, error) {
	var c survival.Curves
	if len(points) == 0 {
		return c, nil
	}
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b point) int {
		switch {
		case a.time < b.time:
			return -1
		case a.time > b.time:
			return 1
		}
		return 0
	})
	if points[0].time > 0 {
		first := make([]float64, len(rows)-1)
		for i := range first {
			first[i] = start
		}
		c.Times, c.Values = append(c.Times, 0), append(c.Values, first)
	}
	for k, p := range points {
		if k > 0 && points[k-1].time == p.time {
			return c, fault.New(fault.Input, "%s: two columns for time %g", name, p.time)
		}
		v, err := column(name, rows, p.column)
		if err != nil {
			return c, err
		}
		c.Times, c.Values = append(c.Times, p.time), append(c.Values, v)
	}
	return c, nil
}
