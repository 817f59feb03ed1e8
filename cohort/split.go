package cohort

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
	"github.com/cineloop/cineloop/stats"
)

// The ways to divide rows.
const (
	ByColumn  = "column"
	ByItem    = "item"
	ByPatient = "patient"
	ByGroup   = "group"
)

// Fold is one division of rows, as ascending indices into Cohort.Rows. The parts are disjoint.
type Fold struct {
	Train, Val, Test []int
}

// Split is one or more folds. In cross-validation every row is in the Test part of exactly one fold, and Val is a slice of what is
// left, by whole patients (or groups), for choosing the model.
type Split struct {
	Name     string
	Spec     SplitSpec
	Seed     stats.Seed
	Folds    []Fold
	Reserved []int // cross-validation by column: rows that the column calls test, in no fold; for the folds' models together
	Warnings []string
	Digest   string // SHA-256 over (item, fold, part), sorted: equal for equal divisions
}

// defaultFractions is train, val, test where a split names none.
var defaultFractions = []float64{0.7, 0.15, 0.15}

// defaultVal is the share of the training rows that is set apart for validation where neither column nor fractions say.
const defaultVal = 0.15

// Split divides the rows as spec says; seed is used unless spec has its own.
//
// The division depends on the rows' keys, patients, groups and strata and on the seed, never on the order of the rows. Units
// (patients, groups, items) are dealt one by one, the largest first and equals in seeded order, each to the part that it brings nearest
// to its due share of every stratum; so the largest units tend to the largest parts.
//
// Errors: usage (an unknown way, column or target; impossible fractions), input (a patient or file on both sides of a division
// that must keep them apart; more folds than units; an unknown word in the split column).
func (c *Cohort) Split(spec SplitSpec, seed stats.Seed) (*Split, error) {
	if spec.Seed != nil {
		seed = *spec.Seed
	}
	s := &Split{Name: spec.Name, Spec: spec, Seed: seed}
	if s.Name == "" {
		s.Name = spec.By
	}
	d := &divider{c: c, s: s, seed: seed}
	if err := d.check(); err != nil {
		return nil, err
	}
	var err error
	switch {
	case spec.Folds >= 2:
		err = d.crossValidate()
	case spec.By == ByColumn:
		err = d.byColumn()
	default:
		err = d.byFractions()
	}
	if err != nil {
		return nil, err
	}
	if err := d.finish(); err != nil {
		return nil, err
	}
	return s, nil
}

type divider struct {
	c     *Cohort
	s     *Split
	seed  stats.Seed
	frac  []float64 // train, val, test; sums to 1
	given bool      // the recipe named fractions
	label []string  // stratum of every row
}

func (d *divider) fault(format string, args ...any) error {
	return fault.New(fault.Usage, "split %q: "+format, append([]any{d.s.Name}, args...)...)
}

func (d *divider) check() error {
	spec := d.s.Spec
	ways := []string{ByColumn, ByItem, ByPatient, ByGroup}
	if !slices.Contains(ways, spec.By) {
		return d.fault("by is %q (%s)", spec.By, nearest.Hint(spec.By, ways))
	}
	if spec.Folds < 0 || spec.Folds == 1 {
		return d.fault("folds is %d: want 2 or more", spec.Folds)
	}
	if spec.By == ByColumn || spec.By == ByGroup {
		if spec.Column == "" {
			return d.fault("column is not set: by %s needs one", spec.By)
		}
		if _, err := (&table{name: d.c.tableName(), columns: d.c.Columns}).column(spec.Column, "split "+d.s.Name); err != nil {
			return err
		}
	}
	d.frac, d.given = defaultFractions, len(spec.Fractions) > 0
	if d.given {
		sum := 0.0
		d.frac = make([]float64, 3)
		for i, f := range spec.Fractions {
			if i > 2 || f < 0 || math.IsNaN(f) {
				return d.fault("fractions are train, val and test, each 0 or more")
			}
			d.frac[i] = f
			sum += f
		}
		if math.Abs(sum-1) > 1e-6 || d.frac[0] <= 0 {
			return d.fault("fractions sum to %g: they must sum to 1, with some of it for training", sum)
		}
	}
	var err error
	d.label, err = d.c.strata(spec.Stratify, "split "+d.s.Name)
	return err
}

func (d *divider) byFractions() error {
	us, err := d.units(d.c.All())
	if err != nil {
		return err
	}
	parts := deal(us, d.frac, d.seed.Stream("split"))
	d.s.Folds = []Fold{{Train: parts[0], Val: parts[1], Test: parts[2]}}
	return nil
}

// valShare is the share of non-test rows that validates.
func (d *divider) valShare() float64 {
	if d.given {
		return d.frac[1] / (d.frac[0] + d.frac[1])
	}
	return defaultVal
}

// carve takes the validation part out of rows, by whole units.
func (d *divider) carve(rows []int, keys ...any) (train, val []int, err error) {
	us, err := d.units(rows)
	if err != nil {
		return nil, nil, err
	}
	share := d.valShare()
	parts := deal(us, []float64{1 - share, share}, d.seed.Stream(append([]any{"split", "val"}, keys...)...))
	return parts[0], parts[1], nil
}

