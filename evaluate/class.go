package evaluate

import (
	"math"

	"github.com/cineloop/cineloop/stats"
)

// multi is a column of class indices with one probability a class.
type multi struct {
	y    []int
	p    [][]float64 // [rows][classes]
	call []int       // class of the largest probability, the first of equals
	k    int
}

func newMulti(truth [][]float64, score [][]float64, k int) *multi {
	m := &multi{y: make([]int, len(truth)), p: score, call: make([]int, len(truth)), k: k}
	for i := range truth {
		m.y[i] = int(truth[i][0])
		for c, p := range score[i] {
			if p > score[i][m.call[i]] {
				m.call[i] = c
			}
		}
	}
	return m
}

// rest is class c against all others.
func (m *multi) rest(c int) *binary {
	b := &binary{y: make([]bool, len(m.y)), p: make([]float64, len(m.y)), threshold: 0.5}
	for i, y := range m.y {
		b.y[i] = y == c
		b.p[i] = m.p[i][c]
	}
	return b
}

// called is class c against all others, judged by the class that was called: probability 1 or 0.
func (m *multi) called(c int) *binary {
	b := m.rest(c)
	for i, call := range m.call {
		b.p[i] = indicator(call == c)
	}
	return b
}

// table counts rows by true (row) and called (column) class.
func (m *multi) table(w []float64) []float64 {
	t := make([]float64, m.k*m.k)
	for i, y := range m.y {
		t[y*m.k+m.call[i]] += weight(w, i)
	}
	return t
}

// macro is the mean of per-class values over the classes where it is defined; undefined when none is.
func macro(parts []compute) compute {
	return func(w []float64) float64 {
		var sum, n float64
		for _, f := range parts {
			if v := f(w); !math.IsNaN(v) {
				sum += v
				n++
			}
		}
		return ratio(sum, n)
	}
}

// each prepares f for every class against the rest.
func (m *multi) each(f func(*binary) compute) []compute {
	parts := make([]compute, m.k)
	for c := range parts {
		parts[c] = f(m.rest(c))
	}
	return parts
}

// weightedAUROC averages the one-against-rest areas by how common each class is.
func (m *multi) weightedAUROC() compute {
	parts := m.each((*binary).auroc)
	return func(w []float64) float64 {
		share := make([]float64, m.k)
		for i, y := range m.y {
			share[y] += weight(w, i)
		}
		var sum, n float64
		for c, f := range parts {
			if v := f(w); !math.IsNaN(v) && share[c] > 0 {
				sum += share[c] * v
				n += share[c]
			}
		}
		return ratio(sum, n)
	}
}

func (m *multi) fromTable(f func(t []float64, k int) float64) compute {
	return func(w []float64) float64 { return f(m.table(w), m.k) }
}

// perClass is true positives, true members and calls of class c in a table.
func perClass(t []float64, k, c int) (hit, members, calls float64) {
	for j := range k {
		members += t[c*k+j]
		calls += t[j*k+c]
	}
	return t[c*k+c], members, calls
}

func tableAccuracy(t []float64, k int) float64 {
	var hit, n float64
	for c := range k {
		h, m, _ := perClass(t, k, c)
		hit += h
		n += m
	}
	return ratio(hit, n)
}

// tableBalanced is the mean sensitivity of the classes that occur.
func tableBalanced(t []float64, k int) float64 {
	var sum, n float64
	for c := range k {
		if h, m, _ := perClass(t, k, c); m > 0 {
			sum += h / m
			n++
		}
	}
	return ratio(sum, n)
}

// tableF1 is the mean F1 of the classes that occur or are called.
func tableF1(t []float64, k int) float64 {
	var sum, n float64
	for c := range k {
		if h, m, calls := perClass(t, k, c); m+calls > 0 {
			sum += 2 * h / (m + calls)
			n++
		}
	}
	return ratio(sum, n)
}

func tableKappa(t []float64, k int) float64 { return stats.KappaOfTable(t, k, stats.Unweighted) }

// brier is the mean over rows of the squared distances summed over classes (Brier 1950), 0 to 2.
func (m *multi) brier() compute {
	return func(w []float64) float64 {
		var sum, n float64
		for i, y := range m.y {
			v := weight(w, i)
			for c, p := range m.p[i] {
				d := p - indicator(c == y)
				sum += v * d * d
			}
			n += v
		}
		return ratio(sum, n)
	}
}

func (m *multi) logLoss() compute {
	return func(w []float64) float64 {
		var sum, n float64
		for i, y := range m.y {
			v := weight(w, i)
			sum -= v * math.Log(clip(m.p[i][y]))
			n += v
		}
		return ratio(sum, n)
	}
}

// top is the confidence of the called class and whether it was right.
func (m *multi) top() (prob []float64, right []bool) {
	prob, right = make([]float64, len(m.y)), make([]bool, len(m.y))
	for i, c := range m.call {
		prob[i], right[i] = m.p[i][c], c == m.y[i]
	}
	return prob, right
}

func (m *multi) ece(bins Bins) compute {
	prob, right := m.top()
	return (&reliability{prob: prob, outcome: right, bins: bins}).ece()
}
