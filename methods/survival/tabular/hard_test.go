package tabular

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// quick are settings under which a fit takes milliseconds.
func quick(model string) Settings {
	return Settings{Model: model, Hidden: []int{8}, Dropout: .2, Epochs: 3, Batch: 40, Seed: 4, Cuts: 6}
}

// wantCurves fails unless c are survival curves of n people.
func wantCurves(t *testing.T, name string, c survival.Curves, n int) {
	t.Helper()
	if c.Len() != n || !slices.IsSorted(c.Times) {
		t.Errorf("%s: curves of %d people at %v", name, c.Len(), c.Times)
		return
	}
	for k, row := range c.Values {
		for i, s := range row {
			if !(s >= -1e-9 && s <= 1+1e-9) || k > 0 && s > c.Values[k-1][i]+1e-9 {
				t.Errorf("%s: person %d survives %g with probability %g", name, i, c.Times[k], s)
				return
			}
		}
	}
}

// Every model on cohorts at which training breaks elsewhere: it ends with survival curves, or with an Input error in words, never with a
// panic or a number that is none.
func TestHardCohorts(t *testing.T) {
	base, _ := simulated(60, 21)
	with := func(change func(d *Data)) Data {
		d := Data{X: slices.Clone(base.X), P: base.P, Labels: base.Labels.Select(allRows(60))}
		change(&d)
		return d
	}
	part := func(d Data, rows ...int) Data {
		out := Data{P: d.P, Labels: d.Labels.Select(rows)}
		for _, i := range rows {
			out.X = append(out.X, d.row(i)...)
		}
		return out
	}
	event := slices.Index(base.Labels.Event, 1)
	for name, c := range map[string]struct {
		train, val Data
		may        bool // a model may refuse it
	}{
		"all times tied":          {with(func(d *Data) { d.Labels.Time = slices.Repeat([]float64{2}, 60) }), base, true},
		"two times":               {with(func(d *Data) { setTimes(d, func(i int) float64 { return float64(1 + i%2) }) }), base, true},
		"a time of zero":          {with(func(d *Data) { d.Labels.Time[0], d.Labels.Time[1] = 0, 0 }), base, false},
		"huge times":              {with(func(d *Data) { setTimes(d, func(i int) float64 { return base.Labels.Time[i] * 1e30 }) }), with(func(d *Data) { setTimes(d, func(i int) float64 { return base.Labels.Time[i] * 1e30 }) }), false},
		"everybody had the event": {with(func(d *Data) { d.Labels.Event = slices.Repeat([]int{1}, 60) }), base, false},
		"one event": {with(func(d *Data) {
			d.Labels.Event = make([]int, 60)
			d.Labels.Event[event] = 1
		}), base, true},
		"validation without events": {base, with(func(d *Data) { d.Labels.Event = make([]int, 60) }), true},
		"validation of one":         {base, part(base, event), true},
		"training on three":         {part(base, event, (event+1)%60, (event+2)%60), base, true},
		"constant covariates":       {with(func(d *Data) { clear(d.X) }), base, false},
		"copies":                    {with(func(d *Data) { copy(d.X, slices.Repeat(d.X[:3], 60)) }), base, false},
		"large covariates": {with(func(d *Data) {
			for k := range d.X {
				d.X[k] *= 1e4
			}
		}), base, true},
	} {
		engine(t, func(e *torch.Engine) {
			for _, model := range Models {
				m, err := Fit(t.Context(), e, quick(model), c.train, c.val)
				if err != nil {
					if !c.may || fault.CodeOf(err) != fault.Input {
						t.Errorf("%s, %s: %v", name, model, err)
					}
					continue
				}
				curves, err := m.Survival(e, base.X)
				if err != nil {
					t.Errorf("%s, %s: %v", name, model, err)
					continue
				}
				wantCurves(t, name+", "+model, curves, 60)
				if none, err := m.Survival(e, nil); err != nil || none.Len() != 0 {
					t.Errorf("%s, %s: nobody's curves: %d, %v", name, model, none.Len(), err)
				}
			}
		})
	}
}

func setTimes(d *Data, time func(i int) float64) {
	for i := range d.Labels.Time {
		d.Labels.Time[i] = time(i)
	}
}

// A missing covariate stops before training and says where it is.
func TestMissingCovariates(t *testing.T) {
	good, _ := simulated(30, 22)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		bad := Data{X: slices.Clone(good.X), P: good.P, Labels: good.Labels}
		bad.X[5*3+1] = float32(v)
		engine(t, func(e *torch.Engine) {
			for _, pair := range [][2]Data{{bad, good}, {good, bad}} {
				_, err := Fit(t.Context(), e, quick(CoxPH), pair[0], pair[1])
				if fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "row 6: covariate 2") {
					t.Errorf("%v: %v", v, err)
				}
			}
		})
	}
}

