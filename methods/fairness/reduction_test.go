package fairness

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

// Two hypotheses: 0 has error 0.1 and exceeds the constraint by 0.3; 1 has error 0.5 and falls short by 0.1. The best mixture makes the
// constraint bind: 0.3q − 0.1(1 − q) = 0 at q = 0.25, error 0.4; the multiplier is the slope of error by slack, (0.5 − 0.1)/0.4 = 1.
func TestMixByHand(t *testing.T) {
	q, lambda := mix([]float64{0.1, 0.5}, [][]float64{{0.3}, {-0.1}}, 100)
	near(t, "q0", q[0], 0.25, 1e-12)
	near(t, "q1", q[1], 0.75, 1e-12)
	near(t, "lambda", lambda[0], 1, 1e-12)
	// With excess at a price of 0.5 a unit, breaking the constraint pays: 0.1 + 0.5·0.3 < 0.4.
	q, lambda = mix([]float64{0.1, 0.5}, [][]float64{{0.3}, {-0.1}}, 0.5)
	near(t, "q0 when excess is cheap", q[0], 1, 1e-12)
	near(t, "lambda at its bound", lambda[0], 0.5, 1e-12)
}

// Nothing beats the linear programme: the mixture found by brute force over pairs and triples of hypotheses is no better.
func TestOptimalMixtureAgainstBruteForce(t *testing.T) {
	rng := stats.Seed(3).Stream("mixture")
	for range 20 {
		n, k := 24, 2
		y, group := make([]int, n), make([]int, n)
		for i := range y {
			y[i], group[i] = rng.IntN(2), i%k
		}
		class := [][]int{make([]int, n)}
		for range 3 {
			h := make([]int, n)
			for i := range h {
				h[i] = rng.IntN(2)
			}
			class = append(class, h)
		}
		m := DemographicParity.Moment(y, group, k)
		best := OptimalMixture(y, class, m, 0.05)
		if best.Violation > 0.05+1e-9 {
			t.Fatalf("violation %v", best.Violation)
		}
		const steps = 20
		for a := range steps + 1 {
			for b := range steps + 1 - a {
				for c := range steps + 1 - a - b {
					w := []float64{float64(a) / steps, float64(b) / steps, float64(c) / steps, float64(steps-a-b-c) / steps}
					var e float64
					gamma := make([]float64, 2*len(m.Cells()))
					for h := range class {
						e += w[h] * errorOf(y, class[h])
						for j, v := range m.Gamma(asFloats(class[h])) {
							gamma[j] += w[h] * v
						}
					}
					if slices.Max(gamma) <= 0.05 && e < best.Error-1e-9 {
						t.Fatalf("weights %v reach %v, the programme %v", w, e, best.Error)
					}
				}
			}
		}
	}
}

// The theorem: error within 2·gap of the best mixture's, moments within 2·(eps + gap), for random finite classes and every constraint.
func TestExponentiatedGradientKeepsItsPromise(t *testing.T) {
	rng := stats.Seed(5).Stream("expgrad")
	for round := range 15 {
		n, k := 40+rng.IntN(30), 2+rng.IntN(2)
		y, group := make([]int, n), make([]int, n)
		for i := range y {
			group[i] = rng.IntN(k)
			if rng.Float64() < 0.3+0.3*float64(group[i])/float64(k) {
				y[i] = 1
			}
		}
		class := [][]int{make([]int, n), slices.Repeat([]int{1}, n)}
		for range 10 {
			h := make([]int, n)
			for i := range h {
				if h[i] = y[i]; rng.Float64() < 0.35 {
					h[i] = 1 - y[i]
				}
			}
			class = append(class, h)
		}
		for _, c := range Constraints() {
			eps := 0.02 + 0.1*rng.Float64()
			m := c.Moment(y, group, k)
			best := OptimalMixture(y, class, m, eps)
			r, err := ExponentiatedGradient(t.Context(), y, m, finiteClass(class), func(l int) int { return l }, ExpGradOptions{Eps: eps, Iterations: 60, Nu: 1e-6})
			if err != nil {
				t.Fatal(err)
			}
			if r.Error > best.Error+2*r.Gap+1e-9 || r.Violation > 2*(eps+r.Gap)+1e-9 {
				t.Errorf("round %d, %s: error %v against %v, gap %v, violation %v at eps %v", round, c, r.Error, best.Error, r.Gap, r.Violation, eps)
			}
			total := 0.0
			for _, w := range r.Weight {
				total += w
			}
			near(t, "sum of weights", total, 1, 1e-9)
			p := r.Probability(r.Pred)
			var e float64
			for i := range p {
				e += math.Abs(p[i]-float64(y[i])) / float64(n)
			}
			near(t, "error of the probabilities", e, r.Error, 1e-9)
		}
	}
}

