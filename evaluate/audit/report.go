package audit

import (
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// Report is what an audit found; docs/reference/audit.md says what each key means.
type Report struct {
	Version        int                `json:"version"`
	Split          string             `json:"split,omitempty"` // rows that were judged; empty: all
	Rows           int                `json:"rows"`
	Patients       int                `json:"patients"`
	Level          float64            `json:"level"`
	Resamples      int                `json:"resamples"`
	Permutations   int                `json:"permutations"`
	Seed           stats.Seed         `json:"seed"`
	MinGroup       int                `json:"min_group"`
	Attributes     []string           `json:"attributes"` // columns of groups, then crossings
	Representation []Share            `json:"representation"`
	Targets        map[string]*Target `json:"targets"`
	Notes          []string           `json:"notes,omitempty"`
}

// ReportVersion rises when a key is renamed or changes its meaning.
const ReportVersion = 1

// Target is the audit of one target.
type Target struct {
	Kind        evaluate.Kind                `json:"kind"`
	Threshold   *float64                     `json:"threshold,omitempty"` // from which a probability is a yes, binary
	N           int                          `json:"n"`
	Patients    int                          `json:"patients"`
	Unjudged    int                          `json:"unjudged"` // rows without truth or score
	Overall     map[string]Measure           `json:"overall"`
	Groups      map[string]map[string]*Group `json:"groups"` // attribute -> value
	Gaps        map[string]map[string]*Gap   `json:"gaps"`   // attribute -> name
	Comparisons []Comparison                 `json:"comparisons"`
	Underserved []Underdiagnosis             `json:"underdiagnosis,omitempty"`
	Search      *Search                      `json:"search,omitempty"`
	Thresholds  []Mitigation                 `json:"group_thresholds,omitempty"`
	Verdict     []string                     `json:"verdict"` // in words
}

// Measure is a number with its interval.
type Measure struct {
	Value  evaluate.Number `json:"value"`
	Low    evaluate.Number `json:"low"`
	High   evaluate.Number `json:"high"`
	Method string          `json:"method,omitempty"`
	Reason string          `json:"reason,omitempty"` // why value or interval is null
}

// Group is one group of an attribute.
type Group struct {
	N          int                `json:"n"`
	Patients   int                `json:"patients"`
	CannotTell bool               `json:"cannot_tell,omitempty"` // too few patients: no metrics
	Reason     string             `json:"reason,omitempty"`
	Metrics    map[string]Measure `json:"metrics,omitempty"`
}

// Gap is a difference between the groups of an attribute that are large enough.
type Gap struct {
	Measure
	Least    string          `json:"least,omitempty"` // group with the smallest value
	Most     string          `json:"most,omitempty"`
	ByChance evaluate.Number `json:"by_chance"` // mean gap when patients' groups are shuffled
	P        evaluate.Number `json:"p"`         // share of shuffles with a gap at least as large
}

// Comparison is one group against everybody else.
type Comparison struct {
	Attribute  string          `json:"attribute"`
	Group      string          `json:"group"`
	Metric     string          `json:"metric"`
	Difference Measure         `json:"difference"` // the group minus the others
	P          evaluate.Number `json:"p"`
	Adjusted   evaluate.Number `json:"p_adjusted"` // Holm, over all comparisons of the target
	Worse      bool            `json:"worse"`      // the group is worse off, p_adjusted below 1 − level
}

// Underdiagnosis is the share of a group's sick who are called healthy.
type Underdiagnosis struct {
	Attribute string  `json:"attribute"`
	Group     string  `json:"group"`
	Sick      int     `json:"sick"`
	Missed    int     `json:"missed"`
	Rate      Measure `json:"rate"`
}

// Share is how much of the judged patients a group is, beside the population that the model is meant for.
type Share struct {
	Attribute string           `json:"attribute"`
	Group     string           `json:"group"`
	Patients  int              `json:"patients"`
	Share     Measure          `json:"share"`
	Target    *evaluate.Number `json:"target,omitempty"`
	Ratio     *evaluate.Number `json:"ratio,omitempty"` // share over target
	Verdict   string           `json:"verdict,omitempty"`
}

// Search is the hunt for the subgroup that is served worst.
type Search struct {
	Loss       string   `json:"loss"`       // what is averaged: brier, squared error
	Candidates int      `json:"candidates"` // subgroups that were looked at
	Found      string   `json:"found,omitempty"`
	Searched   *Finding `json:"searched,omitempty"`  // on the half that was searched: flattering by selection
	Confirmed  *Finding `json:"confirmed,omitempty"` // on the other half
	Verdict    string   `json:"verdict"`
}

// Finding is a subgroup's mean loss against everybody else's.
type Finding struct {
	N          int             `json:"n"`
	Patients   int             `json:"patients"`
	Loss       evaluate.Number `json:"loss"`
	Others     evaluate.Number `json:"others"`
	Difference Measure         `json:"difference"`
	P          evaluate.Number `json:"p"` // one-sided
}

// Mitigation is what thresholds of their own for each group would do, chosen on validation rows and judged on the judged rows.
type Mitigation struct {
	Attribute  string             `json:"attribute"`
	Constraint string             `json:"constraint"`
	ChosenOn   string             `json:"chosen_on"`
	Before     map[string]Measure `json:"before"` // accuracy, gap
	After      map[string]Measure `json:"after"`
	Harm       []string           `json:"harm,omitempty"` // groups whose accuracy falls
}