// The unit of time is nobody's business: with times eight times as large (a power of two, so that no rounding moves) every model predicts
// the same at times eight times as large.
func TestTheUnitOfTime(t *testing.T) {
	train, _ := simulated(120, 23)
	val, _ := simulated(60, 24)
	scaled := func(d Data) Data {
		out := Data{X: d.X, P: d.P, Labels: d.Labels.Select(allRows(d.Len()))}
		setTimes(&out, func(i int) float64 { return 8 * d.Labels.Time[i] })
		return out
	}
	engine(t, func(e *torch.Engine) {
		for _, model := range Models {
			a, err := Fit(t.Context(), e, quick(model), train, val)
			if err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			b, err := Fit(t.Context(), e, quick(model), scaled(train), scaled(val))
			if err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			c, err := a.Survival(e, val.X)
			if err != nil {
				t.Fatal(err)
			}
			d, err := b.Survival(e, val.X)
			if err != nil {
				t.Fatal(err)
			}
			for k, u := range c.Times {
				if math.Abs(d.Times[k]-8*u) > 1e-9*u {
					t.Fatalf("%s: time %g became %g", model, u, d.Times[k])
				}
				for i, s := range c.Values[k] {
					if math.Abs(d.Values[k][i]-s) > 1e-5 {
						t.Fatalf("%s: person %d survives %g with probability %g, in another unit %g", model, i, u, s, d.Values[k][i])
					}
				}
			}
		}
	})
}

// Models that compare people in order of time only learn the same from any clock that runs forward.
func TestAnotherClockForCox(t *testing.T) {
	train, _ := simulated(120, 25)
	val, _ := simulated(60, 26)
	warped := func(d Data) Data {
		out := Data{X: d.X, P: d.P, Labels: d.Labels.Select(allRows(d.Len()))}
		setTimes(&out, func(i int) float64 { return math.Expm1(d.Labels.Time[i]) })
		return out
	}
	engine(t, func(e *torch.Engine) {
		for _, model := range []string{CoxPH, CoxCC} {
			a, err := Fit(t.Context(), e, quick(model), train, val)
			if err != nil {
				t.Fatal(err)
			}
			b, err := Fit(t.Context(), e, quick(model), warped(train), warped(val))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(a.Losses, b.Losses) {
				t.Errorf("%s: losses %v, by another clock %v", model, a.Losses, b.Losses)
			}
			for _, m := range []*Model{a, b} {
				if _, err := m.Survival(e, nil); err != nil { // computes the baseline
					t.Fatal(err)
				}
			}
			for k := range a.baseline.Cumulative {
				if a.baseline.Cumulative[k] != b.baseline.Cumulative[k] || b.baseline.Times[k] != math.Expm1(a.baseline.Times[k]) {
					t.Fatalf("%s: baselines differ at %g", model, a.baseline.Times[k])
				}
			}
		}
	})
}

// Early stopping keeps the epoch with the least validation loss: stopped there on purpose, training ends with the same network.
func TestTheBestEpochIsKept(t *testing.T) {
	train, _ := simulated(100, 27)
	val, _ := simulated(50, 28)
	engine(t, func(e *torch.Engine) {
		for _, model := range []string{LogisticHazard, CoxTime} {
			s := quick(model)
			s.Epochs, s.Patience, s.Rate = 60, 4, .05
			m, err := Fit(t.Context(), e, s, train, val)
			if err != nil {
				t.Fatal(err)
			}
			if least := slices.Min(m.Losses); m.Losses[m.Best-1] != least || len(m.Losses) != m.Epochs {
				t.Errorf("%s: best epoch %d of %v", model, m.Best, m.Losses)
			}
			if m.Epochs != 60 && m.Epochs != m.Best+4 {
				t.Errorf("%s: stopped after %d epochs, the best was %d and patience 4", model, m.Epochs, m.Best)
			}
			s.Epochs = m.Best
			short, err := Fit(t.Context(), e, s, train, val)
			if err != nil {
				t.Fatal(err)
			}
			for k := range m.state {
				if !slices.Equal(m.state[k], short.state[k]) {
					t.Errorf("%s: the kept weights are not those of epoch %d", model, m.Best)
				}
			}
		}
	})
}

// An epoch shows everybody once, and dropout's factors are 0 at its rate (within the exact binomial interval at 99.9 %) or 1/(1−rate).
func TestAnEpochShowsEverybodyOnce(t *testing.T) {
	train, _ := simulated(101, 29)
	for i := range 101 {
		train.X[i*3] = float32(i)
	}
	val, _ := simulated(30, 30)
	s, err := Settings{Model: CoxPH, Hidden: []int{20, 30}, Dropout: .3, Batch: 25}.filled()
	if err != nil {
		t.Fatal(err)
	}
	engine(t, func(e *torch.Engine) {
		f, err := newEverybody(&Model{Settings: s, p: 3}, e, train, val)
		if err != nil {
			t.Fatal(err)
		}
		defer f.net.close()
		for epoch := range 2 {
			if n := f.shuffle(stats.Seed(1).Stream("epoch", epoch)); n != 4 { // 25, 25, 25 and 26: one row alone has no variance
				t.Fatalf("%d batches", n)
			}
			var seen []float32
			for _, b := range f.epoch.batches {
				rows := b.x.Float32s()
				for k := b.lo; k < b.hi; k++ {
					at := (k - b.lo) * 3
					if !slices.Equal(rows[at:at+3], train.row(f.order[k])) {
						t.Fatalf("row %d of the epoch is not person %d", k, f.order[k])
					}
					seen = append(seen, rows[at])
				}
			}
			slices.Sort(seen)
			for i, v := range seen {
				if v != float32(i) {
					t.Fatalf("epoch %d: %v", epoch, seen)
				}
			}
			dropped, all := 0, 0
			for _, mask := range f.epoch.masks {
				for _, v := range mask.Float32s() {
					switch v {
					case 0:
						dropped++
					case float32(1 / .7):
					default:
						t.Fatalf("a factor of %g", v)
					}
					all++
				}
			}
			if in := stats.ClopperPearson(dropped, all, .999); in.Low > .3 || in.High < .3 {
				t.Errorf("%d of %d are dropped", dropped, all)
			}
		}
	})
}
