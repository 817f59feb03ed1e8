package survival

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// comers are five people: A and B from the start with events at 2 and 4, C from 1 censored at 5, D from 3 with an event at 6, E from the
// start censored at 7. At risk: 3 to time 1, 4 to 2, 3 to 3, 4 to 4, 3 to 5, 2 to 6, 1 to 7; S = 3/4 from 2, 9/16 from 4, 9/32 from 6.
func comers() Labels {
	return Labels{Time: []float64{2, 4, 5, 6, 7}, Event: []int{1, 1, 0, 1, 0}, Entry: []float64{0, 0, 1, 3, 0}}
}

func TestWatchedByHand(t *testing.T) {
	w := Watched(comers())
	for at, want := range map[float64]float64{-1: 0, .5: 3. / 5, 1: 4. / 5, 2: 4. / 5, 2.5: 4. / 5, 3: 16. / 15, 4.5: 16. / 15, 5: 32. / 45, 6.5: 32. / 45, 7: 0} {
		near(t, "W", w.At(at), want, 1e-15)
	}
	for at, want := range map[float64]float64{0: 0, 1: 3. / 5, 2: 4. / 5, 3: 4. / 5, 4: 16. / 15, 5: 16. / 15, 6: 32. / 45, 7: 32. / 45} {
		near(t, "W before", w.Left(at), want, 1e-15)
	}
	// The weights of those who count at any time add up to all five, and of events alone to five times the incidence.
	l, km := comers(), KaplanMeier(comers())
	for _, at := range []float64{.5, 1, 2.5, 3, 4, 4.5, 6.2} {
		var cases, all float64
		for i, u := range l.Time {
			switch {
			case u <= at && l.Event[i] != 0:
				cases += 1 / w.Left(u)
			case u > at && l.hasEntered(i, at):
				all += 1 / w.At(at)
			}
		}
		near(t, "incidence", cases, 5*(1-km.At(at)), 1e-14)
		near(t, "everybody", all+cases, 5, 1e-14)
	}
}

// At 2.5 A is the case and B, C, E are controls: D has not come. At 4.5 A and B are cases, weighing 5/4 and 15/16, C, D, E controls.
func TestAUCWithLateEntryByHand(t *testing.T) {
	l := comers()
	risk := [][]float64{{3}, {1}, {2}, {9}, {3}}
	got := must(CumulativeDynamicAUC(risk, l, l, []float64{2.5, 4.5}))(t)
	near(t, "at 2.5", got.AUC[0], (1+1+.5)/3, 1e-15)                            // above B and C, level with E
	near(t, "at 4.5", got.AUC[1], (5./4*1.5+15./16*0)/((5./4+15./16)*3), 1e-15) // A above C, level with E, below D; B below all
	near(t, "mean", got.Mean, (got.AUC[0]*(1-.75)+got.AUC[1]*(.75-9./16))/(1-9./16), 1e-15)
	// Before anybody is watched nothing can be said, and the note says so.
	l.Entry = []float64{1, 1, 1, 3, 1}
	got = must(CumulativeDynamicAUC(risk, l, l, []float64{.5, 2.5}))(t)
	if len(got.Times) != 1 || !strings.Contains(got.Note, "1 of 2 times are where nobody is watched") {
		t.Errorf("before the first entry: %+v", got)
	}
}

func TestBrierWithLateEntryByHand(t *testing.T) {
	l := comers()
	s := []float64{.3, .5, .6, .8, .9}
	curves := Curves{Times: []float64{0}, Values: [][]float64{s}}
	sq := func(i int, y float64) float64 { return (y - s[i]) * (y - s[i]) }
	want := []float64{
		5. / 4 * (sq(0, 0) + sq(1, 1) + sq(2, 1) + sq(4, 1)) / 5,
		(5./4*sq(0, 0) + 15./16*(sq(1, 0)+sq(2, 1)+sq(3, 1)+sq(4, 1))) / 5,
	}
	logs := 5. / 4 * (math.Log(.7) + math.Log(.5) + math.Log(.6) + math.Log(.9)) / 5
	for name, w := range map[string]IPCW{"pycox": PycoxIPCW(l), "Graf": GrafIPCW(l)} { // the weights add up to five, so both divide alike
		got := must(BrierScore(curves, l, []float64{2.5, 4.5}, w, nil))(t)
		for k := range want {
			near(t, name, got.Brier[k], want[k], 1e-15)
		}
		near(t, name+", log likelihood", got.LogLik[0], logs, 1e-15)
		if !strings.Contains(w.Model, "late entry") {
			t.Errorf("%s: the model in words is %q", name, w.Model)
		}
	}
	if _, err := AdministrativeBrier(curves, l, []float64{9, 9, 5, 9, 7}, []float64{3}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("administrative: %v", err)
	}
	if _, err := ScoreAt([][]float64{{1}, {1}, {1}, {1}, {1}}, l, 1, []float64{3}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("with standard errors: %v", err)
	}
}

