package audit

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// Table is predictions with what an audit needs beside them.
type Table struct {
	*evaluate.Predictions
	Extra map[string][]float64 // Abstain (0 or 1), Uncertainty, Quality where the file has them; NaN is missing
}

// Names of the extra columns in [Table.Extra], and what they may be called in a file.
const (
	Abstain     = "abstain"
	Uncertainty = "uncertainty"
	Quality     = "quality"
)

var extraNames = map[string]string{
	"abstain": Abstain, "abstained": Abstain, "uncertainty": Uncertainty, "quality": Quality, "image_quality": Quality,
}

// ReadOptions say what the columns of a file mean.
type ReadOptions struct {
	Groups []string // "sex", "age:50,65" (cut points of a number)
	Truth  string   // column of a yes-or-no truth where names do not say it; with Score
	Score  string   // column of its probability
	// Against is a group column that is the true answer of the first binary target, where what the network was taught is in doubt.
	Against string
}

// ReadFile is [Read] of the file at path.
func ReadFile(path string, o ReadOptions) (*Table, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "no predictions at %s", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(bufio.NewReader(f), o)
}

// Read reads predictions from a CSV with a header, in any order of columns: the targets' columns as in docs/reference/metrics.md (or Truth
// and Score), the groups' columns, and where they exist item, patient, split, fold, abstain, uncertainty, quality. Without patient every
// row is a patient; without split every row is judged. Errors of code input name line and column, never a value.
func Read(r io.Reader, o ReadOptions) (*Table, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, malformed(err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	l, err := newLayout(header, o)
	if err != nil {
		return nil, err
	}
	// The house's reader takes the house's order of columns: what is read goes through it, so that there is one parser of cells.
	var house bytes.Buffer
	out := csv.NewWriter(&house)
	if err := out.Write(l.house); err != nil {
		return nil, err
	}
	t := &Table{Extra: map[string][]float64{}}
	for row := 2; ; row++ {
		rec, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, malformed(err)
		}
		line, _ := in.FieldPos(0)
		for name, c := range l.extra {
			v, err := number(rec[c], line, header[c])
			if err != nil {
				return nil, err
			}
			if name == Abstain && v != 0 && v != 1 && !math.IsNaN(v) {
				return nil, fault.New(fault.Input, "predictions: line %d, column %q: not 0 or 1", line, header[c])
			}
			t.Extra[name] = append(t.Extra[name], v)
		}
		if err := out.Write(l.record(rec, row)); err != nil {
			return nil, err
		}
	}
	out.Flush()
	if t.Predictions, err = evaluate.ReadCSV(&house, l.targets); err != nil {
		return nil, err
	}
	if t.Len() == 0 {
		return nil, fault.New(fault.Input, "predictions: the file has a header and no row")
	}
	return t, t.regroup(o)
}

func malformed(err error) error {
	var p *csv.ParseError
	switch {
	case err == io.EOF:
		return fault.New(fault.Input, "predictions: the file is empty")
	case errors.As(err, &p):
		return fault.New(fault.Input, "predictions: line %d: %w", p.Line, p.Err)
	}
	return err
}

func number(cell string, line int, column string) (float64, error) {
	if cell == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fault.New(fault.Input, "predictions: line %d, column %q: not a finite number (leave the cell empty when missing)", line, column)
	}
	return v, nil
}

// layout says which column of a file goes where in the house's form.
type layout struct {
	house   []string
	from    []int // column of the file for each of house, -1: none
	targets []evaluate.Target
	extra   map[string]int
}

var fixed = []string{"item", "patient", "split", "fold"}

