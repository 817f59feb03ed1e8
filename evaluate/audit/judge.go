package audit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// part is one group that is large enough, with the place of its metrics among the statistics of the bootstrap.
type part struct {
	attr, group int
	cell        *cell
	from        int
}

// audit judges everybody, every group and every gap on the same resamples of patients.
func (j *judged) audit(ctx context.Context, t *Table) (*Target, error) {
	out := &Target{Kind: j.target.Kind, N: len(j.rows), Patients: len(j.clusters), Overall: map[string]Measure{},
		Groups: map[string]map[string]*Group{}, Gaps: map[string]map[string]*Gap{}}
	if j.target.Kind == evaluate.Binary {
		out.Threshold = &j.threshold
	}
	whole, err := j.newCell(every(len(j.rows)))
	if err != nil {
		return nil, err
	}
	k := len(whole.names)
	var parts []part
	for a, attr := range j.attrs {
		out.Groups[attr.Name] = map[string]*Group{}
		for g, rows := range j.members(attr) {
			group := &Group{N: len(rows), Patients: j.patientsOf(rows)}
			out.Groups[attr.Name][attr.Values[g]] = group
			if group.Patients < j.o.MinGroup {
				group.CannotTell = true
				group.Reason = fmt.Sprintf("cannot tell: %d patients, fewer than %d", group.Patients, j.o.MinGroup)
				continue
			}
			c, err := j.newCell(rows)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part{a, g, c, k * (len(parts) + 1)})
		}
	}
	gaps := j.gapPlan(whole, parts)
	total := k*(len(parts)+1) + len(gaps)
	stat := func(weight, values []float64) {
		whole.run(weight, values[:k])
		for _, p := range parts {
			p.cell.run(weight, values[p.from:p.from+k])
		}
		for i, g := range gaps {
			values[k*(len(parts)+1)+i], _, _ = g.value(values)
		}
	}
	draws, err := stats.Bootstrap{Resamples: j.o.Resamples, Level: j.o.Level, Seed: j.o.Seed, Name: "audit/" + j.target.Name}.Run(ctx, j.clusters, len(j.rows), total, stat)
	if err != nil {
		return nil, err
	}
	for i, name := range whole.names {
		out.Overall[name] = j.measure(draws, i, name, whole.rows)
	}
	for _, p := range parts {
		attr := j.attrs[p.attr]
		group := out.Groups[attr.Name][attr.Values[p.group]]
		group.Metrics = map[string]Measure{}
		for i, name := range p.cell.names {
			group.Metrics[name] = j.measure(draws, p.from+i, name, p.cell.rows)
		}
	}
	if err := j.gaps(ctx, out, draws, gaps, k*(len(parts)+1)); err != nil {
		return nil, err
	}
	j.compare(out, draws, whole, parts)
	j.underdiagnosis(out)
	if err := j.search(ctx, out); err != nil {
		return nil, err
	}
	if err := j.groupThresholds(ctx, t, out); err != nil {
		return nil, err
	}
	out.Verdict = verdict(j, out)
	return out, nil
}

// measure is statistic i with its interval: Wilson's for a share where rows are independent, else the bootstrap's.
func (j *judged) measure(d *stats.Draws, i int, name string, rows []int) Measure {
	m := Measure{Value: evaluate.Number(d.Point[i]), Low: evaluate.Number(math.NaN()), High: evaluate.Number(math.NaN())}
	if math.IsNaN(d.Point[i]) {
		m.Reason = "undefined: no row that it counts, or one class only"
		return m
	}
	v := d.Interval(i)
	if _, shares := metricsOf(j.target.Kind); j.single || d.Degenerate(i) {
		if at := slices.IndexFunc(shares, func(m metric) bool { return m.name == name }); at >= 0 {
			var n, yes float64
			for _, r := range rows {
				if counted, counts := shares[at].share(j.truth[r], j.score[r], j.threshold); counted {
					if n++; counts {
						yes++
					}
				}
			}
			if !j.single { // all alike: patients are the count
				n, yes = float64(j.patientsOf(rows)), d.Point[i]*float64(j.patientsOf(rows))
			}
			v = stats.Wilson(yes, n, j.o.Level)
		}
	}
	if !v.Defined() {
		m.Reason = "no interval: every resample gives the same, or too few are defined"
		return m
	}
	m.Low, m.High, m.Method = evaluate.Number(v.Low), evaluate.Number(v.High), v.Method
	return m
}

// planned is one gap: over which statistics, and how they make it.
type planned struct {
	attr   int
	name   string
	groups []int   // group of each column
	values [][]int // [metric][group] statistic
	gini   bool
	worst  int // the smallest (1) or largest (-1) value itself instead of a difference; 0: the difference
}

// value is the gap for given statistics, and the columns of the smallest and largest value.
func (p planned) value(s []float64) (gap float64, least, most int) {
	gap = math.NaN()
	for _, metric := range p.values {
		lo, hi := -1, -1
		for c, at := range metric {
			if v := s[at]; !math.IsNaN(v) {
				if lo < 0 || v < s[metric[lo]] {
					lo = c
				}
				if hi < 0 || v > s[metric[hi]] {
					hi = c
				}
			}
		}
		if lo < 0 || lo == hi && p.worst == 0 && len(metric) < 2 {
			continue
		}
		var v float64
		switch {
		case p.worst > 0:
			v = s[metric[lo]]
		case p.worst < 0:
			v = s[metric[hi]]
		case p.gini:
			v = gini(s, metric)
		default:
			v = s[metric[hi]] - s[metric[lo]]
		}
		if math.IsNaN(gap) || v > gap {
			gap, least, most = v, lo, hi
		}
	}
	return gap, least, most
}

