package cohort

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// EjectionFraction is the kind of [DeriveSpec] that there is: 100·(ΣED − ΣES)/ΣED over a patient's items, %.
const EjectionFraction = "ejection_fraction"

// checkDerive checks what Spec.Derive asks for; package evaluate computes it.
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
			if t.Kind == Regression || t.Kind == Mask && len(t.Classes) == 1 { // of a mask, the size of its one class
				names = append(names, t.Name)
			}
		}
		if !slices.Contains(names, d.From) {
			return fault.New(fault.Usage, "%s.from is %q, which is no regression target, nor a mask of one class (%s)", what, d.From, nearest.Hint(d.From, names))
		}
		col, err := (&table{name: c.tableName(), columns: c.Columns}).column(d.Phase, what+".phase")
		if err != nil {
			return err
		}
		for _, r := range c.Rows {
			if cell := r.Columns[col]; !missing(cell) && !strings.EqualFold(cell, "ED") && !strings.EqualFold(cell, "ES") {
				return fault.New(fault.Input, "%s, line %d, column %s: neither ED nor ES", c.tableName(), r.Line, d.Phase)
			}
		}
	}
	return nil
}
