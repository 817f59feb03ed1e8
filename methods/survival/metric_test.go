package survival

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Events at 1 and 3, censored at 2 and 4. Pairs: (1,2), (1,3), (1,4), (3,4).
func TestConcordanceByHand(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3, 4}, Event: []int{1, 0, 1, 0}}
	c := Concordance([]float64{3, 4, 2, 2}, l, ConcordanceOptions{})
	near(t, "C", c.C, (2+0.5)/4, 1e-15)
	if c.Concordant != 2 || c.Discordant != 1 || c.TiedRisk != 1 {
		t.Errorf("pairs %+v", c)
	}
	if c := Concordance([]float64{1}, Labels{Time: []float64{1}, Event: []int{1}}, ConcordanceOptions{}); !math.IsNaN(c.C) {
		t.Errorf("one person has C %g", c.C)
	}
}

// The tree of sums gives what comparing every pair gives, with weights, ties and late entry.
func TestConcordanceEqualsEveryPair(t *testing.T) {
	for seed := range 10 {
		x, l, rng := cohort(60, stats.Seed(20+seed), seed%2 == 0)
		w := make([]float64, 60)
		for i := range x {
			x[i] = math.Round(2 * x[i])
			w[i] = float64(rng.IntN(3))
		}
		o := ConcordanceOptions{Weight: w, Tau: 8, TimeWeight: func(t float64) float64 { return 1 + t*float64(seed) }}
		a, b := Concordance(x, l, o), everyPair(x, l, o)
		near(t, "C", a.C, b.C, 1e-12)
		near(t, "SE", a.SE, b.SE, 1e-12)
		near(t, "mixed", a.MixedTime, b.MixedTime, 1e-12)
		near(t, "pairs", a.Concordant+a.Discordant+a.TiedRisk, b.Concordant+b.Discordant+b.TiedRisk, 1e-12)
	}
}

// everyPair compares every pair in turn: what the trees of [Concordance] must equal.
func everyPair(risk []float64, l Labels, o ConcordanceOptions) C {
	n := len(risk)
	var c C
	more, less, same := make([]float64, n), make([]float64, n), make([]float64, n)
	weight := func(i int) float64 {
		if o.Weight == nil {
			return 1
		}
		return o.Weight[i]
	}
	for i, t := range l.Time {
		if l.Event[i] == 0 || o.Tau > 0 && t >= o.Tau {
			continue
		}
		tw := 1.0
		if o.TimeWeight != nil {
			tw = o.TimeWeight(t)
		}
		for j := range n {
			if l.Time[j] < t || l.Time[j] == t && l.Event[j] != 0 || l.Entry != nil && l.Entry[j] >= t || i == j {
				continue
			}
			w := tw * weight(i) * weight(j)
			switch {
			case risk[i] > risk[j]:
				c.Concordant += w
				more[i] += tw * weight(j)
				more[j] += tw * weight(i)
			case risk[i] < risk[j]:
				c.Discordant += w
				less[i] += tw * weight(j)
				less[j] += tw * weight(i)
			default:
				c.TiedRisk += w
				same[i] += tw * weight(j)
				same[j] += tw * weight(i)
			}
			if l.Time[j] == t {
				c.MixedTime += w
			}
		}
	}
	pairs := c.Concordant + c.Discordant + c.TiedRisk
	c.C, c.SE = math.NaN(), math.NaN()
	if pairs == 0 {
		return c
	}
	c.C = (c.Concordant + c.TiedRisk/2) / pairs
	somers := (c.Concordant - c.Discordant) / pairs
	v := 0.0
	for i := range n {
		d := weight(i) * ((more[i] - less[i]) - somers*(more[i]+less[i]+same[i])) / (2 * pairs)
		v += d * d
	}
	c.SE = math.Sqrt(v)
	return c
}

