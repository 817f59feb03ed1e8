package torch

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// mlpCase is a network with random parameters, statistics, inputs and dropout.
type mlpCase struct {
	net   MLP
	rows  int64
	x     *Tensor
	masks []*Tensor
}

func newMLPCase(e *Engine, widths []int64, rows int64, norm, bias, dropout bool) mlpCase {
	c := mlpCase{net: MLP{Widths: widths, Work: e.Empty(Float32, 0)}, rows: rows, x: e.Randn(Float32, rows, widths[0])}
	n, hidden := int64(0), int64(0)
	last := len(widths) - 1
	for i := 1; i <= last; i++ {
		n += widths[i] * widths[i-1]
		if i < last || bias {
			n += widths[i]
		}
		if i < last {
			hidden += widths[i]
			if norm {
				n += 2 * widths[i]
			}
			if dropout {
				c.masks = append(c.masks, dropoutFactors(e.Rand(Float32, rows, widths[i]), 0.3))
			}
		}
	}
	c.net.Theta = e.Randn(Float32, n).MulScalar(0.5)
	if norm {
		c.net.Stats = e.Rand(Float32, 2*hidden).AddScalar(0.5)
	}
	return c
}

// dropoutFactors are 0 where t is below p and 1/(1−p) elsewhere.
func dropoutFactors(t *Tensor, p float64) *Tensor {
	v := t.Float32s()
	for i, x := range v {
		v[i] = 0
		if float64(x) >= p {
			v[i] = float32(1 / (1 - p))
		}
	}
	return t.e.FromFloat32(v, t.Shape()...)
}

// byOperators is the same network made of single operators; stats are moved when training.
func (c mlpCase) byOperators(theta, stats *Tensor, training bool) *Tensor {
	at, stat := int64(0), int64(0)
	take := func(from *Tensor, at *int64, shape ...int64) *Tensor {
		n := int64(1)
		for _, s := range shape {
			n *= s
		}
		*at += n
		return from.Narrow(0, *at-n, n).View(shape...)
	}
	y := c.x
	w := c.net.Widths
	for i := 1; i < len(w); i++ {
		weight := take(theta, &at, w[i], w[i-1])
		var bias *Tensor
		if i < len(w)-1 || at < theta.Size(0) {
			bias = take(theta, &at, w[i])
		}
		y = Linear(y, weight, bias)
		if i == len(w)-1 {
			break
		}
		y = y.Relu()
		if stats != nil {
			gamma, beta := take(theta, &at, w[i]), take(theta, &at, w[i])
			mean, variance := take(stats, &stat, w[i]), take(stats, &stat, w[i])
			y = BatchNorm(y, gamma, beta, mean, variance, training, 0.1, 1e-5)
		}
		if training && c.masks != nil {
			y = y.Mul(c.masks[i-1])
		}
	}
	return y
}

// wantNear compares to a share of the largest value, as float32 sums in another order differ.
func wantNear(t *testing.T, what string, got, want *Tensor) {
	t.Helper()
	g, w := got.Float32s(), want.Float32s()
	top := 1.0
	for _, v := range w {
		top = math.Max(top, math.Abs(float64(v)))
	}
	if len(g) != len(w) {
		t.Fatalf("%s: %d values, want %d", what, len(g), len(w))
	}
	for i := range w {
		if d := math.Abs(float64(g[i] - w[i])); !(d <= 2e-5*top) {
			t.Fatalf("%s: value %d is %g, operators give %g", what, i, g[i], w[i])
		}
	}
}

// A whole pass in one call equals the operators one by one, forward, backward and with running statistics, for widths and batches that
// are and are not whole vectors.
func TestMLPEqualsOperators(t *testing.T) {
	withEngine(t, func(e *Engine) {
		for _, shape := range []struct {
			widths []int64
			rows   int64
		}{
			{[]int64{9, 32, 32, 1}, 256}, {[]int64{3, 5, 4, 2}, 9}, {[]int64{1, 8, 10}, 2}, {[]int64{17, 24, 7, 40, 3}, 131}, {[]int64{6, 5}, 5}, {[]int64{70, 100, 11}, 66},
		} {
			for k := range 8 {
				norm, bias, dropout := k&1 == 0, k&2 == 0, k&4 == 0
				s := e.Scope()
				c := newMLPCase(e, shape.widths, shape.rows, norm, bias, dropout)
				name := fmt.Sprintf("%v × %d, norm %v, bias %v, dropout %v: ", shape.rows, shape.widths, norm, bias, dropout)
				var stats *Tensor
				if norm {
					stats = c.net.Stats.Clone()
				}
				out, last := e.Empty(Float32, shape.rows, shape.widths[len(shape.widths)-1]), len(shape.widths)-1
				theta := c.net.Theta.Clone().SetRequiresGrad(true)
				want := c.byOperators(theta, stats, true)
				c.net.Forward(c.x, c.masks, out)
				wantNear(t, name+"forward", out, want)
				by := e.Randn(Float32, shape.rows, shape.widths[last])
				e.Backward(want.Mul(by).Sum())
				grad := e.Full(Float32, math.NaN(), theta.Size(0)) // every element must be written
				c.net.Backward(c.x, c.masks, by, grad)
				wantNear(t, name+"gradient", grad, theta.Grad())
				if norm && last > 1 {
					wantNear(t, name+"running statistics", c.net.Stats, stats)
				}
				c.net.Eval(c.x, nil, out)
				e.NoGrad(func() { wantNear(t, name+"eval", out, c.byOperators(c.net.Theta, stats, false)) })
				if last > 1 { // the last input column through the shift instead
					p, h := shape.widths[0], shape.widths[1]
					w := c.net.Theta.Narrow(0, 0, h*p).View(h, p)
					first := Linear(c.x, w, c.net.Theta.Narrow(0, h*p, h))
					move := w.Narrow(1, p-1, 1).Reshape(h).Contiguous(Contiguous)
					c.net.Eval(first.Sub(move), move, out)
					e.NoGrad(func() { wantNear(t, name+"eval with a shift", out, c.byOperators(c.net.Theta, stats, false)) })
				}
				s.Close()
			}
		}
	})
}

