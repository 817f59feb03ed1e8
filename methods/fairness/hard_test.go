package fairness

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// people are n rows of k groups; scores tell labels, less well in later groups.
func people(n, k int, seed stats.Seed) (score []float64, y, group []int) {
	rng := seed.Stream("people")
	for range n {
		g := rng.IntN(k)
		l := 0
		if rng.Float64() < 0.3+0.3*float64(g)/float64(k) {
			l = 1
		}
		score = append(score, 1/(1+math.Exp(-float64(2*l-1)*(1.5-float64(g)/float64(k))-rng.NormFloat64())))
		y, group = append(y, l), append(group, g)
	}
	return score, y, group
}

func called(score []float64) []int {
	out := make([]int, len(score))
	for i, s := range score {
		if s >= 0.5 {
			out[i] = 1
		}
	}
	return out
}

// A group of nobody, one person, one label only, nobody called: rates are what counts say, and Count says where a 0 is of nobody.
func TestRatesOfHardGroups(t *testing.T) {
	//        group 0: one of each; group 1: nobody; group 2: one sick, missed; group 3: healthy only, one of two called
	y, pred := []int{1, 1, 0, 0, 1, 0, 0}, []int{1, 0, 1, 0, 0, 1, 0}
	group := []int{0, 0, 0, 0, 2, 3, 3}
	r := ByGroup(y, pred, group, 4, nil)
	for g, want := range []Rates{
		{Selection: 0.5, TPR: 0.5, FPR: 0.5, TNR: 0.5, FNR: 0.5, Accuracy: 0.5, Precision: 0.5, Count: 4},
		{},
		{FNR: 1, Count: 1},
		{Selection: 0.5, FPR: 0.5, TNR: 0.5, Accuracy: 0.5, Count: 2},
	} {
		if r[g] != want {
			t.Errorf("group %d: %+v, want %+v", g, r[g], want)
		}
	}
	if o := Overall(y, pred, nil); o.Count != 7 || o.TPR != 1.0/3 || o.FPR != 0.5 {
		t.Errorf("all: %+v", o)
	}
	if none := Overall(nil, nil, nil); none != (Rates{}) {
		t.Errorf("nobody: %+v", none)
	}
	same := []Rates{{TPR: 0.5}, {TPR: 0.5}}
	if Gap(same, TPR) != 0 || Ratio(same, TPR) != 1 || !math.IsNaN(Ratio(same, FPR)) || OddsRatio(same) != 1 {
		t.Errorf("equal groups: gap %v, ratio %v and %v, odds %v", Gap(same, TPR), Ratio(same, TPR), Ratio(same, FPR), OddsRatio(same))
	}
}

// A weight of 3 is a row three times, a weight of 0 no row; a sure probability is an answer.
func TestWeightsAreRows(t *testing.T) {
	score, y, group := people(60, 3, 1)
	pred := called(score)
	weight := make([]float64, len(y))
	var y3, pred3, group3 []int
	for i := range y {
		weight[i] = float64(i % 4)
		for range i % 4 {
			y3, pred3, group3 = append(y3, y[i]), append(pred3, pred[i]), append(group3, group[i])
		}
	}
	a, b := ByGroup(y, pred, group, 3, weight), ByGroup(y3, pred3, group3, 3, nil)
	c := WeightedExpectedRates(y, asFloats(pred), group, 3, weight)
	for g := range a {
		for name, rate := range rateNames {
			near(t, name+" of weights", rate(a[g]), rate(b[g]), 1e-12)
			near(t, name+" of sure probabilities", rate(c[g]), rate(a[g]), 1e-12)
		}
	}
}

// Two answers tossed with a coin are half of each: a million tosses agree with the expectation.
func TestExpectedRatesAreExpected(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a million tosses")
	}
	rng := stats.Seed(2).Stream("tosses")
	y, prob, group := []int{1, 1, 0, 0, 1}, []float64{0.9, 0.3, 0.2, 0.6, 0.5}, []int{0, 0, 0, 1, 1}
	want := ExpectedRates(y, prob, group, 2)
	var ys, preds, groups []int
	for range 200_000 {
		for i := range y {
			p := 0
			if rng.Float64() < prob[i] {
				p = 1
			}
			ys, preds, groups = append(ys, y[i]), append(preds, p), append(groups, group[i])
		}
	}
	got := ByGroup(ys, preds, groups, 2, nil)
	for g := range want {
		near(t, "selection", got[g].Selection, want[g].Selection, 0.003)
		near(t, "TPR", got[g].TPR, want[g].TPR, 0.004)
		near(t, "FPR", got[g].FPR, want[g].FPR, 0.004)
	}
}