// Everybody still followed is censored at 5: what lies beyond is out of reach, and the error says from when.
func TestOutOfReachIsExplained(t *testing.T) {
	train := Labels{Time: []float64{1, 2, 5, 5}, Event: []int{1, 1, 0, 0}}
	test := Labels{Time: []float64{3, 6, 7}, Event: []int{1, 1, 0}}
	_, err := UnoConcordance([]float64{3, 2, 1}, test, train, 0)
	if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "time 6") || !strings.Contains(err.Error(), "by time 5") || !strings.Contains(err.Error(), "below 5") {
		t.Errorf("Uno: %v", err)
	}
	if c, err := UnoConcordance([]float64{3, 2, 1}, test, train, 5); err != nil || c.C != 1 {
		t.Errorf("with an end in reach: %v, %v", c, err)
	}
	curves := Curves{Times: []float64{0, 3, 6}, Values: [][]float64{{1, 1, 1}, {.5, .6, .7}, {.2, .3, .4}}}
	s, err := BrierScore(curves, test, []float64{2, 4, 6.5}, GrafIPCW(train), nil)
	if err != nil || len(s.Times) != 2 || !strings.Contains(s.Note, "1 of 3 times") {
		t.Errorf("Brier: %+v, %v", s, err)
	}
	if _, err = BrierScore(curves, test, []float64{6.5}, GrafIPCW(train), nil); fault.CodeOf(err) != fault.Input {
		t.Errorf("nothing in reach: %v", err)
	}
	if _, err = CumulativeDynamicAUC([][]float64{{1}, {2}, {3}}, test, train, []float64{6}); fault.CodeOf(err) != fault.Input {
		t.Errorf("AUC: %v", err)
	}
}

// Without censoring the Brier score is a mean of squares, and a perfect curve scores 0.
func TestBrierWithoutCensoring(t *testing.T) {
	l := Labels{Time: []float64{1, 3}, Event: []int{1, 1}}
	c := Curves{Times: []float64{0, 2}, Values: [][]float64{{1, 1}, {.3, .9}}}
	s, err := BrierScore(c, l, []float64{2}, PycoxIPCW(l), nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Brier", s.Brier[0], (.09+.01)/2, 1e-15)
	near(t, "log likelihood", s.LogLik[0], (math.Log(.7)+math.Log(.9))/2, 1e-12)
	perfect := Curves{Times: []float64{0, 1, 3}, Values: [][]float64{{1, 1}, {0, 1}, {0, 0}}}
	s, err = BrierScore(perfect, l, Grid(0, 3, 7), PycoxIPCW(l), nil)
	if err != nil || s.IBS() != 0 {
		t.Errorf("a perfect curve scores %g, %v", s.IBS(), err)
	}
}

func TestSimpson(t *testing.T) {
	for _, x := range [][]float64{{0, 1, 3, 4, 7}, {0, 1, 3, 4, 7, 8}} {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = 2*v*v - v + 1
		}
		end := x[len(x)-1]
		near(t, "the integral of a parabola", simpson(x, y), 2*end*end*end/3-end*end/2+end, 1e-12)
	}
}

func TestDCalibrationByHand(t *testing.T) {
	// An event at survival 0.95 goes to the first of two bins; a censoring at 0.8 spreads (0.8 − 0.5)/0.8 and 0.5/0.8.
	d := DCalibrationTest([]float64{.95, .8, .1}, []int{1, 0, 1}, 2)
	near(t, "first bin", d.Hist[0], 1+.375, 1e-15)
	near(t, "second bin", d.Hist[1], 1+.625, 1e-15)
	if d := DCalibrationTest([]float64{0, 1}, []int{0, 0}, 4); math.Abs(d.Hist[3]-1.25) > 1e-15 {
		t.Errorf("survival 0 and 1 of the censored: %v", d.Hist)
	}
}

func TestDecisionCurveByHand(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 9, 9}, Event: []int{1, 1, 0, 0}}
	b := DecisionCurve([]float64{.9, .4, .6, .1}, l, 1, 5, []float64{.5})[0]
	// Two treated, one rightly: 0.25 − 0.25 · 1. All: 0.5 − 0.5 · 1.
	near(t, "model", b.Model, 0, 1e-15)
	near(t, "all", b.All, 0, 1e-15)
	near(t, "treated", b.Treated, .5, 1e-15)
}

