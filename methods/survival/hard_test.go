package survival

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// The ranking loss in N × K exponentials is the sum over all pairs, and its gradient that sum's, for several causes too.
func TestRankLossIsTheDoubleLoop(t *testing.T) {
	for seed := range stats.Seed(6) {
		rng := seed.Stream("ranks")
		n, k, risks := 1+rng.IntN(25), 2+rng.IntN(6), 1+int(seed)%3
		sigma := []float64{0.02, 0.1, 1, 50}[rng.IntN(4)]
		stride := risks*k + 1
		mass := make([]float64, n*stride)
		index, event := make([]int, n), make([]int, n)
		for i := range n {
			sum := 0.0
			row := mass[i*stride : (i+1)*stride]
			for j := range row {
				row[j] = rng.ExpFloat64()
				sum += row[j]
			}
			for j := range row {
				row[j] /= sum
			}
			index[i], event[i] = rng.IntN(k), rng.IntN(risks+1)
		}
		for cause := range risks + 1 {
			if cause == 0 && risks > 1 {
				continue // any cause is asked for with one risk only
			}
			first := max(cause-1, 0) * k
			grad, want := make([]float64, len(mass)), make([]float64, len(mass))
			got := rankLoss(mass, stride, first, k, index, event, cause, sigma, 0.5, grad)
			total := 0.0
			for i := range n {
				if event[i] == 0 || cause != 0 && event[i] != cause {
					continue
				}
				for j := range n {
					if !precedes(index, event, i, j) {
						continue
					}
					d := 0.0
					for c := 0; c <= index[i]; c++ {
						d += mass[i*stride+first+c] - mass[j*stride+first+c]
					}
					v := 0.5 * math.Exp(-d/sigma)
					total += v
					for c := 0; c <= index[i]; c++ {
						want[i*stride+first+c] -= v / sigma
						want[j*stride+first+c] += v / sigma
					}
				}
			}
			near(t, "loss", got, total, 1e-11)
			for i := range want {
				near(t, "gradient", grad[i], want[i], 1e-10)
			}
		}
	}
}

// A scale so small that exp(1/sigma) is beyond all numbers gives the pairs' own sum, where that is a number.
func TestRankLossOfATinyScale(t *testing.T) {
	mass := []float64{.9, .05, .05, .2, .7, .1, .1, .1, .8} // the earlier event has the larger mass: every pair is in order
	grad := make([]float64, 9)
	got := rankLoss(mass, 3, 0, 3, []int{0, 1, 2}, []int{1, 1, 0}, 0, 1e-3, 1, grad)
	near(t, "loss", got, 0, 1e-200)
	for _, g := range grad {
		if math.IsNaN(g) || math.IsInf(g, 0) {
			t.Errorf("gradient %v", grad)
		}
	}
}

// hardLabels are cohorts at which libraries divide by zero.
func hardLabels() map[string]Labels {
	same := slices.Repeat([]float64{3}, 6)
	times := []float64{1, 2, 3, 4, 5, 6}
	return map[string]Labels{
		"one event":             {Time: []float64{2}, Event: []int{1}},
		"one censored":          {Time: []float64{2}, Event: []int{0}},
		"two":                   {Time: []float64{1, 2}, Event: []int{1, 0}},
		"all censored":          {Time: times, Event: make([]int, 6)},
		"all events":            {Time: times, Event: slices.Repeat([]int{1}, 6)},
		"all at once":           {Time: same, Event: slices.Repeat([]int{1}, 6)},
		"all at once, half":     {Time: same, Event: []int{1, 0, 1, 0, 1, 0}},
		"all at zero":           {Time: make([]float64, 6), Event: []int{1, 0, 1, 0, 1, 0}},
		"last event censored":   {Time: times, Event: []int{0, 0, 0, 0, 0, 1}},
		"first event alone":     {Time: times, Event: []int{1, 0, 0, 0, 0, 0}},
		"huge":                  {Time: []float64{1e300, 2e300, 3e300, 4e300, 1e301, 1e307}, Event: []int{1, 0, 1, 0, 1, 0}},
		"tiny":                  {Time: []float64{1e-300, 2e-300, 3e-300, 4e-300, 1e-299, 1e-290}, Event: []int{1, 0, 1, 0, 1, 0}},
		"far apart":             {Time: []float64{1e-300, 1e-9, 1, 1e9, 1e100, 1e300}, Event: []int{1, 1, 0, 1, 0, 1}},
		"everybody enters late": {Time: times, Event: []int{1, 0, 1, 1, 0, 1}, Entry: []float64{.9, 1.9, 2.9, 3.9, 4.9, 5.9}},
		"two causes, one each":  {Time: times, Event: []int{1, 0, 0, 2, 0, 0}},
	}
}

