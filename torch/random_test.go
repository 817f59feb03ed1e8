package torch

import (
	"slices"
	"testing"
)

func TestRandomStateResumes(t *testing.T) {
	withEngine(t, func(e *Engine) {
		e.ManualSeed(11)
		e.Randn(Float32, 3) // an odd number leaves a spare normal number in the state
		state := e.RNGState()
		draw := func() []float32 {
			return append(append(e.Randn(Float32, 5).Float32s(), e.Rand(Float64, 2).Float32s()...), e.Randperm(6).Float32s()...)
		}
		first := draw()
		if slices.Equal(first, draw()) {
			t.Error("the stream repeats itself")
		}
		e.SetRNGState(state)
		if again := draw(); !slices.Equal(first, again) {
			t.Errorf("resumed stream %v, want %v", again, first)
		}
		if err := e.Try(func() { e.SetRNGState([]byte{1, 2, 3}) }); err == nil {
			t.Error("a state of three bytes was taken")
		}
	})
}

func TestGeneratorsAreIndependent(t *testing.T) {
	withEngine(t, func(e *Engine) {
		e.ManualSeed(1)
		want := e.Randn(Float32, 4).Float32s()
		e.ManualSeed(1)
		g, h := e.NewGenerator(5), e.NewGenerator(5)
		defer g.Free()
		defer h.Free()
		a := e.RandnFrom(g, Float32, 4).Float32s()
		if !slices.Equal(a, e.RandnFrom(h, Float32, 4).Float32s()) {
			t.Error("equal seeds differ")
		}
		if !slices.Equal(want, e.Randn(Float32, 4).Float32s()) {
			t.Error("a generator disturbed the default one")
		}
		state := g.State()
		b := e.RandFrom(g, Float32, 3).Float32s()
		g.SetState(state)
		if !slices.Equal(b, e.RandFrom(g, Float32, 3).Float32s()) {
			t.Error("a generator's state does not resume")
		}
	})
}

// Moments of 40,000 numbers; tolerances are five standard errors.
func TestDistributions(t *testing.T) {
	withEngine(t, func(e *Engine) {
		const n = 40000
		e.ManualSeed(2)
		for name, c := range map[string]struct {
			x                       *Tensor
			mean, variance, epsilon float64
		}{
			"normal":      {e.Empty(Float32, n).Normal_(2, 3), 2, 9, 0.08},
			"uniform":     {e.Empty(Float32, n).Uniform_(-1, 3), 1, 16.0 / 12, 0.03},
			"bernoulli":   {e.Empty(Float32, n).Bernoulli_(0.3), 0.3, 0.21, 0.012},
			"bernoulli p": {e.Full(Float32, 0.3, n).Bernoulli(), 0.3, 0.21, 0.012},
			"exponential": {e.Empty(Float32, n).Exponential_(2), 0.5, 0.25, 0.013},
			"randint":     {e.Randint(2, 5, n).To(Float32), 3, 2.0 / 3, 0.021},
			"dropout":     {Dropout(e.Ones(Float32, n), 0.5, true), 1, 1, 0.025},
			"dropout 3d":  {FeatureDropout(e.Ones(Float32, 1, n, 1, 1, 1), 0.5, true), 1, 1, 0.025},
			"multinomial": {e.FromFloat32([]float32{1, 0, 3}, 3).Multinomial(n, true).To(Float32), 1.5, 0.75, 0.022},
			"randn like":  {e.Empty(Float32, n).RandnLike(), 0, 1, 0.025},
		} {
			mean, variance := c.x.Mean().Item(), c.x.Flatten(0, -1).Var(ints{0}, 1, false).Item()
			if d := mean - c.mean; d > c.epsilon || d < -c.epsilon {
				t.Errorf("%s: mean %g, want %g", name, mean, c.mean)
			}
			if d := variance/c.variance - 1; d > 0.06 || d < -0.06 {
				t.Errorf("%s: variance %g, want %g", name, variance, c.variance)
			}
		}
		if x := Dropout(e.Ones(Float32, 9), 0.5, false); x.Sum().Item() != 9 {
			t.Error("dropout in evaluation changes its input")
		}
	})
}
