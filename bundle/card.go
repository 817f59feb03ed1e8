package bundle

import (
	"encoding/json"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// Statement is what only people can say of a model; it comes from a file that its makers write.
type Statement struct {
	IntendedUse string   `yaml:"intended_use,omitempty" json:"intended_use,omitempty"`
	OutOfScope  string   `yaml:"out_of_scope,omitempty" json:"out_of_scope,omitempty"`
	Population  string   `yaml:"population,omitempty" json:"population,omitempty"`
	Limits      []string `yaml:"limits,omitempty" json:"limits,omitempty"`
	Authors     string   `yaml:"authors,omitempty" json:"authors,omitempty"`
	Contact     string   `yaml:"contact,omitempty" json:"contact,omitempty"`
	Licence     string   `yaml:"licence,omitempty" json:"licence,omitempty"`
	Version     string   `yaml:"version,omitempty" json:"version,omitempty"` // of the model; default 0.1.0
	Citation    string   `yaml:"citation,omitempty" json:"citation,omitempty"`
	Changes     []string `yaml:"changes,omitempty" json:"changes,omitempty"` // against the version before
}

// ReadStatement reads a statement's YAML file.
func ReadStatement(path string) (Statement, error) {
	var s Statement
	err := strictyaml.ReadFile(path, &s)
	return s, err
}

// Card is card.json: a model card after Mitchell et al., "Model cards for model reporting", FAT* 2019, with the data summary of Gebru et
// al., "Datasheets for datasets", 2021. It holds no patient: groups that fewer than [SmallCell] patients share are not named.
type Card struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Statement   Statement  `json:"statement"`
	Cineloop    string     `json:"cineloop"`
	PlanDigest  string     `json:"plan_digest"`
	Model       ModelFacts `json:"model"`
	Data        DataFacts  `json:"data"`
	Results     []Results  `json:"results"` // the primary held-out rows first, then other divisions and other data
	Thresholds  Thresholds `json:"thresholds"`
	Limits      []string   `json:"limits"` // found by the program
}

// SmallCell is the number of patients below which a group is not named.
const SmallCell = 5

// ModelFacts is what the network is.
type ModelFacts struct {
	Architecture string   `json:"architecture"`
	Paper        string   `json:"paper,omitempty"`
	Parameters   int64    `json:"parameters"` // of one network
	Networks     int      `json:"networks"`   // whose scores are averaged
	Input        []int64  `json:"input"`      // [C, T, H, W], or [C, D, H, W] and [C, H, W] of a patch for masks
	Outputs      []Output `json:"outputs"`
	Started      string   `json:"started_from,omitempty"` // weights of others
}

// Output is a target as its readers know it.
type Output struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Unit    string   `json:"unit,omitempty"`
	Classes []string `json:"classes,omitempty"`
}

// DataFacts is what the model was made from.
type DataFacts struct {
	Simulated  bool                  `json:"simulated"`
	Items      int                   `json:"items"`
	Patients   int                   `json:"patients"`
	Sites      int                   `json:"sites"` // 0: unknown
	LeftOut    int                   `json:"quarantined"`
	Flow       []cohort.Stage        `json:"flow"`
	Parts      []cohort.Balance      `json:"parts"`
	Subgroups  []cohort.GroupBalance `json:"subgroups"`
	Unnamed    int                   `json:"subgroups_unnamed"` // values that too few patients share
	Modalities map[string]int        `json:"formats,omitempty"`
	Digest     string                `json:"table_sha256"`
}

// Results is how well the model does on one set of rows, without curves.
type Results struct {
	About  string           `json:"about"`
	Report *evaluate.Report `json:"report"`
	Notes  []string         `json:"notes,omitempty"`
}

// Thresholds is thresholds.json: where scores become answers, and when there is none.
type Thresholds struct {
	Targets map[string]Threshold `json:"targets"`
	Abstain json.RawMessage      `json:"abstain,omitempty"` // what the uncertainty stage learnt; see docs/reference/metrics.md
}

// Threshold is a target's operating point.
type Threshold struct {
	Kind       string           `json:"kind"`
	Threshold  *float64         `json:"threshold,omitempty"` // probability from which a yes is said
	AtSpec     *evaluate.Number `json:"threshold_at_specificity,omitempty"`
	Spec       float64          `json:"specificity,omitempty"`
	ChosenOn   string           `json:"chosen_on,omitempty"`
	Rule       string           `json:"rule"`
	Optimistic bool             `json:"optimistic,omitempty"` // chosen on the rows that are judged
}

// Trim takes out of a report what a card has no room for or must not name: curves, and groups that fewer than [SmallCell] patients share,
// whose number it returns. The report itself is not changed.
func Trim(r *evaluate.Report) (*evaluate.Report, int) {
	if r == nil {
		return nil, 0
	}
	out := *r
	left := 0
	trim := func(in map[string]*evaluate.TargetReport) map[string]*evaluate.TargetReport {
		if in == nil {
			return nil
		}
		ts := map[string]*evaluate.TargetReport{}
		for name, t := range in {
			u := *t
			u.Curves, u.Subgroups = nil, nil
			if t.PerClass != nil {
				u.PerClass = map[string]*evaluate.ClassReport{}
			}
			for c, v := range t.PerClass {
				w := *v
				w.Curves = nil
				u.PerClass[c] = &w
			}
			for group, values := range t.Subgroups {
				for value, s := range values {
					if s.Patients < SmallCell {
						left++
						continue
					}
					if u.Subgroups == nil {
						u.Subgroups = map[string]map[string]*evaluate.Subgroup{}
					}
					if u.Subgroups[group] == nil {
						u.Subgroups[group] = map[string]*evaluate.Subgroup{}
					}
					u.Subgroups[group][value] = s
				}
			}
			ts[name] = &u
		}
		return ts
	}
	out.Targets, out.Derived = trim(r.Targets), trim(r.Derived)
	return &out, left
}
