package cohort

import (
	"fmt"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// TabularSpec is a column that a network may use beside the picture.
type TabularSpec struct {
	Column string `yaml:"column"`
	Kind   string `yaml:"kind,omitempty"` // number | category; default: number where every known cell is one
}

// The kinds of tabular columns.
const (
	Numeric     = "number"
	Categorical = "category"
)

// Number is the cell of row i in the named column as a number; ages as DICOM writes them (052Y) are years. ok is false when the column is
// unknown, or the cell missing or no number.
func (c *Cohort) Number(i int, column string) (v float64, ok bool) {
	cell, ok := c.Value(i, column)
	if !ok {
		return 0, false
	}
	if v, ok = number(cell); !ok {
		v, ok = dicomAge(cell)
	}
	return v, ok
}

// checkTabular fills the kinds of the columns that a network may use, and refuses those that hold the truth.
func (c *Cohort) checkTabular() error {
	t := &table{name: c.tableName(), columns: c.Columns}
	c.Spec.Tabular = slices.Clone(c.Spec.Tabular)
	seen := map[string]bool{}
	for i := range c.Spec.Tabular {
		s := &c.Spec.Tabular[i]
		if _, err := t.column(s.Column, "data.tabular"); err != nil {
			return err
		}
		if seen[s.Column] {
			return fault.New(fault.Usage, "data.tabular: column %q stands there twice", s.Column)
		}
		seen[s.Column] = true
		if of, truth := c.truthColumn(s.Column); truth {
			return fault.New(fault.Usage, "data.tabular: column %q is the truth of target %q", s.Column, of).WithHint("a network that is given the answer learns nothing")
		}
		odd, known := 0, 0
		for r := range c.Rows {
			if _, ok := c.Value(r, s.Column); ok {
				known++
				if _, ok := c.Number(r, s.Column); !ok {
					odd++
				}
			}
		}
		switch s.Kind {
		case "":
			if s.Kind = Numeric; odd > 0 || known == 0 {
				s.Kind = Categorical
			}
		case Categorical:
		case Numeric:
			if odd > 0 {
				c.Warnings = append(c.Warnings, fmt.Sprintf("data.tabular: column %s holds no number in %d rows; they count as missing", s.Column, odd))
			}
		default:
			return fault.New(fault.Usage, "data.tabular: column %q: kind is %q (%s)", s.Column, s.Kind, nearest.Hint(s.Kind, []string{Numeric, Categorical}))
		}
	}
	return nil
}

// truthColumn says which target a column holds the truth of.
func (c *Cohort) truthColumn(name string) (target string, ok bool) {
	for _, t := range c.Spec.Targets {
		column := t.Column
		if column == "" {
			column = t.Name
		}
		if name == column || name == t.Event || slices.Contains(t.Columns, name) {
			return t.Name, true
		}
	}
	return "", false
}
