package tabular

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// Controls come from the risk set, each of its members as often: within the exact binomial interval at 99.9 % of one in its size.
func TestControlsAreEvenOverTheRiskSet(t *testing.T) {
	d := Data{P: 1, X: make([]float32, 6), Labels: survival.Labels{Time: []float64{5, 1, 3, 3, 9, 2}, Event: []int{1, 1, 0, 1, 0, 1}}}
	c := newCases(d)
	if !slices.Equal(c.event, []int{1, 5, 3, 0}) {
		t.Errorf("events in order of time: %v", c.event)
	}
	rng := stats.Seed(3).Stream("controls")
	for at, risk := range map[float64][]int{1: {0, 1, 2, 3, 4, 5}, 3: {0, 2, 3, 4}, 5: {0, 4}, 9: {4}} {
		const draws = 4000
		seen := make([]int, 6)
		for range draws {
			seen[c.control(at, rng)]++
		}
		for i, n := range seen {
			if !slices.Contains(risk, i) {
				if n > 0 {
					t.Errorf("at %g person %d is drawn, whose time is %g", at, i, d.Labels.Time[i])
				}
				continue
			}
			b, want := stats.ClopperPearson(n, draws, .999), 1/float64(len(risk))
			if want < b.Low || want > b.High {
				t.Errorf("at %g person %d is drawn %d of %d times, want one in %d", at, i, n, draws, len(risk))
			}
		}
	}
}

// With late entry the risk set is of those who have come: at 5 the person who enters at 4.5 counts, the one who enters at 5 does not.
func TestControlsHaveEntered(t *testing.T) {
	l := survival.Labels{Time: []float64{5, 6, 7, 8, 3}, Event: []int{1, 0, 0, 0, 1}, Entry: []float64{0, 4.5, 5, 7.5, 0}}
	c := newCases(Data{P: 1, X: make([]float32, 5), Labels: l})
	rng := stats.Seed(5).Stream("controls")
	seen := make([]int, 5)
	const draws = 2000
	for range draws {
		seen[c.control(5, rng)]++
	}
	if b := stats.ClopperPearson(seen[0], draws, .999); seen[0]+seen[1] != draws || b.Low > .5 || b.High < .5 {
		t.Errorf("controls at 5: %v, want the first two as often", seen)
	}
	if got := c.control(3, rng); got != 0 && got != 4 {
		t.Errorf("at 3 person %d is drawn", got)
	}
}

// People who were all there from before the first time teach what people without an entry do, to the bit; those who come late and are
// healthier for it would bias a model that took them for watched all along.
func TestLateEntryIsHeeded(t *testing.T) {
	train, _ := simulated(150, 41)
	val, _ := simulated(80, 42)
	early := func(d Data) Data {
		d.Labels.Entry = slices.Repeat([]float64{-1}, d.Len())
		return d
	}
	half := func(d Data) Data {
		d.Labels.Entry = make([]float64, d.Len())
		for i, at := range d.Labels.Time {
			d.Labels.Entry[i] = at * float64(i%2) / 2
		}
		return d
	}
	engine(t, func(e *torch.Engine) {
		for _, name := range []string{CoxPH, CoxCC, CoxTime} {
			s := Settings{Model: name, Hidden: []int{8}, Epochs: 4, Batch: 40, Seed: 4}
			fit := func(a, b Data) *Model {
				m, err := Fit(t.Context(), e, s, a, b)
				if err == nil {
					_, err = m.Survival(e, nil) // computes the baseline
				}
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return m
			}
			plain, same, late := fit(train, val), fit(early(train), early(val)), fit(half(train), half(val))
			if !slices.Equal(plain.Losses, same.Losses) || !slices.Equal(plain.baseline.Cumulative, same.baseline.Cumulative) {
				t.Errorf("%s: losses %v, with everybody there from the start %v", name, plain.Losses, same.Losses)
			}
			// Smaller risk sets, larger hazards.
			if k := len(plain.baseline.Cumulative) / 3; !(late.baseline.Cumulative[k] > plain.baseline.Cumulative[k]) {
				t.Errorf("%s: with late entry the baseline is %g, without %g", name, late.baseline.Cumulative[k], plain.baseline.Cumulative[k])
			}
			if name != CoxTime {
				continue
			}
			lived := survival.CoxTimeBaseline(half(train).Labels, func(people []int, _ float64, out []float64) { clear(out[:len(people)]) })
			if km := survival.NelsonAalen(half(train).Labels); math.Abs(lived.Cumulative[50]-km.At(lived.Times[50])) > 1e-12 {
				t.Errorf("a flat model's baseline is %g, Nelson and Aalen's %g", lived.Cumulative[50], km.At(lived.Times[50]))
			}
		}
	})
}

