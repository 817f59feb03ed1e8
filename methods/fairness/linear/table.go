package linear

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Table is a CSV in memory, [column][row] of texts.
type Table struct {
	Name   string
	Header []string
	Cells  [][]string
}

// ReadTable reads a CSV with a header, gzipped where the name ends in .gz. Errors: notfound, input (naming the line).
func ReadTable(path string) (*Table, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "no table at %s", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fault.New(fault.Input, "%s is not gzip: %w", filepath.Base(path), err)
		}
		defer z.Close()
		r = z
	}
	return DecodeTable(filepath.Base(path), r)
}

// DecodeTable is [ReadTable] of a stream.
func DecodeTable(name string, r io.Reader) (*Table, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return nil, fault.New(fault.Input, "%s: reading the header: %w", name, err)
	}
	t := &Table{Name: name, Header: slices.Clone(header), Cells: make([][]string, len(header))}
	for {
		rec, err := in.Read()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			var p *csv.ParseError
			if errors.As(err, &p) {
				return nil, fault.New(fault.Input, "%s: line %d: %w", name, p.Line, p.Err)
			}
			return nil, err
		}
		for c, v := range rec {
			t.Cells[c] = append(t.Cells[c], strings.Clone(v))
		}
	}
}

// Len is the number of rows.
func (t *Table) Len() int {
	if len(t.Cells) == 0 {
		return 0
	}
	return len(t.Cells[0])
}

// Column is the cells of one column; an unknown name is an error of code input.
func (t *Table) Column(name string) ([]string, error) {
	i := slices.Index(t.Header, name)
	if i < 0 {
		return nil, fault.New(fault.Input, "%s has no column %q", t.Name, name)
	}
	return t.Cells[i], nil
}

// Where keeps the rows that keep says.
func (t *Table) Where(keep func(row int) bool) *Table {
	out := &Table{Name: t.Name, Header: t.Header, Cells: make([][]string, len(t.Cells))}
	for i := range t.Len() {
		if keep(i) {
			for c := range t.Cells {
				out.Cells[c] = append(out.Cells[c], t.Cells[c][i])
			}
		}
	}
	return out
}

// Encoding says which columns are features and how.
type Encoding struct {
	Numbers    []string // standardised on the training rows
	Categories []string // one feature a value that occurs in the table; an empty cell is a value of its own
}

// Encode makes the design of a table. train are the rows whose means and variances standardise; a number that is missing is the
// mean. That a category is missing says something about the person, so it is a feature too.
func Encode(t *Table, e Encoding, train []int) (*Design, error) {
	d := &Design{Rows: make([][]Feature, t.Len())}
	for _, name := range e.Numbers {
		cells, err := t.Column(name)
		if err != nil {
			return nil, err
		}
		value, known := make([]float64, len(cells)), make([]bool, len(cells))
		for i, c := range cells {
			if c == "" {
				continue
			}
			if value[i], err = strconv.ParseFloat(c, 64); err != nil {
				return nil, fault.New(fault.Input, "%s: line %d, column %q: not a number", t.Name, i+2, name)
			}
			known[i] = true
		}
		var at []float64
		for _, i := range train {
			if known[i] {
				at = append(at, value[i])
			}
		}
		mean, sd := meanSD(at)
		if !(sd > 0) {
			continue // the same for everybody
		}
		for i := range cells {
			if v := (value[i] - mean) / sd; known[i] && v != 0 {
				d.Rows[i] = append(d.Rows[i], Feature{d.Width, v})
			}
		}
		d.Penalty = append(d.Penalty, 1)
		d.Width++
	}
	for _, name := range e.Categories {
		cells, err := t.Column(name)
		if err != nil {
			return nil, err
		}
		values := slices.Clone(cells)
		slices.Sort(values)
		values = slices.Compact(values)
		at := map[string]int{}
		for _, v := range values {
			at[v] = d.Width
			d.Width++
			d.Penalty = append(d.Penalty, 1)
		}
		for i, c := range cells {
			d.Rows[i] = append(d.Rows[i], Feature{at[c], 1})
		}
	}
	return d, nil
}

// Standardise makes the penalty that of the standardised features: each feature's share is its variance on the training rows. It says the
// same as dividing every feature by its standard deviation, and keeps the rows sparse.
func (d *Design) Standardise(train []int) {
	sum, square := make([]float64, d.Width), make([]float64, d.Width)
	for _, i := range train {
		for _, f := range d.Rows[i] {
			sum[f.Column] += f.Value
			square[f.Column] += f.Value * f.Value
		}
	}
	n := float64(len(train))
	d.Penalty = make([]float64, d.Width)
	for j := range d.Penalty {
		mean := sum[j] / n
		d.Penalty[j] = max(square[j]/n-mean*mean, 1e-12)
	}
}

// Pick is the design of some rows.
func (d *Design) Pick(rows []int) *Design {
	out := &Design{Width: d.Width, Penalty: d.Penalty, Rows: make([][]Feature, len(rows))}
	for i, r := range rows {
		out.Rows[i] = d.Rows[r]
	}
	return out
}

// meanSD is the mean and the population standard deviation.
func meanSD(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(sd)
}
