package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/methods/fairness/linear"
	"github.com/cineloop/cineloop/stats"
)

// Options say what to run.
type Options struct {
	Datasets  []string // names; nil: all
	Methods   []string // names; nil: all
	Resamples int      // of the test rows; default 1000
	Seed      stats.Seed
	Log       io.Writer // a line a fit; nil: silence
}

// Measure is a number on the test rows with its percentile bootstrap interval.
type Measure struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Group is what became of one group on the test rows.
type Group struct {
	Name       string  `json:"name"`
	N          int     `json:"n"`
	Prevalence float64 `json:"prevalence"`
	Selection  float64 `json:"selection_rate"`
	TPR        float64 `json:"tpr"`
	FPR        float64 `json:"fpr"`
	Error      float64 `json:"error"`
}

// Result is one method on one dataset.
type Result struct {
	Method         string  `json:"method"`
	SensitiveInput bool    `json:"sensitive_input"` // the sensitive column was among the features
	Error          Measure `json:"error"`
	DPGap          Measure `json:"dp_gap"`
	EOGap          Measure `json:"eo_gap"`
	AUC            float64 `json:"auc,omitempty"` // of the base learner's scores, unmitigated only
	Groups         []Group `json:"groups"`
	Fits           int     `json:"fits"` // of the base learner
	Seconds        float64 `json:"seconds"`
	// On the training rows, of a reduction: what it promises is about these.
	Train *Training `json:"train,omitempty"`

	// Of thresholds: what rules reach on the test rows whose accuracy on the training rows is the best one's to within one row.
	Ties *Ties `json:"equally_accurate,omitempty"`

	Anchor *Anchor `json:"anchor,omitempty"` // what the reference reached
	// Within says whether error and gaps are all within 0.005 of the anchor's; absent without one.
	Within *bool `json:"within,omitempty"`
	// WithinTies says the same of one of the equally accurate rules; absent without them.
	WithinTies *bool `json:"within_equally_accurate,omitempty"`
}

// Ties are rules that the training rows cannot tell apart.
type Ties struct {
	Rules int        `json:"rules"`
	Error [2]float64 `json:"error"` // smallest and largest
	DPGap [2]float64 `json:"dp_gap"`
	EOGap [2]float64 `json:"eo_gap"`

	each []Anchor
}

// Training is what a reduction reached on the rows it was fitted to.
type Training struct {
	Error      float64 `json:"error"`
	Violation  float64 `json:"violation"` // largest moment: a group's rate against everybody's
	Gap        float64 `json:"gap"`       // of the game: the error is within 2·gap of the best mixture's
	Iterations int     `json:"iterations,omitempty"`
}

// Table is one dataset's results.
type Table struct {
	Name      string   `json:"name"`
	Sensitive string   `json:"sensitive"`
	Groups    []string `json:"groups"`
	N         int      `json:"n"`
	Train     int      `json:"train"`
	Test      int      `json:"test"`
	Results   []Result `json:"results"`
}

// Tolerance within which a number counts as the anchor's.
const Tolerance = 0.005

// Run fits every method on every dataset found in dir. Errors: usage (an unknown name), notfound (no dataset there), input, interrupted.
func Run(ctx context.Context, dir string, o Options) ([]Table, error) {
	datasets, err := choose(Datasets(), o.Datasets, func(d Dataset) string { return d.Name })
	if err != nil {
		return nil, err
	}
	methods, err := choose(Methods(), o.Methods, func(m Method) string { return m.Name })
	if err != nil {
		return nil, err
	}
	var out []Table
	for _, d := range datasets {
		in, err := d.load(dir)
		if fault.CodeOf(err) == fault.NotFound && len(o.Datasets) == 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		t, err := runTable(ctx, d, in, methods, o)
		if err != nil {
			return nil, err
		}
		out = append(out, *t)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "no table of the benchmark in %s", dir).WithHint("it wants adult.csv.gz, compas_two_years.csv.gz, law_school.csv.gz or acs_income_100k.csv.gz")
	}
	return out, nil
}