func newLayout(header []string, o ReadOptions) (*layout, error) {
	at := map[string]int{}
	for i, h := range header {
		if _, twice := at[h]; twice {
			return nil, fault.New(fault.Input, "predictions: line 1: column %q occurs twice", h)
		}
		at[h] = i
	}
	l := &layout{extra: map[string]int{}}
	for name, means := range extraNames {
		if c, ok := at[name]; ok {
			l.extra[means] = c
		}
	}
	names := map[string]int{} // column names in the house's form
	if (o.Truth == "") != (o.Score == "") {
		return nil, fault.New(fault.Usage, "a truth column and a score column go together")
	}
	if o.Truth != "" {
		for _, c := range []string{o.Truth, o.Score} {
			if _, ok := at[c]; !ok {
				return nil, missing(c, header)
			}
		}
		name := strings.TrimSuffix(o.Truth, "_true")
		l.targets = []evaluate.Target{{Name: name, Kind: evaluate.Binary}}
		names[name+"_true"], names[name+"_prob"] = at[o.Truth], at[o.Score]
	} else {
		l.targets = evaluate.InferTargets(header)
		if len(l.targets) == 0 {
			return nil, fault.New(fault.Input, "predictions: line 1: no target found").
				WithHint("columns NAME_true with NAME_prob (yes or no), NAME_pred (a number), NAME_prob_CLASS… (classes) or NAME_time, NAME_event and NAME_surv@T… are needed; or say --truth COLUMN --score COLUMN")
		}
		names = at
	}
	add := func(name string, c int) { l.house, l.from = append(l.house, name), append(l.from, c) }
	for _, name := range fixed {
		c, ok := at[name]
		if !ok {
			c = -1
		}
		add(name, c)
	}
	var groups []string
	for _, g := range append(slices.Clone(o.Groups), o.Against) {
		name, _, _ := strings.Cut(g, ":")
		if name == "" || slices.Contains(groups, name) {
			continue
		}
		if _, ok := at[name]; !ok {
			return nil, missing(name, header)
		}
		groups = append(groups, name)
		add(name, at[name])
	}
	for _, t := range l.targets {
		truth, score := t.Columns()
		for _, name := range append(truth, score...) {
			add(name, names[name])
		}
	}
	return l, nil
}

func missing(column string, header []string) error {
	return fault.New(fault.Input, "predictions: line 1: there is no column %q", column).WithHint("the file has %q", header)
}

// record is a row in the house's form.
func (l *layout) record(rec []string, row int) []string {
	out := make([]string, len(l.house))
	for i, c := range l.from {
		switch {
		case c >= 0:
			out[i] = rec[c]
		case i == 0:
			out[i] = strconv.Itoa(row)
		}
	}
	return out
}

// regroup cuts numbers into bands, and puts Against in the place of the first binary target's truth.
func (t *Table) regroup(o ReadOptions) error {
	for _, spec := range o.Groups {
		name, cuts, banded := strings.Cut(spec, ":")
		if !banded {
			continue
		}
		var at []float64
		for _, c := range strings.Split(cuts, ",") {
			v, err := strconv.ParseFloat(c, 64)
			if err != nil || len(at) > 0 && v <= at[len(at)-1] {
				return fault.New(fault.Usage, "groups %q: cut points are rising numbers, as in age:50,65", spec)
			}
			at = append(at, v)
		}
		for i := range t.Groups {
			if t.Groups[i].Name != name {
				continue
			}
			for row, cell := range t.Groups[i].Values {
				v, err := number(cell, row+2, name)
				if err != nil {
					return err
				}
				t.Groups[i].Values[row] = band(v, at)
			}
		}
	}
	if o.Against == "" {
		return nil
	}
	k := slices.IndexFunc(t.Targets, func(t evaluate.Target) bool { return t.Kind == evaluate.Binary })
	if k < 0 {
		return fault.New(fault.Usage, "another truth needs a yes-or-no target, and there is none")
	}
	g := slices.IndexFunc(t.Groups, func(g evaluate.Group) bool { return g.Name == o.Against })
	for row, cell := range t.Groups[g].Values {
		v, err := number(cell, row+2, o.Against)
		if err != nil {
			return err
		}
		if v != 0 && v != 1 && !math.IsNaN(v) {
			return fault.New(fault.Input, "predictions: line %d, column %q: not 0 or 1", row+2, o.Against)
		}
		t.Truth[t.Targets[k].Name][row] = []float64{v}
	}
	if !slices.ContainsFunc(o.Groups, func(s string) bool { return s == o.Against }) {
		t.Groups = slices.Delete(t.Groups, g, g+1)
	}
	return nil
}

// band names the interval that v lies in, as cohort's subgroups do; a cut belongs to the band above it.
func band(v float64, cuts []float64) string {
	text := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch i, _ := slices.BinarySearchFunc(cuts, v, func(c, v float64) int {
		if c <= v {
			return -1
		}
		return 1
	}); {
	case math.IsNaN(v):
		return ""
	case i == 0:
		return "<" + text(cuts[0])
	case i == len(cuts):
		return ">=" + text(cuts[i-1])
	default:
		return text(cuts[i-1]) + "-" + text(cuts[i])
	}
}
