package cohort

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/stats"
)

// Shortcut is how well one field that is not the picture's content predicts a target: a column of the table, or a fact of the file such
// as its frame size. A network can learn the field in place of the disease (DeGrave et al., Nature Machine Intelligence 2021).
type Shortcut struct {
	Target   string  `json:"target"`
	Class    string  `json:"class,omitempty"` // of a class or multilabel target: this one against the rest
	Field    string  `json:"field"`           // facts of files are in brackets
	Values   int     `json:"values"`          // distinct values, or 5 bins of a number
	Known    int     `json:"known"`           // rows whose field is known
	AUROC    float64 `json:"auroc"`           // of the out-of-fold prediction from the field alone; for a regression of telling high (above the median) from low
	Low      float64 `json:"low"`             // interval by patient, at the level that the number of fields asks for
	High     float64 `json:"high"`
	Predicts bool    `json:"predicts"` // Low is above 0.5
	Strong   bool    `json:"strong"`   // and AUROC is 0.75 or more
	PerValue []Share `json:"per_value,omitempty"`
}

// Share is how common the target is where the field has a value.
type Share struct {
	Value    string  `json:"value"`
	Rows     int     `json:"rows"`
	Positive float64 `json:"positive"`
}

// strongShortcut is the area from which a field alone does what many networks do.
const strongShortcut = 0.75

// shortcutFolds is over how many groups of patients the prediction from a field is made out of fold.
const shortcutFolds = 10

