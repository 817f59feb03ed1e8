package audit

import (
	"cmp"
	"math"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// compareMetrics are what each group is compared with everybody else on.
func compareMetrics(kind evaluate.Kind) []string {
	switch kind {
	case evaluate.Binary:
		return []string{"auroc", "tpr", "fpr", "ppv", "selection_rate", "in_the_large"}
	case evaluate.Class:
		return []string{"accuracy", "auroc"}
	case evaluate.MultiLabel:
		return []string{"auroc", "brier"}
	case evaluate.TimeToEvent:
		return []string{"c_td", "ibs"}
	}
	return []string{"mae", "bias"}
}

// good says which way of a metric is better for a group.
func good(kind evaluate.Kind, name string) int {
	protocol, shares := metricsOf(kind)
	for _, m := range append(protocol, shares...) {
		if m.name == name {
			return m.good
		}
	}
	return 0
}

// compare sets each group of a column against everybody, on the same resamples: the difference of the group's metric and everybody's. P is
// of a normal approximation with the resamples' standard deviation, and is corrected by Holm's method over all comparisons of the target.
func (j *judged) compare(out *Target, d *stats.Draws, whole *cell, parts []part) {
	for _, p := range parts {
		attr := j.attrs[p.attr]
		if attr.cross || len(attr.Values) < 2 {
			continue
		}
		for _, name := range compareMetrics(j.target.Kind) {
			i := whole.at[name]
			diff, v := d.Difference(p.from+i, i)
			if math.IsNaN(diff) {
				continue
			}
			c := Comparison{Attribute: attr.Name, Group: attr.Values[p.group], Metric: name, P: evaluate.Number(math.NaN()),
				Difference: Measure{Value: evaluate.Number(diff), Low: evaluate.Number(v.Low), High: evaluate.Number(v.High), Method: v.Method}}
			if sd := spread(d.Resample[p.from+i], d.Resample[i]); sd > 0 {
				c.P = evaluate.Number(math.Erfc(math.Abs(diff) / sd / math.Sqrt2))
			}
			out.Comparisons = append(out.Comparisons, c)
		}
	}
	holm(out.Comparisons)
	for i := range out.Comparisons {
		c := &out.Comparisons[i]
		way := float64(good(j.target.Kind, c.Metric))
		c.Worse = float64(c.Adjusted) < 1-j.o.Level && way*float64(c.Difference.Value) < 0
	}
}

// spread is the standard deviation of a − b over the resamples where both are defined.
func spread(a, b []float64) float64 {
	var n, sum, square float64
	for i := range a {
		if v := a[i] - b[i]; !math.IsNaN(v) {
			n, sum, square = n+1, sum+v, square+v*v
		}
	}
	if n < 20 {
		return 0
	}
	return math.Sqrt(max(0, square/n-sum*sum/(n*n)) * n / (n - 1))
}

// holm fills Adjusted (Holm 1979): the k-th smallest of m p-values times m − k + 1, made rising and cut at 1.
func holm(all []Comparison) {
	var order []int
	for i, c := range all {
		all[i].Adjusted = evaluate.Number(math.NaN())
		if c.P.Defined() {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all[a].P, all[b].P) })
	last := 0.0
	for k, i := range order {
		last = max(last, min(1, float64(all[i].P)*float64(len(order)-k)))
		all[i].Adjusted = evaluate.Number(last)
	}
}

// underdiagnosis lists, the worst first, which share of each group's sick are called healthy (Seyyed-Kalantari et al. 2021); crossings
// too, because it is there that it hides.
func (j *judged) underdiagnosis(out *Target) {
	if j.target.Kind != evaluate.Binary {
		return
	}
	for _, a := range j.attrs {
		for g, rows := range j.members(a) {
			group := out.Groups[a.Name][a.Values[g]]
			if group.CannotTell {
				continue
			}
			u := Underdiagnosis{Attribute: a.Name, Group: a.Values[g]}
			for _, r := range rows {
				if j.truth[r][0] == 1 {
					if u.Sick++; !yes(j.score[r], j.threshold) {
						u.Missed++
					}
				}
			}
			if u.Sick == 0 {
				continue
			}
			m := group.Metrics["tpr"]
			u.Rate = Measure{Value: 1 - m.Value, Low: 1 - m.High, High: 1 - m.Low, Method: m.Method, Reason: m.Reason}
			out.Underserved = append(out.Underserved, u)
		}
	}
	slices.SortStableFunc(out.Underserved, func(a, b Underdiagnosis) int { return cmp.Compare(b.Rate.Value, a.Rate.Value) })
}
