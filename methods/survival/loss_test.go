package survival

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

// cohort is n people with tied times, some of them entering late.
func cohort(n int, seed stats.Seed, entry bool) ([]float64, Labels, *rand.Rand) {
	rng := seed.Stream("cohort", n)
	var l Labels
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
		t := float64(2 + rng.IntN(8))
		l.Time = append(l.Time, t)
		l.Event = append(l.Event, min(rng.IntN(3), 1))
		if entry {
			l.Entry = append(l.Entry, math.Floor(rng.Float64()*t))
		}
	}
	return x, l, rng
}

// differences compares a gradient with central differences.
func differences(t *testing.T, name string, x []float64, fn func([]float64) Loss) {
	t.Helper()
	l := fn(x)
	const h = 1e-5
	for i := range x {
		up, down := slices.Clone(x), slices.Clone(x)
		up[i], down[i] = up[i]+h, down[i]-h
		want := (fn(up).Value - fn(down).Value) / (2 * h)
		if math.Abs(l.Grad[i]-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Errorf("%s: gradient %d is %.9g, differences say %.9g", name, i, l.Grad[i], want)
		}
	}
}

// Two tied events and one person left, hazards 1, 2, 3: Breslow −log(1/6 · 2/6), Efron −log(1/6 · 2/(6 − 3/2)).
func TestCoxLossByHand(t *testing.T) {
	logH := []float64{0, math.Log(2), math.Log(3)}
	l := Labels{Time: []float64{1, 1, 2}, Event: []int{1, 1, 0}}
	near(t, "Breslow", CoxLoss(logH, l, Breslow, nil).Value, -math.Log(1./6*2/6)/2, 1e-14)
	near(t, "Efron", CoxLoss(logH, l, Efron, nil).Value, -math.Log(1./6*2/4.5)/2, 1e-14)
	// In strata of their own, an event alone has probability one.
	near(t, "strata", CoxLoss(logH, l, Efron, []int{0, 1, 0}).Value, -math.Log(1./4)/2, 1e-14)
	// The person who enters at time 1 is not at risk then.
	l.Entry = []float64{0, 0, 1}
	near(t, "late entry", CoxLoss(logH, l, Breslow, nil).Value, -math.Log(1./3*2/3)/2, 1e-14)
}

func TestGradientsEqualDifferences(t *testing.T) {
	for _, entry := range []bool{false, true} {
		x, l, rng := cohort(25, 3, entry)
		strata := make([]int, len(x))
		for i := range strata {
			strata[i] = rng.IntN(3)
		}
		for _, ties := range []Ties{Efron, Breslow} {
			differences(t, "Cox "+ties.String(), x, func(x []float64) Loss { return CoxLoss(x, l, ties, strata) })
		}
	}
	_, l, rng := cohort(12, 5, false)
	phi := make([]float64, 12*4)
	for i := range phi {
		phi[i] = 2 * rng.NormFloat64()
	}
	cuts := Cuts{0, 3, 6, 9}
	index, event := cuts.Discrete(l)
	for name, f := range map[string]func([]float64) Loss{
		"logistic hazard": func(x []float64) Loss { return LogisticHazardLoss(x, index, event) },
		"PMF":             func(x []float64) Loss { return PMFLoss(x, index, event) },
		"MTLR":            func(x []float64) Loss { return MTLRLoss(x, index, event) },
		"BCE":             func(x []float64) Loss { return BCESurvLoss(x, index, event) },
		"DeepHit":         func(x []float64) Loss { return DeepHitLoss(x, index, event, 0.3, 0.5).Loss },
		"DeepHit, competing": func(x []float64) Loss {
			return DeepHitCompetingLoss(x[:12*4], 2, []int{0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0}, []int{0, 1, 2, 1, 0, 2, 1, 1, 2, 0, 0, 1}, 0.3, 0.5).Loss
		},
		"sorted": func(x []float64) Loss { return CoxLossSorted(x[:12], event, 1e-3) },
	} {
		n := len(phi)
		if name == "sorted" {
			n = 12
		}
		differences(t, name, phi[:n], f)
	}
	piece, pieceEvent, fraction := Cuts{0, 3, 6, 9, 12}.Piecewise(l)
	differences(t, "piecewise", phi, func(x []float64) Loss { return PCHazardLoss(x, piece, pieceEvent, fraction) })
	// Accelerated failure times: exact, right-censored, interval-censored and late-entering people.
	aft := Labels{Time: []float64{1, 2, 1, 0, 3}, Event: []int{1, 0, 0, 0, 1}, Upper: []float64{1, math.Inf(1), 2.5, 1.5, 3}, Entry: []float64{0, 0.5, 0, 0, 1}}
	for _, family := range []Family{Weibull, LogNormal} {
		differences(t, "AFT", []float64{0.1, -0.2, 0.5, 0.3, 0, 0.1, -0.4, 0.2, 0.9, -0.3}, func(x []float64) Loss { return AFTLoss(x, aft, family) })
	}
}

