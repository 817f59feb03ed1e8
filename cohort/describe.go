package cohort

import (
	"cmp"
	"slices"
)

// smallCell is the number of patients below which a value of the table is not named in a [DataSheet]: it might point at somebody.
const smallCell = 5

// DataSheet describes a cohort for its readers: what it holds, how it is balanced, what is missing. It names no word of the table that
// fewer than five patients share, and no keys.
type DataSheet struct {
	Items    int             `json:"items"`
	Patients int             `json:"patients"`
	Sites    int             `json:"sites"` // 0: unknown
	Flow     []Stage         `json:"flow"`
	Left     []Reason        `json:"quarantined"` // why rows were left out
	Whole    Balance         `json:"whole"`
	Parts    []Balance       `json:"parts"`     // of every split and fold
	Groups   []GroupBalance  `json:"subgroups"` // every value of every subgroup
	Columns  []ColumnSummary `json:"columns"`
	Sha256   string          `json:"table_sha256"`
}

// Reason is why rows were left out, and how many.
type Reason struct {
	Reason string `json:"reason"`
	Rows   int    `json:"rows"`
}

// Balance is what a part of a cohort holds.
type Balance struct {
	Split    string          `json:"split,omitempty"`
	Fold     int             `json:"fold,omitempty"` // from 1; 0: the split has one
	Part     string          `json:"part,omitempty"` // train, val, test
	Rows     int             `json:"rows"`
	Patients int             `json:"patients"`
	Targets  []TargetSummary `json:"targets"`
	Groups   []GroupSummary  `json:"subgroups,omitempty"`
}

// GroupBalance is what one value of a subgroup holds.
type GroupBalance struct {
	Group string `json:"group"`
	Value string `json:"value"` // empty: unknown
	Balance
}

// ColumnSummary describes one column of the table.
type ColumnSummary struct {
	Name     string        `json:"name"`
	Known    int           `json:"known"` // rows
	Missing  int           `json:"missing"`
	Distinct int           `json:"distinct"`
	Kind     string        `json:"kind"`             // number | words | key: a value nearly every row has alone | empty
	Values   *Distribution `json:"values,omitempty"` // of numbers
	Common   []Count       `json:"common,omitempty"` // of words: the commonest that at least five patients share
	Rare     int           `json:"rare,omitempty"`   // of words: rows whose value is not among them
	Parts    []PartMissing `json:"missing_by_part,omitempty"`
}

// PartMissing is the share of rows without a value in one part of the first split.
type PartMissing struct {
	Part  string  `json:"part"`
	Share float64 `json:"share"`
}

// The kinds of columns.
const (
	columnNumber = "number"
	columnWords  = "words"
	columnKey    = "key"
	columnEmpty  = "empty"
)

// Describe sums up the table and its division. It decodes nothing: [Cohort.Fingerprint] and [Cohort.Inspect] do.
func (c *Cohort) Describe(splits []*Split) *DataSheet {
	d := &DataSheet{Items: len(c.Rows), Patients: c.Patients(c.All()), Sites: c.sites(), Flow: c.Flow, Whole: c.balance(c.All()), Sha256: c.Digest}
	count := map[string]int{}
	for _, q := range c.Quarantine {
		count[q.Reason]++
	}
	for reason, n := range count {
		d.Left = append(d.Left, Reason{reason, n})
	}
	slices.SortFunc(d.Left, func(a, b Reason) int { return cmp.Or(b.Rows-a.Rows, cmp.Compare(a.Reason, b.Reason)) })
	for _, s := range splits {
		for f, fold := range s.Folds {
			for _, p := range fold.parts() {
				b := c.balance(p.rows)
				if b.Split, b.Part = s.Name, p.name; len(s.Folds) > 1 {
					b.Fold = f + 1
				}
				d.Parts = append(d.Parts, b)
			}
		}
		if len(s.Reserved) > 0 {
			b := c.balance(s.Reserved)
			b.Split, b.Part = s.Name, "test"
			d.Parts = append(d.Parts, b)
		}
	}
	for g, name := range c.Groups {
		rows := map[string][]int{}
		for i, r := range c.Rows {
			rows[r.Groups[g]] = append(rows[r.Groups[g]], i)
		}
		for _, v := range d.Whole.Groups[g].Counts {
			d.Groups = append(d.Groups, GroupBalance{name, v.Name, c.balanceOf(rows[v.Name], false)})
		}
	}
	for i := range c.Columns {
		d.Columns = append(d.Columns, c.describeColumn(i, splits))
	}
	return d
}

func (c *Cohort) balance(rows []int) Balance { return c.balanceOf(rows, true) }

func (c *Cohort) balanceOf(rows []int, groups bool) Balance {
	b := Balance{Rows: len(rows), Patients: c.Patients(rows), Targets: []TargetSummary{}}
	for _, t := range c.Spec.Targets {
		b.Targets = append(b.Targets, c.summarise(t, rows))
	}
	for g, name := range c.Groups {
		if groups {
			b.Groups = append(b.Groups, GroupSummary{name, c.count(rows, func(i int) (string, bool) { return c.Rows[i].Groups[g], true }, nil)})
		}
	}
	return b
}

// partRows is one part of a fold with its name.
type partRows struct {
	name string
	rows []int
}

// parts are the parts that have rows.
func (f Fold) parts() (out []partRows) {
	for _, p := range []partRows{{"train", f.Train}, {"val", f.Val}, {"test", f.Test}} {
		if len(p.rows) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// describeColumn sums up column i. Words of which nearly every row has one of its own are a key and not listed.
func (c *Cohort) describeColumn(i int, splits []*Split) ColumnSummary {
	s := ColumnSummary{Name: c.Columns[i], Kind: columnEmpty}
	distinct := map[string]bool{}
	var values []float64
	for _, r := range c.Rows {
		if missing(r.Columns[i]) {
			s.Missing++
			continue
		}
		s.Known++
		distinct[r.Columns[i]] = true
		if v, ok := number(r.Columns[i]); ok {
			values = append(values, v)
		}
	}
	s.Distinct = len(distinct)
	role := s.Name == c.Spec.ID || s.Name == c.Spec.Patient
	switch {
	case s.Known == 0:
	case role || len(values) < s.Known && s.Distinct > 20 && 2*s.Distinct > s.Known:
		s.Kind = columnKey
	case len(values) == s.Known && s.Distinct > 2:
		s.Kind, s.Values = columnNumber, maybe(values)
		if c.Patients(c.All()) < smallCell {
			s.Values = nil
		}
	default:
		s.Kind = columnWords
		s.Common = c.count(c.All(), func(r int) (string, bool) { v := c.Rows[r].Columns[i]; return v, !missing(v) }, nil)
		s.Common = slices.DeleteFunc(s.Common, func(n Count) bool { return n.Patients < smallCell })
		slices.SortStableFunc(s.Common, func(a, b Count) int { return b.Rows - a.Rows })
		s.Common = s.Common[:min(12, len(s.Common))]
		s.Rare = s.Known
		for _, n := range s.Common {
			s.Rare -= n.Rows
		}
	}
	if s.Missing > 0 && len(splits) > 0 {
		for _, p := range splits[0].Folds[0].parts() {
			n := 0
			for _, r := range p.rows {
				if missing(c.Rows[r].Columns[i]) {
					n++
				}
			}
			s.Parts = append(s.Parts, PartMissing{p.name, float64(n) / float64(len(p.rows))})
		}
	}
	return s
}
