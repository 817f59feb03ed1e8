package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Options are the protocol's settings; zero values mean the defaults.
type Options struct {
	Name        string  // of the split, for the report
	Split       string  // rows that are judged; default "test"
	Validation  string  // rows that choose the threshold of sensitivity_at_specificity; default "val"
	Train       string  // rows that the baseline learns from; default "train"
	Resamples   int     // by patient; default 1000
	Level       float64 // of intervals; default 0.95
	Specificity float64 // default 0.9
	Threshold   float64 // from which a probability is a yes; default 0.5
	MinGroup    int     // subgroups with fewer patients are "too few to tell"; default 10
	Bins        int     // of reliability curves and calibration errors; default 10
	Seed        stats.Seed
	Derive      []Derivation
}

func (o Options) filled() (Options, error) {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&o.Split, "test")
	set(&o.Validation, "val")
	set(&o.Train, "train")
	if o.Resamples == 0 {
		o.Resamples = 1000
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	if o.Specificity == 0 {
		o.Specificity = 0.9
	}
	if o.Threshold == 0 {
		o.Threshold = 0.5
	}
	if o.MinGroup == 0 {
		o.MinGroup = 10
	}
	if o.Bins == 0 {
		o.Bins = 10
	}
	in := func(v float64) bool { return v > 0 && v < 1 }
	if !in(o.Level) || !in(o.Specificity) || !in(o.Threshold) || o.Bins < 1 || o.Resamples < 20 || o.MinGroup < 0 {
		return o, fault.New(fault.Usage, "evaluate: level, specificity and threshold lie between 0 and 1; bins ≥ 1, resamples ≥ 20, smallest group ≥ 0")
	}
	return o, nil
}

// bcaPatients is the number of patients above which intervals are plain percentiles: the correction that BCa makes vanishes with
// size, and its cost grows with the square.
const bcaPatients = 2000

// Evaluate judges the predictions of p's rows that belong to the split: every metric that the kind of each target has, with intervals
// by resampling patients, beside a baseline, and again within each group. A metric that is undefined on the data is null with a
// reason; the error is about p or o themselves, or ctx's.
func Evaluate(ctx context.Context, p *Predictions, o Options) (*Report, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	rows := p.InSplit(o.Split)
	if len(rows) == 0 {
		return nil, fault.New(fault.Input, "evaluate: no row belongs to split %q", o.Split)
	}
	r := &Report{Version: ReportVersion, Name: o.Name, Split: o.Split, Rows: len(rows), Patients: patients(pick(p.Patient, rows)),
		Level: o.Level, Resamples: o.Resamples, Seed: o.Seed, MinGroup: o.MinGroup, Targets: map[string]*TargetReport{}}
	for _, t := range p.Targets {
		if r.Targets[t.Name], err = judge(ctx, p, t, o); err != nil {
			return nil, err
		}
	}
	for _, d := range o.Derive {
		q, notes, err := Derive(p, d)
		if err != nil {
			return nil, err
		}
		if r.Derived == nil {
			r.Derived = map[string]*TargetReport{}
		}
		tr, err := judge(ctx, q, q.Targets[0], o)
		if err != nil {
			return nil, err
		}
		tr.Notes = append(notes, tr.Notes...)
		r.Derived[d.Name] = tr
	}
	return r, nil
}

func patients(keys []string) int { return len(stats.Clusters(keys)) }

// sample is the judged rows of one target with all that resampling needs.
type sample struct {
	*column
	base     *column // the same truths with the baseline's scores
	patient  []string
	clusters [][]int
	o        Options
	s        settings
}

func judge(ctx context.Context, p *Predictions, t Target, o Options) (*TargetReport, error) {
	q := p.Select(p.InSplit(o.Split))
	col, err := newColumn(t, q.Truth[t.Name], q.Score[t.Name])
	if err != nil {
		return nil, err
	}
	s := &sample{column: col, patient: pick(q.Patient, col.rows), o: o, s: settings{
		threshold: o.Threshold, specificity: o.Specificity, fixed: math.NaN(), bins: o.Bins}}
	s.clusters = stats.Clusters(s.patient)
	r := &TargetReport{Kind: t.Kind, Unit: t.Unit, Classes: t.Classes, N: len(col.rows), Patients: len(s.clusters),
		MissingScore: scoreless(q.Truth[t.Name], q.Score[t.Name])}
	for _, row := range q.Truth[t.Name] {
		if !complete(row) {
			r.MissingTruth++
		}
	}
	var base [][]float64
	r.Baseline, base = baseline(p, q, col, o)
	s.base = &column{target: t, rows: col.rows, truth: col.truth, score: base}
	s.build(o.Threshold)
	s.base.build(o.Threshold)
	if t.Kind == Binary {
		r.Operating = s.operate(p, t)
	}
	if err := s.measure(ctx, r); err != nil {
		return nil, err
	}
	s.describe(r)
	return r, s.audit(ctx, q, r)
}

