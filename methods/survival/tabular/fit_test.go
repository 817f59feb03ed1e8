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

// engine runs fn with an engine, or skips where there is none.
func engine(t *testing.T, fn func(e *torch.Engine)) {
	t.Helper()
	err := torch.Run(t.Context(), torch.Config{Device: "cpu", Threads: 1}, func(e *torch.Engine) error { fn(e); return nil })
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if err != nil {
		t.Fatal(err)
	}
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

// The written-out backward pass gives autograd's gradients.
func TestBackwardEqualsAutograd(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		for _, s := range []Settings{{}, {NoBatchNorm: true}, {Dropout: 0.5}} {
			s, err := Settings{Model: LogisticHazard, Hidden: []int{5, 4}, NoBatchNorm: s.NoBatchNorm, Dropout: s.Dropout}.filled()
			if err != nil {
				t.Fatal(err)
			}
			m := newMLP(e, 3, s.Hidden, 2, s, true, 7)
			x := e.Randn(torch.Float32, 9, 3)
			var masks []*torch.Tensor
			if s.Dropout > 0 {
				masks = []*torch.Tensor{e.Zeros(torch.Float32, 9, 5), e.Zeros(torch.Float32, 9, 4)}
				fillMasks(masks, s.Dropout, stats.Seed(1).Stream("masks"))
			}
			d := e.Randn(torch.Float32, 9, 2)
			e.NoGrad(func() {
				m.forward(x, masks)
				m.backward(d, masks)
			})
			got := m.grad.Float32s()
			// The same network through autograd.
			theta := m.theta.Clone().SetRequiresGrad(true)
			at := int64(0)
			take := func(shape ...int64) *torch.Tensor {
				n := int64(1)
				for _, v := range shape {
					n *= v
				}
				at += n
				return theta.Narrow(0, at-n, n).View(shape...)
			}
			y := x
			widths := []int64{3, 5, 4, 2}
			for i := 1; i < len(widths); i++ {
				w, b := take(widths[i], widths[i-1]), take(widths[i])
				y = torch.Linear(y, w, b)
				if i == len(widths)-1 {
					break
				}
				y = y.Relu()
				if !s.NoBatchNorm {
					gamma, beta := take(widths[i]), take(widths[i])
					y = torch.BatchNorm(y, gamma, beta, nil, nil, true, 0.1, 1e-5)
				}
				if masks != nil {
					y = y.Mul(masks[i-1])
				}
			}
			e.Backward(y.Mul(d).Sum())
			for i, want := range theta.Grad().Float32s() {
				if math.Abs(float64(got[i]-want)) > 1e-4*math.Max(1, math.Abs(float64(want))) {
					t.Fatalf("%+v: gradient %d is %g, autograd says %g", s, i, got[i], want)
				}
			}
			m.close()
		}
	})
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