// A's pairs at 2 are with B, C, E; B's at 4 with C, D, E; D's at 6 with E.
func TestConcordancesWithLateEntryByHand(t *testing.T) {
	l := comers()
	risk := []float64{3, 1, 2, 9, 3}
	c := Concordance(risk, l, ConcordanceOptions{})
	near(t, "Harrell", c.C, (2.5+0+1)/7, 1e-15)
	u := must(UnoConcordance(risk, l, l, 0))(t)
	a, b, d := 25./16, 225./256, 2025./1024 // 1/W² at 2, 4, 6
	near(t, "Uno", u.C, (2.5*a+d)/(3*a+3*b+d), 1e-15)
	curves := Curves{Times: []float64{0}, Values: [][]float64{negative(risk)}}
	an := AntoliniConcordance(curves, l, nil)
	near(t, "Antolini", an.Strict, (2.+0+1)/7, 1e-15)
	near(t, "Antolini, ties half", an.Adjusted, 3.5/7, 1e-15)
	// Two causes: B has the other one, and stays comparable with D's event at 6 as somebody who never had it.
	l.Event = []int{1, 2, 0, 1, 0}
	got := must(CompetingConcordance(risk, l, l, 1, 0))(t)
	w2, w4, w6 := 4./5, 16./15, 32./45
	pairs2, pairs6 := 1/(w2*w2), 1/(w6*w6)
	near(t, "competing", got, (2.5*pairs2+1/(w6*w4)+pairs6)/(3*pairs2+1/(w6*w4)+pairs6), 1e-15)
}

