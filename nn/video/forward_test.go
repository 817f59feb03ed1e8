package video

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// atLeast is an input [n, c, T, H, W] that the network takes.
func atLeast(a Architecture, in ...int64) []int64 {
	for i, least := range a.Least {
		in[2+i] = max(in[2+i], least)
	}
	return in
}

// TestShapes: what the networks compute has the shapes that the counts are made of, down to the smallest input that each takes.
func TestShapes(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, a := range Architectures() {
			for _, c := range []struct {
				stem [3]int64
				in   []int64
			}{
				{[3]int64{1, 2, 2}, []int64{1, 1, 1, 1, 1}},
				{[3]int64{1, 2, 2}, []int64{2, 1, 5, 33, 49}},
				{[3]int64{1, 1, 1}, []int64{2, 1, 1, 16, 16}},
				{[3]int64{2, 2, 2}, []int64{2, 1, 5, 9, 13}},
			} {
				in := atLeast(a, slices.Clone(c.in)...)
				n := build(t, Spec{Name: a.Name, Width: 4, Channels: 1, StemStride: c.stem, Heads: []Head{{"a", 3}, {"b", 2}}})
				nn.Materialise(e, n, 1)
				s := e.Scope()
				e.NoGrad(func() {
					x := e.Randn(torch.Float32, in...)
					want, _ := n.Cost(in)
					p := &nn.Pass{E: e}
					if n.LastStage() != "" {
						p.Capture(n.LastStage())
					}
					y := n.Forward(p, x)
					if got := y.Shape(); !slices.Equal(got, want) || y.IsFinite().All().Item() != 1 {
						t.Errorf("%s, stem %v, input %v: output %v, counted %v", a.Name, c.stem, in, got, want)
					}
					if n.LastStage() != "" {
						if v := n.Volume(p.Captured(n.LastStage()), in[0]).Shape(); len(v) != 5 || v[0] != in[0] || n.LastStage() == "layer4" && !strings.Contains(a.Name, "50") && !strings.Contains(a.Name, "101") && !strings.HasPrefix(a.Name, "p3d") && v[1] != 32 {
							t.Errorf("%s: the last stage has shape %v", a.Name, v)
						}
					}
					p.Release()
				})
				s.Close()
				nn.Free(n)
			}
		}
	})
}

// TestPoolings: every way to join frames gives scores of the right shape, learns, and all but the mean and the attention know an order.
func TestPoolings(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, pool := range Poolings {
			n := build(t, Spec{Name: "resnet18_" + string(pool), Width: 4, Channels: 1, Heads: []Head{{"y", 2}}})
			nn.Materialise(e, n, 1)
			x := e.Randn(torch.Float32, 2, 1, 5, 16, 16)
			y := n.Forward(&nn.Pass{E: e}, x)
			e.Backward(y.Square().Sum())
			n.Visit("", func(name string, p *nn.Param) {
				if g := p.T.Grad(); !p.Buffer && (g == nil || g.IsFinite().All().Item() != 1) {
					t.Errorf("%s: no gradient for %s", pool, name)
				}
			})
			if want, _ := n.Cost([]int64{2, 1, 5, 16, 16}); !slices.Equal(y.Shape(), want) {
				t.Errorf("%s: %v, counted %v", pool, y.Shape(), want)
			}
			a, b := y.Float32s(), n.Forward(&nn.Pass{E: e}, x.Flip(2)).Float32s()
			var off float64
			for i := range a {
				off = math.Max(off, math.Abs(float64(a[i]-b[i])))
			}
			if ordered := pool != PoolMean && pool != PoolAttention; (off > 1e-5) != ordered {
				t.Errorf("%s: reversing time changes scores by %v", pool, off)
			}
			nn.Free(n)
		}
	})
}

// stems is how many kernels see the input: one a pathway.
func stems(name string) int {
	if name == "slowfast_r50" {
		return 2
	}
	return 1
}