// Order of rows, names of groups, every row twice: thresholds and what they reach stay.
func TestThresholdsDoNotCareForOrderAndNames(t *testing.T) {
	score, y, group := people(300, 3, 3)
	for i := range score {
		score[i] = math.Round(score[i]*50) / 50 // ties
	}
	perm := stats.Seed(3).Stream("order").Perm(len(y))
	var ps []float64
	var py, pg []int
	for _, i := range perm {
		ps, py, pg = append(ps, score[i]), append(py, y[i]), append(pg, group[i])
	}
	renamed := make([]int, len(group))
	for i, g := range group {
		renamed[i] = 2 - g
	}
	twice := func(x []int) []int { return append(slices.Clone(x), x...) }
	for _, c := range []Constraint{DemographicParity, EqualisedOdds, EqualOpportunity, EqualFPR} {
		for _, o := range []Objective{Accuracy, BalancedAccuracy} {
			a, err := OptimiseThresholds(score, y, group, 3, c, o)
			if err != nil {
				t.Fatal(err)
			}
			for name, f := range map[string]func() (*ThresholdRule, error){
				"another order": func() (*ThresholdRule, error) { return OptimiseThresholds(ps, py, pg, 3, c, o) },
				"other names": func() (*ThresholdRule, error) {
					r, err := OptimiseThresholds(score, y, renamed, 3, c, o)
					if err == nil {
						slices.Reverse(r.Groups)
					}
					return r, err
				},
				"every row twice": func() (*ThresholdRule, error) {
					return OptimiseThresholds(append(slices.Clone(score), score...), twice(y), twice(group), 3, c, o)
				},
			} {
				b, err := f()
				if err != nil {
					t.Fatal(err)
				}
				near(t, string(c)+", "+name+": objective", b.Objective, a.Objective, 1e-9)
				before, now := a.Probability(score, group), b.Probability(score, group)
				for i := range before {
					if math.Abs(before[i]-now[i]) > 1e-6 {
						t.Fatalf("%s, %s, %s: row %d is a yes with probability %v and %v", c, o, name, i, before[i], now[i])
					}
				}
			}
		}
	}
}

// Scores that say nothing (all tie) leave two thresholds, nobody and everybody: every rule is a coin, the same for every group.
func TestThresholdsOfTies(t *testing.T) {
	_, y, group := people(100, 2, 4)
	score := slices.Repeat([]float64{0.4}, len(y))
	for _, c := range []Constraint{DemographicParity, EqualisedOdds} {
		r, err := OptimiseThresholds(score, y, group, 2, c, BalancedAccuracy)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "balanced accuracy of a coin", r.Objective, 0.5, 1e-9)
		p := r.Probability([]float64{0.4, 0.4}, []int{0, 1})
		near(t, "the groups' difference", p[0], p[1], 1e-9)
	}
}

