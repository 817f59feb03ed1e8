package evaluate

import (
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Validate reports the first thing that is wrong with p's shape, names or values, or nil. Values are not printed.
func (p *Predictions) Validate() error {
	n := p.Len()
	if len(p.Patient) != n || len(p.Split) != n || len(p.Fold) != n {
		return fault.New(fault.Internal, "predictions: %d items, %d patients, %d splits, %d folds", n, len(p.Patient), len(p.Split), len(p.Fold))
	}
	names := slices.Clone(fixed)
	for _, g := range p.Groups {
		if len(g.Values) != n {
			return fault.New(fault.Internal, "predictions: group %q has %d values for %d rows", g.Name, len(g.Values), n)
		}
		names = append(names, g.Name)
	}
	for _, t := range p.Targets {
		if err := t.validate(); err != nil {
			return err
		}
		truth, score := p.Truth[t.Name], p.Score[t.Name]
		if len(truth) != n || len(score) != n {
			return fault.New(fault.Internal, "predictions: target %q has %d truths and %d scores for %d rows", t.Name, len(truth), len(score), n)
		}
		for i := range truth {
			if err := checkRow(t, truth[i], score[i]); err != nil {
				return fault.New(fault.CodeOf(err), "predictions: row %d: %w", i+2, err)
			}
		}
		a, b := t.columns()
		names = append(append(names, a...), b...)
	}
	slices.Sort(names)
	for i, name := range names {
		if name == "" || i > 0 && name == names[i-1] {
			return fault.New(fault.Input, "predictions: column name %q is empty or used twice", name)
		}
	}
	return nil
}

func (t Target) validate() error {
	switch t.Kind {
	case Binary, Regression:
	case Class, MultiLabel:
		least := 1
		if t.Kind == Class {
			least = 2
		}
		if len(t.Classes) < least || slices.Contains(t.Classes, "") {
			return fault.New(fault.Input, "target %q: a %s target needs at least %d named classes", t.Name, t.Kind, least)
		}
	case TimeToEvent:
		if len(t.Cuts) < 2 {
			return fault.New(fault.Input, "target %q: a time-to-event target needs at least 2 cuts", t.Name)
		}
	default:
		return fault.New(fault.Input, "target %q: unknown kind %q", t.Name, t.Kind)
	}
	if t.Name == "" {
		return fault.New(fault.Input, "a target has no name")
	}
	return nil
}

// Select returns the rows of p at the indices, sharing p's values.
func (p *Predictions) Select(rows []int) *Predictions {
	q := &Predictions{Targets: p.Targets, Truth: map[string][][]float64{}, Score: map[string][][]float64{},
		Item: pick(p.Item, rows), Patient: pick(p.Patient, rows), Split: pick(p.Split, rows), Fold: pick(p.Fold, rows)}
	for _, g := range p.Groups {
		q.Groups = append(q.Groups, Group{Name: g.Name, Values: pick(g.Values, rows)})
	}
	for _, t := range p.Targets {
		q.Truth[t.Name] = pick(p.Truth[t.Name], rows)
		q.Score[t.Name] = pick(p.Score[t.Name], rows)
	}
	return q
}

// InSplit are the rows whose split is name.
func (p *Predictions) InSplit(name string) []int {
	var rows []int
	for i, s := range p.Split {
		if s == name {
			rows = append(rows, i)
		}
	}
	return rows
}

func pick[T any](from []T, rows []int) []T {
	out := make([]T, len(rows))
	for k, i := range rows {
		out[k] = from[i]
	}
	return out
}