// TestFoldedStem: a network of three channels on a grey clip, and the same weights folded to one channel, score the same.
func TestFoldedStem(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, arch := range Architectures() {
			name := arch.Name
			in := atLeast(arch, 2, 1, 4, 20, 20)
			three := build(t, Spec{Name: name, Width: 8, Heads: []Head{{"y", 3}}})
			one := build(t, Spec{Name: name, Width: 8, Channels: 1, Heads: []Head{{"y", 3}}})
			nn.Materialise(e, three, 1)
			nn.Materialise(e, one, 2)
			report, err := nn.Load(e, one, nn.Export(three))
			if err != nil || len(report.Folded) != stems(name) || len(report.Missing)+len(report.Resized)+len(report.Unexpected) != 0 {
				t.Fatalf("%s: %v, %v", name, report, err)
			}
			x := e.Randn(torch.Float32, in...)
			in[1] = 3
			var a, b []float32
			e.NoGrad(func() {
				a = three.Forward(&nn.Pass{E: e}, x.Expand(in...).Contiguous(torch.Contiguous)).Float32s()
				b = one.Forward(&nn.Pass{E: e}, x).Float32s()
			})
			for i := range a {
				if math.Abs(float64(a[i]-b[i])) > 1e-4*math.Max(1, math.Abs(float64(a[i]))) {
					t.Errorf("%s: scores %v with three channels, %v with one", name, a, b)
					break
				}
			}
		}
	})
}

// TestFramesAreAveraged: the frame network's score of a clip is the mean of its scores of the frames, and does not know their order.
func TestFramesAreAveraged(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		n := build(t, Spec{Name: "resnet18_mean", Width: 4, Channels: 1, Heads: []Head{{"y", 1}}})
		nn.Materialise(e, n, 1)
		x := e.Randn(torch.Float32, 1, 1, 3, 16, 16)
		score := func(x *torch.Tensor) (v float64) {
			e.NoGrad(func() { v = n.Forward(&nn.Pass{E: e}, x).Item() })
			return v
		}
		var mean float64
		for i := range int64(3) {
			mean += score(x.Slice(2, i, i+1, 1)) / 3
		}
		if d := score(x) - mean; math.Abs(d) > 1e-5 {
			t.Errorf("clip differs from its frames' mean by %v", d)
		}
		if d := score(x) - score(x.Flip(2)); math.Abs(d) > 1e-5 {
			t.Errorf("reversed clip differs by %v", d)
		}
	})
}

// TestScoresAreWide: under bfloat16 autocast the trunk is narrow, the scores are float32 and not rounded to eight bits, and the
// features are near those of float32.
func TestScoresAreWide(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, name := range []string{"r3d_18", "mc3_18", "r2plus1d_18", "resnet18_mean", "i3d"} {
			n := build(t, Spec{Name: name, Width: 8, Channels: 1, Heads: []Head{{"y", 64}}})
			nn.Materialise(e, n, 1)
			x := e.Randn(torch.Float32, 2, 1, 4, 24, 24)
			last := n.LastStage()
			var narrow, wide *torch.Tensor
			var stage torch.DType
			e.NoGrad(func() {
				wide = n.Forward(&nn.Pass{E: e}, x)
				e.Autocast(torch.BFloat16, func() {
					p := &nn.Pass{E: e}
					p.Capture(last)
					narrow = n.Forward(p, x)
					stage = p.Captured(last).DType()
					p.Release()
				})
			})
			if stage != torch.BFloat16 || narrow.DType() != torch.Float32 {
				t.Errorf("%s: the last stage is %v, the scores are %v", name, stage, narrow.DType())
			}
			var rounded int
			a, b := wide.Float32s(), narrow.Float32s()
			var diff, size float64
			for i := range a {
				if math.Float32bits(b[i])&0xffff == 0 { // bfloat16 is the upper half of a float32
					rounded++
				}
				diff, size = diff+math.Abs(float64(a[i]-b[i])), size+math.Abs(float64(a[i]))
			}
			if rounded > len(a)/4 || diff > 0.05*size {
				t.Errorf("%s: %d of %d scores have eight bits; mean difference %.3g of %.3g", name, rounded, len(a), diff, size)
			}
		}
	})
}
