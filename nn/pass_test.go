package nn

import (
	"math"
	"testing"

	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

func withEngine(t *testing.T, fn func(e *torch.Engine)) { torchtest.Run(t, 2, fn) }

// tiny is a residual network of a few channels.
func tiny() Chain {
	conv := func(in, out, stride int64) *Conv {
		return NewConv(in, out, []int64{3, 3}, []int64{stride, stride}, []int64{1, 1})
	}
	return Chain{
		{"stem", Sequential(conv(1, 3, 1), NewBatchNorm(3), ReLU{})},
		{"block", &Residual{
			Main: Chain{{"conv1", Sequential(conv(3, 4, 2), NewBatchNorm(4), ReLU{})}, {"conv2", Sequential(conv(4, 4, 1), NewBatchNorm(4))}},
			Down: Sequential(NewConv(3, 4, []int64{1, 1}, []int64{2, 2}, []int64{0, 0}), NewBatchNorm(4)),
		}},
		{"pool", GlobalAvgPool{}},
		{"fc", NewLinear(4, 2, Normal(1), nil)},
	}
}

// TestCapturedGradient: the scores are fc(mean(block)), so that the gradient of score k by the block's output is fc.weight[k]/positions.
func TestCapturedGradient(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := tiny()
		Materialise(e, m, 2)
		defer Free(m)
		before := e.LiveHandles()
		s := e.Scope()
		x := e.Randn(torch.Float32, 2, 1, 6, 8)
		plain := m.Forward(&Pass{E: e}, x).Float32s()
		p := &Pass{E: e}
		p.Capture("block", "block.conv1.0", "nowhere")
		y := m.Forward(p, x)
		for i, v := range y.Float32s() {
			if v != plain[i] {
				t.Errorf("capturing changed score %d from %v to %v", i, plain[i], v)
			}
		}
		act := p.Captured("block")
		if p.Captured("nowhere") != nil || act == nil {
			t.Fatal("wrong captures")
		}
		g := e.Grad([]*torch.Tensor{y.Select(1, 1).Sum()}, []*torch.Tensor{act}, torch.GradOptions{})[0]
		w := values(t, Export(m)["fc.weight"])[4:]
		grad, positions := g.Float32s(), 3*4
		for i, v := range grad {
			if want := float64(w[i/positions%4]) / float64(positions); math.Abs(float64(v)-want) > 1e-7 {
				t.Fatalf("gradient %d is %v, want %v", i, v, want)
			}
		}
		if c := p.Captured("block.conv1.0").Shape(); c[1] != 4 || c[2] != 3 || c[3] != 4 {
			t.Errorf("conv1's output has shape %v", c)
		}
		p.Release()
		s.Close()
		if left := e.LiveHandles() - before; left != 0 {
			t.Errorf("%d handles are left", left)
		}
	})
}

// TestFiniteDifferences: the gradient of a parameter is the slope of the loss.
func TestFiniteDifferences(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := tiny()
		Materialise(e, m, 2)
		defer Free(m)
		x, mix := e.Randn(torch.Float32, 3, 1, 6, 8), e.Randn(torch.Float32, 3, 2)
		loss := func() *torch.Tensor { return m.Forward(&Pass{E: e, Train: true}, x).Mul(mix).Sum() }
		e.Backward(loss())
		m.Visit("", func(name string, p *Param) {
			if p.Buffer {
				return
			}
			g := p.T.Grad().Float32s()
			values := p.T.Float32s()
			i := len(values) / 2
			const h = 1e-3
			at := func(d float32) float64 {
				v := append([]float32{}, values...)
				v[i] += d
				p.set(e, torch.ArrayOf(v, p.Shape...))
				defer p.set(e, torch.ArrayOf(values, p.Shape...))
				return loss().Item()
			}
			slope := (at(h) - at(-h)) / (2 * h)
			if math.Abs(slope-float64(g[i])) > 0.02*math.Max(1, math.Abs(slope)) {
				t.Errorf("%s[%d]: gradient %v, slope %v", name, i, g[i], slope)
			}
		})
	})
}

