package explain

import "math"

// outOfFold are the scores of ridge regression of ±1 on standardised features x [n][d], each from the other folds, less the mean score of
// its fold's training rows, so that scores of folds compare. It works in the space of rows: n is hundreds, d may be more.
func outOfFold(x [][]float64, positive []bool, fold []int) []float64 {
	out := make([]float64, len(x))
	for k := range probeFolds {
		var train, test []int
		for i, f := range fold {
			if f == k {
				test = append(test, i)
			} else {
				train = append(train, i)
			}
		}
		if len(test) == 0 || len(train) < 2 {
			continue
		}
		z := standardised(x, train)
		y := make([]float64, len(train))
		share := 0.0
		for i, r := range train {
			if positive[r] {
				y[i] = 1
			}
			share += y[i] / float64(len(train))
		}
		gram := make([][]float64, len(train))
		trace := 0.0
		for i := range gram {
			y[i] -= share
			gram[i] = make([]float64, len(train))
			for j := range i + 1 {
				gram[i][j] = dot(z[train[i]], z[train[j]])
			}
			trace += gram[i][i]
		}
		// The penalty is the mean square of a row: strong enough for as many features as rows, weak enough to see a single mark.
		penalty := trace / float64(len(train))
		for i := range gram {
			gram[i][i] += penalty + 1e-9
		}
		a := solve(gram, y)
		for _, r := range test {
			for i, t := range train {
				out[r] += a[i] * dot(z[r], z[t])
			}
		}
	}
	return out
}

// standardised are the rows of x with the training rows' mean taken off and their deviation made 1; constant features become 0.
func standardised(x [][]float64, train []int) [][]float64 {
	d := len(x[0])
	mean, sd := make([]float64, d), make([]float64, d)
	n := float64(len(train))
	for _, r := range train {
		for j, v := range x[r] {
			mean[j] += v / n
		}
	}
	for _, r := range train {
		for j, v := range x[r] {
			sd[j] += (v - mean[j]) * (v - mean[j]) / n
		}
	}
	out := make([][]float64, len(x))
	for i := range x {
		out[i] = make([]float64, d)
		for j, v := range x[i] {
			if s := math.Sqrt(sd[j]); s > 1e-6 {
				out[i][j] = (v - mean[j]) / s
			}
		}
	}
	return out
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// solve is a⁻¹y for a positive definite matrix of which the lower half is given, by Cholesky's decomposition in place.
func solve(a [][]float64, y []float64) []float64 {
	n := len(a)
	for i := range n {
		for j := range i + 1 {
			s := a[i][j] - dot(a[i][:j], a[j][:j])
			if i == j {
				a[i][i] = math.Sqrt(s)
			} else {
				a[i][j] = s / a[j][j]
			}
		}
	}
	x := make([]float64, n)
	for i := range n {
		x[i] = (y[i] - dot(a[i][:i], x[:i])) / a[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for j := i + 1; j < n; j++ {
			x[i] -= a[j][i] * x[j]
		}
		x[i] /= a[i][i]
	}
	return x
}
