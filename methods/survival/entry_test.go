package survival

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/stats"
)

// Late entry everywhere: somebody who is not yet watched is in no risk set. Adding a person who comes under watch after all events, or taking
// one away, changes nothing; putting everybody's entry before all times is the same as having none.
func TestThoseWhoComeAfterAllEventsDoNotCount(t *testing.T) {
	x, l, _ := cohort(30, 21, true)
	last := 0.0
	for i, at := range l.Time {
		if l.Event[i] != 0 {
			last = math.Max(last, at)
		}
	}
	more := append(slices.Clone(x), 3)
	late := Labels{Time: append(slices.Clone(l.Time), last+5), Event: append(slices.Clone(l.Event), 0), Entry: append(slices.Clone(l.Entry), last+1)}
	score := func(x []float64) RiskScores {
		return func(people []int, at float64, out []float64) {
			for k, i := range people {
				out[k] = x[i] * (1 + at/10)
			}
		}
	}
	constant := func(float64) (int, float64) { return 0, 0 }
	for name, v := range map[string][2]float64{
		"Efron":               {CoxLoss(x, l, Efron, nil).Value, CoxLoss(more, late, Efron, nil).Value},
		"Breslow":             {CoxLoss(x, l, Breslow, nil).Value, CoxLoss(more, late, Breslow, nil).Value},
		"Cox-Time's loss":     {CoxTimeLoss(l, constant, x).Value, CoxTimeLoss(late, constant, more).Value},
		"its likelihood":      {CoxTimePartialLogLikelihood(l, score(x)), CoxTimePartialLogLikelihood(late, score(more))},
		"Kaplan–Meier":        {KaplanMeier(l).At(last), KaplanMeier(late).At(last)},
		"Nelson–Aalen":        {NelsonAalen(l).At(last), NelsonAalen(late).At(last)},
		"baseline":            {CoxBaseline(x, l).Step().At(last), CoxBaseline(more, late).Step().At(last)},
		"Cox-Time's baseline": {CoxTimeBaseline(l, score(x)).Step().At(last), CoxTimeBaseline(late, score(more)).Step().At(last)},
		"concordance":         {Concordance(x, l, ConcordanceOptions{}).C, Concordance(more, late, ConcordanceOptions{}).C},
		"incidence":           {AalenJohansen(l).Cause(1).At(last), AalenJohansen(late).Cause(1).At(last)},
	} {
		near(t, name, v[1], v[0], 1e-12)
	}
	early := l
	early.Entry = slices.Repeat([]float64{-1}, 30)
	none := l
	none.Entry = nil
	near(t, "everybody from the start, Cox", CoxLoss(x, early, Efron, nil).Value, CoxLoss(x, none, Efron, nil).Value, 1e-12)
	near(t, "everybody from the start, likelihood", CoxTimePartialLogLikelihood(early, score(x)), CoxTimePartialLogLikelihood(none, score(x)), 1e-12)
	near(t, "everybody from the start, survival", KaplanMeier(early).At(last), KaplanMeier(none).At(last), 1e-12)
}

// A bank that holds everybody is the full loss also where people came under watch late, or only the later ones' entry is known.
func TestBankHeedsLateEntry(t *testing.T) {
	x, l, _ := cohort(16, 22, true)
	first, rest := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{9, 10, 11, 12, 13, 14, 15}
	bank := &Bank{Size: 16, Ties: Efron}
	bank.Loss(x[:9], l.Select(first))
	got, full := bank.Loss(x[9:], l.Select(rest)), CoxLoss(x, l, Efron, nil)
	near(t, "loss", got.Value, full.Value, 1e-12)
	for k, g := range got.Grad {
		near(t, "gradient", g, full.Grad[9+k], 1e-12)
	}
	known := l.Select(first)
	known.Entry = nil
	mixed := l.Select(allRows(16))
	for i := range 9 {
		mixed.Entry[i] = -1
	}
	bank = &Bank{Size: 16, Ties: Efron}
	bank.Loss(x[:9], known)
	near(t, "mixed", bank.Loss(x[9:], l.Select(rest)).Value, CoxLoss(x, mixed, Efron, nil).Value, 1e-12)
	// What is beyond its size is forgotten, the oldest first.
	small := &Bank{Size: 7, Ties: Efron}
	small.Loss(x[:9], l.Select(first))
	tail := []int{2, 3, 4, 5, 6, 7, 8, 9}
	near(t, "a small bank", small.Loss(x[9:10], l.Select(rest[:1])).Value, CoxLoss(x[2:10], l.Select(tail), Efron, nil).Value, 1e-12)
}

