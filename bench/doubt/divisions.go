package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/stats"
)

// division is how the promise fares for a target when the held-out patients are divided at random into those that teach thresholds and
// those that are judged, many times: one division says little about one subgroup.
type division struct {
	Target string         `json:"target"`
	Times  int            `json:"divisions"`
	Lines  []divisionLine `json:"subgroups"`
}

// divisionLine is a subgroup's, with thresholds of one way.
type divisionLine struct {
	Group    string  `json:"group"`
	Way      string  `json:"threshold"`
	Coverage float64 `json:"mean_coverage"`
	Missed   float64 `json:"share_missed"` // the 95 % interval ends below the promise
	Size     float64 `json:"mean_size"`    // classes of a set, or width of an interval
}

const divisions = 200

// heldOut are readings of a target: rows of uncertainty.csv with their subgroups.
type heldOut struct {
	patient []string
	groups  map[string][]string
	probs   [][]float64
	label   []int
	numbers uncertainty.Numbers
}

// readHeldOut takes a binary target's or a regression's rows from uncertainty.csv.
func readHeldOut(path, target string, regression bool, c *cohort.Cohort) (*heldOut, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	at := map[string]int{}
	for k, name := range rows[0] {
		at[name] = k
	}
	byID := map[string]int{}
	for i := range c.Rows {
		byID[c.Rows[i].ID] = i
	}
	h := &heldOut{groups: map[string][]string{}}
	for _, r := range rows[1:] {
		if r[at["target"]] != target || r[at["truth"]] == "" {
			continue
		}
		row := c.Rows[byID[r[at["item"]]]]
		h.patient = append(h.patient, row.Patient)
		for g, name := range c.Groups {
			h.groups[name] = append(h.groups[name], row.Groups[g])
		}
		value, err := strconv.ParseFloat(r[at["value"]], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if regression {
			truth := row.Truth[target][0]
			variance, err := strconv.ParseFloat(r[at["uncertainty"]], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			h.numbers.Value, h.numbers.Truth = append(h.numbers.Value, value), append(h.numbers.Truth, truth)
			h.numbers.Std = append(h.numbers.Std, math.Sqrt(variance))
			continue
		}
		p := []float64{value, 1 - value}
		if r[at["likeliest"]] == "yes" {
			p[0], p[1] = p[1], p[0]
		}
		h.probs, h.label = append(h.probs, p), append(h.label, int(row.Truth[target][0]))
	}
	return h, nil
}

// divide judges a third's thresholds on the rest, many times.
func (h *heldOut) divide(target string, times int) (division, error) {
	out := division{Target: target, Times: times}
	add := func(group string, own, every bool, coverage, low, high, size float64) {
		way := "one for all"
		switch {
		case own:
			way = "own"
		case every:
			way = "each group's"
		}
		if group == " = " {
			group = "all"
		}
		k := slices.IndexFunc(out.Lines, func(l divisionLine) bool { return l.Group == group && l.Way == way })
		if k < 0 {
			k = len(out.Lines)
			out.Lines = append(out.Lines, divisionLine{Group: group, Way: way})
		}
		l := &out.Lines[k]
		l.Coverage += coverage / float64(times)
		l.Size += size / float64(times)
		if uncertainty.Verdict(low, high, 0.9) == "missed" {
			l.Missed += 1 / float64(times)
		}
	}
	for t := range times {
		people := stats.Clusters(h.patient)
		stats.Seed(23).Stream("division", t).Shuffle(len(people), func(a, b int) { people[a], people[b] = people[b], people[a] })
		cal := make([]bool, len(h.patient))
		for _, rows := range people[:len(people)/3] {
			for _, i := range rows {
				cal[i] = true
			}
		}
		if h.label != nil {
			j, err := uncertainty.Judge(uncertainty.Items{Classes: []string{"no", "yes"}, Probs: h.probs, Label: h.label, Patient: h.patient, Calibration: cal, Groups: h.groups}, uncertainty.JudgeOptions{})
			if err != nil {
				return out, err
			}
			for _, c := range j.Sets {
				add(c.Group+" = "+c.Value, c.Own, c.Every, c.Coverage, c.Low, c.High, c.Size)
			}
			continue
		}
		n := h.numbers
		n.Patient, n.Calibration, n.Groups = h.patient, cal, h.groups
		j, err := uncertainty.JudgeNumbers(n, uncertainty.JudgeOptions{})
		if err != nil {
			return out, err
		}
		for _, c := range j.Intervals {
			add(c.Group+" = "+c.Value, c.Own, c.Every, c.Coverage, c.Low, c.High, c.Width)
		}
	}
	return out, nil
}

func (d division) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d random divisions: mean coverage (share of divisions whose interval ends below 0.90), mean size\n", d.Target, d.Times)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(append([]string{""}, d.ways()...), "\t"))
	for _, row := range d.rows() {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush()
	fmt.Fprintln(w)
}

func (d division) ways() []string { return []string{"one for all", "own", "each group's"} }

// rows are a table's: the subgroup and a cell for each way.
func (d division) rows() [][]string {
	var out [][]string
	for _, l := range d.Lines {
		k := slices.IndexFunc(out, func(r []string) bool { return r[0] == l.Group })
		if k < 0 {
			k = len(out)
			out = append(out, []string{l.Group, "", "", ""})
		}
		out[k][1+slices.Index(d.ways(), l.Way)] = fmt.Sprintf("%.3f (%.3f), %.3g", l.Coverage, l.Missed, l.Size)
	}
	return out
}
