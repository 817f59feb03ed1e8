package cohort

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// subgroup is one column to audit by.
type subgroup struct {
	name   string
	column int
	cuts   []float64 // ascending; nil: the cell itself is the group
}

// readSubgroups fills Groups and every row's Groups. "age:50,65" makes the groups <50, 50-65 and >=65; a cut belongs to the group
// above it. Cells that are not numbers, or not ages as DICOM writes them (052Y), count as unknown there.
func (c *Cohort) readSubgroups() error {
	t := &table{name: c.tableName(), columns: c.Columns}
	for _, text := range c.Spec.Subgroups {
		g, err := parseSubgroup(t, text)
		if err != nil {
			return err
		}
		c.Groups = append(c.Groups, g.name)
		odd := 0
		for i := range c.Rows {
			name, ok := g.of(c.Rows[i].Columns[g.column])
			if !ok {
				odd++
			}
			c.Rows[i].Groups = append(c.Rows[i].Groups, name)
		}
		if odd > 0 {
			c.Warnings = append(c.Warnings, fmt.Sprintf("subgroup %s: %d rows hold no number and count as unknown", g.name, odd))
		}
	}
	return nil
}

func parseSubgroup(t *table, text string) (subgroup, error) {
	name, list, binned := strings.Cut(text, ":")
	if slices.Contains(t.columns, text) { // a column whose name has a colon
		name, binned = text, false
	}
	col, err := t.column(name, "data.subgroups")
	if err != nil {
		return subgroup{}, err
	}
	g := subgroup{name: name, column: col}
	if !binned {
		return g, nil
	}
	for _, s := range strings.Split(list, ",") {
		v, ok := number(strings.TrimSpace(s))
		if !ok || len(g.cuts) > 0 && v <= g.cuts[len(g.cuts)-1] {
			return subgroup{}, fault.New(fault.Usage, "data.subgroups: %q: the cut points after the colon must be rising numbers, as in age:50,65", text)
		}
		g.cuts = append(g.cuts, v)
	}
	return g, nil
}

// of is the cell's group, "" for unknown; ok is false when the cell holds something that is not a number and should be one.
func (g subgroup) of(cell string) (string, bool) {
	if missing(cell) {
		return "", true
	}
	if g.cuts == nil {
		return cell, true
	}
	v, ok := number(cell)
	if !ok {
		if v, ok = dicomAge(cell); !ok {
			return "", false
		}
	}
	text := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	n := len(g.cuts)
	i, exact := slices.BinarySearch(g.cuts, v)
	if exact {
		i++
	}
	switch i {
	case 0:
		return "<" + text(g.cuts[0]), true
	case n:
		return ">=" + text(g.cuts[n-1]), true
	}
	return text(g.cuts[i-1]) + "-" + text(g.cuts[i]), true
}

// dicomAge reads an Age String (DICOM PS3.5, 6.2: nnnD, nnnW, nnnM, nnnY) in years.
func dicomAge(s string) (years float64, ok bool) {
	if len(s) != 4 {
		return 0, false
	}
	n, err := strconv.Atoi(s[:3])
	perYear := map[byte]float64{'Y': 1, 'M': 12, 'W': 52.1775, 'D': 365.2425}[s[3]]
	if err != nil || n < 0 || perYear == 0 {
		return 0, false
	}
	return float64(n) / perYear, true
}
