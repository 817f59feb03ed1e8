package cohort

import "github.com/cineloop/cineloop/stats"

// Spec says which rows make the data set, where their files are, and what their columns mean.
type Spec struct {
	Root      string            `yaml:"root"`                // folder that file names start from; ${VAR} and ${VAR:-default} are expanded
	Table     string            `yaml:"table"`               // CSV or Parquet under Root; or an .npz with {train,val,test}_{images,labels} (MedMNIST layout); or "dicom" to scan Root
	File      string            `yaml:"file"`                // template of the file name over columns, e.g. "clips/{clip}"
	ID        string            `yaml:"id,omitempty"`        // column of the item's key; default: the file
	Patient   string            `yaml:"patient,omitempty"`   // column of the patient key; default: the item itself; for "dicom", the patient in the header
	Site      string            `yaml:"site,omitempty"`      // column of the site
	Subgroups []string          `yaml:"subgroups,omitempty"` // columns to audit by; numeric ones as "age:50,65" with cut points
	Where     map[string]string `yaml:"where,omitempty"`     // keep rows whose column has this value ("a|b" for either, "!a" for not)
	Targets   []TargetSpec      `yaml:"targets,omitempty"`
	Tabular   []TabularSpec     `yaml:"tabular,omitempty"` // columns that the network may use beside the picture
	Derive    []DeriveSpec      `yaml:"derive,omitempty"`
	Expect    *ExpectSpec       `yaml:"expect,omitempty"` // what every item should be; nil: what almost all are
	Views     *ViewsSpec        `yaml:"views,omitempty"`  // several clips a study; nil: every row is an item

	// In place of Table and File: what an archive's catalogue answers.
	Archive string            `yaml:"archive,omitempty"` // folder of the archive; ${VAR} is expanded
	Query   map[string]string `yaml:"query,omitempty"`   // DICOM keyword: value, as cineloop archive find has them; empty: all
	Each    string            `yaml:"each,omitempty"`    // what an item is: series (default) | instance
	Labels  *LabelsSpec       `yaml:"labels,omitempty"`  // columns of a table that are joined to the answer

	Base   string   `yaml:"-"` // the recipe's folder, where relative roots are looked for after the working directory
	Pinned []Answer `yaml:"-"` // what the query answered when the run was planned; nil: whatever it answers now
}

// TargetSpec is a prediction target read from columns.
type TargetSpec struct {
	Name     string   `yaml:"name"`
	Kind     string   `yaml:"kind"`               // binary | class | multilabel | regression | time-to-event | mask
	Column   string   `yaml:"column,omitempty"`   // default: Name
	Columns  []string `yaml:"columns,omitempty"`  // for multilabel
	Classes  []string `yaml:"classes,omitempty"`  // in index order; default: the sorted distinct values of all rows
	Positive string   `yaml:"positive,omitempty"` // for binary: the value(s, "a|b") that count as 1 (all others as 0); default: 1, true, yes against 0, false, no
	Unit     string   `yaml:"unit,omitempty"`
	Weight   float64  `yaml:"weight,omitempty"` // of its loss; default 1

	File string `yaml:"file,omitempty"` // for mask: template of the mask's file name, as data.file; its classes are those of the values 1, 2, …

	Event  string    `yaml:"event,omitempty"`  // for time-to-event: the column that says whether the event happened at the time in Column
	Method string    `yaml:"method,omitempty"` // for time-to-event: logistic-hazard (default) | pmf | mtlr | deephit | cox | cox-time
	Cuts   []float64 `yaml:"cuts,omitempty"`   // for time-to-event: times at which survival is predicted, from 0; default: quantiles of the event times
}

// DeriveSpec computes a patient-level quantity from item-level predictions after the network has run.
type DeriveSpec struct {
	Name  string `yaml:"name"`
	Kind  string `yaml:"kind"`  // ejection_fraction: 100·(ΣED − ΣES)/ΣED over the patient's items, %
	From  string `yaml:"from"`  // regression target that is summed
	Phase string `yaml:"phase"` // column that says ED or ES
	Unit  string `yaml:"unit,omitempty"`
}

// SplitSpec says how patients are divided.
type SplitSpec struct {
	Name      string      `yaml:"name"` // shown in the report
	By        string      `yaml:"by"`   // column (Column holds train/val/test) | item | patient | group (Column's values never cross)
	Column    string      `yaml:"column,omitempty"`
	Fractions []float64   `yaml:"fractions,omitempty"` // train, val, test; for item, patient and group
	Stratify  string      `yaml:"stratify,omitempty"`  // target whose classes (or quintiles) are balanced over parts
	Folds     int         `yaml:"folds,omitempty"`     // ≥ 2: cross-validation over all rows that Column (if By is column) does not call test; each row's score is out of fold
	Seed      *stats.Seed `yaml:"seed,omitempty"`      // default: the run's seed
}
