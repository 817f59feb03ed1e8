package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/torch"
)

// TestChannelsLast: kernels change their place in memory and nothing else: values, names, gradients, handles.
func TestChannelsLast(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		net := Sequential(NewConv(3, 8, []int64{3, 3, 3}, []int64{1, 1, 1}, []int64{1, 1, 1}), NewBatchNorm(8))
		Materialise(e, net, 5)
		x := e.Randn(torch.Float32, 2, 3, 4, 6, 6)
		before, handles := Export(net), e.LiveHandles()
		run := func() ([]float32, []float32) {
			s := e.Scope()
			defer s.Close()
			y := net.Forward(&Pass{E: e}, x)
			net.Visit("", func(_ string, p *Param) {
				if g := p.T.Grad(); g != nil {
					g.Zero_()
				}
			})
			e.Backward(y.Square().Sum())
			var grad []float32
			net.Visit("", func(name string, p *Param) {
				if name == "0.weight" {
					grad = p.T.Grad().Float32s()
				}
			})
			return y.Float32s(), grad
		}
		y, g := run()
		ChannelsLast(net)
		net.Visit("", func(name string, p *Param) {
			if len(p.Shape) == 5 && (!p.T.IsContiguous(torch.ChannelsLast3d) || p.T.IsContiguous(torch.Contiguous) || !p.T.RequiresGrad() || !p.T.IsLeaf()) {
				t.Errorf("%s is not a learnt kernel stored channels last", name)
			}
		})
		for name, a := range Export(net) {
			have, _ := a.Float32s()
			want, _ := before[name].Float32s()
			if !slices.Equal(have, want) {
				t.Errorf("%s changed", name)
			}
		}
		// libtorch 1.13 does without the layout in convolutions over volumes on a CPU: it computes the same and returns contiguous.
		if !strings.HasPrefix(e.Info().Version, "1.") && !net.Forward(&Pass{E: e}, x).IsContiguous(torch.ChannelsLast3d) {
			t.Error("the output is not channels last")
		}
		flat := NewConv(3, 8, []int64{3, 3}, []int64{1, 1}, []int64{1, 1})
		Materialise(e, flat, 6)
		ChannelsLast(flat)
		if !flat.Forward(&Pass{E: e}, e.Randn(torch.Float32, 2, 3, 6, 6)).IsContiguous(torch.ChannelsLast) {
			t.Error("the output over pictures is not channels last")
		}
		Free(flat)
		y2, g2 := run()
		near(t, "output", y2, y)
		near(t, "gradient", g2, g)
		ChannelsLast(net)                          // again: nothing to do
		if n := e.LiveHandles() - handles; n > 3 { // two outputs and the picture
			t.Errorf("%d more handles", n)
		}
		Free(net)
	})
}

// near compares to rounding: 1e-4 of the largest value.
func near(t *testing.T, what string, have, want []float32) {
	t.Helper()
	var largest, off float64
	for i := range want {
		largest = math.Max(largest, math.Abs(float64(want[i])))
		off = math.Max(off, math.Abs(float64(have[i]-want[i])))
	}
	if len(have) != len(want) || largest == 0 || off > 1e-4*largest {
		t.Errorf("%s: off by %v of %v", what, off, largest)
	}
}