// Estimates stay within their ranges and monotone on every hard cohort; curves and losses are numbers.
func TestEstimatesOfHardCohorts(t *testing.T) {
	for name, l := range hardLabels() {
		n := l.Len()
		km := KaplanMeier(l)
		last := 1.0
		for _, s := range km.Values {
			if !(s >= 0 && s <= last) {
				t.Errorf("%s: Kaplan–Meier %v", name, km.Values)
			}
			last = s
		}
		free := AalenJohansen(l)
		for k := range free.Times {
			sum := free.Free[k]
			for c := range free.CIF {
				sum += free.CIF[c][k]
			}
			near(t, name+": incidences and survival", sum, 1, 1e-12)
		}
		for _, v := range Watched(l.Any()).Values {
			if math.IsNaN(v) || v < 0 || l.Entry == nil && v > 1 {
				t.Errorf("%s: watched %g", name, v)
			}
		}
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i%3) * 300 // exp(600) and beyond
		}
		for what, loss := range map[string]Loss{"Efron": CoxLoss(x, l, Efron, nil), "Breslow": CoxLoss(x, l, Breslow, nil)} {
			if math.IsNaN(loss.Value) || math.IsInf(loss.Value, 0) || loss.Value < 0 {
				t.Errorf("%s: %s's loss is %g", name, what, loss.Value)
			}
			if l.Events() == 0 && (loss.Value != 0 || slices.ContainsFunc(loss.Grad, func(g float64) bool { return g != 0 })) {
				t.Errorf("%s: %s without events: %+v", name, what, loss)
			}
			sum := 0.0
			for _, g := range loss.Grad {
				sum += g
			}
			near(t, name+": the gradient's sum", sum, 0, 1e-12)
		}
		b := CoxBaseline(make([]float64, n), l)
		for k, h := range b.Cumulative { // all alike: Nelson–Aalen
			near(t, name+": baseline", h, NelsonAalen(l).At(b.Times[k]), 1e-12)
		}
		test := LogRankTest(l, append([]int{1}, make([]int, n-1)...))
		if math.IsNaN(test.P) || test.P < 0 || test.P > 1 {
			t.Errorf("%s: log-rank %+v", name, test)
		}
	}
}

// Every metric on every hard cohort is a number in its range, or is not defined and says so: never infinite, never a panic.
func TestMetricsOfHardCohorts(t *testing.T) {
	for name, l := range hardLabels() {
		n := l.Len()
		x := make([]float64, n)
		curves := newCurves(slices.Compact(slices.Sorted(slices.Values(l.Time))), n)
		risk := make([][]float64, n)
		for i := range n {
			x[i] = float64(i % 2)
			risk[i] = []float64{x[i]}
			for k := range curves.Times {
				curves.Values[k][i] = 1 / (1 + float64(k) + x[i])
			}
		}
		share := func(what string, v float64, err error) {
			t.Helper()
			if err != nil {
				if c := fault.CodeOf(err); c != fault.Input && c != fault.Usage {
					t.Errorf("%s: %s: %v", name, what, err)
				}
			} else if !math.IsNaN(v) && !(v >= 0 && v <= 1) {
				t.Errorf("%s: %s is %g", name, what, v)
			}
		}
		any := l.Any()
		share("C", Concordance(x, any, ConcordanceOptions{}).C, nil)
		u, err := UnoConcordance(x, any, any, 0)
		share("Uno's C", u.C, err)
		c, err := CompetingConcordance(x, l, l, 1, 0)
		share("the competing C", c, err)
		a := AntoliniConcordance(curves, any, nil)
		share("Antolini's C", a.Strict, nil)
		share("Antolini's C, ties half", a.Adjusted, nil)
		middle := slices.Sorted(slices.Values(l.Time))[n/2]
		d, err := CumulativeDynamicAUC(risk, any, any, []float64{middle})
		share("AUC", append(d.AUC, math.NaN())[0], err)
		s, err := BrierScore(curves, any, []float64{middle}, PycoxIPCW(any), nil)
		share("Brier score", append(s.Brier, math.NaN())[0], err)
		for _, v := range DecisionCurve(x, any, 1, middle, []float64{0, .2, .9}) {
			if math.IsNaN(v.Model) || v.Model > 1 || v.All > 1 {
				t.Errorf("%s: net benefit %+v", name, v)
			}
		}
		e, err := Evaluate(t.Context(), Predicted{Labels: any, Risk: x, Curves: curves}, EvaluateOptions{Resamples: 20})
		if err != nil {
			if fault.CodeOf(err) != fault.Input {
				t.Errorf("%s: evaluation: %v", name, err)
			}
			continue
		}
		for _, m := range e.Metrics {
			if math.IsInf(m.Value, 0) {
				t.Errorf("%s: %s is infinite", name, m.Name)
			}
		}
	}
}

