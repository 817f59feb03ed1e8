package cohort

import (
	"path/filepath"

	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Mask is the kind of a target that has a class for every position of the image.
const Mask = "mask"

// readMask notes each row's mask file. A row's truth is 1 where it has a mask and missing where not; the mask is read when it is needed.
func (c *Cohort) readMask(t *TargetSpec, what string) error {
	switch {
	case t.File == "":
		return fault.New(fault.Usage, `%s.file is not set: the template of the mask's file name, such as "labels/{name}"`, what)
	case len(t.Classes) == 0:
		return fault.New(fault.Usage, "%s.classes is not set: the names of the mask's values 1, 2, …", what)
	case len(t.Classes) > 254:
		return fault.New(fault.Usage, "%s: %d classes; a mask has at most 254", what, len(t.Classes))
	}
	parts, err := parseTemplate(&table{name: c.tableName(), columns: c.Columns}, t.File, what+".file")
	if err != nil {
		return err
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		if row.Masks == nil {
			row.Masks = map[string]string{}
		}
		row.Truth[t.Name] = []float64{math.NaN()}
		name, ok := fillTemplate(parts, row.Columns)
		if !ok {
			continue
		}
		name = c.inRoot(name)
		if checkFile(name) == "" {
			row.Masks[t.Name], row.Truth[t.Name] = name, []float64{1}
		}
	}
	return nil
}

// inRoot is a file name that starts from the cohort's root unless it is absolute.
func (c *Cohort) inRoot(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Spec.Root, name)
}