// Calibrated predictions have a small ICI and spread evenly; the wrong ones do not.
func TestEvaluate(t *testing.T) {
	_, _, rng := cohort(1, 1, false)
	n := 500
	p := Predicted{Risk: make([]float64, n), Patient: make([]string, n)}
	times := Grid(0, 5, 60)
	p.Curves = newCurves(times, n)
	for i := range n {
		h := rng.NormFloat64()
		u, c := rng.ExpFloat64()*math.Exp(-h), 4*rng.ExpFloat64()
		e := 1
		if c < u {
			u, e = c, 0
		}
		p.Labels.Time, p.Labels.Event = append(p.Labels.Time, u), append(p.Labels.Event, e)
		p.Risk[i] = h
		p.Patient[i] = string(rune('a'+i%26)) + string(rune('a'+i/26%26))
		for k, v := range times {
			p.Curves.Values[k][i] = math.Exp(-v * math.Exp(h))
		}
	}
	e, err := Evaluate(t.Context(), p, EvaluateOptions{Resamples: 100, Horizons: []float64{1, 400}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) Metric {
		for _, m := range e.Metrics {
			if m.Name == name {
				return m
			}
		}
		t.Fatalf("no %s", name)
		return Metric{}
	}
	if c := get("Harrell C"); !(c.Low < c.Value && c.Value < c.High) || c.Value < .65 || c.Value > .85 {
		t.Errorf("Harrell %+v", c)
	}
	if c := get("ICI"); c.Value > .05 {
		t.Errorf("the truth's ICI is %g", c.Value)
	}
	if c := get("Brier skill"); c.Value < .1 {
		t.Errorf("the truth's Brier skill is %g", c.Value)
	}
	if len(e.Horizons) != 2 {
		t.Errorf("horizons %v", e.Horizons)
	}
	if _, err := json.Marshal(e); err != nil {
		t.Errorf("not JSON: %v", err)
	}
	for name, spoil := range map[string]func(p *Predicted){
		"no predictions": func(p *Predicted) { p.Risk, p.Curves = nil, Curves{} },
		"rising curve":   func(p *Predicted) { p.Curves.Values = [][]float64{{.5}, {.6}}; p.Curves.Times = []float64{0, 1} },
		"no event":       func(p *Predicted) { p.Labels.Event = []int{0} },
		"risk NaN":       func(p *Predicted) { p.Risk = []float64{math.NaN()} },
	} {
		bad := Predicted{Labels: Labels{Time: []float64{1}, Event: []int{1}}, Risk: []float64{1}}
		spoil(&bad)
		if _, err := Evaluate(t.Context(), bad, EvaluateOptions{}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without competition the competing-risks C is Harrell's with censoring weights: equal where nobody is censored.
func TestCompetingConcordance(t *testing.T) {
	l := Labels{Time: []float64{1, 2, 3, 4}, Event: []int{1, 1, 1, 1}}
	risk := []float64{4, 2, 3, 1}
	got, err := CompetingConcordance(risk, l, l, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "C", got, Concordance(risk, l, ConcordanceOptions{}).C, 1e-15)
	// Somebody with the other cause before an event of this one is a control: their larger risk is wrong.
	l.Event = []int{2, 1, 1, 1}
	got, err = CompetingConcordance(risk, l, l, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "C with a competing event", got, 2./6, 1e-15)
}

func TestAdministrativeBrierRefusesWrongCensoring(t *testing.T) {
	l := Labels{Time: []float64{2}, Event: []int{1}}
	if _, err := AdministrativeBrier(Curves{Times: []float64{0}, Values: [][]float64{{1}}}, l, []float64{1}, []float64{1}); fault.CodeOf(err) != fault.Input {
		t.Errorf("an event after its censoring time: %v", err)
	}
}

func TestRefine(t *testing.T) {
	c := Curves{Times: []float64{0, 2}, Values: [][]float64{{1}, {.5}}}
	line := c.Refine(2, ConstantDensity)
	if len(line.Times) != 3 || line.Times[1] != 1 || line.Values[1][0] != .75 || line.Values[2][0] != .5 {
		t.Errorf("%v", line)
	}
	near(t, "half the hazard", c.Refine(2, ConstantHazard).Values[1][0], math.Sqrt(.5), 1e-15)
}
