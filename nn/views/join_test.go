package views

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

func withEngine(t *testing.T, fn func(e *torch.Engine)) { torchtest.Run(t, 1, fn) }

func build(t *testing.T, e *torch.Engine, s Spec, d int64) *Join {
	t.Helper()
	j, err := New(s, d)
	if err != nil {
		t.Fatal(err)
	}
	nn.Materialise(e, j, 3)
	return j
}

// three are three views, one slot each.
func three(k Kind) Spec {
	return Spec{Kind: k, Names: []string{"A4C", "A2C", "PLAX"}, Slots: []int{0, 1, 2}, Hidden: 16}
}

// some are three studies: with all views, without the second, with the last alone.
func some() *nn.Views {
	return &nn.Views{Slots: 3, Present: []bool{true, true, true, true, false, true, false, false, true}, Weigh: true}
}

func near(a, b []float32, tolerance float64) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) <= tolerance })
}

// set gives a layer constant weights.
func set(e *torch.Engine, l *nn.Linear, w ...float32) {
	e.NoGrad(func() {
		l.Weight.T.Copy_(e.FromFloat32(w, l.Weight.Shape...))
		if l.Bias.Shape != nil {
			l.Bias.T.Copy_(e.Zeros(torch.Float32, l.Bias.Shape...))
		}
	})
}

// TestMeansByHand: the mean is that of the clips that are there; late is it view by view, with the shares.
func TestMeansByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		x := e.FromFloat32([]float32{3, 6, 9, 10, 20, 7}, 6, 1)
		for k, want := range map[Kind][]float32{
			Mean: {6, 15, 7},
			Late: {1, 1. / 3, 2, 1. / 3, 3, 1. / 3, 5, 0.5, 0, 0, 10, 0.5, 0, 0, 0, 0, 7, 1},
		} {
			j := build(t, e, three(k), 1)
			p := &nn.Pass{E: e, Views: some()}
			if got := j.Forward(p, x).Float32s(); !near(got, want, 1e-6) {
				t.Errorf("%s: %v, want %v", k, got, want)
			}
			if want := []float32{1. / 3, 1. / 3, 1. / 3, 0.5, 0, 0.5, 0, 0, 1}; !near(p.Views.Weights, want, 1e-6) {
				t.Errorf("%s: weights %v", k, p.Views.Weights)
			}
			nn.Free(j)
		}
	})
}

// TestLateIsTheMeanOfLogits: with a linear head on what late makes, a study's score is the mean of its views' own heads.
func TestLateIsTheMeanOfLogits(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		s := three(Late)
		s.Slots = []int{2, 0, 0, 1} // two slots of the first view, and the last view first
		j := build(t, e, s, 2)
		w := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9} // A4C: x+2y+3, A2C: 4x+5y+6, PLAX: 7x+8y+9
		v := &nn.Views{Slots: 4, Present: []bool{true, true, true, true, false, true, true, false}}
		x := e.FromFloat32([]float32{1, 0, 0, 1, 2, 2, 1, 1, -1, 0, 0, -2}, 6, 2)
		got := torch.Linear(j.Forward(&nn.Pass{E: e, Views: v}, x), e.FromFloat32(w, 1, 9), nil).Float32s()
		if want := []float32{(16 + 5 + 9 + 15) / 4., (2 + -1) / 2.}; !near(got, want, 1e-5) {
			t.Errorf("%v, want %v", got, want)
		}
		nn.Free(j)
	})
}

