package cohort

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// The kinds of target.
const (
	Binary     = "binary"
	Class      = "class"
	MultiLabel = "multilabel"
	Regression = "regression"
)

// Width is the number of outputs that a network needs for the target: classes, labels, or 1.
func (t TargetSpec) Width() int {
	switch t.Kind {
	case Class:
		return len(t.Classes)
	case Mask:
		return len(t.Classes) + 1
	case MultiLabel:
		return len(t.Columns)
	case TimeToEvent:
		return len(t.Cuts)
	}
	return 1
}

// readTargets fills every row's Truth and completes Spec.Targets.
func (c *Cohort) readTargets() error {
	c.Spec.Targets = slices.Clone(c.Spec.Targets)
	names := map[string]bool{}
	for i := range c.Rows {
		c.Rows[i].Truth = make(map[string][]float64, len(c.Spec.Targets))
	}
	for i := range c.Spec.Targets {
		t := &c.Spec.Targets[i]
		what := "data.targets." + strconv.Itoa(i)
		switch {
		case t.Name == "":
			return fault.New(fault.Usage, "%s.name is not set", what)
		case names[t.Name]:
			return fault.New(fault.Usage, "%s: a second target called %q", what, t.Name)
		case t.Weight < 0 || math.IsNaN(t.Weight) || math.IsInf(t.Weight, 0):
			return fault.New(fault.Usage, "%s.weight must be 0 or more", what)
		}
		names[t.Name] = true
		if t.Weight == 0 {
			t.Weight = 1
		}
		if t.Column == "" && t.Kind != MultiLabel && t.Kind != Mask {
			t.Column = t.Name
		}
		var err error
		switch t.Kind {
		case Binary:
			err = c.readBinary(t, what)
		case Class:
			err = c.readClass(t, what)
		case MultiLabel:
			err = c.readMultiLabel(t, what)
		case Regression:
			err = c.readRegression(t, what)
		case TimeToEvent:
			err = c.readTimeToEvent(t, what)
		case Mask:
			err = c.readMask(t, what)
		default:
			kinds := []string{Binary, Class, MultiLabel, Regression, TimeToEvent, Mask}
			err = fault.New(fault.Usage, "%s.kind is %q (%s)", what, t.Kind, nearest.Hint(t.Kind, kinds))
		}
		if err != nil {
			return err
		}
		c.noteMissing(t)
	}
	return nil
}

// cells calls f for every row's cell in the named column; missing cells leave NaN.
func (c *Cohort) cells(name, what string, target string, width, at int, f func(row *Row, cell string) (float64, error)) error {
	col, err := (&table{name: c.tableName(), columns: c.Columns}).column(name, what)
	if err != nil {
		return err
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		truth := row.Truth[target]
		if truth == nil {
			truth = make([]float64, width)
			row.Truth[target] = truth
		}
		truth[at] = math.NaN()
		if missing(row.Columns[col]) {
			continue
		}
		if truth[at], err = f(row, row.Columns[col]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cohort) readRegression(t *TargetSpec, what string) error {
	return c.cells(t.Column, what, t.Name, 1, 0, func(row *Row, cell string) (float64, error) {
		v, ok := number(cell)
		if !ok {
			return 0, fault.New(fault.Input, "%s, line %d, column %s: not a number", c.tableName(), row.Line, t.Column)
		}
		return v, nil
	})
}

func (c *Cohort) readBinary(t *TargetSpec, what string) error {
	positives := 0
	err := c.cells(t.Column, what, t.Name, 1, 0, func(row *Row, cell string) (float64, error) {
		v, err := c.binary(t, row, t.Column, cell)
		positives += int(v)
		return v, err
	})
	if err == nil && positives == 0 {
		c.Warnings = append(c.Warnings, "target "+t.Name+": no row is positive")
	}
	return err
}

// binary is 1 where the cell is one of t.Positive's values. Without Positive the usual words are understood and others refused.
func (c *Cohort) binary(t *TargetSpec, row *Row, column, cell string) (float64, error) {
	if t.Positive != "" {
		if anyOf(t.Positive, cell) {
			return 1, nil
		}
		return 0, nil
	}
	switch strings.ToLower(cell) {
	case "true", "yes":
		return 1, nil
	case "false", "no":
		return 0, nil
	}
	if v, ok := number(cell); ok && (v == 0 || v == 1) {
		return v, nil
	}
	return 0, fault.New(fault.Input, "%s, line %d, column %s: neither 0 nor 1", c.tableName(), row.Line, column).
		WithHint("name the values that count as 1 in the target's positive key")
}

func (c *Cohort) readMultiLabel(t *TargetSpec, what string) error {
	if len(t.Columns) == 0 {
		return fault.New(fault.Usage, "%s.columns is not set: a multilabel target reads one column a label", what)
	}
	if len(t.Classes) == 0 {
		t.Classes = slices.Clone(t.Columns)
	}
	if len(t.Classes) != len(t.Columns) {
		return fault.New(fault.Usage, "%s: %d classes for %d columns", what, len(t.Classes), len(t.Columns))
	}
	for j, name := range t.Columns {
		err := c.cells(name, what, t.Name, len(t.Columns), j, func(row *Row, cell string) (float64, error) {
			return c.binary(t, row, name, cell)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cohort) readClass(t *TargetSpec, what string) error {
	given := len(t.Classes) > 0
	if !given {
		t.Classes = c.distinct(t.Column)
	}
	return c.cells(t.Column, what, t.Name, 1, 0, func(row *Row, cell string) (float64, error) {
		i := slices.IndexFunc(t.Classes, func(class string) bool { return sameValue(cell, class) })
		if i < 0 {
			return 0, fault.New(fault.Input, "%s, line %d, column %s: not one of the classes %s", c.tableName(), row.Line, t.Column, strings.Join(t.Classes, ", ")).
				WithHint("add it to the target's classes, or leave such rows out with data.where")
		}
		return float64(i), nil
	})
}

// distinct lists a column's values: numbers by size where all are numbers, else by text.
func (c *Cohort) distinct(column string) []string {
	col := slices.Index(c.Columns, column)
	if col < 0 {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	numeric := true
	for i := range c.Rows {
		cell := c.Rows[i].Columns[col]
		if missing(cell) || seen[cell] {
			continue
		}
		seen[cell] = true
		out = append(out, cell)
		_, ok := number(cell)
		numeric = numeric && ok
	}
	slices.Sort(out)
	if !numeric {
		return out
	}
	value := func(s string) float64 { v, _ := number(s); return v }
	slices.SortStableFunc(out, func(a, b string) int {
		switch x, y := value(a), value(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return slices.CompactFunc(out, sameValue)
}

func (c *Cohort) noteMissing(t *TargetSpec) {
	n := 0
	for i := range c.Rows {
		if slices.ContainsFunc(c.Rows[i].Truth[t.Name], math.IsNaN) {
			n++
		}
	}
	if n > 0 {
		c.Warnings = append(c.Warnings, "target "+t.Name+" is missing in "+strconv.Itoa(n)+" of "+strconv.Itoa(len(c.Rows))+" rows")
	}
}
