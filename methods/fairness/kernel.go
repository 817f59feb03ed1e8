package fairness

import (
	"math"
	"slices"
)

// MMD is the squared maximum mean discrepancy (Gretton et al. 2012, biased) between the features of each pair of groups, summed, with a
// Gaussian kernel whose width is the median distance. x is [row][feature]; rows of group -1 are left out. The gradient is by x, with the
// width held fixed. Without two groups both are 0.
func MMD(x [][]float64, group []int, k int) (value float64, grad [][]float64) {
	mustMatch(len(x), len(group))
	n := make([]float64, k)
	for _, g := range group {
		if g >= 0 {
			n[g]++
		}
	}
	present := 0.0
	for _, v := range n {
		if v > 0 {
			present++
		}
	}
	return kernelSum(x, group, func(i, j int) float64 {
		if group[i] == group[j] {
			return (present - 1) / (n[group[i]] * n[group[j]]) // once in each pair that the group is in
		}
		return -1 / (n[group[i]] * n[group[j]])
	})
}

// HSIC is the Hilbert–Schmidt independence criterion (Gretton et al. 2005, biased) of features and group: tr(KHLH)/(n−1)², with the
// kernel of [MMD] on features and equality on groups. 0 is independence. The gradient is by x.
func HSIC(x [][]float64, group []int) (value float64, grad [][]float64) {
	mustMatch(len(x), len(group))
	n, count := 0.0, map[int]float64{}
	for _, g := range group {
		if g >= 0 {
			n++
			count[g]++
		}
	}
	if n < 2 {
		return kernelSum(x, group, func(int, int) float64 { return 0 })
	}
	mean := 0.0
	for _, c := range count {
		mean += c * c / (n * n)
	}
	return kernelSum(x, group, func(i, j int) float64 {
		same := 0.0
		if group[i] == group[j] {
			same = 1
		}
		return (same - count[group[i]]/n - count[group[j]]/n + mean) / ((n - 1) * (n - 1))
	})
}

// kernelSum is Σ a(i,j)·exp(−‖xᵢ−xⱼ‖²/2w²) over rows that have a group, a symmetric, and its gradient by x. w² is the median squared
// distance of two rows.
func kernelSum(x [][]float64, group []int, a func(i, j int) float64) (value float64, grad [][]float64) {
	grad = make([][]float64, len(x))
	var rows []int
	for i := range x {
		grad[i] = make([]float64, len(x[i]))
		if group[i] >= 0 {
			rows = append(rows, i)
		}
	}
	distance := make(map[[2]int]float64)
	var all []float64
	for at, i := range rows {
		for _, j := range rows[:at] {
			d := 0.0
			for f, v := range x[i] {
				d += (v - x[j][f]) * (v - x[j][f])
			}
			distance[[2]int{i, j}] = d
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return 0, grad
	}
	slices.Sort(all)
	width := all[len(all)/2]
	if width == 0 {
		width = 1
	}
	for at, i := range rows {
		value += a(i, i)
		for _, j := range rows[:at] {
			w := 2 * a(i, j) * math.Exp(-distance[[2]int{i, j}]/(2*width))
			value += w
			for f, v := range x[i] {
				d := w * (v - x[j][f]) / width
				grad[i][f] -= d
				grad[j][f] += d
			}
		}
	}
	return value, grad
}

// Adversary is a linear softmax classifier that tells groups from features. A network that learns against it (Ganin et al. 2016) loses
// from its features what gives the group away.
type Adversary struct {
	Weight [][]float64 `json:"weight"` // [group][feature, then the intercept]
}

// NewAdversary knows nothing yet.
func NewAdversary(groups, features int) *Adversary {
	a := &Adversary{Weight: make([][]float64, groups)}
	for g := range a.Weight {
		a.Weight[g] = make([]float64, features+1)
	}
	return a
}

// Learn takes a batch: the adversary's mean cross entropy before its step, its gradient by the features (the network is to go up it), and
// a step of the adversary down its own. Rows of group -1 are left out.
func (a *Adversary) Learn(x [][]float64, group []int, step float64) (loss float64, grad [][]float64) {
	mustMatch(len(x), len(group))
	n := 0.0
	for _, g := range group {
		if g >= 0 {
			n++
		}
	}
	grad = make([][]float64, len(x))
	change := NewAdversary(len(a.Weight), len(a.Weight[0])-1)
	for i, row := range x {
		grad[i] = make([]float64, len(row))
		if group[i] < 0 {
			continue
		}
		p := a.probabilities(row)
		loss -= math.Log(max(p[group[i]], 1e-300)) / n
		p[group[i]]--
		for g, d := range p {
			d /= n
			for f, v := range row {
				grad[i][f] += d * a.Weight[g][f]
				change.Weight[g][f] += d * v
			}
			change.Weight[g][len(row)] += d
		}
	}
	for g := range a.Weight {
		for f := range a.Weight[g] {
			a.Weight[g][f] -= step * change.Weight[g][f]
		}
	}
	return loss, grad
}

func (a *Adversary) probabilities(row []float64) []float64 {
	p := make([]float64, len(a.Weight))
	top := math.Inf(-1)
	for g, w := range a.Weight {
		p[g] = w[len(row)]
		for f, v := range row {
			p[g] += w[f] * v
		}
		top = max(top, p[g])
	}
	sum := 0.0
	for g := range p {
		p[g] = math.Exp(p[g] - top)
		sum += p[g]
	}
	scale(p, 1/sum)
	return p
}
