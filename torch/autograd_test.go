package torch

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestGradientsByHand(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.FromFloat32([]float32{1, 2}, 2).SetRequiresGrad(true)
		y := e.FromFloat32([]float32{3, 5}, 2).SetRequiresGrad(true)
		loss := x.Mul(y).Add(x.Square()).Sum() // d/dx = y + 2x, d/dy = x
		g := e.Grad([]*Tensor{loss}, []*Tensor{x, y}, GradOptions{RetainGraph: true})
		if !slices.Equal(g[0].Float32s(), []float32{5, 9}) || !slices.Equal(g[1].Float32s(), []float32{1, 2}) {
			t.Errorf("grad %v %v", g[0].Float32s(), g[1].Float32s())
		}
		if x.Grad() != nil {
			t.Error("Grad touched the leaf's gradient")
		}
		e.BackwardWith([]*Tensor{loss}, GradOptions{RetainGraph: true, Inputs: []*Tensor{x}})
		if !slices.Equal(x.Grad().Float32s(), []float32{5, 9}) || y.Grad() != nil {
			t.Error("backward into chosen inputs")
		}
		e.Backward(loss)
		if !slices.Equal(x.Grad().Float32s(), []float32{10, 18}) {
			t.Errorf("gradients do not accumulate: %v", x.Grad().Float32s())
		}
		if err := e.Try(func() { e.Backward(loss) }); err == nil || !strings.Contains(err.Error(), "second time") {
			t.Errorf("a freed graph: %v", err)
		}
		x.SetGrad(nil)
		if x.Grad() != nil {
			t.Error("SetGrad(nil)")
		}
		x.SetGrad(e.Ones(Float32, 2))
		if x.Grad().Sum().Item() != 2 {
			t.Error("SetGrad")
		}
		if !loss.RequiresGrad() || loss.IsLeaf() || loss.Detach().RequiresGrad() {
			t.Error("graph metadata")
		}
	})
}

func TestGradOfSeveralOutputsAndSecondOrder(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.FromFloat64s([]float64{2, 3}, 2).SetRequiresGrad(true)
		unused := e.Ones(Float64, 1).SetRequiresGrad(true)
		cube, square := x.PowScalar(3), x.Square()
		g := e.Grad([]*Tensor{cube, square}, []*Tensor{x}, GradOptions{
			GradOutputs: []*Tensor{e.Ones(Float64, 2), e.FromFloat64s([]float64{10, 0}, 2)}, CreateGraph: true})[0]
		if got := g.Float64s(); !slices.Equal(got, []float64{12 + 40, 27}) { // 3x² + w·2x
			t.Errorf("first order %v", got)
		}
		second := e.Grad([]*Tensor{g.Sum()}, []*Tensor{x, unused}, GradOptions{AllowUnused: true})
		if got := second[0].Float64s(); !slices.Equal(got, []float64{12 + 20, 18}) || second[1] != nil { // 6x + 2w
			t.Errorf("second order %v, unused %v", got, second[1])
		}
		if err := e.Try(func() { e.Grad([]*Tensor{x.Sum()}, []*Tensor{unused}, GradOptions{}) }); err == nil {
			t.Error("an unused input was allowed")
		}
	})
}

// Finite differences agree with the gradient of a small network in float64.
func TestGradientsAgainstDifferences(t *testing.T) {
	withEngine(t, func(e *Engine) {
		e.ManualSeed(4)
		x, w := e.Randn(Float64, 1, 2, 3, 4, 4), e.Randn(Float64, 2, 2, 2, 3, 3)
		f := func(w *Tensor) *Tensor {
			y := Conv3d(x, w, nil, ints{1, 1, 1}, ints{0, 1, 1}, ints{1, 1, 1}, 1)
			y = BatchNorm(y, nil, nil, nil, nil, true, 0.1, 1e-5)
			return y.Silu().Square().Mean()
		}
		leaf := w.Clone().SetRequiresGrad(true)
		got := e.Grad([]*Tensor{f(leaf)}, []*Tensor{leaf}, GradOptions{})[0].Float64s()
		base := w.Float64s()
		const h = 1e-6
		for _, i := range []int{0, 7, 35, 71} {
			at := func(d float64) float64 {
				moved := slices.Clone(base)
				moved[i] += d
				return f(e.FromFloat64s(moved, 2, 2, 2, 3, 3)).Item()
			}
			if want := (at(h) - at(-h)) / (2 * h); math.Abs(got[i]-want) > 1e-7 {
				t.Errorf("weight %d: gradient %g, differences %g", i, got[i], want)
			}
		}
	})
}

