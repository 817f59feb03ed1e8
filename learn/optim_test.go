package learn

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
	"github.com/google/go-cmp/cmp"
)

// twoParams is a module of a matrix, which decays, and a bias, which does not.
type twoParams struct {
	nn.Module
	weight, bias nn.Param
}

func (m *twoParams) Visit(prefix string, v func(string, *nn.Param)) {
	v(prefix+"weight", &m.weight)
	v(prefix+"bias", &m.bias)
}

// gradient is the formula of testdata/optim.py.
func gradient(e *torch.Engine, step int, phase float64, shape ...int64) *torch.Tensor {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Sin(1.7*float64(step) + 0.9*float64(i) + phase))
	}
	return e.FromFloat32(v, shape...)
}

// TestOptimisersAreTorch compares five steps with torch.optim's, bit for bit: testdata/optim.py wrote them with torch 1.13.
func TestOptimisersAreTorch(t *testing.T) {
	var golden struct {
		SGD      []map[string][]float32 `json:"sgd"`
		Momentum []map[string][]float32 `json:"sgd_momentum"`
		Adam     []map[string][]float32 `json:"adam"`
		AdamW    []map[string][]float32 `json:"adamw"`
	}
	b, err := os.ReadFile("testdata/optim.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	withEngine(t, func(e *torch.Engine) {
		for _, c := range []struct {
			name string
			spec TrainSpec
			lr   float64
			want []map[string][]float32
		}{
			{"sgd", TrainSpec{Optimizer: "sgd", WeightDecay: 0.01}, 0.1, golden.SGD},
			{"sgd with momentum", TrainSpec{Optimizer: "sgd", Momentum: 0.9, WeightDecay: 0.01}, 0.1, golden.Momentum},
			{"adam", TrainSpec{Optimizer: "adam", WeightDecay: 0.05}, 0.01, golden.Adam},
			{"adamw", TrainSpec{Optimizer: "adamw", WeightDecay: 0.05}, 0.01, golden.AdamW},
		} {
			live := e.LiveHandles()
			m := &twoParams{weight: nn.Param{Shape: []int64{3, 2}}, bias: nn.Param{Shape: []int64{3}}}
			m.weight.T = e.FromFloat32([]float32{0.5, -1, 2, 0.25, -0.75, 1.5}, 3, 2).SetRequiresGrad(true).Keep()
			m.bias.T = e.FromFloat32([]float32{0.1, -0.2, 0.3}, 3).SetRequiresGrad(true).Keep()
			o, err := newOptimiser(e, m, c.spec)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.want) != 5 {
				t.Fatalf("%s: %d golden steps", c.name, len(c.want))
			}
			for step, want := range c.want {
				s := e.Scope()
				m.weight.T.SetGrad(gradient(e, step, 0, 3, 2))
				m.bias.T.SetGrad(gradient(e, step, 0.5, 3))
				o.step(c.lr)
				o.zeroGrad()
				s.Close()
				got := map[string][]float32{"weight": m.weight.T.Float32s(), "bias": m.bias.T.Float32s()}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s, step %d: %s", c.name, step+1, d)
				}
			}
			o.visit(func(_ string, x *torch.Tensor) { x.Free() })
			nn.Free(m)
			if left := e.LiveHandles() - live; left != 0 {
				t.Errorf("%s: %d handles are left", c.name, left)
			}
		}
	})
}

// TestClipNorm is torch.nn.utils.clip_grad_norm_ on (3, 4, 0, 12): norm 13, scaled to 6.5 (see testdata/optim.json).
func TestClipNorm(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := &twoParams{weight: nn.Param{Shape: []int64{2, 1}}, bias: nn.Param{Shape: []int64{2}}}
		m.weight.T = e.Zeros(torch.Float32, 2, 1).SetRequiresGrad(true)
		m.bias.T = e.Zeros(torch.Float32, 2).SetRequiresGrad(true)
		o, err := newOptimiser(e, m, TrainSpec{Optimizer: "sgd"})
		if err != nil {
			t.Fatal(err)
		}
		set := func() {
			m.weight.T.SetGrad(e.FromFloat32([]float32{3, 4}, 2, 1))
			m.bias.T.SetGrad(e.FromFloat32([]float32{0, 12}, 2))
		}
		set()
		if norm := o.gradNorm(6.5); norm != 13 {
			t.Errorf("norm %v, want 13", norm)
		}
		if d := cmp.Diff([]float32{1.4999998807907104, 1.9999998807907104}, m.weight.T.Grad().Float32s()); d != "" {
			t.Error(d)
		}
		set()
		if norm := o.gradNorm(14); norm != 13 || m.bias.T.Grad().Float32s()[1] != 12 {
			t.Error("gradients below the limit were changed")
		}
		set()
		o.gradNorm(0)
		if m.bias.T.Grad().Float32s()[1] != 12 {
			t.Error("clipping that is off changed gradients")
		}
		m.bias.T.SetGrad(e.FromFloat32([]float32{float32(math.NaN()), 1}, 2))
		if norm := o.gradNorm(1); !math.IsNaN(norm) {
			t.Errorf("norm %v of a gradient with a NaN", norm)
		}
	})
}

func TestAverager(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := &twoParams{weight: nn.Param{Shape: []int64{1, 1}}, bias: nn.Param{Shape: []int64{1}, Buffer: true}}
		m.weight.T = e.Full(torch.Float32, 1, 1, 1).SetRequiresGrad(true).Keep()
		m.bias.T = e.Full(torch.Float32, 8, 1).Keep()
		a := newAverager(e, m, 0.75)
		e.NoGrad(func() { m.weight.T.Fill_(2); m.bias.T.Fill_(0) })
		// Steps 0 and 100: decay min(0.75, 1/10) = 0.1, then 0.75. 1 → 0.1·1 + 0.9·2 = 1.9 → 0.75·1.9 + 0.25·2 = 1.925.
		a.update(0)
		a.update(100)
		live := m.weight.T
		err := a.with(func() error {
			if w, b := m.weight.T.Item(), m.bias.T.Item(); math.Abs(w-1.925) > 1e-6 || math.Abs(b-0.6) > 1e-6 {
				t.Errorf("averages %v and %v, want 1.925 and 0.6", w, b)
			}
			return nil
		})
		if err != nil || m.weight.T != live || live.Item() != 2 {
			t.Error("the live weights are not back")
		}
	})
}
