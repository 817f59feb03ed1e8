package evaluate

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// EjectionFraction is the kind of [Derivation] that sums volumes or areas over a patient's end-diastolic and end-systolic items.
const EjectionFraction = "ejection_fraction"

// Derivation computes a quantity of a patient from predictions of items.
type Derivation struct {
	Name  string   // of the new target
	Kind  string   // EjectionFraction
	From  string   // regression target whose values are summed
	Unit  string   // default %
	Phase []string // of each row of the table: "ED" or "ES"; other rows take no part
}

// Derive returns a table with one row a patient and split: truth and score of the derived target, and the groups whose value all of
// the patient's items share. A truth is missing when one of the items' is, or when nothing is defined (no ED or no ES item, or an ED
// sum that is not positive); so is a score. Notes say how many patients were lost so.
//
// The ejection fraction is 100·(ΣED − ΣES)/ΣED, %: with slices of equal thickness, areas do for volumes (Simpson's rule).
func Derive(p *Predictions, d Derivation) (*Predictions, []string, error) {
	i := slices.IndexFunc(p.Targets, func(t Target) bool { return t.Name == d.From && t.Kind == Regression })
	switch {
	case d.Kind != EjectionFraction:
		return nil, nil, fault.New(fault.Usage, "derived %q: unknown kind %q", d.Name, d.Kind).WithHint("known: %s", EjectionFraction)
	case i < 0:
		return nil, nil, fault.New(fault.Usage, "derived %q: no regression target %q to sum", d.Name, d.From)
	case len(d.Phase) != p.Len():
		return nil, nil, fault.New(fault.Internal, "derived %q: %d phases for %d rows", d.Name, len(d.Phase), p.Len())
	case d.Name == "":
		return nil, nil, fault.New(fault.Usage, "a derived quantity has no name")
	}
	t := Target{Name: d.Name, Kind: Regression, Unit: d.Unit}
	if t.Unit == "" {
		t.Unit = "%"
	}
	q := &Predictions{Targets: []Target{t}, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
	for _, g := range p.Groups {
		q.Groups = append(q.Groups, Group{Name: g.Name})
	}
	var lost int
	for _, rows := range persons(p) {
		truth := ejection(p.Truth[d.From], d.Phase, rows)
		score := ejection(p.Score[d.From], d.Phase, rows)
		if math.IsNaN(truth) || math.IsNaN(score) {
			lost++
		}
		q.Truth[t.Name] = append(q.Truth[t.Name], []float64{truth})
		q.Score[t.Name] = append(q.Score[t.Name], []float64{score})
		first := rows[0]
		q.Item = append(q.Item, p.Patient[first])
		q.Patient = append(q.Patient, p.Patient[first])
		q.Split = append(q.Split, p.Split[first])
		q.Fold = append(q.Fold, p.Fold[first])
		for k, g := range p.Groups {
			q.Groups[k].Values = append(q.Groups[k].Values, shared(g.Values, rows))
		}
	}
	var notes []string
	if lost > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d patients (all splits) have no %s: a volume is missing or the end-diastolic sum is not positive", lost, q.Len(), d.Name))
	}
	return q, notes, nil
}

// persons are the rows of each patient within each split, in order of first appearance.
func persons(p *Predictions) [][]int {
	type key struct{ patient, split string }
	at := map[key]int{}
	var out [][]int
	for i, patient := range p.Patient {
		if patient == "" {
			continue // whose items belong together is not known
		}
		k := key{patient, p.Split[i]}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], i)
	}
	return out
}

func ejection(values [][]float64, phase []string, rows []int) float64 {
	var ed, es float64
	var hasED, hasES bool
	for _, i := range rows {
		switch phase[i] {
		case "ED":
			ed += values[i][0]
			hasED = true
		case "ES":
			es += values[i][0]
			hasES = true
		}
	}
	if !hasED || !hasES || !(ed > 0) {
		return math.NaN()
	}
	return 100 * (ed - es) / ed
}

// shared is the value that all rows have, else "".
func shared(values []string, rows []int) string {
	for _, i := range rows[1:] {
		if values[i] != values[rows[0]] {
			return ""
		}
	}
	return values[rows[0]]
}