func TestModes(t *testing.T) {
	withEngine(t, func(e *Engine) {
		w := e.Ones(Float32, 2, 2).SetRequiresGrad(true)
		e.NoGrad(func() {
			if w.Relu().RequiresGrad() {
				t.Error("NoGrad records")
			}
			e.EnableGrad(func() {
				if !w.Relu().RequiresGrad() {
					t.Error("EnableGrad inside NoGrad does not record")
				}
			})
			if w.Relu().RequiresGrad() {
				t.Error("NoGrad was not restored")
			}
		})
		e.InferenceMode(func() {
			y := w.Relu()
			if y.RequiresGrad() {
				t.Error("InferenceMode records")
			}
		})
		if !w.Relu().RequiresGrad() {
			t.Error("recording was not restored")
		}
	})
}

func TestAutocast(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x, w := e.Ones(Float32, 2, 4), e.Full(Float32, 0.1, 3, 4).SetRequiresGrad(true)
		e.Autocast(BFloat16, func() {
			y := Linear(x, w, nil)
			if y.DType() != BFloat16 {
				t.Errorf("linear runs in %s", y.DType())
			}
			e.NoAutocast(func() {
				if d := Linear(x, w, nil).DType(); d != Float32 {
					t.Errorf("linear without autocast runs in %s", d)
				}
			})
			if d := Linear(x, w, nil).DType(); d != BFloat16 {
				t.Errorf("autocast was not restored: %s", d)
			}
			e.Backward(y.To(Float32).Mean())
		})
		// d mean/d w = mean of x = 1/6·Σ over 2 rows = 1/3, which bfloat16 rounds to 0.333984375.
		if g := w.Grad(); g.DType() != Float32 || math.Abs(g.Mean().Item()-1.0/3) > 1.0/256 {
			t.Errorf("gradient %v %v", g, g.Float32s())
		}
		if d := Linear(x, w, nil).DType(); d != Float32 {
			t.Errorf("after autocast: %s", d)
		}
		// float16 on the CPU is for versions that have the kernels; others refuse with libtorch's words and leave autocast.
		err := e.Try(func() {
			e.Autocast(Float16, func() {
				if d := Linear(x, w, nil).DType(); d != Float16 {
					t.Errorf("linear runs in %s", d)
				}
			})
		})
		if err != nil && !strings.Contains(err.Error(), "Half") && !strings.Contains(err.Error(), "only support Bfloat16") {
			t.Errorf("float16: %v", err)
		}
		if d := Linear(x, w, nil).DType(); d != Float32 {
			t.Errorf("after float16 autocast: %s", d)
		}
	})
}

func TestClipGradNorm(t *testing.T) {
	withEngine(t, func(e *Engine) {
		a, b, none := e.Zeros(Float32, 1).SetRequiresGrad(true), e.Zeros(Float32, 1).SetRequiresGrad(true), e.Zeros(Float32, 1)
		a.SetGrad(e.Full(Float32, 3, 1))
		b.SetGrad(e.Full(Float32, -4, 1))
		if n := ClipGradNorm([]*Tensor{a, none, b}, 10); n != 5 || a.Grad().Item() != 3 {
			t.Errorf("norm %g, gradient %g; want 5 and 3 left alone", n, a.Grad().Item())
		}
		if n := ClipGradNorm([]*Tensor{a, none, b}, 1); n != 5 || math.Abs(a.Grad().Item()-0.6) > 1e-6 || math.Abs(b.Grad().Item()+0.8) > 1e-6 {
			t.Errorf("norm %g, gradients %g %g; want 5, 0.6, -0.8", n, a.Grad().Item(), b.Grad().Item())
		}
		if ClipGradNorm(nil, 1) != 0 || ClipGradNorm([]*Tensor{none}, 1) != 0 {
			t.Error("no gradients must have norm 0")
		}
	})
}

