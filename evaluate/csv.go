package evaluate

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// fixed columns that every predictions.csv starts with.
var fixed = []string{"item", "patient", "split", "fold"}

// WriteCSV writes p in the form that [Predictions] describes. Numbers are written so that reading gives back the same bits; a
// negative fold and NaN are written as empty.
func (p *Predictions) WriteCSV(w io.Writer) error {
	if err := p.Validate(); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	header := slices.Clone(fixed)
	for _, g := range p.Groups {
		header = append(header, g.Name)
	}
	for _, t := range p.Targets {
		truth, score := t.columns()
		header = append(append(header, truth...), score...)
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for i := range p.Item {
		rec := []string{p.Item[i], p.Patient[i], p.Split[i], ""}
		if p.Fold[i] >= 0 {
			rec[3] = strconv.Itoa(p.Fold[i])
		}
		for _, g := range p.Groups {
			rec = append(rec, g.Values[i])
		}
		for _, t := range p.Targets {
			for _, v := range p.Truth[t.Name][i] {
				rec = append(rec, t.formatTruth(v))
			}
			for _, v := range p.Score[t.Name][i] {
				rec = append(rec, formatNumber(v))
			}
		}
		if err := out.Write(rec); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// WriteFile writes p to path, whole or not at all.
func (p *Predictions) WriteFile(path string) error { return atomicfile.Write(path, p.WriteCSV) }

// ReadFile is [ReadCSV] of the file at path.
func ReadFile(path string, targets []Target) (*Predictions, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "no predictions at %s", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadCSV(bufio.NewReader(f), targets)
}

// ReadCSV reads the form that [Predictions] describes. With targets nil they are inferred from the column names: NAME_true with
// NAME_pred is a regression, with NAME_prob binary, with NAME_prob_A, NAME_prob_B… a class target; NAME_prob_A with NAME_true_A is
// multilabel. Columns between fold and the first target's are groups. Anything else, a repeated column, a value that the kind of
// target cannot have, or a row that has some but not all of a target's scores is an error of code input that names row (the header is row 1) and
// column, never the value.
func ReadCSV(r io.Reader, targets []Target) (*Predictions, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return nil, csvError(err, "reading the header")
	}
	header = slices.Clone(header)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	l, err := newLayout(header, targets)
	if err != nil {
		return nil, err
	}
	p := &Predictions{Targets: l.targets, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
	for _, c := range l.groups {
		p.Groups = append(p.Groups, Group{Name: header[c]})
	}
	for row := 2; ; row++ {
		rec, err := in.Read()
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return nil, csvError(err, "reading")
		}
		if err := l.add(p, rec, row); err != nil {
			return nil, err
		}
	}
}

// csvError keeps the position and kind of a malformed file but not its content.
func csvError(err error, doing string) error {
	var p *csv.ParseError
	switch {
	case err == io.EOF:
		return fault.New(fault.Input, "predictions: %s: the file is empty", doing)
	case errors.As(err, &p):
		return fault.New(fault.Input, "predictions: %s: line %d: %w", doing, p.Line, p.Err)
	}
	return err
}

// layout says which column holds what.
type layout struct {
	header  []string
	targets []Target
	groups  []int
	truth   [][]int // [target] columns
	score   [][]int
}

func newLayout(header []string, targets []Target) (*layout, error) {
	seen := make(map[string]int, len(header))
	for i, h := range header {
		if _, again := seen[h]; again {
			return nil, fault.New(fault.Input, "predictions: column %q occurs twice", h)
		}
		seen[h] = i
	}
	for i, want := range fixed {
		if i >= len(header) || header[i] != want {
			return nil, fault.New(fault.Input, "predictions: column %d must be %q", i+1, want)
		}
	}
	if targets == nil {
		targets = inferTargets(header[len(fixed):])
		if len(targets) == 0 {
			return nil, fault.New(fault.Input, "predictions: no target found").
				WithHint("columns NAME_true with NAME_pred (a number), NAME_prob (yes or no) or NAME_prob_CLASS… (classes) are needed")
		}
	}
	l := &layout{header: header, targets: targets}
	used := make([]bool, len(header))
	first := len(header)
	for _, t := range targets {
		truth, score := t.columns()
		var at [2][]int
		for k, names := range [][]string{truth, score} {
			for _, name := range names {
				i, ok := seen[name]
				if !ok {
					return nil, fault.New(fault.Input, "predictions: target %q needs a column %q", t.Name, name)
				}
				if used[i] {
					return nil, fault.New(fault.Input, "predictions: column %q belongs to two targets", name)
				}
				used[i] = true
				first = min(first, i)
				at[k] = append(at[k], i)
			}
		}
		l.truth, l.score = append(l.truth, at[0]), append(l.score, at[1])
	}
	for i := len(fixed); i < len(header); i++ {
		switch {
		case used[i]:
		case i < first && header[i] != "":
			l.groups = append(l.groups, i)
		default:
			return nil, fault.New(fault.Input, "predictions: column %d (%q) belongs to no target", i+1, header[i])
		}
	}
	return l, nil
}

// inferTargets finds targets by the suffixes of column names, in the order of their first column.
func inferTargets(header []string) []Target {
	has := func(name string) bool { return slices.Contains(header, name) }
	var targets []Target
	taken := map[string]bool{}
	add := func(t Target) {
		truth, score := t.columns()
		for _, c := range append(truth, score...) {
			taken[c] = true
		}
		targets = append(targets, t)
	}
	for _, h := range header {
		if name, ok := strings.CutSuffix(h, "_time"); ok && name != "" && !taken[h] {
			if t, ok := timeTarget(header, name); ok {
				add(t)
				continue
			}
		}
		name, ok := strings.CutSuffix(h, "_true")
		if !ok || taken[h] || name == "" {
			continue
		}
		switch {
		case has(name + "_pred"):
			add(Target{Name: name, Kind: Regression})
		case has(name + "_prob"):
			add(Target{Name: name, Kind: Binary})
		default:
			if classes := suffixes(header, name+"_prob_"); len(classes) > 1 {
				add(Target{Name: name, Kind: Class, Classes: classes})
			}
		}
	}
	for _, h := range header {
		name, label, ok := strings.Cut(h, "_true_")
		if !ok || taken[h] || name == "" || !has(name+"_prob_"+label) {
			continue
		}
		add(Target{Name: name, Kind: MultiLabel, Classes: suffixes(header, name+"_prob_")})
	}
	return targets
}

func suffixes(header []string, prefix string) []string {
	var out []string
	for _, h := range header {
		if s, ok := strings.CutPrefix(h, prefix); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

// columns are the names of the target's truth and score columns.
func (t Target) columns() (truth, score []string) {
	switch t.Kind {
	case Regression:
		return []string{t.Name + "_true"}, []string{t.Name + "_pred"}
	case Binary:
		return []string{t.Name + "_true"}, []string{t.Name + "_prob"}
	case TimeToEvent:
		return t.timeColumns()
	case Class:
		truth = []string{t.Name + "_true"}
	}
	for _, c := range t.Classes {
		if t.Kind == MultiLabel {
			truth = append(truth, t.Name+"_true_"+c)
		}
		score = append(score, t.Name+"_prob_"+c)
	}
	return truth, score
}

func (l *layout) add(p *Predictions, rec []string, row int) error {
	p.Item = append(p.Item, strings.Clone(rec[0]))
	p.Patient = append(p.Patient, strings.Clone(rec[1]))
	p.Split = append(p.Split, strings.Clone(rec[2]))
	fold := -1
	if rec[3] != "" {
		n, err := strconv.Atoi(rec[3])
		if err != nil || n < 0 {
			return fault.New(fault.Input, "predictions: row %d, column \"fold\": not a number of a fold", row)
		}
		fold = n
	}
	p.Fold = append(p.Fold, fold)
	for k, c := range l.groups {
		p.Groups[k].Values = append(p.Groups[k].Values, strings.Clone(rec[c]))
	}
	for k, t := range l.targets {
		truth, err := l.values(rec, row, l.truth[k], t.parseTruth)
		if err != nil {
			return err
		}
		score, err := l.values(rec, row, l.score[k], t.parseScore)
		if err != nil {
			return err
		}
		for j, v := range score {
			if math.IsNaN(v) != math.IsNaN(score[0]) {
				return fault.New(fault.Input, "predictions: row %d, column %q: the target has some scores but not all", row, l.header[l.score[k][j]])
			}
		}
		p.Truth[t.Name] = append(p.Truth[t.Name], truth)
		p.Score[t.Name] = append(p.Score[t.Name], score)
	}
	return nil
}

// values parses the cells of columns; empty is NaN.
func (l *layout) values(rec []string, row int, columns []int, parse func(string) (float64, string)) ([]float64, error) {
	out := make([]float64, len(columns))
	for j, c := range columns {
		if rec[c] == "" {
			out[j] = math.NaN()
			continue
		}
		v, wrong := parse(rec[c])
		if wrong != "" {
			return nil, fault.New(fault.Input, "predictions: row %d, column %q: %s", row, l.header[c], wrong)
		}
		out[j] = v
	}
	return out, nil
}

// parseTruth returns the value of a cell, or what is wrong with it.
func (t Target) parseTruth(cell string) (float64, string) {
	switch t.Kind {
	case Class:
		if i := slices.Index(t.Classes, cell); i >= 0 {
			return float64(i), ""
		}
		return 0, "not one of the target's classes"
	case Regression, TimeToEvent:
		return parseNumber(cell)
	}
	if v, wrong := parseNumber(cell); wrong == "" && (v == 0 || v == 1) {
		return v, ""
	}
	return 0, "not 0 or 1"
}

func (t Target) parseScore(cell string) (float64, string) {
	v, wrong := parseNumber(cell)
	if wrong == "" && t.Kind != Regression && !probable(v) {
		wrong = "not a probability (0 to 1)"
	}
	return v, wrong
}

func parseNumber(cell string) (float64, string) {
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(cell, "xX_") {
		return 0, "not a finite decimal number (leave the cell empty when missing)"
	}
	return v, ""
}

func (t Target) formatTruth(v float64) string {
	if t.Kind == Class && !math.IsNaN(v) {
		return t.Classes[int(v)]
	}
	return formatNumber(v)
}

func formatNumber(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