func TestReductionErrors(t *testing.T) {
	y, group := []int{0, 1, 0, 1}, []int{0, 0, 1, 1}
	m := DemographicParity.Moment(y, group, 2)
	broken := errors.New("the learner broke")
	bad := func(context.Context, []int, []float64) (int, []int, error) { return 0, nil, broken }
	constant := func(l int) int { return l }
	if _, err := ExponentiatedGradient(t.Context(), y, m, bad, constant, ExpGradOptions{}); !errors.Is(err, broken) {
		t.Errorf("the oracle's error became %v", err)
	}
	if _, _, err := GridSearch(t.Context(), y, m, bad, constant, GridOptions{}); !errors.Is(err, broken) {
		t.Errorf("the oracle's error became %v", err)
	}
	if _, err := ExponentiatedGradient(t.Context(), nil, m, bad, constant, ExpGradOptions{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no rows: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ExponentiatedGradient(ctx, y, m, bad, constant, ExpGradOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	one := DemographicParity.Moment(y, make([]int, 4), 1)
	if _, _, err := GridSearch(t.Context(), y, one, bad, constant, GridOptions{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a grid over one group: %v", err)
	}
}

// Group 0 is all 0, group 1 all 1. The right answers break parity wholly: (error 0 + violation 0.5)/2 = 0.25; the same for everybody has
// error 0.5 and no violation: 0.25 too. The grid finds nothing worse than either and says so of every point.
func TestGridSearchByHand(t *testing.T) {
	y, group := []int{0, 0, 1, 1}, []int{0, 0, 1, 1}
	m := DemographicParity.Moment(y, group, 2)
	class := [][]int{{0, 0, 1, 1}, {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 1, 0, 1}}
	points, best, err := GridSearch(t.Context(), y, m, finiteClass(class), func(int) int { return 1 }, GridOptions{Size: 21})
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 21 {
		t.Errorf("%d points", len(points))
	}
	near(t, "score of the best", (points[best].Error+points[best].Violation)/2, 0.25, 1e-12)
	near(t, "first multiplier", points[0].Lambda[2], 2, 1e-12) // −2 on the first group's axis: its lower bound
	near(t, "last multiplier", points[20].Lambda[0], 2, 1e-12)
}

func TestLattice(t *testing.T) {
	if got := lattice(1, 2); !slices.EqualFunc(got, [][]int{{-2}, {-1}, {0}, {1}, {2}}, slices.Equal) {
		t.Errorf("lattice(1, 2) = %v", got)
	}
	if got := len(lattice(2, 1)); got != 5 { // the origin and four neighbours
		t.Errorf("lattice(2, 1) has %d points", got)
	}
}

// Group 0 scores .1 .4 (healthy, sick), group 1 scores .6 .9 (healthy, sick). One threshold cannot serve both; two can, with no error.
func TestThresholdsByHand(t *testing.T) {
	score, y, group := []float64{.1, .4, .6, .9}, []int{0, 1, 0, 1}, []int{0, 0, 1, 1}
	for _, c := range []Constraint{DemographicParity, EqualisedOdds, EqualOpportunity, EqualFPR} {
		r, err := OptimiseThresholds(score, y, group, 2, c, Accuracy)
		if err != nil {
			t.Fatal(err)
		}
		near(t, string(c)+": objective", r.Objective, 1, 1e-12)
		for i, p := range r.Probability(score, group) {
			near(t, string(c), p, float64(y[i]), 1e-12)
		}
	}
	if _, err := OptimiseThresholds(score, []int{0, 1, 0, 0}, group, 2, EqualisedOdds, Accuracy); fault.CodeOf(err) != fault.Input {
		t.Errorf("a group with one label: %v", err)
	}
	if _, err := OptimiseThresholds(score, y, group, 2, ErrorParity, Accuracy); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a constraint without thresholds: %v", err)
	}
	if _, err := OptimiseThresholds(score, y, group, 2, DemographicParity, "beauty"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an unknown objective: %v", err)
	}
}

// Whatever the scores, the expected rates that the constraint names are equal in all groups.
func TestThresholdsKeepTheConstraint(t *testing.T) {
	rng := stats.Seed(8).Stream("thresholds")
	for range 20 {
		n, k := 60, 3
		score, y, group := make([]float64, n), make([]int, n), make([]int, n)
		for i := range y {
			group[i], y[i] = i%k, rng.IntN(2)
			score[i] = math.Round(10*(rng.Float64()+0.4*float64(y[i])+0.2*float64(group[i]))) / 10 // with ties
		}
		for c, rate := range map[Constraint]func([]Rates) float64{
			DemographicParity: func(r []Rates) float64 { return Gap(r, Selection) },
			EqualOpportunity:  func(r []Rates) float64 { return Gap(r, TPR) },
			EqualFPR:          func(r []Rates) float64 { return Gap(r, FPR) },
			EqualisedOdds:     EqualizedOdds,
		} {
			r, err := OptimiseThresholds(score, y, group, k, c, BalancedAccuracy)
			if err != nil {
				t.Fatal(err)
			}
			p := r.Probability(score, group)
			if g := rate(ExpectedRates(y, p, group, k)); g > 1e-9 {
				t.Errorf("%s: gap %v", c, g)
			}
		}
	}
}

func TestCellsWithoutRowsAreNotInTheIndex(t *testing.T) {
	// Group 1 has no positive row: equalised odds has three cells, and the weights of its rows stay finite.
	y, group := []int{0, 1, 0, 0}, []int{0, 0, 1, 1}
	m := EqualisedOdds.Moment(y, group, 2)
	if want := []Cell{{0, 0}, {0, 1}, {1, 0}}; !slices.Equal(m.Cells(), want) {
		t.Fatalf("cells %v, want %v", m.Cells(), want)
	}
	for _, w := range m.SignedWeights([]float64{1, 2, 3, 0, 0, 1}) {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			t.Errorf("weight %v", w)
		}
	}
	// yes for the first two rows: label 0: group 0 has 1, group 1 has 0, all have 1/3.
	g := m.Gamma([]float64{1, 1, 0, 0})
	near(t, "gamma of label 0, group 0", g[0], 2.0/3, 1e-12)
	near(t, "gamma of label 0, group 1", g[1], -1.0/3, 1e-12)
	near(t, "gamma of label 1", g[2], 0, 1e-12)
}

func TestBadInputsPanicWithWords(t *testing.T) {
	for name, f := range map[string]func(){
		"lengths":    func() { ByGroup([]int{0}, []int{0, 1}, []int{0}, 1, nil) },
		"label":      func() { ByGroup([]int{2}, []int{0}, []int{0}, 1, nil) },
		"group":      func() { Reweigh([]int{0}, []int{3}, 2) },
		"event":      func() { NewMoment([]int{0}, []int{5}, []int{0}, 1, 1, false) },
		"lambda":     func() { DemographicParity.Moment([]int{0}, []int{0}, 1).SignedWeights(nil) },
		"score size": func() { ScoreGroup([]float64{0.5}, []int{0, 1}, []int{0, 0}, 0) },
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); len(p) < 10 {
					t.Errorf("%s: panic %q", name, p)
				}
			}()
			f()
		}()
	}
}

// Two groups of two, labels 1 1 | 1 0: expected counts under independence are 1.5 and 0.5 each.
func TestReweighByHand(t *testing.T) {
	got := Reweigh([]int{1, 1, 1, 0}, []int{0, 0, 1, 1}, 2)
	for i, want := range []float64{0.75, 0.75, 1.5, 0.5} {
		near(t, "weight", got[i], want, 1e-12)
	}
}

func TestParseConstraint(t *testing.T) {
	if c, err := ParseConstraint("eopp"); err != nil || c != EqualOpportunity {
		t.Errorf("eopp = %v, %v", c, err)
	}
	if _, err := ParseConstraint("equality"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("equality: %v", err)
	}
}