// A group of one label, a group of nobody, a constraint that thresholds do not have: errors that say so.
func TestThresholdsCannot(t *testing.T) {
	score, y, group := []float64{0.1, 0.9, 0.3, 0.4}, []int{0, 1, 1, 1}, []int{0, 0, 1, 1}
	for name, f := range map[string]func() error{
		"one label": func() error {
			_, err := OptimiseThresholds(score, y, group, 2, DemographicParity, Accuracy)
			return err
		},
		"nobody": func() error {
			_, err := OptimiseThresholds(score, []int{0, 1, 0, 1}, group, 3, DemographicParity, Accuracy)
			return err
		},
	} {
		if err := f(); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OptimiseThresholds(score, []int{0, 1, 0, 1}, group, 2, ErrorParity, Accuracy); fault.CodeOf(err) != fault.Usage {
		t.Errorf("error parity: %v", err)
	}
	if _, err := OptimiseThresholds(score, []int{0, 1, 0, 1}, group, 2, DemographicParity, "hope"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("another objective: %v", err)
	}
}

// After reweighing, label and group are independent: within every group the weighted prevalence is everybody's, and nobody's weight is lost. A
// table that is balanced already, or of one group or one label, keeps its weights of 1.
func TestReweighMakesIndependent(t *testing.T) {
	_, y, group := people(500, 4, 5)
	w := Reweigh(y, group, 4)
	var all, sick float64
	n, s := make([]float64, 4), make([]float64, 4)
	for i := range y {
		all, n[group[i]] = all+w[i], n[group[i]]+w[i]
		if y[i] == 1 {
			sick, s[group[i]] = sick+w[i], s[group[i]]+w[i]
		}
	}
	near(t, "sum of weights", all, float64(len(y)), 1e-9)
	for g := range n {
		near(t, "weighted prevalence", s[g]/n[g], sick/all, 1e-12)
	}
	for name, c := range map[string][2][]int{"balanced": {{0, 1, 0, 1}, {0, 0, 1, 1}}, "one group": {{0, 1, 1}, {0, 0, 0}}, "one label": {{1, 1, 1}, {0, 1, 1}}} {
		for i, v := range Reweigh(c[0], c[1], 2) {
			if math.Abs(v-1) > 1e-12 {
				t.Errorf("%s: weight %d is %v", name, i, v)
			}
		}
	}
}

// Gamma of equal predictions is 0 for every constraint on selection; of error parity it is the groups' prevalences. The second half mirrors the
// first, and cells' violations weighted by their rows cancel within an event.
func TestMomentsCancel(t *testing.T) {
	score, y, group := people(120, 3, 6)
	pred := asFloats(called(score))
	for _, c := range Constraints() {
		m := c.Moment(y, group, 3)
		gamma := m.Gamma(pred)
		half := len(m.Cells())
		sum := map[int]float64{}
		for j, cell := range m.Cells() {
			near(t, string(c)+": mirror", gamma[half+j], -gamma[j], 1e-12)
			sum[cell.Event] += gamma[j] * m.nCell[j]
		}
		for e, v := range sum {
			near(t, string(c)+": event "+string(rune('0'+e)), v, 0, 1e-9)
		}
		if c == ErrorParity {
			continue
		}
		for _, v := range m.Gamma(slices.Repeat([]float64{0.3}, len(y))) {
			near(t, string(c)+": the same for all", v, 0, 1e-12)
		}
	}
}

// SignedWeights are the slope of the multipliers' term: turning one row's prediction from 0 to 1 changes λ·γ by −weight/n.
func TestSignedWeightsAreSlopes(t *testing.T) {
	score, y, group := people(40, 2, 7)
	pred := asFloats(called(score))
	rng := stats.Seed(7).Stream("lambda")
	for _, c := range Constraints() {
		m := c.Moment(y, group, 2)
		lambda := make([]float64, 2*len(m.Cells()))
		for j := range lambda {
			lambda[j] = rng.Float64()
		}
		dot := func(p []float64) (s float64) {
			for j, v := range m.Gamma(p) {
				s += lambda[j] * v
			}
			return s
		}
		w := m.SignedWeights(lambda)
		for i := range y {
			zero, one := slices.Clone(pred), slices.Clone(pred)
			zero[i], one[i] = 0, 1
			near(t, string(c), dot(one)-dot(zero), -w[i]/float64(len(y)), 1e-12)
		}
	}
}

// Intersections: cells that hold somebody, numbered in order, whatever the order of rows; of nobody none.
func TestCrossByHand(t *testing.T) {
	cells, group := Cross([]int{2, 0, 2, 1}, []int{1, 5, 0, 5})
	if !slices.Equal(cells, [][2]int{{0, 5}, {1, 5}, {2, 0}, {2, 1}}) || !slices.Equal(group, []int{3, 0, 2, 1}) {
		t.Errorf("cells %v, rows %v", cells, group)
	}
	if cells, group := Cross(nil, nil); len(cells)+len(group) != 0 {
		t.Errorf("nobody: %v %v", cells, group)
	}
}

// Benefits 1 for all: no inequality at any alpha. Benefits 0 and 2 (mean 1): alpha 2 gives Σ(b² − 1)/(2·1)/2 = ((−1) + 3)/4 = ½; Theil's
// (0 + 2·ln 2)/2 = ln 2. Between groups of the same mean there is none, whatever is within.
func TestEntropyByHand(t *testing.T) {
	y, pred := []int{1, 0}, []int{0, 1} // one missed, one called for nothing
	near(t, "alpha 2", Entropy(y, pred, 2), 0.5, 1e-12)
	near(t, "Theil", Entropy(y, pred, 1), math.Ln2, 1e-12)
	near(t, "everybody right", Entropy(y, y, 2), 0, 1e-12)
	near(t, "between two groups", BetweenEntropy(y, pred, []int{0, 1}, 2, 2), 0.5, 1e-12)
	near(t, "within one group", BetweenEntropy(y, pred, []int{0, 0}, 2, 2), 0, 1e-12)
}

// The within part is never negative: all inequality is at least that between groups.
func TestEntropyOfGroupsIsAPart(t *testing.T) {
	for seed := range 20 {
		score, y, group := people(80, 3, stats.Seed(seed))
		pred := called(score)
		if all, between := Entropy(y, pred, 2), BetweenEntropy(y, pred, group, 3, 2); between > all+1e-12 || between < -1e-12 {
			t.Errorf("between groups %v of %v", between, all)
		}
	}
}

// Two rows with scores 0.9 (sick) and 0.2 (healthy): Brier (0.01 + 0.04)/2, in the large (−0.1 + 0.2)/2, bins [0.2, 0.4) and [0.8, 1] off by 0.2 and 0.1, a
// half each. A group of nobody has no number.
func TestScoreGroupByHand(t *testing.T) {
	score, y, group := []float64{0.9, 0.2, 0.5}, []int{1, 0, 1}, []int{0, 0, 1}
	s := ScoreGroup(score, y, group, 0)
	near(t, "Brier", s.Brier, 0.025, 1e-12)
	near(t, "in the large", s.InTheLarge, 0.05, 1e-12)
	near(t, "ECE", s.ECE, 0.15, 1e-12)
	near(t, "AUC", s.AUC.Area, 1, 0)
	if none := ScoreGroup(score, y, group, 7); !math.IsNaN(none.Brier) || !math.IsNaN(none.AUC.Area) {
		t.Errorf("nobody: %+v", none)
	}
	if certain := ScoreGroup([]float64{1}, []int{1}, []int{0}, 0); certain.ECE != 0 || certain.Brier != 0 {
		t.Errorf("a score of 1 is in the last bin: %+v", certain)
	}
}

// BGN: of group 0's healthy (0.6) and the others' sick (0.7 and 0.6), one pair is in order and one ties: ¾.
func TestBGNByHand(t *testing.T) {
	got := BGN([]float64{0.6, 0.9, 0.7, 0.6, 0.1}, []int{0, 1, 1, 1, 0}, []int{0, 0, 1, 1, 1}, 2)
	near(t, "group 0", got[0], 0.75, 1e-12)
	near(t, "group 1", got[1], 1, 1e-12) // its healthy 0.1 below the other's sick 0.9
}

// Weights of groups: the worst gains, absent groups keep their loss out, all sum to 1; with no step nothing moves; no loss is so large that it overflows
// into nothing when all are.
func TestDROWeights(t *testing.T) {
	q, adjusted := UpdateDRO([]float64{0.25, 0.25, 0.5}, []float64{1, 2, 9}, []float64{4, 4, 0}, 0.1, 1)
	near(t, "adjusted", adjusted[0], 1.5, 1e-12)
	near(t, "absent", adjusted[2], 0, 0)
	total := 0.25*math.Exp(0.15) + 0.25*math.Exp(0.25) + 0.5
	near(t, "q0", q[0], 0.25*math.Exp(0.15)/total, 1e-12)
	near(t, "q1", q[1], 0.25*math.Exp(0.25)/total, 1e-12)
	near(t, "q2", q[2], 0.5/total, 1e-12)
	still, _ := UpdateDRO([]float64{0.3, 0.7}, []float64{5, 1}, []float64{1, 1}, 0, 0)
	near(t, "no step", still[0], 0.3, 1e-12)
}

// Bounded group loss: a multiplier rises by the excess, falls to 0 and no further, and rests while its group is absent.
func TestBoundsByHand(t *testing.T) {
	got := UpdateBounds([]float64{0, 0.1, 2}, []float64{0.5, 0.1, 9}, []float64{3, 3, 0}, 0.3, 1)
	for g, want := range []float64{0.2, 0, 2} {
		near(t, "multiplier", got[g], want, 1e-12)
	}
}

// Distances between groups of features: alike is 0 up to rounding, apart is more, names do not matter, rows without a group do not count, moving
// everything together changes nothing.
func TestKernelsMetamorphic(t *testing.T) {
	rng := stats.Seed(7).Stream("kernel")
	var x [][]float64
	var group, swapped []int
	for i := range 24 {
		x, group, swapped = append(x, []float64{rng.NormFloat64() + 2*float64(i%2), rng.NormFloat64()}), append(group, i%2), append(swapped, 1-i%2)
	}
	apart, _ := MMD(x, group, 2)
	h, _ := HSIC(x, group)
	renamed, _ := MMD(x, swapped, 2)
	hr, _ := HSIC(x, swapped)
	near(t, "MMD of other names", renamed, apart, 1e-12)
	near(t, "HSIC of other names", hr, h, 1e-12)
	moved := make([][]float64, len(x))
	for i, r := range x {
		moved[i] = []float64{r[0] + 100, r[1] - 7}
	}
	m, _ := MMD(moved, group, 2)
	near(t, "MMD moved", m, apart, 1e-9)
	more, g := append(slices.Clone(x), []float64{1e6, 1e6}), append(slices.Clone(group), -1)
	free, grad := MMD(more, g, 2)
	near(t, "MMD with a row of no group", free, apart, 1e-12)
	if grad[24][0] != 0 || grad[24][1] != 0 {
		t.Errorf("a row of no group is pulled: %v", grad[24])
	}
	mirror, both := make([][]float64, 0, 48), make([]int, 0, 48)
	for _, r := range x { // every row in both groups
		mirror, both = append(mirror, r, r), append(both, 0, 1)
	}
	alike, _ := MMD(mirror, both, 2)
	near(t, "MMD of the same rows", alike, 0, 1e-12)
	hs, _ := HSIC(mirror, both)
	near(t, "HSIC of the same rows", hs, 0, 1e-12)
	nearer := make([][]float64, len(x))
	for i, r := range x {
		nearer[i] = []float64{r[0] - 1.5*float64(i%2), r[1]}
	}
	mn, _ := MMD(nearer, group, 2)
	hn, _ := HSIC(nearer, group)
	if mn > apart/2 || hn > h/2 {
		t.Errorf("groups two deviations apart: MMD %v, HSIC %v; half a deviation: %v, %v", apart, h, mn, hn)
	}
	for _, alone := range [][]int{slices.Repeat([]int{0}, 24), slices.Repeat([]int{-1}, 24)} {
		if v, _ := MMD(x, alone, 2); math.Abs(v) > 1e-12 {
			t.Errorf("one group is %v from nobody", v)
		}
		if v, _ := HSIC(x, alone); math.Abs(v) > 1e-12 {
			t.Errorf("one group depends by %v", v)
		}
	}
}

// A penalty has nothing to say of one group, of rows outside every event, of groups that are served alike; and counts every group, the last too.
func TestPenaltyOfNothing(t *testing.T) {
	logits, event := []float64{1, -1, 2, 0.5}, []int{0, 0, 0, 0}
	for name, group := range map[string][]int{"one group": {0, 0, 0, 0}, "another": {2, 2, 2, 2}} {
		if l, g := Penalty(logits, event, group, 1, 3, 5); l != 0 || slices.ContainsFunc(g, func(v float64) bool { return v != 0 }) {
			t.Errorf("%s: %v %v", name, l, g)
		}
	}
	if l, _ := Penalty(logits, []int{-1, -1, -1, -1}, []int{0, 1, 0, 1}, 1, 2, 5); l != 0 {
		t.Errorf("free rows: %v", l)
	}
	if l, _ := Penalty([]float64{1, -1, 1, -1}, event, []int{0, 0, 1, 1}, 1, 2, 5); math.Abs(l) > 1e-15 {
		t.Errorf("served alike: %v", l)
	}
	a, _ := Penalty([]float64{3, 0, 0}, []int{0, 0, 0}, []int{0, 1, 2}, 1, 3, 1)
	b, _ := Penalty([]float64{0, 0, 3}, []int{0, 0, 0}, []int{0, 1, 2}, 1, 3, 1)
	near(t, "the last group's gap", b, a, 1e-12)
}