// Shortcuts predicts every target from every single field: the share of positives among other patients with the same value (Laplace's
// rule towards the prevalence; numbers of many values in five bins). Fields of one value, keys (a value a row), the targets' own
// columns and those in except are left out. facts may be nil. The strongest come first.
func (c *Cohort) Shortcuts(facts []Facts, seed stats.Seed, except ...string) []Shortcut {
	fields := c.fields(facts, except)
	var out []Shortcut
	for _, t := range c.Spec.Targets {
		for class, truth := range c.binaries(t) {
			for _, f := range fields {
				if s, ok := c.shortcut(f, truth, seed, len(fields)); ok {
					s.Target, s.Class = t.Name, class
					out = append(out, s)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Shortcut) int {
		return cmp.Or(cmp.Compare(b.AUROC, a.AUROC), cmp.Compare(a.Target+a.Class, b.Target+b.Class), cmp.Compare(a.Field, b.Field))
	})
	return out
}

// field is a value for every row, "" where unknown.
type field struct {
	name     string
	values   []string
	distinct int
}

func (c *Cohort) fields(facts []Facts, except []string) []field {
	skip := map[string]bool{c.Spec.ID: true, c.Spec.Patient: true}
	for _, name := range except {
		skip[name] = true
	}
	for _, t := range c.Spec.Targets {
		skip[t.Column] = true
		for _, col := range t.Columns {
			skip[col] = true
		}
	}
	var out []field
	add := func(name string, value func(i int) string) {
		f := field{name: name, values: make([]string, len(c.Rows))}
		known, seen := 0, map[string]int{}
		numbers := true
		for i := range c.Rows {
			v := value(i)
			f.values[i] = v
			if v == "" {
				continue
			}
			known++
			seen[v]++
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				numbers = false
			}
		}
		switch {
		case len(seen) < 2 || known < 10:
			return
		case numbers && len(seen) > 10:
			f.values = binned(f.values)
			f.distinct = 5
		case 2*len(seen) > known: // a key, or nearly: nothing is learnt from values that stand once
			return
		default:
			f.distinct = len(seen)
		}
		out = append(out, f)
	}
	for j, name := range c.Columns {
		if !skip[name] {
			add(name, func(i int) string {
				if v := c.Rows[i].Columns[j]; !missing(v) {
					return v
				}
				return ""
			})
		}
	}
	cols := c.factColumns(facts)
	names := map[string]bool{}
	for i := range cols {
		for k := range cols[i] {
			names[k] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for k := range names {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	for _, k := range sorted {
		if !skip[k] {
			add(k, func(i int) string { return cols[i][k] })
		}
	}
	return out
}

// factColumns are the fields of each row's file, of a study's first clip; of a study also which views it has, for what is missing may tell
// the answer.
func (c *Cohort) factColumns(facts []Facts) []map[string]string {
	cols := make([]map[string]string, len(c.Rows))
	for _, f := range facts {
		if cols[f.Row] == nil {
			cols[f.Row] = f.columns()
		}
	}
	if !c.Several() {
		return cols
	}
	for i := range cols {
		if cols[i] == nil {
			cols[i] = map[string]string{}
		}
		there := c.Present(i)
		cols[i]["(views)"], cols[i]["(clips)"] = strings.Join(there, "+"), strconv.Itoa(len(there))
	}
	return cols
}

// binned replaces numbers by their fifth.
func binned(values []string) []string {
	var known []float64
	num := make([]float64, len(values))
	for i, v := range values {
		num[i] = math.NaN()
		if v != "" {
			num[i], _ = strconv.ParseFloat(v, 64)
			known = append(known, num[i])
		}
	}
	slices.Sort(known)
	out := make([]string, len(values))
	for i, v := range num {
		if math.IsNaN(v) {
			continue
		}
		k := 1
		for k < 5 && v > stats.Quantile(known, float64(k)/5) {
			k++
		}
		out[i] = "fifth " + strconv.Itoa(k)
	}
	return out
}

// binaries are a target's yes-no questions: 1, 0, or NaN for every row, by class ("" for binary and regression targets).
func (c *Cohort) binaries(t TargetSpec) map[string][]float64 {
	truth := make([][]float64, len(c.Rows))
	for i := range c.Rows {
		truth[i] = c.Rows[i].Truth[t.Name]
	}
	one := func(f func(v []float64) float64) []float64 {
		out := make([]float64, len(truth))
		for i, v := range truth {
			out[i] = f(v)
		}
		return out
	}
	out := map[string][]float64{}
	switch t.Kind {
	case Binary:
		out[""] = one(func(v []float64) float64 { return v[0] })
	case Class:
		for k, name := range t.Classes {
			out[name] = one(func(v []float64) float64 { return indicator(v[0], v[0] == float64(k)) })
		}
	case MultiLabel:
		for k, name := range t.Columns {
			out[name] = one(func(v []float64) float64 { return v[k] })
		}
	default:
		var known []float64
		for _, v := range truth {
			if !math.IsNaN(v[0]) {
				known = append(known, v[0])
			}
		}
		m := median(known)
		out[""] = one(func(v []float64) float64 { return indicator(v[0], v[0] > m) })
	}
	return out
}

func indicator(v float64, yes bool) float64 {
	switch {
	case math.IsNaN(v):
		return v
	case yes:
		return 1
	}
	return 0
}

// shortcut scores one field for one question; ok is false where there is too little to judge.
func (c *Cohort) shortcut(f field, truth []float64, seed stats.Seed, fields int) (s Shortcut, ok bool) {
	type count struct{ n, positive float64 }
	fold := map[string]int{}
	foldOf := func(patient string) int {
		k, seen := fold[patient]
		if !seen {
			k = seed.Stream("shortcut", patient).IntN(shortcutFolds)
			fold[patient] = k
		}
		return k
	}
	var all [shortcutFolds]count
	per := map[string]*[shortcutFolds]count{}
	var rows []int
	total := count{}
	for i, v := range f.values {
		if v == "" || math.IsNaN(truth[i]) {
			continue
		}
		rows = append(rows, i)
		k := foldOf(c.Rows[i].Patient)
		if per[v] == nil {
			per[v] = new([shortcutFolds]count)
		}
		per[v][k].n++
		per[v][k].positive += truth[i]
		all[k].n++
		all[k].positive += truth[i]
		total.n++
		total.positive += truth[i]
	}
	if total.positive < 5 || total.n-total.positive < 5 {
		return s, false
	}
	score, positive, patients := make([]float64, len(rows)), make([]bool, len(rows)), make([]string, len(rows))
	for j, i := range rows {
		k := foldOf(c.Rows[i].Patient)
		prevalence := (total.positive - all[k].positive) / math.Max(1, total.n-all[k].n)
		var n, pos float64
		for o, cell := range per[f.values[i]] {
			if o != k {
				n, pos = n+cell.n, pos+cell.positive
			}
		}
		// Out-of-fold prevalences differ a little between folds, against the truth; measured from its own fold's a score is comparable.
		score[j], positive[j], patients[j] = (pos+prevalence)/(n+1)-prevalence, truth[i] == 1, c.Rows[i].Patient
	}
	a := stats.DeLongClustered(score, positive, stats.Clusters(patients))
	iv := a.Interval(1 - 0.05/float64(max(1, fields)))
	s = Shortcut{Field: f.name, Values: f.distinct, Known: len(rows), AUROC: a.Area, Low: iv.Low, High: iv.High}
	s.Predicts = iv.Defined() && iv.Low > 0.5
	s.Strong = s.Predicts && a.Area >= strongShortcut
	if s.Predicts && len(per) <= 30 {
		for v, folds := range per {
			var cell count
			for _, one := range folds {
				cell.n, cell.positive = cell.n+one.n, cell.positive+one.positive
			}
			s.PerValue = append(s.PerValue, Share{Value: v, Rows: int(cell.n), Positive: cell.positive / cell.n})
		}
		slices.SortFunc(s.PerValue, func(a, b Share) int { return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Value, b.Value)) })
	}
	return s, true
}
