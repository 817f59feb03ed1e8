package audit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/stats"
)

// Frontier is what several models of the same patients trade: performance against a gap between groups.
type Frontier struct {
	Version   int        `json:"version"`
	Target    string     `json:"target"`
	Attribute string     `json:"attribute"`
	Gap       string     `json:"gap"` // dp or eo
	Threshold float64    `json:"threshold"`
	Level     float64    `json:"level"`
	Rows      int        `json:"rows"`
	Patients  int        `json:"patients"`
	Small     []string   `json:"small,omitempty"` // groups of too few patients, left out
	Models    []Tradeoff `json:"models"`          // the first is what the others are compared with
}

// Tradeoff is one model.
type Tradeoff struct {
	Name         string             `json:"name"`
	AUROC        Measure            `json:"auroc"`
	Gap          Measure            `json:"gap"`
	AUROCChange  *Measure           `json:"auroc_change,omitempty"` // against the first model, on the same resamples
	GapChange    *Measure           `json:"gap_change,omitempty"`
	GapReduction *Measure           `json:"gap_reduction,omitempty"` // share of the first model's gap that is gone
	Groups       map[string]Measure `json:"groups"`                  // balanced accuracy at the threshold
	Harm         []string           `json:"harm,omitempty"`
	Best         bool               `json:"best"` // no other model has both a higher AUROC and a smaller gap
}

// Compare sets models beside each other that were judged on the same items, by one column of groups. The tables' first yes-or-no target
// counts. Errors: usage (no such group or target), input (other items, too few groups), interrupted.
func Compare(ctx context.Context, names []string, tables []*Table, attribute string, constraint fairness.Constraint, o Options) (*Frontier, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	if constraint != fairness.DemographicParity && constraint != fairness.EqualisedOdds {
		return nil, fault.New(fault.Usage, "a frontier is of the gap dp or eo, not %q", constraint)
	}
	first := tables[0]
	k := slices.IndexFunc(first.Targets, func(t evaluate.Target) bool { return t.Kind == evaluate.Binary })
	if k < 0 {
		return nil, fault.New(fault.Usage, "the predictions have no yes-or-no target")
	}
	target := first.Targets[k]
	rows := first.InSplit("test")
	if o.Split != "" {
		rows = first.InSplit(o.Split)
	} else if len(rows) == 0 {
		rows = every(first.Len())
	}
	o.Cross = 1
	j := first.judge(target, rows, o)
	at := slices.IndexFunc(j.attrs, func(a Attribute) bool { return a.Name == attribute })
	if at < 0 {
		return nil, fault.New(fault.Usage, "there is no group %q", attribute)
	}
	if len(j.rows) == 0 {
		return nil, fault.New(fault.Input, "no row has truth and score")
	}
	scores := make([][][]float64, len(tables))
	for m, t := range tables {
		if scores[m], err = j.sameItems(first, t, names[m]); err != nil {
			return nil, err
		}
	}
	f := &Frontier{Version: ReportVersion, Target: target.Name, Attribute: attribute, Gap: string(constraint), Threshold: o.Threshold, Level: o.Level,
		Rows: len(j.rows), Patients: len(j.clusters)}
	attr := j.attrs[at]
	group := make([]int, len(j.rows)) // among the large ones; -1: small
	var large []string
	number := map[int]int{}
	for g, members := range j.members(attr) {
		if j.patientsOf(members) < o.MinGroup {
			number[g] = -1
			f.Small = append(f.Small, attr.Values[g])
			continue
		}
		number[g] = len(large)
		large = append(large, attr.Values[g])
	}
	if len(large) < 2 {
		return nil, fault.New(fault.Input, "fewer than two groups of %q have %d patients: cannot tell", attribute, o.MinGroup)
	}
	for i, g := range attr.Of {
		group[i] = number[g]
	}
	return f, j.trade(ctx, f, names, scores, group, large, constraint)
}

// sameItems are t's scores of j's rows, found by item.
func (j *judged) sameItems(first, t *Table, name string) ([][]float64, error) {
	at := make(map[string]int, t.Len())
	for i, item := range t.Item {
		at[item] = i
	}
	out := make([][]float64, len(j.rows))
	for i, r := range j.rows {
		k, ok := at[first.Item[r]]
		if !ok || len(t.Score[j.target.Name]) == 0 || math.IsNaN(t.Score[j.target.Name][k][0]) {
			return nil, fault.New(fault.Input, "%s: an item of the first file has no score for %q in it (row %d of the first)", name, j.target.Name, r+2).
				WithHint("a comparison needs the same items in every file")
		}
		out[i] = t.Score[j.target.Name][k]
	}
	return out, nil
}