// Without hidden layers the network of DeepSurv is Cox's model: trained to the end it predicts what Newton's method does.
func TestALinearNetworkIsCox(t *testing.T) {
	train, _ := simulated(200, 8)
	engine(t, func(e *torch.Engine) {
		m, err := Fit(t.Context(), e, Settings{Model: CoxPH, Hidden: []int{}, NoBatchNorm: true, Batch: 200, Epochs: 400, Patience: 400, Rate: 0.03, Seed: 1}, train, train)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Survival(e, train.X)
		if err != nil {
			t.Fatal(err)
		}
		x := make([][]float64, train.Len())
		for i := range x {
			for _, v := range train.row(i) {
				x[i] = append(x[i], float64(v))
			}
		}
		f, err := survival.FitCox(x, train.Labels, survival.CoxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want := f.Baseline(x, train.Labels).Curves(f.LogHazard(x))
		worst := 0.0
		for i := range x {
			for _, at := range []float64{.3, .7, 1.5} {
				worst = math.Max(worst, math.Abs(got.At(i, at)-want.At(i, at)))
			}
		}
		if worst > .005 {
			t.Errorf("survival differs from Cox's by %.4f", worst)
		}
	})
}

// Relative risks and their baseline belong together: the hazard that the training people lived through is the number of events.
func TestBaselinesFitTheirNetworks(t *testing.T) {
	train, _ := simulated(150, 9)
	val, _ := simulated(60, 10)
	engine(t, func(e *torch.Engine) {
		for _, name := range []string{CoxPH, CoxCC, CoxTime} {
			m, err := Fit(t.Context(), e, Settings{Model: name, Hidden: []int{8}, Epochs: 3, Batch: 50, Seed: 4}, train, val)
			if err != nil {
				t.Fatal(err)
			}
			c, err := m.Survival(e, train.X)
			if err != nil {
				t.Fatal(err)
			}
			lived := 0.0
			for i, at := range train.Labels.Time {
				if at >= c.Times[0] {
					lived -= math.Log(c.At(i, at))
				}
			}
			if want := float64(train.Labels.Events()); math.Abs(lived-want) > 1e-3*want {
				t.Errorf("%s: %.4f events are expected of people who had %g", name, lived, want)
			}
		}
	})
}

// A person's curve does not depend on who is predicted beside them, nor on where they stand.
func TestPredictionsAreOfOnePerson(t *testing.T) {
	train, _ := simulated(120, 11)
	val, _ := simulated(60, 12)
	test, _ := simulated(20, 13)
	engine(t, func(e *torch.Engine) {
		for _, name := range Models {
			m, err := Fit(t.Context(), e, Settings{Model: name, Hidden: []int{8}, Dropout: .2, Epochs: 2, Batch: 40, Seed: 4}, train, val)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all, err := m.Survival(e, test.X)
			if err != nil {
				t.Fatal(err)
			}
			var turned []float32
			for i := test.Len() - 1; i >= 0; i-- {
				turned = append(turned, test.row(i)...)
			}
			back, err := m.Survival(e, turned)
			if err != nil {
				t.Fatal(err)
			}
			one, err := m.Survival(e, test.row(7))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(all.Times, one.Times) || one.Len() != 1 {
				t.Fatalf("%s: one person has %d curves", name, one.Len())
			}
			for k := range all.Times {
				for i, s := range all.Values[k] {
					if math.Abs(back.Values[k][19-i]-s) > 1e-5 {
						t.Fatalf("%s: person %d survives %g with probability %g, in another place %g", name, i, all.Times[k], s, back.Values[k][19-i])
					}
				}
				if math.Abs(one.Values[k][0]-all.Values[k][7]) > 1e-5 {
					t.Fatalf("%s: alone %g, among others %g", name, one.Values[k][0], all.Values[k][7])
				}
			}
			if _, err := m.Survival(e, test.X[:4]); fault.CodeOf(err) != fault.Internal {
				t.Errorf("%s: a row and a third: %v", name, err)
			}
		}
	})
}

// Settings have the defaults that their comments name, and every model says whether it can use labels.
func TestSettingsAndLabels(t *testing.T) {
	s, err := Settings{Model: DeepHit}.filled()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Hidden, []int{32, 32}) || s.Batch != 256 || s.Epochs != 512 || s.Patience != 10 || s.Cuts != 20 || s.Sub != 10 || s.Controls != 1 ||
		s.Rate != .01 || s.Alpha != .2 || s.Sigma != .1 {
		t.Errorf("defaults %+v", s)
	}
	kept, err := Settings{Model: PMF, Hidden: []int{4}, Batch: 7, Rate: .5}.filled()
	if err != nil || kept.Batch != 7 || kept.Rate != .5 || !slices.Equal(kept.Hidden, []int{4}) {
		t.Errorf("what was set is changed: %+v, %v", kept, err)
	}
	for name, bad := range map[string]Settings{"model": {Model: "Cox"}, "batch of one": {Model: CoxPH, Batch: 1}, "dropout": {Model: CoxPH, Dropout: 1}, "epochs": {Model: CoxPH, Epochs: -1}} {
		if _, err := bad.filled(); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := []float64{1}
	for _, m := range Models {
		plain := survival.Labels{Time: one, Event: []int{1}}
		if err := canUse(m, plain); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		late, between := plain, plain
		late.Entry, between.Upper = []float64{0}, []float64{2}
		if err := canUse(m, late); (err == nil) != slices.Contains(withEntry, m) || err != nil && fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s, late entry: %v", m, err)
		}
		if err := canUse(m, between); (err == nil) != slices.Contains(withIntervals, m) || err != nil && fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s, intervals: %v", m, err)
		}
	}
}
