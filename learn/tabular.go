package learn

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/torch"
)

// FusionSpec says how columns of the table join the picture.
type FusionSpec struct {
	Kind       string  `yaml:"kind,omitempty"`        // table | early | film | concat (default) | gated | tensor | attention | autoencoder | late
	Hidden     int     `yaml:"hidden,omitempty"`      // width of the joint layer; default 32
	TableDrop  float64 `yaml:"table_drop,omitempty"`  // in training: share of rows whose table is left out, so that the network answers without one
	ImageDrop  float64 `yaml:"image_drop,omitempty"`  // in training: share of rows whose picture is left out
	ColumnDrop float64 `yaml:"column_drop,omitempty"` // in training: share of single values left out
}

// tableCode turns cells of the cohort's table into numbers for a network. It is kept in the checkpoint: a network's columns mean nothing
// without it.
type tableCode struct {
	Columns []columnCode `json:"columns"`
}

// columnCode is one column as the training rows had it.
type columnCode struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	Mean   float64  `json:"mean,omitempty"` // of numbers
	SD     float64  `json:"sd,omitempty"`
	Levels []string `json:"levels,omitempty"` // of categories, in order; a level that training did not see is unknown
}

// newTableCode measures the columns on the training rows alone; nil where the plan uses none.
func newTableCode(c *cohort.Cohort, train []int) (*tableCode, error) {
	if len(c.Spec.Tabular) == 0 {
		return nil, nil
	}
	t := &tableCode{}
	for _, s := range c.Spec.Tabular {
		code := columnCode{Name: s.Column, Kind: s.Kind}
		switch s.Kind {
		case cohort.Numeric:
			var seen []float64
			for _, i := range train {
				if v, ok := c.Number(i, s.Column); ok {
					seen = append(seen, v)
				}
			}
			if len(seen) == 0 {
				return nil, fault.New(fault.Input, "data.tabular: column %q is known in no training row", s.Column)
			}
			slices.Sort(seen) // so that the sums' last bits do not depend on the table's order
			if code.Mean, code.SD = meanSD(seen); code.SD == 0 {
				code.SD = 1
			}
		default:
			levels := map[string]bool{}
			for _, i := range train {
				if v, ok := c.Value(i, s.Column); ok {
					levels[v] = true
				}
			}
			for l := range levels {
				code.Levels = append(code.Levels, l)
			}
			if slices.Sort(code.Levels); len(code.Levels) == 0 {
				return nil, fault.New(fault.Input, "data.tabular: column %q is known in no training row", s.Column)
			}
			if n := len(code.Levels); n > maxLevels {
				return nil, fault.New(fault.Usage, "data.tabular: column %q has %d different values in the training rows", s.Column, n).
					WithHint("a category has at most %d; is it a key, or a number with words in it (kind: number)?", maxLevels)
			}
		}
		t.Columns = append(t.Columns, code)
	}
	// Numbers first, as the network has them.
	slices.SortStableFunc(t.Columns, func(a, b columnCode) int {
		rank := func(c columnCode) int {
			if c.Kind == cohort.Numeric {
				return 0
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	return t, nil
}

// maxLevels bounds the categories of a column.
const maxLevels = 256

func (t *tableCode) numbers() int {
	return len(slices.DeleteFunc(slices.Clone(t.Columns), func(c columnCode) bool { return c.Kind != cohort.Numeric }))
}

// spec is the network's part that takes the columns.
func (t *tableCode) spec(f *FusionSpec) (*fusion.Spec, error) {
	switch {
	case t == nil && f != nil:
		return nil, noColumns()
	case t == nil:
		return nil, nil
	}
	s := f.spec()
	s.Numbers = int64(t.numbers())
	for _, c := range t.Columns[t.numbers():] {
		s.Levels = append(s.Levels, int64(len(c.Levels)))
	}
	return s, s.Check()
}

// spec is the fusion without its columns; a nil f is the default.
func (f *FusionSpec) spec() *fusion.Spec {
	if f == nil {
		f = &FusionSpec{}
	}
	s := &fusion.Spec{Kind: fusion.Kind(f.Kind), Hidden: int64(f.Hidden), TableDrop: f.TableDrop, ImageDrop: f.ImageDrop, ColumnDrop: f.ColumnDrop}
	if s.Kind == "" {
		s.Kind = fusion.Concat
	}
	return s
}

// checkFusion refuses what no table could make right, before any row is read.
func checkFusion(p *Plan) error {
	if p.Model.Fusion == nil {
		return nil
	}
	if len(p.Data.Tabular) == 0 {
		return noColumns()
	}
	s := p.Model.Fusion.spec()
	s.Numbers = 1
	if err := s.Check(); err != nil {
		return fmt.Errorf("model.%w", err)
	}
	return nil
}

func noColumns() error {
	return fault.New(fault.Usage, "model.fusion joins columns of the table, and data.tabular names none")
}

// encode lays rows out: numbers standardised and 0 where unknown, known 1 or 0, levels from 1 and 0 where unknown. Numbers are held
// within ten SDs, so that a slip of the pen in one row cannot rule the network.
func (t *tableCode) encode(c *cohort.Cohort, rows []int) (numbers, known []float32, levels []int64) {
	for _, i := range rows {
		for _, col := range t.Columns {
			if col.Kind == cohort.Numeric {
				v, ok := c.Number(i, col.Name)
				x, k := 0.0, float32(0)
				if ok {
					x, k = math.Max(-10, math.Min(10, (v-col.Mean)/col.SD)), 1
				}
				numbers, known = append(numbers, float32(x)), append(known, k)
				continue
			}
			level := int64(0)
			if v, ok := c.Value(i, col.Name); ok {
				if at, found := slices.BinarySearch(col.Levels, v); found {
					level = int64(at) + 1
				}
			}
			levels = append(levels, level)
		}
	}
	return numbers, known, levels
}

// table is what a pass over rows needs to know; nil where the network uses no columns. It belongs to the innermost open scope.
func (t *tableCode) table(e *torch.Engine, c *cohort.Cohort, rows []int) *nn.Table {
	if t == nil {
		return nil
	}
	numbers, known, levels := t.encode(c, rows)
	n, k := int64(len(rows)), int64(t.numbers())
	out := &nn.Table{}
	if k > 0 {
		out.Numbers, out.Known = e.FromFloat32(numbers, n, k).To(e.Device()), e.FromFloat32(known, n, k).To(e.Device())
	}
	if l := int64(len(t.Columns)) - k; l > 0 {
		out.Levels = e.FromInt64s(levels, n, l).To(e.Device())
	}
	return out
}

// absent are the columns that c lacks; their values count as missing.
func (t *tableCode) absent(c *cohort.Cohort) (names []string) {
	if t == nil {
		return nil
	}
	for _, col := range t.Columns {
		if !slices.Contains(c.Columns, col.Name) {
			names = append(names, col.Name)
		}
	}
	return names
}

// String is what is said of the columns when training begins.
func (t *tableCode) String() string {
	var b []byte
	for i, c := range t.Columns {
		if i > 0 {
			b = append(b, ", "...)
		}
		if c.Kind == cohort.Numeric {
			b = fmt.Appendf(b, "%s (%.4g ± %.4g)", c.Name, c.Mean, c.SD)
		} else {
			b = fmt.Appendf(b, "%s (%d categories)", c.Name, len(c.Levels))
		}
	}
	return string(b)
}