func (d *divider) crossValidate() error {
	rows := d.c.All()
	if d.s.Spec.By == ByColumn {
		parts, err := d.columnParts()
		if err != nil {
			return err
		}
		rows = append(parts.Train, parts.Val...)
		slices.Sort(rows)
		d.s.Reserved = parts.Test
	}
	us, err := d.units(rows)
	if err != nil {
		return err
	}
	k := d.s.Spec.Folds
	if k > len(us) {
		return fault.New(fault.Input, "split %q: %d folds need as many %ss; there are %d", d.s.Name, k, d.unitName(), len(us))
	}
	share := make([]float64, k)
	for i := range share {
		share[i] = 1 / float64(k)
	}
	parts := deal(us, share, d.seed.Stream("split"))
	for f, test := range parts {
		var rest []int
		for g, p := range parts {
			if g != f {
				rest = append(rest, p...)
			}
		}
		slices.Sort(rest)
		train, val, err := d.carve(rest, f)
		if err != nil {
			return err
		}
		d.s.Folds = append(d.s.Folds, Fold{train, val, test})
	}
	return nil
}

func (d *divider) unitName() string {
	switch d.s.Spec.By {
	case ByItem:
		return "item"
	case ByGroup:
		return "group"
	}
	return "patient"
}

func (d *divider) byColumn() error {
	fold, err := d.columnParts()
	if err != nil {
		return err
	}
	if len(fold.Val) == 0 && len(fold.Train) > 0 {
		if fold.Train, fold.Val, err = d.carve(fold.Train); err != nil {
			return err
		}
		d.s.Warnings = append(d.s.Warnings, fmt.Sprintf("column %s names no validation rows: %d were taken out of the training rows, by whole patients", d.s.Spec.Column, len(fold.Val)))
	}
	d.s.Folds = []Fold{fold}
	return nil
}

// columnParts reads the split column: train, val and test with their usual synonyms, in any case. Rows with a missing word are in no
// part.
func (d *divider) columnParts() (Fold, error) {
	var f Fold
	col := slices.Index(d.c.Columns, d.s.Spec.Column)
	none := 0
	for i, r := range d.c.Rows {
		cell := r.Columns[col]
		switch strings.ToLower(cell) {
		case "train", "training":
			f.Train = append(f.Train, i)
		case "val", "valid", "validation", "dev", "tune", "tuning":
			f.Val = append(f.Val, i)
		case "test", "testing", "held-out", "holdout":
			f.Test = append(f.Test, i)
		default:
			if !missing(cell) {
				return f, fault.New(fault.Input, "split %q: line %d, column %s: not train, val or test", d.s.Name, r.Line, d.s.Spec.Column)
			}
			none++
		}
	}
	if none > 0 {
		d.s.Warnings = append(d.s.Warnings, fmt.Sprintf("%d rows are in no part: column %s is empty there", none, d.s.Spec.Column))
	}
	return f, nil
}

// finish orders the parts, checks them and computes the digest.
func (d *divider) finish() error {
	var lines []string
	for f := range d.s.Folds {
		fold := &d.s.Folds[f]
		if len(fold.Train) == 0 {
			return fault.New(fault.Input, "split %q: no row is left for training", d.s.Name)
		}
		for _, p := range []struct {
			name string
			rows []int
		}{{"train", fold.Train}, {"val", fold.Val}, {"test", fold.Test}} {
			slices.Sort(p.rows)
			if len(p.rows) == 0 && f == 0 {
				d.s.Warnings = append(d.s.Warnings, "no row is in the "+p.name+" part")
			}
			for _, r := range p.rows {
				lines = append(lines, fmt.Sprintf("%q %d %s\n", d.c.Rows[r].ID, f, p.name))
			}
		}
		if err := d.leaks(f); err != nil {
			return err
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	d.s.Digest = hex.EncodeToString(sum[:])
	return nil
}

// leaks refuses a fold in which a patient or a file is in two parts. A split by item says so instead: that is what it is for.
func (d *divider) leaks(f int) error {
	fold := d.s.Folds[f]
	for _, k := range []struct {
		what string
		keys func(Row) []string
	}{{"patient", func(r Row) []string { return []string{r.Patient} }}, {"file", Row.paths}} {
		n, a, b := d.c.crossing(fold, k.keys)
		if n == 0 {
			continue
		}
		said := fmt.Sprintf("%d %ss are in more than one of train, val and test, such as that of lines %d and %d", n, k.what, a, b)
		if d.s.Spec.By != ByItem {
			return fault.New(fault.Input, "split %q leaks: %s", d.s.Name, said).WithHint("divide by patient, or correct the table")
		}
		if f == 0 {
			if len(d.s.Folds) > 1 {
				said = "in the first fold, " + said
			}
			d.s.Warnings = append(d.s.Warnings, "leak: "+said+"; scores by this split are too good")
		}
	}
	return nil
}

// crossing counts the keys that are in two parts of a fold, and gives the lines of one such pair.
func (c *Cohort) crossing(f Fold, keys func(Row) []string) (n, lineA, lineB int) {
	type first struct{ part, line int }
	seen := map[string]first{}
	crossed := map[string]bool{}
	for part, rows := range [][]int{f.Train, f.Val, f.Test} {
		for _, r := range rows {
			for _, k := range keys(c.Rows[r]) {
				s, ok := seen[k]
				switch {
				case !ok:
					seen[k] = first{part, c.Rows[r].Line}
				case s.part != part && !crossed[k]:
					crossed[k] = true
					if n++; n == 1 {
						lineA, lineB = s.line, c.Rows[r].Line
					}
				}
			}
		}
	}
	return n, min(lineA, lineB), max(lineA, lineB)
}
