package audit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// groupCalibration says what a calibration of its own for each group would do: logit(p) → intercept + slope·logit(p), fitted on the
// validation rows of the group and judged on the judged rows, for every column whose groups are all large enough in both. It does not
// change who is ranked above whom within a group.
func (j *judged) groupCalibration(ctx context.Context, t *Table, out *Target) error {
	v := j.validation(t)
	for a, attr := range j.attrs {
		if !j.comparable(v, a) {
			continue
		}
		fits := make([]evaluate.Recalibration, len(attr.Values))
		for g, rows := range v.members(v.attrs[a]) {
			fits[g] = evaluate.Recalibrate(pick(v.scores(), rows), positive(pick(v.labels(), rows)))
		}
		if slices.ContainsFunc(fits, func(f evaluate.Recalibration) bool { return math.IsNaN(f.Slope) }) {
			continue // a group has one label only, or is separated: no calibration can be fitted for it
		}
		before := j.scores()
		after := make([]float64, len(before))
		for i, p := range before {
			f := fits[attr.Of[i]]
			p = min(1-1e-7, max(1e-7, p))
			after[i] = 1 / (1 + math.Exp(-f.Intercept-f.Slope*math.Log(p/(1-p))))
		}
		m, err := j.calibrated(ctx, attr, before, after)
		if err != nil {
			return err
		}
		out.Calibrated = append(out.Calibrated, *m)
	}
	return nil
}

func positive(y []int) []bool {
	out := make([]bool, len(y))
	for i, v := range y {
		out[i] = v == 1
	}
	return out
}

// calibrated judges probabilities before and after: Brier score, and the largest difference between groups of mean probability minus
// prevalence.
func (j *judged) calibrated(ctx context.Context, a Attribute, before, after []float64) (*Mitigation, error) {
	y, k := j.labels(), len(a.Values)
	width := 2 + k
	fill := func(w, p, out []float64) {
		n, large := make([]float64, k), make([]float64, k)
		brier := make([]float64, k)
		var all, sum float64
		for i, g := range a.Of {
			d := p[i] - float64(y[i])
			n[g], large[g], brier[g] = n[g]+w[i], large[g]+w[i]*d, brier[g]+w[i]*d*d
			all, sum = all+w[i], sum+w[i]*d*d
		}
		low, high := math.Inf(1), math.Inf(-1)
		for g := range n {
			low, high = min(low, large[g]/n[g]), max(high, large[g]/n[g])
			out[2+g] = brier[g] / n[g]
		}
		out[0], out[1] = sum/all, high-low
	}
	d, err := stats.Bootstrap{Resamples: j.o.Resamples, Level: j.o.Level, Seed: j.o.Seed, Name: "audit calibration/" + j.target.Name + a.Name}.
		Run(ctx, j.clusters, len(y), 2*width, func(w, out []float64) {
			fill(w, before, out[:width])
			fill(w, after, out[width:])
		})
	if err != nil {
		return nil, err
	}
	m := &Mitigation{Attribute: a.Name, Constraint: "calibration", ChosenOn: "val", Before: map[string]Measure{}, After: map[string]Measure{}}
	for i, name := range []string{"brier", "gap"} {
		for at, to := range map[int]map[string]Measure{i: m.Before, width + i: m.After} {
			v := d.Interval(at)
			to[name] = Measure{Value: evaluate.Number(d.Point[at]), Low: evaluate.Number(v.Low), High: evaluate.Number(v.High), Method: v.Method}
		}
	}
	for g, name := range a.Values {
		if diff, v := d.Difference(width+2+g, 2+g); v.Low > 0 {
			m.Harm = append(m.Harm, fmt.Sprintf("%s: Brier score rises by %.3f (%.3f to %.3f)", name, diff, v.Low, v.High))
		}
	}
	return m, nil
}