// operate chooses the threshold of sensitivity_at_specificity on validation rows, where they have both classes.
func (s *sample) operate(p *Predictions, t Target) *Operating {
	op := &Operating{Threshold: s.o.Threshold, Specificity: s.o.Specificity, ChosenOn: s.o.Split}
	v := p.Select(p.InSplit(s.o.Validation))
	truth, score := []float64{}, []float64{}
	var positives int
	for i, row := range v.Truth[t.Name] {
		if complete(row) && complete(v.Score[t.Name][i]) {
			truth, score = append(truth, row[0]), append(score, v.Score[t.Name][i][0])
			positives += int(row[0])
		}
	}
	if s.o.Validation != s.o.Split && positives > 0 && positives < len(truth) {
		s.s.fixed = ThresholdAtSpecificity(truth, score, s.o.Specificity)
		op.SpecificityThreshold, op.ChosenOn = Number(s.s.fixed), s.o.Validation
		return op
	}
	for i := range s.truth {
		truth, score = append(truth, s.truth[i][0]), append(score, s.score[i][0])
	}
	op.SpecificityThreshold = Number(ThresholdAtSpecificity(truth, score, s.o.Specificity))
	return op
}

// entry is one metric of one target or class, prepared.
type entry struct {
	class int // −1: of the target
	m     metric
	f     compute
	base  compute     // nil when the baseline is not compared
	rows  denominator // of m
	bin   *binary     // that the denominator and DeLong refer to; nil for tables of several classes
}

// measure fills r.Metrics and r.PerClass from one bootstrap, so that differences are paired.
func (s *sample) measure(ctx context.Context, r *TargetReport) error {
	entries := s.entries(MetricNames(s.target.Kind))
	for c := range s.target.Classes {
		entries = append(entries, s.classEntries(c)...)
	}
	d, err := s.bootstrap(ctx, "target/"+s.target.Name, entries)
	if err != nil {
		return err
	}
	r.Metrics = map[string]Measure{}
	for c, name := range s.target.Classes {
		if r.PerClass == nil {
			r.PerClass = map[string]*ClassReport{}
		}
		r.PerClass[name] = &ClassReport{N: s.members(c), Metrics: map[string]Measure{}}
	}
	for j, e := range entries {
		to := r.Metrics
		if e.class >= 0 {
			to = r.PerClass[s.target.Classes[e.class]].Metrics
		}
		to[e.m.name] = s.measured(d, j, len(entries)+j, e)
		if e.m.name == "auroc" && e.bin != nil {
			to["auroc_delong"] = s.delong(e.bin)
		}
	}
	return nil
}

func (s *sample) entries(names []string) []entry {
	var out []entry
	for _, name := range names {
		m, _ := find(name)
		f := s.prepare(m, s.s)
		if f == nil {
			continue
		}
		e := entry{class: -1, m: m, f: f, rows: m.share, bin: s.bin}
		if s.base != nil && !m.alone {
			e.base = s.base.prepare(m, s.s)
		}
		out = append(out, e)
	}
	return out
}

// classEntries are the metrics of one class against the rest (called by the largest probability) or of one label (by the threshold).
func (s *sample) classEntries(c int) []entry {
	var score, call *binary
	if s.target.Kind == Class {
		score, call = s.multi.rest(c), s.multi.called(c)
	} else {
		score, call = s.labels[c], s.labels[c]
	}
	var out []entry
	for _, name := range []string{"auroc", "auprc", "sensitivity", "specificity", "ppv", "f1", "brier"} {
		m, _ := find(name)
		b := call
		if m.name == "auroc" || m.name == "auprc" || m.name == "brier" {
			b = score
		}
		out = append(out, entry{class: c, m: m, f: m.binary(b, s.s), rows: m.share, bin: b})
	}
	return out
}

