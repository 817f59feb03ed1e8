package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// row is one way under one condition.
type row struct {
	Condition string            `json:"condition"`
	Name      string            `json:"name"`
	AUROC     value             `json:"auroc"` // mean over seeds
	Seeds     []evaluate.Number `json:"auroc_by_seed"`
	Brier     value             `json:"brier"`
	// Gain is the AUROC's difference to the better single one (by its AUROC here) under the same condition, on the same resamples.
	Gain   *value `json:"auroc_gain,omitempty"`
	Over   string `json:"gain_over,omitempty"`
	Oracle bool   `json:"oracle,omitempty"` // what the truth allows
}

type value struct {
	Value evaluate.Number `json:"value"`
	Low   evaluate.Number `json:"low"`
	High  evaluate.Number `json:"high"`
}

func (v value) String() string {
	if !v.Value.Defined() {
		return "–"
	}
	if !v.Low.Defined() { // every resample gives the same
		return fmt.Sprintf("%.3f", float64(v.Value))
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", float64(v.Value), float64(v.Low), float64(v.High))
}

// curve is a score of each row, in falling order, so that a weighted AUROC is one pass.
type curve struct {
	score []float64
	order []int
}

func newCurve(score []float64) curve {
	c := curve{score, make([]int, len(score))}
	for i := range c.order {
		c.order[i] = i
	}
	slices.SortStableFunc(c.order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	return c
}

// auroc counts pairs, ties half; NaN where one class has no weight.
func (c curve) auroc(positive []bool, weight []float64) float64 {
	var pos, neg, pairs float64
	for at := 0; at < len(c.order); {
		var p, n float64
		s := c.score[c.order[at]]
		for ; at < len(c.order) && c.score[c.order[at]] == s; at++ {
			if i := c.order[at]; positive[i] {
				p += weight[i]
			} else {
				n += weight[i]
			}
		}
		pairs += n * (pos + p/2)
		pos, neg = pos+p, neg+n
	}
	if pos == 0 || neg == 0 {
		return math.NaN()
	}
	return pairs / (pos * neg)
}

func (c curve) brier(positive []bool, weight []float64) float64 {
	var sum, n float64
	for i, s := range c.score {
		y := 0.0
		if positive[i] {
			y = 1
		}
		sum, n = sum+weight[i]*(s-y)*(s-y), n+weight[i]
	}
	return sum / n
}

// judge fills the study's table from what the arms say, under every condition and, where there is one, on the subset.
func (s *study) judge(ctx context.Context, o options, names []string, found map[string][]*scored) error {
	first := found[table][0]
	use := func(keep func(id string) bool) (ids []string) {
		for _, id := range sortedKeys(first.Truth) {
			if first.Part[id] == "test" && keep(id) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	all := use(func(string) bool { return true })
	s.N, s.People, s.Events = len(all), len(stats.Clusters(pick(first.Patient, all))), 0
	for _, id := range all {
		s.Events += int(first.Truth[id])
	}
	for _, c := range s.conditions {
		if err := s.table(ctx, o, c.Name, c.Name, all, names, found); err != nil {
			return err
		}
	}
	if s.subset == nil {
		return nil
	}
	few := use(func(id string) bool { return first.Subset[id] })
	return s.table(ctx, o, s.conditions[0].Name, s.subsetName, few, names, found)
}

// table adds the rows of one condition, all on the same resamples.
func (s *study) table(ctx context.Context, o options, condition, title string, ids, names []string, found map[string][]*scored) error {
	truth := found[table][0].Truth
	positive := make([]bool, len(ids))
	for i, id := range ids {
		positive[i] = truth[id] == 1
	}
	type entry struct {
		row
		seeds []curve
	}
	var entries []entry
	if condition == s.conditions[0].Name {
		for _, name := range sortedKeys(s.truth) {
			entries = append(entries, entry{row{Condition: title, Name: name, Oracle: true}, []curve{newCurve(pick(s.truth[name], ids))}})
		}
	}
	for _, name := range names {
		e := entry{row: row{Condition: title, Name: name}}
		for _, x := range found[name] {
			if have, ok := x.Score[condition]; ok {
				e.seeds = append(e.seeds, newCurve(pick(have, ids)))
			}
		}
		if len(e.seeds) > 0 {
			entries = append(entries, e)
		}
	}
	stat := func(weight, out []float64) {
		for i, e := range entries {
			out[2*i], out[2*i+1] = 0, 0
			for _, c := range e.seeds {
				out[2*i] += c.auroc(positive, weight) / float64(len(e.seeds))
				out[2*i+1] += c.brier(positive, weight) / float64(len(e.seeds))
			}
		}
	}
	d, err := stats.Bootstrap{Resamples: o.resamples, Seed: 1, Name: "fusion " + title}.Run(ctx, stats.Clusters(pick(found[table][0].Patient, ids)), len(ids), 2*len(entries), stat)
	if err != nil {
		return err
	}
	ones := make([]float64, len(ids))
	for i := range ones {
		ones[i] = 1
	}
	single := -1
	for i, e := range entries {
		if (e.Name == picture || e.Name == table) && (single < 0 || d.Point[2*i] > d.Point[2*single]) {
			single = i
		}
	}
	for i, e := range entries {
		e.AUROC, e.Brier = measured(d.Point[2*i], d.Interval(2*i)), measured(d.Point[2*i+1], d.Interval(2*i+1))
		for _, c := range e.seeds {
			e.Seeds = append(e.Seeds, evaluate.Number(c.auroc(positive, ones)))
		}
		if !e.Oracle && i != single && single >= 0 {
			v, in := d.Difference(2*i, 2*single)
			g := measured(v, in)
			e.Gain, e.Over = &g, entries[single].Name
		}
		s.Rows = append(s.Rows, e.row)
	}
	return nil
}

func measured(v float64, in stats.Interval) value {
	return value{evaluate.Number(v), evaluate.Number(in.Low), evaluate.Number(in.High)}
}

func pick[V any](from map[string]V, ids []string) []V {
	out := make([]V, len(ids))
	for i, id := range ids {
		out[i] = from[id]
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// print is the table for people, and for scripts/bench, which takes lines with a bar.
func (s *study) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %s; %d rows of %d patients, %d with the outcome\n", s.Name, s.About, s.N, s.People, s.Events)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	last := ""
	for _, r := range s.Rows {
		if r.Condition != last {
			fmt.Fprintf(t, "%s\tAUROC\tagainst the better single one\tBrier\n", r.Condition)
			last = r.Condition
		}
		gain := ""
		if r.Gain != nil {
			gain = r.Gain.String()
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%.3f\n", r.Name, r.AUROC, gain, float64(r.Brier.Value))
	}
	t.Flush()
	for _, r := range s.Rows {
		if r.Gain != nil {
			fmt.Fprintf(w, "fusion %s, %s: %s, AUROC | %.3f | %.3f (%s) | %+.3f | \n", s.Name, r.Condition, r.Name, float64(r.AUROC.Value), float64(r.AUROC.Value-r.Gain.Value), r.Over, float64(r.Gain.Value))
		}
	}
	for _, n := range s.Notes {
		fmt.Fprintln(w, "note:", n)
	}
	fmt.Fprintln(w)
}
