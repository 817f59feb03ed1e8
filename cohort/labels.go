package cohort

import (
	"fmt"
	"hash"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// LabelsSpec joins the columns of a table (labels, outcomes, demographics) to an archive's answer, one row of it to an item.
type LabelsSpec struct {
	Table   string   `yaml:"table"`             // CSV or Parquet, under data.root
	On      string   `yaml:"on"`                // DICOM keyword of the key
	Column  string   `yaml:"column,omitempty"`  // of the table that holds the key; default: On
	Columns []string `yaml:"columns,omitempty"` // that are taken; default: all but the key's
	Missing string   `yaml:"missing,omitempty"` // items without a row: leave-out (default) | keep
}

// What becomes of items without a row of the labels.
const (
	MissingLeaveOut = "leave-out"
	MissingKeep     = "keep"
)

// labelKeys are the keys that a table can be joined on.
var labelKeys = []string{"PatientID", "StudyInstanceUID", "AccessionNumber", "SeriesInstanceUID", "SOPInstanceUID"}

// key is the item's value of a label key, as the catalogue has it.
func (h *held) key(on string) string {
	switch on {
	case "StudyInstanceUID":
		return h.record.StudyUID
	case "SeriesInstanceUID":
		return h.record.SeriesUID
	case "SOPInstanceUID":
		return h.record.SOPInstanceUID
	}
	return strings.TrimSpace(h.record.Attributes[on])
}

// labels is a table of labels by key.
type labels struct {
	spec  LabelsSpec
	t     *table
	take  []int            // its columns that are joined
	row   map[string][]int // positions in t.records by key
	empty int              // rows without a key
	used  map[string]bool
}

// joinLabels adds the labels' columns to t, whose records are those of rows, and their digest to h. Keys are compared as text, as they
// stand: 007 is not 7. Items without a row are left out, unless told otherwise, and counted in the flow. Those whose key has rows that
// differ, or stands for several patients, are quarantined with the reason.
func (c *Cohort) joinLabels(t *table, rows []held, h hash.Hash) error {
	l, err := c.readLabels(t, h)
	if err != nil {
		return err
	}
	several := severalPatients(l.spec.On, rows)
	var kept []record
	joined := 0
	for i, rec := range t.records {
		key := rows[i].key(l.spec.On)
		cells, why := l.find(key)
		switch {
		case key != "" && several[key]:
			cells, why = nil, fmt.Sprintf("its %s stands for several patients in the archive, so that no row of %s is certainly its own", l.spec.On, l.t.name)
		case cells != nil:
			joined++
		case why == "" && l.spec.Missing != MissingKeep:
			continue
		}
		if cells == nil {
			cells = make([]string, len(l.take))
		}
		rec.cells = append(rec.cells, cells...)
		if rec.broken == "" {
			rec.broken = why
		}
		kept = append(kept, rec)
	}
	if joined == 0 && l.spec.Missing != MissingKeep {
		return fault.New(fault.Input, "data.labels: %s has %d rows, and none can be joined on %s", l.t.name, len(l.t.records), l.spec.On).
			WithHint("keys are compared as text: a spreadsheet may have taken leading zeros away; look at what cineloop archive find says")
	}
	if left := len(t.records) - len(kept); left > 0 {
		c.Flow = append(c.Flow, Stage{"in " + t.name, len(t.records), patientsOf(t.records, slices.Index(t.columns, c.Spec.Patient))})
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.labels: %d items are left out: %s has no row for their %s, or they have none", left, l.t.name, l.spec.On))
	}
	t.records, t.columns = kept, slices.Clone(t.columns)
	for _, k := range l.take {
		t.columns = append(t.columns, l.t.columns[k])
	}
	if spare := len(l.row) - len(l.used); spare > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.labels: %d of the %d keys of %s are of no item", spare, len(l.row), l.t.name))
	}
	if l.empty > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("data.labels: %d rows of %s have no key and are passed over", l.empty, l.t.name))
	}
	t.name = c.tableName()
	return nil
}