// TestAttentionByHand works Ilse's equation 9 on two clips of one feature.
func TestAttentionByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		s := three(Attention)
		s.Hidden, s.Anonymous = 1, true
		j := build(t, e, s, 1)
		k := j.how.(*attention)
		set(e, k.tanh, 0.5)
		set(e, k.gate, -1)
		set(e, k.score, 3)
		v := &nn.Views{Slots: 3, Present: []bool{true, false, true}, Weigh: true}
		score := func(x float64) float64 { return math.Exp(3 * math.Tanh(0.5*x) / (1 + math.Exp(x))) }
		a, b := score(2), score(-1)
		got := j.Forward(&nn.Pass{E: e, Views: v}, e.FromFloat32([]float32{2, -1}, 2, 1)).Item()
		if want := (2*a - b) / (a + b); math.Abs(got-want) > 1e-5 {
			t.Errorf("%v, want %v", got, want)
		}
		if want := []float32{float32(a / (a + b)), 0, float32(b / (a + b))}; !near(v.Weights, want, 1e-5) {
			t.Errorf("weights %v, want %v", v.Weights, want)
		}
		nn.Free(j)
	})
}

// TestGatedByHand works one feature of two clips.
func TestGatedByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		s := three(Gated)
		s.Hidden, s.Anonymous = 1, true
		j := build(t, e, s, 1)
		k := j.how.(*gated)
		set(e, k.value, 0.5)
		set(e, k.gate, 1, 10) // what all clips share moves no gate against another
		v := &nn.Views{Slots: 3, Present: []bool{true, true, false}}
		a, b := math.Exp(2), math.Exp(-1)
		got := j.Forward(&nn.Pass{E: e, Views: v}, e.FromFloat32([]float32{2, -1}, 2, 1)).Item()
		if want := (a*math.Tanh(1) + b*math.Tanh(-0.5)) / (a + b); math.Abs(got-want) > 1e-5 {
			t.Errorf("%v, want %v", got, want)
		}
		nn.Free(j)
	})
}

// TestOrder: slots in another order, each clip with the name of its view, give the same, for every kind.
func TestOrder(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, k := range Kinds {
			s := e.Scope()
			x := e.Randn(torch.Float32, 3, 5)
			a := build(t, e, three(k), 5)
			turned := three(k)
			turned.Slots = []int{2, 0, 1}
			b := build(t, e, turned, 5) // the same seed: the same weights
			all := func() *nn.Pass {
				return &nn.Pass{E: e, Views: &nn.Views{Slots: 3, Present: []bool{true, true, true}, Weigh: true}}
			}
			p, q := all(), all()
			one := a.Forward(p, x).Float32s()
			two := b.Forward(q, x.IndexSelect(0, e.FromInt64s([]int64{2, 0, 1}, 3))).Float32s()
			if !near(one, two, 1e-5) {
				t.Errorf("%s: %v in one order, %v in another", k, one, two)
			}
			w := q.Views.Weights
			if !near(p.Views.Weights, []float32{w[1], w[2], w[0]}, 1e-6) {
				t.Errorf("%s: weights %v in one order, %v in another", k, p.Views.Weights, w)
			}
			if !s3changes(e, a, x) && k != Mean {
				t.Errorf("%s: it does not matter which view a clip is of", k)
			}
			nn.Free(a)
			nn.Free(b)
			s.Close()
		}
	})
}

// s3changes says whether the clips of a study in slots of other views give another answer.
func s3changes(e *torch.Engine, j *Join, x *torch.Tensor) bool {
	v := &nn.Views{Slots: 3, Present: []bool{true, true, true}}
	a := j.Forward(&nn.Pass{E: e, Views: v}, x).Float32s()
	b := j.Forward(&nn.Pass{E: e, Views: v}, x.IndexSelect(0, e.FromInt64s([]int64{2, 0, 1}, 3))).Float32s()
	return !near(a, b, 1e-6)
}