// TestStatistics: one training pass moves the running mean a tenth of the way and counts a batch; evaluation changes nothing.
func TestStatistics(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := Chain{{"bn", NewBatchNorm(1)}}
		Materialise(e, m, 1)
		defer Free(m)
		x := e.FromFloat32([]float32{1, 3, 5, 7}, 2, 1, 1, 2)
		m.Forward(&Pass{E: e, Train: true}, x)
		m.Forward(&Pass{E: e}, x)
		v := Export(m)
		// Mean 4; unbiased variance (9+1+1+9)/3: 0.9·1 + 0.1·20/3.
		if got := values(t, v["bn.running_mean"])[0]; math.Abs(float64(got)-0.4) > 1e-6 {
			t.Errorf("running mean %v", got)
		}
		if got := values(t, v["bn.running_var"])[0]; math.Abs(float64(got)-(0.9+2.0/3)) > 1e-6 {
			t.Errorf("running variance %v", got)
		}
		if got := values(t, v["bn.num_batches_tracked"])[0]; got != 1 {
			t.Errorf("%v batches counted", got)
		}
	})
}

func TestDropout(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		x := e.Ones(torch.Float32, 1000)
		d := Dropout{Rate: 0.25}
		if y := d.Forward(&Pass{E: e}, x); y != x {
			t.Error("dropout acts in evaluation")
		}
		e.ManualSeed(9)
		a := d.Forward(&Pass{E: e, Train: true}, x).Float32s()
		e.ManualSeed(9)
		b := d.Forward(&Pass{E: e, Train: true}, x).Float32s()
		var zeros int
		for i, v := range a {
			if v != b[i] {
				t.Fatal("equal seeds, other masks")
			}
			switch {
			case v == 0:
				zeros++
			case math.Abs(float64(v)-4.0/3) > 1e-6:
				t.Fatalf("kept value %v, want 4/3", v)
			}
		}
		if zeros < 200 || zeros > 300 {
			t.Errorf("%d of 1000 dropped at rate 0.25", zeros)
		}
	})
}

// TestTemporariesEnd: while a chain runs without a gradient, what its links put out is freed on the way; only the output is left.
func TestTemporariesEnd(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := tiny()
		Materialise(e, m, 2)
		defer Free(m)
		x := e.Randn(torch.Float32, 2, 1, 6, 8)
		before := e.LiveHandles()
		var y *torch.Tensor
		e.NoGrad(func() { y = m.Forward(&Pass{E: e}, x) })
		if left := e.LiveHandles() - before; left != 1 {
			t.Errorf("%d handles live after a pass, want the output alone", left)
		}
		if len(x.Float32s()) != 96 || len(y.Float32s()) != 4 {
			t.Error("input or output was freed")
		}
	})
}

// TestMaxPool: 3×3 at stride 2 with a border, on numbers whose windows can be read off.
func TestMaxPool(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		x := e.FromFloat32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 1, 1, 3, 4)
		y := MaxPool2d().Forward(&Pass{E: e}, x)
		out, _ := MaxPool2d().Cost(x.Shape())
		if s := y.Shape(); s[2] != out[2] || s[3] != out[3] {
			t.Errorf("shape %v, counted %v", s, out)
		}
		for i, want := range []float32{6, 8, 10, 12} {
			if got := y.Float32s()[i]; got != want {
				t.Errorf("window %d: %v, want %v", i, got, want)
			}
		}
	})
}

// TestCopiesBeforeOverwriting: capturing keeps an activation as it was put out, though the next link works in place.
func TestCopiesBeforeOverwriting(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		m := Chain{{"bn", NewBatchNorm(1)}, {"relu", ReLU{}}}
		Materialise(e, m, 1)
		defer Free(m)
		x := e.FromFloat32([]float32{-2, 3}, 1, 1, 1, 2)
		p := &Pass{E: e}
		p.Capture("bn")
		var y *torch.Tensor
		e.NoGrad(func() { y = m.Forward(p, x) })
		if v := p.Captured("bn").Float32s(); v[0] >= 0 {
			t.Errorf("captured %v: the ReLU wrote over it", v)
		}
		if v := y.Float32s(); v[0] != 0 || v[1] <= 2.9 {
			t.Errorf("output %v", v)
		}
		p.Release()
	})
}
