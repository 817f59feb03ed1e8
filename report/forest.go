package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/report/svg"
)

// forest is a table of subgroups whose rows hold their interval as a small drawing on one scale: it stays a table for those who
// listen, and its drawings stretch with the page.
type forest struct {
	Title string
	Axis  []tick
	Rows  []forestRow
	Help  string
}

type tick struct {
	Text string
	At   string // percent
}

type forestRow struct {
	Heading string // starts a group of rows; then the rest is empty
	Name    string
	N       string // "120 rows, 60 patients"
	Value   string
	Span    string // interval
	More    string // under the interval
	Bad     string // what is wrong with it
	Reason  string // instead of a value
	Whole   bool   // the row of everyone
	Bar     *bar
}

// bar is an interval on a scale, in percent of its width.
type bar struct {
	Low, High, At string
	Line          string // of everyone, or of the baseline; empty: none
	Right         bool   // the interval leaves the scale on the right
	Left          bool
}

// scale maps values to percent of a width, with a margin so that marks at the ends are whole.
type scale struct{ svg.Axis }

func (s scale) percent(v float64) string {
	p := 4 + 92*(v-s.Min)/(s.Max-s.Min)
	return strconv.FormatFloat(math.Round(math.Max(0, math.Min(100, p))*100)/100, 'f', -1, 64) + "%"
}

func (s scale) bar(low, value, high, line float64) *bar {
	b := &bar{Low: s.percent(low), High: s.percent(high), At: s.percent(value), Left: low < s.Min, Right: high > s.Max}
	if !math.IsNaN(line) {
		b.Line = s.percent(line)
	}
	return b
}

// forests are the subgroup tables of a target, one a metric: those that are shown, and those that are folded.
func forests(name string, t *evaluate.TargetReport) (shown, folded []forest) {
	if len(t.Subgroups) == 0 {
		return nil, nil
	}
	shown = []forest{forestOf(name, headMetric(t.Kind), t)}
	switch t.Kind {
	case evaluate.Regression:
		shown = append(shown, forestOf(name, "bias", t))
	case evaluate.Binary:
		folded = []forest{forestOf(name, "sensitivity", t), forestOf(name, "specificity", t)}
	}
	return shown, folded
}

func forestOf(name, metric string, t *evaluate.TargetReport) forest {
	share := terms[metric].share
	unit := ""
	if inUnit(metric) {
		unit = t.Unit
	}
	all := t.Metrics[metric]
	f := forest{Title: terms[metric].label + inParens(unit) + " of " + name + " by group", Help: terms[metric].help}
	var span []float64
	add := func(m evaluate.Measure) {
		for _, v := range []evaluate.Number{m.Low, m.Value, m.High} {
			if v.Defined() {
				span = append(span, float64(v))
			}
		}
	}
	add(all)
	for _, groups := range t.Subgroups {
		for _, g := range groups {
			if m, ok := g.Metrics[metric]; ok {
				add(m)
			}
		}
	}
	if metric == "auroc" {
		span = append(span, 0.5)
	}
	if metric == "mae" || metric == "bias" {
		span = append(span, 0)
	}
	s := scaleOver(span)
	if share { // rounding must not leave 0 to 1
		s.Min, s.Max = math.Max(s.Min, -1), math.Min(s.Max, 1)
	}
	f.Axis = s.axis()
	line := math.NaN()
	if all.Value.Defined() {
		line = float64(all.Value)
	}
	row := func(name string, n, patients int, m evaluate.Measure, reason string) forestRow {
		r := forestRow{Name: name, N: fmt.Sprintf("%s rows, %s patients", thousands(n), thousands(patients)), Reason: reason}
		if n == patients {
			r.N = thousands(n) + " patients"
		}
		if reason == "" && !m.Value.Defined() {
			r.Reason = m.Reason
		}
		if r.Reason == "" {
			r.Value, r.Span, _ = printed(m, share)
			if m.Low.Defined() {
				r.Bar = s.bar(float64(m.Low), float64(m.Value), float64(m.High), line)
			} else {
				r.Bar = s.bar(float64(m.Value), float64(m.Value), float64(m.Value), line)
			}
		}
		return r
	}
	whole := row("Everyone", t.N, t.Patients, all, "")
	whole.Whole = true
	f.Rows = append(f.Rows, whole)
	for _, column := range sortedKeys(t.Subgroups) {
		f.Rows = append(f.Rows, forestRow{Heading: column})
		for _, value := range sortedKeys(t.Subgroups[column]) {
			g := t.Subgroups[column][value]
			f.Rows = append(f.Rows, row(value, g.N, g.Patients, g.Metrics[metric], g.Reason))
		}
	}
	return f
}

// sortedKeys are m's keys as people order them: numbers within text by size, "unknown" last.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if (a == evaluate.Unknown) != (b == evaluate.Unknown) {
			if a == evaluate.Unknown {
				return 1
			}
			return -1
		}
		x, sx := position(a)
		y, sy := position(b)
		return cmp.Or(cmp.Compare(x, y), sx-sy, strings.Compare(a, b))
	})
	return keys
}

// position of a group's name among others: names that begin with a number (after a sign of comparison) go by it, so that "<50" comes
// before "50-65" and that before ">=65"; all other names follow by their text.
func position(name string) (number float64, side int) {
	rest := strings.TrimLeft(name, "<≤>≥= ")
	switch {
	case strings.HasPrefix(name, "<"), strings.HasPrefix(name, "≤"):
		side = -1
	case strings.HasPrefix(name, ">"), strings.HasPrefix(name, "≥"):
		side = 1
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(rest)
	}
	v, err := strconv.ParseFloat(rest[:end], 64)
	if err != nil {
		return math.Inf(1), 0
	}
	return v, side
}
