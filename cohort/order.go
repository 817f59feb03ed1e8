package cohort

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// slot is one place in an epoch: which row, and what makes this reading of it different from others.
type slot struct {
	row  int // index into Cohort.Rows
	nth  int // in training: how often the epoch has drawn the row before
	clip int // in evaluation: which of the input's EvalClips
}

// order lists an epoch's slots. Training: every row once in an order drawn from (seed, epoch), or balanced. Evaluation: every row in the
// given order, EvalClips times.
func (l *Loader) order(epoch int) []slot {
	var out []slot
	if !l.cfg.Train {
		n := max(1, l.cfg.Input.EvalClips)
		for _, r := range l.rows {
			for k := range n {
				out = append(out, slot{row: r, clip: k})
			}
		}
		return out
	}
	rows := slices.Clone(l.rows)
	if len(l.classes) > 0 {
		rows = l.balanced(epoch)
	}
	// Sorted by key first, so that the order does not depend on that of the table.
	slices.SortFunc(rows, func(a, b int) int { return l.rank[a] - l.rank[b] })
	rng := l.cfg.Seed.Stream("order", epoch)
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	seen := map[int]int{}
	for _, r := range rows {
		out = append(out, slot{row: r, nth: seen[r]})
		seen[r]++
	}
	return out
}

// balanced draws as many rows as there are, each class equally often (what does not divide goes to the classes in turn, by epoch).
// A class's rows are drawn without repeating any before all have had their turn. Rows that lack the label are drawn once each.
func (l *Loader) balanced(epoch int) []int {
	out := slices.Clone(l.unlabelled)
	total := 0
	for _, rows := range l.classes {
		total += len(rows)
	}
	k := len(l.classes)
	for i, rows := range l.classes {
		want := total / k
		if (i+epoch)%k < total%k {
			want++
		}
		rng := l.cfg.Seed.Stream("balance", epoch, i)
		for want > 0 {
			turn := slices.Clone(rows)
			rng.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
			turn = turn[:min(want, len(turn))]
			out = append(out, turn...)
			want -= len(turn)
		}
	}
	return out
}

// classify sorts the loader's rows by the class of the target called name, for balancing. Classes without rows are left out.
func (l *Loader) classify(name string) error {
	i := slices.IndexFunc(l.c.Spec.Targets, func(t TargetSpec) bool {
		return t.Name == name && (t.Kind == Binary || t.Kind == Class)
	})
	if i < 0 {
		var names []string
		for _, t := range l.c.Spec.Targets {
			if t.Kind == Binary || t.Kind == Class {
				names = append(names, t.Name)
			}
		}
		return fault.New(fault.Usage, "balance: %q is no binary or class target (%s)", name, nearest.Hint(name, names))
	}
	l.classifyBy(func(r Row) int {
		v := r.Truth[name][0]
		if math.IsNaN(v) {
			return -1
		}
		return int(v)
	})
	return nil
}

// classifyBy sorts the loader's rows by class, for balancing; rows below 0 have none. Classes without rows are left out.
func (l *Loader) classifyBy(class func(r Row) int) {
	sorted := slices.Clone(l.rows)
	slices.SortFunc(sorted, func(a, b int) int { return l.rank[a] - l.rank[b] })
	for _, r := range sorted {
		k := class(l.c.Rows[r])
		if k < 0 {
			l.unlabelled = append(l.unlabelled, r)
			continue
		}
		for len(l.classes) <= k {
			l.classes = append(l.classes, nil)
		}
		l.classes[k] = append(l.classes[k], r)
	}
	l.classes = slices.DeleteFunc(l.classes, func(rows []int) bool { return len(rows) == 0 })
}