// members is the number of rows of class or label c.
func (s *sample) members(c int) (n int) {
	for _, row := range s.truth {
		if s.target.Kind == Class && int(row[0]) == c || s.target.Kind == MultiLabel && row[c] == 1 {
			n++
		}
	}
	return n
}

// bootstrap runs entries 0…k−1 and their baselines k…2k−1.
func (s *sample) bootstrap(ctx context.Context, name string, entries []entry) (*stats.Draws, error) {
	b := stats.Bootstrap{Resamples: s.o.Resamples, Level: s.o.Level, Seed: s.o.Seed, Name: name, BCa: len(s.clusters) <= bcaPatients}
	k := len(entries)
	return b.Run(ctx, s.clusters, len(s.truth), 2*k, func(w, out []float64) {
		for j, e := range entries {
			out[j], out[k+j] = e.f(w), math.NaN()
			if e.base != nil {
				out[k+j] = e.base(w)
			}
		}
	})
}

// measured turns draws into a Measure, falling back on exact intervals where resampling shows no spread.
func (s *sample) measured(d *stats.Draws, j, base int, e entry) Measure {
	v := d.Interval(j)
	m := Measure{Value: Number(d.Point[j]), Level: s.o.Level}
	switch e.m.better {
	case higher:
		m.Better = "higher"
	case lower:
		m.Better = "lower"
	}
	switch {
	case !m.Value.Defined():
		m.Reason = "undefined: it " + e.m.needs
	case !v.Defined() && d.Degenerate(j):
		if v = s.exact(e, d.Point[j]); !v.Defined() {
			m.Reason = "no interval: every resample gives the same value"
		}
	case !v.Defined():
		m.Reason = fmt.Sprintf("no interval: undefined on %.0f %% of resamples", 100*d.Undefined(j))
	}
	m.Low, m.High = Number(v.Low), Number(v.High)
	if v.Defined() {
		m.Method = v.Method
	}
	if b := Number(d.Point[base]); b.Defined() {
		m.Baseline = &b
		if e.m.better != neither && m.Value.Defined() {
			m.Gain = gain(d, j, base, e.m.better)
		}
	}
	return m
}

func gain(d *stats.Draws, j, base int, better direction) *Gain {
	if better == lower {
		j, base = base, j
	}
	point, v := d.Difference(j, base)
	return &Gain{Value: Number(point), Low: Number(v.Low), High: Number(v.High)}
}

// exact is an interval that needs no spread: Wilson's for shares, with patients as the count so that clustering cannot narrow it, and
// the separated-pairs bound for AUROC.
func (s *sample) exact(e entry, value float64) stats.Interval {
	if e.m.name == "auroc" && e.bin != nil {
		return s.area(e.bin).Interval(s.o.Level)
	}
	n := 0.0
	for _, rows := range s.clusters {
		if e.rows != noShare && slices.ContainsFunc(rows, func(i int) bool { return e.counts(i) }) {
			n++
		}
	}
	return stats.Wilson(value*n, n, s.o.Level)
}

// counts reports whether row i is in the metric's denominator.
func (e entry) counts(i int) bool {
	if e.rows == ofAll {
		return true
	}
	if e.bin == nil {
		return false
	}
	called := e.bin.p[i] >= e.bin.threshold
	switch e.rows {
	case ofPositive:
		return e.bin.y[i]
	case ofNegative:
		return !e.bin.y[i]
	case ofCalled:
		return called
	}
	return !called
}

func (s *sample) area(b *binary) stats.AUC {
	if len(s.clusters) == len(s.truth) {
		return stats.DeLong(b.p, b.y)
	}
	return stats.DeLongClustered(b.p, b.y, s.clusters)
}

func (s *sample) delong(b *binary) Measure {
	a := s.area(b)
	v := a.Interval(s.o.Level)
	m := Measure{Value: Number(a.Area), Low: Number(v.Low), High: Number(v.High), Level: s.o.Level, Better: "higher"}
	switch {
	case math.IsNaN(a.Area):
		m.Reason = "undefined: it " + needsBoth
	case !v.Defined():
		m.Reason = "no interval: it needs two patients of each class"
	case v.Method == "delong" && len(s.clusters) != len(s.truth):
		m.Method = "delong-clustered"
	default:
		m.Method = v.Method
	}
	return m
}