// TestMissingIsAbsent: a study with slots that hold nothing is answered as one that never had them, and one without any clip is no NaN.
func TestMissingIsAbsent(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, k := range Kinds {
			s := e.Scope()
			x := e.Randn(torch.Float32, 2, 5)
			j := build(t, e, three(k), 5)
			wide := &nn.Views{Slots: 3, Present: []bool{true, true, false}, Weigh: true}
			a := j.Forward(&nn.Pass{E: e, Views: wide}, x).Float32s()
			narrow := three(k)
			narrow.Slots = []int{0, 1}
			b := build(t, e, narrow, 5)
			c := b.Forward(&nn.Pass{E: e, Views: &nn.Views{Slots: 2, Present: []bool{true, true}}}, x).Float32s()
			if !near(a, c, 1e-6) {
				t.Errorf("%s: %v with an empty slot, %v without it", k, a, c)
			}
			var sum float64
			for _, w := range wide.Weights {
				sum += float64(w)
			}
			if math.Abs(sum-1) > 1e-5 || wide.Weights[2] != 0 {
				t.Errorf("%s: weights %v", k, wide.Weights)
			}
			half := &nn.Views{Slots: 3, Present: []bool{true, false, true, false, false, false}}
			for _, v := range j.Forward(&nn.Pass{E: e, Views: half}, x).Float32s() {
				if v != v {
					t.Errorf("%s: a study without clips makes NaN", k)
				}
			}
			nn.Free(j)
			nn.Free(b)
			s.Close()
		}
	})
}

// TestEveryParameterLearns: the gradient reaches every tensor, and missing clips leave no NaN in it.
func TestEveryParameterLearns(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, k := range Kinds {
			s := e.Scope()
			j := build(t, e, three(k), 5)
			y := j.Forward(&nn.Pass{E: e, Train: true, Views: some()}, e.Randn(torch.Float32, 6, 5).SetRequiresGrad(true))
			if got := y.Size(1); got != j.Features() {
				t.Errorf("%s: %d features, says %d", k, got, j.Features())
			}
			e.Backward(y.Mul(e.Randn(torch.Float32, y.Shape()...)).Sum())
			j.Visit("", func(name string, q *nn.Param) {
				g := q.T.Grad()
				if g == nil {
					t.Errorf("%s: %s gets no gradient", k, name)
					return
				}
				for _, v := range g.Float32s() {
					if v-v != 0 {
						t.Errorf("%s: %s has the gradient %v", k, name, v)
					}
				}
				g.Free()
			})
			if c := nn.Count(j, 9, 5); c.Params == 0 && k != Mean && k != Late || c.MACs == 0 {
				t.Errorf("%s: cost %+v", k, c)
			}
			nn.Free(j)
			s.Close()
		}
	})
}

func TestWithoutViewsEveryClipIsAStudy(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		j := build(t, e, three(Attention), 4)
		x := e.Randn(torch.Float32, 2, 4)
		a := j.Forward(&nn.Pass{E: e}, x).Float32s()
		b := j.Forward(&nn.Pass{E: e, Views: nn.OneView(2, 3, 0)}, x).Float32s()
		c := j.Forward(&nn.Pass{E: e, Views: nn.OneView(2, 3, 1)}, x).Float32s()
		if !near(a, b, 1e-6) || near(a, c, 1e-6) {
			t.Errorf("%v without views, %v in the first slot, %v in the second", a, b, c)
		}
		nn.Free(j)
	})
}

func TestCheck(t *testing.T) {
	for name, s := range map[string]Spec{
		"kind":     {Kind: "atention", Names: []string{"a"}, Slots: []int{0}},
		"no views": {Kind: Mean},
		"slot":     {Kind: Mean, Names: []string{"a"}, Slots: []int{1}},
		"width":    {Kind: Transformer, Names: []string{"a"}, Slots: []int{0}, Hidden: 12},
		"unnamed":  {Kind: Late, Names: []string{"a"}, Slots: []int{0}, Anonymous: true},
		"backbone": {Kind: Mean, Names: []string{"a"}, Slots: []int{0}, Anonymous: true, Separate: true},
	} {
		if _, err := New(s, 3); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnly(t *testing.T) {
	v := some()
	alone, packed := v.Only(2)
	if !slices.Equal(alone.Present, []bool{false, false, true, false, false, true, false, false, true}) || !slices.Equal(packed, []int64{2, 4, 5}) {
		t.Errorf("%v %v", alone.Present, packed)
	}
}
