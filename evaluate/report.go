package evaluate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cineloop/cineloop/stats"
)

// ReportVersion is the version of the form of metrics.json; it changes when a key is renamed or changes its meaning, not when one is
// added.
const ReportVersion = 1

// Report is how well every target is predicted on one part of one split: the body of metrics.json, whose keys are described in
// docs/reference/metrics.md.
type Report struct {
	Version   int                      `json:"version"`
	Name      string                   `json:"name,omitempty"` // of the way the data were split
	Split     string                   `json:"split"`          // rows that were judged
	Rows      int                      `json:"rows"`
	Patients  int                      `json:"patients"`
	Level     float64                  `json:"level"`
	Resamples int                      `json:"resamples"`
	Seed      stats.Seed               `json:"seed"`
	MinGroup  int                      `json:"min_group"`
	Targets   map[string]*TargetReport `json:"targets"`
	Derived   map[string]*TargetReport `json:"derived,omitempty"`
	Masks     map[string]*MaskReport   `json:"masks,omitempty"`
}

// TargetReport is what is known of how well one target is predicted.
type TargetReport struct {
	Kind         Kind                            `json:"kind"`
	Unit         string                          `json:"unit,omitempty"`
	Classes      []string                        `json:"classes,omitempty"`
	N            int                             `json:"n"`        // rows with truth and score
	Patients     int                             `json:"patients"` // among them
	MissingTruth int                             `json:"missing_truth"`
	MissingScore int                             `json:"missing_score"` // rows with truth that got no score
	Counts       map[string]int                  `json:"counts,omitempty"`
	Truth        *Summary                        `json:"truth,omitempty"`
	Metrics      map[string]Measure              `json:"metrics"`
	PerClass     map[string]*ClassReport         `json:"per_class,omitempty"`
	Baseline     *Baseline                       `json:"baseline,omitempty"`
	Operating    *Operating                      `json:"operating,omitempty"`
	Confusion    *Confusion                      `json:"confusion,omitempty"`
	Curves       *Curves                         `json:"curves,omitempty"`
	Agreement    *Agreement                      `json:"agreement,omitempty"`
	Subgroups    map[string]map[string]*Subgroup `json:"subgroups,omitempty"`
	Notes        []string                        `json:"notes,omitempty"`
}

// Measure is one metric with its interval, beside what a predictor that knows nothing of the images would reach.
type Measure struct {
	Value    Number  `json:"value"`
	Low      Number  `json:"low"`
	High     Number  `json:"high"`
	Level    float64 `json:"level"`
	Method   string  `json:"method,omitempty"`
	Better   string  `json:"better,omitempty"`   // higher | lower; empty when best in the middle
	Reason   string  `json:"reason,omitempty"`   // why value or interval is null
	Baseline *Number `json:"baseline,omitempty"` // the same metric of the baseline
	Gain     *Gain   `json:"gain,omitempty"`
}

// Gain is how much better than the baseline a metric is, on the same resamples: positive is better, whatever the metric's direction.
type Gain struct {
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

// ClassReport is one class against the rest, or one label.
type ClassReport struct {
	N       int                `json:"n"` // rows of the class
	Metrics map[string]Measure `json:"metrics"`
	Curves  *Curves            `json:"curves,omitempty"`
}

// Summary describes true values of a regression target, in its unit.
type Summary struct {
	Mean Number `json:"mean"`
	SD   Number `json:"sd"`
	Min  Number `json:"min"`
	Max  Number `json:"max"`
}

// Baseline is the predictor that says the same of everyone.
type Baseline struct {
	Method string    `json:"method"` // prevalence | mean
	From   string    `json:"from"`   // rows that it was learnt from: train, other folds, or the judged rows themselves
	Values []float64 `json:"values"` // one a score; the mean over folds for "other folds"
}

// Operating is where a probability becomes a yes.
type Operating struct {
	Threshold            float64 `json:"threshold"`             // of accuracy, F1, sensitivity, specificity, predictive values, confusion
	Specificity          float64 `json:"specificity"`           // wanted by sensitivity_at_specificity
	SpecificityThreshold Number  `json:"specificity_threshold"` // that reaches it; null when every threshold of the scores falls short
	ChosenOn             string  `json:"chosen_on"`             // val, or the judged rows themselves (optimistic)
}

// Confusion counts rows by true and called class.
type Confusion struct {
	Classes []string `json:"classes"`
	Counts  [][]int  `json:"counts"` // [true][called]
}

// Curves are the points of diagrams.
type Curves struct {
	ROC         []Point `json:"roc,omitempty"`         // x: 1 − specificity, y: sensitivity
	PR          []Point `json:"pr,omitempty"`          // x: recall, y: precision
	Reliability []Bin   `json:"reliability,omitempty"` // equal-width bins
}

// Point is a point of a curve.
type Point struct {
	X Number `json:"x"`
	Y Number `json:"y"`
}

// Agreement is a Bland–Altman analysis, predicted minus true, in the target's unit.
type Agreement struct {
	Bias  Number `json:"bias"`
	SD    Number `json:"sd"`
	Lower Number `json:"lower"` // limits of agreement
	Upper Number `json:"upper"`
	Trend Number `json:"trend"` // slope of the difference on the mean
}

// Subgroup is the audit of the rows that share a value of a group column. The value "" (unknown) is written as "unknown".
type Subgroup struct {
	N          int                `json:"n"`
	Patients   int                `json:"patients"`
	TooFew     bool               `json:"too_few"`
	Reason     string             `json:"reason,omitempty"`
	Prevalence *Number            `json:"prevalence,omitempty"` // binary
	Mean       *Number            `json:"mean,omitempty"`       // regression: of the truth
	Metrics    map[string]Measure `json:"metrics,omitempty"`
}

// WriteJSON writes r as metrics.json: indented, keys in a fixed order, the same bytes for the same report.
func (r *Report) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("writing metrics: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// ReadJSON reads what [Report.WriteJSON] wrote; null numbers become NaN.
func ReadJSON(rd io.Reader) (*Report, error) {
	var r Report
	if err := json.NewDecoder(rd).Decode(&r); err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	if r.Version != ReportVersion {
		return nil, fmt.Errorf("reading metrics: version %d, want %d", r.Version, ReportVersion)
	}
	return &r, nil
}