func TestForeachByHand(t *testing.T) {
	withEngine(t, func(e *Engine) {
		lists := func() (ts, us []*Tensor) {
			for i := range 3 {
				ts, us = append(ts, e.Full(Float32, float64(i+1), 2)), append(us, e.Full(Float32, 4, 2))
			}
			return ts, us
		}
		for name, c := range map[string]struct {
			fn   func(ts, us []*Tensor)
			want [3]float64
		}{
			"add":         {func(ts, us []*Tensor) { ForeachAdd_(ts, us, 0.5) }, [3]float64{3, 4, 5}},
			"add scalar":  {func(ts, _ []*Tensor) { ForeachAddScalar_(ts, 0.5) }, [3]float64{1.5, 2.5, 3.5}},
			"sub":         {func(ts, us []*Tensor) { ForeachSub_(ts, us, 0.5) }, [3]float64{-1, 0, 1}},
			"mul":         {func(ts, us []*Tensor) { ForeachMul_(ts, us) }, [3]float64{4, 8, 12}},
			"mul scalar":  {func(ts, _ []*Tensor) { ForeachMulScalar_(ts, -2) }, [3]float64{-2, -4, -6}},
			"mul scalars": {func(ts, _ []*Tensor) { ForeachMulScalars_(ts, []float64{1, 2, 3}) }, [3]float64{1, 4, 9}},
			"div":         {func(ts, us []*Tensor) { ForeachDiv_(ts, us) }, [3]float64{0.25, 0.5, 0.75}},
			"div scalar":  {func(ts, _ []*Tensor) { ForeachDivScalar_(ts, 2) }, [3]float64{0.5, 1, 1.5}},
			"addcmul":     {func(ts, us []*Tensor) { ForeachAddcmul_(ts, us, us, 0.25) }, [3]float64{5, 6, 7}},
			"addcdiv":     {func(ts, us []*Tensor) { ForeachAddcdiv_(ts, us, us, 2) }, [3]float64{3, 4, 5}},
			"lerp":        {func(ts, us []*Tensor) { ForeachLerp_(ts, us, 0.5) }, [3]float64{2.5, 3, 3.5}},
			"zero":        {func(ts, _ []*Tensor) { ForeachZero_(ts) }, [3]float64{}},
			"maximum":     {func(ts, us []*Tensor) { ForeachMaximum_(us, ts); ForeachMaximum_(ts, us) }, [3]float64{4, 4, 4}},
			"sqrt": {func(ts, us []*Tensor) {
				for i, r := range ForeachSqrt(us) {
					ts[i].Copy_(r)
				}
			}, [3]float64{2, 2, 2}},
			"norm": {func(ts, us []*Tensor) {
				for i, n := range ForeachNorm(us) {
					ts[i].Fill_(n.Square().Item())
				}
			}, [3]float64{32, 32, 32}},
			"empty lists": {func(_, _ []*Tensor) { ForeachAdd_(nil, nil, 1); ForeachZero_(nil); ForeachSqrt(nil) }, [3]float64{1, 2, 3}},
		} {
			ts, us := lists()
			c.fn(ts, us)
			for i, x := range ts {
				if got := x.Select(0, 1).Item(); math.Abs(got-c.want[i]) > 1e-5 {
					t.Errorf("%s: list element %d is %g, want %g", name, i, got, c.want[i])
				}
			}
		}
	})
}

// A small network learns to tell a bar that moves right from one that moves left. Autocast to bfloat16 must learn it as well: both
// end below a twentieth of chance's loss, ln 2, from the same start and data.
func TestAutocastLearnsAsWell(t *testing.T) {
	withEngine(t, func(e *Engine) {
		const n, frames, width, steps = 16, 6, 12, 80
		clips, labels := make([]float32, n*frames*width*width), make([]int64, n)
		for i := range n {
			labels[i] = int64(i % 2)
			for f := range frames {
				column := (i + f) % width
				if labels[i] == 1 {
					column = (i + width - f) % width
				}
				for row := range width {
					clips[((i*frames+f)*width+row)*width+column] = 1
				}
			}
		}
		train := func(bf16 bool) float64 {
			s := e.Scope()
			defer s.Close()
			e.ManualSeed(3)
			w1 := e.Randn(Float32, 8, 1, 3, 3, 3).MulScalar_(0.2).SetRequiresGrad(true)
			w2 := e.Randn(Float32, 2, 8).MulScalar_(0.3).SetRequiresGrad(true)
			ps := []*Tensor{w1, w2}
			x, y := e.FromFloat32(clips, n, 1, frames, width, width), e.FromInt64s(labels, n)
			momentum := []*Tensor{w1.Detach().ZerosLike(), w2.Detach().ZerosLike()}
			last := 0.0
			for range steps {
				step := e.Scope()
				var scores *Tensor
				forward := func() {
					h := Conv3d(x, w1, nil, ints{1, 1, 1}, ints{0, 0, 0}, ints{1, 1, 1}, 1).Relu()
					scores = Linear(h.Mean(2, 3, 4), w2, nil)
				}
				if bf16 {
					e.Autocast(BFloat16, forward)
				} else {
					forward()
				}
				loss := CrossEntropyLoss(scores.To(Float32), y, nil, ReduceMean, -100, 0)
				e.Backward(loss)
				e.NoGrad(func() {
					grads := []*Tensor{w1.Grad(), w2.Grad()}
					ForeachMulScalar_(momentum, 0.9)
					ForeachAdd_(momentum, grads, 1)
					ForeachAdd_(ps, momentum, -0.5)
					ForeachZero_(grads)
				})
				last = loss.Item()
				step.Close()
			}
			return last
		}
		plain, cast := train(false), train(true)
		t.Logf("loss after %d steps: float32 %.5f, bfloat16 %.5f", steps, plain, cast)
		if limit := math.Ln2 / 20; plain > limit || cast > limit {
			t.Errorf("loss float32 %g, bfloat16 %g; want below %g", plain, cast, limit)
		}
	})
}