// Adam on one vector follows Kingma and Ba's algorithm 1 in float64, with decay and without, also where gradients vanish or are huge.
func TestAdamOnAVector(t *testing.T) {
	withEngine(t, func(e *Engine) {
		const n = 13
		for _, decay := range []float64{0, 0.1} {
			theta, grad := e.Ones(Float32, n), e.Zeros(Float32, n)
			first, second := e.Zeros(Float32, n), e.Zeros(Float32, n)
			var want, m, v [n]float64
			for i := range want {
				want[i] = 1
			}
			for step := 1; step <= 20; step++ {
				grad.WithFloat32s(func(g []float32) {
					for i := range g {
						g[i] = float32(math.Sin(float64(step*i))) * float32(math.Pow(10, float64(i-8)))
						if i == 12 {
							g[i] = 0
						}
						m[i] = 0.9*m[i] + 0.1*float64(g[i])
						v[i] = 0.999*v[i] + 0.001*float64(g[i])*float64(g[i])
						want[i] *= 1 - 0.01*decay
						want[i] -= 0.01 * m[i] / (1 - math.Pow(0.9, float64(step))) / (math.Sqrt(v[i]/(1-math.Pow(0.999, float64(step)))) + 1e-8)
					}
				})
				Adam(theta, grad, first, second, step, 0.01, decay)
			}
			for i, got := range theta.Float32s() {
				if math.Abs(float64(got)-want[i]) > 2e-6 {
					t.Errorf("decay %g, value %d: %g after 20 steps, want %g", decay, i, got, want[i])
				}
			}
		}
	})
}

// What does not fit is refused by name, before any memory is touched.
func TestMLPRefuses(t *testing.T) {
	withEngine(t, func(e *Engine) {
		c := newMLPCase(e, []int64{3, 5, 2}, 4, true, true, true)
		out := e.Empty(Float32, 4, 2)
		refused := func(what, says string, fn func()) {
			t.Helper()
			defer func() {
				err, ok := recover().(*Error)
				if !ok || !strings.Contains(err.Message, says) {
					t.Errorf("%s: %v, want an error that says %q", what, err, says)
				}
			}()
			fn()
		}
		refused("a backward pass alone", "without its forward pass", func() { c.net.Backward(c.x, c.masks, out, c.net.Theta.ZerosLike()) })
		refused("inputs of another width", "the input must be 12", func() { c.net.Forward(e.Zeros(Float32, 4, 4), c.masks, out) })
		refused("a short output", "the output must be 8", func() { c.net.Forward(c.x, c.masks, e.Empty(Float32, 3, 2)) })
		refused("too few masks", "a mask for each hidden layer", func() {
			m := c.net
			m.Widths = []int64{3, 5, 5, 2}
			m.Theta, m.Stats = e.Zeros(Float32, 20+10+30+10+12), e.Ones(Float32, 20)
			m.Forward(c.x, c.masks, out)
		})
		refused("parameters of another network", "the parameters must be", func() {
			m := c.net
			m.Theta = e.Zeros(Float32, 7)
			m.Forward(c.x, c.masks, out)
		})
		refused("float64", "float32", func() { c.net.Forward(c.x.To(CPU, Float64), c.masks, out) })
		refused("a column of a wider table", "contiguous", func() { c.net.Forward(e.Zeros(Float32, 4, 6).Narrow(1, 0, 3), c.masks, out) })
		refused("one row to normalise", "no variance", func() { c.net.Forward(c.x.Narrow(0, 0, 1), nil, out) })
		refused("a width of zero", "must be positive", func() {
			m := c.net
			m.Widths = []int64{3, 0, 2}
			m.Forward(c.x, nil, out)
		})
		refused("no output", "one for its output", func() {
			m := c.net
			m.Widths = []int64{3}
			m.Forward(c.x, nil, out)
		})
		refused("a shift without a hidden layer", "nothing to shift", func() {
			m := MLP{Widths: []int64{3, 2}, Theta: e.Zeros(Float32, 8), Work: c.net.Work}
			m.Eval(c.x, e.Zeros(Float32, 2), out)
		})
		refused("a gradient of another size", "the gradient must be", func() {
			c.net.Forward(c.x, c.masks, out)
			c.net.Backward(c.x, c.masks, out, e.Zeros(Float32, 3))
		})
	})
}
