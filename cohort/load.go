package cohort

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Cohort is a loaded data set. It is read-only once loaded; every room may read it from any goroutine.
type Cohort struct {
	Spec       Spec         // as given, with Root absolute and every target's defaults and classes filled in
	Columns    []string     // of the table
	Groups     []string     // names of the subgroups, in the order of Spec.Subgroups
	Rows       []Row        // usable items, in table order
	Quarantine []Quarantine // rows left out because of their file or key
	Flow       []Stage      // how many rows and patients each stage left, for the report's flow chart
	Warnings   []string     // what a person should know, free of values
	Slots      []Slot       // of every study, where data.views groups clips; else none
	Digest     string       // SHA-256 of the table's bytes; of the sorted names and sizes for a scanned folder; of query, answer and labels for an archive
	Answer     []Answer     // the instances that an archive's query gave, in order; nil without data.archive
}

// Row is one item.
type Row struct {
	ID      string               // key of the item, unique in the cohort
	Patient string               // key of the patient; never printed
	Site    string               // empty: unknown
	Path    string               // absolute file or folder, maybe with a fragment: what clip.Open takes; of a study its first clip
	Clips   []ClipOf             // of a study, by position in Cohort.Slots; nil where an item is one file
	Line    int                  // in the table (header = 1), for messages
	Groups  []string             // subgroup by position in Cohort.Groups; empty: unknown
	Columns []string             // cells by position in Cohort.Columns
	Masks   map[string]string    // by target name: the file of a mask target, as Path; "" where the row has none
	Truth   map[string][]float64 // by target name: 1 value, or 1 a label; NaN is missing. Class: index. Binary: 0 or 1
}

// Quarantine is a row that cannot be used, and why. It holds no value of the table but the item's key.
type Quarantine struct {
	Line   int    `json:"line"`
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// Stage is a step of the flow from the table to the usable rows.
type Stage struct {
	What     string `json:"what"`
	Rows     int    `json:"rows"`
	Patients int    `json:"patients"`
}

// Value is the cell of row i in the named column; ok is false when the column is unknown or the cell is missing.
func (c *Cohort) Value(i int, column string) (v string, ok bool) {
	j := slices.Index(c.Columns, column)
	if j < 0 || missing(c.Rows[i].Columns[j]) {
		return "", false
	}
	return c.Rows[i].Columns[j], true
}

// Patients is the number of distinct patients among rows.
func (c *Cohort) Patients(rows []int) int {
	seen := map[string]bool{}
	for _, r := range rows {
		seen[c.Rows[r].Patient] = true
	}
	return len(seen)
}

// All is every row's index.
func (c *Cohort) All() []int {
	out := make([]int, len(c.Rows))
	for i := range out {
		out[i] = i
	}
	return out
}

// Load reads the table that spec names and checks every row: where-filter, keys, targets, file present. It does not decode files:
// the loader and the fingerprint do, and quarantine what they cannot read.
//
// Errors: usage (an unknown column, kind or variable), notfound (no root, no table), input (a malformed table, a value that is not of
// its target's kind, no usable row).
func Load(ctx context.Context, spec Spec) (*Cohort, error) {
	c := &Cohort{Spec: spec}
	t, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	c.Columns = t.columns
	l, err := newRowReader(c, t)
	if err != nil {
		return nil, err
	}
	kept, err := c.filter(t)
	if err != nil {
		return nil, err
	}
	for _, rec := range kept {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("loading the cohort: %w", err)
		}
		l.add(rec)
	}
	if err := l.unique(); err != nil {
		return nil, err
	}
	c.stage("usable file and keys")
	if err := c.groupViews(t); err != nil {
		return nil, err
	}
	if len(c.Rows) == 0 {
		return nil, c.nothingLeft(t)
	}
	if err := c.readTargets(); err != nil {
		return nil, err
	}
	if err := c.readSubgroups(); err != nil {
		return nil, err
	}
	if err := c.checkTabular(); err != nil {
		return nil, err
	}
	return c, c.checkDerive()
}

// open finds the root and reads the table.
func (c *Cohort) open(ctx context.Context) (*table, error) {
	if c.Spec.fromArchive() {
		return c.openArchive(ctx)
	}
	name, err := Expand(c.Spec.Table)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, fault.New(fault.Usage, `data.table is not set: a CSV file, an .npz, or "dicom" to scan data.root; or data.archive for a query on an archive`)
	}
	if c.Spec.Root == "" && filepath.IsAbs(name) {
		c.Spec.Root = filepath.Dir(name)
	}
	if c.Spec.Root, err = ResolvePath(c.Spec.Root, c.Spec.Base); err != nil {
		return nil, fmt.Errorf("data.root: %w", err)
	}
	if name == "dicom" {
		t, digest, err := scanDICOM(ctx, c.Spec.Root)
		if err != nil {
			return nil, err
		}
		if c.Digest = digest; c.Spec.Patient == "" {
			c.Spec.Patient = "patient"
		}
		return t, nil
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Spec.Root, name)
	}
	if c.Digest, err = fileDigest(path); err != nil {
		return nil, openTableError(path, err)
	}
	if strings.EqualFold(filepath.Ext(path), ".npz") {
		return readNPZ(path)
	}
	if c.Spec.File == "" {
		return nil, fault.New(fault.Usage, `data.file is not set: the template of the file name, such as "clips/{name}"`)
	}
	if strings.EqualFold(filepath.Ext(path), ".parquet") {
		return readParquet(path)
	}
	return readCSV(path)
}

func (c *Cohort) stage(what string) {
	c.Flow = append(c.Flow, Stage{what, len(c.Rows), c.Patients(c.All())})
}

func (c *Cohort) nothingLeft(t *table) error {
	if len(c.Quarantine) > 0 {
		q := c.Quarantine[0]
		return fault.New(fault.Input, "%s: none of %d rows is usable; the first, line %d: %s", t.name, len(t.records), q.Line, q.Reason).
			WithHint("check data.root and data.file")
	}
	return fault.New(fault.Input, "%s: none of %d rows is left", t.name, len(t.records)).WithHint("check data.where")
}
