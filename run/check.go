package run

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
)

// CohortCheck is what a look at a recipe's data found before any training: items that lie on both sides of a division, fields that
// give a target away, and items that should be looked at.
type CohortCheck struct {
	Key        string              `json:"key"` // of the data and its divisions: a check with the same key is the same check
	Name       string              `json:"name"`
	Items      int                 `json:"items"`
	Patients   int                 `json:"patients"`
	Flow       []cohort.Stage      `json:"flow"`
	Quarantine []cohort.Quarantine `json:"quarantine"`
	Splits     []SplitCheck        `json:"splits"`
	Duplicates []cohort.Duplicate  `json:"duplicates"` // anywhere in the cohort
	Shortcuts  []cohort.Shortcut   `json:"shortcuts"`  // those that predict, the strongest first
	Fields     int                 `json:"fields_tried"`
	Quality    []cohort.Verdict    `json:"quality"` // items with a doubt
}

// SplitCheck is one division.
type SplitCheck struct {
	Name     string             `json:"name"`
	Crossing []cohort.Duplicate `json:"crossing"` // equal or nearly equal items in two parts of a fold
	Warnings []string           `json:"warnings,omitempty"`
	ByItem   bool               `json:"by_item,omitempty"` // the division is for showing what such a leak does
}

// CheckCohort reads a recipe's data and looks at every item. Nothing is written but the phantom study, if the recipe has one.
func CheckCohort(ctx context.Context, opt Options) (*CohortCheck, error) {
	r, err := openData(ctx, opt)
	if err != nil {
		return nil, err
	}
	return r.check(ctx)
}

// check looks at every item of the run's data.
func (r *Run) check(ctx context.Context) (*CohortCheck, error) {
	plan, c := r.Plan, r.Cohort
	facts, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	out := &CohortCheck{Key: r.dataKey(), Name: plan.Name, Items: len(c.Rows), Patients: c.Patients(c.All()), Flow: c.Flow, Quarantine: append([]cohort.Quarantine{}, c.Quarantine...)}
	if out.Duplicates, err = c.Duplicates(ctx, facts); err != nil {
		return nil, err
	}
	for _, s := range r.Splits {
		out.Splits = append(out.Splits, SplitCheck{Name: s.Name, Crossing: cohort.Crossing(out.Duplicates, s), Warnings: s.Warnings, ByItem: s.Spec.By == cohort.ByItem})
	}
	all := c.Shortcuts(facts, plan.Seed, r.notFields()...)
	fields := map[string]bool{}
	for _, s := range all {
		fields[s.Field] = true
	}
	out.Fields = len(fields)
	out.Shortcuts = slices.DeleteFunc(all, func(s cohort.Shortcut) bool { return !s.Predicts })
	out.Quality = slices.DeleteFunc(cohort.Quality(facts, cohort.QualityLimits{Expect: plan.Data.Expect}), func(v cohort.Verdict) bool { return len(v.Doubts) == 0 })
	return out, nil
}

// Leaks is an error where a division has the same picture on both sides, unless it is by item, which is for showing just that.
func (c *CohortCheck) Leaks() error {
	for _, s := range c.Splits {
		if s.ByItem || len(s.Crossing) == 0 {
			continue
		}
		d := s.Crossing[0]
		return fault.New(fault.Conflict, "split %q: %d pairs of equal or nearly equal items lie in two parts, such as lines %d and %d (%s)",
			s.Name, len(s.Crossing), d.Lines[0], d.Lines[1], d.Parts).WithHint("give the pairs one patient, or leave one of each out")
	}
	return nil
}

// Print writes the check for people.
func (c *CohortCheck) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d items of %d patients, %d in quarantine\n", c.Name, c.Items, c.Patients, len(c.Quarantine))
	for _, s := range c.Splits {
		if len(s.Crossing) == 0 {
			fmt.Fprintf(w, "split %q: no picture is in two parts\n", s.Name)
		} else {
			fmt.Fprintf(w, "split %q: LEAK: %d pairs of equal or nearly equal items lie in two parts\n", s.Name, len(s.Crossing))
		}
		for _, d := range s.Crossing[:min(5, len(s.Crossing))] {
			fmt.Fprintf(w, "  lines %d and %d (%s): %s\n", d.Lines[0], d.Lines[1], d.Parts, sameness(d))
		}
		for _, warning := range s.Warnings {
			fmt.Fprintf(w, "  %s\n", warning)
		}
	}
	between := slices.DeleteFunc(slices.Clone(c.Duplicates), func(d cohort.Duplicate) bool { return !d.Patients })
	if len(between) > 0 {
		d := between[0]
		fmt.Fprintf(w, "%d pairs of items look the same under two patients, such as lines %d and %d: %s\n", len(between), d.Lines[0], d.Lines[1], sameness(d))
	}
	if len(c.Shortcuts) == 0 {
		fmt.Fprintf(w, "shortcuts: none of %d fields predicts a target\n", c.Fields)
	}
	for i, s := range c.Shortcuts {
		if i == 12 {
			fmt.Fprintf(w, "  … and %d more (--json)\n", len(c.Shortcuts)-i)
			break
		}
		of := s.Target
		if s.Class != "" {
			of += " = " + s.Class
		}
		word := "predicts"
		if s.Strong {
			word = "PREDICTS"
		}
		fmt.Fprintf(w, "shortcut: %s alone %s %s: AUROC %.2f (%.2f to %.2f) on %d rows\n", s.Field, word, of, s.AUROC, s.Low, s.High, s.Known)
	}
	for i, v := range c.Quality {
		if i == 12 {
			fmt.Fprintf(w, "  … and %d more items to look at (--json)\n", len(c.Quality)-i)
			break
		}
		verdict := "look at"
		if v.Reject {
			verdict = "REJECT"
		}
		for _, d := range v.Doubts {
			fmt.Fprintf(w, "%s line %d: %s: %s\n", verdict, v.Line, d.Rule, d.Reason)
		}
	}
}

func sameness(d cohort.Duplicate) string {
	if d.Exact {
		return "the same bytes"
	}
	if d.Aligned {
		return fmt.Sprintf("the same picture once one is cropped, moved, mirrored or cut in time (frames correlate at %.3f or more)", d.Likeness)
	}
	return fmt.Sprintf("nearly the same picture (frames correlate at %.3f or more)", d.Likeness)
}

// Unreadable is an error where items could not be read.
func (c *CohortCheck) Unreadable() error {
	n := len(c.Quarantine)
	for _, v := range c.Quality {
		if v.Unreadable != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fault.New(fault.Partial, "%d items cannot be read", n)
}
