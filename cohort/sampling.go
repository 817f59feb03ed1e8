package cohort

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// drawing prepares training's ways of drawing rows. They exclude each other: each says how often a row is drawn.
func (l *Loader) drawing() error {
	if !l.cfg.Train {
		return nil
	}
	ways := 0
	for _, on := range []bool{l.cfg.Balance != "", l.cfg.Weight != "", l.cfg.Patients != 0} {
		if on {
			ways++
		}
	}
	switch {
	case ways > 1:
		return fault.New(fault.Usage, "balance, weight and per-patient sampling exclude each other: each says how often a row is drawn")
	case l.cfg.Patients < 0:
		return fault.New(fault.Usage, "%d rows a patient", l.cfg.Patients)
	case l.cfg.Weight != "":
		return l.readWeights()
	case l.cfg.Patients > 0:
		l.patients = l.rowsOfPatients()
	}
	return nil
}

// byKey is the loader's rows in the order of their keys.
func (l *Loader) byKey() []int {
	sorted := slices.Clone(l.rows)
	slices.SortFunc(sorted, func(a, b int) int { return cmp.Compare(l.rank[a], l.rank[b]) })
	return sorted
}

func (l *Loader) readWeights() error {
	col := slices.Index(l.c.Columns, l.cfg.Weight)
	if col < 0 {
		return fault.New(fault.Usage, "the table has no column %q to draw rows by", l.cfg.Weight)
	}
	total := 0.0
	for _, r := range l.byKey() {
		row := l.c.Rows[r]
		w, err := strconv.ParseFloat(strings.TrimSpace(row.Columns[col]), 64)
		if err != nil || !(w >= 0) || math.IsInf(w, 0) {
			return fault.New(fault.Input, "line %d: column %s is no weight: a number, 0 or more", row.Line, l.cfg.Weight)
		}
		l.weights = append(l.weights, w)
		total += w
	}
	if !(total > 0) || math.IsInf(total, 0) {
		return fault.New(fault.Input, "column %s: all weights of the training rows are 0, or their sum is too large", l.cfg.Weight)
	}
	return nil
}

// weighted draws as many rows as there are, in proportion to their weights, by systematic sampling (Madow, Annals of Mathematical
// Statistics 20, 1949): one random start, then equal steps through the weights laid end to end. A row of weight w out of W is drawn
// ⌊n·w/W⌋ or one more times, so an epoch is as near to the proportions as whole numbers are.
func (l *Loader) weighted(epoch int) []int {
	rows, total := l.byKey(), 0.0
	for _, w := range l.weights {
		total += w
	}
	n := len(rows)
	step := total / float64(n)
	at := l.cfg.Seed.Stream("weighted", epoch).Float64() * step
	out := make([]int, 0, n)
	end := 0.0
	for i, w := range l.weights {
		for end += w; at < end && len(out) < n; at += step {
			out = append(out, rows[i])
		}
	}
	for i := n - 1; len(out) < n && i >= 0; i-- { // what rounding lost at the very end belongs to the last row with weight
		if l.weights[i] > 0 {
			out = append(out, rows[i])
			i++
		}
	}
	return out
}

func (l *Loader) rowsOfPatients() [][]int {
	at := map[string]int{}
	var out [][]int
	for _, r := range l.byKey() {
		p := l.c.Rows[r].Patient
		i, ok := at[p]
		if !ok {
			i = len(out)
			at[p] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	slices.SortFunc(out, func(a, b []int) int { return cmp.Compare(l.c.Rows[a[0]].Patient, l.c.Rows[b[0]].Patient) })
	return out
}

// byPatient takes the same number of rows of every patient, so that those with many clips do not teach the network who they are. Over
// epochs a patient's rows have their turns: all once, in a random order, before any again.
func (l *Loader) byPatient(epoch int) []int {
	n := l.cfg.Patients
	var out []int
	for i, rows := range l.patients {
		for k := range n {
			nth := epoch*n + k
			turn := slices.Clone(rows)
			rng := l.cfg.Seed.Stream("patient", i, nth/len(rows))
			rng.Shuffle(len(turn), func(a, b int) { turn[a], turn[b] = turn[b], turn[a] })
			out = append(out, turn[nth%len(rows)])
		}
	}
	return out
}

// epochRows is how many rows training draws in an epoch, or evaluation has.
func (l *Loader) epochRows() int {
	if l.patients != nil {
		return len(l.patients) * l.cfg.Patients
	}
	return len(l.rows)
}

// share is this rank's slots of a step, and the place of the first in the epoch. The ranks' shares are neighbours and together the batch
// that one loader of all their sizes would make: no slot is with two, none with none. A training batch that is not full, because there
// are fewer rows than it takes, is divided evenly.
func (l *Loader) share(slots []slot, step int) ([]slot, int) {
	size := l.cfg.BatchSize * l.cfg.Ranks
	from, to := min(len(slots), step*size), min(len(slots), (step+1)*size)
	n := to - from
	a, b := from+n*l.cfg.Rank/l.cfg.Ranks, from+n*(l.cfg.Rank+1)/l.cfg.Ranks
	return slots[a:b], a
}
