package run

import (
	"context"
	"fmt"
	"io"
	"sort"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// Do runs every stage of a recipe. The metrics are nil for a catalogue.
func Do(ctx context.Context, opt Options) (*Run, *Metrics, error) {
	r, err := Prepare(ctx, opt)
	if err != nil {
		return nil, nil, err
	}
	if err := r.Audit(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.Train(ctx); err != nil {
		return nil, nil, err
	}
	m, err := r.Evaluate(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := r.Uncertain(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.Explain(ctx); err != nil {
		return nil, nil, err
	}
	return r, m, r.Report(ctx)
}

// quarantine adds items that could not be used to the run's list, once each, and to quarantine.json where the folder exists.
func (r *Run) quarantine(items ...cohort.Quarantine) error {
	known := map[int]bool{}
	for _, q := range r.Cohort.Quarantine {
		known[q.Line] = true
	}
	added := 0
	for _, q := range items {
		if known[q.Line] {
			continue
		}
		known[q.Line] = true
		r.Cohort.Quarantine = append(r.Cohort.Quarantine, q)
		added++
		r.say("line %d is quarantined: %s", q.Line, q.Reason)
	}
	if added == 0 || !exists(r.Dir.Plan()) {
		return nil
	}
	return r.writeQuarantine()
}

func (r *Run) writeQuarantine() error {
	return writeJSON(r.Dir.Quarantine(), append([]cohort.Quarantine{}, r.Cohort.Quarantine...))
}

// Partial is nil when every row of the table was used, and otherwise an error of code partial that counts the others.
func (r *Run) Partial() error {
	n := len(r.Cohort.Quarantine)
	if n == 0 {
		return nil
	}
	all := map[int]bool{}
	for _, q := range r.Cohort.Quarantine {
		all[q.Line] = true
	}
	for _, row := range r.Cohort.Rows {
		for _, f := range row.Files() {
			all[f.Line] = true
		}
	}
	return fault.New(fault.Partial, "finished without %d of %d items", n, len(all)).WithHint("the reasons are in %s", r.Dir.Quarantine())
}

// headline are the metrics that a summary names, by kind.
var headline = map[evaluate.Kind][]string{
	evaluate.Binary:     {"auroc", "auprc", "accuracy"},
	evaluate.Class:      {"auroc", "accuracy", "f1"},
	evaluate.MultiLabel: {"auroc", "auprc"},
	evaluate.Regression: {"mae", "rmse", "r2"},

	evaluate.TimeToEvent: {"c_td", "ibs"},
}

// Summarise prints the metrics that people ask for first, with intervals, beside what a predictor that says the same of everyone reaches.
func Summarise(w io.Writer, m *Metrics) {
	if m == nil || m.Report == nil {
		return
	}
	summarise(w, m.Report)
	for _, name := range sortedKeys(m.Variants) {
		summarise(w, m.Variants[name])
	}
	for _, n := range m.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}

func summarise(w io.Writer, r *evaluate.Report) {
	fmt.Fprintf(w, "%s: %d items of %d patients (%s)\n", r.Name, r.Rows, r.Patients, r.Split)
	line := func(name string, t *evaluate.TargetReport) {
		for _, key := range headline[t.Kind] {
			v, ok := t.Metrics[key]
			if !ok {
				continue
			}
			fmt.Fprintf(w, "  %-28s %s\n", name+" "+key, measure(v))
		}
	}
	for _, name := range sortedKeys(r.Masks) {
		m := r.Masks[name]
		for _, class := range sortedKeys(m.PerClass) {
			for _, key := range []string{"dice", "dice_patient", "hd95"} {
				fmt.Fprintf(w, "  %-28s %s\n", name+" "+class+" "+key, measure(m.PerClass[class].Metrics[key]))
			}
		}
	}
	for _, name := range sortedKeys(r.Targets) {
		line(name, r.Targets[name])
	}
	for _, name := range sortedKeys(r.Derived) {
		line(name, r.Derived[name])
	}
}

// measure is a value with its interval and baseline, for people.
func measure(v evaluate.Measure) string {
	if !v.Value.Defined() {
		return "— " + v.Reason
	}
	s := fmt.Sprintf("%.3g", float64(v.Value))
	if v.Low.Defined() && v.High.Defined() {
		s += fmt.Sprintf(" (%.3g to %.3g)", float64(v.Low), float64(v.High))
	}
	if v.Baseline != nil && v.Baseline.Defined() {
		s += fmt.Sprintf(", baseline %.3g", float64(*v.Baseline))
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
