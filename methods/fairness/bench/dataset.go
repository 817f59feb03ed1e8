package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/fairness/linear"
)

// Dataset is a table of the benchmark.
type Dataset struct {
	Name      string
	File      string // in the folder of data
	Label     string // column of 0 and 1
	Sensitive string // column of the groups
	Encoding  linear.Encoding
	keep      func(t *linear.Table) (func(row int) bool, error) // nil: every row
	group     func(cell string) string                          // name of a cell's group; nil: the cell
}

// Datasets are the tables with the columns that the reference used.
func Datasets() []Dataset {
	return []Dataset{
		{Name: "adult", File: "adult.csv.gz", Label: "income_gt_50k", Sensitive: "sex", Encoding: linear.Encoding{
			Numbers:    []string{"age", "education_num", "capital_gain", "capital_loss", "hours_per_week"},
			Categories: []string{"workclass", "education", "marital_status", "occupation", "relationship", "race", "native_country"},
		}},
		{Name: "compas", File: "compas_two_years.csv.gz", Label: "two_year_recid", Sensitive: "race", keep: propublica, Encoding: linear.Encoding{
			Numbers:    []string{"age", "priors_count", "juv_fel_count", "juv_misd_count", "juv_other_count"},
			Categories: []string{"sex", "c_charge_degree"},
		}},
		{Name: "law_school", File: "law_school.csv.gz", Label: "pass_bar", Sensitive: "race", Encoding: linear.Encoding{
			Numbers:    []string{"decile1b", "decile3", "lsat", "ugpa", "zfygpa", "zgpa", "fam_inc"},
			Categories: []string{"fulltime", "male", "tier"},
		}},
		{Name: "acs_income", File: "acs_income_100k.csv.gz", Label: "income_label", Sensitive: "SEX", group: sexOfACS, Encoding: linear.Encoding{
			Numbers:    []string{"AGEP", "WKHP"},
			Categories: []string{"COW", "SCHL", "MAR", "OCCP", "POBP", "RELP", "RAC1P"},
		}},
	}
}

func sexOfACS(cell string) string {
	switch cell {
	case "1":
		return "Male"
	case "2":
		return "Female"
	}
	return cell
}

// propublica keeps the people whose charge is within 30 days of the screening and whose outcome is known, as the newspaper did, and of
// these the Black and the white.
func propublica(t *linear.Table) (func(int) bool, error) {
	var columns [3][]string
	for i, name := range []string{"days_b_screening_arrest", "is_recid", "race"} {
		var err error
		if columns[i], err = t.Column(name); err != nil {
			return nil, err
		}
	}
	return func(i int) bool {
		days, err := strconv.ParseFloat(columns[0][i], 64)
		return err == nil && days >= -30 && days <= 30 && columns[1][i] != "-1" &&
			(columns[2][i] == "African-American" || columns[2][i] == "Caucasian")
	}, nil
}

// data is a dataset ready to be fitted.
type data struct {
	y, group    []int
	groups      []string
	train, test []int
	without     *linear.Design // the sensitive column is no input
	with        *linear.Design
}

// load reads a dataset from dir.
func (d Dataset) load(dir string) (*data, error) {
	path := filepath.Join(dir, d.File)
	if _, err := os.Stat(path); err != nil && filepath.Ext(path) == ".gz" {
		path = path[:len(path)-len(".gz")] // unpacked
	}
	t, err := linear.ReadTable(path)
	if err != nil {
		return nil, err
	}
	return d.prepare(t)
}

func (d Dataset) prepare(t *linear.Table) (*data, error) {
	if d.keep != nil {
		keep, err := d.keep(t)
		if err != nil {
			return nil, err
		}
		t = t.Where(keep)
	}
	label, err := t.Column(d.Label)
	if err != nil {
		return nil, err
	}
	sensitive, err := t.Column(d.Sensitive)
	if err != nil {
		return nil, err
	}
	out := &data{groups: slices.Compact(slices.Sorted(slices.Values(sensitive)))}
	if len(label) < 40 || len(out.groups) < 2 {
		return nil, fault.New(fault.Input, "%s: %d rows of %d groups are too few", t.Name, len(label), len(out.groups))
	}
	for i, cell := range label {
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil || v != 0 && v != 1 {
			return nil, fault.New(fault.Input, "%s: row %d, column %q: not 0 or 1", t.Name, i+1, d.Label)
		}
		out.y = append(out.y, int(v))
		out.group = append(out.group, slices.Index(out.groups, sensitive[i]))
	}
	if d.group != nil {
		for i, g := range out.groups {
			out.groups[i] = d.group(g)
		}
	}
	out.train, out.test = divide(len(label))
	if out.without, err = linear.Encode(t, d.Encoding, out.train); err != nil {
		return nil, err
	}
	e := d.Encoding
	e.Categories = append(slices.Clone(e.Categories), d.Sensitive)
	out.with, err = linear.Encode(t, e, out.train)
	return out, err
}

func pick[T any](from []T, at []int) []T {
	out := make([]T, len(at))
	for i, j := range at {
		out[i] = from[j]
	}
	return out
}
