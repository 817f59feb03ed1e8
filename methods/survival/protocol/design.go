package protocol

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/methods/survival/tabular"
)

// Design turns covariates into inputs: numeric columns are standardised on the training rows, columns of 0 and 1 are left, and
// categorical ones become a column a level.
type Design struct {
	columns []column
	width   int
}

type column struct {
	mean, std float64
	levels    []float64 // categorical
}

// NewDesign looks at the training rows. oneHot: columns with 3 to 10 distinct values in the whole table are categorical. dropFirst
// leaves each categorical column's first level out, as a linear model with an implicit intercept needs.
func NewDesign(t *Table, train []int, oneHot, dropFirst bool) *Design {
	d := &Design{}
	for j := range t.Columns {
		var all []float64
		for _, row := range t.X {
			all = append(all, row[j])
		}
		slices.Sort(all)
		distinct := slices.Compact(all)
		binary := distinct[0] == 0 && distinct[len(distinct)-1] == 1 && len(distinct) == 2 || len(distinct) == 1
		c := column{std: 1}
		switch {
		case binary:
			d.width++
		case oneHot && len(distinct) >= 3 && len(distinct) <= 10:
			for _, l := range distinct { // a level that no training row has teaches nothing
				if slices.ContainsFunc(train, func(i int) bool { return t.X[i][j] == l }) {
					c.levels = append(c.levels, l)
				}
			}
			if dropFirst {
				c.levels = c.levels[1:]
			}
			d.width += len(c.levels)
		default:
			n := float64(len(train))
			for _, i := range train {
				c.mean += t.X[i][j] / n
			}
			v := 0.0
			for _, i := range train {
				v += (t.X[i][j] - c.mean) * (t.X[i][j] - c.mean) / n
			}
			if v > 0 {
				c.std = math.Sqrt(v)
			}
			d.width++
		}
		d.columns = append(d.columns, c)
	}
	return d
}

// Rows encodes rows.
func (d *Design) Rows(t *Table, rows []int) [][]float64 {
	out := make([][]float64, len(rows))
	for k, i := range rows {
		x := make([]float64, 0, d.width)
		for j, c := range d.columns {
			v := t.X[i][j]
			if c.levels == nil {
				x = append(x, (v-c.mean)/c.std)
				continue
			}
			for _, l := range c.levels {
				if v == l {
					x = append(x, 1)
				} else {
					x = append(x, 0)
				}
			}
		}
		out[k] = x
	}
	return out
}

// Data is rows with labels, for networks.
func (d *Design) Data(t *Table, rows []int) tabular.Data {
	out := tabular.Data{P: d.width, Labels: t.Labels.Select(rows)}
	for _, x := range d.Rows(t, rows) {
		for _, v := range x {
			out.X = append(out.X, float32(v))
		}
	}
	return out
}

// scores of curves on test labels, in the protocol's conventions.
func scores(c survival.Curves, test survival.Labels) (Measured, error) {
	times := survival.Grid(slices.Min(test.Time), slices.Max(test.Time), 100)
	a := survival.AntoliniConcordance(c, test, nil)
	s, err := survival.BrierScore(c, test, times, survival.PycoxIPCW(test), nil)
	if err != nil {
		return Measured{}, err
	}
	return Measured{CTD: a.Strict, CTDAdjusted: a.Adjusted, IBS: s.IBS(), IBLL: s.IBLL(), Note: s.Note}, nil
}
