package cohort

import (
	"maps"
	"slices"
	"strings"
)

// filter keeps the records that Spec.Where accepts, filter by filter in the order of the columns' names, and records each stage.
// "a|b" keeps either, "!a|b" keeps neither, "" keeps missing values, "!" keeps all but missing ones; numbers compare as numbers.
func (c *Cohort) filter(t *table) ([]record, error) {
	kept := t.records
	patient := slices.Index(t.columns, c.Spec.Patient)
	c.Flow = append(c.Flow, Stage{"in " + t.name, len(kept), patientsOf(kept, patient)})
	for _, name := range slices.Sorted(maps.Keys(c.Spec.Where)) {
		col, err := t.column(name, "data.where")
		if err != nil {
			return nil, err
		}
		want := c.Spec.Where[name]
		var next []record
		for _, r := range kept {
			if accepts(want, r.cells[col]) {
				next = append(next, r)
			}
		}
		kept = next
		c.Flow = append(c.Flow, Stage{"where " + name + " is " + want, len(kept), patientsOf(kept, patient)})
	}
	return kept, nil
}

// patientsOf counts patients by column; rows where no column says.
func patientsOf(records []record, column int) int {
	if column < 0 {
		return len(records)
	}
	seen := map[string]bool{}
	for _, r := range records {
		if !missing(r.cells[column]) {
			seen[r.cells[column]] = true
		}
	}
	return len(seen)
}

func accepts(want, cell string) bool {
	want, not := strings.CutPrefix(want, "!")
	return anyOf(want, cell) != not
}

// anyOf says whether the cell is one of the words of "a|b"; "" stands for a missing value.
func anyOf(words, cell string) bool {
	for _, w := range strings.Split(words, "|") {
		if w == "" && missing(cell) || w != "" && sameValue(cell, w) {
			return true
		}
	}
	return false
}
