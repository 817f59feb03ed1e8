package audit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Options are an audit's settings; zero values mean the defaults.
type Options struct {
	Split        string  // rows that are judged; default "test" where there are such rows, else all
	Threshold    float64 // from which a probability is a yes; default 0.5
	Level        float64 // default 0.95
	Resamples    int     // default 1000
	Permutations int     // of patients' groups, for gaps by chance; default 200
	MinGroup     int     // patients; default 20
	Cross        int     // attributes crossed at a time: 1 none, 2 pairs (default)
	Seed         stats.Seed
	Done         func(done, total int) // called as the work goes on; nil: nobody is told
	Population   Population            // shares that the model is meant for; nil: unknown
}

func (o Options) filled() (Options, error) {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if o.Threshold == 0 {
		o.Threshold = 0.5
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	def(&o.Resamples, 1000)
	def(&o.Permutations, 200)
	def(&o.MinGroup, 20)
	def(&o.Cross, 2)
	in := func(v float64) bool { return v > 0 && v < 1 }
	if !in(o.Threshold) || !in(o.Level) || o.Resamples < 20 || o.Permutations < 20 || o.MinGroup < 1 || o.Cross < 1 || o.Cross > 2 {
		return o, fault.New(fault.Usage, "audit: threshold and level lie between 0 and 1; resamples and permutations ≥ 20, smallest group ≥ 1, 1 or 2 attributes at a time")
	}
	return o, nil
}

// Unknown is the name of the group of rows whose group is not known.
const Unknown = evaluate.Unknown

// Attribute is a way to divide rows: a column of groups, or a crossing of two.
type Attribute struct {
	Name   string
	Values []string // the groups, sorted
	Of     []int    // group of each judged row
	cross  bool
}

// judged is the rows of one target that have truth and score.
type judged struct {
	target    evaluate.Target
	threshold float64
	rows      []int // of the table
	truth     [][]float64
	score     [][]float64
	extra     map[string][]float64
	patient   []string
	clusters  [][]int
	attrs     []Attribute
	o         Options
	single    bool // every patient has one row
	done      func()
}

// Run audits a table. Errors: usage (options), input (no group column, no row to judge), interrupted.
func Run(ctx context.Context, t *Table, o Options) (*Report, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	if len(t.Groups) == 0 {
		return nil, fault.New(fault.Usage, "audit: no group column is named").WithHint("--groups sex,site names them")
	}
	r := &Report{Version: ReportVersion, Level: o.Level, Resamples: o.Resamples, Permutations: o.Permutations, Seed: o.Seed, MinGroup: o.MinGroup, Targets: map[string]*Target{}}
	rows := t.InSplit("test")
	switch {
	case o.Split != "":
		r.Split, rows = o.Split, t.InSplit(o.Split)
	case len(rows) > 0:
		r.Split = "test"
	default:
		rows = every(t.Len())
	}
	if len(rows) == 0 {
		return nil, fault.New(fault.Input, "audit: no row belongs to split %q", o.Split)
	}
	r.Rows, r.Patients = len(rows), len(stats.Clusters(pick(t.Patient, rows)))
	for _, a := range t.attributes(rows, o.Cross) {
		r.Attributes = append(r.Attributes, a.Name)
		if !a.cross {
			r.Representation = append(r.Representation, represent(a, pick(t.Patient, rows), o)...)
		}
	}
	if o.Population != nil {
		r.Notes = append(r.Notes, o.Population.unknown(t.attributes(rows, 1))...)
	}
	done, all := 0, len(t.Targets)*len(r.Attributes)
	for _, target := range t.Targets {
		j := t.judge(target, rows, o)
		if len(j.rows) == 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s: no row has truth and score", target.Name))
			continue
		}
		j.done = func() {
			if done++; o.Done != nil {
				o.Done(done, all)
			}
		}
		if r.Targets[target.Name], err = j.audit(ctx, t); err != nil {
			return nil, err
		}
		r.Targets[target.Name].Unjudged = len(rows) - len(j.rows)
	}
	return r, nil
}

func every(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// attributes are the group columns of some rows, and their crossings in pairs.
func (t *Table) attributes(rows []int, cross int) []Attribute {
	var out []Attribute
	for _, g := range t.Groups {
		names := make([]string, len(rows))
		for i, r := range rows {
			if names[i] = g.Values[r]; names[i] == "" {
				names[i] = Unknown
			}
		}
		out = append(out, newAttribute(g.Name, names, false))
	}
	n := len(out)
	for a := range n {
		for b := a + 1; b < n && cross > 1; b++ {
			names := make([]string, len(rows))
			for i := range rows {
				names[i] = out[a].Values[out[a].Of[i]] + " × " + out[b].Values[out[b].Of[i]]
			}
			out = append(out, newAttribute(out[a].Name+" × "+out[b].Name, names, true))
		}
	}
	return out
}

func newAttribute(name string, values []string, cross bool) Attribute {
	a := Attribute{Name: name, cross: cross, Of: make([]int, len(values))}
	a.Values = slices.Compact(slices.Sorted(slices.Values(values)))
	for i, v := range values {
		a.Of[i], _ = slices.BinarySearch(a.Values, v)
	}
	return a
}

// judge keeps the rows that have truth and score.
func (t *Table) judge(target evaluate.Target, rows []int, o Options) *judged {
	j := &judged{target: target, threshold: o.Threshold, extra: map[string][]float64{}, o: o}
	complete := func(v []float64) bool { return !slices.ContainsFunc(v, math.IsNaN) }
	for _, r := range rows {
		if truth, score := t.Truth[target.Name][r], t.Score[target.Name][r]; complete(truth) && complete(score) {
			j.rows, j.truth, j.score = append(j.rows, r), append(j.truth, truth), append(j.score, score)
			j.patient = append(j.patient, t.Patient[r])
		}
	}
	for name, x := range t.Extra {
		j.extra[name] = pick(x, j.rows)
	}
	j.clusters = stats.Clusters(j.patient)
	j.single = len(j.clusters) == len(j.rows)
	j.attrs = t.attributes(j.rows, o.Cross)
	return j
}

// members are the judged rows of each group of a.
func (j *judged) members(a Attribute) [][]int {
	out := make([][]int, len(a.Values))
	for i, g := range a.Of {
		out[g] = append(out[g], i)
	}
	return out
}

func (j *judged) patientsOf(rows []int) int { return len(stats.Clusters(pick(j.patient, rows))) }
