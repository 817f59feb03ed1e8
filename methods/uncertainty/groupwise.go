package uncertainty

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// CalibrateByPatient is [Calibrate] where people have several items each (hierarchical conformal prediction, Lee, Barber and Willett
// 2023): of n people each weighs 1/(n+1), shared by their items, and the rest lies beyond every score. The promise is for an item of a
// new person. With one item each, or patient nil, it is [Calibrate]; with several, counting items as if they were people promises too
// much.
func CalibrateByPatient(scores []float64, patient []string, alpha float64) Conformal {
	if patient == nil {
		return Calibrate(scores, alpha)
	}
	people := stats.Clusters(patient)
	if len(people) == len(scores) {
		return Calibrate(scores, alpha)
	}
	weight := make([]float64, len(scores))
	for _, rows := range people {
		for _, i := range rows {
			weight[i] = 1 / (float64(len(people)+1) * float64(len(rows)))
		}
	}
	c := Conformal{Alpha: alpha, N: len(scores), Quantile: math.Inf(1)}
	sum := 0.0
	for _, i := range stats.Order(scores) {
		if sum += weight[i]; sum >= 1-alpha-1e-12 {
			c.Quantile = scores[i]
			break
		}
	}
	return c
}

// Groupwise keeps the promise in each of several groups that overlap, such as sex and age and view: each value of each group has a
// threshold of its own, and an item gets the largest of those of its values, so that its set is the union of the sets that each group
// asks for (Barber, Candès, Ramdas and Tibshirani 2021). Coverage is at least what is promised, in all of them, and
// usually more: that is the price.
type Groupwise struct {
	All Conformal
	Of  map[string]map[string]Conformal // of group and value; values with too few items to promise anything are absent
}

// CalibrateGroupwise calibrates every value of every group, [group][item], that has at least least items and enough people for alpha.
// patient may be nil.
func CalibrateGroupwise(scores []float64, patient []string, groups map[string][]string, alpha float64, least int) Groupwise {
	g := Groupwise{All: CalibrateByPatient(scores, patient, alpha), Of: map[string]map[string]Conformal{}}
	for name, values := range groups {
		g.Of[name] = map[string]Conformal{}
		for _, v := range slices.Compact(slices.Sorted(slices.Values(values))) {
			var rows []int
			for i, x := range values {
				if x == v {
					rows = append(rows, i)
				}
			}
			c := CalibrateByPatient(pick(scores, rows), pickIf(patient, rows), alpha)
			if v != "" && len(rows) >= least && !math.IsInf(c.Quantile, 1) {
				g.Of[name][v] = c
			}
		}
	}
	return g
}

// For is the threshold of an item with these values of groups: that of all where none of them has one.
func (g Groupwise) For(value func(group string) string) Conformal {
	best, found := g.All, false
	for name, of := range g.Of {
		if c, ok := of[value(name)]; ok && (!found || c.Quantile > best.Quantile) {
			best, found = c, true
		}
	}
	return best
}

// pickIf is pick of what may be nil.
func pickIf[T any](x []T, rows []int) []T {
	if x == nil {
		return nil
	}
	return pick(x, rows)
}

// TellsTruth says whether a group's value gives the label away: it cannot be known of a new item, and thresholds by it would be
// empty words. With one value or one label nothing is told.
func TellsTruth(values []string, label []int) bool {
	of := map[string]int{}
	labels := map[int]bool{}
	for i, v := range values {
		if l, ok := of[v]; ok && l != label[i] {
			return false
		}
		of[v] = label[i]
		labels[label[i]] = true
	}
	return len(labels) > 1
}

// Verdict compares a coverage with what was promised: "missed" where its interval ends below, "more" where it begins above, "kept".
func Verdict(low, high, promised float64) string {
	switch {
	case high < promised:
		return "missed"
	case low > promised:
		return "more"
	}
	return "kept"
}
