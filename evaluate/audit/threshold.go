package audit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/stats"
)

// groupThresholds says what thresholds of their own for each group would do (Hardt et al. 2016): chosen on the validation rows, judged on
// the judged rows, for every column whose groups are all large enough in both. Nothing is said where the file has no validation rows.
func (j *judged) groupThresholds(ctx context.Context, t *Table, out *Target) error {
	v := j.validation(t)
	for a, attr := range j.attrs {
		if !j.comparable(v, a) {
			continue
		}
		for _, c := range []fairness.Constraint{fairness.DemographicParity, fairness.EqualisedOdds} {
			rule, err := fairness.OptimiseThresholds(v.scores(), v.labels(), v.attrs[a].Of, len(attr.Values), c, fairness.BalancedAccuracy)
			if err != nil {
				continue // a group has one label only: no thresholds can be chosen for it
			}
			m, err := j.mitigation(ctx, attr, c, rule)
			if err != nil {
				return err
			}
			out.Thresholds = append(out.Thresholds, *m)
		}
	}
	return nil
}

// validation is the same target on the validation rows, on which rules for groups may be chosen; nil where there are none, or the target is not
// one of yes and no.
func (j *judged) validation(t *Table) *judged {
	val := t.InSplit("val")
	if j.target.Kind != evaluate.Binary || len(val) == 0 || slices.Contains(j.rows, val[0]) {
		return nil
	}
	return t.judge(j.target, val, j.o)
}

// comparable says whether all groups of the a-th column are large enough on the validation rows v and on the judged ones.
func (j *judged) comparable(v *judged, a int) bool {
	if v == nil {
		return false
	}
	mine, theirs := j.attrs[a], v.attrs[a]
	return !mine.cross && len(mine.Values) >= 2 && slices.Equal(mine.Values, theirs.Values) && !v.small(theirs) && !j.small(mine)
}

func (j *judged) small(a Attribute) bool {
	return slices.ContainsFunc(j.members(a), func(rows []int) bool { return j.patientsOf(rows) < j.o.MinGroup })
}

func (j *judged) scores() []float64 {
	out := make([]float64, len(j.score))
	for i, s := range j.score {
		out[i] = s[0]
	}
	return out
}

func (j *judged) labels() []int {
	out := make([]int, len(j.truth))
	for i, t := range j.truth {
		out[i] = int(t[0])
	}
	return out
}

// mitigation judges a rule beside the one threshold that it would replace.
func (j *judged) mitigation(ctx context.Context, a Attribute, c fairness.Constraint, rule *fairness.ThresholdRule) (*Mitigation, error) {
	y, k := j.labels(), len(a.Values)
	before := make([]float64, len(y))
	for i, s := range j.score {
		if yes(s, j.threshold) {
			before[i] = 1
		}
	}
	after := rule.Probability(j.scores(), a.Of)
	names := []string{"accuracy", "balanced_accuracy", "gap"}
	width := len(names) + k
	fill := func(w, prob, out []float64) {
		rates := fairness.WeightedExpectedRates(y, prob, a.Of, k, w)
		all := fairness.WeightedExpectedRates(y, prob, make([]int, len(y)), 1, w)[0]
		out[0], out[1], out[2] = all.Accuracy, balanced(all), constrainedGap(rates, c)
		for g, r := range rates {
			out[len(names)+g] = balanced(r)
		}
	}
	d, err := stats.Bootstrap{Resamples: j.o.Resamples, Level: j.o.Level, Seed: j.o.Seed, Name: "audit thresholds/" + j.target.Name + a.Name + string(c)}.
		Run(ctx, j.clusters, len(y), 2*width, func(w, out []float64) {
			fill(w, before, out[:width])
			fill(w, after, out[width:])
		})
	if err != nil {
		return nil, err
	}
	m := &Mitigation{Attribute: a.Name, Constraint: string(c), ChosenOn: "val", Before: map[string]Measure{}, After: map[string]Measure{}}
	for i, name := range names {
		for at, to := range map[int]map[string]Measure{i: m.Before, width + i: m.After} {
			v := d.Interval(at)
			to[name] = Measure{Value: evaluate.Number(d.Point[at]), Low: evaluate.Number(v.Low), High: evaluate.Number(v.High), Method: v.Method}
		}
	}
	for g, name := range a.Values {
		diff, v := d.Difference(width+len(names)+g, len(names)+g)
		if !math.IsNaN(v.High) && v.High < 0 {
			m.Harm = append(m.Harm, fmt.Sprintf("%s: balanced accuracy falls by %.3f (%.3f to %.3f)", name, -diff, -v.High, -v.Low))
		}
	}
	return m, nil
}