// trade judges every model on the same resamples.
func (j *judged) trade(ctx context.Context, f *Frontier, names []string, scores [][][]float64, group []int, large []string, c fairness.Constraint) error {
	var members []int // rows of large groups
	var labels, groups []int
	for i, g := range group {
		if g >= 0 {
			members, groups, labels = append(members, i), append(groups, g), append(labels, int(j.truth[i][0]))
		}
	}
	width := 2 + len(large)
	auroc := make([]evaluate.Weighted, len(scores))
	said := make([][]float64, len(scores))
	for m, s := range scores {
		var err error
		if auroc[m], err = evaluate.Prepare([]string{"auroc"}, j.target, j.truth, s, j.threshold, 10); err != nil {
			return err
		}
		for _, i := range members {
			v := 0.0
			if yes(s[i], j.threshold) {
				v = 1
			}
			said[m] = append(said[m], v)
		}
	}
	d, err := stats.Bootstrap{Resamples: j.o.Resamples, Level: j.o.Level, Seed: j.o.Seed, Name: "frontier"}.Run(ctx, j.clusters, len(j.rows), width*len(scores), func(w, out []float64) {
		weight := pick(w, members)
		for m := range scores {
			o := out[m*width : (m+1)*width]
			auroc[m](w, o[:1])
			rates := fairness.WeightedExpectedRates(labels, said[m], groups, len(large), weight)
			o[1] = constrainedGap(rates, c)
			for g, r := range rates {
				o[2+g] = balanced(r)
			}
		}
	})
	if err != nil {
		return err
	}
	measure := func(value float64, v stats.Interval) Measure {
		return Measure{Value: evaluate.Number(value), Low: evaluate.Number(v.Low), High: evaluate.Number(v.High), Method: v.Method}
	}
	for m, name := range names {
		from := m * width
		t := Tradeoff{Name: name, AUROC: measure(d.Point[from], d.Interval(from)), Gap: measure(d.Point[from+1], d.Interval(from+1)), Groups: map[string]Measure{}}
		for g, group := range large {
			t.Groups[group] = measure(d.Point[from+2+g], d.Interval(from+2+g))
			if diff, v := d.Difference(from+2+g, 2+g); m > 0 && v.High < 0 {
				t.Harm = append(t.Harm, fmt.Sprintf("%s: balanced accuracy falls by %.3f (%.3f to %.3f)", group, -diff, -v.High, -v.Low))
			}
		}
		if m > 0 {
			a := measure(d.Difference(from, 0))
			g := measure(d.Difference(from+1, 1))
			share := reduction(d, from+1, 1, j.o.Level)
			t.AUROCChange, t.GapChange, t.GapReduction = &a, &g, &share
		}
		f.Models = append(f.Models, t)
	}
	for i := range f.Models {
		f.Models[i].Best = !slices.ContainsFunc(f.Models, func(o Tradeoff) bool {
			return o.AUROC.Value > f.Models[i].AUROC.Value && o.Gap.Value < f.Models[i].Gap.Value
		})
	}
	return nil
}

// constrainedGap is the gap that a constraint is about, over the groups that have the rate: on a resample without a group's sick its
// sensitivity is unknown, not 0. NaN: fewer than two groups have it.
func constrainedGap(rates []fairness.Rates, c fairness.Constraint) float64 {
	gap := func(rate func(fairness.Rates) float64, has func(fairness.Rates) bool) float64 {
		there := slices.DeleteFunc(slices.Clone(rates), func(r fairness.Rates) bool { return !has(r) })
		if len(there) < 2 {
			return math.NaN()
		}
		return fairness.Gap(there, rate)
	}
	if c == fairness.DemographicParity {
		return gap(fairness.Selection, func(r fairness.Rates) bool { return r.Count > 0 })
	}
	tpr, fpr := gap(fairness.TPR, hasSick), gap(fairness.FPR, hasHealthy)
	switch {
	case math.IsNaN(tpr):
		return fpr
	case math.IsNaN(fpr):
		return tpr
	}
	return max(tpr, fpr)
}

// Of some people called yes or no, the shares of each add up to 1; of nobody, both are 0.
func hasSick(r fairness.Rates) bool    { return r.TPR+r.FNR > 0 }
func hasHealthy(r fairness.Rates) bool { return r.TNR+r.FPR > 0 }

// balanced is the balanced accuracy, NaN without both sick and healthy.
func balanced(r fairness.Rates) float64 {
	if !hasSick(r) || !hasHealthy(r) {
		return math.NaN()
	}
	return (r.TPR + r.TNR) / 2
}

// reduction is 1 − a/b with the percentiles of the resamples.
func reduction(d *stats.Draws, a, b int, level float64) Measure {
	m := Measure{Value: evaluate.Number(1 - d.Point[a]/d.Point[b]), Low: evaluate.Number(math.NaN()), High: evaluate.Number(math.NaN())}
	var all []float64
	for i, v := range d.Resample[a] {
		if x := 1 - v/d.Resample[b][i]; !math.IsNaN(x) && !math.IsInf(x, 0) {
			all = append(all, x)
		}
	}
	if len(all) >= 20 {
		slices.Sort(all)
		m.Low, m.High, m.Method = evaluate.Number(stats.Quantile(all, (1-level)/2)), evaluate.Number(stats.Quantile(all, (1+level)/2)), "bootstrap-percentile"
	}
	return m
}