// readLabels reads the table and finds its columns.
func (c *Cohort) readLabels(t *table, h hash.Hash) (*labels, error) {
	l := &labels{spec: *c.Spec.Labels, row: map[string][]int{}, used: map[string]bool{}}
	s := &l.spec
	switch {
	case s.Table == "":
		return nil, fault.New(fault.Usage, "data.labels.table is not set: a CSV or Parquet file")
	case !slices.Contains(labelKeys, s.On):
		return nil, fault.New(fault.Usage, "data.labels.on is %q (%s)", s.On, nearest.Hint(s.On, labelKeys))
	case s.On == "SOPInstanceUID" && c.Spec.Each != EachInstance:
		return nil, fault.New(fault.Usage, "data.labels.on is an instance's key, and an item may be a series").WithHint("write data.each: instance")
	case s.Missing != "" && s.Missing != MissingLeaveOut && s.Missing != MissingKeep:
		return nil, fault.New(fault.Usage, "data.labels.missing is %q (%s)", s.Missing, nearest.Hint(s.Missing, []string{MissingLeaveOut, MissingKeep}))
	}
	path, err := Expand(s.Table)
	if err != nil {
		return nil, err
	}
	path = c.inRoot(path)
	digest, err := fileDigest(path)
	if err != nil {
		return nil, openTableError(path, err)
	}
	fmt.Fprintf(h, "labels %q %q %q %q %s\n", s.On, s.Column, s.Columns, s.Missing, digest)
	read := readCSV
	if strings.EqualFold(filepath.Ext(path), ".parquet") {
		read = readParquet
	}
	if l.t, err = read(path); err != nil {
		return nil, err
	}
	if s.Column == "" {
		s.Column = s.On
	}
	at, err := l.t.column(s.Column, "data.labels.column")
	if err != nil {
		return nil, err
	}
	for k := range l.t.columns {
		if k != at && s.Columns == nil {
			l.take = append(l.take, k)
		}
	}
	for _, name := range s.Columns {
		k, err := l.t.column(name, "data.labels.columns")
		if err != nil {
			return nil, err
		}
		l.take = append(l.take, k)
	}
	for _, k := range l.take {
		if name := l.t.columns[k]; slices.Contains(t.columns, name) {
			return nil, fault.New(fault.Usage, "data.labels: %s has a column %q, and so has the archive", l.t.name, name).
				WithHint("rename it, or name those that are wanted under data.labels.columns")
		}
	}
	for i, rec := range l.t.records {
		if key := rec.cells[at]; missing(key) {
			l.empty++
		} else {
			l.row[key] = append(l.row[key], i)
		}
	}
	return l, nil
}

// find is what the labels say of a key; nil where they say nothing, or differ, and then why the item cannot be used.
func (l *labels) find(key string) (cells []string, why string) {
	at := l.row[key]
	if len(at) == 0 {
		return nil, ""
	}
	l.used[key] = true
	taken := func(i int) []string {
		out := make([]string, len(l.take))
		for k, col := range l.take {
			out[k] = l.t.records[i].cells[col]
		}
		return out
	}
	cells = taken(at[0])
	for _, i := range at[1:] {
		if !slices.Equal(cells, taken(i)) {
			return nil, fmt.Sprintf("%s has rows that differ for its %s: lines %d and %d", l.t.name, l.spec.On, l.t.records[at[0]].line, l.t.records[i].line)
		}
	}
	return cells, ""
}

// severalPatients are the keys that stand for more than one patient: an accession number of two patients, a patient's identifier from two
// issuers (PS3.3 C.7.1.1). UIDs are unique.
func severalPatients(on string, rows []held) map[string]bool {
	by := map[string]string{"AccessionNumber": "PatientID", "PatientID": "IssuerOfPatientID"}[on]
	out, first := map[string]bool{}, map[string]string{}
	if by == "" {
		return out
	}
	for i := range rows {
		key, of := rows[i].key(on), strings.TrimSpace(rows[i].record.Attributes[by])
		if key == "" || of == "" {
			continue
		}
		if f, ok := first[key]; ok && f != of {
			out[key] = true
		}
		first[key] = of
	}
	return out
}