// The watching of one cohort says nothing of another that came otherwise.
func TestEntryOnOneSideIsRefused(t *testing.T) {
	with, without := comers(), comers()
	without.Entry = nil
	risk := [][]float64{{3}, {1}, {2}, {9}, {3}}
	flat := []float64{3, 1, 2, 9, 3}
	for _, pair := range [][2]Labels{{with, without}, {without, with}} {
		l, train := pair[0], pair[1]
		_, auc := CumulativeDynamicAUC(risk, l, train, []float64{3})
		_, uno := UnoConcordance(flat, l, train, 0)
		_, competing := CompetingConcordance(flat, l, train, 1, 0)
		_, all := Evaluate(t.Context(), Predicted{Labels: l, Risk: flat}, EvaluateOptions{Train: &train, Resamples: -1})
		for name, err := range map[string]error{"AUC": auc, "Uno": uno, "competing": competing, "evaluation": all} {
			if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "entry") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// The only person watched at first has the event before others come: survival is 0 from there, and nothing later can be weighted.
func TestAnEarlyEmptyRiskSet(t *testing.T) {
	l := Labels{Time: []float64{1, 5, 6, 8}, Event: []int{1, 1, 0, 1}, Entry: []float64{0, 2, 2, 3}}
	w := Watched(l)
	near(t, "before", w.Left(1), 1./4, 0)
	near(t, "after", w.At(4), 0, 0)
	_, err := CumulativeDynamicAUC([][]float64{{1}, {2}, {3}, {4}}, l, l, []float64{4, 5.5})
	if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "before others came") {
		t.Errorf("AUC: %v", err)
	}
	if _, err := UnoConcordance([]float64{1, 2, 3, 4}, l, l, 0); fault.CodeOf(err) != fault.Input {
		t.Errorf("Uno: %v", err)
	}
}

// Everybody watched from before the first time is nobody entering late, in every metric.
func TestEntryBeforeAllTimesIsNone(t *testing.T) {
	x, l, _ := cohort(60, 31, false)
	for i := range l.Time {
		l.Time[i] += float64(i) / 1000 // pycox's form differs from the reverse estimate at ties
	}
	early := l
	early.Entry = slices.Repeat([]float64{-1}, 60)
	risk := make([][]float64, 60)
	for i, v := range x {
		risk[i] = []float64{v}
	}
	at := []float64{3.5, 5.5, 7.5}
	curves := CoxBaseline(x, l).Curves(x)
	a, b := must(BrierScore(curves, l, at, PycoxIPCW(l), nil))(t), must(BrierScore(curves, early, at, PycoxIPCW(early), nil))(t)
	for k := range at {
		near(t, "Brier", b.Brier[k], a.Brier[k], 1e-12)
		near(t, "log likelihood", b.LogLik[k], a.LogLik[k], 1e-12)
	}
	last := slices.Max(l.Time) // G(t) or G(t−) at events: without ties between events and censorings they are one
	c, d := must(CumulativeDynamicAUC(risk, l, l, at))(t), must(CumulativeDynamicAUC(risk, early, early, at))(t)
	for k := range at {
		near(t, "AUC", d.AUC[k], c.AUC[k], 1e-12)
	}
	near(t, "Uno", must(UnoConcordance(x, early, early, last))(t).C, must(UnoConcordance(x, l, l, last))(t).C, 1e-12)
	near(t, "Antolini", AntoliniConcordance(curves, early, nil).Strict, AntoliniConcordance(curves, l, nil).Strict, 0)
	p := Predicted{Labels: l, Risk: x, Curves: curves}
	q := p
	q.Labels = early
	m, n := must(Evaluate(t.Context(), p, EvaluateOptions{Resamples: -1}))(t), must(Evaluate(t.Context(), q, EvaluateOptions{Resamples: -1}))(t)
	for k, v := range m.Metrics {
		if !math.IsNaN(v.Value) {
			near(t, v.Name, n.Metrics[k].Value, v.Value, 1e-9)
		}
	}
}

// A cohort that people joined late, if they lived to, is judged as the whole population would be; with the same rows and no entry it is not.
func TestTruncatedCohortsGiveThePopulationsScores(t *testing.T) {
	rng := stats.Seed(41).Stream("truncated")
	var all, seen Labels
	var allRisk, seenRisk [][]float64
	var allX, seenX []float64
	for range 20000 {
		h := math.Exp(rng.NormFloat64())
		event, entry, leave := rng.ExpFloat64()/h, 1.5*rng.Float64(), 0.0
		leave = entry + 1 + 3*rng.ExpFloat64()
		if rng.Float64() < .3 {
			entry, leave = -1, 6 // some are there from the start
		}
		all.Time, all.Event = append(all.Time, event), append(all.Event, 1)
		allRisk, allX = append(allRisk, []float64{h}), append(allX, h)
		if event <= entry {
			continue // never came under watch
		}
		e := 1
		if leave < event {
			event, e = leave, 0
		}
		seen.Time, seen.Event, seen.Entry = append(seen.Time, event), append(seen.Event, e), append(seen.Entry, entry)
		seenRisk, seenX = append(seenRisk, []float64{h}), append(seenX, h)
	}
	curves := func(h []float64) Curves { // the truth
		c := newCurves([]float64{0, .5, 1, 2}, len(h))
		for k, u := range c.Times {
			for i, v := range h {
				c.Values[k][i] = math.Exp(-v * u)
			}
		}
		return c
	}
	at := []float64{.5, 1, 2}
	naive := seen
	naive.Entry = nil
	auc := func(r [][]float64, l Labels) []float64 { return must(CumulativeDynamicAUC(r, l, l, at))(t).AUC }
	brier := func(x []float64, l Labels) []float64 {
		return must(BrierScore(curves(x), l, at, GrafIPCW(l), nil))(t).Brier
	}
	for name, v := range map[string][3][]float64{
		"AUC":   {auc(allRisk, all), auc(seenRisk, seen), auc(seenRisk, naive)},
		"Brier": {brier(allX, all), brier(seenX, seen), brier(seenX, naive)},
	} {
		for k, u := range at {
			if d := math.Abs(v[1][k] - v[0][k]); d > .005 {
				t.Errorf("%s at %g: %.4f with late entry, the population's is %.4f", name, u, v[1][k], v[0][k])
			}
		}
		if d := math.Abs(v[2][2] - v[0][2]); d < .025 {
			t.Errorf("%s at %g: %.4f without entry, the population's is %.4f: the example shows nothing", name, at[2], v[2][2], v[0][2])
		}
	}
	w := func(r [][]float64) (x []float64) {
		for _, v := range r {
			x = append(x, v[0])
		}
		return x
	}
	const tau = 2
	whole := must(UnoConcordance(w(allRisk), all, all, tau))(t).C
	near(t, "Uno", must(UnoConcordance(w(seenRisk), seen, seen, tau))(t).C, whole, .005)
}

// The true survival of people who lived to enter is even given entry, and looks far from even where entry is not known.
func TestDCalibrationGivenEntry(t *testing.T) {
	rng := stats.Seed(43).Stream("entered")
	var l Labels
	for len(l.Time) < 800 {
		event, entry := rng.ExpFloat64(), rng.Float64()
		if event > entry {
			l.Time, l.Event, l.Entry = append(l.Time, event), append(l.Event, 1), append(l.Entry, entry)
		}
	}
	p := Predicted{Labels: l, Curves: newCurves(Grid(0, 10, 1001), 800)}
	for k, u := range p.Curves.Times {
		for i := range l.Time {
			p.Curves.Values[k][i] = math.Exp(-u)
		}
	}
	value := func(p Predicted) float64 {
		for _, m := range must(Evaluate(t.Context(), p, EvaluateOptions{Resamples: -1}))(t).Metrics {
			if m.Name == "D-calibration p" {
				return m.Value
			}
		}
		return math.NaN()
	}
	if v := value(p); !(v > .01) {
		t.Errorf("given entry p is %g", v)
	}
	p.Labels.Entry = nil
	if v := value(p); !(v < 1e-6) {
		t.Errorf("without entry p is %g: the example shows nothing", v)
	}
}
