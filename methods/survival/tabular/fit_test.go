package tabular

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

// engine runs fn with an engine, or skips where there is none.
func engine(t *testing.T, fn func(e *torch.Engine)) {
	t.Helper()
	torchtest.Run(t, 1, fn)
}

// simulated are people whose hazard is exp(x0 − x1) (Weibull of shape 1.5), a third censored.
func simulated(n int, seed stats.Seed) (Data, []float64) {
	rng := seed.Stream("people")
	d := Data{P: 3}
	var truth []float64
	for range n {
		x := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		h := x[0] - x[1]
		t := math.Pow(rng.ExpFloat64()*math.Exp(-h), 1/1.5)
		c := 3 * rng.ExpFloat64()
		event := 1
		if c < t {
			t, event = c, 0
		}
		for _, v := range x {
			d.X = append(d.X, float32(v))
		}
		d.Labels.Time = append(d.Labels.Time, t+1e-6)
		d.Labels.Event = append(d.Labels.Event, event)
		truth = append(truth, h)
	}
	return d, truth
}

// Every model learns a simulated hazard: concordance near that of the truth.
func TestEveryModelLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("trains twelve networks")
	}
	train, _ := simulated(900, 1)
	val, _ := simulated(300, 2)
	test, truth := simulated(500, 3)
	best := survival.Concordance(truth, test.Labels, survival.ConcordanceOptions{}).C
	engine(t, func(e *torch.Engine) {
		for _, name := range Models {
			m, err := Fit(t.Context(), e, Settings{Model: name, Dropout: 0.1, Epochs: 40, Seed: 5}, train, val)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			c, err := m.Survival(e, test.X)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for k, row := range c.Values {
				for i, s := range row {
					if !(s >= -1e-9 && s <= 1+1e-9) || k > 0 && s > c.Values[k-1][i]+1e-9 {
						t.Fatalf("%s: survival %g of person %d at %g is no survival curve", name, s, i, c.Times[k])
					}
				}
			}
			got := survival.AntoliniConcordance(c, test.Labels, nil).Adjusted
			if got < best-0.03 {
				t.Errorf("%s: concordance %.3f, the truth's is %.3f", name, got, best)
			}
		}
	})
}

func TestEqualSeedsGiveEqualBytes(t *testing.T) {
	train, _ := simulated(200, 1)
	val, _ := simulated(80, 2)
	engine(t, func(e *torch.Engine) {
		for _, name := range []string{CoxPH, CoxTime} {
			var curves []survival.Curves
			for range 2 {
				m, err := Fit(t.Context(), e, Settings{Model: name, Dropout: 0.2, Epochs: 4, Batch: 64, Seed: 9}, train, val)
				if err != nil {
					t.Fatal(err)
				}
				c, err := m.Survival(e, val.X)
				if err != nil {
					t.Fatal(err)
				}
				curves = append(curves, c)
			}
			for k := range curves[0].Values {
				if !slices.Equal(curves[0].Values[k], curves[1].Values[k]) {
					t.Fatalf("%s: two runs of one seed differ", name)
				}
			}
		}
	})
}

// A batch without events teaches nothing and breaks nothing: the defect that froze early stopping elsewhere.
func TestBatchesWithoutEventsAreCounted(t *testing.T) {
	train, _ := simulated(120, 1)
	for i := range train.Labels.Event {
		if i%40 != 0 {
			train.Labels.Event[i] = 0
		}
	}
	val, _ := simulated(60, 2)
	engine(t, func(e *torch.Engine) {
		m, err := Fit(t.Context(), e, Settings{Model: CoxPH, Batch: 8, Epochs: 5, Seed: 1}, train, val)
		if err != nil {
			t.Fatal(err)
		}
		if m.Eventless == 0 || m.Epochs != 5 {
			t.Errorf("%d batches without events, %d epochs", m.Eventless, m.Epochs)
		}
		for _, l := range m.Losses {
			if math.IsNaN(l) {
				t.Error("a validation loss is not a number")
			}
		}
	})
}

func TestWrongInputs(t *testing.T) {
	good, _ := simulated(50, 1)
	none := good
	none.Labels.Event = make([]int, 50)
	engine(t, func(e *torch.Engine) {
		for name, c := range map[string]struct {
			s    Settings
			d    Data
			code fault.Code
		}{
			"no such model": {Settings{Model: "Coxx"}, good, fault.Usage},
			"no events":     {Settings{Model: CoxPH}, none, fault.Input},
			"batch of one":  {Settings{Model: CoxPH, Batch: 1}, good, fault.Usage},
			"a width of 0":  {Settings{Model: CoxPH, Hidden: []int{8, 0}}, good, fault.Usage},
			"linear time":   {Settings{Model: CoxTime, Hidden: []int{}}, good, fault.Usage},
			"ragged":        {Settings{Model: CoxPH}, Data{X: good.X[1:], P: 3, Labels: good.Labels}, fault.Internal},
		} {
			if _, err := Fit(t.Context(), e, c.s, c.d, good); fault.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want code %s", name, err, c.code)
			}
		}
	})
}

func TestSpans(t *testing.T) {
	if got := spans(9, 4); !slices.Equal(got, [][2]int{{0, 4}, {4, 9}}) {
		t.Errorf("spans(9, 4) = %v: a last row by itself joins the batch before", got)
	}
	if got := spans(8, 4); !slices.Equal(got, [][2]int{{0, 4}, {4, 8}}) {
		t.Errorf("spans(8, 4) = %v", got)
	}
}
