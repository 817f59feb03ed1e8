package survival

import (
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// LogRank is a log-rank test of equal hazards.
type LogRank struct {
	Groups             []int // codes, ascending
	Observed, Expected []float64
	Chi2               float64
	DF                 int
	P                  float64
}

// LogRankTest compares groups (any codes) with the hypergeometric variance at tied times (Mantel 1966; Peto and Peto 1972), as R's
// survdiff does. Groups without a person at risk of an event do not count in the degrees of freedom.
func LogRankTest(l Labels, group []int) LogRank {
	codes := slices.Compact(slices.Sorted(slices.Values(group)))
	k := len(codes)
	out := LogRank{Groups: codes, Observed: make([]float64, k), Expected: make([]float64, k), P: 1}
	at := func(g int) int { i, _ := slices.BinarySearch(codes, g); return i }
	variance := mat.NewSymDense(max(k, 1), nil)
	order := byTime(l.Time)
	n := make([]float64, k)
	for _, i := range order {
		n[at(group[i])]++
	}
	notYet := make([]float64, k) // not entered
	var entries []int
	if l.Entry != nil {
		entries = byTime(l.Entry)
		for _, i := range entries {
			notYet[at(group[i])]++
		}
	}
	entered := 0
	for lo := 0; lo < len(order); {
		t := l.Time[order[lo]]
		for entered < len(entries) && l.Entry[entries[entered]] < t {
			notYet[at(group[entries[entered]])]--
			entered++
		}
		d := make([]float64, k)
		gone := make([]float64, k)
		total := 0.0
		hi := lo
		for hi < len(order) && l.Time[order[hi]] == t {
			g := at(group[order[hi]])
			gone[g]++
			if l.Event[order[hi]] != 0 {
				d[g]++
				total++
			}
			hi++
		}
		risk := make([]float64, k)
		all := 0.0
		for g := range k {
			risk[g] = n[g] - notYet[g]
			all += risk[g]
		}
		if total > 0 && all > 0 {
			scale := 0.0
			if all > 1 {
				scale = total * (all - total) / (all - 1)
			}
			for g := range k {
				share := risk[g] / all
				out.Observed[g] += d[g]
				out.Expected[g] += total * share
				for h := g; h < k; h++ {
					v := -share * risk[h] / all
					if g == h {
						v += share
					}
					variance.SetSym(g, h, variance.At(g, h)+scale*v)
				}
			}
		}
		for g := range k {
			n[g] -= gone[g]
		}
		lo = hi
	}
	var used []int
	for g := range k {
		if out.Expected[g] > 0 {
			used = append(used, g)
		}
	}
	out.DF = len(used) - 1
	if out.DF < 1 {
		out.DF = 0
		return out
	}
	used = used[1:]
	v := mat.NewSymDense(len(used), nil)
	diff := mat.NewVecDense(len(used), nil)
	for a, g := range used {
		diff.SetVec(a, out.Observed[g]-out.Expected[g])
		for b := a; b < len(used); b++ {
			v.SetSym(a, b, variance.At(g, used[b]))
		}
	}
	var solved mat.VecDense
	if err := solved.SolveVec(v, diff); err != nil {
		return out
	}
	out.Chi2 = mat.Dot(diff, &solved)
	out.P = distuv.ChiSquared{K: float64(out.DF)}.Survival(out.Chi2)
	return out
}
