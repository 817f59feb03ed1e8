package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// RowScore scores rows of a table, one score each.
type RowScore func(rows [][]float64) ([]float64, error)

// Absent makes a game of one row: absent players' columns are taken from each row of the background in turn and the scores averaged
// (interventional expectation). groups lists each player's columns; nil is one player a column.
func Absent(row []float64, background [][]float64, groups [][]int, score RowScore) Game {
	if groups == nil {
		groups = Columns(len(row))
	}
	return func(present []bool) (float64, error) {
		rows := make([][]float64, len(background))
		for k, b := range background {
			rows[k] = slices.Clone(b)
			for i, in := range present {
				if in {
					for _, c := range groups[i] {
						rows[k][c] = row[c]
					}
				}
			}
		}
		s, err := score(rows)
		if err != nil {
			return 0, err
		}
		return mean(s), nil
	}
}

// Columns is one group for each of n columns.
func Columns(n int) [][]int {
	g := make([][]int, n)
	for i := range g {
		g[i] = []int{i}
	}
	return g
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// Loss judges the scores of all rows against what is true of them; smaller is better.
type Loss func(rows [][]float64) (float64, error)

// PermutationImportance is the rise of the loss when the columns of a group are permuted together (Breiman 2001; Fisher et al., JMLR
// 2019): row i takes the group's values of row order[i].
func PermutationImportance(rows [][]float64, group, order []int, loss Loss) (float64, error) {
	if len(order) != len(rows) {
		return 0, fmt.Errorf("explain: a permutation of %d for %d rows", len(order), len(rows))
	}
	base, err := loss(rows)
	if err != nil {
		return 0, err
	}
	mixed := make([][]float64, len(rows))
	for i, r := range rows {
		mixed[i] = slices.Clone(r)
		for _, c := range group {
			mixed[i][c] = rows[order[i]][c]
		}
	}
	after, err := loss(mixed)
	return after - base, err
}

// SAGE is how much each group of columns lowers the expected loss over the cohort (Covert et al., "Understanding global feature
// contributions with additive importance measures", NeurIPS 2020): Shapley values of the game −loss, absent groups drawn from other rows
// (marginal imputation with samples draws a row). loss gets rows in the cohort's order.
func SAGE(rows [][]float64, groups [][]int, samples, pairs int, rng *rand.Rand, loss func(scores []float64) float64, score RowScore) (phi, se []float64, err error) {
	if len(rows) == 0 || samples < 1 {
		return nil, nil, fmt.Errorf("explain: SAGE of %d rows with %d draws a row", len(rows), samples)
	}
	game := func(present []bool) (float64, error) {
		sum := make([]float64, len(rows))
		for range samples {
			mixed := make([][]float64, len(rows))
			for i, r := range rows {
				mixed[i] = slices.Clone(rows[rng.IntN(len(rows))])
				for g, in := range present {
					if in {
						for _, c := range groups[g] {
							mixed[i][c] = r[c]
						}
					}
				}
			}
			s, err := score(mixed)
			if err != nil {
				return 0, err
			}
			for i, v := range s {
				sum[i] += v / float64(samples)
			}
		}
		return -loss(sum), nil
	}
	return SampledShapley(len(groups), pairs, rng, game)
}

// PartialDependence is the mean score when a column has each value of grid in all rows (Friedman 2001).
func PartialDependence(rows [][]float64, column int, grid []float64, score RowScore) ([]float64, error) {
	out := make([]float64, len(grid))
	for k, v := range grid {
		set := make([][]float64, len(rows))
		for i, r := range rows {
			set[i] = slices.Clone(r)
			set[i][column] = v
		}
		s, err := score(set)
		if err != nil {
			return nil, err
		}
		out[k] = mean(s)
	}
	return out, nil
}

// AccumulatedEffects is the accumulated local effect of a column at edges (Apley and Zhu, JRSS B 2020): local differences between a
// bin's ends over the rows inside it, summed up and centred on the cohort. Unlike partial dependence it never scores a row far from the
// data. edges ascend; rows beyond them are left out; bins without rows add nothing.
func AccumulatedEffects(rows [][]float64, column int, edges []float64, score RowScore) ([]float64, error) {
	if len(edges) < 2 || !slices.IsSorted(edges) {
		return nil, fmt.Errorf("explain: accumulated effects need at least two ascending edges")
	}
	out := make([]float64, len(edges))
	counts := make([]float64, len(edges))
	for k := 1; k < len(edges); k++ {
		var low, high [][]float64
		for _, r := range rows {
			v := r[column]
			if v > edges[k] || v < edges[k-1] || v == edges[k-1] && k > 1 {
				continue
			}
			a, b := slices.Clone(r), slices.Clone(r)
			a[column], b[column] = edges[k-1], edges[k]
			low, high = append(low, a), append(high, b)
		}
		out[k] = out[k-1]
		if counts[k] = float64(len(low)); len(low) == 0 {
			continue
		}
		a, err := score(low)
		if err != nil {
			return nil, err
		}
		b, err := score(high)
		if err != nil {
			return nil, err
		}
		out[k] += mean(b) - mean(a)
	}
	var centre, n float64
	for k := 1; k < len(edges); k++ {
		centre += counts[k] * (out[k] + out[k-1]) / 2
		n += counts[k]
	}
	if n > 0 {
		for k := range out {
			out[k] -= centre / n
		}
	}
	return out, nil
}
