package protocol

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

// Table is a data set: numeric covariates and labels.
type Table struct {
	Name    string
	Columns []string
	X       [][]float64 // [row][column]
	Labels  survival.Labels
}

// Columns that are no covariates.
var notCovariates = []string{"duration", "event", "deepsurv_split", "true_log_hazard", "id"}

// ReadTable reads a CSV with a header, duration, event and numeric covariates. Text in a covariate, a missing value or a wrong label is
// an Input error that names row and column.
func ReadTable(name string, r io.Reader) (*Table, error) {
	rows, err := readAll(name, r)
	if err != nil {
		return nil, err
	}
	t := &Table{Name: name}
	var use []int
	duration, event := -1, -1
	for i, h := range rows[0] {
		switch h = strings.TrimSpace(h); {
		case h == "duration":
			duration = i
		case h == "event":
			event = i
		case !slices.Contains(notCovariates, h):
			use, t.Columns = append(use, i), append(t.Columns, h)
		}
	}
	if duration < 0 || event < 0 {
		return nil, fault.New(fault.Input, "%s: the table needs the columns duration and event; it has %s", name, strings.Join(rows[0], ", "))
	}
	if len(use) == 0 {
		return nil, fault.New(fault.Input, "%s: the table has no covariates", name)
	}
	for k, row := range rows[1:] {
		number := func(i int) (float64, error) {
			v, err := strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return 0, fault.New(fault.Input, "%s: row %d, column %s: not a number", name, k+1, rows[0][i]).WithHint("fill missing values and code texts as numbers")
			}
			return v, nil
		}
		d, err := number(duration)
		if err != nil {
			return nil, err
		}
		e, err := number(event)
		if err != nil {
			return nil, err
		}
		if e != math.Trunc(e) || e < 0 || e > 100 {
			return nil, fault.New(fault.Input, "%s: row %d: the event is %g; want 0, 1, 2, …", name, k+1, e)
		}
		x := make([]float64, len(use))
		for j, i := range use {
			if x[j], err = number(i); err != nil {
				return nil, err
			}
		}
		t.X = append(t.X, x)
		t.Labels.Time, t.Labels.Event = append(t.Labels.Time, d), append(t.Labels.Event, int(e))
	}
	if err := t.Labels.Check(); err != nil {
		return nil, fault.New(fault.Input, "%s: %w", name, err)
	}
	return t, nil
}

func readAll(name string, r io.Reader) ([][]string, error) {
	rows, err := csv.NewReader(r).ReadAll()
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return nil, fault.New(fault.Input, "%s: line %d: %w", name, wrong.Line, wrong.Err)
	}
	if err != nil {
		return nil, fault.New(fault.Input, "%s: %w", name, err)
	}
	if len(rows) < 2 {
		return nil, fault.New(fault.Input, "%s: no rows", name)
	}
	return rows, nil
}

// Fold is the rows of one division.
type Fold struct{ Train, Val, Test []int }

// ReadFolds reads a CSV with a header, a column a fold and tr, va or te in each row.
func ReadFolds(name string, r io.Reader, rows int) ([]Fold, error) {
	cells, err := readAll(name, r)
	if err != nil {
		return nil, err
	}
	if len(cells)-1 != rows {
		return nil, fault.New(fault.Input, "%s: %d rows for a table of %d", name, len(cells)-1, rows)
	}
	folds := make([]Fold, len(cells[0]))
	for k, row := range cells[1:] {
		for f, c := range row {
			switch strings.TrimSpace(c) {
			case "tr":
				folds[f].Train = append(folds[f].Train, k)
			case "va":
				folds[f].Val = append(folds[f].Val, k)
			case "te":
				folds[f].Test = append(folds[f].Test, k)
			default:
				return nil, fault.New(fault.Input, "%s: row %d, fold %d is %q; want tr, va or te", name, k+1, f+1, c)
			}
		}
	}
	for f, d := range folds {
		if len(d.Train) == 0 || len(d.Val) == 0 || len(d.Test) == 0 {
			return nil, fault.New(fault.Input, "%s: fold %d has %d training, %d validation and %d test rows", name, f+1, len(d.Train), len(d.Val), len(d.Test))
		}
	}
	return folds, nil
}
