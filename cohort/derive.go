package cohort

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// EjectionFraction is the kind of [DeriveSpec] that this package computes.
const EjectionFraction = "ejection_fraction"

// Derived is one patient's derived quantity.
type Derived struct {
	Patient string
	Rows    []int   // the patient's items among those given, in their order
	Value   float64 // NaN: cannot be known
}

func (c *Cohort) checkDerive() error {
	for i, d := range c.Spec.Derive {
		what := "data.derive." + strconv.Itoa(i)
		if d.Name == "" {
			return fault.New(fault.Usage, "%s.name is not set", what)
		}
		if d.Kind != EjectionFraction {
			return fault.New(fault.Usage, "%s.kind is %q (%s)", what, d.Kind, nearest.Hint(d.Kind, []string{EjectionFraction}))
		}
		var names []string
		for _, t := range c.Spec.Targets {
			if t.Kind == Regression {
				names = append(names, t.Name)
			}
		}
		if !slices.Contains(names, d.From) {
			return fault.New(fault.Usage, "%s.from is %q, which is no regression target (%s)", what, d.From, nearest.Hint(d.From, names))
		}
		col, err := (&table{name: c.Spec.Table, columns: c.Columns}).column(d.Phase, what+".phase")
		if err != nil {
			return err
		}
		for _, r := range c.Rows {
			if cell := r.Columns[col]; !missing(cell) && !strings.EqualFold(cell, "ED") && !strings.EqualFold(cell, "ES") {
				return fault.New(fault.Input, "%s, line %d, column %s: neither ED nor ES", c.Spec.Table, r.Line, d.Phase)
			}
		}
	}
	return nil
}

// Derive computes d for every patient among rows from value, one number a row: the truth of d.From, or a network's prediction of it.
// Patients come in the order of their first row.
//
// Ejection fraction, %: 100·(ΣED − ΣES)/ΣED over the patient's items, as by the method of discs with constant spacing, where the
// spacing cancels. It is NaN where an item's value is missing, where ED or ES has no item, or where ΣED is not positive. Items
// without a phase take no part.
func (c *Cohort) Derive(d DeriveSpec, rows []int, value []float64) []Derived {
	type sums struct {
		ed, es   float64
		nED, nES int
	}
	var out []Derived
	at := map[string]int{}
	var acc []sums
	for i, r := range rows {
		p := c.Rows[r].Patient
		k, ok := at[p]
		if !ok {
			k = len(out)
			at[p] = k
			out = append(out, Derived{Patient: p})
			acc = append(acc, sums{})
		}
		out[k].Rows = append(out[k].Rows, r)
		phase, _ := c.Value(r, d.Phase)
		switch {
		case strings.EqualFold(phase, "ED"):
			acc[k].ed += value[i]
			acc[k].nED++
		case strings.EqualFold(phase, "ES"):
			acc[k].es += value[i]
			acc[k].nES++
		}
	}
	for k, s := range acc {
		out[k].Value = math.NaN()
		if s.nED > 0 && s.nES > 0 && s.ed > 0 {
			out[k].Value = 100 * (s.ed - s.es) / s.ed
		}
	}
	return out
}
