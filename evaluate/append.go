package evaluate

import (
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Append returns a table with p's rows and then q's. Both have the same targets and groups, in the same order.
func (p *Predictions) Append(q *Predictions) (*Predictions, error) {
	if !slices.EqualFunc(p.Targets, q.Targets, equalTarget) ||
		!slices.EqualFunc(p.Groups, q.Groups, func(a, b Group) bool { return a.Name == b.Name }) {
		return nil, fault.New(fault.Internal, "predictions: two tables with different targets or groups cannot be joined")
	}
	out := &Predictions{
		Targets: slices.Clone(p.Targets),
		Item:    slices.Concat(p.Item, q.Item), Patient: slices.Concat(p.Patient, q.Patient),
		Split: slices.Concat(p.Split, q.Split), Fold: slices.Concat(p.Fold, q.Fold),
		Truth: map[string][][]float64{}, Score: map[string][][]float64{},
	}
	for i, g := range p.Groups {
		out.Groups = append(out.Groups, Group{Name: g.Name, Values: slices.Concat(g.Values, q.Groups[i].Values)})
	}
	for _, t := range p.Targets {
		out.Truth[t.Name] = slices.Concat(p.Truth[t.Name], q.Truth[t.Name])
		out.Score[t.Name] = slices.Concat(p.Score[t.Name], q.Score[t.Name])
	}
	return out, nil
}

func equalTarget(a, b Target) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.Unit == b.Unit && slices.Equal(a.Classes, b.Classes)
}