// The baseline of a stream is that of everybody at once, with late entry, whatever the batches.
func TestStreamWithLateEntry(t *testing.T) {
	x, l, rng := cohort(40, 23, true)
	for _, ties := range []Ties{Breslow, Efron} {
		whole := baseline(x, l, ties)
		order := rng.Perm(40)
		s := BaselineStream{Ties: ties}
		for lo := 0; lo < 40; lo += 7 {
			part := order[lo:min(lo+7, 40)]
			var h []float64
			for _, i := range part {
				h = append(h, x[i])
			}
			s.Add(h, l.Select(part))
		}
		got := s.Baseline()
		for k := range whole.Times {
			near(t, ties.String(), got.Cumulative[k], whole.Cumulative[k], 1e-12)
		}
	}
}

// Metamorphic relations of metrics: turned risks turn the concordance round, copies of everybody change nothing, a better order is better.
func TestMetricRelations(t *testing.T) {
	x, l, _ := cohort(40, 24, false)
	c := Concordance(x, l, ConcordanceOptions{})
	near(t, "turned", Concordance(negative(x), l, ConcordanceOptions{}).C, 1-c.C, 1e-14)
	near(t, "pairs turned", Concordance(negative(x), l, ConcordanceOptions{}).Concordant, c.Discordant, 0)
	constant := make([]float64, 40)
	near(t, "no order", Concordance(constant, l, ConcordanceOptions{}).C, .5, 0)
	untied := l.Select(allRows(40))
	for i := range untied.Time {
		untied.Time[i] += float64(i) / 100
	}
	near(t, "the times themselves", Concordance(negative(untied.Time), untied, ConcordanceOptions{}).C, 1, 0)
	twice := append(allRows(40), allRows(40)...)
	curves := CoxBaseline(x, l).Curves(x)
	doubled := Curves{Times: curves.Times}
	for _, row := range curves.Values {
		doubled.Values = append(doubled.Values, append(slices.Clone(row), row...))
	}
	big := l.Select(twice)
	at := []float64{3.5, 5.5}
	a, b := must(BrierScore(curves, l, at, PycoxIPCW(l), nil))(t), must(BrierScore(doubled, big, at, PycoxIPCW(big), nil))(t)
	for k := range at {
		near(t, "Brier of everybody twice", b.Brier[k], a.Brier[k], 1e-12)
		near(t, "log likelihood of everybody twice", b.LogLik[k], a.LogLik[k], 1e-12)
	}
	km, km2 := KaplanMeier(l), KaplanMeier(big)
	for k := range km.Times {
		near(t, "S of everybody twice", km2.Values[k], km.Values[k], 1e-12)
		if km.Values[k] == 0 {
			continue
		}
		near(t, "its error", km2.StdLog[k], km.StdLog[k]/math.Sqrt2, 1e-12)
	}
	// Decision curves: treating all is the model that puts everybody above the threshold.
	ones := slices.Repeat([]float64{1}, 40)
	for _, v := range DecisionCurve(ones, l, 1, 5.5, []float64{.1, .3, .6}) {
		near(t, "treat all", v.Model, v.All, 1e-14)
	}
	// A calibrated forecast beats the same forecast pulled to a half.
	rng := stats.Seed(25).Stream("pulled")
	var people Labels
	good, pulled := newCurves([]float64{0, 1}, 400), newCurves([]float64{0, 1}, 400)
	for i := range 400 {
		h := math.Exp(1.5 * rng.NormFloat64())
		people.Time, people.Event = append(people.Time, rng.ExpFloat64()/h), append(people.Event, 1)
		good.Values[0][i], pulled.Values[0][i] = 1, 1
		good.Values[1][i] = math.Exp(-h)
		pulled.Values[1][i] = .5 + (math.Exp(-h)-.5)/3
	}
	p, q := must(BrierScore(good, people, []float64{1}, PycoxIPCW(people), nil))(t), must(BrierScore(pulled, people, []float64{1}, PycoxIPCW(people), nil))(t)
	if p.Brier[0] >= q.Brier[0] || p.LogLik[0] <= q.LogLik[0] {
		t.Errorf("the truth scores %.4f and %.4f, a pulled forecast %.4f and %.4f", p.Brier[0], p.LogLik[0], q.Brier[0], q.LogLik[0])
	}
}