func choose[T any](all []T, names []string, name func(T) string) ([]T, error) {
	if names == nil {
		return all, nil
	}
	var out []T
	for _, n := range names {
		i := slices.IndexFunc(all, func(x T) bool { return name(x) == n })
		if i < 0 {
			var known []string
			for _, x := range all {
				known = append(known, name(x))
			}
			return nil, fault.New(fault.Usage, "the benchmark has no %q", n).WithHint("it has %v", known)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func runTable(ctx context.Context, d Dataset, in *data, methods []Method, o Options) (*Table, error) {
	t := &Table{Name: d.Name, Sensitive: d.Sensitive, Groups: in.groups, N: len(in.y), Train: len(in.train), Test: len(in.test)}
	for _, sensitive := range []bool{false, true} {
		design := in.without
		if sensitive {
			design = in.with
		}
		f := fitting{train: design.Pick(in.train), test: design.Pick(in.test), y: pick(in.y, in.train), group: pick(in.group, in.train),
			testGroup: pick(in.group, in.test), k: len(in.groups)}
		started := time.Now()
		var err error
		if f.base, err = linear.Fit(ctx, f.train, f.y, nil, linear.Options{}); err != nil {
			return nil, err
		}
		first := time.Since(started).Seconds()
		y := pick(in.y, in.test)
		for _, m := range methods {
			g := f
			started := time.Now()
			prob, err := m.run(ctx, &g)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", d.Name, m.Name, err)
			}
			r := Result{Method: m.Name, SensitiveInput: sensitive, Fits: g.calls, Seconds: time.Since(started).Seconds()}
			if m.Name == "unmitigated" {
				r.Fits, r.Seconds = 1, first
				positive := make([]bool, len(y))
				for i, v := range y {
					positive[i] = v == 1
				}
				r.AUC = stats.DeLong(f.base.Probability(f.test.Rows), positive).Area
			}
			if g.trainChecked {
				r.Train = &Training{g.trainError, g.trainWorst, g.gap, g.iterations}
			}
			if err := r.judge(ctx, y, prob, f.testGroup, in.groups, o); err != nil {
				return nil, err
			}
			r.tie(y, g.ties, f.testGroup, len(in.groups))
			r.compare(d.Name)
			t.Results = append(t.Results, r)
			if o.Log != nil {
				fmt.Fprintf(o.Log, "%s: %s, sensitive column %s: %d fits, %.1f s\n", d.Name, m.Name, map[bool]string{true: "an input", false: "no input"}[sensitive], r.Fits, r.Seconds)
			}
		}
	}
	return t, nil
}

// judge fills error, gaps and groups of answers that say yes with probability prob.
func (r *Result) judge(ctx context.Context, y []int, prob []float64, group []int, names []string, o Options) error {
	k := len(names)
	stat := func(weight, out []float64) {
		a := reached(y, prob, group, k, weight)
		out[0], out[1], out[2] = a.Error, a.DPGap, a.EOGap
	}
	clusters := make([][]int, len(y))
	for i := range clusters {
		clusters[i] = []int{i}
	}
	draws, err := stats.Bootstrap{Resamples: o.Resamples, Seed: o.Seed, Name: "fairness bench"}.Run(ctx, clusters, len(y), 3, stat)
	if err != nil {
		return err
	}
	for j, m := range []*Measure{&r.Error, &r.DPGap, &r.EOGap} {
		v := draws.Interval(j)
		*m = Measure{draws.Point[j], v.Low, v.High}
	}
	for g, rate := range fairness.ExpectedRates(y, prob, group, k) {
		positives := 0
		for i := range y {
			if group[i] == g {
				positives += y[i]
			}
		}
		r.Groups = append(r.Groups, Group{names[g], int(rate.Count + 0.5), float64(positives) / rate.Count, rate.Selection, rate.TPR, rate.FPR, 1 - rate.Accuracy})
	}
	return nil
}

// reached is the error and the gaps of answers.
func reached(y []int, prob []float64, group []int, k int, weight []float64) Anchor {
	rates := fairness.WeightedExpectedRates(y, prob, group, k, weight)
	all, n := 0.0, 0.0
	for _, g := range rates {
		all, n = all+(1-g.Accuracy)*g.Count, n+g.Count
	}
	return Anchor{all / n, fairness.Gap(rates, fairness.Selection), fairness.EqualizedOdds(rates)}
}

// tie fills what equally accurate rules reach, where there are several.
func (r *Result) tie(y []int, ties [][]float64, group []int, k int) {
	if len(ties) < 2 {
		return
	}
	r.Ties = &Ties{Rules: len(ties)}
	for i, prob := range ties {
		a := reached(y, prob, group, k, nil)
		r.Ties.each = append(r.Ties.each, a)
		widen(&r.Ties.Error, a.Error, i == 0)
		widen(&r.Ties.DPGap, a.DPGap, i == 0)
		widen(&r.Ties.EOGap, a.EOGap, i == 0)
	}
}

func widen(span *[2]float64, v float64, first bool) {
	if first {
		*span = [2]float64{v, v}
	}
	span[0], span[1] = min(span[0], v), max(span[1], v)
}