// The known defect of others: 0/0 in a batch without an event. Every loss gives 0 with gradient 0 and says that it saw no event.
func TestABatchWithoutAnEventIsZero(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 2}, Event: []int{0, 0, 0}}
	for name, got := range map[string]Loss{
		"Cox":    CoxLoss([]float64{1, 2, 3}, l, Efron, nil),
		"sorted": CoxLossSorted([]float64{1, 2, 3}, l.Event, 1e-7),
		"pycox":  CoxLossPycox([]float64{1, 2, 3}, l, 1e-7),
		"CoxCC":  CoxCCLoss(nil, nil, 0, -1, 1),
		"empty":  CoxLoss(nil, Labels{}, Efron, nil),
		"bank":   (&Bank{Size: 5}).Loss([]float64{1, 2, 3}, l),
	} {
		if got.Value != 0 || got.Events != 0 || slices.ContainsFunc(got.Grad, func(g float64) bool { return g != 0 }) {
			t.Errorf("%s: %+v, want nothing", name, got)
		}
	}
}

// Ties by true risk sets do not depend on the order of rows; pycox's form does.
func TestTiesDoNotDependOnTheOrderOfRows(t *testing.T) {
	x, l, rng := cohort(30, 8, false)
	order := rng.Perm(30)
	shuffled := make([]float64, 30)
	for k, i := range order {
		shuffled[k] = x[i]
	}
	for _, ties := range []Ties{Efron, Breslow} {
		a, b := CoxLoss(x, l, ties, nil), CoxLoss(shuffled, l.Select(order), ties, nil)
		near(t, ties.String(), b.Value, a.Value, 1e-13)
		for k, i := range order {
			near(t, "gradient", b.Grad[k], a.Grad[i], 1e-12)
		}
	}
	if CoxLossPycox(x, l, 0).Value == CoxLossPycox(shuffled, l.Select(order), 0).Value {
		t.Error("the sorted form did not depend on the order: the option is not what it says")
	}
}

func TestExtremeOutputsStayNumbers(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3, 4}, Event: []int{1, 1, 0, 1}}
	index, event := Cuts{0, 2, 4}.Discrete(l)
	check := func(name string, loss Loss) {
		t.Helper()
		for _, v := range append([]float64{loss.Value}, loss.Grad...) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %v", name, loss)
			}
		}
	}
	for _, big := range []float64{800, -800} {
		check("Cox", CoxLoss([]float64{big, -big, 0, big}, l, Efron, nil))
		phi := slices.Repeat([]float64{big, -big, 0}, 4)
		check("hazard", LogisticHazardLoss(phi, index, event))
		check("PMF", PMFLoss(phi, index, event))
		check("DeepHit", DeepHitLoss(phi, index, event, 0.5, 0.1).Loss)
		check("piecewise", PCHazardLoss(phi, index, event, []float64{.5, .5, .5, .5}))
		check("AFT", AFTLoss(slices.Repeat([]float64{big, -big}, 4), l, LogNormal))
	}
}

func TestBank(t *testing.T) {
	x, l, _ := cohort(40, 2, false)
	b := Bank{Size: 100}
	whole := CoxLoss(x, l, Efron, nil)
	var last Loss
	for i := range x { // one study a step
		last = b.Loss(x[i:i+1], l.Select([]int{i}))
	}
	near(t, "after everybody came by, the loss", last.Value, whole.Value, 1e-13)
	near(t, "and the last one's gradient", last.Grad[0], whole.Grad[39], 1e-13)
	small := Bank{Size: 3}
	small.Loss(x[:10], l.Select([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}))
	if len(small.logH) != 3 || small.logH[2] != x[9] {
		t.Errorf("a bank of 3 remembers %v", small.logH)
	}
}

func TestBalancedOrder(t *testing.T) {
	event := make([]int, 103)
	for i := range 11 {
		event[i*9] = 1
	}
	order := BalancedOrder(event, 10, stats.Seed(1).Stream("x"))
	if !slices.Equal(slices.Sorted(slices.Values(order)), allRows(103)) {
		t.Fatal("not a permutation")
	}
	for lo := 0; lo < 100; lo += 10 {
		n := 0
		for _, i := range order[lo : lo+10] {
			n += event[i]
		}
		if n == 0 {
			t.Errorf("the batch at %d has no event", lo)
		}
	}
}

func TestLabelsSayWhatIsWrong(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		l    Labels
		code fault.Code
	}{
		"good":            {Labels{Time: []float64{1, 0}, Event: []int{1, 0}}, ""},
		"negative":        {Labels{Time: []float64{1, -1}, Event: []int{1, 0}}, fault.Input},
		"not a number":    {Labels{Time: []float64{nan}, Event: []int{1}}, fault.Input},
		"empty":           {Labels{}, fault.Input},
		"no events":       {Labels{Time: []float64{1, 2}, Event: []int{0, 0}}, fault.Input},
		"all at zero":     {Labels{Time: []float64{0, 0}, Event: []int{1, 0}}, fault.Input},
		"entry too late":  {Labels{Time: []float64{1}, Event: []int{1}, Entry: []float64{1}}, fault.Input},
		"upper too early": {Labels{Time: []float64{2}, Event: []int{1}, Upper: []float64{1}}, fault.Input},
		"negative code":   {Labels{Time: []float64{2}, Event: []int{-1}}, fault.Input},
		"lengths":         {Labels{Time: []float64{2}, Event: []int{1, 1}}, fault.Internal},
	} {
		err := c.l.CheckTrain()
		if c.code == "" && err != nil || c.code != "" && fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
