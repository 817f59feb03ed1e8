package cohort

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// table is a header and its records, whatever file they came from.
type table struct {
	name    string // file name without folders, for errors
	columns []string
	records []record
}

type record struct {
	line  int // in the file, header = 1; for tables without lines, the row counted from 1
	cells []string
	path  string // file of the item where the table itself knows it (npz, dicom)

	broken string // why the file cannot be used, where that is known already
}

// column is the position of the column called name; the error names the nearest one. what says who asks ("data.patient").
func (t *table) column(name, what string) (int, error) {
	if i := slices.Index(t.columns, name); i >= 0 {
		return i, nil
	}
	return -1, fault.New(fault.Usage, "%s: %s has no column %q (%s)", what, t.name, name, nearest.Hint(name, t.columns))
}

// missing says whether a cell holds no value: empty, NA, N/A, NaN or null in any case.
func missing(cell string) bool {
	switch strings.ToLower(cell) {
	case "", "na", "n/a", "nan", "null":
		return true
	}
	return false
}

// number parses a cell; ok is false for anything but a finite number.
func number(cell string) (v float64, ok bool) {
	v, err := strconv.ParseFloat(cell, 64)
	return v, err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// sameValue compares a cell with a wanted word: equal text, or equal numbers ("1" and "1.0").
func sameValue(cell, want string) bool {
	if cell == want {
		return true
	}
	a, ok := number(cell)
	b, ok2 := number(want)
	return ok && ok2 && a == b
}

// readCSV reads a table with a header line. Fields are separated by commas, or by tabs or semicolons where the header has those and
// no comma; quotes as in RFC 4180; surrounding space and a byte order mark are dropped.
func readCSV(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openTableError(path, err)
	}
	defer f.Close()
	return parseCSV(f, filepath.Base(path))
}

func openTableError(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.NotFound, "the table %s is not there", path)
	}
	return fault.New(fault.Input, "reading the table: %w", err)
}

func parseCSV(in io.Reader, name string) (*table, error) {
	b := bufio.NewReaderSize(in, 1<<16)
	if bom, err := b.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
		if _, err := b.Discard(3); err != nil {
			return nil, fault.New(fault.Input, "reading %s: %w", name, err)
		}
	}
	head, err := b.Peek(b.Size())
	if err != nil && err != io.EOF {
		return nil, fault.New(fault.Input, "reading %s: %w", name, err)
	}
	r := csv.NewReader(b)
	r.Comma = separator(head)
	t := &table{name: name}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, csvError(name, err)
		}
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		if t.columns == nil {
			if t.columns = cells; hasRepeat(cells) != "" {
				return nil, fault.New(fault.Input, "%s: the header has two columns called %q", name, hasRepeat(cells))
			}
			continue
		}
		line, _ := r.FieldPos(0)
		t.records = append(t.records, record{line: line, cells: cells})
	}
	if t.columns == nil {
		return nil, fault.New(fault.Input, "%s is empty", name)
	}
	return t, nil
}

func separator(head []byte) rune {
	line, _, _ := strings.Cut(string(head), "\n")
	switch {
	case strings.Contains(line, ","):
	case strings.Contains(line, "\t"):
		return '\t'
	case strings.Contains(line, ";"):
		return ';'
	}
	return ','
}

func hasRepeat(names []string) string {
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			return n
		}
		seen[n] = true
	}
	return ""
}

// csvError keeps the place of a CSV error and drops everything else: the text around it may name patients.
func csvError(name string, err error) error {
	pe, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return fault.New(fault.Input, "reading %s: %w", name, err)
	}
	why := "a quote that is not closed or stands inside a field"
	if errors.Is(pe.Err, csv.ErrFieldCount) {
		why = "more or fewer fields than the header"
	}
	return fault.New(fault.Input, "%s, line %d: %s", name, pe.Line, why)
}
