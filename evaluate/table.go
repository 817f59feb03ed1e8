package evaluate

// Kind is what a target's values are.
type Kind string

// The kinds of target that networks here are trained for.
const (
	Binary     Kind = "binary"     // truth 0 or 1, one score: probability of 1
	Class      Kind = "class"      // truth is a class index, one probability a class
	MultiLabel Kind = "multilabel" // truth per label 0/1, one probability a label
	Regression Kind = "regression" // truth and score in the target's unit
)

// Target is one thing that is predicted.
type Target struct {
	Name    string   `yaml:"name" json:"name"`
	Kind    Kind     `yaml:"kind" json:"kind"`
	Classes []string `yaml:"classes,omitempty" json:"classes,omitempty"` // names in index order; for multilabel, the labels
	Unit    string   `yaml:"unit,omitempty" json:"unit,omitempty"`

	Cuts []float64 `yaml:"cuts,omitempty" json:"cuts,omitempty"` // of a time-to-event target: the times of its scores
}

// Width is the number of scores that a row has for the target.
func (t Target) Width() int {
	switch t.Kind {
	case Class, MultiLabel:
		return len(t.Classes)
	case TimeToEvent:
		return len(t.Cuts)
	}
	return 1
}

// Predictions is a table of truths and scores, a row an item: the content of predictions.csv.
//
// Columns of the file: item, patient, split, fold, then the Groups' names, then per target
// NAME_true and NAME_pred (regression), NAME_true and NAME_prob (binary), NAME_true (class name) and NAME_prob_CLASS (class),
// NAME_true_LABEL and NAME_prob_LABEL (multilabel), NAME_time, NAME_event and NAME_surv@T for each cut (time-to-event). Empty means missing. All of it but patient is free of identity; patient is
// whatever key the cohort has.
type Predictions struct {
	Targets []Target
	Item    []string
	Patient []string
	Split   []string
	Fold    []int
	Groups  []Group
	Truth   map[string][][]float64 // target -> row -> values (1, or one a label for multilabel); NaN is missing
	Score   map[string][][]float64 // target -> row -> Width() scores
}

// Group is a column of subgroup names, one a row; empty means unknown.
type Group struct {
	Name   string
	Values []string
}

// Len is the number of rows.
func (p *Predictions) Len() int { return len(p.Item) }