// gini is the Gini coefficient of the groups' values: 0 where all are served alike.
func gini(s []float64, at []int) float64 {
	var sum, diff, n float64
	for _, a := range at {
		if math.IsNaN(s[a]) {
			continue
		}
		sum, n = sum+s[a], n+1
		for _, b := range at {
			if !math.IsNaN(s[b]) {
				diff += math.Abs(s[a] - s[b])
			}
		}
	}
	return diff / (2 * n * sum)
}

// gapPlan lists the gaps of every attribute that has two groups of enough patients.
func (j *judged) gapPlan(whole *cell, parts []part) []planned {
	var out []planned
	for a := range j.attrs {
		var mine []part
		for _, p := range parts {
			if p.attr == a {
				mine = append(mine, p)
			}
		}
		if len(mine) < 2 {
			continue
		}
		var groups []int
		for _, p := range mine {
			groups = append(groups, p.group)
		}
		columns := func(metric string) []int {
			var out []int
			for _, p := range mine {
				out = append(out, p.from+whole.at[metric])
			}
			return out
		}
		for _, g := range gapsOf(j.target.Kind) {
			p := planned{attr: a, name: g.name, groups: groups}
			for _, metric := range g.of {
				p.values = append(p.values, columns(metric))
			}
			out = append(out, p)
		}
		head := headline(j.target.Kind)
		worst := 1
		if head == "mae" {
			worst = -1
		}
		out = append(out,
			planned{attr: a, name: "worst_" + head, groups: groups, values: [][]int{columns(head)}, worst: worst},
			planned{attr: a, name: "gini_" + head, groups: groups, values: [][]int{columns(head)}, gini: true})
	}
	return out
}

// gaps fills in the gaps with their intervals and what chance makes of groups of these sizes.
func (j *judged) gaps(ctx context.Context, out *Target, d *stats.Draws, plan []planned, from int) error {
	for i, p := range plan {
		attr := j.attrs[p.attr]
		g := &Gap{ByChance: evaluate.Number(math.NaN()), P: evaluate.Number(math.NaN())}
		g.Value = evaluate.Number(d.Point[from+i])
		v := d.Interval(from + i)
		g.Low, g.High, g.Method = evaluate.Number(v.Low), evaluate.Number(v.High), v.Method
		if g.Value.Defined() {
			_, least, most := p.value(d.Point)
			g.Least, g.Most = attr.Values[p.groups[least]], attr.Values[p.groups[most]]
		} else {
			g.Reason = "undefined: a rate that no two groups have"
		}
		if out.Gaps[attr.Name] == nil {
			out.Gaps[attr.Name] = map[string]*Gap{}
		}
		out.Gaps[attr.Name][p.name] = g
	}
	for a := range j.attrs {
		if err := j.byChance(ctx, out, plan, a); err != nil {
			return err
		}
		j.done()
	}
	return nil
}

// byChance shuffles the groups of an attribute among patients: the gaps that are left are chance.
func (j *judged) byChance(ctx context.Context, out *Target, plan []planned, a int) error {
	var mine []planned
	for _, p := range plan {
		if p.attr == a && p.worst == 0 {
			mine = append(mine, p)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	attr := j.attrs[a]
	ones := slices.Repeat([]float64{1}, len(j.rows))
	shuffles := make([][]float64, j.o.Permutations) // by round, so that the sums do not depend on who is first
	failed := make([]error, j.o.Permutations)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil {
				round := int(next.Add(1)) - 1
				if round >= len(shuffles) {
					return
				}
				shuffles[round], failed[round] = j.shuffled(attr, mine, ones, round)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(failed, ctx.Err())...); err != nil {
		return err
	}
	sum, above, n := make([]float64, len(mine)), make([]float64, len(mine)), make([]float64, len(mine))
	for _, values := range shuffles {
		for i, v := range values {
			if math.IsNaN(v) {
				continue
			}
			n[i]++
			sum[i] += v
			if v >= float64(out.Gaps[attr.Name][mine[i].name].Value)-1e-12 {
				above[i]++
			}
		}
	}
	for i, p := range mine {
		g := out.Gaps[attr.Name][p.name]
		if n[i] > 0 && g.Value.Defined() {
			g.ByChance, g.P = evaluate.Number(sum[i]/n[i]), evaluate.Number((above[i]+1)/(n[i]+1))
		}
	}
	return nil
}

// shuffled is the gaps of mine when the patients' groups are dealt anew.
func (j *judged) shuffled(attr Attribute, mine []planned, ones []float64, round int) ([]float64, error) {
	rng := j.o.Seed.Stream("audit shuffle", j.target.Name, attr.Name, round)
	deal := rng.Perm(len(j.clusters))
	members := make([][]int, len(attr.Values))
	for i, rows := range j.clusters {
		from := j.clusters[deal[i]]
		for k, r := range rows {
			g := attr.Of[from[k%len(from)]]
			members[g] = append(members[g], r)
		}
	}
	var values []float64
	base := map[int]int{} // group -> where its metrics start
	var k int
	for _, g := range mine[0].groups {
		slices.Sort(members[g])
		c, err := j.newCell(members[g])
		if err != nil {
			return nil, err
		}
		k = len(c.names)
		base[g] = len(values)
		values = append(values, make([]float64, k)...)
		c.run(ones, values[base[g]:])
	}
	out := make([]float64, len(mine))
	for i, p := range mine {
		q := p
		q.values = make([][]int, len(p.values))
		for m, columns := range p.values {
			for c, at := range columns {
				q.values[m] = append(q.values[m], base[p.groups[c]]+at%k)
			}
		}
		out[i], _, _ = q.value(values)
	}
	return out, nil
}
