package audit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// search looks for the subgroup, a conjunction of up to three attributes' groups, whose mean loss is worst, on one half of the patients, and
// judges it on the other. What is found on the half that was searched is the best of many and flatters itself; only the other half's
// number counts.
func (j *judged) search(ctx context.Context, out *Target) error {
	loss, name := j.losses()
	if loss == nil {
		return nil
	}
	s := &Search{Loss: name}
	out.Search = s
	var halves [2][]int
	for i, rows := range shuffledClusters(j) {
		halves[i%2] = append(halves[i%2], rows...)
	}
	var columns []Attribute
	for _, a := range j.attrs {
		if !a.cross {
			columns = append(columns, a)
		}
	}
	best, bestZ := []term(nil), 0.0
	frontier := [][]term{nil}
	for range min(3, len(columns)) {
		var next [][]term
		for _, head := range frontier {
			first := 0
			if len(head) > 0 {
				first = head[len(head)-1].column + 1
			}
			for c := first; c < len(columns); c++ {
				for g := range columns[c].Values {
					if err := ctx.Err(); err != nil {
						return err
					}
					candidate := append(slices.Clone(head), term{c, g})
					f, ok := j.finding(loss, halves[0], columns, candidate)
					if !ok {
						continue
					}
					next = append(next, candidate)
					s.Candidates++
					if z := f.z; z > bestZ {
						best, bestZ = candidate, z
					}
				}
			}
		}
		frontier = next
	}
	if best == nil {
		s.Verdict = "no subgroup of enough patients is served worse than the others"
		return nil
	}
	var words []string
	for _, t := range best {
		words = append(words, columns[t.column].Name+" = "+columns[t.column].Values[t.group])
	}
	s.Found = strings.Join(words, ", ")
	searched, _ := j.finding(loss, halves[0], columns, best)
	s.Searched = &searched.Finding
	confirmed, ok := j.finding(loss, halves[1], columns, best)
	if !ok {
		s.Verdict = fmt.Sprintf("%s looked worst, and the other half has too few of them to confirm it: cannot tell", s.Found)
		return nil
	}
	s.Confirmed = &confirmed.Finding
	switch {
	case float64(confirmed.P) < 1-j.o.Level:
		s.Verdict = fmt.Sprintf("%s is served worse, and patients that the search did not see confirm it", s.Found)
	default:
		s.Verdict = fmt.Sprintf("%s looked worst of %d subgroups, but patients that the search did not see do not confirm it", s.Found, s.Candidates)
	}
	return nil
}

// term is one group of one column.
type term struct{ column, group int }

type judgedFinding struct {
	Finding
	z float64
}

// finding compares the mean loss of a subgroup's patients with the others'; ok is false where either has too few.
func (j *judged) finding(loss []float64, rows []int, columns []Attribute, terms []term) (judgedFinding, bool) {
	in := func(r int) bool {
		for _, t := range terms {
			if columns[t.column].Of[r] != t.group {
				return false
			}
		}
		return true
	}
	var mine, others []int
	for _, r := range rows {
		if in(r) {
			mine = append(mine, r)
		} else {
			others = append(others, r)
		}
	}
	f := judgedFinding{}
	f.N = len(mine)
	if len(mine) == 0 || len(others) == 0 {
		return f, false
	}
	a, va, na := j.clusterMean(loss, mine)
	b, vb, nb := j.clusterMean(loss, others)
	f.Patients, f.Loss, f.Others = na, evaluate.Number(a), evaluate.Number(b)
	if na < j.o.MinGroup || nb < j.o.MinGroup || !(va+vb > 0) {
		return f, false
	}
	sd := math.Sqrt(va + vb)
	f.z = (a - b) / sd
	half := stats.NormalQuantile(j.o.Level) * sd
	f.Difference = Measure{Value: evaluate.Number(a - b), Low: evaluate.Number(a - b - half), High: evaluate.Number(a - b + half), Method: "normal, patients"}
	f.P = evaluate.Number(math.Erfc(f.z/math.Sqrt2) / 2)
	return f, true
}

// clusterMean is the mean over rows and its variance with patients as the unit.
func (j *judged) clusterMean(loss []float64, rows []int) (mean, variance float64, patients int) {
	for _, r := range rows {
		mean += loss[r] / float64(len(rows))
	}
	sum := map[string]float64{}
	var names []string // in the order of rows, so that the sum's last bit does not depend on the map
	alone := 0
	for _, r := range rows {
		if j.patient[r] == "" {
			alone++
			variance += (loss[r] - mean) * (loss[r] - mean)
			continue
		}
		if _, seen := sum[j.patient[r]]; !seen {
			names = append(names, j.patient[r])
		}
		sum[j.patient[r]] += loss[r] - mean
	}
	for _, name := range names {
		variance += sum[name] * sum[name]
	}
	patients = alone + len(sum)
	n := float64(len(rows))
	return mean, variance / (n * n) * float64(patients) / math.Max(1, float64(patients-1)), patients
}

// losses are the rows' losses that the search is about; nil where the kind of target has none that is a row's own.
func (j *judged) losses() (loss []float64, name string) {
	switch j.target.Kind {
	case evaluate.Binary, evaluate.MultiLabel:
		for i, t := range j.truth {
			d := 0.0
			for k, y := range t {
				d += (j.score[i][k] - y) * (j.score[i][k] - y) / float64(len(t))
			}
			loss = append(loss, d)
		}
		return loss, "brier"
	case evaluate.Class:
		for i, t := range j.truth {
			d := 0.0
			for k, p := range j.score[i] {
				y := 0.0
				if int(t[0]) == k {
					y = 1
				}
				d += (p - y) * (p - y)
			}
			loss = append(loss, d)
		}
		return loss, "brier"
	case evaluate.Regression:
		for i, t := range j.truth {
			loss = append(loss, math.Abs(j.score[i][0]-t[0]))
		}
		return loss, "absolute error"
	}
	return nil, ""
}

// shuffledClusters are the patients in an order of their own, so that halves do not follow the file.
func shuffledClusters(j *judged) [][]int {
	out := slices.Clone(j.clusters)
	rng := j.o.Seed.Stream("audit halves", j.target.Name)
	rng.Shuffle(len(out), func(a, b int) { out[a], out[b] = out[b], out[a] })
	return out
}