// Not a number anywhere in predictions is an error that names the row, in risks, curves and incidence.
func TestNotANumberIsRefused(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3}, Event: []int{1, 0, 1}}
	nan := math.NaN()
	flat := func(v float64) Curves {
		return Curves{Times: []float64{0, 2}, Values: [][]float64{{1, 1, 1}, {.5, v, .5}}}
	}
	rising := Curves{Times: []float64{0, 2}, Values: [][]float64{{0, 0, 0}, {.5, nan, .5}}}
	for name, p := range map[string]Predicted{
		"risk":      {Labels: l, Risk: []float64{1, nan, 2}},
		"curve":     {Labels: l, Curves: flat(nan)},
		"above one": {Labels: l, Curves: flat(1.5)},
		"incidence": {Labels: l, Incidence: []Curves{rising}},
	} {
		if _, err := Evaluate(t.Context(), p, EvaluateOptions{Resamples: -1}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, l := range map[string]Labels{
		"time":  {Time: []float64{1, nan}, Event: []int{1, 1}},
		"ever":  {Time: []float64{1, math.Inf(1)}, Event: []int{1, 1}},
		"entry": {Time: []float64{1, 2}, Event: []int{1, 1}, Entry: []float64{0, nan}},
		"upper": {Time: []float64{1, 2}, Event: []int{1, 1}, Upper: []float64{1, nan}},
	} {
		if err := l.Check(); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a bootstrap there are no intervals, and JSON has null for them.
func TestNoResamplesNoIntervals(t *testing.T) {
	x, l, _ := cohort(30, 54, false)
	e := must(Evaluate(t.Context(), Predicted{Labels: l, Risk: x}, EvaluateOptions{Resamples: -1}))(t)
	for _, m := range e.Metrics {
		if b := string(must(m.MarshalJSON())(t)); !math.IsNaN(m.Low) || !math.IsNaN(m.High) || !strings.Contains(b, `"low":null,"high":null`) {
			t.Errorf("%s has an interval that nobody estimated: %s", m.Name, b)
		}
	}
}

// A clock that runs otherwise, forward all the same, changes no metric that is asked at the same moments.
func TestAnotherClock(t *testing.T) {
	for _, entry := range []bool{false, true} {
		x, l, _ := cohort(70, 51, entry)
		clock := func(u float64) float64 { return u*u*u + 7*u }
		warp := func(v []float64) []float64 {
			out := make([]float64, len(v))
			for i, u := range v {
				out[i] = clock(u)
			}
			return out
		}
		other := l
		other.Time = warp(l.Time)
		if entry {
			other.Entry = warp(l.Entry)
		}
		curves := CoxBaseline(x, l).Curves(x)
		moved := Curves{Times: warp(curves.Times), Values: curves.Values}
		risk := make([][]float64, len(x))
		for i, v := range x {
			risk[i] = []float64{v}
		}
		at := []float64{3.5, 5.5, 6.5}
		a, b := must(CumulativeDynamicAUC(risk, l, l, at))(t), must(CumulativeDynamicAUC(risk, other, other, warp(at)))(t)
		c, d := must(BrierScore(curves, l, at, GrafIPCW(l), nil))(t), must(BrierScore(moved, other, warp(at), GrafIPCW(other), nil))(t)
		for k := range at {
			near(t, "AUC", b.AUC[k], a.AUC[k], 1e-13)
			near(t, "Brier", d.Brier[k], c.Brier[k], 1e-13)
			near(t, "log likelihood", d.LogLik[k], c.LogLik[k], 1e-13)
		}
		near(t, "Uno", must(UnoConcordance(x, other, other, clock(7)))(t).C, must(UnoConcordance(x, l, l, 7))(t).C, 1e-13)
		near(t, "Antolini", AntoliniConcordance(moved, other, nil).Adjusted, AntoliniConcordance(curves, l, nil).Adjusted, 1e-13)
		near(t, "incidence", AalenJohansen(other).Cause(1).At(clock(5)), AalenJohansen(l).Cause(1).At(5), 1e-13)
	}
}

// Only the order of risks matters to areas and concordances, whatever rises with them.
func TestAnotherScaleOfRisk(t *testing.T) {
	x, l, rng := cohort(70, 52, true)
	for i := range l.Event {
		if l.Event[i] != 0 {
			l.Event[i] = 1 + rng.IntN(2)
		}
	}
	warped := make([]float64, len(x))
	risk, other := make([][]float64, len(x)), make([][]float64, len(x))
	for i, v := range x {
		warped[i] = math.Exp(3*v) - 1e6
		risk[i], other[i] = []float64{v}, []float64{warped[i]}
	}
	near(t, "C", Concordance(warped, l, ConcordanceOptions{}).C, Concordance(x, l, ConcordanceOptions{}).C, 1e-15)
	near(t, "its error", Concordance(warped, l, ConcordanceOptions{}).SE, Concordance(x, l, ConcordanceOptions{}).SE, 1e-13)
	near(t, "Uno", must(UnoConcordance(warped, l, l, 7))(t).C, must(UnoConcordance(x, l, l, 7))(t).C, 1e-15)
	near(t, "competing", must(CompetingConcordance(warped, l, l, 2, 0))(t), must(CompetingConcordance(x, l, l, 2, 0))(t), 1e-15)
	a, b := must(CumulativeDynamicAUC(risk, l, l, []float64{4.5}))(t), must(CumulativeDynamicAUC(other, l, l, []float64{4.5}))(t)
	near(t, "AUC", b.AUC[0], a.AUC[0], 1e-15)
}

// Causes are names: numbering them the other way round swaps what belongs to each, and none of them is all that counts for any event.
func TestCausesAreNames(t *testing.T) {
	x, l, rng := cohort(80, 53, false)
	for i := range l.Event {
		if l.Event[i] != 0 {
			l.Event[i] = 1 + rng.IntN(2)
		}
	}
	swapped := l
	swapped.Event = make([]int, len(x))
	for i, e := range l.Event {
		swapped.Event[i] = []int{0, 2, 1}[e]
	}
	a, b := AalenJohansen(l), AalenJohansen(swapped)
	for _, at := range []float64{2, 5, 8} {
		near(t, "incidence", b.Cause(2).At(at), a.Cause(1).At(at), 1e-15)
		near(t, "any event", 1-a.Cause(1).At(at)-a.Cause(2).At(at), KaplanMeier(l).At(at), 1e-13)
	}
	near(t, "C", must(CompetingConcordance(x, swapped, swapped, 2, 0))(t), must(CompetingConcordance(x, l, l, 1, 0))(t), 1e-15)
	design := make([][]float64, len(x))
	for i, v := range x {
		design[i] = []float64{v}
	}
	near(t, "Fine–Gray", must(FitFineGray(design, swapped, 2, CoxOptions{}))(t).Coef[0], must(FitFineGray(design, l, 1, CoxOptions{}))(t).Coef[0], 1e-12)
	near(t, "cause-specific", must(FitCauseSpecific(design, swapped, 2, CoxOptions{}))(t).Coef[0], must(FitCauseSpecific(design, l, 1, CoxOptions{}))(t).Coef[0], 1e-12)
	near(t, "Kaplan–Meier of any", KaplanMeier(l.Any()).At(5), KaplanMeier(swapped).At(5), 1e-15)
}
