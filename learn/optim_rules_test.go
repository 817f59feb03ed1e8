package learn

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// TestLambAndLion follows three steps of one weight matrix and one bias in plain arithmetic, written from the papers' algorithms.
func TestLambAndLion(t *testing.T) {
	const decay, lr = 0.05, 0.01
	norm := func(v []float64) (s float64) {
		for _, x := range v {
			s += x * x
		}
		return math.Sqrt(s)
	}
	type state struct{ w, m, v []float64 }
	lamb := func(s *state, g []float64, decay float64, step int) {
		u := make([]float64, len(g))
		for i := range g {
			s.m[i] = 0.9*s.m[i] + 0.1*g[i]
			s.v[i] = 0.999*s.v[i] + 0.001*g[i]*g[i]
			mh, vh := s.m[i]/(1-math.Pow(0.9, float64(step))), s.v[i]/(1-math.Pow(0.999, float64(step)))
			u[i] = mh/(math.Sqrt(vh)+1e-6) + decay*s.w[i]
		}
		ratio := 1.0
		if decay > 0 {
			ratio = norm(s.w) / norm(u)
		}
		for i := range u {
			s.w[i] -= lr * ratio * u[i]
		}
	}
	lion := func(s *state, g []float64, decay float64, _ int) {
		for i := range g {
			c := 0.9*s.m[i] + 0.1*g[i]
			sign := 0.0
			if c != 0 {
				sign = math.Copysign(1, c)
			}
			s.w[i] -= lr * (sign + decay*s.w[i])
			s.m[i] = 0.99*s.m[i] + 0.01*g[i]
		}
	}
	withEngine(t, func(e *torch.Engine) {
		for name, rule := range map[string]func(*state, []float64, float64, int){"lamb": lamb, "lion": lion} {
			m := &twoParams{weight: nn.Param{Shape: []int64{3, 2}}, bias: nn.Param{Shape: []int64{3}}}
			m.weight.T = e.FromFloat32([]float32{0.5, -1, 2, 0.25, -0.75, 1.5}, 3, 2).SetRequiresGrad(true).Keep()
			m.bias.T = e.FromFloat32([]float32{0.1, -0.2, 0.3}, 3).SetRequiresGrad(true).Keep()
			w := &state{[]float64{0.5, -1, 2, 0.25, -0.75, 1.5}, make([]float64, 6), make([]float64, 6)}
			b := &state{[]float64{0.1, -0.2, 0.3}, make([]float64, 3), make([]float64, 3)}
			o, err := newOptimiser(e, m, TrainSpec{Optimizer: name, WeightDecay: decay})
			if err != nil {
				t.Fatal(err)
			}
			for step := range 3 {
				gw, gb := gradient(e, step, 0, 3, 2), gradient(e, step, 0.5, 3)
				rule(w, widen(gw.Float32s()), decay, step+1)
				rule(b, widen(gb.Float32s()), 0, step+1)
				m.weight.T.SetGrad(gw)
				m.bias.T.SetGrad(gb)
				o.step(lr)
				o.zeroGrad()
			}
			for i, got := range append(widen(m.weight.T.Float32s()), widen(m.bias.T.Float32s())...) {
				if want := append(slices.Clone(w.w), b.w...)[i]; math.Abs(got-want) > 1e-6 {
					t.Errorf("%s, value %d: %v, by hand %v", name, i, got, want)
				}
			}
			o.visit(func(_ string, x *torch.Tensor) { x.Free() })
			nn.Free(m)
		}
	})
}

func widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func TestLayerOf(t *testing.T) {
	for name, want := range map[string]string{
		"stem.0.weight": "stem.0", "layer1.0.conv1.0.weight": "layer1.0", "fc.weight": "fc", "features.4.1.block.0.weight": "features.4.1",
		"encoder.layers.encoder_layer_5.ln_1.weight": "encoder.layers.encoder_layer_5", "class_token": "class_token", "conv1.weight": "conv1",
		"blocks.3.norm1.weight": "blocks.3",
	} {
		if got := layerOf(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestLayerDecayAndFreeze: with decay 0.5 the last layer learns at the whole rate and each one before at half of it; what is frozen stays
// bit for bit until its epoch.
func TestLayerDecayAndFreeze(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		net := nn.Sequential(nn.NewLinear(2, 2, nn.Constant(1), nil), nn.NewLinear(2, 2, nn.Constant(1), nil), nn.NewLinear(2, 1, nn.Constant(1), nil))
		nn.Materialise(e, net, 1)
		o, err := newOptimiser(e, net, TrainSpec{Optimizer: "sgd", LayerDecay: 0.5, Freeze: []string{"1"}, FreezeEpochs: 2})
		if err != nil {
			t.Fatal(err)
		}
		moved := func() map[string]float64 {
			before := nn.Export(net)
			x := e.FromFloat32([]float32{1, 1}, 1, 2)
			e.Backward(net.Forward(&nn.Pass{E: e}, x).Sum())
			grad := map[string]float64{}
			net.Visit("", func(name string, p *nn.Param) {
				if g := p.T.Grad(); g != nil {
					grad[name] = float64(g.Float32s()[0])
				}
			})
			o.step(0.01)
			o.zeroGrad()
			out := map[string]float64{}
			for name, a := range nn.Export(net) {
				now, _ := a.Float32s()
				was, _ := before[name].Float32s()
				if out[name] = float64(was[0] - now[0]); grad[name] != 0 {
					out[name] /= grad[name]
				}
			}
			return out
		}
		first := moved()
		for name, want := range map[string]float64{"0.weight": 0.0025, "1.weight": 0, "1.bias": 0, "2.weight": 0.01, "2.bias": 0.01} {
			if math.Abs(first[name]-want) > 1e-6 {
				t.Errorf("%s learnt at %v, want %v", name, first[name], want)
			}
		}
		o.thaw(2)
		if got := moved()["1.weight"]; math.Abs(got-0.005) > 1e-6 {
			t.Errorf("after its epochs the frozen layer learns at %v, want 0.005", got)
		}
		for _, s := range []TrainSpec{{Optimizer: "sgd", Freeze: []string{"9"}}, {Optimizer: "sgd", Freeze: []string{"0", "1", "2"}}, {Optimizer: "adagrad"}} {
			if _, err := newOptimiser(e, net, s); fault.CodeOf(err) != fault.Usage {
				t.Errorf("%+v: %v", s, err)
			}
		}
		nn.Free(net)
	})
}

// TestFrozenTraining: a training with frozen parts that thaw resumes to the bit; frozen for good, their weights end as they began.
func TestFrozenTraining(t *testing.T) {
	needEngine(t)
	data := toyClips(t, 24)
	for _, optimizer := range []string{"lion", "lamb"} {
		p := toyPlan(data)
		p.Train.Optimizer, p.Train.LR, p.Train.LayerDecay = optimizer, 1e-3, 0.8
		p.Train.Freeze, p.Train.FreezeEpochs = []string{"stem", "layer1"}, 1
		c := loadToy(t, p)
		fold, whole, parts := toyFold(c), t.TempDir(), t.TempDir()
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: whole})
		if err := errStopAfter(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: parts}, 2); fault.CodeOf(err) != fault.Interrupted {
			t.Fatal(err)
		}
		train(t, TrainOptions{Plan: p, Cohort: c, Fold: fold, Dir: parts, Resume: true})
		sameRun(t, optimizer, parts, whole)
	}
	p := toyPlan(data)
	p.Train.Freeze = []string{"stem"}
	c := loadToy(t, p)
	dir := t.TempDir()
	if _, err := Train(context.Background(), TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	_, end := values(t, dir, lastFile)
	withEngine(t, func(e *torch.Engine) {
		m, err := LoadModel(e, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		nn.Free(m.Net)
		nn.Materialise(e, m.Net, p.Seed)
		for name, a := range nn.Export(m.Net) {
			if filepath.Ext(name) != ".weight" {
				continue
			}
			start, _ := a.Float32s()
			now, _ := end[name].Float32s()
			if frozen := slices.Equal(start, now); frozen != (len(name) > 4 && name[:4] == "stem") {
				t.Errorf("%s unchanged: %v", name, frozen)
			}
		}
	})
}
